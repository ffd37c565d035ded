//! HTTPS and WebSockets over TLS, on servers and clients.
#![cfg(all(feature = "rustls", feature = "ws"))]

mod authority;

use authority::Authority;
use evoxide::buffer::Buffer;
use evoxide::http::{Body, Client, ClientConfig, Exchange, Failure, Head, Method, OutRequest, Received, Server};
use evoxide::stream::{StreamCtx, StreamEvent, StreamHandler};
use evoxide::tls::{ClientTls, ServerTls};
use evoxide::ws::{Close, Message, SocketCx, SocketHandler};
use evoxide::{Clock, Config, Context, Error, EventId, EventLoop};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

#[derive(Default)]
struct Seen {
    said: Vec<String>,
    connections: Vec<EventId>,
}

/// A loop with a server at a Unix socket, so that all names lead to it.
struct Site {
    ev: EventLoop<Seen>,
    socket: PathBuf,
}

impl Site {
    fn new(name: &str, server: Server<Seen>) -> Self {
        let folder = std::env::temp_dir().join(format!("evoxide-https-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("socket");
        let mut ev = on_virtual_time();
        ev.serve_unix(&socket, server).unwrap();
        Self { ev, socket }
    }

    fn client(&mut self, config: ClientConfig) -> Client {
        self.ev.http_client(config.unix(&self.socket))
    }

    fn ask(&mut self, client: Client, request: OutRequest) -> String {
        client.send(&mut self.ev, request, tell);
        self.ev.run().unwrap();
        self.ev.state_mut().said.pop().unwrap()
    }

    fn get(&mut self, client: Client, uri: &str) -> String {
        self.ask(client, request(Method::GET, uri, ()))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.socket.parent().unwrap());
    }
}

fn on_virtual_time() -> EventLoop<Seen> {
    EventLoop::with_config(Config::new().clock(Clock::Virtual), Seen::default()).unwrap()
}

fn request(method: Method, uri: &str, body: impl Into<Body>) -> OutRequest {
    let mut request = OutRequest::new(body.into());
    (*request.method_mut(), *request.uri_mut()) = (method, uri.parse().unwrap());
    request
}

fn tell(cx: &mut Context<'_, Seen>, answer: Result<Received, Error>) {
    let text = match answer {
        Ok(answer) => format!("{} {}", answer.status().as_u16(), String::from_utf8_lossy(&answer.body().to_vec())),
        Err(error) => match Failure::of(&error) {
            Some(failure) => format!("{failure:?}"),
            None => error.to_string(),
        },
    };
    cx.state().said.push(text);
    cx.exit();
}

fn server(tls: ServerTls) -> Server<Seen> {
    Server::<Seen>::new()
        .tls(tls)
        .get("/", |cx, _request| {
            let id = cx.id().unwrap();
            cx.state().connections.push(id);
            let session = cx.tls().unwrap();
            format!("{:?}, {} certificates", session.version().unwrap(), session.peer_certificates().len())
        })
        .post("/echo", |_cx, request| Body::from(request.into_body()))
        .get("/moved", |_cx, request| {
            let to = request.uri().query().unwrap_or_default().parse().unwrap();
            let mut response = evoxide::http::Response::new(Body::empty());
            response.headers_mut().insert("location", to);
            *response.status_mut() = evoxide::http::StatusCode::FOUND;
            response
        })
}

#[test]
fn requests_go_over_tls_and_share_a_connection() {
    let authority = Authority::new();
    let mut site = Site::new("share", server(authority.server("a.test")));
    let client = site.client(ClientConfig::new().tls(authority.client()));
    for _ in 0..3 {
        assert_eq!(site.get(client, "https://a.test/"), "200 TLSv1_3, 0 certificates");
    }
    let long = "y".repeat(1_500_000);
    let posted = request(Method::POST, "https://a.test/echo", long.clone());
    assert_eq!(site.ask(client, posted), format!("200 {long}"));
    let used = site.ev.state().connections.clone();
    assert!(used.len() == 3 && used.iter().all(|id| *id == used[0]), "{used:?}");
}

#[test]
fn files_go_over_tls() {
    let authority = Authority::new();
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at >> 3) as u8).collect();
    let path = std::env::temp_dir().join(format!("evoxide-https-file-{}", std::process::id()));
    std::fs::write(&path, &content).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let part = move || Body::from_file(file.try_clone().unwrap(), 1, 2_999_998);
    let server = server(authority.server("localhost")).get("/file", move |_cx, _request| part());
    let mut site = Site::new("file", server);
    let client = site.client(ClientConfig::new().tls(authority.client()));
    let answer = Rc::new(Cell::new(None));
    let told = Rc::clone(&answer);
    client.get(&mut site.ev, "https://localhost/file", move |cx, result| {
        told.set(Some(result.unwrap().into_body().take_bytes(usize::MAX)));
        cx.exit();
    });
    site.ev.run().unwrap();
    assert!(answer.take().unwrap() == content[1..2_999_999]);
}

