//! Ready queues: rings of what must run, one for each priority.
//!
//! An entry belongs to a slot, or it is a *detached activation*: an event that is active and nothing else (activated by hand, not pending)
//! needs no slot, its key names its place in the ring. That makes user-space activation cost a few stores.
//!
//! A ring that is mostly gaps is packed instead of grown, and the [payloads](Payload::renamed) of detached activations are told.
//!
//! The ring of the priority that runs is in a field of its own ([`Rings::front`]), so that pushing and popping look nothing up; how many
//! events are active follows from its length.

use super::ring::{CHANGES, DETACHED, DETACHED_MARK, Entry, GAP, ROOM, Ring, detached_key};
use super::slot::{Slot, state};
use super::{Payload, Reactor};
use crate::interest::Ready;
use crate::key::Key;
use alloc::{vec, vec::Vec};

/// What a slot is whose event stays where it is when it is popped, unless its timeout made it ready.
const STAYS: u8 = state::PERSIST | state::FD;
/// With more priorities than this, rings begin without room.
const FEW: u16 = 16;

/// The rings of all priorities.
#[derive(Debug)]
pub(super) struct Rings<T> {
    /// The ring of the priority `running`.
    pub front: Ring<T>,
    /// The others, by priority; the one in the place of `running` is not used, and empty.
    rest: Vec<Ring<T>>,
    /// The priority whose events are running.
    pub running: u8,
    /// How many entries that are no gaps are not in `front`, those of the ring of the next turn among them.
    pub elsewhere: u32,
}

impl<T: Copy + Default> Default for Rings<T> {
    fn default() -> Self {
        let mut front = Ring::default();
        front.grow_to(ROOM);
        Self { front, rest: vec![Ring::default()], running: 0, elsewhere: 0 }
    }
}

impl<T: Copy + Default> Rings<T> {
    /// `count` empty rings, 1 to 256, or `None` without memory.
    pub fn new(count: u16) -> Option<Self> {
        let mut rest = Vec::new();
        rest.try_reserve_exact(usize::from(count)).ok()?;
        rest.resize_with(usize::from(count), Ring::default);
        let mut front = Ring::default();
        if count <= FEW {
            for ring in rest.iter_mut().skip(1).chain([&mut front]) {
                ring.grow_to(ROOM);
            }
        }
        Some(Self { front, rest, running: 0, elsewhere: 0 })
    }

    /// How many priorities there are.
    #[inline(always)]
    pub const fn len(&self) -> usize {
        self.rest.len()
    }

    /// The least urgent priority.
    #[inline(always)]
    pub const fn last(&self) -> u8 {
        (self.rest.len() - 1) as u8
    }

    /// The ring of a priority.
    pub fn get(&self, priority: usize) -> Option<&Ring<T>> {
        if priority == usize::from(self.running) { Some(&self.front) } else { self.rest.get(priority) }
    }

    #[inline]
    pub fn get_mut(&mut self, priority: usize) -> Option<&mut Ring<T>> {
        if priority == usize::from(self.running) { Some(&mut self.front) } else { self.rest.get_mut(priority) }
    }

    /// All of them, in any order.
    pub fn iter(&self) -> impl Iterator<Item = &Ring<T>> {
        self.rest.iter().chain([&self.front])
    }

    /// The most urgent priority that has entries.
    #[inline]
    pub fn first(&self) -> Option<u8> {
        let behind = if self.elsewhere == 0 { None } else { self.rest.iter().position(|ring| !ring.is_empty()) };
        let behind = behind.map(|priority| priority as u8);
        if self.front.is_empty() { behind } else { behind.filter(|p| *p < self.running).or(Some(self.running)) }
    }

    /// Brings the ring of a priority to the front.
    #[inline(never)]
    pub fn choose(&mut self, priority: u8) {
        let at = [usize::from(self.running), usize::from(priority)];
        let Ok([to, from]) = self.rest.get_disjoint_mut(at) else { return };
        self.elsewhere = self.elsewhere + self.front.count() - from.count();
        self.running = priority;
        from.give_to(&mut self.front, to);
    }
}

#[inline(always)]
const fn is_detached(key: Key) -> bool {
    key.generation.get() & DETACHED_MARK != 0
}

