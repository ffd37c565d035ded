//! `event2/bufferevent.h`: what all kinds of bufferevents share.
//!
//! A [`Bev`] is the handle of one bufferevent: its public struct, followed by private words in the same block of
//! memory. What moves and what is told is decided by the machine ([`Stream`]); this face keeps references, locks, callbacks and
//! the two events that programs see in the struct.
//!
//! # Discipline
//! - The *stream lock* ([`Bev::lock`]) is recursive and held across callbacks, unless they are unlocked ones. It is taken before
//!   a base's lock. Holding it is not a `&mut`: words of the struct are read and written one at a time through raw
//!   pointers, and the machine in short closures that call nothing.
//! - Whoever runs a callback holds a reference ([`Bev::hold`]), so that the user may free the bufferevent in it.
//! - The last reference does not end the bufferevent at once: its finalizer runs from the loop, as libevent has it,
//!   when no callback of the base can be running any more.
//! - No frame here owns anything that needs dropping while a callback runs.

#![allow(unused_unsafe, reason = "the accessors' macros stand in unsafe blocks, too")]

pub(crate) mod api;
pub(crate) mod buf;
pub(crate) mod connect;
pub(crate) mod data;
pub(crate) mod filter;
pub(crate) mod notice;
pub(crate) mod pair;
pub(crate) mod rate;
pub(crate) mod socket;
pub(crate) mod tls;

use crate::abi::bufferevent::{bufferevent, event_watermark, opt};
use crate::abi::event::{ev, event, event_callback, evlist};
use crate::base::event_base;

use crate::buffer::{EvBuffer, Owner, evbuffer};
use crate::event as events;
use crate::pending::Blocking;
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_short, c_void};
use core::ptr::{self, NonNull};
use evoxide_core::stream::{Bounds, Direction, Hold, Outcome, Stream, Watermarks, What};
use evoxide_ffi::lock::{ExtLock, LOCKTYPE_RECURSIVE};
use evoxide_ffi::{mm, warnx};
use libc::timeval;

/// What moves the bytes of a bufferevent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A descriptor.
    Socket,
    /// Another bufferevent in the same process.
    Pair,
    /// A bufferevent below, through two functions.
    Filter,
    /// A descriptor or a bufferevent below, through a session.
    Tls,
}

/// Bits of [`Inner::flags`].
pub(crate) mod flag {
    /// A write waits for the end of the batch, with `ev_write` active for it.
    pub const TRY: u8 = 1;
    /// An event of a session is being served: a further try belongs to the next turn.
    pub const WRITING: u8 = 2;
    /// Whether the descriptor blocks was asked ...
    pub const BLOCKING_KNOWN: u8 = 4;
    /// ... and it does not.
    pub const NONBLOCKING: u8 = 8;
    /// The deferred callback is scheduled and holds a reference.
    pub const SCHEDULED: u8 = 32;
    /// The user freed it.
    pub const FREED: u8 = 64;
    /// The last reference is gone and the finalizer is queued. Set once; nobody holds it again.
    pub const ENDED: u8 = 128;
}

/// One block of memory from the hooks.
#[repr(C)]
pub(crate) struct Inner {
    pub public: bufferevent,
    pub machine: UnsafeCell<Stream>,
    pub kind: Kind,
    pub options: u8,
    pub flags: u8,
    /// What its buffers know of it.
    pub owner: Owner,
    pub input: EvBuffer,
    pub output: EvBuffer,
}

/// What few bufferevents have: another block of memory, made with them or when first needed. `be_ops` of the public struct points
/// to it; null stands for the values of [`Rare::NONE`].
pub(crate) struct Rare {
    pub lock: ExtLock,
    /// The lock's owners, where it belongs to bufferevents; null where it is somebody else's.
    pub lock_owners: *mut SharedLock,
    /// Made when first needed.
    pub deferred: *mut event_callback,
    /// Made when first needed.
    pub limits: *mut rate::Limits,
    /// A pair's other end; a filter's or a session's private part.
    pub link: *mut c_void,
    pub bounds: Bounds,
    pub dns_error: c_int,
    pub pending_errno: c_int,
    /// How much was read since the deferred callback last ran.
    pub fresh: usize,
    /// Notices that wait for the deferred callback.
    pub pending: Direction,
    pub pending_event: What,
}

