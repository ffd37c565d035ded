//! Numbers, comparison and dates as text.

use core::ffi::{c_char, c_int};

use evoxide_core::net::{self, DateFields};
use evoxide_ffi::cstr::{self, Text};
use evoxide_sys::clock;

/// As `strtoll`, for 64 bits on every system.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_strtoll(text: *const c_char, end: *mut *mut c_char, base: c_int) -> i64 {
    // SAFETY: the interface is that of the C library's function.
    unsafe { libc::strtoll(text, end, base) }
}

/// The bytes of a C string up to its end, read one by one: a comparison reads no further than it must.
///
/// # Safety
/// Every byte up to where the iteration is stopped is readable.
unsafe fn bytes_of(text: *const c_char) -> impl Iterator<Item = u8> {
    let mut at = text.cast::<u8>();
    core::iter::from_fn(move || {
        // SAFETY: the byte is the first, or follows one that was not the end.
        let byte = unsafe { *at };
        at = at.wrapping_add(usize::from(byte != 0));
        (byte != 0).then_some(byte)
    })
}

/// Compares two texts without regard to ASCII case: -1, 0 or 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_ascii_strcasecmp(a: *const c_char, b: *const c_char) -> c_int {
    // SAFETY: the interface asks for terminated texts.
    unsafe { net::ascii_case_cmp(bytes_of(a), bytes_of(b)) as c_int }
}

/// Compares at most `count` bytes of two texts without regard to ASCII case: -1, 0 or 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_ascii_strncasecmp(a: *const c_char, b: *const c_char, count: usize) -> c_int {
    // SAFETY: the interface asks for texts that are terminated or have `count` bytes, and no more are read.
    unsafe { net::ascii_case_cmp(bytes_of(a).take(count), bytes_of(b).take(count)) as c_int }
}

/// Writes a date in the form of RFC 1123 (now, if null), cut to the room; returns the length of the uncut text, or 0 without room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_date_rfc1123(target: *mut c_char, size: usize, date: Option<&libc::tm>) -> c_int {
    let fields = match date {
        Some(date) => DateFields {
            year: date.tm_year,
            month: date.tm_mon,
            day: date.tm_mday,
            weekday: date.tm_wday,
            hour: date.tm_hour,
            minute: date.tm_min,
            second: date.tm_sec,
        },
        None => DateFields::from_unix(i64::try_from(clock::realtime() / 1_000_000_000).unwrap_or(i64::MAX)),
    };
    let mut text = Text::<128>::new();
    if size == 0 || net::write_rfc1123(&fields, &mut text).is_err() {
        return 0;
    }
    // SAFETY: the caller's room of `size` bytes.
    let length = unsafe { cstr::copy_padded(text.as_bytes(), target, size) };
    c_int::try_from(length).unwrap_or(0)
}
