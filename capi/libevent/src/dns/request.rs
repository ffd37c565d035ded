//! `evdns_request`: look-ups and their callbacks.
//!
//! A request lives until its callback has run, or until it is discarded with its resolver.

use super::addrinfo;
use super::base::evdns_base;
use crate::abi::dns::{AnswerFn, err, kind, query};
use crate::abi::event::event_callback;
use crate::base::{Base, event_base};
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use evoxide_core::key::Key;
use evoxide_ffi::{cstr, mm, warnx};
use evoxide_proto::dns::resolver::{Ask, RequestFlags};
use evoxide_proto::dns::{Answer, Data, Failure, Name, rtype};
use evoxide_sys::clock;
use libc::{in_addr, in6_addr};

/// Words for addresses in a request itself: four of IPv4, one of IPv6.
const ROOM: usize = 2;

/// `struct evdns_request`, opaque to C.
pub struct evdns_request {
    deferred: event_callback,
    callback: Option<AnswerFn>,
    arg: *mut c_void,
    base: *mut event_base,
    owner: *mut evdns_base,
    key: Cell<Option<Key>>,
    /// One half of an `evdns_getaddrinfo`.
    pub(super) list: *mut addrinfo::evdns_getaddrinfo_request,
    kind: u8,
    result: Cell<c_int>,
    ttl: Cell<c_int>,
    count: Cell<c_int>,
    /// Addresses, or a pointer to a name with the name behind it.
    data: Cell<*mut c_void>,
    /// Room for the data of most answers.
    room: UnsafeCell<[u64; ROOM]>,
    /// The canonical name, for lists.
    pub(super) alias: Cell<*mut c_char>,
}

/// What is asked, and who is told.
pub(super) struct Wish {
    pub(super) name: Name,
    pub(super) absolute: bool,
    pub(super) kind: u8,
    pub(super) flags: c_int,
    pub(super) callback: Option<AnswerFn>,
    pub(super) arg: *mut c_void,
    pub(super) list: *mut addrinfo::evdns_getaddrinfo_request,
    pub(super) beside: Option<Key>,
}

/// Begins a look-up; null without memory.
pub(super) fn begin(dns: &evdns_base, wish: Wish) -> *mut evdns_request {
    let made = mm::alloc(evdns_request {
        deferred: event_callback::empty(crate::abi::event::closure::SELF),
        callback: wish.callback,
        arg: wish.arg,
        base: dns.base,
        owner: ptr::from_ref(dns).cast_mut(),
        key: Cell::new(None),
        list: wish.list,
        kind: wish.kind,
        result: Cell::new(0),
        ttl: Cell::new(0),
        count: Cell::new(0),
        data: Cell::new(ptr::null_mut()),
        room: UnsafeCell::new([0; ROOM]),
        alias: Cell::new(ptr::null_mut()),
    });
    let Some(mut made) = made else { return ptr::null_mut() };
    // SAFETY: made just now.
    let this = unsafe { made.as_mut() };
    crate::deferred::init(&this.deferred, dns.priority(), run, made.as_ptr().cast());
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
    let token = made.as_ptr();
    let begun = held.with(|state| state.resolver.start(ask, token, clock::monotonic(), &mut state.random));
    match begun {
        Ok(key) => {
            this.key.set(Some(key));
            token
        }
        Err(_) => {
            drop(held);
            // SAFETY: nobody knows of it.
            unsafe { mm::free_value(made) };
            ptr::null_mut()
        }
    }
}

impl evdns_request {
    pub(super) fn key(&self) -> Option<Key> {
        self.key.get()
    }

    /// Has the callback run soon.
    fn schedule(&self) {
        self.key.set(None);
        // SAFETY: the base lives while requests do, and the callback was prepared; it frees the request.
        unsafe { Base::live(self.base).schedule_deferred(&self.deferred) };
    }

    /// Takes over what an answer says.
    fn store(&self, answer: &Answer) -> c_int {
        let count = answer.most_records();
        let size = match self.kind {
            kind::A => 4,
            kind::AAAA => 16,
            _ => 0,
        };
        self.ttl.set(c_int::try_from(answer.ttl).unwrap_or(c_int::MAX));
        if size == 0 {
            return self.store_name(answer);
        }
        let needed = count.saturating_mul(size);
        let memory = if needed > ROOM * 8 { mm::malloc(needed) } else { self.room.get().cast() };
        if memory.is_null() {
            return err::UNKNOWN;
        }
        let mut at = 0;
        for record in answer.records().take(count) {
            let bytes = record.raw_data();
            if bytes.len() == size {
                // SAFETY: there is room for `count` addresses.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), memory.cast::<u8>().add(at), size) };
                at += size;
            }
        }
        self.data.set(memory);
        self.count.set((at / size) as c_int);
        if !self.list.is_null()
            && let Some(name) = answer.canonical_name()
        {
            self.alias.set(mm::strdup_bytes(name.to_string().as_bytes()));
        }
        err::NONE
    }

