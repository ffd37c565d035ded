//! The strict parser.
//!
//! [`Message::parse`] walks the whole message once and refuses what is not exactly a message: names that run out of it or
//! point forward or to themselves, labels of reserved kinds, names of more than 255 bytes, sections shorter than their counts,
//! bytes behind the last record. After that the iterators cannot fail, but for the data of single records ([`Record::data`]).

mod data;

pub use data::{Data, OptOptions, Soa, Strings, SvcParams};

use super::name::{MAX_LABEL, MAX_NAME, Name};
use super::{flag, rtype};
use core::fmt;

/// Pointers that one name may go through.
const MAX_HOPS: u8 = 127;
/// The size of a header.
pub const HEADER: usize = 12;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// It ends too early.
    Short,
    /// A name points forward or to itself, or into the header.
    Pointer,
    /// A label of a reserved kind.
    Label,
    /// A name of more than 255 bytes.
    LongName,
    /// Bytes behind the last record.
    Trailing,
    /// The data of a record do not have the form of its type.
    Data,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the DNS message ends too early",
            Self::Pointer => "bad compression pointer in a DNS message",
            Self::Label => "bad label in a DNS message",
            Self::LongName => "a name in a DNS message is longer than 255 bytes",
            Self::Trailing => "trailing bytes in a DNS message",
            Self::Data => "bad record data in a DNS message",
        })
    }
}

impl core::error::Error for ParseError {}

/// The fixed part of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The query's number.
    pub id: u16,
    /// [`flag`]s, operation and response code.
    pub flags: u16,
    /// Questions, answers, authority records, additional records.
    pub counts: [u16; 4],
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// [`ParseError::Short`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let word = |at| read_u16(bytes, at);
        Ok(Self { id: word(0)?, flags: word(2)?, counts: [word(4)?, word(6)?, word(8)?, word(10)?] })
    }

    /// Whether it is a response.
    #[must_use]
    pub const fn is_response(&self) -> bool {
        self.flags & flag::QR != 0
    }

    /// The operation; 0 is a query.
    #[must_use]
    pub const fn opcode(&self) -> u16 {
        (self.flags & flag::OPCODE) >> 11
    }

    /// The low four bits of the response code.
    #[must_use]
    pub const fn rcode(&self) -> u16 {
        self.flags & flag::RCODE
    }
}

pub(crate) fn read_u16(bytes: &[u8], at: usize) -> Result<u16, ParseError> {
    match bytes.get(at..at + 2) {
        Some(&[a, b]) => Ok(u16::from_be_bytes([a, b])),
        _ => Err(ParseError::Short),
    }
}

pub(crate) fn read_u32(bytes: &[u8], at: usize) -> Result<u32, ParseError> {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => Ok(u32::from_be_bytes([a, b, c, d])),
        _ => Err(ParseError::Short),
    }
}

/// Checks the name at `at` and returns where what follows it begins. A pointer leads strictly before the labels it ends, so
/// the walk terminates.
fn skip_name(bytes: &[u8], start: usize) -> Result<usize, ParseError> {
    let (mut at, mut segment, mut total) = (start, start, 0usize);
    let (mut end, mut hops) = (None, 0u8);
    loop {
        let len = *bytes.get(at).ok_or(ParseError::Short)?;
        match len >> 6 {
            0 => {
                total += 1 + usize::from(len);
                if total > MAX_NAME {
                    return Err(ParseError::LongName);
                }
                at += 1 + usize::from(len);
                if len == 0 {
                    return Ok(end.unwrap_or(at));
                }
            }
            3 => {
                let target = usize::from(read_u16(bytes, at)? & 0x3fff);
                end = end.or(Some(at + 2));
                // Pointers to pointers would make the walk quadratic.
                hops += 1;
                if target >= segment || target < HEADER || hops > MAX_HOPS {
                    return Err(ParseError::Pointer);
                }
                at = target;
                segment = target;
            }
            _ => return Err(ParseError::Label),
        }
    }
}

