//! Two threads wake one task while its loop runs: whatever the order, the last poll sees what both wrote.

use super::{Mark, WakeList};
use crate::wake::Wake;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;
use std::sync::atomic::Ordering::Relaxed;

struct Shared {
    list: WakeList<()>,
    mark: Mark,
    wake: Wake,
    written: [AtomicUsize; 2],
}

impl Shared {
    fn new() -> Arc<Self> {
        let written = [AtomicUsize::new(0), AtomicUsize::new(0)];
        Arc::new(Self { list: WakeList::new(), mark: Mark::new(), wake: Wake::new(), written })
    }

    /// What another thread does.
    fn write(&self, at: usize) {
        self.written[at].store(1, Relaxed);
        if self.list.wake(&self.mark, ()) {
            self.wake.wake(Wake::LOOK);
        }
    }

    /// A turn of the loop: polls the task if it was woken, and answers what the poll saw.
    fn turn(&self) -> Option<usize> {
        let woken = self.list.take();
        assert!(woken.len() <= 1, "a task is listed once");
        woken.first().map(|()| {
            self.mark.clear();
            self.written.iter().map(|w| w.load(Relaxed)).sum()
        })
    }
}

#[test]
fn no_wake_is_lost() {
    loom::model(|| {
        let shared = Shared::new();
        let threads = [0, 1].map(|at| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.write(at))
        });
        let mut seen = shared.turn();
        for thread in threads {
            thread.join().unwrap();
        }
        seen = shared.turn().or(seen);
        assert_eq!(seen, Some(2));
    });
}

#[test]
fn a_loop_does_not_wait_for_what_it_has_not_seen() {
    loom::model(|| {
        let shared = Shared::new();
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.write(0))
        };
        // Turns until the loop may wait.
        let mut seen = shared.turn();
        while !shared.wake.begin_wait() {
            shared.wake.take(Wake::LOOK);
            seen = shared.turn().or(seen);
        }
        other.join().unwrap();
        // It waits, and either it has seen all or it was rung: then it looks again.
        if shared.wake.end_wait() & Wake::LOOK != 0 {
            shared.wake.take(Wake::LOOK);
            seen = shared.turn().or(seen);
        }
        assert_eq!(seen, Some(1));
    });
}
