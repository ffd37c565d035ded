//! `event2/bufferevent_ssl.h` on OpenSSL 3: the adaptor behind the seam to TLS.
//!
//! The bufferevent itself, its events, buffers, timeouts and callbacks, lives in the main library; this object gives it a table of
//! functions (`session.rs`; `backlog` and `flood` are parts of a session) and the program the entries of the header ([`entries`]). No Rust type crosses the border between the two
//! objects: `capi/libevent/seam/evoxide_tls.h` is the whole of it.
//!
//! # Safety
//!
//! Callers of the entries promise what the header asks: pointers are null or come from the function that makes such an object, and
//! an `SSL` belongs to one bufferevent at a time. The main library calls the table's functions with the session it was made with,
//! one at a time, with the bufferevent's lock held, and `free` last.

mod backlog;
mod bio;
pub mod entries;
mod flood;
mod main_library;
mod session;
