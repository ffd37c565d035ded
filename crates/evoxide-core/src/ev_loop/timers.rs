//! Relative timers on the monotonic clock.

use super::{EvLoop, Mark, TIMER, Watcher, stamp, time};
use crate::heap::Entry;

impl<W: Watcher> EvLoop<W> {
    /// Starts a timer: due its delay after the loop's time.
    #[inline]
    pub fn timer_start(&mut self, w: W) {
        if w.active() != 0 {
            return;
        }
        Self::adjust(w);
        let at = w.at() + self.clock.mono();
        w.set_at(at);
        self.run.refs += 1;
        self.timers.push(Entry { deadline: stamp(at), id: w }, &mut Mark);
    }

    /// Stops a timer, pending or not. What is left of its delay becomes its delay.
    #[inline]
    pub fn timer_stop(&mut self, w: W) {
        self.clear_pending(w);
        let active = w.active();
        if active == 0 {
            return;
        }
        self.timers.remove_of((active as u32).wrapping_sub(1), w, &mut Mark);
        w.set_at(w.at() - self.clock.mono());
        w.set_active(0);
        self.run.refs -= 1;
    }

    /// Restarts a repeating timer, stops another, and clears the pending state of either.
    #[inline]
    pub fn timer_again(&mut self, w: W) {
        let (active, repeat) = (w.active(), w.repeat());
        if w.pending() != 0 || active == 0 || repeat == 0. {
            return self.timer_again_slow(w);
        }
        let at = self.clock.mono() + repeat;
        w.set_at(at);
        self.timers.set_of((active as u32).wrapping_sub(1), w, stamp(at), &mut Mark);
    }

    #[inline(never)]
    fn timer_again_slow(&mut self, w: W) {
        self.clear_pending(w);
        if w.repeat() == 0. {
            // As if it had expired: its delay is what was left.
            self.timer_stop(w);
        } else if w.active() == 0 {
            w.set_at(w.repeat());
            self.timer_start(w);
        } else {
            self.timer_again(w);
        }
    }

    /// How long until a timer fires; for a stopped one, its delay.
    #[inline]
    pub fn timer_remaining(&self, w: W) -> f64 {
        w.at() - if w.active() != 0 { self.clock.mono() } else { 0. }
    }

    /// Makes every expired timer pending, the earliest to run first. Repeating ones are due again, others stopped.
    #[inline]
    pub fn expire_timers(&mut self) {
        let now = stamp(self.clock.mono());
        if let Some(first) = self.timers.first()
            && first.deadline < now
        {
            self.expire_timers_slow(now);
        }
    }

    fn expire_timers_slow(&mut self, now: u64) {
        let mono = self.clock.mono();
        while let Some(Entry { deadline, id: w }) = self.timers.first() {
            if deadline >= now {
                break;
            }
            let repeat = w.repeat();
            if repeat != 0. {
                // One expiry per turn, however late it is.
                let at = (w.at() + repeat).max(mono);
                w.set_at(at);
                self.timers.set(0, stamp(at), &mut Mark);
            } else {
                self.timers.remove(0, &mut Mark);
                w.set_at(w.at() - mono);
                w.set_active(0);
                self.run.refs -= 1;
            }
            self.due.push(w);
        }
        self.feed_due(TIMER);
    }

    /// Feeds what expired, the last one first: queues are popped from the end.
    pub(super) fn feed_due(&mut self, events: i32) {
        while let Some(w) = self.due.pop() {
            self.feed(w, events);
        }
    }

    /// Moves all timers, after the loop slept or the clock jumped.
    pub fn shift_timers(&mut self, by: f64) {
        self.timers.update(
            |w, _| {
                let at = w.at() + by;
                w.set_at(at);
                stamp(at)
            },
            &mut Mark,
        );
    }

    /// How long until the first timer is due.
    #[inline]
    pub(super) fn until_timer(&self) -> Option<f64> {
        self.timers.first().map(|e| time(e.deadline) - self.clock.mono())
    }
}
