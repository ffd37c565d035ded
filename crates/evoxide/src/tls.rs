//! TLS on any stream, for clients and servers, by rustls.
//!
//! [`ClientTls`] and [`ServerTls`] hold what many sessions share; each makes a [`TlsLayer`] for one stream, which goes below the
//! stream's buffers by [`Stream::start_tls`](crate::stream::Stream::start_tls): at once after connecting or accepting, or later on a
//! stream that was used in the clear before. [`StreamEvent::Connected`](crate::stream::StreamEvent::Connected) is told when the handshake
//! is done. What the peer's close_notify ends is an ordinary end; a transport that ends without one is an error.
//!
//! Names are verified unless the program brings a configuration of its own. Records are encrypted into the storage that is sent and
//! decrypted where they lie.
//!
//! # Examples
//! ```no_run
//! use evoxide::EventLoop;
//! use evoxide::stream::{StreamCtx, StreamEvent, StreamHandler};
//! use evoxide::tls::ClientTls;
//!
//! struct Get;
//!
//! impl<S> StreamHandler<S> for Get {
//!     fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
//!         print!("{}", String::from_utf8_lossy(&cx.input().take_bytes(usize::MAX)));
//!     }
//!
//!     fn on_event(&mut self, cx: &mut StreamCtx<'_, S>, event: StreamEvent) {
//!         match event {
//!             StreamEvent::Connected => cx.output().append("GET / HTTP/1.0\r\nHost: example.org\r\n\r\n"),
//!             _ => cx.close(),
//!         }
//!     }
//! }
//!
//! # #[cfg(feature = "native-roots")]
//! # {
//! let tls = ClientTls::builder().native_roots()?.build()?;
//! let mut ev = EventLoop::new(())?;
//! let id = ev.connect("example.org:443", Get)?;
//! ev.stream(id).unwrap().start_tls(tls.layer("example.org")?);
//! ev.run()?;
//! # }
//! # Ok::<(), evoxide::Error>(())
//! ```

mod client;
mod error;
mod identity;
mod layer;
mod server;

pub use client::{ClientTls, ClientTlsBuilder};
pub use identity::Identity;
pub use layer::{Session, TlsLayer};
/// The library behind it, for configurations of the program's own.
pub use rustls;
pub use server::{ServerTls, ServerTlsBuilder};
