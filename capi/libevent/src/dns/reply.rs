//! Requests to a server port, and the replies to them.

use super::base::bytes;
use super::link::Link;
use super::port::evdns_server_port;
use crate::abi::dns::{evdns_server_question, evdns_server_request, flags};
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, c_void};
use core::{ptr, slice};
use evoxide_ffi::mm;
use evoxide_proto::dns::server::Request;
use evoxide_proto::dns::{Name, NoMemory, Section, class, flag, rtype};
use evoxide_sys::socket::Addr;
use libc::{in_addr, sockaddr};

/// A request: what C sees first, then ours. The questions lie in a block of their own.
#[repr(C)]
pub(super) struct ServerRequest {
    shown: UnsafeCell<evdns_server_request>,
    machine: UnsafeCell<Request>,
    port: *mut evdns_server_port,
    from: Option<Addr>,
    link: *mut Link,
    /// Set by `evdns_server_request_set_flags`.
    extra: UnsafeCell<c_int>,
}

/// Room for one question's struct with its name, aligned for the next.
const fn room(name: usize) -> usize {
    (core::mem::offset_of!(evdns_server_question, name) + name + 1 + 7) & !7
}

/// The text of a name as 2.1 shows it: labels as they are, with dots between them.
fn text_of(name: &Name, target: &mut [u8; 256]) -> usize {
    let mut at = 0;
    for label in name.labels() {
        if at > 0 {
            target[at] = b'.';
            at += 1;
        }
        target[at..at + label.len()].copy_from_slice(label);
        at += label.len();
    }
    at
}

impl ServerRequest {
    /// A request that a program is about to see; null without memory.
    pub(super) fn new(
        port: *mut evdns_server_port,
        machine: Request,
        from: Option<Addr>,
        link: *mut Link,
    ) -> Option<*mut Self> {
        let count = machine.questions().len();
        let names: usize = machine.questions().iter().map(|q| room(q.name().as_wire().len())).sum();
        let block = mm::calloc(1, count * size_of::<*mut evdns_server_question>() + names);
        if block.is_null() {
            return None;
        }
        let questions = block.cast::<*mut evdns_server_question>();
        // SAFETY: zeroed memory for the pointers and, behind them, aligned for 8, the structs with their names.
        unsafe {
            let mut place = questions.add(count).cast::<u8>();
            for (at, asked) in machine.questions().iter().enumerate() {
                let question = place.cast::<evdns_server_question>();
                (*question).r#type = c_int::from(asked.qtype);
                (*question).dns_question_class = c_int::from(asked.class);
                let mut text = [0; 256];
                let len = text_of(&asked.name(), &mut text);
                ptr::copy_nonoverlapping(text.as_ptr(), (&raw mut (*question).name).cast(), len);
                questions.add(at).write(question);
                place = place.add(room(asked.name().as_wire().len()));
            }
        }
        let asked_flags = c_int::from(machine.flags() & (flag::RD | flag::CD));
        let shown = evdns_server_request { flags: asked_flags, nquestions: count as c_int, questions };
        let made = mm::alloc(Self {
            shown: UnsafeCell::new(shown),
            machine: UnsafeCell::new(machine),
            port,
            from,
            link,
            extra: UnsafeCell::new(0),
        });
        if made.is_none() {
            // SAFETY: made above.
            unsafe { mm::free(block) };
        }
        made.map(ptr::NonNull::as_ptr)
    }

    /// Ends a request: its memory, its hold on the connection, and its reference to the port. The port's lock is held.
    ///
    /// # Safety
    /// The program's request, which it does not use afterwards.
    unsafe fn end(this: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe {
            let port = (*this).port;
            if let Some(link) = (*this).link.as_ref() {
                link.owed.set(link.owed.get() - 1);
            }
            mm::free((*(*this).shown.get()).questions.cast());
            ptr::drop_in_place(this);
            mm::free(this.cast());
            evdns_server_port::settle(port);
        }
    }
}

/// Runs `f` on a request's machine, under its port's lock.
///
/// # Safety
/// A request of the program's that was not answered.
unsafe fn with_machine(
    request: *mut evdns_server_request,
    f: impl FnOnce(&mut Request) -> Result<(), NoMemory>,
) -> c_int {
    // SAFETY: the caller's promise; the lock makes the access exclusive.
    unsafe {
        let Some(this) = request.cast::<ServerRequest>().as_ref() else { return -1 };
        let lock = (*this.port).lock();
        lock.lock();
        let done = f(&mut *this.machine.get());
        lock.unlock();
        if done.is_ok() { 0 } else { -1 }
    }
}

const fn section_of(section: c_int) -> Option<Section> {
    match section {
        0 => Some(Section::Answer),
        1 => Some(Section::Authority),
        2 => Some(Section::Additional),
        _ => None,
    }
}

/// Adds a record: its data are bytes, or a name.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_add_reply(
    request: *mut evdns_server_request,
    section: c_int,
    name: *const c_char,
    kind: c_int,
    class: c_int,
    ttl: c_int,
    len: c_int,
    is_name: c_int,
    data: *const c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let (Some(section), Ok(owner)) = (section_of(section), Name::from_text(bytes(name))) else { return -1 };
        let (Ok(kind), Ok(class)) = (u16::try_from(kind), u16::try_from(class)) else { return -1 };
        let ttl = ttl as u32;
        if is_name != 0 {
            let Ok(target) = Name::from_text(bytes(data)) else { return -1 };
            return with_machine(request, |r| r.add_name(section, &owner, kind, class, ttl, &target));
        }
        let Ok(len) = u16::try_from(len) else { return -1 };
        let data = if data.is_null() { &[] } else { slice::from_raw_parts(data.cast::<u8>(), usize::from(len)) };
        with_machine(request, |r| r.add(section, &owner, kind, class, ttl, data))
    }
}

