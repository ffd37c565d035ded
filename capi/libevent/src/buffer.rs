//! `event2/buffer.h` and `event2/buffer_compat.h`: evbuffers.
//!
//! The machine is `evoxide_core::buffer`. The files, each of which uses those before it only:
//! - `owner`: what stands behind foreign segments; `observers`: the callbacks of a buffer;
//! - `object`: what a `struct evbuffer` is; `notify`: what follows a change;
//! - `file`, `io`, `moves`, `search`, `format`, `entries`: the interface by subject.
//!
//! Pointers that the program passes are taken at their word, as C has it: a buffer is alive, memory is as long as
//! said. Lengths are not: every sum is checked by the machine.

pub(crate) mod entries;
mod file;
mod format;
mod io;
pub(crate) mod moves;
mod notify;
mod object;
mod observers;
mod owner;
mod search;

pub use crate::abi::buffer::evbuffer;
pub(crate) use object::{EvBuffer, Machine, Owner, OwnerOps};
