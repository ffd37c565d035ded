//! Our own C interface, by name: what is built here stands on the same functions as a C program.

use crate::abi::event::{EventFn, event};
use crate::base::event_base;
use core::ffi::{c_char, c_int, c_short, c_void};
use libc::{addrinfo, sockaddr, timeval};

#[allow(improper_ctypes, reason = "C sees these objects as opaque pointers")]
unsafe extern "C-unwind" {
    pub(super) fn event_assign(
        e: *mut event,
        base: *mut event_base,
        fd: c_int,
        events: c_short,
        callback: Option<EventFn>,
        arg: *mut c_void,
    ) -> c_int;
    pub(super) fn event_add(e: *mut event, timeout: *const timeval) -> c_int;
    pub(super) fn event_del(e: *mut event) -> c_int;
    pub(super) fn event_del_noblock(e: *mut event) -> c_int;
    pub(super) fn event_get_priority(e: *const event) -> c_int;
    pub(super) fn event_finalize(
        flags: core::ffi::c_uint,
        e: *mut event,
        callback: Option<unsafe extern "C-unwind" fn(*mut event, *mut c_void)>,
    ) -> c_int;
    pub(super) fn event_debug_unassign(e: *mut event);
    pub(super) fn evutil_parse_sockaddr_port(text: *const c_char, out: *mut sockaddr, len: *mut c_int) -> c_int;
    pub(super) fn evutil_getaddrinfo(
        host: *const c_char,
        service: *const c_char,
        hints: *const addrinfo,
        result: *mut *mut addrinfo,
    ) -> c_int;
    pub(super) fn evutil_freeaddrinfo(list: *mut addrinfo);
}

/// A timeval from nanoseconds, rounded up.
pub(super) fn timeval_of(nanos: u64) -> timeval {
    let micros = nanos.div_ceil(1000);
    timeval { tv_sec: (micros / 1_000_000) as libc::time_t, tv_usec: (micros % 1_000_000) as libc::suseconds_t }
}
