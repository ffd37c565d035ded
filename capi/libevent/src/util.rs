//! `event2/util.h`: sockets, addresses, text, time, random bytes. `evutil_snprintf` and `evutil_vsnprintf` are in `variadic.rs`.

use core::ffi::c_int;
use std::io;

use evoxide_ffi::errno;

mod addr;
mod addrinfo;
mod random;
mod socket;
mod text;
mod timer;

pub(crate) use addrinfo::{evutil_freeaddrinfo, new_addrinfo};

/// 0, or -1 with `errno` set.
pub(crate) fn answer(result: io::Result<()>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => fail(&error),
    }
}

/// Sets `errno` and returns -1.
pub(crate) fn fail(error: &io::Error) -> c_int {
    errno::set(error.raw_os_error().unwrap_or(libc::EIO));
    -1
}
