//! Memory of idle streams. In a program of its own: it looks at the whole process.

use evoxide::EventLoop;
use evoxide::stream::{StreamCtx, StreamHandler};
use std::os::unix::net::UnixStream;

/// Memory of the process in use, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    1024 * line.split_whitespace().next().and_then(|n| n.parse::<usize>().ok()).unwrap_or(0)
}

#[test]
fn idle_streams_are_small_and_leave_nothing() {
    struct Silent;
    impl StreamHandler<()> for Silent {
        fn on_read(&mut self, cx: &mut StreamCtx<'_, ()>) {
            cx.input().clear();
        }
    }
    // Half of them are pairs' other ends, which only the kernel knows.
    let count = 5000;
    let mut ev = EventLoop::new(()).unwrap();
    let mut peers = Vec::with_capacity(count);
    let mut ids = Vec::with_capacity(count);
    let mut each = Vec::new();
    for _ in 0..3 {
        let before = resident();
        for _ in 0..count {
            let Ok((a, b)) = UnixStream::pair() else {
                // Fewer descriptors than that: nothing to see.
                return;
            };
            peers.push(a);
            ids.push(ev.open(b, Silent).unwrap());
        }
        ev.poll().unwrap();
        each.push(resident().saturating_sub(before) / count);
        ids.drain(..).for_each(|id| assert!(ev.remove(id)));
        peers.clear();
    }
    println!("{each:?} bytes each");
    // Half of what is counted are the peers' places in the table of descriptors. What the first round took is there for the next.
    assert!(each[0] <= 450, "{each:?} bytes each");
    assert!(each[2] <= each[1] + 64, "{each:?} bytes each");
}
