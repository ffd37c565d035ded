//! The slot of one pending or active event, and the lists that run through slots.

use crate::heap::Positions;
use crate::interest::Interest;
use crate::slab::Slab;

/// "No slot" in an intrusive list.
pub(super) const NONE: u32 = u32::MAX;

/// Where a slot is linked, and what kind of event it holds.
pub(super) mod state {
    /// In the list of its descriptor.
    pub const FD: u8 = 1;
    /// In the list of its signal.
    pub const SIGNAL: u8 = 2;
    /// In the timer heap.
    pub const TIMER: u8 = 4;
    /// In a common-timeout queue.
    pub const COMMON: u8 = 8;
    /// In a ready ring.
    pub const READY: u8 = 16;
    /// In the "next turn" ring.
    pub const NEXT_TURN: u8 = 32;
    /// Stays inserted when it fires.
    pub const PERSIST: u8 = 64;
    /// Does not count.
    pub const INTERNAL: u8 = 128;
    /// Any list at all.
    pub const LINKED: u8 = FD | SIGNAL | TIMER | COMMON | READY | NEXT_TURN;
}

/// One event, 48 bytes with a pointer-sized payload: with the slab's bookkeeping less than a cache line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<T> {
    pub payload: T,
    /// The truth about its timeout; the heap's entry may be earlier (see `timers`).
    pub deadline: u64,
    /// Descriptor or signal number.
    pub fd: i32,
    /// Heap position, or the next slot of the common queue.
    pub timer: u32,
    /// The previous slot of the common queue.
    pub timer_prev: u32,
    pub fd_next: u32,
    pub fd_prev: u32,
    /// Its place in the ring of its priority, or in the ring of the next turn.
    pub ready_place: u32,
    pub interest: Interest,
    pub queue: u16,
    pub priority: u8,
    pub state: u8,
}

impl<T: Default> Default for Slot<T> {
    fn default() -> Self {
        Self {
            payload: T::default(),
            deadline: 0,
            fd: -1,
            timer: NONE,
            timer_prev: NONE,
            fd_next: NONE,
            fd_prev: NONE,
            ready_place: 0,
            interest: Interest::empty(),
            queue: 0,
            priority: 0,
            state: 0,
        }
    }
}

/// A doubly linked list through `timer` and `timer_prev`.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommonQueue {
    /// How long its timeouts are, in nanoseconds.
    pub duration: u64,
    pub head: u32,
    pub tail: u32,
    /// The slot that stands for it in the heap, or [`NONE`] while the queue is empty.
    pub slot: u32,
}

/// Tells slots where their heap entries are.
pub(super) struct Owners<'a, T>(pub &'a mut Slab<Slot<T>>);

impl<T: Default> Positions for Owners<'_, T> {
    #[inline(always)]
    fn moved(&mut self, id: u32, position: u32) {
        self.0.at_mut(id).timer = position;
    }
}
