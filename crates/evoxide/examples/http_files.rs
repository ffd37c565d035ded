//! A server of files: ranges, conditional requests, an index. `http_files FOLDER [PORT]` listens on 127.0.0.1, and ends in order
//! at SIGINT or SIGTERM.

use evoxide::http::{Files, Server};
use evoxide::{EventLoop, Signal};
use std::net::TcpListener;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("http_files FOLDER [PORT]")?;
    let listener = TcpListener::bind(("127.0.0.1", args.next().map_or(Ok(0), |arg| arg.parse())?))?;
    println!("listening {}", listener.local_addr()?.port());
    let server = Server::new()
        .files("/", Files::new(folder)?.index("index.html").cache("no-cache"))
        .max_connections(1000)
        .log(|_cx, access| eprintln!("{access}"));
    let mut ev = EventLoop::new(())?;
    let listener = ev.serve_from(listener, server)?;
    for signal in [Signal::INT, Signal::TERM] {
        let id = ev.signal(signal, move |cx, _count| drop(cx.drain_server(listener, Duration::from_secs(10))))?;
        ev.keep_alive(id, false);
    }
    ev.run()?;
    Ok(())
}
