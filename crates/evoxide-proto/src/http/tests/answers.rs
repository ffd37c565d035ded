//! What a client refuses.

use super::*;

/// A client refuses it with this fault, in one piece and in single bytes, and takes nothing behind it for an answer.
fn refused(input: &str, fault: Fault) {
    let mut bytes = input.as_bytes().to_vec();
    if !matches!(fault, Fault::Truncated) {
        bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\nX-Smuggled: a\r\nContent-Length: 0\r\n\r\n");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    for pieces in [&[&bytes[..]][..], &single] {
        let methods = [Method::Get, Method::Get];
        let events = run(Role::Client(Client::new()), pieces, &Limits::DEFAULT, &methods).events;
        assert_eq!(events.last(), Some(&format!("{fault:?}")), "{input:?}: {events:?}");
        assert!(!events.iter().any(|e| e.starts_with("200 [X-Smuggled")), "{input:?}: {events:?}");
    }
}

fn with(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n")
}

fn chunked(body: &str) -> String {
    with("Transfer-Encoding: chunked") + body
}

macro_rules! refusals {
    ($($name:ident: $fault:ident, $($input:expr),+;)+) => {
        $(#[test] fn $name() { $(refused(&$input, Fault::$fault);)+ })+
    };
}

refusals! {
    length_beside_encoding: LengthAndEncoding, with("Content-Length: 2\r\nTransfer-Encoding: chunked"), with("Transfer-Encoding: chunked\r\nContent-Length: 2");
    lengths_that_differ: Length, with("Content-Length: 2\r\nContent-Length: 3");
    length_repeated: Length, with("Content-Length: 2\r\nContent-Length: 2"), with("Content-Length: 5, 5");
    length_with_a_sign: Length, with("Content-Length: +2"), with("Content-Length: -2");
    length_empty: Length, with("Content-Length:"), with("Content-Length:  ");
    length_with_junk: Length, with("Content-Length: 5x"), with("Content-Length: x5"), with("Content-Length: 0x5"), with("Content-Length: 5 5");
    length_beyond_64_bits: Length, with("Content-Length: 18446744073709551616");
    encoding_not_last: Encoding, with("Transfer-Encoding: chunked, gzip"), with("Transfer-Encoding: gzip, chunked"), with("Transfer-Encoding: gzip");
    encoding_twice: Encoding, with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), with("Transfer-Encoding: chunked, chunked");
    encoding_nearly_chunked: Encoding, with("Transfer-Encoding: xchunked"), with("Transfer-Encoding: chunked;a=b"), with("Transfer-Encoding: identity"), with("Transfer-Encoding:");
    encoding_in_old_version: EncodingInOldVersion, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    bare_lf_in_a_head: BareLf, "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 200 OK\r\nA: b\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\n";
    bare_cr_in_a_head: BareCr, with("A: b\rc"), with("A: b\r\r"), with("A\r: b"), "HTTP/1.1 200 O\rK\r\n\r\n";
    space_before_a_colon: FieldName, with("A : b"), with("Content-Length : 5"), with("A\t: b");
    space_before_the_first_header: Fold, "HTTP/1.1 200 OK\r\n A: b\r\n\r\n";
    nul_and_controls: FieldValue, with("A: b\0c"), with("A: \x01"), with("A: b\x7f"), "HTTP/1.1 200 O\x01K\r\n\r\n", "HTTP/1.1 200 O\0K\r\n\r\n";
    control_in_a_name: FieldName, with("A\0: b"), with("A\x01B: b");
    obs_fold: Fold, with("A: b\r\n c"), with("A: b\r\n\tc");
    name_that_is_no_token: FieldName, with(": b"), with("A(: b"), with("A B: c"), with("no colon");
    version_that_is_none: VersionSyntax, "HTTP/1 200 OK\r\n\r\n", "HTTP/1.1x 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n";
    other_major_version: Version, "HTTP/2.0 200 OK\r\n\r\n", "HTTP/0.9 200 OK\r\n\r\n";
    status_that_is_none: Status, "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 +20 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n";
    no_status_line: StartLine, "junk\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n";
    chunk_size_overflow: ChunkSize, chunked("10000000000000000\r\n"), chunked("fffffffffffffffff\r\n");
    chunk_size_with_a_sign: ChunkSize, chunked("+1\r\na\r\n"), chunked("-1\r\n"), chunked("0x1\r\n");
    chunk_size_missing: ChunkSize, chunked("\r\n"), chunked(";a\r\n"), chunked(" 1\r\n"), chunked(":\n");
    chunk_data_without_its_end: ChunkEnd, chunked("1\r\nab\r\n"), chunked("1\r\na0\r\n\r\n");
    junk_after_a_chunk_size: ChunkSize, chunked("1 x\r\na\r\n"), chunked("1g\r\na\r\n"), chunked("1 \r\na\r\n");
    bare_lf_in_chunks: BareLf, chunked("1\na\r\n0\r\n\r\n"), chunked("1\r\na\n0\r\n\r\n"), chunked("0\r\n\n");
    bare_cr_in_chunks: BareCr, chunked("1\r\na\rx"), chunked("1;a\rb\r\na\r\n");
    trailer_that_frames: Trailer, chunked("0\r\nContent-Length: 5\r\n\r\n"), chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n");
    trailer_that_routes: Trailer, chunked("0\r\nHost: evil\r\n\r\n"), chunked("0\r\nConnection: close\r\n\r\n");
    trailer_that_authenticates: Trailer, chunked("0\r\nSet-Cookie: x\r\n\r\n"), chunked("0\r\nWWW-Authenticate: x\r\n\r\n");
    malformed_trailer: FieldName, chunked("0\r\nA : b\r\n\r\n");
    cut_off: Truncated, chunked("3\r\na"), with("Content-Length: 3") + "a", "HTTP/1.1 200 OK\r\nA: ", chunked("0\r\n"), chunked("0\r\nA: b\r\n");
    interim_answer_with_two_framings: LengthAndEncoding, "HTTP/1.1 103 E\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n";
    cve_2026_63379_smuggled_by_two_framings: LengthAndEncoding, with("Content-Length: 6\r\nTransfer-Encoding: chunked") + "0\r\n\r\nH";
    cve_2026_63382_chunk_size_wraps: ChunkSize, chunked("ffffffffffffffff0\r\n"), chunked("10000000000000001\r\na\r\n");
    cve_2026_63385_trailers_become_headers: Trailer, chunked("0\r\nProxy-Authenticate: a\r\n\r\n");
    cve_2026_63388_length_with_a_sign: Length, with("Content-Length: +0"), with("Content-Length: 1\r\ncontent-length: +1");
    ghsa_5rgj_line_ends: BareLf, "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 30\r\n\r\n";
}

