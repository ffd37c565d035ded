//! HTTP servers.
#![cfg(feature = "http")]

use evoxide::buffer::Buffer;
use evoxide::http::{
    Answer, Body, Flow, HeaderValue, IntoAnswer, Later, Method, Request, RequestCx, RequestExt, Responder, Response,
    Server, StatusCode, Upload, Uri, body_text,
};
use evoxide::{Clock, Config, EventLoop, Outcome};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

fn on_virtual_time<S>(state: S) -> EventLoop<S> {
    EventLoop::with_config(Config::new().clock(Clock::Virtual), state).unwrap()
}

/// A connection to a server, in a loop on virtual time.
struct Talk<S: 'static> {
    ev: EventLoop<S>,
    client: UnixStream,
}

impl<S: 'static> Talk<S> {
    fn new(server: Server<S>, state: S) -> Self {
        let (client, socket) = UnixStream::pair().unwrap();
        client.set_nonblocking(true).unwrap();
        let mut ev = on_virtual_time(state);
        ev.serve_connection(socket, &Rc::new(server)).unwrap();
        ev.poll().unwrap();
        Self { ev, client }
    }

    /// What has been answered after some turns, without time passing.
    fn answer(&mut self) -> String {
        let mut all = Vec::new();
        for _ in 0..50 {
            self.ev.poll().unwrap();
            let mut bytes = [0; 65536];
            match self.client.read(&mut bytes) {
                Ok(0) => {
                    all.extend_from_slice(b"<eof>");
                    break;
                }
                Ok(n) => all.extend_from_slice(&bytes[..n]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        let text = String::from_utf8(all).unwrap();
        // The date is that of the machine.
        match text.find("Date: ") {
            Some(at) => format!("{}{}", &text[..at], &text[at + 37..]).replace("\r\n", "|"),
            None => text.replace("\r\n", "|"),
        }
    }

    fn ask(&mut self, request: &str) -> String {
        self.client.write_all(request.as_bytes()).unwrap();
        self.answer()
    }
}

fn routes() -> Server<Vec<String>> {
    Server::<Vec<String>>::new()
        .get("/", |_cx, _request| "hello\n")
        .get("/hello/{name}", |_cx, request| format!("hello {}\n", request.param("name").unwrap()))
        .get("/rest/{*path}", |_cx, request| format!("{}\n", request.param("path").unwrap()))
        .get("/query", |_cx, request| request.query("a").ok_or(StatusCode::NOT_FOUND))
        .post("/body", |cx, request| {
            let text = body_text(request.into_body()).unwrap();
            cx.state().push(text.clone());
            format!("{} bytes\n", text.len())
        })
        .get("/empty", |_cx, _request| StatusCode::NO_CONTENT)
}

const END: &str = " HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn what_is_kept_of_a_request_stays_what_it_was() {
    let server = Server::<Vec<(HeaderValue, Uri)>>::new().get("/{*path}", |cx, request| {
        let kept = (request.headers()["x-number"].clone(), request.uri().clone());
        // Every other one, so that storage is shared between what is kept and what is not.
        if kept.1.path().len() % 2 == 0 {
            cx.state().push(kept);
        }
        "kept\n"
    });
    let mut talk = Talk::new(server, Vec::new());
    // Short ones and some that are longer than what storage is shared for.
    let lengths = || (1..=400).map(|n| if n % 50 == 0 { 30 * n } else { 1 + n % 70 });
    for n in lengths() {
        let text = "v".repeat(n);
        assert!(
            talk.ask(&format!("GET /{text} HTTP/1.1\r\nHost: x\r\nX-Number: {n} {text}\r\n\r\n")).ends_with("||kept\n")
        );
    }
    let expected = lengths().filter(|n| n % 2 == 1).map(|n| {
        let text = "v".repeat(n);
        (format!("{n} {text}"), format!("/{text}"))
    });
    let kept: Vec<_> = talk.ev.state().iter().map(|(v, u)| (v.to_str().unwrap().to_owned(), u.to_string())).collect();
    assert_eq!(kept, expected.collect::<Vec<_>>());
}

#[test]
fn routes_have_parameters_and_wildcards() {
    let mut talk = Talk::new(routes(), Vec::new());
    let of = |answer: String| answer.rsplit("||").next().unwrap().to_owned();
    assert_eq!(
        talk.ask(&format!("GET /{END}")),
        "HTTP/1.1 200 OK|Content-Length: 6|Content-Type: text/plain; charset=utf-8||hello\n"
    );
    assert_eq!(of(talk.ask(&format!("GET /hello/J%C3%BCrgen%20X{END}"))), "hello Jürgen X\n");
    assert_eq!(of(talk.ask(&format!("GET /rest/a/b%2fc{END}"))), "a/b/c\n");
    assert_eq!(of(talk.ask(&format!("GET /query?b=1&a=x+y%21{END}"))), "x y!");
    assert!(talk.ask(&format!("GET /query{END}")).starts_with("HTTP/1.1 404 Not Found|"));
    assert!(talk.ask(&format!("GET /hello/%zz{END}")).starts_with("HTTP/1.1 400 Bad Request|"));
    assert!(talk.ask(&format!("GET /hello/%00{END}")).starts_with("HTTP/1.1 400 Bad Request|"));
    assert!(talk.ask(&format!("GET /none{END}")).starts_with("HTTP/1.1 404 Not Found|"));
    assert_eq!(talk.ask(&format!("GET /empty{END}")), "HTTP/1.1 204 No Content||");
}

#[test]
fn methods_that_a_path_does_not_have_are_named() {
    let mut talk = Talk::new(routes(), Vec::new());
    let answer = talk.ask(&format!("DELETE /body{END}"));
    assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed|allow: POST|"), "{answer}");
    assert_eq!(talk.ask(&format!("OPTIONS /{END}")), "HTTP/1.1 204 No Content|allow: GET, HEAD||");
    let head = talk.ask(&format!("HEAD /{END}"));
    assert!(head.starts_with("HTTP/1.1 200 OK|"), "{head}");
    assert!(!head.contains("hello"), "{head}");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut talk = Talk::new(routes(), Vec::new());
    let three: String = (0..3).map(|n| format!("GET /hello/{n}{END}")).collect();
    let answers = talk.ask(&three);
    let order: Vec<usize> = (0..3).map(|n| answers.find(&format!("hello {n}")).unwrap()).collect();
    assert!(order.is_sorted());
}

#[test]
fn bodies_are_collected_under_a_limit() {
    let mut talk = Talk::new(routes().max_body(10), Vec::new());
    let head = "POST /body HTTP/1.1\r\nHost: x\r\n";
    assert!(talk.ask(&format!("{head}Content-Length: 10\r\n\r\n01234")).is_empty());
    assert!(talk.ask("56789").ends_with("||10 bytes\n"));
    assert!(
        talk.ask(&format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
            .ends_with("5 bytes\n")
    );
    assert_eq!(talk.ev.state(), &["0123456789", "abcde"]);
    let answer = talk.ask(&format!("{head}Content-Length: 11\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("Connection: close"), "{answer}");
    let mut talk = Talk::new(routes().max_body(10), Vec::new());
    let answer = talk.ask(&format!("{head}Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\n"));
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("<eof>"), "{answer}");
    // With uploads beside it, the limit is the same.
    let server = routes().max_body(10).upload(Method::PUT, "/put", |_cx, _request| Ok(Count::default()));
    let mut talk = Talk::new(server, Vec::new());
    assert!(talk.ask(&format!("{head}Content-Length: 11\r\n\r\n")).starts_with("HTTP/1.1 413 "));
}

#[test]
fn a_client_that_waits_is_told_to_continue() {
    let mut talk = Talk::new(routes(), Vec::new());
    let head = "POST /body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(talk.ask(head), "HTTP/1.1 100 Continue||");
    assert!(talk.ask("ab").ends_with("2 bytes\n"));
    // A refusal comes instead of it.
    let head = "POST /none HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    assert!(talk.ask(head).starts_with("HTTP/1.1 404 "));
}

#[test]
fn an_answer_may_come_later_and_holds_back_what_is_behind() {
    let server = routes().get("/slow", |cx, _request| {
        let (responder, later) = cx.later();
        let mut responder = Some(responder);
        cx.timer(Duration::from_secs(1), move |cx| {
            let mut responder = responder.take().unwrap();
            assert!(responder.is_awaited(cx));
            responder.send(cx, Response::new("at last\n".into())).unwrap();
        });
        later
    });
    let mut talk = Talk::new(server, Vec::new());
    assert_eq!(talk.ask(&format!("GET /slow{END}GET /{END}")), "");
    talk.ev.advance(Duration::from_secs(1)).unwrap();
    let answers = talk.answer();
    assert!(answers.find("at last").unwrap() < answers.find("hello").unwrap(), "{answers}");
}

#[test]
fn a_responder_answers_within_its_own_handler() {
    let server = Server::new().get("/", |cx: &mut RequestCx<'_, ()>, _request| {
        let (mut responder, later) = cx.later();
        responder.send(cx, Response::new("now".into())).unwrap();
        later
    });
    let mut talk = Talk::new(server, ());
    for _ in 0..2 {
        assert!(talk.ask(&format!("GET /{END}")).ends_with("||now"));
    }
}

#[test]
fn a_responder_that_is_dropped_answers_with_an_error() {
    let server = Server::new().get("/", |cx: &mut RequestCx<'_, ()>, _request| cx.later().1);
    let mut talk = Talk::new(server, ());
    for _ in 0..2 {
        assert!(talk.ask(&format!("GET /{END}")).starts_with("HTTP/1.1 500 Internal Server Error|"));
    }
}

#[test]
fn a_responder_for_a_client_that_has_gone_says_so() {
    let server = Server::new().get("/", |cx: &mut RequestCx<'_, Vec<Responder>>, _request| {
        let (responder, later) = cx.later();
        cx.state().push(responder);
        later
    });
    let mut talk = Talk::new(server, Vec::new());
    assert_eq!(talk.ask(&format!("GET /{END}")), "");
    talk.client.shutdown(Shutdown::Both).unwrap();
    drop(std::mem::replace(&mut talk.client, UnixStream::pair().unwrap().0));
    for _ in 0..3 {
        talk.ev.poll().unwrap();
    }
    let mut responder = talk.ev.state_mut().pop().unwrap();
    // Half-closed clients may still read: the answer is tried.
    let _ = responder.send(&mut talk.ev, Response::new("x".into()));
    assert_eq!(talk.ev.run().unwrap(), Outcome::Idle);
}

#[test]
fn a_streamed_answer_goes_as_fast_as_the_client_reads() {
    let server = Server::new().get("/zeros", |_cx: &mut RequestCx<'_, u64>, _request| {
        let mut left = 100;
        Body::from_fn(move |out: &mut Buffer| {
            left -= 1;
            out.append([b'0'; 100_000]);
            Ok(if left == 0 { Flow::End } else { Flow::More })
        })
    });
    let mut talk = Talk::new(server, 0);
    talk.client.write_all(format!("GET /zeros{END}GET /none{END}").as_bytes()).unwrap();
    for _ in 0..20 {
        talk.ev.poll().unwrap();
    }
    let answer = {
        let mut all = Vec::new();
        let mut idle = 0;
        while idle < 5 {
            talk.ev.poll().unwrap();
            let mut bytes = [0; 65536];
            match talk.client.read(&mut bytes) {
                Ok(n) => {
                    assert!(n > 0);
                    idle = 0;
                    all.extend_from_slice(&bytes[..n]);
                }
                Err(_) => idle += 1,
            }
        }
        String::from_utf8(all).unwrap()
    };
    assert!(answer.contains("Transfer-Encoding: chunked\r\n"));
    assert_eq!(answer.matches("186a0\r\n").count(), 100);
    assert_eq!(
        answer.bytes().filter(|b| *b == b'0').count(),
        100 * 100_000 + 100 + 1 + answer.matches(":0").count() + zeros_of_heads(&answer)
    );
    assert!(answer.contains("\r\n0\r\n\r\nHTTP/1.1 404 "));
}

/// Zeros in dates, lengths and status lines, which the count above is not about.
fn zeros_of_heads(answer: &str) -> usize {
    let heads = answer.split("HTTP/1.1").skip(1).map(|part| part.split("\r\n\r\n").next().unwrap());
    let zeros: usize = heads.map(|head| head.bytes().filter(|b| *b == b'0').count()).sum();
    zeros - answer.matches(":0").count()
}

#[test]
fn a_writer_writes_an_answer_and_hears_of_room() {
    let server = Server::new().get("/", |cx: &mut RequestCx<'_, (u32, u32)>, _request| {
        let (mut writer, body) = cx.writer();
        assert!(writer.write(cx, vec![b'a'; 2_000_000]).unwrap() >= 2_000_000);
        writer.on_drained(cx, |cx| cx.state().0 += 1).unwrap();
        let mut writer = Some(writer);
        cx.timer(Duration::from_secs(1), move |cx| {
            let mut writer = writer.take().unwrap();
            assert!(cx.state().0 >= 1);
            writer.write(cx, "end").unwrap();
            writer.finish(cx).unwrap();
        });
        body
    });
    let mut talk = Talk::new(server, (0, 0));
    talk.client.write_all(format!("GET /{END}").as_bytes()).unwrap();
    let mut all = String::new();
    for _ in 0..1000 {
        if all.ends_with("3|end|0||") {
            break;
        }
        let more = talk.answer();
        if more.is_empty() {
            talk.ev.advance(Duration::from_secs(1)).unwrap();
        }
        all.push_str(&more);
    }
    assert_eq!(all.matches('a').count(), 2_000_000 + "Transfer-Encoding: chunked".matches('a').count());
}

