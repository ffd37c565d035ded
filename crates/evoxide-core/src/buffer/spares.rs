//! The short ways of streams: a little is read into a buffer without memory, moves to another one, and is written.
//!
//! All of them work on frozen ends too, except for [`take_over`](Buffer::take_over), and answer that nothing was done where
//! the long ways are called for.

use super::segment::{Segment, storage};
use super::{Buffer, FIRST};
use std::io::IoSlice;

/// How many pieces of the usual size are kept.
const KEEP: usize = 16;
/// The least and the largest of the larger sizes, all powers of two, and how many pieces of each of them are kept.
const LEAST: usize = 2 * FIRST;
const LARGEST: usize = 16 * FIRST;
const KEEP_LARGE: usize = 4;
const LARGER: usize = (LARGEST / LEAST).trailing_zeros() as usize + 1;

/// Pieces of storage that one loop hands on from what was written to what is read next.
#[derive(Debug, Default)]
pub struct Spares {
    usual: Vec<Vec<u8>>,
    larger: [Vec<Vec<u8>>; LARGER],
}

impl Spares {
    /// None yet.
    pub const fn new() -> Self {
        Self { usual: Vec::new(), larger: [const { Vec::new() }; LARGER] }
    }

    /// The list for pieces of one of the larger sizes.
    #[inline]
    fn list(&mut self, size: usize) -> Option<&mut Vec<Vec<u8>>> {
        if !size.is_power_of_two() {
            return None;
        }
        self.larger.get_mut(size.trailing_zeros().wrapping_sub(LEAST.trailing_zeros()) as usize)
    }

    /// An empty piece for a read that probably brings so much, or somewhat less, if there is memory.
    #[inline]
    pub fn piece(&mut self, expected: usize) -> Option<Vec<u8>> {
        let size = expected.clamp(LEAST, LARGEST).next_power_of_two();
        self.list(size)?.pop().or_else(|| storage(size).ok())
    }

    /// Takes storage that has no content any more.
    #[inline(always)]
    pub fn keep(&mut self, mut piece: Vec<u8>) {
        if piece.capacity() == FIRST && self.usual.len() < self.usual.capacity() {
            piece.clear();
            self.usual.push(piece);
        } else {
            self.keep_slowly(piece);
        }
    }

    #[inline(never)]
    fn keep_slowly(&mut self, mut piece: Vec<u8>) {
        let (kept, most) = if piece.capacity() == FIRST {
            (&mut self.usual, KEEP)
        } else if let Some(list) = self.list(piece.capacity()) {
            (list, KEEP_LARGE)
        } else {
            return give_up(piece);
        };
        if kept.len() < most && (kept.capacity() > kept.len() || kept.try_reserve_exact(most).is_ok()) {
            piece.clear();
            kept.push(piece);
        } else {
            give_up(piece);
        }
    }
}

/// The way of storage that nobody here wants.
fn give_up(bytes: Vec<u8>) {
    super::segment::Owned { bytes, start: 0 }.empty();
}

impl<F> Buffer<F> {
    /// Whether it has neither content nor memory.
    #[inline(always)]
    pub fn is_bare(&self) -> bool {
        matches!(&self.tail, Segment::Owned(tail) if tail.bytes.capacity() == 0) && self.len == 0
    }

    /// The content where it is one segment of its own, and `None` where it is not.
    #[inline(always)]
    pub fn lone(&self) -> Option<&[u8]> {
        match &self.tail {
            Segment::Owned(tail) if self.front.is_none() => tail.bytes.get(tail.start..),
            _ => None,
        }
    }

    /// Appends a little to a buffer without memory. `false`: use [`append`](Self::append).
    #[inline(always)]
    pub fn receive(&mut self, data: &[u8], spares: &mut Spares) -> bool {
        let Segment::Owned(tail) = &mut self.tail else { return false };
        if tail.bytes.capacity() != 0 || self.len != 0 || data.len() > FIRST {
            return false;
        }
        let Some(piece) = spares.usual.pop() else { return false };
        tail.bytes = piece;
        tail.bytes.extend_from_slice(data);
        tail.start = 0;
        self.len = data.len();
        true
    }

