//! The buffer machine: a chain of segments.
//!
//! A [`Buffer`] holds bytes to come or to go in a chain of segments: storage of its own, shared [`Bytes`], and content
//! that somebody else owns (foreign memory, files; see [`Owner`]). Appending and draining are O(1) amortised, moving
//! between buffers copies nothing but the ends.
//!
//! The contract:
//! - Nothing here calls back or blocks. An operation returns a [`Delta`]; one that may let go of an owner's segment returns
//!   [`Released`], and the face tells those owners once its section has ended.
//! - A failed operation has changed nothing. Sums of lengths are checked, and growth whose size a caller decides
//!   is asked of the allocator fallibly.
//! - Addresses of content and of spare room stay good until the next operation that changes the buffer. Storage never
//!   moves while it holds content, except in [`pull_up`](Buffer::pull_up), which is there to do it.
//! - A buffer drained to nothing holds no memory. Storage comes from the allocator, or from the [`StoragePool`] that a loop lends.

mod moves;
mod parts;
mod pool;
mod room;
mod search;
mod segment;

use alloc::{collections::VecDeque, vec::Vec};
pub use parts::Parts;
pub use pool::StoragePool;
pub use room::Reservation;
pub use search::{Eol, Search};
pub use segment::{NoOwner, Owner, Part};

use bytes::Bytes;
use core::cell::Cell;
use segment::{External, Owned, Ring, Segment, storage};

/// The longest content: what a signed size can say.
pub const MAX_LEN: usize = isize::MAX as usize;
/// Room in the first segment of a buffer. Like all rooms a power of two: what is copied on then keeps its alignment.
const FIRST: usize = 1024;
/// Room in the segments of a long buffer.
const USUAL: usize = 8192;
/// Shorter pieces are not split over two segments.
const SPLIT: usize = 256;
/// A lone segment with no more content than this moves to a larger one instead of getting a successor.
const MOVE: usize = 1024;

/// Why an operation refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The end that the operation works on is frozen.
    Frozen,
    /// The content would be longer than [`MAX_LEN`].
    TooLong,
    /// The allocator refused.
    NoMemory,
    /// Some of the content cannot be addressed (a file that is only sent).
    Opaque,
    /// A position or a length lies outside the content.
    OutOfRange,
    /// The source holds content of another buffer by reference, which cannot be referred to again.
    Nested,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Error::Frozen => "the buffer is frozen at this end",
            Error::TooLong => "the content would be too long",
            Error::NoMemory => "out of memory",
            Error::Opaque => "the content cannot be addressed",
            Error::OutOfRange => "outside the content",
            Error::Nested => "the content is a reference already",
        })
    }
}

impl core::error::Error for Error {}

/// How an operation changed the length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delta {
    /// Bytes that came.
    pub added: usize,
    /// Bytes that went.
    pub removed: usize,
}

impl Delta {
    /// Bytes that came.
    pub const fn added(added: usize) -> Self {
        Self { added, removed: 0 }
    }

    /// Bytes that went.
    pub const fn removed(removed: usize) -> Self {
        Self { added: 0, removed }
    }
}

/// Owners whose segments a buffer let go of; the face tells each of them.
#[derive(Debug)]
#[must_use = "the owners wait to be told that their content is free"]
pub struct Released<F> {
    first: Option<F>,
    /// Boxed, since there is hardly ever a second and the result should be small.
    more: Option<Ring<F>>,
}

impl<F> Released<F> {
    /// Nobody.
    pub const fn none() -> Self {
        Self { first: None, more: None }
    }

    /// Whether there is nobody to tell.
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.as_ref().is_none_or(|m| m.is_empty())
    }

    /// The owner, where there is just one: the usual case. Otherwise the list as it was.
    ///
    /// # Errors
    /// The list.
    #[inline]
    pub fn only(self) -> Result<F, Self> {
        match (self.first, self.more) {
            (Some(owner), None) => Ok(owner),
            (first, more) => Err(Self { first, more }),
        }
    }

    /// Room for `n` owners.
    fn with_room(n: usize) -> Result<Self, Error> {
        let mut released = Self::none();
        if n > 1 {
            released.more.insert(Ring::new()?).try_reserve_exact(n - 1).map_err(|_| Error::NoMemory)?;
        }
        Ok(released)
    }

    #[inline]
    fn push(&mut self, segment: Segment<F>) {
        if let Segment::External(e) | Segment::Borrowed(e) = segment {
            if self.first.is_none() {
                self.first = Some(e.owner);
            } else {
                self.more.get_or_insert_default().push_back(e.owner);
            }
        }
    }
}

