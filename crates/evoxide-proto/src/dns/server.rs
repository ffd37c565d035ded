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
use super::{Name, NoMemory, flag, rcode, try_boxed};

/// The largest reply over UDP, whatever the client announces: what is larger is fragmented (RFC 9715).
pub const MAX_UDP: usize = 1232;
/// The size of a reply over UDP to a client without EDNS.
const PLAIN_UDP: usize = 512;
const OPT_SIZE: isize = 11;

/// A question of a client.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whose records, in wire form.
    name: Box<[u8]>,
    /// The type.
    pub qtype: u16,
    /// The class.
    pub class: u16,
}

impl Asked {
    /// Whose records.
    #[must_use]
    pub fn name(&self) -> Name {
        Name::from_wire(&self.name).unwrap_or(Name::ROOT)
    }
}

/// Data of a record to be sent.
#[derive(Clone, Debug)]
enum Stored {
    Bytes(Box<[u8]>),
    Name(Box<[u8]>),
}

#[derive(Clone, Debug)]
struct Item {
    section: Section,
    name: Box<[u8]>,
    rtype: u16,
    class: u16,
    ttl: u32,
    data: Stored,
}

/// A query, and the reply to it as it grows.
#[derive(Clone, Debug)]
pub struct Request {
    id: u16,
    flags: u16,
    questions: Vec<Asked>,
    items: Vec<Item>,
    /// What the client takes over UDP; `None` over TCP.
    limit: Option<usize>,
    edns: bool,
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
    let Ok(header) = Header::parse(packet) else { return Verdict::Drop };
    if header.is_response() || port == 0 {
        return Verdict::Drop;
    }
    let refuse = |code: u16| {
        let flags = flag::QR | header.flags & (flag::OPCODE | flag::RD) | code;
        let mut reply = Vec::new();
        if reply.try_reserve_exact(HEADER).is_err() {
            return Verdict::Drop;
        }
        reply.extend_from_slice(&header.id.to_be_bytes());
        reply.extend_from_slice(&flags.to_be_bytes());
        reply.extend_from_slice(&[0; 8]);
        Verdict::Reply(reply)
    };
    if header.opcode() != 0 {
        return refuse(rcode::NOTIMP);
    }
    let Ok(message) = Message::parse(packet) else { return refuse(rcode::FORMERR) };
    if header.counts[0] == 0 {
        return refuse(rcode::FORMERR);
    }
    match Request::new(&message, tcp) {
        Ok((request, 0)) => Verdict::Ask(request),
        Ok((request, _)) => {
            let mut builder = Builder::new();
            match request.reply_with(rcode::BADVERS, 0, &mut builder) {
                Ok(reply) => Verdict::Reply(reply.to_vec()),
                Err(_) => Verdict::Drop,
            }
        }
        Err(NoMemory) => Verdict::Drop,
    }
}

impl Request {
    /// Takes over a checked query; also its EDNS version.
    fn new(message: &Message<'_>, tcp: bool) -> Result<(Self, u8), NoMemory> {
        let mut questions = Vec::new();
        questions.try_reserve_exact(usize::from(message.header().counts[0]))?;
        for question in message.questions() {
            let name = try_boxed(question.name.to_name().as_wire())?;
            questions.push(Asked { name, qtype: question.qtype, class: question.class });
        }
        let opt = message.opt();
        let announced = opt.map_or(PLAIN_UDP, |opt| usize::from(opt.class).clamp(PLAIN_UDP, MAX_UDP));
        let version = opt.map_or(0, |opt| (opt.ttl >> 16) as u8);
        let header = message.header();
        let request = Self {
            id: header.id,
            flags: header.flags,
            questions,
            items: Vec::new(),
            limit: (!tcp).then_some(announced),
            edns: opt.is_some(),
        };
        Ok((request, version))
    }

    /// The questions.
    #[must_use]
    pub fn questions(&self) -> &[Asked] {
        &self.questions
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
        let data = Stored::Bytes(try_boxed(data)?);
        self.push(section, name, rtype, class, ttl, data)
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
        let data = Stored::Name(try_boxed(target.as_wire())?);
        self.push(section, name, rtype, class, ttl, data)
    }

    fn push(
        &mut self,
        section: Section,
        name: &Name,
        rtype: u16,
        class: u16,
        ttl: u32,
        data: Stored,
    ) -> Result<(), NoMemory> {
        let name = try_boxed(name.as_wire())?;
        self.items.try_reserve(1)?;
        self.items.push(Item { section, name, rtype, class, ttl, data });
        Ok(())
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
        for asked in &self.questions {
            builder.question(&asked.name, asked.qtype, asked.class).or_else(memory)?;
        }
        for section in [Section::Answer, Section::Authority, Section::Additional] {
            for item in self.items.iter().filter(|item| item.section == section) {
                let data = match &item.data {
                    Stored::Bytes(bytes) => Rdata::Bytes(bytes),
                    Stored::Name(name) => Rdata::Name(name),
                };
                builder.record(section, &item.name, item.rtype, item.class, item.ttl, data).or_else(memory)?;
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
