//! Happy Eyeballs version 2 (RFC 8305) as a machine: which address of a host is tried when.
//!
//! Addresses come in as their look-ups end; attempts leave as values, one at a time, the families alternating with IPv6
//! first. The next one starts when the one before has failed, or has taken too long. The first that succeeds wins.

use alloc::collections::VecDeque;
use core::net::IpAddr;

const MS: u64 = 1_000_000;
/// How long an IPv4 answer waits for the IPv6 one (RFC 8305, section 3).
pub const RESOLUTION_DELAY: u64 = 50 * MS;
/// How long an attempt is alone (RFC 8305, section 5).
pub const ATTEMPT_DELAY: u64 = 250 * MS;

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv6, which goes first.
    V6,
    /// IPv4.
    V4,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try this address, and ask again.
    Try(IpAddr),
    /// Ask again at this time, or when something happens before.
    Wait(u64),
    /// Ask again when something happens.
    Idle,
    /// Nothing is left to try, and nothing is under way.
    Failed,
}

/// One race.
///
/// ```
/// use evoxide_proto::dns::race::{Family, Next, Race};
/// let mut race = Race::new();
/// race.found(Family::V4, ["192.0.2.1".parse().unwrap()], 0);
/// assert_eq!(race.next(0), Next::Wait(50_000_000)); // for IPv6
/// race.found(Family::V6, ["2001:db8::1".parse().unwrap()], 10);
/// assert_eq!(race.next(10), Next::Try("2001:db8::1".parse().unwrap()));
/// assert_eq!(race.next(10), Next::Wait(250_000_010));
/// race.attempt_failed();
/// assert_eq!(race.next(20), Next::Try("192.0.2.1".parse().unwrap()));
/// ```
#[derive(Debug, Default)]
pub struct Race {
    waiting: [VecDeque<IpAddr>; 2],
    done: [bool; 2],
    /// When the first IPv4 answer came.
    first_v4: Option<u64>,
    last: Option<Family>,
    /// When the next attempt may start.
    not_before: u64,
    running: u32,
}

impl Race {
    /// A race that waits for both families.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The look-up of a family ended; without addresses if it failed.
    pub fn found(&mut self, family: Family, addresses: impl IntoIterator<Item = IpAddr>, now: u64) {
        self.waiting[family as usize].extend(addresses);
        self.done[family as usize] = true;
        if family == Family::V4 {
            self.first_v4 = Some(now);
        }
    }

    /// An attempt failed.
    pub const fn attempt_failed(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.not_before = 0;
    }

    /// What to do at `now`. Changes with time and with each of the other verbs.
    pub fn next(&mut self, now: u64) -> Next {
        let [v6, v4] = &self.waiting;
        let held = match (self.first_v4, self.done[Family::V6 as usize], v6.is_empty()) {
            (Some(since), false, true) if self.last.is_none() => since + RESOLUTION_DELAY,
            _ => 0,
        };
        if v6.is_empty() && v4.is_empty() {
            let over = self.done == [true, true] && self.running == 0;
            return if over { Next::Failed } else { Next::Idle };
        }
        let start = if self.running > 0 { self.not_before.max(held) } else { held };
        if now < start {
            return Next::Wait(start);
        }
        let family = match self.last {
            Some(Family::V6) if !v4.is_empty() => Family::V4,
            _ if !v6.is_empty() => Family::V6,
            _ => Family::V4,
        };
        let Some(address) = self.waiting[family as usize].pop_front() else { return Next::Idle };
        self.last = Some(family);
        self.running += 1;
        self.not_before = now + ATTEMPT_DELAY;
        Next::Try(address)
    }
}

#[cfg(test)]
mod tests;
