//! How a bufferevent begins and ends.

use super::handle::{Bev, Extension, Locked, SharedLock};
use super::{buffers, rate};
use crate::abi::bufferevent::opt;
use crate::abi::event::event;
use crate::base::event_base;
use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr::{self, NonNull};
use evoxide_core::stream::{Direction, Hold};
use evoxide_ffi::lock::{ExtLock, LOCKTYPE_RECURSIVE};
use evoxide_ffi::{mm, warnx};

/// What a new bufferevent is made with.
pub(crate) struct Plan<'a> {
    pub base: *mut event_base,
    /// Its descriptor or -1; `None` for a kind that has none.
    pub fd: Option<c_int>,
    pub options: u8,
    /// The extension that its kind shares.
    pub extension: &'static Extension,
    /// Whether the kind needs an extension of its own.
    pub extended: bool,
    /// The bufferevent whose lock it uses.
    pub lock_of: Option<&'a Bev>,
    /// Programs may only add to the output and drain the input.
    pub frozen: bool,
}

/// A new bufferevent with buffers, events and lock, which nobody else knows of. `None`, with nothing left over, where memory is
/// short or the options make no sense.
pub(crate) fn create<'a>(plan: &Plan<'_>) -> Option<&'a Locked> {
    let Plan { base, fd, options, extension, .. } = *plan;
    if options & (opt::UNLOCK_CALLBACKS | opt::DEFER_CALLBACKS) == opt::UNLOCK_CALLBACKS {
        warnx!("UNLOCK_CALLBACKS requires DEFER_CALLBACKS");
        return None;
    }
    // SAFETY: made just now.
    let bev = unsafe { Bev::allocate(extension, options, &buffers::OPS).as_ref() }?;
    // What it will need is made now, where that can still fail.
    let extended = plan.extended || options & opt::DEFER_CALLBACKS != 0;
    if extended && !bev.extension_or_new() || !take_lock(bev, plan.lock_of) {
        // SAFETY: fresh, and nobody knows of it; empty buffers hold nothing.
        unsafe { bev.deallocate() };
        return None;
    }
    let bev = bev.assume_locked();
    bev.ev_base.set(base);
    bev.input.set(bev.input().raw().cast());
    bev.output.set(bev.output().raw().cast());
    buffers::own(bev, plan.frozen);
    bev.assign(base, fd.unwrap_or(-1), fd.is_some());
    bev.publish_enabled();
    Some(bev)
}

/// Gives a new bufferevent its lock. `false`: there is none to be had.
fn take_lock(bev: &Bev, from: Option<&Bev>) -> bool {
    let shared = match from {
        Some(other) => {
            let shared = other.extension().lock_owners.get();
            // SAFETY: null, or the other bufferevent is one of its users.
            unsafe { SharedLock::join(shared) };
            Some(shared)
        }
        None if bev.options & opt::THREADSAFE != 0 => SharedLock::new(),
        None => Some(ptr::null_mut()),
    };
    let Some(shared) = shared else { return false };
    if shared.is_null() {
        return true;
    }
    // SAFETY: alive, as this bufferevent is a user now.
    unsafe {
        if !bev.extension_or_new() {
            SharedLock::leave(shared);
            return false;
        }
        bev.own_extension(|e| e.lock_owners.set(shared));
        bev.set_lock((*shared).lock);
    }
    true
}

/// `bufferevent_free`: no callback comes any more; what is referred to elsewhere stays until it is let go.
pub(crate) fn free(bev: &Bev) {
    let bev = bev.lock();
    bev.set_callbacks(None, None, None, ptr::null_mut());
    bev.mark(super::handle::flag::FREED, true);
    rate::stop_waiting(bev);
    bev.release();
}

/// The end of `bev`, a layer on another: the one below ends with it, or reads on for callbacks that are yet to be set.
pub(super) fn let_go(below: &Locked, bev: &Locked) {
    let ours = below.cbarg.get() == bev.arg();
    if bev.closes_on_free() {
        free(below);
    } else if ours {
        below.set_callbacks(None, None, None, ptr::null_mut());
        below.resume(Direction::READ, Hold::FILTER);
    }
}

/// Ends a bufferevent, from the loop.
pub(crate) unsafe extern "C-unwind" fn finalize(_event: *mut event, arg: *mut c_void) {
    // SAFETY: the object lives until the end of this function, which alone refers to it.
    let bev = unsafe { Bev::from_arg(arg) };
    // The thread that ended it may still be about to give up the lock.
    let bev = bev.lock();
    bev.unlock();
    let below = (bev.ops().finish)(bev);
    rate::finish(bev);
    buffers::end(bev);
    // SAFETY: the events, the deferred callback and the lock's count are its own; nothing else refers to them.
    unsafe {
        crate::base::debug::teardown(bev.event(Direction::READ).raw());
        crate::base::debug::teardown(bev.event(Direction::WRITE).raw());
        mm::free(bev.extension().deferred.get().cast());
        SharedLock::leave(bev.extension().lock_owners.get());
        bev.deallocate();
    }
    if let Some(below) = below {
        below.lock().release();
    }
}

impl SharedLock {
    /// A new lock with one user; null where threading is not set up. `None`: no memory, or the program's callback failed.
    fn new() -> Option<*mut Self> {
        let lock = ExtLock::try_new(LOCKTYPE_RECURSIVE)?;
        if lock.is_null() {
            return Some(ptr::null_mut());
        }
        let made = mm::alloc(Self { lock, users: Cell::new(1) }).map(NonNull::as_ptr);
        if made.is_none() {
            // SAFETY: just made, and nobody else knows it.
            unsafe { lock.free(LOCKTYPE_RECURSIVE) };
        }
        made
    }

    /// One user more.
    ///
    /// # Safety
    /// `shared` is null or lives.
    unsafe fn join(shared: *const Self) {
        // SAFETY: null or alive, as promised.
        if let Some(shared) = unsafe { shared.as_ref() } {
            shared.lock.lock();
            shared.users.set(shared.users.get() + 1);
            shared.lock.unlock();
        }
    }

    /// One user less.
    ///
    /// # Safety
    /// `this` is null or lives, and the caller is one of its users and does not hold the lock.
    unsafe fn leave(this: *mut Self) {
        // SAFETY: alive, since the caller is a user of it; the count changes under the lock, and its last user is alone with it.
        unsafe {
            let Some(shared) = this.as_ref() else { return };
            let lock = shared.lock;
            lock.lock();
            shared.users.set(shared.users.get() - 1);
            let last = shared.users.get() == 0;
            lock.unlock();
            if last {
                lock.free(LOCKTYPE_RECURSIVE);
                mm::free(this.cast());
            }
        }
    }
}
