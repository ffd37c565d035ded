//! Hosts files, and a table of what they say.

use super::conf::{Words, lines};
use super::{NoMemory, try_boxed};
use alloc::{boxed::Box, vec::Vec};
use core::net::IpAddr;
use evoxide_core::net::{parse_ipv4, parse_ipv6, split_scope};

/// One line: an address and its names, the canonical one first.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The address.
    pub address: IpAddr,
    /// The names.
    pub names: Words<'a>,
}

/// Reads one line; comments, bad addresses and lines without a name are nothing.
#[must_use]
pub fn parse_line(line: &[u8]) -> Option<Entry<'_>> {
    let mut names = Words::new(line);
    let (text, _scope) = split_scope(names.next()?);
    let address = parse_ipv4(text).map(IpAddr::from).or_else(|| parse_ipv6(text).map(IpAddr::from))?;
    names.clone().next()?;
    Some(Entry { address, names })
}

/// The lines of a file that say something.
pub fn entries(text: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    lines(text).filter_map(parse_line)
}

#[derive(Clone, Debug)]
struct Host {
    /// In lower case.
    name: Box<[u8]>,
    order: u32,
    address: IpAddr,
}

/// Names and addresses of hosts files. Names are found without regard to ASCII case; addresses keep the order of the files.
///
/// ```
/// use evoxide_proto::dns::hosts::Hosts;
/// let mut hosts = Hosts::default();
/// hosts.load(b"127.0.0.1 localhost\n::1 localhost ip6-localhost\n").unwrap();
/// assert_eq!(hosts.find(b"LocalHost").count(), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    sorted: Vec<Host>,
    next: u32,
}

impl Hosts {
    /// Adds what a file says.
    ///
    /// # Errors
    /// Without memory; the lines before are kept.
    pub fn load(&mut self, text: &[u8]) -> Result<(), NoMemory> {
        let result = entries(text).try_for_each(|entry| {
            let mut names = entry.names;
            names.try_for_each(|name| self.push(name, entry.address))
        });
        self.sort();
        result
    }

    /// Adds one name.
    ///
    /// # Errors
    /// Without memory.
    pub fn add(&mut self, name: &[u8], address: IpAddr) -> Result<(), NoMemory> {
        self.push(name, address)?;
        self.sort();
        Ok(())
    }

    fn push(&mut self, name: &[u8], address: IpAddr) -> Result<(), NoMemory> {
        let mut name = try_boxed(name.strip_suffix(b".").unwrap_or(name))?;
        name.make_ascii_lowercase();
        self.sorted.try_reserve(1)?;
        self.sorted.push(Host { name, order: self.next, address });
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    fn sort(&mut self) {
        self.sorted.sort_unstable_by(|a, b| (&a.name, a.order).cmp(&(&b.name, b.order)));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether it has nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The addresses of a name, in the order of the files.
    pub fn find(&self, name: &[u8]) -> impl Iterator<Item = IpAddr> + '_ {
        let name = name.strip_suffix(b".").unwrap_or(name);
        let lower = |b: &u8| b.to_ascii_lowercase();
        let first = self.sorted.partition_point(|host| host.name.iter().copied().lt(name.iter().map(lower)));
        let len = self.sorted[first..].iter().take_while(|host| host.name.eq_ignore_ascii_case(name)).count();
        self.sorted[first..first + len].iter().map(|host| host.address)
    }
}

/// Whether a name is `localhost` or below it (RFC 6761, section 6.3).
#[must_use]
pub fn is_localhost(name: &[u8]) -> bool {
    const LOCALHOST: &[u8] = b"localhost";
    let name = name.strip_suffix(b".").unwrap_or(name);
    let Some(start) = name.len().checked_sub(LOCALHOST.len()) else { return false };
    name[start..].eq_ignore_ascii_case(LOCALHOST) && (start == 0 || name[start - 1] == b'.')
}

#[cfg(test)]
mod tests;
