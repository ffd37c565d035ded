//! Sorting what is due: cheaper than taking many entries out of a heap one by one.

use super::Entry;
use alloc::vec::Vec;

/// Below one due entry in this many, entries are taken out one by one.
pub(crate) const FEW: usize = 8;
/// Up to this many are sorted by comparing them.
const SMALL: usize = 128;
/// From this many on, one pass of the sort looks at 12 bits, below at 8.
const LARGE: usize = 1 << 12;
/// The most passes.
const PASSES: u32 = 4;

/// Sorts by deadline: digit by digit, from the lowest, where the deadlines are near each other. Equal ones keep their order.
pub(crate) fn sort<I: Copy>(due: &mut Vec<Entry<I>>) {
    let (mut least, mut most) = (u64::MAX, 0);
    for entry in due.iter() {
        least = least.min(entry.deadline);
        most = most.max(entry.deadline);
    }
    let bits = u64::BITS - most.saturating_sub(least).leading_zeros();
    let digit = if due.len() < LARGE { 8 } else { 12 };
    let mut other: Vec<Entry<I>> = Vec::new();
    if due.len() < SMALL || bits > digit * PASSES || other.try_reserve_exact(due.len()).is_err() {
        due.sort_by_key(|entry| entry.deadline);
        return;
    }
    other.extend_from_slice(due);
    for shift in (0..bits).step_by(digit as usize) {
        if digit == 8 {
            pass::<256, I>(due, &mut other, least, shift);
        } else {
            pass::<4096, I>(due, &mut other, least, shift);
        }
        core::mem::swap(due, &mut other);
    }
}

/// Writes `from` to `to` in the order of one digit.
fn pass<const VALUES: usize, I: Copy>(from: &[Entry<I>], to: &mut [Entry<I>], least: u64, shift: u32) {
    let digit = |deadline: u64| (deadline.wrapping_sub(least) >> shift) as usize % VALUES;
    let mut places = [0_u32; VALUES];
    for entry in from {
        places[digit(entry.deadline)] += 1;
    }
    let mut sum = 0;
    for place in &mut places {
        sum += core::mem::replace(place, sum);
    }
    for entry in from {
        let place = &mut places[digit(entry.deadline)];
        if let Some(to) = to.get_mut(*place as usize) {
            *to = *entry;
        }
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_deadline_and_keeps_the_order_of_equal_ones() {
        let spreads = [1_u64, 1 << 10, 1 << 23, 1 << 40, 1 << 60];
        for (spread, count) in spreads.into_iter().flat_map(|spread| [(spread, 100), (spread, 1000), (spread, 5000)]) {
            let mut state = 1_u64;
            let mut due: Vec<Entry> = (0..count)
                .map(|id| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    Entry { deadline: 1_000 + (state >> 3) % spread, id }
                })
                .collect();
            let mut expected = due.clone();
            expected.sort_by_key(|entry| entry.deadline);
            sort(&mut due);
            assert_eq!(due, expected, "{spread}");
        }
    }
}
