//! Limits within limits: a connection within a tenant within the process.
//!
//! Each limit has a bucket, and what passes a limit counts in those around it, too. What may pass is the least that any of them
//! allows; each shares what it has among the streams that draw from it, directly or through others.

use super::{Limit, Rate};
use crate::key::Key;
use crate::slab::Slab;
use crate::stream::Direction;

/// One limit, and where it belongs.
#[derive(Debug)]
struct Node {
    limit: Limit,
    parent: Option<Key>,
    /// It goes with its last member.
    private: bool,
}

impl Default for Node {
    fn default() -> Self {
        let rate = Rate { read: 1, read_burst: 1, write: 1, write_burst: 1, tick_ms: 1 };
        Self { limit: Limit::new(rate, 0), parent: None, private: false }
    }
}

/// A forest of limits. Times are milliseconds on any fixed scale.
///
/// # Examples
/// ```
/// use evoxide_core::rate::{Rate, Tree};
/// use evoxide_core::stream::Direction;
/// let mut tree = Tree::new();
/// let process = tree.insert(Rate::new((1000, 1000), (1000, 1000), 100).unwrap(), None, 0);
/// let tenant = tree.insert(Rate::new((400, 400), (400, 400), 100).unwrap(), Some(process), 0);
/// tree.join(Some(tenant));
/// assert_eq!(tree.allowance(Some(tenant), Direction::READ, 0), 400);
/// tree.spend(Some(tenant), Direction::READ, 400);
/// assert_eq!(tree.allowance(Some(tenant), Direction::READ, 0), 0);
/// assert_eq!(tree.next_tick(Some(tenant), 0), 100);
/// assert_eq!(tree.allowance(Some(tenant), Direction::READ, 100), 400);
/// ```
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Slab<Node>,
}

impl Tree {
    /// One without limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new limit, full for one tick, within `parent`. Its key is good until [`remove`](Self::remove).
    pub fn insert(&mut self, rate: Rate, parent: Option<Key>, now_ms: u64) -> Key {
        let limit = Limit::new(rate, rate.tick_at(now_ms));
        self.nodes.insert(Node { limit, parent, private: false })
    }

    /// Whether there is such a limit.
    pub fn contains(&self, limit: Key) -> bool {
        self.nodes.get(limit).is_some()
    }

    /// Removes a limit. What drew from it is free of it, and of those around it. `false`: there was none.
    pub fn remove(&mut self, limit: Key) -> bool {
        self.nodes.remove(limit).is_some()
    }

    /// Visits a limit and those that it is part of.
    fn each(&mut self, limit: Option<Key>, mut visit: impl FnMut(&mut Limit)) {
        let mut at = limit;
        while let Some(node) = at.and_then(|key| self.nodes.get_mut(key)) {
            visit(&mut node.limit);
            at = node.parent;
        }
    }

    /// One more stream draws from a limit.
    pub fn join(&mut self, limit: Option<Key>) {
        self.each(limit, Limit::join);
    }

    /// One stream less draws from it. A [private](Self::make_private) limit that was its last one's goes.
    pub fn leave(&mut self, limit: Option<Key>) {
        self.each(limit, Limit::leave);
        if let Some(key) = limit
            && self.nodes.get(key).is_some_and(|node| node.private && node.limit.members() == 0)
        {
            self.nodes.remove(key);
        }
    }

    /// Has a limit go with the last stream that draws from it.
    pub fn make_private(&mut self, limit: Key) {
        if let Some(node) = self.nodes.get_mut(limit) {
            node.private = true;
        }
    }

    /// What one stream may move now, in bytes.
    pub fn allowance(&mut self, limit: Option<Key>, direction: Direction, now_ms: u64) -> usize {
        let mut least = usize::MAX;
        self.each(limit, |limit| {
            // Who is told that there is nothing asks again at the next tick: nobody is paused from here.
            let _ = limit.tick(limit.rate().tick_at(now_ms));
            let level = usize::try_from(limit.level(direction)).unwrap_or(0);
            least = least.min(limit.allowance(direction).unwrap_or(0).min(level));
        });
        least
    }

    /// Books what a stream moved.
    pub fn spend(&mut self, limit: Option<Key>, direction: Direction, bytes: usize) {
        self.each(limit, |limit| {
            let _ = limit.spend(direction, bytes);
        });
    }

    /// When there may be more for what draws from a limit.
    pub fn next_tick(&mut self, limit: Option<Key>, now_ms: u64) -> u64 {
        let mut tick = u64::MAX;
        self.each(limit, |limit| tick = tick.min(limit.rate().tick_ms()));
        (now_ms / tick).saturating_add(1).saturating_mul(tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(each: usize, tick_ms: u64) -> Rate {
        Rate::new((each, each), (each, each), tick_ms).unwrap_or_else(|| panic!("a rate"))
    }

    #[test]
    fn what_passes_counts_all_the_way_up() {
        let mut tree = Tree::new();
        let process = tree.insert(rate(1000, 100), None, 0);
        let tenants = [0, 1].map(|_| tree.insert(rate(800, 50), Some(process), 0));
        tenants.into_iter().for_each(|t| tree.join(Some(t)));
        let read = Direction::READ;
        // Two members share the process's bucket.
        assert_eq!(tree.allowance(Some(tenants[0]), read, 0), 500);
        tree.spend(Some(tenants[0]), read, 500);
        assert_eq!(tree.allowance(Some(tenants[0]), read, 0), 250);
        assert_eq!(tree.allowance(Some(tenants[1]), read, 0), 250);
        assert_eq!(tree.allowance(Some(tenants[1]), Direction::WRITE, 0), 500);
        tree.leave(Some(tenants[1]));
        tree.spend(Some(tenants[0]), read, 300);
        // The tenant has nothing left, until its own, shorter tick.
        assert_eq!((tree.allowance(Some(tenants[0]), read, 49), tree.next_tick(Some(tenants[0]), 49)), (0, 50));
        assert_eq!(tree.allowance(Some(tenants[0]), read, 50), 200);
        assert!(tree.remove(process) && !tree.remove(process) && !tree.contains(process));
        assert_eq!(tree.allowance(Some(tenants[0]), read, 50), 800);
        assert_eq!(tree.allowance(None, read, 50), usize::MAX);
        tree.make_private(tenants[0]);
        tree.leave(Some(tenants[0]));
        assert!(!tree.contains(tenants[0]) && tree.contains(tenants[1]));
    }
}
