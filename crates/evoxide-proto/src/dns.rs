//! DNS: the wire format and the machines of a stub resolver and a server (RFC 1035 and its successors).
//!
//! | module | purpose |
//! |---|---|
//! | [`name`] | domain names: text to wire form and back |
//! | [`message`] | the strict parser: questions, records, typed views of record data |
//! | [`build`] | the builder, with compression in linear time |
//! | [`conf`], [`hosts`] | `resolv.conf` and hosts files |
//! | [`resolver`] | the stub resolver: servers, retries, search list, cache |
//! | [`server`] | the server: packets to requests, records to replies |
//! | [`race`] | which address of a host is tried when (Happy Eyeballs) |
//! | [`answer`] | what a response means for a question |
//!
//! # Contract
//!
//! 1. Every input is hostile. A parser returns an error or a value; it never panics, and its work is linear in the input.
//! 2. Names are compared without regard to ASCII case; they are stored and sent as they came.
//! 3. Nothing here performs I/O or reads a clock. Time is an argument, in nanoseconds; random numbers come from a [`Random`]
//!    that the caller passes.
//! 4. What grows with the number of requests or the size of an answer is allocated fallibly.

pub mod answer;
pub mod build;
mod cache;
pub mod conf;
pub mod hosts;
pub mod message;
pub mod name;
pub mod race;
pub mod resolver;
pub mod server;

use alloc::{boxed::Box, vec::Vec};
pub use answer::{Answer, Failure};
pub use build::{Builder, Rdata, Section};
pub use message::{Data, Header, Message, Question, Record};
pub use name::{Name, NameError};

/// Bytes that rarely change their length and mostly fit in place: up to `N` of them need no allocation.
#[derive(Debug)]
pub(crate) enum Short<const N: usize> {
    Here(u8, [u8; N]),
    Boxed(Box<[u8]>),
}

impl<const N: usize> Short<N> {
    pub(crate) fn copy_of(bytes: &[u8]) -> Result<Self, NoMemory> {
        if bytes.len() > N || bytes.len() > usize::from(u8::MAX) {
            return Ok(Self::Boxed(try_boxed(bytes)?));
        }
        let mut here = [0; N];
        here[..bytes.len()].copy_from_slice(bytes);
        Ok(Self::Here(bytes.len() as u8, here))
    }
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Self::Here(0, [0; N])
    }
}

impl<const N: usize> core::ops::Deref for Short<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Here(len, bytes) => &bytes[..usize::from(*len)],
            Self::Boxed(bytes) => bytes,
        }
    }
}

impl<const N: usize> core::ops::DerefMut for Short<N> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Here(len, bytes) => &mut bytes[..usize::from(*len)],
            Self::Boxed(bytes) => bytes,
        }
    }
}

/// A source of random bytes that an attacker cannot predict: the system's generator outside of tests.
pub trait Random {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);

    /// A random number.
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    /// A random number below `bound`, which is small. 0 if `bound` is 0.
    fn below(&mut self, bound: u32) -> u32 {
        let wide = u64::from(self.next_u32()) * u64::from(bound);
        u32::try_from(wide >> 32).unwrap_or(0)
    }
}

/// Record types by number.
#[expect(missing_docs, reason = "the registry's names")]
pub mod rtype {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const OPT: u16 = 41;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
    pub const AXFR: u16 = 252;
    pub const ANY: u16 = 255;
    pub const CAA: u16 = 257;
}

/// Classes by number.
#[expect(missing_docs, reason = "the registry's names")]
pub mod class {
    pub const IN: u16 = 1;
    pub const CH: u16 = 3;
    pub const ANY: u16 = 255;
}

/// Response codes by number.
#[expect(missing_docs, reason = "the registry's names")]
pub mod rcode {
    pub const NOERROR: u16 = 0;
    pub const FORMERR: u16 = 1;
    pub const SERVFAIL: u16 = 2;
    pub const NXDOMAIN: u16 = 3;
    pub const NOTIMP: u16 = 4;
    pub const REFUSED: u16 = 5;
    pub const BADVERS: u16 = 16;
}

/// Bits of the header's second word.
#[expect(missing_docs, reason = "RFC 1035, 4.1.1, and RFC 4035")]
pub mod flag {
    pub const QR: u16 = 0x8000;
    pub const OPCODE: u16 = 0x7800;
    pub const AA: u16 = 0x0400;
    pub const TC: u16 = 0x0200;
    pub const RD: u16 = 0x0100;
    pub const RA: u16 = 0x0080;
    pub const AD: u16 = 0x0020;
    pub const CD: u16 = 0x0010;
    pub const RCODE: u16 = 0x000f;
}

/// The allocator refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

impl core::fmt::Display for NoMemory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("out of memory")
    }
}

impl core::error::Error for NoMemory {}

impl From<alloc::collections::TryReserveError> for NoMemory {
    fn from(_: alloc::collections::TryReserveError) -> Self {
        Self
    }
}

impl From<hashbrown::TryReserveError> for NoMemory {
    fn from(_: hashbrown::TryReserveError) -> Self {
        Self
    }
}

/// A copy of `bytes` in memory of exactly its size.
pub(crate) fn try_boxed(bytes: &[u8]) -> Result<Box<[u8]>, NoMemory> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}