/// A name inside a message, possibly compressed, already checked.
#[derive(Clone, Copy)]
pub struct PackedName<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> PackedName<'a> {
    /// The labels, from the first to the last before the root.
    pub fn labels(self) -> impl Iterator<Item = &'a [u8]> {
        let mut at = self.at;
        core::iter::from_fn(move || {
            loop {
                let len = *self.bytes.get(at)?;
                if len > MAX_LABEL as u8 {
                    at = usize::from(read_u16(self.bytes, at).ok()? & 0x3fff);
                    continue;
                }
                let label = self.bytes.get(at + 1..at + 1 + usize::from(len))?;
                at += 1 + usize::from(len);
                return (len > 0).then_some(label);
            }
        })
    }

    /// A name of a message that was checked.
    pub(in crate::dns) const fn at(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where its first label is: behind the pointers that it may begin with.
    pub(in crate::dns) fn place(self) -> usize {
        let mut at = self.at;
        while let Ok(pointer) = read_u16(self.bytes, at)
            && pointer >= 0xc000
        {
            at = usize::from(pointer & 0x3fff);
        }
        at
    }

    /// Its wire form, where it is not compressed.
    #[must_use]
    pub fn as_wire(self) -> Option<&'a [u8]> {
        let mut at = self.at;
        loop {
            match *self.bytes.get(at)? {
                0 => return self.bytes.get(self.at..=at),
                len if len > MAX_LABEL as u8 => return None,
                len => at += 1 + usize::from(len),
            }
        }
    }

    /// A copy that stands alone.
    #[must_use]
    pub fn to_name(self) -> Name {
        let mut name = Name::empty();
        for label in self.labels() {
            // Checked by the parser: it fits.
            let _ = name.push_label(label);
        }
        name.push_root();
        name
    }

    /// Whether it is the name of this wire form, ASCII case aside.
    #[must_use]
    pub fn is_wire(self, wire: &[u8]) -> bool {
        let mut other = super::name::labels(wire);
        for label in self.labels() {
            if !other.next().is_some_and(|o| o.eq_ignore_ascii_case(label)) {
                return false;
            }
        }
        other.next().is_none()
    }

    /// Whether it has the very bytes of this wire form.
    #[must_use]
    pub fn has_bytes(self, wire: &[u8]) -> bool {
        if self.bytes.get(self.at..self.at + wire.len()) == Some(wire) {
            return true;
        }
        self.labels().eq(super::name::labels(wire))
    }

    /// Whether two names of messages are equal, ASCII case aside.
    #[must_use]
    pub fn is_same(self, other: PackedName<'_>) -> bool {
        if core::ptr::eq(self.bytes, other.bytes) && self.place() == other.place() {
            return true;
        }
        let mut others = other.labels();
        for label in self.labels() {
            if !others.next().is_some_and(|o| o.eq_ignore_ascii_case(label)) {
                return false;
            }
        }
        others.next().is_none()
    }
}

impl fmt::Display for PackedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_name().fmt(f)
    }
}

impl fmt::Debug for PackedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_name().fmt(f)
    }
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whose records are asked for.
    pub name: PackedName<'a>,
    /// The type asked for.
    pub qtype: u16,
    /// The class asked for.
    pub class: u16,
}

/// A record.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// Whose record it is.
    pub name: PackedName<'a>,
    /// The type.
    pub rtype: u16,
    /// The class; of an OPT record, the UDP size.
    pub class: u16,
    /// For how many seconds it may be kept; of an OPT record, flags.
    pub ttl: u32,
    message: &'a [u8],
    data: (usize, usize),
}

impl<'a> Record<'a> {
    /// The data as they are; names in them may be compressed.
    #[must_use]
    pub fn raw_data(&self) -> &'a [u8] {
        &self.message[self.data.0..self.data.1]
    }

    /// The data by type.
    ///
    /// # Errors
    /// [`ParseError::Data`] or an error of a name in it.
    pub fn data(&self) -> Result<Data<'a>, ParseError> {
        data::parse(self.message, self.data, self.rtype)
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("name", &self.name)
            .field("rtype", &self.rtype)
            .field("class", &self.class)
            .field("ttl", &self.ttl)
            .field("data", &self.data())
            .finish()
    }
}

