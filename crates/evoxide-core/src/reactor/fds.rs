//! The descriptor map: which events wait on a descriptor, and what the kernel was told about it.

use super::slot::{NONE, Slot, state};
use super::{AddError, Payload, Reactor};
use crate::interest::{Change, Fd, Interest, Ready};
use crate::key::Key;
use crate::slab::Slab;
use alloc::vec::Vec;

/// Descriptors at or above this are refused: the map is dense.
pub const MAX_FD: Fd = 1 << 22;
/// Most events that one descriptor takes per condition.
const MAX_PER_CONDITION: u16 = u16::MAX - 1;
/// Maps with more entries than this grow by a quarter.
const LARGE: usize = 8192;
/// Entries that an emptied map keeps.
const KEEP: usize = 64;

/// 32 bytes, so that finding one takes no multiplication.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct FdEntry {
    /// What a report says of its registration, see [`name_of`]. The serial grows with every new one.
    pub name: u64,
    pub head: u32,
    /// The head if that is all. [`NONE`] otherwise, and for a descriptor of the face itself.
    pub single: u32,
    pub events: u16,
    pub readers: u16,
    pub writers: u16,
    pub closers: u16,
    /// What the kernel was told last.
    pub registered: Interest,
    /// How many of the events are edge-triggered.
    pub edges: u16,
    /// A `ONESHOT` registration fired, so the kernel disarmed it; in deferred mode: all events went since the last wait.
    pub fired: bool,
    /// What `fired` was before the kernel was told last, to take that back.
    was_fired: bool,
    /// In `FdMap::leftover`.
    pub queued: bool,
    /// Nonzero: not an event's, but the face's own descriptor (see [`Reactor::set_own`]).
    pub internal: u8,
}

/// A registration in one word: its serial and its descriptor.
#[inline(always)]
pub(super) const fn name_of(fd: Fd, serial: u32) -> u64 {
    (serial as u64) << 32 | fd as u32 as u64
}

impl FdEntry {
    const EMPTY: Self = Self {
        name: 0,
        head: NONE,
        single: NONE,
        events: 0,
        readers: 0,
        writers: 0,
        closers: 0,
        registered: Interest::empty(),
        edges: 0,
        fired: false,
        was_fired: false,
        queued: false,
        internal: 0,
    };

    pub const fn serial(&self) -> u32 {
        (self.name >> 32) as u32
    }

    fn wanted(&self) -> Interest {
        let mut wanted = Interest::empty();
        wanted.set(Interest::READ, self.readers > 0);
        wanted.set(Interest::WRITE, self.writers > 0);
        wanted.set(Interest::CLOSED, self.closers > 0);
        // Where both kinds wait, level-triggered reports serve both.
        wanted.set(Interest::EDGE, self.edges > 0 && self.edges == self.events);
        wanted
    }

    fn count(&mut self, interest: Interest, by: u16) {
        let step = |n: &mut u16, bit| {
            if interest.contains(bit) {
                *n = n.wrapping_add(by);
            }
        };
        step(&mut self.readers, Interest::READ);
        step(&mut self.writers, Interest::WRITE);
        step(&mut self.closers, Interest::CLOSED);
        step(&mut self.edges, Interest::EDGE);
        self.events = self.events.wrapping_add(by);
    }

    fn note_single(&mut self) {
        let single = self.events == 1 && self.internal == 0;
        self.single = if single { self.head } else { NONE };
    }

    /// Records `new` as told to the kernel and says what to tell.
    #[inline]
    fn tell(&mut self, fd: Fd, new: Interest) -> Change {
        let old = core::mem::replace(&mut self.registered, new);
        if old.is_empty() {
            self.name = name_of(fd, self.serial().wrapping_add(1));
        }
        self.was_fired = core::mem::take(&mut self.fired);
        self.note_single();
        Change { fd, serial: self.serial(), old, new }
    }
}

#[derive(Debug, Default)]
pub(super) struct FdMap {
    entries: Vec<FdEntry>,
    /// Descriptors whose registration may differ from what is wanted until just before the next wait.
    leftover: Vec<Fd>,
    /// Whether all changes wait until then (see [`Options`](super::Options)).
    pub deferred: bool,
    pub mixing: bool,
    /// No serial of an entry that was trimmed is above this.
    first_serial: u32,
    /// How often `trim` was asked since it last looked.
    asked: usize,
}

impl FdMap {
    #[inline(always)]
    pub fn entry(&mut self, fd: Fd) -> Option<&mut FdEntry> {
        self.entries.get_mut(fd as usize)
    }

    /// All of them, by descriptor.
    #[inline(always)]
    pub fn all_mut(&mut self) -> &mut [FdEntry] {
        &mut self.entries
    }

