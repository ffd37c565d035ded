//! The evbuffer object: the machine with its lock, its observers and its count.
//!
//! Every operation has the same shape: take the lock, open a section on the machine, close it, tell the owners of what
//! was let go, tell the observers ([`notify`](super::notify)), give up the lock. Nothing borrows the machine while foreign code
//! runs. An object without lock and observers pays two tests for all that.
//!
//! # For what owns buffers
//! A buffer may [belong](EvBuffer::belong_to) to an object of ours, as those of a bufferevent do. It uses that object's lock,
//! and [`OwnerOps::changed`] runs after every change, behind the program's own callbacks, under the lock. It may lie inside the
//! owner's allocation ([`EvBuffer::embedded`]).
//! - ends frozen for the program are worked on with [`EvBuffer::thawed_front`] and [`EvBuffer::thawed_back`];
//! - [`EvBuffer::write_fd`] (in `io`) makes one system call;
//! - `changed` may edit the buffer again, also recursively.

use super::observers::Observers;
use super::owner::Handle;
use crate::abi::buffer::{FLAG_DRAINS_TO_FD, evbuffer};
use core::cell::{Cell, UnsafeCell};
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};
use evoxide_core::buffer::{Buffer, Delta, End, Released};
use evoxide_ffi::lock::{ExtLock, LOCKTYPE_RECURSIVE};
use evoxide_ffi::mm;

/// The machine behind an evbuffer.
pub(crate) type Machine = Buffer<Handle>;

/// What the machine keeps for its object, without alignment: in space that it does not need.
#[derive(Debug)]
pub(crate) struct Counts {
    refs: Cell<[u8; 4]>,
    flags: Cell<u8>,
}

const ONE: [u8; 4] = 1_u32.to_ne_bytes();

/// What the owner of a buffer does for it: one table for each kind of owner.
#[derive(Debug)]
pub(crate) struct OwnerOps {
    /// The length changed. Runs under the buffer's lock, outside every section, after the program's callbacks.
    pub changed: unsafe fn(owner: *const Owner, buffer: *mut evbuffer, delta: Delta),
    /// Keep the owner (and with it an embedded buffer) alive.
    pub hold: unsafe fn(owner: *const Owner),
    /// The opposite of `hold`. Runs without the lock.
    pub release: unsafe fn(owner: *const Owner),
}

/// What a buffer refers to that is not alone: the part of its owner that its buffers know, a lock, or the head of its
/// [`Observers`]. An owner's address tells the owner which object it is.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Owner {
    lock: Cell<ExtLock>,
    /// `None`: nobody is to be told.
    ops: Option<&'static OwnerOps>,
}

impl Owner {
    pub(crate) const fn new(ops: &'static OwnerOps) -> Self {
        Owner { lock: Cell::new(ExtLock::none()), ops: Some(ops) }
    }

    /// The head of what observes a buffer: as what the buffer had before.
    pub(super) fn after(before: Option<&Owner>) -> Self {
        let lock = Cell::new(before.map_or(ExtLock::none(), Owner::lock));
        Owner { lock, ops: before.and_then(|owner| owner.ops) }
    }

    /// The lock of the owner and its buffers.
    #[inline(always)]
    pub(crate) fn lock(&self) -> ExtLock {
        self.lock.get()
    }

    /// Sets the lock, before another thread knows of any of them.
    pub(crate) fn set_lock(&self, lock: ExtLock) {
        self.lock.set(lock);
    }
}

const OWN_LOCK: u8 = 1;
const EMBEDDED: u8 = 2;
const DRAINS_TO_FD: u8 = 4;
/// The program has freed it; what is left of its life belongs to a callback that is running or scheduled.
const FREED: u8 = 8;
/// `owner` is the head of its observers.
const OBSERVED: u8 = 16;
/// `owner`, or what the observers had before, is a block of its own.
const OWN_OWNER: u8 = 32;

/// What stands behind a `struct evbuffer`.
pub(crate) struct EvBuffer {
    machine: UnsafeCell<Machine>,
    /// Null where it is alone. The lock is found through it, so threads read it without: it changes while they do only when a
    /// buffer gets observers, whose head has the same lock. What it was before stays as long as the buffer.
    owner: AtomicPtr<Owner>,
}

const _: () = assert!(size_of::<EvBuffer>() <= 64);

