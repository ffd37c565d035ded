//! HTTP clients.
#![cfg(feature = "http")]

use evoxide::buffer::Buffer;
use evoxide::http::{
    Body, Client, ClientConfig, Exchange, ExchangeId, Failure, Flow, Head, HeaderValue, Method, OutRequest, Response,
    Server, StatusCode, header,
};
use evoxide::{Clock, Config, Context, Error, EventId, EventLoop};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// What tests collect.
#[derive(Default)]
struct Seen {
    said: Vec<String>,
    connections: Vec<EventId>,
    exchange: Option<ExchangeId>,
    bytes: usize,
}

/// A folder for a socket, removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evoxide-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn on_virtual_time() -> EventLoop<Seen> {
    EventLoop::with_config(Config::new().clock(Clock::Virtual), Seen::default()).unwrap()
}

fn server() -> Server<Seen> {
    Server::<Seen>::new()
        .get("/", |cx, _request| {
            let id = cx.id().unwrap();
            cx.state().connections.push(id);
            "hello\n"
        })
        .post("/echo", |_cx, request| Body::from(request.into_body()))
        .any("/secrets", |_cx, request| {
            let of = |name| request.headers().contains_key(name);
            format!("{} {} {}", request.method(), of("authorization"), of("cookie"))
        })
        .any("/moved", |_cx, request| {
            let mut response = Response::new("elsewhere".into());
            let to = request.uri().query().unwrap_or("/secrets");
            response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(to).unwrap());
            *response.status_mut() = StatusCode::FOUND;
            response
        })
        .get("/round", |_cx, _request| {
            let mut response = Response::new(Body::empty());
            response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/round"));
            *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
            response
        })
        .get("/never", |cx, _request| {
            let (responder, later) = cx.later();
            // Kept by nobody who answers.
            std::mem::forget(responder);
            later
        })
        .get("/big", |_cx, _request| {
            let mut left = 50;
            Body::from_fn(move |out| {
                out.append([b'x'; 100_000]);
                left -= 1;
                Ok(if left == 0 { Flow::End } else { Flow::More })
            })
        })
}

/// A loop with the server above on a Unix socket, and a client to it.
fn both(name: &str, config: ClientConfig) -> (Folder, EventLoop<Seen>, Client, EventId) {
    let folder = Folder::new(name);
    let mut ev = on_virtual_time();
    let listener = ev.serve_unix(folder.socket(), server()).unwrap();
    let client = ev.http_client(config.unix(folder.socket()));
    (folder, ev, client, listener)
}

fn tell(cx: &mut Context<'_, Seen>, answer: Result<evoxide::http::Received, Error>) {
    let text = match answer {
        Ok(answer) => format!("{} {}", answer.status().as_u16(), String::from_utf8_lossy(&answer.body().to_vec())),
        Err(error) => match Failure::of(&error) {
            Some(failure) => format!("{failure:?}"),
            None => format!("{error}"),
        },
    };
    cx.state().said.push(text);
    cx.exit();
}

fn ask(ev: &mut EventLoop<Seen>, client: Client, request: OutRequest) -> String {
    client.send(ev, request, tell);
    ev.run().unwrap();
    ev.state_mut().said.pop().unwrap()
}

fn request(method: Method, uri: &str, body: impl Into<Body>) -> OutRequest {
    let mut request = OutRequest::new(body.into());
    (*request.method_mut(), *request.uri_mut()) = (method, uri.parse().unwrap());
    request
}

#[test]
fn connections_are_kept_for_the_next_request() {
    let (_folder, mut ev, client, _) = both("keep", ClientConfig::new());
    for _ in 0..3 {
        assert_eq!(ask(&mut ev, client, request(Method::GET, "http://a/", ())), "200 hello\n");
    }
    let used = ev.state().connections.clone();
    assert!(used.iter().all(|id| *id == used[0]), "{used:?}");
    // Another origin, and another client, have others.
    assert_eq!(ask(&mut ev, client, request(Method::GET, "http://b/", ())), "200 hello\n");
    let used = ev.state().connections.clone();
    assert!(used[3] != used[0]);
}

