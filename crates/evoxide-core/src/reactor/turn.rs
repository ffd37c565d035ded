//! One turn of the loop: what a wait reported becomes ready events, and ready events are popped one by one.
//!
//! The rules are libevent's: lower numbers first, first in first out within a priority, one priority level per turn; a
//! callback that makes a more urgent event ready ends the batch, and so does a limit ([`Limits`]).

use super::slot::{NONE, ReadyList, state};
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

/// A ready event, taken out of its queue.
#[derive(Clone, Copy, Debug)]
pub struct Popped<T> {
    /// Whose it is.
    pub payload: T,
    /// Its slot, as long as it lives.
    pub key: Key,
    /// What happened.
    pub ready: Ready,
    /// How often to call back (signals that arrived several times).
    pub calls: u16,
    /// Whether it is persistent: then its slot is still there, even with nothing left to wait for (the caller re-arms it or
    /// calls [`Reactor::free_if_idle`]). Otherwise its slot is gone.
    pub kept: bool,
    /// Whether a kept event waits for anything.
    pub linked: bool,
    /// The deadline it was last armed with: what repeating timeouts count from.
    pub deadline: u64,
    /// What the kernel must be told of the removal.
    pub gone: Gone,
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
    /// The priority whose events are running, or 255 outside a batch and at the lowest priority.
    pub running: u8,
    /// A more urgent event became ready, or the face asked to stop.
    pub interrupted: bool,
    count: u32,
    limit: u32,
    end: Option<u64>,
}

impl Default for Batch {
    fn default() -> Self {
        Self { running: 0, interrupted: false, count: 0, limit: u32::MAX, end: None }
    }
}

impl<T: Copy + Default> Reactor<T> {
    /// Turns what a wait reported into ready events.
    #[inline]
    pub fn finish_wait(&mut self, reports: impl Iterator<Item = Report>) -> Finished {
        let mut finished = Finished::default();
        reports.for_each(|report| {
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
                    self.activate_slot(index, Ready::from_bits_retain(bits), 1);
                    any = true;
                }
                index = next;
            }
            if one_shot && !any {
                self.fds.rearm(report.fd);
            }
        });
        finished
    }

    /// Moves the "active later" events to the ready queues. Answers how many.
    #[inline]
    pub fn promote_later(&mut self) -> u32 {
        let mut moved = 0;
        while self.later.head != NONE {
            let index = self.later.head;
            self.later.unlink(&mut self.slots, index);
            let slot = self.slots.at_mut(index);
            slot.state = slot.state & !state::LATER | state::READY;
            let priority = usize::from(slot.priority);
            self.ready[priority].push(&mut self.slots, index);
            moved += 1;
        }
        moved
    }

    /// Starts to run ready events. `now` bounds the batch where the limits have an interval.
    #[inline]
    pub fn begin_batch(&mut self, now: impl FnOnce() -> u64) {
        let first = self.ready.iter().position(|q| q.head != NONE).unwrap_or(0);
        self.batch.running = first as u8;
        self.batch.interrupted = false;
        self.batch.count = 0;
        if first >= usize::from(self.limits.min_priority) {
            self.batch.limit = self.limits.callbacks.max(1);
            self.batch.end = self.limits.interval.map(|i| now().saturating_add(i));
        } else {
            self.batch.limit = u32::MAX;
            self.batch.end = None;
        }
    }

    /// Whether the batch must end when this time has passed.
    #[inline]
    pub fn batch_end(&self) -> Option<u64> {
        self.batch.end.filter(|_| self.batch.count > 0)
    }

    /// Takes the next ready event of this batch out of its queue; `None` ends the batch. An event that is not persistent
    /// leaves the reactor with it.
    #[inline]
    pub fn pop_ready(&mut self) -> Option<Popped<T>> {
        if self.batch.interrupted || self.batch.count >= self.batch.limit {
            return None;
        }
        let mut priority = usize::from(self.batch.running);
        let mut index = self.ready.get(priority)?.head;
        if index == NONE {
            if self.batch.count > 0 {
                return None;
            }
            // Only internal events ran so far: go on with less urgent ones.
            priority = self.ready.iter().position(|q| q.head != NONE)?;
            self.batch.running = priority as u8;
            index = self.ready[priority].head;
        }
        let key = self.slots.key_at(index)?;
        let slot = self.slots.at_mut(index);
        let next = slot.ready_next;
        slot.state &= !state::READY;
        let (kept, internal) = (slot.state & state::PERSIST != 0, slot.state & state::INTERNAL != 0);
        let mut popped = Popped {
            payload: slot.payload,
            key,
            ready: slot.result,
            calls: slot.calls,
            kept,
            linked: slot.state & state::LINKED != 0,
            deadline: slot.deadline,
            gone: Gone::default(),
        };
        let list = &mut self.ready[priority];
        list.head = next;
        if next == NONE {
            list.tail = NONE;
        } else {
            self.slots.at_mut(next).ready_prev = NONE;
        }
        self.active -= 1;
        if !internal {
            self.added -= 1;
            self.batch.count += 1;
        }
        if !kept {
            if popped.linked {
                popped.gone = self.unlink_all(index, true);
                popped.linked = false;
            }
            let _ = self.slots.remove(key);
        }
        Some(popped)
    }

    /// Ends the batch before its next event.
    #[inline]
    pub fn interrupt_batch(&mut self) {
        self.batch.interrupted = true;
    }

    /// How many events of this batch were popped.
    #[inline]
    pub fn batch_count(&self) -> u32 {
        self.batch.count
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
        ready.resize(usize::from(count), ReadyList::EMPTY);
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
