//! The reactor: which events are pending, which are ready, and in what order they run.
//!
//! The rules are libevent's. A *slot* lives as long as its event is pending or active; the payload says whose it is. One turn
//! of a loop is
//!
//! ```text
//! promote_next_turn → first_deadline, next_leftover → [the face waits] → finish_wait → expire → begin_batch → pop_ready ...
//! ```
//!
//! and nothing in here waits, reads a clock or calls back: [`Change`] says what the kernel must be told, [`Popped`] whom to
//! call. Every verb is O(1), or O(log n) in the number of timeouts.
//!
//! # Examples
//! ```
//! use evoxide_core::interest::Ready;
//! use evoxide_core::reactor::Reactor;
//!
//! let mut reactor = Reactor::new();
//! let key = reactor.insert("tick", 0, Default::default())?;
//! reactor.set_timeout(key, Some(1_000));
//! assert_eq!(reactor.first_deadline(0, u64::MAX), Some(1_000));
//! reactor.expire(1_000);
//! reactor.begin_batch(|| 1_000);
//! let popped = reactor.pop_ready().unwrap();
//! assert_eq!((popped.payload, popped.ready, popped.kept()), ("tick", Ready::TIMEOUT, false));
//! assert!(reactor.counts().is_idle());
//! # Ok::<(), std::collections::TryReserveError>(())
//! ```

mod fds;
mod ready;
mod ring;
mod signals;
mod slot;
mod timers;
mod turn;
mod undo;
mod walk;

pub use fds::MAX_FD;
pub use signals::SIGNALS;
pub use turn::{After, Finished, Limits, Popped};
pub use walk::{View, Walk};

use crate::interest::Change;
use crate::key::Key;
use crate::slab::Slab;
use crate::timers::Timers;
use alloc::collections::TryReserveError;
use core::fmt;
use fds::FdMap;
use ready::Rings;
use ring::Ring;
use signals::SignalTable;
use slot::{Slot, state};
use turn::Batch;

/// Why an event could not be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddError {
    /// The descriptor or signal number is none.
    OutOfRange,
    /// Edge- and level-triggered events do not mix on one descriptor.
    ModeConflict,
    /// The descriptor has 65,534 events already, or belongs to the loop itself.
    TooMany,
    /// The key names no event, or one that is inserted already.
    StaleKey,
    /// No memory for the descriptor map.
    NoMemory,
}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "descriptor or signal number out of range",
            Self::ModeConflict => "edge- and level-triggered events on one descriptor",
            Self::TooMany => "too many events on one descriptor",
            Self::StaleKey => "no such event",
            Self::NoMemory => "out of memory",
        })
    }
}

impl core::error::Error for AddError {}

/// How an event behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// It stays inserted when it fires.
    pub persist: bool,
    /// It neither counts nor keeps a loop alive.
    pub internal: bool,
}

/// How a reactor behaves, chosen before its first event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What interrupts a batch. These may change at any time, and apply from the next batch on.
    pub limits: Limits,
    /// Every change waits for [`Reactor::next_leftover`], so that removing and adding again costs one change at most.
    pub deferred: bool,
    /// Edge- and level-triggered events may wait on one descriptor. While they do, it is watched level-triggered. Otherwise
    /// [`AddError::ModeConflict`] refuses it.
    pub mixing: bool,
}

/// What the outside must be told of a removal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "the kernel still watches what was removed"]
pub struct Removed {
    /// The interest change.
    pub change: Option<Change>,
    /// The signal that nobody waits for any more.
    pub signal: Option<i32>,
}

/// How many events there are. An event counts once for each list it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Inserted, with a timeout, or active.
    pub added: u32,
    /// Active.
    pub active: u32,
    /// Held by the face without an event.
    pub virtual_events: u32,
}

impl Counts {
    /// Whether nothing is pending, active or virtual: a loop has nothing to wait for.
    pub const fn is_idle(&self) -> bool {
        self.added == 0 && self.active == 0 && self.virtual_events == 0
    }
}

/// What slots and detached activations belong to.
pub trait Payload: Copy + Default {
    /// The key of its detached activation changed.
    fn renamed(self, _from: Key, _to: Key) {}
}

impl Payload for i32 {}
impl Payload for u32 {}
impl Payload for u64 {}
impl Payload for &str {}

/// See the [module](self).
#[derive(Debug)]
pub struct Reactor<T> {
    slots: Slab<Slot<T>>,
    timers: Timers<u32>,
    fds: FdMap,
    signals: SignalTable,
    rings: Rings<T>,
    next_turn: Ring<T>,
    batch: Batch,
    limits: Limits,
    /// How many lists of pending events hold one that counts.
    inserted: u32,
    /// How many of the active ones do not count.
    internal_active: u32,
    virtual_events: u32,
    most: Counts,
}

impl<T: Payload> Default for Reactor<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Payload> Reactor<T> {
    /// An empty reactor with one priority.
    pub fn new() -> Self {
        Self {
            slots: Slab::new(),
            timers: Timers::new(),
            fds: FdMap::default(),
            signals: SignalTable::default(),
            rings: Rings::default(),
            next_turn: Ring::default(),
            batch: Batch::default(),
            limits: Limits::default(),
            inserted: 0,
            internal_active: 0,
            virtual_events: 0,
            most: Counts::default(),
        }
    }