#[test]
fn a_request_out_of_an_answers_handler_uses_its_connection() {
    fn again(cx: &mut Context<'_, Seen>, client: Client, left: u32) {
        client.get(cx, "http://a/", move |cx, answer| {
            assert_eq!(answer.unwrap().status(), 200);
            if left > 0 { again(cx, client, left - 1) } else { cx.exit() }
        });
    }
    let (_folder, mut ev, client, _) = both("again", ClientConfig::new());
    ev.timer(Duration::ZERO, move |cx| again(cx, client, 5));
    ev.run().unwrap();
    let used = ev.state().connections.clone();
    assert_eq!(used.len(), 6);
    assert!(used.iter().all(|id| *id == used[0]), "{used:?}");
}

#[test]
fn bodies_go_both_ways_whole_and_in_pieces() {
    let (_folder, mut ev, client, _) = both("bodies", ClientConfig::new());
    assert_eq!(ask(&mut ev, client, request(Method::POST, "http://a/echo", "text")), "200 text");
    let long = "y".repeat(1_500_000);
    assert_eq!(ask(&mut ev, client, request(Method::POST, "http://a/echo", long.clone())), format!("200 {long}"));
    let mut left = 3;
    let pieces = Body::from_fn(move |out| {
        out.append(format!("{left} "));
        left -= 1;
        Ok(if left == 0 { Flow::End } else { Flow::More })
    });
    assert_eq!(ask(&mut ev, client, request(Method::POST, "http://a/echo", pieces)), "200 3 2 1 ");
    let sized = Body::from_reader(std::io::Cursor::new("abc")).sized(3);
    assert_eq!(ask(&mut ev, client, request(Method::POST, "http://a/echo", sized)), "200 abc");
}

#[test]
fn redirects_are_followed_on_request_and_lose_secrets_across_origins() {
    let with_secrets = |uri: &str| {
        let mut request = request(Method::GET, uri, ());
        request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static("x"));
        request.headers_mut().insert(header::COOKIE, HeaderValue::from_static("x"));
        request
    };
    let (_folder, mut ev, client, _) = both("stay", ClientConfig::new());
    assert_eq!(ask(&mut ev, client, with_secrets("http://a/moved")), "302 elsewhere");
    let (_folder, mut ev, client, _) = both("follow", ClientConfig::new().redirects(3));
    assert_eq!(ask(&mut ev, client, with_secrets("http://a/moved")), "200 GET true true");
    assert_eq!(ask(&mut ev, client, with_secrets("http://a/moved?http://b/secrets")), "200 GET false false");
    assert_eq!(ask(&mut ev, client, request(Method::POST, "http://a/moved", "body")), "200 GET false false");
    assert_eq!(ask(&mut ev, client, with_secrets("http://a/round")), "Redirects");
    assert_eq!(ask(&mut ev, client, with_secrets("http://a/moved?gopher://b/")), "Redirect");
}

#[test]
fn what_is_no_uri_of_http_is_refused() {
    let (_folder, mut ev, client, _) = both("uri", ClientConfig::new());
    for uri in ["/path", "ftp://a/", "http://user:secret@a/", "http://a:0/"] {
        assert_eq!(ask(&mut ev, client, request(Method::GET, uri, ())), "Target", "{uri}");
    }
    client.get(&mut ev, "no uri at all", tell);
    ev.run().unwrap();
    assert_eq!(ev.state_mut().said, ["Target"]);
}

#[test]
fn an_exchange_ends_when_its_time_is_over() {
    let config = ClientConfig::new().timeout(Duration::from_secs(100)).progress_timeout(Duration::from_secs(1000));
    let (_folder, mut ev, client, _) = both("timeout", config);
    let start = ev.now();
    assert_eq!(ask(&mut ev, client, request(Method::GET, "http://a/never", ())), "TimedOut");
    assert_eq!(ev.now() - start, Duration::from_secs(100));
    let (_folder, mut ev, client, _) = both("progress", ClientConfig::new().progress_timeout(Duration::from_secs(30)));
    let start = ev.now();
    assert_eq!(ask(&mut ev, client, request(Method::GET, "http://a/never", ())), "TimedOut");
    assert_eq!(ev.now() - start, Duration::from_secs(30));
}

