//! Timeouts: the heap for any duration, O(1) queues for common ones.
//!
//! A slot's `deadline` is the truth. Its heap entry may be *earlier*: moving a timeout later (what every busy connection does
//! with its idle timeout) only writes the slot, and the entry is put right when it reaches the top. So re-arming later is
//! O(1), there is still exactly one entry per timeout, and [`Reactor::first_deadline`] returns the true minimum.
//! A common queue has one entry in the same heap, a lower bound of its head's deadline. A slot stands for the queue there: the only
//! kind in the heap without [`state::TIMER`].

use super::Reactor;
use super::slot::{CommonQueue, NONE, Owners, Slot, state};
use crate::heap;
use crate::interest::{Interest, Ready};
use crate::key::Key;

/// How many common durations a reactor takes.
pub const MAX_COMMON: usize = 256;

/// Names a common-timeout queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueId(pub u16);

impl<T: Copy + Default> Reactor<T> {
    /// The queue for timeouts of exactly `duration` nanoseconds, made on first use, or `None` when there are
    /// [`MAX_COMMON`] others.
    pub fn common_queue(&mut self, duration: u64) -> Option<QueueId> {
        if let Some(i) = self.queues.iter().position(|q| q.duration == duration) {
            return Some(QueueId(i as u16));
        }
        if self.queues.len() == MAX_COMMON {
            return None;
        }
        let queue = self.queues.len() as u16;
        self.queues.push(CommonQueue { duration, head: NONE, tail: NONE, slot: NONE });
        Some(QueueId(queue))
    }

    /// The duration of a common queue in nanoseconds.
    #[inline]
    pub fn common_duration(&self, queue: QueueId) -> Option<u64> {
        self.queues.get(usize::from(queue.0)).map(|q| q.duration)
    }

    /// Arms or re-arms the timeout of `key`. Returns whether the earliest deadline may have become earlier (a waiting loop
    /// must then be woken).
    #[inline(never)]
    pub fn set_timeout(&mut self, key: Key, deadline: u64) -> bool {
        let Some(slot) = self.slots.get_mut(key) else { return false };
        slot.deadline = deadline;
        if slot.state & state::TIMER != 0 {
            let position = slot.timer;
            if self.heap.get(position).is_some_and(|e| deadline < e.deadline) {
                self.heap.set(position, deadline, &mut Owners(&mut self.slots));
                return self.slots.at(key.index).timer == 0;
            }
            return false;
        }
        if slot.state & state::COMMON != 0 {
            self.leave_queue(key.index);
        }
        let slot = self.slots.at_mut(key.index);
        slot.deadline = deadline;
        slot.state |= state::TIMER;
        self.count_added(key.index);
        self.heap.push(heap::Entry { deadline, id: key.index }, &mut Owners(&mut self.slots));
        self.slots.at(key.index).timer == 0
    }

    /// Arms or re-arms the timeout of `key` in a common queue; `deadline` is now plus the queue's duration.
    pub fn set_common_timeout(&mut self, key: Key, queue: QueueId, deadline: u64) -> bool {
        if self.slots.get(key).is_none() || usize::from(queue.0) >= self.queues.len() {
            return false;
        }
        self.clear_timeout_slot(key.index);
        // Deadlines nearly always come in order: look from the end.
        let mut after = self.queues[usize::from(queue.0)].tail;
        while after != NONE && self.slots.at(after).deadline > deadline {
            after = self.slots.at(after).timer_prev;
        }
        let q = &mut self.queues[usize::from(queue.0)];
        let next = if after == NONE {
            core::mem::replace(&mut q.head, key.index)
        } else {
            core::mem::replace(&mut self.slots.at_mut(after).timer, key.index)
        };
        if next == NONE {
            q.tail = key.index;
        } else {
            self.slots.at_mut(next).timer_prev = key.index;
        }
        let slot = self.slots.at_mut(key.index);
        slot.deadline = deadline;
        slot.queue = queue.0;
        slot.timer = next;
        slot.timer_prev = after;
        slot.state |= state::COMMON;
        self.count_added(key.index);
        if after != NONE {
            return false;
        }
        let id = self.queues[usize::from(queue.0)].slot;
        let position = if id == NONE { NONE } else { self.slots.at(id).timer };
        if position == NONE {
            let id = self.slots.insert(Slot { queue: queue.0, state: state::INTERNAL, ..Slot::default() }).index;
            self.queues[usize::from(queue.0)].slot = id;
            self.heap.push(heap::Entry { deadline, id }, &mut Owners(&mut self.slots));
        } else if self.heap.get(position).is_some_and(|e| deadline < e.deadline) {
            self.heap.set(position, deadline, &mut Owners(&mut self.slots));
        }
        self.slots.at(self.queues[usize::from(queue.0)].slot).timer == 0
    }

