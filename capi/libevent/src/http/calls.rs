//! The entries of other headers that HTTP is built on, by their public names: HTTP is a program on them like any other.

use crate::abi::bufferevent::{DataFn, EventFn, bufferevent};
use crate::abi::event::event;
use crate::buffer::evbuffer;
use core::ffi::{c_char, c_int, c_short, c_uint, c_void};
use libc::{sockaddr, timeval};

pub use crate::base::event_base;
pub use crate::listener::{AcceptFn, evconnlistener};

/// `EV_*` and `BEV_EVENT_*`.
pub mod what {
    use core::ffi::c_short;
    pub const READ: c_short = 2;
    pub const WRITE: c_short = 4;
    pub const READING: c_short = 1;
    pub const EOF: c_short = 0x10;
    pub const TIMEOUT: c_short = 0x40;
    pub const CONNECTED: c_short = 0x80;
}

type TimerFn = unsafe extern "C-unwind" fn(c_int, c_short, *mut c_void);

#[rustfmt::skip]
#[allow(improper_ctypes, reason = "both sides are this crate; C sees only pointers")]
unsafe extern "C-unwind" {
    pub fn bufferevent_socket_new(base: *mut event_base, fd: c_int, options: c_int) -> *mut bufferevent;
    pub fn bufferevent_free(bev: *mut bufferevent);
    pub fn bufferevent_lock(bev: *mut bufferevent);
    pub fn bufferevent_unlock(bev: *mut bufferevent);
    pub fn bufferevent_get_base(bev: *mut bufferevent) -> *mut event_base;
    pub fn bufferevent_setcb(bev: *mut bufferevent, read: Option<DataFn>, write: Option<DataFn>, event: Option<EventFn>, arg: *mut c_void);
    pub fn bufferevent_enable(bev: *mut bufferevent, events: c_short) -> c_int;
    pub fn bufferevent_disable(bev: *mut bufferevent, events: c_short) -> c_int;
    pub fn bufferevent_set_timeouts(bev: *mut bufferevent, read: *const timeval, write: *const timeval) -> c_int;
    pub fn bufferevent_getfd(bev: *mut bufferevent) -> c_int;
    pub fn bufferevent_setfd(bev: *mut bufferevent, fd: c_int) -> c_int;
    pub fn bufferevent_get_input(bev: *mut bufferevent) -> *mut evbuffer;
    pub fn bufferevent_get_output(bev: *mut bufferevent) -> *mut evbuffer;
    pub fn bufferevent_base_set(base: *mut event_base, bev: *mut bufferevent) -> c_int;
    pub fn bufferevent_socket_connect(bev: *mut bufferevent, addr: *const sockaddr, len: c_int) -> c_int;
    pub fn bufferevent_socket_connect_hostname(bev: *mut bufferevent, dns: *mut c_void, family: c_int, host: *const c_char, port: c_int) -> c_int;
    pub fn evbuffer_new() -> *mut evbuffer;
    pub fn evbuffer_free(buffer: *mut evbuffer);
    pub fn evbuffer_add(buffer: *mut evbuffer, data: *const c_void, len: usize) -> c_int;
    pub fn evbuffer_add_buffer(target: *mut evbuffer, source: *mut evbuffer) -> c_int;
    pub fn evbuffer_remove_buffer(source: *mut evbuffer, target: *mut evbuffer, len: usize) -> c_int;
    pub fn evbuffer_drain(buffer: *mut evbuffer, len: usize) -> c_int;
    pub fn evbuffer_pullup(buffer: *mut evbuffer, len: isize) -> *mut u8;
    pub fn evbuffer_get_length(buffer: *const evbuffer) -> usize;
    pub fn event_new(base: *mut event_base, fd: c_int, events: c_short, cb: Option<TimerFn>, arg: *mut c_void) -> *mut event;
    pub fn event_free(ev: *mut event);
    pub fn event_add(ev: *mut event, timeout: *const timeval) -> c_int;
    pub fn event_del(ev: *mut event) -> c_int;
    pub fn event_base_gettimeofday_cached(base: *mut event_base, tv: *mut timeval) -> c_int;
    pub fn secure_getenv(name: *const c_char) -> *mut c_char;
    pub fn evconnlistener_new(base: *mut event_base, cb: Option<AcceptFn>, arg: *mut c_void, flags: c_uint, backlog: c_int, fd: c_int) -> *mut evconnlistener;
    pub fn evconnlistener_free(listener: *mut evconnlistener);
    pub fn evconnlistener_get_fd(listener: *mut evconnlistener) -> c_int;
    pub fn evconnlistener_set_cb(listener: *mut evconnlistener, cb: Option<AcceptFn>, arg: *mut c_void);
}
