//! Look-ups: how they begin, and their cancellation.

use super::base::evdns_base;
use super::pending::{self, Told, evdns_request};
use crate::abi::dns::{AnswerFn, err, kind, query};
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use evoxide_core::key::Key;
use evoxide_ffi::{cstr, mm, warnx};
use evoxide_proto::dns::resolver::{Ask, RequestFlags};
use evoxide_proto::dns::{Name, rtype};
use evoxide_sys::clock;
use libc::{in_addr, in6_addr};

/// What is asked, and who is told.
pub(super) struct Wish {
    pub(super) name: Name,
    pub(super) absolute: bool,
    pub(super) kind: u8,
    pub(super) flags: c_int,
    pub(super) told: Told,
    pub(super) beside: Option<Key>,
}

/// Begins a look-up; null without memory.
pub(super) fn begin(dns: &evdns_base, wish: Wish) -> *mut evdns_request {
    let made = evdns_request::new(dns.base, ptr::from_ref(dns).cast(), dns.priority(), wish.kind, wish.told);
    // SAFETY: null, or made just now.
    let Some(this) = (unsafe { made.as_ref() }) else { return ptr::null_mut() };
    let qtype = match wish.kind {
        kind::A => rtype::A,
        kind::AAAA => rtype::AAAA,
        _ => rtype::PTR,
    };
    let mut ask = Ask::new(&wish.name, qtype);
    ask.absolute = wish.absolute;
    ask.beside = wish.beside;
    ask.flags = RequestFlags::default();
    ask.flags.no_search = wish.flags & query::NO_SEARCH != 0;
    ask.flags.use_tcp = wish.flags & query::USEVC != 0;
    ask.flags.ignore_tc = wish.flags & query::IGNTC != 0;
    let held = dns.hold();
    let begun = held.with(|state| state.resolver.start(ask, made, clock::monotonic(), &mut state.random));
    match begun {
        Ok(key) => {
            this.key.set(Some(key));
            made
        }
        Err(_) => {
            drop(held);
            // SAFETY: nobody knows of it.
            unsafe { mm::free(made.cast()) };
            ptr::null_mut()
        }
    }
}

/// A look-up of a text.
///
/// # Safety
/// The base is null or lives; the name is null or a C string.
pub(super) unsafe fn by_text(
    dns: *mut evdns_base,
    name: *const c_char,
    kind: u8,
    flags: c_int,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
) -> *mut evdns_request {
    // SAFETY: the base is null or lives, as promised.
    let (Some(dns), Some(text)) = (unsafe { dns.as_ref() }, unsafe { cstr::bytes(name) }) else {
        return ptr::null_mut();
    };
    match Name::from_text(text) {
        Ok(name) => {
            let absolute = text.ends_with(b".");
            begin(dns, Wish { name, absolute, kind, flags, told: Told::Program(callback, arg), beside: None })
        }
        Err(error) => {
            warnx!("evdns: {error}");
            ptr::null_mut()
        }
    }
}

/// Looks up the IPv4 addresses of a name.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_resolve_ipv4(
    dns: *mut evdns_base,
    name: *const c_char,
    flags: c_int,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
) -> *mut evdns_request {
    // SAFETY: `dns` is null or alive; `name` is null or ends in a zero byte.
    unsafe { by_text(dns, name, kind::A, flags, callback, arg) }
}

/// Looks up the IPv6 addresses of a name.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_resolve_ipv6(
    dns: *mut evdns_base,
    name: *const c_char,
    flags: c_int,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
) -> *mut evdns_request {
    // SAFETY: `dns` is null or alive; `name` is null or ends in a zero byte.
    unsafe { by_text(dns, name, kind::AAAA, flags, callback, arg) }
}

/// A reverse look-up, which is never searched.
///
/// # Safety
/// The base is null or lives.
pub(super) unsafe fn reverse(
    dns: *mut evdns_base,
    name: Name,
    flags: c_int,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
) -> *mut evdns_request {
    // SAFETY: the base is null or lives, as promised.
    let Some(dns) = (unsafe { dns.as_ref() }) else { return ptr::null_mut() };
    begin(dns, Wish { name, absolute: true, kind: kind::PTR, flags, told: Told::Program(callback, arg), beside: None })
}

/// Looks up the name of an IPv4 address.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_resolve_reverse(
    dns: *mut evdns_base,
    address: *const in_addr,
    flags: c_int,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
) -> *mut evdns_request {
    // SAFETY: `dns` is null or alive; `address` is null or of its type.
    unsafe {
        let Some(address) = address.as_ref() else { return ptr::null_mut() };
        reverse(dns, Name::reverse_v4(address.s_addr.to_ne_bytes()), flags, callback, arg)
    }
}

/// Looks up the name of an IPv6 address.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_resolve_reverse_ipv6(
    dns: *mut evdns_base,
    address: *const in6_addr,
    flags: c_int,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
) -> *mut evdns_request {
    // SAFETY: `dns` is null or alive; `address` is null or of its type.
    unsafe {
        let Some(address) = address.as_ref() else { return ptr::null_mut() };
        reverse(dns, Name::reverse_v6(address.s6_addr), flags, callback, arg)
    }
}

/// Cancels a look-up: its callback runs soon with `DNS_ERR_CANCEL`. One whose callback is due already is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_cancel_request(dns: *mut evdns_base, request: *mut evdns_request) {
    // SAFETY: the caller's promise: the request's callback has not run.
    unsafe {
        let Some(this) = request.as_ref() else { return };
        let Some(key) = this.key.get() else { return };
        let owner = if dns.is_null() { this.owner.cast() } else { dns.cast_const() };
        let Some(owner) = owner.as_ref() else { return };
        let held = owner.hold();
        let token = held.with(|state| state.resolver.cancel(key, clock::monotonic(), &mut state.random));
        if let Some(token) = token {
            pending::fail(token, err::CANCEL);
        }
    }
}
