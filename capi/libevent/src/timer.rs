//! Plain timers: events that wait for a timeout and for nothing else, without a slot (see [`evoxide_core::timers`]).
//!
//! Their [`evlist::TIMEOUT`] bit says that they are pending; what needs more than a timer gives them a slot first
//! ([`Core::slotted`]).

use crate::abi::event::{ev, event, evlist};
use crate::base::{Cb, Core, Timer};
use core::ptr;
use evoxide_core::heap::Entry;
use evoxide_core::key::Key;
use evoxide_core::reactor::{Kind, QueueId};
use evoxide_core::timers::Owner;
use std::collections::TryReserveError;

/// The words of its event hold what the timers know of it.
impl Owner for Timer {
    #[inline(always)]
    fn deadline(self) -> u64 {
        self.event().deadline.get()
    }
    #[inline(always)]
    fn set_deadline(self, deadline: u64) {
        self.event().deadline.set(deadline);
    }
    #[inline(always)]
    fn bound(self) -> u64 {
        self.event().timer_word.get().addr() as u64
    }
    #[inline(always)]
    fn set_bound(self, bound: u64) {
        self.event().timer_word.set(ptr::without_provenance_mut(bound as usize));
    }
    #[inline(always)]
    fn links(self) -> [Option<Self>; 2] {
        let e = self.event();
        // SAFETY: the timer's position says that it is in a list, whose members are all among the timers.
        unsafe { [Timer::from_raw(e.timer_word.get()), Timer::from_raw(e.timer_next.get())] }
    }
    #[inline(always)]
    fn set_prev(self, before: Option<Self>) {
        self.event().timer_word.set(before.map_or(ptr::null_mut(), Timer::raw));
    }
    #[inline(always)]
    fn set_next(self, after: Option<Self>) {
        self.event().timer_next.set(after.map_or(ptr::null_mut(), Timer::raw));
    }
    #[inline(always)]
    fn position(self) -> u32 {
        self.event().timer_position.get()
    }
    #[inline(always)]
    fn set_position(self, position: u32) {
        self.event().timer_position.set(position);
    }
}

impl Core {
    /// Makes an event a plain timer. Returns whether a loop that waits must look again.
    ///
    /// # Safety
    /// The event waits for nothing but timeouts, is neither pending nor active, and stays in place until it is so again.
    #[inline(always)]
    pub unsafe fn put_timer(&mut self, e: &event, deadline: u64) -> Result<bool, TryReserveError> {
        // SAFETY: as promised.
        let timer = unsafe { Timer::new(e) };
        // While callbacks run, the loop will ask before it waits.
        let later = self.cached != 0 && self.timers.stage(timer, deadline);
        let earlier = if later { false } else { self.timers.insert(timer, deadline)? };
        self.engine.reactor.hold();
        e.set(evlist::INSERTED | evlist::TIMEOUT);
        Ok(earlier)
    }

    /// Makes an event a plain timer of a common duration, or moves it there. Returns whether a loop that waits must look
    /// again.
    ///
    /// # Safety
    /// As for [`put_timer`](Self::put_timer), but that it may be a plain timer.
    #[inline]
    pub unsafe fn put_common(&mut self, e: &event, queue: QueueId, deadline: u64) -> Option<bool> {
        if !self.timers.reserve_common(queue.0) {
            return None;
        }
        // SAFETY: as promised.
        let timer = unsafe { Timer::new(e) };
        if e.is(evlist::TIMEOUT) {
            self.timers.remove(timer);
        } else {
            self.engine.reactor.hold();
            e.set(evlist::INSERTED | evlist::TIMEOUT);
        }
        self.timers.insert_common(timer, queue.0, deadline)
    }

    /// Makes a plain timer of this base an event that is not pending.
    #[inline(always)]
    pub fn take_timer(&mut self, e: &event) {
        // SAFETY: it is among the timers until this is done.
        self.timers.remove(unsafe { Timer::new(e) });
        self.engine.reactor.release();
        e.clear(evlist::INSERTED | evlist::TIMEOUT);
        e.deadline.set(0);
    }

    /// [`key_of`](Self::key_of), and gives a plain timer a slot.
    #[inline]
    pub fn slotted(&mut self, e: &event) -> Option<Key> {
        if e.is(evlist::TIMEOUT) {
            let deadline = e.deadline.get();
            // SAFETY: it is among the timers.
            let queue = self.timers.common_queue(unsafe { Timer::new(e) });
            self.take_timer(e);
            let kind = Kind { persist: e.has(ev::PERSIST), internal: false };
            let key = self.engine.reactor.insert(Cb::of(e), e.evcb_pri.get(), kind);
            match queue {
                Some(queue) => self.engine.reactor.set_common_timeout(key, QueueId(queue), deadline),
                None => self.engine.reactor.set_timeout(key, deadline),
            };
            Self::mark(e, key);
        }
        self.key_of(e)
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
    fn time_out(&mut self, due: Entry<Timer>) {
        if self.engine.reactor.may_be_due(due.deadline) {
            self.engine.reactor.expire(due.deadline);
        }
        self.engine.reactor.release();
        let e = due.id.event();
        // One that does not say that it is a timer was assigned again while it was pending.
        if e.is(evlist::TIMEOUT) {
            e.clear(evlist::TIMEOUT);
            e.key.set(self.engine.reactor.enqueue_due(Cb::of(e), e.evcb_pri.get()).to_bits());
        }
    }
}
