//! Segments: the links of a buffer's chain.
//!
//! A segment's storage never moves once it is made: moving the segment (between chains, or inside a ring) moves only
//! its header, so that addresses handed out stay good until bytes are released.

use super::{Error, FIRST};
use bytes::{Buf, Bytes};
use core::cell::{Cell, RefCell};
use core::ops::{Deref, DerefMut};
use std::collections::VecDeque;

/// What stands behind a segment that the machine does not own: foreign memory or a file.
///
/// A clone is another handle on the same thing. The machine never drops a handle on its own: it leaves in
/// [`Retired`](super::Retired), and the face then tells the owner.
pub trait Owner: Clone {
    /// The whole of its bytes, `None` while they cannot be addressed (a file that is only sent).
    fn bytes(&self) -> Option<&[u8]>;
}

/// The owner of nothing: for buffers that hold owned and shared segments only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoOwner {}

impl Owner for NoOwner {
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
    #[inline]
    fn deref(&self) -> &VecDeque<T> {
        &self.0[0]
    }
}

impl<T> DerefMut for Ring<T> {
    #[inline]
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

/// How many bytes of storage of one size a thread keeps for its next buffers. A loop reads into many buffers before it
/// writes from any, which is more than the allocator's own fast lists hold.
const KEEP: usize = 128 * 1024;
/// The sizes that are kept: powers of two from the usual first size on.
const CLASSES: usize = 5;

/// From the first of these sizes to the last, one piece of storage is kept as well: the last that was given up.
const LARGE: core::ops::RangeInclusive<usize> = FIRST << CLASSES..=KEEP;

/// Storage that a thread keeps, by class: the last that was given up at hand, and what was given up before.
struct Kept {
    last: [Cell<Vec<u8>>; CLASSES],
    more: RefCell<[Vec<Vec<u8>>; CLASSES]>,
}

impl Kept {
    const fn new() -> Self {
        let last = [const { Cell::new(Vec::new()) }; CLASSES];
        Self { last, more: RefCell::new([const { Vec::new() }; CLASSES]) }
    }

    #[cold]
    #[inline(never)]
    fn put_more(&self, class: usize, bytes: Vec<u8>) {
        // In a drop inside a drop it is simply freed.
        if let Ok(mut more) = self.more.try_borrow_mut()
            && let Some(more) = more.get_mut(class)
            && more.len() + 1 < (KEEP / FIRST) >> class
            && more.try_reserve(1).is_ok()
        {
            more.push(bytes);
        }
    }

