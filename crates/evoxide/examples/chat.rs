//! A line chat with rooms: `chat [PORT] [IDLE_MS]`. Commands are `/name NAME`, `/join ROOM`, `/who` and `/quit`. Who is silent for too
//! long, sends too long a line or reads too slowly is dropped.

use evoxide::buffer::LineEnd;
use evoxide::stream::{Parts, StreamCtx, StreamEvent, StreamHandler};
use evoxide::{Context, EventId, EventLoop};
use std::collections::HashMap;
use std::error::Error;
use std::net::TcpListener;
use std::time::Duration;

/// The longest line.
const LINE: usize = 1024;
/// The most bytes that may wait for a slow reader.
const UNREAD: usize = 1 << 20;

struct Guest {
    name: String,
    room: String,
}

#[derive(Default)]
struct Chat {
    guests: HashMap<EventId, Guest>,
    seen: u32,
}

/// Tells everybody else in the room of `me`.
fn say(cx: &mut Context<'_, Chat>, me: EventId, text: &str) {
    let (events, chat) = cx.parts();
    let Some(room) = chat.guests.get(&me).map(|guest| &guest.room) else { return };
    for (id, _) in chat.guests.iter().filter(|(id, guest)| **id != me && guest.room == *room) {
        let Some(stream) = events.stream(*id) else { continue };
        stream.output().append(text);
        if stream.output().len() > UNREAD {
            stream.close();
        }
    }
}

/// Tells the room what happened to `me`.
fn notice(cx: &mut Context<'_, Chat>, me: EventId, what: &str) {
    if let Some(text) = cx.state().guests.get(&me).map(|guest| format!("* {} {what}\n", guest.name)) {
        say(cx, me, &text);
    }
}

fn enter(cx: &mut Context<'_, Chat>, me: EventId, idle: Duration) {
    cx.state().seen += 1;
    let name = format!("guest{}", cx.state().seen);
    if let Some(stream) = cx.stream(me) {
        stream.set_timeouts(Some(idle), None);
        stream.output().append(format!("* you are {name} in lobby\n"));
    }
    cx.state().guests.insert(me, Guest { name, room: "lobby".to_string() });
    notice(cx, me, "came");
}

fn obey(cx: &mut StreamCtx<'_, Chat>, me: EventId, line: &str) {
    let Some(guest) = cx.state().guests.get_mut(&me) else { return };
    match line.split_once(' ').unwrap_or((line, "")) {
        ("/quit", _) => cx.close_after_flush(),
        ("/name", name) if !name.is_empty() => {
            let text = format!("* {} is now {name}\n", guest.name);
            guest.name = name.to_string();
            say(cx, me, &text);
            cx.output().append(format!("* you are {name}\n"));
        }
        ("/join", room) if !room.is_empty() => {
            notice(cx, me, "left");
            if let Some(guest) = cx.state().guests.get_mut(&me) {
                guest.room = room.to_string();
            }
            notice(cx, me, "came");
            cx.output().append(format!("* you are in {room}\n"));
        }
        ("/who", _) => {
            let Parts { output, state: Chat { guests, .. }, .. } = cx.split();
            let here = guests.values().filter(|guest| guest.room == guests[&me].room);
            let mut names: Vec<&str> = here.map(|guest| guest.name.as_str()).collect();
            names.sort_unstable();
            output.append(format!("* {}\n", names.join(" ")));
        }
        _ if line.starts_with('/') => cx.output().append("* what?\n"),
        _ => {
            let text = format!("{}: {line}\n", guest.name);
            say(cx, me, &text);
        }
    }
}

struct Talk;

impl StreamHandler<Chat> for Talk {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Chat>) {
        let Some(me) = cx.id() else { return };
        while !cx.this().is_closing() {
            match cx.input().take_line_max(LineEnd::CrLf, LINE) {
                Ok(Some(line)) => obey(cx, me, &String::from_utf8_lossy(&line)),
                Ok(None) => return,
                Err(_) => {
                    cx.output().append("* too long a line\n");
                    cx.close_after_flush();
                }
            }
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, Chat>, event: StreamEvent) {
        if let StreamEvent::ReadTimeout = event {
            cx.output().append("* silent for too long\n");
        }
        cx.close_after_flush();
    }

    fn on_close(&mut self, cx: &mut Context<'_, Chat>) {
        let Some(me) = cx.id() else { return };
        notice(cx, me, "left");
        cx.state().guests.remove(&me);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().map_or(Ok(0), |arg| arg.parse())?;
    let idle = Duration::from_millis(args.next().map_or(Ok(60_000), |arg| arg.parse())?);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let mut ev = EventLoop::new(Chat::default())?;
    ev.accept_from(listener, move |cx, conn, _peer| {
        let me = cx.open(conn, Talk)?;
        enter(cx, me, idle);
        Ok::<_, evoxide::Error>(())
    })?;
    ev.run()?;
    Ok(())
}