impl<T: Payload> Reactor<T> {
    /// Makes something ready that is not pending, without a slot. The key works like a slot's until it is popped or
    /// removed. Where it is more urgent than the running batch it ends that, unless `patient`.
    pub fn enqueue(&mut self, payload: T, priority: u8, patient: bool, ready: Ready, calls: u16) -> Key {
        let priority = priority.min(self.rings.last());
        let entry = Entry { payload, slot: DETACHED, ready, calls };
        let place = if patient && priority < self.rings.running {
            self.enqueue_urgent(entry, priority)
        } else {
            self.push_ready::<true>(priority, entry)
        };
        detached_key(place, priority)
    }

    /// [`enqueue`](Self::enqueue) of an event that counts, if that takes no memory.
    #[inline(always)]
    pub fn try_enqueue(&mut self, payload: T, priority: u8, ready: Ready, calls: u16) -> Option<Key> {
        if priority == self.rings.running && !self.rings.front.is_at_limit() {
            let place = self.rings.front.put(Entry { payload, slot: DETACHED, ready, calls });
            return Some(detached_key(place, priority));
        }
        self.try_push_other(payload, priority, ready, calls)
    }

    /// [`try_enqueue`](Self::try_enqueue) where more than the entry changes.
    #[inline(never)]
    fn try_push_other(&mut self, payload: T, priority: u8, ready: Ready, calls: u16) -> Option<Key> {
        let priority = priority.min(self.rings.last());
        let entry = Entry { payload, slot: DETACHED, ready, calls };
        let place = if priority != self.rings.running {
            self.push_behind(priority, entry)?
        } else if self.rings.front.is_full() {
            return None;
        } else {
            self.push_front(entry)
        };
        Some(detached_key(place, priority))
    }

    /// Whether one more event can become ready in the queue of a priority without memory. Changes with what is made ready and
    /// what is popped.
    pub fn has_room(&self, priority: u8) -> bool {
        self.rings.get(usize::from(priority.min(self.rings.last()))).is_some_and(|ring| !ring.is_full())
    }

    /// Not `COUNTED`: `begin_batch` comes before the next pop and looks at the counts then.
    #[inline(always)]
    pub(super) fn push_ready<const COUNTED: bool>(&mut self, priority: u8, entry: Entry<T>) -> u32 {
        let ring = &self.rings.front;
        let fits = if COUNTED { !ring.is_at_limit() } else { !ring.is_full() };
        if priority == self.rings.running && fits {
            return self.rings.front.put(entry);
        }
        self.push_other(priority, entry)
    }

    /// Pushes where something more than the entry changes: another priority's ring, its size, or the most there ever were.
    #[inline(never)]
    fn push_other(&mut self, priority: u8, entry: Entry<T>) -> u32 {
        if self.rings.get(usize::from(priority)).is_some_and(Ring::is_full) {
            self.make_room(priority);
        }
        if priority == self.rings.running {
            self.push_front(entry)
        } else {
            self.push_behind(priority, entry).unwrap_or_default()
        }
    }

    /// Pushes onto the ring of a priority that is not running, if there is room.
    #[inline(always)]
    fn push_behind(&mut self, priority: u8, entry: Entry<T>) -> Option<u32> {
        let ring = self.rings.rest.get_mut(usize::from(priority)).filter(|ring| !ring.is_full())?;
        let place = ring.put(entry);
        if priority < self.rings.running {
            self.interrupt_batch();
        }
        self.rings.elsewhere += 1;
        self.rings.front.limit = 0;
        self.note_most();
        Some(place)
    }

    #[inline]
    fn push_front(&mut self, entry: Entry<T>) -> u32 {
        let place = self.rings.front.put(entry);
        self.note_most();
        // From here on the length of this ring tells the counts.
        let to_go = (self.most.active - self.active()).min(self.most.added.saturating_sub(self.counts().added));
        let ring = &mut self.rings.front;
        ring.limit = ring.count().saturating_add(to_go).min(ring.room());
        place
    }

