//! `ev_timer`: relative timers.

use crate::abi::{ev_loop, ev_timer};
use crate::state::with;
use crate::watcher::W;

/// `ev_timer_start`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_timer_start(l: *mut ev_loop, w: *mut ev_timer) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.timer_start(W::new(w))) }
}

/// `ev_timer_stop`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_timer_stop(l: *mut ev_loop, w: *mut ev_timer) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.timer_stop(W::new(w))) }
}

/// `ev_timer_again`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_timer_again(l: *mut ev_loop, w: *mut ev_timer) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.timer_again(W::new(w))) }
}

/// `ev_timer_remaining`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_timer_remaining(l: *mut ev_loop, w: *mut ev_timer) -> f64 {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.timer_remaining(W::new(w))) }
}
