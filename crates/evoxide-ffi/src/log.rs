//! Messages: what `event_set_log_callback`, `event_set_fatal_callback` and `event_enable_debug_logging` govern.
//!
//! A message is built in a fixed array of 1024 bytes (longer text is cut) and handed to the program's callback, or written
//! to the C library's `stderr` as `[warn] text`. Use the macros: [`warn!`](crate::warn), [`warnx!`](crate::warnx),
//! [`msgx!`](crate::msgx), [`debugx!`](crate::debugx), [`sock_warn!`](crate::sock_warn), [`err!`](crate::err),
//! [`errx!`](crate::errx). Those without `x` append the text of `errno`.
//!
//! A log callback may `longjmp` or throw: call these macros outside every section and with nothing alive that needs
//! dropping. `err!` and `errx!` do not return: they log, call the fatal callback, and should that return, exit.

use core::ffi::{c_char, c_int, c_void};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use core::{mem, ptr};

use crate::cstr::Text;
use crate::errno;

/// Size of a message with its terminator.
pub const MESSAGE_SIZE: usize = 1024;
/// Exit code that means "abort": without a fatal callback the process ends by `abort()`.
pub const ERR_ABORT: c_int = 0xdead_dead_u32 as c_int;

/// The program's log callback.
pub type LogFn = unsafe extern "C-unwind" fn(severity: c_int, message: *const c_char);
/// The program's fatal callback.
pub type FatalFn = unsafe extern "C-unwind" fn(code: c_int);

/// How grave a message is; the numbers are those of `EVENT_LOG_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Severity {
    /// Only with debug logging enabled.
    Debug = 0,
    /// Worth knowing.
    Msg = 1,
    /// Something failed or was misused.
    Warn = 2,
    /// Fatal.
    Err = 3,
}

static LOG: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static FATAL: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static DEBUG_MASK: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" {
    #[link_name = "stderr"]
    static C_STDERR: *mut libc::FILE;
}

/// Sends messages to `callback`; `None` means `stderr`.
pub fn set_log_callback(callback: Option<LogFn>) {
    LOG.store(callback.map_or(ptr::null_mut(), |f| f as *mut c_void), Ordering::Relaxed);
}

/// Calls `callback` on fatal errors; `None` means exit or abort.
pub fn set_fatal_callback(callback: Option<FatalFn>) {
    FATAL.store(callback.map_or(ptr::null_mut(), |f| f as *mut c_void), Ordering::Relaxed);
}

/// Turns debug messages on (any bit set) or off.
pub fn set_debug_mask(which: u32) {
    DEBUG_MASK.store(which, Ordering::Relaxed);
}

/// Whether debug messages are wanted; [`debugx!`](crate::debugx) asks by itself.
#[inline]
#[must_use]
pub fn debug_enabled() -> bool {
    DEBUG_MASK.load(Ordering::Relaxed) != 0
}

/// Delivers a finished, terminated message.
pub fn deliver(severity: Severity, text: &Text<MESSAGE_SIZE>) {
    // SAFETY: the static holds null or a `LogFn`; `Option` of a function pointer has the same layout.
    let callback = unsafe { mem::transmute::<*mut c_void, Option<LogFn>>(LOG.load(Ordering::Relaxed)) };
    if let Some(callback) = callback {
        // SAFETY: the program promised a log callback; the text is terminated and lives until the call returns.
        unsafe { callback(severity as c_int, text.as_ptr()) };
        return;
    }
    let label = match severity {
        Severity::Debug => c"debug",
        Severity::Msg => c"msg",
        Severity::Warn => c"warn",
        Severity::Err => c"err",
    };
    // SAFETY: both arguments are terminated strings, as the format says, and the C library's stderr is always open as a FILE.
    unsafe { libc::fprintf(C_STDERR, c"[%s] %s\n".as_ptr(), label.as_ptr(), text.as_ptr()) };
}

