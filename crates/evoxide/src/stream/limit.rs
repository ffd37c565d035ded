//! Rate limits: token buckets that streams, and other limits, draw from.

use super::handler::StreamCtx;
use crate::error::{Error, ErrorKind};
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use crate::timer::Timer;
use evoxide_core::key::Key;
use evoxide_core::rate::{self, Tree};
use evoxide_core::stream::{Direction, Hold};
use std::time::Duration;

const MS: u64 = 1_000_000;

/// How many bytes may pass in what time. Both directions are counted for themselves.
///
/// # Examples
/// See [`Registry::limit`].
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    read: usize,
    write: usize,
    burst: Option<usize>,
    tick: Duration,
}

impl Rate {
    /// `bytes` a second, in each direction, handed out ten times a second.
    ///
    /// # Examples
    /// See [`Registry::limit`].
    pub const fn per_second(bytes: usize) -> Self {
        let each = bytes / 10;
        let each = if each == 0 { 1 } else { each };
        Self { read: each, write: each, burst: None, tick: Duration::from_millis(100) }
    }

    /// `read` and `write` bytes with every tick.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::Rate;
    /// use std::time::Duration;
    ///
    /// let rate = Rate::per_tick(16 * 1024, 64 * 1024, Duration::from_millis(50));
    /// # let _ = rate;
    /// ```
    pub const fn per_tick(read: usize, write: usize, tick: Duration) -> Self {
        Self { read, write, burst: None, tick }
    }

    /// Lets `bytes` be saved up. Without it, one tick's worth.
    ///
    /// # Examples
    /// ```
    /// # let rate =
    /// evoxide::stream::Rate::per_second(1_000_000).burst(4_000_000)
    /// # ;
    /// ```
    pub const fn burst(self, bytes: usize) -> Self {
        Self { burst: Some(bytes), ..self }
    }

    fn machine(&self) -> Option<rate::Rate> {
        let burst = |rate: usize| (rate, self.burst.unwrap_or(rate).max(rate));
        rate::Rate::new(burst(self.read), burst(self.write), u64::try_from(self.tick.as_millis().max(1)).ok()?)
    }
}

/// Names a rate limit of a loop.
///
/// # Examples
/// See [`Registry::limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LimitId {
    key: Key,
    /// Which loop's.
    owner: u32,
}

/// The limits of a loop, and the streams that wait for them.
#[derive(Default)]
pub(crate) struct Limits {
    tree: Tree,
    /// Streams that found nothing left.
    pub waiting: Vec<EventId>,
    /// The timer of the next tick, while a stream waits for it.
    timer: Option<EventId>,
}

fn key(limit: Option<LimitId>) -> Option<Key> {
    limit.map(|limit| limit.key)
}

