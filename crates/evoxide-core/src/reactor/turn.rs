//! One turn of the loop: what a wait reported becomes ready events, and ready events are popped one by one.
//!
//! The rules are libevent's: lower numbers first, first in first out within a priority, one priority level per turn; a
//! callback that makes a more urgent event ready ends the batch, and so does a limit ([`Limits`]).

use super::fds::name_of;
use super::ready::Rings;
use super::ring::{CHANGES, DETACHED, Entry, GAP};
use super::slot::{NONE, state};
use super::{Payload, Reactor, Removed};
use crate::interest::{Fd, Interest, Ready, Report};
use crate::key::Key;
use crate::slab::Entry as SlabEntry;

/// Interrupts a batch of callbacks so that a less urgent one cannot delay new events for long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// at most n callbacks in a batch, at least one.
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
pub enum After {
    /// It is persistent and waits on, and no timeout made it ready: nothing changed.
    Unchanged,
    /// It is persistent and waits on.
    Pending,
    /// It is persistent and has nothing left to wait for: to be armed again, or removed.
    Idle,
    /// It is no event of the reactor any more.
    Removed,
    /// It ends, and [`Reactor::remove`] must be called at once.
    Unlink,
}

/// A ready event, taken out of its queue.
#[derive(Clone, Copy, Debug)]
pub struct Popped<T> {
    /// Whose it is.
    pub payload: T,
    /// The key of its slot, while it has one.
    pub key: Option<Key>,
    /// What happened.
    pub ready: Ready,
    /// How often to call back (signals that arrived several times).
    pub calls: u16,
    /// What became of it.
    pub after: After,
}

impl<T> Popped<T> {
    /// Whether it is persistent: then its slot is still there.
    #[inline(always)]
    pub fn kept(&self) -> bool {
        matches!(self.after, After::Unchanged | After::Pending | After::Idle)
    }

    /// The key of its slot if that is still there.
    pub fn kept_key(&self) -> Option<Key> {
        self.key.filter(|_| self.kept())
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

/// How far the running batch goes, in places of the front ring. All move along where the ring's beginning moves without a
/// callback, so what counts is their distance from it.
#[derive(Debug)]
pub(super) struct Batch {
    /// Where it began: how many callbacks back. Internal events do not count.
    start: u32,
    /// Where to stop and look: at `last`, or earlier where the batch is limited in time.
    stop: u32,
    /// Where it ends.
    last: u32,
    /// When it must end, or `u64::MAX`.
    end: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Self { start: 0, stop: u32::MAX, last: u32::MAX, end: u64::MAX }
    }
}

impl Batch {
    /// The ring's beginning moved `by` places, and nothing ran.
    #[inline]
    pub fn shift(&mut self, by: u32) {
        self.start = self.start.wrapping_add(by);
        self.stop = self.stop.wrapping_add(by);
        self.last = self.last.wrapping_add(by);
    }
}

impl<T: Payload> Reactor<T> {
    /// Turns what a wait reported into ready events.
    #[inline(always)]
    pub fn finish_wait(&mut self, mut reports: impl Iterator<Item = Report> + Clone) -> Finished {
        let mut finished = Finished::default();
        loop {
            self.deliver(&mut reports);
            let Some(report) = reports.next() else { return finished };
            self.deliver_any(report.fd, report.serial, report.ready, &mut finished);
        }
    }

    /// Takes the common reports: one event waits on the descriptor, is not ready yet and goes to the front ring. The first
    /// report that is not one of these stays.
    #[inline(always)]
    fn deliver(&mut self, reports: &mut (impl Iterator<Item = Report> + Clone)) {
        let slots = self.slots.all_mut();
        let fds = self.fds.all_mut();
        let running = self.rings.running;
        let (spare, tail) = self.rings.front.spare();
        let mut spare = spare.iter_mut();
        let mut place = *tail;
        loop {
            let mut rest = reports.clone();
            let Some(report) = rest.next() else { break };
            let Some(entry) = fds.get_mut(report.fd as u32 as usize) else { break };
            if entry.name == name_of(report.fd, report.serial)
                && let index = entry.single
                && let Some(slot) = slots.get_mut(index as usize).map(SlabEntry::value)
                && slot.state & (state::READY | state::NEXT_TURN | state::INTERNAL) == 0
                && slot.priority == running
                && let bits = slot.interest.bits() & report.ready.bits()
                && bits & Interest::CONDITIONS.bits() != 0
                && let Some(to) = spare.next()
            {
                let stays = slot.state & state::PERSIST != 0;
                slot.state |= state::READY;
                slot.ready_place = place;
                place = place.wrapping_add(1);
                entry.fired |= !stays && entry.registered.contains(Interest::ONESHOT);
                let mark = if stays { 0 } else { CHANGES };
                *to =
                    Entry { payload: slot.payload, slot: index | mark, ready: Ready::from_bits_retain(bits), calls: 1 };
                *reports = rest;
            } else {
                break;
            }
        }
        *tail = place;
    }

