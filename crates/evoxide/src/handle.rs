//! Reaching a loop from other threads.

use crate::context::Context;
use crate::error::{Error, ErrorKind};
use evoxide_sys::waker::Waker;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) const EXIT: u8 = 1;
pub(crate) const STOP: u8 = 2;

pub(crate) type Job<S> = Box<dyn FnOnce(&mut Context<'_, S>) + Send>;

/// What a loop and its handles share.
pub(crate) struct Shared<S> {
    pub waker: Waker,
    /// The waker was used and not drained since.
    pub notified: AtomicBool,
    pub asked: AtomicU8,
    pub holds: AtomicUsize,
    /// How many jobs there are, to look without the lock.
    pub waiting: AtomicUsize,
    /// `None` when the loop has gone.
    pub jobs: Mutex<Option<VecDeque<Job<S>>>>,
}

impl<S> Shared<S> {
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            waker: Waker::new()?,
            notified: AtomicBool::new(false),
            asked: AtomicU8::new(0),
            holds: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            jobs: Mutex::new(Some(VecDeque::new())),
        })
    }

    /// Jobs never run under the lock, so that a poisoned one is as good as any.
    pub fn jobs(&self) -> MutexGuard<'_, Option<VecDeque<Job<S>>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn next_job(&self) -> Option<Job<S>> {
        let mut guard = self.jobs();
        let jobs = guard.as_mut()?;
        let job = jobs.pop_front();
        self.waiting.store(jobs.len(), Ordering::SeqCst);
        job
    }

    pub fn wake(&self) {
        if !self.notified.swap(true, Ordering::SeqCst) {
            self.waker.wake();
        }
    }

    /// Takes back a wake; whatever is asked for later wakes again.
    pub fn drain(&self) {
        self.waker.drain();
        self.notified.store(false, Ordering::SeqCst);
    }

    /// Drops the work that is left, and refuses more.
    pub fn close(&self) {
        // Dropped after the lock is released: what work owns may use a handle when it is dropped.
        let jobs = self.jobs().take();
        self.waiting.store(0, Ordering::SeqCst);
        drop(jobs);
    }

    pub fn ask(&self, what: u8) {
        self.asked.fetch_or(what, Ordering::SeqCst);
    }
}

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
    pub(crate) shared: Arc<Shared<S>>,
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
        self.shared.wake();
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
        match self.shared.jobs().as_mut() {
            Some(jobs) => {
                jobs.push_back(Box::new(work));
                self.shared.waiting.store(jobs.len(), Ordering::SeqCst);
            }
            None => return Err(ErrorKind::Closed.into()),
        }
        self.shared.wake();
        Ok(())
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
        self.shared.ask(STOP);
        self.shared.wake();
    }

    /// Ends the run of the loop after the handlers that are ready now: see [`Registry::exit`](crate::Registry::exit).
    ///
    /// # Examples
    /// As for [`stop`](Self::stop), with [`Outcome::Exited`](crate::Outcome::Exited).
    pub fn exit(&self) {
        self.shared.ask(EXIT);
        self.shared.wake();
    }

    /// Keeps the loop running even when it has no events, as long as the answer lives.
    ///
    /// # Examples
    /// See [`Handle`].
    pub fn hold(&self) -> Hold<S> {
        self.shared.holds.fetch_add(1, Ordering::SeqCst);
        Hold { shared: Arc::clone(&self.shared) }
    }
}

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
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
    shared: Arc<Shared<S>>,
}

impl<S> Drop for Hold<S> {
    fn drop(&mut self) {
        self.shared.holds.fetch_sub(1, Ordering::SeqCst);
        self.shared.wake();
    }
}

impl<S> fmt::Debug for Hold<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").finish_non_exhaustive()
    }
}
