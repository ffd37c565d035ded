//! The C interface of libevent 2.1, on the machines of evoxide.
//!
//! One file per C header where that fits in one; `abi` holds the structs that C programs see. An entry point casts, converts,
//! calls and converts back; what is more than that is in a machine. `docs/architecture.md` tells how callbacks, locks and
//! sections go together.
#![allow(non_camel_case_types, reason = "C's names")]

mod abi;
mod base;
mod base_api;
mod buffer;
mod bufferevent;
mod compat;
mod config;
mod debug;
mod deferred;
mod dns;
mod event;
mod http;
mod lifecycle;
mod listener;
mod log;
mod mm;
mod once;
mod pending;
mod rpc;
mod run;
mod tag;
mod thread;
mod time;
mod timer;
mod util;
mod variadic;
mod watch;
mod watchers;
mod ws;
