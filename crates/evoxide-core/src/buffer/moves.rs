//! Operations that move segments: between buffers, by reference, and into one piece.

use super::segment::{External, Owned, Segment, storage};
use super::{Buffer, Delta, End, Error, Owner, Part, Released};

/// A part of a segment that is shorter than this is copied rather than shared.
const SHARE: usize = 4096;

impl<F: Owner> Buffer<F> {
    /// Takes everything over from a buffer that `self`, without content, replaces.
    #[inline(always)]
    fn replace_with(&mut self, src: &mut Self) -> Delta {
        if let (Segment::Owned(to), Segment::Owned(from)) = (&mut self.tail, &mut src.tail)
            && self.front.is_none()
            && src.front.is_none()
        {
            to.bytes = core::mem::take(&mut from.bytes);
            to.start = core::mem::take(&mut from.start);
        } else {
            self.replace_segments(src);
        }
        self.len = core::mem::take(&mut src.len);
        Delta::added(self.len)
    }

    #[inline(never)]
    fn replace_segments(&mut self, src: &mut Self) {
        self.tail = core::mem::take(&mut src.tail);
        self.front = src.front.take();
    }

    /// How many segments stand before the tail.
    fn front_count(&self) -> usize {
        self.front.as_ref().map_or(0, |d| d.len())
    }

    /// Moves all of `src` behind the content. The result is the delta of `self`; `src` lost as much.
    ///
    /// # Errors
    /// `Frozen` (our back, or the front of `src`), `TooLong`, `NoMemory`.
    #[inline(always)]
    pub fn append_buffer(&mut self, src: &mut Self) -> Result<Delta, Error> {
        self.thawed(End::Back)?;
        src.thawed(End::Front)?;
        if src.len == 0 {
            return Ok(Delta::default());
        }
        if self.len == 0 {
            return Ok(self.replace_with(src));
        }
        self.append_segments(src)
    }

    #[inline(never)]
    fn append_segments(&mut self, src: &mut Self) -> Result<Delta, Error> {
        let len = self.grown(src.len)?;
        self.reserve_segments(src.front_count() + 1)?;
        let tail = core::mem::replace(&mut self.tail, core::mem::take(&mut src.tail));
        if let Some(front) = &mut self.front {
            if tail.len() > 0 {
                front.push_back(tail);
            }
            if let Some(mut more) = src.front.take() {
                front.append(&mut more);
            }
        }
        self.len = len;
        Ok(Delta::added(core::mem::take(&mut src.len)))
    }

    /// Moves all of `src` before the content. The result is the delta of `self`; `src` lost as much.
    ///
    /// # Errors
    /// `Frozen` (either front), `TooLong`, `NoMemory`.
    pub fn prepend_buffer(&mut self, src: &mut Self) -> Result<Delta, Error> {
        self.thawed(End::Front)?;
        src.thawed(End::Front)?;
        if src.len == 0 {
            return Ok(Delta::default());
        }
        if self.len == 0 {
            return Ok(self.replace_with(src));
        }
        let len = self.grown(src.len)?;
        let front = self.reserve_segments(src.front_count() + 1)?;
        let tail = core::mem::take(&mut src.tail);
        if tail.len() > 0 {
            front.push_front(tail);
        }
        if let Some(more) = src.front.take() {
            for segment in more.into_inner().into_iter().rev() {
                front.push_front(segment);
            }
        }
        self.len = len;
        Ok(Delta::added(core::mem::take(&mut src.len)))
    }
}

impl<F: Owner> Buffer<F> {
    /// Moves the first `n` bytes of `src`, or all where there are fewer, behind the content: whole segments as they are,
    /// of the last one a copy, or a share where that is long. The result is the delta of `self`; `src` lost as much.
    ///
    /// # Errors
    /// `Frozen` (our back, or the front of `src`), `TooLong`, `NoMemory`.
    pub fn append_prefix(&mut self, src: &mut Self, n: usize) -> Result<Delta, Error> {
        if n >= src.len {
            return self.append_buffer(src);
        }
        self.thawed(End::Back)?;
        src.thawed(End::Front)?;
        let head = src.head_mut();
        if n < head.len()
            && n < SHARE
            && let Some(bytes) = head.bytes()
        {
            let delta = self.append(&bytes[..n])?;
            head.advance(n);
            src.len -= n;
            return Ok(delta);
        }
        self.append_whole(src, n)
    }

