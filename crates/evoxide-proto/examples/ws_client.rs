//! A WebSocket client on a blocking socket: sends messages of several sizes to an echo server and compares what comes back.
//!
//! `ws_client HOST:PORT [PATH]`

use evoxide_core::buffer::{Buffer, NoOwner};
use evoxide_proto::ws::{ClientHandshake, Connection, Event, Kind, Limits, Role, Timing, code};
use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;

/// A connection after its handshake.
struct Client {
    socket: TcpStream,
    machine: Connection,
    input: Buffer,
    output: Buffer,
    /// Masks need not be secret here; a program takes them from the system's random source.
    mask: u32,
}

fn wrong(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::other(what)
}

/// Reads up to the end of the answer's head; what comes behind it goes to `input`.
fn read_head(socket: &mut TcpStream, input: &mut Buffer) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let n = socket.read(&mut piece)?;
        if n == 0 {
            return Err(wrong("no answer"));
        }
        bytes.extend_from_slice(&piece[..n]);
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            input.append(&bytes[end + 4..]).map_err(wrong)?;
            bytes.truncate(end);
            return Ok(bytes);
        }
    }
}

impl Client {
    fn connect(address: &str, path: &str) -> Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(std::time::Duration::from_secs(20)))?;
        let handshake = ClientHandshake::new(*b"sixteen bytes ok", &[]);
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n");
        for (name, value) in handshake.headers() {
            request += &format!("{name}: {value}\r\n");
        }
        socket.write_all((request + "\r\n").as_bytes())?;
        let mut input = Buffer::new();
        let head = read_head(&mut socket, &mut input)?;
        let mut lines = head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
        let status = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| {
            let colon = line.iter().position(|&b| b == b':')?;
            Some((&line[..colon], &line[colon + 1..]))
        });
        handshake.check_answer(status.unwrap_or(0), headers).map_err(|e| wrong(format!("refused: {e:?}")))?;
        let machine = Connection::new(Role::Client, Limits::default(), Timing::default(), 0);
        Ok(Self { socket, machine, input, output: Buffer::new(), mask: 0x9e37_79b9 })
    }

    fn next_mask(&mut self) -> [u8; 4] {
        self.mask = self.mask.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
        self.mask.to_be_bytes()
    }

    fn flush(&mut self) -> Result<()> {
        for slice in self.output.slices(0) {
            self.socket.write_all(slice)?;
        }
        self.output = Buffer::<NoOwner>::new();
        Ok(())
    }

    fn send(&mut self, kind: Kind, data: &[u8]) -> Result<()> {
        let mask = self.next_mask();
        self.machine.send(kind, data, mask, &mut self.output).map_err(wrong)?;
        self.flush()
    }

    /// The next event; pings are answered on the way.
    fn next(&mut self) -> Result<Event> {
        loop {
            let (used, event) = self.machine.receive(self.input.first(), 0);
            let _ = self.input.drain(used).map_err(wrong)?;
            let mask = self.next_mask();
            self.machine.send_owed(mask, &mut self.output).map_err(wrong)?;
            self.flush()?;
            if let Some(event) = event {
                return Ok(event);
            }
            if self.input.is_empty() {
                let mut piece = [0; 16384];
                let n = self.socket.read(&mut piece)?;
                if n == 0 {
                    return Err(wrong("the connection ended"));
                }
                self.input.append(&piece[..n]).map_err(wrong)?;
            }
        }
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let address = args.next().ok_or_else(|| wrong("usage: ws_client HOST:PORT [PATH]"))?;
    let path = args.next().unwrap_or_else(|| "/".to_owned());
    let mut client = Client::connect(&address, &path)?;
    for size in [0, 1, 125, 126, 65535, 65536, 1 << 20] {
        let text: String = ('a'..='z').cycle().take(size).collect();
        client.send(Kind::Text, text.as_bytes())?;
        let expected = Event::Message { kind: Kind::Text, data: text.into_bytes() };
        if client.next()? != expected {
            return Err(wrong(format!("another text of {size} bytes came back")));
        }
        let bytes: Vec<u8> = (0..size).map(|i| (i * 7) as u8).collect();
        client.send(Kind::Binary, &bytes)?;
        if client.next()? != (Event::Message { kind: Kind::Binary, data: bytes }) {
            return Err(wrong(format!("other {size} bytes came back")));
        }
    }
    let mask = client.next_mask();
    client.machine.ping(b"are you there", mask, &mut client.output).map_err(wrong)?;
    client.flush()?;
    if client.next()? != Event::Pong(b"are you there".to_vec()) {
        return Err(wrong("no pong"));
    }
    let mask = client.next_mask();
    client.machine.close(code::NORMAL, "done", mask, &mut client.output, 0).map_err(wrong)?;
    client.flush()?;
    match client.next()? {
        Event::Close { code: code::NORMAL, .. } if client.machine.is_done() => println!("ok"),
        other => return Err(wrong(format!("closed otherwise: {other:?}"))),
    }
    Ok(())
}
