//! The storage pool of a loop, and the operations of streams that use it.
//!
//! A loop reads into one buffer, moves the content to another, writes it, and reads again. The storage that was written is
//! what is read into next. A loop owns one [`StoragePool`] and lends it to the buffers it reads into and writes from:
//!
//! ```text
//!  pool.block(max) ── the face reads into it ──> input.receive_block(pool)
//!  pool <──────────────────────────────────────── output.consume(written, pool)
//! ```
//!
//! - A read goes into the pool's *block*, which is there before the call. Little content is copied out of it into storage of its
//!   size; a block that was filled well becomes the buffer's, and the pool takes another one for the next read.
//! - The pool is bounded: what it does not keep goes back to the allocator. An idle connection holds no storage.
//! - A buffer without a loop needs no pool: its storage comes from the allocator and returns there.
//! - The operations here work on frozen ends. A freeze keeps the program from the end that its loop works on.

use super::segment::{Owned, Segment, storage};
use super::{Buffer, Delta, Error, FIRST, Owner, Released};
use alloc::vec::Vec;

/// The sizes that are kept: powers of two from the usual first size of a segment on.
const CLASSES: usize = 8;
/// How many bytes of storage of one size are kept, and how many pieces of the largest sizes.
const KEEP: usize = 64 * 1024;
const KEEP_LARGE: usize = 2;

/// Storage that goes round between the buffers of one loop.
///
/// It keeps at most 64 KiB of each size from 1 KiB to 32 KiB, two pieces each of 64 KiB and 128 KiB, the block and the piece that
/// was put last.
///
/// # Examples
/// ```
/// use evoxide_core::buffer::{Buffer, StoragePool};
/// let mut pool = StoragePool::new();
/// let (mut input, mut output): (Buffer, Buffer) = (Buffer::new(), Buffer::new());
///
/// pool.block(4096)?.extend_from_slice(b"hello"); // the face reads into its spare capacity
/// input.receive_block(&mut pool)?;
///
/// output.append_buffer(&mut input)?; // an echo
/// let _released = output.consume(5, &mut pool)?; // after the face wrote 5 bytes
/// assert!(pool.held() >= 4096);
/// # Ok::<(), evoxide_core::buffer::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct StoragePool {
    /// What the next read fills.
    block: Vec<u8>,
    /// The piece that was put last, if none was taken since.
    last: Vec<u8>,
    classes: [Vec<Vec<u8>>; CLASSES],
}

/// Which list keeps storage of this capacity, if any does.
const fn class(capacity: usize) -> Option<usize> {
    let class = capacity.trailing_zeros().wrapping_sub(FIRST.trailing_zeros()) as usize;
    if capacity.is_power_of_two() && class < CLASSES { Some(class) } else { None }
}

/// How many pieces of a class are kept.
const fn most(class: usize) -> usize {
    let fit = (KEEP / FIRST) >> class;
    if fit > KEEP_LARGE { fit } else { KEEP_LARGE }
}

impl StoragePool {
    /// The least and the most room that [`take`](Self::take) gives.
    pub const SIZES: core::ops::RangeInclusive<usize> = FIRST..=FIRST << (CLASSES - 1);

    /// An empty pool, without an allocation.
    pub const fn new() -> Self {
        Self { block: Vec::new(), last: Vec::new(), classes: [const { Vec::new() }; CLASSES] }
    }

    /// The block: empty storage that one read of at most `max` bytes fills, within [`SIZES`](Self::SIZES). What it is given is
    /// appended to a buffer with [`Buffer::receive_block`]; what is left in it is lost with the next call.
    ///
    /// # Errors
    /// `NoMemory`.
    #[inline]
    pub fn block(&mut self, max: usize) -> Result<&mut Vec<u8>, Error> {
        if self.block.capacity() < max.min(*Self::SIZES.end()) || self.block.capacity() == 0 {
            self.renew_block(max)?;
        }
        self.block.clear();
        Ok(&mut self.block)
    }

    #[cold]
    #[inline(never)]
    fn renew_block(&mut self, max: usize) -> Result<(), Error> {
        let new = self.take(max)?;
        let old = core::mem::replace(&mut self.block, new);
        self.put(old);
        Ok(())
    }

    /// Empty storage with room for `expected` bytes, within [`SIZES`](Self::SIZES): kept storage, or new.
    ///
    /// # Errors
    /// `NoMemory`.
    #[inline]
    pub fn take(&mut self, expected: usize) -> Result<Vec<u8>, Error> {
        if expected <= FIRST && self.last.capacity() == FIRST {
            return Ok(core::mem::take(&mut self.last));
        }
        self.take_kept(expected)
    }

    #[inline(never)]
    fn take_kept(&mut self, expected: usize) -> Result<Vec<u8>, Error> {
        let capacity = expected.clamp(*Self::SIZES.start(), *Self::SIZES.end()).next_power_of_two();
        if self.last.capacity() == capacity {
            return Ok(core::mem::take(&mut self.last));
        }
        match class(capacity).and_then(|class| self.classes.get_mut(class)?.pop()) {
            Some(kept) => Ok(kept),
            None => storage(capacity),
        }
    }

    /// Keeps storage whose content is not needed any more, or frees it.
    #[inline]
    pub fn put(&mut self, mut storage: Vec<u8>) {
        if self.last.capacity() == 0 && storage.capacity() == FIRST {
            storage.clear();
            // No storage to give back, which the optimiser does not always see.
            core::mem::forget(core::mem::replace(&mut self.last, storage));
        } else {
            self.put_more(storage);
        }
    }

