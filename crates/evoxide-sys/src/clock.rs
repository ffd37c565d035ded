//! Clocks, in nanoseconds. Reading one cannot fail and may be done in a signal handler.

use core::mem::MaybeUninit;

/// Time since some fixed moment. Never goes back.
#[inline]
pub fn monotonic() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// The same scale as [`monotonic`], cheaper and only as fine as the kernel's tick (a few milliseconds). Never ahead of it.
#[inline]
pub fn monotonic_coarse() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return read(libc::CLOCK_MONOTONIC_COARSE);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    monotonic()
}

/// Time since 1970, as the system's clock has it; it may be set. 0 before 1970.
#[inline]
pub fn realtime() -> u64 {
    read(libc::CLOCK_REALTIME)
}

/// [`monotonic`] as whole seconds and nanoseconds: for who wants seconds as a floating-point number, to the last digit.
#[inline]
pub fn monotonic_parts() -> (i64, i64) {
    let time = timespec(libc::CLOCK_MONOTONIC);
    (time.tv_sec, time.tv_nsec)
}

#[inline]
fn read(clock: libc::clockid_t) -> u64 {
    let time = timespec(clock);
    (time.tv_sec.max(0) as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

#[inline]
fn timespec(clock: libc::clockid_t) -> libc::timespec {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the pointer is good for one timespec, which zeroes initialise, so it may be read even if the call fails.
    unsafe {
        libc::clock_gettime(clock, time.as_mut_ptr());
        time.assume_init()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_clocks_agree_and_do_not_go_back() {
        let first = monotonic();
        let coarse = monotonic_coarse();
        let second = monotonic();
        assert!(first <= second);
        assert!(coarse <= second);
        assert!(second - coarse < 1_000_000_000);
    }

    #[test]
    fn realtime_is_that_of_std() {
        let before = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let now = u128::from(realtime());
        assert!(before <= now && now <= std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos());
    }
}
