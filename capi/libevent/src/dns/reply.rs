//! Requests to a server port, and the replies to them.

use super::link::Link;
use super::port::evdns_server_port;
use super::text::bytes;
use crate::abi::dns::{evdns_server_question, evdns_server_request, flags};
use alloc::vec::Vec;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_char, c_int, c_void};
use core::{ptr, slice};
use evoxide_ffi::mm;
use evoxide_proto::dns::server::{self, Request};
use evoxide_proto::dns::{Name, Section, class, flag, rtype};
use evoxide_sys::message::Sender;
use evoxide_sys::os::io;
use evoxide_sys::socket::Addr;
use libc::{in_addr, sockaddr};

/// A request: what C sees first, then ours. One that was answered is kept by its port for the next.
#[repr(C)]
pub(super) struct ServerRequest {
    shown: UnsafeCell<evdns_server_request>,
    machine: UnsafeCell<Request>,
    port: *mut evdns_server_port,
    /// Of a datagram.
    from: UnsafeCell<Sender>,
    link: Cell<*mut Link>,
    /// Set by `evdns_server_request_set_flags`.
    extra: Cell<c_int>,
    /// The size of the block in which the questions lie.
    block: Cell<usize>,
}

/// Room for one question's struct with its name, aligned for the next.
const fn room(name: usize) -> usize {
    (core::mem::offset_of!(evdns_server_question, name) + name + 1 + 7) & !7
}

/// A request of a program keeps at most this number of bytes for the next.
const KEPT: usize = 4096;

impl ServerRequest {
    /// An object for the requests of a port; null without memory.
    pub(super) fn new(port: *mut evdns_server_port) -> *mut Self {
        let shown = evdns_server_request { flags: 0, nquestions: 0, questions: ptr::null_mut() };
        let made = mm::alloc(Self {
            shown: UnsafeCell::new(shown),
            machine: UnsafeCell::new(Request::default()),
            port,
            from: UnsafeCell::new(Sender::default()),
            link: Cell::new(ptr::null_mut()),
            extra: Cell::new(0),
            block: Cell::new(0),
        });
        made.map_or(ptr::null_mut(), ptr::NonNull::as_ptr)
    }

    /// Receives a datagram, and notes who sent it.
    ///
    /// # Safety
    /// The request is not the program's.
    pub(super) unsafe fn hear(&self, fd: c_int, bytes: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the request is not the program's, as promised.
        unsafe { (*self.from.get()).receive(fd, bytes) }
    }

    /// Who sent the datagram.
    pub(super) fn sender(&self) -> &Sender {
        // SAFETY: it only changes in `hear`, while nobody else knows of the request.
        unsafe { &*self.from.get() }
    }

    /// Reads a packet, and makes this the request that the program is about to see.
    ///
    /// # Errors
    /// The program gets none: these bytes are the reply, or there is none.
    ///
    /// # Safety
    /// The request is not the program's; the link is null or the connection of the packet.
    pub(super) unsafe fn receive(&self, packet: &[u8], link: *mut Link) -> Result<(), Option<Vec<u8>>> {
        // SAFETY: nobody else uses the request, as promised, and the link is null or alive.
        let (machine, port) = unsafe {
            let port = match link.as_ref() {
                Some(link) => link.peer.get().map(|peer| peer.port()),
                None => self.sender().port(),
            };
            (&mut *self.machine.get(), port.unwrap_or(1))
        };
        server::receive_in(machine, packet, port, !link.is_null())?;
        // SAFETY: nobody else uses the request.
        if unsafe { self.show() } {
            self.link.set(link);
            self.extra.set(0);
            Ok(())
        } else {
            Err(None)
        }
    }

    /// Writes the questions for C. `false`: no memory for them.
    ///
    /// # Safety
    /// The request is not the program's.
    unsafe fn show(&self) -> bool {
        // SAFETY: the request is not the program's, as promised.
        let machine = unsafe { &*self.machine.get() };
        let count = machine.questions().len();
        let names: usize = machine.questions().map(|q| room(q.wire().len())).sum();
        let size = count * size_of::<*mut evdns_server_question>() + names;
        // SAFETY: the caller's promise; the block has room for the pointers and, behind them, aligned for 8, the structs with
        // their names.
        unsafe {
            let shown = &mut *self.shown.get();
            if size > self.block.get() {
                let block = mm::malloc(size);
                if block.is_null() {
                    return false;
                }
                mm::free(shown.questions.cast());
                shown.questions = block.cast();
                self.block.set(size);
            }
            shown.flags = c_int::from(machine.flags() & (flag::RD | flag::CD));
            shown.nquestions = count as c_int;
            let mut place = shown.questions.add(count).cast::<u8>();
            for (at, asked) in machine.questions().enumerate() {
                let question = place.cast::<evdns_server_question>();
                (*question).r#type = c_int::from(asked.qtype);
                (*question).dns_question_class = c_int::from(asked.class);
                write_text(asked.wire(), (&raw mut (*question).name).cast());
                shown.questions.add(at).write(question);
                place = place.add(room(asked.wire().len()));
            }
        }
        true
    }

