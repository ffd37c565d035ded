//! `resolv.conf`: its lines as values.
//!
//! Lines end in LF or CRLF; blanks are spaces, tabs, vertical tabs and form feeds. `#` or `;` at the start of a word makes the
//! rest of the line a comment. Any other byte stands for itself, lines may be of any length, and what is not understood is
//! skipped as the system's resolver does.

use alloc::{vec, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use evoxide_core::net::{Scope, parse_host_port, parse_ipv4, parse_ipv6, parse_scope, split_scope};

/// The port of DNS.
pub const PORT: u16 = 53;

/// One line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Directive<'a> {
    /// `nameserver ADDRESS`
    Nameserver(&'a [u8]),
    /// `domain NAME`: the search list is this name alone.
    Domain(&'a [u8]),
    /// `search NAME...`: replaces the search list.
    Search(Words<'a>),
    /// `options WORD...`
    Options(Words<'a>),
    /// `sortlist ADDRESS/MASK...`
    Sortlist(Words<'a>),
    /// Anything else.
    Other(&'a [u8], Words<'a>),
}

/// The words of a line up to its comment.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(&'a [u8]);

const fn is_blank(byte: &u8) -> bool {
    matches!(*byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

impl<'a> Words<'a> {
    /// The words of a line.
    #[must_use]
    pub const fn new(line: &'a [u8]) -> Self {
        Self(line)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|b| !is_blank(b))?;
        let rest = &self.0[start..];
        if matches!(rest[0], b'#' | b';') {
            self.0 = &[];
            return None;
        }
        let end = rest.iter().position(is_blank).unwrap_or(rest.len());
        self.0 = &rest[end..];
        Some(&rest[..end])
    }
}

/// The lines of a text.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n')
}

/// The directives of a file, in order. Lines without the words that they need are left out.
///
/// ```
/// use evoxide_proto::dns::conf::{Directive, directives};
/// let file = b"nameserver 10.0.0.1\r\nsearch a.example b.example # home\noptions ndots:2 rotate\n";
/// let mut lines = directives(file);
/// assert!(matches!(lines.next(), Some(Directive::Nameserver(b"10.0.0.1"))));
/// assert!(matches!(lines.next(), Some(Directive::Search(words)) if words.count() == 2));
/// ```
pub fn directives(text: &[u8]) -> impl Iterator<Item = Directive<'_>> {
    lines(text).filter_map(|line| {
        let mut words = Words(line);
        let keyword = words.next()?;
        Some(match keyword {
            b"nameserver" => Directive::Nameserver(words.next()?),
            b"domain" => Directive::Domain(words.next()?),
            b"search" => Directive::Search(words),
            b"options" => Directive::Options(words),
            b"sortlist" => Directive::Sortlist(words),
            other => Directive::Other(other, words),
        })
    })
}

/// An option's name and value: `ndots:2` is `ndots` and `2`.
#[must_use]
pub fn split_option(word: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b':', word) {
        Some(colon) => (&word[..colon], Some(&word[colon + 1..])),
        None => (word, None),
    }
}

/// A server's address in one of the forms `v4`, `v4:port`, `v6`, `[v6]`, `[v6]:port`, an IPv6 address with a scope or without.
/// `interface` turns an interface's name into its number.
pub fn parse_server(text: &[u8], interface: impl FnOnce(&[u8]) -> Option<u32>) -> Option<SocketAddr> {
    let parts = parse_host_port(text)?;
    let port = if parts.port == 0 { PORT } else { parts.port };
    if !parts.v6 {
        return Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(parse_ipv4(parts.host)?)), port));
    }
    let (host, scope) = split_scope(parts.host);
    let address = Ipv6Addr::from(parse_ipv6(host)?);
    let scope = match scope {
        None => 0,
        Some(text) => match interface(text) {
            Some(index) => index,
            None => match parse_scope(text) {
                Scope::Index(index) => index,
                Scope::Invalid => return None,
            },
        },
    };
    Some(SocketAddr::V6(SocketAddrV6::new(address, port, 0, scope)))
}

/// The networks of `sortlist`: in their order a program wants the IPv4 addresses of a host.
///
/// ```
/// use evoxide_proto::dns::conf::{SortList, Words};
/// let mut wanted = SortList::default();
/// wanted.extend(Words::new(b"130.155.160.0/255.255.240.0 130.155.0.0"));
/// let mut found = ["192.0.2.1", "130.155.1.1", "130.155.170.1"].map(|text| text.parse().unwrap());
/// wanted.sort(&mut found);
/// assert_eq!(found.map(|address| address.to_string()), ["130.155.170.1", "130.155.1.1", "192.0.2.1"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SortList {
    /// Address and mask, as numbers.
    networks: Vec<(u32, u32)>,
}

impl SortList {
    /// As many networks count.
    const MAX: usize = 10;

