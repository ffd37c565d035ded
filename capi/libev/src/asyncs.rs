//! `ev_async`: waking a loop from other threads and signal handlers.

use crate::abi::{EV_ASYNC, ev_async, ev_loop};
use crate::own;
use crate::state::{of, reason, with};
use crate::watcher::W;
use core::ptr::addr_of_mut;
use core::sync::atomic::{AtomicI32, Ordering::SeqCst};
use evoxide_core::ev_loop::Kind;

/// The `sent` field: other threads write it.
unsafe fn sent<'a>(w: *mut ev_async) -> &'a AtomicI32 {
    // SAFETY: the field of a live watcher (the caller), aligned, and on our side only used through this.
    unsafe { AtomicI32::from_ptr(addr_of_mut!((*w).sent)) }
}

/// `ev_async_start`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_async_start(l: *mut ev_loop, w: *mut ev_async) {
    // SAFETY: the caller.
    unsafe {
        if (*w).w.active != 0 {
            return;
        }
        sent(w).store(0, SeqCst);
        own::prepare_wake(l);
        with(l, |m| m.list_start(Kind::Async, W::new(w)));
    }
}

/// `ev_async_stop`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_async_stop(l: *mut ev_loop, w: *mut ev_async) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.list_stop(Kind::Async, W::new(w))) }
}

/// `ev_async_send`: from any thread, and from signal handlers.
///
/// # Safety
/// A live loop; a watcher that is active in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_async_send(l: *mut ev_loop, w: *mut ev_async) {
    // SAFETY: the caller; only atomics are touched.
    unsafe {
        sent(w).store(1, SeqCst);
        (*of(l)).wake.wake(reason::ASYNC);
    }
}

/// Makes pending what was sent to.
pub(crate) unsafe fn feed_sent(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller); its async watchers are live.
    unsafe {
        for at in (0..with(l, |m| m.list_len(Kind::Async))).rev() {
            if let Some(w) = with(l, |m| m.list_get(Kind::Async, at))
                && sent(w.ptr().cast()).swap(0, SeqCst) != 0
            {
                with(l, |m| m.feed(w, EV_ASYNC));
            }
        }
    }
}
