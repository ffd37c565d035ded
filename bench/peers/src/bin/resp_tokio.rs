//! A server of the Redis protocol: PING, ECHO, SET, GET, DEL, INCR. `resp_tokio [PORT]`; try `redis-benchmark -p PORT -t
//! ping,set,get,incr`.

use bytes::{Buf, BytesMut};
use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The longest line, the longest value, the most arguments.
const LINE: usize = 64 * 1024;
const VALUE: usize = 16 << 20;
const ARGS: usize = 1024;

type Store = HashMap<Vec<u8>, Vec<u8>>;

/// The line that begins at `at`, which is moved behind it.
fn take_line<'a>(input: &'a [u8], at: &mut usize) -> Result<Option<&'a [u8]>, &'static str> {
    let rest = &input[*at..];
    match rest.iter().position(|byte| *byte == b'\n') {
        Some(len) if len <= LINE => {
            *at += len + 1;
            Ok(Some(rest[..len].strip_suffix(b"\r").unwrap_or(&rest[..len])))
        }
        None if rest.len() <= LINE => Ok(None),
        _ => Err("line too long"),
    }
}

fn number(line: &[u8], max: usize) -> Option<usize> {
    std::str::from_utf8(line.get(1..)?).ok()?.parse().ok().filter(|n| *n <= max)
}

/// Takes one command, if it is complete. An error is not recoverable.
fn take_command(input: &mut BytesMut) -> Result<Option<Vec<Vec<u8>>>, &'static str> {
    let mut at = 0;
    let Some(line) = take_line(input, &mut at)? else { return Ok(None) };
    let mut args = Vec::new();
    if line.first() == Some(&b'*') {
        for _ in 0..number(line, ARGS).ok_or("invalid multibulk length")? {
            let Some(head) = take_line(input, &mut at)? else { return Ok(None) };
            if head.first() != Some(&b'$') {
                return Err("expected '$'");
            }
            let len = number(head, VALUE).ok_or("invalid bulk length")?;
            let Some(value) = input.get(at..at + len + 2) else { return Ok(None) };
            args.push(value[..len].to_vec());
            at += len + 2;
        }
    } else {
        args.extend(line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).map(<[u8]>::to_vec));
    }
    input.advance(at);
    Ok(Some(args))
}

fn bulk(output: &mut Vec<u8>, value: Option<&Vec<u8>>) {
    match value {
        Some(value) => {
            output.extend_from_slice(format!("${}\r\n", value.len()).as_bytes());
            output.extend_from_slice(value);
            output.extend_from_slice(b"\r\n");
        }
        None => output.extend_from_slice(b"$-1\r\n"),
    }
}

fn execute(store: &mut Store, output: &mut Vec<u8>, mut args: Vec<Vec<u8>>) {
    let Some((name, args)) = args.split_first_mut() else { return };
    name.make_ascii_uppercase();
    match (&name[..], args) {
        (b"PING", []) => output.extend_from_slice(b"+PONG\r\n"),
        (b"PING" | b"ECHO", [text]) => bulk(output, Some(text)),
        (b"SET", [key, value]) => {
            store.insert(std::mem::take(key), std::mem::take(value));
            output.extend_from_slice(b"+OK\r\n");
        }
        (b"GET", [key]) => bulk(output, store.get(key)),
        (b"DEL", keys) => {
            let count = keys.iter().filter(|key| store.remove(*key).is_some()).count();
            output.extend_from_slice(format!(":{count}\r\n").as_bytes());
        }
        (b"INCR", [key]) => {
            let value = store.entry(std::mem::take(key)).or_insert_with(|| b"0".to_vec());
            match std::str::from_utf8(value).ok().and_then(|v| v.parse::<i64>().ok()?.checked_add(1)) {
                Some(next) => {
                    *value = next.to_string().into_bytes();
                    output.extend_from_slice(format!(":{next}\r\n").as_bytes());
                }
                None => output.extend_from_slice(b"-ERR value is not an integer or out of range\r\n"),
            }
        }
        (b"COMMAND" | b"CONFIG", _) => output.extend_from_slice(b"*0\r\n"),
        _ => output.extend_from_slice(b"-ERR unknown command or wrong number of arguments\r\n"),
    }
}

async fn serve(store: &Mutex<Store>, mut stream: TcpStream) -> io::Result<()> {
    let (mut input, mut output) = (BytesMut::with_capacity(16 * 1024), Vec::new());
    while stream.read_buf(&mut input).await? > 0 {
        let broken = loop {
            match take_command(&mut input) {
                Ok(Some(args)) => execute(&mut store.lock().unwrap(), &mut output, args),
                Ok(None) => break false,
                Err(error) => {
                    output.extend_from_slice(format!("-ERR Protocol error: {error}\r\n").as_bytes());
                    break true;
                }
            }
        };
        stream.write_all(&output).await?;
        output.clear();
        if broken {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening {}", listener.local_addr()?.port());
    let store = Arc::new(Mutex::new(Store::new()));
    loop {
        let (stream, _peer) = listener.accept().await?;
        let store = Arc::clone(&store);
        tokio::spawn(async move { serve(&store, stream).await });
    }
}
