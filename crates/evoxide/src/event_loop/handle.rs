//! Reaching a loop from other threads.

use super::context::{Context, Job};
use super::mailbox::{EXIT, Mailbox, STOP};
use super::registry::Registry;
use crate::error::{Error, ErrorKind};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Reaches a loop from any thread: wakes it, gives it work, ends it. `Send`, `Sync` and cheap to clone, whatever the loop's
/// state is.
///
/// A handle does not keep a loop running; [`hold`](Self::hold) does.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use std::thread;
///
/// let mut ev = EventLoop::new(0)?;
/// let handle = ev.handle();
/// let hold = handle.hold();
/// let worker = thread::spawn(move || {
///     handle.post(|cx| *cx.state() = 42).unwrap();
///     drop(hold);
/// });
/// ev.run()?;
/// worker.join().unwrap();
/// assert_eq!(*ev.state(), 42);
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct Handle<S> {
    pub(crate) mailbox: Arc<Mailbox<Job<S>>>,
}

impl<S> Handle<S> {
    /// Lets the loop look around: its current or next wait ends at once.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.check(|cx| cx.exit());
    /// ev.timer(Duration::from_secs(3600), |_| {});
    /// let handle = ev.handle();
    /// std::thread::spawn(move || handle.wake());
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn wake(&self) {
        self.mailbox.alarm.wake();
    }

    /// Lets the loop run `work` on its own thread, soon. Posted work runs in the order in which it was posted, at the middle
    /// priority.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] where the loop has gone; `work` is dropped then. A loop that is dropped drops the work that it
    /// has not come to.
    ///
    /// # Examples
    /// See [`Handle`].
    pub fn post(&self, work: impl FnOnce(&mut Context<'_, S>) + Send + 'static) -> Result<(), Error> {
        if self.mailbox.post(Box::new(work)) { Ok(()) } else { Err(ErrorKind::Closed.into()) }
    }

    /// Ends the run of the loop after the handler that runs now, if any: see
    /// [`Registry::stop`](crate::Registry::stop).
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Outcome};
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let handle = ev.handle();
    /// let _hold = handle.hold();
    /// std::thread::spawn(move || handle.stop());
    /// assert_eq!(ev.run()?, Outcome::Stopped);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn stop(&self) {
        self.mailbox.alarm.ask(STOP);
        self.mailbox.alarm.wake();
    }

    /// Ends the run of the loop after the handlers that are ready now: see [`Registry::exit`](crate::Registry::exit).
    ///
    /// # Examples
    /// As for [`stop`](Self::stop), with [`Outcome::Exited`](crate::Outcome::Exited).
    pub fn exit(&self) {
        self.mailbox.alarm.ask(EXIT);
        self.mailbox.alarm.wake();
    }

    /// Ends the loop in order: see [`Registry::drain`](crate::Registry::drain). What was posted before is done before.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Outcome};
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.listen("127.0.0.1:0", |_cx, _conn, _peer| ())?;
    /// let handle = ev.handle();
    /// std::thread::spawn(move || handle.drain(Duration::from_secs(30)));
    /// assert_eq!(ev.run()?, Outcome::Exited);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn drain(&self, within: Duration) -> Result<(), Error>
    where
        S: 'static,
    {
        self.post(move |cx| cx.drain(within))
    }

    /// Keeps the loop running even when it has no events, as long as the answer lives.
    ///
    /// # Examples
    /// See [`Handle`].
    pub fn hold(&self) -> Hold<S> {
        self.mailbox.alarm.holds.fetch_add(1, Ordering::SeqCst);
        Hold { mailbox: Arc::clone(&self.mailbox) }
    }
}

impl<S> Registry<S> {
    /// A handle to reach this loop from other threads.
    ///
    /// # Examples
    /// See [`Handle`].
    pub fn handle(&self) -> Handle<S> {
        Handle { mailbox: Arc::clone(&self.mailbox) }
    }
}

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Self { mailbox: Arc::clone(&self.mailbox) }
    }
}

impl<S> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Keeps a loop running; see [`Handle::hold`].
///
/// # Examples
/// See [`Handle`].
pub struct Hold<S> {
    mailbox: Arc<Mailbox<Job<S>>>,
}

impl<S> Drop for Hold<S> {
    fn drop(&mut self) {
        self.mailbox.alarm.holds.fetch_sub(1, Ordering::SeqCst);
        self.mailbox.alarm.wake();
    }
}

impl<S> fmt::Debug for Hold<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").finish_non_exhaustive()
    }
}