impl<F> Default for Released<F> {
    #[inline]
    fn default() -> Self {
        Self::none()
    }
}

/// In the order of the content.
impl<F> Iterator for Released<F> {
    type Item = F;
    #[inline]
    fn next(&mut self) -> Option<F> {
        self.first.take().or_else(|| self.more.as_mut()?.pop_front())
    }
}

/// One end of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Where content is drained and prepended.
    Front,
    /// Where content is appended.
    Back,
}

const FROZEN_FRONT: u8 = 1;
const FROZEN_BACK: u8 = 2;

/// A byte buffer: see the [module](self).
///
/// # Examples
/// ```
/// use evoxide_core::buffer::Buffer;
/// let mut b: Buffer = Buffer::new();
/// b.append(b"hello ")?;
/// b.append(b"world")?;
/// assert_eq!(b.find(b"wor", 0, b.len()), Ok(Some(6)));
/// let (delta, _released) = b.drain(6)?;
/// assert_eq!((delta.removed, b.len()), (6, 5));
/// # Ok::<(), evoxide_core::buffer::Error>(())
/// ```
#[derive(Debug)]
pub struct Buffer<F: Owner = NoOwner> {
    /// Bytes of content in all segments.
    len: usize,
    /// The last segment. It alone may be empty, with or without room.
    tail: Segment<F>,
    /// What stands before `tail`, none of it empty. Boxed, since most buffers never have it and should be small.
    front: Option<Ring<Segment<F>>>,
    frozen: u8,
    note: F::Note,
}

impl<F: Owner<Note = ()>> Default for Buffer<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Owner<Note = ()>> Buffer<F> {
    /// An empty buffer, without an allocation.
    pub const fn new() -> Self {
        Self::with_note(())
    }
}

impl<F: Owner> Buffer<F> {
    /// An empty buffer with a note of the face's.
    pub const fn with_note(note: F::Note) -> Self {
        let tail = Segment::Owned(Owned { bytes: Vec::new(), start: 0 });
        Self { len: 0, tail, front: None, frozen: 0, note }
    }

    /// What the face has noted of it.
    #[inline(always)]
    pub const fn note(&self) -> &F::Note {
        &self.note
    }

    /// Bytes of content.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no content.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes every operation on one end refuse.
    pub const fn freeze(&mut self, end: End) {
        self.frozen |= match end {
            End::Front => FROZEN_FRONT,
            End::Back => FROZEN_BACK,
        };
    }

    /// Lets operations on one end through again.
    pub const fn unfreeze(&mut self, end: End) {
        self.frozen &= !match end {
            End::Front => FROZEN_FRONT,
            End::Back => FROZEN_BACK,
        };
    }

    /// Whether operations on one end refuse.
    pub const fn is_frozen(&self, end: End) -> bool {
        self.frozen
            & match end {
                End::Front => FROZEN_FRONT,
                End::Back => FROZEN_BACK,
            }
            != 0
    }

    #[inline]
    fn thawed(&self, end: End) -> Result<(), Error> {
        if self.is_frozen(end) { Err(Error::Frozen) } else { Ok(()) }
    }

    /// The first segment; it is empty only where the buffer is.
    fn head(&self) -> &Segment<F> {
        self.front.as_ref().and_then(|d| d.front()).unwrap_or(&self.tail)
    }

    #[inline]
    fn head_mut(&mut self) -> &mut Segment<F> {
        self.front.as_mut().and_then(|d| d.front_mut()).unwrap_or(&mut self.tail)
    }

    /// Takes the first segment out.
    fn pop(&mut self) -> Segment<F> {
        self.front.as_mut().and_then(|d| d.pop_front()).unwrap_or_else(|| core::mem::take(&mut self.tail))
    }

