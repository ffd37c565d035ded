//! Taking back what was made ready last, and whether anything was.

use super::ring::DETACHED;
use super::{Payload, Reactor};
use crate::key::Key;

impl<T: Payload> Reactor<T> {
    /// Takes back a detached activation (see [`enqueue`](Self::enqueue)), if it is what was made ready last in the queue that
    /// runs. `false`: nothing was done.
    #[inline(always)]
    pub fn undo_activation(&mut self, key: Key) -> bool {
        let front = &mut self.rings.front;
        let last = front.tail.wrapping_sub(1);
        let recalled = front.is_detached_at(last, key, self.rings.running);
        if recalled {
            front.retreat();
        }
        recalled
    }

    /// Whose the detached activation is that was made ready last in the queue that runs, if that was one.
    pub fn last_detached(&self) -> Option<T> {
        let front = &self.rings.front;
        if front.is_empty() {
            return None;
        }
        front.get(front.tail.wrapping_sub(1)).filter(|entry| entry.slot == DETACHED).map(|entry| entry.payload)
    }

    /// Two numbers that tell whether something was made ready, or taken back, since an earlier look in the same callback. One
    /// event more in the queue that runs adds one to the first.
    pub fn activity(&self) -> (u32, u32) {
        (self.rings.front.tail, self.rings.elsewhere)
    }
}
