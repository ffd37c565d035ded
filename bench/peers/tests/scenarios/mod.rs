//! What the eight programs must do, whoever wrote them: `tests/programs.rs` asks it of the versions on tokio, and the test of the
//! same name of the library asks it of its examples. A program is found by its name.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing takes so long.
const LONG: Duration = Duration::from_secs(30);

/// A program that runs, and what it prints.
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    pub fn start(path: &Path, args: &[&str]) -> Self {
        let piped = Command::new(path).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = piped.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    fn rest(&mut self) -> String {
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).unwrap();
        text
    }

    fn terminate(&self) {
        let pid = self.child.id();
        assert!(Command::new("sh").args(["-c", &format!("kill -TERM {pid}")]).status().unwrap().success());
    }

    fn status(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that says at which port it listens.
pub struct Server {
    program: Program,
    pub port: u16,
}

impl Server {
    pub fn start(path: &Path, args: &[&str]) -> Self {
        let mut program = Program::start(path, args);
        let line = program.line();
        let port = line.strip_prefix("listening ").and_then(|port| port.parse().ok());
        Self { program, port: port.unwrap_or_else(|| panic!("{line:?}")) }
    }

    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect(("127.0.0.1", self.port)).unwrap())
    }
}

/// A connection that speaks lines.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LONG)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Expects these bytes next.
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let mut got = vec![0; bytes.as_ref().len()];
        self.stream.read_exact(&mut got).unwrap();
        assert_eq!(got.escape_ascii().to_string(), bytes.as_ref().escape_ascii().to_string());
    }

    pub fn ask(&mut self, request: impl AsRef<[u8]>, answer: impl AsRef<[u8]>) {
        self.send(request);
        self.expect(answer);
    }

    fn end(&mut self) {
        self.stream.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    fn rest(&mut self) -> String {
        let mut text = String::new();
        self.stream.read_to_string(&mut text).unwrap();
        text
    }
}

pub fn chat_rooms(path: PathBuf) {
    let server = Server::start(&path, &["0"]);
    let mut a = server.connect();
    a.expect("* you are guest1 in lobby\n");
    let mut b = server.connect();
    b.expect("* you are guest2 in lobby\n");
    a.expect("* guest2 came\n");
    a.send("hello\r\n");
    b.expect("guest1: hello\n");
    b.ask("/name bob\n", "* you are bob\n");
    a.expect("* guest2 is now bob\n");
    b.ask("/who\n", "* bob guest1\n");
    b.ask("/join den\n", "* you are in den\n");
    a.expect("* bob left\n");
    b.ask("is anybody here?\n/who\n", "* bob\n");
    let mut c = server.connect();
    c.expect("* you are guest3 in lobby\n");
    a.expect("* guest3 came\n");
    c.ask("/dance\n", "* what?\n");
    c.send("/join den\n/quit\nnot heard\n");
    b.expect("* guest3 came\n* guest3 left\n");
    a.expect("* guest3 left\n");
    let mut d = server.connect();
    a.expect("* guest4 came\n");
    d.send("x".repeat(1100));
    assert_eq!(d.rest(), "* you are guest4 in lobby\n* too long a line\n");
    a.expect("* guest4 left\n");
    drop(a);
    b.ask("/join lobby\n/who\n", "* you are in lobby\n");
}

pub fn chat_drops_the_silent(path: PathBuf) {
    let server = Server::start(&path, &["0", "100"]);
    assert_eq!(server.connect().rest(), "* you are guest1 in lobby\n* silent for too long\n");
}

pub fn chat_drops_slow_readers(path: PathBuf) {
    let server = Server::start(&path, &["0"]);
    let mut a = server.connect();
    a.expect("* you are guest1 in lobby\n");
    let b = server.connect();
    a.expect("* guest2 came\n");
    // More than sockets hold on the way.
    for _ in 0..24_000 {
        a.send(format!("{}\n", "x".repeat(1000)));
    }
    // Whether its going shows as a notice first is left open.
    a.send("/who\n");
    let mut line = String::new();
    a.stream.read_line(&mut line).unwrap();
    if line == "* guest2 left\n" {
        line.clear();
        a.stream.read_line(&mut line).unwrap();
    }
    assert_eq!(line, "* guest1\n");
    drop(b);
}

