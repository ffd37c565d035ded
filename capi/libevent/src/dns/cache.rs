//! 2.2's cache of lists: what a program wrote is what `evdns_getaddrinfo` and `evdns_cache_lookup` find.

use super::addrinfo::{Want, list_of};
use super::base::evdns_base;
use super::text::bytes;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};
use core::{net::IpAddr, ptr};
use evoxide_sys::clock;
use evoxide_sys::socket::Addr;
use libc::addrinfo;

/// Addresses kept of one name.
const MAX_ADDRESSES: usize = 256;

/// Keeps the addresses of a list for `ttl` seconds. 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_cache_write(
    dns: *mut evdns_base,
    name: *mut c_char,
    list: *mut addrinfo,
    ttl: c_int,
) -> c_int {
    // SAFETY: `dns` is null or alive; `name` is null or ends in a zero byte; `list` is null or of its type.
    unsafe {
        let Some(dns) = dns.as_ref() else { return -1 };
        let mut addresses = Vec::new();
        let mut rest = list.as_ref();
        while let Some(element) = rest {
            let raw = core::slice::from_raw_parts(element.ai_addr.cast::<u8>(), element.ai_addrlen as usize);
            if let Some(inet) = Addr::from_bytes(raw).ok().and_then(|addr| addr.to_inet())
                && !addresses.contains(&inet.ip())
                && addresses.len() < MAX_ADDRESSES
            {
                addresses.push(inet.ip());
            }
            rest = element.ai_next.as_ref();
        }
        let ttl = u64::try_from(ttl).unwrap_or(0);
        let now = clock::monotonic();
        let until = now.saturating_add(ttl.saturating_mul(1_000_000_000));
        let kept = dns.hold().with(|state| state.cached.write(bytes(name), addresses, until, now));
        if kept { 0 } else { -1 }
    }
}

/// Finds what was kept of a name, as a list with that port. 0, or an `EVUTIL_EAI_*` code.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_cache_lookup(
    dns: *mut evdns_base,
    name: *const c_char,
    hints: *mut addrinfo,
    port: u16,
    result: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: `dns` is null or alive; `name` is null or ends in a zero byte; `hints` is null or of its type.
    unsafe {
        let Some(dns) = dns.as_ref().filter(|_| !result.is_null()) else { return libc::EAI_FAIL };
        let mut asked: addrinfo = core::mem::zeroed();
        if let Some(hints) = hints.as_ref() {
            asked.ai_family = hints.ai_family;
            asked.ai_socktype = hints.ai_socktype;
            asked.ai_protocol = hints.ai_protocol;
        }
        let wanted = |address: &IpAddr| match asked.ai_family {
            libc::AF_INET => address.is_ipv4(),
            libc::AF_INET6 => address.is_ipv6(),
            _ => true,
        };
        let held = dns.hold();
        let found = held.with(|state| {
            let addresses = state.cached.find(bytes(name), clock::monotonic())?;
            Some(list_of(addresses.filter(wanted), Want::new(&asked, port)))
        });
        match found {
            Some(Ok(list)) if !list.is_null() => {
                result.write(list);
                0
            }
            Some(Err(())) => libc::EAI_MEMORY,
            _ => {
                result.write(ptr::null_mut());
                libc::EAI_NONAME
            }
        }
    }
}
