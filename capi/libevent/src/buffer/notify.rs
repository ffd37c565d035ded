//! What follows a change of a buffer: owners of memory that was let go of, the program's callbacks, the buffer's owner.
//!
//! Callbacks run inside the change or, [deferred](EvBuffer::defer), from a base's loop. What is scheduled there has a count of
//! the buffer (and of its owner), so that a buffer freed meanwhile still sees its last callbacks, as programs know it.

use super::object::{EvBuffer, Machine, tell};
use super::observers::{Function, Observers};
use super::owner::Handle;
use crate::abi::buffer::{evbuffer, evbuffer_cb_info};
use crate::abi::event::event_callback;
use crate::base::Base;
use crate::event::deferred;
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::sync::atomic::Ordering;
use evoxide_core::buffer::{Delta, Error, Released, StoragePool};
use evoxide_ffi::lock::ExtLock;

impl EvBuffer {
    /// A whole operation that lets go of nothing: 0, or -1.
    ///
    /// # Safety
    /// As [`evbuffer::of`]; runs callbacks.
    #[inline(always)]
    pub(crate) unsafe fn change(&self, f: impl FnOnce(&mut Machine) -> Result<Delta, Error>) -> c_int {
        self.ext_lock().lock();
        match self.section(f) {
            Ok(delta) => {
                // SAFETY: locked above; not used again.
                unsafe { self.done(delta) };
                0
            }
            Err(_) => {
                self.ext_lock().unlock();
                -1
            }
        }
    }

    /// A whole operation that may let go of segments.
    ///
    /// # Safety
    /// As [`change`](Self::change).
    #[inline(always)]
    pub(super) unsafe fn shrink(
        &self,
        f: impl FnOnce(&mut Machine) -> Result<(Delta, Released<Handle>), Error>,
    ) -> c_int {
        self.ext_lock().lock();
        match self.section(f) {
            Ok((delta, released)) => {
                // SAFETY: locked above; outside the section; not used again.
                unsafe {
                    tell(released);
                    self.done(delta);
                }
                0
            }
            Err(_) => {
                self.ext_lock().unlock();
                -1
            }
        }
    }

    /// Drains and runs callbacks. The caller holds the lock and a count.
    ///
    /// # Safety
    /// As [`notify`](Self::notify).
    pub(super) unsafe fn drain(&self, n: usize) -> Result<Delta, Error> {
        let (delta, released) = self.section(|m| m.drain(n))?;
        // SAFETY: outside the section; the caller's promise.
        unsafe {
            tell(released);
            self.notify(delta);
        }
        Ok(delta)
    }

    /// As [`drain`](Self::drain), frozen or not.
    ///
    /// # Safety
    /// As [`notify`](Self::notify).
    pub(crate) unsafe fn drain_frozen(&self, n: usize) -> Result<Delta, Error> {
        // Only the machine's operation is let through, not what callbacks do.
        let (delta, released) = self.thawed_front(|b| b.section(|m| m.drain(n)))?;
        // SAFETY: outside the section; the caller's promise.
        unsafe {
            tell(released);
            self.notify(delta);
        }
        Ok(delta)
    }

    /// Drains what was written, frozen or not, into a loop's storage pool. Tells nobody but the owners of foreign memory.
    ///
    /// # Safety
    /// The caller holds the lock, outside every section, and runs in the thread of the pool's loop. `n` bytes are there.
    #[inline(always)]
    pub(crate) unsafe fn consume(&self, n: usize, pool: &UnsafeCell<StoragePool>) {
        // SAFETY: used by the loop's thread alone; the reference ends with the section, before foreign code runs.
        let consume = |n| self.section(|m| m.consume(n, unsafe { &mut *pool.get() }));
        match consume(n) {
            // SAFETY: outside the section.
            Ok(released) => unsafe { tell(released) },
            Err(error) => {
                // Without memory for the list of owners: one segment after the other.
                debug_assert!(error == Error::NoMemory);
                let mut left = n;
                while left > 0 {
                    let step = self.look(|m| m.first_len()).min(left);
                    let Ok(released) = consume(step) else { break };
                    // SAFETY: outside the section, which ended in `consume`.
                    unsafe { tell(released) };
                    left -= step;
                }
            }
        }
    }

    /// What follows a change: callbacks, then the owner, then the lock is given up.
    ///
    /// # Safety
    /// The caller holds the lock once, and does not use the buffer afterwards.
    #[inline(always)]
    pub(super) unsafe fn done(&self, delta: Delta) {
        if self.is_simple() || delta == Delta::default() {
            // SAFETY: the caller's promise; where the owner frees the memory, it does so from its loop, with the lock.
            unsafe { self.announce(delta) };
            self.ext_lock().unlock();
        } else {
            self.hold();
            // SAFETY: held, with the lock; the count just taken is given up with it.
            unsafe {
                self.notify(delta);
                self.release();
            }
        }
    }

    /// Runs callbacks for a change, and tells the owner.
    ///
    /// # Safety
    /// The caller holds the lock and a count.
    #[inline]
    pub(crate) unsafe fn notify(&self, delta: Delta) {
        self.account(delta);
        // SAFETY: the lock and a count are held.
        unsafe { self.announce(delta) };
    }

    /// The first half of [`notify`](Self::notify): from here on, callbacks hear of the change.
    #[inline]
    fn account(&self, delta: Delta) {
        if let Some(observers) = self.observers()
            && delta != Delta::default()
        {
            observers.account(delta);
        }
    }

    /// The second half of [`notify`](Self::notify).
    ///
    /// # Safety
    /// As there.
    #[inline]
    unsafe fn announce(&self, delta: Delta) {
        if delta == Delta::default() {
            return;
        }
        // SAFETY: the caller's promise; the owner promised its function when it took the buffer.
        unsafe {
            if let Some(observers) = self.observers() {
                self.run_or_schedule(observers);
            }
            self.tell_owner(delta);
        }
    }