#[test]
fn names_and_authorities_are_verified_and_trust_is_not_shared_by_clients() {
    let authority = Authority::new();
    let mut site = Site::new("verify", server(authority.server("a.test")));
    let friend = site.client(ClientConfig::new().tls(authority.client()));
    let stranger = site.client(ClientConfig::new().tls(Authority::new().client()));
    assert!(site.get(friend, "https://a.test/").starts_with("200 "));
    // The friend's connection waits, and is not the stranger's.
    assert!(site.get(stranger, "https://a.test/").contains("invalid peer certificate"));
    assert!(site.get(friend, "https://b.test/").contains("not valid for name"));
    assert!(site.get(friend, "https://192.0.2.1/").contains("not valid for name"));
    assert!(site.get(friend, "https://a.test/").starts_with("200 "));
    assert_eq!(site.ev.state().connections.len(), 2);
}

#[cfg(not(feature = "native-roots"))]
#[test]
fn a_client_that_trusts_nobody_refuses_https() {
    let authority = Authority::new();
    let mut site = Site::new("nobody", server(authority.server("a.test")));
    let client = site.client(ClientConfig::new());
    assert_eq!(site.get(client, "https://a.test/"), "Target");
}

#[cfg(feature = "native-roots")]
#[test]
fn a_client_trusts_the_systems_authorities_and_no_other() {
    let authority = Authority::new();
    let mut site = Site::new("native", server(authority.server("a.test")));
    let client = site.client(ClientConfig::new());
    let said = site.get(client, "https://a.test/");
    assert!(!said.starts_with("200"), "{said}");
    assert!(site.ev.state().connections.is_empty());
}

#[test]
fn a_handler_sees_the_clients_certificate() {
    let authority = Authority::new();
    let builder = ServerTls::builder(authority.identity("a.test"));
    let tls = builder.client_roots_pem(&authority.pem, true).unwrap().build().unwrap();
    let mut site = Site::new("customer", server(tls));
    let builder = ClientTls::builder().root_pem(&authority.pem).unwrap();
    let tls = builder.identity(authority.identity("customer")).build().unwrap();
    let known = site.client(ClientConfig::new().tls(tls));
    let unknown = site.client(ClientConfig::new().tls(authority.client()));
    assert_eq!(site.get(known, "https://a.test/"), "200 TLSv1_3, 1 certificates");
    assert!(!site.get(unknown, "https://a.test/").starts_with("200 "));
}

#[test]
fn redirects_never_leave_https() {
    let authority = Authority::new();
    let mut site = Site::new("redirects", server(authority.server("a.test")));
    let client = site.client(ClientConfig::new().tls(authority.client()).redirects(3));
    assert!(site.get(client, "https://a.test/moved?/").starts_with("200 "));
    assert!(site.get(client, "https://a.test/moved?https://a.test:444/").starts_with("200 "));
    assert_eq!(site.get(client, "https://a.test/moved?http://a.test/"), "Redirect");
    assert_eq!(site.get(client, "https://a.test/moved?//a.test:80/moved?http://a.test/"), "Redirect");
    assert_eq!(site.ev.state().connections.len(), 2);
}

/// Reads a request's head.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn tls_goes_through_a_proxy_to_the_origin() {
    let authority = Authority::new();
    let mut ev = EventLoop::new(Seen::default()).unwrap();
    let id = ev.serve("127.0.0.1:0", server(authority.server("a.test"))).unwrap();
    let origin = ev.source::<TcpListener>(id).unwrap().local_addr().unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = proxy.local_addr().unwrap().port();
    let proxy = thread::spawn(move || {
        let (mut client, _) = proxy.accept().unwrap();
        let head = read_head(&mut client);
        let mut server = TcpStream::connect(origin).unwrap();
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let back = thread::spawn(move || std::io::copy(&mut from, &mut to));
        let _ = std::io::copy(&mut client, &mut server);
        let _ = server.shutdown(std::net::Shutdown::Write);
        let _ = back.join();
        head
    });
    let config = ClientConfig::new().tls(authority.client()).proxy("127.0.0.1", port);
    let client = ev.http_client(config);
    client.get(&mut ev, "https://a.test/", tell);
    ev.run().unwrap();
    assert_eq!(ev.state().said, ["200 TLSv1_3, 0 certificates"]);
    drop(ev);
    assert!(proxy.join().unwrap().starts_with("CONNECT a.test:443 HTTP/1.1\r\n"));
}

