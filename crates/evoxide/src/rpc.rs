//! Messages of `.rpc` files: plain structs that C programs on libevent read and write as well.
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

pub use evoxide_proto::rpc::{Message, field};
pub use evoxide_proto::tag::{Error, Item, Items, Limits};
