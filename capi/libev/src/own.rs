//! Waking a loop from other threads and from signal handlers.

use crate::abi::{EV_READ, ev_io, ev_loop, ev_watcher};
use crate::state::{Source, with};
use crate::watcher::W;
use crate::{asyncs, signal};
use core::ffi::c_int;
use core::ptr::{addr_of, addr_of_mut};
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst, fence};
use evoxide_sys::waker::{self, Waker};
use std::os::fd::AsRawFd;

/// The part of a loop that others may touch at any time: atomics only.
pub(crate) struct Wake {
    /// An event counter; -1 until something needs waking.
    pub(crate) fd: AtomicI32,
    /// The loop is about to wait or waits: the counter must be rung.
    pub(crate) wanted: AtomicBool,
    /// Somebody woke the loop while it was running: the next wait must not block.
    pub(crate) skipped: AtomicBool,
    pub(crate) signals: AtomicBool,
    pub(crate) asyncs: AtomicBool,
}

impl Wake {
    pub(crate) const fn new() -> Self {
        Self {
            fd: AtomicI32::new(-1),
            wanted: AtomicBool::new(false),
            skipped: AtomicBool::new(false),
            signals: AtomicBool::new(false),
            asyncs: AtomicBool::new(false),
        }
    }

    /// Notes a reason (`signals` or `asyncs`) and wakes the loop. Safe in signal handlers and in any thread.
    pub(crate) fn wake(&self, reason: &AtomicBool) {
        if reason.load(SeqCst) || reason.swap(true, SeqCst) {
            return;
        }
        self.skipped.store(true, SeqCst);
        if self.wanted.load(SeqCst) {
            self.skipped.store(false, SeqCst);
            let fd = self.fd.load(SeqCst);
            if fd >= 0 {
                waker::wake(fd);
            }
        }
    }
}

/// Makes sure that the loop can be woken.
///
/// # Safety
/// As for [`with`].
pub(crate) unsafe fn prepare(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        if (*l).wake_io.list.w.active != 0 {
            return;
        }
        (&mut *addr_of_mut!((*l).waker)).open(Waker::new);
        let Some(waker) = (&*addr_of!((*l).waker)).get() else {
            (*l).waker = Source::Unopened;
            return crate::global::syserr(c"(libev) error creating signal/async pipe");
        };
        (*l).wake.fd.store(waker.wake_fd(), SeqCst);
        let fd = waker.fd().as_raw_fd();
        start_own(l, addr_of_mut!((*l).wake_io), fd);
    }
}

/// After a fork: a counter of our own under the old number.
///
/// # Safety
/// As for [`with`].
pub(crate) unsafe fn renew(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        let Source::Open(waker) = &mut *addr_of_mut!((*l).waker) else { return };
        // Where that fails the parent may be woken instead; there is nobody to tell.
        let _ = waker.renew();
        let old = (*l).wake_io.fd;
        if (*l).wake_io.list.w.active != 0 {
            with(l, |m| {
                m.add_refs(1);
                m.io_stop(W::new(addr_of_mut!((*l).wake_io)), old);
            });
            start_own(l, addr_of_mut!((*l).wake_io), old);
            // What came in while the process was copied is looked for at once.
            with(l, |m| m.feed(W::new(addr_of_mut!((*l).wake_io)), crate::abi::EV_CUSTOM));
        }
    }
}

/// Starts one of the loop's own descriptor watchers; these do not keep the loop alive.
///
/// # Safety
/// As for [`with`]; `io` belongs to the loop and is stopped.
pub(crate) unsafe fn start_own(l: *mut ev_loop, io: *mut ev_io, fd: c_int) {
    if fd < 0 {
        return;
    }
    // SAFETY: a live loop and its own watcher (the caller).
    unsafe {
        (*io).fd = fd;
        (*io).events = EV_READ | crate::abi::EV__IOFDSET;
        with(l, |m| {
            if m.io_start(W::new(io), fd) {
                m.add_refs(-1);
            }
        });
    }
}

/// Stops one of the loop's own descriptor watchers.
///
/// # Safety
/// As for [`with`]; `io` belongs to the loop.
pub(crate) unsafe fn stop_own(l: *mut ev_loop, io: *mut ev_io) {
    // SAFETY: a live loop and its own watcher (the caller).
    unsafe {
        with(l, |m| {
            if (*io).list.w.active != 0 {
                m.add_refs(1);
            }
            m.io_stop(W::new(io), (*io).fd);
        });
    }
}

/// The callback of the waking descriptor: finds out what happened and makes the watchers pending.
pub(crate) unsafe extern "C-unwind" fn woken(l: *mut ev_loop, _w: *mut ev_watcher, revents: c_int) {
    // SAFETY: called by the loop, on the loop's thread.
    unsafe {
        let wake = &(*l).wake;
        if revents & EV_READ != 0
            && let Some(waker) = (&*addr_of!((*l).waker)).get()
        {
            waker.drain();
        }
        wake.skipped.store(false, SeqCst);
        fence(SeqCst);
        if wake.signals.swap(false, SeqCst) {
            signal::feed_arrived(l);
        }
        if wake.asyncs.swap(false, SeqCst) {
            asyncs::feed_sent(l);
        }
    }
}
