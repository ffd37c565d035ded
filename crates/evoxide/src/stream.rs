//! Streams: connections with buffers and a handler, and listeners that accept them.
//!
//! Start with [`StreamHandler`]: an echo server is its example. [`Registry::listen`](crate::Registry::listen),
//! [`open`](crate::Registry::open) and [`connect`](crate::Registry::connect) make streams.

mod filter;
mod handler;
mod io;
mod limit;
mod listen;
mod object;
mod open;
mod options;

pub use filter::Filter;
pub use handler::{Parts, StreamCtx, StreamEvent, StreamHandler};
pub use limit::{LimitId, Rate};
pub use object::Stream;
pub use options::SocketOptions;
