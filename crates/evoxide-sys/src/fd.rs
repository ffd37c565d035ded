//! Descriptors by number or by type, lent for the time of one call.

use crate::os::io;
use alloc::{collections::TryReserveError, vec::Vec};
use rustix::fd::{AsFd, BorrowedFd, RawFd};

mod sealed {
    pub trait Sealed {}
    impl Sealed for rustix::fd::RawFd {}
    impl Sealed for rustix::fd::BorrowedFd<'_> {}
    impl<T: rustix::fd::AsFd> Sealed for &T {}
}

/// What names a descriptor for the time of one call: a number (the C faces know no other way) or a reference to anything
/// that has one. Nothing in this crate keeps it.
///
/// A number that is not open is answered with `EBADF`. Numbers give no protection against the descriptor being closed,
/// and its number reused, by someone else: who passes one vouches for it.
pub trait Descriptor: sealed::Sealed {
    /// Lends it.
    ///
    /// # Errors
    ///
    /// `EBADF` for a negative number.
    #[doc(hidden)]
    fn lend(&self) -> io::Result<BorrowedFd<'_>>;
}

impl Descriptor for RawFd {
    fn lend(&self) -> io::Result<BorrowedFd<'_>> {
        borrow(*self)
    }
}

impl Descriptor for BorrowedFd<'_> {
    fn lend(&self) -> io::Result<BorrowedFd<'_>> {
        Ok(*self)
    }
}

impl<T: AsFd> Descriptor for &T {
    fn lend(&self) -> io::Result<BorrowedFd<'_>> {
        Ok(self.as_fd())
    }
}

/// Lends a descriptor that the caller names by number; negative numbers are answered with `EBADF`.
///
/// The result must not outlive the call it is made for: this crate hands it to one system call and drops it.
pub(crate) fn borrow<'a>(fd: RawFd) -> io::Result<BorrowedFd<'a>> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the number is not -1, and the value lives for one system call only. A number that is not open makes that
    // call answer EBADF; it cannot break memory safety.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

/// Makes room in a table indexed by descriptor so that `fd` is an index of it.
///
/// # Errors
///
/// `EBADF` for a negative number, and for a large one that is not open (nobody wants a table for it); `ENOMEM`.
pub(crate) fn grow_table<T: Clone + Default>(table: &mut Vec<T>, fd: RawFd) -> io::Result<usize> {
    const SMALL: RawFd = 1 << 16;
    let borrowed = borrow(fd)?;
    let index = fd as usize;
    if index >= table.len() {
        if fd >= SMALL {
            rustix::io::fcntl_getfd(borrowed)?;
        }
        let wanted = (index + 1).next_power_of_two().max(64);
        table.try_reserve(wanted - table.len()).map_err(no_memory)?;
        table.resize(wanted, T::default());
    }
    Ok(index)
}

/// Memory that could not be had, as the kernel would say it.
pub(crate) fn no_memory(_: TryReserveError) -> io::Error {
    io::Error::from_raw_os_error(libc::ENOMEM)
}
