//! Plain timers: timeouts of events that wait for nothing else and keep what a timeout needs themselves.
//!
//! A slot for each of a hundred thousand timers is memory to touch first and to look at ever after. An event whose face gave it
//! room for a deadline and a position ([`Owner`]) needs none: the heap's entry names the event, and that is all there is. Events
//! with a descriptor or a signal, and events that are active, have slots of the [`reactor`](crate::reactor).
//!
//! An owner's deadline is the truth; its entry in the heap may be *earlier*, so that moving a timeout later is one store, and
//! is put right when it reaches the top. There is exactly one entry per timeout.
//!
//! # Examples
//! ```
//! use core::cell::Cell;
//! use evoxide_core::timers::{Owner, Timers};
//!
//! #[derive(Default)]
//! struct Event(Cell<u64>, Cell<u64>, Cell<u32>);
//! #[derive(Clone, Copy)]
//! struct Name<'a>(&'a Event);
//! impl PartialEq for Name<'_> {
//!     fn eq(&self, other: &Self) -> bool {
//!         core::ptr::eq(self.0, other.0)
//!     }
//! }
//! impl Owner for Name<'_> {
//!     fn deadline(self) -> u64 {
//!         self.0.0.get()
//!     }
//!     fn set_deadline(self, deadline: u64) {
//!         self.0.0.set(deadline);
//!     }
//!     fn bound(self) -> u64 {
//!         self.0.1.get()
//!     }
//!     fn set_bound(self, bound: u64) {
//!         self.0.1.set(bound);
//!     }
//!     fn position(self) -> u32 {
//!         self.0.2.get()
//!     }
//!     fn set_position(self, position: u32) {
//!         self.0.2.set(position);
//!     }
//! }
//!
//! let (a, b) = (Event::default(), Event::default());
//! let mut timers = Timers::new();
//! timers.insert(Name(&a), 20)?;
//! timers.insert(Name(&b), 10)?;
//! timers.set(Name(&b), 30);
//! assert_eq!(timers.first_deadline(), Some(20));
//! assert!(timers.pop_due(25).is_some_and(|due| due.id == Name(&a)));
//! assert!(timers.pop_due(25).is_none());
//! # Ok::<(), std::collections::TryReserveError>(())
//! ```

use crate::heap::{self, Entry, FEW, Heap, Positions};
use std::collections::TryReserveError;

/// Names an event that has room for what its timeout needs.
pub trait Owner: Copy + PartialEq {
    /// When its timeout is due.
    fn deadline(self) -> u64;
    /// Changes when its timeout is due.
    fn set_deadline(self, deadline: u64);
    /// When its entry is due.
    fn bound(self) -> u64;
    /// Notes when its entry is due.
    fn set_bound(self, bound: u64);
    /// Where its entry is.
    fn position(self) -> u32;
    /// Notes where its entry is.
    fn set_position(self, position: u32);
}

/// Tells owners where their entries are.
struct Owners;

