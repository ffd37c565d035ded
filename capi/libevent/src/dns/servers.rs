//! Name servers: adding, counting, suspending.

use super::base::evdns_base;
use super::text::bytes;
use alloc::string::String;
use core::ffi::{c_char, c_int, c_uint, c_ulong};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::{ptr, slice};
use evoxide_ffi::warnx;
use evoxide_proto::dns::conf::{PORT, parse_server};
use evoxide_sys::clock;
use evoxide_sys::socket::Addr;
use libc::{sockaddr, socklen_t};

/// The server is known already.
const KNOWN: c_int = 3;
/// The text is no address.
const NO_ADDRESS: c_int = 4;

/// Adds a server: 0, -1 without memory, or [`KNOWN`].
pub(super) fn add(dns: &evdns_base, address: SocketAddr) -> c_int {
    let held = dns.hold();
    held.with(|state| {
        if state.resolver.servers().any(|known| known == address) {
            return KNOWN;
        }
        let now = clock::monotonic();
        if state.resolver.add_server(address, now).is_err() {
            return -1;
        }
        state.resolver.pump(now, &mut state.random);
        0
    })
}

/// Adds a server by text.
pub(super) fn add_text(dns: &evdns_base, text: &[u8]) -> c_int {
    match parse_server(text, evoxide_sys::socket::interface_index) {
        Some(address) => add(dns, address),
        None => {
            warnx!("Unable to parse nameserver address {}", String::from_utf8_lossy(text));
            NO_ADDRESS
        }
    }
}

/// Adds a server by its IPv4 address in network order.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_nameserver_add(dns: *mut evdns_base, address: c_ulong) -> c_int {
    // SAFETY: `dns` is null or alive.
    let Some(dns) = (unsafe { dns.as_ref() }) else { return -1 };
    let ip = Ipv4Addr::from((address as u32).to_ne_bytes());
    add(dns, SocketAddr::new(IpAddr::V4(ip), PORT))
}

/// Adds a server by text, with a port or without.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_nameserver_ip_add(dns: *mut evdns_base, text: *const c_char) -> c_int {
    // SAFETY: `dns` is null or alive; `text` is null or ends in a zero byte.
    unsafe {
        let Some(dns) = dns.as_ref() else { return -1 };
        add_text(dns, bytes(text))
    }
}

/// Adds a server by its socket address.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_nameserver_sockaddr_add(
    dns: *mut evdns_base,
    address: *const sockaddr,
    len: socklen_t,
    _flags: c_uint,
) -> c_int {
    // SAFETY: the caller's promise: an address of that length.
    unsafe {
        let Some(dns) = dns.as_ref().filter(|_| !address.is_null()) else { return -1 };
        let raw = slice::from_raw_parts(address.cast::<u8>(), len as usize);
        match Addr::from_bytes(raw).ok().and_then(|addr| addr.to_inet()) {
            Some(inet) => add(dns, inet),
            None => -1,
        }
    }
}

/// How many servers there are.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_count_nameservers(dns: *mut evdns_base) -> c_int {
    // SAFETY: `dns` is null or alive.
    let Some(dns) = (unsafe { dns.as_ref() }) else { return 0 };
    let held = dns.hold();
    held.with(|state| state.resolver.servers().len() as c_int)
}

/// The original keeps its servers in a ring and adds behind the first: by number they are the first, then the others from the
/// last on.
fn place(index: c_int, count: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) if index >= count => None,
        Ok(0) | Err(_) => Some(0).filter(|_| count > 0),
        Ok(index) => Some(count - index),
    }
}

/// The address of a server by number; its length, or -1. One that does not fit is not written.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_get_nameserver_addr(
    dns: *mut evdns_base,
    index: c_int,
    target: *mut sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: `dns` is null or alive; `target` is null or of its type.
    let Some(dns) = (unsafe { dns.as_ref() }) else { return -1 };
    let held = dns.hold();
    let found = held.with(|state| {
        let at = place(index, state.resolver.servers().len())?;
        state.resolver.servers().nth(at)
    });
    let Some(addr) = found.map(Addr::from) else { return -1 };
    let raw = addr.as_bytes();
    if raw.len() <= len as usize {
        // SAFETY: the caller's memory of that many bytes.
        unsafe { ptr::copy_nonoverlapping(raw.as_ptr(), target.cast::<u8>(), raw.len()) };
    }
    raw.len() as c_int
}

/// The socket that a server was asked through last, by the server's number; -1 if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_get_nameserver_fd(dns: *mut evdns_base, index: c_int) -> c_int {
    // SAFETY: `dns` is null or alive.
    let Some(dns) = (unsafe { dns.as_ref() }) else { return -1 };
    let held = dns.hold();
    held.with(|state| {
        let key = place(index, state.resolver.servers().len()).and_then(|at| state.resolver.server_socket(at));
        // SAFETY: links in the table live.
        key.and_then(|key| unsafe { state.link(key).as_ref() }).map_or(-1, |link| link.fd())
    })
}

/// Forgets all servers; requests wait until `evdns_base_resume`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_clear_nameservers_and_suspend(dns: *mut evdns_base) -> c_int {
    // SAFETY: `dns` is null or alive.
    let Some(dns) = (unsafe { dns.as_ref() }) else { return -1 };
    let held = dns.hold();
    held.with(|state| state.resolver.suspend());
    0
}

/// Requests go on.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_resume(dns: *mut evdns_base) -> c_int {
    // SAFETY: `dns` is null or alive.
    let Some(dns) = (unsafe { dns.as_ref() }) else { return -1 };
    let held = dns.hold();
    held.with(|state| {
        state.resolver.resume();
        state.resolver.pump(clock::monotonic(), &mut state.random);
    });
    0
}
