//! The object behind a `struct bufferevent`: its words, its lock and its references.

use super::ops::Ops;
use crate::abi::bufferevent::{DataFn, EventFn, bufferevent, opt};
use crate::abi::event::{FinalizeFn, ev, event, event_callback, evlist};
use crate::base::{Base, event_base};
use crate::buffer::{EvBuffer, Owner, OwnerOps};
use crate::event as events;
use crate::event::pending::Blocking;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_short, c_void};
use core::ops::Deref;
use core::ptr;
use core::sync::atomic::Ordering;
use evoxide_core::stream::{Bounds, Direction, Hold, Outcome, Stream, Watermarks, What};
use evoxide_ffi::lock::ExtLock;
use evoxide_ffi::mm;
use libc::timeval;

/// Bits of [`Bev::flags`].
pub(crate) mod flag {
    /// A write waits for the end of the batch, with `ev_write` active for it.
    pub const WRITE_QUEUED: u16 = 1;
    /// An event of a session is being served: a further try belongs to the next turn.
    pub const WRITING: u16 = 2;
    /// Whether the descriptor blocks was asked ...
    pub const BLOCKING_KNOWN: u16 = 4;
    /// ... and it does not.
    pub const NONBLOCKING: u16 = 8;
    /// A readiness is being read for: what is written meanwhile goes out when its callbacks have returned ...
    pub const READING: u16 = 16;
    /// The deferred callback is scheduled and holds a reference.
    pub const SCHEDULED: u16 = 32;
    /// The user freed it.
    pub const FREED: u16 = 64;
    /// The last reference is gone and the finalizer is queued. Set once; nobody holds it again.
    pub const ENDED: u16 = 128;
    /// ... and something was.
    pub const WRITTEN: u16 = 256;
}

/// A bufferevent: the struct that C sees and what follows it, in one block of memory from the hooks. Its loop frees it, so that
/// a reference is good as long as the object is held, or until the loop's callback that got it returns.
#[repr(C)]
pub(crate) struct Bev {
    public: bufferevent,
    machine: UnsafeCell<Stream>,
    pub options: u8,
    flags: Cell<u16>,
    /// What its buffers know of it, and its lock.
    owner: Owner,
    input: EvBuffer,
    output: EvBuffer,
}

/// A bufferevent whose stream lock is held by this thread, or that needs none.
#[repr(transparent)]
pub(crate) struct Locked(Bev);

/// What few bufferevents have: another block of memory, made with them or when first needed. `be_ops` of the public struct points
/// to it, or to a constant one that its kind shares.
pub(crate) struct Extension {
    /// What its kind does.
    pub ops: &'static Ops<Locked>,
    /// One that all of a kind share, and nobody writes.
    is_shared: bool,
    /// The lock's owners, where it belongs to bufferevents; null where it is somebody else's.
    pub lock_owners: Cell<*mut SharedLock>,
    /// See [`deferred`](Self::deferred).
    pub deferred: Cell<*mut event_callback>,
    /// What `rate` keeps, made when first needed.
    pub limits: Cell<*mut c_void>,
    /// A pair's other end; a filter's or a session's private part.
    pub link: Cell<*mut c_void>,
    pub bounds: Cell<Bounds>,
    pub dns_error: Cell<c_int>,
    pub pending_errno: Cell<c_int>,
    /// How much was read since the deferred callback last ran.
    pub unreported: Cell<usize>,
    /// Notices that wait for the deferred callback.
    pub pending: Cell<Direction>,
    pub pending_event: Cell<What>,
}

// SAFETY: a static one is shared and never written; the others are used under the stream lock.
unsafe impl Sync for Extension {}

impl Extension {
    /// The deferred callback: made when first needed, and freed with the extension.
    pub fn deferred(&self) -> Option<&event_callback> {
        // SAFETY: null, or made by `callbacks`, and alive as long as the extension.
        unsafe { self.deferred.get().as_ref() }
    }

    /// Whether it is one for all of a kind: with no bounds and no limits.
    #[inline(always)]
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// One for all of a kind that need no other.
    pub const fn shared(ops: &'static Ops<Locked>) -> Self {
        Self {
            ops,
            is_shared: true,
            lock_owners: Cell::new(ptr::null_mut()),
            deferred: Cell::new(ptr::null_mut()),
            limits: Cell::new(ptr::null_mut()),
            link: Cell::new(ptr::null_mut()),
            bounds: Cell::new(Bounds::DEFAULT),
            dns_error: Cell::new(0),
            pending_errno: Cell::new(0),
            unreported: Cell::new(0),
            pending: Cell::new(Direction::empty()),
            pending_event: Cell::new(What::empty()),
        }
    }
}