impl<I: Owner> Positions<I> for Owners {
    #[inline(always)]
    fn moved(&mut self, id: I, position: u32) {
        id.set_position(position);
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Timers<I> {
    heap: Heap<I>,
}

impl<I: Owner> Default for Timers<I> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Owner> Timers<I> {
    /// None, and no allocation.
    pub const fn new() -> Self {
        Self { heap: Heap::new() }
    }

    /// How many there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// How much memory they hold, in bytes.
    pub const fn held_memory(&self) -> usize {
        self.heap.held_memory()
    }

    /// Arms the timeout of an event that has none. Answers whether it is earlier than all entries: whoever waits for the first
    /// must then look again.
    ///
    /// # Errors
    /// The allocator's refusal, with nothing changed.
    #[inline(always)]
    pub fn insert(&mut self, id: I, deadline: u64) -> Result<bool, TryReserveError> {
        self.heap.try_reserve_one()?;
        Ok(match self.insert_shortly(id, deadline) {
            Some(Some(position)) => self.lift(position),
            _ => id.position() == 0,
        })
    }

    /// The first half of [`insert`](Self::insert), where there is memory; `None`: nothing was done. For `Some(Some(position))`
    /// the other half is [`lift`](Self::lift), before any other verb.
    #[inline(always)]
    pub fn insert_shortly(&mut self, id: I, deadline: u64) -> Option<Option<u32>> {
        let (position, lift) = self.heap.push_shortly(Entry { deadline, id })?;
        id.set_deadline(deadline);
        id.set_bound(deadline);
        id.set_position(position);
        Some(if lift { Some(position) } else { None })
    }

    /// Ends [`insert_shortly`](Self::insert_shortly). Answers as [`insert`](Self::insert) does.
    #[inline]
    pub fn lift(&mut self, position: u32) -> bool {
        self.heap.lift(position, &mut Owners) == 0
    }

    /// Moves the timeout of an event that has one. Answers as [`insert`](Self::insert) does.
    #[inline]
    pub fn set(&mut self, id: I, deadline: u64) -> bool {
        if self.postpone(id, deadline) || !self.heap.set_of(id.position(), id, deadline, &mut Owners) {
            return false;
        }
        id.set_deadline(deadline);
        id.set_bound(deadline);
        self.heap.first().is_some_and(|first| first.deadline == deadline)
    }

    /// [`set`](Self::set), if that only needs a note: the timeout gets no earlier than its entry. Answers whether it did.
    #[inline(always)]
    pub fn postpone(&mut self, id: I, deadline: u64) -> bool {
        let later = deadline >= id.bound();
        if later {
            id.set_deadline(deadline);
        }
        later
    }

    /// Disarms the timeout of an event.
    #[inline(always)]
    pub fn remove(&mut self, id: I) {
        self.heap.remove_of(id.position(), id, &mut Owners);
    }

    /// The earliest deadline. Changes with every verb but this.
    #[inline]
    pub fn first_deadline(&mut self) -> Option<u64> {
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
        self.heap.first().is_some_and(|first| first.deadline <= now)
    }

    /// Takes the earliest out if it is due at `now`.
    #[inline]
    pub fn pop_due(&mut self, now: u64) -> Option<Entry<I>> {
        if self.first_deadline()? > now {
            return None;
        }
        Some(self.heap.remove(0, &mut Owners))
    }

    /// Takes out all that are due at `now`, in order of their deadlines, if they are many: then sorting them is cheaper than
    /// [popping](Self::pop_due) one by one. Otherwise nothing is done.
    #[cold]
    #[inline(never)]
    pub fn take_many(&mut self, now: u64) -> Vec<Entry<I>> {
        let count = self.heap.iter().filter(|e| e.deadline <= now).count();
        let mut due = Vec::new();
        if count * FEW < self.heap.len() || due.try_reserve_exact(count).is_err() {
            return due;
        }
        let truth = |e: Entry<I>| Entry { deadline: e.id.deadline(), id: e.id };
        due.extend(self.heap.iter().filter(|e| e.deadline <= now).map(truth).filter(|e| e.deadline <= now));
        if due.len() == self.heap.len() {
            self.heap.clear();
        } else {
            self.heap.retain(&mut Owners, |entry| {
                if entry.deadline <= now {
                    entry.deadline = entry.id.deadline();
                    entry.id.set_bound(entry.deadline);
                }
                entry.deadline > now
            });
        }
        heap::sort(&mut due);
        due
    }

    /// Takes any one out, for an end of everything.
    pub fn take(&mut self) -> Option<I> {
        let last = (self.heap.len() as u32).checked_sub(1)?;
        Some(self.heap.remove(last, &mut Owners).id)
    }

    /// All of them, the earliest first and the others in no order.
    pub fn iter(&self) -> impl Iterator<Item = I> + '_ {
        self.heap.iter().map(|entry| entry.id)
    }

    /// One of them, by its place in [`iter`](Self::iter).
    pub fn get(&self, place: u32) -> Option<I> {
        self.heap.get(place).map(|entry| entry.id)
    }
}

#[cfg(test)]
mod tests;
