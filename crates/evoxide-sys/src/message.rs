//! Reading and writing sockets without waiting, whatever their mode, and batches of datagrams.
//!
//! `MSG_DONTWAIT` makes each call nonblocking by itself, so that a socket's mode need not be changed, and `MSG_NOSIGNAL` keeps a
//! peer that has gone from ending the process with `SIGPIPE`.

use crate::os::io::{self, IoSlice};
use alloc::{vec, vec::Vec};
use core::mem::MaybeUninit;
use rustix::fd::AsRawFd;

use crate::Descriptor;
use crate::socket::Addr;

/// The most that one datagram, or several coalesced ones, can hold.
pub const DATAGRAM: usize = 64 * 1024;
/// How many datagrams one call receives.
pub const BATCH: usize = 8;
/// How many datagrams one call sends.
pub const SENDS: usize = 32;

fn count(answer: isize) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}

/// The part of a vector's spare room that may be filled.
fn room(bytes: &mut Vec<u8>, max: usize) -> &mut [MaybeUninit<u8>] {
    let spare = bytes.spare_capacity_mut();
    let len = spare.len().min(max);
    &mut spare[..len]
}

/// `recv` behind the content of `bytes`, at most `max` bytes and what fits without growing.
///
/// # Errors
///
/// What the kernel says; `EAGAIN` where nothing is there, `ENOTSOCK` for what is no socket.
pub fn receive(fd: impl Descriptor, bytes: &mut Vec<u8>, max: usize) -> io::Result<usize> {
    let fd = fd.lend()?.as_raw_fd();
    let room = room(bytes, max);
    // SAFETY: the room is ours and as long as said; the kernel only writes there.
    let n = count(unsafe { libc::recv(fd, room.as_mut_ptr().cast(), room.len(), libc::MSG_DONTWAIT) })?;
    // SAFETY: the kernel has written `n` bytes of the spare room.
    unsafe { bytes.set_len(bytes.len() + n) };
    Ok(n)
}

/// `read` behind the content of `bytes`, at most `max` bytes and what fits without growing.
///
/// # Errors
///
/// As [`read`](crate::io::read).
pub fn read(fd: impl Descriptor, bytes: &mut Vec<u8>, max: usize) -> io::Result<usize> {
    let n = crate::io::read_spare(fd, room(bytes, max), &mut [])?;
    // SAFETY: the kernel has written `n` bytes of the spare room.
    unsafe { bytes.set_len(bytes.len() + n) };
    Ok(n)
}

/// `recv` into memory of the caller.
///
/// # Errors
///
/// As [`receive`].
pub fn receive_slice(fd: impl Descriptor, bytes: &mut [u8]) -> io::Result<usize> {
    let fd = fd.lend()?.as_raw_fd();
    // SAFETY: the slice is exclusively borrowed and as long as said.
    count(unsafe { libc::recv(fd, bytes.as_mut_ptr().cast(), bytes.len(), libc::MSG_DONTWAIT) })
}

/// `sendmsg`, or `send` for one slice, without `SIGPIPE`. Of more slices than the kernel takes at once the first ones are used.
///
/// # Errors
///
/// What the kernel says; `EAGAIN` where there is no room, `ENOTSOCK` for what is no socket, `EPIPE`.
pub fn send(fd: impl Descriptor, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    const FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    let fd = fd.lend()?.as_raw_fd();
    if let [only] = slices {
        // SAFETY: `IoSlice` has the layout of `iovec`; the bytes are borrowed and as long as said.
        return count(unsafe {
            let only = core::ptr::from_ref(only).cast::<libc::iovec>().read();
            libc::send(fd, only.iov_base, only.iov_len, FLAGS)
        });
    }
    let slices = slices.get(..slices.len().min(1024)).unwrap_or(slices);
    // SAFETY: all zeros is a message without name, content and control data.
    let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = slices.len() as _;
    // SAFETY: `IoSlice` has the layout of `iovec`, and the kernel only reads what they name.
    count(unsafe { libc::sendmsg(fd, &message, FLAGS) })
}

/// Control data: room for one integer.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 32]);

