//! `event2/util.h`.

use core::ffi::c_int;

use super::layout;

/// `evutil_socket_t`.
pub type evutil_socket_t = c_int;
/// `struct evutil_addrinfo` is the C library's.
pub use libc::addrinfo as evutil_addrinfo;

layout!(evutil_socket_t, size = 4, align = 4);
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
layout!(
    evutil_addrinfo,
    size = 48,
    align = 8,
    ai_flags = 0,
    ai_family = 4,
    ai_socktype = 8,
    ai_protocol = 12,
    ai_addrlen = 16,
    ai_addr = 24,
    ai_canonname = 32,
    ai_next = 40
);

/// Bit of `ai_flags` that marks an address of ours, not of the C library: 0x8000_0000.
pub const AI_LIBEVENT_ALLOCATED: c_int = c_int::MIN;
/// `EVUTIL_EAI_CANCEL`.
pub const EAI_CANCEL: c_int = -90001;
/// `EV_MONOT_PRECISE`.
pub const MONOT_PRECISE: c_int = 1;
/// `EV_MONOT_FALLBACK`.
pub const MONOT_FALLBACK: c_int = 2;