    fn segments(&self) -> impl DoubleEndedIterator<Item = &Segment<F>> {
        self.front.iter().flat_map(|d| d.iter()).chain(core::iter::once(&self.tail))
    }

    /// Makes sure that `n` more segments fit before the tail.
    #[inline(never)]
    fn reserve_segments(&mut self, n: usize) -> Result<&mut VecDeque<Segment<F>>, Error> {
        let front = match &mut self.front {
            Some(front) => front,
            none => none.insert(Ring::new()?),
        };
        if front.capacity() - front.len() < n {
            // In few large steps: outgrown rings leave holes in the heap.
            let step = if front.is_empty() { n.max(4) } else { n.max(front.len() * 15) };
            front.try_reserve_exact(step).or_else(|_| front.try_reserve_exact(n)).map_err(|_| Error::NoMemory)?;
        }
        Ok(front)
    }

    /// Puts `segment` behind everything.
    fn push(&mut self, segment: Segment<F>) -> Result<(), Error> {
        if self.tail.len() > 0 {
            self.reserve_segments(1)?;
            let tail = core::mem::take(&mut self.tail);
            if let Some(front) = &mut self.front {
                front.push_back(tail);
            }
        }
        self.tail = segment;
        Ok(())
    }

    /// Puts `segment` before everything.
    fn push_front(&mut self, segment: Segment<F>) -> Result<(), Error> {
        if self.len == 0 {
            self.tail = segment;
            return Ok(());
        }
        self.reserve_segments(1)?.push_front(segment);
        Ok(())
    }

    #[inline]
    fn grown(&self, by: usize) -> Result<usize, Error> {
        match self.len.checked_add(by) {
            Some(len) if len <= MAX_LEN => Ok(len),
            _ => Err(Error::TooLong),
        }
    }

    /// The room that a new segment for `need` bytes gets.
    fn room_for(&self, need: usize) -> usize {
        if need > USUAL {
            return need;
        }
        let last = match &self.tail {
            Segment::Owned(o) => o.bytes.capacity(),
            _ => 0,
        };
        // Four times as much from segment to segment.
        need.max(last.saturating_mul(4).min(USUAL)).max(FIRST).next_power_of_two()
    }

    /// Makes the tail of a buffer without content an owned segment with room for `n` bytes.
    #[inline(always)]
    fn empty_tail(&mut self, n: usize) -> Result<&mut Vec<u8>, Error> {
        if !matches!(self.tail, Segment::Owned(_)) {
            self.tail = Segment::default();
        }
        let room = self.room_for(n);
        match &mut self.tail {
            Segment::Owned(o) => {
                o.bytes.clear();
                o.start = 0;
                if o.bytes.capacity() < n {
                    // Not grown: nothing is worth copying.
                    o.bytes = storage(room)?;
                }
                Ok(&mut o.bytes)
            }
            _ => Err(Error::NoMemory),
        }
    }

    /// Appends a copy of `data`.
    ///
    /// # Errors
    /// `Frozen` (even where `data` is empty), `TooLong`, `NoMemory`.
    #[inline]
    pub fn append(&mut self, data: &[u8]) -> Result<Delta, Error> {
        self.thawed(End::Back)?;
        self.append_copy(data)
    }

    /// As [`append`](Self::append), frozen or not.
    #[inline]
    fn append_copy(&mut self, data: &[u8]) -> Result<Delta, Error> {
        if let Segment::Owned(o) = &mut self.tail
            && o.bytes.capacity() - o.bytes.len() >= data.len()
            && let Some(len) = self.len.checked_add(data.len())
            && len <= MAX_LEN
        {
            o.bytes.extend_from_slice(data);
            self.len = len;
            return Ok(Delta::added(data.len()));
        }
        self.append_new(data)
    }

