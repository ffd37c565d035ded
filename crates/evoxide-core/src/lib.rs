//! The machines of evoxide: state in, values out.
//!
//! Everything in this crate is a *machine*. A machine never invokes user code, never performs I/O, never reads a clock
//! and never takes a lock. What must happen outside leaves it as a value ([`interest::Change`], ready events, ...), and
//! the faces (the Rust library and the C libraries) act on it. Time is an argument, in nanoseconds on a monotonic scale.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), no_std)]

extern crate alloc;
pub mod buffer;
pub mod ev_loop;
pub mod heap;
pub mod interest;
pub mod key;
pub mod net;
pub mod rate;
pub mod reactor;
pub mod sim;
pub mod slab;
pub mod stream;
pub mod timers;
