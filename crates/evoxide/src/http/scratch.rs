//! What connections of a loop use one after the other: places for a head, for what is written, and the date.

use super::incoming::Heads;
use crate::clock::Time;
use evoxide_proto::http::{Head, write};

/// Lent by the loop, or by a server, to one connection at a time.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub head: Head,
    pub heads: Heads,
    pub out: Vec<u8>,
    pub date: Date,
}

/// The date as text, made once a second.
#[derive(Debug, Default)]
pub(super) struct Date {
    text: String,
    /// The loop's time at which the text is old.
    until: u64,
}

impl Date {
    /// Makes the text again if it is old.
    pub fn refresh(&mut self, time: &Time) {
        const SECOND: u64 = 1_000_000_000;
        if time.now() >= self.until {
            let wall = time.wall();
            self.text = write::date((wall / SECOND) as i64);
            self.until = time.now().saturating_add(SECOND - wall % SECOND);
        }
    }

    /// The date for `Date` fields.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}
