//! A slab with generations: O(1) insert, look-up and removal; an emptied slab returns its memory.

use crate::key::Key;
use alloc::{collections::TryReserveError, vec::Vec};
use core::num::NonZeroU32;

const NONE: u32 = u32::MAX;
/// Number of objects from which on it grows by a quarter: large allocations grow without a copy, and what is not used costs.
const LARGE: usize = 1 << 12;
/// Number of vacant entries that are made at once.
const BLOCK: usize = 64;
/// Capacity that an emptied slab keeps.
const KEEP: usize = 64;

/// A place in a slab, vacant or not.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    /// Zero while vacant.
    generation: u32,
    /// The next vacant entry while vacant.
    next_free: u32,
    value: T,
}

impl<T> Entry<T> {
    /// What is there; an old object or a default one while it is vacant.
    #[inline(always)]
    pub const fn value(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Objects by [`Key`].
///
/// `T` must have a cheap `Default`: a vacant entry holds one.
///
/// # Examples
/// ```
/// use evoxide_core::slab::Slab;
/// let mut slab = Slab::new();
/// let key = slab.insert("a");
/// assert_eq!(slab.get(key), Some(&"a"));
/// assert_eq!(slab.remove(key), Some("a"));
/// assert_eq!(slab.get(key), None);
/// ```
#[derive(Debug)]
pub struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: u32,
    generation: u32,
}

impl<T: Default> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Default> Slab<T> {
    /// An empty slab, without an allocation.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), free: NONE, len: 0, generation: 0 }
    }

    /// How many objects it holds.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How much memory it holds, in bytes.
    pub const fn held_memory(&self) -> usize {
        self.entries.capacity() * size_of::<Entry<T>>()
    }

    /// Makes sure that the next insertion needs no memory.
    ///
    /// # Errors
    /// The allocator's refusal, with nothing changed.
    #[inline]
    pub fn try_reserve_one(&mut self) -> Result<(), TryReserveError> {
        if self.free != NONE || self.entries.len() < self.entries.capacity() {
            return Ok(());
        }
        self.reserve_more()
    }

    #[cold]
    #[inline(never)]
    fn reserve_more(&mut self) -> Result<(), TryReserveError> {
        // Few steps while small: each moves everything.
        let len = self.entries.len();
        let more = if len < LARGE { (len * 3).max(4).min(LARGE - len) } else { len / 4 };
        self.entries.try_reserve_exact(more).or_else(|_| self.entries.try_reserve_exact(1))
    }

    /// Stores an object.
    #[inline]
    pub fn insert(&mut self, value: T) -> Key {
        // The highest bit is free for keys that name no slot.
        self.generation = (self.generation.wrapping_add(1) & (u32::MAX >> 1)).max(1);
        let generation = NonZeroU32::new(self.generation).unwrap_or(NonZeroU32::MIN);
        self.len += 1;
        let index = self.free;
        if let Some(entry) = self.entries.get_mut(index as usize) {
            self.free = entry.next_free;
            entry.generation = generation.get();
            entry.value = value;
            return Key { index, generation };
        }
        let index = self.entries.len() as u32;
        self.entries.push(Entry { generation: generation.get(), next_free: NONE, value });
        Key { index, generation }
    }

    /// Stores the object that the entry held before, or a default one, for the caller to change:
    /// cheaper than [`insert`](Self::insert) where only some of it matters.
    ///
    /// # Errors
    /// The allocator's refusal, with nothing changed.
    #[inline(always)]
    pub fn try_insert_any(&mut self) -> Result<(Key, &mut T), TryReserveError> {
        if self.free as usize >= self.entries.len() {
            self.try_grow()?;
        }
        Ok(self.occupy())
    }

    /// Takes the first vacant entry.
    #[inline(always)]
    fn occupy(&mut self) -> (Key, &mut T) {
        self.generation = (self.generation.wrapping_add(1) & (u32::MAX >> 1)).max(1);
        let generation = NonZeroU32::new(self.generation).unwrap_or(NonZeroU32::MIN);
        self.len += 1;
        let index = self.free;
        let entry = &mut self.entries[index as usize];
        self.free = entry.next_free;
        entry.generation = generation.get();
        (Key { index, generation }, &mut entry.value)
    }

