//! The server as a machine: a packet becomes a request, a reply or nothing; a request collects records and becomes a reply.
//!
//! # Contract
//!
//! 1. Nothing is ever answered to a packet that is a response itself, that is shorter than a header, or that comes from port 0.
//! 2. A packet that is no well-formed query is answered FORMERR, another operation NOTIMP, an unknown EDNS version BADVERS.
//! 3. A reply repeats the questions byte for byte, and has an OPT record where the query had one. Over UDP it takes no more
//!    than the client announced (512 bytes without EDNS); records that do not fit are left out whole and it is marked.

use super::build::{BuildError, Builder, Rdata, Section};
use super::message::{HEADER, Header, Message};
use super::name::{MAX_NAME, NameError, labels};
use super::{Name, NoMemory, flag, rcode};
use alloc::vec::Vec;

/// The largest reply over UDP, whatever the client announces: what is larger is fragmented (RFC 9715).
pub const MAX_UDP: usize = 1232;
/// The size of a reply over UDP to a client without EDNS.
const PLAIN_UDP: usize = 512;
const OPT_SIZE: isize = 11;

/// A question of a client.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose records, in wire form.
    wire: &'a [u8],
    /// The type.
    pub qtype: u16,
    /// The class.
    pub class: u16,
}

impl<'a> Asked<'a> {
    /// Whose records.
    #[must_use]
    pub fn name(&self) -> Name {
        Name::from_wire(self.wire).unwrap_or(Name::ROOT)
    }

    /// Whose records, in wire form.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        self.wire
    }
}

/// Bytes among those of a request.
#[derive(Clone, Copy, Debug)]
struct Span {
    at: u32,
    len: u16,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    name: Span,
    qtype: u16,
    class: u16,
}

/// A record to be sent.
#[derive(Clone, Copy, Debug)]
struct Item {
    section: Section,
    /// The data are a name.
    is_name: bool,
    name: Span,
    data: Span,
    rtype: u16,
    class: u16,
    ttl: u32,
}

/// A query, and the reply to it as it grows. One that was used keeps its memory for the next ([`receive_in`]).
#[derive(Clone, Debug, Default)]
pub struct Request {
    id: u16,
    flags: u16,
    /// What the client takes over UDP; `None` over TCP.
    limit: Option<usize>,
    edns: bool,
    questions: Vec<Question>,
    items: Vec<Item>,
    /// Names and data, one behind the other.
    bytes: Vec<u8>,
}

/// What becomes of a packet.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing.
    Drop,
    /// These bytes are the reply.
    Reply(Vec<u8>),
    /// A program answers.
    Ask(Request),
}

/// Looks at a packet from a client's `port`, over TCP or UDP.
#[must_use]
pub fn receive(packet: &[u8], port: u16, tcp: bool) -> Verdict {
    let mut request = Request::default();
    match receive_in(&mut request, packet, port, tcp) {
        Ok(()) => Verdict::Ask(request),
        Err(None) => Verdict::Drop,
        Err(Some(reply)) => Verdict::Reply(reply),
    }
}

/// As [`receive`], into a request that is over, whose memory is used again.
///
/// # Errors
/// No program answers: these bytes are the reply, or nothing is.
pub fn receive_in(request: &mut Request, packet: &[u8], port: u16, tcp: bool) -> Result<(), Option<Vec<u8>>> {
    let header = Header::parse(packet).map_err(|_| None)?;
    if header.is_response() || port == 0 {
        return Err(None);
    }
    let refuse = |code: u16| {
        let flags = flag::QR | header.flags & (flag::OPCODE | flag::RD) | code;
        let mut reply = Vec::new();
        reply.try_reserve_exact(HEADER).ok()?;
        reply.extend_from_slice(&header.id.to_be_bytes());
        reply.extend_from_slice(&flags.to_be_bytes());
        reply.extend_from_slice(&[0; 8]);
        Some(reply)
    };
    if header.opcode() != 0 {
        return Err(refuse(rcode::NOTIMP));
    }
    let Ok(message) = Message::parse(packet) else { return Err(refuse(rcode::FORMERR)) };
    if header.counts[0] == 0 {
        return Err(refuse(rcode::FORMERR));
    }
    match request.take_over(&message, tcp) {
        Ok(0) => Ok(()),
        Ok(_) => {
            let mut builder = Builder::new();
            Err(request.reply_with(rcode::BADVERS, 0, &mut builder).ok().map(<[u8]>::to_vec))
        }
        Err(NoMemory) => Err(None),
    }
}

