//! Random bytes, from the system.

use core::ffi::{c_char, c_int, c_void};
use core::mem::MaybeUninit;

use evoxide_ffi::{errx, log};

/// Fills memory with random bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evutil_secure_rng_get_bytes(target: *mut c_void, size: usize) {
    if size == 0 || target.is_null() {
        return;
    }
    // SAFETY: the caller's memory of `size` bytes, which need not be initialised.
    let target = unsafe { core::slice::from_raw_parts_mut(target.cast::<MaybeUninit<u8>>(), size) };
    if getrandom::fill_uninit(target).is_err() {
        errx!(log::ERR_ABORT, "evutil_secure_rng_get_bytes: the system has no random bytes");
    }
}

/// Whether the system has random bytes: 0 or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_secure_rng_init() -> c_int {
    let mut probe = [0u8; 1];
    if getrandom::fill(&mut probe).is_ok() { 0 } else { -1 }
}

/// Refused: the bytes come from the system call, not from a file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_secure_rng_set_urandom_device_file(_path: *mut c_char) -> c_int {
    -1
}

/// Does nothing: the system seeds itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_secure_rng_add_bytes(_bytes: *const c_char, _size: usize) {}
