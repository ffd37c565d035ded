//! The only crate of evoxide that makes system calls.
//!
//! # The contract of a readiness backend
//!
//! A backend is one file under `backend/` plus one line in the list of `backend.rs`; nothing else changes when one is
//! added: its name, the variable that rules it out, its waiting call, its resolution and libev's bit are constants of
//! [`Readiness`](backend::Readiness), and the faces take the rest from [`Method::ALL`](backend::Method::ALL). It is made
//! of two halves, because a wait runs with nothing locked while other threads change interest:
//!
//! - [`Readiness`](backend::Readiness), the *registering half*, lives inside the loop's section. It carries out
//!   [`Change`](evoxide_core::interest::Change)s at once and answers their errors.
//! - [`Wait`](backend::Wait), the *waiting half*, belongs to the thread that runs the loop and is used outside the section. It
//!   owns the memory that reports are read from and reuses it: a turn allocates nothing, unless the set has grown.
//!
//! One turn is `backend.prepare(&mut waiter)` in the section, `waiter.wait(timeout)` outside, then `waiter.reports()`.
//!
//! What every backend promises:
//!
//! 1. **Changes.** After `apply` answered `Ok`, a wait that starts later reports the conditions of `change.new` and no
//!    others on that descriptor, under `change.serial`. After an error nothing has changed. `old` is a hint: where the
//!    kernel knows better (the descriptor was closed, or its number reused) the backend corrects itself. Removing what is
//!    not there succeeds.
//! 2. **Waits already running.** A change made during a wait is seen by that wait or by the next one, as the kernel allows;
//!    the one who made it wakes the loop with a [`Waker`](waker::Waker) where that matters. A wait may therefore report
//!    what has just been removed: the serial tells, and the machine drops the report.
//! 3. **Reports.** At most one [`Report`](evoxide_core::interest::Report) a descriptor and wait. `READ`, `WRITE` and
//!    `CLOSED` only, and `EDGE` always where [`Features::ET`](backend::Features::ET) is among the features. An error or hang-up is reported as `READ | WRITE`, even where only one was asked for, since the next
//!    call on the descriptor is what tells the reason; the code that maps reports to events masks them. Reports stay readable
//!    until the next wait.
//! 4. **Time.** A timeout is in nanoseconds, `None` waits without end, `Some(0)` polls. A wait never ends early for want of
//!    resolution (it rounds up), but it may end early for other reasons: a signal handler ran, the timeout was longer than
//!    the call accepts. It then answers 0, and the loop asks its clock.
//! 5. **Modes.** `EDGE` is honoured where [`Features::ET`](backend::Features::ET) is among the features and means level
//!    otherwise. `ONESHOT` is an economy, not a promise: where the kernel disarms, re-arming is one call; where it does
//!    not, the condition is reported again. Either way the loop re-applies or removes a fired one-shot registration before
//!    it waits again, and such a re-application may have `old == new`.
//! 6. **A descriptor closed behind its back** ends as the original library has it: epoll forgets it, poll reports it as
//!    `READ | WRITE`, select fails the wait with `EBADF`. Never a silent spin.
//! 7. **Fork.** Kernel state may be shared with the parent. [`Backend::rebuild`](backend::Backend::rebuild) starts again
//!    from the registered interests, and dropping a backend only closes: neither removes anything from a set that a parent
//!    still uses.
//! 8. **No thread, no global state, no clock reading.** A backend that completes operations instead of reporting readiness
//!    keeps the same two halves; its submissions are changes.
//!
//! # Raw descriptors
//!
//! The C faces know descriptors as numbers, the Rust face as types. Functions take either as a [`Descriptor`], use it for
//! the duration of the call and keep nothing; a number that is not open is answered with `EBADF`.
//!
//! # Async-signal-safe
//!
//! [`waker::wake`], [`wake::Wake::wake`], [`errno`] and [`clock`] may be used in signal handlers, and so may the handler that [`signal`]
//! installs. Nothing else may.
#![cfg(unix)]
#![cfg_attr(not(any(test, feature = "std")), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
pub mod backend;
pub mod clock;
pub mod engine;
pub mod errno;
mod fd;
#[cfg(feature = "std")]
pub mod files;
#[cfg(target_os = "linux")]
pub mod inotify;
pub mod io;
pub mod message;
pub mod os;
#[cfg(target_os = "linux")]
pub mod process;
pub mod signal;
pub mod socket;
pub mod wake;
pub mod waker;

pub use fd::Descriptor;
