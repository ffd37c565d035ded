use super::*;
use std::sync::atomic::{AtomicBool, AtomicUsize};

static LOCKED: AtomicUsize = AtomicUsize::new(0);
static UNLOCKED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C-unwind" fn count_alloc(_: c_uint) -> *mut c_void {
    ptr::without_provenance_mut(64)
}
unsafe extern "C-unwind" fn count_free(_: *mut c_void, _: c_uint) {}
unsafe extern "C-unwind" fn count_lock(_: c_uint, _: *mut c_void) -> c_int {
    LOCKED.fetch_add(1, Ordering::Relaxed);
    0
}
unsafe extern "C-unwind" fn count_unlock(_: c_uint, _: *mut c_void) -> c_int {
    UNLOCKED.fetch_add(1, Ordering::Relaxed);
    0
}
const COUNTING: LockCallbacks = LockCallbacks {
    lock_api_version: 1,
    supported_locktypes: 1,
    alloc: Some(count_alloc),
    free: Some(count_free),
    lock: Some(count_lock),
    unlock: Some(count_unlock),
};

#[test]
fn without_callbacks_locks_are_null() {
    let _turn = crate::test_turn();
    reset_for_tests();
    assert!(!threading_enabled());
    let lock = ExtLock::try_new(LOCKTYPE_RECURSIVE).unwrap();
    assert!(lock.is_null());
    lock.lock();
    assert!(lock.try_lock());
    lock.unlock();
    assert_eq!(thread_id(), 1);
    assert!(ExtCond::new().is_null());
    assert_eq!(ExtCond::none().wait(lock, None), Waited::Failed);
}

#[test]
fn callbacks_are_set_once() {
    let _turn = crate::test_turn();
    reset_for_tests();
    assert!(!set_lock_callbacks(Some(&LockCallbacks { unlock: None, ..COUNTING })));
    assert!(set_lock_callbacks(Some(&COUNTING)));
    assert!(set_lock_callbacks(Some(&COUNTING)));
    crate::log::set_log_callback(Some(quiet));
    assert!(!set_lock_callbacks(Some(&LockCallbacks { lock: Some(count_unlock), ..COUNTING })));
    assert!(set_lock_callbacks(None));
    crate::log::set_log_callback(None);
    assert!(!threading_enabled());
    assert!(set_lock_callbacks(Some(&LockCallbacks { lock: Some(count_unlock), ..COUNTING })));
    // SAFETY: the table is static and has the layout of the struct.
    assert_eq!(unsafe { (*lock_callbacks()).supported_locktypes }, 1);
    reset_for_tests();
}

unsafe extern "C-unwind" fn quiet(_: c_int, _: *const core::ffi::c_char) {}

#[test]
fn debugging_counts_pairs_whenever_it_is_enabled() {
    for first in [true, false] {
        let _turn = crate::test_turn();
        reset_for_tests();
        LOCKED.store(0, Ordering::Relaxed);
        UNLOCKED.store(0, Ordering::Relaxed);
        if first {
            enable_debugging();
        }
        assert!(set_lock_callbacks(Some(&COUNTING)));
        let lock = ExtLock::new(LOCKTYPE_RECURSIVE);
        if !first {
            enable_debugging();
        }
        assert!(!is_held(lock));
        lock.lock();
        lock.lock();
        assert!(is_held(lock));
        lock.unlock();
        assert!(is_held(lock));
        lock.unlock();
        assert!(!is_held(lock));
        // SAFETY: not held, not used again.
        unsafe { lock.free(LOCKTYPE_RECURSIVE) };
        assert_eq!((LOCKED.load(Ordering::Relaxed), UNLOCKED.load(Ordering::Relaxed)), (2, 2));
        reset_for_tests();
    }
}

#[test]
fn pthread_locks_exclude_and_recurse() {
    let _turn = crate::test_turn();
    for (debug, flags) in [(false, 0), (true, 0), (false, PRIO_INHERIT)] {
        reset_for_tests();
        assert!(use_pthreads(flags));
        assert!(use_pthreads(flags));
        if debug {
            enable_debugging();
        }
        let lock = ExtLock::new(LOCKTYPE_RECURSIVE);
        lock.lock();
        assert!(lock.try_lock());
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(!lock.try_lock()));
        });
        lock.unlock();
        lock.unlock();
        let count = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        lock.lock();
                        let seen = count.load(Ordering::Relaxed);
                        count.store(seen + 1, Ordering::Relaxed);
                        lock.unlock();
                    }
                });
            }
        });
        assert_eq!(count.load(Ordering::Relaxed), 2000);
        // SAFETY: not held, not used again.
        unsafe { lock.free(LOCKTYPE_RECURSIVE) };
    }
    reset_for_tests();
}

#[test]
fn conditions_wake_and_time_out() {
    let _turn = crate::test_turn();
    for debug in [false, true] {
        reset_for_tests();
        assert!(use_pthreads(0));
        if debug {
            enable_debugging();
        }
        let (lock, cond, ready) = (ExtLock::new(LOCKTYPE_RECURSIVE), ExtCond::new(), AtomicBool::new(false));
        lock.lock();
        for (tv_sec, tv_usec) in [(0, 1000), (-5, 0), (-1, -5)] {
            assert_eq!(cond.wait(lock, Some(libc::timeval { tv_sec, tv_usec })), Waited::TimedOut);
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                lock.lock();
                ready.store(true, Ordering::Relaxed);
                cond.broadcast();
                lock.unlock();
            });
            while !ready.load(Ordering::Relaxed) {
                assert_ne!(cond.wait(lock, None), Waited::Failed);
            }
        });
        cond.signal();
        assert!(is_held(lock));
        lock.unlock();
        // SAFETY: nobody waits, nobody holds.
        unsafe {
            cond.free();
            lock.free(LOCKTYPE_RECURSIVE);
        }
    }
    reset_for_tests();
}
