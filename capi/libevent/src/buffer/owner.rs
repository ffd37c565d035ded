//! What stands behind the segments that a buffer does not own: memory added by reference, and file segments.
//!
//! Both are counted blocks from the allocator hooks that begin with a [`Block`]. A [`Handle`] is one count. Handles are
//! not dropped but [released](Handle::release), outside every section, since the last release runs the program's code.

use super::object::Counts;
use crate::abi::buffer::CleanupFn;
use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::slice;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
use evoxide_core::buffer::Owner;
use evoxide_ffi::mm;

/// The head of every counted block.
#[repr(C)]
pub(crate) struct Block {
    refs: AtomicUsize,
    /// The content; null while it cannot be addressed. Once set it stays.
    data: AtomicPtr<u8>,
    len: usize,
    /// Frees the block, whose last count is gone, and tells its owner. Outside every section.
    end: unsafe fn(NonNull<Block>),
}

impl Block {
    /// A block with one count. `data`: its content, or null.
    pub(super) const fn new(data: *mut u8, len: usize, end: unsafe fn(NonNull<Block>)) -> Self {
        Block { refs: AtomicUsize::new(1), data: AtomicPtr::new(data), len, end }
    }

    /// Whether it ends in this way: what it is the head of.
    pub(super) fn ends_with(&self, end: unsafe fn(NonNull<Block>)) -> bool {
        ptr::fn_addr_eq(self.end, end)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Makes the content addressable.
    ///
    /// # Safety
    /// `data` points to as many bytes as the block says, and they stay until the block goes.
    pub(super) unsafe fn publish(&self, data: *const u8) {
        self.data.store(data.cast_mut(), Ordering::Release);
    }

    pub(super) fn is_addressable(&self) -> bool {
        !self.data.load(Ordering::Acquire).is_null()
    }
}

/// Memory added by reference.
#[repr(C)]
struct Reference {
    block: Block,
    cleanup: Option<CleanupFn>,
    arg: *mut c_void,
}

impl Reference {
    /// Frees the block and runs the program's clean-up.
    unsafe fn end(block: NonNull<Block>) {
        // SAFETY: blocks that end so are the head of a reference, with which the caller is alone.
        unsafe {
            let reference: NonNull<Reference> = block.cast();
            let Reference { cleanup, arg, block } = reference.as_ref();
            let (cleanup, arg, data, len) = (*cleanup, *arg, block.data.load(Ordering::Relaxed), block.len);
            mm::free(reference.as_ptr().cast());
            if let Some(cleanup) = cleanup {
                cleanup(data.cast(), len, arg);
            }
        }
    }
}

/// One count of a block.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Handle(NonNull<Block>);

impl Clone for Handle {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: a handle keeps its block alive.
        unsafe { self.0.as_ref() }.refs.fetch_add(1, Ordering::Relaxed);
        Handle(self.0)
    }
}

impl Owner for Handle {
    type Note = Counts;

    #[inline]
    fn bytes(&self) -> Option<&[u8]> {
        // SAFETY: a handle keeps its block alive.
        let block = unsafe { self.0.as_ref() };
        let data = block.data.load(Ordering::Acquire);
        // SAFETY: the program lent `len` bytes at `data` until the last handle is released (or the file segment holds
        // them); `len` was checked to be at most isize::MAX.
        (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data, block.len) })
    }
}

impl Handle {
    /// Memory that the program lends; `None` without memory for the block.
    pub(super) fn reference(
        data: *const c_void,
        len: usize,
        cleanup: Option<CleanupFn>,
        arg: *mut c_void,
    ) -> Option<Self> {
        let block = Block::new(data.cast_mut().cast(), len, Reference::end);
        mm::alloc(Reference { block, cleanup, arg }).map(|r| Handle(r.cast()))
    }

    /// One more count of a block.
    ///
    /// # Safety
    /// `block` is alive.
    pub(super) unsafe fn another(block: NonNull<Block>) -> Self {
        // SAFETY: the block is alive.
        unsafe { block.as_ref() }.refs.fetch_add(1, Ordering::Relaxed);
        Handle(block)
    }

    /// Takes over a count of a block.
    ///
    /// # Safety
    /// `block` is alive, and the caller gives a count of it away.
    pub(super) const unsafe fn from_count(block: NonNull<Block>) -> Self {
        Handle(block)
    }

    /// The block.
    pub(super) const fn block(&self) -> NonNull<Block> {
        self.0
    }

    /// Frees a reference that never came to be used, without its clean-up.
    ///
    /// # Safety
    /// `self` is the only handle, from [`Handle::reference`].
    pub(super) unsafe fn forget(self) {
        // SAFETY: nobody else has a count, and the block came from the hooks.
        unsafe { mm::free(self.0.as_ptr().cast()) };
    }

    /// Gives the count up. The last one runs the clean-up callback and frees the block.
    ///
    /// # Safety
    /// Outside every section. `self` came out of the machine or was never in it.
    #[inline]
    pub(crate) unsafe fn release(self) {
        // SAFETY: a handle keeps its block alive. Who sees a count of 1 is alone with the block, so nobody can add to it.
        unsafe {
            let refs = &self.0.as_ref().refs;
            if refs.load(Ordering::Acquire) != 1 && refs.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
            (self.0.as_ref().end)(self.0);
        }
    }
}
