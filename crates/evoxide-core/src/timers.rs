//! Plain timers: timeouts of events that wait for nothing else and keep what a timeout needs themselves.
//!
//! A slot for each of a hundred thousand timers is memory to touch first and to look at ever after. An event whose face gave it
//! room for a deadline and a position ([`Owner`]) needs none: the heap's entry names the event, and that is all there is. Events
//! with a descriptor or a signal, and events that are active, have slots of the [`reactor`](crate::reactor).
//!
//! An owner's deadline is the truth; its entry in the heap may be *earlier*, so that moving a timeout later is one store, and
//! is put right when it reaches the top. There is exactly one entry per timeout.
//!
//! Nobody asks for the first deadline while callbacks run, so what they arm waits in a list until somebody does
//! ([`flush_staged`](Timers::flush_staged)): a timeout that is moved or disarmed before never sees the heap. Memory for its entry is made sure
//! of from the start. Timeouts of durations that many timers share wait in lists too, one for each duration, and never see it.
//!
//! # Examples
//! ```
//! use core::cell::Cell;
//! use evoxide_core::timers::{Owner, Timers};
//!
//! #[derive(Default)]
//! struct Event<'a> {
//!     deadline: Cell<u64>,
//!     bound: Cell<u64>,
//!     position: Cell<u32>,
//!     links: Cell<[Option<Name<'a>>; 2]>,
//! }
//! #[derive(Clone, Copy)]
//! struct Name<'a>(&'a Event<'a>);
//! impl PartialEq for Name<'_> {
//!     fn eq(&self, other: &Self) -> bool {
//!         core::ptr::eq(self.0, other.0)
//!     }
//! }
//! impl Owner for Name<'_> {
//!     fn deadline(self) -> u64 {
//!         self.0.deadline.get()
//!     }
//!     fn set_deadline(self, deadline: u64) {
//!         self.0.deadline.set(deadline);
//!     }
//!     fn position(self) -> u32 {
//!         self.0.position.get()
//!     }
//!     fn set_position(self, position: u32) {
//!         self.0.position.set(position);
//!     }
//!     fn bound(self) -> u64 {
//!         self.0.bound.get()
//!     }
//!     fn set_bound(self, bound: u64) {
//!         self.0.bound.set(bound);
//!     }
//!     fn links(self) -> [Option<Self>; 2] {
//!         self.0.links.get()
//!     }
//!     fn set_prev(self, before: Option<Self>) {
//!         self.0.links.set([before, self.0.links.get()[1]]);
//!     }
//!     fn set_next(self, after: Option<Self>) {
//!         self.0.links.set([self.0.links.get()[0], after]);
//!     }
//! }
//!
//! let (a, b) = (Event::default(), Event::default());
//! let mut timers = Timers::new();
//! timers.insert(Name(&a), 20)?;
//! assert!(timers.stage(Name(&b), 10));
//! timers.set(Name(&b), 30);
//! assert_eq!(timers.first_deadline(), Some(20));
//! assert!(timers.pop_due(25).is_some_and(|due| due.id == Name(&a)));
//! assert!(timers.pop_due(25).is_none());
//! # Ok::<(), std::collections::TryReserveError>(())
//! ```

mod common;

use crate::heap::{self, Entry, FEW, Heap, Positions};
use common::{Place, Queues, queue_at};
use std::collections::TryReserveError;

/// The position of one that is not in the heap yet.
pub const STAGED: u32 = u32::MAX;

/// Names an event that has room for what its timeout needs.
pub trait Owner: Copy + PartialEq {
    /// When its timeout is due.
    fn deadline(self) -> u64;
    /// Changes when its timeout is due.
    fn set_deadline(self, deadline: u64);
    /// Where its entry is, [`STAGED`], or what says the list of its duration.
    fn position(self) -> u32;
    /// Notes where its entry is.
    fn set_position(self, position: u32);
    /// When its entry is due. Only asked of one that is in the heap.
    fn bound(self) -> u64;
    /// Notes when its entry is due.
    fn set_bound(self, bound: u64);
    /// Those before and after it in its list. Only asked of one that is not in the heap: the room may be the bound's.
    fn links(self) -> [Option<Self>; 2];
    /// Notes who is before it.
    fn set_prev(self, before: Option<Self>);
    /// Notes who is after it.
    fn set_next(self, after: Option<Self>);
}

/// Tells owners where their entries are.
struct Owners;

impl<I: Owner> Positions<I> for Owners {
    #[inline(always)]
    fn moved(&mut self, id: I, position: u32) {
        id.set_position(position);
    }
}

