//! What a loop did: counts, times as histograms, and handlers that took too long.
//!
//! [`Config::metrics`](crate::Config::metrics) lets a loop count, [`Config::report_slow`](crate::Config::report_slow) makes it report slow
//! handlers as well; [`Registry::metrics`](crate::Registry::metrics) returns the values. A loop that does not count pays nothing for it.
//!
//! ```
//! use evoxide::{Config, EventLoop, Timer};
//! use std::time::Duration;
//!
//! let mut ev = EventLoop::with_config(Config::new().metrics(true), 0)?;
//! ev.timer(Timer::every(Duration::from_millis(1)), |cx| {
//!     *cx.state() += 1;
//!     if *cx.state() == 5 {
//!         cx.exit();
//!     }
//! });
//! ev.run()?;
//! let metrics = ev.metrics().expect("the loop counts");
//! assert_eq!(metrics.calls, 5);
//! assert_eq!(metrics.callback.count(), 5);
//! println!("99 % of the handlers took less than {} ns", metrics.callback.quantile(0.99));
//! # Ok::<(), evoxide::Error>(())
//! ```

use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// Buckets of a [`Histogram`]: one for 0, and one for each power of two.
const BUCKETS: usize = 65;

/// How often values of each magnitude were seen: a bucket for each power of two.
///
/// # Examples
/// ```
/// use evoxide::metrics::Histogram;
///
/// let mut times = Histogram::default();
/// for nanoseconds in [100, 110, 120, 5000] {
///     times.record(nanoseconds);
/// }
/// assert_eq!(times.count(), 4);
/// assert_eq!(times.quantile(0.5), 127);
/// assert_eq!(times.max(), 5000);
/// assert_eq!(times.buckets().collect::<Vec<_>>(), [(127, 3), (8191, 1)]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    sum: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], sum: 0, max: 0 }
    }
}

impl Histogram {
    /// Adds a value.
    ///
    /// # Examples
    /// See [`Histogram`].
    pub fn record(&mut self, value: u64) {
        self.counts[(u64::BITS - value.leading_zeros()) as usize] += 1;
        self.sum = self.sum.wrapping_add(value);
        self.max = self.max.max(value);
    }

    /// How many values there were.
    ///
    /// # Examples
    /// See [`Histogram`].
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All values together.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(evoxide::metrics::Histogram::default().sum(), 0);
    /// ```
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest value.
    ///
    /// # Examples
    /// See [`Histogram`].
    pub fn max(&self) -> u64 {
        self.max
    }

    /// A bound that so great a part of the values (0.99, for one) does not exceed: the upper end of a bucket, or the largest value
    /// where that is less. 0 where there is no value.
    ///
    /// # Examples
    /// See [`Histogram`].
    pub fn quantile(&self, part: f64) -> u64 {
        let wanted = (self.count() as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (bound, count) in self.buckets() {
            seen += count;
            if seen >= wanted {
                return bound.min(self.max);
            }
        }
        self.max
    }

    /// The buckets that are not empty: the largest value that a bucket takes, and how many it has.
    ///
    /// # Examples
    /// See [`Histogram`].
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let bound = |at: usize| if at == 0 { 0 } else { u64::MAX >> (BUCKETS - 1 - at) };
        self.counts.iter().enumerate().filter(|(_, n)| **n > 0).map(move |(at, n)| (bound(at), *n))
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.buckets()).finish()
    }
}

/// A handler that took longer than [`Config::report_slow`](crate::Config::report_slow) allows.
///
/// # Examples
/// See [`Config::report_slow`](crate::Config::report_slow).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowHandler {
    /// The handler's type; of a closure, the function that it is in.
    pub name: &'static str,
    /// Where its event was made: the call of `timer`, `open`, `spawn` and the like.
    pub place: &'static Location<'static>,
    /// How often it was too slow.
    pub calls: u64,
    /// The longest that it took.
    pub longest: Duration,
}

impl fmt::Display for SlowHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) took {:?}", self.name, self.place, self.longest)
    }
}

/// What a loop did since it was made, and what it has now.
///
/// # Examples
/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Waits with what followed each.
    pub turns: u64,
    /// Calls of handlers and tasks.
    pub calls: u64,
    /// How long the waits took, in nanoseconds.
    pub wait: Histogram,
    /// How long handlers took, in nanoseconds.
    pub callback: Histogram,
    /// How late the loop was for the timer that was due first, in nanoseconds, for each turn with one that was due.
    pub lag: Histogram,
    /// Handlers called in a turn.
    pub batch: Histogram,
    /// Bytes that streams have read.
    pub bytes_read: u64,
    /// Bytes that streams have written.
    pub bytes_written: u64,
    /// How often a stream had to wait since its rate limit was used up.
    pub rate_waits: u64,
    /// Events there are now.
    pub events: usize,
    /// Descriptors that events own now.
    pub descriptors: usize,
    /// Bytes in the buffers of streams now.
    pub buffered: usize,
    /// Bytes of storage that the loop keeps for the next reads.
    pub pooled: usize,
    /// Handlers that were slow, in the order in which they were first; at most 64.
    pub slow: Vec<SlowHandler>,
}

#[cfg(feature = "metrics")]
impl Metrics {
    /// Gives the values to the recorder of the crate `metrics`, with the label `loop`.
    ///
    /// Counters have the suffix `_total`. A histogram is a counter for each bucket, with the label `le` (nanoseconds, or handlers),
    /// each with what lies in the buckets below it, and a `_sum`.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Config, EventLoop};
    ///
    /// let mut ev = EventLoop::with_config(Config::new().metrics(true), ())?;
    /// ev.metrics().expect("the loop counts").publish("main");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn publish(&self, name: &str) {
        let of = |metric: &'static str| ::metrics::counter!(metric, "loop" => name.to_owned());
        of("evoxide_turns_total").absolute(self.turns);
        of("evoxide_calls_total").absolute(self.calls);
        of("evoxide_bytes_read_total").absolute(self.bytes_read);
        of("evoxide_bytes_written_total").absolute(self.bytes_written);
        of("evoxide_rate_waits_total").absolute(self.rate_waits);
        of("evoxide_slow_calls_total").absolute(self.slow.iter().map(|slow| slow.calls).sum());
        let gauges = [
            ("evoxide_events", self.events),
            ("evoxide_descriptors", self.descriptors),
            ("evoxide_buffered_bytes", self.buffered),
            ("evoxide_pooled_bytes", self.pooled),
        ];
        for (metric, value) in gauges {
            ::metrics::gauge!(metric, "loop" => name.to_owned()).set(value as f64);
        }
        let histograms = [
            ("evoxide_wait_bucket", "evoxide_wait_sum", &self.wait),
            ("evoxide_callback_bucket", "evoxide_callback_sum", &self.callback),
            ("evoxide_lag_bucket", "evoxide_lag_sum", &self.lag),
            ("evoxide_batch_bucket", "evoxide_batch_sum", &self.batch),
        ];
        for (bucket, sum, histogram) in histograms {
            let mut below = 0;
            for (bound, count) in histogram.buckets() {
                below += count;
                let bound = bound.to_string();
                ::metrics::counter!(bucket, "loop" => name.to_owned(), "le" => bound).absolute(below);
            }
            of(sum).absolute(histogram.sum());
        }
    }
}
