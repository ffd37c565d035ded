//! Messages instead of bytes: a [`Decoder`] takes them out of a buffer, an [`Encoder`] puts them into one.
//!
//! [`Lines`] and [`LengthPrefix`] are ready-made; with the feature `serde_json` so is `Json`.
//!
//! ```
//! use evoxide::codec::{Decoder, Encoder, LengthPrefix};
//! use evoxide::buffer::Buffer;
//!
//! let mut codec = LengthPrefix::u16();
//! let mut wire = Buffer::new();
//! codec.encode("hello", &mut wire)?;
//! assert_eq!(wire, b"\0\x05hello");
//! assert_eq!(codec.decode(&mut wire)?, Some(b"hello".to_vec()));
//! assert_eq!(codec.decode(&mut wire)?, None);
//! # Ok::<(), evoxide::Error>(())
//! ```

use crate::buffer::{Buffer, LineEnd};
use crate::error::{Error, ErrorKind};
#[cfg(feature = "serde_json")]
use std::marker::PhantomData;

/// What a line or a message may be long unless told otherwise.
const MAX: usize = 1 << 20;

/// Takes messages out of a buffer.
///
/// # Examples
/// See the [module](self).
pub trait Decoder {
    /// A message.
    type Item;

    /// The next message; `None` until all of it is here.
    ///
    /// # Errors
    /// What is here will never be a message. The buffer should not be used any more.
    ///
    /// # Examples
    /// See the [module](self).
    fn decode(&mut self, input: &mut Buffer) -> Result<Option<Self::Item>, Error>;

    /// The next message, where nothing follows what is in the buffer: called again and again until it returns `None`.
    ///
    /// # Errors
    /// As for [`decode`](Self::decode); [`ErrorKind::Incomplete`] for a part of a message, unless a decoder has it otherwise.
    ///
    /// # Examples
    /// ```
    /// use evoxide::buffer::Buffer;
    /// use evoxide::codec::{Decoder, LengthPrefix};
    ///
    /// let mut half = Buffer::from("\0\u{5}hel");
    /// assert!(LengthPrefix::u16().finish(&mut half).is_err());
    /// ```
    fn finish(&mut self, input: &mut Buffer) -> Result<Option<Self::Item>, Error> {
        match self.decode(input)? {
            None if !input.is_empty() => Err(ErrorKind::Incomplete.into()),
            item => Ok(item),
        }
    }
}

/// Puts messages into a buffer.
///
/// # Examples
/// See the [module](self).
pub trait Encoder<T> {
    /// Appends one message.
    ///
    /// # Errors
    /// It cannot be said in this format; nothing is appended.
    ///
    /// # Examples
    /// See the [module](self).
    fn encode(&mut self, item: T, output: &mut Buffer) -> Result<(), Error>;
}

/// Lines of text: decoded without their ends, encoded with CR LF (or LF, after [`lf`](Self::lf)).
///
/// # Examples
/// ```
/// use evoxide::buffer::Buffer;
/// use evoxide::codec::{Decoder, Encoder, Lines};
///
/// let mut lines = Lines::new().max(100);
/// let mut wire = Buffer::from("one\r\ntwo");
/// assert_eq!(lines.decode(&mut wire)?.as_deref(), Some("one"));
/// assert_eq!(lines.decode(&mut wire)?, None);
/// assert_eq!(lines.finish(&mut wire)?.as_deref(), Some("two"));
/// lines.encode("three", &mut wire)?;
/// assert_eq!(wire, "three\r\n");
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    max: usize,
    end: &'static str,
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl Lines {
    /// Lines of up to 1 MiB.
    pub const fn new() -> Self {
        Self { max: MAX, end: "\r\n" }
    }

    /// Refuses longer lines.
    pub const fn max(self, max: usize) -> Self {
        Self { max, ..self }
    }

    /// Ends lines with LF alone.
    pub const fn lf(self) -> Self {
        Self { end: "\n", ..self }
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|_| ErrorKind::Malformed.into())
}

impl Decoder for Lines {
    type Item = String;

    fn decode(&mut self, input: &mut Buffer) -> Result<Option<String>, Error> {
        input.take_line_max(LineEnd::CrLf, self.max)?.map(text).transpose()
    }

    fn finish(&mut self, input: &mut Buffer) -> Result<Option<String>, Error> {
        match self.decode(input)? {
            None if !input.is_empty() => text(input.take_bytes(usize::MAX)).map(Some),
            line => Ok(line),
        }
    }
}

impl<T: AsRef<str>> Encoder<T> for Lines {
    fn encode(&mut self, line: T, output: &mut Buffer) -> Result<(), Error> {
        output.append(line.as_ref());
        output.append(self.end);
        Ok(())
    }
}