    /// The program gets a pointer to a C string.
    fn store_name(&self, answer: &Answer) -> c_int {
        let name = answer.records().find_map(|record| match record.data() {
            Ok(Data::Ptr(name)) => Some(name.to_name()),
            _ => None,
        });
        let Some(name) = name else { return err::NODATA };
        let mut text = [0u8; 256];
        let mut at = 0;
        for label in name.labels() {
            // 2.1 gives bytes as they are; a zero would end the text early.
            if label.contains(&0) {
                return err::UNKNOWN;
            }
            text[at..at + label.len()].copy_from_slice(label);
            at += label.len() + 1;
            text[at - 1] = b'.';
        }
        let len = at.saturating_sub(1);
        let memory = mm::malloc(size_of::<*mut c_char>() + len + 1);
        if memory.is_null() {
            return err::UNKNOWN;
        }
        // SAFETY: room for a pointer, the text and its end.
        unsafe {
            let start = memory.cast::<u8>().add(size_of::<*mut c_char>());
            ptr::copy_nonoverlapping(text.as_ptr(), start, len);
            start.add(len).write(0);
            memory.cast::<*mut c_char>().write(start.cast());
        }
        self.data.set(memory);
        self.count.set(1);
        err::NONE
    }
}

const fn code_of(failure: Failure) -> (c_int, u32) {
    match failure {
        Failure::FormErr => (err::FORMAT, 0),
        Failure::ServFail => (err::SERVERFAILED, 0),
        Failure::NxDomain(ttl) => (err::NOTEXIST, ttl),
        Failure::NotImp => (err::NOTIMPL, 0),
        Failure::Refused => (err::REFUSED, 0),
        Failure::Truncated | Failure::Malformed => (err::TRUNCATED, 0),
        Failure::Timeout => (err::TIMEOUT, 0),
        Failure::NoData(ttl) => (err::NODATA, ttl),
        _ => (err::UNKNOWN, 0),
    }
}

/// A request ended.
///
/// # Safety
/// `request` lives and has not ended yet.
pub(super) unsafe fn deliver(request: *mut evdns_request, result: Result<Answer, Failure>) {
    // SAFETY: the caller's promise.
    let this = unsafe { &*request };
    let code = match result {
        Ok(answer) => this.store(&answer),
        Err(failure) => {
            let (code, ttl) = code_of(failure);
            this.ttl.set(c_int::try_from(ttl).unwrap_or(0));
            code
        }
    };
    this.result.set(code);
    this.schedule();
}

/// A request ends with an error of ours.
///
/// # Safety
/// As for [`deliver`].
pub(super) unsafe fn fail(request: *mut evdns_request, code: c_int) {
    // SAFETY: the caller's promise.
    let this = unsafe { &*request };
    this.result.set(code);
    this.schedule();
}

/// A request ends without a callback.
///
/// # Safety
/// As for [`deliver`]; nobody uses the request afterwards.
pub(super) unsafe fn discard(request: *mut evdns_request) {
    // SAFETY: the caller's promise.
    unsafe {
        if !(*request).list.is_null() {
            addrinfo::half_discarded((*request).list);
        }
        mm::free(request.cast());
    }
}

unsafe extern "C-unwind" fn run(_cb: *mut event_callback, arg: *mut c_void) {
    let request: *mut evdns_request = arg.cast();
    // SAFETY: the request's own callback runs once; then nobody uses it, and its memory goes after what it points to was shown.
    unsafe {
        let this = &*request;
        let data = this.data.get();
        let result = this.result.get();
        let shown = if result == err::NONE { this.kind } else { 0 };
        let (count, ttl) = (this.count.get(), this.ttl.get());
        if this.list.is_null() {
            if let Some(callback) = this.callback {
                callback(result, shown as c_char, count, ttl, data, this.arg);
            }
        } else {
            addrinfo::half_done(this.list, request, this.kind, result, count, ttl, data.cast());
        }
        if data != this.room.get().cast() {
            mm::free(data);
        }
        mm::free(this.alias.get().cast());
        mm::free(request.cast());
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
    // SAFETY: the caller's promise.
    let (Some(dns), Some(text)) = (unsafe { dns.as_ref() }, unsafe { cstr::bytes(name) }) else {
        return ptr::null_mut();
    };
    match Name::from_text(text) {
        Ok(name) => {
            let absolute = text.ends_with(b".");
            begin(dns, Wish { name, absolute, kind, flags, callback, arg, list: ptr::null_mut(), beside: None })
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
    // SAFETY: the caller's promise.
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
    // SAFETY: the caller's promise.
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
    // SAFETY: the caller's promise.
    let Some(dns) = (unsafe { dns.as_ref() }) else { return ptr::null_mut() };
    begin(
        dns,
        Wish { name, absolute: true, kind: kind::PTR, flags, callback, arg, list: ptr::null_mut(), beside: None },
    )
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
    // SAFETY: the caller's promise.
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
    // SAFETY: the caller's promise.
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
        let owner = if dns.is_null() { this.owner } else { dns };
        let Some(owner) = owner.as_ref() else { return };
        let held = owner.hold();
        let token = held.with(|state| state.resolver.cancel(key, clock::monotonic(), &mut state.random));
        if let Some(token) = token {
            fail(token, err::CANCEL);
        }
    }
}
