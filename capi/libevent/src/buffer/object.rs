//! The evbuffer object: the machine with its lock, its observers and its count.
//!
//! Every operation has the same shape: take the lock, open a section on the machine, close it, tell the owners of what
//! was let go, tell the observers, give up the lock. Nothing borrows the machine while foreign code runs. An object
//! without lock and observers pays two tests for all that.
//!
//! # For the bufferevents
//! A buffer of a bufferevent is an [`evbuffer`] that [belongs](evbuffer::belong_to) to it: it uses the bufferevent's lock, and
//! [`OwnerOps::changed`] runs after every change, behind the program's own callbacks, under the lock. It may lie inside the
//! bufferevent's allocation ([`evbuffer::embedded`]).
//! - ends frozen for the program are worked on with [`evbuffer::thawed_front`] and [`evbuffer::thawed_back`];
//! - [`evbuffer::read_fd`] and [`evbuffer::write_fd`] (in `io`) make one system call each;
//! - `changed` may edit the buffer again, also recursively.

use super::callbacks::Observers;
use super::owner::Handle;
use crate::abi::buffer::FLAG_DRAINS_TO_FD;
use crate::bufferevent::buf::OPS;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_void};
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};
use evoxide_core::buffer::{Buffer, Delta, End, Error, Released, StoragePool};
use evoxide_ffi::lock::{ExtLock, LOCKTYPE_RECURSIVE};
use evoxide_ffi::mm;

/// The machine behind an evbuffer.
pub(crate) type Machine = Buffer<Handle>;

/// What the owner of a buffer (a bufferevent) does for it.
#[derive(Debug)]
pub(crate) struct OwnerOps {
    /// The length changed. Runs under the buffer's lock, outside every section, after the program's callbacks.
    pub changed: unsafe fn(owner: *mut c_void, buffer: *mut evbuffer, delta: Delta),
    /// Keep the owner (and with it an embedded buffer) alive.
    pub hold: unsafe fn(owner: *mut c_void),
    /// The opposite of `hold`. Runs without the lock.
    pub release: unsafe fn(owner: *mut c_void),
}

const OWN_LOCK: u8 = 1;
const EMBEDDED: u8 = 2;
const DRAINS_TO_FD: u8 = 4;
/// The program has freed it; what is left of its life belongs to a callback that is running or scheduled.
const FREED: u8 = 8;

/// `struct evbuffer`.
pub struct evbuffer {
    machine: UnsafeCell<Machine>,
    lock: Cell<ExtLock>,
    /// Callbacks and what else few buffers have; null for the others.
    pub(super) observers: Cell<*mut Observers>,
    /// The bufferevent it belongs to, or null.
    owner: Cell<*mut c_void>,
    refs: Cell<u32>,
    flags: Cell<u8>,
}

const _: () = assert!(size_of::<evbuffer>() <= 96);

/// Tells the owners of what a machine let go of.
///
/// # Safety
/// Outside every section.
#[inline(always)]
pub(super) unsafe fn tell(released: Released<Handle>) {
    match released.only() {
        // SAFETY: it came out of the machine; the caller promised the rest.
        Ok(handle) => unsafe { handle.release() },
        // SAFETY: the caller's promise.
        Err(released) if !released.is_empty() => unsafe { tell_owners(released) },
        Err(_) => {}
    }
}

unsafe fn tell_owners(released: Released<Handle>) {
    // Nothing to drop in this frame while the program's code runs.
    let mut released = ManuallyDrop::new(released);
    for handle in released.by_ref() {
        // SAFETY: it came out of the machine; the caller promised the rest.
        unsafe { handle.release() };
    }
    drop(ManuallyDrop::into_inner(released));
}

impl evbuffer {
    const fn make(flags: u8) -> Self {
        evbuffer {
            machine: UnsafeCell::new(Machine::new()),
            lock: Cell::new(ExtLock::none()),
            observers: Cell::new(ptr::null_mut()),
            owner: Cell::new(ptr::null_mut()),
            refs: Cell::new(1),
            flags: Cell::new(flags),
        }
    }

    /// A buffer of its own, `None` without memory.
    #[inline]
    pub(crate) fn create() -> Option<NonNull<Self>> {
        mm::alloc(Self::make(0))
    }

    /// A buffer inside a larger object, which frees its memory after [`evbuffer::release`].
    pub(crate) const fn embedded() -> Self {
        Self::make(EMBEDDED)
    }

    /// The buffer behind a pointer of the program.
    ///
    /// # Safety
    /// `buffer` is alive for as long as the answer is used, and shared between threads only with a lock.
    #[inline(always)]
    pub(crate) unsafe fn of<'a>(buffer: *mut Self) -> &'a Self {
        // SAFETY: the caller's promise. All fields that change are cells.
        unsafe { &*buffer }
    }