    #[cold]
    #[inline(never)]
    fn take_more(&self, class: usize) -> Option<Vec<u8>> {
        self.more.try_borrow_mut().ok()?.get_mut(class)?.pop()
    }
}

thread_local! {
    static KEPT: Kept = const { Kept::new() };
    static KEPT_LARGE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Which list keeps storage of this capacity, if any does.
#[inline]
const fn class(capacity: usize) -> Option<usize> {
    let class = capacity.trailing_zeros().wrapping_sub(FIRST.trailing_zeros()) as usize;
    if capacity.is_power_of_two() && class < CLASSES { Some(class) } else { None }
}

impl Owned {
    /// Gives the storage up.
    #[inline]
    pub fn empty(&mut self) {
        if self.bytes.capacity() >= *LARGE.start() {
            return self.empty_large();
        }
        self.start = 0;
        let bytes = core::mem::take(&mut self.bytes);
        if let Some(class) = class(bytes.capacity()) {
            keep(class, bytes);
        }
    }

    /// Keeps large storage, the last that was given up.
    #[cold]
    #[inline(never)]
    fn empty_large(&mut self) {
        if LARGE.contains(&self.bytes.capacity()) {
            // In place: see `large_storage`. Once the thread ends, it is simply freed.
            let keep = |kept: &RefCell<Vec<u8>>| {
                kept.try_borrow_mut().is_ok_and(|mut kept| swapped(&mut self.bytes, &mut kept))
            };
            let _ = KEPT_LARGE.try_with(keep);
        }
        self.start = 0;
        self.bytes = Vec::new();
    }

    /// The same for a link of a long chain, which is kept only where few of its size are: the rest goes back to the
    /// allocator as one piece.
    pub fn empty_link(&mut self) {
        let few = |class: usize| {
            let kept = |kept: &Kept| Some(kept.more.try_borrow().ok()?.get(class)?.len());
            KEPT.try_with(kept).ok().flatten().is_some_and(|n| n < (KEEP / FIRST / 8) >> class)
        };
        if class(self.bytes.capacity()).is_none_or(few) {
            self.empty();
        } else {
            self.start = 0;
            drop(core::mem::take(&mut self.bytes));
        }
    }
}

impl Drop for Owned {
    #[inline]
    fn drop(&mut self) {
        if self.bytes.capacity() > 0 {
            self.empty();
        }
    }
}

/// Keeps storage, if there is room for it.
fn keep(class: usize, mut bytes: Vec<u8>) {
    // While the thread ends it is simply freed.
    let _ = KEPT.try_with(|kept| {
        if let Some(last) = kept.last.get(class) {
            bytes.clear();
            let before = last.replace(bytes);
            if before.capacity() > 0 {
                kept.put_more(class, before);
            }
        }
    });
}

/// Takes storage that was kept.
#[inline]
fn take(class: usize) -> Option<Vec<u8>> {
    let taken = KEPT.try_with(|kept| {
        let last = kept.last.get(class)?.take();
        if last.capacity() > 0 { Some(last) } else { kept.take_more(class) }
    });
    taken.ok().flatten()
}

fn swapped(a: &mut Vec<u8>, b: &mut Vec<u8>) -> bool {
    core::mem::swap(a, b);
    true
}

/// As [`storage`], for a size that no class has and in the place of an empty vector: what is kept of about that size, with at
/// least as much room and whatever was in it. In that place, since words that are moved on in other shapes than they were
/// written in wait until all that was written before has reached the cache.
pub(super) fn large_storage(into: &mut Vec<u8>, capacity: usize) -> Result<(), Error> {
    let fits = |kept: &Vec<u8>| capacity <= kept.capacity() && kept.capacity() / 2 < capacity;
    let taken =
        KEPT_LARGE.try_with(|kept| kept.try_borrow_mut().is_ok_and(|mut kept| fits(&kept) && swapped(into, &mut kept)));
    if taken != Ok(true) {
        *into = storage(capacity)?;
    }
    Ok(())
}

#[derive(Debug)]
pub(super) struct External<F> {
    pub owner: F,
    pub start: usize,
    pub end: usize,
    /// Came from another buffer by reference.
    pub borrowed: bool,
}

#[derive(Debug)]
pub(super) enum Segment<F> {
    Owned(Owned),
    Shared { bytes: Bytes, borrowed: bool },
    External(External<F>),
}

impl<F> Default for Segment<F> {
    #[inline]
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
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Segment::Owned(o) => o.bytes.len() - o.start,
            Segment::Shared { bytes, .. } => bytes.len(),
            Segment::External(e) => e.end - e.start,
        }
    }

    /// Whether the segment may hold less than it does now without anyone noticing its storage go.
    pub fn is_borrowed(&self) -> bool {
        match self {
            Segment::Owned(_) => false,
            Segment::Shared { borrowed, .. } => *borrowed,
            Segment::External(e) => e.borrowed,
        }
    }

    pub fn is_external(&self) -> bool {
        matches!(self, Segment::External(_))
    }

    /// Drops `n` bytes off the front; the caller knows that there are more than that.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        match self {
            Segment::Owned(o) => o.start += n,
            Segment::Shared { bytes, .. } => bytes.advance(n),
            Segment::External(e) => e.start += n,
        }
    }
}

impl<F: Owner> Segment<F> {
    /// The content, `None` where it cannot be addressed.
    #[inline]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Segment::Owned(o) => o.bytes.get(o.start..),
            Segment::Shared { bytes, .. } => Some(bytes),
            Segment::External(e) => e.owner.bytes().and_then(|b| b.get(e.start..e.end)),
        }
    }

    #[inline]
    pub fn part(&self) -> Part<'_, F> {
        match (self.bytes(), self) {
            (Some(b), _) => Part::Bytes(b),
            (None, Segment::External(e)) => Part::Opaque { owner: &e.owner, start: e.start, end: e.end },
            (None, _) => Part::Bytes(&[]),
        }
    }

    /// Another segment with the same content, without a copy: owned storage becomes shared first, in place.
    pub fn share(&mut self) -> Self {
        if let Segment::Owned(o) = self {
            let start = o.start;
            let mut bytes = Bytes::from(core::mem::take(&mut o.bytes));
            bytes.advance(start);
            *self = Segment::Shared { bytes, borrowed: false };
        }
        match self {
            Segment::Owned(_) => Segment::default(),
            Segment::Shared { bytes, .. } => Segment::Shared { bytes: bytes.clone(), borrowed: true },
            Segment::External(e) => {
                Segment::External(External { owner: e.owner.clone(), start: e.start, end: e.end, borrowed: true })
            }
        }
    }
}

/// An empty vector with room for `capacity` bytes, or the allocator's refusal.
#[inline]
pub(super) fn storage(capacity: usize) -> Result<Vec<u8>, Error> {
    if let Some(class) = class(capacity)
        && let Some(kept) = take(class)
    {
        return Ok(kept);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(capacity).map_err(|_| Error::NoMemory)?;
    Ok(bytes)
}