#[test]
fn a_writer_that_is_dropped_cuts_the_answer_off() {
    let server = Server::new().get("/", |cx: &mut RequestCx<'_, ()>, _request| {
        let (mut writer, body) = cx.writer();
        writer.write(cx, "half").unwrap();
        body
    });
    let mut talk = Talk::new(server, ());
    let answer = talk.ask(&format!("GET /{END}"));
    assert!(answer.ends_with("||4|half|<eof>"), "{answer}");
}

/// Counts what is uploaded; takes no more than so much at a time.
#[derive(Default)]
struct Count {
    bytes: u64,
    at_most: Option<usize>,
}

impl Upload<Vec<String>> for Count {
    fn on_data(&mut self, cx: &mut RequestCx<'_, Vec<String>>, data: &mut Buffer) {
        let n = self.at_most.unwrap_or(usize::MAX).min(data.len());
        data.drain(n);
        self.bytes += n as u64;
        if !data.is_empty() {
            let resumption = cx.resumption();
            cx.timer(Duration::from_secs(1), move |_cx| resumption.resume());
        }
    }

    fn on_end(self: Box<Self>, _cx: &mut RequestCx<'_, Vec<String>>) -> Answer<Vec<String>> {
        format!("{} bytes\n", self.bytes).into_answer()
    }

