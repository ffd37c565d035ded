//! The example servers, as programs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts an example, which cargo has built beside this test.
    fn start(name: &str) -> Self {
        let program = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples").join(name);
        let mut child = Command::new(program).stdout(Stdio::piped()).spawn().unwrap();
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
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(stream: &mut TcpStream, request: &[u8], answer: &[u8]) {
    stream.write_all(request).unwrap();
    let mut bytes = vec![0; answer.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes.escape_ascii().to_string(), answer.escape_ascii().to_string());
}

#[test]
fn echo_with_handlers() {
    let server = Server::start("echo");
    ask(&mut server.connect(), b"hello", b"hello");
}

#[cfg(feature = "async")]
#[test]
fn echo_with_tasks() {
    let server = Server::start("echo_async");
    let (mut a, mut b) = (server.connect(), server.connect());
    ask(&mut a, b"hello", b"hello");
    ask(&mut b, &[b'x'; 100_000], &[b'x'; 100_000]);
    drop(a);
    ask(&mut b, b"still there", b"still there");
}

#[test]
fn resp_answers_in_order_and_refuses_what_is_malformed() {
    let server = Server::start("resp");
    let mut a = server.connect();
    ask(&mut a, b"PING\r\n", b"+PONG\r\n");
    ask(
        &mut a,
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nb\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        b"+OK\r\n$5\r\na\r\nb\n\r\n",
    );
    for piece in [&b"*2\r\n$4\r\nIN"[..], b"CR\r\n$1\r", b"\nn"] {
        a.write_all(piece).unwrap();
        std::thread::yield_now();
    }
    ask(&mut a, b"\r\nINCR n\r\nGET none\r\nDEL k n none\r\n", b":1\r\n:2\r\n$-1\r\n:2\r\n");
    let pipeline: Vec<u8> = b"*1\r\n$4\r\nPING\r\n".repeat(1000);
    ask(&mut a, &pipeline, &b"+PONG\r\n".repeat(1000));
    let mut b = server.connect();
    b.write_all(b"*1\r\nbad\r\nPING\r\n").unwrap();
    let mut all = String::new();
    b.read_to_string(&mut all).unwrap();
    assert_eq!(all, "-ERR Protocol error: expected '$'\r\n");
    ask(&mut a, b"PING\r\n", b"+PONG\r\n");
}
