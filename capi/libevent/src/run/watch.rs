//! `event2/watch.h`: callbacks just before and just after the loop waits.

use crate::abi::entry::Out;
use crate::base::watchers::{CheckFn, Function, PrepareFn};
pub use crate::base::watchers::{evwatch, evwatch_check_cb_info, evwatch_prepare_cb_info};
use crate::base::{Base, Core, event_base};
use crate::util::time::timeval_of;
use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::Ordering;
use evoxide_ffi::mm;
use libc::timeval;

/// The next watcher of the round, copied out.
fn next(core: &mut Core) -> Option<(*mut evwatch, Function, *mut c_void)> {
    let watcher = core.watchers.cursor;
    // SAFETY: the cursor is null or a live watcher: freeing moves it on.
    let w = unsafe { watcher.as_ref() }?;
    core.watchers.cursor = w.next;
    Some((watcher, w.function, w.arg))
}

/// Runs the prepare watchers, in the thread that runs the loop, outside sections.
pub(crate) fn run_prepare(b: &Base, timeout: Option<u64>) {
    let info = evwatch_prepare_cb_info { timeout: timeout.map(timeval_of) };
    b.section(|core| core.watchers.cursor = core.watchers.first);
    while let Some((watcher, function, arg)) = b.section(next) {
        if let Function::Prepare(function) = function {
            // SAFETY: the user's callback with its argument.
            unsafe { function(watcher, &raw const info, arg) };
        }
    }
}

/// Runs the check watchers, as [`run_prepare`] does.
pub(crate) fn run_check(b: &Base) {
    let info = evwatch_check_cb_info { _private: 0 };
    b.section(|core| core.watchers.cursor = core.watchers.first);
    while let Some((watcher, function, arg)) = b.section(next) {
        if let Function::Check(function) = function {
            // SAFETY: the user's callback with its argument.
            unsafe { function(watcher, &raw const info, arg) };
        }
    }
}

fn new(base: Option<&Base>, function: Option<Function>, arg: *mut c_void) -> *mut evwatch {
    let (Some(b), Some(function)) = (base, function) else { return ptr::null_mut() };
    let Some(watcher) = mm::alloc(evwatch { base: b.raw(), function, arg, next: ptr::null_mut() }) else {
        return ptr::null_mut();
    };
    b.section(|core| core.watchers.push(watcher.as_ptr()));
    b.watched.store(true, Ordering::Relaxed);
    watcher.as_ptr()
}

/// Calls back before each wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evwatch_prepare_new(
    base: Option<&Base>,
    callback: Option<PrepareFn>,
    arg: *mut c_void,
) -> *mut evwatch {
    new(base, callback.map(Function::Prepare), arg)
}

/// Calls back after each wait, before events run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evwatch_check_new(
    base: Option<&Base>,
    callback: Option<CheckFn>,
    arg: *mut c_void,
) -> *mut evwatch {
    new(base, callback.map(Function::Check), arg)
}

/// The base of a watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evwatch_base(watcher: &evwatch) -> *mut event_base {
    watcher.base
}

/// Ends a watcher; also from inside its own callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evwatch_free(watcher: *mut evwatch) {
    if watcher.is_null() {
        return;
    }
    // SAFETY: the caller's live watcher, of a live base; made by `new`.
    unsafe {
        let b = Base::live((*watcher).base);
        let any = b.section(|core| {
            core.watchers.remove(watcher);
            !core.watchers.first.is_null()
        });
        b.watched.store(any, Ordering::Relaxed);
        mm::free(watcher.cast());
    }
}

/// How long the loop is about to wait. Returns 0 where it waits without end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evwatch_prepare_get_timeout(
    info: &evwatch_prepare_cb_info,
    timeout: Out<'_, timeval>,
) -> c_int {
    let Some(tv) = info.timeout else { return 0 };
    timeout.set(tv);
    1
}
