//! `event2/http.h`: servers and clients of HTTP on bufferevents.
//!
//! What a connection does is decided by its machine ([`Server`](evoxide_proto::http::Server),
//! [`Client`](evoxide_proto::http::Client)); this folder moves bytes, keeps the structs that programs read, and calls callbacks.
//!
//! # Discipline
//! - An object may be freed inside every callback. Code that runs a callback with a connection has [entered](connection::enter) it: freeing
//!   ends it at once, its memory goes with the last [`leave`](connection::leave). After a callback nothing is assumed but that memory.
//! - A request in a callback is marked `EVHTTP_REQ_DEFER_FREE` for that time.
//! - Everything belongs to the thread of its base; there is no lock but that of the [lists of sessions](sessions).
//! - No frame here owns anything that needs dropping while a callback runs.

pub(crate) mod abi;
pub(crate) mod calls;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod keyval;
mod objects;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod serve;
pub(crate) mod server;
pub(crate) mod sessions;
pub(crate) mod uri;

#[cfg(test)]
mod tests;
