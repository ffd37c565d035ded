//! The C library's error number, which is part of the contract of most entries.

use core::ffi::c_int;

/// The calling thread's `errno`.
#[inline]
#[must_use]
pub fn get() -> c_int {
    // SAFETY: the C library answers a valid pointer to this thread's own error number.
    unsafe { *libc::__errno_location() }
}

/// Sets the calling thread's `errno`. Do it as the last act before returning to C.
#[inline]
pub fn set(value: c_int) {
    // SAFETY: as in `get`; no reference to the cell is kept.
    unsafe { *libc::__errno_location() = value };
}