    /// Remembers the counts where they are higher than ever.
    #[inline]
    pub(super) fn note_most(&mut self) {
        let active = self.active();
        let added = self.inserted + active - self.internal_active;
        if active > self.most.active {
            self.most.active = active;
        }
        if added > self.most.added {
            self.most.added = added;
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, priority: u8) {
        let Some(ring) = self.rings.get_mut(usize::from(priority)) else { return };
        if (ring.gaps as usize) < ring.entries.len() / 2 || ring.entries.is_empty() {
            return ring.grow();
        }
        // Mostly gaps: pack.
        let old_head = ring.head;
        let mut entries = Vec::new();
        while let Some(entry) = ring.take() {
            if entry.slot != GAP {
                entries.push((ring.head.wrapping_sub(1), entry));
            }
        }
        let moved = ring.head.wrapping_sub(old_head);
        for (old, entry) in entries {
            let new = ring.put(entry);
            match entry.index() {
                Some(index) => self.slots.at_mut(index).ready_place = new,
                None => entry.payload.renamed(detached_key(old, priority), detached_key(new, priority)),
            }
        }
        if priority == self.rings.running {
            self.batch.shift(moved);
        }
    }

    /// The ring and place of a detached activation that is still waiting.
    #[inline]
    pub(super) fn detached(&self, key: Key) -> Option<&Entry<T>> {
        if !is_detached(key) {
            return None;
        }
        let ring = self.rings.get((key.generation.get() & 0xff) as usize)?;
        ring.get(key.index).filter(|e| e.slot == DETACHED)
    }

    #[inline]
    fn detached_mut(&mut self, key: Key) -> Option<&mut Entry<T>> {
        if !is_detached(key) {
            return None;
        }
        let ring = self.rings.get_mut((key.generation.get() & 0xff) as usize)?;
        ring.get_mut(key.index).filter(|e| e.slot == DETACHED)
    }

    /// Makes an event ready: `ready` is added to what happened. `calls` is how often to call back, if it was not ready yet.
    #[inline]
    pub fn activate(&mut self, key: Key, ready: Ready, calls: u16) {
        if self.slots.get(key).is_some() {
            self.activate_slot::<true>(key.index, ready, calls);
        } else {
            self.join_detached(key, ready);
        }
    }

    #[cold]
    fn join_detached(&mut self, key: Key, ready: Ready) {
        if let Some(entry) = self.detached_mut(key) {
            entry.join(ready);
        }
    }

    /// Makes an event with a slot ready from the next turn on. No effect on one that is ready already.
    #[inline]
    pub fn activate_next_turn(&mut self, key: Key, ready: Ready) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        if slot.state & (state::READY | state::NEXT_TURN) != 0 {
            return;
        }
        slot.state |= state::NEXT_TURN;
        slot.ready_place = self.next_turn.tail;
        let (payload, internal) = (slot.payload, slot.state & state::INTERNAL != 0);
        if self.next_turn.is_full() {
            self.next_turn.grow();
        }
        self.next_turn.put(Entry { payload, slot: key.index | CHANGES, ready, calls: 1 });
        self.rings.elsewhere += 1;
        self.internal_active += u32::from(internal);
        self.note_most();
        self.rings.front.limit = 0;
    }

    /// Moves the "next turn" events to the ready queues. Returns how many.
    #[inline]
    pub fn promote_next_turn(&mut self) -> u32 {
        let mut moved = 0;
        while let Some(entry) = self.next_turn.take() {
            let Some(index) = entry.index() else { continue };
            let slot = self.slots.at_mut(index);
            slot.state = slot.state & !state::NEXT_TURN | state::READY;
            let priority = slot.priority;
            self.rings.elsewhere -= 1;
            let place = self.push_ready::<true>(priority, entry);
            self.slots.at_mut(index).ready_place = place;
            moved += 1;
        }
        moved
    }

    #[inline(always)]
    pub(super) fn activate_slot<const COUNTED: bool>(&mut self, index: u32, ready: Ready, calls: u16) {
        let slot = self.slots.at_mut(index);
        if slot.state & (state::READY | state::NEXT_TURN | state::INTERNAL) != 0 {
            return self.activate_slot_known(index, ready, calls);
        }
        slot.state |= state::READY;
        let (payload, priority) = (slot.payload, slot.priority);
        let stays = slot.state & STAYS == STAYS && !ready.contains(Ready::TIMEOUT);
        let slot = if stays { index } else { index | CHANGES };
        let place = self.push_ready::<COUNTED>(priority, Entry { payload, slot, ready, calls });
        self.slots.at_mut(index).ready_place = place;
    }

