//! Frames: taking whole messages out of what has come so far.
//!
//! Where the end of a frame is missing, the buffer remembers how far it looked, so that a long frame that comes in small pieces is
//! searched once.

use super::{Buffer, LineEnd, gone, grown};
use crate::error::{Error, ErrorKind};

/// How far a search without success went, from the front of the chain.
#[derive(Debug)]
pub(super) struct Scan {
    target: Target,
    until: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Target {
    Line(LineEnd),
    Short(u8, [u8; 14]),
    Long(Box<[u8]>),
}

impl Target {
    fn of(pattern: &[u8]) -> Self {
        let mut short = [0; 14];
        match short.get_mut(..pattern.len()) {
            Some(part) => {
                part.copy_from_slice(pattern);
                Self::Short(pattern.len() as u8, short)
            }
            None => Self::Long(pattern.into()),
        }
    }

    fn is(&self, pattern: &[u8]) -> bool {
        match self {
            Self::Short(len, bytes) => bytes.get(..usize::from(*len)) == Some(pattern),
            Self::Long(bytes) => **bytes == *pattern,
            _ => false,
        }
    }
}

impl Buffer {
    /// The first line end at or behind `from`: where it begins, and how long it is.
    pub(super) fn find_line_end(&self, from: usize, end: LineEnd) -> Option<(usize, usize)> {
        let (at, len) = self.chain.find_eol(self.lent.checked_add(from)?, end.style()).ok()??;
        Some((at - self.lent, len))
    }

    /// The first line end, with nothing lent; where there is none, the place is remembered.
    pub(super) fn find_frame(&mut self, end: LineEnd) -> Option<(usize, usize)> {
        self.drain_lent();
        // One byte back: a carriage return may be the last that was seen.
        let scan = self.scan.as_deref().filter(|scan| scan.target == Target::Line(end));
        let from = scan.map_or(0, |scan| scan.until.saturating_sub(1));
        let found = self.find_line_end(from, end);
        if found.is_none() {
            let until = self.len();
            match &mut self.scan {
                Some(scan) if scan.target == Target::Line(end) => scan.until = until,
                scan => *scan = Some(Box::new(Scan { target: Target::Line(end), until })),
            }
        }
        found
    }

    /// As [`take_back`](Self::take_back), but a search goes on where it stopped.
    pub(super) fn drain_lent(&mut self) {
        if self.lent > 0 {
            self.take_back();
        }
    }

    /// Takes the first line out, without its end; `None` until its end is here.
    ///
    /// # Errors
    /// [`ErrorKind::TooLong`] where the line is, or will be, longer than `max` bytes. Nothing is taken.
    ///
    /// # Examples
    /// ```
    /// use evoxide::buffer::{Buffer, LineEnd};
    ///
    /// let mut input = Buffer::from("PING\r\nthis goes on and on");
    /// assert_eq!(input.take_line_max(LineEnd::CrLf, 10)?, Some(b"PING".to_vec()));
    /// assert!(input.take_line_max(LineEnd::CrLf, 10).is_err());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn take_line_max(&mut self, end: LineEnd, max: usize) -> Result<Option<Vec<u8>>, Error> {
        match self.find_frame(end) {
            Some((len, eol)) if len <= max => {
                let line = self.take_bytes(len);
                self.drain(eol);
                Ok(Some(line))
            }
            // A carriage return may belong to the end that is still to come.
            None if self.len() <= max.saturating_add(1) => Ok(None),
            _ => Err(ErrorKind::TooLong.into()),
        }
    }

    /// Takes what lies before the first `pattern` out, and drops the pattern; `None` until it is here.
    ///
    /// # Errors
    /// [`ErrorKind::TooLong`] where more than `max` bytes lie, or will lie, before the pattern. Nothing is taken.
    ///
    /// # Examples
    /// ```
    /// use evoxide::buffer::Buffer;
    ///
    /// let mut input = Buffer::from("Host: a\r\n\r\nbody");
    /// assert_eq!(input.take_until("\r\n\r\n", 8192)?, Some(b"Host: a".to_vec()));
    /// assert_eq!(input, b"body");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn take_until(&mut self, pattern: impl AsRef<[u8]>, max: usize) -> Result<Option<Vec<u8>>, Error> {
        let pattern = pattern.as_ref();
        self.drain_lent();
        let back = pattern.len().saturating_sub(1);
        let scan = self.scan.as_deref().filter(|scan| scan.target.is(pattern));
        let from = scan.map_or(0, |scan| scan.until.saturating_sub(back));
        match self.find_from(pattern, from) {
            Some(len) if len <= max => {
                let bytes = self.take_bytes(len);
                self.drain(pattern.len());
                Ok(Some(bytes))
            }
            None if self.len() <= max.saturating_add(back) => {
                let until = self.len();
                match &mut self.scan {
                    Some(scan) if scan.target.is(pattern) => scan.until = until,
                    scan => *scan = Some(Box::new(Scan { target: Target::of(pattern), until })),
                }
                Ok(None)
            }
            _ => Err(ErrorKind::TooLong.into()),
        }
    }

    /// Takes exactly `len` bytes out; `None`, with nothing taken, while there are fewer.
    ///
    /// # Examples
    /// ```
    /// let mut input = evoxide::buffer::Buffer::from("abcde");
    /// assert_eq!(input.take_exact(6), None);
    /// assert_eq!(input.take_exact(4), Some(b"abcd".to_vec()));
    /// ```
    pub fn take_exact(&mut self, len: usize) -> Option<Vec<u8>> {
        (self.len() >= len).then(|| self.take_bytes(len))
    }

    /// Moves the first `len` bytes, or all if there are fewer, into a buffer of their own, without a copy of more than a part of a
    /// segment.
    ///
    /// # Examples
    /// ```
    /// let mut input = evoxide::buffer::Buffer::from("headbody");
    /// let head = input.split_to(4);
    /// assert_eq!((head == "head", input == "body"), (true, true));
    /// ```
    #[must_use = "the bytes have left the buffer"]
    pub fn split_to(&mut self, len: usize) -> Self {
        let mut front = Self::new();
        front.append_prefix(self, len);
        front
    }

    /// Drops everything behind the first `len` bytes.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::from("abc");
    /// buffer.truncate(1);
    /// assert_eq!(buffer, "a");
    /// ```
    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            *self = self.split_to(len);
        }
    }

    /// Copies the first bytes to `out` and drains them, if there are enough of them.
    pub(super) fn take_array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take_back();
        let mut bytes = [0; N];
        if self.len() < N {
            return None;
        }
        match self.chain.first().get(..N) {
            Some(first) => bytes.copy_from_slice(first),
            None => {
                self.chain.copy_out(0, &mut bytes).ok()?;
            }
        }
        let (_, released) = grown(self.chain.drain(N));
        gone(released);
        Some(bytes)
    }
}
