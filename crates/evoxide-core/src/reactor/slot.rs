//! The slot of one pending or active event, and the lists that run through slots.

use crate::interest::Interest;

/// "No slot" in an intrusive list.
pub(super) const NONE: u32 = u32::MAX;

/// Where a slot is linked, and what kind of event it holds.
pub(super) mod state {
    /// In the list of its descriptor.
    pub const FD: u8 = 1;
    /// In the list of its signal.
    pub const SIGNAL: u8 = 2;
    /// Its timeout is armed.
    pub const TIMER: u8 = 4;
    /// Its timeout has come, and it was not popped since.
    pub const EXPIRED: u8 = 8;
    /// In a ready ring.
    pub const READY: u8 = 16;
    /// In the "next turn" ring.
    pub const NEXT_TURN: u8 = 32;
    /// Stays inserted when it fires.
    pub const PERSIST: u8 = 64;
    /// Does not count.
    pub const INTERNAL: u8 = 128;
    /// Any list at all.
    pub const LINKED: u8 = FD | SIGNAL | TIMER | READY | NEXT_TURN;
}

/// One event, 48 bytes with a pointer-sized payload: with the slab's bookkeeping less than a cache line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<T> {
    pub payload: T,
    /// When its timeout is, or was last, due; 0 where it had none.
    pub deadline: u64,
    /// Descriptor or signal number.
    pub fd: i32,
    /// Where its timeout is (see [`timers`](crate::timers)).
    pub timer: u32,
    pub timer_prev: u32,
    pub timer_next: u32,
    pub fd_next: u32,
    pub fd_prev: u32,
    /// Its place in the ring of its priority, or in the ring of the next turn.
    pub ready_place: u32,
    pub interest: Interest,
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
            timer_next: NONE,
            fd_next: NONE,
            fd_prev: NONE,
            ready_place: 0,
            interest: Interest::empty(),
            priority: 0,
            state: 0,
        }
    }
}