/// Sends one datagram, to the connected peer where `to` is `None`. With `segment` the kernel cuts it into datagrams of that many
/// bytes (Linux's generic segmentation offload).
///
/// # Errors
///
/// What the kernel says; `EAGAIN`; `EIO` or `EINVAL` where it cannot segment.
pub fn send_datagram(fd: impl Descriptor, bytes: &[u8], to: Option<&Addr>, segment: Option<u16>) -> io::Result<usize> {
    let fd = fd.lend()?.as_raw_fd();
    let mut slice = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: all zeros is a message without name, content and control data.
    let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
    message.msg_iov = &raw mut slice;
    message.msg_iovlen = 1;
    if let Some(to) = to {
        message.msg_name = to.as_bytes().as_ptr().cast_mut().cast();
        message.msg_namelen = to.as_bytes().len() as libc::socklen_t;
    }
    #[cfg(target_os = "linux")]
    let mut control = Control([0; 32]);
    #[cfg(target_os = "linux")]
    if let Some(segment) = segment {
        message.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: plain arithmetic.
        message.msg_controllen = unsafe { libc::CMSG_SPACE(2) } as _;
        // SAFETY: the control room is aligned and long enough for one header and two bytes.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_UDP;
            (*header).cmsg_type = libc::UDP_SEGMENT;
            (*header).cmsg_len = libc::CMSG_LEN(2) as _;
            libc::CMSG_DATA(header).cast::<u16>().write_unaligned(segment);
        }
    }
    #[cfg(not(target_os = "linux"))]
    if segment.is_some() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: everything that the message names lives until the call returns, and is only read.
    count(unsafe { libc::sendmsg(fd, &message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) })
}

/// Sends the first datagrams, each to an address or to the connected peer: [`SENDS`] of them in one call where the kernel has one for
/// several, or one. Returns how many were taken.
///
/// # Errors
///
/// What the kernel says of the first one; `EAGAIN` where there is no room for it.
#[cfg(target_os = "linux")]
pub fn send_datagrams(fd: impl Descriptor, datagrams: &[(&[u8], Option<Addr>)]) -> io::Result<usize> {
    let fd = fd.lend()?.as_raw_fd();
    // SAFETY: all zeros are messages without name, content and control data.
    let mut messages: [libc::mmsghdr; SENDS] = unsafe { core::mem::zeroed() };
    let mut slices = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 }; SENDS];
    let many = datagrams.len().min(SENDS);
    for ((bytes, to), (message, slice)) in datagrams.iter().zip(messages.iter_mut().zip(&mut slices)) {
        *slice = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        message.msg_hdr.msg_iov = slice;
        message.msg_hdr.msg_iovlen = 1;
        if let Some(to) = to {
            message.msg_hdr.msg_name = to.as_bytes().as_ptr().cast_mut().cast();
            message.msg_hdr.msg_namelen = to.as_bytes().len() as libc::socklen_t;
        }
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: everything that the first `many` messages name lives until the call returns, and is only read.
    let n = unsafe { libc::sendmmsg(fd, messages.as_mut_ptr(), many as _, flags as _) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// Sends the first datagram, to an address or to the connected peer. Returns how many were taken.
///
/// # Errors
///
/// What the kernel says; `EAGAIN` where there is no room for it.
#[cfg(not(target_os = "linux"))]
pub fn send_datagrams(fd: impl Descriptor, datagrams: &[(&[u8], Option<Addr>)]) -> io::Result<usize> {
    let Some((bytes, to)) = datagrams.first() else { return Ok(0) };
    send_datagram(fd, bytes, to.as_ref(), None).map(|_| 1)
}

/// Lets the kernel coalesce datagrams of one sender (generic receive offload). Returns whether it can.
pub fn coalesce(fd: impl Descriptor) -> bool {
    #[cfg(target_os = "linux")]
    if let Ok(fd) = fd.lend() {
        let on: i32 = 1;
        // SAFETY: the pointer is good for one int, whose size is passed.
        return unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, (&raw const on).cast(), 4) }
            == 0;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = fd;
    false
}

/// Room for one call's datagrams.
pub struct Datagrams {
    bytes: Vec<u8>,
    names: [libc::sockaddr_storage; BATCH],
    controls: [Control; BATCH],
    /// Length, length of the name, and size of a segment, of each that came.
    found: Vec<(usize, usize, usize)>,
}

impl Default for Datagrams {
    fn default() -> Self {
        Self {
            // Untouched pages cost nothing.
            bytes: vec![0; BATCH * DATAGRAM],
            // SAFETY: all zeros is an address of no family.
            names: unsafe { core::mem::zeroed() },
            controls: [Control([0; 32]); BATCH],
            found: Vec::with_capacity(BATCH),
        }
    }
}

impl Datagrams {
    /// Receives as many datagrams as wait and fit; returns how many.
    ///
    /// # Errors
    ///
    /// What the kernel says; `EAGAIN` where none waits.
    #[cfg(target_os = "linux")]
    pub fn receive(&mut self, fd: impl Descriptor) -> io::Result<usize> {
        self.found.clear();
        let fd = fd.lend()?.as_raw_fd();
        // SAFETY: all zeros are messages without name, content and control data.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { core::mem::zeroed() };
        let mut slices = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 }; BATCH];
        for (i, chunk) in self.bytes.chunks_exact_mut(DATAGRAM).take(BATCH).enumerate() {
            let header = receive_into(&mut messages[i], &mut slices[i], chunk, &mut self.names[i]);
            header.msg_control = self.controls[i].0.as_mut_ptr().cast();
            header.msg_controllen = size_of::<Control>() as _;
        }
        // SAFETY: every message names memory of this object or of this frame, which nothing else refers to meanwhile.
        let n = unsafe {
            libc::recvmmsg(fd, messages.as_mut_ptr(), BATCH as _, libc::MSG_DONTWAIT as _, core::ptr::null_mut())
        };
        let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
        for message in messages.iter().take(n) {
            let len = message.msg_len as usize;
            self.found.push((len, message.msg_hdr.msg_namelen as usize, segment(&message.msg_hdr).unwrap_or(len)));
        }
        Ok(n)
    }

    /// Receives one datagram; returns how many that is.
    ///
    /// # Errors
    ///
    /// What the kernel says; `EAGAIN` where none waits.
    #[cfg(not(target_os = "linux"))]
    pub fn receive(&mut self, fd: impl Descriptor) -> io::Result<usize> {
        self.found.clear();
        let fd = fd.lend()?.as_raw_fd();
        let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        // SAFETY: both pieces of memory are this object's and as long as said.
        let n = count(unsafe {
            libc::recvfrom(
                fd,
                self.bytes.as_mut_ptr().cast(),
                DATAGRAM,
                libc::MSG_DONTWAIT,
                (&raw mut self.names[0]).cast(),
                &raw mut len,
            )
        })?;
        self.found.push((n, len as usize, n));
        Ok(1)
    }

    /// A datagram of the last call: its bytes, its sender, and of how many bytes each of its segments is (the last may be shorter).
    pub fn get(&self, index: usize) -> Option<(&[u8], Option<Addr>, usize)> {
        let (len, name, segment) = *self.found.get(index)?;
        let bytes = self.bytes.get(index * DATAGRAM..)?.get(..len)?;
        let name = name.min(size_of::<libc::sockaddr_storage>());
        // SAFETY: an address's storage is plain bytes, all of them initialised, and `name` of them are inside.
        let name = unsafe { core::slice::from_raw_parts((&raw const self.names[index]).cast::<u8>(), name) };
        Some((bytes, Addr::from_bytes(name).ok(), segment.max(1)))
    }
}

