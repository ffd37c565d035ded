//! `evdns_getaddrinfo`: both families at once, and the wait for the slower one.
//!
//! A request has up to two halves, look-ups of one family each. It ends once, by its callback, and its memory goes when both
//! halves are over.

use super::base::evdns_base;
use super::current::or_global;
use super::own;
use super::pending::{HalfOps, Told, evdns_request};
use super::request::{self, Wish};
use crate::abi::dns::{AddrinfoFn, err, kind};
use crate::abi::event::event;
use crate::abi::util::EAI_CANCEL;
use crate::util::new_addrinfo;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_char, c_int, c_short, c_void};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::{mem::MaybeUninit, ptr};
use evoxide_core::net::{parse_ipv4, parse_ipv6};
use evoxide_ffi::{cstr, mm};
use evoxide_proto::dns::Name;
use evoxide_proto::dns::hosts::is_localhost;
use evoxide_sys::clock;
use evoxide_sys::socket::{self as net, Addr, Flags};
use libc::addrinfo;

/// `struct evdns_getaddrinfo_request`, opaque to C.
pub struct evdns_getaddrinfo_request {
    callback: Option<AddrinfoFn>,
    arg: *mut c_void,
    /// IPv4 and IPv6; null when over.
    halves: [Cell<*mut evdns_request>; 2],
    /// Halves that are not over.
    left: Cell<u8>,
    lists: [Cell<*mut addrinfo>; 2],
    alias: Cell<*mut c_char>,
    /// The first error of a half.
    error: Cell<c_int>,
    ended: Cell<bool>,
    cancelled: Cell<bool>,
    /// Its callback is one of ours, which must be called in any case.
    own: bool,
    wish: Want,
    skew: u64,
    timer: UnsafeCell<MaybeUninit<event>>,
}

/// What the list is to hold.
#[derive(Clone, Copy)]
pub(super) struct Want {
    port: u16,
    socktype: c_int,
    protocol: c_int,
    flags: c_int,
}

impl Want {
    /// What hints say, with a port.
    pub(super) fn new(hints: &addrinfo, port: u16) -> Self {
        Self { port, socktype: hints.ai_socktype, protocol: hints.ai_protocol, flags: hints.ai_flags }
    }

    /// The types and protocols of each address.
    fn kinds(self) -> impl Iterator<Item = (c_int, c_int)> {
        let tcp = (libc::SOCK_STREAM, libc::IPPROTO_TCP);
        let udp = (libc::SOCK_DGRAM, libc::IPPROTO_UDP);
        let (first, second) = match (self.socktype, self.protocol) {
            (0, 0) => (tcp, Some(udp)),
            (0, libc::IPPROTO_TCP) => (tcp, None),
            (0, libc::IPPROTO_UDP) => (udp, None),
            (libc::SOCK_STREAM, 0) => (tcp, None),
            (libc::SOCK_DGRAM, 0) => (udp, None),
            other => (other, None),
        };
        core::iter::once(first).chain(second)
    }
}

/// A list of the addresses; null without any. `Err`: without memory.
pub(super) fn list_of(addresses: impl Iterator<Item = IpAddr>, want: Want) -> Result<*mut addrinfo, ()> {
    let mut first: *mut addrinfo = ptr::null_mut();
    let mut place = &raw mut first;
    for address in addresses {
        let addr = Addr::from(SocketAddr::new(address, want.port));
        for (socktype, protocol) in want.kinds() {
            let element = new_addrinfo(addr.as_bytes(), socktype, protocol);
            // SAFETY: the place is the list's end; what was made so far is ours.
            unsafe {
                if element.is_null() {
                    own::evutil_freeaddrinfo(first);
                    return Err(());
                }
                *place = element;
                place = &raw mut (*element).ai_next;
            }
        }
    }
    Ok(first)
}

