//! Sockets: what evutil, streams, listeners and DNS need of them.
//!
//! Addresses are [`Addr`]s: any family, made from and given as the bytes of a `sockaddr`, or from and to the types of
//! `std`. Nothing here waits on a nonblocking socket, and nothing retries.

use crate::os::io;
use core::{ffi::c_int, time::Duration};
use rustix::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::Descriptor;

mod addr;

pub use addr::Addr;

/// What a new socket is to be, apart from its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `O_NONBLOCK`.
    pub nonblocking: bool,
    /// Closed when the process executes another program.
    pub cloexec: bool,
}

impl Flags {
    /// Nonblocking and close-on-exec, as a loop wants them.
    pub const LOOP: Self = Self { nonblocking: true, cloexec: true };

    fn bits(self) -> SocketFlags {
        let mut flags = SocketFlags::empty();
        flags.set(SocketFlags::NONBLOCK, self.nonblocking);
        flags.set(SocketFlags::CLOEXEC, self.cloexec);
        flags
    }
}

/// Which half of a connection to shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Nothing more is read.
    Read,
    /// Nothing more is written; the peer reads end of file.
    Write,
    /// Both.
    Both,
}

/// What `socket` and `socketpair` take, checked: their types are narrower here than in C.
fn kind_of(
    family: c_int,
    kind: c_int,
    protocol: c_int,
) -> io::Result<(AddressFamily, SocketType, SocketFlags, Option<Protocol>)> {
    let error = |errno| io::Error::from_raw_os_error(errno);
    let family = u16::try_from(family).map_err(|_| error(libc::EAFNOSUPPORT))?;
    let kind = u32::try_from(kind).map_err(|_| error(libc::EINVAL))?;
    let protocol = u32::try_from(protocol).map_err(|_| error(libc::EINVAL))?;
    let flags = SocketFlags::from_bits_truncate(kind);
    let kind = SocketType::from_raw(kind & !flags.bits());
    let protocol = core::num::NonZeroU32::new(protocol).map(Protocol::from_raw);
    Ok((AddressFamily::from_raw(family), kind, flags, protocol))
}

/// `socket`, with the numbers of C: `kind` may hold `SOCK_NONBLOCK` and `SOCK_CLOEXEC`.
///
/// # Errors
///
/// What the kernel says: `EAFNOSUPPORT`, `EPROTONOSUPPORT`, `EINVAL`, `EMFILE`, `EACCES`.
pub fn socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    let (family, kind, flags, protocol) = kind_of(family, kind, protocol)?;
    Ok(net::socket_with(family, kind, flags, protocol)?)
}

/// A stream socket of that address's family.
///
/// # Errors
///
/// As [`socket`].
pub fn stream(addr: &Addr, flags: Flags) -> io::Result<OwnedFd> {
    Ok(net::socket_with(addr.any().address_family(), SocketType::STREAM, flags.bits(), None)?)
}

/// A datagram socket of that address's family.
///
/// # Errors
///
/// As [`socket`].
pub fn datagram(addr: &Addr, flags: Flags) -> io::Result<OwnedFd> {
    Ok(net::socket_with(addr.any().address_family(), SocketType::DGRAM, flags.bits(), None)?)
}

/// `socketpair`, with the numbers of C.
///
/// # Errors
///
/// What the kernel says: `EOPNOTSUPP` for families without pairs, otherwise as [`socket`].
pub fn pair(family: c_int, kind: c_int, protocol: c_int) -> io::Result<(OwnedFd, OwnedFd)> {
    let (family, kind, flags, protocol) = kind_of(family, kind, protocol)?;
    Ok(net::socketpair(family, kind, flags, protocol)?)
}

/// `bind`.
///
/// # Errors
///
/// What the kernel says: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `EINVAL`.
pub fn bind(fd: impl Descriptor, addr: &Addr) -> io::Result<()> {
    Ok(net::bind(fd.lend()?, addr.any())?)
}

/// `listen`.
///
/// # Errors
///
/// What the kernel says.
pub fn listen(fd: impl Descriptor, backlog: c_int) -> io::Result<()> {
    Ok(net::listen(fd.lend()?, backlog)?)
}

