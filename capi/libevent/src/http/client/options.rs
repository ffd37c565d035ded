//! Making a client's connection, and its options.

use super::super::calls::{self, event_base};
use super::super::connection::{self, CONNECT_TIMEOUT, state};
use super::super::objects::{ClientPart, Role, Scratch, evhttp_connection};
use super::sockets::address_text;
use super::{RETRY_DELAY, VERBS};
use crate::abi::bufferevent::{bufferevent, opt};
use crate::http::abi::ExtMethodFn;
use core::ffi::{c_char, c_int, c_void};
use core::{mem, ptr};
use evoxide_ffi::{cstr, mm};
use evoxide_proto::http::Client;
use libc::timeval;

/// A new client's connection; null without memory.
unsafe fn create(
    base: *mut event_base,
    dns: *mut c_void,
    bev: *mut bufferevent,
    address: Option<&[u8]>,
    unix_socket: Option<&[u8]>,
    port: u16,
) -> *mut evhttp_connection {
    // SAFETY: the caller's promise: what is not null lives.
    unsafe {
        let c = connection::create(base, Role::Client(Client::new()), &VERBS);
        if c.is_null() {
            return c;
        }
        connection::enter(c);
        let part = mm::alloc(ClientPart {
            scratch: Scratch::new(),
            dns,
            local_address: ptr::null_mut(),
            unix_socket: unix_socket.map_or(ptr::null_mut(), mm::strdup_bytes),
            timer: ptr::null_mut(),
            reached: mem::zeroed(),
            reached_len: 0,
            connect_timeout: CONNECT_TIMEOUT,
            first_delay: RETRY_DELAY,
            retries: 0,
            tried: 0,
            family: libc::AF_UNSPEC,
            ext_cmp: None,
            request_len: 0,
            write_failed: false,
            until_close: false,
            local_port: 0,
        });
        (*c).client = part.map_or(ptr::null_mut(), |p| p.as_ptr());
        (*c).address = mm::strdup_bytes(address.unwrap_or(b""));
        (*c).port = port;
        let whole = !(*c).client.is_null()
            && !(*c).address.is_null()
            && (unix_socket.is_none() || !(*(*c).client).unix_socket.is_null());
        if whole {
            (*c).bev = bev;
            connection::mark(c, state::FOREIGN, !bev.is_null());
            if bev.is_null() {
                (*c).bev = calls::bufferevent_socket_new(base, -1, opt::CLOSE_ON_FREE.into());
            } else if !base.is_null() {
                calls::bufferevent_base_set(base, bev);
            }
        }
        if !whole || (*c).bev.is_null() {
            connection::mark(c, state::FREED, true);
            connection::leave(c);
            return ptr::null_mut();
        }
        connection::leave(c);
        c
    }
}

/// A client's connection to a host, over a bufferevent or one of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_base_bufferevent_new(
    base: *mut event_base,
    dns: *mut c_void,
    bev: *mut bufferevent,
    address: *const c_char,
    port: u16,
) -> *mut evhttp_connection {
    // SAFETY: the caller passes a base, a string, and null or what it says.
    unsafe {
        let Some(text) = cstr::bytes(address) else { return ptr::null_mut() };
        create(base, dns, bev, Some(text), None, port)
    }
}

/// A client's connection to a local socket.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_base_bufferevent_unix_new(
    base: *mut event_base,
    bev: *mut bufferevent,
    path: *const c_char,
) -> *mut evhttp_connection {
    // SAFETY: `base` and `bev` are null or alive; `path` is null or ends in a zero byte.
    unsafe {
        let Some(text) = cstr::bytes(path) else { return ptr::null_mut() };
        create(base, ptr::null_mut(), bev, None, Some(text), 0)
    }
}

