//! [`Guarded`]: short exclusive sections around the state of an object that C sees.
//!
//! A section takes the object's external lock (if there is one), checks that no other section of the same object is open,
//! runs a closure with `&mut T`, and ends. User code never runs inside: the closure turns what must happen into values and
//! the entry acts on them afterwards. Opening a section inside a section of the same object is a bug of ours, and aborts.
//!
//! The external lock is recursive and may be held across callbacks; holding it is not a `&mut`. It is the open flag that
//! makes the section exclusive on one thread, and the lock that makes it exclusive between threads.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering, compiler_fence};

use crate::lock::ExtLock;

/// State of an object that C sees.
///
/// # Threads
/// A `Guarded` is not `Sync`: without a lock only one thread may use it. C programs that share an object between threads
/// ask for locking first (`evthread_use_pthreads`, `BEV_OPT_THREADSAFE`, `evbuffer_enable_locking`), and reach the object through
/// raw pointers; the cast of such a pointer to `&Guarded<T>` is where an entry relies on that documented rule.
pub struct Guarded<T> {
    lock: ExtLock,
    open: AtomicBool,
    value: UnsafeCell<T>,
}

impl<T> Guarded<T> {
    /// State without a lock.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Guarded { lock: ExtLock::none(), open: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Uses `lock` from now on. At construction, before C knows the object. The guard does not own the lock.
    pub fn set_lock(&mut self, lock: ExtLock) {
        self.lock = lock;
    }

    /// The lock, for holding it across several sections.
    #[inline]
    #[must_use]
    pub fn lock(&self) -> ExtLock {
        self.lock
    }

    /// Runs a section: takes the lock, runs `f`, releases the lock.
    ///
    /// # Panics
    /// Aborts the process if a section of this object is open already.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let lock = self.lock;
        lock.lock();
        let result = self.with_locked(f);
        lock.unlock();
        result
    }

    /// Opens a section that lasts as long as the answer: [`Guarded::with`] for the few hottest paths, where a closure would
    /// pass its captures through memory.
    ///
    /// # Panics
    /// Aborts the process if a section of this object is open already.
    #[inline(always)]
    pub fn enter(&self) -> Section<'_, T> {
        let lock = self.lock;
        lock.lock();
        if self.open.load(Ordering::Relaxed) {
            reentered();
        }
        self.open_section(lock)
    }

    /// As [`Guarded::enter`], but returns `None` if a section is open on this thread.
    #[inline(always)]
    pub fn try_enter(&self) -> Option<Section<'_, T>> {
        let lock = self.lock;
        lock.lock();
        if self.open.load(Ordering::Relaxed) {
            lock.unlock();
            return None;
        }
        Some(self.open_section(lock))
    }

    /// As [`Guarded::try_enter`], under a lock that the caller holds already (or on an object without one).
    #[inline(always)]
    pub fn try_enter_locked(&self) -> Option<Section<'_, T>> {
        if self.open.load(Ordering::Relaxed) { None } else { Some(self.open_section(ExtLock::none())) }
    }

    #[inline(always)]
    fn open_section(&self, lock: ExtLock) -> Section<'_, T> {
        self.open.store(true, Ordering::Relaxed);
        // As in `section`.
        compiler_fence(Ordering::SeqCst);
        Section { guard: self, lock }
    }

    /// Runs a section under a lock that the caller holds already (or on an object without one).
    ///
    /// # Panics
    /// Aborts the process if a section of this object is open already.
    #[inline(always)]
    pub fn with_locked<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        if self.open.load(Ordering::Relaxed) {
            reentered();
        }
        self.section(f)
    }

    /// Whether a section is open. On an object without a lock this tells a signal handler that it interrupted one.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
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

    /// The closure between the two flag writes. Should it panic (in a unit test; the shared objects abort first), the
    /// flag stays set and every later section aborts: the state is never seen half-changed.
    #[inline(always)]
    fn section<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        self.open.store(true, Ordering::Relaxed);
        // A signal handler on this thread must see the flag before any change of the state, and until after the last.
        compiler_fence(Ordering::SeqCst);
        // SAFETY: the flag was clear and is set now, so no other `&mut` to the value exists on this thread. Other threads
        // are kept out by the external lock, which is held, or by the caller's promise for objects without one.
        let result = f(unsafe { &mut *self.value.get() });
        compiler_fence(Ordering::SeqCst);
        self.open.store(false, Ordering::Relaxed);
        result
    }
}

/// An open section: `&mut T` until it is dropped. Nothing of the user's may run meanwhile.
pub struct Section<'a, T> {
    guard: &'a Guarded<T>,
    lock: ExtLock,
}

impl<T> core::ops::Deref for Section<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: as in `Guarded::section`: the flag was clear and is set as long as this lives.
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
        compiler_fence(Ordering::SeqCst);
        self.guard.open.store(false, Ordering::Relaxed);
        self.lock.unlock();
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

#[cold]
#[inline(never)]
fn reentered() -> ! {
    crate::errx!(crate::log::ERR_ABORT, "evoxide: internal error: a guarded section was entered twice")
}

#[cfg(test)]
mod tests;
