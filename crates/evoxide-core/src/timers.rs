//! Timeouts: a heap for any duration, and lists for durations that many share.
//!
//! The machine is generic over where a timeout keeps what it needs ([`Store`]): the struct of a C event, or the slab of the
//! [`reactor`](crate::reactor). So there is no memory to touch but the owner's and the heap's entry.
//!
//! An owner's deadline is the truth; its entry in the heap may be *earlier*. Moving a timeout later, what every busy connection
//! does, is then one store, and the entry is put right when it reaches the top. There is exactly one entry per timeout and none
//! for one that was disarmed.
//!
//! Nobody asks for the first deadline while callbacks run, so what they arm is *staged*: it waits in a list until somebody does.
//! A timeout that is moved or disarmed before never sees the heap, nor does one that is due by then. Memory for its entry is made
//! sure of from the start. Timeouts of one duration come due in the order in which they were armed, so each common duration has a
//! list that never sees the heap, and its verbs are O(1).
//!
//! # Examples
//! ```
//! use evoxide_core::timers::{Links, Store, Timers};
//!
//! /// Timeouts by their number.
//! #[derive(Default)]
//! struct Table([(u64, u32, Links<usize>); 2]);
//! impl Store for Table {
//!     type Id = usize;
//!     fn deadline(&self, id: usize) -> u64 {
//!         self.0[id].0
//!     }
//!     fn set_deadline(&mut self, id: usize, deadline: u64) {
//!         self.0[id].0 = deadline;
//!     }
//!     fn position(&self, id: usize) -> u32 {
//!         self.0[id].1
//!     }
//!     fn set_position(&mut self, id: usize, position: u32) {
//!         self.0[id].1 = position;
//!     }
//!     fn links(&self, id: usize) -> Links<usize> {
//!         self.0[id].2
//!     }
//!     fn set_prev(&mut self, id: usize, prev: Option<usize>) {
//!         self.0[id].2.prev = prev;
//!     }
//!     fn set_next(&mut self, id: usize, next: Option<usize>) {
//!         self.0[id].2.next = next;
//!     }
//! }
//!
//! let (mut table, mut timers) = (Table::default(), Timers::new());
//! timers.reserve()?;
//! timers.arm(&mut table, 0, 20);
//! timers.reserve()?;
//! timers.arm(&mut table, 1, 10);
//! timers.set(&mut table, 1, 30);
//! assert_eq!(timers.first_deadline(&mut table, 0), Some(20));
//! assert_eq!(timers.pop_due(&mut table, 25).map(|due| due.id), Some(0));
//! assert!(timers.pop_due(&mut table, 25).is_none());
//! # Ok::<(), std::collections::TryReserveError>(())
//! ```

mod common;

use crate::heap::{self, Entry, FEW, Heap, Positions};
use alloc::{collections::TryReserveError, vec::Vec};
pub use common::MAX_COMMON;
use common::{Place, Queues, queue_at};

/// The position of one that is staged.
const STAGED: u32 = u32::MAX;
/// The position of one that is due and left its list.
const NOWHERE: u32 = STAGED - 1;
/// How many entries memory is kept for between expiries.
const KEEP: usize = 64;

/// The neighbours of a timeout in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links<I> {
    /// The one before it.
    pub prev: Option<I>,
    /// The one after it.
    pub next: Option<I>,
}

impl<I> Default for Links<I> {
    fn default() -> Self {
        Self { prev: None, next: None }
    }
}

/// Where timeouts keep what they need. It holds what it is told, and nothing else changes it while a timeout is armed.
pub trait Store {
    /// Names a timeout.
    type Id: Copy + PartialEq;
    /// When it is due.
    fn deadline(&self, id: Self::Id) -> u64;
    /// Changes when it is due.
    fn set_deadline(&mut self, id: Self::Id, deadline: u64);
    /// Where it is: in the heap, staged, or in a list.
    fn position(&self, id: Self::Id) -> u32;
    /// Notes where it is.
    fn set_position(&mut self, id: Self::Id, position: u32);
    /// Its neighbours. Not asked of one in the heap.
    fn links(&self, id: Self::Id) -> Links<Self::Id>;
    /// Notes who is before it.
    fn set_prev(&mut self, id: Self::Id, prev: Option<Self::Id>);
    /// Notes who is after it.
    fn set_next(&mut self, id: Self::Id, next: Option<Self::Id>);
}

