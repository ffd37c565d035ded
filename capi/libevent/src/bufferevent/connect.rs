//! Connecting a bufferevent: by address, by host name, or waiting for an attempt that the caller began.

use super::entries::held;
use super::handle::{Bev, Locked};
use super::{callbacks, socket};
use crate::abi::bufferevent::opt;
use crate::dns::evdns_base;
use alloc::string::ToString;
use core::ffi::{c_char, c_int, c_void};
use core::{ptr, slice};
use evoxide_core::stream::{Direction, Hold, What};
use evoxide_ffi::{cstr, errno};
use evoxide_sys::io;
use evoxide_sys::os::fd::IntoRawFd;
use evoxide_sys::socket::{self as net, Addr, Flags};
use libc::{addrinfo, sockaddr};

/// How the call that begins an attempt ended.
enum Begun {
    Waiting,
    Made,
    Refused,
}

/// Begins to connect. -1, with `errno`, if nothing was begun; a descriptor of its own making is then closed.
fn connect(bev: &Locked, addr: Option<&Addr>) -> c_int {
    if !bev.has_fd() {
        return -1;
    }
    let given = bev.fd();
    let fd = match (given >= 0, addr) {
        (true, _) => given,
        (false, None) => return -1,
        (false, Some(addr)) => match net::stream(addr, Flags { nonblocking: true, cloexec: false }) {
            Ok(made) => made.into_raw_fd(),
            Err(error) => return failed(&error),
        },
    };
    let begun = match addr.map_or(Ok(Begun::Waiting), |addr| begin(fd, addr)) {
        Ok(begun) => begun,
        Err(error) => {
            if given < 0 {
                // SAFETY: made above, and nobody else knows of it.
                let _ = unsafe { io::close(fd) };
            }
            return failed(&error);
        }
    };
    socket::attach(bev, fd, true);
    match begun {
        Begun::Waiting => bev.add_event(Direction::WRITE),
        Begun::Made => {
            callbacks::data(bev, Direction::WRITE, c_int::from(opt::DEFER_CALLBACKS));
            bev.add_event(Direction::WRITE)
        }
        Begun::Refused => {
            let _ = bev.machine(|m| m.read_done(evoxide_core::stream::Io::Refused));
            // SAFETY: the event stays in the object, which deletes it before it ends.
            unsafe { crate::event::event_active(bev.event(Direction::WRITE), Direction::WRITE.bits().into(), 1) };
            0
        }
    }
}

fn failed(error: &evoxide_sys::os::io::Error) -> c_int {
    errno::set(error.raw_os_error().unwrap_or(libc::EINVAL));
    -1
}

fn begin(fd: c_int, addr: &Addr) -> evoxide_sys::os::io::Result<Begun> {
    match net::connect(fd, addr) {
        Ok(()) => Ok(Begun::Made),
        Err(error) if net::is_connecting(&error) => Ok(Begun::Waiting),
        Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => Ok(Begun::Refused),
        Err(error) => Err(error),
    }
}

/// Connects to an address, or waits for an attempt under way on the descriptor if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_socket_connect(
    bufev: Option<&Bev>,
    addr: *const sockaddr,
    len: c_int,
) -> c_int {
    let addr = if addr.is_null() {
        None
    } else {
        // SAFETY: not null, and an address of that length.
        let bytes = unsafe { slice::from_raw_parts(addr.cast::<u8>(), usize::try_from(len).unwrap_or(0)) };
        match Addr::from_bytes(bytes) {
            Ok(addr) => Some(addr),
            Err(error) => return failed(&error),
        }
    };
    held(bufev, -1, |bev| connect(bev, addr.as_ref()))
}

/// What a look-up found first. `Err`: its error code.
fn look_up(host: &core::ffi::CStr, port: u16, hints: &addrinfo) -> Result<Addr, c_int> {
    let port = alloc::ffi::CString::new(port.to_string()).map_err(|_| libc::EAI_NONAME)?;
    let mut list: *mut addrinfo = ptr::null_mut();
    // SAFETY: both strings are terminated, and the hints are a value; the list that comes is freed at once.
    unsafe {
        let code = libc::getaddrinfo(host.as_ptr(), port.as_ptr(), hints, &raw mut list);
        if code != 0 {
            return Err(code);
        }
        let found = first(list).ok_or(if list.is_null() { libc::EAI_NONAME } else { libc::EAI_FAMILY });
        libc::freeaddrinfo(list);
        found
    }
}

fn connect_by_name(bev: &Locked, host: &core::ffi::CStr, port: c_int, hints: &addrinfo) -> c_int {
    let family = matches!(hints.ai_family, libc::AF_UNSPEC | libc::AF_INET | libc::AF_INET6);
    let (true, Ok(port @ 1..)) = (family, u16::try_from(port)) else { return -1 };
    bev.own_extension(|e| e.dns_error.set(0));
    match look_up(host, port, hints) {
        Ok(addr) => {
            if connect(bev, Some(&addr)) < 0 {
                callbacks::event(bev, What::ERROR, 0);
            }
        }
        Err(code) => {
            note_error(bev, code);
            callbacks::event(bev, What::ERROR, 0);
        }
    }
    0
}

