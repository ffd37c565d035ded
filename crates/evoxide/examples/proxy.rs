//! A TCP proxy with limits: `proxy TARGET [PORT] [CONNECTIONS] [RATE]`. CONNECTIONS clients are served at once, others are turned away;
//! each may send, and be sent, RATE bytes a second; who reads slowly makes the other side wait. Bytes move without a copy.

use evoxide::stream::{Rate, StreamCtx, StreamEvent, StreamHandler};
use evoxide::{Context, EventId, EventLoop};
use std::collections::HashMap;
use std::error::Error;
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

/// How long to try to reach the target.
const PATIENCE: Duration = Duration::from_secs(5);
/// So much may wait for a slow reader.
const HIGH: usize = 64 * 1024;

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
            // Half of the connection ends; the other half may go on.
            StreamEvent::Eof => match other(cx).and_then(|id| cx.stream(id)) {
                Some(other) => other.shutdown_write(),
                None => cx.close_after_flush(),
            },
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

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let target = args.next().ok_or("usage: proxy TARGET [PORT] [CONNECTIONS] [RATE]")?;
    let port = args.next().map_or(Ok(0), |arg| arg.parse())?;
    let connections: usize = args.next().map_or(Ok(100), |arg| arg.parse())?;
    let rate = Rate::per_second(args.next().map_or(Ok(10 << 20), |arg| arg.parse())?);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let mut ev = EventLoop::new(Pairs::new())?;
    ev.accept_from(listener, move |cx, mut conn, _peer| {
        if cx.state().len() >= connections * 2 {
            return Ok(conn.write_all(b"too many connections\n")?);
        }
        let server = cx.connect_timeout(target.as_str(), PATIENCE, Side)?;
        let client = cx.open(conn, Side)?;
        cx.set_rate(client, rate)?;
        cx.state().extend([(client, server), (server, client)]);
        Ok::<_, evoxide::Error>(())
    })?;
    ev.run()?;
    Ok(())
}
