//! Panics of our own never cross into C.
//!
//! Entries that may run user callbacks are `extern "C-unwind"`: C++ exceptions, forced unwinding and `longjmp` of the
//! program pass through their frames, which therefore hold nothing that needs dropping. A catch block or a drop guard
//! around the callback is thus ruled out. A Rust panic inside the library is a bug of ours and must not wander
//! into C frames either, so it ends the process where it starts, in the panic hook. That costs nothing until it happens.
//!
//! The shared objects carry their own copy of the standard library and install the hook when they are loaded, with
//! [`abort_on_panic!`](crate::abort_on_panic) at the top of their crate. Code linked as a Rust library (unit tests)
//! does not, and sees ordinary panics. Entries that run no callback are plain `extern "C"`, where the compiler aborts by itself.

use std::io::Write;

/// Makes every panic of this copy of the standard library print its message and abort. Idempotent.
pub fn install_abort_on_panic() {
    // The closure captures nothing, so the box owns no memory.
    std::panic::set_hook(Box::new(|info| {
        // A failed write changes nothing: the process ends either way.
        let _ = writeln!(std::io::stderr(), "evoxide: internal error: {info}");
        std::process::abort();
    }));
}

/// Installs the abort-on-panic hook when the shared object that contains the call is loaded. Use it once, in the leaf
/// crate that becomes the shared object.
#[macro_export]
macro_rules! abort_on_panic {
    () => {
        const _: () = {
            extern "C" fn install() {
                $crate::entry::install_abort_on_panic();
            }
            // SAFETY: the loader calls each pointer of this section once, after the C library is ready; the function
            // takes no arguments, ignores those passed, and touches only the panic hook of this shared object.
            #[used]
            #[unsafe(link_section = ".init_array")]
            static INSTALL: extern "C" fn() = install;
        };
    };
}
