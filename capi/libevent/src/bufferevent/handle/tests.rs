//! A model of the reference protocol: every interleaving of a loop and of threads that give up references.
//!
//! The steps are those of `Bev::try_hold`, `Locked::release`, `Locked::end` and `lifecycle::finalize`. The older order, which
//! queued the finalizer after giving up the lock and let a late holder in, is a model too: it must fail, or the model sees nothing.

use std::collections::HashSet;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// The finalizer is queued under the lock and begins by taking it; who comes late finds the mark.
    Marked,
    /// The lock is given up first, and nothing is marked.
    Unmarked,
}

/// Where a thread is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// The loop looks for something to run; another thread is about to take the lock.
    Start,
    /// The loop popped an event and waits for the lock.
    Popped,
    /// Holds the lock.
    Locked,
    /// Has a reference and the lock: the callback.
    Held,
    /// Gave up the last reference; queues the finalizer next.
    Ending,
    /// Gives up the lock next.
    Leaving,
    /// The finalizer begins.
    Finalizing,
    /// The finalizer has the lock.
    Waited,
    Done,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    lock: Option<usize>,
    refs: i32,
    ended: bool,
    /// The event is pending, so that the loop may pop it.
    pending: bool,
    queued: u32,
    freed: bool,
    at: Vec<At>,
}

impl World {
    /// The step of one thread; `None` if it cannot go on now.
    fn step(&self, thread: usize, protocol: Protocol) -> Option<Result<World, &'static str>> {
        let mut w = self.clone();
        let marked = protocol == Protocol::Marked;
        let looks_only = thread == 0 && matches!(self.at[0], At::Start);
        if self.freed && !looks_only && self.at[thread] != At::Done {
            return Some(Err("used after it was freed"));
        }
        let take_lock = |w: &mut World| w.lock.is_none().then(|| w.lock = Some(thread));
        w.at[thread] = match (thread, self.at[thread]) {
            (0, At::Start) if w.pending => {
                w.pending = false;
                At::Popped
            }
            (0, At::Start) if w.queued > 0 => {
                w.queued -= 1;
                if marked { At::Finalizing } else { At::Waited }
            }
            (_, At::Start | At::Popped) if thread == 0 && self.at[0] == At::Start => return None,
            (_, At::Start | At::Popped) => {
                take_lock(&mut w)?;
                At::Locked
            }
            (0, At::Locked) if marked && w.ended => At::Leaving,
            (0, At::Locked) => {
                w.refs += 1;
                At::Held
            }
            (_, At::Locked | At::Held) => {
                w.refs -= 1;
                match (w.refs, marked) {
                    (0, true) => At::Ending,
                    (0, false) => {
                        w.pending = false;
                        w.lock = None;
                        At::Ending
                    }
                    _ => At::Leaving,
                }
            }
            (_, At::Ending) => {
                if w.ended {
                    return Some(Err("ended twice"));
                }
                w.ended = true;
                w.pending = false;
                w.queued += 1;
                if marked {
                    At::Leaving
                } else if thread == 0 {
                    At::Start
                } else {
                    At::Done
                }
            }
            (_, At::Leaving) => {
                w.lock = None;
                if thread == 0 { At::Start } else { At::Done }
            }
            (_, At::Finalizing) => {
                take_lock(&mut w)?;
                At::Waited
            }
            (_, At::Waited) => {
                if marked {
                    w.lock = None;
                }
                w.freed = true;
                At::Start
            }
            (_, At::Done) => return None,
        };
        Some(Ok(w))
    }
}

/// Explores all interleavings of a loop and `threads` that give up one reference each. Every end must be one where the object
/// was freed, once.
fn explore(threads: usize, protocol: Protocol) -> Result<usize, &'static str> {
    let first = World {
        lock: None,
        refs: threads as i32,
        ended: false,
        pending: true,
        queued: 0,
        freed: false,
        at: vec![At::Start; threads + 1],
    };
    let (mut seen, mut open) = (HashSet::new(), vec![first]);
    while let Some(world) = open.pop() {
        if !seen.insert(world.clone()) {
            continue;
        }
        let mut moved = false;
        for thread in 0..=threads {
            if let Some(next) = world.step(thread, protocol) {
                moved = true;
                open.push(next?);
            }
        }
        if !moved && !world.freed {
            return Err("never freed");
        }
    }
    Ok(seen.len())
}

#[test]
fn it_ends_once_and_nobody_uses_it_afterwards() {
    for threads in 1..=3 {
        assert!(explore(threads, Protocol::Marked).unwrap() > 10);
    }
}

#[test]
fn without_the_mark_a_late_holder_revives_it() {
    assert!(explore(1, Protocol::Unmarked).is_err());
}