/// Tells owners where their entries are.
struct Owners<'a, S>(&'a mut S);

impl<S: Store> Positions<S::Id> for Owners<'_, S> {
    #[inline(always)]
    fn moved(&mut self, id: S::Id, position: u32) {
        self.0.set_position(id, position);
    }
}

/// The ends of a list through owners.
#[derive(Debug)]
struct List<I> {
    first: Option<I>,
    last: Option<I>,
}

impl<I: Copy> List<I> {
    const fn new() -> Self {
        Self { first: None, last: None }
    }

    /// Puts one after another, or before all.
    fn insert_after(&mut self, store: &mut impl Store<Id = I>, prev: Option<I>, id: I) {
        let next = match prev {
            Some(prev) => store.links(prev).next,
            None => self.first,
        };
        store.set_prev(id, prev);
        store.set_next(id, next);
        match prev {
            Some(prev) => store.set_next(prev, Some(id)),
            None => self.first = Some(id),
        }
        match next {
            Some(next) => store.set_prev(next, Some(id)),
            None => self.last = Some(id),
        }
    }

    fn remove(&mut self, store: &mut impl Store<Id = I>, id: I) {
        let Links { prev, next } = store.links(id);
        match prev {
            Some(prev) => store.set_next(prev, next),
            None => self.first = next,
        }
        match next {
            Some(next) => store.set_prev(next, prev),
            None => self.last = prev,
        }
    }
}

/// Where a visit of all timeouts stands. Those that are armed or disarmed meanwhile may be missed.
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
    /// How many are in the heap, or staged.
    len: usize,
    staged: List<I>,
    common: Queues<I>,
    /// What is due and not popped yet, in order, from `popped` on.
    due: Vec<Entry<I>>,
    popped: usize,
}

impl<I: Copy + PartialEq> Default for Timers<I> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Copy + PartialEq> Timers<I> {
    /// None, and no allocation.
    pub const fn new() -> Self {
        Self { heap: Heap::new(), len: 0, staged: List::new(), common: Queues::new(), due: Vec::new(), popped: 0 }
    }

    /// How many are armed. Changes with `arm`, `set_common`, `remove`, `pop_due` and `take`.
    pub const fn len(&self) -> usize {
        self.len + self.common.len()
    }

    /// Whether none is armed.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much memory they hold, in bytes.
    pub const fn held_memory(&self) -> usize {
        self.heap.held_memory() + self.common.held_memory() + self.due.capacity() * size_of::<Entry<I>>()
    }

    /// Makes sure that the next [`arm`](Self::arm) needs no memory.
    ///
    /// # Errors
    /// The allocator's refusal, with nothing changed.
    #[inline]
    pub fn reserve(&mut self) -> Result<(), TryReserveError> {
        if self.len < self.heap.capacity() { Ok(()) } else { self.reserve_more() }
    }

    #[cold]
    fn reserve_more(&mut self) -> Result<(), TryReserveError> {
        // With room for one, all that is due can be popped.
        self.due.try_reserve(1)?;
        self.heap.try_reserve_beyond(self.len)
    }

    /// Arms a timeout that is not armed.
    #[inline(always)]
    pub fn arm(&mut self, store: &mut impl Store<Id = I>, id: I, deadline: u64) {
        store.set_deadline(id, deadline);
        store.set_position(id, STAGED);
        let last = self.staged.last;
        self.staged.insert_after(store, last, id);
        self.len += 1;
    }

    /// Moves a timeout that is armed. One that was in the list of a duration leaves it: [`reserve`](Self::reserve) first.
    pub fn set(&mut self, store: &mut impl Store<Id = I>, id: I, deadline: u64) {
        if self.postpone(store, id, deadline) {
            return;
        }
        let position = store.position(id);
        if let Some(queue) = queue_at(position) {
            self.common.remove(store, id, queue);
            self.arm(store, id, deadline);
        } else if self.heap.set_of(position, id, deadline, &mut Owners(store)) {
            store.set_deadline(id, deadline);
        }
    }