/// A lock that several bufferevents use, and how many do. The count changes under the lock.
pub(crate) struct SharedLock {
    pub lock: ExtLock,
    pub users: Cell<u32>,
}

// Many idle connections should cost little.
const _: () = assert!(size_of::<Bev>() <= 552);

impl Deref for Bev {
    type Target = bufferevent;

    #[inline(always)]
    fn deref(&self) -> &bufferevent {
        &self.public
    }
}

impl Deref for Locked {
    type Target = Bev;

    #[inline(always)]
    fn deref(&self) -> &Bev {
        &self.0
    }
}

impl PartialEq for Locked {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

impl Bev {
    /// A new one, zeroed but for what zero is no value of. Null without memory.
    pub fn allocate(extension: &'static Extension, options: u8, buffers: &'static OwnerOps) -> *mut Self {
        let bev = mm::calloc(1, size_of::<Self>()).cast::<Self>();
        if !bev.is_null() {
            // SAFETY: fresh memory. Every field is a number, a pointer or an option of a function pointer, of which all-zero is
            // a value, but for the machine and the buffers, which are written here before anybody sees them.
            unsafe {
                (&raw mut (*bev).machine).write(UnsafeCell::new(Stream::new()));
                (&raw mut (*bev).owner).write(Owner::new(buffers));
                (&raw mut (*bev).input).write(EvBuffer::embedded());
                (&raw mut (*bev).output).write(EvBuffer::embedded());
                (&raw mut (*bev).options).write(options);
                let public = &(*bev).public;
                public.be_ops.set(ptr::from_ref(extension).cast());
                public.refs.set(1);
            }
        }
        bev
    }

    /// The bufferevent that C names.
    ///
    /// # Safety
    /// `public` is null, or points to a bufferevent made by this library that lives as long as the result is used.
    #[inline]
    pub unsafe fn of<'a>(public: *mut bufferevent) -> Option<&'a Self> {
        // SAFETY: null or alive, as promised; the public struct is the first field of the object.
        unsafe { public.cast::<Self>().as_ref() }
    }

    /// The bufferevent that an event's or buffer's argument names.
    ///
    /// # Safety
    /// `arg` came from [`Bev::arg`] of a bufferevent that lives as long as the result is used.
    #[inline]
    pub unsafe fn from_arg<'a>(arg: *mut c_void) -> &'a Self {
        // SAFETY: the pointer that `arg` gave, of an object that is alive as promised.
        unsafe { &*arg.cast::<Self>() }
    }

    /// The bufferevent that a buffer belongs to.
    ///
    /// # Safety
    /// `owner` came from [`Bev::owner`] of a bufferevent that lives as long as the result is used.
    #[inline]
    pub unsafe fn of_owner<'a>(owner: *const Owner) -> &'a Self {
        // SAFETY: the pointer that `owner` made from one to the whole object, which is alive as promised.
        unsafe { &*owner.byte_sub(core::mem::offset_of!(Self, owner)).cast::<Self>() }
    }

    /// What its buffers know of it.
    #[inline]
    pub fn owner(&self) -> *const Owner {
        // SAFETY: within the object, of which the pointer is made.
        unsafe { ptr::from_ref(self).byte_add(core::mem::offset_of!(Self, owner)).cast() }
    }

    #[inline]
    pub fn arg(&self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }

    #[inline]
    pub fn public(&self) -> *mut bufferevent {
        self.arg().cast()
    }

    /// Its lock, or none.
    #[inline(always)]
    pub fn ext_lock(&self) -> ExtLock {
        self.owner.lock()
    }

    /// Gives a new one its lock.
    pub fn set_lock(&self, lock: ExtLock) {
        self.owner.set_lock(lock);
    }

    /// The words that few need.
    #[inline(always)]
    pub fn extension(&self) -> &Extension {
        // SAFETY: it was set when the object was made, to one that is static or lives as long as the object.
        unsafe { &*self.be_ops.get().cast::<Extension>() }
    }

