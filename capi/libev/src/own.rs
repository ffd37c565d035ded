//! The loop's own watchers: descriptors that tell of wakes, signals, the clock and changed paths.
//!
//! They do not keep the loop alive: each start takes its reference back.

use crate::abi::{EV__IOFDSET, EV_CUSTOM, EV_READ, ev_io, ev_loop};
use crate::global::syserr;
use crate::state::{Source, of, with};
use crate::watcher::W;
use core::ffi::c_int;
use core::ptr::{addr_of, addr_of_mut};
use evoxide_sys::os::fd::AsRawFd;
use evoxide_sys::waker::Waker;

/// Makes sure that the loop can be woken.
///
/// # Safety
/// As for [`with`].
pub(crate) unsafe fn prepare_wake(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        if (*of(l)).wake_io.list.w.active != 0 {
            return;
        }
        (&mut *addr_of_mut!((*of(l)).waker)).open(Waker::new);
        let Some(waker) = (&*addr_of!((*of(l)).waker)).get() else {
            (*of(l)).waker = Source::Unopened;
            return syserr(c"(libev) error creating signal/async pipe");
        };
        (*of(l)).wake.set_descriptor(waker.wake_fd());
        let fd = waker.fd().as_raw_fd();
        start(l, addr_of_mut!((*of(l)).wake_io), fd);
    }
}

/// After a fork: a counter of our own under the old number.
///
/// # Safety
/// As for [`with`].
pub(crate) unsafe fn renew_wake(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        let Source::Open(waker) = &mut *addr_of_mut!((*of(l)).waker) else { return };
        // Where that fails the parent may be woken instead; there is nobody to tell.
        let _ = waker.renew();
        let old = (*of(l)).wake_io.fd;
        if (*of(l)).wake_io.list.w.active != 0 {
            with(l, |m| {
                m.add_refs(1);
                m.io_stop(W::new(addr_of_mut!((*of(l)).wake_io)), old);
            });
            start(l, addr_of_mut!((*of(l)).wake_io), old);
            // What came in while the process was copied is looked for at once.
            with(l, |m| m.feed(W::new(addr_of_mut!((*of(l)).wake_io)), EV_CUSTOM));
        }
    }
}

/// Starts one of the loop's own descriptor watchers; these do not keep the loop alive.
///
/// # Safety
/// As for [`with`]; `io` belongs to the loop and is stopped.
pub(crate) unsafe fn start(l: *mut ev_loop, io: *mut ev_io, fd: c_int) {
    if fd < 0 {
        return;
    }
    // SAFETY: a live loop and its own watcher (the caller).
    unsafe {
        (*io).fd = fd;
        (*io).events = EV_READ | EV__IOFDSET;
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
pub(crate) unsafe fn stop(l: *mut ev_loop, io: *mut ev_io) {
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
