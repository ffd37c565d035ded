//! Panics of our own never cross into C.
//!
//! Entries that may run user callbacks are `extern "C-unwind"`: C++ exceptions, forced unwinding and `longjmp` of the
//! program pass through their frames, which therefore hold nothing that needs dropping. A catch block or a drop guard
//! around the callback is thus ruled out. A Rust panic inside the library is a bug of ours and must not wander
//! into C frames either, so it ends the process where it starts. That costs nothing until it happens.
//!
//! The shared objects do without the standard library, most of which is what a panic there prints. A library without it needs
//! `panic=abort` in its last crate on a stable compiler; the other crates are compiled to unwind, and what unwinds through their
//! frames is `src/c/unwind.c`. [`runtime!`](crate::runtime) at the top of the last crate gives it the allocator and the panic
//! handler. Compiled with `panic=unwind` (checks, tests), the crate has the standard library and a panic hook instead. Code linked
//! as a Rust library (unit tests) has neither and sees ordinary panics. Entries that run no callback are plain `extern "C"`, where
//! the compiler aborts by itself.

use core::alloc::{GlobalAlloc, Layout};
use core::{ffi::c_int, fmt};

/// Prints the message of a panic and aborts.
#[cold]
pub fn end(info: &dyn fmt::Display) -> ! {
    say(format_args!("evoxide: internal error: {info}\n"));
    // SAFETY: ends the process.
    unsafe { libc::abort() }
}

/// Prints on the standard error stream.
#[cold]
pub fn say(text: fmt::Arguments<'_>) {
    struct Stderr;
    impl fmt::Write for Stderr {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            // SAFETY: the bytes are borrowed. A failed write changes nothing: the process ends either way.
            unsafe { libc::write(2 as c_int, text.as_ptr().cast(), text.len()) };
            Ok(())
        }
    }
    // Never fails.
    let _ = fmt::Write::write_fmt(&mut Stderr, text);
}

/// The C library's allocator.
pub struct Heap;

/// What `malloc` aligns to at least, on every machine that is supported.
const ALIGNED: usize = 2 * size_of::<usize>();

// SAFETY: the C library's allocator keeps the contract; what it aligns less than asked for comes from `posix_memalign`.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the allocator is asked for memory, with an alignment that is a power of two.
        unsafe {
            if layout.align() <= ALIGNED {
                return libc::malloc(layout.size()).cast();
            }
            let mut memory = core::ptr::null_mut();
            libc::posix_memalign(&raw mut memory, layout.align(), layout.size());
            memory.cast()
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the memory is as long as asked for.
        unsafe {
            if layout.align() <= ALIGNED {
                return libc::calloc(layout.size(), 1).cast();
            }
            let memory = self.alloc(layout);
            if !memory.is_null() {
                memory.write_bytes(0, layout.size());
            }
            memory
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, _layout: Layout) {
        // SAFETY: of this allocator, as the caller promises.
        unsafe { libc::free(memory.cast()) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: of this allocator, as the caller promises, and as long as its layout says.
        unsafe {
            if layout.align() <= ALIGNED {
                return libc::realloc(memory.cast(), size).cast();
            }
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(memory, layout.size().min(size));
                self.dealloc(memory, layout);
            }
            new
        }
    }
}

/// What the last crate of a shared object needs instead of the standard library, or the panic hook where it has that. Use it once.
#[macro_export]
macro_rules! runtime {
    () => {
        #[cfg(panic = "abort")]
        const _: () = {
            #[global_allocator]
            static HEAP: $crate::entry::Heap = $crate::entry::Heap;

            #[panic_handler]
            fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
                $crate::entry::end(info)
            }

            #[link(name = "evoxide_unwind", kind = "static")]
            #[link(name = "evoxide_late", kind = "static")]
            unsafe extern "C" {
                fn rust_eh_personality();
            }
            /// Takes it from the library here, whatever the order of what the linker is given.
            #[used]
            static UNWIND: unsafe extern "C" fn() = rust_eh_personality;
        };
        #[cfg(not(panic = "abort"))]
        const _: () = {
            extern "C" fn install() {
                // The closure captures nothing, so the box owns no memory.
                std::panic::set_hook(Box::new(|info| $crate::entry::end(info)));
            }
            // SAFETY: the loader calls each pointer of this section once, after the C library is ready; the function
            // takes no arguments, ignores those passed, and touches only the panic hook of this shared object.
            #[used]
            #[unsafe(link_section = ".init_array")]
            static INSTALL: extern "C" fn() = install;
        };
    };
}
