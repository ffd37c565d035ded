//! Addresses and their texts.

use core::cmp::Ordering;
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr;

use crate::abi::entry::Out;
use evoxide_core::net::{self, Scope};
use evoxide_ffi::cstr::{self, Text};
use libc::{AF_INET, AF_INET6, sockaddr, sockaddr_in, sockaddr_in6};

/// The interface that a scope names, by name or by number; `None` if it is neither.
///
/// # Safety
/// `scope` is the terminated text whose bytes are `bytes`.
unsafe fn scope_index(scope: *const c_char, bytes: &[u8]) -> Option<c_uint> {
    // SAFETY: terminated, as promised.
    match unsafe { libc::if_nametoindex(scope) } {
        0 => match net::parse_scope(bytes) {
            Scope::Index(index) => Some(index),
            Scope::Invalid => None,
        },
        index => Some(index),
    }
}

/// An IPv6 address with an optional scope; the index is set as soon as the scope is known, even if the address is wrong.
///
/// # Safety
/// `text` is terminated.
unsafe fn parse_scoped(text: *const c_char, index: &mut c_uint) -> Option<[u8; 16]> {
    // SAFETY: terminated, as promised.
    let bytes = unsafe { cstr::bytes(text) }?;
    let (address, scope) = net::split_scope(bytes);
    if let Some(scope) = scope {
        // SAFETY: the scope is the rest of the same terminated text.
        *index = unsafe { scope_index(text.add(address.len() + 1), scope) }?;
    }
    net::parse_ipv6(address)
}

/// Parses an address of a family into network order: 1, 0 for a malformed text, -1 for other families.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_inet_pton(family: c_int, text: *const c_char, target: *mut c_void) -> c_int {
    // SAFETY: the interface asks for a terminated text.
    let text = unsafe { cstr::bytes(text) }.unwrap_or_default();
    // SAFETY: there is room for an address of the family.
    unsafe {
        match family {
            AF_INET => put_octets(net::parse_ipv4(text), target),
            AF_INET6 => put_octets(net::parse_ipv6(text), target),
            _ => -1,
        }
    }
}

/// Writes an address, if the text was one: 1, or 0.
///
/// # Safety
/// `target` has room for it.
unsafe fn put_octets<const N: usize>(octets: Option<[u8; N]>, target: *mut c_void) -> c_int {
    let Some(octets) = octets else { return 0 };
    // SAFETY: room for as many bytes, aligned or not.
    unsafe { target.cast::<[u8; N]>().write_unaligned(octets) };
    1
}

/// As `evutil_inet_pton`, with `address%interface` for IPv6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_inet_pton_scope(
    family: c_int,
    text: *const c_char,
    target: *mut c_void,
    index: Out<'_, c_uint>,
) -> c_int {
    let mut found = 0;
    // SAFETY: a terminated text, and room for an address of the family.
    let result = unsafe {
        match family {
            AF_INET6 => put_octets(parse_scoped(text, &mut found), target),
            _ => evutil_inet_pton(family, text, target),
        }
    };
    index.set(found);
    result
}

/// Writes an address as text; null if the family is unknown or there is no room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_inet_ntop(
    family: c_int,
    address: *const c_void,
    target: *mut c_char,
    size: usize,
) -> *const c_char {
    let mut text = Text::<64>::new();
    // SAFETY: an address of the family.
    let (written, limit) = unsafe {
        match family {
            AF_INET => (net::write_ipv4(address.cast::<[u8; 4]>().read_unaligned(), &mut text), 1),
            // The original lets an IPv6 text be cut by one byte.
            AF_INET6 => (net::write_ipv6(address.cast::<[u8; 16]>().read_unaligned(), &mut text), 0),
            _ => return ptr::null(),
        }
    };
    let fits = written.is_ok() && text.len() + limit <= size;
    // SAFETY: the caller's room of `size` bytes.
    unsafe {
        if family == AF_INET {
            cstr::copy_padded(text.as_bytes(), target, size);
        } else if fits {
            cstr::copy_truncated(text.as_bytes(), target, size);
        }
    }
    if fits { target } else { ptr::null() }
}

