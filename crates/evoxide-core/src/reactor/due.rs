//! Many timeouts at once: cheaper to sort than to take out of the heap one by one.

use super::Reactor;
use super::slot::{Owners, state};

/// Fewer than one in so many entries are taken out one by one.
const FEW: usize = 8;
/// How many bits one pass of the sort looks at, and how many passes there are at most.
const DIGIT: u32 = 12;
const PASSES: u32 = 4;

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
                due.push([slot.deadline, u64::from(entry.id)]);
            }
        }
        self.heap.retain(&mut Owners(&mut self.slots), |owners, entry| {
            if entry.deadline <= now {
                entry.deadline = owners.0.at(entry.id).deadline;
            }
            entry.deadline > now
        });
        sort(&mut due);
        for [_, id] in due {
            self.slots.at_mut(id as u32).state &= !state::TIMER;
            self.count_removed(id as u32);
            self.time_out(id as u32);
        }
    }
}

/// A deadline and a slot.
type Due = [u64; 2];

/// Sorts by deadline: digit by digit, from the lowest, where the deadlines are near each other.
fn sort(due: &mut Vec<Due>) {
    let (mut least, mut most) = (u64::MAX, 0);
    for [deadline, _] in due.iter() {
        least = least.min(*deadline);
        most = most.max(*deadline);
    }
    let bits = u64::BITS - most.saturating_sub(least).leading_zeros();
    let mut other: Vec<Due> = Vec::new();
    if due.len() < 1 << DIGIT || bits > DIGIT * PASSES || other.try_reserve_exact(due.len()).is_err() {
        due.sort_by_key(|[deadline, _]| *deadline);
        return;
    }
    other.resize(due.len(), [0; 2]);
    for shift in (0..bits).step_by(DIGIT as usize) {
        let digit = |entry: &Due| ((entry[0] - least) >> shift) as usize & ((1 << DIGIT) - 1);
        let mut places = [0_u32; 1 << DIGIT];
        for entry in due.iter() {
            places[digit(entry)] += 1;
        }
        let mut sum = 0;
        for place in &mut places {
            sum += core::mem::replace(place, sum);
        }
        for entry in due.iter() {
            let place = &mut places[digit(entry)];
            if let Some(to) = other.get_mut(*place as usize) {
                *to = *entry;
            }
            *place += 1;
        }
        core::mem::swap(due, &mut other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::Kind;

    #[test]
    fn sorts_by_deadline_and_keeps_the_order_of_equal_ones() {
        for spread in [1_u64, 1 << 10, 1 << 23, 1 << 40, 1 << 60] {
            let mut state = 1_u64;
            let mut due: Vec<Due> = (0..5000)
                .map(|id| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    [1_000 + (state >> 3) % spread, id]
                })
                .collect();
            let mut expected = due.clone();
            expected.sort_by_key(|[deadline, _]| *deadline);
            sort(&mut due);
            assert_eq!(due, expected, "{spread}");
        }
    }

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