    /// Changes the words that few need, where it has its own: see [`extension_or_new`](Self::extension_or_new).
    #[inline]
    pub fn own_extension(&self, change: impl FnOnce(&Extension)) {
        let extension = self.extension();
        if !extension.is_shared {
            change(extension);
        }
    }

    /// Makes sure that the extension is its own. `false`: no memory.
    pub fn extension_or_new(&self) -> bool {
        let extension = self.extension();
        if extension.is_shared {
            let own = Extension { is_shared: false, ..Extension::shared(extension.ops) };
            let Some(made) = mm::alloc(own) else { return false };
            self.be_ops.set(made.as_ptr().cast_const().cast());
        }
        true
    }

    /// Frees the memory of the object and its extension.
    ///
    /// # Safety
    /// Nobody uses it any more.
    pub unsafe fn deallocate(&self) {
        let extension = self.extension();
        // SAFETY: both blocks came from the hooks, and nobody uses them any more.
        unsafe {
            if !extension.is_shared {
                mm::free(ptr::from_ref(extension).cast_mut().cast());
            }
            mm::free(self.arg());
        }
    }

    /// What its kind does.
    #[inline(always)]
    pub fn ops(&self) -> &'static Ops<Locked> {
        self.extension().ops
    }

    /// Takes the lock.
    #[inline]
    pub fn lock(&self) -> &Locked {
        self.ext_lock().lock();
        self.assume_locked()
    }

    /// The same bufferevent, where the stream lock is known to be held: it shares that of another one, or a callback of it runs.
    #[inline(always)]
    pub fn assume_locked(&self) -> &Locked {
        // SAFETY: `Locked` is a transparent wrapper.
        unsafe { &*ptr::from_ref(self).cast::<Locked>() }
    }

    /// Takes the lock and a reference, for running callbacks.
    #[inline]
    pub fn hold(&self) -> &Locked {
        let locked = self.lock();
        self.refs.set(self.refs.get() + 1);
        locked
    }

    /// [`hold`](Self::hold) for what the loop or a bufferevent below calls: the event may have been popped just before another
    /// thread gave up the last reference. `None`, without the lock: the object has ended and waits for its finalizer.
    #[inline]
    pub fn try_hold(&self) -> Option<&Locked> {
        let locked = self.lock();
        if self.is(flag::ENDED) {
            locked.unlock();
            return None;
        }
        self.refs.set(self.refs.get() + 1);
        Some(locked)
    }

    /// Whether one of these [`flag`]s is set.
    #[inline]
    pub fn is(&self, flag: u16) -> bool {
        self.flags.get() & flag != 0
    }

    /// Whether the user freed it and only callers up the stack still refer to it.
    #[inline]
    pub fn is_freed(&self) -> bool {
        self.is(flag::FREED)
    }

    /// Whether callbacks run without the lock.
    #[inline(always)]
    pub fn is_unlocking(&self) -> bool {
        self.options & opt::UNLOCK_CALLBACKS != 0
    }

    /// Whether it owns its descriptor, or what is below it.
    pub fn closes_on_free(&self) -> bool {
        self.options & opt::CLOSE_ON_FREE != 0
    }

    /// The most that one read and one write move.
    #[inline(always)]
    pub fn bounds(&self) -> Bounds {
        self.extension().bounds.get()
    }

    /// Whether nothing limits its rate.
    #[inline(always)]
    pub fn is_unlimited(&self) -> bool {
        self.extension().limits.get().is_null()
    }

    #[inline]
    pub fn input(&self) -> &EvBuffer {
        &self.input
    }

    #[inline]
    pub fn output(&self) -> &EvBuffer {
        &self.output
    }

    /// Its public event of one direction.
    #[inline]
    pub fn event(&self, direction: Direction) -> &event {
        if direction == Direction::READ { &self.ev_read } else { &self.ev_write }
    }

    /// The base of its events, as C has it.
    #[inline]
    pub fn base_ptr(&self) -> *mut event_base {
        self.ev_read.ev_base.get()
    }

