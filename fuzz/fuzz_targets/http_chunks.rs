//! A chunked body against a plain decoder: what one of them accepts, the other reads as the same bytes.
//!
//! The first byte says where the input is cut. `cargo +nightly fuzz run http_chunks`
#![no_main]

mod http;

use evoxide_proto::http::Server;

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The body, where it is whole, has neither extensions nor trailers, and stays within the limits.
fn decode(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let line = core::str::from_utf8(&rest[..end]).ok()?;
        if line.is_empty() || line.len() > 16 || !line.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let size = usize::try_from(u64::from_str_radix(line, 16).ok()?).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return rest.starts_with(b"\r\n").then_some(body);
        }
        if size > 5000 - body.len() || rest.len() < size + 2 || &rest[size..size + 2] != b"\r\n" {
            return None;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&how, input)) = data.split_first() else { return };
    let message = [HEAD, input].concat();
    let trace = http::assert_any_split(|| http::Role::Server(Server::new()), how, &message);
    if let Some(body) = decode(input) {
        let mut expected = b"Hosta".to_vec();
        expected.extend_from_slice(b"ConnectioncloseTransfer-Encodingchunked");
        if !body.is_empty() {
            expected.extend_from_slice(b"body ");
            expected.extend_from_slice(&body);
        }
        expected.extend_from_slice(b"end ");
        assert_eq!(trace, expected, "{input:?}");
    }
});
