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
//! # Start here
//! An [`EventLoop`] owns events and calls their handlers; a handler is given a [`Context`]. Programs that talk over connections go
//! on with [`stream`].
//!
//! | for | see |
//! |---|---|
//! | running a loop, its state, time | [`EventLoop`], [`Context`], [`Config`], [`Clock`] |
//! | descriptors, timers, signals, hooks: adding and changing events | [`Registry`], [`Interest`], [`Timer`], [`Signal`] |
//! | other threads, and work that takes long | [`Handle`], [`Workers`] |
//! | connections, listeners, filters, rate limits | [`stream`] |
//! | names of hosts: look-ups, connecting by name, servers | `dns` (feature `dns`) |
//! | HTTP: servers and clients | `http` (feature `http`) |
//! | WebSocket | `ws` (feature `ws`) |
//! | bytes in memory: frames, lines, integers, moves without copies | [`buffer`], [`codec`] |
//! | datagrams | [`udp`] |
//! | async/await on the same loop | [`task`] |
//! | children that end, files that change, the wall clock, loops within loops | [`watch`] |
//! | methods of waiting, priorities, limits | [`config`] |
//! | what a loop does: counts, times, slow handlers | [`metrics`], [`Config::metrics`] |
//! | a guide, from a first server to HTTP | [`manual`] |
//!
//! # How it hangs together
//! - An [`EventLoop`] owns its events: their handlers and what they wait on. An [`EventId`] names one; it is never dangling,
//!   only out of date.
//! - A handler gets a [`Context`]: all verbs of the [`Registry`], so that it can add, change and remove events (itself
//!   included), and the loop's own state, so that handlers share data without cells and counters.
//! - With [`Clock::Virtual`] the same program runs on a simulated clock, for tests that take no time.
//! - Every call that can fail answers an [`Error`].
//! - A loop stays in its thread. One for another thread is made there; what comes back is a [`Handle`]:
//!
//! ```
//! use evoxide::EventLoop;
//! use std::sync::mpsc;
//! use std::thread;
//!
//! let (tell, told) = mpsc::channel();
//! let worker = thread::spawn(move || {
//!     let mut ev = EventLoop::new(0)?;
//!     let handle = ev.handle();
//!     let hold = handle.hold();
//!     tell.send((handle, hold)).unwrap();
//!     ev.run()?;
//!     Ok::<_, evoxide::Error>(ev.into_state())
//! });
//! let (handle, hold) = told.recv().unwrap();
//! handle.post(|cx| *cx.state() += 1)?;
//! drop(hold);
//! assert_eq!(worker.join().unwrap()?, 1);
//! # Ok::<(), evoxide::Error>(())
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// Its macros are those of `log`.
#[cfg(feature = "tracing")]
extern crate tracing as log;

pub mod buffer;
mod clock;
pub mod codec;
pub mod config;
mod connect;
#[cfg(feature = "dns")]
pub mod dns;
mod error;
mod event_loop;
#[cfg(feature = "http")]
pub mod http;
mod interest;
#[cfg(any(doc, doctest))]
pub mod manual;
pub mod metrics;
#[cfg(feature = "rpc")]
pub mod rpc;
mod signal;
pub mod stream;
#[cfg(feature = "async")]
pub mod task;
mod threads;
mod timer;
#[cfg(feature = "rustls")]
pub mod tls;
pub mod udp;
pub mod watch;
mod workers;
#[cfg(feature = "ws")]
pub mod ws;

pub use clock::Clock;
pub use config::Config;
pub use connect::{Destination, ToDestination};
pub use error::{Error, ErrorKind};
pub use event_loop::{Context, Counts, EventId, EventLoop, Handle, Hold, Outcome, Registry};
pub use interest::{Interest, Ready, Watch};
pub use signal::Signal;
pub use threads::{Handles, ThreadError, Threads, threads};
pub use timer::Timer;
pub use workers::Workers;

/// The programs of the README are tests too. The README of the repository has the same: `cargo xtask book` compares.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