/// Names the memory that one datagram and its sender's address come into.
#[cfg(target_os = "linux")]
fn receive_into<'m>(
    message: &'m mut libc::mmsghdr,
    slice: &mut libc::iovec,
    bytes: &mut [u8],
    name: &mut libc::sockaddr_storage,
) -> &'m mut libc::msghdr {
    *slice = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let header = &mut message.msg_hdr;
    header.msg_iov = slice;
    header.msg_iovlen = 1;
    header.msg_name = (&raw mut *name).cast();
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header
}

/// The size of a coalesced datagram's segments, if the kernel says.
#[cfg(target_os = "linux")]
fn segment(message: &libc::msghdr) -> Option<usize> {
    // SAFETY: the kernel has written well-formed headers into the control room, which is still there.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_UDP && (*header).cmsg_type == libc::UDP_GRO {
                let size = libc::CMSG_DATA(header).cast::<i32>().read_unaligned();
                return usize::try_from(size).ok();
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}

/// The address that a datagram came from, as the kernel wrote it, for a reply: it is neither looked at nor moved.
#[derive(Clone)]
pub struct Sender {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl Default for Sender {
    fn default() -> Self {
        // SAFETY: all zeros is an address of no family.
        Self { storage: unsafe { core::mem::zeroed() }, len: 0 }
    }
}

impl Sender {
    /// `recvfrom`: receives a datagram and notes here who sent it; returns its length. What is longer than `bytes` is cut.
    ///
    /// # Errors
    ///
    /// What the kernel says; `EAGAIN` where none waits.
    pub fn receive(&mut self, fd: impl Descriptor, bytes: &mut [u8]) -> io::Result<usize> {
        let fd = fd.lend()?.as_raw_fd();
        let (mut len, name) = (size_of::<libc::sockaddr_storage>() as libc::socklen_t, (&raw mut self.storage).cast());
        let flags = libc::MSG_DONTWAIT;
        // SAFETY: both pieces of memory are exclusively borrowed and as long as said.
        let n =
            count(unsafe { libc::recvfrom(fd, bytes.as_mut_ptr().cast(), bytes.len(), flags, name, &raw mut len) })?;
        self.len = len;
        Ok(n)
    }

