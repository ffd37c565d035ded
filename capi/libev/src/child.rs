//! `ev_child`: changes of child processes, in the default loop.

use crate::abi::{EV_CHILD, EV_SIGNAL, ev_child, ev_loop, ev_watcher};
use crate::global::is_default;
use crate::state::{SPREAD, of, with};
use crate::watcher::{W, unlink};
use core::{ffi::c_int, ptr::addr_of_mut};
use evoxide_core::ev_loop::MAX_PRIORITY;

const fn list_of(pid: c_int) -> usize {
    pid as usize % SPREAD
}

/// `ev_child_start`. Only the default loop knows of children.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_child_start(l: *mut ev_loop, w: *mut ev_child) {
    // SAFETY: the caller.
    unsafe {
        if (*w).list.w.active != 0 || !is_default(l) {
            return;
        }
        with(l, |m| m.started(W::new(w), 1));
        let head = addr_of_mut!((*of(l)).children[list_of((*w).pid)]);
        (*w).list.next = (*head).cast();
        *head = w;
    }
}

/// `ev_child_stop`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_child_stop(l: *mut ev_loop, w: *mut ev_child) {
    // SAFETY: the caller.
    unsafe {
        with(l, |m| m.clear_pending(W::new(w)));
        if (*w).list.w.active == 0 {
            return;
        }
        let head = addr_of_mut!((*of(l)).children[list_of((*w).pid)]);
        let mut first = (*head).cast();
        unlink(&mut first, addr_of_mut!((*w).list));
        *head = first.cast();
        with(l, |m| m.stopped(W::new(w)));
    }
}

/// The callback of SIGCHLD: one child a time, then this again, until none is left.
pub(crate) unsafe extern "C-unwind" fn child_signalled(l: *mut ev_loop, w: *mut ev_watcher, _revents: c_int) {
    let Some((pid, status)) = evoxide_sys::process::reap() else { return };
    // SAFETY: called by the loop, on the loop's thread.
    unsafe {
        with(l, |m| m.feed(W::new(w), EV_SIGNAL));
        feed(l, list_of(pid), pid, status);
        if list_of(pid) != 0 {
            feed(l, 0, pid, status);
        }
    }
}

/// Makes pending the watchers of one list that care about this change.
unsafe fn feed(l: *mut ev_loop, list: usize, pid: c_int, status: c_int) {
    let traced = libc::WIFSTOPPED(status) || libc::WIFCONTINUED(status);
    // SAFETY: a live loop (the caller); its active watchers are live.
    unsafe {
        let mut w = (*of(l)).children[list];
        while !w.is_null() {
            if ((*w).pid == pid || (*w).pid == 0) && (!traced || (*w).flags & 1 != 0) {
                (*w).list.w.priority = MAX_PRIORITY;
                (*w).rpid = pid;
                (*w).rstatus = status;
                with(l, |m| m.feed(W::new(w), EV_CHILD));
            }
            w = (*w).list.next.cast();
        }
    }
}