    /// Takes storage with content as the content of a buffer without memory. Anywhere else it is given back.
    ///
    /// # Errors
    /// The storage.
    #[inline]
    pub fn receive_piece(&mut self, piece: Vec<u8>) -> Result<(), Vec<u8>> {
        let Segment::Owned(tail) = &mut self.tail else { return Err(piece) };
        if tail.bytes.capacity() != 0 || self.len != 0 {
            return Err(piece);
        }
        tail.bytes = piece;
        tail.start = 0;
        self.len = tail.bytes.len();
        Ok(())
    }

    /// Shows the first `max` bytes where all segments are the buffer's own and fit into `pieces`; answers how many of those it
    /// took. 0: use [`parts`](Buffer::parts).
    pub fn show<'a>(&'a self, max: usize, pieces: &mut [IoSlice<'a>]) -> usize {
        let mut left = max;
        let mut count = 0;
        for segment in self.front.iter().flat_map(|front| front.iter()).chain([&self.tail]) {
            if left == 0 {
                break;
            }
            let (Segment::Owned(owned), Some(piece)) = (segment, pieces.get_mut(count)) else { return 0 };
            let bytes = owned.bytes.get(owned.start..).unwrap_or(&[]);
            let bytes = bytes.get(..left).unwrap_or(bytes);
            *piece = IoSlice::new(bytes);
            left -= bytes.len();
            count += 1;
        }
        count
    }

    /// Removes the first `n` bytes where they are in segments of the buffer's own. `false`: use [`drain`](Self::drain).
    #[inline(always)]
    pub fn consume(&mut self, n: usize, spares: &mut Spares) -> bool {
        if self.front.is_some() {
            return self.consume_segments(n, spares);
        }
        let Segment::Owned(tail) = &mut self.tail else { return false };
        if n > self.len {
            return false;
        }
        self.len -= n;
        if self.len > 0 {
            tail.start += n;
        } else {
            tail.start = 0;
            spares.keep(core::mem::take(&mut tail.bytes));
        }
        true
    }

    #[inline(never)]
    fn consume_segments(&mut self, n: usize, spares: &mut Spares) -> bool {
        let (Some(front), Segment::Owned(tail)) = (&mut self.front, &mut self.tail) else { return false };
        let mut left = n;
        for segment in front.iter() {
            if left == 0 {
                break;
            }
            let Segment::Owned(owned) = segment else { return false };
            left = left.saturating_sub(owned.bytes.len() - owned.start);
        }
        if n > self.len {
            return false;
        }
        self.len -= n;
        left = n;
        while left > 0
            && let Some(Segment::Owned(head)) = front.front_mut()
        {
            let len = head.bytes.len() - head.start;
            if left < len {
                head.start += left;
                return true;
            }
            left -= len;
            spares.keep(core::mem::take(&mut head.bytes));
            // Without its storage it has nothing to drop.
            front.pop_front();
        }
        if self.len == 0 {
            tail.start = 0;
            spares.keep(core::mem::take(&mut tail.bytes));
            self.front = None;
        } else {
            tail.start += left;
        }
        true
    }

    /// Takes the content of `src` over, one segment of its own, where there is neither content nor memory here. Answers how
    /// much that is; `None`: use [`append_buffer`](Self::append_buffer).
    #[inline(always)]
    pub fn take_over(&mut self, src: &mut Self) -> Option<usize> {
        let (Segment::Owned(mine), Segment::Owned(theirs)) = (&mut self.tail, &mut src.tail) else { return None };
        if mine.bytes.capacity() != 0 || self.front.is_some() || src.front.is_some() || src.len == 0 {
            return None;
        }
        if self.frozen & super::FROZEN_BACK != 0 || src.frozen & super::FROZEN_FRONT != 0 {
            return None;
        }
        core::mem::swap(&mut mine.bytes, &mut theirs.bytes);
        mine.start = core::mem::take(&mut theirs.start);
        self.len = core::mem::take(&mut src.len);
        Some(self.len)
    }
}

#[cfg(test)]
mod tests;
