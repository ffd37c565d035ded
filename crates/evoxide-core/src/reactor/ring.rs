//! One ring of what must run.
//!
//! Taking an entry out of the middle leaves a gap that popping skips. Places are counted, not indexed, so that a ring can
//! grow under keys that name places. Every place that is not in use holds a gap too: code that looks at the first entry need not
//! ask whether there is one.

use super::slot::NONE;
use crate::interest::Ready;
use crate::key::Key;
use alloc::{boxed::Box, vec};
use core::num::NonZeroU32;

/// `Entry::slot` of a detached activation.
pub(super) const DETACHED: u32 = NONE;
/// `Entry::slot` of a gap.
pub(super) const GAP: u32 = NONE - 1;
/// The least of these.
const SPECIAL: u32 = GAP;
/// In `Entry::slot`: popping must look at the slot. Without it the slot belongs to a persistent event that counts and waits on
/// a descriptor, and no timeout made it ready: popping it changes nothing else. No slab has a slot of this number.
pub(super) const CHANGES: u32 = 1 << 31;

/// Marks the generation of a detached activation's key; the slab never uses it.
pub(super) const DETACHED_MARK: u32 = 1 << 31;
/// Rings with more places than this are given back when they are empty.
const KEEP: usize = 1024;
/// How many places a ring has from the start, so that making the first few events active, which signal handlers do, allocates
/// nothing.
pub(super) const ROOM: usize = 16;

/// One thing to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<T> {
    pub payload: T,
    /// The slot's index, which may be marked [`CHANGES`], or one of the special values.
    pub slot: u32,
    pub ready: Ready,
    pub calls: u16,
}

impl<T> Entry<T> {
    /// Whether it has no slot.
    #[inline(always)]
    pub const fn is_special(&self) -> bool {
        self.slot >= SPECIAL
    }

    /// The index of its slot, if it has one.
    #[inline(always)]
    pub const fn index(&self) -> Option<u32> {
        if self.is_special() { None } else { Some(self.slot & !CHANGES) }
    }

    /// More happened to it.
    #[inline]
    pub fn join(&mut self, ready: Ready) {
        self.ready |= ready;
        if !self.is_special() && ready.contains(Ready::TIMEOUT) {
            self.slot |= CHANGES;
        }
    }
}

/// A ring. Places `head..tail` are in use, all others hold gaps; the number of entries is a power of two or zero.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Ring<T> {
    pub entries: Box<[Entry<T>]>,
    /// One less than the number of entries, while there are any.
    mask: u32,
    pub gaps: u32,
    // What lies between them keeps the next two words from being copied as one: that would wait for what was written last.
    pub head: u32,
    /// A ring this long takes no entry without `Reactor::push_other`: it is full, or a count may reach a new maximum. One
    /// comparison stands for all of these.
    pub limit: u32,
    pub tail: u32,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { entries: Box::default(), mask: 0, head: 0, tail: 0, limit: 0, gaps: 0 }
    }
}

impl<T: Copy + Default> Ring<T> {
    /// Takes the place of `front`, whose content goes to `back`, which is not in use; as this is not from then on, and empty. Word by
    /// word: what was written last is not waited for.
    #[inline(always)]
    pub fn give_to(&mut self, front: &mut Self, back: &mut Self) {
        back.mask = core::mem::replace(&mut front.mask, self.mask);
        back.gaps = core::mem::replace(&mut front.gaps, self.gaps);
        back.head = core::mem::replace(&mut front.head, self.head);
        back.tail = core::mem::replace(&mut front.tail, self.tail);
        front.limit = 0;
        self.tail = self.head;
        let entries = core::mem::replace(&mut front.entries, core::mem::take(&mut self.entries));
        // There are none, so there is nothing to drop.
        core::mem::forget(core::mem::replace(&mut back.entries, entries));
    }

    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Whether the next entry needs a closer look.
    #[inline(always)]
    pub fn is_at_limit(&self) -> bool {
        self.tail.wrapping_sub(self.head) >= self.limit
    }

