//! `event2/http.h`, `event2/http_struct.h` and `event2/keyvalq_struct.h`.

use crate::abi::layout;
use crate::http::objects::{evhttp_connection, evhttp_uri};
use core::ffi::{c_char, c_int, c_uint, c_void};

/// `struct evkeyval`.
#[repr(C)]
pub struct evkeyval {
    pub tqe_next: *mut evkeyval,
    pub tqe_prev: *mut *mut evkeyval,
    pub key: *mut c_char,
    pub value: *mut c_char,
}
layout!(evkeyval, size = 32, align = 8, key = 16, value = 24);

/// `struct evkeyvalq`.
#[repr(C)]
pub struct evkeyvalq {
    pub tqh_first: *mut evkeyval,
    pub tqh_last: *mut *mut evkeyval,
}
layout!(evkeyvalq, size = 16, align = 8);

/// A callback of a request.
pub type RequestFn = unsafe extern "C-unwind" fn(*mut evhttp_request, *mut c_void);
/// The callback of a request's head.
pub type HeaderFn = unsafe extern "C-unwind" fn(*mut evhttp_request, *mut c_void) -> c_int;
/// The callback of a request's error.
pub type RequestErrorFn = unsafe extern "C-unwind" fn(c_uint, *mut c_void);
/// A callback of a connection.
pub type ConnectionFn = unsafe extern "C-unwind" fn(*mut evhttp_connection, *mut c_void);

/// `struct evhttp_request`.
#[repr(C)]
pub struct evhttp_request {
    pub tqe_next: *mut evhttp_request,
    pub tqe_prev: *mut *mut evhttp_request,
    pub evcon: *mut evhttp_connection,
    pub flags: c_int,
    pub input_headers: *mut evkeyvalq,
    pub output_headers: *mut evkeyvalq,
    pub remote_host: *mut c_char,
    pub remote_port: u16,
    pub host_cache: *mut c_char,
    pub kind: c_uint,
    pub type_: c_uint,
    pub headers_size: usize,
    pub body_size: usize,
    pub uri: *mut c_char,
    pub uri_elems: *mut evhttp_uri,
    pub major: c_char,
    pub minor: c_char,
    pub response_code: c_int,
    pub response_code_line: *mut c_char,
    pub input_buffer: *mut crate::buffer::evbuffer,
    pub ntoread: i64,
    /// `chunked` and `userdone`: see [`bit`].
    pub bits: c_uint,
    pub output_buffer: *mut crate::buffer::evbuffer,
    pub cb: Option<RequestFn>,
    pub cb_arg: *mut c_void,
    pub chunk_cb: Option<RequestFn>,
    pub header_cb: Option<HeaderFn>,
    pub error_cb: Option<RequestErrorFn>,
    pub on_complete_cb: Option<RequestFn>,
    pub on_complete_cb_arg: *mut c_void,
}
layout!(
    evhttp_request,
    size = 216,
    align = 8,
    evcon = 16,
    flags = 24,
    input_headers = 32,
    output_headers = 40,
    remote_host = 48,
    remote_port = 56,
    host_cache = 64,
    kind = 72,
    type_ = 76,
    headers_size = 80,
    body_size = 88,
    uri = 96,
    uri_elems = 104,
    major = 112,
    minor = 113,
    response_code = 116,
    response_code_line = 120,
    input_buffer = 128,
    ntoread = 136,
    bits = 144,
    output_buffer = 152,
    cb = 160,
    cb_arg = 168,
    chunk_cb = 176,
    header_cb = 184,
    error_cb = 192,
    on_complete_cb = 200,
    on_complete_cb_arg = 208,
);

/// Bit fields of `struct evhttp_request`.
pub mod bit {
    use core::ffi::c_uint;
    pub const CHUNKED: c_uint = 1;
    pub const USERDONE: c_uint = 2;
    /// Ours, beside the fields that C knows: a callback has the request.
    pub const HELD: c_uint = 4;
}

/// `EVHTTP_REQ_*` and others of `struct evhttp_request`'s flags.
pub mod flag {
    use core::ffi::c_int;
    pub const OWN_CONNECTION: c_int = 1;
    pub const PROXY: c_int = 2;
    pub const USER_OWNED: c_int = 4;
    pub const DEFER_FREE: c_int = 8;
    pub const NEEDS_FREE: c_int = 16;
}

/// `enum evhttp_request_kind`.
pub mod kind {
    use core::ffi::c_uint;
    pub const REQUEST: c_uint = 0;
    pub const RESPONSE: c_uint = 1;
}

/// `enum evhttp_request_error`.
pub mod error {
    use core::ffi::c_uint;
    pub const TIMEOUT: c_uint = 0;
    pub const EOF: c_uint = 1;
    pub const INVALID_HEADER: c_uint = 2;
    pub const BUFFER: c_uint = 3;
    pub const CANCEL: c_uint = 4;
    pub const TOO_LONG: c_uint = 5;
}

/// `struct evhttp_ext_method`, of libevent 2.2.
#[repr(C)]
pub struct evhttp_ext_method {
    pub method: *const c_char,
    pub type_: u32,
    pub flags: u16,
}
layout!(evhttp_ext_method, size = 16, align = 8, type_ = 8, flags = 12);

/// `evhttp_ext_method_cb`.
pub type ExtMethodFn = unsafe extern "C-unwind" fn(*mut evhttp_ext_method) -> c_int;
