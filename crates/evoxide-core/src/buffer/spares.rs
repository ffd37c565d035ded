//! The short ways of streams: a little is read into a buffer without memory, moves to another one, and is written.
//!
//! All of them work on frozen ends too, except for [`take_over`](Buffer::take_over), and answer that nothing was done where
//! the long ways are called for.

use super::segment::Segment;
use super::{Buffer, FIRST};

/// How many pieces are kept.
const KEEP: usize = 16;

/// Pieces of storage that one loop hands on from what was written to what is read next.
#[derive(Debug, Default)]
pub struct Spares(Vec<Vec<u8>>);

impl Spares {
    /// None yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        let _ = self.0.try_reserve_exact(KEEP);
    }

    /// Keeps storage that has nothing in it, if there is room.
    #[inline(always)]
    fn keep(&mut self, mut piece: Vec<u8>) -> Result<(), Vec<u8>> {
        if piece.capacity() != FIRST || self.0.len() == self.0.capacity() {
            if piece.capacity() != FIRST || self.0.capacity() != 0 {
                return Err(piece);
            }
            self.make_room();
            if self.0.capacity() == 0 {
                return Err(piece);
            }
        }
        piece.clear();
        self.0.push(piece);
        Ok(())
    }
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
        let Some(piece) = spares.0.pop() else { return false };
        tail.bytes = piece;
        tail.bytes.extend_from_slice(data);
        tail.start = 0;
        self.len = data.len();
        true
    }

    /// Removes the first `n` bytes of a buffer with one segment of its own. `false`: use [`drain`](Self::drain).
    #[inline(always)]
    pub fn consume(&mut self, n: usize, spares: &mut Spares) -> bool {
        let Segment::Owned(tail) = &mut self.tail else { return false };
        if self.front.is_some() || n > self.len {
            return false;
        }
        self.len -= n;
        if self.len > 0 {
            tail.start += n;
            return true;
        }
        tail.start = 0;
        if let Err(piece) = spares.keep(core::mem::take(&mut tail.bytes)) {
            tail.bytes = piece;
            tail.empty();
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
