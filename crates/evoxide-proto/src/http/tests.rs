//! Tests of both machines.

use super::server::{After, Body};
use super::write::{self, Ambient, BodyMode};
use super::*;
use evoxide_core::buffer::Buffer;
use proptest::prelude::*;

mod answers;
mod oracles;

/// What a machine said of an input, in words; pieces of bodies joined.
#[derive(Debug, PartialEq, Eq, Clone, Default)]
struct Trace {
    events: Vec<String>,
    body: Vec<u8>,
    drained: usize,
}

impl Trace {
    fn flush(&mut self) {
        if !self.body.is_empty() {
            let body = core::mem::take(&mut self.body);
            self.events.push(format!("body {}", String::from_utf8_lossy(&body)));
        }
    }

    fn say(&mut self, event: String) {
        self.flush();
        self.events.push(event);
    }
}

fn take(input: &mut Buffer, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    assert_eq!(input.copy_out(0, &mut bytes), Ok(n));
    let _ = input.drain(n).expect("never frozen");
    bytes
}

enum Role {
    Server(Server),
    Client(Client),
}

/// Feeds pieces to a machine; a server answers each request with `200`, a client asks `methods` one after the other.
fn run(mut role: Role, pieces: &[&[u8]], limits: &Limits, methods: &[Method]) -> Trace {
    let (mut input, mut head, mut trace) = (Buffer::new(), Head::new(), Trace::default());
    let mut methods = methods.iter();
    if let Role::Client(client) = &mut role
        && let Some(&method) = methods.next()
    {
        client.request(method, 1, 0, [(&b"Connection"[..], &b"upgrade"[..])].into_iter());
    }
    for (i, piece) in pieces.iter().map(Some).chain([None]).enumerate() {
        let eof = piece.is_none();
        if let Some(piece) = piece {
            // Segments of their own, so that heads straddle.
            input.append_owned(piece.to_vec()).expect("memory");
        }
        for round in 0.. {
            assert!(round < 10_000, "no progress at piece {i}: {trace:?}");
            let step = match &mut role {
                Role::Server(s) => s.step(&input, eof, &mut head, limits),
                Role::Client(c) => c.step(&input, eof, &mut head, limits),
            };
            match step {
                Step::More => break,
                Step::Skip(n) => drop(take(&mut input, n)),
                Step::Join(n) => drop(input.pull_up(n).expect("memory")),
                Step::Head(n) | Step::Interim(n) | Step::Trailers(n) => {
                    let bytes = input.first()[..n].to_vec();
                    let fields: Vec<String> = head
                        .fields(&bytes)
                        .map(|(n, v)| format!("{}={}", String::from_utf8_lossy(n), String::from_utf8_lossy(v)))
                        .collect();
                    let first = match step {
                        Step::Trailers(_) => "trailers".to_owned(),
                        _ if head.status > 0 => format!("{}", head.status),
                        _ => format!(
                            "{} {}",
                            String::from_utf8_lossy(head.method.of_head(&bytes)),
                            String::from_utf8_lossy(head.target.of_head(&bytes))
                        ),
                    };
                    trace.say(format!("{first} [{}]", fields.join("; ")));
                    take(&mut input, n);
                }
                Step::Body(n) => {
                    let bytes = take(&mut input, n);
                    trace.body.extend_from_slice(&bytes);
                }
                Step::End => {
                    trace.say("end".to_owned());
                    match &mut role {
                        Role::Server(s) => {
                            s.answer(200, Body::Whole(0), [].into_iter()).expect("one answer");
                            s.finish(&mut Vec::new());
                            let after = s.proceed();
                            trace.say(format!("{after:?}"));
                            if after != After::Next {
                                break;
                            }
                        }
                        Role::Client(c) => {
                            let keep = c.finish();
                            trace.say(format!("keep {keep}"));
                            if keep && let Some(&method) = methods.next() {
                                c.request(method, 1, 0, [].into_iter());
                            }
                            if !keep {
                                break;
                            }
                        }
                    }
                }
                Step::Closed => {
                    trace.say("closed".to_owned());
                    break;
                }
                Step::Upgraded => {
                    trace.say(format!("upgraded, {} left", input.len()));
                    return trace;
                }
                Step::Fault(fault) => {
                    trace.say(format!("{fault:?}"));
                    break;
                }
            }
        }
    }
    trace.flush();
    trace
}