impl Rare {
    pub const NONE: Self = Self {
        lock: ExtLock::none(),
        lock_owners: ptr::null_mut(),
        deferred: ptr::null_mut(),
        limits: ptr::null_mut(),
        link: ptr::null_mut(),
        bounds: Bounds::DEFAULT,
        dns_error: 0,
        pending_errno: 0,
        fresh: 0,
        pending: Direction::empty(),
        pending_event: What::empty(),
    };
}

// Many idle connections should cost little.
const _: () = assert!(size_of::<Inner>() <= 608);

/// A lock that several bufferevents use, and how many do. The count changes under the lock.
pub(crate) struct SharedLock {
    lock: ExtLock,
    users: u32,
}

/// A bufferevent. Whoever holds the handle knows that the object lives: it came from a C caller who promised it, or
/// a reference is held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bev(NonNull<Inner>);

/// Reads a word of the private or public part.
macro_rules! get {
    ($bev:expr, $($field:ident).+) => {
        // SAFETY: a handle exists only while its object lives; the word is copied at once.
        unsafe { (*$bev.raw()).$($field).+ }
    };
}
/// Writes a word of the private or public part.
macro_rules! set {
    ($bev:expr, $($field:ident).+, $value:expr) => {{
        let value = $value;
        // SAFETY: a handle exists only while its object lives; no reference to the word is kept anywhere.
        unsafe { (*$bev.raw()).$($field).+ = value }
    }};
}
/// Reads a word of the rare part.
macro_rules! rare {
    ($bev:expr, $field:ident) => {{
        let rare = $bev.rare();
        // SAFETY: null, or it lives as long as the bufferevent; the word is copied at once.
        if rare.is_null() { const { $crate::bufferevent::Rare::NONE.$field } } else { unsafe { (*rare).$field } }
    }};
}
/// Writes a word of the rare part, if there is one: see [`Bev::make_rare`].
macro_rules! set_rare {
    ($bev:expr, $field:ident, $value:expr) => {{
        let (rare, value) = ($bev.rare(), $value);
        if !rare.is_null() {
            // SAFETY: it lives as long as the bufferevent; no reference to the word is kept anywhere.
            unsafe { (*rare).$field = value }
        }
    }};
}
pub(crate) use {get, rare, set, set_rare};

impl Bev {
    /// The bufferevent that C names.
    ///
    /// # Safety
    /// `public` is null or points to a live bufferevent made by this library.
    #[inline]
    pub unsafe fn of(public: *mut bufferevent) -> Option<Self> {
        NonNull::new(public.cast::<Inner>()).map(Self)
    }

