//! The clocks in libev's unit, seconds.

use evoxide_sys::{clock, process};

#[inline(always)]
const fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as i64 as f64 * 1e-9
}

/// The wall clock.
#[inline]
pub(crate) fn wall() -> f64 {
    seconds(clock::realtime())
}

/// The monotonic clock.
#[inline(always)]
pub(crate) fn mono() -> f64 {
    seconds(clock::monotonic())
}

/// Sleeps once; a signal ends it early.
pub(crate) fn sleep(seconds: f64) {
    if seconds > 0. {
        process::sleep((seconds * 1e9) as u64);
    }
}
