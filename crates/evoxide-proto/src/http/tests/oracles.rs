//! Oracles: `httparse` where both accept a head, and messages whose meaning is known since they were written from it.

use super::*;
use crate::http::head::{request, response};

/// Bytes that look like a head, with something wrong now and then.
fn nearly_head(first: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(
        &[
            "Host: x",
            "A: b",
            "Content-Length: 3",
            "X-Y:\tz ",
            "a:",
            "Accept: */*",
            "B: c\u{e9}d",
            "C: \"q\"",
            "!#$%&'*+-.^_`|~: 1",
            "D : e",
            ": f",
            "G\u{e9}: h",
            "I: j\rk",
            "L",
            "M: \0",
            "N: o\x7f",
            " folded",
            "P: q\x0b",
            "R:\x01",
        ][..],
    );
    let end = prop_oneof![30 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\r\n")];
    let lines = prop::collection::vec((word, end.clone()), 0..6);
    let flip = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (prop::sample::select(first), end, lines, flip).prop_map(|(first, end, lines, flip)| {
        let mut bytes = [first, end].concat().into_bytes();
        for (word, end) in lines {
            bytes.extend_from_slice(word.as_bytes());
            bytes.extend_from_slice(end.as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        if let Some((at, byte)) = flip {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

const REQUEST_LINES: &[&str] = &[
    "GET / HTTP/1.1",
    "POST /a?b=c%20d HTTP/1.0",
    "OPTIONS * HTTP/1.1",
    "CONNECT a:443 HTTP/1.1",
    "PUT http://a/b HTTP/1.1",
    "GET  / HTTP/1.1",
    "GET /a b HTTP/1.1",
    "GET / HTTP/1.2",
    "G(T / HTTP/1.1",
    "GET / HTTP/1.1 ",
    "get /\u{e9} HTTP/1.1",
];
const STATUS_LINES: &[&str] = &[
    "HTTP/1.1 200 OK",
    "HTTP/1.0 404 Not Found",
    "HTTP/1.1 204 ",
    "HTTP/1.1 304",
    "HTTP/1.1 200 caf\u{e9}",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/2.0 200 OK",
    "HTTP/1.1  200 OK",
    "HTTP/1.1 200 O\x01K",
];

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn fields(head: &Head, bytes: &[u8]) -> Fields {
    head.fields(bytes).map(|(n, v)| (n.to_vec(), v.to_vec())).collect()
}

/// The other trims the end of a value in another place.
fn others(headers: &[httparse::Header<'_>]) -> Fields {
    headers.iter().map(|h| (h.name.as_bytes().to_vec(), h.value.trim_ascii().to_vec())).collect()
}

/// Whether `bytes` are one head to a connection, and nothing more: what the search for its end leaves to the parser.
fn is_one_head(bytes: &[u8]) -> bool {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
    end == Some(bytes.len() - 4) && !bytes.windows(2).any(|w| w[1] == b'\n' && w[0] != b'\r') && bytes[0] != b'\n'
}

/// A message as it was meant.
#[derive(Debug, Clone)]
struct Meant {
    method: &'static str,
    /// Chunks, or one piece with its length; no body where it is `None`.
    body: Option<(bool, Vec<Vec<u8>>)>,
    close: bool,
}

fn meant() -> impl Strategy<Value = Meant> {
    let chunk = prop::collection::vec(any::<u8>(), 1..40);
    let body = (any::<bool>(), prop::collection::vec(chunk, 0..4));
    let method = prop::sample::select(&["GET", "POST", "PUT", "DELETE", "OPTIONS"][..]);
    (method, prop::option::of(body), prop::bool::weighted(0.1)).prop_map(|(method, body, close)| Meant {
        method,
        body,
        close,
    })
}

impl Meant {
    fn write_to(&self, first: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{first}\r\nHost: x\r\n").as_bytes());
        if self.close {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        match &self.body {
            None if first.starts_with("HTTP/") => out.extend_from_slice(b"Content-Length: 0\r\n\r\n"),
            None => out.extend_from_slice(b"\r\n"),
            Some((true, chunks)) => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in chunks {
                    out.extend_from_slice(format!("{:X};x=\"y\"\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\nX-Trailer: t\r\n\r\n");
            }
            Some((false, pieces)) => {
                let body = pieces.concat();
                out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                out.extend_from_slice(&body);
            }
        }
    }

    /// What a machine says of it, with the name of its fields left out.
    fn events(&self, first: &str, says: &mut Vec<String>) {
        says.push(first.to_owned());
        if let Some((chunked, pieces)) = &self.body {
            let body = pieces.concat();
            if !body.is_empty() {
                says.push(format!("body {}", String::from_utf8_lossy(&body)));
            }
            if *chunked {
                says.push("trailers".to_owned());
            }
        }
        says.push("end".to_owned());
    }
}

/// Without the fields of heads.
fn bare(events: &[String]) -> Vec<String> {
    let cut = |e: &String| match e.split_once(" [") {
        Some((first, _)) if !e.starts_with("body ") => first.to_owned(),
        _ => e.clone(),
    };
    events.iter().map(cut).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_we_accept_of_a_request_httparse_reads_the_same(bytes in nearly_head(REQUEST_LINES)) {
        prop_assume!(is_one_head(&bytes));
        let mut head = Head::new();
        let accepted = request(&bytes, &Limits::DEFAULT, &mut head).is_ok();
        // The other knows no minor version beyond 1, which is to be read as that, and no targets but in UTF-8.
        if accepted && head.minor < 2 && core::str::from_utf8(head.target.of_head(&bytes)).is_ok() {
            let mut room = [httparse::EMPTY_HEADER; 16];
            let mut other = httparse::Request::new(&mut room);
            prop_assert_eq!(other.parse(&bytes), Ok(httparse::Status::Complete(bytes.len())), "{:?}", bytes);
            prop_assert_eq!(other.method.map(str::as_bytes), Some(head.method.of_head(&bytes)));
            prop_assert_eq!(other.path.map(str::as_bytes), Some(head.target.of_head(&bytes)));
            prop_assert_eq!(other.version, Some(head.minor));
            prop_assert_eq!(others(other.headers), fields(&head, &bytes));
        }
    }

    #[test]
    fn one_pass_says_what_a_search_and_a_parser_say(
        request in nearly_head(REQUEST_LINES),
        answer in nearly_head(STATUS_LINES),
        old in any::<bool>(),
        line in 10usize..40,
        head in 20usize..120,
    ) {
        let leniency = if old { Leniency::OLD_PEERS } else { Leniency::NONE };
        for limits in [Limits { leniency, ..Limits::DEFAULT }, Limits { line, head, fields: 2, leniency, ..Limits::DEFAULT }] {
            let server = || Role::Server(Server::new());
            let whole = run(server(), &[&request], &limits, &[]);
            prop_assert_eq!(whole, run(server(), &[&request[..1], &request[1..]], &limits, &[]));
            let client = || Role::Client(Client::new());
            let whole = run(client(), &[&answer], &limits, &[Method::Get]);
            prop_assert_eq!(whole, run(client(), &[&answer[..1], &answer[1..]], &limits, &[Method::Get]));
        }
    }

    #[test]
    fn what_we_accept_of_an_answer_httparse_reads_the_same(bytes in nearly_head(STATUS_LINES)) {
        prop_assume!(is_one_head(&bytes));
        let mut head = Head::new();
        if response(&bytes, &Limits::DEFAULT, &mut head).is_ok() && head.minor < 2 {
            let mut room = [httparse::EMPTY_HEADER; 16];
            let mut other = httparse::Response::new(&mut room);
            prop_assert_eq!(other.parse(&bytes), Ok(httparse::Status::Complete(bytes.len())), "{:?}", bytes);
            prop_assert_eq!(other.code, Some(head.status));
            prop_assert_eq!(others(other.headers), fields(&head, &bytes));
            // It hides reasons beyond ASCII.
            let reason = head.reason.of_head(&bytes);
            prop_assert_eq!(other.reason.map(str::as_bytes), Some(if reason.is_ascii() { reason } else { b"" }));
        }
    }

    #[test]
    fn sizes_of_chunks_are_those_of_httparse(size in any::<u64>(), upper in any::<bool>(), extension in "(;[a-z=]{0,9})?") {
        let text = if upper { format!("{size:X}") } else { format!("{size:x}") };
        let line = format!("{text}{extension}\r\n");
        let Ok(httparse::Status::Complete((len, other))) = httparse::parse_chunk_size(line.as_bytes()) else {
            return Err(TestCaseError::fail(line));
        };
        let mut input: Buffer = Buffer::new();
        input.append(line.as_bytes()).expect("memory");
        let read = chunk::size_line(&input, &mut 0, 100).map(|l| l.map(|l| (l.len, l.size)));
        prop_assert_eq!(read, Ok(Some((len, other))));
    }

    #[test]
    fn requests_mean_what_they_were_written_from(
        list in prop::collection::vec(meant(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let (mut input, mut expected) = (Vec::new(), Vec::new());
        for meant in &list {
            meant.write_to(&format!("{} /a HTTP/1.1", meant.method), &mut input);
            if expected.last().is_some_and(|e| e == "Close") {
                continue;
            }
            meant.events(&format!("{} /a", meant.method), &mut expected);
            expected.push(if meant.close { "Close" } else { "Next" }.to_owned());
        }
        if expected.last().is_some_and(|e| e == "Next") {
            expected.push("closed".to_owned());
        }
        let trace = run(Role::Server(Server::new()), &split(&input, &cuts), &Limits::DEFAULT, &[]);
        prop_assert_eq!(bare(&trace.events), expected);
    }

    #[test]
    fn answers_mean_what_they_were_written_from(
        list in prop::collection::vec(meant(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let (mut input, mut expected) = (Vec::new(), Vec::new());
        for meant in &list {
            if expected.last().is_some_and(|e| e == "keep false") {
                break;
            }
            meant.write_to("HTTP/1.1 200 OK", &mut input);
            meant.events("200", &mut expected);
            expected.push(format!("keep {}", !meant.close));
        }
        if expected.last().is_some_and(|e| e == "keep true") {
            expected.push("closed".to_owned());
        }
        let methods = vec![Method::Get; list.len()];
        let trace = run(Role::Client(Client::new()), &split(&input, &cuts), &Limits::DEFAULT, &methods);
        prop_assert_eq!(bare(&trace.events), expected);
    }
}