pub fn resp_commands(path: PathBuf) {
    let server = Server::start(&path, &["0"]);
    let mut a = server.connect();
    a.ask("PING\r\n", "+PONG\r\n");
    a.ask(
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nb\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        "+OK\r\n$5\r\na\r\nb\n\r\n",
    );
    for piece in ["*2\r\n$4\r\nIN", "CR\r\n$1\r", "\nn"] {
        a.send(piece);
        thread::yield_now();
    }
    a.ask("\r\nINCR n\r\nGET none\r\nDEL k n none\r\n", ":1\r\n:2\r\n$-1\r\n:2\r\n");
    a.ask("*1\r\n$4\r\nPING\r\n".repeat(1000), "+PONG\r\n".repeat(1000));
    let long = "v".repeat(1_000_000);
    a.ask(format!("*3\r\n$3\r\nSET\r\n$1\r\nl\r\n$1000000\r\n{long}\r\n"), "+OK\r\n");
    a.ask("GET l\r\n", format!("$1000000\r\n{long}\r\n"));
    a.ask("INCR l\r\nEVAL\r\n", "-ERR value is not an integer or out of range\r\n-ERR unknown command");
    for (broken, why) in [
        ("*1\r\nbad\r\n", "expected '$'"),
        ("*x\r\n", "invalid multibulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$99999999999\r\n", "invalid bulk length"),
    ] {
        let mut b = server.connect();
        b.send(broken);
        assert_eq!(b.rest(), format!("-ERR Protocol error: {why}\r\n"));
    }
    server.connect().ask("PING\r\n", "+PONG\r\n");
}

/// The clients of Redis itself, where they are installed.
pub fn resp_clients(path: PathBuf) {
    let server = Server::start(&path, &["0"]);
    let port = server.port.to_string();
    let run = |program: &str, args: &[&str]| {
        let out = Command::new(program).args(["-p", &port]).args(args).stdin(Stdio::null()).output().unwrap();
        assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    if Command::new("redis-cli").arg("--version").output().is_err() {
        eprintln!("redis-cli is missing: apt-get install redis-tools");
        return;
    }
    assert_eq!(run("redis-cli", &["ping"]), "PONG\n");
    assert_eq!(run("redis-cli", &["set", "k", "a value"]), "OK\n");
    assert_eq!(run("redis-cli", &["get", "k"]), "a value\n");
    assert_eq!(run("redis-cli", &["-r", "3", "incr", "n"]), "1\n2\n3\n");
    assert_eq!(run("redis-cli", &["del", "k", "n", "x"]), "2\n");
    for depth in ["1", "16", "100"] {
        let counted =
            run("redis-benchmark", &["-t", "ping,set,get,incr", "-n", "2000", "-c", "10", "-P", depth, "--csv"]);
        for test in ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR"] {
            assert!(counted.contains(&format!("\"{test}\"")), "{counted}");
        }
    }
}

/// Sends back what it is sent, and `bye` at the end.
fn echo_target() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut from = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut from, &mut stream);
                let _ = stream.write_all(b"bye");
            });
        }
    });
    addr
}

pub fn proxy_passes_both_ways(path: PathBuf) {
    let server = Server::start(&path, &[&echo_target()]);
    let mut a = server.connect();
    let mut b = server.connect();
    a.ask("hello", "hello");
    let much = "0123456789".repeat(100_000);
    let sends = b.stream.get_ref().try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| Client::new(sends).send(&much));
        b.expect(&much);
    });
    // One half ends, and the other goes on.
    a.send("more");
    a.end();
    assert_eq!(a.rest(), "morebye");
    b.ask("still there", "still there");
}

pub fn proxy_limits(path: PathBuf) {
    let target = echo_target();
    let server = Server::start(&path, &[&target, "0", "1", "100000"]);
    let mut a = server.connect();
    a.ask("hello", "hello");
    assert_eq!(server.connect().rest(), "too many connections\n");
    let began = Instant::now();
    a.ask("x".repeat(60_000), "x".repeat(60_000));
    assert!(began.elapsed() > Duration::from_millis(350), "{:?}", began.elapsed());
    a.end();
    assert_eq!(a.rest(), "bye");
    drop(a);
    // Its place is free soon.
    let began = Instant::now();
    while began.elapsed() < LONG {
        let mut next = server.connect();
        next.end();
        if next.rest() == "bye" {
            return;
        }
    }
    panic!("the place of a connection that has gone is not free");
}

pub fn proxy_without_target(path: PathBuf) {
    // Nobody listens there.
    let server = Server::start(&path, &["127.0.0.1:1"]);
    assert_eq!(server.connect().rest(), "");
    assert_eq!(server.connect().rest(), "");
}

pub fn supervisor_starts_again(path: PathBuf) {
    let flag =
        std::env::temp_dir().join(format!("supervisor-{}-{}", std::process::id(), path.display()).replace('/', "-"));
    let name = flag.display();
    let command = format!("if test -e '{name}'; then echo second; exit 0; fi; touch '{name}'; echo first; exit 3");
    let mut program = Program::start(&path, &[&command]);
    let said = program.rest();
    let _ = std::fs::remove_file(&flag);
    assert_eq!(
        said,
        "* 1 started\n[1] first\n* 1 ended: exit status: 3\n* 1 starts again in 100 ms\n\
         * 1 started\n[1] second\n* 1 ended: exit status: 0\n"
    );
    assert!(program.status().success());
}

