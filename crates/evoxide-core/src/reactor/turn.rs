//! One turn of the loop: what a wait reported becomes ready events, and ready events are popped one by one.
//!
//! The rules are libevent's: lower numbers first, first in first out within a priority, one priority level per turn; a
//! callback that makes a more urgent event ready ends the batch, and so does a limit ([`Limits`]).

use super::ready::{Entry, INTERNAL_TICKET, Ring, TICKET};
use super::slot::{NONE, state};
use super::{Gone, Reactor};
use crate::interest::{Change, Interest, Ready, Report};
use crate::key::Key;

/// Interrupts a batch of callbacks so that a less urgent one cannot delay new events for long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// At most so many callbacks in a batch, at least one.
    pub callbacks: u32,
    /// Applies to this priority and to less urgent ones.
    pub min_priority: u8,
    /// How long a batch may take, in nanoseconds.
    pub interval: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { callbacks: u32::MAX, min_priority: 1, interval: None }
    }
}

/// What became of an event that was popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is persistent and waits on.
    Kept,
    /// It is persistent and has nothing left to wait for: to be armed again, or given to [`Reactor::free_if_idle`].
    Idle,
    /// It is gone.
    Gone,
    /// It ends, and [`Reactor::unlink_popped`] must be called at once.
    Leaving,
}

/// A ready event, taken out of its queue.
#[derive(Clone, Copy, Debug)]
pub struct Popped<T> {
    /// Whose it is.
    pub payload: T,
    /// Where its slot is, while it has one.
    pub slot: u32,
    /// What happened.
    pub ready: Ready,
    /// How often to call back (signals that arrived several times).
    pub calls: u16,
    /// What became of it.
    pub fate: Fate,
}

impl<T> Popped<T> {
    /// Whether it is persistent: then its slot is still there.
    #[inline(always)]
    pub fn kept(&self) -> bool {
        matches!(self.fate, Fate::Kept | Fate::Idle)
    }
}

/// What [`Reactor::finish_wait`] found besides events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// Bit `tag - 1` of every internal descriptor that was reported.
    pub internal: u8,
    /// Reports that belong to no registration: the kernel still watches something that was removed while its file lives on
    /// elsewhere. Where this does not stop, the backend must be rebuilt.
    pub stale: u32,
}

#[derive(Debug)]
pub(super) struct Batch {
    /// The priority whose events are running.
    pub running: u8,
    /// How many events it may still run; 0 also where a more urgent event became ready, or the face asked to stop.
    budget: u32,
    /// Whether any event that counts ran.
    start: u32,
    /// When it must end, or `u64::MAX`.
    end: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Self { running: 0, budget: u32::MAX, start: u32::MAX, end: u64::MAX }
    }
}

impl<T: Copy + Default> Reactor<T> {
    /// Turns what a wait reported into ready events.
    #[inline(always)]
    pub fn finish_wait(&mut self, reports: impl Iterator<Item = Report>) -> Finished {
        let mut finished = Finished::default();
        for report in reports {
            if !self.deliver(report) {
                self.deliver_at_length(report, &mut finished);
            }
        }
        finished
    }

    /// The common report: one event waits on the descriptor, stays, and is not ready yet.
    #[inline(always)]
    fn deliver(&mut self, report: Report) -> bool {
        if let Some(entry) = self.fds.entry(report.fd)
            && entry.serial == report.serial
            && entry.plain
            && let index = entry.head
            && let Some(slot) = self.slots.try_at_mut(index)
            && slot.fd_next == NONE
            && slot.state & (state::READY | state::LATER | state::INTERNAL) == 0
            && let bits = slot.interest.bits() & (report.ready.bits() | Interest::EDGE.bits())
            && bits & Interest::CONDITIONS.bits() != 0
            && let Some(ring) = self.ready.get_mut(usize::from(slot.priority))
            && !ring.is_full()
        {
            slot.state |= state::READY;
            slot.ready_place = ring.tail;
            ring.put(Entry { payload: slot.payload, slot: index, ready: Ready::from_bits_retain(bits), calls: 1 });
            self.active += 1;
            return true;
        }
        false
    }