    #[cold]
    #[inline(never)]
    fn try_grow(&mut self) -> Result<(), TryReserveError> {
        self.try_reserve_one()?;
        let first = self.entries.len() as u32;
        let room = (self.entries.capacity() - self.entries.len()).clamp(1, BLOCK) as u32;
        let vacant = |next_free| Entry { generation: 0, next_free, value: T::default() };
        self.entries.extend((1..room).map(|n| vacant(first + n)));
        self.entries.push(vacant(NONE));
        self.free = first;
        Ok(())
    }

    /// Takes an object out and leaves its value where it is, for [`try_insert_any`](Self::try_insert_any).
    #[inline(always)]
    pub fn discard(&mut self, index: u32) {
        let Some(entry) = self.entries.get_mut(index as usize).filter(|e| e.generation != 0) else { return };
        entry.generation = 0;
        entry.next_free = self.free;
        self.free = index;
        self.len -= 1;
        if self.len == 0 && self.entries.capacity() > KEEP {
            self.reset();
        }
    }

    #[cold]
    #[inline(never)]
    fn reset(&mut self) {
        self.entries = Vec::new();
        self.free = NONE;
    }

    /// The object of a key.
    #[inline]
    pub fn get(&self, key: Key) -> Option<&T> {
        match self.entries.get(key.index as usize) {
            Some(e) if e.generation == key.generation.get() => Some(&e.value),
            _ => None,
        }
    }

    /// The object of a key, to change it.
    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.index as usize) {
            Some(e) if e.generation == key.generation.get() => Some(&mut e.value),
            _ => None,
        }
    }

    /// The object at an index that the caller knows to be occupied (an intrusive list's link).
    ///
    /// # Panics
    /// Where the index was never used.
    #[inline]
    pub fn at(&self, index: u32) -> &T {
        &self.entries[index as usize].value
    }

    /// As [`at`](Self::at), to change it.
    ///
    /// # Panics
    /// Where the index was never used.
    #[inline]
    pub fn at_mut(&mut self, index: u32) -> &mut T {
        &mut self.entries[index as usize].value
    }

    /// As [`at_mut`](Self::at_mut), `None` where the index was never used.
    #[inline(always)]
    pub fn try_at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize).map(|e| &mut e.value)
    }

    /// The object at an index, with its key. `None` where the index was never used.
    #[inline(always)]
    pub(crate) fn keyed_at_mut(&mut self, index: u32) -> Option<(Option<Key>, &mut T)> {
        let entry = self.entries.get_mut(index as usize)?;
        let key = NonZeroU32::new(entry.generation).map(|generation| Key { index, generation });
        Some((key, &mut entry.value))
    }

    /// All places by index, for several looks in a row.
    #[inline(always)]
    pub(crate) fn all_mut(&mut self) -> &mut [Entry<T>] {
        &mut self.entries
    }

    /// The key of an occupied index.
    #[inline]
    pub fn key_at(&self, index: u32) -> Option<Key> {
        let generation = NonZeroU32::new(self.entries.get(index as usize)?.generation)?;
        Some(Key { index, generation })
    }

    /// One more than the highest index in use.
    pub fn bound(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Takes an object out.
    #[inline]
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation != key.generation.get() {
            return None;
        }
        entry.generation = 0;
        entry.next_free = self.free;
        let value = core::mem::take(&mut entry.value);
        self.free = key.index;
        self.len -= 1;
        if self.len == 0 && self.entries.capacity() > KEEP {
            self.entries = Vec::new();
            self.free = NONE;
        }
        Some(value)
    }

    /// Visits every object, to change it.
    pub fn for_each_mut(&mut self, mut visit: impl FnMut(&mut T)) {
        for entry in self.entries.iter_mut().filter(|e| e.generation != 0) {
            visit(&mut entry.value);
        }
    }

    /// Every object with its key, in index order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.entries.iter().enumerate().filter_map(|(index, e)| {
            let generation = NonZeroU32::new(e.generation)?;
            Some((Key { index: index as u32, generation }, &e.value))
        })
    }
}

#[cfg(test)]
mod tests;