    /// Whether it must be packed or grown before the next entry.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        (self.tail.wrapping_sub(self.head)) as usize == self.entries.len()
    }

    /// How many entries are no gaps.
    #[inline(always)]
    pub const fn count(&self) -> u32 {
        self.tail.wrapping_sub(self.head) - self.gaps
    }

    /// How many entries it has room for without growing.
    #[inline(always)]
    pub const fn room(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Where the entry of a place is.
    #[inline(always)]
    const fn at(&self, place: u32) -> usize {
        (place & self.mask) as usize
    }

    /// The entry at a place that is in use.
    pub fn get(&self, place: u32) -> Option<&Entry<T>> {
        if place.wrapping_sub(self.head) >= self.tail.wrapping_sub(self.head) {
            return None;
        }
        self.entries.get(self.at(place))
    }

    #[inline]
    pub fn get_mut(&mut self, place: u32) -> Option<&mut Entry<T>> {
        if place.wrapping_sub(self.head) >= self.tail.wrapping_sub(self.head) {
            return None;
        }
        let at = self.at(place);
        self.entries.get_mut(at)
    }

    /// Adds an entry to a ring that is not full.
    #[inline(always)]
    pub fn put(&mut self, entry: Entry<T>) -> u32 {
        let place = self.tail;
        let at = self.at(place);
        if let Some(e) = self.entries.get_mut(at) {
            e.payload = entry.payload;
            e.slot = entry.slot;
            e.ready = entry.ready;
            e.calls = entry.calls;
        }
        self.tail = place.wrapping_add(1);
        place
    }

    /// Takes the first entry, which may be a gap.
    #[inline(always)]
    pub fn take(&mut self) -> Option<Entry<T>> {
        if self.head == self.tail {
            return None;
        }
        let at = self.at(self.head);
        let place = self.entries.get_mut(at)?;
        let entry = *place;
        place.slot = GAP;
        self.head = self.head.wrapping_add(1);
        if entry.slot == GAP {
            self.gaps -= 1;
        }
        Some(entry)
    }

    /// The first entry, which may be a gap, and is one where the ring is empty; with where the ring begins. `None`: it is
    /// empty.
    #[inline(always)]
    pub fn first(&mut self) -> Option<(&mut Entry<T>, &mut u32)> {
        let at = self.at(self.head);
        Some((self.entries.get_mut(at)?, &mut self.head))
    }

    /// Passes the first entry of a ring that is not empty if it is a gap.
    pub fn pass_gap(&mut self) -> bool {
        let gap = self.entries.get(self.at(self.head)).is_some_and(|e| e.slot == GAP);
        if gap {
            self.head = self.head.wrapping_add(1);
            self.gaps -= 1;
        }
        gap
    }

    /// The unused entries that follow the last one, as far as they lie side by side, with where they begin: the place of
    /// the first, to be moved on for each that is put to use.
    #[inline]
    pub fn spare(&mut self) -> (&mut [Entry<T>], &mut u32) {
        let free = self.entries.len() - self.tail.wrapping_sub(self.head) as usize;
        let at = self.at(self.tail);
        let spare = self.entries.get_mut(at..).unwrap_or_default();
        let len = spare.len().min(free);
        (&mut spare[..len], &mut self.tail)
    }

    /// Makes a full ring longer.
    #[cold]
    #[inline(never)]
    pub fn grow(&mut self) {
        let old = self.entries.len();
        self.grow_to((old * if old < 4096 { 4 } else { 2 }).max(ROOM));
    }

    /// Makes it as long as that, a power of two.
    pub fn grow_to(&mut self, new: usize) {
        let old = self.entries.len();
        let nothing = Entry { payload: T::default(), slot: GAP, ready: Ready::empty(), calls: 0 };
        let mut entries = vec![nothing; new];
        // Its entries are two runs: from `head` to the end of the old entries, and what wrapped around.
        let split = self.head as usize & old.wrapping_sub(1);
        let (wrapped, first) = self.entries.split_at(split.min(old));
        let at = self.head as usize & (new - 1);
        for (run, at) in [(first, at), (wrapped, (at + first.len()) & (new - 1))] {
            if let Some(to) = entries.get_mut(at..at + run.len()) {
                to.copy_from_slice(run);
            }
        }
        self.entries = entries.into();
        self.mask = (new - 1) as u32;
        self.limit = 0;
    }

    /// Makes a gap, and closes it where it is at an end. Returns how many places the beginning moved.
    pub fn remove(&mut self, place: u32) -> u32 {
        let was = self.head;
        let Some(entry) = self.get_mut(place) else { return 0 };
        entry.slot = GAP;
        self.gaps += 1;
        while self.head != self.tail && self.get(self.tail.wrapping_sub(1)).is_some_and(|e| e.slot == GAP) {
            self.tail = self.tail.wrapping_sub(1);
            self.gaps -= 1;
        }
        while self.head != self.tail && self.get(self.head).is_some_and(|e| e.slot == GAP) {
            self.head = self.head.wrapping_add(1);
            self.gaps -= 1;
        }
        self.head.wrapping_sub(was)
    }

    /// Whether it keeps its memory when it is empty.
    #[inline(always)]
    pub const fn is_small(&self) -> bool {
        self.entries.len() <= KEEP
    }

    /// Gives back the memory of an empty ring, but for its first places.
    #[inline]
    pub fn trim(&mut self) {
        if !self.is_small() && self.is_empty() {
            let first = self.entries.get(..ROOM).unwrap_or_default();
            self.entries = first.into();
            self.mask = ROOM as u32 - 1;
            self.limit = 0;
        }
    }

    pub fn held_memory(&self) -> usize {
        self.entries.len() * size_of::<Entry<T>>()
    }
}

/// The key of a detached activation at a place of a priority's ring.
#[inline(always)]
pub(super) fn detached_key(place: u32, priority: u8) -> Key {
    let generation = NonZeroU32::new(DETACHED_MARK | priority as u32).unwrap_or(NonZeroU32::MAX);
    Key { index: place, generation }
}
