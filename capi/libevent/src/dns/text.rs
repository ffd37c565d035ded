//! Error texts, the log, and the hooks that have had no effect since 2.0.4.

use crate::abi::dns::{DnsLogFn, err};
use core::ffi::{c_char, c_int};
use core::fmt::{self, Write};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};
use evoxide_ffi::cstr::Text;
use evoxide_ffi::{cstr, msgx, warnx};

static LOG: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Tells the log callback, or the library's log. 2.1 calls nothing of this a warning where a callback is set.
pub(super) fn log(message: bool, text: fmt::Arguments<'_>) {
    let callback = LOG.load(Ordering::Acquire);
    if callback.is_null() {
        if message {
            msgx!("{text}");
        } else {
            warnx!("{text}");
        }
        return;
    }
    let mut line = Text::<512>::default();
    let _ = write!(line, "{text}");
    // SAFETY: only `evdns_set_log_fn` stores here, and what it stores is such a function.
    unsafe {
        let callback = core::mem::transmute::<*mut (), DnsLogFn>(callback);
        callback(0, line.as_ptr());
    }
}

/// The text of a result.
#[unsafe(no_mangle)]
pub extern "C" fn evdns_err_to_string(code: c_int) -> *const c_char {
    let text = match code {
        err::NONE => c"no error",
        err::FORMAT => c"misformatted query",
        err::SERVERFAILED => c"server failed",
        err::NOTEXIST => c"name does not exist",
        err::NOTIMPL => c"query not implemented",
        err::REFUSED => c"refused",
        err::TRUNCATED => c"reply truncated or ill-formed",
        err::UNKNOWN => c"unknown",
        err::TIMEOUT => c"request timed out",
        err::SHUTDOWN => c"dns subsystem shut down",
        err::CANCEL => c"dns request canceled",
        err::NODATA => c"no records in the reply",
        _ => c"[Unknown error code]",
    };
    text.as_ptr()
}

/// Sets who hears of name servers that fail and come back; null: the library's log.
#[unsafe(no_mangle)]
pub extern "C" fn evdns_set_log_fn(callback: Option<DnsLogFn>) {
    LOG.store(callback.map_or(ptr::null_mut(), |callback| callback as *mut ()), Ordering::Release);
}

/// Without effect: numbers come from the system.
#[unsafe(no_mangle)]
pub extern "C" fn evdns_set_transaction_id_fn(_callback: Option<unsafe extern "C-unwind" fn() -> u16>) {}

/// Without effect: random bytes come from the system.
#[unsafe(no_mangle)]
pub extern "C" fn evdns_set_random_bytes_fn(_callback: Option<unsafe extern "C-unwind" fn(*mut c_char, usize)>) {}

/// The C string of an argument that must be there.
///
/// # Safety
/// `text` is null or a C string that outlives the result.
pub(super) unsafe fn bytes<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: `text` is null or a C string that outlives the result, as promised.
    unsafe { cstr::bytes(text).unwrap_or(b"") }
}