#[test]
fn what_a_proxy_says_behind_its_answer_is_no_answer_of_the_origin() {
    let authority = Authority::new();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = proxy.local_addr().unwrap().port();
    let proxy = thread::spawn(move || {
        let (mut client, _) = proxy.accept().unwrap();
        read_head(&mut client);
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").unwrap();
        let _ = client.read_to_end(&mut Vec::new());
    });
    let mut ev = EventLoop::new(Seen::default()).unwrap();
    let client = ev.http_client(ClientConfig::new().tls(authority.client()).proxy("127.0.0.1", port));
    client.get(&mut ev, "https://a.test/", tell);
    ev.run().unwrap();
    assert!(!ev.state().said[0].starts_with("200"), "{:?}", ev.state().said);
    drop(ev);
    proxy.join().unwrap();
}

/// Sends back what it gets.
struct Echo;

impl SocketHandler<Seen> for Echo {
    fn on_message(&mut self, cx: &mut SocketCx<'_, Seen>, message: Message) {
        cx.send(message).unwrap();
    }
}

/// Sends one message, and notes what comes.
struct Asks(String);

impl SocketHandler<Seen> for Asks {
    fn on_open(&mut self, cx: &mut SocketCx<'_, Seen>) {
        cx.send(self.0.as_str()).unwrap();
    }

    fn on_message(&mut self, cx: &mut SocketCx<'_, Seen>, message: Message) {
        let same = message == Message::from(self.0.as_str());
        cx.state().said.push(format!("same: {same}"));
        cx.close(1000, "").unwrap();
    }

    fn on_close(&mut self, cx: &mut SocketCx<'_, Seen>, close: Close) {
        cx.state().said.push(format!("{} {}", close.code, close.reason));
        cx.exit();
    }
}

#[test]
fn websockets_go_over_tls_in_both_roles() {
    let authority = Authority::new();
    let server = server(authority.server("a.test")).websocket("/echo", Default::default(), |_cx, _request| Ok(Echo));
    let mut site = Site::new("wss", server);
    let client = site.client(ClientConfig::new().tls(authority.client()));
    let asks = Asks("message".repeat(20_000));
    client.websocket(&mut site.ev, "wss://a.test/echo", Default::default(), asks).unwrap();
    site.ev.run().unwrap();
    assert_eq!(site.ev.state().said, ["same: true", "1000 "]);
    let asks = Asks(String::new());
    client.websocket(&mut site.ev, "wss://b.test/echo", Default::default(), asks).unwrap();
    site.ev.run().unwrap();
    assert!(site.ev.state().said[2].contains("not valid for name"), "{:?}", site.ev.state().said);
}

#[test]
fn a_handshake_has_a_deadline_however_it_drips() {
    for drips in [false, true] {
        let (mut peer, socket) = UnixStream::pair().unwrap();
        let mut ev = on_virtual_time();
        let server = server(Authority::new().server("a.test")).head_timeout(Duration::from_secs(10));
        ev.serve_connection(socket, &Rc::new(server)).unwrap();
        // The begin of a record of 512 bytes.
        peer.write_all(&[22, 3, 1, 2, 0]).unwrap();
        if drips {
            let mut left = 100;
            let mut drip = peer.try_clone().unwrap();
            ev.timer(evoxide::Timer::every(Duration::from_secs(1)), move |cx| {
                left -= 1;
                if left == 0 || drip.write_all(&[0]).is_err() {
                    cx.remove_self();
                }
            });
        }
        let begin = ev.now();
        ev.run().unwrap();
        let took = ev.now() - begin;
        assert!(took >= Duration::from_secs(10) && took <= Duration::from_secs(12), "{took:?}");
        let _ = peer.read_to_end(&mut Vec::new());
    }
}

