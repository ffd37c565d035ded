//! The built-in locks of `evthread_use_pthreads`: recursive mutexes and conditions of the C library, called through its
//! public functions so that thread checkers see them.

use core::ffi::{c_int, c_uint, c_ulong, c_void};
use core::sync::atomic::{AtomicI32, Ordering};
use core::{mem::MaybeUninit, ptr};

use super::{CONDITION_API_VERSION, ConditionCallbacks, LOCK_API_VERSION, LOCKTYPE_RECURSIVE, LockCallbacks, MODE_TRY};
use crate::mm;

/// Flag of `evthread_use_pthreads_with_flags`: mutexes inherit the priority of waiters.
pub const PRIO_INHERIT: c_int = 1;

static FLAGS: AtomicI32 = AtomicI32::new(0);

pub(super) static LOCKS: LockCallbacks = LockCallbacks {
    lock_api_version: LOCK_API_VERSION,
    supported_locktypes: LOCKTYPE_RECURSIVE,
    alloc: Some(alloc),
    free: Some(free),
    lock: Some(lock),
    unlock: Some(unlock),
};

pub(super) static CONDITIONS: ConditionCallbacks = ConditionCallbacks {
    condition_api_version: CONDITION_API_VERSION,
    alloc_condition: Some(cond_alloc),
    free_condition: Some(cond_free),
    signal_condition: Some(cond_signal),
    wait_condition: Some(cond_wait),
};

/// Runs `f` with mutex attributes for the flags and type; false if the system refuses them.
fn with_attributes(flags: c_int, recursive: bool, f: impl FnOnce(*const libc::pthread_mutexattr_t) -> bool) -> bool {
    let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
    // SAFETY: the attribute object is initialised first, used only if that worked, and destroyed before it leaves scope.
    unsafe {
        if libc::pthread_mutexattr_init(attributes.as_mut_ptr()) != 0 {
            return false;
        }
        let settled = (!recursive
            || libc::pthread_mutexattr_settype(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_RECURSIVE) == 0)
            && (flags & PRIO_INHERIT == 0
                || libc::pthread_mutexattr_setprotocol(attributes.as_mut_ptr(), libc::PTHREAD_PRIO_INHERIT) == 0);
        let done = settled && f(attributes.as_ptr());
        libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
        done
    }
}

/// Checks that the system has what `flags` ask for and remembers them for locks made from now on.
pub(super) fn prepare(flags: c_int) -> bool {
    if !with_attributes(flags, true, |_| true) {
        return false;
    }
    FLAGS.store(flags, Ordering::Relaxed);
    true
}

unsafe extern "C-unwind" fn alloc(locktype: c_uint) -> *mut c_void {
    let mutex = mm::malloc(size_of::<libc::pthread_mutex_t>()).cast::<libc::pthread_mutex_t>();
    if mutex.is_null() {
        return ptr::null_mut();
    }
    let made = with_attributes(FLAGS.load(Ordering::Relaxed), locktype & LOCKTYPE_RECURSIVE != 0, |attributes| {
        // SAFETY: fresh memory of the right size, valid attributes.
        unsafe { libc::pthread_mutex_init(mutex, attributes) == 0 }
    });
    if !made {
        // SAFETY: just allocated, and not a mutex.
        unsafe { mm::free(mutex.cast()) };
        return ptr::null_mut();
    }
    mutex.cast()
}

unsafe extern "C-unwind" fn free(lock: *mut c_void, _locktype: c_uint) {
    // SAFETY: the caller ends a mutex made by `alloc`.
    unsafe {
        libc::pthread_mutex_destroy(lock.cast());
        mm::free(lock);
    }
}

unsafe extern "C-unwind" fn lock(mode: c_uint, lock: *mut c_void) -> c_int {
    // SAFETY: the caller passes a mutex made by `alloc`.
    unsafe {
        if mode & MODE_TRY != 0 {
            libc::pthread_mutex_trylock(lock.cast())
        } else {
            libc::pthread_mutex_lock(lock.cast())
        }
    }
}

unsafe extern "C-unwind" fn unlock(_mode: c_uint, lock: *mut c_void) -> c_int {
    // SAFETY: the caller passes a mutex made by `alloc`.
    unsafe { libc::pthread_mutex_unlock(lock.cast()) }
}

/// The calling thread's id.
pub(super) unsafe extern "C-unwind" fn thread_id() -> c_ulong {
    // SAFETY: always safe to call.
    unsafe { libc::pthread_self() }
}

unsafe extern "C-unwind" fn cond_alloc(_condtype: c_uint) -> *mut c_void {
    let cond = mm::malloc(size_of::<libc::pthread_cond_t>()).cast::<libc::pthread_cond_t>();
    if cond.is_null() {
        return ptr::null_mut();
    }
    let mut attributes = MaybeUninit::<libc::pthread_condattr_t>::uninit();
    // SAFETY: the attribute object is initialised first, used only if that worked, and destroyed before it leaves scope;
    // `cond` is fresh memory of the right size.
    let made = unsafe {
        libc::pthread_condattr_init(attributes.as_mut_ptr()) == 0 && {
            // Timeouts are spans, so the clock must not jump.
            let made = libc::pthread_condattr_setclock(attributes.as_mut_ptr(), libc::CLOCK_MONOTONIC) == 0
                && libc::pthread_cond_init(cond, attributes.as_ptr()) == 0;
            libc::pthread_condattr_destroy(attributes.as_mut_ptr());
            made
        }
    };
    if !made {
        // SAFETY: just allocated, and not a condition.
        unsafe { mm::free(cond.cast()) };
        return ptr::null_mut();
    }
    cond.cast()
}

unsafe extern "C-unwind" fn cond_free(cond: *mut c_void) {
    // SAFETY: the caller ends a condition made by `cond_alloc`.
    unsafe {
        libc::pthread_cond_destroy(cond.cast());
        mm::free(cond);
    }
}

unsafe extern "C-unwind" fn cond_signal(cond: *mut c_void, broadcast: c_int) -> c_int {
    // SAFETY: the caller passes a condition made by `cond_alloc`.
    let result = unsafe {
        if broadcast != 0 { libc::pthread_cond_broadcast(cond.cast()) } else { libc::pthread_cond_signal(cond.cast()) }
    };
    if result == 0 { 0 } else { -1 }
}

unsafe extern "C-unwind" fn cond_wait(cond: *mut c_void, lock: *mut c_void, timeout: *const libc::timeval) -> c_int {
    if timeout.is_null() {
        // SAFETY: the caller passes a condition and a mutex of ours, the mutex locked.
        return if unsafe { libc::pthread_cond_wait(cond.cast(), lock.cast()) } == 0 { 0 } else { -1 };
    }
    // SAFETY: not null, so the caller's timeout.
    let deadline = deadline(unsafe { *timeout });
    // SAFETY: as for the untimed wait; the deadline lives in this frame.
    match unsafe { libc::pthread_cond_timedwait(cond.cast(), lock.cast(), &deadline) } {
        0 => 0,
        libc::ETIMEDOUT => 1,
        _ => -1,
    }
}

/// Now plus `span` on the monotonic clock, normalised; a negative span is over already.
fn deadline(span: libc::timeval) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists and `now` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    let nanoseconds = i128::from(now.tv_sec) * 1_000_000_000
        + i128::from(now.tv_nsec)
        + i128::from(span.tv_sec) * 1_000_000_000
        + i128::from(span.tv_usec) * 1_000;
    let nanoseconds = nanoseconds.max(0);
    libc::timespec {
        tv_sec: i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(nanoseconds % 1_000_000_000).unwrap_or(0),
    }
}