    #[inline(never)]
    fn put_more(&mut self, mut storage: Vec<u8>) {
        if class(storage.capacity()).is_none() {
            return;
        }
        storage.clear();
        let before = core::mem::replace(&mut self.last, storage);
        if let Some(class) = class(before.capacity())
            && let Some(kept) = self.classes.get_mut(class)
            && kept.len() < most(class)
            && (kept.len() < kept.capacity() || kept.try_reserve_exact(most(class)).is_ok())
        {
            kept.push(before);
        }
    }

    /// Bytes of storage that it holds.
    pub fn held(&self) -> usize {
        let more: usize = self.classes.iter().flatten().map(Vec::capacity).sum();
        more + self.last.capacity() + self.block.capacity()
    }
}

impl<F: Owner> Buffer<F> {
    /// Whether it has neither content nor storage.
    pub fn is_bare(&self) -> bool {
        matches!(&self.tail, Segment::Owned(tail) if tail.bytes.capacity() == 0) && self.len == 0
    }

    /// The content where it is one segment of the buffer's own, and `None` where it is not.
    #[inline]
    pub fn sole(&self) -> Option<&[u8]> {
        match &self.tail {
            Segment::Owned(tail) if self.front.is_none() => tail.bytes.get(tail.start..),
            _ => None,
        }
    }

    /// Describes the first `max` bytes for a vectored write, where all of them lie in segments of the buffer's own and fit
    /// into `slices`, made by `new`; returns how many of those it used. 0: use [`parts`](Buffer::parts).
    pub fn io_slices<'a, S>(&'a self, max: usize, slices: &mut [S], new: impl Fn(&'a [u8]) -> S) -> usize {
        let mut left = max;
        let mut count = 0;
        for segment in self.segments() {
            if left == 0 {
                break;
            }
            let (Segment::Owned(owned), Some(slice)) = (segment, slices.get_mut(count)) else { return 0 };
            let bytes = owned.bytes.get(owned.start..).unwrap_or(&[]);
            let bytes = bytes.get(..left).unwrap_or(bytes);
            *slice = new(bytes);
            left -= bytes.len();
            count += 1;
        }
        count
    }

    /// Appends what a read left in the pool's [block](StoragePool::block), and empties that: little is copied, a block that was
    /// filled well moves here, and so does one where there is no memory for a copy. Cannot fail right after
    /// [`reserve_segment`](Self::reserve_segment), if the content does not get too long.
    ///
    /// # Errors
    /// `TooLong`, `NoMemory`; the block keeps its content.
    #[inline(always)]
    pub fn receive_block(&mut self, pool: &mut StoragePool) -> Result<Delta, Error> {
        let n = pool.block.len();
        if n < pool.block.capacity() / 4
            && self.len == 0
            && let Segment::Owned(tail) = &mut self.tail
            && tail.bytes.capacity() == 0
            && let Ok(mut bytes) = pool.take(n)
        {
            bytes.extend_from_slice(&pool.block);
            pool.block.clear();
            tail.bytes = bytes;
            tail.start = 0;
            self.len = n;
            return Ok(Delta::added(n));
        }
        self.receive_behind(pool)
    }

    /// As above, behind content or room, or of a block that was filled well.
    #[inline(never)]
    fn receive_behind(&mut self, pool: &mut StoragePool) -> Result<Delta, Error> {
        let little = pool.block.len() < pool.block.capacity() / 4;
        if little && let Ok(delta) = self.append_copy(&pool.block) {
            pool.block.clear();
            return Ok(delta);
        }
        self.grown(pool.block.len())?;
        self.reserve_segment()?;
        self.receive_storage(core::mem::take(&mut pool.block))
    }

    /// Appends storage that was read into, without a copy. Cannot fail on a buffer without content, nor right after
    /// [`reserve_segment`](Self::reserve_segment), if the content does not get too long.
    ///
    /// # Errors
    /// `TooLong`, `NoMemory`.
    #[inline]
    pub fn receive_storage(&mut self, storage: Vec<u8>) -> Result<Delta, Error> {
        let (len, added) = (self.grown(storage.len())?, storage.len());
        if added > 0 {
            self.push(Segment::Owned(Owned { bytes: storage, start: 0 }))?;
            self.len = len;
        }
        Ok(Delta::added(added))
    }

    /// Makes sure that there is a place for one more segment in the chain, also after the room was filled.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn reserve_segment(&mut self) -> Result<(), Error> {
        if self.tail.len() > 0 || self.spare() > 0 { self.reserve_segments(1).map(|_| ()) } else { Ok(()) }
    }

    /// Removes the first `n` bytes, which were written, and puts their storage into `pool`.
    ///
    /// # Errors
    /// `OutOfRange` where there are fewer, `NoMemory` (for the list of owners to tell).
    #[inline(always)]
    pub fn consume(&mut self, n: usize, pool: &mut StoragePool) -> Result<Released<F>, Error> {
        let (Segment::Owned(tail), None, Some(left)) = (&mut self.tail, &self.front, self.len.checked_sub(n)) else {
            return self.consume_segments(n, pool);
        };
        self.len = left;
        if left > 0 {
            tail.start += n;
        } else {
            tail.start = 0;
            pool.put(core::mem::take(&mut tail.bytes));
        }
        Ok(Released::none())
    }

    #[inline(never)]
    fn consume_segments(&mut self, n: usize, pool: &mut StoragePool) -> Result<Released<F>, Error> {
        if n > self.len {
            return Err(Error::OutOfRange);
        }
        self.remove_segments(n, |bytes| pool.put(bytes))
    }
}

#[cfg(test)]
mod tests;
