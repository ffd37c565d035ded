//! Asking a loop about its events, its time and itself.

use super::context::Handler;
use super::event::{Entry, EventId, Kind};
use super::registry::Registry;
use crate::config::{Features, Method};
use evoxide_core::key::Key;
use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl<S> Registry<S> {
    /// Whether the event exists.
    ///
    /// # Examples
    /// See [`take_source`](Self::take_source).
    pub fn contains(&self, id: EventId) -> bool {
        self.entries.get(id).is_some()
    }

    /// Whether the event [rests](Self::pause).
    ///
    /// # Examples
    /// ```
    /// let mut ev = evoxide::EventLoop::new(())?;
    /// let id = ev.user(|_| {});
    /// assert!(!ev.is_paused(id));
    /// ev.pause(id);
    /// assert!(ev.is_paused(id));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn is_paused(&self, id: EventId) -> bool {
        self.entries.get(id).is_some_and(|e| e.paused)
    }

    /// When the event's timer or timeout is due, if one is running.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let id = ev.timer(Duration::from_secs(1), |_| {});
    /// assert_eq!(ev.deadline(id).unwrap() - ev.now(), Duration::from_secs(1));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn deadline(&self, id: EventId) -> Option<Instant> {
        let slot = self.entries.get(id)?.slot?;
        self.engine.reactor.view(slot)?.deadline.map(|at| self.time.instant(at))
    }

    /// How many events there are.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.timer(Duration::from_secs(1), |_| {});
    /// let id = ev.user(|_| {});
    /// ev.activate(id);
    /// let counts = ev.counts();
    /// assert_eq!((counts.events, counts.waiting, counts.ready), (2, 1, 1));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn counts(&self) -> Counts {
        let ready = self.engine.reactor.counts().active as usize;
        let events = self.entries.len();
        let is_active = |slot: Option<Key>| {
            slot.is_some_and(|slot| self.engine.reactor.view(slot).is_some_and(|view| view.ready.is_some()))
        };
        let active = |e: &Entry<Handler<S>>| is_active(e.slot) || is_active(e.second);
        let waits = |e: &Entry<Handler<S>>| {
            (e.slot.is_some() || e.second.is_some()) && !matches!(e.kind, Kind::User | Kind::Task)
        };
        let waiting = self.entries.iter().filter(|e| waits(e) && !active(e)).count();
        Counts { events, waiting, ready }
    }

    /// How the loop asks the operating system.
    ///
    /// # Examples
    /// See [`Method`].
    pub fn method(&self) -> Method {
        Method::from_sys(self.engine.backend().method())
    }

    /// What the loop's method can do.
    ///
    /// # Examples
    /// See [`Features`].
    pub fn features(&self) -> Features {
        self.method().features()
    }

    /// How many priorities there are.
    ///
    /// # Examples
    /// See [`Config`](crate::Config).
    pub fn priorities(&self) -> usize {
        self.engine.reactor.priorities()
    }

    /// The time on the loop's clock when the last wait ended: the same in all handlers of a turn, and free.
    ///
    /// # Examples
    /// See [`Clock`](crate::Clock).
    pub fn now(&self) -> Instant {
        self.time.instant(self.time.now())
    }

    /// Looks at the clock, so that [`now`](Self::now) and timers that are added later in the same turn count from this
    /// moment.
    ///
    /// # Examples
    /// ```
    /// let mut ev = evoxide::EventLoop::new(())?;
    /// let before = ev.now();
    /// assert!(ev.update_now() >= before);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn update_now(&mut self) -> Instant {
        let now = self.time.update();
        self.time.instant(now)
    }

    /// The descriptor that is readable when the loop has something to do, where the method has one: for embedding it in
    /// another loop. Timers do not show there; see [`next_deadline`](Self::next_deadline).
    ///
    /// # Examples
    /// ```
    /// let ev = evoxide::EventLoop::new(())?;
    /// println!("embeddable: {}", ev.poll_fd().is_some());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.engine.backend().fd()
    }

    /// When the earliest timer or timeout is due.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// assert_eq!(ev.next_deadline(), None);
    /// let id = ev.timer(Duration::from_secs(1), |_| {});
    /// assert_eq!(ev.next_deadline(), ev.deadline(id));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn next_deadline(&mut self) -> Option<Instant> {
        self.engine.reactor.first_deadline(0, u64::MAX).map(|at| self.time.instant(at))
    }

    /// Whether a turn would call somebody without a wait.
    pub(crate) fn has_work(&self) -> bool {
        self.served
            || self.engine.reactor.counts().active > 0
            || !self.turn_end.is_empty()
            || self.mailbox.waiting.load(Ordering::SeqCst) > 0
    }

    /// Whether nothing is left to wait for: no event pending or ready, no posted work, no [`Hold`](crate::Hold).
    ///
    /// # Examples
    /// ```
    /// let ev = evoxide::EventLoop::new(())?;
    /// assert!(ev.is_idle());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn is_idle(&self) -> bool {
        self.engine.reactor.counts().is_idle()
            && self.turn_end.is_empty()
            && self.mailbox.waiting.load(Ordering::SeqCst) == 0
            && self.mailbox.alarm.holds.load(Ordering::SeqCst) == 0
    }
}

/// How many events a loop has; see [`Registry::counts`].
///
/// # Examples
/// See [`Registry::counts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// All of them.
    pub events: usize,
    /// Those that wait for something and are not ready.
    pub waiting: usize,
    /// Those that are ready to be handled.
    pub ready: usize,
}