    /// Moves the timeout of an event whose payload is `payload`, if that only needs a note: it is in the heap, gets no earlier
    /// than its entry there, and the event is not ready. `watching`: it must wait on a descriptor or for a signal, too.
    #[inline(always)]
    pub fn postpone(&mut self, key: Key, payload: T, watching: bool, deadline: u64) -> bool
    where
        T: PartialEq,
    {
        let Some(slot) = self.slots.get_mut(key).filter(|slot| slot.payload == payload) else { return false };
        let waits = !watching || slot.state & (state::FD | state::SIGNAL) != 0;
        let only_a_note = waits
            && slot.state & (state::TIMER | state::READY | state::NEXT_TURN) == state::TIMER
            && self.heap.get(slot.timer).is_some_and(|e| e.deadline <= deadline);
        if only_a_note {
            slot.deadline = deadline;
        }
        only_a_note
    }

    /// Moves the timeout of a popped event that waits on a descriptor too, if that only needs a note: it gets no earlier
    /// than its entry in the heap. Returns whether it did.
    #[inline(always)]
    pub fn postpone_popped(&mut self, slot: u32, deadline: u64) -> bool {
        let Some(slot) = self.slots.try_at_mut(slot) else { return false };
        let later = slot.state & (state::TIMER | state::FD) == state::TIMER | state::FD
            && self.heap.get(slot.timer).is_some_and(|e| e.deadline <= deadline);
        if later {
            slot.deadline = deadline;
        }
        later
    }

    fn leave_queue(&mut self, index: u32) {
        let slot = self.slots.at_mut(index);
        slot.state &= !state::COMMON;
        let (next, prev, queue) = (slot.timer, slot.timer_prev, usize::from(slot.queue));
        let Some(q) = self.queues.get_mut(queue) else { return };
        if prev == NONE {
            q.head = next;
        } else {
            self.slots.at_mut(prev).timer = next;
        }
        if next == NONE {
            q.tail = prev;
        } else {
            self.slots.at_mut(next).timer_prev = prev;
        }
        if q.head == NONE {
            let stand_in = core::mem::replace(&mut q.slot, NONE);
            let position = self.slots.at(stand_in).timer;
            self.heap.remove(position, &mut Owners(&mut self.slots));
            self.slots.discard(stand_in);
        }
        self.count_removed(index);
    }

    #[inline(never)]
    pub(super) fn clear_timeout_slot(&mut self, index: u32) {
        let slot = self.slots.at_mut(index);
        if slot.state & state::TIMER != 0 {
            slot.state &= !state::TIMER;
            let position = slot.timer;
            self.heap.remove(position, &mut Owners(&mut self.slots));
            self.count_removed(index);
        } else if slot.state & state::COMMON != 0 {
            self.leave_queue(index);
        }
    }

    /// Disarms the timeout of `key`. The slot is freed if nothing else holds it: the answer is whether it lives on.
    pub fn clear_timeout(&mut self, key: Key) -> bool {
        if self.slots.get(key).is_none() {
            return false;
        }
        self.clear_timeout_slot(key.index);
        self.slots.at_mut(key.index).deadline = 0;
        self.free_if_idle(key)
    }