    /// Adds networks: an address each, and behind a slash its mask or the one that its class has. Words that are none are skipped.
    pub fn extend(&mut self, words: Words<'_>) {
        let networks = words.filter_map(|word| {
            let (address, mask) = match memchr::memchr(b'/', word) {
                Some(slash) => (&word[..slash], Some(u32::from_be_bytes(parse_ipv4(&word[slash + 1..])?))),
                None => (word, None),
            };
            let address = parse_ipv4(address)?;
            let mask = mask.unwrap_or(match address[0] {
                0..128 => 0xff00_0000,
                128..192 => 0xffff_0000,
                192..224 => 0xffff_ff00,
                _ => u32::MAX,
            });
            Some((u32::from_be_bytes(address) & mask, mask))
        });
        self.networks.extend(networks.take(Self::MAX - self.networks.len()));
    }

    /// Puts addresses of the first network first, and so on; those of none come last. Otherwise they keep their order.
    pub fn sort(&self, addresses: &mut [IpAddr]) {
        if !self.networks.is_empty() {
            addresses.sort_by_key(|address| self.rank(*address));
        }
    }

    fn rank(&self, address: IpAddr) -> usize {
        let IpAddr::V4(v4) = address else { return Self::MAX };
        let bits = u32::from(v4);
        self.networks.iter().position(|(network, mask)| bits & mask == *network).unwrap_or(Self::MAX)
    }
}

/// What a whole file says, for resolvers that take all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conf {
    /// The servers, as texts are parsed by [`parse_server`].
    pub servers: Vec<SocketAddr>,
    /// The search list, as text.
    pub search: Vec<Vec<u8>>,
    /// `ndots:n`, at most 15.
    pub ndots: u32,
    /// `timeout:n` in seconds, between 1 and 30.
    pub timeout: u32,
    /// `attempts:n`, between 1 and 5.
    pub attempts: u32,
    /// `rotate`: begin with another server each time.
    pub rotate: bool,
    /// `use-vc`: TCP only.
    pub use_tcp: bool,
    /// `edns0`.
    pub edns: bool,
    /// `trust-ad`: the AD bit of answers means something.
    pub trust_ad: bool,
    /// `single-request`: address records one after the other.
    pub single_request: bool,
    /// `inet6`, which is deprecated: IPv6 addresses first, as resolvers of both families list them anyway.
    pub inet6: bool,
    /// `no-aaaa`: IPv6 addresses are not asked for.
    pub no_aaaa: bool,
    /// `no-reload`: the file is not read again when it changes.
    pub no_reload: bool,
    /// `sortlist`.
    pub sortlist: SortList,
    /// `no-tld-query`: a name without a dot is only searched.
    pub no_tld_query: bool,
}

impl Default for Conf {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: 5,
            attempts: 2,
            rotate: false,
            use_tcp: false,
            edns: false,
            trust_ad: false,
            single_request: false,
            inet6: false,
            no_aaaa: false,
            no_reload: false,
            sortlist: SortList::default(),
            no_tld_query: false,
        }
    }
}

/// A decimal number, bounded; digits end where the number does.
fn number(value: Option<&[u8]>, low: u32, high: u32) -> Option<u32> {
    let digits: Vec<u8> = value?.iter().copied().take_while(u8::is_ascii_digit).take(9).collect();
    let value = core::str::from_utf8(&digits).ok()?.parse::<u32>().ok()?;
    Some(value.clamp(low, high))
}

impl Conf {
    /// Reads a file. `interface` turns an interface's name into its number.
    #[must_use]
    pub fn parse(text: &[u8], mut interface: impl FnMut(&[u8]) -> Option<u32>) -> Self {
        let mut conf = Self::default();
        for directive in directives(text) {
            match directive {
                Directive::Nameserver(address) => conf.servers.extend(parse_server(address, &mut interface)),
                Directive::Domain(name) => conf.search = vec![name.to_vec()],
                Directive::Search(names) => conf.search = names.map(<[u8]>::to_vec).collect(),
                Directive::Options(words) => words.for_each(|word| conf.option(word)),
                Directive::Sortlist(networks) => conf.sortlist.extend(networks),
                Directive::Other(..) => {}
            }
        }
        conf
    }

    fn option(&mut self, word: &[u8]) {
        let (name, value) = split_option(word);
        let set = |place: &mut u32, low, high| {
            if let Some(value) = number(value, low, high) {
                *place = value;
            }
        };
        match name {
            b"ndots" => set(&mut self.ndots, 0, 15),
            b"timeout" => set(&mut self.timeout, 1, 30),
            b"attempts" => set(&mut self.attempts, 1, 5),
            b"rotate" => self.rotate = true,
            b"use-vc" | b"usevc" => self.use_tcp = true,
            b"edns0" => self.edns = true,
            b"trust-ad" => self.trust_ad = true,
            b"single-request" | b"single-request-reopen" => self.single_request = true,
            b"inet6" => self.inet6 = true,
            b"no-aaaa" => self.no_aaaa = true,
            b"no-reload" => self.no_reload = true,
            b"no-tld-query" => self.no_tld_query = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
