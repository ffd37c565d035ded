//! `event2/thread.h`, except `evthread_make_base_notifiable`, which belongs to the base.

use core::ffi::c_int;

use evoxide_ffi::lock::{self, IdFn};

use crate::abi::thread::{evthread_condition_callbacks, evthread_lock_callbacks};

fn answer(done: bool) -> c_int {
    if done { 0 } else { -1 }
}

/// Uses the C library's mutexes, conditions and thread ids.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evthread_use_pthreads() -> c_int {
    answer(lock::use_pthreads(0))
}

/// As `evthread_use_pthreads`; flag 1 asks for mutexes that inherit priority.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evthread_use_pthreads_with_flags(flags: c_int) -> c_int {
    answer(lock::use_pthreads(flags))
}

/// Installs the program's lock functions.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evthread_set_lock_callbacks(callbacks: Option<&evthread_lock_callbacks>) -> c_int {
    answer(lock::set_lock_callbacks(callbacks))
}

/// Installs the program's condition functions.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evthread_set_condition_callbacks(
    callbacks: Option<&evthread_condition_callbacks>,
) -> c_int {
    answer(lock::set_condition_callbacks(callbacks))
}

/// Installs the program's function that names the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evthread_set_id_callback(id: Option<IdFn>) {
    lock::set_id_callback(id);
}

/// Checks every lock and unlock from now on; misuse is fatal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evthread_enable_lock_debugging() {
    lock::enable_debugging();
}

/// The old, misspelt name of `evthread_enable_lock_debugging`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evthread_enable_lock_debuging() {
    lock::enable_debugging();
}

/// The lock functions in force.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evthread_get_lock_callbacks() -> *mut evthread_lock_callbacks {
    lock::lock_callbacks()
}

/// The condition functions in force.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evthread_get_condition_callbacks() -> *mut evthread_condition_callbacks {
    lock::condition_callbacks()
}
