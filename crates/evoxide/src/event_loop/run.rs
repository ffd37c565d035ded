//! Running a loop.

use super::context::{Context, Core};
use super::event::{EventId, Fired, Kind, Side};
use super::mailbox::{EXIT, STOP};
use super::registry::Registry;
use crate::config::Config;
use crate::error::Error;
use crate::timer::nanos;
use evoxide_core::interest::Ready;
use evoxide_core::reactor::Popped;
use evoxide_sys::backend::Waiter;
use evoxide_sys::engine::Tags;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Why the loop is there when it is looked at.
const AT_HOME: &str = "the loop is lent only while a handler runs";
/// A wait that is longer may end early, in nanoseconds: timeouts that data moves are put right when they come nearer.
const HORIZON: u64 = 1_000_000_000;

/// Why a run ended.
///
/// # Examples
/// ```
/// use evoxide::{EventLoop, Outcome};
///
/// let mut ev = EventLoop::new(())?;
/// assert_eq!(ev.run()?, Outcome::Idle);
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing is left to wait for.
    Idle,
    /// Somebody called [`exit`](Registry::exit).
    Exited,
    /// Somebody called [`stop`](Registry::stop).
    Stopped,
    /// A single turn was asked for, and done.
    Turned,
}

/// An event loop with state `S`, which every handler can reach.
///
/// The loop owns its events; [`Registry`], to which it dereferences, has the verbs to add and change them. It belongs to one
/// thread; a [`Handle`](crate::Handle) reaches it from others.
///
/// # Panics in handlers
/// A panic passes through [`run`](Self::run). The event whose handler panicked is removed; everything else is as it was, and
/// the loop may be run again.
///
/// # Examples
/// ```
/// use evoxide::{EventLoop, Timer};
/// use std::time::Duration;
///
/// let mut ev = EventLoop::new(0)?;
/// ev.timer(Timer::every(Duration::from_millis(1)), |cx| {
///     *cx.state() += 1;
///     if *cx.state() == 3 {
///         cx.exit();
///     }
/// });
/// ev.run()?;
/// assert_eq!(ev.into_state(), 3);
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct EventLoop<S> {
    /// Empty only while a handler [borrows the loop](super::context::Callback::call_with).
    core: Option<Box<Core<S>>>,
    waiter: Waiter,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Forever,
    Once,
    Poll,
}

impl<S> EventLoop<S> {
    /// A loop with the default configuration.
    ///
    /// # Errors
    /// What the operating system says: no more descriptors, for example.
    ///
    /// # Examples
    /// See [`EventLoop`].
    pub fn new(state: S) -> Result<Self, Error> {
        Self::with_config(Config::new(), state)
    }

    /// A loop of one's own making.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`ErrorKind::NoMethod`](crate::ErrorKind::NoMethod) and [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for configurations that cannot be.
    ///
    /// # Examples
    /// See [`Config`].
    pub fn with_config(config: Config, state: S) -> Result<Self, Error> {
        let registry = Registry::new(&config)?;
        let waiter = registry.engine.waiter();
        Ok(Self { core: Some(Box::new(Core { registry, state })), waiter })
    }

    /// The loop's state.
    ///
    /// # Examples
    /// See [`Timer`](crate::Timer).
    pub fn state(&self) -> &S {
        &self.core().state
    }