/// # Safety
/// Both are null or lists.
unsafe fn joined(first: *mut addrinfo, second: *mut addrinfo) -> *mut addrinfo {
    if first.is_null() {
        return second;
    }
    let mut last = first;
    // SAFETY: a list that is not empty.
    unsafe {
        while !(*last).ai_next.is_null() {
            last = (*last).ai_next;
        }
        (*last).ai_next = second;
    }
    first
}

const fn family_of(kind: u8) -> usize {
    if kind == kind::A { 0 } else { 1 }
}

const fn code_of(result: c_int) -> c_int {
    match result {
        err::NOTEXIST => libc::EAI_NONAME,
        err::CANCEL => EAI_CANCEL,
        _ => libc::EAI_FAIL,
    }
}

static HALF: HalfOps = HalfOps { done: half_done, discarded: half_discarded };

/// One half's callback: its result is taken over.
///
/// # Safety
/// `list` lives; `data` are `count` addresses of the half's kind.
unsafe fn half_done(list: *mut c_void, half: &evdns_request, result: c_int, count: c_int, data: *const u8) {
    let list: *mut evdns_getaddrinfo_request = list.cast();
    // SAFETY: `list` lives, as promised.
    unsafe {
        let this = &*list;
        let family = family_of(half.kind());
        this.halves[family].set(ptr::null_mut());
        this.left.set(this.left.get() - 1);
        if !this.ended.get() {
            this.take(family, half, result, count, data);
        }
        if this.cancelled.get() && !this.ended.get() {
            finish(list, EAI_CANCEL);
        } else if !this.ended.get() {
            let some = this.lists.iter().any(|l| !l.get().is_null());
            if this.left.get() == 0 {
                finish(list, if some { 0 } else { this.error.get() });
            } else if some {
                own::event_add((*list).timer(), &own::timeval_of(this.skew));
            }
        }
        release(list);
    }
}

/// A half went without a callback, with its resolver.
///
/// # Safety
/// `list` lives.
unsafe fn half_discarded(list: *mut c_void) {
    let list: *mut evdns_getaddrinfo_request = list.cast();
    // SAFETY: `list` lives, as promised.
    unsafe {
        let this = &*list;
        this.left.set(this.left.get() - 1);
        if this.own && this.left.get() == 0 && !this.ended.get() {
            finish(list, EAI_CANCEL);
        }
        if !this.own {
            this.ended.set(true);
        }
        release(list);
    }
}

/// Frees a request whose halves are over and whose callback has run.
///
/// # Safety
/// As for [`half_discarded`].
unsafe fn release(list: *mut evdns_getaddrinfo_request) {
    // SAFETY: what `half_discarded` asks for is promised here, too.
    unsafe {
        let this = &*list;
        if this.left.get() > 0 || !this.ended.get() {
            return;
        }
        own::event_del_noblock(this.timer());
        own::event_debug_unassign(this.timer());
        for rest in &this.lists {
            own::evutil_freeaddrinfo(rest.replace(ptr::null_mut()));
        }
        mm::free(this.alias.get().cast());
        mm::free(list.cast());
    }
}

/// Runs the callback, once.
///
/// # Safety
/// `list` lives; its owner sees to [`release`].
unsafe fn finish(list: *mut evdns_getaddrinfo_request, code: c_int) {
    // SAFETY: `list` lives, as promised.
    unsafe {
        let this = &*list;
        this.ended.set(true);
        own::event_del_noblock(this.timer());
        let mut found = ptr::null_mut();
        if code == 0 {
            found = joined(this.lists[0].replace(ptr::null_mut()), this.lists[1].replace(ptr::null_mut()));
            if this.wish.flags & libc::AI_CANONNAME != 0 && !found.is_null() {
                (*found).ai_canonname = this.alias.replace(ptr::null_mut());
            }
        }
        if let Some(callback) = this.callback {
            callback(code, found, this.arg);
        }
    }
}

impl evdns_getaddrinfo_request {
    fn timer(&self) -> *mut event {
        self.timer.get().cast()
    }

