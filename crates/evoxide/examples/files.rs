//! A file server with rate limits within each other: each connection within its client, each client within the whole.
//!
//! `cargo run --example files -- DIRECTORY [port] [bytes per second]` prints `listening PORT`; then
//! `curl http://127.0.0.1:PORT/file`.

use evoxide::EventLoop;
use evoxide::stream::{LimitId, Rate, StreamCtx, StreamHandler};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, TcpListener};
use std::path::{Component, Path, PathBuf};

/// So much of a file is read ahead.
const CHUNK: usize = 64 * 1024;

/// The limit of each client's address.
type Clients = HashMap<IpAddr, LimitId>;

/// One request a connection.
struct Serve {
    root: PathBuf,
    file: Option<File>,
}

impl Serve {
    fn open(&self, request: &str) -> io::Result<File> {
        let path = request.strip_prefix("GET /").and_then(|r| r.split(' ').next()).unwrap_or_default();
        // Nothing outside the root.
        if !Path::new(path).components().all(|c| matches!(c, Component::Normal(_))) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = File::open(self.root.join(path))?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

impl StreamHandler<Clients> for Serve {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Clients>) {
        if cx.input().find("\r\n\r\n").is_none() {
            if cx.input().len() > CHUNK {
                cx.close();
            }
            return;
        }
        let request = cx.input().next_line().map(|l| String::from_utf8_lossy(l).into_owned()).unwrap_or_default();
        cx.input().clear();
        cx.this().pause_reading();
        match self.open(&request) {
            Ok(file) => {
                let len = file.metadata().map_or(0, |m| m.len());
                cx.output().append(format!("HTTP/1.0 200 OK\r\nContent-Length: {len}\r\n\r\n"));
                self.file = Some(file);
            }
            Err(_) => {
                cx.output().append("HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n");
                cx.close_after_flush();
            }
        }
    }

    fn on_drained(&mut self, cx: &mut StreamCtx<'_, Clients>) {
        let Some(file) = &mut self.file else { return };
        let mut chunk = vec![0; CHUNK];
        match file.read(&mut chunk) {
            Ok(0) | Err(_) => cx.close_after_flush(),
            Ok(n) => {
                chunk.truncate(n);
                cx.output().append_vec(chunk);
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let root = PathBuf::from(args.next().ok_or("usage: files DIRECTORY [port] [bytes per second]")?);
    let port = args.next().map_or(Ok(0), |arg| arg.parse())?;
    let rate = args.next().map_or(Ok(1 << 20), |arg| arg.parse::<usize>())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());

    let mut ev = EventLoop::new(Clients::new())?;
    let whole = ev.limit(Rate::per_second(rate), None)?;
    ev.accept_from(listener, move |cx, conn, peer| {
        let client = match cx.state().get(&peer.ip()) {
            Some(limit) => *limit,
            None => cx.limit(Rate::per_second(rate / 2), Some(whole))?,
        };
        cx.state().insert(peer.ip(), client);
        let id = cx.open(conn, Serve { root: root.clone(), file: None })?;
        cx.set_limit(id, Some(client))
    })?;
    ev.run()?;
    Ok(())
}
