//! Reading and writing descriptors, and what streams and buffers ask of files.
//!
//! Nothing here retries: `EINTR` and `EAGAIN` are answers, and what to do about them is the caller's rule.

use crate::os::io::{self, IoSlice, IoSliceMut};
use core::{ffi::c_void, mem::MaybeUninit, ptr::NonNull};
use rustix::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::event::EventfdFlags;
use rustix::fs::FileType;
use rustix::io::FdFlags;
use rustix::mm::{MapFlags, ProtFlags};
use rustix::pipe::PipeFlags;

use crate::Descriptor;

/// `read`.
///
/// # Errors
///
/// What the kernel says; `EAGAIN` where nothing is there and the descriptor is nonblocking.
#[inline]
pub fn read(fd: impl Descriptor, bytes: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(fd.lend()?, bytes)?)
}

/// `write`.
///
/// # Errors
///
/// What the kernel says; `EAGAIN` where there is no room and the descriptor is nonblocking.
#[inline]
pub fn write(fd: impl Descriptor, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::write(fd.lend()?, bytes)?)
}

/// `readv`. Of more slices than the kernel takes at once, the first ones are used.
///
/// # Errors
///
/// As [`read()`].
#[inline]
pub fn readv(fd: impl Descriptor, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    Ok(rustix::io::readv(fd.lend()?, slices)?)
}

/// `readv` into memory that need not hold anything yet: first `one`, then `two`. The kernel has written as many bytes of them as
/// the answer says.
///
/// # Errors
///
/// As [`read`].
#[inline]
pub fn read_spare(fd: impl Descriptor, one: &mut [MaybeUninit<u8>], two: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let fd = fd.lend()?.as_raw_fd();
    let slice = |s: &mut [MaybeUninit<u8>]| libc::iovec { iov_base: s.as_mut_ptr().cast(), iov_len: s.len() };
    let slices = [slice(one), slice(two)];
    // SAFETY: both are exclusively borrowed memory as long as said, and the kernel only writes there.
    let n = unsafe {
        match (slices[0].iov_len, slices[1].iov_len) {
            (_, 0) => libc::read(fd, slices[0].iov_base, slices[0].iov_len),
            (0, _) => libc::read(fd, slices[1].iov_base, slices[1].iov_len),
            _ => libc::readv(fd, slices.as_ptr(), 2),
        }
    };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// `writev`. Of more slices than the kernel takes at once, the first ones are used.
///
/// # Errors
///
/// As [`write()`].
#[inline]
pub fn writev(fd: impl Descriptor, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(rustix::io::writev(fd.lend()?, slices)?)
}

/// `pread`.
///
/// # Errors
///
/// What the kernel says; `ESPIPE` for what cannot seek.
pub fn read_at(fd: impl Descriptor, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    Ok(rustix::io::pread(fd.lend()?, bytes, offset)?)
}

/// `FIONREAD`: how many bytes can be read without waiting.
///
/// # Errors
///
/// What the kernel says; `ENOTTY` or `EINVAL` for what has no such number.
#[inline]
pub fn available(fd: impl Descriptor) -> io::Result<usize> {
    let count = rustix::io::ioctl_fionread(fd.lend()?)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// `sendfile`: moves up to `count` bytes from a file to `to`, from `offset` on, which is moved along, or from the file's
/// own position.
///
/// # Errors
///
/// What the kernel says; `EINVAL` where `from` is no file that can be mapped.
pub fn sendfile(
    to: impl Descriptor,
    from: impl Descriptor,
    offset: Option<&mut u64>,
    count: usize,
) -> io::Result<usize> {
    Ok(rustix::fs::sendfile(to.lend()?, from.lend()?, offset, count)?)
}

/// What kind of file a descriptor is, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// It is a regular file.
    pub is_file: bool,
    /// It is a directory.
    pub is_directory: bool,
    /// It is a socket.
    pub is_socket: bool,
    /// How many bytes a regular file has.
    pub len: u64,
}

/// `fstat`.
///
/// # Errors
///
/// What the kernel says.
pub fn file_info(fd: impl Descriptor) -> io::Result<FileInfo> {
    let stat = rustix::fs::fstat(fd.lend()?)?;
    let kind = FileType::from_raw_mode(stat.st_mode as _);
    Ok(FileInfo {
        is_file: kind == FileType::RegularFile,
        is_directory: kind == FileType::Directory,
        is_socket: kind == FileType::Socket,
        len: u64::try_from(stat.st_size).unwrap_or(0),
    })
}

/// Opens a file for reading.
///
/// # Errors
///
/// What the kernel says.
pub fn open(path: &core::ffi::CStr) -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, rustix::fs::Mode::empty())?)
}

/// Where a file is read next. For `ESPIPE`, what cannot seek.
///
/// # Errors
///
/// What the kernel says.
pub fn position(fd: impl Descriptor) -> io::Result<u64> {
    Ok(rustix::fs::tell(fd.lend()?)?)
}