    /// The base of its events, if there is one.
    #[inline]
    pub fn base(&self) -> Option<&'static Base> {
        // SAFETY: null, or a base that outlives the bufferevents on it, as its user promises.
        unsafe { Base::of(self.base_ptr()) }
    }

    /// The descriptor of its events, or -1.
    #[inline]
    pub fn fd(&self) -> c_int {
        self.ev_read.ev_fd.get()
    }

    /// Whether it has a descriptor of its own, or can have one: otherwise its events are only timers.
    #[inline]
    pub fn has_fd(&self) -> bool {
        self.ev_read.has(ev::READ)
    }

    /// The priority of its callbacks.
    pub fn priority(&self) -> u8 {
        self.ev_read.evcb_pri.get()
    }

    /// Marks the loop as one that runs a write callback: see [`Base::writing`]. What jumps out of a callback leaves the
    /// mark until the next one is done.
    #[inline(always)]
    pub fn mark_writing(base: Option<&Base>, writing: bool) {
        if let Some(base) = base {
            base.writing.store(writing, Ordering::Relaxed);
        }
    }
}

impl Locked {
    #[inline]
    pub fn unlock(&self) {
        self.ext_lock().unlock();
    }

    /// Ends what [`hold`](Bev::hold) began. Returns whether that was the last reference.
    #[inline]
    pub fn release(&self) -> bool {
        let refs = self.refs.get() - 1;
        self.refs.set(refs);
        if refs > 0 {
            self.unlock();
            return false;
        }
        self.end();
        true
    }

    /// The last reference is gone: nothing of it runs any more, and the loop will finalize it.
    ///
    /// The finalizer is queued before the lock is given up, and begins by taking the lock: so nobody sees an object that is
    /// neither referred to nor marked, and the object is there until this thread has let go of the lock.
    fn end(&self) {
        self.mark(flag::ENDED, true);
        (self.ops().unlink)(self);
        self.del_event(Direction::WRITE);
        self.del_event(Direction::READ);
        let (lock, base) = (self.ext_lock(), self.base());
        let finalizer: FinalizeFn = self.ops().finalize;
        // SAFETY: the event is not pending; the finalizer, which takes this argument, is the last to see the object, and waits
        // for the lock.
        unsafe {
            if base.is_some() {
                events::event_finalize(0, self.event(Direction::READ), Some(finalizer));
                lock.unlock();
            } else {
                lock.unlock();
                finalizer(self.event(Direction::READ).raw(), self.arg());
            }
        }
    }

    /// Runs `f` on the machine. `f` must not call out.
    #[inline(always)]
    pub fn machine<R>(&self, f: impl FnOnce(&mut Stream) -> R) -> R {
        // SAFETY: the lock is held, and no closure given here opens the machine again.
        f(unsafe { &mut *self.machine.get() })
    }

    #[inline]
    pub fn mark(&self, flag: u16, on: bool) {
        let flags = self.flags.get();
        self.flags.set(if on { flags | flag } else { flags & !flag });
    }

    /// Whether a write is made when the read callback that runs returns. Its event tells that, too.
    #[inline(always)]
    pub fn mark_written(&self, on: bool) {
        if self.is(flag::WRITTEN) == on {
            return;
        }
        self.mark(flag::WRITTEN, on);
        let event = self.event(Direction::WRITE);
        let flags = || if on { event.set(evlist::WRITTEN) } else { event.clear(evlist::WRITTEN) };
        // Where other threads may look at the flags, inside a section.
        match self.base().filter(|_| !self.ext_lock().is_null()) {
            Some(base) => base.section(|_| flags()),
            None => flags(),
        }
    }

    pub fn set_callbacks(&self, read: Option<DataFn>, write: Option<DataFn>, event: Option<EventFn>, arg: *mut c_void) {
        self.readcb.set(read);
        self.writecb.set(write);
        self.errorcb.set(event);
        self.cbarg.set(arg);
    }

    /// The watermarks of one direction.
    #[inline]
    pub fn marks(&self, direction: Direction) -> Watermarks {
        if direction == Direction::READ { self.wm_read.get().into() } else { self.wm_write.get().into() }
    }

    /// The user's timeout of one direction, if it is set.
    #[inline]
    pub fn timeout(&self, direction: Direction) -> Option<timeval> {
        let tv = if direction == Direction::READ { self.timeout_read.get() } else { self.timeout_write.get() };
        (tv.tv_sec != 0 || tv.tv_usec != 0).then_some(tv)
    }

    /// Whether the event of one direction is pending or active.
    #[inline]
    pub fn waits(&self, direction: Direction) -> bool {
        let pending = || self.event(direction).is(evlist::INSERTED | evlist::TIMEOUT);
        if self.ext_lock().is_null() { pending() } else { self.base().is_some_and(|base| base.section(|_| pending())) }
    }

