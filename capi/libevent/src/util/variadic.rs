//! Variadic functions: the bodies are in `c/variadic.c` under private names, the exported names are jumps to them.
//!
//! The other direction, from those bodies into Rust, goes through two hidden symbols, so that the shared object exports
//! nothing beyond the C interface.

use core::arch::{global_asm, naked_asm};
use core::ffi::{c_char, c_int};

use evoxide_ffi::log::{self, MESSAGE_SIZE, Severity};
use evoxide_ffi::{cstr, cstr::Text};

/// Defines an exported name that jumps to a private C function with all its arguments as they are.
macro_rules! jump {
    ($($(#[$doc:meta])* $name:ident => $target:ident;)*) => {
        unsafe extern "C" {
            $(fn $target();)*
        }
        $(
            $(#[$doc])*
            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name() {
                #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
                naked_asm!("jmp {target}", target = sym $target);
                #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
                naked_asm!("b {target}", target = sym $target);
                #[cfg(any(target_arch = "riscv64", target_arch = "riscv32"))]
                naked_asm!("tail {target}", target = sym $target);
            }
        )*
    };
}

jump! {
    /// Logs a warning followed by the text of `errno`.
    event_warn => evoxide_event_warn;
    /// Logs a warning.
    event_warnx => evoxide_event_warnx;
    /// Logs a message.
    event_msgx => evoxide_event_msgx;
    /// Logs a fatal error followed by the text of `errno` and ends the process.
    event_err => evoxide_event_err;
    /// Logs a fatal error and ends the process.
    event_errx => evoxide_event_errx;
    /// Logs a warning about a socket followed by the text of its error.
    event_sock_warn => evoxide_event_sock_warn;
    /// Logs a fatal error about a socket followed by the text of its error and ends the process.
    event_sock_err => evoxide_event_sock_err;
    /// As C99's `snprintf`, but 0 if there is no room at all.
    evutil_snprintf => evoxide_evutil_snprintf;
    /// As C99's `vsnprintf`, but 0 if there is no room at all.
    evutil_vsnprintf => evoxide_evutil_vsnprintf;
}

/// Defines a hidden symbol for the C file.
macro_rules! hidden {
    ($($name:literal => $target:path;)*) => {
        $(
            #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
            hidden!(@symbol $name, "jmp {target}", $target);
            #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
            hidden!(@symbol $name, "b {target}", $target);
            #[cfg(any(target_arch = "riscv64", target_arch = "riscv32"))]
            hidden!(@symbol $name, "tail {target}", $target);
        )*
    };
    (@symbol $name:literal, $jump:literal, $target:path) => {
        global_asm!(
            concat!(".pushsection .text.", $name, ",\"ax\",%progbits"),
            concat!(".globl ", $name),
            concat!(".hidden ", $name),
            concat!(".type ", $name, ",%function"),
            concat!($name, ":"),
            $jump,
            ".popsection",
            target = sym $target
        );
    };
}

hidden! {
    "evoxide_log_text" => log_text;
    "evoxide_log_fatal" => log_fatal;
}

unsafe extern "C-unwind" fn log_text(severity: c_int, with_error: c_int, error: c_int, text: *const c_char) {
    let severity = match severity {
        0 => Severity::Debug,
        1 => Severity::Msg,
        2 => Severity::Warn,
        _ => Severity::Err,
    };
    let mut message = Text::<MESSAGE_SIZE>::new();
    // SAFETY: the C file passes its own terminated array.
    message.push(unsafe { cstr::bytes(text) }.unwrap_or_default());
    if with_error != 0 {
        log::append_error(&mut message, error);
    }
    log::deliver(severity, &message);
}

unsafe extern "C-unwind" fn log_fatal(code: c_int) -> ! {
    log::fatal(code)
}