    pub fn held_memory(&self) -> usize {
        self.entries.capacity() * size_of::<FdEntry>() + self.leftover.capacity() * size_of::<Fd>()
    }

    fn grow(&mut self, fd: Fd) -> Result<(), AddError> {
        if !(0..MAX_FD).contains(&fd) {
            return Err(AddError::OutOfRange);
        }
        let len = fd as usize + 1;
        if len > self.entries.len() {
            self.make_room(len)?;
            self.entries.resize(len, FdEntry { name: name_of(0, self.first_serial), ..FdEntry::EMPTY });
        }
        // So that queueing a leftover never allocates.
        self.leftover.try_reserve(1).map_err(|_| AddError::NoMemory)
    }

    /// Room for more entries: twice as much as before, and from some size on a quarter more. Large allocations grow without
    /// a copy.
    fn make_room(&mut self, len: usize) -> Result<(), AddError> {
        let capacity = self.entries.capacity();
        if len <= capacity {
            return Ok(());
        }
        let more = if capacity < LARGE { capacity } else { capacity / 4 };
        let least = len - self.entries.len();
        let room = (capacity + more).max(len) - self.entries.len();
        let reserved = self.entries.try_reserve_exact(room).or_else(|_| self.entries.try_reserve_exact(least));
        reserved.map_err(|_| AddError::NoMemory)
    }

    fn queue(leftover: &mut Vec<Fd>, entry: &mut FdEntry, fd: Fd) {
        if !entry.queued {
            entry.queued = true;
            leftover.push(fd);
        }
    }

    /// Lets an event wait on a descriptor that has none yet: what is told to the kernel follows from the event alone.
    #[inline]
    fn link_first(&mut self, index: u32, fd: Fd, interest: Interest, one_shot: bool) -> Option<Change> {
        let entry = self.entries.get_mut(fd as usize)?;
        let one = |bit| u16::from(interest.contains(bit));
        entry.events = 1;
        entry.readers = one(Interest::READ);
        entry.writers = one(Interest::WRITE);
        entry.closers = one(Interest::CLOSED);
        entry.edges = one(Interest::EDGE);
        entry.head = index;
        entry.single = index;
        let mut new = interest & (Interest::CONDITIONS | Interest::EDGE);
        if self.deferred {
            if new != entry.registered || entry.fired {
                Self::queue(&mut self.leftover, entry, fd);
            }
            return None;
        }
        if one_shot && !interest.contains(Interest::EDGE) {
            new |= Interest::ONESHOT;
        }
        if new == entry.registered && !entry.fired {
            return None;
        }
        Some(entry.tell(fd, new))
    }

    /// Ends the only event of a descriptor as it fires, if the kernel need not be told of that now. `false`: nothing was done.
    #[inline]
    pub fn retire(&mut self, fd: Fd, index: u32) -> bool {
        let Some(entry) = self.entries.get_mut(fd as u32 as usize) else { return false };
        if entry.single != index || !(entry.fired || self.deferred) {
            return false;
        }
        entry.head = NONE;
        entry.single = NONE;
        (entry.events, entry.readers, entry.writers, entry.closers, entry.edges) = (0, 0, 0, 0, 0);
        // Before it is added again the descriptor may be closed and opened: what the kernel has is unsure.
        entry.fired = true;
        Self::queue(&mut self.leftover, entry, fd);
        true
    }

    fn link<T: Default>(
        &mut self,
        slots: &mut Slab<Slot<T>>,
        index: u32,
        fd: Fd,
        interest: Interest,
        one_shot: bool,
    ) -> Result<Option<Change>, AddError> {
        if fd < 0 {
            let slot = slots.at_mut(index);
            (slot.fd, slot.interest) = (fd, interest);
            slot.state |= state::FD;
            return Ok(None);
        }
        if fd as usize >= self.entries.len() || self.leftover.len() == self.leftover.capacity() {
            self.grow(fd)?;
        }
        let Some(entry) = self.entries.get_mut(fd as usize) else { return Err(AddError::OutOfRange) };
        let edge = interest.contains(Interest::EDGE);
        if entry.events > 0 && (entry.edges > 0) != edge && !self.mixing {
            return Err(AddError::ModeConflict);
        }
        if entry.events >= MAX_PER_CONDITION || entry.internal != 0 {
            return Err(AddError::TooMany);
        }
        if entry.events == 0 {
            let slot = slots.at_mut(index);
            (slot.fd, slot.interest, slot.fd_next, slot.fd_prev) = (fd, interest, NONE, NONE);
            slot.state |= state::FD;
            return Ok(self.link_first(index, fd, interest, one_shot));
        }
        let fresh = interest.intersection(Interest::CONDITIONS).difference(entry.wanted());
        entry.count(interest, 1);
        let head = entry.head;
        entry.head = index;
        let slot = slots.at_mut(index);
        slot.fd = fd;
        slot.interest = interest;
        slot.state |= state::FD;
        slot.fd_next = head;
        slot.fd_prev = NONE;
        if head != NONE {
            slots.at_mut(head).fd_prev = index;
        }
        entry.note_single();
        let new = entry.wanted();
        if self.deferred {
            // The first for a condition is owed an edge if that holds already: the kernel tells it when it is told again.
            entry.fired |= edge && !fresh.is_empty();
            if new != entry.registered || entry.fired {
                Self::queue(&mut self.leftover, entry, fd);
            }
            return Ok(None);
        }
        // Not the first, so never `ONESHOT`.
        if new == entry.registered && !entry.fired {
            return Ok(None);
        }
        Ok(Some(entry.tell(fd, new)))
    }

