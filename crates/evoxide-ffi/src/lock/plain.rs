//! A mutex of the C library's, for what is never locked by the program's own locks, and what such a mutex guards: a map by address.

use core::cell::UnsafeCell;
use core::hash::{BuildHasherDefault, Hasher};
use core::ops::{Deref, DerefMut};

/// A map by the address of something.
pub type AddressMap<V> = hashbrown::HashMap<usize, V, BuildHasherDefault<Spread>>;

/// Spreads addresses over a map. Nobody chooses them to collide.
#[derive(Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, address: usize) {
        let spread = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ spread >> 32;
    }
}

/// A value that one thread uses at a time. Nothing is called while it is locked.
pub struct Mutex<T> {
    raw: UnsafeCell<libc::pthread_mutex_t>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is used by the thread that has the mutex only.
unsafe impl<T: Send> Sync for Mutex<T> {}
// SAFETY: an unlocked mutex of the default kind belongs to no thread.
unsafe impl<T: Send> Send for Mutex<T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub const fn new(value: T) -> Self {
        Self { raw: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER), value: UnsafeCell::new(value) }
    }

    /// Waits for the mutex, and has it until the guard goes.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        // SAFETY: initialised, and not moved while a guard borrows it. The default kind fails for no caller that does not have it.
        unsafe { libc::pthread_mutex_lock(self.raw.get()) };
        MutexGuard(self)
    }
}

/// Has the mutex.
pub struct MutexGuard<'a, T>(&'a Mutex<T>);

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard has the mutex.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has the mutex, and is borrowed alone.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this thread locked it.
        unsafe { libc::pthread_mutex_unlock(self.0.raw.get()) };
    }
}