    /// The loop's state, to change it.
    ///
    /// # Examples
    /// ```
    /// let mut ev = evoxide::EventLoop::new(1)?;
    /// *ev.state_mut() += 1;
    /// assert_eq!(*ev.state(), 2);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn state_mut(&mut self) -> &mut S {
        &mut self.core_mut().state
    }

    /// Ends the loop, with all its events, and gives its state back.
    ///
    /// # Examples
    /// See [`EventLoop`].
    pub fn into_state(mut self) -> S {
        match self.core.take() {
            Some(core) => core.state,
            None => unreachable!("{AT_HOME}"),
        }
    }

    /// The loop as a handler sees it, for functions that take a [`Context`].
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Context, EventLoop};
    ///
    /// fn start(cx: &mut Context<'_, Vec<u8>>) {
    ///     cx.state().push(1);
    /// }
    ///
    /// let mut ev = EventLoop::new(Vec::new())?;
    /// start(&mut ev.context());
    /// assert_eq!(ev.state(), &[1]);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn context(&mut self) -> Context<'_, S> {
        self.core_mut().context(None)
    }

    fn core(&self) -> &Core<S> {
        match &self.core {
            Some(core) => core,
            None => unreachable!("{AT_HOME}"),
        }
    }

    fn core_mut(&mut self) -> &mut Core<S> {
        match &mut self.core {
            Some(core) => core,
            None => unreachable!("{AT_HOME}"),
        }
    }

    fn registry(&mut self) -> &mut Registry<S> {
        &mut self.core_mut().registry
    }

    /// Waits for events and calls their handlers until nothing is left to wait for, or somebody calls
    /// [`exit`](Registry::exit) or [`stop`](Registry::stop).
    ///
    /// # Errors
    /// What the operating system says of a wait. The loop may be run again.
    ///
    /// # Examples
    /// See [`EventLoop`].
    pub fn run(&mut self) -> Result<Outcome, Error> {
        self.drive(Mode::Forever)
    }

    /// Waits until something is ready, calls the handlers of what is, and returns.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Outcome};
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.timer(Duration::from_millis(1), |_| {});
    /// assert_eq!(ev.run_once()?, Outcome::Turned);
    /// assert_eq!(ev.run_once()?, Outcome::Idle);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn run_once(&mut self) -> Result<Outcome, Error> {
        self.drive(Mode::Once)
    }

    /// Calls the handlers of what is ready now, without waiting.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Outcome};
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(false)?;
    /// ev.timer(Duration::from_secs(3600), |cx| *cx.state() = true);
    /// assert_eq!(ev.poll()?, Outcome::Turned);
    /// assert!(!ev.state());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn poll(&mut self) -> Result<Outcome, Error> {
        self.drive(Mode::Poll)
    }

    /// Lets time pass on a [`Clock::Virtual`](crate::Clock::Virtual); timers that are due run with the next turn.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) on any other clock.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Clock, Config, EventLoop};
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), false)?;
    /// ev.timer(Duration::from_secs(2), |cx| *cx.state() = true);
    /// ev.advance(Duration::from_secs(1))?;
    /// ev.poll()?;
    /// assert!(!ev.state());
    /// ev.advance(Duration::from_secs(1))?;
    /// ev.poll()?;
    /// assert!(*ev.state());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn advance(&mut self, time: Duration) -> Result<(), Error> {
        let clock = &mut self.registry().time;
        if !clock.is_virtual() {
            return Err(Error::invalid("clock"));
        }
        clock.jump_to(clock.now().saturating_add(nanos(time)));
        Ok(())
    }

    fn drive(&mut self, mode: Mode) -> Result<Outcome, Error> {
        let registry = self.registry();
        registry.mailbox.alarm.enter();
        if let Some(inspector) = &mut registry.inspector {
            inspector.begin();
        }
        let driven = catch_unwind(AssertUnwindSafe(|| self.turns(mode)));
        let registry = self.registry();
        registry.in_turn = false;
        for at in 0..registry.leavers.len() {
            (registry.leavers[at])(registry);
        }
        if !registry.mailbox.alarm.leave() {
            // What was asked for meanwhile shows on the descriptor, for a loop that waits on it.
            registry.mailbox.alarm.waker.wake();
        }
        match driven {
            Ok(outcome) => outcome,
            Err(panic) => resume_unwind(panic),
        }
    }

    fn turns(&mut self, mode: Mode) -> Result<Outcome, Error> {
        loop {
            self.registry().served = false;
            if let Some(outcome) = self.asked() {
                return Ok(outcome);
            }
            self.registry().collect();
            if self.registry().is_idle() {
                return Ok(Outcome::Idle);
            }
            if self.registry().is_draining() && self.registry().is_drained() {
                return Ok(Outcome::Exited);
            }
            self.registry().in_turn = true;
            let called = self.turn(mode);
            self.registry().in_turn = false;
            let called = called?;
            self.registry().served = called;
            if mode == Mode::Poll || (mode == Mode::Once && called) {
                return Ok(self.asked().unwrap_or(Outcome::Turned));
            }
        }
    }

    /// Takes what was asked for, if anything.
    fn asked(&mut self) -> Option<Outcome> {
        match self.core().registry.mailbox.alarm.take_asked() {
            0 => None,
            EXIT => Some(Outcome::Exited),
            _ => Some(Outcome::Stopped),
        }
    }

    fn is_stopped(&self) -> bool {
        self.core().registry.mailbox.alarm.asked() & STOP != 0
    }

    /// One wait, and the handlers of what it found: one priority level, or all of them where only one turn is asked for.
    /// Returns whether any was called.
    fn turn(&mut self, mode: Mode) -> Result<bool, Error> {
        let registry = self.registry();
        registry.engine.reactor.promote_next_turn();
        if !registry.turn_end.is_empty() || !registry.prepares.is_empty() {
            registry.time.update();
        }
        let mut called = self.end_turn();
        self.prepare(mode);
        self.registry().collect();
        if self.registry().is_idle() {
            // Nothing would end the wait.
            return Ok(called);
        }
        self.wait(if called && mode == Mode::Once { Mode::Poll } else { mode })?;
        if !self.registry().checks.is_empty() {
            self.hooks(|r| r.checks.clone());
        }
        let registry = self.registry();
        if registry.inspector.is_some() {
            registry.inspect_wait();
        }
        let now = registry.time.now();
        registry.engine.reactor.expire(now);
        if registry.engine.reactor.counts().active == 0 && !registry.idles.is_empty() {
            for id in registry.idles.clone() {
                if registry.entries.get(id).is_some_and(|e| !e.paused) {
                    registry.activate_with(id, Ready::READ);
                }
            }
        }
        let batches = if mode == Mode::Forever { 1 } else { registry.engine.reactor.priorities() };
        for _ in 0..batches {
            if self.registry().engine.reactor.counts().active == 0 || self.is_stopped() {
                break;
            }
            called |= self.batch(now);
        }
        called |= self.end_turn();
        Ok(called)
    }

    fn prepare(&mut self, mode: Mode) {
        if self.registry().prepares.is_empty() {
            return;
        }
        let registry = self.registry();
        registry.next_wait = registry.wait_time(mode == Mode::Poll).map(Duration::from_nanos);
        self.hooks(|r| r.prepares.clone());
    }

    /// Calls the prepare or check hooks.
    fn hooks(&mut self, which: impl FnOnce(&Registry<S>) -> Vec<EventId>) {
        for id in which(&self.core().registry) {
            if self.registry().entries.get(id).is_some_and(|e| !e.paused) {
                self.call(id, Fired::plain(Side::First));
            }
        }
    }

    fn wait(&mut self, mode: Mode) -> Result<(), Error> {
        let Self { core: Some(core), waiter } = self else { unreachable!("{AT_HOME}") };
        let registry = &mut core.registry;
        let timeout = registry.wait_time(mode == Mode::Poll);
        registry.engine.begin_wait(waiter)?;
        // Others ring from here on, unless they did meanwhile.
        let may_block = timeout != Some(0) && registry.mailbox.alarm.leave();
        let waited = if !may_block {
            waiter.wait(Some(0))
        } else if !registry.time.is_virtual() {
            waiter.wait(timeout)
        } else {
            waiter.wait(Some(0)).and_then(|found| match timeout {
                Some(timeout) if found == 0 => {
                    registry.time.jump_to(registry.time.now().saturating_add(timeout));
                    Ok(0)
                }
                None if found == 0 => waiter.wait(None),
                _ => Ok(found),
            })
        };
        if may_block {
            registry.mailbox.alarm.enter();
        }
        let found = waited?;
        registry.time.update();
        let tags = if found > 0 { registry.engine.finish_wait(waiter)? } else { Tags::default() };
        if tags.rebuilt() {
            log::warn!("a descriptor that is not watched any more keeps being reported: rebuilding the set");
        }
        registry.serve_tags(tags);
        Ok(())
    }

    /// Calls the handlers of one batch of ready events. Returns whether any was called.
    fn batch(&mut self, now: u64) -> bool {
        self.registry().engine.reactor.begin_batch(|| now);
        let mut called = false;
        loop {
            if called && self.is_stopped() {
                return called;
            }
            match self.registry().engine.reactor.pop_ready() {
                Some(popped) => called |= self.dispatch(popped),
                None => {
                    let Registry { engine, time, .. } = self.registry();
                    if !engine.reactor.extend_batch(|| time.update()) {
                        return called;
                    }
                }
            }
        }
    }

    fn dispatch(&mut self, popped: Popped<u64>) -> bool {
        let registry = self.registry();
        registry.engine.finish_popped(&popped);
        let Some(id) = registry.entries.id(popped.payload) else {
            registry.work_is_ready = false;
            return self.work();
        };
        let now = registry.time.now();
        let Some(entry) = registry.entries.get_mut(id) else { return false };
        if !popped.kept() {
            entry.slot = None;
        }
        let again = match entry.kind {
            Kind::Timer { period: Some(period), .. } => {
                // Counted from when it was due, unless it fell behind or was made to happen.
                let due = popped
                    .key
                    .and_then(|key| registry.engine.reactor.view(key))
                    .map_or(0, |view| view.last_deadline)
                    .saturating_add(period);
                let on_time = popped.ready.contains(Ready::TIMEOUT) && due > now;
                Some(if on_time { due } else { now.saturating_add(period) })
            }
            Kind::Descriptor { timeout: Some(timeout), .. } => Some(now.saturating_add(timeout)),
            _ => None,
        };
        if let (Some(deadline), Some(key)) = (again, popped.kept_key()) {
            registry.engine.reactor.set_timeout(key, Some(deadline));
        }
        let second = entry.second.is_some() && popped.kept_key() == entry.second;
        let side = if second { Side::Second } else { Side::First };
        self.call(id, Fired { ready: popped.ready, calls: popped.calls, side });
        true
    }

    /// Takes a handler out, calls it, and puts it back if its event still lives.
    fn call(&mut self, id: EventId, fired: Fired) {
        let core = self.core_mut();
        let Some(entry) = core.registry.entries.get_mut(id) else { return };
        let Some(mut handler) = entry.handler.take() else { return };
        if matches!(entry.kind, Kind::Task) {
            self.core = self.core.take().map(|core| handler.call_with(core, id));
        } else {
            let mut cx = core.context(Some(id));
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| handler.call(&mut cx, fired))) {
                let told = catch_unwind(AssertUnwindSafe(|| handler.panicked(&mut cx)));
                if told.is_err() {
                    log::error!("a handler panicked again when its event was closed after a panic");
                }
                self.registry().remove(id);
                handler.removed(self.registry());
                drop(handler);
                resume_unwind(panic);
            }
        }
        let registry = self.registry();
        let Some(entry) = registry.entries.get_mut(id) else {
            handler.removed(registry);
            return;
        };
        let replaced = match entry.kind {
            Kind::Descriptor { fd: old, .. } => handler.fd().filter(|new| *new != old),
            _ => None,
        };
        entry.handler = Some(handler);
        if entry.once && entry.slot.is_none() && !entry.paused {
            registry.remove(id);
            return;
        }
        if let (Kind::Descriptor { fd, .. }, Some(new)) = (&mut entry.kind, replaced) {
            // The handler put another descriptor in the place of its source.
            *fd = new;
            if registry.pause(id) && registry.resume(id).is_err() {
                registry.remove(id);
            }
        }
    }

    /// Calls events that asked to be called when the turn ends: once for each, or one that asks each time would keep the loop.
    /// Returns whether there was any.
    fn end_turn(&mut self) -> bool {
        let count = self.registry().turn_end.len();
        for _ in 0..count {
            let Some(id) = self.registry().turn_end.pop_front() else { break };
            self.call(id, Fired::plain(Side::TurnEnd));
        }
        count > 0
    }

    /// Runs posted work: what there is now, not what it posts.
    fn work(&mut self) -> bool {
        let mailbox = self.registry().mailbox.clone();
        let count = mailbox.waiting.load(Ordering::SeqCst);
        for _ in 0..count {
            let Some(job) = mailbox.next_job() else { break };
            job(&mut self.context());
            if self.is_stopped() {
                break;
            }
        }
        count > 0
    }
}

