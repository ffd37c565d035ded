//! What belongs to no loop: versions, backends, time, memory, error reports, and which loop is the default one.

use crate::abi::{EVBACKEND_EPOLL, EVBACKEND_IOURING, EVBACKEND_KQUEUE, EVBACKEND_PORT, ev_loop};
use crate::now;
use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicPtr,
    Ordering::{Relaxed, SeqCst},
};
use evoxide_sys::backend::Method;

type Allocator = unsafe extern "C" fn(*mut c_void, c_long) -> *mut c_void;
type SysErr = unsafe extern "C-unwind" fn(*const c_char);

static ALLOCATOR: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static SYSERR: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// `ev_default_loop_ptr`: the default loop, if there is one. Inline functions of the header read it.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static ev_default_loop_ptr: AtomicPtr<ev_loop> = AtomicPtr::new(null_mut());

/// Whether this is the default loop.
pub(crate) fn is_default(l: *mut ev_loop) -> bool {
    ev_default_loop_ptr.load(SeqCst) == l
}

/// `ev_version_major`: 4.
#[unsafe(no_mangle)]
pub extern "C" fn ev_version_major() -> c_int {
    4
}

/// `ev_version_minor`: 33.
#[unsafe(no_mangle)]
pub extern "C" fn ev_version_minor() -> c_int {
    33
}

/// `ev_supported_backends`: the kinds this library knows; io_uring is named, as in Debian's build, but never available.
#[unsafe(no_mangle)]
pub extern "C" fn ev_supported_backends() -> u32 {
    ev_recommended_backends() | EVBACKEND_IOURING
}

/// `ev_recommended_backends`: the kinds that are tried where none is asked for.
#[unsafe(no_mangle)]
pub extern "C" fn ev_recommended_backends() -> u32 {
    Method::ALL.iter().fold(0, |bits, method| bits | method.ev_bit())
}

/// `ev_embeddable_backends`: the kinds whose loops can be embedded in others, on any system.
#[unsafe(no_mangle)]
pub extern "C" fn ev_embeddable_backends() -> u32 {
    EVBACKEND_EPOLL | EVBACKEND_KQUEUE | EVBACKEND_PORT | EVBACKEND_IOURING
}

/// `ev_time`: the wall clock.
#[unsafe(no_mangle)]
pub extern "C" fn ev_time() -> f64 {
    now::wall()
}

/// `ev_sleep`: suspends the thread.
#[unsafe(no_mangle)]
pub extern "C" fn ev_sleep(delay: f64) {
    now::sleep(delay);
}

/// `ev_set_allocator`: where loops and `ev_once` records come from.
///
/// # Safety
/// `cb` works like `realloc`, and like `free` for size 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_set_allocator(cb: Option<Allocator>) {
    ALLOCATOR.store(cb.map_or(core::ptr::null_mut(), |f| f as *mut c_void), Relaxed);
}

/// `ev_set_syserr_cb`: told of system errors that the library cannot deal with.
///
/// # Safety
/// `cb` may be called at any time from then on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_set_syserr_cb(cb: Option<SysErr>) {
    SYSERR.store(cb.map_or(core::ptr::null_mut(), |f| f as *mut c_void), Relaxed);
}

/// Memory from the user's allocator. Without any left, the process ends, as libev's does.
pub(crate) fn allocate(size: usize) -> *mut c_void {
    let cb = ALLOCATOR.load(Relaxed);
    // SAFETY: what `ev_set_allocator` was given, or the C library's allocator.
    let memory = unsafe {
        if cb.is_null() {
            libc::malloc(size)
        } else {
            core::mem::transmute::<*mut c_void, Allocator>(cb)(core::ptr::null_mut(), size as c_long)
        }
    };
    if memory.is_null() {
        evoxide_ffi::entry::say(format_args!("(libev) cannot allocate {size} bytes, aborting.\n"));
        // SAFETY: ends the process.
        unsafe { libc::abort() };
    }
    memory
}

/// Gives back what [`allocate`] returned.
///
/// # Safety
/// `memory` came from [`allocate`] and is not used any more.
pub(crate) unsafe fn deallocate(memory: *mut c_void) {
    let cb = ALLOCATOR.load(Relaxed);
    // SAFETY: the caller; and what `ev_set_allocator` was given.
    unsafe {
        if cb.is_null() {
            libc::free(memory);
        } else {
            core::mem::transmute::<*mut c_void, Allocator>(cb)(memory, 0);
        }
    }
}

/// Reports a system error (`errno`): through the user's callback, or by ending the process.
#[cold]
pub(crate) fn syserr(what: &CStr) {
    let cb = SYSERR.load(Relaxed);
    // SAFETY: what `ev_set_syserr_cb` was given, or `perror` with a terminated text.
    unsafe {
        if cb.is_null() {
            libc::perror(what.as_ptr());
            libc::abort();
        }
        core::mem::transmute::<*mut c_void, SysErr>(cb)(what.as_ptr());
    }
}
