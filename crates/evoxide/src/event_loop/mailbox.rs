//! What a loop shares with other threads: requests, work, and the way to wake it.

use crate::error::Error;
use evoxide_sys::wake::Wake;
use evoxide_sys::waker::Waker;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The run ends after the handlers that are ready.
pub(crate) const EXIT: u32 = 2;
/// The run ends after the handler that runs now.
pub(crate) const STOP: u32 = 4;

/// Wakes a loop and tells it what to do, whatever its state is. A loop that nobody runs counts as waiting, since it may be a guest
/// in another one that waits on its descriptor.
pub(crate) struct Alarm {
    /// The engine has it too, and drains it.
    pub waker: Arc<Waker>,
    wake: Wake,
    pub holds: AtomicUsize,
}

impl Alarm {
    fn new() -> Result<Self, Error> {
        let alarm = Self { waker: Arc::new(Waker::new()?), wake: Wake::new(), holds: AtomicUsize::new(0) };
        alarm.wake.set_descriptor(alarm.waker.wake_fd());
        alarm.leave();
        Ok(alarm)
    }

    /// Lets the loop look around.
    pub fn wake(&self) {
        self.wake.wake(Wake::LOOK);
    }

    /// Asks for [`EXIT`] or [`STOP`].
    pub fn ask(&self, what: u32) {
        self.wake.wake(what);
    }

    /// What was asked for so far.
    pub fn asked(&self) -> u32 {
        self.wake.reasons() & (EXIT | STOP)
    }

    /// Takes what was asked for.
    pub fn take_asked(&self) -> u32 {
        self.wake.take(EXIT | STOP)
    }

    /// The loop runs from here on, and need not be rung.
    pub fn enter(&self) {
        self.wake.end_wait();
    }

    /// The loop is about to wait, or nobody runs it any more. `false`: something was asked for meanwhile, and it must not block.
    pub fn leave(&self) -> bool {
        self.wake.begin_wait()
    }

    /// Takes back wakes; whatever is asked for later wakes again. To be called after the waker was drained.
    pub fn look(&self) {
        self.wake.take(Wake::LOOK);
    }
}

/// What a loop and its handles share; jobs are of type `J`.
pub(crate) struct Mailbox<J> {
    pub alarm: Arc<Alarm>,
    /// How many jobs there are, to look without the lock.
    pub waiting: AtomicUsize,
    /// `None` when the loop has gone.
    jobs: Mutex<Option<VecDeque<J>>>,
}

impl<J> Mailbox<J> {
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            alarm: Arc::new(Alarm::new()?),
            waiting: AtomicUsize::new(0),
            jobs: Mutex::new(Some(VecDeque::new())),
        })
    }

    /// Jobs never run under the lock, so that a poisoned one is as good as any.
    fn jobs(&self) -> MutexGuard<'_, Option<VecDeque<J>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job and wakes the loop. `false`: the loop has gone.
    pub fn post(&self, job: J) -> bool {
        match self.jobs().as_mut() {
            Some(jobs) => {
                jobs.push_back(job);
                self.waiting.store(jobs.len(), Ordering::SeqCst);
            }
            None => return false,
        }
        self.alarm.wake();
        true
    }

    pub fn next_job(&self) -> Option<J> {
        let mut guard = self.jobs();
        let jobs = guard.as_mut()?;
        let job = jobs.pop_front();
        self.waiting.store(jobs.len(), Ordering::SeqCst);
        job
    }

    /// Drops the work that is left, and refuses more.
    pub fn close(&self) {
        // Dropped after the lock is released: what work owns may use a handle when it is dropped.
        let jobs = self.jobs().take();
        self.waiting.store(0, Ordering::SeqCst);
        drop(jobs);
    }
}