/// Tells the owners of what a machine let go of.
///
/// # Safety
/// Outside every section.
#[inline(always)]
pub(super) unsafe fn tell(released: Released<Handle>) {
    match released.only() {
        // SAFETY: it came out of the machine, outside every section.
        Ok(handle) => unsafe { handle.release() },
        // SAFETY: outside every section.
        Err(released) if !released.is_empty() => unsafe { tell_owners(released) },
        Err(_) => {}
    }
}

unsafe fn tell_owners(released: Released<Handle>) {
    // Nothing to drop in this frame while the program's code runs.
    let mut released = ManuallyDrop::new(released);
    for handle in released.by_ref() {
        // SAFETY: it came out of the machine, outside every section.
        unsafe { handle.release() };
    }
    drop(ManuallyDrop::into_inner(released));
}

impl evbuffer {
    /// The buffer behind a pointer of the program.
    ///
    /// # Safety
    /// `buffer` is alive for as long as the result is used, and shared between threads only with a lock.
    #[inline(always)]
    pub(crate) unsafe fn of<'a>(buffer: *mut Self) -> &'a EvBuffer {
        // SAFETY: made by `create` or inside another object, and alive. All fields that change are cells.
        unsafe { &*buffer.cast() }
    }
}

impl EvBuffer {
    const fn make(flags: u8) -> Self {
        let counts = Counts { refs: Cell::new(ONE), flags: Cell::new(flags) };
        EvBuffer { machine: UnsafeCell::new(Machine::with_note(counts)), owner: AtomicPtr::new(ptr::null_mut()) }
    }

    #[inline(always)]
    fn is(&self, flag: u8) -> bool {
        self.look(|m| m.note().flags.get() & flag != 0)
    }

    fn mark(&self, flag: u8, on: bool) {
        self.look(|m| {
            let flags = &m.note().flags;
            flags.set(if on { flags.get() | flag } else { flags.get() & !flag });
        });
    }

    fn refs(&self) -> u32 {
        self.look(|m| u32::from_ne_bytes(m.note().refs.get()))
    }

    #[inline(always)]
    fn set_refs(&self, refs: u32) {
        self.look(|m| m.note().refs.set(refs.to_ne_bytes()));
    }

    /// A buffer of its own, `None` without memory.
    #[inline]
    pub(crate) fn create() -> Option<NonNull<Self>> {
        mm::alloc(Self::make(0))
    }

    /// A buffer inside a larger object, which frees its memory after [`EvBuffer::release`].
    pub(crate) const fn embedded() -> Self {
        Self::make(EMBEDDED)
    }

