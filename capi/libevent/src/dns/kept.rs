//! The names of 2.2's cache, which a program writes.

use alloc::{boxed::Box, vec::Vec};
use core::net::IpAddr;

/// Names kept at once.
const MAX_NAMES: usize = 4096;
#[derive(Default)]
pub(super) struct Kept {
    names: Vec<Entry>,
}

struct Entry {
    name: Box<[u8]>,
    addresses: Vec<IpAddr>,
    until: u64,
}

impl Kept {
    /// The addresses kept of a name.
    pub(super) fn find(&self, name: &[u8], now: u64) -> Option<impl Iterator<Item = IpAddr> + '_> {
        let name = name.strip_suffix(b".").unwrap_or(name);
        let entry = self.names.iter().find(|e| e.until > now && e.name.eq_ignore_ascii_case(name))?;
        Some(entry.addresses.iter().copied())
    }

    /// Keeps addresses; `false` without room.
    pub(super) fn write(&mut self, name: &[u8], addresses: Vec<IpAddr>, until: u64, now: u64) -> bool {
        let name = name.strip_suffix(b".").unwrap_or(name);
        self.names.retain(|e| e.until > now && !e.name.eq_ignore_ascii_case(name));
        if self.names.len() >= MAX_NAMES || self.names.try_reserve(1).is_err() {
            return false;
        }
        self.names.push(Entry { name: name.into(), addresses, until });
        true
    }
}