    #[cold]
    #[inline(never)]
    fn activate_slot_known(&mut self, index: u32, ready: Ready, calls: u16) {
        let slot = self.slots.at_mut(index);
        if slot.state & (state::READY | state::NEXT_TURN) != 0 {
            if let Some(entry) = self.entry_of(index) {
                entry.join(ready);
            }
            return;
        }
        slot.state |= state::READY;
        let (payload, priority) = (slot.payload, slot.priority);
        self.internal_active += 1;
        let place = self.push_ready::<true>(priority, Entry { payload, slot: index | CHANGES, ready, calls });
        self.slots.at_mut(index).ready_place = place;
    }

    /// The entry of a slot that is ready.
    fn entry_of(&mut self, index: u32) -> Option<&mut Entry<T>> {
        let slot: &Slot<T> = self.slots.at(index);
        let (place, later, priority) =
            (slot.ready_place, slot.state & state::NEXT_TURN != 0, usize::from(slot.priority));
        let ring = if later { &mut self.next_turn } else { self.rings.get_mut(priority)? };
        ring.get_mut(place)
    }

    /// Takes an event out of the ready queue. Returns whether it has a slot, which lives on, even with nothing left to wait for.
    pub fn deactivate(&mut self, key: Key) -> bool {
        let Some(slot) = self.slots.get(key) else {
            self.remove_detached(key);
            return false;
        };
        if slot.state & (state::READY | state::NEXT_TURN) != 0 {
            self.deactivate_slot(key.index);
        }
        true
    }

    /// Takes a detached activation back, if it is one.
    pub(super) fn remove_detached(&mut self, key: Key) {
        if self.detached(key).is_none() {
            return;
        }
        let priority = (key.generation.get() & 0xff) as usize;
        self.take_out(priority, false, key.index);
    }

    pub(super) fn deactivate_slot(&mut self, index: u32) {
        let slot = self.slots.at_mut(index);
        let (later, priority, place) =
            (slot.state & state::NEXT_TURN != 0, usize::from(slot.priority), slot.ready_place);
        let internal = slot.state & state::INTERNAL != 0;
        slot.state &= !(state::READY | state::NEXT_TURN | state::EXPIRED);
        let fd = if slot.state & state::FD != 0 { Some(slot.fd) } else { None };
        self.take_out(priority, later, place);
        if let Some(fd) = fd {
            self.fds.rearm(fd);
        }
        self.internal_active -= u32::from(internal);
    }

    /// Takes an entry out of the middle of a ring.
    fn take_out(&mut self, priority: usize, later: bool, place: u32) {
        if !later && priority == usize::from(self.rings.running) {
            let moved = self.rings.front.remove(place);
            self.batch.shift(moved);
        } else if let Some(ring) = if later { Some(&mut self.next_turn) } else { self.rings.get_mut(priority) } {
            ring.remove(place);
            self.rings.elsewhere -= 1;
        }
    }

    /// Whether an event is ready, and why.
    #[inline]
    pub(super) fn readiness(&self, key: Key) -> Option<Ready> {
        let Some(slot) = self.slots.get(key) else { return self.detached_readiness(key) };
        if slot.state & (state::READY | state::NEXT_TURN) == 0 {
            return None;
        }
        let ring = if slot.state & state::NEXT_TURN != 0 {
            &self.next_turn
        } else {
            self.rings.get(usize::from(slot.priority))?
        };
        ring.get(slot.ready_place).map(|e| e.ready)
    }

    #[cold]
    fn detached_readiness(&self, key: Key) -> Option<Ready> {
        self.detached(key).map(|e| e.ready)
    }

    /// The key of the entry at a place: its slot's, or the detached activation's.
    pub(super) fn key_of_entry(&self, entry: &Entry<T>, place: u32, priority: usize) -> Option<Key> {
        match entry.slot {
            GAP => None,
            DETACHED => Some(detached_key(place, priority as u8)),
            slot => self.slots.key_at(slot & !CHANGES),
        }
    }
}
