//! Looking at the content where it lies.

use super::segment::{Part, Segment};
use super::{Buffer, End, Error, Owner};

impl<F: Owner> Buffer<F> {
    /// The first run of bytes; empty where the buffer is, or where its beginning cannot be addressed.
    #[inline]
    pub fn first(&self) -> &[u8] {
        self.head().bytes().unwrap_or(&[])
    }

    /// How long the first segment is.
    pub fn first_len(&self) -> usize {
        self.head().len()
    }

    /// The whole content, where it is one segment of the buffer's own storage.
    pub fn as_owned(&self) -> Option<&[u8]> {
        match self.head() {
            Segment::Owned(_) if self.first_len() == self.len() => Some(self.first()),
            _ => None,
        }
    }

    /// Whether any of `len` bytes at an address lies in the storage of the segment at one end, in its content or its room.
    #[inline]
    pub fn stores(&self, end: End, address: usize, len: usize) -> bool {
        let segment = match end {
            End::Front => self.head(),
            End::Back => &self.tail,
        };
        match segment {
            Segment::Owned(o) => {
                let at = o.bytes.as_ptr() as usize;
                address.wrapping_sub(at) < o.bytes.capacity() || at.wrapping_sub(address) < len
            }
            _ => false,
        }
    }

    /// The runs of content from position `from` on, none of them empty.
    #[inline]
    pub fn parts(&self, from: usize) -> Parts<'_, F> {
        let before_tail = self.len - self.tail.len();
        if from >= before_tail {
            // Only the tail: what a search that continues looks at.
            return Parts { run: [].iter(), second: &[], tail: Some(&self.tail), skip: from - before_tail };
        }
        let (first, second) = self.front.as_ref().map_or((&[][..], &[][..]), |d| d.as_slices());
        Parts { run: first.iter(), second, tail: Some(&self.tail), skip: from }
    }

    /// Shows the runs of content from position `from` on, as long as `f` wants more: a faster [`parts`](Self::parts).
    #[inline]
    pub fn visit<'a>(&'a self, from: usize, mut f: impl FnMut(Part<'a, F>) -> bool) {
        let mut skip = from;
        let mut show = |segment: &'a Segment<F>| {
            let len = segment.len();
            if skip >= len {
                skip -= len;
                return true;
            }
            let skip = core::mem::take(&mut skip);
            f(match segment.part() {
                Part::Bytes(b) => Part::Bytes(b.get(skip..).unwrap_or(&[])),
                Part::Opaque { owner, start, end } => Part::Opaque { owner, start: start + skip, end },
            })
        };
        if let Some(front) = &self.front {
            let (a, b) = front.as_slices();
            if !a.iter().all(&mut show) || !b.iter().all(&mut show) {
                return;
            }
        }
        show(&self.tail);
    }

    /// The slices of content from position `from` on; they end where content cannot be addressed.
    #[inline]
    pub fn slices(&self, from: usize) -> impl Iterator<Item = &[u8]> {
        self.parts(from).map_while(|p| match p {
            Part::Bytes(b) => Some(b),
            Part::Opaque { .. } => None,
        })
    }

    /// Copies content from position `from` on into `out`, as much as there is; returns how much that was.
    ///
    /// # Errors
    /// `OutOfRange` where `from` lies behind the end, `Opaque`.
    pub fn copy_out(&self, from: usize, out: &mut [u8]) -> Result<usize, Error> {
        if from > self.len {
            return Err(Error::OutOfRange);
        }
        let mut done = 0;
        for part in self.parts(from) {
            let Some(room) = out.get_mut(done..).filter(|r| !r.is_empty()) else { break };
            let Part::Bytes(bytes) = part else { return Err(Error::Opaque) };
            let n = bytes.len().min(room.len());
            room[..n].copy_from_slice(&bytes[..n]);
            done += n;
        }
        Ok(done)
    }

    /// Whether the first `n` bytes from `from` on can be addressed.
    pub fn is_readable(&self, from: usize, n: usize) -> bool {
        let mut left = n;
        for part in self.parts(from) {
            if left == 0 {
                break;
            }
            if let Part::Opaque { .. } = part {
                return false;
            }
            left = left.saturating_sub(part.len());
        }
        true
    }

    /// The byte at a position.
    pub fn byte_at(&self, at: usize) -> Option<u8> {
        match self.parts(at).next() {
            Some(Part::Bytes(b)) => b.first().copied(),
            _ => None,
        }
    }
}

/// The runs of a buffer's content: see [`Buffer::parts`].
#[derive(Debug)]
pub struct Parts<'a, F> {
    /// What is left of one half of the ring ...
    run: core::slice::Iter<'a, Segment<F>>,
    /// ... and what comes behind it.
    second: &'a [Segment<F>],
    tail: Option<&'a Segment<F>>,
    skip: usize,
}

impl<'a, F: Owner> Iterator for Parts<'a, F> {
    type Item = Part<'a, F>;

    #[inline]
    fn next(&mut self) -> Option<Part<'a, F>> {
        loop {
            let segment = match self.run.next() {
                Some(segment) => segment,
                None if !self.second.is_empty() => {
                    self.run = core::mem::take(&mut self.second).iter();
                    continue;
                }
                None => self.tail.take()?,
            };
            let len = segment.len();
            if self.skip >= len {
                self.skip -= len;
                continue;
            }
            let skip = core::mem::take(&mut self.skip);
            return Some(match segment.part() {
                Part::Bytes(b) => Part::Bytes(b.get(skip..).unwrap_or(&[])),
                Part::Opaque { owner, start, end } => Part::Opaque { owner, start: start + skip, end },
            });
        }
    }
}
