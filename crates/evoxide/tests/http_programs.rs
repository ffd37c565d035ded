//! The examples of HTTP and WebSocket, as programs.
#![cfg(all(feature = "ws", feature = "serde_json"))]

mod built;

use built::program;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(name: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program(name));
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("listening ").unwrap().parse().unwrap();
        Self { child, port }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Status line and fields, and the body, of the answer to one request.
    fn ask(&self, method: &str, target: &str, body: &str) -> (String, String) {
        let mut stream = self.connect();
        let length = body.len();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_json_service_keeps_notes() {
    let server = Server::start("http_json", &[]);
    let (head, body) = server.ask("POST", "/notes", r#"{"text":"milk"}"#);
    assert!(head.starts_with("HTTP/1.1 201 Created") && head.contains("location: /notes/1"), "{head}");
    assert_eq!(body, r#"{"id":1}"#);
    assert_eq!(server.ask("GET", "/notes", "").1, r#"[{"id":1,"text":"milk"}]"#);
    assert!(server.ask("PUT", "/notes/1", r#"{"text":"bread"}"#).0.starts_with("HTTP/1.1 204"));
    assert_eq!(server.ask("GET", "/notes/1", "").1, r#"{"text":"bread"}"#);
    assert!(server.ask("POST", "/notes", "{").0.starts_with("HTTP/1.1 400"));
    assert!(server.ask("POST", "/notes", "{}").0.starts_with("HTTP/1.1 422"));
    assert!(server.ask("DELETE", "/notes/1", "").0.starts_with("HTTP/1.1 204"));
    assert!(server.ask("GET", "/notes/1", "").0.starts_with("HTTP/1.1 404"));
}

#[test]
fn the_hello_service_answers_many_on_one_connection() {
    let server = Server::start("http_hello", &[]);
    let mut stream = server.connect();
    let mut first = vec![0; 1];
    for _ in 0..100 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut bytes = vec![0; first.len().max(1)];
        if first.len() == 1 {
            let mut all = Vec::new();
            while !all.ends_with(&[b'x'; 128]) {
                let mut some = [0; 1000];
                let n = stream.read(&mut some).unwrap();
                all.extend_from_slice(&some[..n]);
            }
            first = all;
        } else {
            stream.read_exact(&mut bytes).unwrap();
            assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
        }
    }
}

#[test]
fn the_file_server_and_the_downloader_fit_together() {
    let dir = std::env::temp_dir().join(format!("evoxide-download-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(dir.join("file.bin"), &content).unwrap();
    let server = Server::start("http_files", &[dir.to_str().unwrap()]);
    let target = dir.join("copy.bin");
    let uri = format!("http://127.0.0.1:{}/file.bin", server.port);
    let download = || Command::new(program("download")).arg(&uri).arg(&target).output().unwrap();
    let output = download();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("[########################################]"));
    assert!(fs::read(&target).unwrap() == content);
    // It goes on where it was broken off.
    fs::write(&target, &content[..1_000_000]).unwrap();
    assert!(download().status.success());
    assert!(fs::read(&target).unwrap() == content);
    assert!(download().status.success());
    let missing = Command::new(program("download")).arg(format!("{uri}x")).arg(dir.join("none")).output().unwrap();
    assert!(!missing.status.success());
    fs::remove_dir_all(dir).unwrap();
}

/// An upstream that answers one connection after the other with its request, as it came.
fn mirror() -> (u16, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = thread::spawn(move || {
        let mut heads = Vec::new();
        for _ in 0..2 {
            let mut socket = listener.accept().unwrap().0;
            let mut bytes = Vec::new();
            let mut some = [0; 65536];
            let end = loop {
                let n = socket.read(&mut some).unwrap();
                bytes.extend_from_slice(&some[..n]);
                if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                    break at + 4;
                }
            };
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            while bytes.len() < end + length {
                let n = socket.read(&mut some).unwrap();
                bytes.extend_from_slice(&some[..n]);
            }
            heads.push(head);
            let fields = "Connection: close, X-Hop\r\nX-Hop: 1\r\nX-Kept: 1\r\nKeep-Alive: timeout=5\r\n";
            write!(socket, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{fields}\r\n").unwrap();
            socket.write_all(&bytes[end..]).unwrap();
        }
        heads
    });
    (port, thread)
}

#[test]
fn the_proxy_streams_both_ways_and_strips_what_is_of_one_hop() {
    let (port, upstream) = mirror();
    let proxy = Server::start("http_proxy", &[&format!("http://127.0.0.1:{port}")]);
    let mut stream = proxy.connect();
    write!(
        stream,
        "GET /a?b HTTP/1.1\r\nHost: far.example\r\nConnection: x-mine, host, content-length, close\r\nX-Mine: 1\r\n\
         X-Other: 1\r\nTE: trailers\r\nProxy-Authorization: secret\r\nUpgrade: other\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let answer = answer.to_lowercase();
    assert!(answer.starts_with("http/1.1 200 ok") && answer.contains("x-kept: 1"), "{answer}");
    assert!(!answer.contains("x-hop") && !answer.contains("keep-alive"), "{answer}");

    let body = "0123456789".repeat(300_000);
    let (mut writer, mut reader) = (proxy.connect(), None);
    let whole = body.clone();
    let sender = writer.try_clone().unwrap();
    let sending = thread::spawn(move || {
        let mut sender = sender;
        let head =
            format!("POST /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", whole.len());
        sender.write_all(head.as_bytes()).unwrap();
        sender.write_all(whole.as_bytes()).unwrap();
    });
    let mut text = String::new();
    writer.read_to_string(&mut text).unwrap();
    sending.join().unwrap();
    reader.replace(text.split_once("\r\n\r\n").unwrap().1 == body);
    assert_eq!(reader, Some(true));

    let heads = upstream.join().unwrap();
    assert!(
        heads[0].starts_with("get /a?b http/1.1\r\n") && heads[0].contains("host: far.example\r\n"),
        "{}",
        heads[0]
    );
    assert!(heads[0].contains("x-other: 1"), "{}", heads[0]);
    for gone in ["x-mine", "connection", "te:", "proxy-authorization", "upgrade"] {
        assert!(!heads[0].contains(gone), "{gone}: {}", heads[0]);
    }
    assert!(heads[1].contains(&format!("content-length: {}", body.len())));
    // The upstream has gone.
    assert!(proxy.ask("GET", "/", "").0.starts_with("HTTP/1.1 502 "));
}

#[test]
fn the_chat_has_a_page_and_tells_everybody() {
    let server = Server::start("ws_chat", &[]);
    assert!(server.ask("GET", "/", "").1.contains("new WebSocket"));
    let open = || {
        let mut stream = server.connect();
        write!(
            stream,
            "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        .unwrap();
        stream
    };
    let until = |stream: &mut TcpStream, text: &[u8]| {
        let mut all = Vec::new();
        while !all.windows(text.len()).any(|w| w == text) {
            let mut some = [0; 1000];
            let n = stream.read(&mut some).unwrap();
            assert!(n > 0, "{}", all.escape_ascii());
            all.extend_from_slice(&some[..n]);
        }
    };
    let mut one = open();
    until(&mut one, b"\x81\x091 is here");
    let mut two = open();
    until(&mut one, b"\x81\x092 is here");
    two.write_all(b"\x81\x85\0\0\0\0hello").unwrap();
    until(&mut one, b"\x81\x082: hello");
    until(&mut two, b"\x81\x082: hello");
    drop(two);
    until(&mut one, b"\x81\x0a2 has left");
}

#[test]
fn loops_on_two_threads_get_every_other_connection_and_end_in_order() {
    let mut command = Command::new(program("cores"));
    let mut child = command.args(["http", "2", "0", "handed"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let server = Server { port: line.strip_prefix("listening ").unwrap().parse().unwrap(), child };
    for _ in 0..10 {
        assert!(server.ask("GET", "/hello", "").0.starts_with("HTTP/1.1 200 OK"));
    }
    let id = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(said[..2], ["thread 0: 5 connections, 5 requests", "thread 1: 5 connections, 5 requests"]);
    assert!(said[2].starts_with("10 requests, "), "{said:?}");
}
