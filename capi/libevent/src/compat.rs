//! `event2/event_compat.h`: the calls of libevent 1.x, on the base that `event_init` made last.

use crate::abi::event::{EventFn, event};
use crate::base::{self, current_base, event_base};
use crate::{base_api, event as events, lifecycle};
use core::ffi::{c_char, c_int, c_short, c_void};
use evoxide_ffi::errx;
use libc::timeval;

/// Makes a base that the calls without one use. Failure is fatal.
#[unsafe(no_mangle)]
pub extern "C" fn event_init() -> *mut event_base {
    let Some(base) = lifecycle::create(None) else { errx!(1, "event_init: Unable to construct event_base") };
    base::set_current(base);
    base
}

/// Prepares an event on the current base.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_set(
    e: *mut event,
    fd: c_int,
    events: c_short,
    callback: Option<EventFn>,
    arg: *mut c_void,
) {
    // SAFETY: the caller's memory for an event.
    unsafe { events::assign(e, current_base(), fd, events, callback, arg) };
}

/// Runs the loop of the current base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_dispatch() -> c_int {
    // SAFETY: the base that `event_init` made.
    unsafe { base_api::event_base_dispatch(current_base()) }
}

/// Runs the loop of the current base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_loop(flags: c_int) -> c_int {
    // SAFETY: the base that `event_init` made.
    unsafe { base_api::event_base_loop(current_base(), flags) }
}

/// Ends the loop of the current base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_loopexit(tv: *const timeval) -> c_int {
    // SAFETY: null or a duration.
    unsafe { base_api::event_base_loopexit(current_base(), tv) }
}

/// Ends the loop of the current base after the running callback.
#[unsafe(no_mangle)]
pub extern "C" fn event_loopbreak() -> c_int {
    // SAFETY: the base that `event_init` made.
    unsafe { base_api::event_base_loopbreak(current_base()) }
}

/// A one-off event on the current base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_once(
    fd: c_int,
    events: c_short,
    callback: Option<EventFn>,
    arg: *mut c_void,
    tv: *const timeval,
) -> c_int {
    // SAFETY: null or a duration.
    unsafe { base_api::event_base_once(current_base(), fd, events, callback, arg, tv) }
}

/// The method of the current base.
#[unsafe(no_mangle)]
pub extern "C" fn event_get_method() -> *const c_char {
    // SAFETY: the base that `event_init` made.
    unsafe { base_api::event_base_get_method(current_base()) }
}

/// Sets how many priorities the current base has.
#[unsafe(no_mangle)]
pub extern "C" fn event_priority_init(count: c_int) -> c_int {
    // SAFETY: the base that `event_init` made.
    unsafe { base_api::event_base_priority_init(current_base(), count) }
}