    /// `sendto`: sends a datagram to the sender. No `SIGPIPE`.
    ///
    /// # Errors
    ///
    /// What the kernel says; `EAGAIN` where there is no room.
    pub fn send(&self, fd: impl Descriptor, bytes: &[u8]) -> io::Result<usize> {
        let (fd, to) = (fd.lend()?.as_raw_fd(), self.as_bytes());
        let (name, len) = (to.as_ptr().cast(), to.len() as libc::socklen_t);
        // SAFETY: both pieces of memory are borrowed and as long as said; the kernel only reads them.
        count(unsafe { libc::sendto(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL, name, len) })
    }

    /// The bytes of the `sockaddr`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let len = (self.len as usize).min(size_of::<libc::sockaddr_storage>());
        // SAFETY: plain bytes, all of them initialised, and `len` of them are inside.
        unsafe { core::slice::from_raw_parts((&raw const self.storage).cast(), len) }
    }

    /// The port, of an address of IP.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match (i32::from(self.storage.ss_family), self.as_bytes()) {
            // In both structures it lies behind the family.
            (libc::AF_INET | libc::AF_INET6, [_, _, high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }
}

/// `kill`: sends a signal to a process.
///
/// # Errors
///
/// `ESRCH`, `EPERM`; `EINVAL` for a number that is no signal, or a process id that names none.
pub fn signal_process(process: u32, signal: i32) -> io::Result<()> {
    let process =
        i32::try_from(process).ok().filter(|p| *p > 0).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: a plain call; the process id names one process, neither a group nor all.
    if unsafe { libc::kill(process, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_socket_neither_blocks_nor_signals() {
        let (a, b) = UnixStream::pair().expect("pair");
        let mut bytes = Vec::with_capacity(8);
        assert_eq!(receive(&a, &mut bytes, 8).expect_err("nothing there").kind(), std::io::ErrorKind::WouldBlock);
        assert_eq!(send(&b, &[IoSlice::new(b"he"), IoSlice::new(b"llo")]).expect("sent"), 5);
        assert_eq!(receive(&a, &mut bytes, 3).expect("there"), 3);
        assert_eq!((receive(&a, &mut bytes, 8).expect("there"), &bytes[..]), (2, &b"hello"[..]));
        drop(a);
        assert_eq!(send(&b, &[IoSlice::new(b"x")]).expect_err("gone").kind(), std::io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn datagrams_come_in_batches() {
        let a = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let b = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let to = Addr::from(a.local_addr().expect("bound"));
        let mut room = Datagrams::default();
        assert!(room.receive(&a).is_err());
        for i in 0..3u8 {
            assert_eq!(send_datagram(&b, &[i; 10], Some(&to), None).expect("sent"), 10);
        }
        let n = room.receive(&a).expect("there");
        assert!(n >= 1);
        let (bytes, from, segment) = room.get(0).expect("there");
        assert_eq!((bytes, segment), (&[0; 10][..], 10));
        assert_eq!(from.and_then(|a| a.to_inet()), b.local_addr().ok());
    }

    #[test]
    fn a_reply_goes_to_the_sender_of_a_datagram() {
        let a = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let b = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let (mut bytes, mut from) = ([0; 8], Sender::default());
        assert_eq!((from.as_bytes(), from.port()), (&[][..], None));
        assert_eq!(from.receive(&a, &mut bytes).expect_err("nothing there").kind(), std::io::ErrorKind::WouldBlock);
        b.send_to(&[7; 20], a.local_addr().expect("bound")).expect("sent");
        // What does not fit is cut.
        assert_eq!((from.receive(&a, &mut bytes).expect("there"), bytes), (8, [7; 8]));
        assert_eq!(from.port(), b.local_addr().ok().map(|b| b.port()));
        assert_eq!(from.send(&a, b"back").expect("sent"), 4);
        assert_eq!((b.recv(&mut bytes).expect("there"), &bytes[..4]), (4, &b"back"[..]));
        assert!(Sender::default().send(&a, b"nowhere").is_err());
    }
}
