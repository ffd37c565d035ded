//! A TCP echo server on streams.
//!
//! `cargo run --example echo -- [port]` prints `listening PORT`. See `echo_raw.rs` for the same on plain descriptor events.

use evoxide::EventLoop;
use evoxide::stream::{StreamCtx, StreamHandler};
use std::net::TcpListener;

struct Echo;

impl StreamHandler<()> for Echo {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, ()>) {
        let (input, output) = cx.io();
        output.append_buffer(input);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());

    let mut ev = EventLoop::new(())?;
    ev.accept_from(listener, |cx, conn, _peer| cx.open(conn, Echo))?;
    ev.run()?;
    Ok(())
}