/// `accept4`: the next connection and its peer's address, where the family has one.
///
/// # Errors
///
/// What the kernel says; `EAGAIN` where none waits and the listener is nonblocking, `ECONNABORTED` for one that is gone.
pub fn accept(fd: impl Descriptor, flags: Flags) -> io::Result<(OwnedFd, Option<Addr>)> {
    let (socket, peer) = net::acceptfrom_with(fd.lend()?, flags.bits())?;
    Ok((socket, peer.map(Addr::from_any)))
}

/// `connect`.
///
/// # Errors
///
/// What the kernel says; on a nonblocking socket `EINPROGRESS` means that it becomes writable when
/// [`finished_connecting`] can tell.
pub fn connect(fd: impl Descriptor, addr: &Addr) -> io::Result<()> {
    Ok(net::connect(fd.lend()?, addr.any())?)
}

/// Whether a connection attempt is over: `Ok(true)` connected, `Ok(false)` still going on.
///
/// # Errors
///
/// Why it failed.
pub fn finished_connecting(fd: impl Descriptor) -> io::Result<bool> {
    match take_error(fd)? {
        None => Ok(true),
        Some(error) if is_connecting(&error) => Ok(false),
        Some(error) => Err(error),
    }
}

/// The error of a `connect` that only says to wait.
pub fn is_connecting(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}

/// `SO_ERROR`: takes the error that waits on the socket.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`.
pub fn take_error(fd: impl Descriptor) -> io::Result<Option<io::Error>> {
    Ok(sockopt::socket_error(fd.lend()?)?.err().map(io::Error::from))
}

/// `shutdown`.
///
/// # Errors
///
/// What the kernel says; `ENOTCONN`.
pub fn shutdown(fd: impl Descriptor, half: Shutdown) -> io::Result<()> {
    let half = match half {
        Shutdown::Read => net::Shutdown::Read,
        Shutdown::Write => net::Shutdown::Write,
        Shutdown::Both => net::Shutdown::Both,
    };
    Ok(net::shutdown(fd.lend()?, half)?)
}

/// `getsockname`.
///
/// # Errors
///
/// What the kernel says.
pub fn local_addr(fd: impl Descriptor) -> io::Result<Addr> {
    Ok(Addr::from_any(net::getsockname(fd.lend()?)?))
}

/// `getpeername`: `None` where the family has no address to tell.
///
/// # Errors
///
/// What the kernel says; `ENOTCONN`.
pub fn peer_addr(fd: impl Descriptor) -> io::Result<Option<Addr>> {
    Ok(net::getpeername(fd.lend()?)?.map(Addr::from_any))
}

/// `recvfrom`: how many bytes a datagram had room for, and who sent it.
///
/// # Errors
///
/// What the kernel says; `EAGAIN`.
pub fn recv_from(fd: impl Descriptor, bytes: &mut [u8]) -> io::Result<(usize, Option<Addr>)> {
    let (len, _, from) = net::recvfrom(fd.lend()?, bytes, RecvFlags::empty())?;
    Ok((len, from.map(Addr::from_any)))
}

/// `sendto`. No `SIGPIPE`.
///
/// # Errors
///
/// What the kernel says; `EAGAIN`.
pub fn send_to(fd: impl Descriptor, bytes: &[u8], to: &Addr) -> io::Result<usize> {
    Ok(net::sendto(fd.lend()?, bytes, SendFlags::NOSIGNAL, to.any())?)
}

/// The family of the socket, as C numbers it.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`.
pub fn family(fd: impl Descriptor) -> io::Result<c_int> {
    Ok(c_int::from(sockopt::socket_domain(fd.lend()?)?.as_raw()))
}

/// Whether it is a socket of TCP.
pub fn is_tcp(fd: impl Descriptor) -> bool {
    let protocol = fd.lend().and_then(|fd| Ok(sockopt::socket_protocol(fd)?));
    protocol.is_ok_and(|protocol| protocol == Some(rustix::net::ipproto::TCP))
}

/// `SO_REUSEADDR`.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`.
pub fn set_reuse_addr(fd: impl Descriptor, on: bool) -> io::Result<()> {
    Ok(sockopt::set_socket_reuseaddr(fd.lend()?, on)?)
}

/// `SO_REUSEPORT`.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`, `EOPNOTSUPP`.
pub fn set_reuse_port(fd: impl Descriptor, on: bool) -> io::Result<()> {
    Ok(sockopt::set_socket_reuseport(fd.lend()?, on)?)
}