    /// The part of [`announce`](Self::announce) that buffers without observers have.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn tell_owner(&self, delta: Delta) {
        if delta != Delta::default()
            && let Some((owner, ops)) = self.owner()
        {
            // SAFETY: the caller's promise; the owner promised its function when it took the buffer.
            unsafe { (ops.changed)(owner, self.raw(), delta) };
        }
    }

    /// # Safety
    /// As [`notify`](Self::notify).
    unsafe fn run_or_schedule(&self, observers: &Observers) {
        // SAFETY: the lock and a count are held, which what runs here needs, too.
        unsafe {
            if observers.base.get().is_null() {
                if !self.is_freed() {
                    self.run_callbacks(observers);
                }
            } else if observers.has_pending() {
                self.schedule(observers);
            }
        }
    }

    /// Runs the callbacks for what is pending. Once one has freed the buffer, no other sees it.
    ///
    /// # Safety
    /// As [`notify`](Self::notify).
    unsafe fn run_callbacks(&self, observers: &Observers) {
        let Some(Delta { added, removed }) = observers.take_pending() else { return };
        let was = self.len().wrapping_add(removed).wrapping_sub(added);
        let info = evbuffer_cb_info { orig_size: was, n_added: added, n_deleted: removed };
        let freed_before = self.is_freed();
        observers.begin_run();
        for entry in observers.entries() {
            if entry.is_due() {
                // SAFETY: the program promised its function when it added it; no section is open.
                unsafe {
                    match entry.function {
                        Function::Change(function) => function(self.raw(), &info, entry.arg),
                        Function::Lengths(function) => {
                            function(self.raw(), was, was.wrapping_add(added).wrapping_sub(removed), entry.arg);
                        }
                    }
                }
            }
            if self.is_freed() && !freed_before {
                break;
            }
        }
        observers.end_run();
    }

    /// Has callbacks run in the loop of `base`, which outlives the buffer, from now on. Whether there was memory for it. The
    /// caller holds the lock.
    pub(super) fn defer(&self, base: &Base) -> bool {
        let Some(observers) = self.observers_or_new() else { return false };
        // A callback that is scheduled already is left as it is.
        if observers.base.get().is_null() {
            let priority = base.priorities.load(Ordering::Relaxed) / 2;
            deferred::init(&observers.callback, priority as u8, run_deferred, self.raw().cast());
            observers.base.set(base.raw());
        }
        true
    }

    /// Has the loop run the callbacks.
    ///
    /// # Safety
    /// The caller holds the lock and a count.
    unsafe fn schedule(&self, observers: &Observers) {
        self.hold();
        // SAFETY: the base outlives the buffer; the callback goes with the buffer, of which a scheduled one has a count.
        unsafe {
            if !Base::live(observers.base.get()).schedule_deferred(&observers.callback) {
                self.unhold();
            } else if let Some((owner, ops)) = self.owner() {
                (ops.hold)(owner);
            }
        }
    }
}

/// The loop runs what was scheduled.
unsafe extern "C-unwind" fn run_deferred(_: *mut event_callback, arg: *mut c_void) {
    // SAFETY: the argument is the buffer, of which the schedule had a count; it is given up here, with the lock. The owner is
    // kept until after that.
    unsafe {
        let buffer = evbuffer::of(arg.cast());
        buffer.ext_lock().lock();
        let owner = buffer.owner();
        if let Some(observers) = buffer.observers() {
            buffer.run_callbacks(observers);
        }
        buffer.release();
        if let Some((owner, ops)) = owner {
            (ops.release)(owner);
        }
    }
}

/// Takes the locks of two buffers, always in the same order, and one that they share only once.
#[inline(always)]
pub(super) fn lock_both(a: &EvBuffer, b: &EvBuffer) {
    let (x, y) = (a.ext_lock(), b.ext_lock());
    if x == y {
        x.lock();
    } else if x.raw() < y.raw() {
        x.lock();
        y.lock();
    } else {
        y.lock();
        x.lock();
    }
}

/// Gives up what [`lock_both`] took.
#[inline(always)]
pub(super) fn unlock_both(x: ExtLock, y: ExtLock) {
    x.unlock();
    if x != y {
        y.unlock();
    }
}

/// What follows an operation on two buffers: callbacks of both in the order given, then both locks are given up.
///
/// # Safety
/// [`lock_both`] was called; the caller does not use the buffers afterwards.
#[inline(always)]
pub(super) unsafe fn done_both(first: (&EvBuffer, Delta), second: (&EvBuffer, Delta)) {
    // SAFETY: both are locked, and not used afterwards.
    unsafe {
        if first.0.is_simple() && second.0.is_simple() {
            let (x, y) = (first.0.ext_lock(), second.0.ext_lock());
            first.0.tell_owner(first.1);
            second.0.tell_owner(second.1);
            unlock_both(x, y);
        } else {
            held_both(first, second);
        }
    }
}

/// As [`done_both`], where callbacks may free the buffers.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn held_both(first: (&EvBuffer, Delta), second: (&EvBuffer, Delta)) {
    let (x, y) = (first.0.ext_lock(), second.0.ext_lock());
    // SAFETY: the caller's promise. Both are held, and each release gives up its count and its lock. A shared lock was taken
    // once, so it is taken again for the second release.
    unsafe {
        first.0.hold();
        second.0.hold();
        // Callbacks of one may change the other, and are told what both became.
        first.0.account(first.1);
        second.0.account(second.1);
        first.0.announce(first.1);
        second.0.announce(second.1);
        if x == y {
            x.lock();
        }
        first.0.release();
        second.0.release();
    }
}