impl<S> Registry<S> {
    /// Makes a rate limit for streams: see [`set_limit`](Self::set_limit). Where it has a `parent`, what passes counts there
    /// too: a connection within a tenant within the process.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a rate of nothing; [`ErrorKind::NoSuchEvent`] where the parent has gone.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Clock, Config, EventLoop};
    /// use evoxide::stream::{Rate, StreamCtx, StreamHandler};
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    /// use std::time::Duration;
    ///
    /// struct Count;
    ///
    /// impl StreamHandler<usize> for Count {
    ///     fn on_read(&mut self, cx: &mut StreamCtx<'_, usize>) {
    ///         *cx.state() += cx.input().len();
    ///         cx.input().clear();
    ///     }
    /// }
    ///
    /// let (mut a, b) = UnixStream::pair()?;
    /// a.write_all(&[0; 10_000])?;
    /// drop(a);
    /// let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), 0)?;
    /// let process = ev.limit(Rate::per_second(1_000_000), None)?;
    /// let tenant = ev.limit(Rate::per_second(1_000), Some(process))?;
    /// let id = ev.open(b, Count)?;
    /// ev.set_limit(id, Some(tenant))?;
    /// let start = ev.now();
    /// ev.run()?;
    /// assert_eq!(*ev.state(), 10_000);
    /// assert!(ev.now() - start > Duration::from_millis(9_500));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn limit(&mut self, rate: Rate, parent: Option<LimitId>) -> Result<LimitId, Error> {
        let rate = rate.machine().ok_or_else(|| Error::invalid("rate"))?;
        if parent.is_some_and(|p| p.owner != self.entries.owner() || !self.limits().tree.contains(p.key)) {
            return Err(ErrorKind::NoSuchEvent.into());
        }
        let now = self.fresh_now();
        let owner = self.entries.owner();
        Ok(LimitId { key: self.limits().tree.insert(rate, key(parent), now / MS), owner })
    }

    /// Removes a limit. Streams that drew from it, and limits within it, are free of it, and of those around it.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::stream::Rate;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let limit = ev.limit(Rate::per_second(1000), None)?;
    /// assert!(ev.remove_limit(limit));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn remove_limit(&mut self, limit: LimitId) -> bool {
        limit.owner == self.entries.owner() && self.limits().tree.remove(limit.key)
    }

    /// Puts a stream under a limit, or under none. For use outside the stream's own handler; inside it, see
    /// [`StreamCtx::set_limit`](crate::stream::StreamCtx::set_limit).
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchEvent`] where there is no such stream or limit, or the stream's handler is running.
    ///
    /// # Examples
    /// See [`limit`](Self::limit).
    pub fn set_limit(&mut self, id: EventId, limit: Option<LimitId>) -> Result<(), Error> {
        let owner = self.entries.owner();
        let stream =
            self.stream(id).filter(|_| limit.is_none_or(|l| l.owner == owner)).ok_or(ErrorKind::NoSuchEvent)?;
        let old = stream.replace_limit(limit);
        self.limits().tree.leave(key(old));
        self.limits().tree.join(key(limit));
        Ok(())
    }

    /// Puts a stream under a limit of its own, which goes with it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a rate that lets nothing pass; as [`set_limit`](Self::set_limit).
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::stream::{Rate, StreamCtx, StreamHandler};
    ///
    /// struct Echo;
    ///
    /// impl<S> StreamHandler<S> for Echo {
    ///     fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
    ///         let (input, output) = cx.io();
    ///         output.append_buffer(input);
    ///     }
    /// }
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.listen("127.0.0.1:0", |cx, conn, _peer| {
    ///     let id = cx.open(conn, Echo)?;
    ///     cx.set_rate(id, Rate::per_second(64 * 1024))
    /// })?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn set_rate(&mut self, id: EventId, rate: Rate) -> Result<(), Error> {
        let limit = self.limit(rate, None)?;
        if let Err(error) = self.set_limit(id, Some(limit)) {
            self.remove_limit(limit);
            return Err(error);
        }
        self.limits().tree.make_private(limit.key);
        Ok(())
    }

    /// What a stream may move in a direction; where that is nothing, it waits for the next tick.
    #[inline]
    pub(super) fn allowance(&mut self, id: EventId, limit: Option<LimitId>, direction: Direction) -> usize {
        if limit.is_none() { usize::MAX } else { self.limited(id, limit, direction) }
    }

    #[inline(never)]
    fn limited(&mut self, id: EventId, limit: Option<LimitId>, direction: Direction) -> usize {
        let now = self.time.now();
        let allowance = self.limits().tree.allowance(key(limit), direction, now / MS);
        if allowance == 0 {
            if let Some(inspector) = &mut self.inspector {
                inspector.metrics.rate_waits += 1;
            }
            let at = self.limits().tree.next_tick(key(limit), now / MS).saturating_mul(MS);
            let limits = self.limits();
            if !limits.waiting.contains(&id) {
                limits.waiting.push(id);
            }
            let delay = Duration::from_nanos(at.saturating_sub(now));
            let due = limits.timer.map(|timer| (timer, self.deadline(timer)));
            match due {
                Some((timer, Some(due))) if self.time.instant(at) < due => {
                    self.restart(timer, delay);
                }
                Some((_, Some(_))) => {}
                _ => {
                    let timer = self.timer(Timer::after(delay).priority(0), |cx| cx.registry.tick());
                    self.hide(timer);
                    self.limits().timer = Some(timer);
                }
            }
        }
        allowance
    }

    /// There is something in the limits again.
    fn tick(&mut self) {
        let limits = self.limits();
        limits.timer = None;
        for id in std::mem::take(&mut limits.waiting) {
            if let Some(stream) = self.stream(id) {
                let _ = stream.machine.release(Direction::READ, Hold::RATE);
                let _ = stream.machine.release(Direction::WRITE, Hold::RATE);
            }
        }
    }

    fn limits(&mut self) -> &mut Limits {
        self.extensions.get()
    }

    /// So much has moved on a stream with that [account](super::Stream::account).
    #[inline]
    pub(crate) fn spend(&mut self, account: Option<(bool, Option<LimitId>)>, direction: Direction, bytes: usize) {
        let Some((counted, limit)) = account else { return };
        if limit.is_some() {
            self.limits().tree.spend(key(limit), direction, bytes);
        }
        if let (true, Some(inspector)) = (counted, &mut self.inspector) {
            let metrics = &mut inspector.metrics;
            let sum = if direction == Direction::READ { &mut metrics.bytes_read } else { &mut metrics.bytes_written };
            *sum += bytes as u64;
        }
    }

    /// A stream goes, and with it its part of the limit.
    pub(super) fn leave_limit(&mut self, limit: Option<LimitId>) {
        if limit.is_some() {
            self.limits().tree.leave(key(limit));
        }
    }
}

impl<S> StreamCtx<'_, S> {
    /// Puts the stream under a limit, or under none: see [`Registry::limit`].
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::{LimitId, StreamCtx};
    ///
    /// fn slow_down<S>(cx: &mut StreamCtx<'_, S>, limit: LimitId) {
    ///     cx.set_limit(Some(limit));
    /// }
    /// ```
    pub fn set_limit(&mut self, limit: Option<LimitId>) {
        let owner = self.cx.registry.entries.owner();
        let limit = limit.filter(|l| l.owner == owner);
        let old = self.stream.replace_limit(limit);
        let tree = &mut self.cx.registry.limits().tree;
        tree.leave(key(old));
        tree.join(key(limit));
    }
}