    /// Changes how it behaves.
    pub fn set_options(&mut self, options: Options) {
        self.limits = options.limits;
        (self.fds.deferred, self.fds.mixing) = (options.deferred, options.mixing);
    }

    /// Makes a slot. It lives until it is removed, or popped with nothing left to wait for; a slot that waits for nothing
    /// from the start is the caller's to fill or to [`remove`](Self::remove). A priority beyond the last means the last.
    ///
    /// # Errors
    /// The allocator's refusal, with nothing changed.
    #[inline(always)]
    pub fn insert(&mut self, payload: T, priority: u8, kind: Kind) -> Result<Key, TryReserveError> {
        let state = if kind.persist { state::PERSIST } else { 0 } | if kind.internal { state::INTERNAL } else { 0 };
        let priority = priority.min(self.rings.last());
        let (key, slot) = self.slots.try_insert_any()?;
        // What the other fields hold matters only where a state bit says so, and linking sets them. A deadline of 0 says that
        // there was none yet.
        (slot.payload, slot.priority, slot.state, slot.deadline) = (payload, priority, state, 0);
        Ok(key)
    }

    /// Takes an event out of every list and frees its slot. To be called at once for one that was popped to
    /// [unlink](After::Unlink) it.
    #[inline(never)]
    pub fn remove(&mut self, key: Key) -> Removed {
        let Some(slot) = self.slots.get(key) else {
            self.remove_detached(key);
            return Removed::default();
        };
        let ready = slot.state & (state::READY | state::NEXT_TURN) != 0;
        let fired = !ready && slot.state & state::PERSIST == 0;
        if ready {
            self.deactivate_slot(key.index);
        }
        let gone = self.unlink_all(key.index, fired);
        self.slots.discard(key.index);
        if self.slots.is_empty() {
            self.trim_fds();
        }
        gone
    }

    /// Changes the priority of an event that is not ready.
    pub fn set_priority(&mut self, key: Key, priority: u8) {
        let last = self.rings.last();
        if let Some(slot) = self.slots.get_mut(key).filter(|s| s.state & (state::READY | state::NEXT_TURN) == 0) {
            slot.priority = priority.min(last);
        }
    }

    /// Counts a timeout that the face keeps itself (see [`time_out`](Self::time_out)), with 1, or no more, with -1.
    #[inline(always)]
    pub fn hold(&mut self, by: i32) {
        if by > 0 {
            self.count_one_more();
        } else {
            self.inserted = self.inserted.saturating_add_signed(by);
        }
    }

    /// Adds to (or takes from) the events that exist only outside, and keep a loop alive.
    pub fn add_virtual(&mut self, by: i32) {
        self.virtual_events = self.virtual_events.saturating_add_signed(by);
        self.most.virtual_events = self.most.virtual_events.max(self.virtual_events);
    }

    /// How many events there are now. Changes with every verb that inserts, removes, makes ready or pops.
    #[inline]
    pub fn counts(&self) -> Counts {
        let active = self.active();
        Counts { added: self.inserted + active - self.internal_active, active, virtual_events: self.virtual_events }
    }

    /// High-water marks of [`counts`](Self::counts), each since it was reset; those are reset to 0 for which `which` has a 1.
    pub fn most(&mut self, which: Counts) -> Counts {
        let most = self.most;
        let clear = |most: &mut u32, bit: u32| {
            if bit != 0 {
                *most = 0;
            }
        };
        clear(&mut self.most.active, which.active);
        clear(&mut self.most.added, which.added);
        clear(&mut self.most.virtual_events, which.virtual_events);
        self.rings.front.limit = 0;
        most
    }

    fn active(&self) -> u32 {
        self.rings.front.count() + self.rings.elsewhere
    }

    /// How much memory events, timeouts and descriptors hold, in bytes. Changes with what is inserted, removed, made ready or popped.
    pub fn held_memory(&self) -> usize {
        let rings: usize = self.rings.iter().chain([&self.next_turn]).map(Ring::held_memory).sum();
        self.slots.held_memory() + self.timers.held_memory() + self.fds.held_memory() + rings
    }

    #[inline(always)]
    fn count_added(&mut self, index: u32) {
        if self.slots.at(index).state & state::INTERNAL == 0 {
            self.count_one_more();
        }
    }

    #[inline(always)]
    fn count_one_more(&mut self) {
        self.inserted += 1;
        // How long a ring may get without a new maximum has changed.
        self.rings.front.limit = 0;
        let all = self.inserted + self.active();
        if all > self.most.added {
            self.most.added = self.most.added.max(all - self.internal_active);
        }
    }

    #[inline(always)]
    fn count_removed(&mut self, index: u32) {
        self.inserted -= u32::from(self.slots.at(index).state & state::INTERNAL == 0);
    }
}

#[cfg(test)]
mod tests;
