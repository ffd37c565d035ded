//! The same bytes to the machine alone, in the simulated world, and to the C interface: both say the same. So no decision on
//! framing, keep-alive, `Expect` or refusal is made in this folder.

use super::abi::{evhttp_request, evkeyvalq};
use super::calls::{self, event_base};
use super::{client, connection, keyval, reply, request, serve, server};
use core::ffi::{c_int, c_uint, c_void};
use core::ptr;
use evoxide_core::buffer::Buffer;
use evoxide_core::sim::{Refusal, World};
use evoxide_ffi::cstr;
use evoxide_proto::http::server::{After, Body, CONTINUE};
use evoxide_proto::http::write::{self, Ambient, BodyMode};
use evoxide_proto::http::{Client, Fault, Head, Limits, Method, Server, Step};
use proptest::prelude::*;

mod three;

const CONTENT_TYPE: &[u8] = b"text/html; charset=ISO-8859-1";

/// What was said, and what the peer saw of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Trace {
    said: Vec<String>,
    /// Heads of answers or requests; of errors the first line, since pages are the interface's own.
    seen: Vec<String>,
    closed: bool,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn line<'a>(first: &str, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>, body: &[u8]) -> String {
    let fields: Vec<String> = fields.map(|(n, v)| format!("{}={}", text(n), text(v))).collect();
    format!("{first} [{}] {}", fields.join("; "), text(body))
}

/// The answers in what a server wrote: without dates, and without the pages of errors.
fn answers(written: &[u8]) -> Vec<String> {
    let written = text(written);
    written
        .split("HTTP/1.")
        .skip(1)
        .map(|answer| {
            let is_error = answer.as_bytes().get(2).is_some_and(|class| *class >= b'4');
            let lines = answer.lines().filter(|l| !l.starts_with("Date: ") && !l.starts_with('<'));
            lines.take(if is_error { 1 } else { usize::MAX }).collect::<Vec<_>>().join("|")
        })
        .collect()
}

/// A descriptor's worth of input, moved to a buffer. Whether it ended.
fn read(world: &mut World, fd: i32, input: &mut Buffer) -> bool {
    let mut room = [0; 512];
    loop {
        match world.read(fd, &mut room) {
            Ok(0) => return true,
            Ok(n) => drop(input.append(&room[..n]).expect("memory")),
            Err(Refusal::WouldBlock) => return false,
            Err(other) => panic!("{other}"),
        }
    }
}

fn take(input: &mut Buffer, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    assert_eq!(input.copy_out(0, &mut bytes), Ok(n));
    drop(input.drain(n).expect("never frozen"));
    bytes
}

/// A server that answers each request with `200` and `ok`.
fn server_alone(pieces: &[&[u8]]) -> Trace {
    let (mut world, mut trace) = (World::new(), Trace::default());
    let (peer, own) = world.pair(1 << 20);
    let (mut server, mut head, mut input) = (Server::new(), Head::new(), Buffer::new());
    let (mut first, mut body, mut written) = (String::new(), Vec::new(), Vec::new());
    let limits = Limits::COMPATIBLE;
    let answer = |server: &mut Server, status: u16, content: &[u8], written: &mut Vec<u8>| {
        let error = [(&b"Content-Type"[..], &b"text/html"[..]), (b"Connection", b"close")];
        let fields = if status < 400 { &error[..0] } else { &error[..] };
        let plan = server.answer(status, Body::Whole(content.len() as u64), fields.iter().copied()).expect("once");
        write::status_line(server.minor(), status, write::reason(status), written);
        let ambient = Ambient { date: b"", content_type: Some(CONTENT_TYPE), host: b"" };
        write::fields(&plan, &ambient, fields.iter().copied(), written);
        let n = server.piece(content.len() as u64, &mut Vec::new()) as usize;
        written.extend_from_slice(&content[..n]);
        server.finish(written);
        assert!(plan.body != BodyMode::Omit || n == 0);
    };
    'pieces: for piece in pieces.iter().map(Some).chain([None]) {
        match piece {
            Some(piece) => assert_eq!(world.write(peer, piece), Ok(piece.len())),
            None => world.shutdown_write(peer).expect("open"),
        }
        let eof = read(&mut world, own, &mut input);
        loop {
            match server.step(&input, eof, &mut head, &limits) {
                Step::More => break,
                Step::Skip(n) | Step::Trailers(n) | Step::Interim(n) => drop(take(&mut input, n)),
                Step::Join(n) => drop(input.pull_up(n).expect("memory")),
                Step::Head(n) => {
                    let bytes = take(&mut input, n);
                    let target = text(head.target.of_head(&bytes));
                    first = line(&format!("{} {target}", text(head.method.of_head(&bytes))), head.fields(&bytes), b"");
                    body.clear();
                    if server.take_expectation() {
                        written.extend_from_slice(CONTINUE);
                    }
                }
                Step::Body(n) => body.extend(take(&mut input, n)),
                Step::End => {
                    trace.said.push(format!("{first}{}", text(&body)));
                    answer(&mut server, 200, b"ok", &mut written);
                    if server.proceed() != After::Next {
                        trace.closed = true;
                        break 'pieces;
                    }
                }
                Step::Fault(fault) => {
                    if fault != Fault::Truncated && !server.is_answered() {
                        answer(&mut server, fault.status(), b"", &mut written);
                    }
                    trace.closed = true;
                    break 'pieces;
                }
                Step::Closed | Step::Upgraded => {
                    trace.closed = true;
                    break 'pieces;
                }
            }
        }
    }
    trace.seen = answers(&written);
    trace
}