/// A client that begins TLS, asks a lot and reads nothing.
struct Greedy(&'static str);

impl StreamHandler<Seen> for Greedy {
    fn on_read(&mut self, _cx: &mut StreamCtx<'_, Seen>) {}

    fn on_event(&mut self, cx: &mut StreamCtx<'_, Seen>, event: StreamEvent) {
        match event {
            StreamEvent::Connected => {
                cx.output().append(self.0.repeat(2000));
                cx.this().pause_reading();
            }
            _ => cx.close(),
        }
    }
}

#[test]
fn a_client_that_reads_nothing_is_not_answered_without_end() {
    const PAGE: &str = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
    let authority = Authority::new();
    let answered = Rc::new(Cell::new(0));
    let counted = Rc::clone(&answered);
    let server = Server::new().tls(authority.server("a.test")).get("/page", move |_cx, _request| {
        counted.set(counted.get() + 1);
        "x".repeat(16 * 1024)
    });
    let (peer, socket) = UnixStream::pair().unwrap();
    let mut ev = on_virtual_time();
    ev.serve_connection(
        socket,
        &Rc::new(server.idle_timeout(Duration::from_secs(5)).write_timeout(Duration::from_secs(5))),
    )
    .unwrap();
    let id = ev.open(peer, Greedy(PAGE)).unwrap();
    ev.stream(id).unwrap().start_tls(authority.client().layer("a.test").unwrap());
    ev.run().unwrap();
    // 256 KiB wait, and what the sockets take.
    assert!(answered.get() >= 16 && answered.get() < 100, "{}", answered.get());
}

/// Counts.
struct Count(usize);

impl Exchange<Seen> for Count {
    fn on_head(&mut self, _cx: &mut Context<'_, Seen>, _head: Head) {}

    fn on_data(&mut self, _cx: &mut Context<'_, Seen>, data: &mut Buffer) {
        self.0 += data.len();
        data.clear();
    }

    fn on_end(self: Box<Self>, cx: &mut Context<'_, Seen>, result: Result<(), Error>) {
        cx.state().said.push(format!("{} {}", self.0, result.is_ok()));
        cx.exit();
    }
}

/// A server whose answer ends with its connection: in order, or cut off.
struct Ends {
    in_order: bool,
    answered: bool,
}

impl StreamHandler<Seen> for Ends {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Seen>) {
        cx.input().clear();
        cx.output().append("HTTP/1.1 200 OK\r\n\r\nall");
        self.answered = true;
        if self.in_order {
            cx.close_after_flush();
        }
    }

    fn on_drained(&mut self, cx: &mut StreamCtx<'_, Seen>) {
        if self.answered {
            cx.close();
        }
    }
}

#[test]
fn an_answer_that_is_cut_off_is_no_whole_one() {
    for in_order in [true, false] {
        let authority = Authority::new();
        let mut ev = EventLoop::new(Seen::default()).unwrap();
        let tls = authority.server("a.test");
        let (ready, asked) = (Rc::new(Cell::new(false)), request(Method::GET, "https://a.test/", ()));
        let begun = Rc::clone(&ready);
        let folder = std::env::temp_dir().join(format!("evoxide-https-cut-{in_order}-{}", std::process::id()));
        let _ = std::fs::remove_file(&folder);
        ev.listen_unix(&folder, move |cx, socket| {
            begun.set(true);
            let id = cx.open(socket, Ends { in_order, answered: false }).unwrap();
            cx.stream(id).unwrap().start_tls(tls.layer().unwrap());
        })
        .unwrap();
        let client = ev.http_client(ClientConfig::new().tls(authority.client()).unix(&folder));
        client.exchange(&mut ev, asked, Count(0));
        ev.run().unwrap();
        let _ = std::fs::remove_file(&folder);
        assert!(ready.get());
        assert_eq!(ev.state().said, [format!("3 {in_order}")]);
    }
}

#[test]
fn curl_trusts_the_authority_and_asks_twice_on_one_connection() {
    let authority = Authority::new();
    let mut ev = EventLoop::new(Seen::default()).unwrap();
    let id = ev.serve("127.0.0.1:0", server(authority.server("a.test"))).unwrap();
    let port = ev.source::<TcpListener>(id).unwrap().local_addr().unwrap().port();
    let file = std::env::temp_dir().join(format!("evoxide-https-curl-{}.pem", std::process::id()));
    std::fs::write(&file, &authority.pem).unwrap();
    let (handle, authority) = (ev.handle(), file.clone());
    let curl = thread::spawn(move || {
        let ask = |name: &str, authority: Option<&PathBuf>| {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--max-time", "60", "--noproxy", "*"]);
            curl.arg("--resolve").arg(format!("{name}:{port}:127.0.0.1"));
            if let Some(file) = authority {
                curl.arg("--cacert").arg(file);
            }
            let url = format!("https://{name}:{port}/");
            curl.args([&url, &url]).output().unwrap()
        };
        let answers = [ask("a.test", Some(&authority)), ask("b.test", Some(&authority)), ask("a.test", None)];
        handle.drain(Duration::from_secs(60)).unwrap();
        answers
    });
    ev.run().unwrap();
    let _ = std::fs::remove_file(&file);
    let [known, other_name, no_trust] = curl.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&known.stdout), "TLSv1_3, 0 certificatesTLSv1_3, 0 certificates");
    // Curl's number for certificates that it does not accept.
    assert_eq!((other_name.status.code(), no_trust.status.code()), (Some(60), Some(60)));
    let used = &ev.state().connections;
    assert!(used.len() == 2 && used[0] == used[1], "{used:?}");
}