    fn on_abort(self: Box<Self>, cx: &mut evoxide::Context<'_, Vec<String>>) {
        cx.state().push(format!("aborted after {}", self.bytes));
    }
}

#[test]
fn uploads_come_as_they_come_with_back_pressure() {
    let server = routes()
        .upload(Method::PUT, "/put", |_cx, _request| Ok(Count { at_most: Some(1_000_000), ..Count::default() }));
    let mut talk = Talk::new(server, Vec::new());
    let head = "PUT /put HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n";
    talk.client.write_all(head.as_bytes()).unwrap();
    let (mut sent, mut answer) = (0, String::new());
    while answer.is_empty() {
        match talk.client.write(&vec![b'x'; 5_000_000 - sent]) {
            Ok(n) => sent += n,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        answer = talk.answer();
        talk.ev.advance(Duration::from_millis(10)).unwrap();
    }
    assert!(answer.ends_with("5000000 bytes\n"), "{answer}");
    assert!(talk.ask(&format!("GET /{END}")).ends_with("hello\n"));
}

#[test]
fn an_upload_that_breaks_off_is_told() {
    let server = routes().upload(Method::PUT, "/put", |_cx, _request| Ok(Count::default()));
    let mut talk = Talk::new(server, Vec::new());
    talk.client.write_all(b"PUT /put HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc").unwrap();
    talk.client.shutdown(Shutdown::Write).unwrap();
    assert!(talk.answer().starts_with("HTTP/1.1 400 "));
    assert_eq!(talk.ev.state(), &["aborted after 3"]);
}

#[test]
fn an_upload_may_be_refused_by_its_head() {
    let server = routes().upload(Method::PUT, "/put", |_cx, request| {
        if request.headers().contains_key("authorization") {
            Ok(Count::default())
        } else {
            Err(Box::new(StatusCode::UNAUTHORIZED.into_answer()))
        }
    });
    let mut talk = Talk::new(server, Vec::new());
    let answer = talk.ask("PUT /put HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with("<eof>"), "{answer}");
}

#[test]
fn deadlines_end_slow_clients() {
    // Idle: closed without a word.
    let server = || routes().idle_timeout(Duration::from_secs(10)).head_timeout(Duration::from_secs(5));
    let mut talk = Talk::new(server(), Vec::new());
    talk.ev.advance(Duration::from_secs(9)).unwrap();
    assert_eq!(talk.answer(), "");
    talk.ev.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(talk.answer(), "<eof>");
    // A head that trickles in has its time from the first byte on.
    let mut talk = Talk::new(server(), Vec::new());
    for byte in "GET ".chars() {
        assert_eq!(talk.ask(&byte.to_string()), "");
        talk.ev.advance(Duration::from_secs(1)).unwrap();
    }
    assert_eq!(talk.ask("/"), "");
    talk.ev.advance(Duration::from_secs(1)).unwrap();
    let answer = talk.answer();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.ends_with("<eof>"), "{answer}");
    // A body may take as long as it makes progress.
    let mut talk = Talk::new(server().body_timeout(Duration::from_secs(3)), Vec::new());
    talk.client.write_all(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n").unwrap();
    for _ in 0..4 {
        assert_eq!(talk.ask("x"), "");
        talk.ev.advance(Duration::from_secs(2)).unwrap();
    }
    assert_eq!(talk.answer(), "");
    talk.ev.advance(Duration::from_secs(1)).unwrap();
    assert!(talk.answer().starts_with("HTTP/1.1 408 "));
    // A handler may think as long as it likes.
    let server = server().get("/think", |cx, _request| {
        let (responder, later) = cx.later();
        let mut responder = Some(responder);
        cx.timer(Duration::from_secs(1000), move |cx| {
            responder.take().unwrap().send(cx, Response::new("done".into())).unwrap();
        });
        later
    });
    let mut talk = Talk::new(server, Vec::new());
    assert_eq!(talk.ask(&format!("GET /think{END}")), "");
    for _ in 0..999 {
        talk.ev.advance(Duration::from_secs(1)).unwrap();
        talk.ev.poll().unwrap();
    }
    assert_eq!(talk.answer(), "");
    talk.ev.advance(Duration::from_secs(1)).unwrap();
    assert!(talk.answer().ends_with("done"));
}

/// The statuses that malformed requests are refused with, as the machine's own tests have them.
#[test]
fn malformed_requests_are_refused_and_nothing_more_is_read() {
    let cases: &[(&[u8], u16)] = &[
        (b"GET / HTTP/1.1\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTQ/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: pie\r\n\r\n", 417),
        (b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", 400),
        (b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        (b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", 400),
        (b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n", 400),
    ];
    for (bytes, status) in cases {
        let mut talk = Talk::new(routes(), Vec::new());
        talk.client.write_all(bytes).unwrap();
        talk.client.write_all(format!("GET /{END}").as_bytes()).unwrap();
        let answer = talk.answer();
        let shown = bytes.escape_ascii();
        assert_eq!(&answer[8..13], format!(" {status} "), "{shown}: {answer}");
        assert!(answer.starts_with("HTTP/1.0") || answer.contains("Connection: close"), "{shown}: {answer}");
        assert!(!answer.contains("hello"), "{shown}: {answer}");
        assert!(answer.ends_with("<eof>"), "{shown}: {answer}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(20_000));
    assert!(Talk::new(routes(), Vec::new()).ask(&long).starts_with("HTTP/1.1 414 "));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(200));
    assert!(Talk::new(routes(), Vec::new()).ask(&many).starts_with("HTTP/1.1 431 "));
    let mut talk = Talk::new(routes().max_head(1000, 10), Vec::new());
    assert!(talk.ask(&format!("GET / HTTP/1.1\r\nA: {}\r\n", "b".repeat(1000))).starts_with("HTTP/1.1 431 "));
}

#[test]
fn any_split_of_the_input_gives_the_same_answers() {
    let input = format!(
        "GET /{END}POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\nGET /none{END}"
    );
    let whole = Talk::new(routes(), Vec::new()).ask(&input);
    for at in 1..input.len() {
        let mut talk = Talk::new(routes(), Vec::new());
        let first = talk.ask(&input[..at]);
        let both = first + &talk.ask(&input[at..]);
        let dates = |text: &str| text.split("Date: ").map(|part| part.len()).collect::<Vec<_>>().len();
        assert!(dates(&both) <= dates(&whole) + 1);
        assert_eq!(without_dates(&both), without_dates(&whole), "split at {at}");
    }
}

fn without_dates(text: &str) -> String {
    let mut parts = text.split("Date: ");
    let mut all = parts.next().unwrap().to_owned();
    for part in parts {
        all.push_str(&part[part.find('|').unwrap() + 1..]);
    }
    all
}

#[test]
fn old_clients_get_old_answers() {
    let mut talk = Talk::new(routes(), Vec::new());
    assert_eq!(
        talk.ask("GET / HTTP/1.0\r\n\r\n"),
        "HTTP/1.0 200 OK|Content-Type: text/plain; charset=utf-8||hello\n<eof>"
    );
    let mut talk = Talk::new(routes(), Vec::new());
    let answer = talk.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert!(answer.contains("Connection: keep-alive|") && answer.ends_with("hello\n"), "{answer}");
    let mut talk = Talk::new(routes(), Vec::new());
    let answer = talk.ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("Connection: close|") && answer.ends_with("<eof>"), "{answer}");
}

#[test]
fn connections_are_capped_and_listeners_go_on() {
    let mut ev = on_virtual_time(());
    let server = Server::<()>::new().get("/", |_cx, _request| "x").max_connections(2);
    let listener = ev.serve("127.0.0.1:0", server).unwrap();
    let addr = ev.source::<TcpListener>(listener).unwrap().local_addr().unwrap();
    let mut clients: Vec<_> = (0..3).map(|_| TcpStream::connect(addr).unwrap()).collect();
    for client in &mut clients {
        client.set_nonblocking(true).unwrap();
        client.write_all(format!("GET /{END}").as_bytes()).unwrap();
    }
    let answered = |client: &mut TcpStream| client.read(&mut [0; 1000]).is_ok_and(|n| n > 0);
    let mut count = [0; 3];
    while count[0] == 0 || count[1] == 0 {
        ev.poll().unwrap();
        for (client, count) in clients.iter_mut().zip(&mut count) {
            *count += u32::from(answered(client));
        }
    }
    assert!(ev.is_paused(listener));
    assert_eq!(count, [1, 1, 0]);
    clients.remove(0);
    while !answered(&mut clients[1]) {
        ev.poll().unwrap();
    }
    assert!(ev.is_paused(listener));
}

#[test]
fn a_server_that_is_drained_finishes_what_it_has() {
    let mut ev = on_virtual_time(Vec::new());
    let server = Server::new().get("/slow", |cx: &mut RequestCx<'_, Vec<String>>, request: Request| -> Later {
        let (responder, later) = cx.later();
        let mut responder = Some(responder);
        let seconds = request.query("s").unwrap().parse().unwrap();
        cx.timer(Duration::from_secs(seconds), move |cx| {
            let _ = responder.take().unwrap().send(cx, Response::new("done".into()));
        });
        later
    });
    let server = Rc::new(server.log(|cx, access| cx.state().push(format!("{} {}", access.status, access.bytes))));
    let listener = ev.serve("127.0.0.1:0", Rc::clone(&server)).unwrap();
    let addr = ev.source::<TcpListener>(listener).unwrap().local_addr().unwrap();
    let mut clients = Vec::new();
    for ask in ["", "GET /slow?s=5", "GET /slow?s=100"] {
        let mut client = TcpStream::connect(addr).unwrap();
        client.write_all(if ask.is_empty() { String::new() } else { format!("{ask}{END}") }.as_bytes()).unwrap();
        clients.push(client);
    }
    while ev.counts().events < 1 + 3 + 2 {
        ev.poll().unwrap();
    }
    ev.drain_server(listener, Duration::from_secs(30)).unwrap();
    assert!(ev.drain_server(listener, Duration::from_secs(30)).is_err());
    let start = ev.now();
    ev.run().unwrap();
    let took = ev.now() - start;
    assert!(took >= Duration::from_secs(30), "{took:?}");
    let mut texts = clients.into_iter().map(|mut client| {
        let mut text = String::new();
        let _ = client.read_to_string(&mut text);
        text
    });
    assert_eq!(texts.next().unwrap(), "");
    let answer = texts.next().unwrap();
    assert!(answer.contains("connection: close") && answer.ends_with("done"), "{answer}");
    assert_eq!(texts.next().unwrap(), "");
    assert_eq!(ev.state(), &["200 OK 4"]);
}

#[test]
fn a_server_listens_on_a_unix_socket() {
    let dir = std::env::temp_dir().join(format!("evoxide-http-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("socket");
    let mut ev = on_virtual_time(());
    ev.serve_unix(&path, Server::<()>::new().get("/", |cx, _request| format!("{:?}", cx.peer_addr()))).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    while ev.counts().events < 2 {
        ev.poll().unwrap();
    }
    while ev.counts().events == 2 {
        ev.poll().unwrap();
    }
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(text.ends_with("None"), "{text}");
}