/// A client that asks with `methods`, one after the other, as long as the connection serves.
fn client_alone(pieces: &[&[u8]], methods: &[Method]) -> Trace {
    let (mut world, mut trace) = (World::new(), Trace::default());
    let (peer, own) = world.pair(1 << 20);
    let (mut client, mut head, mut input) = (Client::new(), Head::new(), Buffer::new());
    let (mut first, mut body) = (String::new(), Vec::new());
    let mut methods = methods.iter();
    let mut ask = |client: &mut Client, seen: &mut Vec<String>| {
        let Some(&method) = methods.next() else { return };
        let plan = client.request(method, 1, 0, [].into_iter());
        let mut out = Vec::new();
        write::request_line(method.name(), b"/", 1, &mut out).expect("a method and a target");
        // As at the end of a local socket.
        let ambient = Ambient { date: b"", content_type: None, host: b"localhost" };
        write::fields(&plan, &ambient, [].into_iter(), &mut out);
        seen.push(text(&out));
    };
    ask(&mut client, &mut trace.seen);
    'pieces: for piece in pieces.iter().map(Some).chain([None]) {
        match piece {
            Some(piece) => assert_eq!(world.write(peer, piece), Ok(piece.len())),
            None => world.shutdown_write(peer).expect("open"),
        }
        let eof = read(&mut world, own, &mut input);
        loop {
            match client.step(&input, eof, &mut head, &Limits::COMPATIBLE) {
                Step::More => break,
                Step::Skip(n) | Step::Trailers(n) | Step::Interim(n) => drop(take(&mut input, n)),
                Step::Join(n) => drop(input.pull_up(n).expect("memory")),
                Step::Head(n) => {
                    let bytes = take(&mut input, n);
                    first = line(&format!("{}", head.status), head.fields(&bytes), b"");
                    body.clear();
                }
                Step::Body(n) => body.extend(take(&mut input, n)),
                Step::End => {
                    trace.said.push(format!("{first}{}", text(&body)));
                    if !client.finish() {
                        trace.closed = true;
                        break 'pieces;
                    }
                    ask(&mut client, &mut trace.seen);
                }
                Step::Fault(fault) => {
                    if client.is_waiting() {
                        trace.said.push(format!("error {}", client::error_of_fault(fault, false)));
                    }
                    trace.closed = true;
                    break 'pieces;
                }
                Step::Closed | Step::Upgraded => {
                    trace.closed = true;
                    break 'pieces;
                }
            }
        }
    }
    trace
}

/// A base, and one end of a pair of sockets; the other is the C interface's.
struct Peer {
    base: *mut event_base,
    own: c_int,
    trace: Box<Trace>,
    open: bool,
}

unsafe extern "C-unwind" {
    fn event_base_new() -> *mut event_base;
    fn event_base_free(base: *mut event_base);
    fn event_base_loop(base: *mut event_base, flags: c_int) -> c_int;
}

unsafe fn list<'a>(headers: *const evkeyvalq) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    // SAFETY: the callers' requests live.
    unsafe { keyval::entries(headers) }
}

