//! What is about to run: one stack per priority, popped from the end, the highest priority first.

use super::{MAX_PRIORITY, MIN_PRIORITY, PRIORITIES, Watch, Watcher};

#[derive(Clone, Copy, Debug)]
struct Item<W> {
    /// `None` where the watcher was stopped, or cleared, while pending.
    watcher: Option<W>,
    events: i32,
}

#[derive(Debug)]
pub(super) struct Queues<W> {
    by_priority: [Vec<Item<W>>; PRIORITIES],
    /// Which of them may be non-empty.
    filled: u32,
}

impl<W> Queues<W> {
    pub(super) const fn new() -> Self {
        Self { by_priority: [const { Vec::new() }; PRIORITIES], filled: 0 }
    }

    /// Whether something of this priority (counted from zero) is queued.
    #[inline]
    pub(super) const fn holds(&self, level: usize) -> bool {
        !self.by_priority[level].is_empty()
    }
}

/// The queue of a priority. Out-of-range priorities of watchers that were never started count as the nearest one.
#[inline(always)]
fn level(priority: i32) -> usize {
    let level = priority.wrapping_sub(MIN_PRIORITY) as u32;
    if (level as usize) < PRIORITIES {
        level as usize
    } else if priority < MIN_PRIORITY {
        0
    } else {
        (MAX_PRIORITY - MIN_PRIORITY) as usize
    }
}

impl<W: Watcher> Watch<W> {
    /// Makes a watcher pending, or adds events to what it is pending for.
    #[inline]
    pub fn feed(&mut self, w: W, events: i32) {
        let level = level(w.priority());
        let queue = &mut self.queues.by_priority[level];
        let pending = w.pending();
        if pending != 0 {
            if let Some(item) = queue.get_mut((pending as usize).wrapping_sub(1)) {
                item.events |= events;
            }
            return;
        }
        queue.push(Item { watcher: Some(w), events });
        w.set_pending(queue.len() as i32);
        self.queues.filled |= 1 << level;
    }

    /// Takes the pending state off a watcher; answers the events it was pending for, or zero.
    #[inline]
    pub fn clear_pending(&mut self, w: W) -> i32 {
        let pending = w.pending();
        if pending == 0 {
            return 0;
        }
        w.set_pending(0);
        match self.queues.by_priority[level(w.priority())].get_mut((pending as usize).wrapping_sub(1)) {
            Some(item) if item.watcher == Some(w) => {
                item.watcher = None;
                item.events
            }
            _ => 0,
        }
    }

    /// The watcher to run next, with its events; it is no longer pending.
    #[inline]
    pub fn pop(&mut self) -> Option<(W, i32)> {
        loop {
            let filled = self.queues.filled;
            if filled == 0 {
                return None;
            }
            // Never out of range, `filled` has no other bits.
            let level = (31 - filled.leading_zeros()) as usize;
            let queue = self.queues.by_priority.get_mut(level)?;
            match queue.pop() {
                Some(Item { watcher: Some(w), events }) => {
                    w.set_pending(0);
                    return Some((w, events));
                }
                Some(_) => {}
                None => self.queues.filled = filled & !(1 << level),
            }
        }
    }

    /// How many entries are queued, cleared ones included.
    pub fn pending_count(&self) -> usize {
        self.queues.by_priority.iter().map(Vec::len).sum()
    }
}
