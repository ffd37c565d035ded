//! What the C faces share: everything that C programs plug into the library, and the guards that keep it sound.
//!
//! | module | what it holds | used by |
//! |---|---|---|
//! | [`mm`] | the allocator hooks (`event_set_mem_functions`) and typed allocation through them | every object that C sees |
//! | [`log`](mod@log) | the log and fatal callbacks, the message macros | every warning, every fatal error |
//! | [`lock`] | the pluggable locks and conditions (`evthread_*`), lock debugging, the built-in pthread locks | `event_base`, `evbuffer`, `bufferevent`, listeners |
//! | [`guarded`] | [`Guarded`](guarded::Guarded): short exclusive sections around a machine | every object that C sees |
//! | [`entry`] | a panic of our own ends the process instead of unwinding into C | the shared-object crates, sections |
//! | [`cstr`], [`errno`] | C strings and the error number | every entry |
//!
//! # How the pieces are used together
//!
//! An object that C sees is a plain struct whose memory comes from [`mm::alloc`], so the pointer C holds is the pointer
//! that the program's own `malloc` returned. It keeps its machine in a [`Guarded`](guarded::Guarded) and, if the program
//! asked for thread support, an [`ExtLock`](lock::ExtLock) in that guard:
//!
//! ```
//! use evoxide_ffi::guarded::Guarded;
//! use evoxide_ffi::lock::{ExtLock, LOCKTYPE_RECURSIVE};
//!
//! struct Counter { hits: u32 }
//!
//! let mut state = Guarded::new(Counter { hits: 0 });
//! state.set_lock(ExtLock::new(LOCKTYPE_RECURSIVE)); // null, and free of cost, until evthread_use_pthreads()
//! let hits = state.with(|counter| { counter.hits += 1; counter.hits });
//! assert_eq!(hits, 1);
//! // The section is over: only now may a user callback run.
//! ```
//!
//! Three rules hold everywhere:
//!
//! 1. No user callback (event, lock, log, allocator) runs while a `&mut` to a machine is alive. Lock callbacks run before
//!    a section begins and after it ends; allocation and logging happen outside sections.
//! 2. Callbacks are `extern "C-unwind"`, and so is every entry that may run one. Their frames keep nothing that needs
//!    dropping across the callback, so that `longjmp` and C++ exceptions may pass.
//! 3. `errno` is an output: set it last, see [`errno`].
#![warn(clippy::undocumented_unsafe_blocks)]
#![cfg_attr(not(test), no_std)]

extern crate alloc;
pub mod cstr;
pub mod entry;
pub mod errno;
pub mod guarded;
pub mod lock;
pub mod log;
pub mod mm;

/// The hooks are process-wide: tests that set any of them take turns.
#[cfg(test)]
pub(crate) fn test_turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
