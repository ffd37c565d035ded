//! The loop's time, and the periodics that depend on it.

use crate::abi::{ev_loop, ev_periodic};
use crate::now;
use crate::state::with;
use evoxide_core::ev_loop::{Resync, next_occurrence};

/// Brings the loop's time up to date.
///
/// # Safety
/// As for [`with`]; a rescheduling callback may run.
#[inline(always)]
pub(crate) unsafe fn update_time(l: *mut ev_loop) {
    let mono = now::mono();
    // SAFETY: a live loop (the caller).
    unsafe {
        if with(l, |m| m.clock.advance(mono)) {
            read_wall(l, mono);
        }
    }
}

#[cold]
unsafe fn read_wall(l: *mut ev_loop, mut mono: f64) {
    // SAFETY: a live loop (the caller).
    unsafe {
        let before = with(l, |m| m.clock.offset());
        // The thread may have been suspended between two readings: only what stays is a jump.
        for _ in 0..4 {
            let wall = now::wall();
            if with(l, |m| m.clock.resync(mono, wall, before)) == Resync::Settled {
                return;
            }
            mono = now::mono();
        }
        reschedule_all(l);
    }
}

/// Makes the due periodics pending.
///
/// # Safety
/// As for [`with`]; a rescheduling callback may run.
pub(crate) unsafe fn expire_periodics(l: *mut ev_loop) {
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

/// The wall clock jumped: repeating periodics find their next time again.
///
/// # Safety
/// As for [`with`]; a rescheduling callback may run.
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

/// Gives a periodic its next time.
///
/// # Safety
/// As for [`with`], no section open, and a live watcher: this may call the user's function.
pub(crate) unsafe fn schedule(l: *mut ev_loop, w: *mut ev_periodic) {
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
