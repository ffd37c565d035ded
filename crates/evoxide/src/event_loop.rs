//! The loop itself: its events, what handlers are given, and how other threads reach it.
//!
//! Lower files know nothing of higher ones: `mailbox` and `event` (what is kept), `registry` and `context` (a loop's events, and
//! what handlers see of them), `handlers` (the plain kinds), `arm`, `add`, `change`, `ask` and `handle` (verbs), `run` (the turns).
//!
//! The loop knows descriptors, timers, signals and hooks. Everything else (streams, rate limits, wall-clock times, tasks) is an
//! *extension*: it keeps what it needs of its own in [`Extensions`](extension::Extensions), and its events are
//! [`Callback`](context::Callback)s that own up to two slots and may ask to be called when the turn ends.

mod add;
mod arm;
mod ask;
mod change;
pub(crate) mod context;
pub(crate) mod drain;
pub(crate) mod event;
pub(crate) mod extension;
mod handle;
mod handlers;
mod inspector;
pub(crate) mod mailbox;
pub(crate) mod registry;
pub(crate) mod run;
pub(crate) mod timed;

pub use ask::Counts;
pub use context::Context;
pub use event::EventId;
pub use handle::{Handle, Hold};
pub use registry::Registry;
pub use run::{EventLoop, Outcome};