pub fn supervisor_waits_longer_each_time(path: PathBuf) {
    let mut program = Program::start(&path, &["exit 1"]);
    let mut waits = Vec::new();
    while waits.len() < 3 {
        let line = program.line();
        if let Some((_, wait)) = line.split_once("starts again in ") {
            waits.push(wait.to_string());
        }
    }
    assert_eq!(waits, ["100 ms", "200 ms", "400 ms"]);
}

pub fn supervisor_ends_its_children(path: PathBuf) {
    let patient = "echo ready; exec sleep 1000";
    let stubborn = "trap '' TERM; echo ready; exec sleep 1000";
    let mut program = Program::start(&path, &[patient, stubborn, "echo done"]);
    let mut lines: Vec<String> = Vec::new();
    while !["[1] ready", "[2] ready", "* 3 ended: exit status: 0"].iter().all(|want| lines.iter().any(|l| l == want)) {
        lines.push(program.line());
    }
    program.terminate();
    let rest = program.rest();
    assert_eq!(rest, "* 1 ended: signal: 15 (SIGTERM)\n* 2 was killed\n");
    assert!(program.status().success());
}

pub fn udp_echo(path: PathBuf) {
    let mut server = Server::start(&path, &["0"]);
    let clients: Vec<UdpSocket> = (0..2)
        .map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(("127.0.0.1", server.port)).unwrap();
            socket.set_read_timeout(Some(LONG)).unwrap();
            socket
        })
        .collect();
    let mut bytes = vec![0; 65536];
    for len in [1, 0, 100, 1400, 60_000] {
        for (client, byte) in clients.iter().zip([b'a', b'b']) {
            client.send(&vec![byte; len]).unwrap();
        }
        for (client, byte) in clients.iter().zip([b'a', b'b']) {
            let n = client.recv(&mut bytes).unwrap();
            assert!(n == len && bytes[..n].iter().all(|b| *b == byte), "{n} instead of {len}");
        }
    }
    server.program.terminate();
    assert_eq!(server.program.line(), "10 datagrams, 123002 bytes, 0 lost");
    assert!(server.program.status().success());
}

/// A job that nobody waits for.
const ENDLESS: &str = "99999999999\n";

pub fn workers_answer(path: PathBuf) {
    let server = Server::start(&path, &["0", "2"]);
    let mut a = server.connect();
    a.send("1\n10\nten\n100\r\n");
    a.end();
    let rest = a.rest();
    let mut lines: Vec<&str> = rest.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["1 2", "10 29", "100 541", "ten what?"]);
    // One thread is busy, another one is not.
    let mut b = server.connect();
    b.send(ENDLESS);
    server.connect().ask("3\n", "3 5\n");
    drop(b);
    server.connect().ask("4\n", "4 7\n");
}

pub fn workers_refuse_what_is_over_the_limit(path: PathBuf) {
    let server = Server::start(&path, &["0", "1", "1"]);
    let mut a = server.connect();
    a.send(ENDLESS.repeat(2));
    a.ask("7\n", "7 busy\n");
    server.connect().ask("8\n", "8 busy\n");
}

fn accept(listener: &TcpListener) -> Client {
    Client::new(listener.accept().unwrap().0)
}

pub fn reconnect_goes_on(path: PathBuf) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut program = Program::start(&path, &[&listener.local_addr().unwrap().to_string()]);
    let mut type_line = |text: &str| program.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    type_line("hello\n");
    let mut server = accept(&listener);
    server.expect("hello\n");
    server.send("hi\n");
    type_line("and\nmore\n");
    server.expect("and\nmore\n");
    drop(server);
    for said in ["* connected", "hi", "* trying again in 100 ms"] {
        assert_eq!(program.line(), said);
    }
    program.stdin.as_mut().unwrap().write_all(b"later\n").unwrap();
    let mut server = accept(&listener);
    server.expect("later\n");
    drop(program.stdin.take());
    server.ask("", "");
    assert_eq!(server.rest(), "");
    server.send("bye\n");
    drop(server);
    assert_eq!(program.rest(), "* connected\nbye\n");
    assert!(program.status().success());
}

pub fn reconnect_waits_longer_each_time(path: PathBuf) {
    // Nobody listens there.
    let mut program = Program::start(&path, &["127.0.0.1:1"]);
    for wait in [100, 200, 400] {
        assert_eq!(program.line(), format!("* trying again in {wait} ms"));
    }
}

pub fn virtual_time(path: PathBuf) {
    let mut program = Program::start(&path, &[]);
    assert_eq!(program.line(), "Backups { tried: 405, taken: 365, failed: 32, given_up: 8 }");
    assert!(program.line().starts_with("365 days took "));
    assert!(program.status().success());
}
