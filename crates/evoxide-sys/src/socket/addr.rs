//! Addresses of sockets.

use crate::os::io;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use core::{fmt, mem::MaybeUninit};

use rustix::net::SocketAddrAny;
use rustix::net::addr::{SocketAddrArg, SocketAddrStorage};

/// C's structures of plain numbers.
///
/// # Safety
///
/// Any bytes make a value of the type.
unsafe trait Plain: Copy {}
// SAFETY: integers and arrays of integers only.
unsafe impl Plain for libc::sockaddr_in {}
// SAFETY: integers and arrays of integers only.
unsafe impl Plain for libc::sockaddr_in6 {}

/// The address of a socket, of any family: what C calls `sockaddr` with its length.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Addr {
    any: SocketAddrAny,
}

impl Addr {
    /// Takes the bytes of a `sockaddr` as they are.
    ///
    /// # Errors
    ///
    /// `EINVAL` where they cannot be one: too few for a family, or more than `sockaddr_storage`.
    pub fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let len = bytes.len();
        if len < size_of::<libc::sa_family_t>() || len > size_of::<SocketAddrStorage>() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let mut storage = MaybeUninit::<SocketAddrStorage>::zeroed();
        // SAFETY: the bytes fit, as was just checked, and the storage is not part of them.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), storage.as_mut_ptr().cast::<u8>(), len) };
        // SAFETY: the length lies between the header's and the storage's; all of it is initialised. What the bytes mean is
        // for the kernel to judge: rustix reads no more than `len` of them.
        Ok(Self { any: unsafe { SocketAddrAny::new(storage, len as u32) } })
    }

    /// The bytes of the `sockaddr`.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: rustix keeps that many bytes initialised, inside the value that is borrowed.
        unsafe { core::slice::from_raw_parts(self.any.as_ptr().cast(), self.any.addr_len() as usize) }
    }

    /// The address of a local socket in the file system.
    ///
    /// # Errors
    ///
    /// `ENAMETOOLONG`, or `EINVAL` for a path with a zero byte.
    #[cfg(feature = "std")]
    pub fn unix(path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        Ok(Self { any: rustix::net::SocketAddrUnix::new(path.as_ref())?.as_any() })
    }

    /// The family, as C numbers it.
    pub fn family(&self) -> i32 {
        i32::from(self.any.address_family().as_raw())
    }

    /// As the address of IP that it is, if it is one.
    pub fn to_inet(&self) -> Option<SocketAddr> {
        match self.family() {
            libc::AF_INET => {
                let inet: libc::sockaddr_in = self.plain()?;
                let ip = Ipv4Addr::from(u32::from_be(inet.sin_addr.s_addr));
                Some(SocketAddr::from((ip, u16::from_be(inet.sin_port))))
            }
            libc::AF_INET6 => {
                let inet: libc::sockaddr_in6 = self.plain()?;
                let (ip, port) = (Ipv6Addr::from(inet.sin6_addr.s6_addr), u16::from_be(inet.sin6_port));
                let flow = u32::from_be(inet.sin6_flowinfo);
                Some(SocketAddrV6::new(ip, port, flow, inet.sin6_scope_id).into())
            }
            _ => None,
        }
    }

    /// The path of a local socket in the file system, if it has one.
    #[cfg(feature = "std")]
    pub fn to_path(&self) -> Option<&std::path::Path> {
        self.path()
            .map(|path| std::path::Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path)))
    }

    fn path(&self) -> Option<&[u8]> {
        if self.family() != libc::AF_UNIX {
            return None;
        }
        let path = self.as_bytes().get(core::mem::offset_of!(libc::sockaddr_un, sun_path)..)?;
        // The kernel may or may not count a zero at the end.
        path.split(|byte| *byte == 0).next().filter(|path| !path.is_empty())
    }

    /// Reads it as one of C's structures, if it is long enough.
    fn plain<T: Plain>(&self) -> Option<T> {
        let bytes = self.as_bytes().get(..size_of::<T>())?;
        // SAFETY: there are as many bytes as the structure has, and any bytes make one.
        Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
    }

    pub(super) fn any(&self) -> &SocketAddrAny {
        &self.any
    }

    pub(super) fn from_any(any: SocketAddrAny) -> Self {
        Self { any }
    }
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        Self { any: addr.as_any() }
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(inet) = self.to_inet() {
            inet.fmt(f)
        } else if let Some(path) = self.path() {
            write!(f, "\"{}\"", path.escape_ascii())
        } else {
            f.debug_struct("Addr").field("family", &self.family()).field("len", &self.any.addr_len()).finish()
        }
    }
}
