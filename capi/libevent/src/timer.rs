//! Plain timers: events that wait for a timeout and for nothing else, without a slot (see [`evoxide_core::timers`]).
//!
//! Their [`evlist::TIMEOUT`] bit says that they are pending; what needs more than a timer gives them a slot first
//! ([`Core::slotted`]).

use crate::abi::event::{ev, event, event_callback, evlist};
use crate::base::{Cb, Core};
use evoxide_core::heap::Entry;
use evoxide_core::key::Key;
use evoxide_core::reactor::{Kind, QueueId};
use evoxide_core::timers::Owner;
use std::collections::TryReserveError;

/// The timers hold events only, [`evlist::TIMEOUT`] ones.
impl Owner for Cb {
    #[inline(always)]
    fn deadline(self) -> u64 {
        // SAFETY: a pending event is alive and in place, and its struct is read and written in sections only.
        unsafe { (*self.0.cast::<event>()).deadline }
    }
    #[inline(always)]
    fn set_deadline(self, deadline: u64) {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).deadline = deadline };
    }
    #[inline(always)]
    fn bound(self) -> u64 {
        // SAFETY: as above; the word's position says that it holds this.
        unsafe { (*self.0.cast::<event>()).timer.bound }
    }
    #[inline(always)]
    fn set_bound(self, bound: u64) {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).timer.bound = bound };
    }
    #[inline(always)]
    fn links(self) -> [Option<Self>; 2] {
        let name = |cb: *mut event_callback| if cb.is_null() { None } else { Some(Self(cb)) };
        // SAFETY: as above; the word's position says that it holds this.
        unsafe {
            let e = self.0.cast::<event>();
            [name((*e).timer.before), name((*e).timer_after)]
        }
    }
    #[inline(always)]
    fn set_prev(self, before: Option<Self>) {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).timer.before = before.unwrap_or_default().0 };
    }
    #[inline(always)]
    fn set_next(self, after: Option<Self>) {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).timer_after = after.unwrap_or_default().0 };
    }
    #[inline(always)]
    fn position(self) -> u32 {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).timer_position }
    }
    #[inline(always)]
    fn set_position(self, position: u32) {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).timer_position = position };
    }
}

impl Core {
    /// Makes an event a plain timer. Returns whether a loop that waits must look again.
    ///
    /// # Safety
    /// `cb` is an event of this base that waits for nothing but timeouts, and is neither pending nor active.
    #[inline(always)]
    pub unsafe fn put_timer(&mut self, cb: *mut event_callback, deadline: u64) -> Result<bool, TryReserveError> {
        // While callbacks run, the loop will ask before it waits.
        let later = self.cached != 0 && self.timers.stage(Cb(cb), deadline);
        let earlier = if later { false } else { self.timers.insert(Cb(cb), deadline)? };
        self.engine.reactor.hold();
        // SAFETY: the caller's promise.
        unsafe { (*cb).evcb_flags |= evlist::INSERTED | evlist::TIMEOUT };
        Ok(earlier)
    }

    /// Makes an event a plain timer of a common duration, or moves it there. Returns whether a loop that waits must look
    /// again.
    ///
    /// # Safety
    /// `cb` is an event of this base that waits for nothing but timeouts, and is a plain timer or neither pending nor active.
    #[inline]
    pub unsafe fn put_common(&mut self, cb: *mut event_callback, queue: QueueId, deadline: u64) -> Option<bool> {
        if !self.timers.reserve_common(queue.0) {
            return None;
        }
        // SAFETY: the caller's promise.
        unsafe {
            if (*cb).evcb_flags & evlist::TIMEOUT != 0 {
                self.timers.remove(Cb(cb));
            } else {
                self.engine.reactor.hold();
                (*cb).evcb_flags |= evlist::INSERTED | evlist::TIMEOUT;
            }
        }
        self.timers.insert_common(Cb(cb), queue.0, deadline)
    }

    /// Makes a plain timer an event that is not pending.
    ///
    /// # Safety
    /// `cb` is a plain timer of this base.
    #[inline(always)]
    pub unsafe fn take_timer(&mut self, cb: *mut event_callback) {
        self.timers.remove(Cb(cb));
        self.engine.reactor.release();
        // SAFETY: the caller's promise; only events are plain timers.
        unsafe {
            (*cb).evcb_flags &= !(evlist::INSERTED | evlist::TIMEOUT);
            (*cb.cast::<event>()).deadline = 0;
        }
    }

    /// [`key_of`](Self::key_of), and gives a plain timer a slot.
    ///
    /// # Safety
    /// As for [`key_of`](Self::key_of).
    #[inline]
    pub unsafe fn slotted(&mut self, cb: *mut event_callback) -> Option<Key> {
        // SAFETY: the caller's promise; only events are plain timers.
        unsafe {
            if (*cb).evcb_flags & evlist::TIMEOUT != 0 {
                let e = cb.cast::<event>();
                let (persist, deadline) = ((*e).ev_events & ev::PERSIST != 0, (*e).deadline);
                let queue = self.timers.common_queue(Cb(cb));
                self.take_timer(cb);
                let key = self.engine.reactor.insert(Cb(cb), (*cb).evcb_pri, Kind { persist, internal: false });
                match queue {
                    Some(queue) => self.engine.reactor.set_common_timeout(key, QueueId(queue), deadline),
                    None => self.engine.reactor.set_timeout(key, deadline),
                };
                Self::mark(cb, key);
            }
            self.key_of(cb)
        }
    }

    /// Makes the plain timers active that are due, and before each the other events whose timeouts come before it.
    #[inline(never)]
    pub fn expire_timers(&mut self, now: u64) {
        for due in self.timers.take_staged(now) {
            self.time_out(due);
        }
        // After this many, all that are due are looked for, which takes a look at every entry.
        let few = self.timers.len() / 64 + 16;
        for _ in 0..few {
            while let Some((queue, end)) = self.timers.due_list(now) {
                while let Some(due) = self.timers.pop_before(queue, end) {
                    self.time_out(due);
                }
            }
            let Some(due) = self.timers.pop_due(now) else { return };
            self.time_out(due);
        }
        for due in self.timers.take_many(now) {
            self.time_out(due);
        }
        while let Some(due) = self.timers.pop_due(now) {
            self.time_out(due);
        }
    }

    /// The timeout of a plain timer has come.
    #[inline(always)]
    fn time_out(&mut self, due: Entry<Cb>) {
        if self.engine.reactor.may_be_due(due.deadline) {
            self.engine.reactor.expire(due.deadline);
        }
        self.engine.reactor.release();
        let Cb(cb) = due.id;
        // SAFETY: a pending event is alive. One that does not say that it is a timer was assigned anew while it was pending.
        unsafe {
            if (*cb).evcb_flags & evlist::TIMEOUT != 0 {
                (*cb).evcb_flags &= !evlist::TIMEOUT;
                (*cb).key = self.engine.reactor.enqueue_due(Cb(cb), (*cb).evcb_pri).to_bits();
            }
        }
    }
}
