//! Walking over all events, in the order that libevent's `event_base_foreach_event` promises nothing about but programs see:
//! descriptors, signals, timers, common queues, then events that are only active.

use super::Reactor;
use super::ring::INTERNAL_DETACHED;
use super::slot::{NONE, state};
use crate::interest::{Interest, Ready};
use crate::key::Key;

/// Where a walk stands. A walk does not borrow the reactor, so that foreign code may run between two steps; events added or
/// removed meanwhile may be missed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walk {
    phase: u8,
    major: usize,
    minor: Option<u32>,
}

/// What the reactor knows about an event.
#[derive(Clone, Copy, Debug)]
pub struct View<T> {
    /// Whose it is.
    pub payload: T,
    /// Its slot or detached activation, if it has one.
    pub key: Option<Key>,
    /// Descriptor or signal, or -1.
    pub fd: i32,
    /// What it waits for on a descriptor.
    pub interest: Interest,
    /// Whether it waits on a descriptor or for a signal.
    pub inserted: bool,
    /// When its timeout is due.
    pub deadline: Option<u64>,
    /// When its timeout is, or was last, due; 0 where it had none.
    pub last_deadline: u64,
    /// What happened, while it is ready.
    pub ready: Option<Ready>,
    /// Whether it is ready only from the next turn on.
    pub later: bool,
    /// Whether it does not count.
    pub internal: bool,
}

impl<T> View<T> {
    /// An event without a slot that waits for a timeout and for nothing else (see [`timers`](crate::timers)).
    pub const fn timer(payload: T, deadline: u64) -> Self {
        Self {
            payload,
            key: None,
            fd: -1,
            interest: Interest::empty(),
            inserted: false,
            deadline: Some(deadline),
            last_deadline: deadline,
            ready: None,
            later: false,
            internal: false,
        }
    }
}

impl Walk {
    /// A walk over the events that are only active, in the order in which they would run.
    pub const fn active() -> Self {
        Self { phase: 4, major: 0, minor: None }
    }
}

impl<T: Copy + Default> Reactor<T> {
    /// What is known about `key`.
    #[inline]
    pub fn view(&self, key: Key) -> Option<View<T>> {
        let Some(s) = self.slots.get(key) else { return self.view_other(key) };
        let inserted = s.state & (state::FD | state::SIGNAL) != 0;
        Some(View {
            payload: s.payload,
            key: Some(key),
            fd: if inserted { s.fd } else { -1 },
            interest: if s.state & state::FD != 0 { s.interest } else { Interest::empty() },
            inserted,
            deadline: (s.state & (state::TIMER | state::COMMON) != 0).then_some(s.deadline),
            last_deadline: s.deadline,
            ready: self.readiness(key),
            later: s.state & state::NEXT_TURN != 0,
            internal: s.state & state::INTERNAL != 0,
        })
    }

    /// What is known about an event that is only active.
    fn view_other(&self, key: Key) -> Option<View<T>> {
        let resolved = self.resolve(key);
        if resolved != key {
            return self.view(resolved);
        }
        let entry = self.detached(key)?;
        Some(View {
            payload: entry.payload,
            key: Some(key),
            fd: -1,
            interest: Interest::empty(),
            inserted: false,
            deadline: None,
            last_deadline: 0,
            ready: Some(entry.ready),
            later: false,
            internal: entry.slot == INTERNAL_DETACHED,
        })
    }

    /// The next event that is only active.
    fn walk_active(&self, at: &mut Walk) -> Option<View<T>> {
        loop {
            let ring = if at.major == self.rings.len() { &self.next_turn } else { self.rings.get(at.major)? };
            let place = at.minor.unwrap_or(ring.head);
            let Some(entry) = ring.get(place) else {
                (at.major, at.minor) = (at.major + 1, None);
                continue;
            };
            at.minor = Some(place.wrapping_add(1));
            let elsewhere = state::FD | state::SIGNAL | state::TIMER | state::COMMON;
            if entry.index().is_some_and(|index| self.slots.at(index).state & elsewhere != 0) {
                continue;
            }
            if let Some(key) = self.key_of_entry(entry, place, at.major) {
                return self.view(key);
            }
        }
    }

    /// The next event of a walk.
    pub fn walk(&self, at: &mut Walk) -> Option<View<T>> {
        self.walk_below(at, u8::MAX)
    }

    /// The next event of a walk that waits on a descriptor or for a signal: those come first.
    pub fn walk_watched(&self, at: &mut Walk) -> Option<View<T>> {
        self.walk_below(at, 2)
    }

    fn walk_below(&self, at: &mut Walk, end: u8) -> Option<View<T>> {
        loop {
            if at.phase >= end {
                return None;
            }
            if at.phase == 4 {
                return self.walk_active(at);
            }
            let index = match at.minor.take() {
                Some(NONE) => {
                    at.major += 1;
                    None
                }
                other => other,
            };
            let index = match index {
                Some(i) => i,
                None => match self.walk_head(at) {
                    Some(NONE) => {
                        at.major += 1;
                        continue;
                    }
                    Some(i) => i,
                    None => {
                        *at = Walk { phase: at.phase + 1, ..Walk::default() };
                        continue;
                    }
                },
            };
            let Some(key) = self.slots.key_at(index) else { continue };
            let slot = self.slots.at(index);
            at.minor = Some(match at.phase {
                0 | 1 => slot.fd_next,
                2 => NONE,
                _ => slot.timer,
            });
            let seen = if at.phase < 2 { 0 } else { state::FD | state::SIGNAL };
            if slot.state & seen == 0 {
                return self.view(key);
            }
        }
    }

    /// The first slot of the list number `at.major` of the phase; `None` when there is no such list.
    fn walk_head(&self, at: &Walk) -> Option<u32> {
        match at.phase {
            0 => self.fd_head(at.major),
            1 => self.signal_head(at.major),
            2 => self
                .heap
                .get(at.major as u32)
                .map(|e| if self.slots.at(e.id).state & state::TIMER != 0 { e.id } else { NONE }),
            _ => self.queues.get(at.major).map(|q| q.head),
        }
    }
}
