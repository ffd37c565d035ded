//! Tagged data: numbers, tags and items as libevent's `event2/tag.h` writes them.
//!
//! An item is a tag, the length of its payload, and the payload. A tag is written in groups of seven bits, the lowest first,
//! with the top bit set in all but the last. A number is written in nibbles: how many there are less one, then the number's
//! own from the lowest on, and a zero where that makes an odd count. Lengths are numbers.
//!
//! Everything here reads slices that a caller lends and says how much it read. Nothing is allocated for what an input merely
//! claims: a length counts only once as many bytes are there.
//!
//! ```
//! use evoxide_proto::tag;
//!
//! let mut wire = Vec::new();
//! tag::put_bytes(&mut wire, 5, b"hello");
//! tag::put_int(&mut wire, 300, 0x1234);
//! let mut items = tag::Items::new(&wire, tag::Limits::default());
//! let first = items.next().unwrap().unwrap();
//! assert_eq!((first.tag, first.payload), (5, &b"hello"[..]));
//! assert_eq!(items.next().unwrap().unwrap().int().unwrap(), 0x1234);
//! assert!(items.next().is_none());
//! ```

use alloc::vec::Vec;
use core::fmt;

#[cfg(test)]
mod tests;

/// The most bytes a tag takes.
pub const MAX_TAG: usize = 5;

/// The most bytes a number of 32 bits takes, and so a length.
pub const MAX_INT: usize = 5;

/// The most bytes a number of 64 bits takes.
pub const MAX_INT64: usize = 9;

/// The most bytes that stand before a payload.
pub const MAX_HEADER: usize = MAX_TAG + MAX_INT;

/// Why bytes are no tagged data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// They end in the middle of a tag, a number or a payload.
    Incomplete,
    /// A tag or a number does not fit into its type.
    TooLarge,
    /// A number does not end where its payload ends, or text holds a zero byte.
    Malformed,
    /// More bytes, items or levels than the [`Limits`] allow.
    Limit,
    /// A message lacks an entry that it needs.
    Missing,
    /// An entry that may come once comes again.
    Repeated,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Incomplete => "tagged data ends too early",
            Error::TooLarge => "a tag or number is too large for its type",
            Error::Malformed => "a payload is not of the type that is asked for",
            Error::Limit => "tagged data is over its limits",
            Error::Missing => "a message lacks an entry that it needs",
            Error::Repeated => "an entry that may come once comes again",
        })
    }
}

impl core::error::Error for Error {}

/// A few bytes of the wire, on the stack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Encoded {
    bytes: [u8; MAX_HEADER],
    len: usize,
}

impl Encoded {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }
}

/// A number on the wire; those of 32 bits are written the same.
pub fn encode_int(number: u64) -> Encoded {
    let nibbles = (64 - number.leading_zeros()).div_ceil(4).max(1);
    let mut out = Encoded::default();
    // The count and the first nibble share a byte; from there on two nibbles do.
    out.push(((nibbles - 1) << 4) as u8 | (number & 15) as u8);
    let mut rest = number >> 4;
    let mut left = nibbles - 1;
    while left > 0 {
        out.push(((rest & 15) << 4) as u8 | ((rest >> 4) & 15) as u8);
        rest >>= 8;
        left = left.saturating_sub(2);
    }
    out
}

