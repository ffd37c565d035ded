//! `event_base_once`: events that the base owns. One that never fires is freed with the base.

use crate::abi::event::{EventFn, ev, event};
use crate::base::{Base, Core, event_base};
use crate::util::time::is_set;
use core::ffi::{c_int, c_short, c_void};
use core::ptr;
use evoxide_ffi::mm;
use libc::timeval;

/// A one-off event. The event comes first: its callback finds the rest through its argument.
#[repr(C)]
pub(crate) struct Once {
    event: event,
    function: Option<EventFn>,
    arg: *mut c_void,
    base: *mut event_base,
    next: *mut Once,
    prev: *mut Once,
}

impl Once {
    /// # Safety
    /// `once` is in the list of `core`, and alive.
    unsafe fn unlink(core: &mut Core, once: *mut Self) {
        // SAFETY: the list holds live structs and is changed in sections only.
        unsafe {
            let (next, prev) = ((*once).next, (*once).prev);
            if prev.is_null() {
                core.once = next.cast();
            } else {
                (*prev).next = next;
            }
            if !next.is_null() {
                (*next).prev = prev;
            }
        }
    }
}

unsafe extern "C-unwind" fn fire(fd: c_int, what: c_short, arg: *mut c_void) {
    let once = arg.cast::<Once>();
    // SAFETY: the argument was set by `add`; the event has left its base, so this is the struct's last user besides the
    // user's own look at the running event, which ends with the callback.
    unsafe {
        let (function, arg, base) = ((*once).function, (*once).arg, (*once).base);
        Base::live(base).section(|core| Once::unlink(core, once));
        if let Some(function) = function {
            function(fd, what, arg);
        }
        crate::base::debug::teardown(&raw mut (*once).event);
        mm::free(once.cast());
    }
}

/// `event_base_once`.
///
/// # Safety
/// `function` may be called with `arg`.
pub(crate) unsafe fn add(
    b: &Base,
    fd: c_int,
    events: i16,
    function: Option<EventFn>,
    arg: *mut c_void,
    timeout: Option<&timeval>,
) -> c_int {
    if events & (ev::SIGNAL | ev::PERSIST) != 0 {
        return -1;
    }
    let conditions = events & (ev::READ | ev::WRITE | ev::CLOSED);
    if conditions == 0 && events & ev::TIMEOUT == 0 {
        return -1;
    }
    let once = mm::calloc(1, size_of::<Once>()).cast::<Once>();
    if once.is_null() {
        return -1;
    }
    // SAFETY: fresh zeroed memory, for which every field of `Once` is valid; it stays until the event has run or the base ends.
    unsafe {
        (*once).function = function;
        (*once).arg = arg;
        (*once).base = b.raw();
        let e = &raw mut (*once).event;
        let (fd, events) = if conditions == 0 { (-1, 0) } else { (fd, conditions) };
        crate::event::assign(e, (*once).base, fd, events, Some(fire), once.cast());
        let e = &*e;
        // Into the list first: once it is pending, another thread's loop may fire and free it at any time.
        b.section(|core| {
            (*once).prev = ptr::null_mut();
            (*once).next = core.once.cast();
            if let Some(next) = core.once.cast::<Once>().as_mut() {
                next.prev = once;
            }
            core.once = once.cast();
        });
        if conditions == 0 && timeout.is_none_or(|tv| !is_set(tv)) {
            b.activate(e, ev::TIMEOUT, 1);
        } else if b.add(e, timeout.copied()).is_err() {
            b.section(|core| Once::unlink(core, once));
            crate::base::debug::teardown(e.raw());
            mm::free(once.cast());
            return -1;
        }
    }
    0
}

/// Frees those that never fired.
///
/// # Safety
/// Their events have left the base, and the base ends.
pub(crate) unsafe fn free_all(core: &mut Core) {
    while !core.once.is_null() {
        let once = core.once.cast::<Once>();
        // SAFETY: the list holds live structs, and the caller promises that nothing else refers to them.
        unsafe {
            core.once = (*once).next.cast();
            crate::base::debug::teardown(&raw mut (*once).event);
            mm::free(once.cast());
        }
    }
}
