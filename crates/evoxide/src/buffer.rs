//! Byte buffers: what streams read into and write from. Start with [`Buffer`].

use evoxide_core::buffer::{Buffer as Chain, Delta, Eol, Error as ChainError, NoOwner, Released};
use std::fmt;
use std::io::{self, BufRead, IoSlice, Read, Write};

mod frames;
mod integers;
mod lines;
pub(crate) mod pool;
mod share;

use frames::Scan;
pub use lines::{LineEnd, LineView, Lines};

/// Bytes in a chain of segments: cheap to append to, to drain, and to move from one buffer into another.
///
/// It reads and writes like a file in memory ([`Read`], [`BufRead`], [`Write`]): writing appends, reading drains.
///
/// # Panics
/// Growing panics where memory runs out, as it does for a `Vec`.
///
/// # Examples
/// ```
/// use evoxide::buffer::Buffer;
///
/// let mut input = Buffer::from("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
/// let mut lines = Vec::new();
/// while let Some(line) = input.next_line() {
///     lines.push(String::from_utf8_lossy(line).into_owned());
/// }
/// assert_eq!(lines, ["GET / HTTP/1.0", "Host: a", ""]);
/// assert!(input.is_empty());
/// ```
#[derive(Default)]
pub struct Buffer {
    chain: Chain<NoOwner>,
    /// What [`next_line`](Self::next_line) handed out last: drained by whatever comes next.
    lent: usize,
    /// Where the last search for a frame's end stopped.
    scan: Option<Box<Scan>>,
}

impl Buffer {
    /// An empty buffer. It needs no memory.
    ///
    /// # Examples
    /// ```
    /// assert!(evoxide::buffer::Buffer::new().is_empty());
    /// ```
    pub const fn new() -> Self {
        Self { chain: Chain::new(), lent: 0, scan: None }
    }

    /// How many bytes it holds.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(evoxide::buffer::Buffer::from("four").len(), 4);
    /// ```
    pub const fn len(&self) -> usize {
        self.chain.len() - self.lent
    }

    /// Whether it holds none.
    ///
    /// # Examples
    /// See [`new`](Self::new).
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a copy of `bytes`.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::new();
    /// buffer.append("hello, ");
    /// buffer.append(b"world");
    /// assert_eq!(buffer, b"hello, world");
    /// ```
    pub fn append(&mut self, bytes: impl AsRef<[u8]>) {
        grown(self.chain.append(bytes.as_ref()));
    }

    /// Appends `bytes` without a copy.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::new();
    /// buffer.append_vec(vec![b'x'; 100_000]);
    /// assert_eq!(buffer.len(), 100_000);
    /// ```
    pub fn append_vec(&mut self, bytes: Vec<u8>) {
        grown(self.chain.append_shared(bytes.into()));
    }

    /// Moves everything out of `from` to the end of this buffer, without a copy.
    ///
    /// # Examples
    /// ```
    /// let (mut a, mut b) = (evoxide::buffer::Buffer::from("a"), evoxide::buffer::Buffer::from("b"));
    /// a.append_buffer(&mut b);
    /// assert_eq!(a, b"ab");
    /// assert!(b.is_empty());
    /// ```
    pub fn append_buffer(&mut self, from: &mut Self) {
        from.take_back();
        grown(self.chain.append_buffer(&mut from.chain));
    }

    /// Moves the first `len` bytes of `from`, or all if there are fewer, to the end of this buffer.
    ///
    /// # Examples
    /// ```
    /// let (mut a, mut b) = (evoxide::buffer::Buffer::new(), evoxide::buffer::Buffer::from("abc"));
    /// a.append_prefix(&mut b, 2);
    /// assert_eq!(a, b"ab");
    /// assert_eq!(b, b"c");
    /// ```
    pub fn append_prefix(&mut self, from: &mut Self, len: usize) {
        from.take_back();
        grown(self.chain.append_prefix(&mut from.chain, len));
    }

    /// Puts a copy of `bytes` before everything else.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::from("world");
    /// buffer.prepend("hello ");
    /// assert_eq!(buffer, b"hello world");
    /// ```
    pub fn prepend(&mut self, bytes: impl AsRef<[u8]>) {
        self.take_back();
        grown(self.chain.prepend(bytes.as_ref()));
    }

    /// Drops the first `len` bytes, or all if there are fewer.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::from("abc");
    /// buffer.drain(2);
    /// assert_eq!(buffer, b"c");
    /// ```
    pub fn drain(&mut self, len: usize) {
        self.take_back();
        self.drop_front(len);
    }

    /// Drops everything.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::from("abc");
    /// buffer.clear();
    /// assert!(buffer.is_empty());
    /// ```
    pub fn clear(&mut self) {
        self.drain(usize::MAX);
    }

