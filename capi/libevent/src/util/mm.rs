//! The allocator call of `event2/event.h`.

use evoxide_ffi::mm::{self, FreeFn, MallocFn, ReallocFn};

/// Replaces malloc, realloc and free; null means the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_set_mem_functions(
    malloc: Option<MallocFn>,
    realloc: Option<ReallocFn>,
    free: Option<FreeFn>,
) {
    mm::set_functions(malloc, realloc, free);
}
