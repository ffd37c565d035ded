//! `event2/rpc_struct.h`, and what the macros of `event2/rpc.h` reach into.

use super::hooks::evrpc_hook_meta;
use super::server::evrpc_base;
use crate::abi::layout;
use crate::buffer::evbuffer;
use crate::http::abi::evhttp_request;
use core::ffi::{c_char, c_int, c_void};

pub type NewFn = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;
pub type FreeFn = unsafe extern "C-unwind" fn(*mut c_void);
pub type UnmarshalFn = unsafe extern "C-unwind" fn(*mut c_void, *mut evbuffer) -> c_int;
pub type MarshalFn = unsafe extern "C-unwind" fn(*mut evbuffer, *mut c_void);
pub type CompleteFn = unsafe extern "C-unwind" fn(*mut c_void) -> c_int;
pub type CommandFn = unsafe extern "C-unwind" fn(*mut evrpc_req_generic, *mut c_void);
pub type StatusFn = unsafe extern "C-unwind" fn(*mut evrpc_status, *mut c_void, *mut c_void, *mut c_void);

/// `struct evrpc_status`.
#[repr(C)]
pub struct evrpc_status {
    pub error: c_int,
    pub http_req: *mut evhttp_request,
}
layout!(evrpc_status, size = 16, align = 8, error = 0, http_req = 8);

/// `struct evrpc`.
#[repr(C)]
pub struct evrpc {
    pub tqe_next: *mut evrpc,
    pub tqe_prev: *mut *mut evrpc,
    pub uri: *const c_char,
    pub request_new: Option<NewFn>,
    pub request_new_arg: *mut c_void,
    pub request_free: Option<FreeFn>,
    pub request_unmarshal: Option<UnmarshalFn>,
    pub reply_new: Option<NewFn>,
    pub reply_new_arg: *mut c_void,
    pub reply_free: Option<FreeFn>,
    pub reply_complete: Option<CompleteFn>,
    pub reply_marshal: Option<MarshalFn>,
    pub cb: Option<CommandFn>,
    pub cb_arg: *mut c_void,
    pub base: *mut evrpc_base,
}
layout!(
    evrpc,
    size = 120,
    align = 8,
    uri = 16,
    request_new = 24,
    request_new_arg = 32,
    request_free = 40,
    request_unmarshal = 48,
    reply_new = 56,
    reply_new_arg = 64,
    reply_free = 72,
    reply_complete = 80,
    reply_marshal = 88,
    cb = 96,
    cb_arg = 104,
    base = 112,
);

/// What `EVRPC_HEADER` declares for each command.
#[repr(C)]
pub struct evrpc_req_generic {
    pub hook_meta: *mut evrpc_hook_meta,
    pub request: *mut c_void,
    pub reply: *mut c_void,
    pub rpc: *mut evrpc,
    pub http_req: *mut evhttp_request,
    pub rpc_data: *mut evbuffer,
}
layout!(evrpc_req_generic, size = 48, align = 8, request = 8, reply = 16, rpc = 24, http_req = 32, rpc_data = 40);
