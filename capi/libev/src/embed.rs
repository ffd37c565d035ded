//! `ev_embed`: another loop's descriptors inside this one.

use crate::abi::{EV__IOFDSET, EV_EMBED, EV_READ, EVRUN_NOWAIT, ev_embed, ev_io, ev_loop, ev_plain, ev_watcher};
use crate::fork::ev_loop_fork;
use crate::io::{ev_io_start, ev_io_stop};
use crate::kernel::tell_changes;
use crate::lists::{ev_fork_start, ev_fork_stop, ev_prepare_start, ev_prepare_stop};
use crate::run::ev_run;
use crate::state::{of, with};
use crate::watcher::W;
use core::{ffi::c_int, mem::offset_of, ptr::addr_of_mut};
use evoxide_core::ev_loop::MIN_PRIORITY;

/// `ev_embed_sweep`: handles what is ready in the embedded loop.
///
/// # Safety
/// A live embedded loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_embed_sweep(_l: *mut ev_loop, w: *mut ev_embed) {
    // SAFETY: the caller.
    unsafe { ev_run((*w).other, EVRUN_NOWAIT) };
}

/// `ev_embed_start`. A loop whose backend has no descriptor cannot be embedded.
///
/// # Safety
/// A live loop of this thread; an initialised watcher with a live loop in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_embed_start(l: *mut ev_loop, w: *mut ev_embed) {
    // SAFETY: the caller.
    unsafe {
        if (*w).w.active != 0 {
            return;
        }
        let fd = (*of((*w).other)).backend.descriptor();
        if fd < 0 {
            return;
        }
        let mut io = ev_io::new(Some(other_ready), (*w).w.priority);
        io.fd = fd;
        io.events = EV_READ | EV__IOFDSET;
        addr_of_mut!((*w).io).write(io);
        ev_io_start(l, addr_of_mut!((*w).io));
        addr_of_mut!((*w).prepare).write(ev_plain { w: ev_watcher::new(Some(before_wait), MIN_PRIORITY) });
        ev_prepare_start(l, addr_of_mut!((*w).prepare));
        addr_of_mut!((*w).fork).write(ev_plain { w: ev_watcher::new(Some(forked), 0) });
        ev_fork_start(l, addr_of_mut!((*w).fork));
        with(l, |m| m.started(W::new(w), 1));
    }
}

/// `ev_embed_stop`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_embed_stop(l: *mut ev_loop, w: *mut ev_embed) {
    // SAFETY: the caller.
    unsafe {
        with(l, |m| m.clear_pending(W::new(w)));
        if (*w).w.active == 0 {
            return;
        }
        ev_io_stop(l, addr_of_mut!((*w).io));
        ev_prepare_stop(l, addr_of_mut!((*w).prepare));
        ev_fork_stop(l, addr_of_mut!((*w).fork));
        with(l, |m| m.stopped(W::new(w)));
    }
}

/// The embedded loop has something: the user's callback sweeps, or this does.
unsafe extern "C-unwind" fn other_ready(l: *mut ev_loop, io: *mut ev_watcher, _revents: c_int) {
    // SAFETY: `io` is inside an embed watcher that is active.
    unsafe {
        let w = io.byte_sub(offset_of!(ev_embed, io)).cast::<ev_embed>();
        if (*w).w.cb.is_some() {
            with(l, |m| m.feed(W::new(w), EV_EMBED));
        } else {
            ev_run((*w).other, EVRUN_NOWAIT);
        }
    }
}

/// Before each wait: the embedded loop's kernel set must know what changed.
unsafe extern "C-unwind" fn before_wait(_l: *mut ev_loop, prepare: *mut ev_watcher, _revents: c_int) {
    // SAFETY: `prepare` is inside an embed watcher that is active.
    unsafe {
        let w = prepare.byte_sub(offset_of!(ev_embed, prepare)).cast::<ev_embed>();
        let other = (*w).other;
        while with(other, |m| m.has_changes()) {
            tell_changes(other);
            ev_run(other, EVRUN_NOWAIT);
        }
    }
}

/// The embedding loop was forked, so the other was.
unsafe extern "C-unwind" fn forked(l: *mut ev_loop, fork: *mut ev_watcher, _revents: c_int) {
    // SAFETY: `fork` is inside an embed watcher that is active.
    unsafe {
        let w = fork.byte_sub(offset_of!(ev_embed, fork)).cast::<ev_embed>();
        ev_embed_stop(l, w);
        ev_loop_fork((*w).other);
        ev_run((*w).other, EVRUN_NOWAIT);
        ev_embed_start(l, w);
    }
}
