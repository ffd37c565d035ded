//! Room behind the content: made before bytes come, shown to the code that writes them, and counted as content afterwards.
//!
//! - [`expand`](Buffer::expand) makes room in one place, [`expand_split`](Buffer::expand_split) in two.
//! - [`fill`](Buffer::fill) and [`fill_split`](Buffer::fill_split) lend the room and count what was written there.
//! - [`reserve`](Buffer::reserve) and [`commit`](Buffer::commit) are for bytes that cannot be put back once they were read
//!   from a descriptor: the memory for them is there before.

use super::segment::{Owned, Segment, storage};
use super::{Buffer, Delta, End, Error, FIRST, MAX_LEN, Owner};
use alloc::vec::Vec;

/// Memory for bytes to come: see [`Buffer::reserve`].
#[derive(Debug)]
#[must_use = "it holds memory that `commit` uses"]
pub struct Reservation(Owned);

impl<F: Owner> Buffer<F> {
    /// Makes room for `n` bytes in one segment, so that they can be appended without an allocation. Works on frozen ends too,
    /// since it leaves the content alone.
    ///
    /// # Errors
    /// `TooLong`, `NoMemory`.
    #[inline]
    pub fn expand(&mut self, n: usize) -> Result<(), Error> {
        self.grown(n)?;
        match &self.tail {
            Segment::Owned(o) if o.bytes.capacity() - o.bytes.len() >= n => Ok(()),
            _ => self.expand_new(n),
        }
    }

    #[cold]
    #[inline(never)]
    fn expand_new(&mut self, n: usize) -> Result<(), Error> {
        if self.len == 0 {
            return self.empty_tail(n).map(|_| ());
        }
        let bytes = storage(self.room_for(n))?;
        self.push(Segment::Owned(Owned { bytes, start: 0 }))
    }

    /// Makes room for `n` bytes in at most two places: the rest of the last segment with content, and a new one for what does
    /// not fit there. Otherwise as [`expand`](Self::expand).
    ///
    /// # Errors
    /// `TooLong`, `NoMemory`.
    pub fn expand_split(&mut self, n: usize) -> Result<(), Error> {
        self.grown(n)?;
        let (first, second) = self.rooms();
        if first.saturating_add(second) >= n {
            return Ok(());
        }
        // An empty segment that is too small is replaced.
        self.drop_empty_tail();
        let rest = self.spare();
        if self.tail.len() == 0 || rest == 0 {
            return self.expand_new(n);
        }
        let bytes = storage(self.room_for(n - rest))?;
        self.push(Segment::Owned(Owned { bytes, start: 0 }))
    }

    /// The room in the last segment with content, and in an empty one behind it; in the last segment alone where there are
    /// not both.
    fn rooms(&self) -> (usize, usize) {
        let room = |s: &Segment<F>| match s {
            Segment::Owned(o) => o.bytes.capacity() - o.bytes.len(),
            _ => 0,
        };
        match self.front.as_ref().and_then(|front| front.back()) {
            Some(last) if self.tail.len() == 0 => (room(last), room(&self.tail)),
            _ => (room(&self.tail), 0),
        }
    }

    /// Makes the last segment with content the tail again, in the place of an empty one.
    fn drop_empty_tail(&mut self) {
        if self.tail.len() == 0
            && let Some(last) = self.front.as_mut().and_then(|front| front.pop_back())
        {
            self.tail = last;
        }
    }

    /// How many bytes fit behind the content without an allocation, in one place.
    pub fn spare(&self) -> usize {
        match &self.tail {
            Segment::Owned(o) => o.bytes.capacity() - o.bytes.len(),
            _ => 0,
        }
    }

    /// Lets `fill` write into the room: it may push bytes on the vector up to its capacity, and must neither take
    /// any away nor make it grow. The bytes before are of no concern to it.
    ///
    /// Use [`expand`](Self::expand) first. Where the last segment is not the buffer's own storage, the vector has no room.
    ///
    /// # Errors
    /// `Frozen`, with `fill` not called; `TooLong` where the bytes do not count any more: they are taken back.
    #[inline]
    pub fn fill<R>(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> R) -> Result<(Delta, R), Error> {
        self.thawed(End::Back)?;
        let Segment::Owned(o) = &mut self.tail else {
            return Ok((Delta::default(), fill(&mut Vec::new())));
        };
        let before = o.bytes.len();
        let result = fill(&mut o.bytes);
        let added = o.bytes.len().saturating_sub(before);
        match self.len.checked_add(added) {
            Some(len) if len <= MAX_LEN => self.len = len,
            _ => {
                o.bytes.truncate(before);
                return Err(Error::TooLong);
            }
        }
        Ok((Delta::added(added), result))
    }

    /// As [`fill`](Self::fill), for the room in two places that [`expand_split`](Self::expand_split) made. Where there is only
    /// one, the second vector has no room, and what is pushed on it is lost.
    ///
    /// # Errors
    /// As there.
    pub fn fill_split<R>(&mut self, fill: impl FnOnce([&mut Vec<u8>; 2]) -> R) -> Result<(Delta, R), Error> {
        self.thawed(End::Back)?;
        let is_split = self.tail.len() == 0;
        let last = self.front.as_mut().and_then(|front| front.back_mut());
        let (Some(Segment::Owned(first)), Segment::Owned(second), true) = (last, &mut self.tail, is_split) else {
            return self.fill(|only| fill([only, &mut Vec::new()]));
        };
        let before = (first.bytes.len(), second.bytes.len());
        let result = fill([&mut first.bytes, &mut second.bytes]);
        let new = [first.bytes.len().saturating_sub(before.0), second.bytes.len().saturating_sub(before.1)];
        let added = new[0].saturating_add(new[1]);
        match self.len.checked_add(added) {
            Some(len) if len <= MAX_LEN => self.len = len,
            _ => {
                first.bytes.truncate(before.0);
                second.bytes.truncate(before.1);
                return Err(Error::TooLong);
            }
        }
        if added > 0 && new[1] == 0 && first.bytes.len() < first.bytes.capacity() {
            // What comes next continues where this ended.
            self.drop_empty_tail();
        }
        Ok((Delta::added(added), result))
    }

    /// Memory with which [`commit`](Self::commit) of up to `n` bytes cannot fail, if that is the next change but for filling
    /// the room. Works on frozen ends too.
    ///
    /// # Errors
    /// `TooLong`, `NoMemory`.
    pub fn reserve(&mut self, n: usize) -> Result<Reservation, Error> {
        self.grown(n.saturating_add(self.spare()))?;
        if self.tail.len() > 0 || self.spare() > 0 {
            self.reserve_segments(1)?;
        }
        let room = n.max(FIRST).checked_next_power_of_two().unwrap_or(n);
        Ok(Reservation(Owned { bytes: storage(room)?, start: 0 }))
    }

    /// Appends no more bytes than were reserved for: to where [`append`](Self::append) puts them, or to the reserved memory
    /// where there is no other.
    pub fn commit(&mut self, reservation: Reservation, data: &[u8]) -> Delta {
        if let Ok(delta) = self.append(data) {
            return delta;
        }
        let Reservation(mut owned) = reservation;
        owned.bytes.extend_from_slice(data);
        // There is a place for it in the chain, and the sum was checked.
        match self.push(Segment::Owned(owned)) {
            Ok(()) => {
                self.len += data.len();
                Delta::added(data.len())
            }
            Err(_) => Delta::default(),
        }
    }
}