    /// The pointer that the program knows.
    pub(crate) fn raw(&self) -> *mut evbuffer {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// Makes a new buffer belong to an object, which outlives it, and whose lock it uses.
    pub(crate) fn belong_to(&self, owner: *const Owner) {
        self.owner.store(owner.cast_mut(), Ordering::Relaxed);
    }

    #[inline(always)]
    fn surroundings(&self) -> Option<&Owner> {
        // SAFETY: null, or it lives as long as the buffer.
        unsafe { self.owner.load(Ordering::Acquire).as_ref() }
    }

    /// The owner and its table. The caller holds the lock.
    #[inline(always)]
    pub(super) fn owner(&self) -> Option<(*const Owner, &'static OwnerOps)> {
        let ops = self.surroundings()?.ops?;
        let owner =
            self.observers().map_or(self.owner.load(Ordering::Relaxed).cast_const(), |observers| observers.owner);
        Some((owner, ops))
    }

    /// The lock: null until [`EvBuffer::enable_locking`].
    #[inline(always)]
    pub(crate) fn ext_lock(&self) -> ExtLock {
        self.surroundings().map_or(ExtLock::none(), Owner::lock)
    }

    /// Uses a lock from now on: the given one or a new one of its own. Whether that worked. No other thread knows the buffer.
    pub(crate) fn enable_locking(&self, given: ExtLock) -> bool {
        if !self.ext_lock().is_null() {
            return false;
        }
        if self.owner.load(Ordering::Relaxed).is_null() {
            let none = Owner { lock: Cell::new(ExtLock::none()), ops: None };
            let Some(own) = mm::alloc(none) else { return false };
            self.belong_to(own.as_ptr());
            self.mark(OWN_OWNER, true);
        }
        let own = given.is_null();
        let lock = if own { ExtLock::new(LOCKTYPE_RECURSIVE) } else { given };
        let Some(owner) = self.surroundings().filter(|_| !lock.is_null()) else { return false };
        owner.set_lock(lock);
        self.mark(OWN_LOCK, own);
        true
    }

    /// Adds or removes `EVBUFFER_FLAG_*` bits.
    pub(crate) fn change_flags(&self, flags: u64, on: bool) {
        if flags & FLAG_DRAINS_TO_FD != 0 {
            self.mark(DRAINS_TO_FD, on);
        }
    }

    /// Whether files in it may stay files.
    pub(super) fn drains_to_fd(&self) -> bool {
        self.is(DRAINS_TO_FD)
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
        self.mark(FREED, true);
    }

    /// Whether the program has given its count up.
    pub(super) fn is_freed(&self) -> bool {
        self.is(FREED)
    }

    /// Whether the program wants to know of no changes.
    #[inline(always)]
    pub(crate) fn is_unobserved(&self) -> bool {
        !self.is(OBSERVED)
    }

    /// What only observed buffers have.
    #[inline(always)]
    pub(super) fn observers(&self) -> Option<&Observers> {
        if self.is_unobserved() {
            return None;
        }
        // SAFETY: as the mark says. They live as long as the buffer, and all their fields that change are cells.
        unsafe { self.owner.load(Ordering::Relaxed).cast::<Observers>().as_ref() }
    }

    /// The same, made now if there is none yet. `None` without memory.
    pub(super) fn observers_or_new(&self) -> Option<&Observers> {
        if self.is_unobserved() {
            let made = Observers::create(self.surroundings())?;
            self.owner.store(made.as_ptr().cast(), Ordering::Release);
            self.mark(OBSERVED, true);
        }
        self.observers()
    }

    /// Whether anybody wants to know of changes.
    #[inline(always)]
    pub(super) fn is_observed(&self) -> bool {
        !self.is_unobserved() || self.surroundings().is_some_and(|owner| owner.ops.is_some())
    }

    /// Whether a change needs no count to be told: nobody is told but the object that the buffer lies in.
    #[inline(always)]
    pub(super) fn is_simple(&self) -> bool {
        self.is_unobserved()
    }

    /// Whether it is as a new one: empty, and nobody counts on it, observes, locks or freezes it.
    #[inline(always)]
    pub(crate) fn is_pristine(&self) -> bool {
        let is_new = |m: &Machine| m.note().refs.get() == ONE && m.note().flags.get() == 0;
        self.owner.load(Ordering::Relaxed).is_null()
            && self.look(|m| is_new(m) && m.is_empty() && !m.is_frozen(End::Front) && !m.is_frozen(End::Back))
    }

    /// Keeps the object alive across callbacks.
    #[inline]
    pub(crate) fn hold(&self) {
        self.set_refs(self.refs() + 1);
    }

    /// Takes back a [`hold`](Self::hold) under the same lock.
    pub(super) fn unhold(&self) {
        self.set_refs(self.refs() - 1);
    }

    /// Gives a count up, and then the lock, which the caller holds. The last count ends the object.
    ///
    /// # Safety
    /// The caller owns the count and does not use the object afterwards.
    pub(crate) unsafe fn release(&self) {
        let (refs, lock) = (self.refs() - 1, self.ext_lock());
        self.set_refs(refs);
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
            let flags = self.look(|m| m.note().flags.get());
            let mut own = self.owner.load(Ordering::Relaxed);
            if let Some(observers) = self.observers() {
                own = observers.owner.cast_mut();
                self.mark(OBSERVED, false);
                Observers::end(NonNull::from(observers));
            }
            if flags & OWN_OWNER != 0 {
                mm::free(own.cast());
            }
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

    /// Runs `f` with the front thawed, and freezes it again if it was frozen. The caller holds the lock.
    pub(crate) fn thawed_front<R>(&self, f: impl FnOnce(&Self) -> R) -> R {
        self.thawed(End::Front, f)
    }

    /// As [`EvBuffer::thawed_front`], for the back.
    pub(crate) fn thawed_back<R>(&self, f: impl FnOnce(&Self) -> R) -> R {
        self.thawed(End::Back, f)
    }

    fn thawed<R>(&self, end: End, f: impl FnOnce(&Self) -> R) -> R {
        let frozen = self.look(|m| m.is_frozen(end));
        self.section(|m| m.unfreeze(end));
        let result = f(self);
        if frozen {
            self.section(|m| m.freeze(end));
        }
        result
    }
}
