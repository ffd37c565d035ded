//! The builder: a message from its parts, names compressed.
//!
//! Suffixes that were written are the nodes of a tree: a node is a label and the node of the suffix behind it. A name is looked
//! up from its last label on, so each label is compared a bounded number of times and the whole message takes linear time.

use super::message::HEADER;
use super::name::labels;
use super::{NoMemory, flag, rtype};
use alloc::vec::Vec;

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Answers.
    Answer = 1,
    /// Authority records.
    Authority = 2,
    /// Additional records.
    Additional = 3,
}

/// The data of a record to be written. Names are in wire form.
#[derive(Clone, Copy, Debug)]
pub enum Rdata<'a> {
    /// As they are.
    Bytes(&'a [u8]),
    /// A name, compressed: CNAME, NS, PTR.
    Name(&'a [u8]),
    /// Bytes and a name, compressed: MX.
    Prefixed(&'a [u8], &'a [u8]),
    /// Two names, compressed, and bytes: SOA.
    Names(&'a [u8], &'a [u8], &'a [u8]),
}

/// Why a part was not written. The message is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// It does not fit the size allowed.
    Full,
    /// Its section has ended, or has 65,535 parts.
    Order,
    /// A name is not in wire form, or the data are longer than 65,535 bytes.
    Form,
    /// The allocator refused.
    NoMemory,
}

impl From<NoMemory> for BuildError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl core::fmt::Display for BuildError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full => "the DNS message is full",
            Self::Order => "the section of the DNS message has ended",
            Self::Form => "not a name or data in wire form",
            Self::NoMemory => "out of memory",
        })
    }
}

impl core::error::Error for BuildError {}

/// A label that was written, and the suffix behind it.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Where the label is; 0 in an empty place.
    at: u16,
    /// Where the suffix behind it is; 0 for the root.
    parent: u16,
}

const EMPTY: Node = Node { at: 0, parent: 0 };
/// Places looked at before a search is given up; a name that is not found is merely written in full.
const PROBES: usize = 8;
/// The first offset that a pointer cannot reach.
const REACH: usize = 0x4000;
/// Labels of one name.
const MAX_LABELS: usize = 128;

/// Builds one message after another, reusing its memory.
///
/// ```
/// use evoxide_proto::dns::{Builder, Message, Name, Rdata, Section, class, flag, rtype};
/// let name = Name::from_text(b"host.example").unwrap();
/// let mut builder = Builder::new();
/// builder.start(7, flag::QR, 512).unwrap();
/// builder.question(name.as_wire(), rtype::A, class::IN).unwrap();
/// builder.record(Section::Answer, name.as_wire(), rtype::A, class::IN, 60, Rdata::Bytes(&[10, 0, 0, 1])).unwrap();
/// let bytes = builder.finish();
/// assert_eq!(bytes.len(), 12 + 14 + 4 + 16); // the second name is a pointer
/// assert_eq!(Message::parse(bytes).unwrap().answers().count(), 1);
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    out: Vec<u8>,
    limit: usize,
    section: usize,
    counts: [u16; 4],
    nodes: Vec<Node>,
    used: usize,
    /// How many bytes the first name has, which is that of the question: most others are equal to it.
    first: usize,
    /// How many of its labels are nodes.
    first_noted: usize,
    /// A part did not fit: from then on only the OPT record is taken, since nodes may name bytes that were taken back.
    full: bool,
}

