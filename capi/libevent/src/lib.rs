//! The C interface of libevent 2.1, on the machines of evoxide.
//!
//! One file per C header where that fits in one; `abi` holds the structs that C programs see. An entry point casts, converts,
//! calls and converts back; what is more than that is in a machine. `docs/architecture.md` tells how callbacks, locks and
//! sections go together.
//!
//! # Safety
//! What C promises to every entry stands here once, and in the types of its parameters. An entry is called as its header says:
//! - `&T`: the program's pointer to an object that a function of this library made. It lives until the call returns, or until a
//!   callback that the call runs frees it: code that goes on after a callback holds a count or a lock of the object. An object
//!   that several threads use was made for that. `Option<&T>` may be null.
//! - `abi::entry::In` is a value to be read and `abi::entry::Out` a place to be written, each of the declared type, or null.
//! - A function pointer may be called with the argument that came with it, until the object that has both is freed.
//! - `*const c_char` is null or a string that ends in a zero byte; pointer and length are as many bytes as the length says.
//!   Neither changes during the call.
//! - Raw pointers to the library's own structs are null or as above.
//!
//! A `SAFETY` comment says what is special beyond that.
#![allow(non_camel_case_types, reason = "C's names")]
#![cfg_attr(not(test), no_std)]

extern crate alloc;
mod abi;
mod base;
mod buffer;
mod bufferevent;
mod dns;
mod event;
mod http;
mod listener;
mod rpc;
mod run;
mod tag;
mod util;
mod ws;