/// Appends `: ` and the text of `code`, unless fewer than four bytes are free.
pub fn append_error(text: &mut Text<MESSAGE_SIZE>, code: c_int) {
    if text.len() >= MESSAGE_SIZE - 3 {
        return;
    }
    text.push(b": ");
    // SAFETY: strerror answers a terminated string that stays until this thread's next call.
    text.push(unsafe { core::ffi::CStr::from_ptr(libc::strerror(code)) }.to_bytes());
}

/// Formats and delivers a message; `code` is the error whose text is appended.
#[cold]
pub fn message(severity: Severity, code: Option<c_int>, args: fmt::Arguments<'_>) {
    let mut text = Text::new();
    // Cutting is not an error, and a `Display` that fails leaves what it wrote.
    let _ = text.write_fmt(args);
    if let Some(code) = code {
        append_error(&mut text, code);
    }
    deliver(severity, &text);
}

/// Formats and delivers a fatal message, then ends the process, see [`fatal`].
#[cold]
pub fn fatal_message(exit: c_int, code: Option<c_int>, args: fmt::Arguments<'_>) -> ! {
    message(Severity::Err, code, args);
    fatal(exit)
}

/// Calls the fatal callback; without one, or if it returns, ends the process: `abort()` for [`ERR_ABORT`] when there is
/// no callback, else `exit(code)`.
pub fn fatal(code: c_int) -> ! {
    // SAFETY: the static holds null or a `FatalFn`; `Option` of a function pointer has the same layout.
    let callback = unsafe { mem::transmute::<*mut c_void, Option<FatalFn>>(FATAL.load(Ordering::Relaxed)) };
    if let Some(callback) = callback {
        // SAFETY: the program promised a fatal callback. It may leave by longjmp: this frame owns nothing.
        unsafe { callback(code) };
    } else if code == ERR_ABORT {
        // SAFETY: ends the process.
        unsafe { libc::abort() };
    }
    // SAFETY: ends the process after the program's exit handlers, as the C original does.
    unsafe { libc::exit(code) }
}

#[doc(hidden)]
#[must_use]
pub fn current_error() -> c_int {
    errno::get()
}

/// A warning followed by the text of `errno`.
#[macro_export]
macro_rules! warn {
    ($($arg:tt)*) => {
        $crate::log::message($crate::log::Severity::Warn, Some($crate::log::current_error()), ::core::format_args!($($arg)*))
    };
}

/// A warning.
#[macro_export]
macro_rules! warnx {
    ($($arg:tt)*) => { $crate::log::message($crate::log::Severity::Warn, None, ::core::format_args!($($arg)*)) };
}

/// A message.
#[macro_export]
macro_rules! msgx {
    ($($arg:tt)*) => { $crate::log::message($crate::log::Severity::Msg, None, ::core::format_args!($($arg)*)) };
}

/// A debug message; its arguments are evaluated only if debug logging is on.
#[macro_export]
macro_rules! debugx {
    ($($arg:tt)*) => {
        if $crate::log::debug_enabled() {
            $crate::log::message($crate::log::Severity::Debug, None, ::core::format_args!($($arg)*));
        }
    };
}

/// A warning about a socket, followed by the text of its error (`errno` on Unix).
#[macro_export]
macro_rules! sock_warn {
    ($fd:expr, $($arg:tt)*) => {{
        let _ = $fd;
        $crate::warn!($($arg)*)
    }};
}

/// A fatal error followed by the text of `errno`; the first argument is the exit code. Does not return.
#[macro_export]
macro_rules! err {
    ($code:expr, $($arg:tt)*) => {
        $crate::log::fatal_message($code, Some($crate::log::current_error()), ::core::format_args!($($arg)*))
    };
}

/// A fatal error; the first argument is the exit code ([`ERR_ABORT`](crate::log::ERR_ABORT) aborts). Does not return.
#[macro_export]
macro_rules! errx {
    ($code:expr, $($arg:tt)*) => { $crate::log::fatal_message($code, None, ::core::format_args!($($arg)*)) };
}

#[cfg(test)]
mod tests;
