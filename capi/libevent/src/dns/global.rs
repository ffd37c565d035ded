//! `event2/dns_compat.h`: the calls of libevent 1.x, on one base for the whole process.

use super::base::evdns_base;
use super::current::{or_global, set_global};
use super::lifecycle::{evdns_base_free, evdns_base_new};
use super::pending::evdns_request;
use super::port::{evdns_add_server_port_with_base, evdns_server_port};
use super::{options, request, servers};
use crate::abi::dns::{AnswerFn, RequestFn, base, kind};
use core::ffi::{c_char, c_int, c_ulong, c_void};
use core::ptr;
use evoxide_proto::dns::Name;
use libc::{in_addr, in6_addr};

/// The global base, made if there is none.
fn global() -> *mut evdns_base {
    let known = or_global(ptr::null_mut());
    if !known.is_null() {
        return known;
    }
    // SAFETY: the current base is null or lives.
    let made = unsafe { evdns_base_new(current(), 0) };
    set_global(made);
    made
}

fn current() -> *mut crate::base::event_base {
    crate::base::current_base()
}

/// Makes the global base, with the system's servers. 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_init() -> c_int {
    // SAFETY: the current base is null or lives.
    let made = unsafe { evdns_base_new(current(), base::INITIALIZE_NAMESERVERS) };
    set_global(made);
    if made.is_null() { -1 } else { 0 }
}

/// The global base, or null.
#[unsafe(no_mangle)]
pub extern "C" fn evdns_get_global_base() -> *mut evdns_base {
    or_global(ptr::null_mut())
}

/// Frees the global base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_shutdown(fail_requests: c_int) {
    let dns = or_global(ptr::null_mut());
    set_global(ptr::null_mut());
    if !dns.is_null() {
        // SAFETY: it was made here.
        unsafe { evdns_base_free(dns, fail_requests) };
    }
}

/// As `evdns_base_nameserver_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_nameserver_add(address: c_ulong) -> c_int {
    // SAFETY: the global base.
    unsafe { servers::evdns_base_nameserver_add(global(), address) }
}

/// As `evdns_base_nameserver_ip_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_nameserver_ip_add(text: *const c_char) -> c_int {
    // SAFETY: the global base; the caller's text.
    unsafe { servers::evdns_base_nameserver_ip_add(global(), text) }
}

/// As `evdns_base_count_nameservers`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_count_nameservers() -> c_int {
    // SAFETY: the global base.
    unsafe { servers::evdns_base_count_nameservers(or_global(ptr::null_mut())) }
}

/// As `evdns_base_clear_nameservers_and_suspend`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_clear_nameservers_and_suspend() -> c_int {
    // SAFETY: the global base.
    unsafe { servers::evdns_base_clear_nameservers_and_suspend(or_global(ptr::null_mut())) }
}

/// As `evdns_base_resume`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_resume() -> c_int {
    // SAFETY: the global base.
    unsafe { servers::evdns_base_resume(or_global(ptr::null_mut())) }
}

const fn code(request: *mut evdns_request) -> c_int {
    if request.is_null() { -1 } else { 0 }
}

/// As `evdns_base_resolve_ipv4`: 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_resolve_ipv4(
    name: *const c_char,
    flags: c_int,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the global base; the caller's text.
    unsafe { code(request::by_text(or_global(ptr::null_mut()), name, kind::A, flags, callback, arg)) }
}

/// As `evdns_base_resolve_ipv6`: 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_resolve_ipv6(
    name: *const c_char,
    flags: c_int,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the global base; the caller's text.
    unsafe { code(request::by_text(or_global(ptr::null_mut()), name, kind::AAAA, flags, callback, arg)) }
}

/// As `evdns_base_resolve_reverse`: 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_resolve_reverse(
    address: *const in_addr,
    flags: c_int,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the global base; the caller's address.
    unsafe {
        let Some(address) = address.as_ref() else { return -1 };
        let name = Name::reverse_v4(address.s_addr.to_ne_bytes());
        code(request::reverse(or_global(ptr::null_mut()), name, flags, callback, arg))
    }
}

/// As `evdns_base_resolve_reverse_ipv6`: 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_resolve_reverse_ipv6(
    address: *const in6_addr,
    flags: c_int,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the global base; the caller's address.
    unsafe {
        let Some(address) = address.as_ref() else { return -1 };
        let name = Name::reverse_v6(address.s6_addr);
        code(request::reverse(or_global(ptr::null_mut()), name, flags, callback, arg))
    }
}

/// As `evdns_base_set_option`, which makes the global base if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_set_option(option: *const c_char, value: *const c_char, _flags: c_int) -> c_int {
    // SAFETY: the global base; the caller's texts.
    unsafe { options::evdns_base_set_option(global(), option, value) }
}

/// As `evdns_base_resolv_conf_parse`, which makes the global base if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_resolv_conf_parse(flags: c_int, path: *const c_char) -> c_int {
    // SAFETY: the global base; the caller's text.
    unsafe { options::evdns_base_resolv_conf_parse(global(), flags, path) }
}

/// As `evdns_base_search_clear`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_search_clear() {
    // SAFETY: the global base.
    unsafe { options::evdns_base_search_clear(or_global(ptr::null_mut())) };
}

/// As `evdns_base_search_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_search_add(domain: *const c_char) {
    // SAFETY: the global base; the caller's text.
    unsafe { options::evdns_base_search_add(or_global(ptr::null_mut()), domain) };
}

/// As `evdns_base_search_ndots_set`, which makes the global base if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_search_ndots_set(ndots: c_int) {
    // SAFETY: the global base.
    unsafe { options::evdns_base_search_ndots_set(global(), ndots) };
}

/// As `evdns_add_server_port_with_base`, on the current base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_add_server_port(
    fd: c_int,
    flags: c_int,
    callback: Option<RequestFn>,
    arg: *mut c_void,
) -> *mut evdns_server_port {
    // SAFETY: the current base is null or lives.
    unsafe { evdns_add_server_port_with_base(current(), fd, flags, callback, arg) }
}