/// A client's connection over a bufferevent that is connected.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_base_bufferevent_reuse_new(
    base: *mut event_base,
    dns: *mut c_void,
    bev: *mut bufferevent,
) -> *mut evhttp_connection {
    // SAFETY: `base` and `bev` are null or alive.
    unsafe {
        if bev.is_null() {
            return ptr::null_mut();
        }
        let mut peer: libc::sockaddr_storage = mem::zeroed();
        let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        let mut port = 0;
        let fd = calls::bufferevent_getfd(bev);
        let mut address = ptr::null_mut();
        if fd >= 0 && libc::getpeername(fd, (&raw mut peer).cast(), &raw mut len) == 0 {
            address = address_text((&raw const peer).cast(), len as c_int, &mut port);
        }
        let c = create(base, dns, bev, cstr::bytes(address), None, port);
        mm::free(address.cast());
        if !c.is_null() {
            connection::mark(c, state::CONNECTED, true);
            connection::attach(c);
        }
        c
    }
}

/// A client's connection to a host.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_base_new(
    base: *mut event_base,
    dns: *mut c_void,
    address: *const c_char,
    port: u16,
) -> *mut evhttp_connection {
    // SAFETY: `base` is null or alive; `address` is null or ends in a zero byte.
    unsafe { evhttp_connection_base_bufferevent_new(base, dns, ptr::null_mut(), address, port) }
}

/// A client's connection to a host, on the base that was made last.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_new(address: *const c_char, port: u16) -> *mut evhttp_connection {
    // SAFETY: `address` is null or ends in a zero byte.
    unsafe { evhttp_connection_base_new(ptr::null_mut(), ptr::null_mut(), address, port) }
}

/// Moves a connection that is not connected to a base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_set_base(evcon: *mut evhttp_connection, base: *mut event_base) {
    // SAFETY: the caller passes a connection and a base.
    unsafe {
        (*evcon).base = base;
        calls::bufferevent_base_set(base, (*evcon).bev);
    }
}

/// Sets the address family of look-ups.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_set_family(evcon: *mut evhttp_connection, family: c_int) {
    // SAFETY: the caller passes a client's connection.
    unsafe {
        if let Some(part) = (*evcon).client.as_mut() {
            part.family = family;
        }
    }
}

/// Sets the address that connections are made from; null for any.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_set_local_address(
    evcon: *mut evhttp_connection,
    address: *const c_char,
) {
    // SAFETY: the caller passes a client's connection, and a string or null.
    unsafe {
        if let Some(part) = (*evcon).client.as_mut() {
            let copy = cstr::bytes(address).map_or(ptr::null_mut(), mm::strdup_bytes);
            mm::free(mem::replace(&mut part.local_address, copy).cast());
        }
    }
}

/// Sets the port that connections are made from; 0 for any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_set_local_port(evcon: *mut evhttp_connection, port: u16) {
    // SAFETY: the caller passes a client's connection.
    unsafe {
        if let Some(part) = (*evcon).client.as_mut() {
            part.local_port = port;
        }
    }
}

/// Sets the delay before the first repetition; each further one waits twice as long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_set_initial_retry_tv(evcon: *mut evhttp_connection, tv: *const timeval) {
    // SAFETY: the caller passes a client's connection, and a time or null.
    unsafe {
        if let Some(part) = (*evcon).client.as_mut() {
            part.first_delay = tv.as_ref().copied().unwrap_or(RETRY_DELAY);
        }
    }
}

/// Sets how often connecting is tried again; -1: for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_set_retries(evcon: *mut evhttp_connection, retries: c_int) {
    // SAFETY: the caller passes a client's connection.
    unsafe {
        if let Some(part) = (*evcon).client.as_mut() {
            part.retries = retries;
        }
    }
}

/// Sets who knows further methods.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_set_ext_method_cmp(evcon: *mut evhttp_connection, cmp: Option<ExtMethodFn>) {
    // SAFETY: the caller passes a connection.
    unsafe {
        if let Some(part) = (*evcon).client.as_mut() {
            part.ext_cmp = cmp;
        }
    }
}

/// Frees the connection with its last request.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_free_on_completion(evcon: *mut evhttp_connection) {
    // SAFETY: the caller passes a connection.
    unsafe { connection::mark(evcon, state::FREE_ON_COMPLETION, true) };
}
