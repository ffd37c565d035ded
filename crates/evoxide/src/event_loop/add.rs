//! Adding events, and ending runs.

use super::context::Context;
use super::event::{EventId, Kind};
use super::handlers::{OnDescriptor, OnPrepare, OnSignal, Plain};
use super::mailbox::{EXIT, STOP};
use super::registry::Registry;
use crate::error::Error;
use crate::interest::{Ready, Watch};
use crate::signal::Signal;
use crate::timer::{Due, Timer, nanos};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

impl<S> Registry<S> {
    /// Calls `handler` when `source` is ready for what `watch` (an [`Interest`](crate::Interest), or more precisely a [`Watch`]) asks for.
    ///
    /// The loop owns the source from now on and lends it to the handler; it is dropped with the event. Anything that lends a
    /// descriptor will do: a `TcpListener`, an `OwnedFd`, an `Rc<UnixStream>`. A source should be non-blocking.
    ///
    /// # Errors
    /// What the operating system says of the descriptor; [`ErrorKind::ModeConflict`](crate::ErrorKind::ModeConflict) where edge- and level-triggered events
    /// would mix. The source is dropped.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Interest};
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (mut a, b) = UnixStream::pair()?;
    /// let mut ev = EventLoop::new(String::new())?;
    /// ev.descriptor(b, Interest::READ, |cx, b, _ready| {
    ///     let mut buf = [0; 100];
    ///     match b.read(&mut buf) {
    ///         Ok(0) | Err(_) => drop(cx.remove_self()),
    ///         Ok(n) => cx.state().push_str(&String::from_utf8_lossy(&buf[..n])),
    ///     }
    /// })?;
    /// a.write_all(b"hello")?;
    /// drop(a);
    /// ev.run()?;
    /// assert_eq!(ev.state(), "hello");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn descriptor<F, H>(&mut self, source: F, watch: impl Into<Watch>, handler: H) -> Result<EventId, Error>
    where
        F: AsFd + 'static,
        H: FnMut(&mut Context<'_, S>, &mut F, Ready) + 'static,
    {
        let watch = watch.into();
        let fd = source.as_fd().as_raw_fd();
        let kind = Kind::Descriptor { fd, interest: watch.interest, timeout: watch.timeout.map(nanos) };
        let id = self.insert(kind, watch.priority, watch.once, OnDescriptor { source, handler });
        self.arm_new(id)
    }

    /// Calls `handler` when a timer (a [`Duration`] from now, or more precisely a [`Timer`]) is due.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.timer(Duration::from_millis(5), |_| println!("five milliseconds later"));
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn timer<H>(&mut self, timer: impl Into<Timer>, handler: H) -> EventId
    where
        H: FnMut(&mut Context<'_, S>) + 'static,
    {
        let timer = timer.into();
        let after = match timer.due {
            Due::After(delay) => nanos(delay),
            Due::At(moment) => {
                let now = self.fresh_now();
                self.time.nanoseconds(moment).saturating_sub(now)
            }
        };
        let kind = Kind::Timer { after, period: timer.period.map(nanos) };
        let id = self.insert(kind, timer.priority, timer.period.is_none(), Plain(handler));
        // A timer needs nothing of the system.
        let _ = self.arm(id);
        id
    }

    /// Calls `handler` when the process gets `signal`, with how often it came since the last call.
    ///
    /// Any number of loops may wait for the same signal; each is told. The first one takes over the process's disposition of
    /// it, and the last one to stop waiting gives it back.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`](crate::ErrorKind::OutOfRange) for what is no signal; what the operating system says of one that cannot be caught.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Signal};
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.signal(Signal::TERM, |cx, _times| cx.exit())?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn signal<H>(&mut self, signal: Signal, handler: H) -> Result<EventId, Error>
    where
        H: FnMut(&mut Context<'_, S>, u32) + 'static,
    {
        let id = self.insert(Kind::Signal(signal.as_raw()), None, false, OnSignal(handler));
        self.arm_new(id)
    }

    /// An event that happens when somebody [activates](Self::activate) it. It does not keep a loop running.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// let id = ev.user(|cx| *cx.state() += 1);
    /// ev.activate(id);
    /// ev.run()?;
    /// assert_eq!(*ev.state(), 1);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn user<H>(&mut self, handler: H) -> EventId
    where
        H: FnMut(&mut Context<'_, S>) + 'static,
    {
        let id = self.insert(Kind::User, None, false, Plain(handler));
        // It needs nothing of the system.
        let _ = self.arm(id);
        id
    }

    /// Calls `handler` before each wait, with how long the loop is about to wait (`None`: until something happens). What it
    /// adds or activates is seen by that wait. It does not keep a loop running.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// ev.prepare(|cx, wait| {
    ///     assert!(wait.unwrap() <= Duration::from_millis(1));
    ///     *cx.state() += 1;
    /// });
    /// ev.timer(Duration::from_millis(1), |_| {});
    /// ev.run()?;
    /// assert!(*ev.state() > 0);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn prepare<H>(&mut self, handler: H) -> EventId
    where
        H: FnMut(&mut Context<'_, S>, Option<Duration>) + 'static,
    {
        let id = self.insert(Kind::Prepare, None, false, OnPrepare(handler));
        self.prepares.push(id);
        id
    }

    /// Calls `handler` after each wait, before the handlers of what is ready. It does not keep a loop running.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// ev.check(|cx| *cx.state() += 1);
    /// ev.timer(Duration::from_millis(1), |_| {});
    /// ev.run()?;
    /// assert!(*ev.state() > 0);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn check<H>(&mut self, handler: H) -> EventId
    where
        H: FnMut(&mut Context<'_, S>) + 'static,
    {
        let id = self.insert(Kind::Check, None, false, Plain(handler));
        self.checks.push(id);
        id
    }

    /// Calls `handler` whenever nothing else is ready: the loop does not wait as long as such an event exists, and keeps
    /// running.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// ev.idle(|cx| {
    ///     *cx.state() += 1;
    ///     if *cx.state() == 3 {
    ///         cx.remove_self();
    ///     }
    /// });
    /// ev.run()?;
    /// assert_eq!(*ev.state(), 3);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn idle<H>(&mut self, handler: H) -> EventId
    where
        H: FnMut(&mut Context<'_, S>) + 'static,
    {
        let id = self.insert(Kind::Idle, None, false, Plain(handler));
        self.idles.push(id);
        self.engine.reactor.add_virtual(1);
        id
    }

    /// Ends the run when the handlers that are ready now, at the same priority, have run. Outside a run: ends the next one as it begins.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Outcome};
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.timer(Duration::ZERO, |cx| cx.exit());
    /// ev.timer(Duration::from_secs(3600), |_| {});
    /// assert_eq!(ev.run()?, Outcome::Exited);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn exit(&mut self) {
        self.mailbox.alarm.ask(EXIT);
    }

    /// Ends the run in so long a time. Until then the loop has something to wait for.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Outcome};
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.exit_after(Duration::from_millis(1));
    /// assert_eq!(ev.run()?, Outcome::Exited);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn exit_after(&mut self, delay: Duration) -> EventId {
        self.timer(delay, |cx| cx.exit())
    }

    /// Ends the run as soon as the handler that runs now returns; what is ready stays ready for the next run. Outside a run:
    /// ends the next one as it begins.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Outcome};
    ///
    /// let mut ev = EventLoop::new(0)?;
    /// for _ in 0..2 {
    ///     let id = ev.user(|cx| {
    ///         *cx.state() += 1;
    ///         cx.stop();
    ///     });
    ///     ev.activate(id);
    /// }
    /// assert_eq!(ev.run()?, Outcome::Stopped);
    /// assert_eq!(*ev.state(), 1);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn stop(&mut self) {
        self.mailbox.alarm.ask(STOP);
    }
}