    #[cold]
    #[inline(never)]
    fn deliver_at_length(&mut self, report: Report, finished: &mut Finished) {
        let Some(entry) = self.fds.entry(report.fd).filter(|e| e.serial == report.serial) else {
            finished.stale += 1;
            return;
        };
        if entry.internal != 0 {
            finished.internal |= 1 << (entry.internal - 1);
            return;
        }
        let one_shot = entry.registered.contains(Interest::ONESHOT);
        entry.fired |= one_shot;
        let mut any = false;
        let mut index = entry.head;
        if index == NONE {
            finished.stale += 1;
        }
        while index != NONE {
            let slot = self.slots.at(index);
            let next = slot.fd_next;
            let bits = slot.interest.bits() & (report.ready.bits() | Interest::EDGE.bits());
            if bits & Interest::CONDITIONS.bits() != 0 {
                self.activate_slot::<false>(index, Ready::from_bits_retain(bits), 1);
                any = true;
            }
            index = next;
        }
        if one_shot && !any {
            self.fds.rearm(report.fd);
        }
    }

    /// Starts to run ready events. `now` bounds the batch where the limits have an interval.
    #[inline]
    pub fn begin_batch(&mut self, now: impl FnOnce() -> u64) {
        self.note_most();
        let first = match self.ready.first() {
            Some(ring) if !ring.is_empty() => 0,
            _ => self.ready.iter().position(|q| !q.is_empty()).unwrap_or(0),
        };
        self.batch.running = first as u8;
        self.batch.end = u64::MAX;
        self.batch.start = u32::MAX;
        if first >= usize::from(self.limits.min_priority) {
            self.batch.start = self.limits.callbacks.max(1);
            if let Some(interval) = self.limits.interval {
                self.batch.end = now().saturating_add(interval);
            }
        }
        self.batch.budget = self.batch.start;
    }

    /// Whether the batch must end when this time has passed.
    #[inline(always)]
    pub fn batch_end(&self) -> Option<u64> {
        if self.batch.end == u64::MAX || self.batch_count() == 0 { None } else { Some(self.batch.end) }
    }

    /// Takes the next ready event of this batch out of its queue; `None` ends the batch. An event that is not persistent
    /// leaves the reactor with it.
    #[inline(always)]
    pub fn pop_ready(&mut self) -> Option<Popped<T>> {
        loop {
            let budget = self.batch.budget.checked_sub(1)?;
            let Some(entry) = self.ready.get_mut(usize::from(self.batch.running))?.take() else {
                if !self.next_priority() {
                    return None;
                }
                continue;
            };
            let fate = if entry.is_special() {
                if entry.slot != TICKET && !self.pop_special(entry.slot) {
                    continue;
                }
                Fate::Gone
            } else {
                let slot = self.slots.at_mut(entry.slot);
                let was = slot.state;
                slot.state = was & !state::READY;
                if was & (state::PERSIST | state::INTERNAL) == state::PERSIST {
                    if was & (state::LINKED & !state::READY) != 0 { Fate::Kept } else { Fate::Idle }
                } else {
                    self.settle(entry.slot, was)
                }
            };
            self.batch.budget = budget;
            self.active -= 1;
            return Some(Popped {
                payload: entry.payload,
                slot: entry.slot,
                ready: entry.ready,
                calls: entry.calls,
                fate,
            });
        }
    }

    /// Whether the popped entry is an internal ticket, which does not count, rather than a gap.
    #[cold]
    #[inline(never)]
    fn pop_special(&mut self, slot: u32) -> bool {
        if slot == INTERNAL_TICKET {
            self.uncount();
        }
        slot == INTERNAL_TICKET
    }

    /// What becomes of a slot that is internal, or not persistent.
    #[inline(always)]
    fn settle(&mut self, index: u32, was: u8) -> Fate {
        if was & state::INTERNAL != 0 {
            self.uncount();
        }
        let linked = was & (state::LINKED & !state::READY) != 0;
        match (was & state::PERSIST != 0, linked) {
            (true, true) => Fate::Kept,
            (true, false) => Fate::Idle,
            (false, true) => Fate::Leaving,
            (false, false) => {
                self.slots.discard(index);
                Fate::Gone
            }
        }
    }

