//! WebSocket, in both roles.
#![cfg(feature = "ws")]

use evoxide::http::{Client, ClientConfig, Server, StatusCode};
use evoxide::ws::{Close, Message, Origins, Socket, SocketConfig, SocketCx, SocketHandler, code};
use evoxide::{Clock, Config, ErrorKind, EventLoop};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

#[derive(Default)]
struct Seen {
    said: Vec<String>,
    sockets: Vec<Socket>,
}

/// Sends back what it gets, and notes what happens.
struct Echo(&'static str);

impl SocketHandler<Seen> for Echo {
    fn on_open(&mut self, cx: &mut SocketCx<'_, Seen>) {
        let socket = cx.socket();
        cx.state().sockets.push(socket);
    }

    fn on_message(&mut self, cx: &mut SocketCx<'_, Seen>, message: Message) {
        if self.0 == "client" {
            cx.state().said.push(format!("{message:?}"));
        } else {
            cx.send(message).unwrap();
        }
    }

    fn on_close(&mut self, cx: &mut SocketCx<'_, Seen>, close: Close) {
        cx.state().said.push(format!("{} closed {} {}", self.0, close.code, close.reason));
    }
}

fn on_virtual_time() -> EventLoop<Seen> {
    EventLoop::with_config(Config::new().clock(Clock::Virtual), Seen::default()).unwrap()
}

fn server(config: SocketConfig) -> Server<Seen> {
    Server::<Seen>::new().websocket("/", config, |_cx, request| {
        if request.headers().contains_key("x-refuse") { Err(StatusCode::FORBIDDEN) } else { Ok(Echo("server")) }
    })
}

/// A peer that speaks bytes.
struct Raw {
    ev: EventLoop<Seen>,
    peer: UnixStream,
}

const OPEN: &str = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

impl Raw {
    fn new(config: SocketConfig) -> Self {
        let (peer, socket) = UnixStream::pair().unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut ev = on_virtual_time();
        ev.serve_connection(socket, &Rc::new(server(config))).unwrap();
        ev.poll().unwrap();
        Self { ev, peer }
    }

    fn open(config: SocketConfig) -> Self {
        let mut raw = Self::new(config);
        let answer = String::from_utf8(raw.ask(format!("{OPEN}\r\n").as_bytes()).0).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
        assert!(answer.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
        raw
    }

    /// What comes, and whether the other side has ended.
    fn answer(&mut self) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        for _ in 0..20 {
            self.ev.poll().unwrap();
            let mut bytes = [0; 65536];
            match self.peer.read(&mut bytes) {
                Ok(0) => return (all, true),
                Ok(n) => all.extend_from_slice(&bytes[..n]),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        (all, false)
    }

    fn ask(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        self.peer.write_all(bytes).unwrap();
        self.answer()
    }
}

/// A client's frame with the mask 0.
fn frame(opcode: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![opcode, 0x80 | data.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(data);
    bytes
}

#[test]
fn messages_go_both_ways_whole_and_in_fragments() {
    let mut raw = Raw::open(SocketConfig::new());
    assert_eq!(raw.ask(&frame(0x81, b"hello")), (b"\x81\x05hello".to_vec(), false));
    assert_eq!(raw.ask(&[frame(0x02, b"a"), frame(0x80, b"b")].concat()), (b"\x82\x02ab".to_vec(), false));
    assert_eq!(raw.ask(&frame(0x89, b"ping")), (b"\x8a\x04ping".to_vec(), false));
    let closed = raw.ask(&frame(0x88, b"\x03\xe8bye"));
    assert_eq!(closed, (b"\x88\x02\x03\xe8".to_vec(), true));
    assert_eq!(raw.ev.state().said, ["server closed 1000 bye"]);
}

#[test]
fn frames_against_the_rules_are_refused_with_their_code() {
    let cases: [(&[u8], u16); 6] = [
        (b"\x81\x01x", 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\x80\x80\0\0\0\0", 1002),
        (b"\x09\x80\0\0\0\0", 1002),
        (b"\x81\x81\0\0\0\0\xff", 1007),
        (b"\x82\xfe\x04\x01\0\0\0\0", 1009),
    ];
    for (bytes, code) in cases {
        let mut raw = Raw::open(SocketConfig::new().max_message(1024));
        let (answer, ended) = raw.ask(bytes);
        assert_eq!(answer, [&[0x88, 2][..], &code.to_be_bytes()].concat(), "{}", bytes.escape_ascii());
        assert!(ended);
        assert!(raw.ev.state().said[0].starts_with(&format!("server closed {code} ")));
    }
}

#[test]
fn handshakes_are_checked() {
    let status = |config: SocketConfig, extra: &str, request: &str| {
        let (answer, _) = Raw::new(config).ask(format!("{request}{extra}\r\n").as_bytes());
        String::from_utf8(answer).unwrap()
    };
    let of = |extra: &str| status(SocketConfig::new(), extra, OPEN);
    assert!(of("Origin: http://x\r\n").starts_with("HTTP/1.1 101 "));
    assert!(of("Origin: http://other\r\n").starts_with("HTTP/1.1 403 "));
    assert!(of("X-Refuse: 1\r\n").starts_with("HTTP/1.1 403 "));
    let any = SocketConfig::new().origins(Origins::Any);
    assert!(status(any, "Origin: http://other\r\n", OPEN).starts_with("HTTP/1.1 101 "));
    let listed = SocketConfig::new().origins(Origins::Listed(vec!["http://other".into()]));
    assert!(status(listed, "Origin: http://other\r\n", OPEN).starts_with("HTTP/1.1 101 "));
    let old = OPEN.replace("Version: 13", "Version: 8");
    let answer = status(SocketConfig::new(), "", &old);
    assert!(answer.starts_with("HTTP/1.1 426 ") && answer.contains("sec-websocket-version: 13\r\n"), "{answer}");
    let plain = "GET / HTTP/1.1\r\nHost: x\r\n";
    assert!(status(SocketConfig::new(), "", plain).starts_with("HTTP/1.1 400 "));
    let chat = SocketConfig::new().protocol("chat");
    let answer = status(chat, "Sec-WebSocket-Protocol: soap, chat\r\n", OPEN);
    assert!(answer.contains("sec-websocket-protocol: chat\r\n"), "{answer}");
}

#[test]
fn silent_peers_are_pinged_and_then_given_up() {
    let config = SocketConfig::new().keep_alive(Duration::from_secs(20), Duration::from_secs(60));
    let mut raw = Raw::open(config);
    raw.ev.advance(Duration::from_secs(19)).unwrap();
    assert_eq!(raw.answer(), (vec![], false));
    raw.ev.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(raw.answer(), (b"\x89\0".to_vec(), false));
    // A pong is a sign of life.
    assert_eq!(raw.ask(&frame(0x8a, b"")), (vec![], false));
    raw.ev.advance(Duration::from_secs(59)).unwrap();
    assert_eq!(raw.answer(), (b"\x89\0".to_vec(), false));
    raw.ev.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(raw.answer(), (vec![], true));
    assert_eq!(raw.ev.state().said, ["server closed 1006 "]);
}

#[test]
fn a_close_that_is_not_answered_ends_in_time() {
    let mut raw = Raw::open(SocketConfig::new());
    let socket = raw.ev.state().sockets[0];
    socket.close(&mut raw.ev, code::GOING_AWAY, "night").unwrap();
    assert_eq!(raw.answer(), (b"\x88\x07\x03\xe9night".to_vec(), false));
    assert_eq!(socket.send(&mut raw.ev, "more").unwrap_err().kind(), ErrorKind::NoSuchEvent);
    raw.ev.advance(Duration::from_secs(10)).unwrap();
    assert_eq!(raw.answer(), (vec![], true));
    assert_eq!(raw.ev.state().said, ["server closed 1006 "]);
    assert!(!socket.is_open(&mut raw.ev));
    assert!(socket.send(&mut raw.ev, "more").is_err());
}

#[test]
fn a_connection_that_breaks_is_told() {
    let mut raw = Raw::open(SocketConfig::new());
    drop(std::mem::replace(&mut raw.peer, UnixStream::pair().unwrap().0));
    for _ in 0..5 {
        raw.ev.poll().unwrap();
    }
    assert_eq!(raw.ev.state().said, ["server closed 1006 "]);
}

/// A loop with a server on a Unix socket and a client.
fn both(name: &str) -> (PathBuf, EventLoop<Seen>, Client) {
    let dir = std::env::temp_dir().join(format!("evoxide-ws-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let mut ev = on_virtual_time();
    ev.serve_unix(dir.join("socket"), server(SocketConfig::new())).unwrap();
    let client = ev.http_client(ClientConfig::new().unix(dir.join("socket")));
    (dir, ev, client)
}

fn turns(ev: &mut EventLoop<Seen>) {
    for _ in 0..50 {
        ev.poll().unwrap();
    }
}

#[test]
fn a_client_talks_to_a_server() {
    let (dir, mut ev, client) = both("talk");
    client.websocket(&mut ev, "ws://x/", SocketConfig::new(), Echo("client")).unwrap();
    turns(&mut ev);
    let sockets = ev.state().sockets.clone();
    assert_eq!(sockets.len(), 2);
    // The server's is open when it has answered, the client's when the answer is there.
    sockets[1].send(&mut ev, "text").unwrap();
    let long = vec![7; 900_000];
    sockets[1].send(&mut ev, long.clone()).unwrap();
    turns(&mut ev);
    assert_eq!(ev.state().said[0], "Text(\"text\")");
    assert_eq!(ev.state().said[1], format!("{:?}", Message::Binary(long)));
    sockets[1].close(&mut ev, code::NORMAL, "done").unwrap();
    turns(&mut ev);
    assert_eq!(ev.state().said[2..], ["server closed 1000 done", "client closed 1000 "]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_client_hears_that_it_was_refused() {
    let (dir, mut ev, client) = both("refused");
    client.websocket(&mut ev, "ws://x/nothing", SocketConfig::new(), Echo("client")).unwrap();
    turns(&mut ev);
    assert_eq!(ev.state().said, ["client closed 1006 the server did not change the protocol"]);
    assert_eq!(
        client.websocket(&mut ev, "no uri", SocketConfig::new(), Echo("x")).unwrap_err().kind(),
        ErrorKind::Invalid
    );
    std::fs::remove_dir_all(dir).unwrap();
}

#[cfg(feature = "async")]
#[test]
fn tasks_talk_in_both_roles() {
    let dir = std::env::temp_dir().join(format!("evoxide-ws-tasks-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let mut ev = on_virtual_time();
    let server = Server::<Seen>::new().websocket_async("/", SocketConfig::new(), |cx, mut socket| async move {
        while let Some(message) = socket.next_message().await {
            cx.sleep(Duration::from_secs(1)).await;
            let _ = socket.send(message);
        }
        cx.with(|cx| cx.state().said.push("server over".into()));
    });
    ev.serve_unix(dir.join("socket"), server).unwrap();
    let (client, cx) = (ev.http_client(ClientConfig::new().unix(dir.join("socket"))), ev.task_cx());
    let start = ev.now();
    let said = ev
        .block_on(async move {
            let mut socket = client.open_websocket(&cx, "ws://x/", SocketConfig::new()).await.unwrap();
            socket.send("one").unwrap();
            socket.send("two").unwrap();
            let both = (socket.next_message().await, socket.next_message().await);
            socket.close(code::NORMAL, "").unwrap();
            assert_eq!(socket.next_message().await, None);
            assert_eq!(socket.close_reason().unwrap().code, code::NORMAL);
            assert!(client.open_websocket(&cx, "ws://x/none", SocketConfig::new()).await.is_err());
            both
        })
        .unwrap();
    assert_eq!(said, (Some("one".into()), Some("two".into())));
    assert_eq!(ev.now() - start, Duration::from_secs(2));
    turns(&mut ev);
    assert_eq!(ev.state().said, ["server over"]);
    std::fs::remove_dir_all(dir).unwrap();
}
