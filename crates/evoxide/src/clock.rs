//! The loop's clock: the machine's, or a simulated one.

use crate::timer::nanos;
use std::time::{Duration, Instant};

/// Which clock a loop runs on.
///
/// # Examples
/// ```
/// use evoxide::{Clock, Config, EventLoop};
/// use std::time::Duration;
///
/// let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), ())?;
/// let start = ev.now();
/// ev.timer(Duration::from_secs(24 * 60 * 60), |_| {});
/// ev.run()?; // A day passes at once.
/// assert_eq!(ev.now() - start, Duration::from_secs(24 * 60 * 60));
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Clock {
    /// The machine's monotonic clock.
    #[default]
    Monotonic,
    /// A simulated clock, for tests: it stands still while handlers run, and instead of waiting for a timer the loop jumps to
    /// the moment when it is due. Descriptors, signals and posted work are real; they are looked at before each jump. With
    /// no timer pending the loop waits for them in earnest.
    Virtual,
}

/// The clock as the loop uses it: nanoseconds for the machines, [`Instant`] for users.
#[derive(Debug)]
pub(crate) struct Time {
    kind: Clock,
    /// The same moment on both scales.
    base: Instant,
    base_nanos: u64,
    base_wall: u64,
    /// The cached time.
    now: u64,
}

impl Time {
    pub fn new(kind: Clock) -> Self {
        let base_nanos = evoxide_sys::clock::monotonic();
        Self { kind, base: Instant::now(), base_nanos, base_wall: evoxide_sys::clock::realtime(), now: base_nanos }
    }

    pub fn is_virtual(&self) -> bool {
        self.kind == Clock::Virtual
    }

    /// The cached time.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Looks at the clock.
    pub fn update(&mut self) -> u64 {
        if !self.is_virtual() {
            self.now = evoxide_sys::clock::monotonic();
        }
        self.now
    }

    /// The wall clock, in nanoseconds since 1970.
    pub fn wall(&self) -> u64 {
        if self.is_virtual() {
            self.base_wall.saturating_add(self.now.saturating_sub(self.base_nanos))
        } else {
            evoxide_sys::clock::realtime()
        }
    }

    /// Lets simulated time pass.
    pub fn jump_to(&mut self, nanoseconds: u64) {
        if self.is_virtual() {
            self.now = self.now.max(nanoseconds);
        }
    }

    pub fn instant(&self, nanoseconds: u64) -> Instant {
        let since = Duration::from_nanos(nanoseconds.saturating_sub(self.base_nanos));
        self.base.checked_add(since).unwrap_or(self.base)
    }

    pub fn nanoseconds(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.base);
        self.base_nanos.saturating_add(nanos(since))
    }

    pub fn deadline(&self, after: Duration) -> u64 {
        self.now.saturating_add(nanos(after))
    }
}