    /// As above, for what is not a short part of one segment.
    fn append_whole(&mut self, src: &mut Self, n: usize) -> Result<Delta, Error> {
        let len = self.grown(n)?;
        let (mut whole, mut part) = (0, n);
        for segment in src.segments() {
            if segment.len() > part {
                break;
            }
            whole += 1;
            part -= segment.len();
        }
        if whole > 0 || part > self.spare() {
            self.reserve_segments(whole + 1)?;
        }
        // The part is made before anything moves, since making it may fail.
        let last = if part > 0 {
            let segment = match src.front.as_mut().and_then(|d| d.get_mut(whole)) {
                Some(segment) => segment,
                None => &mut src.tail,
            };
            match segment.bytes() {
                // Of what is a reference a copy, which may be referred to again.
                Some(bytes) if part < SHARE || segment.is_external() || segment.is_borrowed() => {
                    let bytes = bytes.get(..part).unwrap_or(bytes);
                    if whole == 0 && self.spare() >= part {
                        if let Segment::Owned(o) = &mut self.tail {
                            o.bytes.extend_from_slice(bytes);
                        }
                        segment.advance(part);
                        None
                    } else {
                        let mut copy = storage(self.room_for(part))?;
                        copy.extend_from_slice(bytes);
                        segment.advance(part);
                        Some(Segment::Owned(Owned { bytes: copy, start: 0 }))
                    }
                }
                _ => Some(split_front(segment, part)),
            }
        } else {
            None
        };
        for _ in 0..whole {
            let segment = src.pop();
            self.push(segment)?;
        }
        if let Some(segment) = last {
            self.push(segment)?;
        }
        src.len -= n;
        self.len = len;
        Ok(Delta::added(n))
    }

    /// Appends the content of `src` by reference: `src` keeps it, and neither copies.
    ///
    /// # Errors
    /// `Frozen` (our back), `Nested` where `src` holds content by reference already, `TooLong`, `NoMemory`.
    pub fn append_reference(&mut self, src: &mut Self) -> Result<Delta, Error> {
        self.thawed(End::Back)?;
        if src.segments().any(Segment::is_borrowed) {
            return Err(Error::Nested);
        }
        let len = self.grown(src.len)?;
        if src.len == 0 {
            return Ok(Delta::default());
        }
        self.reserve_segments(src.front_count() + 1)?;
        for segment in src.front.iter_mut().flat_map(|d| d.iter_mut()).chain(core::iter::once(&mut src.tail)) {
            if segment.len() > 0 {
                let shared = segment.share();
                self.push(shared)?;
            }
        }
        self.len = len;
        Ok(Delta::added(src.len))
    }

    /// Makes the first `n` bytes contiguous, so that [`first`](Self::first) has at least them.
    ///
    /// # Errors
    /// `OutOfRange` where there are fewer, `Opaque`, `NoMemory`.
    #[inline]
    pub fn pull_up(&mut self, n: usize) -> Result<Released<F>, Error> {
        if n > self.len {
            return Err(Error::OutOfRange);
        }
        if self.first().len() >= n {
            return Ok(Released::none());
        }
        self.gather(n)
    }

    fn gather(&mut self, n: usize) -> Result<Released<F>, Error> {
        if !self.is_readable(0, n) {
            return Err(Error::Opaque);
        }
        let mut released = self.releasing(n)?;
        let grows = match self.head() {
            Segment::Owned(o) => o.bytes.capacity() - o.start >= n,
            _ => false,
        };
        let (mut piece, head) = if grows {
            let Segment::Owned(head) = self.pop() else { return Ok(released) };
            let len = head.bytes.len() - head.start;
            (head, len)
        } else {
            // What is all of the content will be appended to next.
            let room = if n == self.len { n.saturating_add(64).checked_next_power_of_two().unwrap_or(n) } else { n };
            let room = room.max(super::FIRST);
            (Owned { bytes: storage(room).or_else(|_| storage(n))?, start: 0 }, 0)
        };
        // First the bytes and then the links, which a large copy would drive out of the caches again and again.
        let mut left = n - head;
        self.visit(0, |part| {
            if let Part::Bytes(bytes) = part {
                let bytes = &bytes[..bytes.len().min(left)];
                piece.bytes.extend_from_slice(bytes);
                left -= bytes.len();
            }
            left > 0
        });
        let mut left = n - head;
        while left > 0 {
            let head = self.head_mut();
            let len = head.len();
            if len > left {
                head.advance(left);
                break;
            }
            left -= len;
            let segment = self.pop();
            released.push(segment);
        }
        let piece = Segment::Owned(piece);
        match &mut self.front {
            // A segment left the ring, so that there is room in it.
            Some(front) if !front.is_empty() || self.tail.len() > 0 => front.push_front(piece),
            _ => self.tail = piece,
        }
        Ok(released)
    }
}

/// Splits the first `n` bytes off a segment, without a copy.
fn split_front<F: Owner>(segment: &mut Segment<F>, n: usize) -> Segment<F> {
    let was_borrowed = segment.is_borrowed();
    if let Segment::External(e) | Segment::Borrowed(e) = segment {
        let front = External { owner: e.owner.clone(), start: e.start, end: e.start + n };
        e.start += n;
        return if was_borrowed { Segment::Borrowed(front) } else { Segment::External(front) };
    }
    let mut front = segment.share();
    if let Segment::Shared(shared) = &mut front {
        shared.bytes.truncate(n);
        shared.borrowed = was_borrowed;
    }
    segment.advance(n);
    front
}
