//! The timer heap: 4-ary, indexed, keyed by deadlines in nanoseconds.
//!
//! Each entry is a deadline and the id of its owner. The heap tells the owner its position whenever it changes
//! ([`Positions`]), so cancelling and re-arming need no search and leave no dead entries. An emptied heap returns its memory.

mod sort;

use alloc::{collections::TryReserveError, vec::Vec};
pub(crate) use sort::{FEW, sort};

const ARITY: usize = 4;
/// Number of entries from which on it only doubles.
const LARGE: usize = 1 << 16;
/// Capacity that an emptied heap keeps.
const KEEP: usize = 64;

/// Where the owner of an entry keeps the entry's position.
pub trait Positions<I = u32> {
    /// The entry of `id` is now at `position`.
    fn moved(&mut self, id: I, position: u32);
}

/// One entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry<I = u32> {
    /// When it is due, in nanoseconds (or any other scale, as long as all entries of a heap share it).
    pub deadline: u64,
    /// Whose it is.
    pub id: I,
}

/// A min-heap of [`Entry`] by deadline.
#[derive(Debug)]
pub struct Heap<I = u32> {
    entries: Vec<Entry<I>>,
}

impl<I> Default for Heap<I> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<I: Copy> Heap<I> {
    /// An empty heap, without an allocation.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// How many entries it holds.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How much memory it holds, in bytes.
    pub const fn held_memory(&self) -> usize {
        self.entries.capacity() * size_of::<Entry<I>>()
    }

    /// Makes sure that the next [`push`](Self::push) needs no memory.
    ///
    /// # Errors
    /// The allocator's refusal, with nothing changed.
    #[inline]
    pub fn try_reserve_one(&mut self) -> Result<(), TryReserveError> {
        if self.entries.len() < self.entries.capacity() { Ok(()) } else { self.try_reserve_beyond(self.entries.len()) }
    }

    /// How many entries it has memory for.
    pub const fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// Makes sure that it has memory for one entry more than `len`, which is not less than it holds.
    ///
    /// # Errors
    /// The allocator's refusal, with nothing changed.
    #[cold]
    #[inline(never)]
    pub fn try_reserve_beyond(&mut self, len: usize) -> Result<(), TryReserveError> {
        // Few steps: each moves everything.
        let held = self.entries.len();
        let most = if len < LARGE { len.max(4) * 4 } else { len * 2 };
        self.entries.try_reserve(most - held).or_else(|_| self.entries.try_reserve(len + 1 - held))
    }

    /// The earliest entry.
    pub fn first(&self) -> Option<Entry<I>> {
        self.entries.first().copied()
    }

    /// The entry at a position.
    pub fn get(&self, position: u32) -> Option<Entry<I>> {
        self.entries.get(position as usize).copied()
    }

