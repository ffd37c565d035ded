//! Threads for work that would keep the loop from its events.

use crate::error::{Error, ErrorKind};
use crate::event_loop::{Context, Handle};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Threads that work for loops: what a job answers is handed to a function on the loop's thread. Kept in the loop's state, or shared
/// by several loops.
///
/// A loop with a job under way keeps running. When this is dropped, jobs that have not begun are dropped too, and those that have are
/// not waited for.
///
/// # Examples
/// ```
/// use evoxide::{EventLoop, Workers};
///
/// let workers = Workers::new(4, 100)?;
/// let mut ev = EventLoop::new(0)?;
/// for n in 1..=10_u64 {
///     workers.run(&ev.handle(), move || (1..=n).product::<u64>(), |cx, answer| *cx.state() += answer.unwrap())?;
/// }
/// ev.run()?;
/// assert_eq!(*ev.state(), 4_037_913);
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct Workers {
    shared: Arc<Shared>,
}

type Job = Box<dyn FnOnce() + Send>;

/// What the threads share.
struct Shared {
    queue: Mutex<Queue>,
    /// Something is in the queue, or it was closed.
    changed: Condvar,
    /// How many jobs there may be, with those that run.
    most: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// With those that run.
    count: usize,
    closed: bool,
}

impl Shared {
    /// No job runs under the lock, so that a poisoned one is as good as any.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a thread.
    fn work(&self) {
        loop {
            let job = {
                let mut queue = self.queue();
                loop {
                    if queue.closed {
                        return;
                    }
                    match queue.jobs.pop_front() {
                        Some(job) => break job,
                        None => queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                    }
                }
            };
            job();
        }
    }
}

impl Workers {
    /// Starts `threads` threads, with room for `queue` jobs besides those that run.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for no threads; what the operating system says.
    ///
    /// # Examples
    /// See [`Workers`].
    pub fn new(threads: usize, queue: usize) -> Result<Self, Error> {
        if threads == 0 {
            return Err(Error::invalid("threads"));
        }
        let most = threads.saturating_add(queue);
        let workers = Self { shared: Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new(), most }) };
        for _ in 0..threads {
            let shared = Arc::clone(&workers.shared);
            thread::Builder::new().name("evoxide worker".into()).spawn(move || shared.work())?;
        }
        Ok(workers)
    }

    /// Lets a thread run `job`, and then a loop `done` with what it answered; or with what it panicked with.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] where as much waits already as may; both functions are dropped then.
    ///
    /// # Examples
    /// See [`Workers`].
    pub fn run<S, T, J, D>(&self, handle: &Handle<S>, job: J, done: D) -> Result<(), Error>
    where
        S: 'static,
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
        D: FnOnce(&mut Context<'_, S>, thread::Result<T>) + Send + 'static,
    {
        let mut queue = self.shared.queue();
        if queue.count >= self.shared.most {
            return Err(ErrorKind::Busy.into());
        }
        queue.count += 1;
        let (shared, handle, hold) = (Arc::clone(&self.shared), handle.clone(), handle.hold());
        queue.jobs.push_back(Box::new(move || {
            let answer = catch_unwind(AssertUnwindSafe(job));
            shared.queue().count -= 1;
            // The loop may have gone meanwhile.
            let _ = handle.post(move |cx| done(cx, answer));
            drop(hold);
        }));
        drop(queue);
        self.shared.changed.notify_one();
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.closed = true;
        let jobs = std::mem::take(&mut queue.jobs);
        drop(queue);
        self.shared.changed.notify_all();
        drop(jobs);
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("jobs", &self.shared.queue().count).finish_non_exhaustive()
    }
}
