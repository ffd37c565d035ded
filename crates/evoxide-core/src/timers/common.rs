//! Common timeouts of plain timers: timeouts of one duration come due in the order in which they were armed, so each duration has
//! a list, and arming, moving and disarming are O(1).

use super::{Links, Owner};
use crate::heap::Entry;

/// How many durations there may be.
const MOST: u32 = 256;
/// Positions of timers in lists: this and the [`MOST`] - 1 below it, one for each list.
const TOP: u32 = super::STAGED - 1;

/// The list that a position says, if it says one.
#[inline(always)]
pub(super) const fn queue_at(position: u32) -> Option<u16> {
    if TOP.wrapping_sub(position) < MOST { Some((TOP - position) as u16) } else { None }
}

/// The timers of one duration.
#[derive(Debug)]
struct List<I> {
    links: Links<I>,
}

/// The lists.
#[derive(Debug)]
pub(super) struct Queues<I> {
    lists: Vec<List<I>>,
    len: usize,
    /// Changes with every timer that joins or leaves.
    changes: u64,
}

/// Where a visit of all timers in lists stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<I> {
    list: usize,
    nth: usize,
    /// The next one, as long as nothing changes.
    next: Option<I>,
    changes: u64,
}

impl<I> Default for Place<I> {
    fn default() -> Self {
        Self { list: 0, nth: 0, next: None, changes: u64::MAX }
    }
}

impl<I: Owner> Queues<I> {
    pub const fn new() -> Self {
        Self { lists: Vec::new(), len: 0, changes: 0 }
    }

    pub const fn len(&self) -> usize {
        self.len
    }

    pub const fn held_memory(&self) -> usize {
        self.lists.capacity() * size_of::<List<I>>()
    }

    /// Makes sure that there is a list. `false`: it cannot be.
    pub fn reserve(&mut self, queue: u16) -> bool {
        let more = (usize::from(queue) + 1).saturating_sub(self.lists.len());
        if u32::from(queue) >= MOST || self.lists.try_reserve(more).is_err() {
            return false;
        }
        self.lists.resize_with(self.lists.len() + more, || List { links: Links::new() });
        true
    }

    /// Puts a timer in its place, nearly always the last, of a list that there is. Returns whether it is the first there.
    #[inline(always)]
    pub fn insert(&mut self, id: I, queue: u16, deadline: u64) -> Option<bool> {
        let list = self.lists.get_mut(usize::from(queue))?;
        id.set_deadline(deadline);
        id.set_position(TOP - u32::from(queue));
        let mut before = list.links.last;
        while let Some(earlier) = before.filter(|b| b.deadline() > deadline) {
            before = earlier.links()[0];
        }
        list.links.insert_after(before, id);
        self.len += 1;
        self.changes += 1;
        Some(before.is_none())
    }

    #[inline(always)]
    pub fn remove(&mut self, id: I, queue: u16) {
        if let Some(list) = self.lists.get_mut(usize::from(queue)) {
            list.links.remove(id);
            self.len -= 1;
            self.changes += 1;
        }
    }

    /// The first to be due, and its list.
    #[inline]
    pub fn first(&self) -> Option<(Entry<I>, u16)> {
        if self.len == 0 {
            return None;
        }
        let firsts = self.lists.iter().zip(0..).filter_map(|(list, queue)| list.links.first.map(|id| (id, queue)));
        firsts.map(|(id, queue)| (Entry { deadline: id.deadline(), id }, queue)).min_by_key(|(first, _)| first.deadline)
    }

    /// The list whose first is due before `end` and no later than those of the others, and until when none of those is due.
    #[inline(never)]
    pub fn due_list(&self, end: u64) -> Option<(u16, u64)> {
        let (first, queue) = self.first().filter(|(first, _)| first.deadline < end)?;
        let others = self.lists.iter().zip(0..).filter(|(_, other)| *other != queue);
        let until = others.filter_map(|(list, _)| list.links.first.map(I::deadline)).min().unwrap_or(u64::MAX);
        Some((queue, until.max(first.deadline.saturating_add(1)).min(end)))
    }

    /// Takes the first of a list out if it is due before `end`.
    #[inline(always)]
    pub fn pop_before(&mut self, queue: u16, end: u64) -> Option<Entry<I>> {
        let id = self.lists.get(usize::from(queue))?.links.first?;
        let deadline = id.deadline();
        if deadline >= end {
            return None;
        }
        self.remove(id, queue);
        Some(Entry { deadline, id })
    }

    /// The next timer of a visit.
    pub fn next(&self, at: &mut Place<I>) -> Option<I> {
        loop {
            let list = self.lists.get(at.list)?;
            if at.changes != self.changes || at.nth == 0 {
                at.changes = self.changes;
                at.next = list.links.first;
                for _ in 0..at.nth {
                    at.next = at.next.and_then(|id| id.links()[1]);
                }
            }
            match at.next {
                Some(id) => {
                    (at.nth, at.next) = (at.nth + 1, id.links()[1]);
                    return Some(id);
                }
                None => (at.list, at.nth) = (at.list + 1, 0),
            }
        }
    }
}