    /// Ends a request: its hold on the connection, and its reference to the port, which keeps its memory or not. The port's lock
    /// is held.
    ///
    /// # Safety
    /// The program's request, which it does not use afterwards.
    unsafe fn end(this: *mut Self) {
        // SAFETY: the program's request, which it does not use afterwards, as promised.
        unsafe {
            let port = (*this).port;
            if let Some(link) = (*this).link.get().as_ref() {
                link.owed.set(link.owed.get() - 1);
            }
            if (*this).block.get() > KEPT || (*(*this).machine.get()).held_memory() > KEPT {
                Self::free(this);
            } else {
                (*port).keep(this);
            }
            evdns_server_port::settle(port);
        }
    }

    /// Gives its memory back.
    ///
    /// # Safety
    /// Nobody uses it any more.
    pub(super) unsafe fn free(this: *mut Self) {
        // SAFETY: nobody uses it any more, as promised.
        unsafe {
            mm::free((*(*this).shown.get()).questions.cast());
            ptr::drop_in_place(this);
            mm::free(this.cast());
        }
    }
}

/// Writes a name as 2.1 shows it: labels as they are, with dots between them.
///
/// # Safety
/// There is room for as many bytes as the wire form has.
unsafe fn write_text(wire: &[u8], target: *mut u8) {
    let inner = wire.get(1..wire.len() - 1).unwrap_or(&[]);
    // SAFETY: the text is shorter than the wire form by one: the first length and the root go, a zero comes.
    unsafe {
        ptr::copy_nonoverlapping(inner.as_ptr(), target, inner.len());
        target.add(inner.len()).write(0);
        let mut at = usize::from(wire[0]);
        while at < inner.len() {
            target.add(at).write(b'.');
            at += 1 + usize::from(inner[at]);
        }
    }
}

/// Runs `f` on a request's machine, under its port's lock.
///
/// # Safety
/// A request of the program's that was not answered.
unsafe fn with_machine<E>(request: *mut evdns_server_request, f: impl FnOnce(&mut Request) -> Result<(), E>) -> c_int {
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
    // SAFETY: `request` is null or alive; `name` ends in a zero byte, and so does `data` or has its length.
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
    // SAFETY: `addresses` are `n` of `size` bytes, as promised.
    unsafe {
        let Ok(n) = usize::try_from(n) else { return -1 };
        let Some(len) = n.checked_mul(size).filter(|len| *len > 0 && !addresses.is_null()) else { return -1 };
        let all = slice::from_raw_parts(addresses.cast::<u8>(), len);
        let what = (kind, class::IN, ttl as u32);
        with_machine(request, |r| r.add_all(Section::Answer, bytes(name), what, all, size))
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
    // SAFETY: `request` is null or alive; `name` is null or ends in a zero byte.
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
    // SAFETY: `request` is null or alive; `name` is null or ends in a zero byte.
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
    // SAFETY: `request` is null or alive, `address` null or an address; the names are null or end in a zero byte.
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
    // SAFETY: `request` is null or alive; `name` and `target` are null or end in a zero byte.
    unsafe {
        let kind = c_int::from(rtype::CNAME);
        evdns_server_request_add_reply(request, 0, name, kind, c_int::from(class::IN), ttl, -1, 1, target)
    }
}

/// Sets flags of the reply: `EVDNS_FLAGS_AA`, `EVDNS_FLAGS_RD`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_set_flags(request: *mut evdns_server_request, set: c_int) {
    // SAFETY: `request` is null or alive.
    unsafe {
        if let Some(this) = request.cast::<ServerRequest>().as_ref() {
            this.extra.set(this.extra.get() | set & (flags::AA | flags::RD));
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
        let extra = (*this).extra.get() | code & (flags::AA | flags::RD);
        let (machine, code, flags) = (&*(*this).machine.get(), code as u16 & flag::RCODE, asked | extra as u16);
        let sent = match (*this).link.get().as_ref() {
            None => port.answer((*this).sender(), machine, code, flags),
            Some(link) => {
                let mut builder = port.state.with_locked(|state| core::mem::take(&mut state.builder));
                let reply = machine.reply_with(code, flags, &mut builder);
                let built = reply.map(|reply| evdns_server_port::send_framed(link, reply)).is_ok();
                port.state.with_locked(|state| state.builder = builder);
                built && !link.gone.get()
            }
        };
        ServerRequest::end(this);
        if sent { 0 } else { -1 }
    }
}

/// Ends a request without a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_request_drop(request: *mut evdns_server_request) -> c_int {
    let this: *mut ServerRequest = request.cast();
    // SAFETY: `request` is null or alive.
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
    // SAFETY: `request` is null or alive; `target` is null or of its type.
    unsafe {
        let Some(this) = request.cast::<ServerRequest>().as_ref() else { return -1 };
        let of_link = match this.link.get().as_ref() {
            Some(link) => match link.peer.get() {
                Some(peer) => Some(Addr::from(peer)),
                None => return -1,
            },
            None => None,
        };
        let raw = of_link.as_ref().map_or_else(|| this.sender().as_bytes(), Addr::as_bytes);
        if usize::try_from(len).unwrap_or(0) < raw.len() {
            return -1;
        }
        ptr::copy_nonoverlapping(raw.as_ptr(), target.cast::<u8>(), raw.len());
        raw.len() as c_int
    }
}
