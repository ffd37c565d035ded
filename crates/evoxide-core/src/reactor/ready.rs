//! Ready queues: rings of what must run, one for each priority.
//!
//! An entry belongs to a slot, or it is a *ticket*: an event that is active and nothing else (activated by hand, not pending)
//! needs no slot, its key names its place in the ring. That makes user-space activation cost a few stores.
//!
//! Taking an entry out of the middle leaves a gap that popping skips. Places are counted, not indexed, so that a ring can
//! grow under keys that name places. A ring that is mostly gaps is packed instead of grown; its tickets then become slots, and
//! `moved` says which.

use super::slot::{NONE, Slot, state};
use super::{Kind, Reactor};
use crate::interest::Ready;
use crate::key::Key;
use core::num::NonZeroU32;

/// `Entry::slot` of a ticket.
pub(super) const TICKET: u32 = NONE;
/// `Entry::slot` of a ticket that does not count.
pub(super) const INTERNAL_TICKET: u32 = NONE - 1;
/// `Entry::slot` of a gap.
pub(super) const GAP: u32 = NONE - 2;
/// The least of these.
const SPECIAL: u32 = GAP;

/// Marks the generation of a ticket's key; the slab never uses it.
const TICKET_MARK: u32 = 1 << 31;
/// Rings with more places than this are given back when they are empty.
const KEEP: usize = 1024;

/// One thing to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<T> {
    pub payload: T,
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
}

/// A ring. Places `head..tail` are in use; the number of entries is a power of two or zero.
#[derive(Debug)]
pub(super) struct Ring<T> {
    entries: Vec<Entry<T>>,
    pub head: u32,
    pub tail: u32,
    /// A ring this long takes no entry without `Reactor::make_room`: it is full, or a count may reach a new maximum. One
    /// comparison stands for all of these.
    pub limit: u32,
    gaps: u32,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), head: 0, tail: 0, limit: 0, gaps: 0 }
    }
}

impl<T: Copy + Default> Ring<T> {
    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Whether it must be packed or grown before the next entry.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        (self.tail.wrapping_sub(self.head)) as usize == self.entries.len()
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        self.entries.len().wrapping_sub(1)
    }

    /// The entry at a place that is in use.
    #[inline]
    pub fn get(&self, place: u32) -> Option<&Entry<T>> {
        if place.wrapping_sub(self.head) >= self.tail.wrapping_sub(self.head) {
            return None;
        }
        self.entries.get(place as usize & self.mask())
    }

    #[inline]
    pub fn get_mut(&mut self, place: u32) -> Option<&mut Entry<T>> {
        if place.wrapping_sub(self.head) >= self.tail.wrapping_sub(self.head) {
            return None;
        }
        let at = place as usize & self.mask();
        self.entries.get_mut(at)
    }

    /// Adds an entry to a ring that is not full.
    #[inline(always)]
    pub fn put(&mut self, entry: Entry<T>) -> u32 {
        let place = self.tail;
        let at = place as usize & self.mask();
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
        let entry = *self.entries.get(self.head as usize & self.mask())?;
        self.head = self.head.wrapping_add(1);
        if entry.slot == GAP {
            self.gaps -= 1;
        }
        Some(entry)
    }

    #[cold]
    fn grow(&mut self) {
        let old = self.entries.len();
        let new = (old * 2).max(16);
        let nothing = Entry { payload: T::default(), slot: GAP, ready: Ready::empty(), calls: 0 };
        let mut entries = vec![nothing; new];
        let mut place = self.head;
        while place != self.tail {
            if let (Some(to), Some(from)) =
                (entries.get_mut(place as usize & (new - 1)), self.entries.get(place as usize & (old.wrapping_sub(1))))
            {
                *to = *from;
            }
            place = place.wrapping_add(1);
        }
        self.entries = entries;
        self.limit = 0;
    }

    /// Makes a gap, and closes it where it is at an end.
    fn remove(&mut self, place: u32) {
        let Some(entry) = self.get_mut(place) else { return };
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
    }

    /// Gives back the memory of an empty ring.
    #[inline]
    pub fn trim(&mut self) {
        if self.entries.len() > KEEP && self.is_empty() {
            self.entries = Vec::new();
            self.limit = 0;
        }
    }

    pub fn held_memory(&self) -> usize {
        self.entries.capacity() * size_of::<Entry<T>>()
    }
}