/// Why a record was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddError {
    /// Its owner is no domain name.
    Name(NameError),
    /// The allocator refused.
    NoMemory,
}

impl From<NameError> for AddError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl From<NoMemory> for AddError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl Request {
    /// Takes over a checked query; returns its EDNS version.
    fn take_over(&mut self, message: &Message<'_>, tcp: bool) -> Result<u8, NoMemory> {
        self.questions.clear();
        self.items.clear();
        self.bytes.clear();
        self.questions.try_reserve(usize::from(message.header().counts[0]))?;
        for question in message.questions() {
            let at = self.bytes.len();
            if let Some(wire) = question.name.as_wire() {
                self.bytes.try_reserve(wire.len())?;
                self.bytes.extend_from_slice(wire);
            } else {
                self.bytes.try_reserve(MAX_NAME)?;
                for label in question.name.labels() {
                    self.bytes.push(label.len() as u8);
                    self.bytes.extend_from_slice(label);
                }
                self.bytes.push(0);
            }
            let name = Span { at: at as u32, len: (self.bytes.len() - at) as u16 };
            self.questions.push(Question { name, qtype: question.qtype, class: question.class });
        }
        let opt = message.opt();
        let announced = opt.map_or(PLAIN_UDP, |opt| usize::from(opt.class).clamp(PLAIN_UDP, MAX_UDP));
        let header = message.header();
        (self.id, self.flags) = (header.id, header.flags);
        self.limit = (!tcp).then_some(announced);
        self.edns = opt.is_some();
        Ok(opt.map_or(0, |opt| (opt.ttl >> 16) as u8))
    }

    fn span(&self, span: Span) -> &[u8] {
        let at = span.at as usize;
        self.bytes.get(at..at + usize::from(span.len)).unwrap_or(&[])
    }

    /// Notes bytes.
    fn keep(&mut self, bytes: &[u8]) -> Result<Span, NoMemory> {
        let at = u32::try_from(self.bytes.len()).map_err(|_| NoMemory)?;
        let len = u16::try_from(bytes.len()).map_err(|_| NoMemory)?;
        self.bytes.try_reserve(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(Span { at, len })
    }

    /// The questions.
    pub fn questions(&self) -> impl ExactSizeIterator<Item = Asked<'_>> {
        self.questions.iter().map(|q| Asked { wire: self.span(q.name), qtype: q.qtype, class: q.class })
    }

    /// The header's flags of the query.
    #[must_use]
    pub const fn flags(&self) -> u16 {
        self.flags
    }

    /// Whether it came over TCP.
    #[must_use]
    pub const fn is_tcp(&self) -> bool {
        self.limit.is_none()
    }

    /// Adds a record whose data are bytes.
    ///
    /// # Errors
    /// Without memory.
    pub fn add(
        &mut self,
        section: Section,
        name: &Name,
        rtype: u16,
        class: u16,
        ttl: u32,
        data: &[u8],
    ) -> Result<(), NoMemory> {
        self.push(section, name, rtype, class, ttl, (data, false))
    }

    /// Adds a record whose data are a name.
    ///
    /// # Errors
    /// Without memory.
    pub fn add_name(
        &mut self,
        section: Section,
        name: &Name,
        rtype: u16,
        class: u16,
        ttl: u32,
        target: &Name,
    ) -> Result<(), NoMemory> {
        self.push(section, name, rtype, class, ttl, (target.as_wire(), true))
    }

    /// Adds records whose data are bytes, a chunk of `size` for each. Their name is a text, as [`Name::from_text`] takes it.
    ///
    /// # Errors
    /// Without memory, and for what is no name; the records before may have been added.
    ///
    /// # Panics
    /// If `size` is zero.
    pub fn add_all(
        &mut self,
        section: Section,
        text: &[u8],
        (rtype, class, ttl): (u16, u16, u32),
        data: &[u8],
        size: usize,
    ) -> Result<(), AddError> {
        let name = match self.expected_name().filter(|known| is_text_of(self.span(*known), text)) {
            Some(known) => known,
            None => self.keep(Name::from_text(text)?.as_wire())?,
        };
        self.items.try_reserve(data.len() / size).map_err(|_| NoMemory)?;
        for one in data.chunks_exact(size) {
            let data = self.keep(one)?;
            self.items.push(Item { section, is_name: false, name, data, rtype, class, ttl });
        }
        Ok(())
    }

