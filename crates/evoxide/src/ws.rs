//! WebSocket (RFC 6455): on servers and clients (feature `ws`).
//!
//! ```
//! use evoxide::http::Server;
//! use evoxide::ws::{Message, SocketCx, SocketHandler};
//!
//! struct Echo;
//!
//! impl<S: 'static> SocketHandler<S> for Echo {
//!     fn on_message(&mut self, cx: &mut SocketCx<'_, S>, message: Message) {
//!         let _ = cx.send(message);
//!     }
//! }
//!
//! let server = Server::<()>::new().websocket("/echo", Default::default(), |_cx, _request| Ok(Echo));
//! ```
//!
//! Handshakes, frames, limits, pings and closes are decided by the machine of `evoxide_proto::ws`. Other handlers send by a [`Socket`], a
//! small value that names a connection.

mod client;
mod config;
mod connection;
mod server;
mod socket;
#[cfg(feature = "async")]
mod tasks;

pub use config::{Origins, SocketConfig};
pub use connection::{Close, Message, SocketCx, SocketHandler};
pub use evoxide_proto::ws::code;
pub use socket::Socket;
#[cfg(feature = "async")]
pub use tasks::AsyncSocket;
