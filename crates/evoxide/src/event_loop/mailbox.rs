//! What a loop shares with other threads: requests, work, and the way to wake it.

use crate::error::Error;
use evoxide_sys::waker::Waker;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The run ends after the handlers that are ready.
pub(crate) const EXIT: u8 = 1;
/// The run ends after the handler that runs now.
pub(crate) const STOP: u8 = 2;

/// Wakes a loop and tells it what to do, whatever its state is.
pub(crate) struct Alarm {
    pub waker: Waker,
    /// The waker was used and not drained since.
    notified: AtomicBool,
    pub asked: AtomicU8,
    pub holds: AtomicUsize,
}

impl Alarm {
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

    pub fn ask(&self, what: u8) {
        self.asked.fetch_or(what, Ordering::SeqCst);
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
        let alarm = Alarm {
            waker: Waker::new()?,
            notified: AtomicBool::new(false),
            asked: AtomicU8::new(0),
            holds: AtomicUsize::new(0),
        };
        Ok(Self { alarm: Arc::new(alarm), waiting: AtomicUsize::new(0), jobs: Mutex::new(Some(VecDeque::new())) })
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
