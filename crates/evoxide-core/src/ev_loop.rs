//! libev's loop rules as a machine: what is pending and in which order it runs, which descriptors, timers and calendar
//! times are watched, how long a wait may last, and when a run ends.
//!
//! # Contract
//! Nothing here invokes a callback, performs I/O or reads a clock. A face feeds in readiness and time and takes out, one
//! at a time, the watcher to run next ([`EvLoop::pop`]). Between two verbs the machine is consistent, so that a callback may
//! start, stop or free any watcher, or run the loop again.
//!
//! # Watchers are lent
//! libev's watchers belong to the caller: the bookkeeping (`active`, `pending`, `next`, `at`) sits in the caller's struct,
//! where public macros read it. The machine therefore holds small copyable handles, and reads and writes those fields
//! through the [`Watcher`] trait. A handle is held from the start of a watcher until it is stopped, and while it is
//! pending; a face must not let a watcher go away earlier.
//!
//! # Units
//! Time is in seconds as `f64`, libev's own unit, on two scales: the monotonic one for timers, the wall clock for
//! periodics. Events are libev's bits ([`READ`], [`WRITE`], ...).

mod clock;
mod fds;
mod lists;
mod pending;
mod periodic;
mod run;
mod timers;

use alloc::vec::Vec;
pub use clock::{Clock, Resync};
pub use fds::{FdChange, FdFix, FdReport};
pub use lists::Kind;
pub use pending::Popped;
pub use periodic::next_occurrence;
pub use run::{Break, Wait};

use crate::heap::{Heap, Positions};
use fds::Fds;
use lists::Lists;
use pending::Queues;
use run::Run;

/// A descriptor is readable.
pub const READ: i32 = 0x01;
/// A descriptor is writable.
pub const WRITE: i32 = 0x02;
/// In a watcher's events: its descriptor was set again since it was last started.
pub const FD_SET: i32 = 0x80;
/// A timer expired.
pub const TIMER: i32 = 0x100;
/// A periodic is due.
pub const PERIODIC: i32 = 0x200;
/// Nothing of the same or a higher priority is pending.
pub const IDLE: i32 = 0x2000;
/// The watcher was stopped because its descriptor cannot be watched.
pub const ERROR: i32 = 0x8000_0000_u32 as i32;

/// The lowest priority.
pub const MIN_PRIORITY: i32 = -2;
/// The highest priority.
pub const MAX_PRIORITY: i32 = 2;
const PRIORITIES: usize = (MAX_PRIORITY - MIN_PRIORITY + 1) as usize;

/// A handle to a watcher: gives access to the bookkeeping that lives in the watcher itself.
///
/// The methods of a kind of watcher (descriptor, time) are called for watchers of that kind only.
pub trait Watcher: Copy + Eq {
    /// Zero while stopped, else its position (plus one) in the list that holds it.
    fn active(self) -> i32;
    /// Changes [`active`](Self::active).
    fn set_active(self, active: i32);
    /// Zero while not pending, else its position (plus one) in the queue of its priority.
    fn pending(self) -> i32;
    /// Changes [`pending`](Self::pending).
    fn set_pending(self, pending: i32);
    /// Its priority; not necessarily in range before it was started.
    fn priority(self) -> i32;
    /// Changes the priority.
    fn set_priority(self, priority: i32);
    /// Descriptor watchers: the next watcher of the same descriptor.
    fn next(self) -> Option<Self>;
    /// Descriptor watchers: changes [`next`](Self::next).
    fn set_next(self, next: Option<Self>);
    /// Descriptor watchers: what it waits for, and [`FD_SET`].
    fn events(self) -> i32;
    /// Descriptor watchers: changes [`events`](Self::events).
    fn set_events(self, events: i32);
    /// Time watchers: when it is due while active; while stopped, the delay it was given.
    fn at(self) -> f64;
    /// Time watchers: changes [`at`](Self::at).
    fn set_at(self, at: f64);
    /// Timers: the interval at which it repeats, or zero.
    fn repeat(self) -> f64;
}

/// Writes heap positions into the watchers.
struct Mark;

impl<W: Watcher> Positions<W> for Mark {
    #[inline(always)]
    fn moved(&mut self, watcher: W, position: u32) {
        watcher.set_active(position as i32 + 1);
    }
}

/// The sign bit of a time.
const SIGN: u64 = 1 << 63;

/// The order-preserving image of a point in time, since heaps compare integers. Times before zero come before all others,
/// but in no order: they are simply past.
#[inline(always)]
const fn stamp(at: f64) -> u64 {
    at.to_bits() ^ SIGN
}

/// The point in time of an image.
#[inline(always)]
const fn time(stamp: u64) -> f64 {
    f64::from_bits(stamp ^ SIGN)
}

/// One loop.
#[derive(Debug)]
pub struct EvLoop<W> {
    queues: Queues<W>,
    run: Run,
    /// The loop's idea of the time.
    pub clock: Clock,
    fds: Fds<W>,
    timers: Heap<W>,
    periodics: Heap<W>,
    lists: Lists<W>,
    /// Expired watchers on their way into the queues, kept for its capacity.
    due: Vec<W>,
}

impl<W: Watcher> EvLoop<W> {
    /// A loop without watchers, at the given monotonic and wall-clock time.
    pub const fn new(mono: f64, wall: f64) -> Self {
        Self {
            queues: Queues::new(),
            run: Run::new(),
            clock: Clock::new(mono, wall),
            fds: Fds::new(),
            timers: Heap::new(),
            periodics: Heap::new(),
            lists: Lists::new(),
            due: Vec::new(),
        }
    }

    /// Takes a priority into range, as every start does.
    #[inline(always)]
    fn adjust(w: W) {
        let priority = w.priority();
        if priority.wrapping_sub(MIN_PRIORITY) as u32 >= PRIORITIES as u32 {
            w.set_priority(priority.clamp(MIN_PRIORITY, MAX_PRIORITY));
        }
    }

    /// A watcher that lives outside of the machine's own lists (signal, child, stat, ...) was started: it keeps the loop
    /// alive.
    #[inline]
    pub fn started(&mut self, w: W, active: i32) {
        Self::adjust(w);
        w.set_active(active);
        self.run.refs += 1;
    }

    /// The counterpart of [`started`](Self::started).
    #[inline]
    pub fn stopped(&mut self, w: W) {
        w.set_active(0);
        self.run.refs -= 1;
    }
}

#[cfg(test)]
mod tests;