/// Parses `[v6]:port`, `[v6]`, `v6`, `v4:port` or `v4` into a socket address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_parse_sockaddr_port(
    text: *const c_char,
    out: *mut sockaddr,
    size: *mut c_int,
) -> c_int {
    // SAFETY: the interface asks for a terminated text and two valid pointers, the second to the room behind the first.
    unsafe { parse_sockaddr_port(text, out, size) }.map_or(-1, |()| 0)
}

/// # Safety
/// As for [`evutil_parse_sockaddr_port`].
unsafe fn parse_sockaddr_port(text: *const c_char, out: *mut sockaddr, size: *mut c_int) -> Option<()> {
    // SAFETY: a terminated text, and a number.
    let (bytes, room) = unsafe { (cstr::bytes(text)?, usize::try_from(*size).ok()?) };
    let parts = net::parse_host_port(bytes)?;
    let port = parts.port.to_be();
    if parts.v6 {
        // The scope is looked up by a terminated text, so the host is copied; one that long is no address.
        let mut host = Text::<1024>::new();
        host.push(parts.host);
        let mut scope = 0;
        // SAFETY: the copy ends in a zero byte.
        let octets = unsafe { parse_scoped(host.as_ptr(), &mut scope) }.filter(|_| host.len() == parts.host.len())?;
        let address = sockaddr_in6 {
            sin6_family: AF_INET6 as libc::sa_family_t,
            sin6_port: port,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: octets },
            sin6_scope_id: scope,
        };
        // SAFETY: `out` has `room` bytes.
        unsafe { store(&address, out, size, room) }
    } else {
        let address = sockaddr_in {
            sin_family: AF_INET as libc::sa_family_t,
            sin_port: port,
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(net::parse_ipv4(parts.host)?) },
            sin_zero: [0; 8],
        };
        // SAFETY: `out` has `room` bytes.
        unsafe { store(&address, out, size, room) }
    }
}

/// Writes a socket address, zeroes the rest of the room, and tells the size used.
///
/// # Safety
/// `out` points to `room` writable bytes, `size` to a number.
unsafe fn store<T: Copy>(address: &T, out: *mut sockaddr, size: *mut c_int, room: usize) -> Option<()> {
    let used = size_of::<T>();
    if used > room {
        return None;
    }
    // SAFETY: `used <= room`, the caller's room.
    unsafe {
        ptr::write_bytes(out.cast::<u8>(), 0, room);
        out.cast::<T>().write_unaligned(*address);
        *size = c_int::try_from(used).ok()?;
    }
    Some(())
}

/// Orders two socket addresses by family, address and (if asked) port; other families than IPv4 and IPv6 are never equal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_sockaddr_cmp(a: *const sockaddr, b: *const sockaddr, include_port: c_int) -> c_int {
    // SAFETY: the interface asks for two socket addresses, each as large as its family says.
    unsafe {
        let (family, other) = (c_int::from((*a).sa_family), c_int::from((*b).sa_family));
        if family != other {
            return family - other;
        }
        let (order, ports) = match family {
            AF_INET => {
                let (a, b) = (a.cast::<sockaddr_in>().read_unaligned(), b.cast::<sockaddr_in>().read_unaligned());
                // Not converted from network order: the order is arbitrary but must stay what it was.
                let order = a.sin_addr.s_addr.cmp(&b.sin_addr.s_addr);
                (order as c_int, (a.sin_port, b.sin_port))
            }
            AF_INET6 => {
                let (a, b) = (a.cast::<sockaddr_in6>().read_unaligned(), b.cast::<sockaddr_in6>().read_unaligned());
                let bytes = a.sin6_addr.s6_addr.iter().zip(b.sin6_addr.s6_addr);
                let order = bytes.map(|(a, b)| c_int::from(*a) - c_int::from(b)).find(|difference| *difference != 0);
                (order.unwrap_or(0), (a.sin6_port, b.sin6_port))
            }
            _ => return Ordering::Greater as c_int,
        };
        if order != 0 || include_port == 0 { order } else { c_int::from(ports.0) - c_int::from(ports.1) }
    }
}
