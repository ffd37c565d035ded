//! The entries of other headers that this one is built on, by their public names.

use crate::base::event_base;
use crate::buffer::evbuffer;
use crate::http::abi::{RequestFn, evhttp_request, evkeyvalq};
use crate::http::connection::evhttp_connection;
use crate::http::server::evhttp;
use core::ffi::{c_char, c_int, c_uint, c_void};

pub use crate::http::calls::{
    evbuffer_free, evbuffer_get_length, evbuffer_new, event_add, event_del, event_free, event_new,
};

/// `EVHTTP_REQ_POST`.
pub const POST: c_uint = 2;

#[rustfmt::skip]
#[allow(improper_ctypes, reason = "both sides are this crate; C sees only pointers")]
unsafe extern "C-unwind" {
    pub fn evhttp_set_cb(http: *mut evhttp, path: *const c_char, cb: Option<RequestFn>, arg: *mut c_void) -> c_int;
    pub fn evhttp_del_cb(http: *mut evhttp, path: *const c_char) -> c_int;
    pub fn evhttp_send_error(req: *mut evhttp_request, error: c_int, reason: *const c_char);
    pub fn evhttp_send_reply(req: *mut evhttp_request, code: c_int, reason: *const c_char, body: *mut evbuffer);
    pub fn evhttp_find_header(headers: *const evkeyvalq, key: *const c_char) -> *const c_char;
    pub fn evhttp_add_header(headers: *mut evkeyvalq, key: *const c_char, value: *const c_char) -> c_int;
    pub fn evhttp_request_new(cb: Option<RequestFn>, arg: *mut c_void) -> *mut evhttp_request;
    pub fn evhttp_request_own(req: *mut evhttp_request);
    pub fn evhttp_request_free(req: *mut evhttp_request);
    pub fn evhttp_make_request(evcon: *mut evhttp_connection, req: *mut evhttp_request, method: c_uint, uri: *const c_char) -> c_int;
    pub fn evhttp_cancel_request(req: *mut evhttp_request);
    pub fn evhttp_connection_free(evcon: *mut evhttp_connection);
    pub fn evhttp_connection_set_base(evcon: *mut evhttp_connection, base: *mut event_base);
    pub fn evhttp_connection_set_timeout(evcon: *mut evhttp_connection, seconds: c_int);
}
