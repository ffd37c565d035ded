//! The data of a record by its type.

use super::{PackedName, ParseError, read_u16, read_u32, skip_name};
use crate::dns::rtype;

/// The data of a record.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Data<'a> {
    /// An IPv4 address.
    A([u8; 4]),
    /// An IPv6 address.
    Aaaa([u8; 16]),
    /// The name that this one stands for.
    Cname(PackedName<'a>),
    /// A name server.
    Ns(PackedName<'a>),
    /// The name of an address.
    Ptr(PackedName<'a>),
    /// A mail server.
    Mx {
        /// Lower is preferred.
        preference: u16,
        /// The server.
        exchange: PackedName<'a>,
    },
    /// Texts.
    Txt(Strings<'a>),
    /// A service (RFC 2782).
    Srv {
        /// Lower is tried first.
        priority: u16,
        /// The share among equal priorities.
        weight: u16,
        /// The port.
        port: u16,
        /// The host.
        target: PackedName<'a>,
    },
    /// The start of a zone.
    Soa(Soa<'a>),
    /// Who may issue certificates (RFC 8659).
    Caa {
        /// Bit 7: critical.
        flags: u8,
        /// The property.
        tag: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// A service binding (RFC 9460), also that of HTTPS.
    Svcb {
        /// 0: an alias.
        priority: u16,
        /// The host; the root stands for the owner.
        target: PackedName<'a>,
        /// The parameters.
        params: SvcParams<'a>,
    },
    /// The options of an OPT record.
    Opt(OptOptions<'a>),
    /// Another type's.
    Other(&'a [u8]),
}

/// A zone's parameters.
#[derive(Clone, Copy, Debug)]
pub struct Soa<'a> {
    /// The primary server.
    pub primary: PackedName<'a>,
    /// The mailbox of who is responsible, its first label the local part.
    pub mailbox: PackedName<'a>,
    /// The version.
    pub serial: u32,
    /// Seconds between looks by secondaries.
    pub refresh: u32,
    /// Seconds before they try again.
    pub retry: u32,
    /// Seconds after which they give up.
    pub expire: u32,
    /// For how many seconds a negative answer may be kept, with the record's own TTL as a bound (RFC 2308).
    pub minimum: u32,
}

/// The texts of a TXT record.
#[derive(Clone, Copy, Debug)]
pub struct Strings<'a>(&'a [u8]);

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.0.split_first()?;
        let (text, rest) = rest.split_at_checked(usize::from(*len))?;
        self.0 = rest;
        Some(text)
    }
}

/// The parameters of a service binding: keys in rising order, and values.
#[derive(Clone, Copy, Debug)]
pub struct SvcParams<'a>(&'a [u8]);

impl<'a> Iterator for SvcParams<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        pair(&mut self.0)
    }
}

/// The options of an OPT record: codes and values.
#[derive(Clone, Copy, Debug)]
pub struct OptOptions<'a>(&'a [u8]);

impl<'a> Iterator for OptOptions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        pair(&mut self.0)
    }
}

fn pair<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let key = read_u16(rest, 0).ok()?;
    let len = usize::from(read_u16(rest, 2).ok()?);
    let value = rest.get(4..4 + len)?;
    *rest = &rest[4 + len..];
    Some((key, value))
}

/// Reads one record's data, field by field.
struct Fields<'a> {
    message: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    fn u16(&mut self) -> Result<u16, ParseError> {
        let value = read_u16(&self.message[..self.end], self.at).map_err(|_| ParseError::Data)?;
        self.at += 2;
        Ok(value)
    }

    fn u32(&mut self) -> Result<u32, ParseError> {
        let value = read_u32(&self.message[..self.end], self.at).map_err(|_| ParseError::Data)?;
        self.at += 4;
        Ok(value)
    }

    fn name(&mut self) -> Result<PackedName<'a>, ParseError> {
        let name = PackedName { bytes: self.message, at: self.at };
        let end = skip_name(&self.message[..self.end], self.at)?;
        self.at = end;
        Ok(name)
    }

    /// A name that must not be compressed.
    fn plain_name(&mut self) -> Result<PackedName<'a>, ParseError> {
        let start = self.at;
        let name = self.name()?;
        let len: usize = name.labels().map(|l| l.len() + 1).sum::<usize>() + 1;
        if self.at - start == len { Ok(name) } else { Err(ParseError::Data) }
    }

    fn rest(&mut self) -> &'a [u8] {
        let rest = &self.message[self.at..self.end];
        self.at = self.end;
        rest
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ParseError> {
    bytes.try_into().map_err(|_| ParseError::Data)
}

/// The data at `at` of a checked message.
pub(super) fn parse(message: &[u8], at: (usize, usize), kind: u16) -> Result<Data<'_>, ParseError> {
    let mut f = Fields { message, at: at.0, end: at.1 };
    let data = match kind {
        rtype::A => Data::A(array(f.rest())?),
        rtype::AAAA => Data::Aaaa(array(f.rest())?),
        rtype::CNAME => Data::Cname(f.name()?),
        rtype::NS => Data::Ns(f.name()?),
        rtype::PTR => Data::Ptr(f.name()?),
        rtype::MX => Data::Mx { preference: f.u16()?, exchange: f.name()? },
        rtype::TXT => Data::Txt(texts(f.rest())?),
        rtype::SRV => Data::Srv { priority: f.u16()?, weight: f.u16()?, port: f.u16()?, target: f.name()? },
        rtype::SOA => Data::Soa(Soa {
            primary: f.name()?,
            mailbox: f.name()?,
            serial: f.u32()?,
            refresh: f.u32()?,
            retry: f.u32()?,
            expire: f.u32()?,
            minimum: f.u32()?,
        }),
        rtype::CAA => caa(f.rest())?,
        rtype::SVCB | rtype::HTTPS => {
            Data::Svcb { priority: f.u16()?, target: f.plain_name()?, params: SvcParams(params(f.rest())?) }
        }
        rtype::OPT => Data::Opt(OptOptions(options(f.rest())?)),
        _ => Data::Other(f.rest()),
    };
    if f.at == f.end { Ok(data) } else { Err(ParseError::Data) }
}

fn texts(bytes: &[u8]) -> Result<Strings<'_>, ParseError> {
    let mut walk = Strings(bytes);
    let mut count = 0;
    while walk.next().is_some() {
        count += 1;
    }
    if walk.0.is_empty() && count > 0 { Ok(Strings(bytes)) } else { Err(ParseError::Data) }
}

fn options(bytes: &[u8]) -> Result<&[u8], ParseError> {
    let mut rest = bytes;
    while pair(&mut rest).is_some() {}
    if rest.is_empty() { Ok(bytes) } else { Err(ParseError::Data) }
}

fn params(bytes: &[u8]) -> Result<&[u8], ParseError> {
    let mut rest = bytes;
    let mut last = None;
    while let Some((key, _)) = pair(&mut rest) {
        if last.is_some_and(|last| last >= key) {
            return Err(ParseError::Data);
        }
        last = Some(key);
    }
    if rest.is_empty() { Ok(bytes) } else { Err(ParseError::Data) }
}

fn caa(bytes: &[u8]) -> Result<Data<'_>, ParseError> {
    let [flags, len, rest @ ..] = bytes else { return Err(ParseError::Data) };
    let (tag, value) = rest.split_at_checked(usize::from(*len)).ok_or(ParseError::Data)?;
    if tag.is_empty() { Err(ParseError::Data) } else { Ok(Data::Caa { flags: *flags, tag, value }) }
}