/// A message whose form has been checked.
///
/// ```
/// use evoxide_proto::dns::{Message, rtype};
/// let query = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x01a\x02io\0\0\x01\0\x01";
/// let message = Message::parse(query).unwrap();
/// assert_eq!(message.header().id, 0x1234);
/// let question = message.questions().next().unwrap();
/// assert_eq!((question.name.to_string().as_str(), question.qtype), ("a.io", rtype::A));
/// assert!(Message::parse(&query[..20]).is_err());
/// ```
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    header: Header,
    /// Where questions, answers, authority and additional records begin.
    starts: [usize; 4],
}

impl<'a> Message<'a> {
    /// Checks a message.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header = Header::parse(bytes)?;
        let mut starts = [HEADER; 4];
        let mut at = HEADER;
        for _ in 0..header.counts[0] {
            at = skip_name(bytes, at)? + 4;
            if at > bytes.len() {
                return Err(ParseError::Short);
            }
        }
        for (start, count) in starts[1..].iter_mut().zip(&header.counts[1..]) {
            *start = at;
            for _ in 0..*count {
                at = skip_record(bytes, at)?;
            }
        }
        if at != bytes.len() {
            return Err(ParseError::Trailing);
        }
        Ok(Self { bytes, header, starts })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The whole message.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The response code with the upper bits of an OPT record.
    #[must_use]
    pub fn rcode(&self) -> u16 {
        let upper = self.opt().map_or(0, |opt| (opt.ttl >> 24) as u16);
        upper << 4 | self.header.rcode()
    }

    /// The questions.
    pub fn questions(&self) -> impl Iterator<Item = Question<'a>> + use<'a> {
        let bytes = self.bytes;
        let mut at = self.starts[0];
        (0..self.header.counts[0]).map_while(move |_| {
            let name = PackedName { bytes, at };
            let end = end_of_name(bytes, at)?;
            at = end + 4;
            Some(Question { name, qtype: read_u16(bytes, end).ok()?, class: read_u16(bytes, end + 2).ok()? })
        })
    }

    /// Where the answers begin.
    pub(in crate::dns) const fn answers_start(&self) -> usize {
        self.starts[1]
    }

    /// The answers.
    pub fn answers(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        self.section(1)
    }

    /// The authority records.
    pub fn authorities(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        self.section(2)
    }

    /// The additional records.
    pub fn additionals(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        self.section(3)
    }

    /// The OPT record (RFC 6891), if there is one.
    #[must_use]
    pub fn opt(&self) -> Option<Record<'a>> {
        self.additionals().find(|record| record.rtype == rtype::OPT)
    }

    fn section(&self, section: usize) -> impl Iterator<Item = Record<'a>> + use<'a> {
        records_at(self.bytes, self.starts[section], self.header.counts[section])
    }
}

/// `count` records from `at` on of a message that was checked.
pub(in crate::dns) fn records_at(bytes: &[u8], mut at: usize, count: u16) -> impl Iterator<Item = Record<'_>> {
    (0..count).map_while(move |_| {
        let name = PackedName { bytes, at };
        let fixed = end_of_name(bytes, at)?;
        let [t0, t1, c0, c1, l0, l1, l2, l3, d0, d1] = *bytes.get(fixed..fixed + 10)?.first_chunk::<10>()?;
        let start = fixed + 10;
        at = start + usize::from(u16::from_be_bytes([d0, d1]));
        bytes.get(start..at)?;
        Some(Record {
            name,
            rtype: u16::from_be_bytes([t0, t1]),
            class: u16::from_be_bytes([c0, c1]),
            ttl: u32::from_be_bytes([l0, l1, l2, l3]),
            message: bytes,
            data: (start, at),
        })
    })
}

/// Where what follows a name begins, if the name was checked.
fn end_of_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            0 => return Some(at + 1),
            len if len > MAX_LABEL as u8 => return Some(at + 2),
            len => at += 1 + usize::from(len),
        }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("header", &self.header).finish_non_exhaustive()
    }
}

fn skip_record(bytes: &[u8], at: usize) -> Result<usize, ParseError> {
    let fixed = skip_name(bytes, at)?;
    let end = fixed + 10 + usize::from(read_u16(bytes, fixed + 8)?);
    if end > bytes.len() { Err(ParseError::Short) } else { Ok(end) }
}

#[cfg(test)]
mod tests;
