//! Taking back what was made ready last, and whether anything was.

use super::Reactor;
use super::ring::TICKET;
use crate::key::Key;

impl<T: Copy + Default> Reactor<T> {
    /// Takes back a ticket (see [`enqueue`](Self::enqueue)), if it is what was made ready last in the queue that
    /// runs. `false`: nothing was done.
    #[inline(always)]
    pub fn recall(&mut self, key: Key) -> bool {
        let front = &mut self.rings.front;
        let last = front.tail.wrapping_sub(1);
        let recalled = front.is_ticket_at(last, key, self.rings.running);
        if recalled {
            front.retreat();
        }
        recalled
    }

    /// Whose the ticket is that was made ready last in the queue that runs, if that was one.
    #[inline]
    pub fn last_ticket(&self) -> Option<T> {
        let front = &self.rings.front;
        if front.is_empty() {
            return None;
        }
        front.get(front.tail.wrapping_sub(1)).filter(|entry| entry.slot == TICKET).map(|entry| entry.payload)
    }

    /// Two numbers that tell whether something was made ready, or taken back, since an earlier look in the same callback. One
    /// event more in the queue that runs adds one to the first.
    #[inline]
    pub fn activity(&self) -> (u32, u32) {
        (self.rings.front.tail, self.rings.elsewhere)
    }
}