unsafe fn content(buffer: *mut crate::buffer::evbuffer) -> Vec<u8> {
    // SAFETY: the callers' requests live.
    unsafe {
        crate::buffer::evbuffer::of(buffer).look(|m| {
            let mut bytes = vec![0; m.len()];
            let n = m.copy_out(0, &mut bytes).expect("all of it");
            bytes.truncate(n);
            bytes
        })
    }
}

unsafe extern "C-unwind" fn on_request(req: *mut evhttp_request, arg: *mut c_void) {
    // SAFETY: the request lives; the argument is the trace.
    unsafe {
        let trace: &mut Trace = &mut *arg.cast();
        let method = Method::from_index((*req).type_.trailing_zeros()).expect("a usual method").name();
        let first = format!("{} {}", text(method), text(cstr::bytes((*req).uri).expect("a target")));
        trace.said.push(line(&first, list((*req).input_headers), &content((*req).input_buffer)));
        let body = calls::evbuffer_new();
        assert_eq!(calls::evbuffer_add(body, b"ok".as_ptr().cast(), 2), 0);
        reply::evhttp_send_reply(req, 200, ptr::null(), body);
        calls::evbuffer_free(body);
    }
}

unsafe extern "C-unwind" fn on_answer(req: *mut evhttp_request, arg: *mut c_void) {
    // SAFETY: the request lives, or is null; the argument is the trace.
    unsafe {
        let trace: &mut Trace = &mut *arg.cast();
        // Requests that found no connection any more say so with a code of 0.
        if !req.is_null() && (*req).response_code != 0 {
            let first = format!("{}", (*req).response_code);
            trace.said.push(line(&first, list((*req).input_headers), &content((*req).input_buffer)));
        }
    }
}

unsafe extern "C-unwind" fn on_error(code: c_uint, arg: *mut c_void) {
    // SAFETY: the argument is the trace.
    unsafe { (*arg.cast::<Trace>()).said.push(format!("error {code}")) };
}

impl Peer {
    /// With a bufferevent on the other end.
    fn new() -> (Self, *mut crate::abi::bufferevent::bufferevent) {
        let mut pair = [0; 2];
        // SAFETY: room for two descriptors; the base outlives the bufferevent.
        unsafe {
            assert_eq!(
                libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0, pair.as_mut_ptr()),
                0
            );
            let base = event_base_new();
            let closes = c_int::from(crate::abi::bufferevent::opt::CLOSE_ON_FREE);
            let bev = calls::bufferevent_socket_new(base, pair[1], closes);
            assert!(!bev.is_null());
            (Self { base, own: pair[0], trace: Box::default(), open: true }, bev)
        }
    }

    /// Sends pieces and then the end, and collects what comes back.
    fn talk(&mut self, pieces: &[&[u8]]) -> Vec<u8> {
        let mut written = Vec::new();
        for piece in pieces.iter().map(Some).chain([None]) {
            // SAFETY: a descriptor of ours, and memory as long as said.
            unsafe {
                match piece {
                    // What is written to a closed connection is lost.
                    Some(piece) => {
                        libc::send(self.own, piece.as_ptr().cast(), piece.len(), libc::MSG_NOSIGNAL);
                    }
                    None => {
                        libc::shutdown(self.own, libc::SHUT_WR);
                    }
                }
            }
            // All that is ready is done in one turn, and what that made ready in the next.
            for _ in 0..4 {
                // SAFETY: the base lives.
                unsafe { event_base_loop(self.base, 2) };
                self.collect(&mut written);
            }
        }
        written
    }

    fn collect(&mut self, written: &mut Vec<u8>) {
        let mut room = [0u8; 4096];
        loop {
            // SAFETY: a descriptor of ours, and memory as long as said.
            let n = unsafe { libc::recv(self.own, room.as_mut_ptr().cast(), room.len(), 0) };
            match usize::try_from(n) {
                Ok(0) => return self.open = false,
                Ok(n) => written.extend_from_slice(&room[..n]),
                Err(_) => {
                    let reset = std::io::Error::last_os_error().raw_os_error() == Some(libc::ECONNRESET);
                    self.open &= !reset;
                    return;
                }
            }
        }
    }

    fn end(self) -> Trace {
        // SAFETY: nothing uses them any more.
        unsafe {
            event_base_free(self.base);
            libc::close(self.own);
        }
        Trace { closed: !self.open, ..*self.trace }
    }
}

