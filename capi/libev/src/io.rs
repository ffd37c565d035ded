//! `ev_io`: descriptors.

use crate::abi::{EV_READ, EV_WRITE, ev_io, ev_loop};
use crate::state::with;
use crate::watcher::W;
use evoxide_core::ev_loop::ERROR;
use evoxide_sys::process;

/// Above this, a descriptor beyond the table is looked at before the table grows for it.
const LARGE: i32 = 1 << 16;

/// `ev_io_start`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_io_start(l: *mut ev_loop, w: *mut ev_io) {
    // SAFETY: the caller.
    unsafe {
        let fd = (*w).fd;
        if fd < 0 {
            return;
        }
        let started = with(l, |m| {
            if fd >= LARGE && !m.fd_known(fd) && !process::is_open(fd) { false } else { m.io_start(W::new(w), fd) }
        });
        if !started {
            with(l, |m| m.feed(W::new(w), ERROR | EV_READ | EV_WRITE));
        }
    }
}

/// `ev_io_stop`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_io_stop(l: *mut ev_loop, w: *mut ev_io) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.io_stop(W::new(w), (*w).fd)) }
}