#[test]
fn a_body_that_is_too_long_is_not_collected() {
    let (_folder, mut ev, client, _) = both("toolong", ClientConfig::new().max_body(1_000_000));
    assert_eq!(ask(&mut ev, client, request(Method::GET, "http://a/big", ())), "TooLong");
}

#[test]
fn an_exchange_is_cancelled() {
    let (_folder, mut ev, client, _) = both("cancel", ClientConfig::new());
    let id = client.get(&mut ev, "http://a/never", tell);
    for _ in 0..5 {
        ev.poll().unwrap();
    }
    assert!(id.cancel(&mut ev));
    assert!(!id.cancel(&mut ev));
    assert!(ev.state().said.is_empty());
    ev.run().unwrap();
    assert_eq!(ev.state().said, ["Cancelled"]);
}

/// Takes a download in steps of its own.
struct Slow;

impl Exchange<Seen> for Slow {
    fn on_head(&mut self, _cx: &mut Context<'_, Seen>, head: Head) {
        assert_eq!(head.status(), 200);
    }

    fn on_data(&mut self, cx: &mut Context<'_, Seen>, data: &mut Buffer) {
        let n = data.len().min(200_000);
        // Back-pressure: not much more than what may be left is here at a time.
        assert!(data.len() < 500_000, "{}", data.len());
        data.drain(n);
        cx.state().bytes += n;
        if !data.is_empty() {
            cx.timer(Duration::from_secs(1), |cx| {
                let id = cx.state().exchange.unwrap();
                id.resume(cx);
            });
        }
    }

    fn on_end(self: Box<Self>, cx: &mut Context<'_, Seen>, result: Result<(), Error>) {
        cx.state().said.push(format!("{result:?}"));
        cx.exit();
    }
}

#[test]
fn a_download_goes_as_fast_as_its_handler_takes_it() {
    let (_folder, mut ev, client, _) = both("slow", ClientConfig::new());
    let id = client.exchange(&mut ev, request(Method::GET, "http://a/big", ()), Slow);
    ev.state_mut().exchange = Some(id);
    ev.run().unwrap();
    assert_eq!(ev.state().bytes, 5_000_000);
    assert_eq!(ev.state().said, ["Ok(())"]);
}

/// A server of a thread that answers connections with these bytes, one after the other, and closes them.
fn canned(answers: Vec<&'static str>) -> (Folder, thread::JoinHandle<Vec<String>>) {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let name = format!("canned-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let folder = Folder::new(&name);
    let listener = UnixListener::bind(folder.socket()).unwrap();
    let server = thread::spawn(move || {
        let serve = |answer: &str| {
            let mut socket = listener.accept().unwrap().0;
            let mut heads = String::new();
            for part in answer.split('~') {
                let mut bytes = [0; 4096];
                let n = socket.read(&mut bytes).unwrap();
                heads.push_str(&String::from_utf8_lossy(&bytes[..n]));
                socket.write_all(part.as_bytes()).unwrap();
            }
            heads
        };
        answers.into_iter().map(serve).collect()
    });
    (folder, server)
}

fn ask_canned(answer: &'static str) -> String {
    let (folder, server) = canned(vec![answer]);
    let mut ev = EventLoop::new(Seen::default()).unwrap();
    let client = ev.http_client(ClientConfig::new().unix(folder.socket()));
    let said = ask(&mut ev, client, request(Method::GET, "http://a/", ()));
    server.join().unwrap();
    said
}