    /// The bufferevent that an event's or buffer's argument names.
    ///
    /// # Safety
    /// `arg` came from [`Bev::arg`] of a live bufferevent.
    #[inline]
    pub unsafe fn from_arg(arg: *mut c_void) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { NonNull::new_unchecked(arg.cast()) })
    }

    #[inline]
    pub fn arg(self) -> *mut c_void {
        self.0.as_ptr().cast()
    }

    #[inline]
    pub fn raw(self) -> *mut Inner {
        self.0.as_ptr()
    }

    #[inline]
    pub fn public(self) -> *mut bufferevent {
        self.0.as_ptr().cast()
    }

    /// The rare part, or null.
    #[inline(always)]
    pub fn rare(self) -> *mut Rare {
        get!(self, public.be_ops).cast::<Rare>().cast_mut()
    }

    /// Makes the rare part if there is none. `false`: no memory.
    pub fn make_rare(self) -> bool {
        if self.rare().is_null() {
            let Some(made) = mm::alloc(Rare::NONE) else { return false };
            set!(self, public.be_ops, made.as_ptr().cast_const().cast());
        }
        true
    }

    /// The most that one read and one write move.
    #[inline(always)]
    pub fn bounds(self) -> Bounds {
        rare!(self, bounds)
    }

    /// Whether nothing limits its rate.
    #[inline(always)]
    pub fn is_unlimited(self) -> bool {
        rare!(self, limits).is_null()
    }

    /// Runs `f` on the machine. `f` must not call out.
    #[inline(always)]
    pub fn machine<R>(self, f: impl FnOnce(&mut Stream) -> R) -> R {
        // SAFETY: the object lives, its lock is held (or it needs none), and no closure given here opens the machine again.
        f(unsafe { &mut *(*self.raw()).machine.get() })
    }

    #[inline]
    pub fn is(self, flag: u8) -> bool {
        get!(self, flags) & flag != 0
    }

    #[inline]
    pub fn mark(self, flag: u8, on: bool) {
        let flags = get!(self, flags);
        set!(self, flags, if on { flags | flag } else { flags & !flag });
    }

    #[inline]
    pub fn owner(self) -> *const Owner {
        // SAFETY: the object lives; only the address is taken.
        unsafe { &raw const (*self.raw()).owner }
    }

    /// The bufferevent whose [`owner`](Self::owner) this is.
    ///
    /// # Safety
    /// That bufferevent is alive.
    #[inline]
    pub unsafe fn of_owner(owner: *const Owner) -> Self {
        // SAFETY: the caller's promise; the pointer was made from one to the whole object.
        unsafe { Self::from_arg(owner.byte_sub(core::mem::offset_of!(Inner, owner)).cast_mut().cast()) }
    }

    #[inline]
    pub fn input(self) -> *mut evbuffer {
        // SAFETY: the object lives; only the address is taken.
        unsafe { (&raw mut (*self.raw()).input).cast() }
    }

    #[inline]
    pub fn output(self) -> *mut evbuffer {
        // SAFETY: the object lives; only the address is taken.
        unsafe { (&raw mut (*self.raw()).output).cast() }
    }

    /// Its public event of one direction.
    #[inline]
    pub fn event(self, direction: Direction) -> *mut event {
        // SAFETY: the object lives; only the address is taken.
        unsafe {
            if direction == Direction::READ {
                &raw mut (*self.public()).ev_read
            } else {
                &raw mut (*self.public()).ev_write
            }
        }
    }

    /// The base of its events, if there is one.
    #[inline]
    pub fn base(self) -> Option<&'static event_base> {
        // SAFETY: a base outlives the bufferevents on it; that is its user's duty.
        unsafe { get!(self, public.ev_read.ev_base).as_ref() }
    }

    #[inline]
    pub fn fd(self) -> c_int {
        get!(self, public.ev_read.ev_fd)
    }

    #[inline]
    pub fn lock(self) {
        rare!(self, lock).lock();
    }

    #[inline]
    pub fn unlock(self) {
        rare!(self, lock).unlock();
    }

    /// Takes the lock and a reference, for running callbacks.
    #[inline]
    pub fn hold(self) {
        self.lock();
        set!(self, public.refs, get!(self, public.refs) + 1);
    }

    /// [`hold`](Self::hold) for what the loop or a bufferevent below calls: the event may have been popped just before another
    /// thread gave up the last reference. `false`, without the lock: the object has ended and waits for its finalizer.
    #[inline]
    pub fn try_hold(self) -> bool {
        self.lock();
        if self.is(flag::ENDED) {
            self.unlock();
            return false;
        }
        set!(self, public.refs, get!(self, public.refs) + 1);
        true
    }

    /// Ends what [`hold`](Self::hold) began. Answers whether that was the last reference.
    #[inline]
    pub fn release(self) -> bool {
        let refs = get!(self, public.refs) - 1;
        set!(self, public.refs, refs);
        if refs == 0 {
            // SAFETY: the last reference is gone: nobody uses the object but its finalizer.
            unsafe { self.end() };
            return true;
        }
        self.unlock();
        false
    }

    /// Whether callbacks run without the lock.
    #[inline(always)]
    pub fn is_unlocking(self) -> bool {
        get!(self, options) & opt::UNLOCK_CALLBACKS != 0
    }

    /// Whether the user freed it and only callers up the stack still refer to it.
    #[inline]
    pub fn is_freed(self) -> bool {
        self.is(flag::FREED)
    }

    /// The marks of one direction.
    #[inline]
    pub fn marks(self, direction: Direction) -> Watermarks {
        let mark: event_watermark =
            if direction == Direction::READ { get!(self, public.wm_read) } else { get!(self, public.wm_write) };
        mark.into()
    }

    /// The user's timeout of one direction, if it is set.
    #[inline]
    pub fn timeout(self, direction: Direction) -> Option<timeval> {
        let tv = if direction == Direction::READ {
            get!(self, public.timeout_read)
        } else {
            get!(self, public.timeout_write)
        };
        (tv.tv_sec != 0 || tv.tv_usec != 0).then_some(tv)
    }

    /// Whether the event of one direction is pending or active.
    #[inline]
    pub fn waits(self, direction: Direction) -> bool {
        // SAFETY: the object lives; the flag word is read: by the only thread that uses the object, or in a section.
        let read = || unsafe { (*self.event(direction)).ev_evcallback.evcb_flags & evlist::INSERTED != 0 };
        if rare!(self, lock).is_null() { read() } else { self.base().is_some_and(|base| base.section(|_| read())) }
    }

    /// Adds the event of one direction, with its timeout. -1 if that failed.
    #[inline]
    pub fn add_event(self, direction: Direction) -> c_int {
        let timeout = self.timeout(direction);
        let Some(base) = self.base() else { return -1 };
        // SAFETY: both events are assigned as long as the object lives.
        match unsafe { base.add(self.event(direction), timeout.as_ref()) } {
            Ok(()) => 0,
            Err(_) => -1,
        }
    }

    /// Deletes the event of one direction.
    #[inline]
    pub fn del_event(self, direction: Direction) {
        if direction == Direction::WRITE {
            self.mark(flag::TRY, false);
        }
        if self.waits(direction)
            && let Some(base) = self.base()
        {
            // SAFETY: both events are assigned as long as the object lives.
            unsafe { base.del(self.event(direction), Blocking::Never) };
        }
    }

    /// Carries out the interest part of an outcome. -1 if an event could not be added.
    #[inline]
    pub fn apply(self, outcome: Outcome) -> c_int {
        let mut result = 0;
        if !outcome.stop.is_empty() {
            self.stop(outcome.stop);
        }
        if !outcome.start.is_empty() {
            result = self.start(outcome.start);
        }
        result
    }

    fn stop(self, directions: Direction) {
        if get!(self, kind) == Kind::Tls {
            tls::changed(self, Direction::empty());
            return;
        }
        if get!(self, kind) == Kind::Filter && directions.contains(Direction::READ) {
            filter::stop_reading(self);
        }
        for direction in directions.iter() {
            self.del_event(direction);
        }
    }

    fn start(self, directions: Direction) -> c_int {
        match get!(self, kind) {
            Kind::Socket => socket::start(self, directions),
            Kind::Pair => pair::start(self, directions),
            Kind::Filter => filter::start(self, directions),
            Kind::Tls => tls::changed(self, directions),
        }
    }

    /// Publishes what the machine says is enabled in the public struct.
    #[inline]
    fn publish_enabled(self) {
        set!(self, public.enabled, c_short::from(self.machine(|m| m.enabled()).bits()));
    }

    /// `bufferevent_enable`.
    pub fn enable(self, directions: Direction) -> c_int {
        let outcome = self.machine(|m| m.enable(directions));
        self.publish_enabled();
        self.apply(outcome)
    }

    /// `bufferevent_disable`.
    pub fn disable(self, directions: Direction) -> c_int {
        let outcome = self.machine(|m| m.disable(directions));
        self.publish_enabled();
        self.apply(outcome)
    }

    /// Holds a direction for a reason.
    pub fn suspend(self, direction: Direction, reason: Hold) {
        let outcome = self.machine(|m| m.hold(direction, reason));
        self.apply(outcome);
    }

    /// Drops a reason.
    pub fn resume(self, direction: Direction, reason: Hold) {
        let outcome = self.machine(|m| m.release(direction, reason));
        self.apply(outcome);
    }

    /// Finishes with an outcome that may disable: publishes, changes interest, tells.
    pub fn conclude(self, outcome: Outcome, errno: c_int) {
        self.publish_enabled();
        self.apply(outcome);
        if !outcome.event.is_empty() {
            evoxide_ffi::errno::set(errno);
            notice::event(self, outcome.event, 0);
        }
    }

    /// Moved data restarts the read timeout of a kind whose events do not repeat.
    pub fn restart_read_timer(self) {
        if get!(self, public.ev_read.ev_events) & ev::PERSIST == 0 {
            self.restart_timer(Direction::READ);
        }
    }

    /// Timeouts of kinds without a descriptor: started anew, or ended.
    pub fn restart_timer(self, direction: Direction) {
        if self.timeout(direction).is_some() {
            self.add_event(direction);
        }
    }

    /// The last reference is gone: nothing of it runs any more, and the loop will finalize it.
    ///
    /// The finalizer is queued before the lock is given up, and begins by taking the lock: so nobody sees an object that is
    /// neither referred to nor marked, and the object is there until this thread has let go of the lock.
    ///
    /// # Safety
    /// The lock is held, and nobody uses the object after this.
    unsafe fn end(self) {
        self.mark(flag::ENDED, true);
        match get!(self, kind) {
            Kind::Filter => filter::unlink(self),
            Kind::Pair => pair::unlink(self),
            Kind::Tls => tls::unlink(self),
            Kind::Socket => {}
        }
        self.del_event(Direction::WRITE);
        self.del_event(Direction::READ);
        let (lock, base) = (rare!(self, lock), self.base());
        // SAFETY: the event is assigned and not pending; the finalizer is the last to see the object, and waits for the lock.
        unsafe {
            if base.is_some() {
                events::event_finalize(0, self.event(Direction::READ), Some(finalize));
                lock.unlock();
            } else {
                lock.unlock();
                finalize(self.event(Direction::READ), self.arg());
            }
        }
    }
}