    /// An internal event does not count, neither among the active ones nor in its batch.
    #[cold]
    fn uncount(&mut self) {
        self.internal_active -= 1;
        self.batch.start = self.batch.start.saturating_sub(1);
    }

    /// Takes an event that was popped and is not persistent out of every list it is still in, and frees its slot. Answers
    /// what the kernel must be told. To be called for a [`Fate::Leaving`] event, at once.
    pub fn unlink_popped(&mut self, slot: u32) -> Gone {
        let gone = self.unlink_all(slot, true);
        self.slots.discard(slot);
        gone
    }

    /// The key of a popped event that is kept.
    #[inline]
    pub fn popped_key(&self, popped: &Popped<T>) -> Option<Key> {
        self.slots.key_at(popped.slot).filter(|_| popped.kept())
    }

    /// The key of the slot of a popped event, with the deadline it was last armed with: what repeating timeouts count from.
    #[inline]
    pub fn slot_deadline(&self, slot: u32) -> Option<(Key, u64)> {
        self.slots.key_at(slot).map(|key| (key, self.slots.at(slot).deadline))
    }

    /// Puts an event before the others of its descriptor, as if it had been removed and inserted again.
    #[cold]
    pub fn to_front(&mut self, key: Key) {
        let waits = |s: &&super::slot::Slot<T>| s.state & state::FD != 0 && s.fd_prev != NONE;
        if self.slots.get(key).filter(waits).is_some() {
            self.move_to_front(key.index);
        }
    }

    /// Goes on with less urgent events where only internal ones ran so far.
    #[cold]
    fn next_priority(&mut self) -> bool {
        if let Some(ring) = self.ready.get_mut(usize::from(self.batch.running)) {
            ring.trim();
        }
        if self.batch_count() > 0 {
            return false;
        }
        let Some(priority) = self.ready.iter().position(|q| !q.is_empty()) else { return false };
        self.batch.running = priority as u8;
        true
    }

    /// Ends the batch before its next event.
    #[inline]
    pub fn interrupt_batch(&mut self) {
        self.batch.start -= self.batch.budget;
        self.batch.budget = 0;
    }

    /// How many events of this batch were popped.
    #[inline]
    pub fn batch_count(&self) -> u32 {
        self.batch.start - self.batch.budget
    }

    /// Which event limits apply; takes effect with the next batch.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Sets how many priorities there are, 1 to 256; events beyond the last fall to the last. Refused (`false`) while events
    /// are ready.
    pub fn set_priorities(&mut self, count: u16) -> bool {
        if self.active > 0 || !(1..=256).contains(&count) {
            return false;
        }
        let mut ready = Vec::new();
        if ready.try_reserve_exact(usize::from(count)).is_err() {
            return false;
        }
        ready.resize_with(usize::from(count), Ring::default);
        self.ready = ready;
        let last = (count - 1) as u8;
        self.slots.for_each_mut(|slot| slot.priority = slot.priority.min(last));
        true
    }

    /// How many priorities there are.
    #[inline]
    pub fn priorities(&self) -> usize {
        self.ready.len()
    }

    /// The change, if any, is for the kernel; used where a caller ignores it on purpose.
    pub(super) fn unlink_all(&mut self, index: u32, fired: bool) -> Gone {
        let mut gone = Gone::default();
        let linked = self.slots.at(index).state;
        if linked & state::FD != 0 {
            gone.change = self.unlink_fd(index, fired);
        }
        if linked & state::SIGNAL != 0 {
            gone.signal = self.unlink_signal(index);
        }
        if linked & (state::TIMER | state::COMMON) != 0 {
            self.clear_timeout_slot(index);
        }
        gone
    }
}

impl Gone {
    /// The interest change and the signal that nobody waits for any more.
    pub fn parts(self) -> (Option<Change>, Option<i32>) {
        (self.change, self.signal)
    }
}
