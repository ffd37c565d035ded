//! What tells one kind of bufferevent from another: a table of verbs.
//!
//! Files that all kinds share call these and know no kind. A new kind is a file with a table, and a line in `bufferevent.rs`.
//! Each verb is called with the stream lock held; those that may run callbacks, with a reference, too.

use crate::abi::event::{EventFn, FinalizeFn};
use core::ffi::c_int;
use evoxide_core::stream::Direction;

/// The verbs of a kind of bufferevent `B`.
pub(crate) struct Ops<B: 'static> {
    /// Interest in these directions begins: 0, or -1 where it could not.
    pub start: fn(&B, Direction) -> c_int,
    /// Interest in these directions ends.
    pub stop: fn(&B, Direction),
    /// The output has more content than before.
    pub output_grew: fn(&B),
    /// The input changed.
    pub input_changed: fn(&B),
    /// `bufferevent_flush` with a mode of `abi::bufferevent::flush`: 1 if that moved something, 0, or -1.
    pub flush: fn(&B, Direction, c_int) -> c_int,
    /// Another descriptor took the old one's place.
    pub attached: fn(&B, c_int),
    /// The bufferevent below, if there is one.
    pub below: fn(&B) -> Option<&B>,
    /// The last reference is gone: others must not find it any more.
    pub unlink: fn(&B),
    /// It is finalized, without the lock: ends what is its own. Returns the bufferevent below, of which a reference is to be
    /// given back.
    pub finish: for<'a> fn(&'a B) -> Option<&'a B>,
    /// What the loop calls to finalize it.
    pub finalize: FinalizeFn,
    /// Handlers of the two events.
    pub on_read: EventFn,
    pub on_write: EventFn,
}

/// For kinds to which a change of the buffers or the descriptor means nothing.
pub(crate) fn ignore<B>(_: &B) {}

/// As [`ignore`].
pub(crate) fn ignore_fd<B>(_: &B, _: c_int) {}

/// For kinds that have nothing to flush.
pub(crate) fn flush_nothing<B>(_: &B, _: Direction, _: c_int) -> c_int {
    0
}

/// For kinds that stand on nothing.
pub(crate) fn nothing_below<B>(_: &B) -> Option<&B> {
    None
}
