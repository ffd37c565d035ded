//! Segments: the links of a buffer's chain.
//!
//! A segment's storage never moves once it is made: moving the segment (between chains, or inside a ring) moves only
//! its header, so that addresses handed out stay good until bytes are released.

use super::Error;
use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use bytes::{Buf, Bytes};
use core::ops::{Deref, DerefMut};

/// What stands behind a segment that the machine does not own: foreign memory or a file.
///
/// A clone is another handle on the same thing. The machine never drops a handle on its own: it leaves in
/// [`Released`](super::Released), and the face then tells the owner.
pub trait Owner: Clone {
    /// What a face notes of a buffer. Up to seven bytes without alignment take no room there.
    type Note: core::fmt::Debug;

    /// The whole of its bytes, `None` while they cannot be addressed (a file that is only sent).
    fn bytes(&self) -> Option<&[u8]>;
}

/// The owner of nothing: for buffers that hold owned and shared segments only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoOwner {}

impl Owner for NoOwner {
    type Note = ();

    fn bytes(&self) -> Option<&[u8]> {
        match *self {}
    }
}

/// A ring behind a pointer, made fallibly: a box of its own can be asked for in no other way.
#[derive(Debug)]
pub(super) struct Ring<T>(Box<[VecDeque<T>; 1]>);

impl<T> Ring<T> {
    pub fn new() -> Result<Self, Error> {
        let mut one = Vec::new();
        one.try_reserve_exact(1).map_err(|_| Error::NoMemory)?;
        one.push(VecDeque::new());
        one.into_boxed_slice().try_into().map(Ring).map_err(|_| Error::NoMemory)
    }

    pub fn into_inner(self) -> VecDeque<T> {
        let [ring] = *self.0;
        ring
    }
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Ring(Box::new([VecDeque::new()]))
    }
}

impl<T> Deref for Ring<T> {
    type Target = VecDeque<T>;
    fn deref(&self) -> &VecDeque<T> {
        &self.0[0]
    }
}

impl<T> DerefMut for Ring<T> {
    fn deref_mut(&mut self) -> &mut VecDeque<T> {
        &mut self.0[0]
    }
}

/// Bytes in storage of our own: `bytes[start..]` is content, the spare capacity behind it is room.
#[derive(Debug, Default)]
pub(super) struct Owned {
    pub bytes: Vec<u8>,
    pub start: usize,
}

#[derive(Debug)]
pub(super) struct External<F> {
    pub owner: F,
    pub start: usize,
    pub end: usize,
}

/// Bytes that several segments refer to.
#[derive(Debug)]
pub(super) struct Shared {
    pub bytes: Bytes,
    /// Came from another buffer by reference.
    pub borrowed: bool,
}

/// Four words with an owner of one, and what is rare pays for it: a buffer holds one of these.
#[derive(Debug)]
pub(super) enum Segment<F> {
    Owned(Owned),
    Shared(Box<Shared>),
    External(External<F>),
    /// As `External`, and came from another buffer by reference.
    Borrowed(External<F>),
}

const _: () = assert!(size_of::<Segment<Box<u8>>>() == 4 * size_of::<usize>());

impl<F> Default for Segment<F> {
    fn default() -> Self {
        Segment::Owned(Owned::default())
    }
}

/// A run of a buffer's content, as [`Buffer::parts`](super::Buffer::parts) lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a, F> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// Content whose bytes cannot be addressed: `start..end` of what the owner holds.
    Opaque {
        /// Who holds it.
        owner: &'a F,
        /// Where the run begins in the owner's content.
        start: usize,
        /// Where it ends.
        end: usize,
    },
}

impl<F> Part<'_, F> {
    /// How many bytes the run stands for.
    pub fn len(&self) -> usize {
        match self {
            Part::Bytes(b) => b.len(),
            Part::Opaque { start, end, .. } => end - start,
        }
    }

    /// Whether it stands for none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<F> Segment<F> {
    /// Bytes that others refer to, too.
    pub fn shared(bytes: Bytes, borrowed: bool) -> Self {
        Segment::Shared(Box::new(Shared { bytes, borrowed }))
    }

    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Segment::Owned(o) => o.bytes.len() - o.start,
            Segment::Shared(s) => s.bytes.len(),
            Segment::External(e) | Segment::Borrowed(e) => e.end - e.start,
        }
    }

    /// Whether the segment may hold less than it does now without anyone noticing its storage go.
    pub fn is_borrowed(&self) -> bool {
        match self {
            Segment::Owned(_) | Segment::External(_) => false,
            Segment::Shared(s) => s.borrowed,
            Segment::Borrowed(_) => true,
        }
    }

    pub fn is_external(&self) -> bool {
        matches!(self, Segment::External(_) | Segment::Borrowed(_))
    }

    /// Drops `n` bytes off the front; the caller knows that there are more than that.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        match self {
            Segment::Owned(o) => o.start += n,
            Segment::Shared(s) => s.bytes.advance(n),
            Segment::External(e) | Segment::Borrowed(e) => e.start += n,
        }
    }
}

impl<F: Owner> Segment<F> {
    /// The content, `None` where it cannot be addressed.
    #[inline]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Segment::Owned(o) => o.bytes.get(o.start..),
            Segment::Shared(s) => Some(&s.bytes),
            Segment::External(e) | Segment::Borrowed(e) => e.owner.bytes().and_then(|b| b.get(e.start..e.end)),
        }
    }

    #[inline]
    pub fn part(&self) -> Part<'_, F> {
        match (self.bytes(), self) {
            (Some(b), _) => Part::Bytes(b),
            (None, Segment::External(e) | Segment::Borrowed(e)) => {
                Part::Opaque { owner: &e.owner, start: e.start, end: e.end }
            }
            (None, _) => Part::Bytes(&[]),
        }
    }

    /// Another segment with the same content, without a copy: owned storage becomes shared first, in place.
    pub fn share(&mut self) -> Self {
        if let Segment::Owned(o) = self {
            let start = o.start;
            let mut bytes = Bytes::from(core::mem::take(&mut o.bytes));
            bytes.advance(start);
            *self = Segment::shared(bytes, false);
        }
        match self {
            Segment::Owned(_) => Segment::default(),
            Segment::Shared(s) => Segment::shared(s.bytes.clone(), true),
            Segment::External(e) | Segment::Borrowed(e) => {
                Segment::Borrowed(External { owner: e.owner.clone(), start: e.start, end: e.end })
            }
        }
    }
}

/// An empty vector with room for `capacity` bytes, or the allocator's refusal.
#[inline]
pub(super) fn storage(capacity: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(capacity).map_err(|_| Error::NoMemory)?;
    Ok(bytes)
}