    #[cold]
    #[inline(never)]
    fn deliver_any(&mut self, fd: Fd, serial: u32, ready: Ready, finished: &mut Finished) {
        let Some(entry) = self.fds.entry(fd).filter(|e| e.serial() == serial) else {
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
            let bits = slot.interest.bits() & ready.bits();
            if bits & Interest::CONDITIONS.bits() != 0 && !self.is_expired(index) {
                self.activate_slot::<false>(index, Ready::from_bits_retain(bits), 1);
                any = true;
            }
            index = next;
        }
        if one_shot && !any {
            self.fds.rearm(fd);
        }
    }

    /// Starts to run ready events. `now` bounds the batch where the limits have an interval.
    #[inline]
    pub fn begin_batch(&mut self, now: impl FnOnce() -> u64) {
        self.note_most();
        let first = self.rings.first().unwrap_or(0);
        if first != self.rings.running {
            self.rings.choose(first);
        }
        let head = self.rings.front.head;
        self.batch = Batch { start: head, stop: head.wrapping_sub(1), last: head.wrapping_sub(1), end: u64::MAX };
        if first >= self.limits.min_priority {
            self.batch.last = head.wrapping_add(self.limits.callbacks.max(1));
            self.batch.stop = self.batch.last;
            if let Some(interval) = self.limits.interval {
                self.batch.end = now().saturating_add(interval);
                self.batch.stop = head.wrapping_add(1);
            }
        }
    }

    /// Lets a batch pop one event more where [`pop_ready`](Self::pop_ready) stopped to look at the clock, which `now` reads, and
    /// there is time left. Returns whether it does.
    #[inline]
    pub fn extend_batch(&mut self, now: impl FnOnce() -> u64) -> bool {
        let batch = &mut self.batch;
        let stopped = batch.end != u64::MAX && batch.stop == self.rings.front.head && batch.stop != batch.last;
        let more = stopped && now() < batch.end;
        batch.stop = batch.stop.wrapping_add(u32::from(more));
        more
    }

    /// Takes the next ready event of this batch out of its queue; `None` ends the batch, unless
    /// [`extend_batch`](Self::extend_batch) goes on. An event that is not persistent leaves the reactor with it.
    #[inline(always)]
    pub fn pop_ready(&mut self) -> Option<Popped<T>> {
        match self.pop_unchanged() {
            None => self.pop_other(),
            popped => popped,
        }
    }

    /// [`pop_ready`](Self::pop_ready) of anything else than [`pop_unchanged`](Self::pop_unchanged) pops, and why there is none.
    #[inline(never)]
    fn pop_other(&mut self) -> Option<Popped<T>> {
        // The usual end: what there was of the batch's priority ran.
        let ran_out = self.rings.front.is_empty() && self.batch_count() > 0 && self.rings.front.is_small();
        if ran_out { None } else { self.pop_any() }
    }

    #[inline(never)]
    fn pop_any(&mut self) -> Option<Popped<T>> {
        loop {
            let first = self.rings.front.first().and_then(|(entry, _)| entry.index());
            if let Some(index) = first.filter(|_| self.rings.front.head != self.batch.stop) {
                return self.pop_slot(index);
            }
            if !self.pass_or_end() {
                return None;
            }
            if let Some(popped) = self.pop_unchanged() {
                return Some(popped);
            }
        }
    }

    /// [`pop_ready`](Self::pop_ready), if nothing changes by it but the queue: the answer is [`After::Unchanged`], or
    /// [`After::Removed`] without ever having had a slot. Otherwise `None`.
    #[inline(always)]
    fn pop_unchanged(&mut self) -> Option<Popped<T>> {
        let ring = &mut self.rings.front;
        if ring.head == self.batch.stop {
            return None;
        }
        let (entry, head) = ring.first()?;
        let Entry { payload, ready, calls, .. } = *entry;
        let popped = Popped { payload, key: None, ready, calls, after: After::Removed };
        if let Some((key, slot)) = self.slots.keyed_at_mut(entry.slot) {
            slot.state &= !state::READY;
            entry.slot = GAP;
            *head = head.wrapping_add(1);
            return Some(Popped { key, after: After::Unchanged, ..popped });
        }
        if entry.slot == DETACHED {
            entry.slot = GAP;
            *head = head.wrapping_add(1);
            return Some(popped);
        }
        None
    }

