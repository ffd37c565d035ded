//! `evbuffer_add_printf` and its sibling: the C compiler makes them (`c/buffer.c`), and they print into the buffer's room
//! through the two functions here. The lock is held in between.

use super::object::EvBuffer;
use crate::abi::entry::Out;
use core::arch::{global_asm, naked_asm};
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use evoxide_core::buffer::{Delta, End};

unsafe extern "C" {
    fn evoxide_buffer_printf(buffer: *mut c_void, format: *const c_char, ...) -> c_int;
    fn evoxide_buffer_vprintf(buffer: *mut c_void, format: *const c_char, arguments: *mut c_void) -> c_int;
}

/// Takes the lock and offers at least `need` bytes of room; null, without the lock, where there is none.
unsafe extern "C-unwind" fn print_begin(buffer: &EvBuffer, need: usize, room: Out<'_, usize>) -> *mut c_char {
    buffer.ext_lock().lock();
    let text = buffer.section(|m| {
        if m.is_frozen(End::Back) || m.expand(need).is_err() {
            return ptr::null_mut::<c_char>();
        }
        m.fill(|v| {
            let spare = v.spare_capacity_mut();
            room.set(spare.len());
            spare.as_mut_ptr().cast()
        })
        .map_or(ptr::null_mut(), |(_, text)| text)
    });
    if text.is_null() {
        buffer.ext_lock().unlock();
    }
    text
}

/// Counts `length` printed bytes as content (nothing if negative) and gives up the lock.
unsafe extern "C-unwind" fn print_end(buffer: &EvBuffer, length: c_int) -> c_int {
    // SAFETY: locked by the function above, in whose room `vsnprintf` has written `length` bytes.
    unsafe {
        let Ok(n) = usize::try_from(length) else {
            buffer.ext_lock().unlock();
            return -1;
        };
        let printed = buffer.section(|m| {
            m.fill(|v| {
                let n = n.min(v.capacity() - v.len());
                v.set_len(v.len() + n);
            })
        });
        match printed {
            Ok((delta, ())) => {
                buffer.done(delta);
                length
            }
            Err(_) => {
                buffer.done(Delta::default());
                -1
            }
        }
    }
}

/// Gives a function a hidden symbol for the C file, so that the shared object does not export it.
macro_rules! hidden {
    ($name:literal => $target:path) => {
        #[cfg(target_arch = "x86_64")]
        global_asm!(
            concat!(".pushsection .text.", $name, ",\"ax\",@progbits"),
            concat!(".globl ", $name), concat!(".hidden ", $name), concat!(".type ", $name, ",@function"),
            concat!($name, ":"), "jmp {target}", ".popsection", target = sym $target
        );
        #[cfg(target_arch = "aarch64")]
        global_asm!(
            concat!(".pushsection .text.", $name, ",\"ax\",%progbits"),
            concat!(".globl ", $name), concat!(".hidden ", $name), concat!(".type ", $name, ",%function"),
            concat!($name, ":"), "b {target}", ".popsection", target = sym $target
        );
    };
}

hidden!("evoxide_buffer_print_begin" => print_begin);
hidden!("evoxide_buffer_print_end" => print_end);

/// Jumps to the C function behind a variadic name.
macro_rules! forward {
    ($(#[$doc:meta])* $name:ident => $target:path) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C-unwind" fn $name() {
            #[cfg(target_arch = "x86_64")]
            naked_asm!("jmp {target}", target = sym $target);
            #[cfg(target_arch = "aarch64")]
            naked_asm!("b {target}", target = sym $target);
        }
    };
}

forward! {
    /// Appends a formatted string.
    evbuffer_add_printf => evoxide_buffer_printf
}
forward! {
    /// Appends a formatted string.
    evbuffer_add_vprintf => evoxide_buffer_vprintf
}