    /// Adds the event of one direction, with its timeout. -1 if that failed.
    #[inline]
    pub fn add_event(&self, direction: Direction) -> c_int {
        let timeout = self.timeout(direction);
        let Some(base) = self.base() else { return -1 };
        // SAFETY: the event stays in the object, which deletes it before it ends.
        match unsafe { base.add(self.event(direction), timeout) } {
            Ok(()) => 0,
            Err(_) => -1,
        }
    }

    /// Deletes the event of one direction.
    #[inline(always)]
    pub fn del_event(&self, direction: Direction) {
        if direction == Direction::WRITE {
            self.mark(flag::WRITE_QUEUED, false);
            self.mark_written(false);
        }
        if self.waits(direction) {
            self.del_waiting(direction);
        }
    }

    #[inline(never)]
    fn del_waiting(&self, direction: Direction) {
        if let Some(base) = self.base() {
            base.del(self.event(direction), Blocking::Never);
        }
    }

    /// Assigns both events: to a descriptor, or as timers only.
    pub fn assign(&self, base: *mut event_base, fd: c_int, has_fd: bool) {
        let ops = self.ops();
        let mask = |side| if has_fd { side | ev::PERSIST | ev::FINALIZE } else { ev::FINALIZE };
        let (reads, writes) = (mask(ev::READ), mask(ev::WRITE));
        // SAFETY: the events lie in the live object and are not pending.
        unsafe {
            events::assign(self.event(Direction::READ).raw(), base, fd, reads, Some(ops.on_read), self.arg());
            events::assign(self.event(Direction::WRITE).raw(), base, fd, writes, Some(ops.on_write), self.arg());
        }
    }

    /// Forgets a descriptor that was closed.
    pub fn forget_fd(&self) {
        self.ev_read.ev_fd.set(-1);
    }

    /// Carries out the interest part of an outcome. -1 if an event could not be added.
    #[inline]
    pub fn apply(&self, outcome: Outcome) -> c_int {
        if !outcome.stop.is_empty() {
            (self.ops().stop)(self, outcome.stop);
        }
        if outcome.start.is_empty() { 0 } else { (self.ops().start)(self, outcome.start) }
    }

    /// Publishes what the machine says is enabled in the public struct.
    #[inline]
    pub fn publish_enabled(&self) {
        self.enabled.set(c_short::from(self.machine(|m| m.enabled()).bits()));
    }

    /// `bufferevent_enable`.
    pub fn enable(&self, directions: Direction) -> c_int {
        let outcome = self.machine(|m| m.enable(directions));
        self.publish_enabled();
        self.apply(outcome)
    }

    /// `bufferevent_disable`.
    pub fn disable(&self, directions: Direction) -> c_int {
        let outcome = self.machine(|m| m.disable(directions));
        self.publish_enabled();
        self.apply(outcome)
    }

    /// Holds a direction for a reason.
    pub fn suspend(&self, direction: Direction, reason: Hold) {
        let outcome = self.machine(|m| m.hold(direction, reason));
        self.apply(outcome);
    }

    /// Drops a reason.
    pub fn resume(&self, direction: Direction, reason: Hold) {
        let outcome = self.machine(|m| m.release(direction, reason));
        self.apply(outcome);
    }

    /// Holds or resumes reading as the high mark says.
    pub fn check_mark(&self) {
        let full = self.marks(Direction::READ).is_full(self.input.len());
        let held = self.machine(|m| m.held(Direction::READ)).contains(Hold::MARK);
        match (full, held) {
            (true, false) => self.suspend(Direction::READ, Hold::MARK),
            (false, true) => self.resume(Direction::READ, Hold::MARK),
            _ => {}
        }
    }

    /// Moved data restarts the read timeout of a kind whose events do not repeat.
    pub fn restart_read_timer(&self) {
        if !self.has_fd() {
            self.restart_timer(Direction::READ);
        }
    }

    /// Begins the timeout of a direction again, if it has one.
    pub fn restart_timer(&self, direction: Direction) {
        if self.timeout(direction).is_some() {
            self.add_event(direction);
        }
    }
}

/// Whether a bufferevent closes its descriptor when it ends.
///
/// # Safety
/// `public` is null or lives.
pub(crate) unsafe fn closes_on_free(public: *mut bufferevent) -> bool {
    // SAFETY: null or alive, as promised.
    unsafe { Bev::of(public) }.is_some_and(Bev::closes_on_free)
}
#[cfg(test)]
mod tests;
