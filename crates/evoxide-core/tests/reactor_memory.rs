//! A reactor that was large and is empty again holds next to nothing.

use evoxide_core::interest::Interest;
use evoxide_core::reactor::{Kind, Reactor};

const TIMERS: u32 = 1_000_000;
const EMPTY: usize = 16 * 1024;

/// A cheap permutation, so that timers are cancelled in another order than they came.
fn shuffled(n: u32) -> impl Iterator<Item = u32> {
    (0..n).map(move |i| (u64::from(i) * 7_368_787 % u64::from(n)) as u32)
}

#[test]
fn a_million_timers_inserted_and_cancelled() {
    let mut r = Reactor::new();
    let mut peak = 0;
    for round in 0..2 {
        let mut keys = Vec::new();
        for i in shuffled(TIMERS) {
            let key = r.insert(i, 0, Kind::default()).unwrap();
            r.set_timeout(key, Some(u64::from(i) * 1000));
            keys.push(key);
        }
        assert_eq!(r.counts().added, TIMERS);
        assert_eq!(r.first_deadline(0, u64::MAX), Some(0));
        peak = r.held_memory().max(peak);
        assert!(r.held_memory() <= peak, "round {round} needs no more than the one before");
        for i in shuffled(TIMERS) {
            let _ = r.remove(keys[i as usize]);
        }
        assert!(r.counts().is_idle() && r.first_deadline(0, u64::MAX).is_none());
        assert!(r.held_memory() < EMPTY, "{} bytes are left", r.held_memory());
    }
}

#[test]
fn a_million_timers_expired() {
    let mut r = Reactor::new();
    for i in shuffled(TIMERS) {
        let key = r.insert(i, 0, Kind::default()).unwrap();
        r.set_timeout(key, Some(u64::from(i)));
    }
    r.expire(u64::from(TIMERS / 2) - 1);
    assert_eq!(r.counts().active, TIMERS / 2);
    r.begin_batch(|| 0);
    for i in 0..TIMERS / 2 {
        assert_eq!(r.pop_ready().unwrap().payload, i);
    }
    r.expire(u64::from(TIMERS));
    r.begin_batch(|| 0);
    while r.pop_ready().is_some() {}
    assert!(r.counts().is_idle() && r.held_memory() < EMPTY);
}

#[test]
fn timeouts_and_descriptors_leave_nothing() {
    let mut r = Reactor::new();
    for _ in 0..300 {
        let keys: Vec<_> = (0..1000)
            .map(|i| {
                let key = r.insert(i, 0, Kind::default()).unwrap();
                assert!(r.watch_fd(key, i, Interest::READ, false).unwrap().is_some());
                r.set_timeout(key, Some(500));
                key
            })
            .collect();
        for key in keys {
            assert!(r.remove(key).change.is_some());
        }
    }
    assert!(r.counts().is_idle() && r.first_deadline(0, u64::MAX).is_none());
    assert!(r.held_memory() < 64 * 1024, "{} bytes are left", r.held_memory());
}
