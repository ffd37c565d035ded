//! Many timeouts at once: cheaper to sort than to take out of the heap one by one.

use super::Reactor;
use super::slot::{Owners, state};
use crate::heap::{Entry, FEW, sort};

impl<T: Copy + Default> Reactor<T> {
    /// Makes ready what is due at `now`, in order of the deadlines, where that is much of the heap and no common queue is
    /// among it; otherwise nothing happens.
    #[cold]
    #[inline(never)]
    pub(super) fn expire_many(&mut self, now: u64) {
        let count = self.heap.iter().filter(|e| e.deadline <= now).count();
        let mut due = Vec::new();
        if count * FEW < self.heap.len() || due.try_reserve_exact(count).is_err() {
            return;
        }
        for entry in self.heap.iter().filter(|e| e.deadline <= now) {
            let slot = self.slots.at(entry.id);
            if slot.state & state::TIMER == 0 {
                return;
            }
            if slot.deadline <= now {
                due.push(Entry { deadline: slot.deadline, id: entry.id });
            }
        }
        for entry in self.heap.iter_mut().filter(|e| e.deadline <= now) {
            entry.deadline = self.slots.at(entry.id).deadline;
        }
        self.heap.retain(&mut Owners(&mut self.slots), |entry| entry.deadline > now);
        sort(&mut due);
        for Entry { id, .. } in due {
            self.slots.at_mut(id).state &= !state::TIMER;
            self.count_removed(id);
            self.time_out(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::Kind;

    #[test]
    fn many_timeouts_run_in_order_and_the_others_stay() {
        let mut r = Reactor::new();
        let mut keys = Vec::new();
        for i in 0..6000_u64 {
            let key = r.insert(i, 0, Kind::default());
            r.set_timeout(key, 1 + i * 7919 % 6000);
            keys.push(key);
        }
        // Some move on, and so are not due although the heap has them so.
        for key in keys.iter().step_by(10) {
            r.set_timeout(*key, 9_000);
        }
        r.expire(5_000);
        r.begin_batch(|| 5_000);
        let mut last = 0;
        let mut count = 0;
        while let Some(popped) = r.pop_ready() {
            let deadline = 1 + popped.payload * 7919 % 6000;
            assert!(deadline > last && deadline <= 5_000 && popped.payload % 10 != 0);
            (last, count) = (deadline, count + 1);
        }
        assert_eq!(count, 4500);
        assert_eq!(r.counts().added, 1500);
        assert!(r.first_deadline().is_some_and(|d| d > 5_000));
        for key in keys {
            let _ = r.remove(key);
        }
        assert!(r.is_idle());
    }
}