    /// [`set`](Self::set), if that is one store: it gets no earlier than its entry, or has none yet. Returns whether it was.
    #[inline(always)]
    pub fn postpone(&mut self, store: &mut impl Store<Id = I>, id: I, deadline: u64) -> bool {
        let position = store.position(id);
        let only_a_note = match self.heap.get(position) {
            Some(entry) => entry.id == id && entry.deadline <= deadline,
            None => position == STAGED,
        };
        if only_a_note {
            store.set_deadline(id, deadline);
        }
        only_a_note
    }

    /// The list for timeouts of exactly `duration` nanoseconds, made on first use. `None`: there are [`MAX_COMMON`] others, or
    /// no memory.
    pub fn common_queue(&mut self, duration: u64) -> Option<u16> {
        self.common.queue(duration)
    }

    /// The duration of a list. Never changes.
    pub fn common_duration(&self, queue: u16) -> Option<u64> {
        self.common.duration(queue)
    }

    /// Arms a timeout in the list of a duration; `deadline` is now plus that. `armed`: it is armed, and moves.
    pub fn set_common(&mut self, store: &mut impl Store<Id = I>, id: I, queue: u16, deadline: u64, armed: bool) {
        if armed {
            self.remove(store, id);
        }
        self.common.insert(store, id, queue, deadline);
    }

    /// Disarms a timeout.
    #[inline]
    pub fn remove(&mut self, store: &mut impl Store<Id = I>, id: I) {
        let position = store.position(id);
        if self.heap.get(position).is_some_and(|entry| entry.id == id) {
            self.heap.take_out(position, &mut Owners(store));
        } else if position == STAGED {
            self.staged.remove(store, id);
        } else {
            if let Some(queue) = queue_at(position) {
                self.common.remove(store, id, queue);
            }
            return;
        }
        self.len -= 1;
        self.trim();
    }

    /// Gives the memory back when nobody needs it: those that are staged do.
    fn trim(&mut self) {
        if self.len == 0 {
            self.heap.clear();
        }
    }

    /// Moves those that are staged to the heap, from the front, up to one that is due at `now`, if that matters.
    fn flush(&mut self, store: &mut impl Store<Id = I>, now: Option<u64>) -> Option<u64> {
        while let Some(id) = self.staged.first {
            let deadline = store.deadline(id);
            if now.is_some_and(|now| deadline <= now) {
                return Some(deadline);
            }
            self.staged.remove(store, id);
            self.heap.push(Entry { deadline, id }, &mut Owners(store));
        }
        None
    }

    /// The earliest deadline; where one that is staged is due at `now`, perhaps that instead: a loop need not wait then.
    /// Changes with every verb but this.
    pub fn first_deadline(&mut self, store: &mut impl Store<Id = I>, now: u64) -> Option<u64> {
        self.first_deadline_within(store, now, u64::MAX)
    }

    /// As [`first_deadline`](Self::first_deadline), exact up to `horizon`: a later one may be told as any time from there to itself, so
    /// that what is moved again and again need not be put right each time.
    pub fn first_deadline_within(&mut self, store: &mut impl Store<Id = I>, now: u64, horizon: u64) -> Option<u64> {
        if let Some(due) = self.flush(store, Some(now)) {
            return Some(due);
        }
        let (heap, common) = (self.first_in_heap(store, horizon), self.common.first_deadline(store));
        heap.into_iter().chain(common).min()
    }

    /// The earliest deadline in the heap, whose top is then true, unless it is beyond the horizon.
    fn first_in_heap(&mut self, store: &mut impl Store<Id = I>, horizon: u64) -> Option<u64> {
        loop {
            let first = self.heap.first()?;
            let truth = store.deadline(first.id);
            if truth <= first.deadline || first.deadline > horizon {
                return Some(first.deadline);
            }
            self.heap.set(0, truth, &mut Owners(store));
        }
    }

