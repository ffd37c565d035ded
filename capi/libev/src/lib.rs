//! The C interface of libev 4.33 on evoxide.
//!
//! The loop's rules are [`evoxide_core::watch`]; this crate owns what that machine may not touch: callbacks, descriptors,
//! clocks, and the memory of C callers.
//!
//! # How entries are built
//! A loop is used by one thread at a time, as in libev; only `ev_async_send`, `ev_feed_signal` and signal handlers come
//! from elsewhere, and they touch nothing but the atomics of `wake`. Inside a loop the danger is re-entrance: a callback
//! may call any entry of the same loop. Therefore the machine is only reached through `state::with`, whose closures call
//! nothing foreign, and no reference into a loop lives while a callback runs.
#![allow(clippy::missing_safety_doc)]

mod abi;
mod asyncs;
mod backend;
mod child;
mod create;
mod embed;
mod event_compat;
mod feed;
mod fork;
mod global;
mod io;
mod lists;
mod now;
mod once;
mod periodic;
mod run;
mod signal;
mod stat;
mod state;
mod timer;
mod wake;
mod watcher;