/// Adds `n` addresses, a record for each.
///
/// # Safety
/// `addresses` are `n` of `size` bytes.
unsafe fn add_addresses(
    request: *mut evdns_server_request,
    name: *const c_char,
    kind: u16,
    n: c_int,
    size: usize,
    addresses: *const c_void,
    ttl: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let (Ok(owner), Ok(n)) = (Name::from_text(bytes(name)), usize::try_from(n)) else { return -1 };
        let Some(len) = n.checked_mul(size).filter(|len| *len > 0 && !addresses.is_null()) else { return -1 };
        let all = slice::from_raw_parts(addresses.cast::<u8>(), len);
        with_machine(request, |r| {
            all.chunks_exact(size).try_for_each(|one| r.add(Section::Answer, &owner, kind, class::IN, ttl as u32, one))
        })
    }
}

/// Adds IPv4 addresses.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_add_a_reply(
    request: *mut evdns_server_request,
    name: *const c_char,
    n: c_int,
    addresses: *const c_void,
    ttl: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { add_addresses(request, name, rtype::A, n, 4, addresses, ttl) }
}

/// Adds IPv6 addresses.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_add_aaaa_reply(
    request: *mut evdns_server_request,
    name: *const c_char,
    n: c_int,
    addresses: *const c_void,
    ttl: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { add_addresses(request, name, rtype::AAAA, n, 16, addresses, ttl) }
}

/// Adds the name of an address: of one given as such, or as the name of its pointer record.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_add_ptr_reply(
    request: *mut evdns_server_request,
    address: *mut in_addr,
    address_name: *const c_char,
    host: *const c_char,
    ttl: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let owner = match (address.as_ref(), address_name.is_null()) {
            (Some(address), true) => Name::reverse_v4(address.s_addr.to_ne_bytes()),
            (None, false) => match Name::from_text(bytes(address_name)) {
                Ok(name) => name,
                Err(_) => return -1,
            },
            _ => return -1,
        };
        let Ok(target) = Name::from_text(bytes(host)) else { return -1 };
        let ttl = ttl as u32;
        with_machine(request, |r| r.add_name(Section::Answer, &owner, rtype::PTR, class::IN, ttl, &target))
    }
}

/// Adds an alias.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_add_cname_reply(
    request: *mut evdns_server_request,
    name: *const c_char,
    target: *const c_char,
    ttl: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let kind = c_int::from(rtype::CNAME);
        evdns_server_request_add_reply(request, 0, name, kind, c_int::from(class::IN), ttl, -1, 1, target)
    }
}

/// Sets flags of the reply: `EVDNS_FLAGS_AA`, `EVDNS_FLAGS_RD`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_set_flags(request: *mut evdns_server_request, set: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(this) = request.cast::<ServerRequest>().as_ref() {
            *this.extra.get() |= set & (flags::AA | flags::RD);
        }
    }
}

/// Sends the reply with a response code, and ends the request. 0, or -1 if it could not be sent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_respond(request: *mut evdns_server_request, code: c_int) -> c_int {
    let this: *mut ServerRequest = request.cast();
    // SAFETY: the caller's promise; the lock makes the accesses exclusive.
    unsafe {
        if this.is_null() {
            return -1;
        }
        let port = &*(*this).port;
        port.lock().lock();
        let asked = (*(*this).machine.get()).flags() & flag::CD;
        let extra = *(*this).extra.get() | code & (flags::AA | flags::RD);
        let mut builder = port.state.with_locked(|state| core::mem::take(&mut state.builder));
        let reply = (*(*this).machine.get()).reply_with(code as u16 & flag::RCODE, asked | extra as u16, &mut builder);
        let sent = match (reply, (*this).link.as_ref(), &(*this).from) {
            (Ok(reply), Some(link), _) => {
                evdns_server_port::send_framed(link, reply);
                !link.gone.get()
            }
            (Ok(reply), None, Some(to)) => port.send_to(to, reply),
            _ => false,
        };
        port.state.with_locked(|state| state.builder = builder);
        ServerRequest::end(this);
        if sent { 0 } else { -1 }
    }
}

/// Ends a request without a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_drop(request: *mut evdns_server_request) -> c_int {
    let this: *mut ServerRequest = request.cast();
    // SAFETY: the caller's promise.
    unsafe {
        if this.is_null() {
            return -1;
        }
        (*(*this).port).lock().lock();
        ServerRequest::end(this);
    }
    0
}

/// Who asked. The address's length, or -1 if it does not fit.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_get_requesting_addr(
    request: *mut evdns_server_request,
    target: *mut sockaddr,
    len: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(this) = request.cast::<ServerRequest>().as_ref() else { return -1 };
        let peer = this.link.as_ref().and_then(|link| link.peer.get());
        let of_link = peer.map(Addr::from);
        let Some(addr) = this.from.clone().or(of_link) else { return -1 };
        let raw = addr.as_bytes();
        if usize::try_from(len).unwrap_or(0) < raw.len() {
            return -1;
        }
        ptr::copy_nonoverlapping(raw.as_ptr(), target.cast::<u8>(), raw.len());
        raw.len() as c_int
    }
}