    /// # Safety
    /// As for [`half_done`].
    unsafe fn take(&self, family: usize, half: &evdns_request, result: c_int, count: c_int, data: *const u8) {
        if result != err::NONE {
            if self.error.get() == 0 {
                self.error.set(code_of(result));
            }
            return;
        }
        let size = if family == 0 { 4 } else { 16 };
        // SAFETY: what `half_done` asks for is promised here, too.
        let bytes = unsafe { core::slice::from_raw_parts(data, usize::try_from(count).unwrap_or(0) * size) };
        let addresses = bytes.chunks_exact(size).filter_map(|chunk| match chunk.len() {
            4 => <[u8; 4]>::try_from(chunk).ok().map(IpAddr::from),
            _ => <[u8; 16]>::try_from(chunk).ok().map(IpAddr::from),
        });
        match list_of(addresses, self.wish) {
            Ok(list) => self.lists[family].set(list),
            Err(()) => self.error.set(libc::EAI_MEMORY),
        }
        if self.alias.get().is_null() {
            self.alias.set(half.alias.replace(ptr::null_mut()));
        }
    }

    /// Cancels the halves that are not over; their callbacks follow.
    fn stop(&self) {
        for half in &self.halves {
            let half = half.get();
            if !half.is_null() {
                // SAFETY: a half that is not over.
                unsafe { request::evdns_cancel_request(ptr::null_mut(), half) };
            }
        }
    }
}

unsafe extern "C-unwind" fn on_skew(_fd: c_int, _what: c_short, arg: *mut c_void) {
    let list: *mut evdns_getaddrinfo_request = arg.cast();
    // SAFETY: the timer is deleted before the request goes; a half is left, so it stays until that is over.
    unsafe {
        if !(*list).ended.get() {
            (*list).stop();
            finish(list, 0);
        }
    }
}

/// Whether this host can reach addresses of a family (`AI_ADDRCONFIG`): a datagram socket finds a way to one.
fn reaches(family: c_int) -> bool {
    let to = if family == libc::AF_INET {
        SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 53))
    } else {
        SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 53))
    };
    let attempt = || {
        let addr = Addr::from(to);
        let fd = net::datagram(&addr, Flags { nonblocking: true, cloexec: true })?;
        net::connect(&fd, &addr)?;
        net::local_addr(&fd)
    };
    attempt().ok().and_then(|addr| addr.to_inet()).is_some_and(|own| !own.ip().is_loopback())
}

/// The port of a service, or an error.
///
/// # Safety
/// `service` is null or a C string.
unsafe fn port_of(service: *const c_char, hints: &addrinfo) -> Result<u16, c_int> {
    // SAFETY: the caller's promise; the list is freed here.
    unsafe {
        let Some(text) = cstr::bytes(service) else { return Ok(0) };
        if let Some(port) = core::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
            return Ok(port);
        }
        let mut asked: addrinfo = core::mem::zeroed();
        asked.ai_family = libc::AF_INET;
        asked.ai_socktype = hints.ai_socktype;
        asked.ai_protocol = hints.ai_protocol;
        asked.ai_flags = libc::AI_PASSIVE | hints.ai_flags & libc::AI_NUMERICSERV;
        let mut found: *mut addrinfo = ptr::null_mut();
        if own::evutil_getaddrinfo(ptr::null(), service, &raw const asked, &raw mut found) != 0 {
            return Err(libc::EAI_NONAME);
        }
        let port = found.as_ref().map_or(0, |first| (*first.ai_addr.cast::<libc::sockaddr_in>()).sin_port);
        own::evutil_freeaddrinfo(found);
        Ok(u16::from_be(port))
    }
}

