//! `event2/event_compat.h`: the calls of libevent 1.x, on the base that `event_init` made last.

use crate::abi::entry::In;
use crate::abi::event::{EventFn, event};
use crate::base::{self, current_base, event_base};
use crate::event as events;
use crate::run::{self, entries, lifecycle};
use core::ffi::{c_char, c_int, c_short, c_void};
use core::ptr;
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
    // SAFETY: the program's memory for an event that is not pending.
    unsafe { events::assign(e, current_base(), fd, events, callback, arg) };
}

/// Runs the loop of the current base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_dispatch() -> c_int {
    base::current().map_or(-1, |base| run::event_loop(base, 0))
}

/// Runs the loop of the current base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_loop(flags: c_int) -> c_int {
    base::current().map_or(-1, |base| run::event_loop(base, flags))
}

/// Ends the loop of the current base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_loopexit(tv: In<'_, timeval>) -> c_int {
    // SAFETY: the parameters are the program's, as there.
    unsafe { entries::event_base_loopexit(base::current(), tv) }
}

/// Ends the loop of the current base after the running callback.
#[unsafe(no_mangle)]
pub extern "C" fn event_loopbreak() -> c_int {
    base::current().map_or(-1, entries::request_break)
}

/// A one-off event on the current base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_once(
    fd: c_int,
    events: c_short,
    callback: Option<EventFn>,
    arg: *mut c_void,
    tv: In<'_, timeval>,
) -> c_int {
    // SAFETY: the parameters are the program's, as there.
    unsafe { entries::event_base_once(base::current(), fd, events, callback, arg, tv) }
}

/// The method of the current base.
#[unsafe(no_mangle)]
pub extern "C" fn event_get_method() -> *const c_char {
    base::current().map_or(ptr::null(), entries::method)
}

/// Sets how many priorities the current base has.
#[unsafe(no_mangle)]
pub extern "C" fn event_priority_init(count: c_int) -> c_int {
    base::current().map_or(-1, |base| entries::set_priorities(base, count))
}
