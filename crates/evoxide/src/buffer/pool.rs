//! The storage that the streams of one loop read into.

use super::{Buffer, gone, grown};
use evoxide_core::buffer::StoragePool;

/// The most that one read takes.
pub(crate) const READ: usize = 64 * 1024;

/// Storage that goes round between what was written and what is read next. Bounded: what is too much goes back to the allocator.
#[derive(Default)]
pub(crate) struct Pool {
    pub storage: StoragePool,
    /// An empty buffer: for what the next handler writes.
    spare: Option<Box<Buffer>>,
}

impl Pool {
    /// Empty storage for one read of [`READ`] bytes; what is read there is appended by [`fill`](Self::fill).
    pub fn block(&mut self) -> &mut Vec<u8> {
        grown(self.storage.block(READ))
    }

    /// How much storage it keeps, in bytes.
    pub fn held(&self) -> usize {
        self.storage.held()
    }

    /// Appends what was read to a buffer: little is copied, much keeps its storage.
    pub fn fill(&mut self, into: &mut Buffer) {
        into.drain_lent();
        grown(into.chain.receive_block(&mut self.storage));
    }

    /// An empty buffer, if there is one to spare.
    pub fn spare(&mut self) -> Option<Box<Buffer>> {
        self.spare.take()
    }

    /// Keeps one buffer that nobody needs.
    pub fn keep(&mut self, buffer: Box<Buffer>) {
        if self.spare.is_none() && buffer.is_new() {
            self.spare = Some(buffer);
        }
    }

    /// Drops the first bytes of a buffer and keeps their storage.
    pub fn consume(&mut self, from: &mut Buffer, len: usize) {
        if len > 0 {
            from.take_back();
            gone(grown(from.chain.consume(len, &mut self.storage)));
        }
    }
}