    /// The pointer that the program knows.
    pub(crate) fn raw(&self) -> *mut Self {
        ptr::from_ref(self).cast_mut()
    }

    /// Makes the buffer belong to a bufferevent, whose lock it uses from now on.
    pub(crate) fn belong_to(&self, owner: *mut c_void, lock: ExtLock) {
        self.owner.set(owner);
        self.lock.set(lock);
    }

    /// The owner, as [`evbuffer::belong_to`] got it.
    #[inline(always)]
    pub(crate) fn owner(&self) -> Option<(*mut c_void, &'static OwnerOps)> {
        let owner = self.owner.get();
        (!owner.is_null()).then_some((owner, &OPS))
    }

    /// The lock: null until [`evbuffer::enable_locking`].
    #[inline(always)]
    pub(crate) fn ext_lock(&self) -> ExtLock {
        self.lock.get()
    }

    /// Uses a lock from now on: the given one or a new one of its own. Whether that worked.
    pub(crate) fn enable_locking(&self, given: ExtLock) -> bool {
        if !self.lock.get().is_null() {
            return false;
        }
        if given.is_null() {
            let own = ExtLock::new(LOCKTYPE_RECURSIVE);
            if own.is_null() {
                return false;
            }
            self.flags.set(self.flags.get() | OWN_LOCK);
            self.lock.set(own);
        } else {
            self.lock.set(given);
        }
        true
    }

    /// Adds or removes `EVBUFFER_FLAG_*` bits.
    pub(crate) fn change_flags(&self, flags: u64, on: bool) {
        if flags & FLAG_DRAINS_TO_FD != 0 {
            let rest = self.flags.get() & !DRAINS_TO_FD;
            self.flags.set(if on { rest | DRAINS_TO_FD } else { rest });
        }
    }

    /// Whether files in it may stay files.
    pub(super) fn drains_to_fd(&self) -> bool {
        self.flags.get() & DRAINS_TO_FD != 0
    }

    /// A section on the machine. The closure calls nothing but the machine (and the kernel).
    #[inline(always)]
    pub(crate) fn section<R>(&self, f: impl FnOnce(&mut Machine) -> R) -> R {
        // SAFETY: sections are closures in this crate that run no foreign code and open no section of the same buffer, so
        // that this is the only reference on this thread. Other threads are kept out by the lock, which the caller holds,
        // or by the documented rule for buffers without one.
        f(unsafe { &mut *self.machine.get() })
    }

    /// Reads from the machine.
    #[inline(always)]
    pub(crate) fn look<R>(&self, f: impl FnOnce(&Machine) -> R) -> R {
        // SAFETY: as for `section`; nothing changes the machine while `f` runs.
        f(unsafe { &*self.machine.get() })
    }