/// The key of a ticket at a place of a priority's ring.
#[inline(always)]
fn ticket_key(place: u32, priority: u8) -> Key {
    let generation = NonZeroU32::new(TICKET_MARK | priority as u32).unwrap_or(NonZeroU32::MAX);
    Key { index: place, generation }
}

#[inline(always)]
const fn is_ticket(key: Key) -> bool {
    key.generation.get() & TICKET_MARK != 0
}

impl<T: Copy + Default> Reactor<T> {
    /// Makes something ready that is not pending, without a slot. The key answers like a slot's until it is popped or
    /// removed; [`promote`](Self::promote) makes a slot of it.
    #[inline(always)]
    pub fn enqueue(&mut self, payload: T, priority: u8, internal: bool, ready: Ready, calls: u16) -> Key {
        let slot = if internal { INTERNAL_TICKET } else { TICKET };
        self.internal_active += u32::from(internal);
        let priority = if usize::from(priority) < self.ready.len() { priority } else { (self.ready.len() - 1) as u8 };
        let place = self.push_ready::<true>(priority, Entry { payload, slot, ready, calls });
        ticket_key(place, priority)
    }

    /// Not `COUNTED`: `begin_batch` comes before the next pop and looks at the counts then.
    #[inline(always)]
    pub(super) fn push_ready<const COUNTED: bool>(&mut self, priority: u8, entry: Entry<T>) -> u32 {
        if COUNTED && priority < self.batch.running {
            self.interrupt_batch();
        }
        self.active += 1;
        let ring = &mut self.ready[usize::from(priority)];
        let limit = if COUNTED { ring.limit } else { ring.entries.len() as u32 };
        if ring.tail.wrapping_sub(ring.head) >= limit {
            return self.push_slowly(priority, entry);
        }
        ring.put(entry)
    }

    #[cold]
    #[inline(never)]
    fn push_slowly(&mut self, priority: u8, entry: Entry<T>) -> u32 {
        self.note_most();
        if self.ready[usize::from(priority)].is_full() {
            self.make_room(priority);
        }
        let single = self.ready.len() == 1 && self.later.is_empty();
        let (active, most) = (self.active, self.most);
        let to_go = (most.active - active).min(most.added.saturating_sub(self.counts().added));
        let ring = &mut self.ready[usize::from(priority)];
        let place = ring.put(entry);
        let len = ring.tail.wrapping_sub(ring.head);
        // With one ring, its length tells the counts.
        ring.limit = if single { len.saturating_add(to_go).min(ring.entries.len() as u32) } else { 0 };
        place
    }

    /// Remembers the counts where they are higher than ever.
    #[inline]
    pub(super) fn note_most(&mut self) {
        self.most.active = self.most.active.max(self.active);
        self.most.added = self.most.added.max(self.inserted + self.active - self.internal_active);
    }

    fn make_room(&mut self, priority: u8) {
        let ring = &mut self.ready[usize::from(priority)];
        if (ring.gaps as usize) < ring.entries.len() / 2 || ring.entries.is_empty() {
            return ring.grow();
        }
        // Mostly gaps: pack. Keys that name places would break, so tickets become slots.
        let mut entries = Vec::new();
        while let Some(e) = self.ready[usize::from(priority)].get(self.ready[usize::from(priority)].head).copied() {
            let place = self.ready[usize::from(priority)].head;
            let _ = self.ready[usize::from(priority)].take();
            if e.slot != GAP {
                entries.push((place, e));
            }
        }
        self.moved.retain(|(_, key)| self.slots.get(*key).is_some());
        for (place, mut e) in entries {
            if e.is_special() {
                let internal = e.slot == INTERNAL_TICKET;
                let key = self.insert(e.payload, priority, Kind { persist: false, internal });
                self.slots.at_mut(key.index).state |= state::READY;
                self.moved.push((ticket_key(place, priority), key));
                e.slot = key.index;
            }
            let place = self.ready[usize::from(priority)].put(e);
            self.slots.at_mut(e.slot).ready_place = place;
        }
    }

    /// What became of a key: itself, or the slot that a packed ring made of a ticket.
    #[inline]
    pub(super) fn resolve(&self, key: Key) -> Key {
        if is_ticket(key) && !self.moved.is_empty() {
            return self.moved.iter().rev().find(|(old, _)| *old == key).map_or(key, |(_, new)| *new);
        }
        key
    }

