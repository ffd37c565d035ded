//! Timeouts of slots: one [`Timers`](crate::timers::Timers) over the slab, and what a timeout that has come means.
//!
//! A face that keeps its deadlines itself, as the C face does, arms none here: it [holds](Reactor::hold) the events that wait
//! and says when their time [has come](Reactor::time_out).

use super::ring::{DETACHED, Entry, detached_key};
use super::slot::{NONE, Slot, state};
use super::{Payload, Reactor};
use crate::interest::{Interest, Ready};
use crate::key::Key;
use crate::slab::Slab;
use crate::timers::{Links, Store};

impl<T: Default> Store for Slab<Slot<T>> {
    type Id = u32;
    #[inline(always)]
    fn deadline(&self, id: u32) -> u64 {
        self.at(id).deadline
    }
    #[inline(always)]
    fn set_deadline(&mut self, id: u32, deadline: u64) {
        self.at_mut(id).deadline = deadline;
    }
    #[inline(always)]
    fn position(&self, id: u32) -> u32 {
        self.at(id).timer
    }
    #[inline(always)]
    fn set_position(&mut self, id: u32, position: u32) {
        self.at_mut(id).timer = position;
    }
    #[inline(always)]
    fn links(&self, id: u32) -> Links<u32> {
        let name = |index: u32| if index == NONE { None } else { Some(index) };
        let slot = self.at(id);
        Links { prev: name(slot.timer_prev), next: name(slot.timer_next) }
    }
    #[inline(always)]
    fn set_prev(&mut self, id: u32, prev: Option<u32>) {
        self.at_mut(id).timer_prev = prev.unwrap_or(NONE);
    }
    #[inline(always)]
    fn set_next(&mut self, id: u32, next: Option<u32>) {
        self.at_mut(id).timer_next = next.unwrap_or(NONE);
    }
}

impl<T: Payload> Reactor<T> {
    /// Arms, moves or, with `None`, disarms the timeout of `key`. Returns whether its slot lives on: one that then waits for
    /// nothing, and is not ready, is freed.
    pub fn set_timeout(&mut self, key: Key, deadline: Option<u64>) -> bool {
        let Some(slot) = self.slots.get_mut(key) else { return false };
        let Some(deadline) = deadline else {
            slot.deadline = 0;
            slot.state &= !state::EXPIRED;
            self.disarm(key.index);
            let idle = self.slots.at(key.index).state & state::LINKED == 0;
            if idle {
                self.slots.discard(key.index);
            }
            return !idle;
        };
        if slot.state & state::TIMER != 0 {
            self.timers.set(&mut self.slots, key.index, deadline);
            return true;
        }
        slot.state = slot.state & !state::EXPIRED | state::TIMER;
        self.timers.arm(&mut self.slots, key.index, deadline);
        self.count_added(key.index);
        true
    }

    pub(super) fn disarm(&mut self, index: u32) {
        let slot = self.slots.at_mut(index);
        if slot.state & state::TIMER != 0 {
            slot.state &= !state::TIMER;
            self.timers.remove(&mut self.slots, index);
            self.count_removed(index);
        }
    }

    /// The earliest deadline of a slot; where one is due at `now`, perhaps that instead. Changes with every timeout that is armed,
    /// moved or disarmed, and with [`expire`](Self::expire). Exact up to `horizon`; a later one may be told as any time from there to
    /// itself.
    #[inline]
    pub fn first_deadline(&mut self, now: u64, horizon: u64) -> Option<u64> {
        self.timers.first_deadline_within(&mut self.slots, now, horizon)
    }

    /// Makes every slot whose timeout is due at `now` ready with [`Ready::TIMEOUT`]. Its timeout is then disarmed; the rest
    /// of it is untouched until it is popped.
    #[inline(never)]
    pub fn expire(&mut self, now: u64) {
        if !self.timers.may_be_due(now) {
            return;
        }
        while let Some(due) = self.timers.pop_due(&mut self.slots, now) {
            self.slots.at_mut(due.id).state &= !state::TIMER;
            self.time_out_slot(due.id, |reactor| reactor.count_removed(due.id));
        }
    }

    /// The timeout of an event has come that the face [holds](Self::hold), which ends by this, if it counts. The event is ready
    /// with [`Ready::TIMEOUT`] then. Returns the key of its detached activation if it has no slot.
    /// [`begin_batch`](Self::begin_batch) comes before the next pop.
    #[inline]
    pub fn time_out(&mut self, key: Option<Key>, payload: T, priority: u8, counts: bool) -> Option<Key> {
        if let Some(key) = key {
            if self.slots.get(key).is_some() {
                self.time_out_slot(key.index, |reactor| reactor.hold(-i32::from(counts)));
                return None;
            }
            self.note_most();
            self.remove_detached(key);
        }
        self.hold(-i32::from(counts));
        let priority = priority.min(self.rings.last());
        let entry = Entry { payload, slot: DETACHED, ready: Ready::TIMEOUT, calls: 1 };
        Some(detached_key(self.push_ready::<false>(priority, entry), priority))
    }

    /// As libevent deletes an event before it reports a timeout, what else happened to it in this turn is not reported; it
    /// will be again, unless it came as an edge.
    #[inline]
    fn time_out_slot(&mut self, index: u32, release: impl FnOnce(&mut Self)) {
        let slot = self.slots.at(index);
        let edge = slot.state & state::FD != 0 && slot.interest.contains(Interest::EDGE);
        if slot.state & (state::READY | state::NEXT_TURN) != 0 && !edge {
            // It counted until now, and so did its timeout.
            self.note_most();
            self.deactivate_slot(index);
        }
        release(self);
        self.slots.at_mut(index).state |= state::EXPIRED;
        self.activate_slot::<false>(index, Ready::TIMEOUT, 1);
    }

    /// Whether the timeout of a level-triggered event has come, which ends what it waits for until it is popped.
    #[inline]
    pub(super) fn is_expired(&self, index: u32) -> bool {
        let slot = self.slots.at(index);
        slot.state & state::EXPIRED != 0 && !slot.interest.contains(Interest::EDGE)
    }
}
