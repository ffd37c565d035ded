//! Taking back what was made ready last.

use super::Reactor;
use crate::key::Key;

impl<T: Copy + Default> Reactor<T> {
    /// Takes back a ticket (see [`enqueue_shortly`](Self::enqueue_shortly)), if it is what was made ready last in the queue that
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
}
