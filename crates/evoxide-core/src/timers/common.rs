//! Common timeouts: a list for each duration.

use super::{List, Store};
use crate::heap::Entry;
use alloc::vec::Vec;

/// How many durations there may be.
pub const MAX_COMMON: usize = 256;
/// Positions of timeouts in lists: this and the [`MAX_COMMON`] - 1 below it, one for each list.
const TOP: u32 = super::NOWHERE - 1;

/// The list that a position says, if it says one.
#[inline(always)]
pub(super) const fn queue_at(position: u32) -> Option<u16> {
    if TOP.wrapping_sub(position) < MAX_COMMON as u32 { Some((TOP - position) as u16) } else { None }
}

/// The timeouts of one duration.
#[derive(Debug)]
struct Queue<I> {
    /// In nanoseconds.
    duration: u64,
    list: List<I>,
}

/// The lists.
#[derive(Debug)]
pub(super) struct Queues<I> {
    all: Vec<Queue<I>>,
    len: usize,
    /// Changes with every timeout that joins or leaves.
    changes: u64,
}

/// Where a visit of all timeouts in lists stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<I> {
    queue: usize,
    nth: usize,
    /// The next one, as long as nothing changes.
    next: Option<I>,
    changes: u64,
}

impl<I> Default for Place<I> {
    fn default() -> Self {
        Self { queue: 0, nth: 0, next: None, changes: u64::MAX }
    }
}

impl<I: Copy + PartialEq> Queues<I> {
    pub const fn new() -> Self {
        Self { all: Vec::new(), len: 0, changes: 0 }
    }

    pub const fn len(&self) -> usize {
        self.len
    }

    pub const fn held_memory(&self) -> usize {
        self.all.capacity() * size_of::<Queue<I>>()
    }

    pub fn queue(&mut self, duration: u64) -> Option<u16> {
        if let Some(known) = self.all.iter().position(|queue| queue.duration == duration) {
            return Some(known as u16);
        }
        if self.all.len() == MAX_COMMON || self.all.try_reserve(1).is_err() {
            return None;
        }
        self.all.push(Queue { duration, list: List::new() });
        Some((self.all.len() - 1) as u16)
    }

    pub fn duration(&self, queue: u16) -> Option<u64> {
        self.all.get(usize::from(queue)).map(|queue| queue.duration)
    }

    /// Puts a timeout in its place, nearly always the last, of a list that there is.
    pub fn insert(&mut self, store: &mut impl Store<Id = I>, id: I, queue: u16, deadline: u64) {
        let Some(Queue { list, .. }) = self.all.get_mut(usize::from(queue)) else { return };
        store.set_deadline(id, deadline);
        store.set_position(id, TOP - u32::from(queue));
        let mut prev = list.last;
        while let Some(earlier) = prev.filter(|prev| store.deadline(*prev) > deadline) {
            prev = store.links(earlier).prev;
        }
        list.insert_after(store, prev, id);
        self.len += 1;
        self.changes += 1;
    }

    pub fn remove(&mut self, store: &mut impl Store<Id = I>, id: I, queue: u16) {
        if let Some(Queue { list, .. }) = self.all.get_mut(usize::from(queue)) {
            list.remove(store, id);
            self.len -= 1;
            self.changes += 1;
        }
    }

    pub fn first_deadline(&self, store: &impl Store<Id = I>) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        self.all.iter().filter_map(|queue| queue.list.first).map(|id| store.deadline(id)).min()
    }

    /// Takes out what is due at `now`, list by list, as long as there is memory.
    pub fn take_due(&mut self, store: &mut impl Store<Id = I>, now: u64, due: &mut Vec<Entry<I>>) {
        if self.len == 0 {
            return;
        }
        for Queue { list, .. } in &mut self.all {
            while let Some(id) = list.first {
                let deadline = store.deadline(id);
                if deadline > now || due.try_reserve(1).is_err() {
                    break;
                }
                list.remove(store, id);
                store.set_position(id, super::NOWHERE);
                due.push(Entry { deadline, id });
                self.len -= 1;
                self.changes += 1;
            }
        }
    }

    /// Takes any one out.
    pub fn take(&mut self, store: &mut impl Store<Id = I>) -> Option<I> {
        let (id, queue) = self.all.iter().zip(0..).find_map(|(queue, n)| Some((queue.list.first?, n)))?;
        self.remove(store, id, queue);
        Some(id)
    }

    /// The next timeout of a visit.
    pub fn next(&self, store: &impl Store<Id = I>, at: &mut Place<I>) -> Option<I> {
        loop {
            let list = &self.all.get(at.queue)?.list;
            if at.changes != self.changes || at.nth == 0 {
                at.changes = self.changes;
                at.next = list.first;
                for _ in 0..at.nth {
                    at.next = at.next.and_then(|id| store.links(id).next);
                }
            }
            match at.next {
                Some(id) => {
                    (at.nth, at.next) = (at.nth + 1, store.links(id).next);
                    return Some(id);
                }
                None => (at.queue, at.nth) = (at.queue + 1, 0),
            }
        }
    }
}