/// `IPV6_V6ONLY`.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`, `ENOPROTOOPT` or `EOPNOTSUPP` where the socket is none of IPv6, `EINVAL` once it is bound.
pub fn set_v6_only(fd: impl Descriptor, on: bool) -> io::Result<()> {
    Ok(sockopt::set_ipv6_v6only(fd.lend()?, on)?)
}

/// The number of a network interface by its name.
#[must_use]
pub fn interface_index(name: &[u8]) -> Option<u32> {
    let name = alloc::ffi::CString::new(name).ok()?;
    // SAFETY: a terminated string, which is only read.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => None,
        index => Some(index),
    }
}

/// `TCP_NODELAY`.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`, `EOPNOTSUPP` for other protocols.
pub fn set_no_delay(fd: impl Descriptor, on: bool) -> io::Result<()> {
    Ok(sockopt::set_tcp_nodelay(fd.lend()?, on)?)
}

/// `SO_KEEPALIVE`, with the system's times.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`.
pub fn set_keepalive(fd: impl Descriptor, on: bool) -> io::Result<()> {
    Ok(sockopt::set_socket_keepalive(fd.lend()?, on)?)
}

/// TCP keepalive with its own times: the first probe after `idle`, which is whole seconds and at least one, then one each
/// third of it; the connection counts as dead after the third.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`, `EOPNOTSUPP` for other protocols, `EINVAL` for more than the kernel's longest time.
pub fn set_tcp_keepalive(fd: impl Descriptor, idle: Duration) -> io::Result<()> {
    let fd = fd.lend()?;
    sockopt::set_socket_keepalive(fd, true)?;
    let idle = idle.as_secs().max(1);
    sockopt::set_tcp_keepidle(fd, Duration::from_secs(idle))?;
    sockopt::set_tcp_keepintvl(fd, Duration::from_secs((idle / 3).max(1)))?;
    Ok(sockopt::set_tcp_keepcnt(fd, 3)?)
}

/// `TCP_DEFER_ACCEPT`: a connection is accepted only once it has sent something. Does nothing where there is no such
/// option.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`, `EOPNOTSUPP` for other protocols.
pub fn set_defer_accept(fd: impl Descriptor, on: bool) -> io::Result<()> {
    let fd = fd.lend()?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let value = c_int::from(on);
        // SAFETY: the pointer is good for one int, whose size is passed. rustix does not have this option.
        let answer = unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_DEFER_ACCEPT,
                (&raw const value).cast(),
                size_of::<c_int>() as libc::socklen_t,
            )
        };
        if answer != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let _ = (fd, on);
    Ok(())
}

/// Asks for another size of the kernel's read buffer.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`.
pub fn set_recv_buffer_size(fd: impl Descriptor, bytes: usize) -> io::Result<()> {
    Ok(sockopt::set_socket_recv_buffer_size(fd.lend()?, bytes)?)
}

/// Asks for another size of the kernel's write buffer.
///
/// # Errors
///
/// `EBADF`, `ENOTSOCK`.
pub fn set_send_buffer_size(fd: impl Descriptor, bytes: usize) -> io::Result<()> {
    Ok(sockopt::set_socket_send_buffer_size(fd.lend()?, bytes)?)
}

/// A stream socket bound to `addr` that listens, close-on-exec and nonblocking, with `SO_REUSEADDR`.
///
/// # Errors
///
/// As [`socket`], [`bind`] and [`listen`].
pub fn listener(addr: &Addr, backlog: c_int) -> io::Result<OwnedFd> {
    let socket = stream(addr, Flags::LOOP)?;
    if addr.to_inet().is_some() {
        set_reuse_addr(&socket, true)?;
    }
    bind(&socket, addr)?;
    listen(&socket, backlog)?;
    Ok(socket)
}

/// A stream socket that connects to `addr`, close-on-exec and nonblocking. It becomes writable when
/// [`finished_connecting`] can tell; an attempt that fails at once is an error here.
///
/// # Errors
///
/// As [`socket`] and [`connect`].
pub fn connector(addr: &Addr) -> io::Result<OwnedFd> {
    let socket = stream(addr, Flags::LOOP)?;
    match net::connect(&socket, addr.any()) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
