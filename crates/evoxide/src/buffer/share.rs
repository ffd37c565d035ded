//! Sharing, prepending whole buffers, writing in place; and the feature `bytes`.

use super::{Buffer, ChainError, grown};

impl Buffer {
    /// Appends the content of `other`, which keeps it: both share the memory. Good for sending one message to many.
    ///
    /// # Examples
    /// ```
    /// use evoxide::buffer::Buffer;
    /// let mut news = Buffer::from("to everyone");
    /// let mut peers = [Buffer::new(), Buffer::new()];
    /// for peer in &mut peers {
    ///     peer.append_shared(&mut news);
    /// }
    /// assert_eq!(peers[1], b"to everyone");
    /// ```
    pub fn append_shared(&mut self, other: &mut Self) {
        other.take_back();
        match self.chain.append_reference(&mut other.chain) {
            // What is shared already is copied.
            Err(ChainError::Nested) => other.chain.slices(0).for_each(|slice| self.append(slice)),
            answer => drop(grown(answer)),
        }
    }

    /// Moves everything out of `from` to the front of this buffer, without a copy.
    ///
    /// # Examples
    /// ```
    /// let (mut a, mut b) = (evoxide::buffer::Buffer::from("a"), evoxide::buffer::Buffer::from("b"));
    /// a.prepend_buffer(&mut b);
    /// assert_eq!(a, b"ba");
    /// ```
    pub fn prepend_buffer(&mut self, from: &mut Self) {
        self.take_back();
        from.take_back();
        grown(self.chain.prepend_buffer(&mut from.chain));
    }

    /// Appends what `fill` puts into a new vector with room for `room` bytes, without a copy. With the crate `bytes`, that
    /// vector is a `BufMut`.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::new();
    /// buffer.append_with(4, |bytes| bytes.extend(7u32.to_be_bytes()));
    /// assert_eq!(buffer, b"\0\0\0\x07");
    /// ```
    pub fn append_with<R>(&mut self, room: usize, fill: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let mut bytes = Vec::with_capacity(room);
        let answer = fill(&mut bytes);
        grown(self.chain.append_owned(bytes));
        answer
    }

    /// Makes room for `n` more bytes, in one piece.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::new();
    /// buffer.reserve(100_000);
    /// assert!(buffer.is_empty());
    /// ```
    pub fn reserve(&mut self, n: usize) {
        grown(self.chain.expand(n));
    }

    /// The byte at a position.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(evoxide::buffer::Buffer::from("abc").byte_at(2), Some(b'c'));
    /// ```
    pub fn byte_at(&self, at: usize) -> Option<u8> {
        self.chain.byte_at(self.lent.checked_add(at)?)
    }

    /// Copies bytes from a position on, and leaves them there; returns how many there were.
    ///
    /// # Examples
    /// ```
    /// let mut out = [0; 4];
    /// assert_eq!(evoxide::buffer::Buffer::from("abc").copy_from(1, &mut out), 2);
    /// assert_eq!(&out, b"bc\0\0");
    /// ```
    pub fn copy_from(&self, at: usize, out: &mut [u8]) -> usize {
        self.chain.copy_out(self.lent + at.min(self.len()), out).unwrap_or(0)
    }

    /// As [`find`](Self::find), at or behind a position.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(evoxide::buffer::Buffer::from("a,b,c").find_from(",", 2), Some(3));
    /// ```
    pub fn find_from(&self, needle: impl AsRef<[u8]>, from: usize) -> Option<usize> {
        let found = self.chain.find(needle.as_ref(), self.lent.checked_add(from)?, usize::MAX).ok().flatten()?;
        Some(found - self.lent)
    }
}

/// A copy, in one piece.
impl Clone for Buffer {
    fn clone(&self) -> Self {
        self.to_vec().into()
    }
}

#[cfg(feature = "bytes")]
impl Buffer {
    /// Appends shared bytes without a copy.
    ///
    /// # Examples
    /// ```
    /// let mut buffer = evoxide::buffer::Buffer::new();
    /// buffer.append_bytes(bytes::Bytes::from_static(b"shared"));
    /// assert_eq!(buffer, b"shared");
    /// ```
    pub fn append_bytes(&mut self, bytes: bytes::Bytes) {
        grown(self.chain.append_shared(bytes));
    }
}

#[cfg(feature = "bytes")]
impl bytes::Buf for Buffer {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.slices().next().unwrap_or(&[])
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [std::io::IoSlice<'a>]) -> usize {
        self.io_slices(usize::MAX, into).0
    }

    fn advance(&mut self, n: usize) {
        assert!(n <= self.len(), "cannot advance by {n}: there are {} bytes", self.len());
        self.drain(n);
    }
}