/// The ends of a list through owners.
#[derive(Debug)]
struct Links<I> {
    first: Option<I>,
    last: Option<I>,
}

impl<I: Owner> Links<I> {
    const fn new() -> Self {
        Self { first: None, last: None }
    }

    /// Puts one after another, or before all.
    #[inline(always)]
    fn insert_after(&mut self, before: Option<I>, id: I) {
        let after = match before {
            Some(before) => before.links()[1],
            None => self.first,
        };
        id.set_prev(before);
        id.set_next(after);
        match before {
            Some(before) => before.set_next(Some(id)),
            None => self.first = Some(id),
        }
        match after {
            Some(after) => after.set_prev(Some(id)),
            None => self.last = Some(id),
        }
    }

    #[inline(always)]
    fn remove(&mut self, id: I) {
        let [before, after] = id.links();
        match before {
            Some(before) => before.set_next(after),
            None => self.first = after,
        }
        match after {
            Some(after) => after.set_prev(before),
            None => self.last = before,
        }
    }
}

/// Where a visit of all timers stands. Timers that are armed or disarmed meanwhile may be missed.
#[derive(Clone, Copy, Debug)]
pub struct Visit<I> {
    place: u32,
    common: Place<I>,
}

impl<I> Default for Visit<I> {
    fn default() -> Self {
        Self { place: 0, common: Place::default() }
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Timers<I> {
    heap: Heap<I>,
    /// How many are in the heap, or will be.
    len: usize,
    /// Those that are not in the heap yet.
    staged: Links<I>,
    common: Queues<I>,
}

impl<I: Owner> Default for Timers<I> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Owner> Timers<I> {
    /// None, and no allocation.
    pub const fn new() -> Self {
        Self { heap: Heap::new(), len: 0, staged: Links::new(), common: Queues::new() }
    }

    /// How many there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len + self.common.len()
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much memory they hold, in bytes.
    pub const fn held_memory(&self) -> usize {
        self.heap.held_memory() + self.common.held_memory()
    }

    /// Arms the timeout of an event that has none. Returns whether it is earlier than all entries: a loop that waits for the first
    /// must then look again.
    ///
    /// # Errors
    /// The allocator's refusal, with nothing changed.
    #[inline]
    pub fn insert(&mut self, id: I, deadline: u64) -> Result<bool, TryReserveError> {
        if self.len >= self.heap.capacity() {
            self.heap.try_reserve_beyond(self.len)?;
        }
        id.set_deadline(deadline);
        self.len += 1;
        self.push(id);
        Ok(id.position() == 0)
    }

    /// Arms the timeout of an event that has none, while nobody waits for the first. `false`: nothing was done, memory is
    /// needed, and [`reserve`](Self::reserve) gets it.
    #[inline(always)]
    pub fn stage(&mut self, id: I, deadline: u64) -> bool {
        if self.len >= self.heap.capacity() {
            return false;
        }
        id.set_deadline(deadline);
        id.set_position(STAGED);
        id.set_prev(self.staged.last);
        id.set_next(None);
        match self.staged.last {
            Some(last) => last.set_next(Some(id)),
            None => self.staged.first = Some(id),
        }
        self.staged.last = Some(id);
        self.len += 1;
        true
    }

    /// Arms the timeout of an event that has none, in the list of a duration; `deadline` is now plus that. Returns whether it
    /// may be earlier than all others. `None`: nothing was done, memory is needed, and
    /// [`reserve_common`](Self::reserve_common) gets it.
    #[inline(always)]
    pub fn insert_common(&mut self, id: I, queue: u16, deadline: u64) -> Option<bool> {
        self.common.insert(id, queue, deadline)
    }

    /// Makes sure that there is a list for a duration, 0 to 255. Returns whether there is.
    pub fn reserve_common(&mut self, queue: u16) -> bool {
        self.common.reserve(queue)
    }

    /// In the list of which duration an event's timeout is, if it is in one.
    #[inline(always)]
    pub fn common_queue(&self, id: I) -> Option<u16> {
        queue_at(id.position())
    }

    /// Makes sure that the next insertion needs no memory.
    ///
    /// # Errors
    /// The allocator's refusal, with nothing changed.
    #[inline]
    pub fn reserve(&mut self) -> Result<(), TryReserveError> {
        if self.len < self.heap.capacity() { Ok(()) } else { self.heap.try_reserve_beyond(self.len) }
    }

    #[inline(always)]
    fn push(&mut self, id: I) {
        let deadline = id.deadline();
        id.set_bound(deadline);
        self.heap.push(Entry { deadline, id }, &mut Owners);
    }

    /// Puts those into the heap that are not there yet.
    #[inline(always)]
    pub fn flush_staged(&mut self) {
        if self.staged.first.is_some() {
            self.flush_all_staged();
        }
    }

    #[inline(never)]
    fn flush_all_staged(&mut self) {
        let mut next = self.staged.first.take();
        self.staged.last = None;
        while let Some(id) = next {
            next = id.links()[1];
            self.push(id);
        }
    }

    /// Whether one that is not in the heap yet is due at `now`. To be asked before [`first_deadline`](Self::first_deadline),
    /// which moves them there.
    #[inline(always)]
    pub fn is_staged_due(&self, now: u64) -> bool {
        self.staged.first.is_some() && self.is_any_staged_due(now)
    }

    #[inline(never)]
    fn is_any_staged_due(&self, now: u64) -> bool {
        let mut next = self.staged.first;
        while let Some(id) = next {
            if id.deadline() <= now {
                return true;
            }
            next = id.links()[1];
        }
        false
    }

    /// Takes out those that are due at `now` before they were in the heap, in order of their deadlines, if nothing in the
    /// heap is due before; the others are put there. Where it returns none, [`pop_due`](Self::pop_due) finds them.
    #[inline(never)]
    pub fn take_staged(&mut self, now: u64) -> Vec<Entry<I>> {
        let mut due = Vec::new();
        let late = self.len - self.heap.len();
        let early = self.heap.first().is_some_and(|first| first.deadline <= now) || self.is_common_due(now);
        if late == 0 || early || due.try_reserve_exact(late).is_err() {
            return due;
        }
        let mut next = self.staged.first.take();
        self.staged.last = None;
        while let Some(id) = next {
            next = id.links()[1];
            let deadline = id.deadline();
            if deadline <= now {
                due.push(Entry { deadline, id });
            } else {
                self.push(id);
            }
        }
        self.len = self.heap.len();
        self.trim();
        heap::sort(&mut due);
        due
    }

    /// Moves the timeout of an event that has one, away from its duration's list if it is in one. Returns as
    /// [`insert`](Self::insert) does.
    ///
    /// # Errors
    /// The allocator's refusal, with nothing changed.
    pub fn set_any(&mut self, id: I, deadline: u64) -> Result<bool, TryReserveError> {
        let Some(queue) = self.common_queue(id) else { return Ok(self.set(id, deadline)) };
        self.reserve()?;
        self.common.remove(id, queue);
        self.insert(id, deadline)
    }

    /// Moves the timeout of an event that has one, not in a duration's list. Returns as [`insert`](Self::insert) does.
    #[inline]
    pub fn set(&mut self, id: I, deadline: u64) -> bool {
        if self.postpone(id, deadline) || !self.heap.set_of(id.position(), id, deadline, &mut Owners) {
            return false;
        }
        id.set_deadline(deadline);
        id.set_bound(deadline);
        self.heap.first().is_some_and(|first| first.deadline == deadline)
    }

    /// [`set`](Self::set), if that only needs a note: the timeout gets no earlier than its entry, or has none yet. Returns
    /// whether it did.
    #[inline(always)]
    pub fn postpone(&mut self, id: I, deadline: u64) -> bool {
        let position = id.position();
        let only_a_note = position == STAGED || (queue_at(position).is_none() && deadline >= id.bound());
        if only_a_note {
            id.set_deadline(deadline);
        }
        only_a_note
    }

    /// Disarms the timeout of an event.
    #[inline]
    pub fn remove(&mut self, id: I) {
        let position = id.position();
        if position == STAGED {
            self.staged.remove(id);
        } else if let Some(queue) = queue_at(position) {
            return self.common.remove(id, queue);
        } else if self.heap.get(position).is_some_and(|entry| entry.id == id) {
            self.heap.take_out(position, &mut Owners);
        } else {
            return;
        }
        self.len -= 1;
        self.trim();
    }

    /// Gives the memory back when nobody needs it: those that are not in the heap yet do.
    #[inline(always)]
    fn trim(&mut self) {
        if self.len == 0 {
            self.heap.clear();
        }
    }

    #[inline(always)]
    fn is_common_due(&self, now: u64) -> bool {
        self.common.len() != 0 && self.common.first().is_some_and(|(first, _)| first.deadline <= now)
    }

    /// The earliest deadline. Changes with every verb but this.
    #[inline]
    pub fn first_deadline(&mut self) -> Option<u64> {
        let heap = self.first_in_heap();
        if self.common.len() == 0 {
            return heap;
        }
        let common = self.common.first()?.0.deadline;
        Some(heap.map_or(common, |deadline| deadline.min(common)))
    }

    #[inline]
    fn first_in_heap(&mut self) -> Option<u64> {
        self.flush_staged();
        loop {
            let first = self.heap.first()?;
            let truth = first.id.deadline();
            if truth <= first.deadline {
                return Some(first.deadline);
            }
            first.id.set_bound(truth);
            self.heap.set(0, truth, &mut Owners);
        }
    }

    /// Whether there may be one to [pop](Self::pop_due) at `now`.
    #[inline(always)]
    pub fn may_be_due(&self, now: u64) -> bool {
        self.staged.first.is_some()
            || self.common.len() != 0
            || self.heap.first().is_some_and(|first| first.deadline <= now)
    }

    /// Takes the earliest out if it is due at `now`.
    #[inline]
    pub fn pop_due(&mut self, now: u64) -> Option<Entry<I>> {
        let heap = self.first_in_heap();
        if self.common.len() != 0
            && let Some((first, queue)) = self.common.first()
            && heap.is_none_or(|deadline| first.deadline <= deadline)
        {
            if first.deadline > now {
                return None;
            }
            self.common.remove(first.id, queue);
            return Some(first);
        }
        if heap? > now {
            return None;
        }
        let due = self.heap.take_out(0, &mut Owners);
        self.len -= 1;
        self.trim();
        Some(due)
    }

    /// The list of a duration that has the earliest of all, due at `now`, and until when the others have none that is:
    /// [`pop_before`](Self::pop_before) takes them out.
    #[inline]
    pub fn due_list(&mut self, now: u64) -> Option<(u16, u64)> {
        if self.common.len() == 0 {
            return None;
        }
        let heap = self.first_in_heap().unwrap_or(u64::MAX);
        self.common.due_list(heap.min(now).saturating_add(1))
    }

    /// Takes the first of a duration's list out if it is due before `end`.
    #[inline(always)]
    pub fn pop_before(&mut self, queue: u16, end: u64) -> Option<Entry<I>> {
        self.common.pop_before(queue, end)
    }

    /// Takes out all that are due at `now`, in order of their deadlines, if they are many: then sorting them is cheaper than
    /// [popping](Self::pop_due) one by one. Otherwise nothing is done.
    #[cold]
    #[inline(never)]
    pub fn take_many(&mut self, now: u64) -> Vec<Entry<I>> {
        self.flush_staged();
        if self.is_common_due(now) {
            return Vec::new();
        }
        let count = self.heap.iter().filter(|e| e.deadline <= now).count();
        let mut due = Vec::new();
        if count * FEW < self.heap.len() {
            return due;
        }
        let truth = |e: Entry<I>| Entry { deadline: e.id.deadline(), id: e.id };
        if self.heap.iter().all(|e| e.id.deadline() <= now) {
            // The heap's own memory will do.
            due = self.heap.take_all();
            due.iter_mut().for_each(|e| *e = truth(*e));
        } else if due.try_reserve_exact(count).is_ok() {
            due.extend(self.heap.iter().filter(|e| e.deadline <= now).map(truth).filter(|e| e.deadline <= now));
            self.heap.retain(&mut Owners, |entry| {
                if entry.deadline <= now {
                    entry.deadline = entry.id.deadline();
                    entry.id.set_bound(entry.deadline);
                }
                entry.deadline > now
            });
        }
        self.len = self.heap.len();
        self.trim();
        heap::sort(&mut due);
        due
    }

    /// Takes any one out, for an end of everything.
    pub fn take(&mut self) -> Option<I> {
        self.flush_staged();
        let Some(last) = (self.heap.len() as u32).checked_sub(1) else {
            let (first, queue) = self.common.first()?;
            self.common.remove(first.id, queue);
            return Some(first.id);
        };
        let gone = self.heap.take_out(last, &mut Owners);
        self.len -= 1;
        self.trim();
        Some(gone.id)
    }

    /// The next of a visit of all of them: the earliest in the heap first and the others there in no order, then duration by
    /// duration.
    pub fn next(&mut self, visit: &mut Visit<I>) -> Option<I> {
        self.flush_staged();
        match self.heap.get(visit.place) {
            Some(entry) => {
                visit.place += 1;
                Some(entry.id)
            }
            None => self.common.next(&mut visit.common),
        }
    }
}

#[cfg(test)]
mod tests;
