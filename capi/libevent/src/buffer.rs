//! `event2/buffer.h` and `event2/buffer_compat.h`: evbuffers.
//!
//! The machine is `evoxide_core::buffer`; here are the object that programs hold (`object`), what stands behind its foreign
//! segments (`owner`, `file`), its observers (`callbacks`, `deferred`), and the entries by subject.
//!
//! Pointers that the program passes are taken at their word, as C has it: a buffer is alive, memory is as long as
//! said. Lengths are not: every sum is checked by the machine.

mod callbacks;
mod deferred;
pub(crate) mod entries;
mod file;
mod format;
mod io;
pub(crate) mod moves;
mod object;
mod owner;
mod search;

pub use file::evbuffer_file_segment;
pub use object::evbuffer;
pub(crate) use object::{Machine, OwnerOps};
