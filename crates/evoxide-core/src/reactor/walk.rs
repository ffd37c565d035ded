//! Walking over all events, in the order that libevent's `event_base_foreach_event` promises nothing about but programs see:
//! those on descriptors, those of signals, then those that are neither and active. Timeouts are [visited](crate::timers::Visit)
//! by their owner.

use super::slot::{NONE, state};
use super::{Payload, Reactor};
use crate::interest::Ready;
use crate::key::Key;

/// Where a walk stands. A walk does not borrow the reactor, so that foreign code may run between two steps; events added or
/// removed meanwhile may be missed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walk {
    phase: Phase,
    major: usize,
    minor: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Descriptors,
    Signals,
    Active,
}

impl Walk {
    /// A walk over the events that are only active, in the order in which they would run.
    pub const fn active() -> Self {
        Self { phase: Phase::Active, major: 0, minor: None }
    }
}

/// What the reactor knows about an event.
#[derive(Clone, Copy, Debug)]
pub struct View<T> {
    /// Whose it is.
    pub payload: T,
    /// Its slot or detached activation.
    pub key: Key,
    /// Whether it waits on a descriptor or for a signal.
    pub inserted: bool,
    /// When the timeout of its slot is due.
    pub deadline: Option<u64>,
    /// When it is, or was last, due; 0 where it had none.
    pub last_deadline: u64,
    /// What happened, while it is ready.
    pub ready: Option<Ready>,
    /// Whether it is ready only from the next turn on.
    pub later: bool,
}

impl<T: Payload> Reactor<T> {
    /// What is known about `key`; `None` where it names nothing any more. Changes with every verb that names the event, and with
    /// what makes it ready or pops it.
    #[inline(always)]
    pub fn view(&self, key: Key) -> Option<View<T>> {
        let Some(slot) = self.slots.get(key) else { return self.view_detached(key) };
        Some(View {
            payload: slot.payload,
            key,
            inserted: slot.state & (state::FD | state::SIGNAL) != 0,
            deadline: (slot.state & state::TIMER != 0).then_some(slot.deadline),
            last_deadline: slot.deadline,
            ready: self.readiness(key),
            later: slot.state & state::NEXT_TURN != 0,
        })
    }

    #[cold]
    #[inline(never)]
    fn view_detached(&self, key: Key) -> Option<View<T>> {
        self.detached(key).map(|entry| View {
            payload: entry.payload,
            key,
            inserted: false,
            deadline: None,
            last_deadline: 0,
            ready: Some(entry.ready),
            later: false,
        })
    }

    /// The next event of a walk: the events that wait on a descriptor or for a signal first and then, unless `watched`, those
    /// that are only active.
    pub fn walk(&self, at: &mut Walk, watched: bool) -> Option<View<T>> {
        loop {
            if at.phase == Phase::Active {
                return if watched { None } else { self.walk_active(at) };
            }
            let index = match at.minor.take() {
                Some(index) => index,
                None => match if at.phase == Phase::Descriptors {
                    self.fd_head(at.major)
                } else {
                    self.signal_head(at.major)
                } {
                    Some(index) => index,
                    None => {
                        let phase = if at.phase == Phase::Descriptors { Phase::Signals } else { Phase::Active };
                        *at = Walk { phase, ..Walk::default() };
                        continue;
                    }
                },
            };
            if index == NONE {
                at.major += 1;
                continue;
            }
            let Some(key) = self.slots.key_at(index) else { continue };
            at.minor = Some(self.slots.at(index).fd_next);
            return self.view(key);
        }
    }

    /// The next event that is only active.
    fn walk_active(&self, at: &mut Walk) -> Option<View<T>> {
        loop {
            let ring = if at.major == self.rings.len() { &self.next_turn } else { self.rings.get(at.major)? };
            // What was removed meanwhile may have moved the beginning.
            let place = at.minor.filter(|place| (place.wrapping_sub(ring.head) as i32) > 0).unwrap_or(ring.head);
            let Some(entry) = ring.get(place) else {
                (at.major, at.minor) = (at.major + 1, None);
                continue;
            };
            at.minor = Some(place.wrapping_add(1));
            let elsewhere = state::FD | state::SIGNAL;
            if entry.index().is_some_and(|index| self.slots.at(index).state & elsewhere != 0) {
                continue;
            }
            if let Some(key) = self.key_of_entry(entry, place, at.major) {
                return self.view(key);
            }
        }
    }
}
