//! Clients for the demonstration: memcached's text commands, and plain echo.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn connect(port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| format!("connect: {e}"))?;
    let limit = Some(Duration::from_secs(10));
    stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit)).map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    Ok(stream)
}

/// A connection that sets and gets.
pub struct KeyValue {
    stream: BufReader<TcpStream>,
    number: usize,
}

impl KeyValue {
    /// Connects; the number makes its keys its own.
    pub fn connect(port: u16, number: usize) -> Result<Self, String> {
        Ok(KeyValue { stream: BufReader::new(connect(port)?), number })
    }

    /// One set and one get, compared.
    pub fn set_and_get(&mut self, round: usize) -> Result<(), String> {
        let key = format!("key-{}-{}", self.number, round % 10);
        let value = format!("{key}={round};").repeat(1 + round % 20);
        self.send(&format!("set {key} 0 0 {}\r\n{value}\r\n", value.len()))?;
        self.expect("STORED")?;
        self.send(&format!("get {key}\r\n"))?;
        self.expect(&format!("VALUE {key} 0 {}", value.len()))?;
        self.expect(&value)?;
        self.expect("END")
    }

    fn send(&mut self, text: &str) -> Result<(), String> {
        self.stream.get_mut().write_all(text.as_bytes()).map_err(|e| format!("write: {e}"))
    }

    fn expect(&mut self, want: &str) -> Result<(), String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).map_err(|e| format!("read: {e}"))?;
        let got = line.trim_end_matches(['\r', '\n']);
        if got == want { Ok(()) } else { Err(format!("the server said {got:?}, not {want:?}")) }
    }
}

/// A connection that sends lines and gets them back.
pub struct Echo(TcpStream);

impl Echo {
    /// Connects.
    pub fn connect(port: u16) -> Result<Self, String> {
        connect(port).map(Echo)
    }

    /// One message there and back.
    pub fn round_trip(&mut self, round: usize) -> Result<(), String> {
        let message = format!("message {round:056}\n");
        self.0.write_all(message.as_bytes()).map_err(|e| format!("write: {e}"))?;
        let mut back = vec![0; message.len()];
        self.0.read_exact(&mut back).map_err(|e| format!("read: {e}"))?;
        if back == message.as_bytes() { Ok(()) } else { Err("the echo differs".into()) }
    }
}