    /// The ring and place of a ticket that is still waiting.
    #[inline]
    pub(super) fn ticket(&self, key: Key) -> Option<&Entry<T>> {
        if !is_ticket(key) {
            return None;
        }
        let ring = self.ready.get((key.generation.get() & 0xff) as usize)?;
        ring.get(key.index).filter(|e| e.slot == TICKET || e.slot == INTERNAL_TICKET)
    }

    #[inline]
    fn ticket_mut(&mut self, key: Key) -> Option<&mut Entry<T>> {
        if !is_ticket(key) {
            return None;
        }
        let ring = self.ready.get_mut((key.generation.get() & 0xff) as usize)?;
        ring.get_mut(key.index).filter(|e| e.slot == TICKET || e.slot == INTERNAL_TICKET)
    }

    /// Makes a slot for a ticket, so that it can become pending too. Any other key answers itself.
    #[inline]
    pub fn promote(&mut self, key: Key, persist: bool) -> Key {
        let key = self.resolve(key);
        if !is_ticket(key) {
            return key;
        }
        self.promote_ticket(key, persist)
    }

    #[cold]
    fn promote_ticket(&mut self, key: Key, persist: bool) -> Key {
        let Some(entry) = self.ticket(key).copied() else { return key };
        let priority = (key.generation.get() & 0xff) as u8;
        let new = self.insert(entry.payload, priority, Kind { persist, internal: entry.slot == INTERNAL_TICKET });
        let slot = self.slots.at_mut(new.index);
        slot.state |= state::READY;
        slot.ready_place = key.index;
        if let Some(entry) = self.ticket_mut(key) {
            entry.slot = new.index;
        }
        new
    }

    /// Makes an event ready: `ready` is added to what happened. `calls` is how often to call back, if it was not ready yet.
    #[inline]
    pub fn activate(&mut self, key: Key, ready: Ready, calls: u16) {
        if self.slots.get(key).is_some() {
            self.activate_slot::<true>(key.index, ready, calls);
        } else {
            self.activate_ticket(key, ready, calls);
        }
    }

    #[cold]
    fn activate_ticket(&mut self, key: Key, ready: Ready, calls: u16) {
        let key = self.resolve(key);
        if self.slots.get(key).is_some() {
            self.activate_slot::<true>(key.index, ready, calls);
        } else if let Some(entry) = self.ticket_mut(key) {
            entry.ready |= ready;
        }
    }

