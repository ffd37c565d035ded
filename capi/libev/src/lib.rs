//! The C interface of libev 4.33 on evoxide.
//!
//! The loop's rules are [`evoxide_core::ev_loop`]; this crate owns what that machine may not touch: callbacks, descriptors,
//! clocks, and the memory of C callers.
//!
//! # The tower
//! A file imports only from floors below its own:
//!
//! | floor | files | what |
//! |---|---|---|
//! | 6 | `event_compat` | libev's `event.h` |
//! | 5 | `create` | loops come and go; connects the loop's own watchers to their callbacks |
//! | 4 | `fork`, `run`, `embed` | a run, and what happens in it |
//! | 3 | `io`, `timer`, `periodic`, `signal`, `child`, `stat`, `asyncs`, `lists`, `once`, `feed` | the watchers, one file each |
//! | 2 | `own`, `clock`, `kernel` | the loop's own descriptors, its time, its calls to the kernel |
//! | 1 | `state`, `backend` | what is behind an `ev_loop` |
//! | 0 | `abi`, `now`, `global`, `watcher` | layouts, clocks, what belongs to no loop, handles |
//!
//! # How entries are built
//! The danger is re-entrance: a callback may call any entry of the loop that runs it. Therefore the machine is only reached
//! through `state::with`, whose closures call nothing foreign, and no reference into a loop lives while a callback runs.
//!
//! # Safety
//! What libev's manual asks of a program is what each entry here asks of its caller, and its `SAFETY:` comments mean by
//! "the caller":
//!
//! - An `ev_loop *` came from `ev_loop_new` or `ev_default_loop` and was not destroyed. One thread at a time uses it; only
//!   `ev_async_send` and `ev_feed_signal` are called from other threads and from signal handlers, and they touch nothing but
//!   the atomics of [`evoxide_sys::wake::Wake`] and of the watcher.
//! - A watcher is a whole struct of the type that the entry names, initialised by the macros of `ev.h`. While it is active or
//!   pending it stays in place, and only `data`, `cb` and the priority of a watcher that is neither are changed.
//! - A callback accepts the watcher it was given with. It may use the loop in any way except destroying it, and may leave by
//!   a C++ exception or `longjmp`: frames below it hold nothing that needs dropping.
#![allow(clippy::missing_safety_doc)]
#![cfg_attr(not(test), no_std)]

extern crate alloc;
mod abi;
mod asyncs;
mod backend;
mod child;
mod clock;
mod create;
mod embed;
mod event_compat;
mod feed;
mod fork;
mod global;
mod io;
mod kernel;
mod lists;
mod now;
mod once;
mod own;
mod periodic;
mod run;
mod signal;
mod stat;
mod state;
mod timer;
mod watcher;