    /// `fired`: the event ends because it was reported ready, not because somebody removed it; unless its descriptor was to be
    /// armed again, so that it waited on.
    #[inline]
    fn unlink<T: Default>(&mut self, slots: &mut Slab<Slot<T>>, index: u32, fired: bool) -> Option<Change> {
        let slot = slots.at_mut(index);
        slot.state &= !state::FD;
        let (fd, interest, next, prev) = (slot.fd, slot.interest, slot.fd_next, slot.fd_prev);
        if fd < 0 {
            return None;
        }
        let entry = self.entries.get_mut(fd as usize)?;
        if prev == NONE {
            entry.head = next;
        } else {
            slots.at_mut(prev).fd_next = next;
        }
        if next != NONE {
            slots.at_mut(next).fd_prev = prev;
        }
        entry.count(interest, 1u16.wrapping_neg());
        entry.note_single();
        if self.deferred || (fired && entry.fired && !entry.queued && entry.events == 0) {
            // Before it is added again the descriptor may be closed and opened: what the kernel has is unsure.
            entry.fired |= entry.events == 0;
            Self::queue(&mut self.leftover, entry, fd);
            return None;
        }
        let new = entry.wanted();
        if new == entry.registered.difference(Interest::ONESHOT) {
            return None;
        }
        Some(entry.tell(fd, new))
    }

    /// A `ONESHOT` registration of `fd` that fired must be armed again before the next wait if its event still waits by then:
    /// the report meant nothing to it, or its readiness was taken back.
    pub fn rearm(&mut self, fd: Fd) {
        if let Some(entry) = self.entries.get_mut(fd as usize).filter(|e| e.fired) {
            Self::queue(&mut self.leftover, entry, fd);
        }
    }

    fn next_leftover(&mut self) -> Option<Change> {
        while let Some(fd) = self.leftover.pop() {
            let Some(entry) = self.entries.get_mut(fd as usize) else { continue };
            entry.queued = false;
            if entry.internal != 0 {
                continue;
            }
            let new = entry.wanted();
            // A re-armed descriptor needs nothing; one that is in use keeps its mode.
            if self.deferred {
                if new != entry.registered || (entry.fired && !new.is_empty()) {
                    return Some(entry.tell(fd, new));
                }
            } else if entry.events == 0 && !entry.registered.is_empty() {
                return Some(entry.tell(fd, Interest::empty()));
            } else if entry.events > 0 && entry.fired {
                // It fired, but its event lives on (see `rearm`).
                return Some(entry.tell(fd, entry.registered));
            }
        }
        None
    }
}

impl<T: Payload> Reactor<T> {
    /// Lets the event of `key` wait for `interest` on `fd`. `one_shot`: the event ends when it fires, so it is not persistent.
    ///
    /// A negative descriptor is accepted and never becomes ready. The answer, if any, must be carried out at once; where that fails,
    /// [`undo_watch`](Self::undo_watch) takes it back.
    ///
    /// # Errors
    /// [`AddError`], with nothing changed.
    #[inline(never)]
    pub fn watch_fd(
        &mut self,
        key: Key,
        fd: Fd,
        interest: Interest,
        one_shot: bool,
    ) -> Result<Option<Change>, AddError> {
        if self.slots.get(key).is_none_or(|s| s.state & (state::FD | state::SIGNAL) != 0) {
            return Err(AddError::StaleKey);
        }
        let one_shot = one_shot && self.slots.at(key.index).state & state::PERSIST == 0;
        let change = self.fds.link(&mut self.slots, key.index, fd, interest, one_shot)?;
        self.count_added(key.index);
        Ok(change)
    }

    /// Takes back a [`watch_fd`](Self::watch_fd) whose change the kernel refused, or, without a change, a
    /// [`watch_signal`](Self::watch_signal) that could not be subscribed. The slot lives on.
    pub fn undo_watch(&mut self, key: Key, change: Option<Change>) {
        let Some(linked) = self.slots.get(key).map(|slot| slot.state) else { return };
        if linked & state::SIGNAL != 0 {
            self.unlink_signal(key.index);
        }
        let Some(change) = change.filter(|_| linked & state::FD != 0) else { return };
        let fired = self.fds.entry(change.fd).is_some_and(|e| e.was_fired);
        // What `unlink` would tell the kernel never came about.
        let _ = self.unlink_fd(key.index, false);
        if let Some(entry) = self.fds.entry(change.fd) {
            entry.registered = change.old;
            entry.fired = fired;
            entry.note_single();
        }
    }

