//! `event2/bufferevent.h` and its siblings.
//!
//! | layer | files |
//! |---|---|
//! | the object: its words, lock and references | `handle`, with the table of verbs in `ops` |
//! | telling the user; bytes; rate limits | `callbacks`, `buffers`, `rate` |
//! | making, ending, finalizing | `lifecycle` |
//! | kinds | `socket`, `pair`, `filter`, `tls` |
//! | entries | `entries` (data, directions), `api` (settings), `connect` |
//!
//! What moves and what is told is decided by the machine ([`evoxide_core::stream::Stream`]); this face keeps references, locks,
//! callbacks and the two events that programs see in the struct.
//!
//! # Discipline
//! - The *stream lock* is recursive and held across callbacks, unless they are unlocked ones. It is taken before a base's lock.
//!   A [`handle::Locked`] says that it is held. Holding it is no `&mut`: words are cells, and the machine is changed in short
//!   closures that call nothing.
//! - Code that runs a callback holds a reference, so that the user may free the bufferevent in it.
//! - The last reference does not end the bufferevent at once: its finalizer runs from the loop, as libevent has it, when no
//!   callback of the base can be running any more.
//! - No frame here owns anything that needs dropping while a callback runs.
//!
//! # Safety
//! A pointer to a bufferevent that an entry gets from C is null or names one that lives until the call returns: the program has
//! a reference, or runs in one of its callbacks. What is shared between threads was made with `BEV_OPT_THREADSAFE`.

pub(crate) mod api;
pub(crate) mod buffers;
pub(crate) mod callbacks;
pub(crate) mod connect;
pub(crate) mod entries;
pub(crate) mod filter;
pub(crate) mod handle;
pub(crate) mod lifecycle;
pub(crate) mod ops;
pub(crate) mod pair;
pub(crate) mod rate;
pub(crate) mod socket;
pub(crate) mod tls;

pub(crate) use entries as data;
pub(crate) use handle::closes_on_free;
pub(crate) use tls::is_over as session_is_over;
