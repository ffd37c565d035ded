//! What a loop counts, where its configuration asks for it.
//!
//! A handler's time is from the end of the one before it (or of the wait) to its own: one look at the clock for each.

use crate::config::Config;
use crate::metrics::{Metrics, SlowHandler};
use crate::timer::nanos;
use std::panic::Location;
use std::time::Duration;

/// Slow handlers that are remembered; all are logged.
const SLOW: usize = 64;

/// What a loop counts.
pub(crate) struct Inspector {
    stopwatch: fn() -> u64,
    /// The stopwatch shows what the loop's clock does, so that the look after a wait is spared.
    shared: bool,
    /// When the last handler, or the last wait, ended.
    last: u64,
    /// From how long on a handler is slow.
    slow_from: u64,
    /// When the handler that one of ours called began.
    #[cfg(feature = "dns")]
    part: u64,
    /// It was reported, and the one of ours is not.
    told: bool,
    /// Calls when the last wait ended.
    called: u64,
    pub metrics: Metrics,
}

impl Inspector {
    /// What the configuration asks for.
    pub fn new(config: &Config) -> Option<Box<Self>> {
        if !config.metrics {
            return None;
        }
        Some(Box::new(Self {
            stopwatch: config.stopwatch.unwrap_or(evoxide_sys::clock::monotonic),
            shared: config.stopwatch.is_none() && config.clock == crate::Clock::Monotonic,
            last: 0,
            slow_from: config.slow.unwrap_or(u64::MAX),
            #[cfg(feature = "dns")]
            part: 0,
            told: false,
            called: 0,
            metrics: Metrics::default(),
        }))
    }

    /// A run begins: what was before it is nobody's time.
    pub fn begin(&mut self) {
        self.last = (self.stopwatch)();
    }

    /// A wait has ended, at `now` on the loop's clock; `first` is when the first timer is due.
    pub fn waited(&mut self, now: u64, first: Option<u64>) {
        let time = if self.shared { now } else { (self.stopwatch)() };
        let metrics = &mut self.metrics;
        if metrics.turns > 0 {
            metrics.batch.record(metrics.calls - self.called);
        }
        self.called = metrics.calls;
        metrics.turns += 1;
        metrics.wait.record(time.saturating_sub(self.last));
        if let Some(late) = first.and_then(|first| now.checked_sub(first)) {
            metrics.lag.record(late);
        }
        self.last = time;
    }

    /// A handler has returned.
    pub fn returned(&mut self, name: &'static str, place: &'static Location<'static>) {
        let now = (self.stopwatch)();
        let took = now.saturating_sub(self.last);
        self.last = now;
        self.metrics.calls += 1;
        self.metrics.callback.record(took);
        let told = std::mem::take(&mut self.told);
        if took >= self.slow_from && !told {
            self.report(name, place, Duration::from_nanos(took));
        }
    }

    /// A handler of ours calls one of the program's.
    #[cfg(feature = "dns")]
    pub fn part_begins(&mut self) {
        if self.slow_from != u64::MAX {
            self.part = (self.stopwatch)();
        }
    }

    /// That one has returned.
    #[cfg(feature = "dns")]
    pub fn part_ends(&mut self, name: &'static str, place: &'static Location<'static>) {
        if self.slow_from == u64::MAX {
            return;
        }
        let took = (self.stopwatch)().saturating_sub(self.part);
        if took >= self.slow_from {
            self.report(name, place, Duration::from_nanos(took));
            self.told = true;
        }
    }

    #[cold]
    fn report(&mut self, name: &'static str, place: &'static Location<'static>, took: Duration) {
        let name = short(name);
        log::warn!("a slow handler: {name} ({place}) took {took:?}");
        let slow = &mut self.metrics.slow;
        if let Some(known) = slow.iter_mut().find(|known| known.place == place && known.name == name) {
            known.calls += 1;
            known.longest = known.longest.max(took);
        } else if slow.len() < SLOW {
            slow.push(SlowHandler { name, place, calls: 1, longest: took });
        }
    }
}

impl Config {
    /// Whether the loop counts what it does; see [`metrics`](crate::metrics). It does not unless it is told to.
    ///
    /// # Examples
    /// See [`metrics`](crate::metrics).
    pub fn metrics(mut self, on: bool) -> Self {
        self.metrics = on;
        self
    }

    /// Handlers that take so long are reported: as a warning, and by [`Registry::metrics`](crate::Registry::metrics), with their names and
    /// the places where their events were made. A handler that a connection calls (of a route, an upload, an answer, a WebSocket) is named by
    /// itself, with the place where it was given. The loop counts, as [`metrics`](Self::metrics) has it.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Config, EventLoop};
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::with_config(Config::new().report_slow(Duration::from_millis(5)), ())?;
    /// ev.timer(Duration::ZERO, |_cx| std::thread::sleep(Duration::from_millis(5)));
    /// ev.run()?;
    /// let slow = &ev.metrics().expect("the loop counts").slow[0];
    /// assert!(slow.longest >= Duration::from_millis(5));
    /// println!("{slow}"); // rust_out::main::{{closure}} (src/main.rs:6:4) took 5.1ms
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn report_slow(mut self, from: Duration) -> Self {
        self.metrics = true;
        self.slow = Some(nanos(from));
        self
    }
}

/// The program's part of a handler's type: what lies inside a type of ours.
pub(super) fn short(name: &'static str) -> &'static str {
    let inside = name.strip_prefix("evoxide::").and_then(|_| name.split_once('<')?.1.strip_suffix('>'));
    // Of a source and its handler the latter.
    inside.map_or(name, |inside| inside.rsplit(", ").next().unwrap_or(inside))
}