/// The same file under another number, close-on-exec.
///
/// # Errors
///
/// `EBADF`, `EMFILE`.
pub fn dup(fd: impl Descriptor) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(fd.lend()?, 0)?)
}

/// Closes a descriptor that the caller names by number.
///
/// # Errors
///
/// What the kernel says. The number is free afterwards in any case, except for `EBADF`.
///
/// # Safety
///
/// The caller owns the descriptor: no other part of the program goes on using the number as if it were open.
pub unsafe fn close(fd: RawFd) -> io::Result<()> {
    // SAFETY: the number is the caller's to close; a number that is not open is answered with EBADF.
    match unsafe { libc::close(fd) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A pipe: what is written to the second can be read from the first. Close-on-exec.
///
/// # Errors
///
/// `EMFILE`, `ENFILE`.
pub fn pipe(nonblocking: bool) -> io::Result<(OwnedFd, OwnedFd)> {
    let mode = if nonblocking { PipeFlags::NONBLOCK } else { PipeFlags::empty() };
    Ok(rustix::pipe::pipe_with(PipeFlags::CLOEXEC | mode)?)
}

/// An eventfd, close-on-exec and nonblocking.
///
/// # Errors
///
/// `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn eventfd(count: u32) -> io::Result<OwnedFd> {
    Ok(rustix::event::eventfd(count, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)
}

/// Sets or clears close-on-exec. Makes no second call where nothing changes.
///
/// # Errors
///
/// `EBADF`.
pub fn set_cloexec(fd: impl Descriptor, on: bool) -> io::Result<()> {
    let fd = fd.lend()?;
    let old = rustix::io::fcntl_getfd(fd)?;
    let mut new = old;
    new.set(FdFlags::CLOEXEC, on);
    if new != old {
        rustix::io::fcntl_setfd(fd, new)?;
    }
    Ok(())
}

/// Whether it is close-on-exec.
///
/// # Errors
///
/// `EBADF`.
pub fn is_cloexec(fd: impl Descriptor) -> io::Result<bool> {
    Ok(rustix::io::fcntl_getfd(fd.lend()?)?.contains(FdFlags::CLOEXEC))
}

/// Sets or clears `O_NONBLOCK`. Makes no second call where nothing changes.
///
/// # Errors
///
/// `EBADF`.
pub fn set_nonblocking(fd: impl Descriptor, on: bool) -> io::Result<()> {
    use rustix::fs::OFlags;
    let fd = fd.lend()?;
    let old = rustix::fs::fcntl_getfl(fd)?;
    let mut new = old;
    new.set(OFlags::NONBLOCK, on);
    if new != old {
        rustix::fs::fcntl_setfl(fd, new)?;
    }
    Ok(())
}

/// Whether `O_NONBLOCK` is set.
///
/// # Errors
///
/// `EBADF`.
pub fn is_nonblocking(fd: impl Descriptor) -> io::Result<bool> {
    Ok(rustix::fs::fcntl_getfl(fd.lend()?)?.contains(rustix::fs::OFlags::NONBLOCK))
}

/// Part of a file as memory, read-only and private. Unmapped when dropped; the descriptor is not needed meanwhile.
#[derive(Debug)]
pub struct Mapping {
    /// Page-aligned.
    start: NonNull<c_void>,
    /// From `start` on.
    mapped: usize,
    /// Where what was asked for begins.
    skip: usize,
}

// SAFETY: the mapping is read-only memory that belongs to no thread.
unsafe impl Send for Mapping {}
// SAFETY: nobody writes to it.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes from `offset` on, which need not be a multiple of the page size.
    ///
    /// # Errors
    ///
    /// `EINVAL` where `len` is 0 or the range has no end, otherwise what the kernel says (`ENODEV` for what cannot be
    /// mapped).
    ///
    /// # Safety
    ///
    /// While the mapping lives, nobody shortens or writes that part of the file.
    pub unsafe fn new(fd: impl Descriptor, offset: u64, len: usize) -> io::Result<Self> {
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let page = rustix::param::page_size() as u64;
        let skip = (offset % page) as usize;
        let mapped = len.checked_add(skip).filter(|_| len > 0).ok_or_else(invalid)?;
        offset.checked_add(len as u64).filter(|end| i64::try_from(*end).is_ok()).ok_or_else(invalid)?;
        let fd = fd.lend()?;
        // SAFETY: a new mapping at an address that the kernel chooses touches no existing memory.
        let start = unsafe {
            rustix::mm::mmap(
                core::ptr::null_mut(),
                mapped,
                ProtFlags::READ,
                MapFlags::PRIVATE,
                fd,
                offset - skip as u64,
            )
        }?;
        let start = NonNull::new(start).ok_or_else(invalid)?;
        Ok(Self { start, mapped, skip })
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the range is mapped as long as self lives, and who made the mapping promised that the file stays as it is.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr().cast::<u8>().add(self.skip), self.mapped - self.skip) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is ours and nothing can refer to it any more. It cannot fail for a range that was mapped.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.mapped) };
    }
}

#[cfg(test)]
mod tests;