/// A tag on the wire.
pub fn encode_tag(tag: u32) -> Encoded {
    let mut out = Encoded::default();
    let mut rest = tag;
    while rest > 127 {
        out.push(rest as u8 | 128);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

/// What stands before a payload of `len` bytes.
pub fn encode_header(tag: u32, len: u32) -> Encoded {
    let mut out = encode_tag(tag);
    for byte in encode_int(u64::from(len)).as_slice() {
        out.push(*byte);
    }
    out
}

/// A number of 32 bits at the front, and how many bytes it took.
///
/// # Errors
/// [`Error::Incomplete`], [`Error::TooLarge`].
pub fn decode_int(bytes: &[u8]) -> Result<(u32, usize), Error> {
    let (number, used) = decode(bytes, 8)?;
    Ok((number as u32, used))
}

/// A number of 64 bits at the front, and how many bytes it took.
///
/// # Errors
/// [`Error::Incomplete`], [`Error::TooLarge`].
pub fn decode_int64(bytes: &[u8]) -> Result<(u64, usize), Error> {
    decode(bytes, 16)
}

fn decode(bytes: &[u8], most: usize) -> Result<(u64, usize), Error> {
    let first = *bytes.first().ok_or(Error::Incomplete)?;
    let nibbles = usize::from(first >> 4) + 1;
    if nibbles > most {
        return Err(Error::TooLarge);
    }
    let used = nibbles / 2 + 1;
    let body = bytes.get(1..used).ok_or(Error::Incomplete)?;
    let mut number = u64::from(first & 15);
    let all = body.iter().flat_map(|b| [b >> 4, b & 15]);
    for (at, nibble) in (1..nibbles).zip(all) {
        number |= u64::from(nibble) << (4 * at);
    }
    Ok((number, used))
}

/// A tag at the front, and how many bytes it took.
///
/// # Errors
/// [`Error::Incomplete`], [`Error::TooLarge`].
pub fn decode_tag(bytes: &[u8]) -> Result<(u32, usize), Error> {
    let mut tag = 0;
    for at in 0..MAX_TAG {
        let byte = *bytes.get(at).ok_or(Error::Incomplete)?;
        if at == MAX_TAG - 1 && byte > 15 {
            return Err(Error::TooLarge);
        }
        tag |= u32::from(byte & 127) << (7 * at);
        if byte < 128 {
            return Ok((tag, at + 1));
        }
    }
    Err(Error::TooLarge)
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The item's tag.
    pub tag: u32,
    /// The length of its payload.
    pub len: u32,
    /// The bytes that the tag takes.
    pub tag_size: usize,
    /// The bytes that tag and length take.
    pub size: usize,
}

impl Header {
    /// Reads the front of `bytes`; [`MAX_HEADER`] of them are enough.
    ///
    /// # Errors
    /// [`Error::Incomplete`], [`Error::TooLarge`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let (tag, tag_size) = decode_tag(bytes)?;
        let (len, used) = decode_int(&bytes[tag_size..])?;
        Ok(Header { tag, len, tag_size, size: tag_size + used })
    }

    /// The bytes of the whole item; none where that is no number of 32 bits.
    pub fn total(&self) -> Option<u32> {
        u32::try_from(self.size).ok()?.checked_add(self.len)
    }
}

/// Appends an item.
///
/// # Panics
/// Where the payload has 4 GiB or more.
pub fn put_bytes(out: &mut Vec<u8>, tag: u32, payload: &[u8]) {
    let len = u32::try_from(payload.len()).expect("a payload below 4 GiB");
    out.extend_from_slice(encode_header(tag, len).as_slice());
    out.extend_from_slice(payload);
}

/// Appends an item that is a number.
pub fn put_int(out: &mut Vec<u8>, tag: u32, number: u64) {
    put_bytes(out, tag, encode_int(number).as_slice());
}

/// What is taken from a peer at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, with all that is nested in it.
    pub bytes: usize,
    /// Items on one level.
    pub items: usize,
    /// Levels of nested messages.
    pub depth: usize,
}

impl Default for Limits {
    /// 16 MiB, a million items, 32 levels.
    fn default() -> Self {
        Limits { bytes: 16 << 20, items: 1 << 20, depth: 32 }
    }
}

/// One item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its tag.
    pub tag: u32,
    /// Its payload.
    pub payload: &'a [u8],
    limits: Limits,
}

impl<'a> Item<'a> {
    /// The payload as a number of 32 bits.
    ///
    /// # Errors
    /// Where it is none, or does not end where the payload ends.
    pub fn int(&self) -> Result<u32, Error> {
        exact(self.payload, decode_int(self.payload)?)
    }

    /// The payload as a number of 64 bits.
    ///
    /// # Errors
    /// Where it is none, or does not end where the payload ends.
    pub fn int64(&self) -> Result<u64, Error> {
        exact(self.payload, decode_int64(self.payload)?)
    }

    /// The payload as text for C: no zero byte in it.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn text(&self) -> Result<&'a [u8], Error> {
        if memchr::memchr(0, self.payload).is_some() { Err(Error::Malformed) } else { Ok(self.payload) }
    }

    /// The payload as a message of its own.
    ///
    /// # Errors
    /// [`Error::Limit`] where it is nested too deeply.
    pub fn items(&self) -> Result<Items<'a>, Error> {
        let depth = self.limits.depth.checked_sub(1).ok_or(Error::Limit)?;
        Ok(Items::new(self.payload, Limits { depth, ..self.limits }))
    }
}

fn exact<T>(payload: &[u8], (number, used): (T, usize)) -> Result<T, Error> {
    if used == payload.len() { Ok(number) } else { Err(Error::Malformed) }
}

/// The items of a message, in order; ends after the first error.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
    limits: Limits,
    left: usize,
    over: bool,
}

impl<'a> Items<'a> {
    /// Reads `message`, which a caller has whole.
    pub fn new(message: &'a [u8], limits: Limits) -> Self {
        Items { rest: message, limits, left: limits.items, over: message.len() > limits.bytes }
    }

    fn read(&mut self) -> Result<Item<'a>, Error> {
        if self.over || self.left == 0 {
            return Err(Error::Limit);
        }
        self.left -= 1;
        let header = Header::read(self.rest)?;
        let len = usize::try_from(header.len).map_err(|_| Error::TooLarge)?;
        let payload = self.rest[header.size..].get(..len).ok_or(Error::Incomplete)?;
        self.rest = &self.rest[header.size + len..];
        Ok(Item { tag: header.tag, payload, limits: self.limits })
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let item = self.read();
        if item.is_err() {
            self.rest = &[];
        }
        Some(item)
    }
}
