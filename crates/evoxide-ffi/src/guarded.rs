//! [`Guarded`]: short exclusive sections around the state of an object that C sees.
//!
//! A section takes the object's external lock (if there is one), checks that no other section of the same object is open,
//! runs a closure with `&mut T`, and ends. User code never runs inside: the closure turns what must happen into values and
//! the entry acts on them afterwards. Opening a section inside a section of the same object is a bug of ours, and aborts.
//!
//! The external lock is recursive and may be held across callbacks; holding it is not a `&mut`. It is the open flag that
//! makes the section exclusive on one thread, and the lock that makes it exclusive between threads.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering, compiler_fence};

use crate::lock::ExtLock;

/// What an object without a lock is, or that there is one: one look tells whether a section may open.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    Closed,
    Open,
    /// Never changes, so that it may be read without the lock.
    Locked,
}

/// State of an object that C sees.
///
/// # Threads
/// A `Guarded` is not `Sync`: without a lock only one thread may use it. C programs that share an object between threads
/// ask for locking first (`evthread_use_pthreads`, `BEV_OPT_THREADSAFE`, `evbuffer_enable_locking`), and reach the object through
/// raw pointers; the cast of such a pointer to `&Guarded<T>` is where an entry relies on that documented rule.
pub struct Guarded<T> {
    lock: ExtLock,
    state: AtomicU8,
    /// Whether a section is open, of an object with a lock.
    open: AtomicBool,
    value: UnsafeCell<T>,
}

impl<T> Guarded<T> {
    /// State without a lock.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Guarded {
            lock: ExtLock::none(),
            state: AtomicU8::new(State::Closed as u8),
            open: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Uses `lock` from now on. At construction, before C knows the object. The guard does not own the lock.
    pub fn set_lock(&mut self, lock: ExtLock) {
        self.lock = lock;
        *self.state.get_mut() = if lock.is_null() { State::Closed } else { State::Locked } as u8;
    }

    /// The lock, for holding it across several sections.
    #[inline]
    #[must_use]
    pub fn lock(&self) -> ExtLock {
        self.lock
    }

    /// Runs a section: takes the lock, runs `f`, releases the lock. Should `f` panic (in a unit test; the shared objects abort
    /// first), the section stays open and every later one aborts: the state is never seen half-changed.
    ///
    /// # Panics
    /// Aborts the process if a section of this object is open already.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        self.open();
        // SAFETY: the section was closed and is open now, so no other `&mut` to the value exists on this thread. Other threads
        // are kept out by the lock, which is held, or by the caller's promise for objects without one.
        let result = f(unsafe { &mut *self.value.get() });
        self.close();
        result
    }

    /// Opens a section that lasts as long as the answer: [`Guarded::with`] for the few hottest paths, where a closure would
    /// pass its captures through memory.
    ///
    /// # Panics
    /// Aborts the process if a section of this object is open already.
    #[inline(always)]
    pub fn enter(&self) -> Section<'_, T> {
        self.open();
        Section { guard: self }
    }

    /// As [`Guarded::enter`], but returns `None` if a section is open on this thread.
    #[inline(always)]
    pub fn try_enter(&self) -> Option<Section<'_, T>> {
        if self.is(State::Closed) {
            self.open();
            return Some(Section { guard: self });
        }
        if self.lock.is_null() {
            return None;
        }
        self.lock.lock();
        if self.open.load(Ordering::Relaxed) {
            self.lock.release();
            return None;
        }
        self.mark(true);
        Some(Section { guard: self })
    }

    /// Runs a section under a lock that the caller holds already (or on an object without one).
    ///
    /// # Panics
    /// Aborts the process if a section of this object is open already.
    #[inline(always)]
    pub fn with_locked<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        if !self.is(State::Locked) {
            return self.with(f);
        }
        self.open_locked();
        // SAFETY: as in `with`; it is the caller that holds the lock.
        let result = f(unsafe { &mut *self.value.get() });
        self.mark(false);
        result
    }

    /// Whether a section is open. On an object without a lock this tells a signal handler that it interrupted one.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is(State::Open) || self.open.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn is(&self, state: State) -> bool {
        self.state.load(Ordering::Relaxed) == state as u8
    }

    /// Opens a section, with the lock if there is one.
    #[inline(always)]
    fn open(&self) {
        if self.is(State::Closed) {
            fenced(|| self.state.store(State::Open as u8, Ordering::Relaxed));
        } else if self.lock.is_null() {
            reentered();
        } else {
            self.lock.lock();
            self.open_locked();
        }
    }

    #[inline(always)]
    fn open_locked(&self) {
        if self.open.load(Ordering::Relaxed) {
            reentered();
        }
        self.mark(true);
    }

    #[inline(always)]
    fn close(&self) {
        if self.lock.is_null() {
            fenced(|| self.state.store(State::Closed as u8, Ordering::Relaxed));
        } else {
            self.mark(false);
            self.lock.release();
        }
    }

    #[inline(always)]
    fn mark(&self, open: bool) {
        fenced(|| self.open.store(open, Ordering::Relaxed));
    }

    /// The state, through exclusive ownership of the whole object: at its beginning and at its end.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The state by value.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

/// An open section: `&mut T` until it is dropped. Nothing of the user's may run meanwhile.
pub struct Section<'a, T> {
    guard: &'a Guarded<T>,
}

impl<T> core::ops::Deref for Section<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: as in `Guarded::with`: the section was closed, and is open as long as this lives.
        unsafe { &*self.guard.value.get() }
    }
}

impl<T> core::ops::DerefMut for Section<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; `&mut self` makes it the only reference made through this section.
        unsafe { &mut *self.guard.value.get() }
    }
}

impl<T> Drop for Section<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.guard.close();
    }
}

impl<T> core::fmt::Debug for Section<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Section").finish_non_exhaustive()
    }
}

impl<T> core::fmt::Debug for Guarded<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Guarded").field("open", &self.is_open()).finish_non_exhaustive()
    }
}

// SAFETY: the lock handle is a plain value usable from any thread; the state moves along.
unsafe impl<T: Send> Send for Guarded<T> {}

/// A signal handler on this thread must see that a section is open before any change of the state, and until after the last.
#[inline(always)]
fn fenced(store: impl FnOnce()) {
    compiler_fence(Ordering::SeqCst);
    store();
    compiler_fence(Ordering::SeqCst);
}

#[cold]
#[inline(never)]
fn reentered() -> ! {
    crate::errx!(crate::log::ERR_ABORT, "evoxide: internal error: a guarded section was entered twice")
}

#[cfg(test)]
mod tests;