/// What can be said without a question: `Some` is the answer.
fn known(dns: &evdns_base, text: &[u8], family: c_int, want: Want) -> Option<Result<*mut addrinfo, c_int>> {
    let wanted = |address: &IpAddr| match family {
        libc::AF_INET => address.is_ipv4(),
        libc::AF_INET6 => address.is_ipv6(),
        _ => true,
    };
    let held = dns.hold();
    let (some, listed) = held.with(|state| {
        let hosts = state.hosts.find(text).count();
        if hosts > 0 {
            return (true, list_of(state.hosts.find(text).filter(wanted), want));
        }
        if let Some(addresses) = state.cached.find(text, clock::monotonic()) {
            return (true, list_of(addresses.filter(wanted), want));
        }
        let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let local = is_localhost(text).then_some(local).into_iter().flatten();
        (is_localhost(text), list_of(local.filter(wanted), want))
    });
    some.then(|| match listed {
        Ok(list) if list.is_null() => Err(libc::EAI_NODATA),
        Ok(list) => Ok(list),
        Err(()) => Err(libc::EAI_MEMORY),
    })
}

/// Looks up a host and a service without blocking. Null where the callback was called already.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_getaddrinfo(
    dns: *mut evdns_base,
    node: *const c_char,
    service: *const c_char,
    hints_in: *const addrinfo,
    callback: Option<AddrinfoFn>,
    arg: *mut c_void,
) -> *mut evdns_getaddrinfo_request {
    // SAFETY: `dns` is null or alive; `node` and `service` are null or end in a zero byte; `hints_in` is null or of its type.
    unsafe { look_up(dns, node, service, hints_in, callback, arg, false) }
}

/// As `evdns_getaddrinfo`; a callback that is our `own` is called even if the resolver goes without telling anybody.
///
/// # Safety
/// As for `evdns_getaddrinfo`.
pub(crate) unsafe fn look_up(
    dns: *mut evdns_base,
    node: *const c_char,
    service: *const c_char,
    hints_in: *const addrinfo,
    callback: Option<AddrinfoFn>,
    arg: *mut c_void,
    own: bool,
) -> *mut evdns_getaddrinfo_request {
    // SAFETY: what `evdns_getaddrinfo` asks for is promised here, too.
    match unsafe { begin(dns, node, service, hints_in, callback, arg, own) } {
        Ok(request) => request,
        Err((code, list)) => {
            if let Some(callback) = callback {
                // SAFETY: the user's callback with the user's argument; no lock is held.
                unsafe { callback(code, list, arg) };
            }
            ptr::null_mut()
        }
    }
}

/// Begins a request, or says what its callback gets at once.
///
/// # Safety
/// As for `evdns_getaddrinfo`.
unsafe fn begin(
    dns: *mut evdns_base,
    node: *const c_char,
    service: *const c_char,
    hints_in: *const addrinfo,
    callback: Option<AddrinfoFn>,
    arg: *mut c_void,
    own: bool,
) -> Result<*mut evdns_getaddrinfo_request, (c_int, *mut addrinfo)> {
    let none = ptr::null_mut();
    // SAFETY: what `evdns_getaddrinfo` asks for is promised here, too.
    unsafe {
        let dns = or_global(dns).as_ref().ok_or((libc::EAI_FAIL, none))?;
        let mut hints: addrinfo = core::mem::zeroed();
        if let Some(given) = hints_in.as_ref() {
            hints.ai_family = given.ai_family;
            hints.ai_socktype = given.ai_socktype;
            hints.ai_protocol = given.ai_protocol;
            hints.ai_flags = given.ai_flags;
        }
        if !matches!(hints.ai_family, libc::AF_UNSPEC | libc::AF_INET | libc::AF_INET6) {
            return Err((libc::EAI_FAMILY, none));
        }
        let text = cstr::bytes(node).unwrap_or(b"");
        let numeric = parse_ipv4(text).is_some()
            || parse_ipv6(evoxide_core::net::split_scope(text).0).is_some()
            || hints.ai_flags & libc::AI_NUMERICHOST != 0;
        if node.is_null() || numeric {
            if !node.is_null() && hints.ai_flags & libc::AI_NUMERICHOST == 0 {
                // As in the original, an address has no canonical name, unless nothing else was allowed.
                hints.ai_flags = (hints.ai_flags | libc::AI_NUMERICHOST) & !libc::AI_CANONNAME;
            }
            let mut list = ptr::null_mut();
            let code = own::evutil_getaddrinfo(node, service, &raw const hints, &raw mut list);
            return Err((code, if code == 0 { list } else { none }));
        }
        if hints.ai_flags & libc::AI_ADDRCONFIG != 0 && hints.ai_family == libc::AF_UNSPEC {
            match (reaches(libc::AF_INET), reaches(libc::AF_INET6)) {
                (true, false) => hints.ai_family = libc::AF_INET,
                (false, true) => hints.ai_family = libc::AF_INET6,
                _ => {}
            }
        }
        let want = Want::new(&hints, port_of(service, &hints).map_err(|code| (code, none))?);
        match known(dns, text, hints.ai_family, want) {
            Some(Ok(list)) => return Err((0, list)),
            Some(Err(code)) => return Err((code, none)),
            None => {}
        }
        let name = Name::from_text(text).map_err(|_| (libc::EAI_FAIL, none))?;
        let wish = Whole { name, absolute: text.ends_with(b"."), family: hints.ai_family, want, own };
        ask(dns, wish, callback, arg).ok_or((libc::EAI_MEMORY, none))
    }
}