impl<S> Registry<S> {
    /// Lets extensions queue what became ready outside the loop.
    fn collect(&mut self) {
        for at in 0..self.collectors.len() {
            (self.collectors[at])(self);
        }
    }

    /// How long to wait, in nanoseconds.
    fn wait_time(&mut self, poll: bool) -> Option<u64> {
        let idle = self.idles.iter().any(|id| self.entries.get(*id).is_some_and(|e| !e.paused));
        if poll
            || idle
            || self.engine.reactor.counts().active > 0
            || self.mailbox.alarm.asked() != 0
            || self.mailbox.waiting.load(Ordering::SeqCst) > 0
            || !self.turn_end.is_empty()
        {
            return Some(0);
        }
        let now = self.time.now();
        let horizon = if self.time.is_virtual() { u64::MAX } else { now.saturating_add(HORIZON) };
        let first = self.engine.reactor.first_deadline(now, horizon)?;
        Some(first.saturating_sub(self.time.update()))
    }

    /// Serves the loop's own descriptors, and takes up what others asked for.
    fn serve_tags(&mut self, tags: Tags) {
        // Posted work runs before the signals of the turn; what came just before the waker was drained must not be missed.
        self.ready_posted();
        self.engine.serve(tags);
        self.mailbox.alarm.look();
        self.ready_posted();
        self.collect();
    }
}

impl<S> Deref for EventLoop<S> {
    type Target = Registry<S>;

    fn deref(&self) -> &Registry<S> {
        &self.core().registry
    }
}

impl<S> DerefMut for EventLoop<S> {
    fn deref_mut(&mut self) -> &mut Registry<S> {
        self.registry()
    }
}

impl<S: fmt::Debug> fmt::Debug for EventLoop<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop").field("state", self.state()).field("events", &self.core().registry).finish()
    }
}
