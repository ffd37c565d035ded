//! Monotonic time for programs.

use core::cell::Cell;
use core::ffi::c_int;
use core::ptr::{self, NonNull};

use evoxide_ffi::mm;
use evoxide_sys::clock;
use libc::timeval;

use crate::abi::entry::Out;
use crate::abi::util::{MONOT_FALLBACK, MONOT_PRECISE};

/// Which clock a timer reads.
#[derive(Clone, Copy)]
enum Source {
    /// Not configured: the time of day, as it comes.
    TimeOfDay,
    Coarse,
    Precise,
    /// The time of day, corrected so that it never goes back.
    Fallback {
        last: u64,
        correction: u64,
    },
}

/// `struct evutil_monotonic_timer`, opaque to C.
pub struct evutil_monotonic_timer {
    source: Cell<Source>,
}

/// A timer; null without memory.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evutil_monotonic_timer_new() -> *mut evutil_monotonic_timer {
    mm::alloc(evutil_monotonic_timer { source: Cell::new(Source::TimeOfDay) }).map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Ends a timer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evutil_monotonic_timer_free(timer: *mut evutil_monotonic_timer) {
    if let Some(timer) = NonNull::new(timer) {
        // SAFETY: the caller gives back what `evutil_monotonic_timer_new` gave.
        unsafe { mm::free_value(timer) };
    }
}

/// Chooses the clock: coarse by default, `EV_MONOT_PRECISE`, `EV_MONOT_FALLBACK` (the time of day, corrected).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_configure_monotonic_time(timer: &evutil_monotonic_timer, flags: c_int) -> c_int {
    let source = if flags & MONOT_FALLBACK != 0 {
        Source::Fallback { last: 0, correction: 0 }
    } else if flags & MONOT_PRECISE != 0 {
        Source::Precise
    } else {
        Source::Coarse
    };
    timer.source.set(source);
    0
}

/// Reads the timer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evutil_gettime_monotonic(timer: &evutil_monotonic_timer, out: Out<'_, timeval>) -> c_int {
    out.set(to_timeval(timer.read()));
    0
}

impl evutil_monotonic_timer {
    fn read(&self) -> u64 {
        match self.source.get() {
            Source::TimeOfDay => clock::realtime(),
            Source::Coarse => clock::monotonic_coarse(),
            Source::Precise => clock::monotonic(),
            Source::Fallback { mut last, mut correction } => {
                let now = steady(clock::realtime(), &mut last, &mut correction);
                self.source.set(Source::Fallback { last, correction });
                now
            }
        }
    }
}

/// A reading of a clock that may be set, made to stand still where that goes back.
fn steady(reading: u64, last: &mut u64, correction: &mut u64) -> u64 {
    let mut now = reading.saturating_add(*correction);
    if now < *last {
        *correction = correction.saturating_add(*last - now);
        now = *last;
    }
    *last = now;
    now
}

fn to_timeval(nanoseconds: u64) -> timeval {
    timeval {
        tv_sec: libc::time_t::try_from(nanoseconds / 1_000_000_000).unwrap_or(libc::time_t::MAX),
        tv_usec: libc::suseconds_t::try_from(nanoseconds / 1_000 % 1_000_000).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_stands_still() {
        let (mut last, mut correction) = (0, 0);
        let readings = [100, 150, 40, 60, 55, 200];
        let seen: Vec<u64> = readings.iter().map(|now| steady(*now, &mut last, &mut correction)).collect();
        assert_eq!(seen, [100, 150, 150, 170, 170, 315]);
    }
}