    /// When the timeout of `key` is due, if it is armed.
    #[inline]
    pub fn deadline(&self, key: Key) -> Option<u64> {
        self.slots.get(key).filter(|s| s.state & (state::TIMER | state::COMMON) != 0).map(|s| s.deadline)
    }

    /// The earliest deadline. Changes with every timeout armed or disarmed and with [`expire`](Self::expire).
    #[inline]
    pub fn first_deadline(&mut self) -> Option<u64> {
        loop {
            let first = self.heap.first()?;
            let truth = self.true_deadline(first);
            if truth <= first.deadline {
                return Some(first.deadline);
            }
            self.heap.set(0, truth, &mut Owners(&mut self.slots));
        }
    }

    #[inline(always)]
    fn true_deadline(&self, entry: heap::Entry) -> u64 {
        let slot = self.slots.at(entry.id);
        if slot.state & state::TIMER != 0 {
            return slot.deadline;
        }
        match self.queues.get(usize::from(slot.queue)) {
            Some(q) if q.head != NONE => self.slots.at(q.head).deadline,
            _ => entry.deadline,
        }
    }

    /// Whether [`expire`](Self::expire) may have something to do.
    #[inline(always)]
    pub fn may_be_due(&self, now: u64) -> bool {
        self.heap.first().is_some_and(|first| first.deadline <= now)
    }

    /// Makes every event whose timeout is due at `now` ready with [`Ready::TIMEOUT`]. Its timeout is then disarmed; the rest
    /// of it is untouched until it is popped.
    #[inline(never)]
    pub fn expire(&mut self, now: u64) {
        while let Some(first) = self.heap.first().filter(|first| first.deadline <= now) {
            self.expire_first(first);
        }
    }

    #[inline(always)]
    fn expire_first(&mut self, first: heap::Entry) {
        let truth = self.true_deadline(first);
        if truth > first.deadline {
            self.heap.set(0, truth, &mut Owners(&mut self.slots));
            return;
        }
        let slot = self.slots.at_mut(first.id);
        if slot.state & state::TIMER == 0 {
            let queue = slot.queue;
            self.expire_common(queue);
            return;
        }
        slot.state &= !state::TIMER;
        self.heap.remove(0, &mut Owners(&mut self.slots));
        self.count_removed(first.id);
        self.time_out(first.id);
    }

    #[cold]
    fn expire_common(&mut self, queue: u16) {
        if let Some(head) = self.queues.get(usize::from(queue)).map(|q| q.head).filter(|h| *h != NONE) {
            self.leave_queue(head);
            self.time_out(head);
        }
    }

    /// As libevent deletes an event before it reports a timeout, what else happened to it in this turn is not reported; it
    /// will be again, unless it came as an edge.
    #[inline(always)]
    pub(super) fn time_out(&mut self, index: u32) {
        if self.slots.at(index).state & (state::READY | state::NEXT_TURN) != 0 {
            self.drop_readiness(index);
        }
        self.activate_slot::<false>(index, Ready::TIMEOUT, 1);
    }

    /// Whether the timeout of a level-triggered event has come, which ends what it waits for until it is popped.
    #[inline]
    pub(super) fn timed_out(&self, index: u32) -> bool {
        let slot = self.slots.at(index);
        slot.state & (state::READY | state::TIMER | state::COMMON) == state::READY
            && slot.deadline != 0
            && !slot.interest.contains(Interest::EDGE)
            && self.ready_of(index).contains(Ready::TIMEOUT)
    }

    #[cold]
    fn drop_readiness(&mut self, index: u32) {
        let slot = self.slots.at(index);
        if slot.state & state::FD == 0 || !slot.interest.contains(Interest::EDGE) {
            // It counted until now, and so did its timeout.
            self.count_added(index);
            self.note_most();
            self.count_removed(index);
            self.deactivate_slot(index);
        }
    }
}
