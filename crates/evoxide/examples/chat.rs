//! A line chat: what one says, all others read. Slow readers are dropped rather than waited for.
//!
//! `cargo run --example chat -- [port]` prints `listening PORT`; then `nc 127.0.0.1 PORT` a few times.

use evoxide::stream::{StreamCtx, StreamHandler};
use evoxide::{Context, EventId, EventLoop};
use std::net::TcpListener;

/// Whoever has more than this unread is dropped.
const PATIENCE: usize = 1 << 20;
/// Longer lines are cut.
const LINE: usize = 4096;

#[derive(Default)]
struct Room {
    guests: Vec<EventId>,
    seen: u32,
}

struct Guest {
    name: String,
}

impl Guest {
    fn say(cx: &mut Context<'_, Room>, me: Option<EventId>, text: &str) {
        let (events, room) = cx.parts();
        for other in room.guests.iter().filter(|id| Some(**id) != me) {
            let Some(stream) = events.stream(*other) else { continue };
            stream.output().append(text);
            if stream.output().len() > PATIENCE {
                stream.close();
            }
        }
    }
}

impl StreamHandler<Room> for Guest {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Room>) {
        let mut said = String::new();
        while let Some(line) = cx.input().next_line() {
            said.push_str(&format!("{}: {}\n", self.name, String::from_utf8_lossy(line)));
        }
        if cx.input().len() > LINE {
            cx.input().clear();
        }
        let me = cx.id();
        Self::say(cx, me, &said);
    }

    fn on_close(&mut self, cx: &mut Context<'_, Room>) {
        let me = cx.id();
        cx.state().guests.retain(|id| Some(*id) != me);
        Self::say(cx, me, &format!("* {} left\n", self.name));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());

    let mut ev = EventLoop::new(Room::default())?;
    ev.accept_from(listener, |cx, conn, _peer| {
        cx.state().seen += 1;
        let name = format!("guest{}", cx.state().seen);
        Guest::say(cx, None, &format!("* {name} came\n"));
        if let Ok(id) = cx.open(conn, Guest { name: name.clone() }) {
            cx.state().guests.push(id);
            if let Some(stream) = cx.stream(id) {
                stream.output().append(format!("* you are {name}\n"));
            }
        }
    })?;
    ev.run()?;
    Ok(())
}