    /// [`pop_ready`](Self::pop_ready) of the event of a slot, which changes by it.
    #[inline(always)]
    fn pop_slot(&mut self, index: u32) -> Option<Popped<T>> {
        let (entry, head) = self.rings.front.first()?;
        let (key, slot) = self.slots.keyed_at_mut(index)?;
        let Entry { payload, ready, calls, .. } = *entry;
        entry.slot = GAP;
        *head = head.wrapping_add(1);
        let ended = slot.state & (state::EXPIRED | state::PERSIST | state::FD);
        slot.state &= !(state::READY | state::EXPIRED);
        if ended == state::EXPIRED | state::PERSIST | state::FD {
            // As if it had been removed and inserted again.
            self.move_to_front(index);
        }
        let after = if self.retire(index) { After::Removed } else { self.after_pop(index) };
        Some(Popped { payload, key: key.filter(|_| after != After::Removed), ready, calls, after })
    }

    /// Why there was nothing to pop: `true` asks it again, `false` ends the batch.
    fn pass_or_end(&mut self) -> bool {
        let ring = &mut self.rings.front;
        if ring.is_empty() {
            return self.next_priority();
        }
        if ring.head == self.batch.stop {
            return false;
        }
        let gap = ring.pass_gap();
        if gap {
            self.batch.shift(1);
        }
        gap
    }

    /// Ends an event that was popped, if that is a one-shot one, alone on its descriptor, and the kernel need not be told now.
    #[inline]
    fn retire(&mut self, index: u32) -> bool {
        let slot = self.slots.at_mut(index);
        const KIND: u8 = state::PERSIST | state::INTERNAL | state::SIGNAL | state::FD;
        if slot.state & KIND != state::FD || !self.fds.retire(slot.fd, index) {
            return false;
        }
        let timeout = slot.state & state::TIMER != 0;
        self.inserted -= 1;
        if timeout {
            self.disarm(index);
        }
        self.slots.discard(index);
        true
    }

    /// What becomes of a slot that was popped.
    #[inline]
    fn after_pop(&mut self, index: u32) -> After {
        let was = self.slots.at(index).state;
        if was & state::INTERNAL != 0 {
            self.uncount();
        }
        let linked = was & state::LINKED != 0;
        match (was & state::PERSIST != 0, linked) {
            (true, true) => After::Pending,
            (true, false) => After::Idle,
            (false, true) => After::Unlink,
            (false, false) => {
                self.slots.discard(index);
                After::Removed
            }
        }
    }

    /// An internal event does not count, neither among the active ones nor in its batch.
    #[cold]
    fn uncount(&mut self) {
        self.internal_active -= 1;
        self.batch.start = self.batch.start.wrapping_add(1);
    }

    /// Goes on with less urgent events where only internal ones ran so far.
    fn next_priority(&mut self) -> bool {
        self.rings.front.trim();
        if self.batch_count() > 0 || self.batch.stop == self.rings.front.head {
            return false;
        }
        let Some(priority) = self.rings.first() else { return false };
        let head = self.rings.front.head;
        self.rings.choose(priority);
        self.batch.shift(self.rings.front.head.wrapping_sub(head));
        true
    }

    /// Ends the batch before its next event.
    #[inline]
    pub fn interrupt_batch(&mut self) {
        self.batch.stop = self.rings.front.head;
        self.batch.last = self.batch.stop;
    }

    /// Makes something more urgent than the batch ready, which goes on nevertheless: its own ring is not touched.
    #[cold]
    pub(super) fn enqueue_urgent(&mut self, entry: Entry<T>, priority: u8) -> u32 {
        let (stop, last) = (self.batch.stop, self.batch.last);
        let place = self.push_ready::<true>(priority, entry);
        (self.batch.stop, self.batch.last) = (stop, last);
        place
    }

    /// How many events of this batch were popped.
    #[inline]
    fn batch_count(&self) -> u32 {
        self.rings.front.head.wrapping_sub(self.batch.start)
    }

    /// Sets how many priorities there are, 1 to 256; events beyond the last fall to the last. Refused (`false`) while events
    /// are ready.
    pub fn set_priorities(&mut self, count: u16) -> bool {
        if self.active() > 0 || !(1..=256).contains(&count) {
            return false;
        }
        let Some(rings) = Rings::new(count) else { return false };
        self.batch.shift(self.rings.front.head.wrapping_neg());
        self.rings = rings;
        let last = self.rings.last();
        self.slots.for_each_mut(|slot| slot.priority = slot.priority.min(last));
        true
    }

    /// How many priorities there are. Changes only with [`set_priorities`](Self::set_priorities).
    pub fn priorities(&self) -> usize {
        self.rings.len()
    }

    /// The change, if any, is for the kernel; used where a caller ignores it on purpose.
    pub(super) fn unlink_all(&mut self, index: u32, fired: bool) -> Removed {
        let mut gone = Removed::default();
        let linked = self.slots.at(index).state;
        if linked & state::FD != 0 {
            gone.change = self.unlink_fd(index, fired);
        }
        if linked & state::SIGNAL != 0 {
            gone.signal = self.unlink_signal(index);
        }
        self.disarm(index);
        gone
    }
}