    /// All entries, in heap order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<I>> + '_ {
        self.entries.iter().copied()
    }

    /// Adds an entry.
    #[inline]
    pub fn push(&mut self, entry: Entry<I>, owners: &mut impl Positions<I>) {
        self.entries.push(entry);
        let at = self.entries.len() - 1;
        self.sift_up(at, entry, owners);
    }

    /// Changes the deadline of the entry at `position`.
    ///
    /// # Panics
    /// Where there is no such position.
    #[inline]
    pub fn set(&mut self, position: u32, deadline: u64, owners: &mut impl Positions<I>) {
        let at = position as usize;
        let old = self.entries[at];
        let entry = Entry { deadline, ..old };
        if deadline < old.deadline {
            self.sift_up(at, entry, owners);
        } else {
            self.sift_down(at, entry, owners);
        }
    }

    /// Changes the deadline of the entry at `position` if it is `id`'s; returns whether it is.
    #[inline(always)]
    pub fn set_of(&mut self, position: u32, id: I, deadline: u64, owners: &mut impl Positions<I>) -> bool
    where
        I: PartialEq,
    {
        let at = position as usize;
        let len = self.entries.len();
        if self.entries.get(at).is_none_or(|e| e.id != id) {
            return false;
        }
        if self.rises(at, deadline) {
            self.resettle(at, Entry { deadline, id }, true, owners);
        } else if at * ARITY + 1 < len {
            self.resettle(at, Entry { deadline, id }, false, owners);
        } else if let Some(entry) = self.entries.get_mut(at) {
            // Nothing is below it: it stays where it is.
            entry.deadline = deadline;
        }
        true
    }

    /// Whether an entry of this deadline must move up from `at`. Most stay where they are, so this is easier to predict for
    /// a processor than whether the deadline became earlier or later.
    #[inline(always)]
    fn rises(&self, at: usize, deadline: u64) -> bool {
        at > 0 && self.entries.get((at - 1) / ARITY).is_some_and(|parent| parent.deadline > deadline)
    }

    #[inline(never)]
    fn resettle(&mut self, at: usize, entry: Entry<I>, up: bool, owners: &mut impl Positions<I>) {
        if up {
            self.sift_up(at, entry, owners);
        } else {
            self.sift_down(at, entry, owners);
        }
    }

    /// Takes the entry at `position` out if it is `id`'s; returns whether it was.
    #[inline]
    pub fn remove_of(&mut self, position: u32, id: I, owners: &mut impl Positions<I>) -> bool
    where
        I: PartialEq,
    {
        let held = self.entries.get(position as usize).is_some_and(|e| e.id == id);
        if held {
            self.remove(position, owners);
        }
        held
    }

    /// Takes the entry at `position` out.
    ///
    /// # Panics
    /// Where there is no such position.
    #[inline]
    pub fn remove(&mut self, position: u32, owners: &mut impl Positions<I>) -> Entry<I> {
        let gone = self.take_out(position, owners);
        if self.entries.is_empty() {
            self.clear();
        }
        gone
    }

    /// [`remove`](Self::remove), and keeps the memory of an emptied heap.
    ///
    /// # Panics
    /// Where there is no such position.
    #[inline]
    pub fn take_out(&mut self, position: u32, owners: &mut impl Positions<I>) -> Entry<I> {
        let at = position as usize;
        let gone = self.entries[at];
        let Some(last) = self.entries.pop() else { return gone };
        if at < self.entries.len() {
            if self.rises(at, last.deadline) {
                self.sift_up(at, last, owners);
            } else {
                self.sift_down(at, last, owners);
            }
        }
        gone
    }

    /// Gives every entry the deadline that `f` returns for its owner and its old deadline, and restores the order.
    pub fn update(&mut self, mut f: impl FnMut(I, u64) -> u64, owners: &mut impl Positions<I>) {
        for entry in &mut self.entries {
            entry.deadline = f(entry.id, entry.deadline);
        }
        for at in 0..self.entries.len() {
            let entry = self.entries[at];
            self.sift_up(at, entry, owners);
        }
    }

    /// Keeps the entries for which `keep` returns so, with the deadline that it leaves in them, and restores the order.
    pub fn retain<O: Positions<I>>(&mut self, owners: &mut O, mut keep: impl FnMut(&mut O, &mut Entry<I>) -> bool) {
        self.entries.retain_mut(|entry| keep(owners, entry));
        for at in 0..self.entries.len() {
            let entry = self.entries[at];
            self.sift_up(at, entry, owners);
        }
        if self.entries.is_empty() {
            self.clear();
        }
    }

    /// Takes all entries out.
    pub fn clear(&mut self) {
        self.entries.clear();
        if self.entries.capacity() > KEEP {
            self.entries = Vec::new();
        }
    }

    /// Takes the earliest entry out if it is due at `now`.
    #[inline]
    pub fn pop_due(&mut self, now: u64, owners: &mut impl Positions<I>) -> Option<Entry<I>> {
        let first = self.first()?;
        if first.deadline > now {
            return None;
        }
        Some(self.remove(0, owners))
    }

    /// Puts `entry` at `at` or above it, and returns where.
    #[inline]
    fn sift_up(&mut self, mut at: usize, entry: Entry<I>, owners: &mut impl Positions<I>) -> u32 {
        let heap = &mut self.entries[..];
        while at > 0 {
            let up = (at - 1) / ARITY;
            let Some(&parent) = heap.get(up) else { break };
            if parent.deadline <= entry.deadline {
                break;
            }
            if let Some(slot) = heap.get_mut(at) {
                *slot = parent;
            }
            owners.moved(parent.id, at as u32);
            at = up;
        }
        if let Some(slot) = heap.get_mut(at) {
            *slot = entry;
        }
        owners.moved(entry.id, at as u32);
        at as u32
    }

    /// Puts `entry` at `at` or below it.
    #[inline]
    fn sift_down(&mut self, mut at: usize, entry: Entry<I>, owners: &mut impl Positions<I>) {
        let heap = &mut self.entries[..];
        // The entries below entry n are the n-th group of four behind the first entry.
        loop {
            let (groups, rest) = heap.get(1..).unwrap_or_default().as_chunks::<ARITY>();
            let Some(group) = groups.get(at) else {
                // The last group may be incomplete, and has nothing below it.
                if at == groups.len()
                    && let Some((k, low)) = rest.iter().enumerate().min_by_key(|(_, e)| e.deadline)
                    && low.deadline < entry.deadline
                {
                    let (low, below) = (*low, at * ARITY + 1 + k);
                    if let Some(slot) = heap.get_mut(at) {
                        *slot = low;
                    }
                    owners.moved(low.id, at as u32);
                    at = below;
                }
                break;
            };
            let (mut best, mut low) = (0, group[0].deadline);
            if group[1].deadline < low {
                (best, low) = (1, group[1].deadline);
            }
            if group[2].deadline < low {
                (best, low) = (2, group[2].deadline);
            }
            if group[3].deadline < low {
                (best, low) = (3, group[3].deadline);
            }
            if entry.deadline <= low {
                break;
            }
            let child = Entry { deadline: low, id: group[best].id };
            if let Some(slot) = heap.get_mut(at) {
                *slot = child;
            }
            owners.moved(child.id, at as u32);
            at = at * ARITY + 1 + best;
        }
        if let Some(slot) = heap.get_mut(at) {
            *slot = entry;
        }
        owners.moved(entry.id, at as u32);
    }
}

#[cfg(test)]
mod tests;
