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
//! [`AsyncStream`] implements `futures_io`'s traits, which `futures_util` and `tokio_util::compat` build on, and [`AsyncListener`] and
//! [`Signals`] are `futures_core` streams. Futures that need nothing but a waker (channels, locks, `select!`, `join!`) work unchanged.
//! Futures that need another library's reactor (`tokio::net`) do not: run the loop as a guest in that library instead, by
//! [`EventLoop::poll`](crate::EventLoop::poll) whenever its [descriptor](crate::Registry::poll_fd) is readable or
//! [`next_deadline`](crate::Registry::next_deadline) has come; [`Guest`] has both.

mod executor;
mod guest;
mod io;
mod time;
mod wait;
mod waker;

pub use executor::{JoinError, JoinHandle, TaskCx};
pub use guest::Guest;
pub use io::{AsyncListener, AsyncStream};
pub use time::{Sleep, race};
pub use wait::Signals;
