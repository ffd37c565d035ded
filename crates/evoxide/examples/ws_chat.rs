//! A chat over WebSocket, with its page. `ws_chat [PORT]` listens on 127.0.0.1; open `http://127.0.0.1:PORT/` in several windows.

use evoxide::EventLoop;
use evoxide::http::{Body, Server};
use evoxide::ws::{Close, Message, Socket, SocketConfig, SocketCx, SocketHandler, code};
use std::net::TcpListener;

/// Somebody for whom so much waits does not read.
const FULL: usize = 1 << 20;

#[derive(Default)]
struct Room {
    members: Vec<(u32, Socket)>,
    last: u32,
}

struct Member(u32);

fn tell(cx: &mut SocketCx<'_, Room>, line: &str) {
    for (_, socket) in cx.state().members.clone() {
        if socket.send(cx, line).is_ok_and(|queued| queued > FULL) {
            let _ = socket.close(cx, code::POLICY, "too slow");
        }
    }
}

impl SocketHandler<Room> for Member {
    fn on_open(&mut self, cx: &mut SocketCx<'_, Room>) {
        let socket = cx.socket();
        cx.state().members.push((self.0, socket));
        tell(cx, &format!("{} is here", self.0));
    }

    fn on_message(&mut self, cx: &mut SocketCx<'_, Room>, message: Message) {
        if let Message::Text(text) = message {
            tell(cx, &format!("{}: {text}", self.0));
        }
    }

    fn on_close(&mut self, cx: &mut SocketCx<'_, Room>, _close: Close) {
        let own = self.0;
        cx.state().members.retain(|(number, _)| *number != own);
        tell(cx, &format!("{own} has left"));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let server = Server::<Room>::new()
        .get("/", |_cx, _request| Body::from(include_str!("ws_chat.html")).content_type("text/html; charset=utf-8"))
        .websocket("/chat", SocketConfig::new().max_message(4096), |cx, _request| {
            cx.state().last += 1;
            Ok(Member(cx.state().last))
        });
    let mut ev = EventLoop::new(Room::default())?;
    ev.serve_from(listener, server)?;
    ev.run()?;
    Ok(())
}
