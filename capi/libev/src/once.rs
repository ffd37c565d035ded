//! `ev_once`: one event, without a watcher of the caller's.

use crate::abi::{EV__IOFDSET, ev_io, ev_loop, ev_timer, ev_watcher, ev_watcher_time};
use crate::global::{allocate, deallocate};
use crate::io::{ev_io_start, ev_io_stop};
use crate::state::with;
use crate::timer::{ev_timer_start, ev_timer_stop};
use crate::watcher::W;
use core::ffi::{c_int, c_void};
use core::{mem::offset_of, ptr::addr_of_mut};

type OnceCallback = Option<unsafe extern "C-unwind" fn(c_int, *mut c_void)>;

struct Once {
    io: ev_io,
    timer: ev_timer,
    cb: OnceCallback,
    arg: *mut c_void,
}

/// `ev_once`: calls back when the descriptor is ready or the time is over, whichever is first.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_once(
    l: *mut ev_loop,
    fd: c_int,
    events: c_int,
    timeout: f64,
    cb: OnceCallback,
    arg: *mut c_void,
) {
    if fd < 0 && (timeout < 0. || timeout.is_nan()) {
        // Nothing would ever give the record back.
        return;
    }
    let once = allocate(size_of::<Once>()).cast::<Once>();
    let time = ev_watcher_time { w: ev_watcher::new(Some(timed_out), 0), at: timeout };
    // SAFETY: fresh memory of the right size; the record stays until one of its callbacks gives it back.
    unsafe {
        once.write(Once { io: ev_io::new(Some(ready), 0), timer: ev_timer { time, repeat: 0. }, cb, arg });
        if fd >= 0 {
            (*once).io.fd = fd;
            (*once).io.events = events | EV__IOFDSET;
            ev_io_start(l, addr_of_mut!((*once).io));
        }
        if timeout >= 0. {
            ev_timer_start(l, addr_of_mut!((*once).timer));
        }
    }
}

unsafe extern "C-unwind" fn ready(l: *mut ev_loop, w: *mut ev_watcher, revents: c_int) {
    // SAFETY: `w` is the first field of a record.
    unsafe {
        let once = w.cast::<Once>();
        let also = with(l, |m| m.clear_pending(W::new(addr_of_mut!((*once).timer))));
        finish(l, once, revents | also);
    }
}

unsafe extern "C-unwind" fn timed_out(l: *mut ev_loop, w: *mut ev_watcher, revents: c_int) {
    // SAFETY: `w` is the timer of a record.
    unsafe {
        let once = w.byte_sub(offset_of!(Once, timer)).cast::<Once>();
        let also = with(l, |m| m.clear_pending(W::new(addr_of_mut!((*once).io))));
        finish(l, once, revents | also);
    }
}

unsafe fn finish(l: *mut ev_loop, once: *mut Once, revents: c_int) {
    // SAFETY: a live record (the caller); nothing refers to it once both watchers are stopped.
    unsafe {
        let (cb, arg) = ((*once).cb, (*once).arg);
        ev_io_stop(l, addr_of_mut!((*once).io));
        ev_timer_stop(l, addr_of_mut!((*once).timer));
        deallocate(once.cast());
        if let Some(cb) = cb {
            cb(revents, arg);
        }
    }
}