/// A request that has to be put to servers.
struct Whole {
    name: Name,
    absolute: bool,
    family: c_int,
    want: Want,
    own: bool,
}

fn ask(
    dns: &evdns_base,
    whole: Whole,
    callback: Option<AddrinfoFn>,
    arg: *mut c_void,
) -> Option<*mut evdns_getaddrinfo_request> {
    let null = || Cell::new(ptr::null_mut());
    // Both halves begin before anything of them may be delivered to this thread: callbacks come from the loop.
    let held = dns.hold();
    let skew = held.with(|state| state.settings.skew);
    let made = mm::alloc(evdns_getaddrinfo_request {
        callback,
        arg,
        halves: [null(), null()],
        left: Cell::new(0),
        lists: [Cell::new(ptr::null_mut()), Cell::new(ptr::null_mut())],
        alias: Cell::new(ptr::null_mut()),
        error: Cell::new(0),
        ended: Cell::new(false),
        cancelled: Cell::new(false),
        own: whole.own,
        wish: whole.want,
        skew,
        timer: UnsafeCell::new(MaybeUninit::zeroed()),
    })?;
    let list = made.as_ptr();
    // SAFETY: made just now.
    let this = unsafe { made.as_ref() };
    // SAFETY: the event lies in the request.
    unsafe { own::event_assign(this.timer(), dns.base, -1, 0, Some(on_skew), list.cast()) };
    let mut beside = None;
    for (kind, other) in [(kind::A, libc::AF_INET6), (kind::AAAA, libc::AF_INET)] {
        if whole.family == other {
            continue;
        }
        let (name, absolute) = (whole.name, whole.absolute);
        let wish = Wish { name, absolute, kind, flags: 0, told: Told::Half(list.cast(), &HALF), beside };
        let half = request::begin(dns, wish);
        // SAFETY: null or a request just begun.
        if let Some(begun) = unsafe { half.as_ref() } {
            beside = begun.key.get();
            this.halves[family_of(kind)].set(half);
            this.left.set(this.left.get() + 1);
        } else {
            this.error.set(libc::EAI_MEMORY);
        }
    }
    if this.left.get() == 0 {
        this.ended.set(true);
        // SAFETY: nobody knows of it.
        unsafe { release(list) };
        return None;
    }
    Some(list)
}

/// Cancels a request: its callback runs soon with `EVUTIL_EAI_CANCEL`. Not after its callback was called.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_getaddrinfo_cancel(list: *mut evdns_getaddrinfo_request) {
    // SAFETY: `list` is null or alive.
    unsafe {
        let Some(this) = list.as_ref() else { return };
        if this.ended.get() || this.cancelled.replace(true) {
            return;
        }
        this.stop();
    }
}