    /// The name that the next record probably has: that of the one before, or the one that was asked for.
    fn expected_name(&self) -> Option<Span> {
        self.items.last().map(|item| item.name).or_else(|| self.questions.first().map(|q| q.name))
    }

    fn push(
        &mut self,
        section: Section,
        name: &Name,
        rtype: u16,
        class: u16,
        ttl: u32,
        (data, is_name): (&[u8], bool),
    ) -> Result<(), NoMemory> {
        self.items.try_reserve(1)?;
        let name = match self.expected_name().filter(|known| self.span(*known) == name.as_wire()) {
            Some(known) => known,
            None => self.keep(name.as_wire())?,
        };
        let data = self.keep(data)?;
        self.items.push(Item { section, is_name, name, data, rtype, class, ttl });
        Ok(())
    }

    /// How many bytes of memory it holds.
    #[must_use]
    pub const fn held_memory(&self) -> usize {
        self.questions.capacity() * size_of::<Question>()
            + self.items.capacity() * size_of::<Item>()
            + self.bytes.capacity()
    }

    /// How many records were added.
    #[must_use]
    pub fn records(&self) -> usize {
        self.items.len()
    }

    /// Builds the reply: a response code and flags beyond QR. RD is repeated from the query.
    ///
    /// # Errors
    /// Without memory.
    pub fn reply_with<'b>(&self, code: u16, flags: u16, builder: &'b mut Builder) -> Result<&'b [u8], NoMemory> {
        let limit = self.limit.unwrap_or(usize::from(u16::MAX));
        let memory = |error: BuildError| match error {
            BuildError::NoMemory => Err(NoMemory),
            _ => Ok(()),
        };
        let head = flag::QR | self.flags & flag::RD | flags & !flag::RCODE | code & flag::RCODE;
        builder.start(self.id, head, limit).or_else(memory)?;
        let opt = if self.edns { OPT_SIZE } else { 0 };
        builder.reserve(opt);
        for asked in self.questions() {
            builder.question(asked.wire, asked.qtype, asked.class).or_else(memory)?;
        }
        for section in [Section::Answer, Section::Authority, Section::Additional] {
            for item in self.items.iter().filter(|item| item.section == section) {
                let data =
                    if item.is_name { Rdata::Name(self.span(item.data)) } else { Rdata::Bytes(self.span(item.data)) };
                builder
                    .record(section, self.span(item.name), item.rtype, item.class, item.ttl, data)
                    .or_else(memory)?;
            }
        }
        if builder.is_full() {
            builder.truncate();
        }
        builder.reserve(-opt);
        if self.edns {
            builder.opt(MAX_UDP as u16, (code >> 4) as u8, 0).or_else(memory)?;
        }
        Ok(builder.finish())
    }
}

/// Whether a text surely means this very name. `false` where a label has a dot, too.
fn is_text_of(wire: &[u8], text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.is_empty() || text.len() + 2 != wire.len() || memchr::memchr(b'.', wire).is_some() {
        return false;
    }
    let mut at = 0;
    for label in labels(wire) {
        let end = at + label.len();
        if text.get(at..end) != Some(label) || text.get(end).is_some_and(|byte| *byte != b'.') {
            return false;
        }
        at = end + 1;
    }
    at == text.len() + 1
}

/// Puts the messages of a TCP stream together.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    at: usize,
}

impl Frames {
    /// Takes what came.
    ///
    /// # Errors
    /// Without memory: the connection must end.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), NoMemory> {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.try_reserve(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole message.
    pub fn next_frame(&mut self) -> Option<&[u8]> {
        let rest = self.bytes.get(self.at..)?;
        let &[high, low, ..] = rest else { return None };
        let len = usize::from(u16::from_be_bytes([high, low]));
        let frame = rest.get(2..2 + len)?;
        self.at += 2 + len;
        Some(frame)
    }

    /// Bytes of a message that is not whole.
    #[must_use]
    pub fn partial(&self) -> usize {
        self.bytes.len() - self.at
    }
}

#[cfg(test)]
mod tests;
