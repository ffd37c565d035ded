//! The functions of the main library that the adaptor calls; the loader finds them.

use core::ffi::{c_int, c_ulong, c_void};

/// `struct bufferevent`, by address alone.
#[repr(C)]
pub struct bufferevent {
    _private: [u8; 0],
}

/// `struct event_base`, by address alone.
#[repr(C)]
pub struct event_base {
    _private: [u8; 0],
}

/// `struct evbuffer`, by address alone.
#[repr(C)]
pub struct evbuffer {
    _private: [u8; 0],
}

/// `struct evoxide_tls_ops`: what a session can do.
#[repr(C)]
pub struct Table {
    pub version: u32,
    pub size: u32,
    pub attach: unsafe extern "C-unwind" fn(*mut c_void, c_int),
    pub handshake: unsafe extern "C-unwind" fn(*mut c_void) -> isize,
    pub read: unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize) -> isize,
    pub write: unsafe extern "C-unwind" fn(*mut c_void, *const c_void, usize, c_int) -> isize,
    pub pending: unsafe extern "C-unwind" fn(*mut c_void) -> usize,
    pub shutdown: unsafe extern "C-unwind" fn(*mut c_void, c_int) -> isize,
    pub last_error: unsafe extern "C-unwind" fn(*mut c_void) -> c_ulong,
    pub unconnected: unsafe extern "C-unwind" fn(*mut c_void),
    pub free: unsafe extern "C-unwind" fn(*mut c_void, c_int),
}

/// `EVOXIDE_TLS_VERSION`.
pub const VERSION: u32 = 4;
/// `EVOXIDE_TLS_OPEN`.
pub const OPEN: c_int = 0;
/// `EVOXIDE_TLS_HANDSHAKE`.
pub const HANDSHAKE: c_int = 1;
/// `EVOXIDE_TLS_WANT_READ`.
pub const WANT_READ: isize = -1;
/// `EVOXIDE_TLS_WANT_WRITE`.
pub const WANT_WRITE: isize = -2;
/// `EVOXIDE_TLS_CLOSED`.
pub const CLOSED: isize = -3;
/// `EVOXIDE_TLS_TRUNCATED`.
pub const TRUNCATED: isize = -4;
/// `EVOXIDE_TLS_ERROR`.
pub const ERROR: isize = -5;
/// `EVOXIDE_TLS_BEHIND_DATA`.
pub const BEHIND_DATA: isize = -6;
/// `EVOXIDE_TLS_WANT_BOTH`.
pub const WANT_BOTH: isize = -7;

unsafe extern "C-unwind" {
    pub fn evoxide_tls_socket_new(
        base: *mut event_base,
        fd: c_int,
        table: *const Table,
        session: *mut c_void,
        mode: c_int,
        options: c_int,
    ) -> *mut bufferevent;
    pub fn evoxide_tls_filter_new(
        below: *mut bufferevent,
        table: *const Table,
        session: *mut c_void,
        mode: c_int,
        options: c_int,
    ) -> *mut bufferevent;
    pub fn evoxide_tls_session(bev: *mut bufferevent, table: *const Table) -> *mut c_void;
    pub fn evoxide_tls_handshake(bev: *mut bufferevent) -> c_int;
    pub fn evoxide_tls_dirty_shutdown(bev: *mut bufferevent, on: c_int) -> c_int;
    pub fn bufferevent_get_input(bev: *mut bufferevent) -> *mut evbuffer;
    pub fn bufferevent_get_output(bev: *mut bufferevent) -> *mut evbuffer;
    pub fn bufferevent_lock(bev: *mut bufferevent);
    pub fn bufferevent_unlock(bev: *mut bufferevent);
    pub fn evbuffer_add(buffer: *mut evbuffer, data: *const c_void, size: usize) -> c_int;
    pub fn evbuffer_remove(buffer: *mut evbuffer, data: *mut c_void, size: usize) -> c_int;
    pub fn evbuffer_get_length(buffer: *const evbuffer) -> usize;
}
