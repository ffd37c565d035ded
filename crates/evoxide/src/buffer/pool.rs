//! The storage that the streams of one loop read into.

use super::{Buffer, gone, grown};
use evoxide_core::buffer::StoragePool;

/// The most that one read takes.
pub(crate) const READ: usize = 64 * 1024;

/// Storage that goes round between what was written and what is read next. Bounded: what is too much goes back to the allocator.
#[derive(Default)]
pub(crate) struct Pool(StoragePool);

impl Pool {
    /// Empty storage for one read of [`READ`] bytes; what is read there is appended by [`fill`](Self::fill).
    pub fn block(&mut self) -> &mut Vec<u8> {
        grown(self.0.block(READ))
    }

    /// Appends what was read to a buffer: little is copied, much keeps its storage.
    pub fn fill(&mut self, into: &mut Buffer) {
        into.drain_lent();
        grown(into.chain.receive_block(&mut self.0));
    }

    /// Drops the first bytes of a buffer and keeps their storage.
    pub fn consume(&mut self, from: &mut Buffer, len: usize) {
        if len > 0 {
            from.take_back();
            gone(grown(from.chain.consume(len, &mut self.0)));
        }
    }
}
