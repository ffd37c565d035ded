//! Buffer callbacks that run from a base's loop instead of inside the change.
//!
//! What is scheduled has a count of the buffer (and of its owner), so that a buffer freed meanwhile still sees its last
//! callbacks, as programs know it.

use super::callbacks::Observers;
use super::object::evbuffer;
use crate::abi::event::{closure, event_callback};
use crate::base::event_base;
use crate::deferred;
use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering;

/// Where the callbacks of a buffer run.
pub(crate) struct Deferred {
    base: *mut event_base,
    callback: event_callback,
}

impl Deferred {
    /// Inside the change.
    pub(super) const fn none() -> Self {
        Deferred { base: ptr::null_mut(), callback: event_callback::empty(closure::SELF) }
    }

    pub(super) const fn is_set(&self) -> bool {
        !self.base.is_null()
    }

    /// In the loop of `base` from now on. Whether there was memory for it.
    ///
    /// # Safety
    /// The caller holds the buffer's lock; `base` outlives the buffer.
    pub(super) unsafe fn set(buffer: &evbuffer, base: *mut event_base) -> bool {
        let Some(observers) = Observers::of(buffer) else { return false };
        // SAFETY: alive, and the lock keeps others out. A callback that is scheduled already is left as it is.
        unsafe {
            let this = &mut (*observers.as_ptr()).deferred;
            if this.base.is_null() {
                let priority = (*base).priorities.load(Ordering::Relaxed) / 2;
                deferred::init(&mut this.callback, priority as u8, run, buffer.raw().cast());
                this.base = base;
            }
        }
        true
    }

    /// Has the loop run the callbacks.
    ///
    /// # Safety
    /// The caller holds the buffer's lock and a count.
    pub(super) unsafe fn schedule(buffer: &evbuffer, observers: NonNull<Observers>) {
        // SAFETY: alive; the callback lives in the observers, which go with the buffer, and a scheduled one has a count of it.
        unsafe {
            let this = &raw mut (*observers.as_ptr()).deferred;
            buffer.hold();
            if !(*(*this).base).schedule_deferred(&raw mut (*this).callback) {
                buffer.unhold();
            } else if let Some((owner, ops)) = buffer.owner() {
                (ops.hold)(owner);
            }
        }
    }
}

/// The loop runs what was scheduled.
unsafe extern "C-unwind" fn run(_: *mut event_callback, arg: *mut c_void) {
    // SAFETY: the argument is the buffer, of which the schedule had a count; it is given up here, with the lock.
    unsafe {
        let buffer = evbuffer::of(arg.cast());
        let owner = buffer.owner();
        buffer.ext_lock().lock();
        Observers::run(buffer);
        buffer.release();
        if let Some((owner, ops)) = owner {
            (ops.release)(owner);
        }
    }
}
