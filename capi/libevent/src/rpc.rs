//! `event2/rpc.h`: calls of remote functions over HTTP. What is pure is in `evoxide_proto::rpc`.
//!
//! # Discipline
//! - Everything belongs to the thread of its base; there are no locks.
//! - A pool may be freed inside every callback of a client: who calls has [entered](client::enter) it. A base may not be freed
//!   inside a hook or a command, as its header says.
//! - No frame here owns anything that needs dropping while a callback runs.

mod abi;
mod calls;
mod client;
mod hooks;
mod server;
