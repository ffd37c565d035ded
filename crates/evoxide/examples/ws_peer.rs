//! A WebSocket server and a client for other programs to talk to; `cargo xtask clients rust-websockets` does.
//!
//! - `ws_peer PORT`: a server.
//! - `ws_peer HOST PORT`: a client that connects again and again, until it is closed with 4000.
//!
//! Both send back each message that comes, and print with which code they were closed. A text `close CODE` is answered by
//! closing, `ping` by a ping.

use evoxide::http::{Client, ClientConfig, Server};
use evoxide::ws::{Close, Message, SocketConfig, SocketCx, SocketHandler};
use evoxide::{Context, Error, EventLoop};
use std::time::Duration;

/// The code that ends the client.
const ENOUGH: u16 = 4000;

struct Echo {
    /// Where a client connects next.
    again: Option<(Client, String)>,
}

fn connect(cx: &mut Context<'_, ()>, client: Client, uri: String) {
    let echo = Echo { again: Some((client, uri.clone())) };
    if let Err(error) = client.websocket(cx, &uri, config(), echo) {
        println!("not opened: {error}");
        cx.exit();
    }
}

fn config() -> SocketConfig {
    SocketConfig::new().max_message(16 << 20).keep_alive(Duration::from_millis(200), Duration::from_secs(60))
}

impl SocketHandler<()> for Echo {
    fn on_message(&mut self, cx: &mut SocketCx<'_, ()>, message: Message) {
        if let Message::Text(text) = &message {
            if text == "ping" {
                let _ = cx.socket().ping(cx, b"are you there");
            } else if let Some(code) = text.strip_prefix("close ") {
                let _ = cx.close(code.parse().unwrap_or(0), "as you wish");
                return;
            }
        }
        let _ = cx.send(message);
    }

    fn on_close(&mut self, cx: &mut SocketCx<'_, ()>, close: Close) {
        println!("closed {} {}", close.code, close.reason);
        match self.again.take() {
            Some(_) if close.code == ENOUGH => cx.exit(),
            // What refuses a connection is asked again after a while.
            Some((client, uri)) => {
                cx.timer(Duration::from_millis(20), move |cx| connect(cx, client, uri.clone()));
            }
            None => {}
        }
    }
}

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut ev = EventLoop::new(())?;
    match args.as_slice() {
        [host, port] => {
            let (client, uri) = (ev.http_client(ClientConfig::new()), format!("ws://{host}:{port}/chat"));
            ev.timer(Duration::ZERO, move |cx| connect(cx, client, uri.clone()));
        }
        [port] => {
            let server = Server::new().websocket("/chat", config(), |_cx, _request| Ok(Echo { again: None }));
            ev.serve(("127.0.0.1", port.parse().unwrap_or(0)), server)?;
        }
        _ => eprintln!("ws_peer PORT, or ws_peer HOST PORT"),
    }
    ev.run()?;
    Ok(())
}
