//! Watchers that are run once per turn, or kept for the face: plain lists with the position kept in the watcher.

use super::{EvLoop, IDLE, MAX_PRIORITY, MIN_PRIORITY, PRIORITIES, Watcher};
use alloc::vec::Vec;

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Before each wait.
    Prepare,
    /// After each wait.
    Check,
    /// In the child after a fork.
    Fork,
    /// When the loop is destroyed; these do not keep the loop alive.
    Cleanup,
    /// Woken from other threads and signal handlers.
    Async,
    /// Other loops embedded in this one.
    Embed,
}

const KINDS: usize = 6;

#[derive(Debug)]
pub(super) struct Lists<W> {
    by_kind: [Vec<W>; KINDS],
    idle: [Vec<W>; PRIORITIES],
    idle_all: usize,
}

impl<W> Lists<W> {
    pub(super) const fn new() -> Self {
        Self { by_kind: [const { Vec::new() }; KINDS], idle: [const { Vec::new() }; PRIORITIES], idle_all: 0 }
    }
}

/// Adds at the end.
#[inline]
fn enter<W: Watcher>(list: &mut Vec<W>, w: W) {
    list.push(w);
    w.set_active(list.len() as i32);
}

/// The last one takes the place of the one that leaves.
#[inline]
fn leave<W: Watcher>(list: &mut Vec<W>, w: W) {
    let at = (w.active() as usize).wrapping_sub(1);
    w.set_active(0);
    if at < list.len() {
        list.swap_remove(at);
        if let Some(moved) = list.get(at) {
            moved.set_active(at as i32 + 1);
        }
    }
}

impl<W: Watcher> EvLoop<W> {
    /// Starts a watcher of a plain list.
    pub fn list_start(&mut self, kind: Kind, w: W) {
        if w.active() != 0 {
            return;
        }
        Self::adjust(w);
        enter(&mut self.lists.by_kind[kind as usize], w);
        if kind != Kind::Cleanup {
            self.run.refs += 1;
        }
    }

    /// Stops a watcher of a plain list, pending or not.
    pub fn list_stop(&mut self, kind: Kind, w: W) {
        self.clear_pending(w);
        if w.active() == 0 {
            return;
        }
        leave(&mut self.lists.by_kind[kind as usize], w);
        if kind != Kind::Cleanup {
            self.run.refs -= 1;
        }
    }

    /// How many watchers a list holds.
    #[inline]
    pub const fn list_len(&self, kind: Kind) -> usize {
        self.lists.by_kind[kind as usize].len()
    }

    /// A watcher of a list.
    #[inline]
    pub fn list_get(&self, kind: Kind, at: usize) -> Option<W> {
        self.lists.by_kind[kind as usize].get(at).copied()
    }

    /// Makes all watchers of a list pending.
    pub fn feed_list_of(&mut self, kind: Kind, events: i32) {
        let mut at = 0;
        while let Some(&w) = self.lists.by_kind[kind as usize].get(at) {
            self.feed(w, events);
            at += 1;
        }
    }

    /// Starts an idle watcher.
    pub fn idle_start(&mut self, w: W) {
        if w.active() != 0 {
            return;
        }
        Self::adjust(w);
        enter(&mut self.lists.idle[(w.priority() - MIN_PRIORITY) as usize], w);
        self.lists.idle_all += 1;
        self.run.refs += 1;
    }

    /// Stops an idle watcher, pending or not.
    pub fn idle_stop(&mut self, w: W) {
        self.clear_pending(w);
        if w.active() == 0 {
            return;
        }
        let level = (w.priority().clamp(MIN_PRIORITY, MAX_PRIORITY) - MIN_PRIORITY) as usize;
        leave(&mut self.lists.idle[level], w);
        self.lists.idle_all -= 1;
        self.run.refs -= 1;
    }

    /// Whether an idle watcher of any priority is active: then no wait may block.
    #[inline]
    pub const fn has_idle(&self) -> bool {
        self.lists.idle_all != 0
    }

    /// Makes the idle watchers of one priority pending: the highest that has any, unless something of that priority or a
    /// higher one is pending.
    #[inline]
    pub fn feed_idle(&mut self) {
        if self.lists.idle_all != 0 {
            self.feed_idle_slow();
        }
    }

    fn feed_idle_slow(&mut self) {
        for level in (0..PRIORITIES).rev() {
            if self.queues.holds(level) {
                return;
            }
            if !self.lists.idle[level].is_empty() {
                let mut at = 0;
                while let Some(&w) = self.lists.idle[level].get(at) {
                    self.feed(w, IDLE);
                    at += 1;
                }
                return;
            }
        }
    }

    /// Checks that every list and heap agrees with its watchers.
    pub fn verify(&self) -> bool {
        let in_place = |list: &Vec<W>| list.iter().enumerate().all(|(at, w)| w.active() == at as i32 + 1);
        let heap = |heap: &crate::heap::Heap<W>| {
            heap.iter().enumerate().all(|(at, e)| {
                e.id.active() == at as i32 + 1
                    && (at == 0 || heap.get((at as u32 - 1) / 4).is_some_and(|up| up.deadline <= e.deadline))
            })
        };
        self.lists.by_kind.iter().all(in_place)
            && self.lists.idle.iter().all(in_place)
            && heap(&self.timers)
            && heap(&self.periodics)
            && self.verify_fds()
    }
}
