//! The list through which other threads wake a loop's tasks.
//!
//! A task has a [`Mark`]: it is in the list, or about to be. Who wakes a task marks it first, and only who finds it unmarked lists it and
//! rings the loop; the loop takes the list, and unmarks each task before it polls it. So a task is in the list at most once, and **no
//! wake is lost**: after a wake the task is polled again, and what was written before the wake is seen by that poll.
//!
//! The loom model in the tests tries every order of these steps.

#[cfg(loom)]
use loom::sync::atomic::AtomicBool;
#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
use std::sync::PoisonError;
#[cfg(not(loom))]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

/// Whether a task is in the list.
#[derive(Debug)]
pub struct Mark(AtomicBool);

impl Default for Mark {
    fn default() -> Self {
        Self::new()
    }
}

impl Mark {
    /// It is in no list.
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// The task is about to be polled: later wakes count again.
    pub fn clear(&self) {
        if self.0.load(Relaxed) {
            // What was written before a wake that found the mark is seen by the poll.
            self.0.swap(false, AcqRel);
        }
    }

    fn set(&self) -> bool {
        !self.0.swap(true, AcqRel)
    }
}

/// Tasks that other threads have woken.
#[derive(Debug)]
pub struct WakeList<T> {
    /// Whether there are any, to look without the lock.
    pending: AtomicBool,
    woken: Mutex<Vec<T>>,
}

impl<T> Default for WakeList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> WakeList<T> {
    /// Nothing was woken.
    pub fn new() -> Self {
        Self { pending: AtomicBool::new(false), woken: Mutex::new(Vec::new()) }
    }

    /// Nothing panics under the lock, so that a poisoned one is as good as any.
    fn woken(&self) -> MutexGuard<'_, Vec<T>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes a task. `true`: the loop must be rung.
    pub fn wake(&self, mark: &Mark, task: T) -> bool {
        if !mark.set() {
            return false;
        }
        let mut woken = self.woken();
        woken.push(task);
        self.pending.store(true, Release);
        true
    }

    /// Takes the tasks that were woken: after a ring, all that were woken before it.
    pub fn take(&self) -> Vec<T> {
        if !self.pending.load(Acquire) {
            return Vec::new();
        }
        let mut woken = self.woken();
        self.pending.store(false, Relaxed);
        std::mem::take(&mut *woken)
    }
}

#[cfg(all(test, loom))]
#[path = "wake_list/tests.rs"]
mod tests;
