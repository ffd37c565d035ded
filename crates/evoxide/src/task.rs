//! async/await on the loop: tasks beside handlers, on the loop's own thread.
//!
//! [`EventLoop::spawn`](crate::EventLoop) and [`Registry::spawn`](crate::Registry::spawn) start a task; a [`TaskCx`] gives it the loop between
//! its awaits. A task is an event like others: what wakes it makes that event happen. There is no second scheduler, and no lock or
//! atomic instruction where a task and what it waits for are on the loop's thread. On [`Clock::Virtual`](crate::Clock::Virtual) time
//! passes for tasks as it does for timers.
//!
//! ```
//! use evoxide::EventLoop;
//! use std::time::Duration;
//!
//! let mut ev = EventLoop::new(Vec::new())?;
//! let cx = ev.task_cx();
//! ev.spawn(async move {
//!     cx.sleep(Duration::from_millis(1)).await;
//!     cx.with(|cx| cx.state().push("slept"));
//! });
//! ev.run()?;
//! assert_eq!(ev.state(), &["slept"]);
//! # Ok::<(), evoxide::Error>(())
//! ```
//!
//! # With other libraries
//! [`AsyncStream`] implements `futures_io`'s traits, which `futures_util` builds on, and [`AsyncListener`] and [`Signals`] are
//! `futures_core` streams. Futures that need nothing but a waker (channels, locks, `select!`, `join!`) work unchanged. What was written
//! for tokio works like this:
//!
//! | what | how |
//! |---|---|
//! | `tokio::sync`, `tokio_util::sync`, `tokio::select!`, `tokio::join!`, `tokio::pin!` | as they are |
//! | what is generic over tokio's `AsyncRead` and `AsyncWrite`: codecs, `tokio::io` | `tokio_util::compat`: `stream.compat()` |
//! | what needs tokio's reactor or its timers: `tokio::net`, `tokio::time`, clients built on them | in tasks of this loop, after `let _entered = runtime.enter();` with a runtime that runs on a thread of its own; or in tasks of a [`Guest`] in that runtime |
//! | `tokio::spawn` | as before; the future runs on that runtime's threads, and its handle may be awaited here |
//! | `tokio::task::spawn_local`, `LocalSet`, `block_in_place` | not from here: spawn on this loop |
//!
//! The other way round, a [`Guest`] is a loop that tokio's or calloop's loop drives.

mod executor;
mod guest;
mod io;
mod time;
mod wait;
mod wake_list;
mod waker;

pub use executor::{JoinError, JoinHandle, TaskCx};
pub use guest::Guest;
pub use io::{AsyncListener, AsyncStream};
pub use time::{Sleep, race};
#[cfg(feature = "dns")]
pub(crate) use wait::Given;
pub use wait::Signals;
