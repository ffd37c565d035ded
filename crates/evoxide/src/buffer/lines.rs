//! Lines where they lie.

use super::{Buffer, Eol};
use std::borrow::Cow;
use std::fmt;

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LineEnd {
    /// Any run of CR and LF.
    Any,
    /// LF, with or without a CR before it: what most text protocols want.
    CrLf,
    /// CR LF and nothing else.
    CrLfStrict,
    /// LF.
    Lf,
    /// A zero byte.
    Nul,
}

impl LineEnd {
    pub(super) const fn style(self) -> Eol {
        match self {
            LineEnd::Any => Eol::Any,
            LineEnd::CrLf => Eol::Crlf,
            LineEnd::CrLfStrict => Eol::CrlfStrict,
            LineEnd::Lf => Eol::Lf,
            LineEnd::Nul => Eol::Nul,
        }
    }
}

impl Buffer {
    /// The lines whose end is here already, where they lie. Neither allocates nor drains anything.
    ///
    /// # Examples
    /// ```
    /// use evoxide::buffer::{Buffer, LineEnd};
    ///
    /// let mut input = Buffer::from("HELO there\r\nQUIT\r\nrest");
    /// let mut lines = input.lines_view(LineEnd::CrLf);
    /// assert!(lines.by_ref().map(|line| line.len()).eq([10, 4]));
    /// let seen = lines.position();
    /// input.drain(seen);
    /// assert_eq!(input, b"rest");
    /// ```
    pub const fn lines_view(&self, end: LineEnd) -> Lines<'_> {
        Lines { buffer: self, end, at: 0 }
    }

    /// Takes the first line out, without its end; `None` until its end is here.
    ///
    /// # Examples
    /// ```
    /// use evoxide::buffer::{Buffer, LineEnd};
    /// let mut input = Buffer::from("one\0tw");
    /// assert_eq!(input.take_line(LineEnd::Nul).as_deref(), Some(&b"one"[..]));
    /// assert_eq!(input.take_line(LineEnd::Nul), None);
    /// ```
    pub fn take_line(&mut self, end: LineEnd) -> Option<Vec<u8>> {
        self.take_line_max(end, usize::MAX).ok().flatten()
    }
}

/// The complete lines at the front of a [`Buffer`]: see [`Buffer::lines_view`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    buffer: &'a Buffer,
    end: LineEnd,
    at: usize,
}

impl Lines<'_> {
    /// How many bytes the lines seen so far take with their ends: what to [drain](Buffer::drain) afterwards.
    pub const fn position(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = LineView<'a>;

    fn next(&mut self) -> Option<LineView<'a>> {
        let (until, eol) = self.buffer.find_line_end(self.at, self.end)?;
        let line = LineView { buffer: self.buffer, start: self.at, len: until - self.at };
        self.at = until + eol;
        Some(line)
    }
}

/// A line, without its end, where it lies in a [`Buffer`].
#[derive(Clone, Copy)]
pub struct LineView<'a> {
    buffer: &'a Buffer,
    start: usize,
    len: usize,
}

impl<'a> LineView<'a> {
    /// How many bytes it has.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where it begins in the buffer.
    pub const fn position(&self) -> usize {
        self.start
    }

    /// Its bytes, piece by piece.
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut left = self.len;
        self.buffer.chain.slices(self.buffer.lent + self.start).map_while(move |s| {
            if left == 0 {
                return None;
            }
            let s = &s[..s.len().min(left)];
            left -= s.len();
            Some(s)
        })
    }

    /// Its bytes in one piece: a copy only where they lie in several.
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        let mut slices = self.slices();
        match (slices.next(), slices.next()) {
            (None, _) => Cow::Borrowed(&[]),
            (Some(only), None) => Cow::Borrowed(only),
            _ => Cow::Owned(self.slices().flatten().copied().collect()),
        }
    }

    /// As text; bytes that are none become replacement characters.
    pub fn text(&self) -> Cow<'a, str> {
        match self.bytes() {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}

impl PartialEq<[u8]> for LineView<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.len == other.len() && self.slices().flatten().eq(other)
    }
}

impl PartialEq<&[u8]> for LineView<'_> {
    fn eq(&self, other: &&[u8]) -> bool {
        *self == **other
    }
}

impl PartialEq<str> for LineView<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == *other.as_bytes()
    }
}

impl PartialEq<&str> for LineView<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Debug for LineView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())
    }
}
