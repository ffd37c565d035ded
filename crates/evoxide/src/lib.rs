//! An event loop: descriptors, timers, signals and work from other threads, on one thread, in safe Rust.
//!
//! ```
//! use evoxide::{EventLoop, Interest, Timer};
//! use std::io::{Read, Write};
//! use std::os::unix::net::UnixStream;
//! use std::time::Duration;
//!
//! #[derive(Default)]
//! struct State {
//!     pongs: u32,
//! }
//!
//! let (mut client, server) = UnixStream::pair()?;
//! server.set_nonblocking(true)?;
//!
//! let mut ev = EventLoop::new(State::default())?;
//! ev.descriptor(server, Interest::READ, |cx, server, _ready| {
//!     let mut ping = [0; 4];
//!     if server.read(&mut ping).is_ok() {
//!         cx.state().pongs += 1;
//!     }
//! })?;
//! ev.timer(Timer::every(Duration::from_millis(1)), move |cx| {
//!     client.write_all(b"ping").unwrap();
//!     if cx.state().pongs == 3 {
//!         cx.exit();
//!     }
//! });
//! ev.run()?;
//! assert_eq!(ev.state().pongs, 3);
//! # Ok::<(), evoxide::Error>(())
//! ```
//!
//! # How it hangs together
//! - An [`EventLoop`] owns its events: their handlers and what they wait on. An [`EventId`] names one; it is never dangling,
//!   only out of date.
//! - A handler gets a [`Context`]: all verbs of the [`Registry`], so that it can add, change and remove events (itself
//!   included), and the loop's own state, so that handlers share data without cells and counters.
//! - A [`Stream`] is a connection with buffers and a [`StreamHandler`]; [listeners](Registry::listen) accept connections, and
//!   [filters](Filter) and [rate limits](Registry::limit) stand between them and the network.
//! - Events may also be [children that end](Registry::child), [files that change](Registry::stat), [times of the wall
//!   clock](Registry::periodic), or [other loops](Registry::embed).
//! - A [`Handle`] reaches the loop from other threads.
//! - With [`Clock::Virtual`] the same program runs on a simulated clock, for tests that take no time.
//!
//! Events have [priorities](Config::priorities), loops have [methods](Method) and limits, and every call that can fail
//! answers an [`Error`].
#![forbid(unsafe_code)]

mod buffer;
mod clock;
mod config;
mod context;
mod error;
mod event;
mod event_loop;
mod handle;
mod interest;
mod registry;
mod signal;
mod stream;
mod timer;
mod watch;

pub use buffer::{Buffer, Line, LineEnd, LineView, Lines};
pub use clock::Clock;
pub use config::{Config, Features, Method};
pub use context::Context;
pub use error::{Error, ErrorKind};
pub use event::EventId;
pub use event_loop::{EventLoop, Outcome};
pub use handle::{Handle, Hold};
pub use interest::{Interest, Ready, Watch};
pub use registry::{Counts, Registry};
pub use signal::Signal;
pub use stream::{Filter, LimitId, Rate, Stream, StreamCtx, StreamEvent, StreamHandler};
pub use timer::Timer;
pub use watch::{Embedded, FileChange, Periodic};

/// The programs of the README are tests too.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
