//! Searching: strings and line ends, also where they lie across segments.

use super::{Buffer, Error, Owner, Part};
use memchr::{memchr, memchr2, memmem};

/// Shorter runs are not worth preparing a searcher for.
const PREPARE: usize = 256;

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eol {
    /// Any run of CR and LF.
    Any,
    /// LF, with or without a CR before it.
    Crlf,
    /// CR LF.
    CrlfStrict,
    /// LF.
    Lf,
    /// A zero byte.
    Nul,
}

/// A search that continues where it stopped, for content that comes in pieces: a line, or a pattern that ends a message.
///
/// Each call looks at what came since the last one, so that a long wait for a line end costs one look at each byte. It is
/// valid while the content only grows at its end. [Start again](Self::restart) after anything else: what a call found was
/// drained, or another thing is searched for.
///
/// # Examples
/// ```
/// use evoxide_core::buffer::{Buffer, Eol, Search};
/// let (mut b, mut search): (Buffer, Search) = (Buffer::new(), Search::new());
/// b.append(b"one li")?;
/// assert_eq!(search.eol(&b, Eol::Crlf)?, None);
/// b.append(b"ne\r\nanother")?;
/// assert_eq!(search.eol(&b, Eol::Crlf)?, Some((8, 2)));
/// let _ = b.drain(10)?;
/// search.restart();
/// assert_eq!(search.eol(&b, Eol::Crlf)?, None);
/// # Ok::<(), evoxide_core::buffer::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Search {
    /// No match begins before this position.
    from: usize,
}

impl Search {
    /// From the beginning of the content.
    pub const fn new() -> Self {
        Self { from: 0 }
    }

    /// Begins again, at the beginning of the content.
    pub const fn restart(&mut self) {
        self.from = 0;
    }

    /// No match begins before this position.
    pub const fn position(&self) -> usize {
        self.from
    }

    /// As [`Buffer::find`] in all of the content. An empty needle lies at [`position`](Self::position).
    ///
    /// # Errors
    /// `Opaque`.
    pub fn find<F: Owner>(&mut self, buffer: &Buffer<F>, needle: &[u8]) -> Result<Option<usize>, Error> {
        let found = buffer.find(needle, self.from.min(buffer.len()), buffer.len())?;
        self.from = found.unwrap_or_else(|| (buffer.len() + 1).saturating_sub(needle.len()).max(self.from));
        Ok(found)
    }

    /// As [`Buffer::find_eol`] in all of the content.
    ///
    /// # Errors
    /// `Opaque`.
    pub fn eol<F: Owner>(&mut self, buffer: &Buffer<F>, style: Eol) -> Result<Option<(usize, usize)>, Error> {
        let found = buffer.find_eol(self.from.min(buffer.len()), style)?;
        // The last byte may be the CR of an end that is not complete yet.
        self.from = found.map_or_else(|| buffer.len().saturating_sub(1).max(self.from), |(at, _)| at);
        Ok(found)
    }
}

impl<F: Owner> Buffer<F> {
    /// Where `needle` lies wholly inside `from..to` first. An empty needle lies at `from`.
    ///
    /// # Errors
    /// `OutOfRange` where `from` lies behind the end of the content, `Opaque`.
    pub fn find(&self, needle: &[u8], from: usize, to: usize) -> Result<Option<usize>, Error> {
        if from > self.len() {
            return Err(Error::OutOfRange);
        }
        let to = to.min(self.len());
        let Some(&initial) = needle.first() else { return Ok(Some(from)) };
        if from >= to || to - from < needle.len() {
            return Ok(None);
        }
        let last_start = to - needle.len();
        let finder = if needle.len() > 1 && to - from >= PREPARE { Some(memmem::Finder::new(needle)) } else { None };
        let mut at = from;
        for part in self.parts(from) {
            if at > last_start {
                break;
            }
            let Part::Bytes(bytes) = part else { return Err(Error::Opaque) };
            let inside = &bytes[..bytes.len().min(to - at)];
            let found = match &finder {
                Some(finder) => finder.find(inside),
                None => find_plain(inside, initial, needle),
            };
            if let Some(i) = found {
                return Ok(Some(at + i));
            }
            // Matches that begin here and end in a later segment.
            if at + bytes.len() < to {
                let begin = (bytes.len() + 1).saturating_sub(needle.len());
                let mut i = begin;
                while let Some(j) = bytes.get(i..).and_then(|b| memchr(initial, b)) {
                    i += j;
                    if at + i > last_start {
                        break;
                    }
                    if needle.starts_with(&bytes[i..]) && self.matches(at + bytes.len(), &needle[bytes.len() - i..])? {
                        return Ok(Some(at + i));
                    }
                    i += 1;
                }
            }
            at += bytes.len();
        }
        Ok(None)
    }

