//! Sockets that are bound, and addresses as text.

use core::ffi::{c_char, c_int};
use core::{mem, ptr};
use evoxide_ffi::{mm, warnx};
use evoxide_proto::http::write::Decimal;
use libc::sockaddr;

/// A numeric address as text, and its port. Null without memory, or where there is none.
pub(in crate::http) unsafe fn address_text(peer: *const sockaddr, len: c_int, port: &mut u16) -> *mut c_char {
    let (mut host, mut service) = ([0u8; 64], [0u8; 16]);
    // SAFETY: the caller passes an address of that length; the arrays have these lengths.
    unsafe {
        let result = libc::getnameinfo(
            peer,
            len as libc::socklen_t,
            host.as_mut_ptr().cast(),
            host.len() as libc::socklen_t,
            service.as_mut_ptr().cast(),
            service.len() as libc::socklen_t,
            libc::NI_NUMERICHOST | libc::NI_NUMERICSERV,
        );
        if result != 0 {
            *port = 0;
            return mm::strdup_bytes(b"");
        }
        let end = |text: &[u8]| text.iter().position(|&b| b == 0).unwrap_or(text.len());
        *port = service[..end(&service)].iter().fold(0u16, |n, &d| n.wrapping_mul(10).wrapping_add(u16::from(d & 15)));
        mm::strdup_bytes(&host[..end(&host)])
    }
}

/// A socket bound to an address; -1 where that fails. A listening one may take its address again soon.
pub(in crate::http) unsafe fn bound_socket(address: *const c_char, port: u16, listens: bool) -> c_int {
    // SAFETY: the caller passes a string or null; what the C library gives is freed.
    unsafe {
        let mut hints: libc::addrinfo = mem::zeroed();
        hints.ai_family = libc::AF_UNSPEC;
        hints.ai_socktype = libc::SOCK_STREAM;
        hints.ai_flags = libc::AI_PASSIVE;
        let mut service = [0u8; 8];
        let digits = Decimal::new(port.into());
        service[..digits.as_bytes().len()].copy_from_slice(digits.as_bytes());
        let mut found: *mut libc::addrinfo = ptr::null_mut();
        if libc::getaddrinfo(address, service.as_ptr().cast(), &hints, &mut found) != 0 {
            warnx!("an address to bind to is none");
            return -1;
        }
        let info = &*found;
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let fd = libc::socket(info.ai_family, kind, 0);
        let mut result = fd;
        if fd >= 0 {
            let on: c_int = 1;
            let set = |name| {
                let len = size_of::<c_int>() as libc::socklen_t;
                libc::setsockopt(fd, libc::SOL_SOCKET, name, (&raw const on).cast(), len);
            };
            set(libc::SO_KEEPALIVE);
            if listens {
                set(libc::SO_REUSEADDR);
            }
            if libc::bind(fd, info.ai_addr, info.ai_addrlen) != 0 {
                let code = evoxide_ffi::errno::get();
                libc::close(fd);
                evoxide_ffi::errno::set(code);
                result = -1;
            }
        }
        libc::freeaddrinfo(found);
        result
    }
}