/// Ends a bufferevent, from the loop.
unsafe extern "C-unwind" fn finalize(_event: *mut event, arg: *mut c_void) {
    // SAFETY: the object lives until the end of this function, which alone refers to it.
    let bev = unsafe { Bev::from_arg(arg) };
    // Whoever ended it may still be about to give up the lock.
    bev.lock();
    bev.unlock();
    let below = match get!(bev, kind) {
        Kind::Filter => filter::finish(bev),
        Kind::Tls => tls::finish(bev),
        Kind::Socket => {
            socket::finish(bev);
            None
        }
        Kind::Pair => None,
    };
    rate::finish(bev);
    buf::end(bev.input());
    buf::end(bev.output());
    // SAFETY: the events, the deferred callback and the lock's count are its own; nothing else refers to them.
    unsafe {
        crate::debug::teardown(bev.event(Direction::READ));
        crate::debug::teardown(bev.event(Direction::WRITE));
        mm::free(rare!(bev, deferred).cast());
        SharedLock::leave(rare!(bev, lock_owners));
        mm::free(bev.rare().cast());
        mm::free(bev.arg());
    }
    if let Some(below) = below {
        below.lock();
        below.release();
    }
}

impl SharedLock {
    /// A new lock with one user; null where threading is not set up. `None`: no memory, or the program's callback failed.
    fn new() -> Option<*mut Self> {
        let lock = ExtLock::try_new(LOCKTYPE_RECURSIVE)?;
        if lock.is_null() {
            return Some(ptr::null_mut());
        }
        let made = mm::alloc(Self { lock, users: 1 }).map(NonNull::as_ptr);
        if made.is_none() {
            // SAFETY: just made, and nobody else knows it.
            unsafe { lock.free(LOCKTYPE_RECURSIVE) };
        }
        made
    }

