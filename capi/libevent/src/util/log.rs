//! The log calls of `event2/event.h`. The message functions are in `variadic.rs`.

use core::ffi::c_int;

use evoxide_ffi::log::{self, FatalFn, LogFn};

const _: () = assert!(log::Severity::Err as c_int == 3);

/// Sends messages to a callback; null means stderr.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_set_log_callback(callback: Option<LogFn>) {
    log::set_log_callback(callback);
}

/// Calls a callback on fatal errors; null means exit or abort.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_set_fatal_callback(callback: Option<FatalFn>) {
    log::set_fatal_callback(callback);
}

/// Turns debug messages on (`EVENT_DBG_ALL`) or off (`EVENT_DBG_NONE`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_enable_debug_logging(which: u32) {
    log::set_debug_mask(which);
}
