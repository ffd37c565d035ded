//! The wake protocol: when a loop must be rung out of its wait, and when a note is enough.
//!
//! A loop and those who wake it share one word: a bit for each *reason*, and [`WAITING`](Wake::WAITING). Others call
//! [`wake`](Wake::wake), in any thread and in signal handlers; the thread that runs the loop brackets each wait that may
//! block with [`begin_wait`](Wake::begin_wait) and [`end_wait`](Wake::end_wait), and collects reasons with
//! [`take`](Wake::take).
//!
//! What the protocol promises:
//!
//! 1. **No wake is lost.** After `wake` either the wait that runs is rung, or the next `begin_wait` refuses to block, until
//!    the reason is taken.
//! 2. **What was written before `wake` is seen after `take`**, or after the `end_wait` that returns the reason.
//! 3. **One ring a wait**: of several wakes only the first rings. A loop that runs is not rung at all.
//! 4. A ring may come late, to a wait that was not meant: waits may end early for any reason.
//!
//! The loom model in the tests tries every order of these steps.
//!
//! # Changes under a lock
//! Who changes what the loop looks at *between* `begin_wait` and the wait, under the lock that the loop holds during
//! `begin_wait`, calls [`wake_waiting`](Wake::wake_waiting): a load where the loop runs.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
#[cfg(not(loom))]
use core::sync::atomic::{AtomicI32, AtomicU32};
#[cfg(loom)]
use loom::sync::atomic::{AtomicI32, AtomicU32};

/// What a loop shares with those who wake it. See the module.
#[derive(Debug)]
pub struct Wake {
    /// [`WAITING`](Self::WAITING) and reasons.
    word: AtomicU32,
    /// What to ring: a [`Waker::wake_fd`](crate::waker::Waker::wake_fd), or -1.
    fd: AtomicI32,
}

impl Wake {
    /// The loop waits in the kernel, or is about to. Not a reason.
    pub const WAITING: u32 = 1 << 31;
    /// The reason of those who have none: the loop is to look around.
    pub const LOOK: u32 = 1;

    /// A loop that runs, with nothing to ring.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { word: AtomicU32::new(0), fd: AtomicI32::new(-1) }
    }

    /// A loop that runs, with nothing to ring.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self { word: AtomicU32::new(0), fd: AtomicI32::new(-1) }
    }

    /// Chooses the descriptor to ring. A number below zero is not rung.
    pub fn set_descriptor(&self, fd: i32) {
        self.fd.store(fd, Relaxed);
    }

    /// Notes `reasons` and rings the loop if it waits. Async-signal-safe; leaves `errno` alone.
    ///
    /// `reasons` holds at least one bit, and not [`WAITING`](Self::WAITING).
    #[inline(never)]
    pub fn wake(&self, reasons: u32) {
        debug_assert!(reasons != 0 && reasons & Self::WAITING == 0);
        // Only the first one after `begin_wait` finds the bit alone.
        if self.word.fetch_or(reasons, AcqRel) == Self::WAITING {
            self.ring();
        }
    }

    /// Rings the loop if it waits: for changes under the lock that the loop holds during `begin_wait`. Where it rings, the
    /// reason is [`LOOK`](Self::LOOK). Async-signal-safe.
    #[inline]
    pub fn wake_waiting(&self) {
        if self.word.load(Relaxed) == Self::WAITING {
            self.wake(Self::LOOK);
        }
    }

    /// The loop is about to wait: from here on others ring. Returns whether it may block; `false` where a reason is noted,
    /// and others do not ring then.
    ///
    /// Only for the thread that runs the loop.
    #[inline]
    #[must_use]
    pub fn begin_wait(&self) -> bool {
        match self.word.compare_exchange(0, Self::WAITING, AcqRel, Relaxed) {
            Ok(_) => true,
            // Left by the wait of a parent process from which this one was forked by another thread.
            Err(word) => word == Self::WAITING,
        }
    }

    /// The wait that [`begin_wait`](Self::begin_wait) allowed is over: others need not ring. Returns the reasons, which
    /// stay noted.
    ///
    /// Only for the thread that runs the loop.
    pub fn end_wait(&self) -> u32 {
        self.word.fetch_sub(Self::WAITING, AcqRel).wrapping_sub(Self::WAITING)
    }

    /// Whether the loop waits or is about to. May change at any time, except under the lock that the loop holds during
    /// `begin_wait`, where `true` may change to `false`.
    pub fn is_waiting(&self) -> bool {
        self.word.load(Relaxed) & Self::WAITING != 0
    }

    /// Whether the loop waits, or a reason is noted. May change at any time, as [`is_waiting`](Self::is_waiting) and
    /// [`reasons`](Self::reasons) do.
    pub fn is_noted(&self) -> bool {
        self.word.load(Relaxed) != 0
    }

    /// The reasons noted so far. More may come at any time.
    pub fn reasons(&self) -> u32 {
        self.word.load(Acquire) & !Self::WAITING
    }

    /// Takes those reasons of `mask` that are noted: what was written before their `wake` is seen from here on.
    #[inline]
    pub fn take(&self, mask: u32) -> u32 {
        if self.reasons() & mask == 0 {
            return 0;
        }
        self.word.fetch_and(!(mask & !Self::WAITING), AcqRel) & mask & !Self::WAITING
    }

    #[cfg(not(loom))]
    fn ring(&self) {
        let fd = self.fd.load(Relaxed);
        if fd >= 0 {
            crate::waker::wake(fd);
        }
    }

    /// In the model the descriptor is a count of rings, which orders nothing by itself.
    #[cfg(loom)]
    fn ring(&self) {
        self.fd.fetch_add(1, Relaxed);
    }
}

impl Default for Wake {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[path = "wake/tests.rs"]
mod tests;
