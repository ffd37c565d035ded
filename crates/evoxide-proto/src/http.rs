//! HTTP/1.1 (RFC 9110 and 9112): one connection's whole logic, for both roles.
//!
//! ```text
//!   input Buffer ──► Server::step / Client::step ──► Step   the face carries it out: drain, move, tell
//!   answer, request ─► Server::answer, Client::request ──► bytes to write, and what follows them
//! ```
//!
//! The contract:
//! - **A step is a value.** [`Step`] says what the first bytes of the input are; the face takes exactly these off the input before it
//!   asks again. A head lies in the input while it is read: [`Head`] holds ranges into it, and is lent by the face, which
//!   uses one for all its connections. Nothing is allocated for a header, no byte of a body is copied.
//! - **Any split of the input gives the same steps**, but for the sizes of body pieces.
//! - **Strict, and the same for both roles.** What two recipients could understand in two ways is a [`Fault`], and a connection
//!   that had one reads nothing more. [`Leniency`] for old peers never touches framing.
//! - **Framing, keep-alive, `Expect` and upgrades are decided here** and nowhere else.
//! - **[`Limits`] and deadlines** are arguments. A machine names the [`Deadline`] that it waits under; the face keeps the time.
//! - **What is written is checked** ([`write`](mod@write)): no name, value, reason or target can bring a line of its own.

pub mod chunk;
pub mod client;
pub mod fault;
pub mod framing;
pub mod head;
pub mod limits;
pub mod method;
pub mod receive;
pub mod server;
pub mod syntax;
pub mod write;

pub use client::Client;
pub use fault::Fault;
pub use head::{Field, Head, Span};
pub use limits::{Leniency, Limits};
pub use method::Method;
pub use receive::{Deadline, Step};
pub use server::Server;

#[cfg(test)]
mod tests;
