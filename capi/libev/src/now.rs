//! The clocks in libev's unit, seconds.

use evoxide_sys::{clock, process};

/// The wall clock.
#[inline]
pub(crate) fn wall() -> f64 {
    // To the microsecond and in two parts, as the original does: that number of nanoseconds does not fit an `f64`, and what programs
    // make of the last digit (the next time of a periodic) differs otherwise.
    let microseconds = clock::realtime() / 1000;
    (microseconds / 1_000_000) as f64 + (microseconds % 1_000_000) as f64 * 1e-6
}

/// The monotonic clock.
#[inline(always)]
pub(crate) fn mono() -> f64 {
    let (seconds, nanoseconds) = clock::monotonic_parts();
    seconds as f64 + nanoseconds as f64 * 1e-9
}

/// Sleeps once; a signal ends it early.
pub(crate) fn sleep(seconds: f64) {
    if seconds > 0. {
        process::sleep((seconds * 1e9) as u64);
    }
}
