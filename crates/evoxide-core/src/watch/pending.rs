//! What is about to run: one stack per priority, popped from the end, the highest priority first.

use super::{MAX_PRIORITY, MIN_PRIORITY, PRIORITIES, Watch, Watcher};

#[derive(Clone, Copy, Debug)]
struct Item<W> {
    /// `None` where the watcher was stopped, or cleared, while pending.
    watcher: Option<W>,
    events: i32,
}

/// More than there are priorities: a number of so few bits needs no check.
const LEVELS: usize = 8;

#[derive(Debug)]
pub(super) struct Queues<W> {
    by_level: [Vec<Item<W>>; LEVELS],
    /// All levels above this one are empty.
    top: u32,
}

impl<W> Queues<W> {
    pub(super) const fn new() -> Self {
        Self { by_level: [const { Vec::new() }; LEVELS], top: -MIN_PRIORITY as u32 }
    }

    /// Whether something of this priority (counted from zero) is queued.
    #[inline]
    pub(super) const fn holds(&self, level: usize) -> bool {
        !self.by_level[level].is_empty()
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
        let level = w.priority().wrapping_sub(MIN_PRIORITY) as u32;
        if w.pending() == 0 && level <= self.queues.top {
            let queue = &mut self.queues.by_level[level as usize % LEVELS];
            if queue.len() < queue.capacity() {
                queue.push(Item { watcher: Some(w), events });
                w.set_pending(queue.len() as i32);
                return;
            }
        }
        self.feed_slow(w, events);
    }

    #[inline(never)]
    fn feed_slow(&mut self, w: W, events: i32) {
        let level = level(w.priority());
        let queue = &mut self.queues.by_level[level];
        let pending = w.pending();
        if pending != 0 {
            if let Some(item) = queue.get_mut((pending as usize).wrapping_sub(1)) {
                item.events |= events;
            }
            return;
        }
        queue.push(Item { watcher: Some(w), events });
        w.set_pending(queue.len() as i32);
        self.queues.top = self.queues.top.max(level as u32);
    }

    /// Takes the pending state off a watcher; answers the events it was pending for, or zero.
    #[inline]
    pub fn clear_pending(&mut self, w: W) -> i32 {
        if w.pending() == 0 { 0 } else { self.clear_pending_slow(w) }
    }

    #[inline(never)]
    fn clear_pending_slow(&mut self, w: W) -> i32 {
        let pending = w.pending();
        w.set_pending(0);
        match self.queues.by_level[level(w.priority())].get_mut((pending as usize).wrapping_sub(1)) {
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
            match self.queues.by_level[self.queues.top as usize % LEVELS].pop() {
                Some(Item { watcher: Some(w), events }) => {
                    w.set_pending(0);
                    return Some((w, events));
                }
                Some(_) => {}
                None if self.descend() => {}
                None => return None,
            }
        }
    }

    /// Finds the highest level that holds something.
    #[inline(never)]
    fn descend(&mut self) -> bool {
        while self.queues.top > 0 {
            self.queues.top -= 1;
            if !self.queues.by_level[self.queues.top as usize % LEVELS].is_empty() {
                return true;
            }
        }
        // Feeding most often goes to the middle: an empty machine waits there.
        self.queues.top = -MIN_PRIORITY as u32;
        false
    }

    /// How many entries are queued, cleared ones included.
    pub fn pending_count(&self) -> usize {
        self.queues.by_level.iter().map(Vec::len).sum()
    }
}
