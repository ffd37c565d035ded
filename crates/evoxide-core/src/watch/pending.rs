//! What is about to run: one stack per priority, popped from the end, the highest priority first.

use super::{MAX_PRIORITY, MIN_PRIORITY, PRIORITIES, Watch, Watcher};

#[derive(Clone, Copy, Debug)]
struct Item<W> {
    /// `None` where the watcher was stopped, or cleared, while pending.
    watcher: Option<W>,
    events: i32,
}

/// One stack. It counts apart from its vector, whose items beyond the count are room for more.
#[derive(Debug)]
struct Level<W> {
    items: Vec<Item<W>>,
    count: u32,
}

/// More than there are priorities: a number of so few bits needs no check.
const LEVELS: usize = 8;

#[derive(Debug)]
pub(super) struct Queues<W> {
    by_level: [Level<W>; LEVELS],
    /// All levels above this one are empty.
    top: u32,
    /// All levels below this one were never used.
    bottom: u32,
    /// Stands for what is not there.
    none: Item<W>,
}

impl<W> Queues<W> {
    pub(super) const fn new() -> Self {
        Self {
            by_level: [const { Level { items: Vec::new(), count: 0 } }; LEVELS],
            top: -MIN_PRIORITY as u32,
            bottom: -MIN_PRIORITY as u32,
            none: Item { watcher: None, events: 0 },
        }
    }

    /// Whether something of this priority (counted from zero) is queued.
    #[inline]
    pub(super) const fn holds(&self, level: usize) -> bool {
        self.by_level[level].count != 0
    }
}

impl<W: Watcher> Queues<W> {
    /// The place for a watcher that is not pending yet, and the count it adds to, where there is room.
    #[inline(always)]
    fn room(&mut self, w: W, level: u32) -> Option<(&mut Item<W>, &mut u32)> {
        if w.pending() != 0 {
            return None;
        }
        let Level { items, count } = &mut self.by_level[level as usize % LEVELS];
        Some((items.get_mut(*count as usize)?, count))
    }
}

#[inline(always)]
fn put<W: Watcher>(place: &mut Item<W>, w: W, events: i32, count: &mut u32) {
    *place = Item { watcher: Some(w), events };
    *count += 1;
    w.set_pending(*count as i32);
}

#[inline(never)]
fn put_apart<W: Watcher>(place: &mut Item<W>, w: W, events: i32, count: &mut u32) {
    put(place, w, events, count);
}

/// The level of a priority. Out-of-range priorities of watchers that were never started count as the nearest one.
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
        if level <= self.queues.top
            && let Some((place, count)) = self.queues.room(w, level)
        {
            return put(place, w, events, count);
        }
        self.feed_slow(w, events);
    }

    /// The same, for callers that feed one watcher alone and may see it popped at once. Some processors hand a value from a
    /// store to a load of the same place without delay, but only where one register names the place; this has it so.
    #[inline]
    pub fn feed_one(&mut self, w: W, events: i32) {
        let level = w.priority().wrapping_sub(MIN_PRIORITY) as u32;
        if level < PRIORITIES as u32 {
            self.queues.top = self.queues.top.max(level);
            if let Some((place, count)) = self.queues.room(w, level) {
                return put_apart(place, w, events, count);
            }
        }
        self.feed_slow(w, events);
    }

    #[inline(never)]
    fn feed_slow(&mut self, w: W, events: i32) {
        let level = level(w.priority());
        let Level { items, count } = &mut self.queues.by_level[level];
        let pending = w.pending();
        if pending != 0 {
            if let Some(item) = items.get_mut((pending as usize).wrapping_sub(1)) {
                item.events |= events;
            }
            return;
        }
        if *count as usize == items.len() {
            // The first use of a level comes through here.
            self.queues.bottom = self.queues.bottom.min(level as u32);
            items.resize((items.len() * 2).max(16), Item { watcher: None, events: 0 });
        }
        if let Some(place) = items.get_mut(*count as usize) {
            put(place, w, events, count);
        }
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
        match self.queues.by_level[level(w.priority())].items.get_mut((pending as usize).wrapping_sub(1)) {
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
            let Level { items, count } = &mut self.queues.by_level[self.queues.top as usize % LEVELS];
            if *count == 0 {
                if self.queues.top > self.queues.bottom && self.descend() {
                    continue;
                }
                return None;
            }
            *count -= 1;
            // Never out of range; asked so, the place is named by one register (see `feed_one`).
            let item = items.get(*count as usize).unwrap_or(&self.queues.none);
            if let &Item { watcher: Some(w), events } = item {
                w.set_pending(0);
                return Some((w, events));
            }
        }
    }

    /// Finds the highest level that holds something.
    #[inline(never)]
    fn descend(&mut self) -> bool {
        while self.queues.top > self.queues.bottom {
            self.queues.top -= 1;
            if self.queues.holds(self.queues.top as usize % LEVELS) {
                return true;
            }
        }
        // Feeding most often goes to the middle: an empty machine waits there.
        self.queues.top = self.queues.top.max(-MIN_PRIORITY as u32);
        false
    }

    /// How many entries are queued, cleared ones included.
    pub fn pending_count(&self) -> usize {
        self.queues.by_level.iter().map(|level| level.count as usize).sum()
    }
}
