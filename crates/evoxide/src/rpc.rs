//! Messages of `.rpc` files, which C programs on libevent read and write as well, and calls between programs over HTTP.
//!
//! A `.rpc` file is the contract of both sides, so the generator that writes C for it writes Rust too, instead of a derive
//! that would repeat tags and order in attributes:
//!
//! ```text
//! event_rpcgen greeting.rpc greeting.gen.c greeting.gen.h   # for C
//! event_rpcgen greeting.rpc greeting.rs                     # for Rust: structs with [`Message`]
//! ```
//!
//! What a peer sends is bounded by [`Limits`] before anything is allocated for it.
//!
//! With the feature `http` (on by default), [`Server::command`](crate::http::Server::command) answers what C programs call by `EVRPC_MAKE_REQUEST`,
//! and [`Client::call`] calls what they offer by `EVRPC_REGISTER`. A call is a `POST` to `/.rpc.` and the command's name; an answer whose status is
//! not 200 is a [`Failure`], whatever its body.
//!
//! ```
//! # #[cfg(feature = "http")]
//! # fn main() -> Result<(), evoxide::Error> {
//! use evoxide::http::{ClientConfig, Server, StatusCode};
//! use evoxide::rpc::{Client, Failure, Items, Message, field};
//! use evoxide::EventLoop;
//! use std::net::TcpListener;
//! use std::time::Duration;
//!
//! // As `event_rpcgen` writes it for: struct number { int value = 1; }
//! #[derive(Debug, PartialEq)]
//! struct Number { value: u32 }
//!
//! impl Message for Number {
//!     fn write(&self, out: &mut Vec<u8>) {
//!         field::put_int(out, 1, u64::from(self.value));
//!     }
//!     fn read(items: Items<'_>) -> Result<Self, evoxide::rpc::Error> {
//!         let mut value = None;
//!         for item in items {
//!             let item = item?;
//!             if item.tag == 1 {
//!                 field::once(&mut value, item.int()?)?;
//!             }
//!         }
//!         Ok(Number { value: field::required(value)? })
//!     }
//! }
//!
//! let server = Server::new().command("Half", |_cx, asked: Number| match asked.value % 2 {
//!     0 => Ok(Number { value: asked.value / 2 }),
//!     _ => Err(StatusCode::UNPROCESSABLE_ENTITY),
//! });
//! let mut ev = EventLoop::new(Vec::new())?;
//! let listener = ev.serve("127.0.0.1:0", server)?;
//! let port = ev.source::<TcpListener>(listener).unwrap().local_addr()?.port();
//!
//! // The HTTP client has the connections and the time-outs.
//! let http = ev.http_client(ClientConfig::new().timeout(Duration::from_secs(10)));
//! let client = Client::new(http, &format!("http://127.0.0.1:{port}"))?;
//! for value in [84, 7] {
//!     client.call(&mut ev, "Half", &Number { value }, |cx, reply: Result<Number, _>| {
//!         let said = match reply {
//!             Ok(number) => format!("{number:?}"),
//!             Err(error) => format!("{:?}", Failure::of(&error)),
//!         };
//!         cx.state().push(said);
//!         if cx.state().len() == 2 {
//!             cx.exit();
//!         }
//!     });
//! }
//! ev.run()?;
//! ev.state_mut().sort();
//! assert_eq!(ev.state(), &["Number { value: 42 }", "Some(Status(422))"]);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "http"))]
//! # fn main() {}
//! ```

#[cfg(feature = "http")]
mod client;
#[cfg(feature = "http")]
mod server;
#[cfg(all(test, feature = "async", feature = "http"))]
mod tests;

#[cfg(feature = "http")]
pub use client::{Client, Failure};
pub use evoxide_proto::rpc::{Message, field};
pub use evoxide_proto::tag::{Error, Item, Items, Limits};
#[cfg(feature = "http")]
pub use server::Reply;

/// The media type of messages.
#[cfg(feature = "http")]
const MEDIA: &str = "application/octet-stream";

/// A message as a body.
#[cfg(feature = "http")]
fn body_of(message: &impl Message) -> crate::http::Body {
    crate::http::Body::from(message.to_bytes()).content_type(MEDIA)
}

/// Where a command lives.
#[cfg(feature = "http")]
fn path_of(command: &str) -> String {
    String::from_utf8_lossy(&evoxide_proto::rpc::path(command.as_bytes())).into_owned()
}
