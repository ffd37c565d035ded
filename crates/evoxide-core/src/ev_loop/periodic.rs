//! Calendar times on the wall clock.
//!
//! When a periodic is due next may be decided by foreign code, so the machine only says whose turn it is; the face finds
//! the next time (with [`next_occurrence`] for plain intervals) and hands it back.

use super::{EvLoop, Mark, PERIODIC, Watcher, stamp, time};
use crate::heap::Entry;

/// Intervals below this lose their meaning in the resolution of wall-clock time.
const MIN_INTERVAL: f64 = 0.0001220703125;

/// The first time after `now` of the form `offset + n * interval`.
pub fn next_occurrence(offset: f64, interval: f64, now: f64) -> f64 {
    let interval = if interval > MIN_INTERVAL { interval } else { MIN_INTERVAL };
    let mut at = offset + interval * floor((now - offset) / interval);
    // Rounding may leave it one or two steps short. More means that the numbers are too far apart for this arithmetic.
    for _ in 0..3 {
        if at > now {
            return at;
        }
        at += interval;
    }
    if at > now { at } else { now + interval }
}

/// The largest whole number that is not above; `core` has none.
fn floor(x: f64) -> f64 {
    let whole = x as i64 as f64;
    match whole > x {
        true => whole - 1.0,
        // From 2^52 on there are no others.
        false if x.abs() < 4503599627370496.0 => whole,
        false => x,
    }
}

impl<W: Watcher> EvLoop<W> {
    /// Starts a periodic whose time the caller has set.
    pub fn periodic_start(&mut self, w: W) {
        if w.active() != 0 {
            return;
        }
        Self::adjust(w);
        self.run.refs += 1;
        self.periodics.push(Entry { deadline: stamp(w.at()), id: w }, &mut Mark);
    }

    /// Stops a periodic, pending or not.
    pub fn periodic_stop(&mut self, w: W) {
        self.clear_pending(w);
        let active = w.active();
        if active == 0 {
            return;
        }
        self.periodics.remove_of((active as u32).wrapping_sub(1), w, &mut Mark);
        w.set_active(0);
        self.run.refs -= 1;
    }

    /// The earliest periodic, if it is due. Follow with [`periodic_moved`](Self::periodic_moved) or
    /// [`periodic_over`](Self::periodic_over).
    #[inline]
    pub fn due_periodic(&self) -> Option<W> {
        let first = self.periodics.first()?;
        if first.deadline < stamp(self.clock.wall()) { Some(first.id) } else { None }
    }

    /// The due periodic fires and will be due again at its new time.
    pub fn periodic_moved(&mut self, w: W) {
        if self.periodics.set_of((w.active() as u32).wrapping_sub(1), w, stamp(w.at()), &mut Mark) {
            self.due.push(w);
        }
    }

    /// The due periodic fires for the last time.
    pub fn periodic_over(&mut self, w: W) {
        self.periodic_stop(w);
        self.due.push(w);
    }

    /// Makes pending what was said to fire, the earliest to run first.
    pub fn feed_periodics(&mut self) {
        self.feed_due(PERIODIC);
    }

    /// How many periodics are active.
    #[inline]
    pub const fn periodic_count(&self) -> usize {
        self.periodics.len()
    }

    /// One of the active periodics.
    pub fn periodic_get(&self, at: usize) -> Option<W> {
        self.periodics.get(at as u32).map(|e| e.id)
    }

    /// The caller has given the periodics new times.
    pub fn reorder_periodics(&mut self) {
        self.periodics.update(|w, _| stamp(w.at()), &mut Mark);
    }

    /// How long until the first periodic is due.
    #[inline]
    pub(super) fn until_periodic(&self) -> Option<f64> {
        self.periodics.first().map(|e| time(e.deadline) - self.clock.wall())
    }
}