    #[cold]
    #[inline(never)]
    fn append_new(&mut self, data: &[u8]) -> Result<Delta, Error> {
        let len = self.grown(data.len())?;
        if data.is_empty() {
            return Ok(Delta::default());
        }
        if self.len == 0 {
            self.empty_tail(data.len())?.extend_from_slice(data);
            self.len = len;
            return Ok(Delta::added(data.len()));
        }
        if self.len <= MOVE
            && self.front.is_none()
            && let Segment::Owned(o) = &self.tail
        {
            let mut bytes = storage(self.room_for(len))?;
            bytes.extend_from_slice(o.bytes.get(o.start..).unwrap_or(&[]));
            bytes.extend_from_slice(data);
            self.tail = Segment::Owned(Owned { bytes, start: 0 });
            self.len = len;
            return Ok(Delta::added(data.len()));
        }
        let spare = match &self.tail {
            Segment::Owned(o) if data.len() >= SPLIT && o.bytes.len() > o.start => o.bytes.capacity() - o.bytes.len(),
            _ => 0,
        };
        let (fit, rest) = data.split_at_checked(spare).unwrap_or((data, &[]));
        let mut bytes = storage(self.room_for(rest.len()))?;
        if self.tail.len() > 0 {
            self.reserve_segments(1)?;
        }
        if let Segment::Owned(o) = &mut self.tail {
            o.bytes.extend_from_slice(fit);
        }
        bytes.extend_from_slice(rest);
        self.push(Segment::Owned(Owned { bytes, start: 0 }))?;
        self.len = len;
        Ok(Delta::added(data.len()))
    }

    /// Appends a vector without a copy.
    ///
    /// # Errors
    /// `Frozen`, `TooLong`, `NoMemory`.
    pub fn append_owned(&mut self, bytes: Vec<u8>) -> Result<Delta, Error> {
        self.thawed(End::Back)?;
        let (len, added) = (self.grown(bytes.len())?, bytes.len());
        if added > 0 {
            self.push(Segment::Owned(Owned { bytes, start: 0 }))?;
            self.len = len;
        }
        Ok(Delta::added(added))
    }

    /// Appends shared bytes without a copy.
    ///
    /// # Errors
    /// `Frozen`, `TooLong`, `NoMemory`.
    pub fn append_shared(&mut self, bytes: Bytes) -> Result<Delta, Error> {
        self.thawed(End::Back)?;
        let (len, added) = (self.grown(bytes.len())?, bytes.len());
        if added > 0 {
            self.push(Segment::shared(bytes, false))?;
            self.len = len;
        }
        Ok(Delta::added(added))
    }

    /// Whether [`append_external`](Self::append_external) of `n` bytes will succeed; it will, right after an `Ok`.
    ///
    /// # Errors
    /// As there.
    #[inline(always)]
    pub fn reserve_external(&mut self, n: usize) -> Result<(), Error> {
        self.thawed(End::Back)?;
        self.grown(n)?;
        if self.tail.len() > 0 {
            self.reserve_segments(1)?;
        }
        Ok(())
    }

    /// Appends `start..end` of what `owner` holds, without a copy.
    ///
    /// # Errors
    /// `Frozen`, `TooLong`, `NoMemory`, `OutOfRange` (an empty range), each with the owner.
    #[inline(always)]
    pub fn append_external(&mut self, owner: F, start: usize, end: usize) -> Result<Delta, (Error, F)> {
        if end <= start {
            return Err((Error::OutOfRange, owner));
        }
        if let Err(e) = self.reserve_external(end - start) {
            return Err((e, owner));
        }
        if self.tail.len() > 0 {
            let segment = Segment::External(External { owner, start, end });
            if let Some(front) = &mut self.front {
                front.push_back(core::mem::replace(&mut self.tail, segment));
            }
        } else {
            // The tail has room at most.
            self.tail = Segment::External(External { owner, start, end });
        }
        self.len += end - start;
        Ok(Delta::added(end - start))
    }

    /// Prepends a copy of `data`.
    ///
    /// # Errors
    /// `Frozen` (even where `data` is empty), `TooLong`, `NoMemory`.
    #[inline]
    pub fn prepend(&mut self, data: &[u8]) -> Result<Delta, Error> {
        self.thawed(End::Front)?;
        let len = self.grown(data.len())?;
        match self.room_in_front(data.len()) {
            Some(room) => room.copy_from_slice(data),
            None => return self.prepend_new(data, len),
        }
        Ok(Delta::added(data.len()))
    }

