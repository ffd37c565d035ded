//! `ev_periodic`: calendar times.

use crate::abi::{EVFLAG_NOTIMERFD, ev_loop, ev_periodic, ev_watcher};
use crate::state::{Source, with};
use crate::watcher::W;
use crate::{now, run, wake};
use core::ffi::c_int;
use core::ptr::{addr_of, addr_of_mut};
use evoxide_core::watch::next_occurrence;
use evoxide_sys::process::ClockWatch;
use std::os::fd::{AsFd, AsRawFd};

/// Gives a periodic its next time. No section may be open: this may call the user's function.
unsafe fn schedule(l: *mut ev_loop, w: *mut ev_periodic) {
    // SAFETY: a live loop and watcher (the caller); the user's function may start prepare watchers, so no section is open.
    unsafe {
        let now = with(l, |m| m.clock.wall());
        (*w).time.at = if let Some(reschedule) = (*w).reschedule_cb {
            // A time in the past is the user's mistake; it must not keep this turn from ending.
            reschedule(w, now).max(now)
        } else if (*w).interval != 0. {
            next_occurrence((*w).offset, (*w).interval, now)
        } else {
            (*w).offset
        };
    }
}

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
        schedule(l, w);
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

/// Makes the due periodics pending.
pub(crate) unsafe fn expire(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        while let Some(w) = with(l, |m| m.due_periodic()) {
            let p = w.ptr().cast::<ev_periodic>();
            if (*p).reschedule_cb.is_some() || (*p).interval != 0. {
                schedule(l, p);
                with(l, |m| m.periodic_moved(w));
            } else {
                with(l, |m| m.periodic_over(w));
            }
        }
        with(l, |m| m.feed_periodics());
    }
}

/// The wall clock jumped: repeating periodics find their next time anew.
pub(crate) unsafe fn reschedule_all(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        let mut at = 0;
        while let Some(w) = with(l, |m| m.periodic_get(at)) {
            let p = w.ptr().cast::<ev_periodic>();
            if (*p).reschedule_cb.is_some() || (*p).interval != 0. {
                schedule(l, p);
            }
            at += 1;
        }
        if at != 0 {
            with(l, |m| m.reorder_periodics());
        }
    }
}

/// Has the kernel tell when the wall clock is set.
unsafe fn watch_clock(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        if (*l).flags & EVFLAG_NOTIMERFD == 0
            && (&mut *addr_of_mut!((*l).clock)).open(ClockWatch::new)
            && let Some(clock) = (&*addr_of!((*l).clock)).get()
        {
            wake::start_own(l, addr_of_mut!((*l).clock_io), clock.as_fd().as_raw_fd());
            (*l).longest = run::LONGEST_TOLD;
        }
    }
}

/// After a fork: a timer of our own.
pub(crate) unsafe fn renew_clock_watch(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        if (&*addr_of!((*l).clock)).get().is_some() {
            wake::stop_own(l, addr_of_mut!((*l).clock_io));
            (*l).clock = Source::Unopened;
            watch_clock(l);
        }
    }
}

/// The callback of the clock descriptor: the wall clock was set, or a very long time has passed.
pub(crate) unsafe extern "C-unwind" fn clock_set(l: *mut ev_loop, _w: *mut ev_watcher, _revents: c_int) {
    // SAFETY: called by the loop, on the loop's thread.
    unsafe {
        if let Some(clock) = (&*addr_of!((*l).clock)).get() {
            clock.rearm();
        }
        run::update_time(l);
        let (mono, wall) = (now::mono(), now::wall());
        with(l, |m| {
            let before = m.clock.offset();
            let _ = m.clock.resync(mono, wall, before);
        });
        reschedule_all(l);
    }
}
