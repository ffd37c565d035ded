//! A loop that was busy and is idle again holds next to nothing. In a program of its own: it looks at the whole process.

use evoxide::{EventId, EventLoop};
use std::time::Duration;

/// Memory of the process in use, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[test]
fn a_million_timers_come_and_go() {
    let mut ev = EventLoop::new(()).unwrap();
    let mut ids: Vec<EventId> = Vec::with_capacity(1_000_000);
    let mut after = Vec::new();
    for _ in 0..3 {
        // Handlers that own nothing need no memory of their own.
        ids.extend((0..1_000_000).map(|i| ev.timer(Duration::from_millis(1000 + i * 7919 % 100_000), |_| {})));
        assert_eq!(ev.counts().events, 1_000_000);
        let full = resident();
        ids.drain(..).for_each(|id| assert!(ev.remove(id)));
        assert!(ev.is_idle());
        after.push(resident());
        // The allocator may keep a part for itself.
        assert!(resident() < full / 2, "{full} KiB, then {after:?} KiB");
    }
    assert!(after[2] < after[1] + 4096, "{after:?} KiB");
}
