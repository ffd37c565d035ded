//! `event2/watch.h`: callbacks just before and just after the loop waits.

use crate::base::{Core, event_base};
use crate::time::timeval_of;
use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::Ordering;
use evoxide_ffi::mm;
use libc::timeval;

/// `struct evwatch_prepare_cb_info`, opaque to C.
pub struct evwatch_prepare_cb_info {
    timeout: Option<timeval>,
}

/// `struct evwatch_check_cb_info`, opaque to C.
pub struct evwatch_check_cb_info {
    _private: u8,
}

type PrepareFn = unsafe extern "C-unwind" fn(*mut evwatch, *const evwatch_prepare_cb_info, *mut c_void);
type CheckFn = unsafe extern "C-unwind" fn(*mut evwatch, *const evwatch_check_cb_info, *mut c_void);

#[derive(Clone, Copy)]
enum Function {
    Prepare(PrepareFn),
    Check(CheckFn),
}

/// `struct evwatch`, opaque to C.
pub struct evwatch {
    base: *mut event_base,
    function: Function,
    arg: *mut c_void,
    next: *mut evwatch,
}

/// The watchers of a base, in the order in which they were made.
pub(crate) struct Watchers {
    first: *mut evwatch,
    /// The next one of the round that runs now; moved on when that one is freed.
    cursor: *mut evwatch,
}

impl Default for Watchers {
    fn default() -> Self {
        Self { first: ptr::null_mut(), cursor: ptr::null_mut() }
    }
}

impl Watchers {
    fn push(&mut self, watcher: *mut evwatch) {
        let mut at = &raw mut self.first;
        // SAFETY: the list holds live watchers of this base.
        unsafe {
            while !(*at).is_null() {
                at = &raw mut (**at).next;
            }
            *at = watcher;
        }
    }

    fn remove(&mut self, watcher: *mut evwatch) {
        let mut at = &raw mut self.first;
        // SAFETY: as above, and `watcher` is one of them.
        unsafe {
            while !(*at).is_null() && *at != watcher {
                at = &raw mut (**at).next;
            }
            if !(*at).is_null() {
                *at = (*watcher).next;
            }
            if self.cursor == watcher {
                self.cursor = (*watcher).next;
            }
        }
    }

    /// Frees what the user left.
    pub fn free_all(&mut self) {
        while !self.first.is_null() {
            let watcher = self.first;
            // SAFETY: a live watcher of the base that ends; it came from `mm::alloc`.
            unsafe {
                self.first = (*watcher).next;
                mm::free(watcher.cast());
            }
        }
    }
}

/// The next watcher of the round, copied out.
fn next(core: &mut Core) -> Option<(*mut evwatch, Function, *mut c_void)> {
    let watcher = core.watchers.cursor;
    // SAFETY: the cursor is null or a live watcher: freeing moves it on.
    let w = unsafe { watcher.as_ref() }?;
    core.watchers.cursor = w.next;
    Some((watcher, w.function, w.arg))
}

/// Runs the prepare watchers.
///
/// # Safety
/// This thread runs the loop of `b`, and no section is open.
pub(crate) unsafe fn run_prepare(b: &event_base, timeout: Option<u64>) {
    let info = evwatch_prepare_cb_info { timeout: timeout.map(timeval_of) };
    b.section(|core| core.watchers.cursor = core.watchers.first);
    while let Some((watcher, function, arg)) = b.section(next) {
        if let Function::Prepare(function) = function {
            // SAFETY: the user's callback with its argument.
            unsafe { function(watcher, &raw const info, arg) };
        }
    }
}

/// Runs the check watchers.
///
/// # Safety
/// As for [`run_prepare`].
pub(crate) unsafe fn run_check(b: &event_base) {
    let info = evwatch_check_cb_info { _private: 0 };
    b.section(|core| core.watchers.cursor = core.watchers.first);
    while let Some((watcher, function, arg)) = b.section(next) {
        if let Function::Check(function) = function {
            // SAFETY: the user's callback with its argument.
            unsafe { function(watcher, &raw const info, arg) };
        }
    }
}

unsafe fn new(base: *mut event_base, function: Option<Function>, arg: *mut c_void) -> *mut evwatch {
    // SAFETY: null or the caller's live base.
    let (Some(b), Some(function)) = (unsafe { base.as_ref() }, function) else { return ptr::null_mut() };
    let Some(watcher) = mm::alloc(evwatch { base, function, arg, next: ptr::null_mut() }) else {
        return ptr::null_mut();
    };
    b.section(|core| core.watchers.push(watcher.as_ptr()));
    b.watched.store(true, Ordering::Relaxed);
    watcher.as_ptr()
}

/// Calls back before each wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evwatch_prepare_new(
    base: *mut event_base,
    callback: Option<PrepareFn>,
    arg: *mut c_void,
) -> *mut evwatch {
    // SAFETY: the caller's promise.
    unsafe { new(base, callback.map(Function::Prepare), arg) }
}

/// Calls back after each wait, before events run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evwatch_check_new(
    base: *mut event_base,
    callback: Option<CheckFn>,
    arg: *mut c_void,
) -> *mut evwatch {
    // SAFETY: the caller's promise.
    unsafe { new(base, callback.map(Function::Check), arg) }
}

/// The base of a watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evwatch_base(watcher: *mut evwatch) -> *mut event_base {
    // SAFETY: the caller's live watcher.
    unsafe { (*watcher).base }
}

/// Ends a watcher; also from inside its own callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evwatch_free(watcher: *mut evwatch) {
    if watcher.is_null() {
        return;
    }
    // SAFETY: the caller's live watcher, of a live base; made by `new`.
    unsafe {
        let b = &*(*watcher).base;
        let any = b.section(|core| {
            core.watchers.remove(watcher);
            !core.watchers.first.is_null()
        });
        b.watched.store(any, Ordering::Relaxed);
        mm::free(watcher.cast());
    }
}

/// How long the loop is about to wait. Answers 0 where it waits without end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evwatch_prepare_get_timeout(
    info: *const evwatch_prepare_cb_info,
    timeout: *mut timeval,
) -> c_int {
    // SAFETY: the info of a running callback, and the caller's place for a duration.
    unsafe {
        let Some(tv) = (*info).timeout else { return 0 };
        *timeout = tv;
    }
    1
}