#[test]
fn a_status_of_no_class_is_an_answer_as_any_other() {
    for status in [600, 999] {
        let events = ask(Method::Get, format!("HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nhi").as_bytes());
        assert_eq!(events[..2], [format!("{status} [Content-Length=2]"), "body hi".to_owned()]);
    }
}

#[test]
fn an_upgrade_that_was_not_asked_for() {
    let mut client = Client::new();
    client.request(Method::Get, 1, 0, [].into_iter());
    let mut input: Buffer = Buffer::new();
    input.append(b"HTTP/1.1 101 S\r\n\r\n").expect("memory");
    assert_eq!(client.step(&input, false, &mut Head::new(), &Limits::DEFAULT), Step::Fault(Fault::Upgrade));
}

#[test]
fn over_the_limits() {
    let limits = Limits { line: 30, head: 200, fields: 3, body: 10, extensions: 8, ..Limits::DEFAULT };
    let last = |input: &str| {
        let trace = run(Role::Client(Client::new()), &[input.as_bytes()], &limits, &[Method::Get]);
        trace.events.last().cloned().unwrap_or_default()
    };
    assert_eq!(last(&format!("HTTP/1.1 200 {}\r\n\r\n", "a".repeat(30))), "LineTooLong");
    assert_eq!(last(&with(&format!("A: {}", "a".repeat(300)))), "HeadTooLong");
    assert_eq!(last(&with("A: \r\nB: \r\nC: \r\nD:")), "TooManyFields");
    assert_eq!(last(&with("Content-Length: 11")), "BodyTooLong");
    assert_eq!(last(&chunked("b\r\n")), "BodyTooLong");
    assert_eq!(last(&with("A: b").replace("\r\n\r\n", "\r\n\r\nuntil the end")), "BodyTooLong");
    assert_eq!(last(&chunked("1;aaaaaaaa\r\n")), "ChunkExtension");
    assert_eq!(last(&chunked(&format!("0\r\nA: {}\r\n\r\n", "a".repeat(300)))), "HeadTooLong");
}