    /// Bytes in the buffer. The caller holds the lock.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.look(|m| m.len())
    }

    /// Notes that the program gives its count up.
    pub(super) fn set_freed(&self) {
        self.flags.set(self.flags.get() | FREED);
    }

    /// Whether the program has given its count up.
    pub(super) fn is_freed(&self) -> bool {
        self.flags.get() & FREED != 0
    }

    /// Whether the program wants to know of no changes.
    #[inline(always)]
    pub(crate) fn is_unobserved(&self) -> bool {
        self.observers.get().is_null()
    }

    /// Whether anybody wants to know of changes.
    #[inline(always)]
    pub(super) fn is_observed(&self) -> bool {
        !self.observers.get().is_null() || !self.owner.get().is_null()
    }

    /// Keeps the object alive across callbacks.
    #[inline]
    pub(crate) fn hold(&self) {
        self.refs.set(self.refs.get() + 1);
    }

    /// Takes back a [`hold`](Self::hold) under the same lock.
    pub(super) fn unhold(&self) {
        self.refs.set(self.refs.get() - 1);
    }

    /// Gives a count up, and then the lock, which the caller holds. The last count ends the object.
    ///
    /// # Safety
    /// The caller owns the count and does not use the object afterwards.
    pub(crate) unsafe fn release(&self) {
        let (refs, lock) = (self.refs.get() - 1, self.lock.get());
        self.refs.set(refs);
        if refs > 0 {
            return lock.unlock();
        }
        // SAFETY: nobody else has a count; what follows uses the object for the last time.
        unsafe {
            let released = self.section(|m| {
                m.unfreeze(End::Front);
                m.clear().map_or(Released::none(), |(_, released)| released)
            });
            tell(released);
            Observers::end(self);
            let flags = self.flags.get();
            lock.unlock();
            if flags & OWN_LOCK != 0 {
                lock.free(LOCKTYPE_RECURSIVE);
            }
            ptr::drop_in_place(self.machine.get());
            if flags & EMBEDDED == 0 {
                mm::free(self.raw().cast());
            }
        }
    }

    /// What follows a change: callbacks, then the owner, then the lock is given up.
    ///
    /// # Safety
    /// The caller holds the lock once, and does not use the buffer afterwards.
    #[inline(always)]
    pub(super) unsafe fn done(&self, delta: Delta) {
        if self.is_owned_only() {
            // SAFETY: the caller's promise; the memory stays until the loop finalizes the owner.
            unsafe { self.notify(delta) };
            self.lock.get().unlock();
        } else if self.is_observed() && delta != Delta::default() {
            // SAFETY: the caller's promise.
            unsafe { self.notify_and_unlock(delta) }
        } else {
            self.lock.get().unlock();
        }
    }

    /// Whether it lies in its owner, which is all that wants to know of changes: the commonest case, without counts.
    #[inline(always)]
    fn is_owned_only(&self) -> bool {
        self.flags.get() & EMBEDDED != 0 && self.observers.get().is_null() && !self.owner.get().is_null()
    }

    /// Whether a change needs no count to be told.
    #[inline(always)]
    fn is_simple(&self) -> bool {
        self.is_owned_only() || !self.is_observed()
    }

    #[cold]
    #[inline(never)]
    unsafe fn notify_and_unlock(&self, delta: Delta) {
        self.hold();
        // SAFETY: held, with the lock; the count just taken is given up with it.
        unsafe {
            self.notify(delta);
            self.release();
        }
    }

    /// Runs callbacks for a change, and tells the owner.
    ///
    /// # Safety
    /// The caller holds the lock and a count.
    #[inline]
    pub(crate) unsafe fn notify(&self, delta: Delta) {
        // SAFETY: the caller's promise.
        unsafe {
            self.account(delta);
            self.announce(delta);
        }
    }

    /// The first half of [`notify`](Self::notify): from here on, callbacks hear of the change.
    ///
    /// # Safety
    /// As there.
    #[inline]
    unsafe fn account(&self, delta: Delta) {
        if !self.observers.get().is_null() && delta != Delta::default() {
            // SAFETY: the caller's promise.
            unsafe { Observers::account(self, delta) };
        }
    }

    /// The second half of [`notify`](Self::notify).
    ///
    /// # Safety
    /// As there.
    #[inline]
    unsafe fn announce(&self, delta: Delta) {
        if delta == Delta::default() {
            return;
        }
        // SAFETY: the caller's promise; the owner promised its function when it took the buffer.
        unsafe {
            if !self.observers.get().is_null() {
                Observers::announce(self);
            }
            if let Some((owner, ops)) = self.owner() {
                (ops.changed)(owner, self.raw(), delta);
            }
        }
    }

    /// A whole operation that lets go of nothing: 0, or -1.
    ///
    /// # Safety
    /// As [`evbuffer::of`]; runs callbacks.
    #[inline(always)]
    pub(super) unsafe fn change(&self, f: impl FnOnce(&mut Machine) -> Result<Delta, Error>) -> c_int {
        self.lock.get().lock();
        match self.section(f) {
            Ok(delta) => {
                // SAFETY: locked above; not used again.
                unsafe { self.done(delta) };
                0
            }
            Err(_) => {
                self.lock.get().unlock();
                -1
            }
        }
    }

    /// A whole operation that may let go of segments.
    ///
    /// # Safety
    /// As [`evbuffer::change`].
    #[inline(always)]
    pub(super) unsafe fn shrink(
        &self,
        f: impl FnOnce(&mut Machine) -> Result<(Delta, Released<Handle>), Error>,
    ) -> c_int {
        self.lock.get().lock();
        match self.section(f) {
            Ok((delta, released)) => {
                // SAFETY: locked above; outside the section; not used again.
                unsafe {
                    tell(released);
                    self.done(delta);
                }
                0
            }
            Err(_) => {
                self.lock.get().unlock();
                -1
            }
        }
    }

    /// Drains and runs callbacks. The caller holds the lock and a count.
    ///
    /// # Safety
    /// As [`evbuffer::notify`].
    pub(crate) unsafe fn drain(&self, n: usize) -> Result<Delta, Error> {
        let (delta, released) = self.section(|m| m.drain(n))?;
        // SAFETY: outside the section; the caller's promise.
        unsafe {
            tell(released);
            if self.is_observed() {
                self.notify(delta);
            }
        }
        Ok(delta)
    }

    /// As [`evbuffer::drain`], frozen or not.
    ///
    /// # Safety
    /// As [`evbuffer::notify`].
    #[inline]
    pub(crate) unsafe fn drain_frozen(&self, n: usize) -> Result<Delta, Error> {
        let (delta, released) = self.section(|m| {
            let frozen = m.is_frozen(End::Front);
            m.unfreeze(End::Front);
            let drained = m.drain(n);
            if frozen {
                m.freeze(End::Front);
            }
            drained
        })?;
        // SAFETY: outside the section; the caller's promise.
        unsafe {
            tell(released);
            self.notify(delta);
        }
        Ok(delta)
    }

    /// Drains what was written, frozen or not, into a loop's storage pool. Tells nobody but the owners of foreign memory.
    ///
    /// # Safety
    /// The caller holds the lock, outside every section, and runs in the thread of the pool's loop. `n` bytes are there.
    #[inline]
    pub(crate) unsafe fn consume(&self, n: usize, pool: &UnsafeCell<StoragePool>) {
        // SAFETY: used by the loop's thread alone; the reference ends with the section, before foreign code runs.
        let consume = |n| self.section(|m| m.consume(n, unsafe { &mut *pool.get() }));
        match consume(n) {
            // SAFETY: outside the section.
            Ok(released) => unsafe { tell(released) },
            Err(error) => {
                // Without memory for the list of owners: one segment after the other.
                debug_assert!(error == Error::NoMemory);
                let mut left = n;
                while left > 0 {
                    let step = self.look(|m| m.first_len()).min(left);
                    let Ok(released) = consume(step) else { break };
                    // SAFETY: as above.
                    unsafe { tell(released) };
                    left -= step;
                }
            }
        }
    }

    /// Runs `f` with the front thawed, and freezes it again if it was frozen. The caller holds the lock.
    pub(crate) fn thawed_front<R>(&self, f: impl FnOnce(&Self) -> R) -> R {
        self.thawed(End::Front, f)
    }

    /// As [`evbuffer::thawed_front`], for the back.
    pub(crate) fn thawed_back<R>(&self, f: impl FnOnce(&Self) -> R) -> R {
        self.thawed(End::Back, f)
    }

    fn thawed<R>(&self, end: End, f: impl FnOnce(&Self) -> R) -> R {
        let frozen = self.look(|m| m.is_frozen(end));
        self.section(|m| m.unfreeze(end));
        let answer = f(self);
        if frozen {
            self.section(|m| m.freeze(end));
        }
        answer
    }
}

