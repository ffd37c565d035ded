//! Sorting what is due: cheaper than taking many entries out of a heap one by one.

use super::Entry;

/// Fewer than one in so many entries are taken out one by one.
pub(crate) const FEW: usize = 8;
/// How many bits one pass of the sort looks at, and how many passes there are at most.
const DIGIT: u32 = 12;
const PASSES: u32 = 4;

/// Sorts by deadline: digit by digit, from the lowest, where the deadlines are near each other. Equal ones keep their order.
pub(crate) fn sort<I: Copy>(due: &mut Vec<Entry<I>>) {
    let (mut least, mut most) = (u64::MAX, 0);
    for entry in due.iter() {
        least = least.min(entry.deadline);
        most = most.max(entry.deadline);
    }
    let bits = u64::BITS - most.saturating_sub(least).leading_zeros();
    let mut other: Vec<Entry<I>> = Vec::new();
    if due.len() < 1 << DIGIT || bits > DIGIT * PASSES || other.try_reserve_exact(due.len()).is_err() {
        due.sort_by_key(|entry| entry.deadline);
        return;
    }
    other.extend_from_slice(due);
    for shift in (0..bits).step_by(DIGIT as usize) {
        pass(due, &mut other, |deadline| (deadline.wrapping_sub(least) >> shift) as usize % (1 << DIGIT));
        core::mem::swap(due, &mut other);
    }
}

/// Writes `from` to `to` in the order of one digit.
fn pass<I: Copy>(from: &[Entry<I>], to: &mut [Entry<I>], digit: impl Fn(u64) -> usize) {
    let mut places = [0_u32; 1 << DIGIT];
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
        for spread in [1_u64, 1 << 10, 1 << 23, 1 << 40, 1 << 60] {
            let mut state = 1_u64;
            let mut due: Vec<Entry> = (0..5000)
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