    /// Whether the content at `at` begins with `what`.
    fn matches(&self, at: usize, what: &[u8]) -> Result<bool, Error> {
        let mut rest = what;
        for part in self.parts(at) {
            if rest.is_empty() {
                break;
            }
            let Part::Bytes(bytes) = part else { return Err(Error::Opaque) };
            let n = bytes.len().min(rest.len());
            if bytes[..n] != rest[..n] {
                return Ok(false);
            }
            rest = &rest[n..];
        }
        Ok(rest.is_empty())
    }

    /// Where `byte` lies first at or behind `from`.
    fn find_byte(&self, from: usize, search: impl Fn(&[u8]) -> Option<usize>) -> Result<Option<usize>, Error> {
        let mut at = from;
        for part in self.parts(from) {
            let Part::Bytes(bytes) = part else { return Err(Error::Opaque) };
            if let Some(i) = search(bytes) {
                return Ok(Some(at + i));
            }
            at += bytes.len();
        }
        Ok(None)
    }

    /// The first line end at or behind `from`: where it begins, and how long it is.
    ///
    /// # Errors
    /// `OutOfRange` where `from` lies behind the end of the content, `Opaque`.
    #[inline]
    pub fn find_eol(&self, from: usize, style: Eol) -> Result<Option<(usize, usize)>, Error> {
        if from > self.len() {
            return Err(Error::OutOfRange);
        }
        // Most lines end within the first segment.
        if from == 0 {
            let bytes = self.first();
            match style {
                Eol::Lf => {
                    if let Some(i) = memchr(b'\n', bytes) {
                        return Ok(Some((i, 1)));
                    }
                }
                Eol::Crlf => match memchr(b'\n', bytes) {
                    Some(i) if i > 0 && bytes[i - 1] == b'\r' => return Ok(Some((i - 1, 2))),
                    Some(i) => return Ok(Some((i, 1))),
                    None => {}
                },
                _ => {}
            }
        }
        self.find_eol_across(from, style)
    }

    fn find_eol_across(&self, from: usize, style: Eol) -> Result<Option<(usize, usize)>, Error> {
        match style {
            Eol::Lf => Ok(self.find_byte(from, |b| memchr(b'\n', b))?.map(|i| (i, 1))),
            Eol::Nul => Ok(self.find_byte(from, |b| memchr(0, b))?.map(|i| (i, 1))),
            Eol::CrlfStrict => Ok(self.find(b"\r\n", from, self.len())?.map(|i| (i, 2))),
            Eol::Crlf => Ok(self
                .find_byte(from, |b| memchr(b'\n', b))?
                .map(|i| if i > from && self.byte_at(i - 1) == Some(b'\r') { (i - 1, 2) } else { (i, 1) })),
            Eol::Any => {
                let Some(begin) = self.find_byte(from, |b| memchr2(b'\r', b'\n', b))? else { return Ok(None) };
                let mut len = 0;
                for part in self.parts(begin) {
                    let Part::Bytes(bytes) = part else { break };
                    let run = bytes.iter().take_while(|&&c| c == b'\r' || c == b'\n').count();
                    len += run;
                    if run < bytes.len() {
                        break;
                    }
                }
                Ok(Some((begin, len)))
            }
        }
    }
}

fn find_plain(bytes: &[u8], initial: u8, needle: &[u8]) -> Option<usize> {
    let mut i = 0;
    while let Some(j) = bytes.get(i..).and_then(|b| memchr(initial, b)) {
        i += j;
        if bytes[i..].starts_with(needle) {
            return Some(i);
        }
        i += 1;
    }
    None
}
