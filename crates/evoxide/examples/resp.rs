//! A server of the Redis protocol: PING, ECHO, SET, GET, DEL, INCR. `resp [PORT]` listens on 127.0.0.1; try `redis-benchmark -p PORT -t
//! ping,set,get,incr`.

use evoxide::EventLoop;
use evoxide::buffer::Buffer;
use evoxide::stream::{Parts, StreamCtx, StreamHandler};
use std::collections::HashMap;
use std::net::TcpListener;

/// The longest line, the longest value, the most arguments.
const LINE: usize = 64 * 1024;
const VALUE: usize = 16 << 20;
const ARGS: usize = 1024;

type Store = HashMap<Vec<u8>, Vec<u8>>;

/// The line that begins at `at`, and where the next one begins.
fn line(input: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, &'static str> {
    let rest = &input[at..];
    match rest.iter().position(|byte| *byte == b'\n') {
        Some(len) if len <= LINE => Ok(Some((rest[..len].strip_suffix(b"\r").unwrap_or(&rest[..len]), at + len + 1))),
        None if rest.len() <= LINE => Ok(None),
        _ => Err("line too long"),
    }
}

fn number(line: &[u8], max: usize) -> Option<usize> {
    std::str::from_utf8(line.get(1..)?).ok()?.parse().ok().filter(|n| *n <= max)
}

/// Finds the arguments of the first command, and answers its length; if it is not complete, that is more than there is. An error is
/// not recoverable.
fn parse<'a>(input: &'a [u8], args: &mut Vec<&'a [u8]>) -> Result<usize, &'static str> {
    args.clear();
    let Some((head, mut at)) = line(input, 0)? else { return Ok(input.len() + 1) };
    if head.first() != Some(&b'*') {
        args.extend(head.split(|byte| *byte == b' ').filter(|word| !word.is_empty()));
        return Ok(at);
    }
    for _ in 0..number(head, ARGS).ok_or("invalid multibulk length")? {
        let Some((head, begin)) = line(input, at)? else { return Ok(input.len() + 1) };
        if head.first() != Some(&b'$') {
            return Err("expected '$'");
        }
        let end = begin + number(head, VALUE).ok_or("invalid bulk length")?;
        at = end + 2;
        if at > input.len() {
            return Ok(at);
        }
        args.push(&input[begin..end]);
    }
    Ok(at)
}

fn bulk(output: &mut Buffer, value: Option<&[u8]>) {
    match value {
        Some(value) => {
            output.append(format!("${}\r\n", value.len()));
            output.append(value);
            output.append("\r\n");
        }
        None => output.append("$-1\r\n"),
    }
}

fn execute(store: &mut Store, output: &mut Buffer, args: &[&[u8]]) {
    let [name, args @ ..] = args else { return };
    match (&name.to_ascii_uppercase()[..], args) {
        (b"PING", []) => output.append("+PONG\r\n"),
        (b"PING" | b"ECHO", [text]) => bulk(output, Some(text)),
        (b"SET", [key, value]) => {
            store.insert(key.to_vec(), value.to_vec());
            output.append("+OK\r\n");
        }
        (b"GET", [key]) => bulk(output, store.get(*key).map(Vec::as_slice)),
        (b"DEL", keys) => {
            let count = keys.iter().filter(|key| store.remove(**key).is_some()).count();
            output.append(format!(":{count}\r\n"));
        }
        (b"INCR", [key]) => {
            let value = store.entry(key.to_vec()).or_insert_with(|| b"0".to_vec());
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

struct Client;

impl StreamHandler<Store> for Client {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Store>) {
        let Parts { input, output, state, .. } = cx.split();
        let (bytes, mut args, mut done) = (input.contiguous(usize::MAX), Vec::new(), 0);
        let missing = loop {
            match parse(&bytes[done..], &mut args) {
                Ok(len) if len <= bytes.len() - done => done += len,
                result => break result,
            }
            execute(state, output, &args);
        };
        input.drain(done);
        match missing {
            // Not called before all of it is there.
            Ok(len) => cx.this().set_read_marks(len, 0),
            Err(error) => {
                output.append(format!("-ERR Protocol error: {error}\r\n"));
                cx.close_after_flush();
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let mut ev = EventLoop::new(Store::new())?;
    ev.accept_from(listener, |cx, conn, _peer| cx.open(conn, Client))?;
    ev.run()?;
    Ok(())
}
