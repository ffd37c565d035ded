//! HTTP/1.1: servers and clients (feature `http`).
//!
//! ```
//! use evoxide::EventLoop;
//! use evoxide::http::{RequestExt, Server};
//!
//! let server = Server::<u32>::new()
//!     .get("/", |_cx, _request| "hello\n")
//!     .get("/hello/{name}", |cx, request| {
//!         *cx.state() += 1;
//!         format!("hello {}\n", request.param("name").unwrap_or_default())
//!     });
//! let mut ev = EventLoop::new(0)?;
//! ev.serve("127.0.0.1:0", server)?;
//! # Ok::<(), evoxide::Error>(())
//! ```
//!
//! # How it hangs together
//! - A [`Server`] is routes with their handlers. A handler answers at once, by what it returns, or later, by a [`Responder`].
//! - A request's body is collected, under a limit, or taken as it comes by an [`Upload`].
//! - A [`Body`] that is sent is there, is made piece by piece as fast as the peer reads, or is written by a [`BodyWriter`].
//! - A [`Client`] sends requests over connections that it keeps, and collects answers or gives them to an [`Exchange`] as they come.
//! - HTTPS is `Server::tls` and `ClientConfig::tls` (feature `rustls`); the client verifies names. Redirects never leave it.
//! - What is strict and what is refused is decided by the machines of `evoxide_proto::http`, which libevent's face of this project
//!   runs too.
//! - [`Request`], [`Response`] and what is in them are those of the crate `http`.

mod answer;
mod body;
mod client;
mod connection;
mod context;
mod download;
mod exchange;
mod failure;
mod files;
mod guard;
mod incoming;
mod origin;
mod outgoing;
mod routes;
mod scratch;
mod server;
#[cfg(feature = "async")]
mod tasks;
mod timed;
mod types;
mod upload;

pub use answer::{Answer, IntoAnswer, Later};
pub use body::{Body, Flow};
pub use client::{Client, ClientConfig, ExchangeId};
pub use context::{BodyWriter, RequestCx, Responder, Resumption};
pub use download::Exchange;
pub use evoxide_proto::http::Fault;
pub use failure::Failure;
pub use files::Files;
pub use routes::{RequestExt, body_text};
pub use server::{Access, Server};
#[cfg(feature = "async")]
pub use tasks::{AsyncBody, AsyncWriter};
pub use types::{
    Head, HeaderMap, HeaderName, HeaderValue, Method, OutRequest, Received, Request, RequestHead, Response, StatusCode,
    Uri, Version, header,
};
pub use upload::Upload;