    /// Takes the first `len` bytes out, or all if there are fewer.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::from("abc");
    /// assert_eq!(buffer.take_bytes(2), b"ab");
    /// assert_eq!(buffer, b"c");
    /// ```
    pub fn take_bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len.min(self.len())];
        let n = self.chain.copy_out(self.lent, &mut bytes).unwrap_or(0);
        bytes.truncate(n);
        self.drain(n);
        bytes
    }

    /// A copy of everything.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(evoxide::buffer::Buffer::from("abc").to_vec(), b"abc");
    /// ```
    pub fn to_vec(&self) -> Vec<u8> {
        self.slices().collect::<Vec<_>>().concat()
    }

    /// The content, piece by piece.
    ///
    /// # Examples
    /// ```
    /// let buffer = evoxide::buffer::Buffer::from("abc");
    /// assert_eq!(buffer.slices().map(|s| s.len()).sum::<usize>(), 3);
    /// ```
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.chain.slices(self.lent)
    }

    /// Where `needle` begins first.
    ///
    /// # Examples
    /// ```
    /// let buffer = evoxide::buffer::Buffer::from("head\r\n\r\nbody");
    /// assert_eq!(buffer.find("\r\n\r\n"), Some(4));
    /// assert_eq!(buffer.find("tail"), None);
    /// ```
    pub fn find(&self, needle: impl AsRef<[u8]>) -> Option<usize> {
        self.find_from(needle, 0)
    }

    /// The first `len` bytes in one piece, or all if there are fewer; they are moved together if need be.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::from("abc");
    /// assert_eq!(buffer.contiguous(2), b"ab");
    /// ```
    pub fn contiguous(&mut self, len: usize) -> &[u8] {
        self.drain_lent();
        let len = len.min(self.len());
        gone(grown(self.chain.pull_up(len)));
        self.chain.first().get(..len).unwrap_or(&[])
    }

    /// The first line, if it is complete: it ends with a line feed, with or without a carriage return before it. The answer
    /// is the line without its end, which is drained with the next call. Nothing is allocated, unless the line is scattered over
    /// segments; where the end is missing, the next call goes on searching where this one stopped.
    ///
    /// # Examples
    /// Lines of a connection, with a bound for what has no end:
    /// ```
    /// use evoxide::stream::{Parts, StreamCtx};
    ///
    /// fn count_commands(cx: &mut StreamCtx<'_, usize>) {
    ///     let Parts { input, output, state, .. } = cx.split();
    ///     while let Some(line) = input.next_line() {
    ///         *state += 1;
    ///         output.append(line);
    ///     }
    ///     if input.len() > 4096 {
    ///         cx.close();
    ///     }
    /// }
    /// ```
    pub fn next_line(&mut self) -> Option<&[u8]> {
        let (len, end) = self.find_frame(LineEnd::CrLf)?;
        gone(grown(self.chain.pull_up(len)));
        self.lent = len + end;
        self.chain.first().get(..len)
    }

    /// Drains what was lent.
    fn take_back(&mut self) {
        if self.lent > 0 {
            let lent = std::mem::take(&mut self.lent);
            self.drop_front(lent);
        } else {
            self.scan = None;
        }
    }

    fn drop_front(&mut self, len: usize) {
        self.scan = None;
        let (_, released) = grown(self.chain.drain(len));
        gone(released);
    }

    /// The chain itself, for the machines of protocols.
    #[cfg(feature = "http")]
    pub(crate) fn chain(&mut self) -> &mut Chain<NoOwner> {
        self.take_back();
        &mut self.chain
    }

    /// The content where it lies in one piece of the buffer's own.
    pub(crate) fn sole(&self) -> Option<&[u8]> {
        self.chain.sole()?.get(self.lent..)
    }

    /// Whether it is as a new one.
    fn is_new(&self) -> bool {
        self.chain.is_bare() && self.lent == 0 && self.scan.is_none()
    }

    /// For a vectored write: at most `max` bytes, in as many pieces as fit.
    pub(crate) fn io_slices<'a>(&'a self, max: usize, into: &mut [IoSlice<'a>]) -> (usize, usize) {
        let (mut pieces, mut left) = (0, max);
        for (slice, into) in self.slices().zip(into) {
            if left == 0 {
                break;
            }
            let piece = slice.get(..left).unwrap_or(slice);
            left -= piece.len();
            *into = IoSlice::new(piece);
            pieces += 1;
        }
        (pieces, max - left)
    }
}

pub(crate) fn grown<T>(result: Result<T, ChainError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("a buffer cannot grow: {error}"),
    }
}

/// Buffers of this kind hold nothing that has an owner to tell.
fn gone(released: Released<NoOwner>) {
    debug_assert!(released.is_empty());
}

impl Read for Buffer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.chain.copy_out(self.lent, into).unwrap_or(0);
        self.drain(n);
        Ok(n)
    }
}

impl BufRead for Buffer {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.drain_lent();
        Ok(self.chain.first())
    }

    fn consume(&mut self, n: usize) {
        self.drain(n);
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Delta { added, .. } = self.chain.append(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        Ok(added)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<&[u8]> for Buffer {
    fn from(bytes: &[u8]) -> Self {
        let mut buffer = Self::new();
        buffer.append(bytes);
        buffer
    }
}

impl From<&str> for Buffer {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        let mut buffer = Self::new();
        buffer.append_vec(bytes);
        buffer
    }
}

impl<'a> Extend<&'a [u8]> for Buffer {
    fn extend<T: IntoIterator<Item = &'a [u8]>>(&mut self, pieces: T) {
        pieces.into_iter().for_each(|piece| self.append(piece));
    }
}

impl PartialEq<[u8]> for Buffer {
    fn eq(&self, other: &[u8]) -> bool {
        let mut rest = other;
        self.len() == other.len()
            && self.slices().all(|slice| match rest.split_at_checked(slice.len()) {
                Some((head, tail)) => {
                    rest = tail;
                    head == slice
                }
                None => false,
            })
    }
}

macro_rules! compares {
    ($($type:ty $(, $n:ident)?;)*) => {$(
        impl$(<const $n: usize>)? PartialEq<$type> for Buffer {
            fn eq(&self, other: &$type) -> bool {
                let bytes: &[u8] = other.as_ref();
                *self == *bytes
            }
        }
    )*};
}

compares! {
    [u8; N], N;
    &[u8; N], N;
    &[u8];
    Vec<u8>;
    str;
    &str;
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        self.slices().try_for_each(|slice| write!(f, "{}", slice.escape_ascii()))?;
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests;