    /// Prepends `n` bytes that `fill` writes, where there is room before the content; else, and where the front is frozen,
    /// nothing happens. Cells, because what a C program wants written there may lie there already.
    #[inline]
    pub fn prepend_with(&mut self, n: usize, fill: impl FnOnce(&[Cell<u8>])) -> Option<Delta> {
        fill(Cell::from_mut(self.room_in_front(n)?).as_slice_of_cells());
        Some(Delta::added(n))
    }

    /// The `n` bytes before the content, from now on part of it, if there is room.
    #[inline(always)]
    fn room_in_front(&mut self, n: usize) -> Option<&mut [u8]> {
        if self.len == 0 || self.is_frozen(End::Front) {
            return None;
        }
        let len = self.grown(n).ok()?;
        let head = self.front.as_mut().and_then(|d| d.front_mut()).unwrap_or(&mut self.tail);
        let Segment::Owned(o) = head else { return None };
        let end = o.start;
        let start = end.checked_sub(n)?;
        let room = o.bytes.get_mut(start..end)?;
        o.start = start;
        self.len = len;
        Some(room)
    }

    #[cold]
    #[inline(never)]
    fn prepend_new(&mut self, data: &[u8], len: usize) -> Result<Delta, Error> {
        if data.is_empty() {
            return Ok(Delta::default());
        }
        let last = match self.head() {
            Segment::Owned(o) => o.bytes.capacity(),
            _ => 0,
        };
        let room = last.saturating_mul(4).clamp(FIRST, USUAL).next_power_of_two();
        let start = room.saturating_sub(data.len());
        let mut bytes = storage(start + data.len())?;
        bytes.resize(start, 0);
        bytes.extend_from_slice(data);
        self.push_front(Segment::Owned(Owned { bytes, start }))?;
        self.len = len;
        Ok(Delta::added(data.len()))
    }

    /// Removes the first `n` bytes, or all where there are fewer.
    ///
    /// # Errors
    /// `Frozen`, `NoMemory` (for the list of owners to tell).
    #[inline(always)]
    pub fn drain(&mut self, n: usize) -> Result<(Delta, Released<F>), Error> {
        self.thawed(End::Front)?;
        if n < self.len {
            let head = self.head_mut();
            if n < head.len() {
                head.advance(n);
                self.len -= n;
                return Ok((Delta::removed(n), Released::none()));
            }
            return self.drain_segments(n);
        }
        let removed = self.len;
        if self.front.is_some() {
            return self.drain_segments(removed);
        }
        self.len = 0;
        let mut released = Released::none();
        released.push(core::mem::take(&mut self.tail));
        Ok((Delta::removed(removed), released))
    }

    /// Removes all content.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn clear(&mut self) -> Result<(Delta, Released<F>), Error> {
        self.drain(usize::MAX)
    }

    /// A list with room for the owners of the segments that end within the first `n` bytes.
    fn releasing(&self, n: usize) -> Result<Released<F>, Error> {
        let mut left = n;
        let ending = self.segments().take_while(|s| {
            let whole = s.len() <= left;
            left = left.saturating_sub(s.len());
            whole
        });
        Released::with_room(ending.filter(|s| s.is_external()).count())
    }

    /// Removes `n <= len` bytes, at least one segment of them.
    #[inline(never)]
    fn drain_segments(&mut self, n: usize) -> Result<(Delta, Released<F>), Error> {
        let released = self.remove_segments(n, drop)?;
        Ok((Delta::removed(n), released))
    }

    /// Removes `n <= len` bytes, and hands the storage of segments of the buffer's own to `put`.
    fn remove_segments(&mut self, n: usize, mut put: impl FnMut(Vec<u8>)) -> Result<Released<F>, Error> {
        let mut released = self.releasing(n)?;
        self.len -= n;
        let mut left = n;
        while left > 0 {
            let head = self.head_mut();
            let len = head.len();
            if left < len {
                head.advance(left);
                break;
            }
            left -= len;
            match self.pop() {
                Segment::Owned(o) => put(o.bytes),
                other => released.push(other),
            }
        }
        if self.len == 0 {
            if let Segment::Owned(o) = core::mem::take(&mut self.tail) {
                put(o.bytes);
            }
            self.front = None;
        }
        Ok(released)
    }
}

#[cfg(test)]
mod tests;
