//! `struct timeval` and nanoseconds.

use libc::timeval;

const MICRO: i128 = 1_000;
const SECOND: i128 = 1_000_000_000;

/// `tv_usec` of a common timeout carries these bits beside the microseconds...
const COMMON_MASK: i64 = 0xf000_0000;
const COMMON_MAGIC: i64 = 0x5000_0000;
/// ... and the number of its queue here.
const COMMON_INDEX: u32 = 20;
const COMMON_MICROS: i64 = 0x000f_ffff;

/// A duration; negative ones are none at all, and long ones saturate.
#[inline(always)]
pub(crate) fn nanos(tv: &timeval) -> u64 {
    if (tv.tv_sec as u64 | tv.tv_usec as u64) < 1 << 33 {
        return tv.tv_sec as u64 * SECOND as u64 + tv.tv_usec as u64 * MICRO as u64;
    }
    nanos_saturating(tv)
}

/// When a time that starts at `from` is over: before it where the duration is negative, so that what is most overdue comes first.
#[inline(always)]
pub(crate) fn after(from: u64, tv: &timeval) -> u64 {
    if (tv.tv_sec as u64 | tv.tv_usec as u64) < 1 << 33 {
        return from.saturating_add(nanos(tv));
    }
    after_saturating(from, tv)
}

#[cold]
#[inline(never)]
fn after_saturating(from: u64, tv: &timeval) -> u64 {
    let total = i128::from(from) + i128::from(tv.tv_sec) * SECOND + i128::from(tv.tv_usec) * MICRO;
    u64::try_from(total.max(1)).unwrap_or(u64::MAX)
}

/// [`nanos`] of an everyday value: neither negative, nor longer than centuries, nor a common timeout's.
#[inline(always)]
pub(crate) fn usual_nanos(tv: &timeval) -> Option<u64> {
    // Less than the marks of a common timeout, and so far less than a `u64` that a time can be added.
    if tv.tv_sec as u64 >> 33 != 0 || tv.tv_usec as u64 >> 28 != 0 {
        return None;
    }
    Some(tv.tv_sec as u64 * SECOND as u64 + tv.tv_usec as u64 * MICRO as u64)
}

#[cold]
#[inline(never)]
fn nanos_saturating(tv: &timeval) -> u64 {
    let total = i128::from(tv.tv_sec) * SECOND + i128::from(tv.tv_usec) * MICRO;
    u64::try_from(total.max(0)).unwrap_or(u64::MAX)
}

/// A duration or a point in time, cut to microseconds.
pub(crate) fn timeval_of(nanos: u64) -> timeval {
    timeval { tv_sec: (nanos / SECOND as u64) as _, tv_usec: (nanos % SECOND as u64 / MICRO as u64) as _ }
}

/// Whether it stands for any time at all.
#[inline]
pub(crate) fn is_set(tv: &timeval) -> bool {
    tv.tv_sec | tv.tv_usec != 0
}

/// The queue that a common timeout's value names.
#[inline]
pub(crate) fn common_index(tv: &timeval) -> Option<u16> {
    (tv.tv_usec & COMMON_MASK == COMMON_MAGIC).then_some((tv.tv_usec >> COMMON_INDEX & 0xff) as u16)
}

/// The value of common queue `index`.
pub(crate) fn common_value(duration: u64, index: u16) -> timeval {
    let mut tv = timeval_of(duration);
    tv.tv_usec |= COMMON_MAGIC | i64::from(index) << COMMON_INDEX;
    tv
}

/// A common timeout's value without its marks.
pub(crate) fn without_marks(tv: &timeval) -> timeval {
    timeval { tv_sec: tv.tv_sec, tv_usec: tv.tv_usec & COMMON_MICROS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_saturate() {
        assert_eq!(nanos(&timeval { tv_sec: 1, tv_usec: 5 }), 1_000_005_000);
        assert_eq!(nanos(&timeval { tv_sec: -1, tv_usec: 5 }), 0);
        assert_eq!(nanos(&timeval { tv_sec: 1, tv_usec: -1 }), 999_999_000);
        assert_eq!(nanos(&timeval { tv_sec: i64::MAX, tv_usec: i64::MAX }), u64::MAX);
        assert_eq!(nanos(&timeval { tv_sec: i64::MIN, tv_usec: i64::MIN }), 0);
    }

    #[test]
    fn negative_durations_end_before_they_start() {
        assert_eq!(after(7, &timeval { tv_sec: 1, tv_usec: 5 }), 1_000_005_007);
        assert_eq!(after(9_000_000_000, &timeval { tv_sec: -3, tv_usec: -500_000 }), 5_500_000_000);
        assert_eq!(after(7, &timeval { tv_sec: i64::MIN, tv_usec: i64::MIN }), 1);
        assert_eq!(after(7, &timeval { tv_sec: i64::MAX, tv_usec: 0 }), u64::MAX);
    }

    #[test]
    fn common_values_carry_their_queue() {
        let tv = common_value(5_100_000_000, 1);
        assert_eq!((tv.tv_sec, tv.tv_usec), (5, 100_000 | 0x5010_0000));
        assert_eq!(common_index(&tv), Some(1));
        assert_eq!(nanos(&without_marks(&tv)), 5_100_000_000);
        assert_eq!(common_index(&timeval { tv_sec: 5, tv_usec: 999_999 }), None);
    }
}
