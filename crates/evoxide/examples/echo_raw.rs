//! A TCP echo server on plain descriptor events.
//!
//! `cargo run --example echo_raw -- [port]` prints `listening PORT`.

use evoxide::{Context, EventLoop, Interest};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    println!("listening {}", listener.local_addr()?.port());

    let mut ev = EventLoop::new(())?;
    ev.descriptor(listener, Interest::READ, |cx, listener, _| {
        while let Ok((client, _)) = listener.accept() {
            let _ = serve(cx, client);
        }
    })?;
    ev.run()?;
    Ok(())
}

fn serve(cx: &mut Context<'_, ()>, client: TcpStream) -> Result<(), evoxide::Error> {
    client.set_nonblocking(true)?;
    let mut backlog = Vec::new();
    cx.descriptor(client, Interest::READ, move |cx, client, _| {
        if !echo(cx, client, &mut backlog) {
            cx.remove_self();
        }
    })?;
    Ok(())
}

/// Moves what can be moved; whether the client is still there.
fn echo(cx: &mut Context<'_, ()>, client: &mut TcpStream, backlog: &mut Vec<u8>) -> bool {
    let mut chunk = [0; 16 * 1024];
    if backlog.is_empty() {
        match client.read(&mut chunk) {
            Ok(0) => return false,
            Ok(n) => backlog.extend(&chunk[..n]),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
    match client.write(backlog) {
        Ok(n) => drop(backlog.drain(..n)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(_) => return false,
    }
    let wanted = if backlog.is_empty() { Interest::READ } else { Interest::WRITE };
    cx.id().is_some_and(|id| cx.set_interest(id, wanted).is_ok())
}
