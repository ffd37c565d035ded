//! A server of the Redis protocol: PING, ECHO, SET, GET, DEL, INCR. `resp [PORT]` listens on 127.0.0.1; try `redis-benchmark -p PORT -t
//! ping,set,get,incr`.

use evoxide::EventLoop;
use evoxide::buffer::{Buffer, LineEnd};
use evoxide::stream::{Parts, StreamCtx, StreamHandler};
use std::collections::HashMap;
use std::net::TcpListener;

/// The longest line, the longest value, the most arguments.
const LINE: usize = 64 * 1024;
const VALUE: usize = 16 << 20;
const ARGS: usize = 1024;

type Store = HashMap<Vec<u8>, Vec<u8>>;

/// One connection: the command that comes in.
#[derive(Default)]
struct Client {
    args: Vec<Vec<u8>>,
    /// Arguments still to come, and the length of the next one.
    missing: usize,
    next: Option<usize>,
}

impl Client {
    /// Takes one command, if it is complete. An error is not recoverable.
    fn command(&mut self, input: &mut Buffer) -> Result<Option<Vec<Vec<u8>>>, &'static str> {
        loop {
            if let Some(len) = self.next {
                if input.len() < len + 2 {
                    return Ok(None);
                }
                self.args.push(input.take_bytes(len));
                input.drain(2);
                self.next = None;
                self.missing -= 1;
            } else {
                let Some(line) = input.take_line_max(LineEnd::CrLf, LINE).map_err(|_| "line too long")? else {
                    return Ok(None);
                };
                let number = || std::str::from_utf8(line.get(1..).unwrap_or(&[])).ok()?.parse::<usize>().ok();
                match line.first() {
                    Some(b'$') if self.missing > 0 => {
                        self.next = Some(number().filter(|n| *n <= VALUE).ok_or("invalid bulk length")?);
                    }
                    _ if self.missing > 0 => return Err("expected '$'"),
                    Some(b'*') => self.missing = number().filter(|n| *n <= ARGS).ok_or("invalid multibulk length")?,
                    _ => {
                        let words = line.split(|b| *b == b' ').filter(|w| !w.is_empty());
                        self.args.extend(words.map(<[u8]>::to_vec));
                    }
                }
            }
            if self.missing == 0 && !self.args.is_empty() {
                return Ok(Some(std::mem::take(&mut self.args)));
            }
        }
    }
}

fn bulk(output: &mut Buffer, value: Option<&Vec<u8>>) {
    match value {
        Some(value) => {
            output.append(format!("${}\r\n", value.len()));
            output.append(value);
            output.append("\r\n");
        }
        None => output.append("$-1\r\n"),
    }
}

fn execute(store: &mut Store, output: &mut Buffer, mut args: Vec<Vec<u8>>) {
    let name = args.remove(0).to_ascii_uppercase();
    match (&name[..], &mut args[..]) {
        (b"PING", []) => output.append("+PONG\r\n"),
        (b"PING" | b"ECHO", [text]) => bulk(output, Some(text)),
        (b"SET", [key, value]) => {
            store.insert(std::mem::take(key), std::mem::take(value));
            output.append("+OK\r\n");
        }
        (b"GET", [key]) => bulk(output, store.get(key)),
        (b"DEL", keys) => {
            let count = keys.iter().filter(|key| store.remove(*key).is_some()).count();
            output.append(format!(":{count}\r\n"));
        }
        (b"INCR", [key]) => {
            let value = store.entry(std::mem::take(key)).or_insert_with(|| b"0".to_vec());
            match std::str::from_utf8(value).ok().and_then(|v| v.parse::<i64>().ok()?.checked_add(1)) {
                Some(next) => {
                    *value = next.to_string().into_bytes();
                    output.append(format!(":{next}\r\n"));
                }
                None => output.append("-ERR value is not an integer or out of range\r\n"),
            }
        }
        (b"COMMAND" | b"CONFIG", _) => output.append("*0\r\n"),
        _ => output.append("-ERR unknown command or wrong number of arguments\r\n"),
    }
}

impl StreamHandler<Store> for Client {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Store>) {
        let Parts { input, output, state, .. } = cx.split();
        loop {
            match self.command(input) {
                Ok(Some(args)) => execute(state, output, args),
                Ok(None) => return,
                Err(error) => {
                    output.append(format!("-ERR Protocol error: {error}\r\n"));
                    return cx.close_after_flush();
                }
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let mut ev = EventLoop::new(Store::new())?;
    ev.accept_from(listener, |cx, conn, _peer| cx.open(conn, Client::default()))?;
    ev.run()?;
    Ok(())
}