    /// Whether any may be due at `now`: [`pop_due`](Self::pop_due) tells. Changes with every verb, and with the time.
    pub fn may_be_due(&self, now: u64) -> bool {
        self.staged.first.is_some()
            || self.common.len() != 0
            || self.heap.first().is_some_and(|first| first.deadline <= now)
    }

    /// Takes the earliest out if it is due at `now`. To be asked until there is none, with nothing armed, moved or disarmed in
    /// between.
    #[inline]
    pub fn pop_due(&mut self, store: &mut impl Store<Id = I>, now: u64) -> Option<Entry<I>> {
        if let Some(due) = self.due.get(self.popped).copied() {
            self.popped += 1;
            return Some(due);
        }
        self.pop_first(store, now)
    }

    #[inline(never)]
    fn pop_first(&mut self, store: &mut impl Store<Id = I>, now: u64) -> Option<Entry<I>> {
        self.due.clear();
        self.due.shrink_to(KEEP);
        self.collect(store, now);
        self.popped = 1;
        self.due.first().copied()
    }

    /// Collects what is due at `now`, in order. Equal deadlines: lists come first, then the heap's, then staged ones as they were
    /// armed. Without memory some stay where they are, and come after the others.
    fn collect(&mut self, store: &mut impl Store<Id = I>, now: u64) {
        self.common.take_due(store, now, &mut self.due);
        // After a few, all that are due are looked for at once, which takes a look at every entry.
        let mut few = self.heap.len() / 64 + 16;
        while self.first_in_heap(store, now).is_some_and(|deadline| deadline <= now) {
            few = few.wrapping_sub(1);
            if few == 0 && self.collect_many(store, now) {
                break;
            }
            if self.due.try_reserve(1).is_err() {
                break;
            }
            self.due.push(self.heap.take_out(0, &mut Owners(store)));
            self.len -= 1;
        }
        while let Some(deadline) = self.flush(store, Some(now)) {
            let Some(id) = self.staged.first.filter(|_| self.due.try_reserve(1).is_ok()) else { break };
            self.staged.remove(store, id);
            self.len -= 1;
            store.set_position(id, NOWHERE);
            self.due.push(Entry { deadline, id });
        }
        self.trim();
        if !self.due.is_sorted_by_key(|entry| entry.deadline) {
            heap::sort(&mut self.due);
        }
    }

    /// Takes all that are due at `now` out of the heap if they are many: then sorting them is cheaper than taking them out one
    /// by one. Otherwise nothing is done, and `false` returned.
    #[cold]
    #[inline(never)]
    fn collect_many(&mut self, store: &mut impl Store<Id = I>, now: u64) -> bool {
        let count = self.heap.iter().filter(|entry| entry.deadline <= now).count();
        if count * FEW < self.heap.len() || self.due.try_reserve(count).is_err() {
            return false;
        }
        let (due, held) = (&mut self.due, self.heap.len());
        self.heap.retain(&mut Owners(store), |owners, entry| {
            if entry.deadline > now {
                return true;
            }
            entry.deadline = owners.0.deadline(entry.id);
            if entry.deadline <= now {
                due.push(*entry);
            }
            entry.deadline > now
        });
        self.len -= held - self.heap.len();
        true
    }

    /// Takes any one out, for an end of everything.
    pub fn take(&mut self, store: &mut impl Store<Id = I>) -> Option<I> {
        self.flush(store, None);
        let Some(last) = (self.heap.len() as u32).checked_sub(1) else { return self.common.take(store) };
        let removed = self.heap.take_out(last, &mut Owners(store));
        self.len -= 1;
        self.trim();
        Some(removed.id)
    }

    /// The next of a visit of all of them: the earliest in the heap first and the others there in no order, then duration by
    /// duration.
    pub fn next(&mut self, store: &mut impl Store<Id = I>, visit: &mut Visit<I>) -> Option<I> {
        self.flush(store, None);
        match self.heap.get(visit.place) {
            Some(entry) => {
                visit.place += 1;
                Some(entry.id)
            }
            None => self.common.next(store, &mut visit.common),
        }
    }
}

#[cfg(test)]
mod tests;