/// Messages with their length before them, most significant byte first (or last, after [`little_endian`](Self::little_endian)).
///
/// # Examples
/// See the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct LengthPrefix {
    width: usize,
    little: bool,
    max: usize,
}

impl LengthPrefix {
    const fn new(width: usize) -> Self {
        Self { width, little: false, max: MAX }
    }

    /// Lengths of one byte.
    pub const fn u8() -> Self {
        Self::new(1)
    }

    /// Lengths of two bytes.
    pub const fn u16() -> Self {
        Self::new(2)
    }

    /// Lengths of four bytes, of messages up to 1 MiB.
    pub const fn u32() -> Self {
        Self::new(4)
    }

    /// Lengths of eight bytes, of messages up to 1 MiB.
    pub const fn u64() -> Self {
        Self::new(8)
    }

    /// Least significant byte first.
    pub const fn little_endian(self) -> Self {
        Self { little: true, ..self }
    }

    /// Refuses longer messages.
    pub const fn max(self, max: usize) -> Self {
        Self { max, ..self }
    }
}

impl Decoder for LengthPrefix {
    type Item = Vec<u8>;

    fn decode(&mut self, input: &mut Buffer) -> Result<Option<Vec<u8>>, Error> {
        let mut prefix = [0; 8];
        let part = if self.little { &mut prefix[..self.width] } else { &mut prefix[8 - self.width..] };
        if input.copy_from(0, part) < self.width {
            return Ok(None);
        }
        let len = if self.little { u64::from_le_bytes(prefix) } else { u64::from_be_bytes(prefix) };
        let len = usize::try_from(len).ok().filter(|len| *len <= self.max).ok_or(ErrorKind::TooLong)?;
        if input.len() - self.width < len {
            return Ok(None);
        }
        input.drain(self.width);
        Ok(Some(input.take_bytes(len)))
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for LengthPrefix {
    fn encode(&mut self, item: T, output: &mut Buffer) -> Result<(), Error> {
        let item = item.as_ref();
        let len = item.len() as u64;
        if item.len() > self.max || (self.width < 8 && len >> (8 * self.width) != 0) {
            return Err(ErrorKind::TooLong.into());
        }
        if self.little {
            output.append(&len.to_le_bytes()[..self.width]);
        } else {
            output.append(&len.to_be_bytes()[8 - self.width..]);
        }
        output.append(item);
        Ok(())
    }
}

/// Values as JSON, one on a line.
///
/// # Examples
/// ```
/// use evoxide::buffer::Buffer;
/// use evoxide::codec::{Decoder, Encoder, Json};
///
/// let mut json = Json::<Vec<u32>>::new();
/// let mut wire = Buffer::new();
/// json.encode(vec![1, 2], &mut wire)?;
/// assert_eq!(wire, "[1,2]\n");
/// assert_eq!(json.decode(&mut wire)?, Some(vec![1, 2]));
/// # Ok::<(), evoxide::Error>(())
/// ```
#[cfg(feature = "serde_json")]
#[derive(Clone, Copy, Debug)]
pub struct Json<T> {
    max: usize,
    item: PhantomData<fn() -> T>,
}

#[cfg(feature = "serde_json")]
impl<T> Default for Json<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "serde_json")]
impl<T> Json<T> {
    /// Values of up to 1 MiB.
    pub const fn new() -> Self {
        Self { max: MAX, item: PhantomData }
    }

    /// Refuses longer values.
    pub const fn max(self, max: usize) -> Self {
        Self { max, ..self }
    }

    fn parse(line: &[u8]) -> Result<T, Error>
    where
        T: serde::de::DeserializeOwned,
    {
        serde_json::from_slice(line).map_err(|error| Error::with_source(ErrorKind::Malformed, error))
    }
}

#[cfg(feature = "serde_json")]
impl<T: serde::de::DeserializeOwned> Decoder for Json<T> {
    type Item = T;

    fn decode(&mut self, input: &mut Buffer) -> Result<Option<T>, Error> {
        input.take_line_max(LineEnd::CrLf, self.max)?.map(|line| Self::parse(&line)).transpose()
    }

    fn finish(&mut self, input: &mut Buffer) -> Result<Option<T>, Error> {
        match self.decode(input)? {
            None if !input.is_empty() => Self::parse(&input.take_bytes(usize::MAX)).map(Some),
            item => Ok(item),
        }
    }
}

#[cfg(feature = "serde_json")]
impl<T, U: serde::Serialize> Encoder<U> for Json<T> {
    fn encode(&mut self, item: U, output: &mut Buffer) -> Result<(), Error> {
        let line = serde_json::to_vec(&item).map_err(|error| Error::with_source(ErrorKind::Malformed, error))?;
        output.append_vec(line);
        output.append("\n");
        Ok(())
    }
}
