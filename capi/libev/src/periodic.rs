//! `ev_periodic`: calendar times.

use crate::abi::{EV_CUSTOM, EVFLAG_NOTIMERFD, ev_loop, ev_periodic, ev_watcher};
use crate::state::{LONGEST_TOLD, Source, of, with};
use crate::watcher::W;
use crate::{clock, now, own};
use core::ffi::c_int;
use core::ptr::{addr_of, addr_of_mut};
use evoxide_sys::os::fd::{AsFd, AsRawFd};
use evoxide_sys::process::ClockWatch;

/// `ev_periodic_start`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_periodic_start(l: *mut ev_loop, w: *mut ev_periodic) {
    // SAFETY: the caller.
    unsafe {
        if (*w).time.w.active != 0 {
            return;
        }
        watch_clock(l);
        clock::schedule(l, w);
        with(l, |m| m.periodic_start(W::new(w)));
    }
}

/// `ev_periodic_stop`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_periodic_stop(l: *mut ev_loop, w: *mut ev_periodic) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.periodic_stop(W::new(w))) }
}

/// `ev_periodic_again`: stops and starts.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_periodic_again(l: *mut ev_loop, w: *mut ev_periodic) {
    // SAFETY: the caller.
    unsafe {
        ev_periodic_stop(l, w);
        ev_periodic_start(l, w);
    }
}

/// Has the kernel tell when the wall clock is set. Until now nothing did: the clock is read.
unsafe fn watch_clock(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        if (*of(l)).flags & EVFLAG_NOTIMERFD == 0
            && (&mut *addr_of_mut!((*of(l)).clock)).open(ClockWatch::new)
            && let Some(clock) = (&*addr_of!((*of(l)).clock)).get()
        {
            own::start(l, addr_of_mut!((*of(l)).clock_io), clock.as_fd().as_raw_fd());
            (*of(l)).longest = LONGEST_TOLD;
            follow_clock(l);
        }
    }
}

/// After a fork: a timer of our own. As in the original, the turn ends with a look at the clock, and what came due before the
/// fork is not made up for.
pub(crate) unsafe fn renew_clock_watch(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        if (&*addr_of!((*of(l)).clock)).get().is_some() {
            own::stop(l, addr_of_mut!((*of(l)).clock_io));
            (*of(l)).clock = Source::Unopened;
            watch_clock(l);
            with(l, |m| m.feed(W::new(addr_of_mut!((*of(l)).clock_io)), EV_CUSTOM));
        }
    }
}

/// The callback of the clock descriptor: the wall clock was set, or a very long time has passed.
pub(crate) unsafe extern "C-unwind" fn clock_set(l: *mut ev_loop, _w: *mut ev_watcher, _revents: c_int) {
    // SAFETY: called by the loop, on the loop's thread.
    unsafe {
        if let Some(clock) = (&*addr_of!((*of(l)).clock)).get() {
            clock.rearm();
        }
        follow_clock(l);
    }
}

/// Reads the wall clock, and brings repeating periodics to their next time from now.
unsafe fn follow_clock(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        let (mono, wall) = (now::mono(), now::wall());
        with(l, |m| m.clock.follow(mono, wall));
        clock::reschedule_all(l);
    }
}