    /// Makes an event with a slot ready from the next turn on. No effect on one that is ready already.
    #[inline]
    pub fn activate_later(&mut self, key: Key, ready: Ready) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        if slot.state & (state::READY | state::LATER) != 0 {
            return;
        }
        slot.state |= state::LATER;
        slot.ready_place = self.later.tail;
        let (payload, internal) = (slot.payload, slot.state & state::INTERNAL != 0);
        if self.later.is_full() {
            self.later.grow();
        }
        self.later.put(Entry { payload, slot: key.index, ready, calls: 1 });
        self.active += 1;
        self.internal_active += u32::from(internal);
        self.note_most();
        if let Some(ring) = self.ready.first_mut() {
            ring.limit = 0;
        }
    }

    /// Moves the "active later" events to the ready queues. Answers how many.
    #[inline]
    pub fn promote_later(&mut self) -> u32 {
        let mut moved = 0;
        while let Some(entry) = self.later.take() {
            if entry.slot == GAP {
                continue;
            }
            let slot = self.slots.at_mut(entry.slot);
            slot.state = slot.state & !state::LATER | state::READY;
            let priority = slot.priority;
            self.active -= 1;
            let place = self.push_ready::<true>(priority, entry);
            self.slots.at_mut(entry.slot).ready_place = place;
            moved += 1;
        }
        moved
    }

    #[inline(always)]
    pub(super) fn activate_slot<const COUNTED: bool>(&mut self, index: u32, ready: Ready, calls: u16) {
        let slot = self.slots.at_mut(index);
        if slot.state & (state::READY | state::LATER | state::INTERNAL) != 0 {
            return self.activate_slot_slowly(index, ready, calls);
        }
        slot.state |= state::READY;
        let (payload, priority) = (slot.payload, slot.priority);
        let place = self.push_ready::<COUNTED>(priority, Entry { payload, slot: index, ready, calls });
        self.slots.at_mut(index).ready_place = place;
    }

    #[cold]
    #[inline(never)]
    fn activate_slot_slowly(&mut self, index: u32, ready: Ready, calls: u16) {
        let slot = self.slots.at_mut(index);
        if slot.state & (state::READY | state::LATER) != 0 {
            if let Some(entry) = self.entry_of(index) {
                entry.ready |= ready;
            }
            return;
        }
        slot.state |= state::READY;
        let (payload, priority) = (slot.payload, slot.priority);
        self.internal_active += 1;
        let place = self.push_ready::<true>(priority, Entry { payload, slot: index, ready, calls });
        self.slots.at_mut(index).ready_place = place;
    }

    /// The entry of a slot that is ready.
    fn entry_of(&mut self, index: u32) -> Option<&mut Entry<T>> {
        let slot: &Slot<T> = self.slots.at(index);
        let (place, later, priority) = (slot.ready_place, slot.state & state::LATER != 0, usize::from(slot.priority));
        let ring = if later { &mut self.later } else { self.ready.get_mut(priority)? };
        ring.get_mut(place)
    }

    /// Takes an event out of the ready queue. A slot lives on, even with nothing left to wait for.
    pub fn deactivate(&mut self, key: Key) {
        let key = self.resolve(key);
        if self.slots.get(key).is_some_and(|s| s.state & (state::READY | state::LATER) != 0) {
            self.deactivate_slot(key.index);
        } else {
            self.remove_ticket(key);
        }
    }

    /// Takes a ticket back, if it is one.
    pub(super) fn remove_ticket(&mut self, key: Key) {
        let Some(entry) = self.ticket(key) else { return };
        let internal = entry.slot == INTERNAL_TICKET;
        let priority = (key.generation.get() & 0xff) as usize;
        self.ready[priority].remove(key.index);
        self.active -= 1;
        self.internal_active -= u32::from(internal);
    }

    pub(super) fn deactivate_slot(&mut self, index: u32) {
        let slot = self.slots.at_mut(index);
        let (later, priority, place) = (slot.state & state::LATER != 0, usize::from(slot.priority), slot.ready_place);
        let internal = slot.state & state::INTERNAL != 0;
        slot.state &= !(state::READY | state::LATER);
        let fd = if slot.state & state::FD != 0 { Some(slot.fd) } else { None };
        let ring = if later { &mut self.later } else { &mut self.ready[priority] };
        ring.remove(place);
        if let Some(fd) = fd {
            self.fds.rearm(fd);
        }
        self.active -= 1;
        self.internal_active -= u32::from(internal);
    }

    /// Whether an event is ready, and why.
    #[inline]
    pub fn readiness(&self, key: Key) -> Option<Ready> {
        let Some(slot) = self.slots.get(key) else { return self.ticket_readiness(key) };
        if slot.state & (state::READY | state::LATER) == 0 {
            return None;
        }
        let ring =
            if slot.state & state::LATER != 0 { &self.later } else { self.ready.get(usize::from(slot.priority))? };
        ring.get(slot.ready_place).map(|e| e.ready)
    }

    #[cold]
    fn ticket_readiness(&self, key: Key) -> Option<Ready> {
        let resolved = self.resolve(key);
        if resolved != key {
            return self.readiness(resolved);
        }
        self.ticket(key).map(|e| e.ready)
    }

    /// Takes the first ticket of all rings back, for an end of everything.
    pub fn take_ticket(&mut self) -> Option<T> {
        for priority in 0..self.ready.len() {
            let ring = &self.ready[priority];
            let mut place = ring.head;
            while place != ring.tail {
                let key = ticket_key(place, priority as u8);
                if let Some(entry) = self.ticket(key) {
                    let payload = entry.payload;
                    self.remove_ticket(key);
                    return Some(payload);
                }
                place = place.wrapping_add(1);
            }
        }
        None
    }

    /// The key of the entry at a place: its slot's, or the ticket's.
    pub(super) fn key_of_entry(&self, entry: &Entry<T>, place: u32, priority: usize) -> Option<Key> {
        match entry.slot {
            GAP => None,
            TICKET | INTERNAL_TICKET => Some(ticket_key(place, priority as u8)),
            slot => self.slots.key_at(slot),
        }
    }
}
