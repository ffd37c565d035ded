//! What is about to run: one stack per priority, popped from the end, the highest priority first.

use super::{EvLoop, MAX_PRIORITY, MIN_PRIORITY, PRIORITIES, Watcher};
use alloc::vec::Vec;

#[derive(Clone, Copy, Debug)]
struct Item<W> {
    /// `None` where the watcher was stopped, or cleared, while pending.
    watcher: Option<W>,
    events: i32,
}

/// What [`EvLoop::pop_at`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popped<W> {
    /// A watcher, which is no longer pending, and its events.
    Ready(W, i32),
    /// Something may be pending on another level.
    Elsewhere,
    /// Nothing is pending.
    Nothing,
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
}

impl<W> Queues<W> {
    pub(super) const fn new() -> Self {
        Self {
            by_level: [const { Level { items: Vec::new(), count: 0 } }; LEVELS],
            top: -MIN_PRIORITY as u32,
            bottom: -MIN_PRIORITY as u32,
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

impl<W: Watcher> EvLoop<W> {
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

    /// The same, for callers that feed one watcher alone and may see it popped at once: as for [`pop_at`](Self::pop_at), no
    /// address depends on the priority's value.
    #[inline(always)]
    pub fn feed_one(&mut self, w: W, events: i32) {
        // Comparisons, not a table: the middle, which is met most, needs one.
        let priority = w.priority();
        if priority == 0 {
            self.feed_at::<2>(w, events);
        } else if priority > 0 {
            match priority {
                1 => self.feed_at::<3>(w, events),
                2 => self.feed_at::<4>(w, events),
                _ => self.feed_slow(w, events),
            }
        } else {
            match priority {
                -1 => self.feed_at::<1>(w, events),
                -2 => self.feed_at::<0>(w, events),
                _ => self.feed_slow(w, events),
            }
        }
    }

    #[inline(never)]
    fn feed_at<const LEVEL: u32>(&mut self, w: W, events: i32) {
        if LEVEL > self.queues.top {
            self.queues.top = LEVEL;
        }
        match self.queues.room(w, LEVEL) {
            Some((place, count)) => put(place, w, events, count),
            None => self.feed_slow(w, events),
        }
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

    /// Takes the pending state off a watcher; returns the events it was pending for, or zero.
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
    pub fn pop(&mut self) -> Option<(W, i32)> {
        loop {
            let popped = match self.top() {
                0 => self.pop_at::<0>(),
                1 => self.pop_at::<1>(),
                2 => self.pop_at::<2>(),
                3 => self.pop_at::<3>(),
                _ => self.pop_at::<4>(),
            };
            match popped {
                Popped::Ready(w, events) => return Some((w, events)),
                Popped::Elsewhere => {}
                Popped::Nothing => return None,
            }
        }
    }

    /// The level where something may be pending: a priority, counted from zero. Nothing is pending above it.
    #[inline(always)]
    pub const fn top(&self) -> u32 {
        self.queues.top
    }

    /// The watcher to run next, if it is of this level. Where a callback makes the next watcher pending, what is read here
    /// was written just before. A caller with one copy of its code for each level lets the processor guess the level
    /// instead of waiting for it.
    #[inline(always)]
    pub fn pop_at<const LEVEL: u32>(&mut self) -> Popped<W> {
        loop {
            if self.queues.top != LEVEL {
                return Popped::Elsewhere;
            }
            let Level { items, count } = &mut self.queues.by_level[LEVEL as usize % LEVELS];
            if *count == 0 {
                return self.descend::<LEVEL>();
            }
            *count -= 1;
            if let Some(&Item { watcher: Some(w), events }) = items.get(*count as usize) {
                w.set_pending(0);
                return Popped::Ready(w, events);
            }
        }
    }

    /// This level is empty, and all above it.
    #[inline(always)]
    fn descend<const LEVEL: u32>(&mut self) -> Popped<W> {
        const MIDDLE: u32 = -MIN_PRIORITY as u32;
        if LEVEL > self.queues.bottom {
            self.queues.top = LEVEL - 1;
            return Popped::Elsewhere;
        }
        // Feeding most often goes to the middle: an empty machine waits there.
        if LEVEL < MIDDLE {
            self.queues.top = MIDDLE;
        }
        Popped::Nothing
    }

    /// How many entries are queued, cleared ones included.
    pub fn pending_count(&self) -> usize {
        self.queues.by_level.iter().map(|level| level.count as usize).sum()
    }
}
