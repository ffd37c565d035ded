//! The storage that the streams of one loop read into.

use super::{Buffer, gone, grown};
use evoxide_core::buffer::StoragePool;
use std::mem;

/// The size of one read.
pub(crate) const READ: usize = 64 * 1024;
/// A read of at least so much keeps the storage that it was read into; less is copied out of it.
const KEEP: usize = READ / 4;

/// Storage that goes round between what was written and what is read next. Bounded: what is too much goes back to the allocator.
#[derive(Default)]
pub(crate) struct Pool {
    pool: StoragePool,
    /// What the next read fills.
    next: Vec<u8>,
}

impl Pool {
    /// Empty storage for one read of [`READ`] bytes; given back by [`fill`](Self::fill) or [`put`](Self::put).
    pub fn take(&mut self) -> Vec<u8> {
        let next = mem::take(&mut self.next);
        if next.capacity() >= READ {
            return next;
        }
        match self.pool.take(READ) {
            Ok(storage) if storage.capacity() >= READ => storage,
            _ => Vec::with_capacity(READ),
        }
    }

    /// Takes storage back.
    pub fn put(&mut self, mut storage: Vec<u8>) {
        storage.clear();
        self.next = storage;
    }

    /// Appends what was read to a buffer: small reads are copied, large ones keep their storage.
    pub fn fill(&mut self, into: &mut Buffer, storage: Vec<u8>) {
        into.drain_lent();
        if storage.len() >= KEEP {
            grown(into.chain.receive_storage(storage));
            return;
        }
        grown(into.chain.receive(&storage, &mut self.pool));
        self.put(storage);
    }

    /// Drops the first bytes of a buffer and keeps their storage.
    pub fn consume(&mut self, from: &mut Buffer, len: usize) {
        if len > 0 {
            from.take_back();
            gone(grown(from.chain.consume(len, &mut self.pool)));
        }
    }
}