    /// One user less.
    ///
    /// # Safety
    /// `shared` is null or lives, and the caller is one of its users and does not hold the lock.
    unsafe fn leave(shared: *mut Self) {
        if shared.is_null() {
            return;
        }
        // SAFETY: the caller's promise; the count changes under the lock, and its last user is alone with it.
        unsafe {
            let lock = (*shared).lock;
            lock.lock();
            (*shared).users -= 1;
            let last = (*shared).users == 0;
            lock.unlock();
            if last {
                lock.free(LOCKTYPE_RECURSIVE);
                mm::free(shared.cast());
            }
        }
    }
}

/// Where a new bufferevent's lock comes from.
pub(crate) enum LockFrom {
    /// Its own, if the options ask for one.
    Own,
    /// It uses another bufferevent's.
    Other(Bev),
}

/// A new bufferevent with buffers, events and lock. `None`, with nothing left over, where memory is short or the options
/// make no sense.
pub(crate) fn create(base: *mut event_base, fd: c_int, options: u8, kind: Kind, lock: LockFrom) -> Option<Bev> {
    if options & (opt::UNLOCK_CALLBACKS | opt::DEFER_CALLBACKS) == opt::UNLOCK_CALLBACKS {
        warnx!("UNLOCK_CALLBACKS requires DEFER_CALLBACKS");
        return None;
    }
    // SAFETY: fresh memory. Every field is a number, a pointer or an option of a function pointer, of which all-zero is a
    // value, but for the enum, the machine and the buffers, which are written here before anybody sees them.
    let bev = unsafe {
        let inner = mm::calloc(1, size_of::<Inner>()).cast::<Inner>();
        let bev = Bev(NonNull::new(inner)?);
        (&raw mut (*inner).kind).write(kind);
        (&raw mut (*inner).machine).write(UnsafeCell::new(Stream::new()));
        (&raw mut (*inner).owner).write(Owner::new(&buf::OPS));
        (&raw mut (*inner).input).write(EvBuffer::embedded());
        (&raw mut (*inner).output).write(EvBuffer::embedded());
        bev
    };
    // What it will need is made now, where that can still fail.
    let plain = kind == Kind::Socket && options & opt::DEFER_CALLBACKS == 0;
    if !(plain || bev.make_rare()) || !take_lock(bev, options, lock) {
        // SAFETY: fresh, and nobody knows of it; empty buffers hold nothing.
        unsafe {
            mm::free(bev.rare().cast());
            mm::free(bev.arg());
        }
        return None;
    }
    set!(bev, public.refs, 1);
    set!(bev, options, options);
    set!(bev, public.ev_base, base);
    set!(bev, public.input, bev.input().cast());
    set!(bev, public.output, bev.output().cast());
    buf::own(bev, kind != Kind::Filter);
    assign(bev, base, fd);
    bev.publish_enabled();
    Some(bev)
}

