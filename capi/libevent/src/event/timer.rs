//! Timeouts of events. An event keeps what its timeout needs in words of its own struct (see [`evoxide_core::timers`]), whether
//! or not it has a slot too; its [`evlist::TIMEOUT`] bit says that one is armed.

use crate::abi::event::{event, evlist};
use crate::base::{Cb, Core, Timer};
use core::ptr;
use evoxide_core::key::Key;
use evoxide_core::reactor::Payload;
use evoxide_core::timers::{Links, Store};

/// The words of events hold what the timers know of them.
pub(crate) struct Structs;

impl Store for Structs {
    type Id = Timer;
    fn deadline(&self, id: Timer) -> u64 {
        id.event().deadline.get()
    }
    fn set_deadline(&mut self, id: Timer, deadline: u64) {
        id.event().deadline.set(deadline);
    }
    fn position(&self, id: Timer) -> u32 {
        id.event().timer_position.get()
    }
    fn set_position(&mut self, id: Timer, position: u32) {
        id.event().timer_position.set(position);
    }
    fn links(&self, id: Timer) -> Links<Timer> {
        let e = id.event();
        // SAFETY: the timer is in a list, whose members are all among the timers.
        unsafe { Links { prev: Timer::from_raw(e.timer_prev.get()), next: Timer::from_raw(e.timer_next.get()) } }
    }
    fn set_prev(&mut self, id: Timer, prev: Option<Timer>) {
        id.event().timer_prev.set(prev.map_or(ptr::null_mut(), Timer::raw));
    }
    fn set_next(&mut self, id: Timer, next: Option<Timer>) {
        id.event().timer_next.set(next.map_or(ptr::null_mut(), Timer::raw));
    }
}

/// When a timeout is due, and in which common queue it waits.
#[derive(Clone, Copy)]
pub(crate) struct Due {
    pub queue: Option<u16>,
    pub at: u64,
}

impl Payload for Cb {
    fn renamed(self, from: Key, to: Key) {
        // SAFETY: an active callback is alive.
        let key = unsafe { &self.callback().key };
        if key.get() == from.to_bits() {
            key.set(to.to_bits());
        }
    }
}

impl Core {
    /// Arms the timeout of an event, or moves it. There is memory for it (`Timers::reserve`).
    ///
    /// # Safety
    /// It stays in place until it is neither pending nor active.
    #[inline(always)]
    pub unsafe fn set_timer(&mut self, e: &event, queue: Option<u16>, at: u64) {
        // SAFETY: the event stays in place as long as it is among the timers.
        let timer = unsafe { Timer::new(e) };
        let armed = e.is(evlist::TIMEOUT);
        match queue {
            Some(queue) => self.timers.set_common(&mut Structs, timer, queue, at, armed),
            None if armed => self.timers.set(&mut Structs, timer, at),
            None => self.timers.arm(&mut Structs, timer, at),
        }
        if !armed {
            if !e.is(evlist::INTERNAL) {
                self.engine.reactor.hold(1);
            }
            e.set(evlist::TIMEOUT);
        }
    }

    /// Disarms the timeout of an event that has one.
    #[inline]
    pub fn take_timer(&mut self, e: &event) {
        // SAFETY: it is among the timers until this is done.
        self.timers.remove(&mut Structs, unsafe { Timer::new(e) });
        if !e.is(evlist::INTERNAL) {
            self.engine.reactor.hold(-1);
        }
        e.clear(evlist::TIMEOUT);
        e.deadline.set(0);
    }

    /// Makes the events active whose timeouts are due, in the order of these.
    #[inline(always)]
    pub fn expire(&mut self, now: u64) {
        if self.timers.may_be_due(now) {
            self.time_out_due(now);
        }
    }

    #[inline(never)]
    fn time_out_due(&mut self, now: u64) {
        while let Some(due) = self.timers.pop_due(&mut Structs, now) {
            self.time_out(due.id.event());
        }
    }

    /// The timeout of an event has come, which left the timers.
    fn time_out(&mut self, e: &event) {
        let counts = !e.is(evlist::INTERNAL);
        if !e.is(evlist::TIMEOUT) {
            // It was assigned again while it was pending.
            return self.engine.reactor.hold(-i32::from(counts));
        }
        e.clear(evlist::TIMEOUT);
        let key = self.key_of(e);
        if let Some(key) = self.engine.reactor.time_out(key, Cb::of(e), e.evcb_pri.get(), counts) {
            Self::mark(e, key);
        }
    }
}
