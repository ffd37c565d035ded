//! What a response means for the question that was asked.

use super::message::{Data, Message, PackedName, Record, records_at};
use super::{NoMemory, class, rcode, rtype, try_boxed};
use alloc::boxed::Box;
use core::fmt;
use core::net::IpAddr;

/// The longest chain of CNAME records that is followed.
pub const MAX_CHAIN: usize = 16;

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The server says that the question is malformed.
    FormErr,
    /// The server failed.
    ServFail,
    /// The name does not exist. For how many seconds that may be kept.
    NxDomain(u32),
    /// The server does not know such questions.
    NotImp,
    /// The server refuses to answer.
    Refused,
    /// Another response code.
    Code(u16),
    /// The answer was truncated, and a whole one could not be had.
    Truncated,
    /// The answer is no DNS message, or a chain in it has no end.
    Malformed,
    /// Nobody answered in time.
    Timeout,
    /// The name exists, but has no such records. For how many seconds that may be kept.
    NoData(u32),
    /// There is no server to ask.
    NoServer,
    /// The name is too long, whatever of the search list is added.
    BadName,
    /// The allocator refused.
    NoMemory,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FormErr => "the DNS server calls the question malformed",
            Self::ServFail => "the DNS server failed",
            Self::NxDomain(_) => "the domain name does not exist",
            Self::NotImp => "the DNS server does not know such questions",
            Self::Refused => "the DNS server refused",
            Self::Code(code) => return write!(f, "the DNS server answered code {code}"),
            Self::Truncated => "the DNS answer was truncated",
            Self::Malformed => "malformed DNS answer",
            Self::Timeout => "no DNS server answered in time",
            Self::NoData(_) => "the domain name has no such records",
            Self::NoServer => "no DNS server is configured",
            Self::BadName => "not a domain name",
            Self::NoMemory => "out of memory",
        })
    }
}

impl core::error::Error for Failure {}

impl From<NoMemory> for Failure {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// A good answer: a message, where its answers begin, and where the chain of names ends.
#[derive(Clone, Debug)]
pub struct Answer {
    message: Box<[u8]>,
    qtype: u16,
    first: u16,
    count: u16,
    owner: u16,
    /// The owner is not the name that was asked for.
    renamed: bool,
    authentic: bool,
    /// For how many seconds it may be kept: the least of the chain and the records.
    pub ttl: u32,
}

impl Answer {
    /// The whole message.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// A copy that may be kept for another time.
    pub(super) fn with_ttl(&self, ttl: u32) -> Self {
        Self { ttl, ..self.clone() }
    }

    /// Notes whether a trusted server says that it is authentic.
    pub(super) fn marked(mut self, authentic: bool) -> Self {
        self.authentic = authentic;
        self
    }

    /// Whether a server says that signatures prove it, and servers are trusted with that (`trust-ad`).
    #[must_use]
    pub const fn is_authentic(&self) -> bool {
        self.authentic
    }

    fn owner(&self) -> PackedName<'_> {
        PackedName::at(&self.message, usize::from(self.owner))
    }

    /// How many [`records`](Self::records) there are at most.
    #[must_use]
    pub const fn most_records(&self) -> usize {
        self.count as usize
    }

    /// The records asked for, those of other names left out.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let (owner, qtype) = (self.owner(), self.qtype);
        records_at(&self.message, usize::from(self.first), self.count)
            .filter(move |r| (r.rtype == qtype || qtype == rtype::ANY) && r.name.is_same(owner))
    }

    /// The name at the end of the chain, if it is not the one that was asked for.
    #[must_use]
    pub fn canonical_name(&self) -> Option<super::Name> {
        self.renamed.then(|| self.owner().to_name())
    }

    /// The addresses among the records.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.records().filter_map(|record| match record.data() {
            Ok(Data::A(bytes)) => Some(IpAddr::from(bytes)),
            Ok(Data::Aaaa(bytes)) => Some(IpAddr::from(bytes)),
            _ => None,
        })
    }
}

struct Chain<'a> {
    owner: PackedName<'a>,
    ttl: u32,
    links: usize,
}

/// Follows the CNAME records from the question's name. A loop, or a longer chain than allowed, is malformed.
fn chain<'a>(message: &Message<'a>, qtype: u16) -> Result<Chain<'a>, Failure> {
    let mut owner = message.questions().next().ok_or(Failure::Malformed)?.name;
    let (mut ttl, mut links) = (u32::MAX, 0);
    if qtype == rtype::CNAME || qtype == rtype::ANY {
        return Ok(Chain { owner, ttl, links });
    }
    while let Some(link) =
        message.answers().find(|r| r.rtype == rtype::CNAME && r.class == class::IN && r.name.is_same(owner))
    {
        links += 1;
        if links > MAX_CHAIN {
            return Err(Failure::Malformed);
        }
        let Ok(Data::Cname(target)) = link.data() else { return Err(Failure::Malformed) };
        ttl = ttl.min(ttl_of(link.ttl));
        owner = target;
    }
    Ok(Chain { owner, ttl, links })
}

/// A TTL with the highest bit set counts as none (RFC 2181, section 8).
const fn ttl_of(ttl: u32) -> u32 {
    if ttl > i32::MAX as u32 { 0 } else { ttl }
}

/// For how long a negative answer may be kept (RFC 2308, section 5).
fn negative_ttl(message: &Message<'_>) -> u32 {
    message
        .authorities()
        .find_map(|r| match r.data() {
            Ok(Data::Soa(soa)) => Some(ttl_of(r.ttl).min(ttl_of(soa.minimum))),
            _ => None,
        })
        .unwrap_or(0)
}

/// Reads a response to a question of a type; that it belongs to the question was checked before.
///
/// # Errors
/// What the response says, or that it is malformed.
pub fn interpret(message: &Message<'_>, qtype: u16) -> Result<Answer, Failure> {
    if message.as_bytes().len() > usize::from(u16::MAX) {
        return Err(Failure::Malformed);
    }
    match message.rcode() {
        rcode::NOERROR => {}
        rcode::FORMERR => return Err(Failure::FormErr),
        rcode::SERVFAIL => return Err(Failure::ServFail),
        rcode::NXDOMAIN => return Err(Failure::NxDomain(negative_ttl(message))),
        rcode::NOTIMP => return Err(Failure::NotImp),
        rcode::REFUSED => return Err(Failure::Refused),
        other => return Err(Failure::Code(other)),
    }
    let chain = chain(message, qtype)?;
    let (mut ttl, mut found) = (chain.ttl, false);
    for record in message.answers() {
        if (record.rtype == qtype || qtype == rtype::ANY) && record.name.is_same(chain.owner) {
            record.data().map_err(|_| Failure::Malformed)?;
            ttl = ttl.min(ttl_of(record.ttl));
            found = true;
        }
    }
    if !found {
        return Err(Failure::NoData(negative_ttl(message)));
    }
    Ok(Answer {
        message: try_boxed(message.as_bytes())?,
        qtype,
        // Messages have at most 65,535 bytes.
        first: message.answers_start() as u16,
        count: message.header().counts[1],
        owner: chain.owner.place() as u16,
        renamed: chain.links > 0,
        authentic: false,
        ttl,
    })
}
