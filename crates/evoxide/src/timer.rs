//! When a timer is due.

use std::time::{Duration, Instant};

/// When a timer is due, and whether it repeats. A [`Duration`] alone converts into one that is due once, after so long.
///
/// # Examples
/// ```
/// use evoxide::{Clock, Config, EventLoop, Timer};
/// use std::time::Duration;
///
/// let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), 0)?;
/// ev.timer(Timer::every(Duration::from_secs(1)), |cx| {
///     *cx.state() += 1;
///     if *cx.state() == 3 {
///         cx.remove_self();
///     }
/// });
/// ev.run()?;
/// assert_eq!(*ev.state(), 3);
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    pub(crate) due: Due,
    pub(crate) period: Option<Duration>,
    pub(crate) priority: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    After(Duration),
    At(Instant),
}

impl Timer {
    /// Due once, so long from now.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Timer};
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.timer(Timer::after(Duration::from_millis(1)), |_| println!("done"));
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub const fn after(delay: Duration) -> Self {
        Self { due: Due::After(delay), period: None, priority: None }
    }

    /// Due once, at that moment. A moment that has passed means at once.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Timer};
    /// use std::time::{Duration, Instant};
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.timer(Timer::at(Instant::now() + Duration::from_millis(1)), |_| println!("done"));
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub const fn at(moment: Instant) -> Self {
        Self { due: Due::At(moment), period: None, priority: None }
    }

    /// Due again and again, first after one period. A loop that was held up for several periods calls once, not once for
    /// each, and counts from then on.
    ///
    /// # Examples
    /// See [`Timer`].
    pub const fn every(period: Duration) -> Self {
        Self { due: Due::After(period), period: Some(period), priority: None }
    }

    /// Repeats with this period after it was due first.
    ///
    /// # Examples
    /// ```
    /// use evoxide::Timer;
    /// use std::time::Duration;
    ///
    /// let at_once_and_every_second = Timer::after(Duration::ZERO).repeat(Duration::from_secs(1));
    /// # let _ = at_once_and_every_second;
    /// ```
    pub const fn repeat(self, period: Duration) -> Self {
        Self { period: Some(period), ..self }
    }

    /// Gives the event a priority; 0 is the most urgent. See [`Config::priorities`](crate::Config::priorities).
    ///
    /// # Examples
    /// ```
    /// use evoxide::Timer;
    /// use std::time::Duration;
    ///
    /// let urgent = Timer::after(Duration::from_secs(1)).priority(0);
    /// # let _ = urgent;
    /// ```
    pub const fn priority(self, priority: u8) -> Self {
        Self { priority: Some(priority), ..self }
    }
}

impl From<Duration> for Timer {
    fn from(delay: Duration) -> Self {
        Self::after(delay)
    }
}

/// Nanoseconds of a duration; more than fit means for ever.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
