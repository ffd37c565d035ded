//! Sockets.

use core::{ffi::c_int, time::Duration};
use evoxide_sys::os::fd::IntoRawFd;
use evoxide_sys::os::io;

use crate::abi::entry::Out;
use evoxide_ffi::{errno, warn};
use evoxide_sys::{io as sys_io, socket};

use super::{answer, fail};
use crate::abi::util::evutil_socket_t;

/// Makes a descriptor nonblocking; a failure is logged.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evutil_make_socket_nonblocking(fd: evutil_socket_t) -> c_int {
    logged(sys_io::set_nonblocking(fd, true), fd, "GETFL")
}

/// Has a descriptor closed on exec; a failure is logged.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evutil_make_socket_closeonexec(fd: evutil_socket_t) -> c_int {
    logged(sys_io::set_cloexec(fd, true), fd, "GETFD")
}

/// The answer to a change of flags, its error logged and left in `errno`.
fn logged(result: io::Result<()>, fd: c_int, command: &str) -> c_int {
    let result = answer(result);
    if result != 0 {
        let error = errno::get();
        warn!("fcntl({fd}, F_{command})");
        errno::set(error);
    }
    result
}

/// Lets the address of a listening socket be bound again at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_make_listen_socket_reuseable(fd: evutil_socket_t) -> c_int {
    answer(socket::set_reuse_addr(fd, true))
}

/// Lets several listening sockets bind one address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_make_listen_socket_reuseable_port(fd: evutil_socket_t) -> c_int {
    answer(socket::set_reuse_port(fd, true))
}

/// Keeps an IPv6 listening socket from taking IPv4 connections.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_make_listen_socket_ipv6only(fd: evutil_socket_t) -> c_int {
    answer(socket::set_v6_only(fd, true))
}

/// Lets an IPv6 listening socket take IPv4 connections too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_make_listen_socket_not_ipv6only(fd: evutil_socket_t) -> c_int {
    answer(socket::set_v6_only(fd, false))
}

/// Accepts connections on a listening TCP socket only when they have sent something.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_make_tcp_listen_socket_deferred(fd: evutil_socket_t) -> c_int {
    answer(socket::set_defer_accept(fd, true))
}

/// Turns TCP keepalive on, with a time in seconds if that is positive, or off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_set_tcp_keepalive(fd: evutil_socket_t, on: c_int, timeout: c_int) -> c_int {
    answer(match u64::try_from(timeout) {
        Ok(seconds) if on != 0 && seconds > 0 => socket::set_tcp_keepalive(fd, Duration::from_secs(seconds)),
        _ => socket::set_keepalive(fd, on != 0),
    })
}

/// Closes a socket.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_closesocket(fd: evutil_socket_t) -> c_int {
    // SAFETY: the caller gives the descriptor away.
    answer(unsafe { sys_io::close(fd) })
}

/// Two connected sockets; parameters as for `socketpair`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_socketpair(
    family: c_int,
    kind: c_int,
    protocol: c_int,
    sockets: Out<'_, [evutil_socket_t; 2]>,
) -> c_int {
    if sockets.is_null() {
        errno::set(libc::EFAULT);
        return -1;
    }
    match socket::pair(family, kind, protocol) {
        Ok((first, second)) => {
            sockets.set([first, second].map(IntoRawFd::into_raw_fd));
            0
        }
        Err(error) => fail(&error),
    }
}
