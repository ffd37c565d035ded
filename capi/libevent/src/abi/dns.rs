//! The structs, constants and callbacks of `event2/dns.h` and `event2/dns_struct.h`.

use super::layout;
use core::ffi::{c_char, c_int, c_void};
use libc::addrinfo;

/// `evdns_callback_type`.
pub type AnswerFn = unsafe extern "C-unwind" fn(c_int, c_char, c_int, c_int, *mut c_void, *mut c_void);
/// `evdns_getaddrinfo_cb`.
pub type AddrinfoFn = unsafe extern "C-unwind" fn(c_int, *mut addrinfo, *mut c_void);
/// `evdns_request_callback_fn_type`.
pub type RequestFn = unsafe extern "C-unwind" fn(*mut evdns_server_request, *mut c_void);
/// `evdns_debug_log_fn_type`.
pub type DnsLogFn = unsafe extern "C-unwind" fn(c_int, *const c_char);

/// `struct evdns_server_request`, what C sees of it.
#[repr(C)]
pub struct evdns_server_request {
    pub flags: c_int,
    pub nquestions: c_int,
    pub questions: *mut *mut evdns_server_question,
}

/// `struct evdns_server_question`; the name goes on behind it.
#[repr(C)]
pub struct evdns_server_question {
    pub r#type: c_int,
    pub dns_question_class: c_int,
    pub name: [c_char; 1],
}

layout!(evdns_server_request, size = 16, align = 8, flags = 0, nquestions = 4, questions = 8);
layout!(evdns_server_question, size = 12, align = 4, r#type = 0, dns_question_class = 4, name = 8);

/// `DNS_ERR_*`.
pub mod err {
    use core::ffi::c_int;
    pub const NONE: c_int = 0;
    pub const FORMAT: c_int = 1;
    pub const SERVERFAILED: c_int = 2;
    pub const NOTEXIST: c_int = 3;
    pub const NOTIMPL: c_int = 4;
    pub const REFUSED: c_int = 5;
    pub const TRUNCATED: c_int = 65;
    pub const UNKNOWN: c_int = 66;
    pub const TIMEOUT: c_int = 67;
    pub const SHUTDOWN: c_int = 68;
    pub const CANCEL: c_int = 69;
    pub const NODATA: c_int = 70;
}

/// `DNS_IPv4_A` and its like.
pub mod kind {
    pub const A: u8 = 1;
    pub const PTR: u8 = 2;
    pub const AAAA: u8 = 3;
}

/// `DNS_QUERY_*`, of 2.2 beyond the first.
pub mod query {
    use core::ffi::c_int;
    pub const NO_SEARCH: c_int = 1;
    pub const USEVC: c_int = 2;
    pub const IGNTC: c_int = 4;
}

/// `DNS_OPTION_*`.
pub mod option {
    use core::ffi::c_int;
    pub const SEARCH: c_int = 1;
    pub const NAMESERVERS: c_int = 2;
    pub const MISC: c_int = 4;
    pub const HOSTSFILE: c_int = 8;
    pub const NAMESERVERS_NO_DEFAULT: c_int = 16;
}

/// `EVDNS_BASE_*`.
pub mod base {
    use core::ffi::c_int;
    pub const INITIALIZE_NAMESERVERS: c_int = 1;
    pub const DISABLE_WHEN_INACTIVE: c_int = 0x8000;
    pub const NAMESERVERS_NO_DEFAULT: c_int = 0x1_0000;
    pub const NO_CACHE: c_int = 0x2_0000;
    pub const ALL: c_int = INITIALIZE_NAMESERVERS | DISABLE_WHEN_INACTIVE | NAMESERVERS_NO_DEFAULT | NO_CACHE;
}

/// `EVDNS_FLAGS_*`.
pub mod flags {
    use core::ffi::c_int;
    pub const AA: c_int = 0x400;
    pub const RD: c_int = 0x080;
}
