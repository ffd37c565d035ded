//! The chat of `chat.rs` with a task for each guest: `chat_async [PORT] [IDLE_MS]`. Channels and codecs are those of tokio's libraries,
//! which need nothing of its runtime.

use evoxide::EventLoop;
use evoxide::task::{AsyncStream, TaskCx};
use futures_util::{SinkExt, StreamExt};
use std::collections::HashMap;
use std::error::Error;
use std::net::TcpListener;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};
use tokio_util::compat::FuturesAsyncReadCompatExt;

/// The longest line.
const LINE: usize = 1024;
/// The most lines that may wait for a slow reader.
const QUEUE: usize = 1000;

struct Guest {
    name: String,
    room: String,
    sender: Sender<String>,
}

#[derive(Default)]
struct Chat {
    guests: HashMap<usize, Guest>,
    seen: usize,
}

impl Chat {
    fn tell(&mut self, to: usize, text: &str) {
        if self.guests.get(&to).is_some_and(|guest| guest.sender.try_send(text.to_string()).is_err()) {
            self.guests.remove(&to);
        }
    }

    /// Tells everybody else in the room of `me`.
    fn say(&mut self, me: usize, text: &str) {
        let Some(room) = self.guests.get(&me).map(|guest| &guest.room) else { return };
        let here = self.guests.iter().filter(|(id, guest)| **id != me && guest.room == *room);
        for id in here.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.tell(id, text);
        }
    }

    /// Tells the room what happened to `me`.
    fn notice(&mut self, me: usize, what: &str) {
        if let Some(text) = self.guests.get(&me).map(|guest| format!("* {} {what}", guest.name)) {
            self.say(me, &text);
        }
    }

    fn enter(&mut self, sender: Sender<String>) -> usize {
        self.seen += 1;
        let (me, name) = (self.seen, format!("guest{}", self.seen));
        self.guests.insert(me, Guest { name, room: "lobby".to_string(), sender });
        self.tell(me, &format!("* you are guest{me} in lobby"));
        self.notice(me, "came");
        me
    }

    fn leave(&mut self, me: usize) {
        self.notice(me, "left");
        self.guests.remove(&me);
    }

    /// Obeys a line; answers whether more may follow.
    fn obey(&mut self, me: usize, line: &str) -> bool {
        let Some(guest) = self.guests.get_mut(&me) else { return false };
        match line.split_once(' ').unwrap_or((line, "")) {
            ("/quit", _) => return false,
            ("/name", name) if !name.is_empty() => {
                let text = format!("* {} is now {name}", guest.name);
                guest.name = name.to_string();
                self.say(me, &text);
                self.tell(me, &format!("* you are {name}"));
            }
            ("/join", room) if !room.is_empty() => {
                self.notice(me, "left");
                if let Some(guest) = self.guests.get_mut(&me) {
                    guest.room = room.to_string();
                }
                self.notice(me, "came");
                self.tell(me, &format!("* you are in {room}"));
            }
            ("/who", _) => {
                let room = &self.guests[&me].room;
                let here = self.guests.values().filter(|guest| guest.room == *room);
                let mut names: Vec<&str> = here.map(|guest| guest.name.as_str()).collect();
                names.sort_unstable();
                let text = format!("* {}", names.join(" "));
                self.tell(me, &text);
            }
            _ if line.starts_with('/') => self.tell(me, "* what?"),
            _ => {
                let text = format!("{}: {line}", guest.name);
                self.say(me, &text);
            }
        }
        true
    }
}

async fn talk(
    cx: &TaskCx<Chat>,
    me: usize,
    mut inbox: Receiver<String>,
    stream: AsyncStream,
    idle: Duration,
) -> Result<(), Box<dyn Error>> {
    let mut lines = Framed::new(stream.compat(), LinesCodec::new_with_max_length(LINE));
    let mut silence = cx.sleep(idle);
    loop {
        tokio::select! {
            text = inbox.recv() => match text {
                Some(text) => cx.timeout(idle, lines.send(text)).await??,
                None => return Ok(()),
            },
            () = &mut silence => return Ok(lines.send("* silent for too long").await?),
            line = lines.next() => {
                silence = cx.sleep(idle);
                match line {
                    Some(Ok(line)) if cx.with(|cx| cx.state().obey(me, &line)) => {}
                    Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                        return Ok(lines.send("* too long a line").await?);
                    }
                    _ => return Ok(()),
                }
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().map_or(Ok(0), |arg| arg.parse())?;
    let idle = Duration::from_millis(args.next().map_or(Ok(60_000), |arg| arg.parse())?);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let mut ev = EventLoop::new(Chat::default())?;
    let cx = ev.task_cx();
    ev.block_on(async move {
        let listener = cx.accept_from(listener)?;
        loop {
            let (stream, _peer) = listener.accept().await?;
            cx.spawn_with(|cx| async move {
                let (sender, inbox) = channel(QUEUE);
                let me = cx.with(|cx| cx.state().enter(sender));
                let _ = talk(&cx, me, inbox, stream, idle).await;
                cx.with(|cx| cx.state().leave(me));
            });
        }
    })?
}
