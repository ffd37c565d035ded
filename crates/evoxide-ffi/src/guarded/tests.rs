use super::*;
use crate::lock;

#[test]
fn sections_without_a_lock() {
    let guard = Guarded::new(vec![1]);
    guard.with(|v| v.push(2));
    assert_eq!(guard.try_with(|v| v.len()), Some(2));
    assert_eq!(guard.into_inner(), [1, 2]);
}

#[test]
fn an_open_section_is_seen() {
    let guard = Guarded::new(0);
    guard.with(|n| {
        *n = 1;
        assert!(guard.is_open());
        assert_eq!(guard.try_with(|_| ()), None);
    });
    assert!(!guard.is_open());
}

#[test]
fn threads_take_turns() {
    let _turn = crate::test_turn();
    lock::reset_for_tests();
    assert!(lock::use_pthreads(0));
    let mut guard = Guarded::new(0u64);
    guard.set_lock(ExtLock::new(lock::LOCKTYPE_RECURSIVE));
    assert!(!guard.lock().is_null());
    // SAFETY: the lock is present and stays.
    let shared = unsafe { Shared::new(guard) };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    shared.with(|n| *n += 1);
                    shared.lock().lock();
                    shared.with(|n| *n += 1);
                    shared.with_locked(|n| *n += 1);
                    shared.lock().unlock();
                }
            });
        }
    });
    assert_eq!(shared.with(|n| *n), 60_000);
    // SAFETY: nobody holds or uses it any more.
    unsafe { shared.lock().free(lock::LOCKTYPE_RECURSIVE) };
    lock::reset_for_tests();
}
