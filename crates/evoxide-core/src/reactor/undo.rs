//! What was made ready last, and whether anything was.

use super::ring::{DETACHED, detached_key};
use super::{Payload, Reactor};
use crate::key::Key;

impl<T: Payload> Reactor<T> {
    /// What was made ready last in the queue that runs, if that is a detached activation, and its key:
    /// [`deactivate`](Self::deactivate) takes it back. Changes with what is made ready, popped or removed.
    pub fn last_detached(&self) -> Option<(Key, T)> {
        let (front, running) = (&self.rings.front, self.rings.running);
        let last = front.tail.wrapping_sub(1);
        front.get(last).filter(|entry| entry.slot == DETACHED).map(|e| (detached_key(last, running), e.payload))
    }

    /// Two numbers that tell whether something was made ready, or taken back, since an earlier look in the same callback. One
    /// event more in the queue that runs adds one to the first.
    pub fn activity(&self) -> (u32, u32) {
        (self.rings.front.tail, self.rings.elsewhere)
    }
}