    #[inline]
    pub(super) fn unlink_fd(&mut self, index: u32, fired: bool) -> Option<Change> {
        let change = self.fds.unlink(&mut self.slots, index, fired);
        self.count_removed(index);
        change
    }

    /// The next change that was put off until just before a wait: removals of descriptors whose one-shot event fired and was
    /// not added again (their errors are ignored: the descriptor may be closed by now), or all changes in deferred mode.
    #[inline]
    pub fn next_leftover(&mut self) -> Option<Change> {
        if self.fds.leftover.is_empty() {
            return None;
        }
        self.fds.next_leftover()
    }

    /// Makes every event on `fd` that waits for one of `ready` active, as if it had been reported.
    pub fn activate_fd(&mut self, fd: Fd, ready: Ready) {
        let mut index = self.fd_head(fd as usize).unwrap_or(NONE);
        while index != NONE {
            let slot = self.slots.at(index);
            let (next, bits) = (slot.fd_next, slot.interest.bits() & ready.bits());
            if bits & Interest::CONDITIONS.bits() != 0 && !self.is_expired(index) {
                self.activate_slot::<true>(index, Ready::from_bits_retain(bits), 1);
            }
            index = next;
        }
    }

    /// Makes a descriptor one of the face's own (its waker, its signal pipe): readable reports on it come out of
    /// [`finish_wait`](Self::finish_wait) as bit `tag - 1`, not as an event. `tag` is 1 to 8, or 0 to end that. Returns what the
    /// kernel must be told, if anything.
    ///
    /// # Errors
    /// [`AddError`] where the descriptor is out of range or in use.
    pub fn set_own(&mut self, fd: Fd, tag: u8) -> Result<Option<Change>, AddError> {
        if tag == 0 {
            let Some(entry) = self.fds.entry(fd).filter(|e| e.internal != 0) else { return Ok(None) };
            entry.internal = 0;
            return Ok(Some(entry.tell(fd, Interest::empty())));
        }
        self.fds.grow(fd)?;
        match self.fds.entry(fd) {
            Some(entry) if entry.events == 0 => {
                entry.internal = tag;
                Ok(Some(entry.tell(fd, Interest::READ)))
            }
            _ => Err(AddError::TooMany),
        }
    }

    /// Everything that the kernel should know, as fresh registrations: for a new or rebuilt backend.
    pub fn registrations(&mut self) -> Vec<Change> {
        let mut all = Vec::new();
        for (fd, entry) in self.fds.entries.iter_mut().enumerate() {
            let mut new = entry.wanted();
            new.set(Interest::ONESHOT, entry.registered.contains(Interest::ONESHOT) && entry.events == 1);
            if entry.internal != 0 {
                new = Interest::READ;
            }
            entry.registered = Interest::empty();
            if !new.is_empty() {
                all.push(entry.tell(fd as Fd, new));
            }
        }
        all
    }

    /// Makes an event the first of its descriptor.
    #[cold]
    pub(super) fn move_to_front(&mut self, index: u32) {
        let slot = self.slots.at_mut(index);
        let (fd, next, prev) = (slot.fd, slot.fd_next, slot.fd_prev);
        let Some(entry) = self.fds.entry(fd).filter(|entry| entry.head != index) else { return };
        let head = core::mem::replace(&mut entry.head, index);
        self.slots.at_mut(prev).fd_next = next;
        if next != NONE {
            self.slots.at_mut(next).fd_prev = prev;
        }
        self.slots.at_mut(head).fd_prev = index;
        let slot = self.slots.at_mut(index);
        (slot.fd_next, slot.fd_prev) = (head, NONE);
    }

    /// Gives back the map's memory where nothing needs it. Looks only now and then: a look is O(n).
    pub(super) fn trim_fds(&mut self) {
        let map = &mut self.fds;
        map.asked += 1;
        if map.entries.len() <= KEEP || map.asked * KEEP < map.entries.len() {
            return;
        }
        map.asked = 0;
        if map.entries.iter().all(|e| e.registered.is_empty() && e.events == 0) {
            map.first_serial = map.entries.iter().map(FdEntry::serial).max().unwrap_or(0).max(map.first_serial);
            map.entries = Vec::new();
        }
    }

    pub(super) fn fd_head(&self, fd: usize) -> Option<u32> {
        self.fds.entries.get(fd).map(|e| e.head)
    }
}
