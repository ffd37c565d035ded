//! Timers by the wall clock.

use crate::event_loop::context::{Callback, Context};
use crate::event_loop::event::{EventId, Fired, Kind};
use crate::event_loop::registry::Registry;
use crate::interest::Interest;
use crate::timer::nanos;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When a wall-clock event is due.
///
/// # Examples
/// See [`Registry::periodic`].
pub struct Periodic {
    schedule: Schedule,
}

enum Schedule {
    At(u64),
    Every { interval: u64, offset: u64 },
    By(Box<dyn FnMut(SystemTime) -> SystemTime>),
}

impl Periodic {
    /// Once, at that time of the wall clock, however it is set meanwhile.
    ///
    /// # Examples
    /// ```
    /// use evoxide::watch::Periodic;
    /// use std::time::{Duration, SystemTime};
    ///
    /// let in_an_hour = Periodic::at(SystemTime::now() + Duration::from_secs(3600));
    /// # let _ = in_an_hour;
    /// ```
    pub fn at(time: SystemTime) -> Self {
        Self { schedule: Schedule::At(since_epoch(time)) }
    }

    /// Whenever the wall clock shows a multiple of `interval` (counted from 1970, in UTC) plus `offset`.
    ///
    /// # Examples
    /// ```
    /// use evoxide::watch::Periodic;
    /// use std::time::Duration;
    ///
    /// let five_past_every_hour = Periodic::every(Duration::from_secs(3600), Duration::from_secs(300));
    /// # let _ = five_past_every_hour;
    /// ```
    pub fn every(interval: Duration, offset: Duration) -> Self {
        let interval = nanos(interval).max(1);
        Self { schedule: Schedule::Every { interval, offset: nanos(offset) % interval } }
    }

    /// Whenever `next` says: it is asked for the first time after the one that it is given.
    ///
    /// # Examples
    /// ```
    /// use evoxide::watch::Periodic;
    /// use std::time::Duration;
    ///
    /// let in_steps = Periodic::by(|now| now + Duration::from_secs(10));
    /// # let _ = in_steps;
    /// ```
    pub fn by(next: impl FnMut(SystemTime) -> SystemTime + 'static) -> Self {
        Self { schedule: Schedule::By(Box::new(next)) }
    }

    /// The first time after `now`, as far as there is one.
    fn next(&mut self, now: u64, first: bool) -> Option<u64> {
        match &mut self.schedule {
            Schedule::At(time) => first.then_some(*time),
            Schedule::Every { interval, offset } => {
                let since = now.saturating_sub(*offset);
                Some((since / *interval + u64::from(now >= *offset)).saturating_mul(*interval).saturating_add(*offset))
            }
            Schedule::By(next) => Some(since_epoch(next(UNIX_EPOCH + Duration::from_nanos(now)))),
        }
    }
}

impl fmt::Debug for Periodic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schedule {
            Schedule::At(at) => write!(f, "Periodic(at {:?})", Duration::from_nanos(*at)),
            Schedule::Every { interval, offset } => {
                write!(f, "Periodic(every {:?} + {:?})", Duration::from_nanos(*interval), Duration::from_nanos(*offset))
            }
            Schedule::By(_) => f.write_str("Periodic(by a function)"),
        }
    }
}

fn since_epoch(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, nanos)
}

struct OnPeriodic<H> {
    periodic: Periodic,
    due: u64,
    handler: H,
}

impl<S, H: FnMut(&mut Context<'_, S>)> Callback<S> for OnPeriodic<H> {
    fn call(&mut self, cx: &mut Context<'_, S>, _: Fired) {
        let Some(id) = cx.id else { return };
        let now = cx.registry.time.wall();
        let early = now < self.due;
        // Early where the clock was set back, or somebody activated it.
        if let Some(due) = self.periodic.next(now, early) {
            self.due = due;
            cx.registry.restart(id, Duration::from_nanos(due.saturating_sub(now)));
        }
        if !early {
            (self.handler)(cx);
        }
    }
}

impl<S> Registry<S> {
    /// Calls `handler` by the wall clock. Where the clock is set, the event follows it; with a
    /// [virtual clock](crate::Clock::Virtual) the wall clock is as virtual.
    ///
    /// [Activating](Self::activate) such an event lets it look at the clock, no more.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Clock, Config, EventLoop};
    /// use evoxide::watch::Periodic;
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// const HOUR: Duration = Duration::from_secs(3600);
    ///
    /// let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), 0)?;
    /// ev.periodic(Periodic::every(HOUR, Duration::ZERO), |cx| {
    ///     let since = cx.wall_now().duration_since(UNIX_EPOCH).unwrap();
    ///     assert_eq!(since.as_secs() % 3600, 0);
    ///     *cx.state() += 1;
    /// });
    /// ev.exit_after(24 * HOUR);
    /// ev.run()?;
    /// assert_eq!(*ev.state(), 24);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn periodic<H>(&mut self, mut periodic: Periodic, handler: H) -> EventId
    where
        H: FnMut(&mut Context<'_, S>) + 'static,
    {
        self.watch_clock();
        self.fresh_now();
        let now = self.time.wall();
        let due = periodic.next(now, true).unwrap_or(now);
        let kind = Kind::Timer { after: due.saturating_sub(now), period: None };
        let id = self.insert(kind, None, true, OnPeriodic { periodic, due, handler });
        // A timer needs nothing of the system.
        let _ = self.arm(id);
        let Self { extensions, entries, .. } = self;
        let ids = &mut extensions.get::<Periodics>().ids;
        ids.retain(|id| entries.get(*id).is_some());
        ids.push(id);
        id
    }

    /// The time of the wall clock. With a [virtual clock](crate::Clock::Virtual) it is as virtual.
    ///
    /// # Examples
    /// See [`periodic`](Self::periodic).
    pub fn wall_now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.time.wall())
    }

    /// The wall clock was set.
    /// Lets the loop be told when the wall clock is set, where the system can tell.
    #[cfg(target_os = "linux")]
    fn watch_clock(&mut self) {
        if self.extensions.get::<Periodics>().is_told || self.time.is_virtual() {
            return;
        }
        let Ok(watch) = evoxide_sys::process::ClockWatch::new() else { return };
        let told = self.descriptor(watch, Interest::READ, |cx, watch, _| {
            watch.rearm();
            for id in cx.registry.extensions.get::<Periodics>().ids.clone() {
                if !cx.is_paused(id) {
                    cx.activate(id);
                }
            }
        });
        if let Ok(id) = told {
            self.hide(id);
            self.extensions.get::<Periodics>().is_told = true;
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn watch_clock(&mut self) {}
}

/// The events by the wall clock of a loop.
#[derive(Default)]
struct Periodics {
    /// Some may have gone.
    ids: Vec<EventId>,
    /// The loop learns when the clock is set.
    is_told: bool,
}