/// Gives a new bufferevent its lock. `false`: there is none to be had.
fn take_lock(bev: Bev, options: u8, from: LockFrom) -> bool {
    let shared = match from {
        LockFrom::Other(other) => {
            let shared: *mut SharedLock = rare!(other, lock_owners);
            if !shared.is_null() {
                // SAFETY: the other bufferevent is a user of the lock, so it lives; the count changes under the lock.
                unsafe {
                    (*shared).lock.lock();
                    (*shared).users += 1;
                    (*shared).lock.unlock();
                }
            }
            Some(shared)
        }
        LockFrom::Own if options & opt::THREADSAFE != 0 => SharedLock::new(),
        LockFrom::Own => Some(ptr::null_mut()),
    };
    let Some(shared) = shared else { return false };
    if shared.is_null() {
        return true;
    }
    // SAFETY: alive, as this bufferevent is a user now.
    unsafe {
        if !bev.make_rare() {
            SharedLock::leave(shared);
            return false;
        }
        set_rare!(bev, lock_owners, shared);
        set_rare!(bev, lock, (*shared).lock);
    }
    true
}

/// Assigns both events to a descriptor; those of kinds without one are only timers.
pub(crate) fn assign(bev: Bev, base: *mut event_base, fd: c_int) {
    type Handler = crate::abi::event::EventFn;
    let kind = get!(bev, kind);
    let (read, write): (Handler, Handler) = match kind {
        Kind::Socket => (socket::on_read, socket::on_write),
        Kind::Tls => (tls::on_read, tls::on_write),
        Kind::Pair | Kind::Filter => (notice::read_timer, notice::write_timer),
    };
    // A session above a bufferevent has no descriptor: its events are timers, too.
    let (reads, writes) = if kind == Kind::Socket || kind == Kind::Tls && tls::below(bev).is_none() {
        (ev::READ | ev::PERSIST | ev::FINALIZE, ev::WRITE | ev::PERSIST | ev::FINALIZE)
    } else {
        (ev::FINALIZE, ev::FINALIZE)
    };
    // SAFETY: the events lie in the live object and are not pending.
    unsafe {
        events::assign(bev.event(Direction::READ), base, fd, reads, Some(read), bev.arg());
        events::assign(bev.event(Direction::WRITE), base, fd, writes, Some(write), bev.arg());
    }
}

/// Whether it has a descriptor of its own, or can have one.
pub(crate) fn has_fd(bev: Bev) -> bool {
    match get!(bev, kind) {
        Kind::Socket => true,
        Kind::Tls => tls::below(bev).is_none(),
        Kind::Pair | Kind::Filter => false,
    }
}

/// Whether a bufferevent closes its descriptor when it ends.
///
/// # Safety
/// `public` lives.
pub(crate) unsafe fn closes_on_free(public: *mut bufferevent) -> bool {
    // SAFETY: the caller's promise.
    unsafe { Bev::of(public) }.is_some_and(|bev| get!(bev, options) & opt::CLOSE_ON_FREE != 0)
}