fn server_in_c(pieces: &[&[u8]]) -> Trace {
    let (mut peer, bev) = Peer::new();
    // SAFETY: all of them live until they are freed below.
    let written = unsafe {
        let http = server::evhttp_new(peer.base);
        server::evhttp_set_allowed_methods(http, 0xffff);
        server::evhttp_set_gencb(http, Some(on_request), (&raw mut *peer.trace).cast());
        assert!(serve::accept(http, bev, ptr::null(), 0, false));
        let written = peer.talk(pieces);
        server::evhttp_free(http);
        written
    };
    let mut trace = peer.end();
    trace.seen = answers(&written);
    trace
}

fn client_in_c(pieces: &[&[u8]], methods: &[Method]) -> Trace {
    let (mut peer, bev) = Peer::new();
    // SAFETY: all of them live until they are freed below.
    let written = unsafe {
        let c = client::evhttp_connection_base_bufferevent_reuse_new(peer.base, ptr::null_mut(), bev);
        for method in methods {
            let arg = (&raw mut *peer.trace).cast();
            let req = request::evhttp_request_new(Some(on_answer), arg);
            request::evhttp_request_set_error_cb(req, Some(on_error));
            let method = 1 << method.index().expect("a usual method");
            assert_eq!(client::evhttp_make_request(c, req, method, c"/".as_ptr()), 0);
        }
        let written = peer.talk(pieces);
        connection::evhttp_connection_free(c);
        written
    };
    let mut trace = peer.end();
    trace.seen = text(&written).split_inclusive("\r\n\r\n").map(str::to_owned).collect();
    trace
}

/// Pieces of requests and answers, good and bad.
fn part(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

const REQUESTS: [&str; 24] = [
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /a?b=c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: a\r\nConnection: b, Close\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    "PUT /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;e=f\r\nc\r\n0\r\nT: u\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    "POST / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 2\r\n\r\nhi",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\nHost: x\n\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET http://y/z HTTP/1.1\r\nHost: y\r\n\r\n",
    "\r\n",
    "GET / HTTP/1.1\r\nHo",
];

const ANSWERS: [&str; 18] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nT: u\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
];

/// Cuts `input` at these places.
fn split<'a>(input: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (input.len() + 1)).chain([input.len()]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let starts = [0].into_iter().chain(cuts.clone());
    starts.zip(cuts).map(|(from, to)| &input[from..to]).filter(|piece| !piece.is_empty()).collect()
}

fn assert_same_server(pieces: &[&[u8]]) {
    assert_eq!(server_alone(pieces), server_in_c(pieces), "{:?}", text(&pieces.concat()));
}

fn assert_same_client(pieces: &[&[u8]]) {
    let methods = [Method::Get, Method::Head, Method::Get];
    let (mut alone, in_c) = (client_alone(pieces, &methods), client_in_c(pieces, &methods));
    // A request that was made as the connection ended may not have left any more.
    if in_c.closed && alone.seen.starts_with(&in_c.seen) {
        alone.seen.truncate(in_c.seen.len());
    }
    assert_eq!(alone, in_c, "{:?}", text(&pieces.concat()));
}

#[test]
fn each_request_means_the_same_to_both() {
    assert_eq!(CONTINUE, b"HTTP/1.1 100 Continue\r\n\r\n");
    for first in REQUESTS {
        assert_same_server(&[first.as_bytes()]);
        for second in REQUESTS {
            assert_same_server(&[first.as_bytes(), second.as_bytes()]);
        }
    }
}

#[test]
fn each_answer_means_the_same_to_both() {
    for first in ANSWERS {
        assert_same_client(&[first.as_bytes()]);
        for second in ANSWERS {
            assert_same_client(&[first.as_bytes(), second.as_bytes()]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_requests_in_any_pieces(
        parts in prop::collection::vec(part(&REQUESTS), 1..6),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let input = parts.concat();
        assert_same_server(&split(input.as_bytes(), &cuts));
    }

    #[test]
    fn any_answers_in_any_pieces(
        parts in prop::collection::vec(part(&ANSWERS), 1..6),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let input = parts.concat();
        assert_same_client(&split(input.as_bytes(), &cuts));
    }
}