/// A look-up through a resolver ended.
unsafe extern "C-unwind" fn on_found(code: c_int, list: *mut addrinfo, arg: *mut c_void) {
    // SAFETY: the look-up has a reference, which is given up at the end.
    let bev = unsafe { Bev::from_arg(arg) }.lock();
    bev.resume(Direction::READ, Hold::LOOKUP);
    bev.resume(Direction::WRITE, Hold::LOOKUP);
    if !bev.is_freed() && code != crate::abi::util::EAI_CANCEL {
        // SAFETY: null, or the answer, which is this function's.
        let addr = unsafe { first(list) };
        let connected = addr.as_ref().is_some_and(|addr| connect(bev, Some(addr)) == 0);
        if !connected {
            if code != 0 {
                note_error(bev, code);
            }
            callbacks::event(bev, What::ERROR, 0);
        }
    }
    // SAFETY: as above; it is given up once.
    unsafe { crate::util::evutil_freeaddrinfo(list) };
    bev.release();
}

/// The first address of an answer, if it is one that a socket takes.
///
/// # Safety
/// `list` is null or an answer, whose addresses are as long as it says.
unsafe fn first(list: *const addrinfo) -> Option<Addr> {
    // SAFETY: `list` is null or an answer, whose addresses are as long as it says.
    unsafe {
        let first = list.as_ref()?;
        Addr::from_bytes(slice::from_raw_parts(first.ai_addr.cast::<u8>(), first.ai_addrlen as usize)).ok()
    }
}

/// Notes the code of a failed look-up. Without memory the code is lost, not the failure.
fn note_error(bev: &Locked, code: c_int) {
    bev.extension_or_new();
    bev.own_extension(|e| e.dns_error.set(code));
}

/// Looks a name up through a resolver, and connects when it is found. Nothing is read or written until then.
///
/// # Safety
/// The resolver and the bufferevent live.
unsafe fn connect_through(
    bev: &Locked,
    dns: *mut evdns_base,
    host: &core::ffi::CStr,
    port: c_int,
    hints: &addrinfo,
) -> c_int {
    let family = matches!(hints.ai_family, libc::AF_UNSPEC | libc::AF_INET | libc::AF_INET6);
    let (true, Ok(port @ 1..)) = (family, u16::try_from(port)) else { return -1 };
    let mut text = cstr::Text::<8>::new();
    let _ = core::fmt::Write::write_fmt(&mut text, format_args!("{port}"));
    bev.own_extension(|e| e.dns_error.set(0));
    bev.suspend(Direction::READ, Hold::LOOKUP);
    bev.suspend(Direction::WRITE, Hold::LOOKUP);
    // `on_found` gives this reference up.
    bev.hold().unlock();
    // SAFETY: the program keeps the resolver; the strings stay for this call, the bufferevent until `on_found`.
    unsafe {
        crate::dns::look_up(dns, host.as_ptr(), text.as_ptr(), hints, Some(on_found), bev.public().cast(), true);
    }
    0
}

/// A host's name without the brackets around an IPv6 address.
fn bare(host: &[u8]) -> Option<alloc::ffi::CString> {
    let bare = host.strip_prefix(b"[").and_then(|h| h.strip_suffix(b"]")).unwrap_or(host);
    alloc::ffi::CString::new(bare).ok()
}

/// Looks a name up and connects: through the resolver, or blocking without one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_socket_connect_hostname_hints(
    bufev: Option<&Bev>,
    dns: *mut evdns_base,
    hints: Option<&addrinfo>,
    host: *const c_char,
    port: c_int,
) -> c_int {
    // SAFETY: a name that ends in a zero byte, and the program keeps the resolver. The copy is freed once, by what made it.
    unsafe {
        let (Some(hints), Some(name)) = (hints, cstr::bytes(host)) else { return -1 };
        let Some(name) = bare(name) else { return -1 };
        // The name must not be in this frame while callbacks run.
        let name = name.into_raw();
        let result = held(bufev, -1, |bev| {
            let name = core::ffi::CStr::from_ptr(name);
            if dns.is_null() {
                connect_by_name(bev, name, port, hints)
            } else {
                connect_through(bev, dns, name, port, hints)
            }
        });
        drop(alloc::ffi::CString::from_raw(name));
        result
    }
}

/// Looks a name up in a family and connects: through the resolver, or blocking without one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_socket_connect_hostname(
    bufev: Option<&Bev>,
    dns: *mut evdns_base,
    family: c_int,
    host: *const c_char,
    port: c_int,
) -> c_int {
    // SAFETY: all-zero is a value of the hints, which are numbers and null pointers.
    let mut hints: addrinfo = unsafe { core::mem::zeroed() };
    hints.ai_family = family;
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_protocol = libc::IPPROTO_TCP;
    // SAFETY: the name and the resolver are the program's, as there.
    unsafe { bufferevent_socket_connect_hostname_hints(bufev, dns, Some(&hints), host, port) }
}

/// The error of the last look-up, as `evutil_gai_strerror` takes it.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_socket_get_dns_error(bufev: Option<&Bev>) -> c_int {
    held(bufev, -1, |bev| bev.extension().dns_error.get())
}
