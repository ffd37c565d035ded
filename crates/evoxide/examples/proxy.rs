//! A TCP proxy. Bytes move from one connection's input to the other's output without a copy, and who sends faster than the
//! other side reads has to wait.
//!
//! `cargo run --example proxy -- TARGET [port]` prints `listening PORT`.

use evoxide::stream::{StreamCtx, StreamEvent, StreamHandler};
use evoxide::{Context, EventId, EventLoop};
use std::collections::HashMap;
use std::net::TcpListener;

/// So much may wait for a slow reader.
const HIGH: usize = 256 * 1024;

/// Each stream's other side.
type Pairs = HashMap<EventId, EventId>;

/// One side of a connection through the proxy.
struct Side;

fn other(cx: &mut Context<'_, Pairs>) -> Option<EventId> {
    let me = cx.id()?;
    cx.state().get(&me).copied()
}

impl StreamHandler<Pairs> for Side {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Pairs>) {
        let mut bytes = std::mem::take(cx.input());
        let Some(other) = other(cx).and_then(|id| cx.stream(id)) else { return cx.close() };
        other.output().append_buffer(&mut bytes);
        if other.output().len() > HIGH {
            cx.this().pause_reading();
        }
    }

    fn on_drained(&mut self, cx: &mut StreamCtx<'_, Pairs>) {
        if let Some(other) = other(cx).and_then(|id| cx.stream(id)) {
            other.resume_reading();
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, Pairs>, event: StreamEvent) {
        match event {
            StreamEvent::Connected => {}
            StreamEvent::Eof => {
                // Half of the connection ends; the other half may go on.
                match other(cx).and_then(|id| cx.stream(id)) {
                    Some(other) => other.shutdown_write(),
                    None => cx.close_after_flush(),
                }
            }
            _ => cx.close(),
        }
    }

    fn on_close(&mut self, cx: &mut Context<'_, Pairs>) {
        let Some(other) = other(cx) else { return };
        let me = cx.id();
        cx.state().retain(|id, _| Some(*id) != me && *id != other);
        // What the other side has still to read, it gets.
        if let Some(other) = cx.stream(other) {
            other.close_after_flush();
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let target = args.next().ok_or("usage: proxy TARGET [port]")?;
    let port = args.next().map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());

    let mut ev = EventLoop::new(Pairs::new())?;
    ev.accept_from(listener, move |cx, conn, _peer| {
        let client = cx.open(conn, Side)?;
        match cx.connect(target.as_str(), Side) {
            Ok(server) => cx.state().extend([(client, server), (server, client)]),
            Err(_) => {
                cx.remove(client);
            }
        }
        Ok::<_, evoxide::Error>(())
    })?;
    ev.run()?;
    Ok(())
}
