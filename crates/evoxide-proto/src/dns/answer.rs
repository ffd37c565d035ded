//! What a response means for the question that was asked.

use super::message::{Data, Message, PackedName, Record};
use super::{NoMemory, class, rcode, rtype, try_boxed};
use core::fmt;
use std::net::IpAddr;

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

impl std::error::Error for Failure {}

impl From<NoMemory> for Failure {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// A good answer: a message and where in it the chain of names ends.
#[derive(Clone, Debug)]
pub struct Answer {
    message: Box<[u8]>,
    qtype: u16,
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

    /// The records asked for, those of other names left out.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let message = Message::parse(&self.message).ok();
        let owner = message.as_ref().and_then(|m| chain(m, self.qtype).ok()).map(|c| c.owner);
        let qtype = self.qtype;
        message.into_iter().flat_map(|m| m.answers()).filter(move |r| {
            (r.rtype == qtype || qtype == rtype::ANY) && owner.is_some_and(|owner| r.name.is_same(owner))
        })
    }

    /// The name at the end of the chain, if it is not the one that was asked for.
    #[must_use]
    pub fn canonical_name(&self) -> Option<super::Name> {
        let message = Message::parse(&self.message).ok()?;
        let chain = chain(&message, self.qtype).ok()?;
        (chain.links > 0).then(|| chain.owner.to_name())
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
    Ok(Answer { message: try_boxed(message.as_bytes())?, qtype, ttl })
}
