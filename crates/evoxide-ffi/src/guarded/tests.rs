use super::*;
use crate::lock;

#[test]
fn sections_without_a_lock() {
    let guard = Guarded::new(vec![1]);
    guard.with(|v| v.push(2));
    assert_eq!(guard.try_enter().map(|v| v.len()), Some(2));
    assert_eq!(guard.into_inner(), [1, 2]);
}

#[test]
fn an_open_section_is_seen() {
    let guard = Guarded::new(0);
    guard.with(|n| {
        *n = 1;
        assert!(guard.is_open());
        assert!(guard.try_enter().is_none());
    });
    assert!(!guard.is_open());
}

struct Shared(Guarded<u64>);

// SAFETY: the test's guard has a lock, which stays.
unsafe impl Sync for Shared {}

#[test]
fn threads_take_turns() {
    let _turn = crate::test_turn();
    lock::reset_for_tests();
    assert!(lock::use_pthreads(0));
    let mut guard = Guarded::new(0u64);
    guard.set_lock(ExtLock::new(lock::LOCKTYPE_RECURSIVE));
    assert!(!guard.lock().is_null());
    let shared = Shared(guard);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let shared = &shared;
                for _ in 0..5_000 {
                    shared.0.with(|n| *n += 1);
                    shared.0.lock().lock();
                    shared.0.with(|n| *n += 1);
                    shared.0.with_locked(|n| *n += 1);
                    shared.0.lock().unlock();
                }
            });
        }
    });
    assert_eq!(shared.0.with(|n| *n), 60_000);
    // SAFETY: nobody holds or uses it any more.
    unsafe { shared.0.lock().free(lock::LOCKTYPE_RECURSIVE) };
    lock::reset_for_tests();
}
