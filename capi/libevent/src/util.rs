//! `event2/util.h`: sockets, addresses, text, time, random bytes. `evutil_snprintf` and `evutil_vsnprintf` are in `variadic.rs`.
//!
//! And what stands on `evoxide-ffi` alone: `log`, `mm`, `thread` (`event2/thread.h`); `time` converts `struct timeval`.

mod addr;
mod addrinfo;
pub(crate) mod log;
pub(crate) mod mm;
mod random;
mod socket;
mod text;
pub(crate) mod thread;
pub(crate) mod time;
mod timer;
pub(crate) mod variadic;

use core::ffi::c_int;
use evoxide_ffi::errno;
use evoxide_sys::os::io;

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
