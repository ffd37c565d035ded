//! Artificial events.

use crate::abi::{ev_loop, ev_watcher};
use crate::state::with;
use crate::watcher::W;
use core::ffi::{c_int, c_void};

/// `ev_feed_event`: makes a watcher pending.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_feed_event(l: *mut ev_loop, w: *mut c_void, revents: c_int) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.feed_one(W::new(w), revents)) }
}

/// `ev_feed_fd_event`: as if the descriptor were ready.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_feed_fd_event(l: *mut ev_loop, fd: c_int, revents: c_int) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.feed_fd(fd, revents)) }
}

/// `ev_invoke`: runs a watcher's callback.
///
/// # Safety
/// An initialised watcher whose callback accepts the rest.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_invoke(l: *mut ev_loop, w: *mut c_void, revents: c_int) {
    let w = w.cast::<ev_watcher>();
    // SAFETY: the caller.
    unsafe {
        if let Some(cb) = (*w).cb {
            cb(l, w, revents);
        }
    }
}

/// `ev_clear_pending`: takes the pending state off a watcher and returns its events.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_clear_pending(l: *mut ev_loop, w: *mut c_void) -> c_int {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.clear_pending(W::new(w))) }
}