#[test]
fn malformed_and_broken_answers_are_failures() {
    assert_eq!(ask_canned("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "200 ok");
    assert_eq!(ask_canned("HTTP/1.0 200 OK\r\n\r\nto the end"), "200 to the end");
    assert_eq!(ask_canned("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), "200 x");
    assert_eq!(ask_canned("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"), "Closed");
    assert_eq!(ask_canned("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), "Closed");
    assert_eq!(ask_canned("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "Malformed(Length)");
    assert_eq!(ask_canned("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), "Malformed(BareLf)");
    assert_eq!(ask_canned("HTTP/1.1 101 Switching Protocols\r\n\r\n"), "Malformed(Upgrade)");
    assert_eq!(ask_canned(""), "Closed");
}

#[test]
fn a_request_on_a_kept_connection_that_was_closed_is_sent_again() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
    // The first connection answers one request, reads another, and closes.
    let first: &'static str = Box::leak(format!("{answer}1~").into_boxed_str());
    let second: &'static str = Box::leak(format!("{answer}2").into_boxed_str());
    let (folder, server) = canned(vec![first, second]);
    let mut ev = EventLoop::new(Seen::default()).unwrap();
    let client = ev.http_client(ClientConfig::new().unix(folder.socket()));
    assert_eq!(ask(&mut ev, client, request(Method::GET, "http://a/", ())), "200 1");
    assert_eq!(ask(&mut ev, client, request(Method::GET, "http://a/", ())), "200 2");
    assert_eq!(server.join().unwrap()[0].matches("GET /").count(), 2);
}

#[test]
fn a_request_that_must_not_be_repeated_fails() {
    let first = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1~";
    let (folder, server) = canned(vec![first]);
    let mut ev = EventLoop::new(Seen::default()).unwrap();
    let client = ev.http_client(ClientConfig::new().unix(folder.socket()));
    assert_eq!(ask(&mut ev, client, request(Method::GET, "http://a/", ())), "200 1");
    assert_eq!(ask(&mut ev, client, request(Method::POST, "http://a/", "x")), "Closed");
    server.join().unwrap();
}

#[test]
fn a_proxy_is_asked_for_a_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = thread::spawn(move || {
        let mut heads = Vec::new();
        for answers in [
            &["HTTP/1.1 200 Tunnel\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"][..],
            &["HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"],
        ] {
            let mut socket = listener.accept().unwrap().0;
            for answer in answers {
                let mut bytes = [0; 4096];
                let n = socket.read(&mut bytes).unwrap();
                heads.push(String::from_utf8_lossy(&bytes[..n]).replace("\r\n", "|"));
                socket.write_all(answer.as_bytes()).unwrap();
            }
        }
        heads
    });
    let mut ev = EventLoop::new(Seen::default()).unwrap();
    let client = ev.http_client(ClientConfig::new().proxy("127.0.0.1", port));
    assert_eq!(ask(&mut ev, client, request(Method::GET, "http://far.example:81/x", ())), "200 ok");
    assert_eq!(ask(&mut ev, client, request(Method::GET, "http://other.example/", ())), "Proxy(407)");
    let heads = proxy.join().unwrap();
    assert_eq!(heads[0], "CONNECT far.example:81 HTTP/1.1|Host: far.example:81||");
    assert_eq!(heads[1], "GET /x HTTP/1.1|Host: far.example:81||");
    assert_eq!(heads[2], "CONNECT other.example:80 HTTP/1.1|Host: other.example:80||");
}

#[test]
fn a_refused_connection_is_an_error_of_the_system() {
    let folder = Folder::new("nobody");
    // A socket that nobody listens on any more.
    drop(UnixListener::bind(folder.socket()).unwrap());
    let mut ev = EventLoop::new(Seen::default()).unwrap();
    let client = ev.http_client(ClientConfig::new().unix(folder.socket()));
    let said = ask(&mut ev, client, request(Method::GET, "http://a/", ()));
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn idle_connections_are_closed_in_time_and_counted() {
    let (_folder, mut ev, client, listener) =
        both("idle", ClientConfig::new().idle_connections(1, Duration::from_secs(20)));
    for _ in 0..2 {
        client.get(&mut ev, "http://a/", |_, answer| assert!(answer.is_ok()));
    }
    let listening = |ev: &EventLoop<Seen>| ev.contains(listener) as usize;
    for _ in 0..20 {
        ev.poll().unwrap();
    }
    // One is kept, with its other side.
    assert_eq!(ev.counts().events, listening(&ev) + 2);
    ev.advance(Duration::from_secs(20)).unwrap();
    for _ in 0..5 {
        ev.poll().unwrap();
    }
    assert_eq!(ev.counts().events, listening(&ev));
}

#[cfg(feature = "async")]
mod tasks {
    use super::*;
    use evoxide::http::AsyncWriter;

    fn with_tasks(name: &str) -> (Folder, EventLoop<Seen>, Client) {
        let folder = Folder::new(name);
        let mut ev = on_virtual_time();
        let server = server()
            .get_async("/async", |cx, _request| async move {
                cx.sleep(Duration::from_secs(5)).await;
                cx.with(|cx| cx.state().said.push("slept".into()));
                StatusCode::ACCEPTED
            })
            .post_async("/size", |_cx, request| async move { format!("{}", request.body().len()) })
            .get("/stream", |cx, _request| {
                let (writer, body) = cx.writer();
                let (tasks, mut writer) = (cx.task_cx(), AsyncWriter::new(&cx.task_cx(), writer));
                cx.spawn(async move {
                    for _ in 0..50 {
                        if writer.write_all(&[b'x'; 100_000]).await.is_err() {
                            tasks.with(|cx| cx.state().said.push("client gone".into()));
                            return;
                        }
                    }
                    writer.finish().unwrap();
                });
                body
            });
        ev.serve_unix(folder.socket(), server).unwrap();
        let client = ev.http_client(ClientConfig::new().unix(folder.socket()));
        (folder, ev, client)
    }

    #[test]
    fn handlers_and_clients_may_be_async() {
        let (_folder, mut ev, client) = with_tasks("async");
        let cx = ev.task_cx();
        let start = ev.now();
        ev.block_on(async move {
            let answer = client.fetch(&cx, request(Method::GET, "http://a/async", ())).await.unwrap();
            assert_eq!(answer.status(), StatusCode::ACCEPTED);
            let answer = client.fetch(&cx, request(Method::POST, "http://a/size", "12345")).await.unwrap();
            assert_eq!(answer.body().to_vec(), b"5");
            let error = client.fetch(&cx, request(Method::GET, "/no", ())).await.unwrap_err();
            assert_eq!(Failure::of(&error), Some(Failure::Target));
        })
        .unwrap();
        assert_eq!(ev.now() - start, Duration::from_secs(5));
        assert_eq!(ev.state().said, ["slept"]);
    }

    #[test]
    fn a_task_takes_a_download_as_it_comes() {
        let (_folder, mut ev, client) = with_tasks("pieces");
        let cx = ev.task_cx();
        let bytes = ev
            .block_on(async move {
                let (head, mut body) = client.open(&cx, request(Method::GET, "http://a/stream", ())).await.unwrap();
                assert_eq!(head.status(), StatusCode::OK);
                let mut bytes = 0;
                loop {
                    match body.next_piece().await.unwrap().len() {
                        0 => return bytes,
                        n => bytes += n,
                    }
                    cx.sleep(Duration::from_millis(1)).await;
                }
            })
            .unwrap();
        assert_eq!(bytes, 5_000_000);
        assert!(ev.state().said.is_empty());
    }

    #[test]
    fn a_body_that_is_dropped_ends_the_exchange_on_both_sides() {
        let (_folder, mut ev, client) = with_tasks("dropped");
        let cx = ev.task_cx();
        ev.block_on(async move {
            let (_head, mut body) = client.open(&cx, request(Method::GET, "http://a/stream", ())).await.unwrap();
            assert!(!body.next_piece().await.unwrap().is_empty());
        })
        .unwrap();
        for _ in 0..50 {
            ev.poll().unwrap();
        }
        assert_eq!(ev.state().said, ["client gone"]);
    }
}
