//! The smallest service that answers: two paths, 128 bytes of text. `http_hello [PORT]` listens on 127.0.0.1.

use evoxide::EventLoop;
use evoxide::http::{Body, Server};
use std::net::TcpListener;

const BODY: [u8; 128] = [b'x'; 128];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let mut ev = EventLoop::new(())?;
    let hello = || Body::from(&BODY[..]).content_type("text/plain");
    let server = Server::new().get("/", move |_cx, _request| hello()).get("/hello", move |_cx, _request| hello());
    ev.serve_from(listener, server)?;
    ev.run()?;
    Ok(())
}