impl Builder {
    /// A builder, without an allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            out: Vec::new(),
            limit: 0,
            section: 0,
            counts: [0; 4],
            nodes: Vec::new(),
            used: 0,
            first: 0,
            first_noted: 0,
            full: false,
        }
    }

    /// Begins a message of at most `limit` bytes (at least 12, at most 65,535 count).
    ///
    /// # Errors
    /// [`BuildError::NoMemory`].
    pub fn start(&mut self, id: u16, flags: u16, limit: usize) -> Result<(), BuildError> {
        self.out.clear();
        self.limit = limit.clamp(HEADER, usize::from(u16::MAX));
        self.section = 0;
        self.counts = [0; 4];
        if self.used > 0 {
            self.nodes.fill(EMPTY);
            self.used = 0;
        }
        (self.first, self.first_noted) = (0, 0);
        self.full = false;
        let ([i, d], [high, low]) = (id.to_be_bytes(), flags.to_be_bytes());
        self.bytes(&[i, d, high, low, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Adds a question.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn question(&mut self, name: &[u8], qtype: u16, class: u16) -> Result<(), BuildError> {
        self.part(0, |b| {
            b.name(name)?;
            let ([t, y], [c, l]) = (qtype.to_be_bytes(), class.to_be_bytes());
            b.bytes(&[t, y, c, l])
        })
    }

    /// Adds a record. Sections are filled in their order.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn record(
        &mut self,
        section: Section,
        name: &[u8],
        rtype: u16,
        class: u16,
        ttl: u32,
        data: Rdata<'_>,
    ) -> Result<(), BuildError> {
        self.part(section as usize, |b| {
            b.name(name)?;
            let ([t, y], [c, l], [l0, l1, l2, l3]) = (rtype.to_be_bytes(), class.to_be_bytes(), ttl.to_be_bytes());
            b.bytes(&[t, y, c, l, l0, l1, l2, l3, 0, 0])?;
            let start = b.out.len();
            match data {
                Rdata::Bytes(bytes) => b.bytes(bytes)?,
                Rdata::Name(name) => b.name(name)?,
                Rdata::Prefixed(bytes, name) => {
                    b.bytes(bytes)?;
                    b.name(name)?;
                }
                Rdata::Names(one, two, bytes) => {
                    b.name(one)?;
                    b.name(two)?;
                    b.bytes(bytes)?;
                }
            }
            let len = u16::try_from(b.out.len() - start).map_err(|_| BuildError::Form)?;
            b.out[start - 2..start].copy_from_slice(&len.to_be_bytes());
            Ok(())
        })
    }

    /// Adds an OPT record with a UDP size, the upper bits of the response code, and flags (0x8000: DNSSEC OK). It fits even
    /// where another part did not, if room was kept by [`reserve`](Self::reserve).
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn opt(&mut self, size: u16, upper_rcode: u8, flags: u16) -> Result<(), BuildError> {
        self.full = false;
        let ttl = u32::from(upper_rcode) << 24 | u32::from(flags);
        self.record(Section::Additional, &[0], rtype::OPT, size, ttl, Rdata::Bytes(&[]))
    }

    /// Lowers the size allowed by `bytes`, or raises it again for a negative number: room for what must come last.
    pub fn reserve(&mut self, bytes: isize) {
        self.limit = self.limit.saturating_add_signed(-bytes).clamp(self.out.len(), usize::from(u16::MAX));
    }

    /// Whether a part did not fit.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Sets flag bits.
    pub fn set_flags(&mut self, flags: u16) {
        if let [_, _, high, low, ..] = &mut self.out[..] {
            *high |= (flags >> 8) as u8;
            *low |= flags as u8;
        }
    }

    /// Marks the message as truncated.
    pub fn truncate(&mut self) {
        self.set_flags(flag::TC);
    }

    /// The message.
    pub fn finish(&mut self) -> &[u8] {
        for (count, place) in self.counts.iter().zip(self.out.get_mut(4..HEADER).unwrap_or(&mut []).chunks_exact_mut(2))
        {
            place.copy_from_slice(&count.to_be_bytes());
        }
        &self.out
    }

    /// Writes one part, or nothing of it.
    fn part(
        &mut self,
        section: usize,
        write: impl FnOnce(&mut Self) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        if self.full {
            return Err(BuildError::Full);
        }
        if section < self.section || self.counts[section] == u16::MAX || self.out.len() < HEADER {
            return Err(BuildError::Order);
        }
        let others = |b: &Self| b.used.saturating_sub(b.first_noted);
        let (start, before) = (self.out.len(), others(self));
        let result = write(self);
        if result.is_ok() {
            self.section = section;
            self.counts[section] += 1;
        } else {
            self.out.truncate(start);
            // Nodes of bytes that are gone would be taken for what is written there next.
            self.full |= result == Err(BuildError::Full) || others(self) != before;
        }
        result
    }

    fn grow(&mut self, more: usize) -> Result<(), BuildError> {
        if self.out.len() + more > self.limit {
            return Err(BuildError::Full);
        }
        self.out.try_reserve(more).map_err(|_| BuildError::NoMemory)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), BuildError> {
        self.grow(bytes.len())?;
        self.put(bytes);
        Ok(())
    }

    fn name(&mut self, wire: &[u8]) -> Result<(), BuildError> {
        if self.first > 1 && self.out.get(HEADER..HEADER + self.first) == Some(wire) {
            return self.bytes(&(HEADER as u16 | 0xc000).to_be_bytes());
        }
        if self.out.len() == HEADER {
            if !is_wire(wire) {
                return Err(BuildError::Form);
            }
            self.bytes(wire)?;
            self.first = wire.len();
            return Ok(());
        }
        let mut starts = [0u8; MAX_LABELS];
        let mut count = 0;
        let mut at = 0;
        for label in labels(wire) {
            *starts.get_mut(count).ok_or(BuildError::Form)? = at as u8;
            count += 1;
            at += 1 + label.len();
            if at >= super::name::MAX_NAME || label.len() > super::name::MAX_LABEL {
                return Err(BuildError::Form);
            }
        }
        if wire.get(at..) != Some(&[0]) {
            return Err(BuildError::Form);
        }
        if self.first > 1 && self.first_noted == 0 {
            self.note_first();
        }
        let (mut parent, mut known) = (0u16, count);
        while known > 0 {
            let start = usize::from(starts[known - 1]);
            let label = &wire[start..=start + usize::from(wire[start])];
            let Some(found) = self.find(parent, label) else { break };
            parent = found;
            known -= 1;
        }
        let base = self.out.len();
        let own = if known == count { at } else { usize::from(starts[known]) };
        self.grow(own + if parent == 0 { 1 } else { 2 })?;
        self.put(&wire[..own]);
        if parent == 0 {
            self.put(&[0]);
        } else {
            self.put(&(parent | 0xc000).to_be_bytes());
        }
        for start in starts[..known].iter().rev() {
            let place = base + usize::from(*start);
            if place >= REACH {
                break;
            }
            self.remember(parent, place as u16);
            parent = place as u16;
        }
        Ok(())
    }

    /// Notes the labels of the first name, from the last on.
    fn note_first(&mut self) {
        let (mut starts, mut count, mut at) = ([0u8; MAX_LABELS], 0, 0);
        for label in labels(&self.out[HEADER..HEADER + self.first]) {
            starts[count] = at as u8;
            count += 1;
            at += 1 + label.len();
        }
        let (mut parent, before) = (0, self.used);
        for start in starts[..count].iter().rev() {
            let place = (HEADER + usize::from(*start)) as u16;
            self.remember(parent, place);
            parent = place;
        }
        self.first_noted = self.used - before;
    }

    fn find(&self, parent: u16, label: &[u8]) -> Option<u16> {
        if self.nodes.is_empty() {
            return None;
        }
        let mask = self.nodes.len() - 1;
        let first = hash(parent, label);
        for probe in 0..PROBES {
            let node = self.nodes[(first + probe) & mask];
            if node.at == 0 {
                return None;
            }
            let at = usize::from(node.at);
            if node.parent == parent && self.out.get(at..at + label.len()) == Some(label) {
                return Some(node.at);
            }
        }
        None
    }

    /// Notes a label that was written. Without memory or a free place it is not noted.
    fn remember(&mut self, parent: u16, at: u16) {
        if self.used * 2 >= self.nodes.len() && !self.grow_nodes() {
            return;
        }
        self.place(Node { at, parent });
        self.used += 1;
    }

    fn place(&mut self, node: Node) {
        let at = usize::from(node.at);
        let label = &self.out[at..=at + usize::from(self.out[at])];
        let (mask, first) = (self.nodes.len() - 1, hash(node.parent, label));
        for probe in 0..PROBES {
            let place = &mut self.nodes[(first + probe) & mask];
            if place.at == 0 {
                *place = node;
                return;
            }
        }
    }

    fn grow_nodes(&mut self) -> bool {
        let len = (self.nodes.len() * 2).max(32);
        let mut larger = Vec::new();
        if larger.try_reserve_exact(len).is_err() {
            return false;
        }
        larger.resize(len, EMPTY);
        let old = core::mem::replace(&mut self.nodes, larger);
        for node in old {
            if node.at != 0 {
                self.place(node);
            }
        }
        true
    }
}

/// Whether bytes are a name in wire form.
fn is_wire(wire: &[u8]) -> bool {
    let mut at = 0;
    for label in labels(wire) {
        at += 1 + label.len();
        if label.len() > super::name::MAX_LABEL {
            return false;
        }
    }
    at < super::name::MAX_NAME && wire.get(at..) == Some(&[0])
}

fn hash(parent: u16, label: &[u8]) -> usize {
    let mut hash = 0x811c_9dc5u32 ^ u32::from(parent);
    for byte in label {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    (hash ^ hash >> 15) as usize
}

#[cfg(test)]
mod tests;