fn serve(input: &[u8]) -> Vec<String> {
    run(Role::Server(Server::new()), &[input], &Limits::DEFAULT, &[]).events
}

fn ask(method: Method, input: &[u8]) -> Vec<String> {
    run(Role::Client(Client::new()), &[input], &Limits::DEFAULT, &[method]).events
}

/// A server refuses it with this fault and reads nothing more, whatever follows.
fn refused(input: &str, fault: Fault) {
    let mut bytes = input.as_bytes().to_vec();
    bytes.extend_from_slice(b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    let events = serve(&bytes);
    assert_eq!(events.last(), Some(&format!("{fault:?}")), "{input:?}: {events:?}");
    assert!(!events.iter().any(|e| e.contains("smuggled ")), "{input:?}: {events:?}");
}

fn head(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n")
}

macro_rules! refusals {
    ($($name:ident: $fault:ident, $($input:expr),+;)+) => {
        $(#[test] fn $name() { $(refused(&$input, Fault::$fault);)+ })+
    };
}

refusals! {
    length_beside_encoding: LengthAndEncoding, head("Content-Length: 4\r\nTransfer-Encoding: chunked"), head("Transfer-Encoding: chunked\r\nContent-Length: 4");
    lengths_that_differ: Length, head("Content-Length: 4\r\nContent-Length: 5");
    length_repeated: Length, head("Content-Length: 4\r\nContent-Length: 4"), head("Content-Length: 5, 5");
    length_with_a_sign: Length, head("Content-Length: +5"), head("Content-Length: -5");
    length_empty: Length, head("Content-Length:"), head("Content-Length:  ");
    length_with_junk: Length, head("Content-Length: 5x"), head("Content-Length: x5"), head("Content-Length: 0x5"), head("Content-Length: 5 5"), head("Content-Length: 5;a");
    length_beyond_64_bits: Length, head("Content-Length: 18446744073709551616"), head("Content-Length: 99999999999999999999999");
    encoding_not_last: Encoding, head("Transfer-Encoding: chunked, gzip"), head("Transfer-Encoding: gzip, chunked"), head("Transfer-Encoding: gzip");
    encoding_twice: Encoding, head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), head("Transfer-Encoding: chunked, chunked");
    encoding_nearly_chunked: Encoding, head("Transfer-Encoding: xchunked"), head("Transfer-Encoding: chunked;a=b"), head("Transfer-Encoding: \"chunked\""), head("Transfer-Encoding: identity"), head("Transfer-Encoding:");
    encoding_in_old_version: EncodingInOldVersion, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    bare_lf_in_a_head: BareLf, "GET / HTTP/1.1\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\n";
    bare_cr_in_a_head: BareCr, head("A: b\rc"), head("A: b\r\r"), head("A\r: b"), "GET /\r HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\r\nHost: x\r\n\r\n";
    space_before_a_colon: FieldName, head("A : b"), head("Content-Length : 5"), head("A\t: b");
    space_before_the_first_header: Fold, "GET / HTTP/1.1\r\n Host: x\r\n\r\n", " GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    nul_and_controls: FieldValue, head("A: b\0c"), head("A: \x01"), head("A: b\x7f");
    control_in_a_name: FieldName, head("A\0: b"), head("A\x01B: b");
    obs_fold: Fold, head("A: b\r\n c"), head("A: b\r\n\tc");
    name_that_is_no_token: FieldName, head(": b"), head("A(: b"), head("A B: c"), head("no colon"), head("\"a\": b");
    no_host: NoHost, "GET / HTTP/1.1\r\n\r\n", "GET http://a/ HTTP/1.1\r\n\r\n";
    two_hosts: ManyHosts, head("Host: y"), head("Host: x"), "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n";
    bad_host: BadHost, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n";
    bad_target: Target, "GET a HTTP/1.1\r\nHost: x\r\n\r\n", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", "GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n";
    start_line_with_other_parts: StartLine, "GET\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n";
    method_that_is_no_token: Method, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", "G\0T / HTTP/1.1\r\nHost: x\r\n\r\n";
    version_that_is_none: VersionSyntax, "GET / HTTP/1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1x\r\nHost: x\r\n\r\n", "GET / http/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/01.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\t\r\nHost: x\r\n\r\n";
    other_major_version: Version, "GET / HTTP/0.9\r\n\r\n", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", "GET / HTTP/3.0\r\nHost: x\r\n\r\n";
    http2_preface: Version, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    chunk_size_overflow: ChunkSize, head("Transfer-Encoding: chunked") + "10000000000000000\r\n", head("Transfer-Encoding: chunked") + "fffffffffffffffff\r\n";
    chunk_size_with_a_sign: ChunkSize, head("Transfer-Encoding: chunked") + "+1\r\na\r\n", head("Transfer-Encoding: chunked") + "-1\r\n", head("Transfer-Encoding: chunked") + "0x1\r\n";
    chunk_size_missing: ChunkSize, head("Transfer-Encoding: chunked") + "\r\n", head("Transfer-Encoding: chunked") + ";a\r\n", head("Transfer-Encoding: chunked") + " 1\r\n";
    chunk_data_without_its_end: ChunkEnd, head("Transfer-Encoding: chunked") + "1\r\nab\r\n", head("Transfer-Encoding: chunked") + "1\r\na0\r\n\r\n";
    junk_after_a_chunk_size: ChunkSize, head("Transfer-Encoding: chunked") + "1 x\r\na\r\n", head("Transfer-Encoding: chunked") + "1g\r\na\r\n", head("Transfer-Encoding: chunked") + "1 \r\na\r\n";
    bare_lf_in_chunks: BareLf, head("Transfer-Encoding: chunked") + "1\na\r\n0\r\n\r\n", head("Transfer-Encoding: chunked") + "1\r\na\n0\r\n\r\n", head("Transfer-Encoding: chunked") + "0\r\n\n";
    bare_cr_in_chunks: BareCr, head("Transfer-Encoding: chunked") + "1\r\na\rx", head("Transfer-Encoding: chunked") + "1;a\rb\r\na\r\n";
    control_in_a_chunk_extension: ChunkSize, head("Transfer-Encoding: chunked") + "1;a\x01\r\na\r\n";
    trailer_that_frames: Trailer, head("Transfer-Encoding: chunked") + "0\r\nContent-Length: 5\r\n\r\n", head("Transfer-Encoding: chunked") + "0\r\nTransfer-Encoding: chunked\r\n\r\n";
    trailer_that_routes: Trailer, head("Transfer-Encoding: chunked") + "0\r\nHost: evil\r\n\r\n", head("Transfer-Encoding: chunked") + "0\r\nConnection: close\r\n\r\n";
    trailer_that_authenticates: Trailer, head("Transfer-Encoding: chunked") + "0\r\nAuthorization: x\r\n\r\n", head("Transfer-Encoding: chunked") + "0\r\nCookie: x\r\n\r\n";
    malformed_trailer: FieldName, head("Transfer-Encoding: chunked") + "0\r\nA : b\r\n\r\n";
    unknown_expectation: Expectation, head("Expect: magic\r\nContent-Length: 3");
    connect_with_a_body: Length, "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\nContent-Length: 3\r\n\r\nabc";
    cve_2026_63379_smuggled_by_two_framings: LengthAndEncoding, head("Content-Length: 6\r\nTransfer-Encoding: chunked") + "0\r\n\r\nG";
    cve_2026_63382_chunk_size_wraps: ChunkSize, head("Transfer-Encoding: chunked") + "ffffffffffffffff0\r\n", head("Transfer-Encoding: chunked") + "10000000000000001\r\na\r\n";
    cve_2026_63385_trailers_become_headers: Trailer, head("Transfer-Encoding: chunked") + "0\r\nProxy-Authorization: a\r\n\r\n";
    cve_2026_63388_length_with_a_sign: Length, head("Content-Length: +0") , head("Content-Length: 1\r\ncontent-length: +1");
    ghsa_5rgj_line_ends: BareLf, "GET / HTTP/1.1\r\nHost: x\r\nA: b\nContent-Length: 30\r\n\r\n";
}

#[test]
fn too_much_is_refused() {
    let limits = Limits {
        line: 30,
        head: 200,
        fields: 3,
        body: 10,
        extensions: 8,
        empty_lines: 1,
        interim: 1,
        ..Limits::DEFAULT
    };
    let last = |input: &str| {
        run(Role::Server(Server::new()), &[input.as_bytes()], &limits, &[]).events.last().cloned().unwrap_or_default()
    };
    assert_eq!(last(&format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(30))), "LineTooLong");
    assert_eq!(last(&"a".repeat(40)), "LineTooLong");
    assert_eq!(last(&format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", "a".repeat(300))), "HeadTooLong");
    assert_eq!(last("GET / HTTP/1.1\r\nHost: x\r\nA: \r\nB: \r\nC: \r\n\r\n"), "TooManyFields");
    assert_eq!(last("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), "EmptyLines");
    assert_eq!(last("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"), "BodyTooLong");
    let chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(last(&format!("{chunked}b\r\n")), "BodyTooLong");
    assert_eq!(last(&format!("{chunked}6\r\nabcdef\r\n5\r\n")), "BodyTooLong");
    assert_eq!(last(&format!("{chunked}1;aaaaaaaa\r\n")), "ChunkExtension");
    assert_eq!(last(&format!("{chunked}1;aaaa\r\na\r\n1;aaaa\r\n")), "ChunkExtension");
    assert_eq!(last(&format!("{chunked}{}", "0".repeat(40))), "ChunkExtension");
    assert_eq!(last(&format!("{chunked}0\r\nA: {}\r\n\r\n", "a".repeat(300))), "HeadTooLong");
    let events =
        run(Role::Client(Client::new()), &[b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 102 \r\n\r\n"], &limits, &[Method::Get]);
    assert_eq!(events.events.last().map(String::as_str), Some("Interim"));
}

#[test]
fn requests_are_served_in_order() {
    assert_eq!(
        serve(b"\r\nGET /a?b HTTP/1.1\r\nHost: x\r\nA:  b \r\n\r\nPOST /c HTTP/1.1\r\nhost: x\r\nContent-Length: 3\r\n\r\nabcHEAD / HTTP/1.1\r\nHost:\r\n\r\n"),
        ["GET /a?b [Host=x; A=b]", "end", "Next", "POST /c [host=x; Content-Length=3]", "body abc", "end", "Next",
         "HEAD / [Host=]", "end", "Next", "closed"]
    );
}

#[test]
fn chunks_extensions_and_trailers() {
    assert_eq!(
        serve(b"POST / HTTP/1.1\r\nHost: x\r\ntransfer-encoding: CHUNKED\r\n\r\n3;a=\"b\"\r\nabc\r\n00A ;x\r\n0123456789\r\n0\r\nT: 1\r\nU: 2\r\n\r\n"),
        ["POST / [Host=x; transfer-encoding=CHUNKED]", "body abc0123456789", "trailers [T=1; U=2]", "end", "Next", "closed"]
    );
}

#[test]
fn connection_is_a_list_over_all_headers() {
    let last = |fields: &str, version: &str| {
        let events = serve(format!("GET / HTTP/{version}\r\nHost: x\r\n{fields}\r\n").as_bytes());
        events[2].clone()
    };
    assert_eq!(last("", "1.1"), "Next");
    assert_eq!(last("Connection: close\r\n", "1.1"), "Close");
    assert_eq!(last("Connection: a\r\nConnection: b , CLOSE\r\n", "1.1"), "Close");
    assert_eq!(last("Connection: keep-alive, close\r\n", "1.1"), "Close");
    assert_eq!(last("Connection: closed\r\n", "1.1"), "Next");
    assert_eq!(last("", "1.0"), "Close");
    assert_eq!(last("Connection: x, Keep-Alive\r\n", "1.0"), "Next");
}

#[test]
fn targets_have_their_forms() {
    for line in [
        "OPTIONS * HTTP/1.1",
        "OPTIONS /a HTTP/1.1",
        "GET http://a:80/b HTTP/1.1",
        "CONNECT a:80 HTTP/1.1",
        "CONNECT [::1]:80 HTTP/1.1",
        "GET /\u{e4}|^ HTTP/1.1",
        "GET //a HTTP/1.1",
    ] {
        let events = serve(format!("{line}\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(events.get(1).map(String::as_str), Some("end"), "{line}: {events:?}");
    }
    assert_eq!(heads_authority("http://a:80/b"), Some("a:80".to_owned()));
    assert_eq!(heads_authority("/http://a"), None);
}

fn heads_authority(target: &str) -> Option<String> {
    super::head::authority(target.as_bytes()).map(|a| String::from_utf8_lossy(a).into_owned())
}

#[test]
fn leniency_never_touches_framing() {
    let limits = Limits { leniency: Leniency::OLD_PEERS, ..Limits::DEFAULT };
    let events = |input: &str| run(Role::Server(Server::new()), &[input.as_bytes()], &limits, &[]).events;
    assert_eq!(events("GET / HTTP/1.1\nHost: x\nA: b\n c\n\n")[0], "GET / [Host=x; A=b\n c]");
    assert_eq!(events("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n")[1], "end");
    for (input, fault) in [
        ("GET / HTTP/1.1\nHost: x\r\n\r\n", "BareLf"),
        ("GET / HTTP/1.1\r\nHost: x\n\n", "BareLf"),
        ("GET / HTTP/1.1\nHost: x\nContent-Length: +1\n\n", "Length"),
        ("GET / HTTP/1.1\nHost: x\nContent-Length: 1\n 2\n\n", "Fold"),
        ("GET / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\n\n", "BareLf"),
        ("GET / HTTP/1.1\nHost: x\nA: b\0\n\n", "FieldValue"),
        ("GET / HTTP/1.1\nHost: x\nA: b\rc\n\n", "BareCr"),
    ] {
        assert_eq!(events(input).last().map(String::as_str), Some(fault), "{input:?}");
    }
}

#[test]
fn a_missing_host_may_be_tolerated() {
    let limits = Limits { leniency: Leniency { no_host: true, ..Leniency::NONE }, ..Limits::DEFAULT };
    let events = |input: &str| run(Role::Server(Server::new()), &[input.as_bytes()], &limits, &[]).events;
    assert_eq!(events("GET / HTTP/1.1\r\n\r\n")[1], "end");
    for (input, fault) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "ManyHosts"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "BadHost"),
    ] {
        assert_eq!(events(input).last().map(String::as_str), Some(fault), "{input:?}");
    }
}

#[test]
fn expectations() {
    let mut server = Server::new();
    let (mut input, mut head): (Buffer, Head) = (Buffer::new(), Head::new());
    input.append(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n").expect("memory");
    let Step::Head(n) = server.step(&input, false, &mut head, &Limits::DEFAULT) else { panic!() };
    take(&mut input, n);
    assert!(server.take_expectation());
    assert!(!server.take_expectation());
    // Answered before the body has come: what is not read closes the connection.
    let plan = server.answer(413, Body::Whole(0), [].into_iter()).expect("the first");
    assert!(plan.add.contains(write::Addition::Close));
    server.finish(&mut Vec::new());
    assert_eq!(server.proceed(), After::Close);
    input.append(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("memory");
    assert_eq!(server.step(&input, false, &mut head, &Limits::DEFAULT), Step::More);
}

fn answer(request: &str, status: u16, body: Body, fields: &[(&str, &str)]) -> (String, BodyMode, After) {
    let mut server = Server::new();
    let (mut input, mut head): (Buffer, Head) = (Buffer::new(), Head::new());
    input.append(request.as_bytes()).expect("memory");
    while let step @ (Step::Head(_) | Step::Skip(_) | Step::End) =
        server.step(&input, false, &mut head, &Limits::DEFAULT)
    {
        match step {
            Step::Head(n) | Step::Skip(n) => drop(take(&mut input, n)),
            _ => break,
        }
    }
    let fields: Vec<(&[u8], &[u8])> = fields.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    let plan = server.answer(status, body, fields.iter().copied()).expect("the first");
    assert_eq!(server.answer(200, Body::Stream, [].into_iter()), None, "two answers to one request");
    let mut out = Vec::new();
    write::status_line(server.minor(), status, write::reason(status), &mut out);
    write::fields(
        &plan,
        &Ambient { date: b"D", content_type: Some(b"T"), host: b"" },
        fields.iter().copied(),
        &mut out,
    );
    if let Body::Whole(n) = body {
        let n = server.piece(n, &mut out);
        out.extend(std::iter::repeat_n(b'x', n as usize));
    } else {
        for _ in 0..2 {
            let n = server.piece(3, &mut out);
            out.extend(std::iter::repeat_n(b'x', n as usize));
            if server.mode() == BodyMode::Chunked {
                out.extend_from_slice(b"\r\n");
            }
        }
    }
    server.finish(&mut out);
    let text = String::from_utf8(out).expect("text").replace("\r\n", "|");
    (text, plan.body, server.proceed())
}

#[test]
fn answers_are_framed_by_the_machine() {
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let (head_, old, old_keep) = (
        "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    );
    let whole = Body::Whole(2);
    let case = |r, s, b, f: &[(&str, &str)]| {
        let (text, _, after) = answer(r, s, b, f);
        (text, after)
    };
    let says = |text: &str, after| (text.to_owned(), after);
    assert_eq!(
        case(get, 200, whole, &[]),
        says("HTTP/1.1 200 OK|Date: D|Content-Length: 2|Content-Type: T||xx", After::Next)
    );
    assert_eq!(
        case(get, 200, whole, &[("Content-Length", "9")]),
        says("HTTP/1.1 200 OK|Date: D|Content-Length: 2|Content-Type: T||xx", After::Next)
    );
    assert_eq!(
        case(get, 200, whole, &[("Connection", "Close")]),
        says("HTTP/1.1 200 OK|Connection: Close|Date: D|Content-Length: 2|Content-Type: T||xx", After::Close)
    );
    assert_eq!(
        case(get, 204, whole, &[("Content-Length", "2")]),
        says("HTTP/1.1 204 No Content|Date: D||", After::Next)
    );
    assert_eq!(
        case(get, 304, whole, &[("Content-Length", "2")]),
        says("HTTP/1.1 304 Not Modified|Content-Length: 2|Date: D||", After::Next)
    );
    assert_eq!(
        case(head_, 200, whole, &[("Content-Length", "2")]),
        says("HTTP/1.1 200 OK|Content-Length: 2|Date: D||", After::Next)
    );
    assert_eq!(case(head_, 404, whole, &[]), says("HTTP/1.1 404 Not Found|Date: D||", After::Next));
    assert_eq!(
        case(get, 200, Body::Stream, &[]),
        says("HTTP/1.1 200 OK|Transfer-Encoding: chunked|Date: D|Content-Type: T||3|xxx|3|xxx|0||", After::Next)
    );
    assert_eq!(
        case(get, 200, Body::Stream, &[("Transfer-Encoding", "gzip")]).0,
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Date: D|Content-Type: T||3|xxx|3|xxx|0||"
    );
    assert_eq!(
        case(get, 200, Body::Stream, &[("Content-Length", "6")]),
        says("HTTP/1.1 200 OK|Content-Length: 6|Date: D|Content-Type: T||xxxxxx", After::Next)
    );
    assert_eq!(
        case(get, 200, Body::Stream, &[("Content-Length", "4")]),
        says("HTTP/1.1 200 OK|Content-Length: 4|Date: D|Content-Type: T||xxxx", After::Next)
    );
    assert_eq!(
        case(get, 200, Body::Stream, &[("Content-Length", "9")]),
        says("HTTP/1.1 200 OK|Content-Length: 9|Date: D|Content-Type: T||xxxxxx", After::Close)
    );
    assert_eq!(case(old, 200, Body::Stream, &[]), says("HTTP/1.0 200 OK|Content-Type: T||xxxxxx", After::Close));
    assert_eq!(case(old_keep, 200, Body::Stream, &[]).1, After::Close);
    assert_eq!(
        case(old_keep, 200, whole, &[]),
        says("HTTP/1.0 200 OK|Connection: keep-alive|Content-Length: 2|Content-Type: T||xx", After::Next)
    );
    assert_eq!(
        case(get, 200, Body::Whole(0), &[("A", "b\r\nC: d"), ("E\r\nF", "g"), ("H", "i\0"), ("", "j")]),
        says("HTTP/1.1 200 OK|Date: D|Content-Length: 0|Content-Type: T||", After::Next)
    );
    let upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: y\r\n\r\n";
    assert_eq!(
        case(upgrade, 101, Body::Whole(0), &[]),
        says("HTTP/1.1 101 Switching Protocols|Date: D||", After::Upgraded)
    );
    assert_eq!(case(get, 101, Body::Whole(0), &[]).1, After::Close);
    let connect = "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(case(connect, 200, Body::Whole(0), &[]), says("HTTP/1.1 200 OK|Date: D||", After::Upgraded));
}

#[test]
fn nothing_brings_a_line_of_its_own() {
    let mut out = Vec::new();
    write::status_line(1, 200, b"a\r\nX: y", &mut out);
    assert_eq!(out, b"HTTP/1.1 200 OK\r\n");
    for (method, target) in
        [("GET\r\n", "/"), ("G T", "/"), ("", "/"), ("GET", "/\r\nX: y"), ("GET", "/\0"), ("GET", "")]
    {
        let mut out = Vec::new();
        assert!(write::request_line(method.as_bytes(), target.as_bytes(), 1, &mut out).is_err(), "{method} {target}");
        assert!(out.is_empty());
    }
    let mut out = Vec::new();
    assert_eq!(write::request_line(b"GET", b"/a b?c d#e", 1, &mut out), Ok(()));
    assert_eq!(out, b"GET /a%20b?c%20d HTTP/1.1\r\n");
    let mut out = Vec::new();
    assert_eq!(write::host_value(b"a\r\nb", 80, &mut out), None);
    assert_eq!(write::host_value(b"::1", 8080, &mut out), Some(()));
    assert_eq!(out, b"[::1]:8080");
    let mut out = Vec::new();
    write::error_page(404, b"<script>", &mut out);
    assert!(!String::from_utf8_lossy(&out).contains("<script>"));
}

#[test]
fn answers_are_read() {
    let ok = "HTTP/1.1 200 OK\r\n";
    assert_eq!(
        ask(Method::Get, format!("{ok}Content-Length: 2\r\n\r\nhi").as_bytes()),
        ["200 [Content-Length=2]", "body hi", "end", "keep true", "closed"]
    );
    assert_eq!(ask(Method::Get, format!("{ok}\r\nhi").as_bytes()), ["200 []", "body hi", "end", "keep false"]);
    assert_eq!(
        ask(Method::Head, format!("{ok}Content-Length: 2\r\n\r\n").as_bytes()),
        ["200 [Content-Length=2]", "end", "keep true", "closed"]
    );
    assert_eq!(
        ask(Method::Get, b"HTTP/1.1 204\r\nContent-Length: 2\r\n\r\n"),
        ["204 [Content-Length=2]", "end", "keep true", "closed"]
    );
    assert_eq!(
        ask(Method::Get, b"HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ["304 [Transfer-Encoding=chunked]", "end", "keep true", "closed"]
    );
    assert_eq!(
        ask(
            Method::Get,
            b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: a\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"
        ),
        ["100 []", "103 [Link=a]", "200 [Content-Length=0]", "end", "keep false"]
    );
    assert_eq!(
        ask(Method::Connect, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx"),
        ["200 [Content-Length=2]", "upgraded, 2 left"]
    );
    assert_eq!(ask(Method::Get, b"HTTP/1.1 101 S\r\nUpgrade: y\r\n\r\nzz"), ["101 [Upgrade=y]", "upgraded, 2 left"]);
}

#[test]
fn an_answer_that_nobody_asked_for_ends_the_connection() {
    let first = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(
        run(Role::Client(Client::new()), &[first.repeat(2).as_bytes()], &Limits::DEFAULT, &[Method::Get]).events,
        ["200 [Content-Length=0]", "end", "keep true", "Unsolicited"]
    );
}

#[test]
fn requests_are_planned() {
    let plan = |method, length, fields: &[(&'static [u8], &'static [u8])]| {
        let mut client = Client::new();
        let plan = client.request(method, 1, length, fields.iter().copied());
        let mut out = Vec::new();
        write::fields(&plan, &Ambient { date: b"", content_type: None, host: b"h" }, fields.iter().copied(), &mut out);
        (String::from_utf8(out).expect("text").replace("\r\n", "|"), client.holds_body())
    };
    assert_eq!(plan(Method::Get, 0, &[]), ("Host: h||".to_owned(), false));
    assert_eq!(plan(Method::Get, 0, &[(b"Host", b"a")]).0, "Host: a||");
    assert_eq!(plan(Method::Post, 0, &[]).0, "Host: h|Content-Length: 0||");
    assert_eq!(
        plan(Method::Post, 3, &[(b"Content-Length", b"4"), (b"Transfer-Encoding", b"chunked")]).0,
        "Host: h|Content-Length: 3||"
    );
    assert_eq!(
        plan(Method::Post, 3, &[(b"Expect", b"100-continue")]),
        ("Expect: 100-continue|Host: h|Content-Length: 3||".to_owned(), true)
    );
}

#[test]
fn only_what_was_not_answered_is_repeated() {
    let mut client = Client::new();
    assert!(!client.may_repeat(false));
    client.request(Method::Post, 1, 0, [].into_iter());
    assert!(client.may_repeat(false) && !client.may_repeat(true));
    client.request(Method::Get, 1, 0, [].into_iter());
    assert!(client.may_repeat(true));
    let mut input: Buffer = Buffer::new();
    input.append(b"H").expect("memory");
    assert_eq!(client.step(&input, false, &mut Head::new(), &Limits::DEFAULT), Step::More);
    assert!(!client.may_repeat(true) && client.deadline() == Deadline::Head);
}

#[test]
fn deadlines() {
    let mut server = Server::new();
    let (mut input, mut head): (Buffer, Head) = (Buffer::new(), Head::new());
    assert_eq!(server.deadline(), Deadline::Idle);
    input.append(b"POST / HTTP/1.1\r\nHost: x\r\n").expect("memory");
    assert_eq!(server.step(&input, false, &mut head, &Limits::DEFAULT), Step::More);
    assert_eq!(server.deadline(), Deadline::Head);
    input.append(b"Content-Length: 1\r\n\r\n").expect("memory");
    let Step::Head(n) = server.step(&input, false, &mut head, &Limits::DEFAULT) else { panic!() };
    take(&mut input, n);
    assert_eq!(server.deadline(), Deadline::Progress);
    input.append(b"a").expect("memory");
    assert_eq!(server.step(&input, false, &mut head, &Limits::DEFAULT), Step::Body(1));
    take(&mut input, 1);
    assert_eq!(server.step(&input, false, &mut head, &Limits::DEFAULT), Step::End);
    assert_eq!(server.deadline(), Deadline::None, "a handler thinks");
}

/// Cuts `input` at these places.
fn split<'a>(input: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (input.len() + 1)).collect();
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for cut in cuts.into_iter().chain([input.len()]) {
        if cut > from {
            pieces.push(&input[from..cut]);
            from = cut;
        }
    }
    pieces
}

fn part() -> impl Strategy<Value = String> {
    let words = [
        "GET / HTTP/1.1\r\nHost: x\r\n",
        "POST /a HTTP/1.1\r\nHost: y\r\n",
        "GET / HTTP/1.0\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 C\r\n\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Connection: keep-alive\r\n",
        "A: b\r\n",
        "\r\n",
        "\n",
        "\r",
        "abc",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "0\r\n",
        "T: u\r\n\r\n",
        "1;x\r\nz\r\n",
        ": ",
        " ",
        "a",
        "0",
        "Expect: 100-continue\r\n",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same(parts in prop::collection::vec(part(), 1..14), cuts in prop::collection::vec(any::<usize>(), 0..12)) {
        let input = parts.concat().into_bytes();
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        for limits in [Limits::DEFAULT, Limits { line: 20, head: 60, fields: 2, body: 5, extensions: 2, empty_lines: 1, ..Limits::DEFAULT }] {
            let server = || Role::Server(Server::new());
            let whole = run(server(), &[&input], &limits, &[]);
            prop_assert_eq!(&whole, &run(server(), &bytes, &limits, &[]));
            prop_assert_eq!(&whole, &run(server(), &split(&input, &cuts), &limits, &[]));
            let client = || Role::Client(Client::new());
            let methods = [Method::Get, Method::Head, Method::Post];
            let whole = run(client(), &[&input], &limits, &methods);
            prop_assert_eq!(&whole, &run(client(), &bytes, &limits, &methods));
            prop_assert_eq!(&whole, &run(client(), &split(&input, &cuts), &limits, &methods));
        }
    }
}
