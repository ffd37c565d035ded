//! The signal table: which events wait for a signal.

use super::slot::{NONE, state};
use super::{AddError, Payload, Reactor};
use crate::interest::Ready;
use crate::key::Key;

/// One more than the highest signal number.
pub const SIGNALS: usize = 65;

#[derive(Debug)]
pub(super) struct SignalTable {
    heads: [u32; SIGNALS],
}

impl Default for SignalTable {
    fn default() -> Self {
        Self { heads: [NONE; SIGNALS] }
    }
}

impl<T: Payload> Reactor<T> {
    /// Lets the event of `key` wait for a signal. Returns whether it is the first for this signal: the face must then
    /// subscribe to it.
    ///
    /// # Errors
    /// [`AddError`], with nothing changed.
    pub fn watch_signal(&mut self, key: Key, signal: i32) -> Result<bool, AddError> {
        if !(1..SIGNALS as i32).contains(&signal) {
            return Err(AddError::OutOfRange);
        }
        let head = self.signals.heads[signal as usize];
        let Some(slot) = self.slots.get_mut(key).filter(|s| s.state & (state::FD | state::SIGNAL) == 0) else {
            return Err(AddError::StaleKey);
        };
        slot.fd = signal;
        slot.state |= state::SIGNAL;
        slot.fd_next = head;
        slot.fd_prev = NONE;
        self.signals.heads[signal as usize] = key.index;
        if head != NONE {
            self.slots.at_mut(head).fd_prev = key.index;
        }
        self.count_added(key.index);
        Ok(head == NONE)
    }

    /// Returns the signal if nobody waits for it any more.
    pub(super) fn unlink_signal(&mut self, index: u32) -> Option<i32> {
        let slot = self.slots.at_mut(index);
        slot.state &= !state::SIGNAL;
        let (signal, next, prev) = (slot.fd, slot.fd_next, slot.fd_prev);
        if prev == NONE {
            self.signals.heads[signal as usize] = next;
        } else {
            self.slots.at_mut(prev).fd_next = next;
        }
        if next != NONE {
            self.slots.at_mut(next).fd_prev = prev;
        }
        self.count_removed(index);
        (self.signals.heads[signal as usize] == NONE).then_some(signal)
    }

    /// `signal` arrived `calls` times: its events become ready.
    pub fn signalled(&mut self, signal: i32, calls: u16) {
        if !(1..SIGNALS as i32).contains(&signal) {
            return;
        }
        let mut index = self.signals.heads[signal as usize];
        while index != NONE {
            let slot = self.slots.at(index);
            let next = slot.fd_next;
            // One that its timeout has ended waits for signals no longer.
            if slot.state & state::EXPIRED == 0 {
                self.activate_slot::<true>(index, Ready::SIGNAL, calls);
            }
            index = next;
        }
    }

    pub(super) fn signal_head(&self, signal: usize) -> Option<u32> {
        self.signals.heads.get(signal).copied()
    }
}