/// Takes the locks of two buffers, always in the same order, and one that they share only once.
pub(super) fn lock_both(a: &evbuffer, b: &evbuffer) {
    let (x, y) = (a.ext_lock(), b.ext_lock());
    if x == y {
        x.lock();
    } else if x.raw() < y.raw() {
        x.lock();
        y.lock();
    } else {
        y.lock();
        x.lock();
    }
}

/// What follows an operation on two buffers: callbacks of both in the order given, then both locks are given up.
///
/// # Safety
/// [`lock_both`] was called; the caller does not use the buffers afterwards.
#[inline(always)]
pub(super) unsafe fn done_both(first: (&evbuffer, Delta), second: (&evbuffer, Delta)) {
    // SAFETY: the caller's promise.
    unsafe {
        if first.0.is_simple() && second.0.is_simple() {
            first.0.notify(first.1);
            second.0.notify(second.1);
            unlock_both(first.0.ext_lock(), second.0.ext_lock());
        } else if first.0.is_observed() || second.0.is_observed() {
            notify_both(first, second);
        } else {
            unlock_both(first.0.ext_lock(), second.0.ext_lock());
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn notify_both(first: (&evbuffer, Delta), second: (&evbuffer, Delta)) {
    first.0.hold();
    second.0.hold();
    let shared = first.0.ext_lock() == second.0.ext_lock();
    // SAFETY: held and locked; each release gives up its count and its lock. A shared lock was taken once, so it is taken
    // again for the second release.
    unsafe {
        // Callbacks of one may change the other, and are told what both became.
        first.0.account(first.1);
        second.0.account(second.1);
        first.0.announce(first.1);
        second.0.announce(second.1);
        if shared {
            first.0.ext_lock().lock();
        }
        first.0.release();
        second.0.release();
    }
}

/// Gives up what [`lock_both`] took.
pub(super) fn unlock_both(x: ExtLock, y: ExtLock) {
    x.unlock();
    if x != y {
        y.unlock();
    }
}
