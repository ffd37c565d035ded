//! `struct event_base`: one reactor, its backend, and what the C face needs around them.
//!
//! The struct is allocated by the user's allocator hooks, so the pointer that C sees is the very pointer its malloc returned.
//! Everything that changes is in [`Core`], which is only reached through short sections ([`Base::core`]); no
//! callback ever runs inside one. What signal handlers touch is atomic and outside.
//!
//! Below it: `config` (what it is made of), `debug` (debug mode's table), `watchers` (their list). Above it: `event` (events on it), `run`
//! (its loop, and making and freeing it).

pub(crate) mod config;
pub(crate) mod debug;
pub(crate) mod watchers;

pub use crate::abi::event::event_base;
use crate::abi::event::{event, event_callback, evlist};
use crate::base::config::Choice;
use crate::base::watchers::Watchers;
use crate::util::time::timeval_of;
use alloc::vec::Vec;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16, Ordering};
use core::{cell::UnsafeCell, ffi::c_ulong};
use evoxide_core::buffer::StoragePool;
use evoxide_core::key::Key;
use evoxide_core::timers::Timers;
use evoxide_ffi::guarded::Guarded;
use evoxide_ffi::lock::{self, ExtCond, ExtLock};
use evoxide_ffi::mm;
use evoxide_sys::backend::{Features, Method, Waiter};
use evoxide_sys::clock;
use evoxide_sys::engine::Engine;
use evoxide_sys::wake::Wake;
use libc::timeval;

/// Why the loop is woken, beside [`Wake::LOOK`].
pub(crate) mod reason {
    /// Leave the loop after the running callback.
    pub const BREAK: u32 = 2;
    /// Leave the loop when this turn's events have run; not yet an event of the base.
    pub const EXIT: u32 = 4;
    /// A signal handler left events in `async_head`.
    pub const ASYNC: u32 = 8;
    /// Threads wait for the running callback to end: noted in their section, taken when they are told.
    pub const WAITED: u32 = 16;
}

/// `EVTHREAD_LOCKTYPE_RECURSIVE`.
pub(crate) const RECURSIVE: core::ffi::c_uint = 1;

/// How long the difference between wall clock and monotonic clock is trusted, in nanoseconds.
const WALL_TRUST: u64 = 5_000_000_000;

/// The name of a callback, by which the reactor knows what a slot belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cb(*mut event_callback);

impl Default for Cb {
    fn default() -> Self {
        Self(ptr::null_mut())
    }
}

// SAFETY: a `Cb` is only a name; it is followed under the base's lock, as libevent's callers must.
unsafe impl Send for Cb {}

impl Cb {
    /// The name of an event.
    #[inline(always)]
    pub fn of(e: &event) -> Self {
        Self(e.raw().cast())
    }

    /// The name of a callback that is no event.
    #[inline(always)]
    pub fn bare(cb: &event_callback) -> Self {
        Self(ptr::from_ref(cb).cast_mut())
    }

    /// The pointer that it is.
    #[inline(always)]
    pub fn raw(self) -> *mut event_callback {
        self.0
    }

    /// The callback.
    ///
    /// # Safety
    /// It is alive as long as the result is used, as those are that are pending or active.
    #[inline(always)]
    pub unsafe fn callback<'a>(self) -> &'a event_callback {
        // SAFETY: names are made of callbacks, and this one is alive.
        unsafe { &*self.0 }
    }

    /// The event.
    ///
    /// # Safety
    /// It is one, and alive as long as the result is used.
    #[inline(always)]
    pub unsafe fn event<'a>(self) -> &'a event {
        // SAFETY: the name was made by `of`, so that its pointer is good for the whole struct.
        unsafe { &*self.0.cast() }
    }
}

/// The name of an event among the timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timer(NonNull<event>);

impl Timer {
    /// # Safety
    /// The event stays in place as long as it is among the timers, and this name is not used any longer.
    #[inline(always)]
    pub unsafe fn new(e: &event) -> Self {
        Self(NonNull::from(e))
    }

    /// The timer that a word of another timer names, if any.
    ///
    /// # Safety
    /// It came from [`raw`](Self::raw), of a timer for which the promise of [`new`](Self::new) still holds.
    #[inline(always)]
    pub unsafe fn from_raw(raw: *mut event) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }

    /// The pointer that it is.
    #[inline(always)]
    pub fn raw(self) -> *mut event {
        self.0.as_ptr()
    }

    /// The event.
    #[inline(always)]
    pub fn event(&self) -> &event {
        // SAFETY: promised where the name was made.
        unsafe { self.0.as_ref() }
    }
}

/// What a `struct event_base` is.
pub struct Base {
    pub(crate) core: Guarded<Core>,
    /// It has no lock, and debug mode is off.
    pub(crate) plain: bool,
    /// What others want of the loop: see [`reason`].
    pub(crate) wake: Wake,
    /// Events that signal handlers activated while a section was open.
    pub(crate) async_head: AtomicPtr<event_callback>,
    /// How many priorities there are; `event_assign` reads it without a section.
    pub(crate) priorities: AtomicU16,
    /// Whether there are prepare or check watchers.
    pub(crate) watched: AtomicBool,
    /// Only touched by the thread that runs the loop.
    pub(crate) waiter: UnsafeCell<Waiter>,
    /// Only touched by the thread that runs the loop, between callbacks.
    pub(crate) storage: UnsafeCell<StoragePool>,
    /// A write callback of a bufferevent is running: what it writes, to whichever, is tried in the next turn, or callbacks that
    /// write to each other would keep all others waiting.
    pub(crate) writing: AtomicBool,
    /// Whether `BREAK` and the exit event were seen by the last loop.
    pub(crate) got_break: AtomicBool,
    pub(crate) got_exit: AtomicBool,
    /// Waited on by blocking deletions until the running callback ends.
    pub(crate) current_ended: ExtCond,
    /// The callback that `loopexit` makes active.
    pub(crate) exit: event_callback,
}

// SAFETY: `waiter` and `storage` belong to the thread that runs the loop (`Core::running` admits one), the cells of `exit` are
// used inside sections only, the rest is atomic or guarded.
unsafe impl Sync for Base {}

/// Everything of a base that changes inside sections.
pub(crate) struct Core {
    pub engine: Engine<Cb>,
    /// The timeouts of events.
    pub timers: Timers<Timer>,
    pub method: Choice,
    /// The callback that runs now, or the default name.
    pub current: Cb,
    /// A callback of this batch ran and has ended.
    pub ran: bool,
    /// How many threads wait for `current` to end.
    pub current_waiters: u32,
    /// How many calls of a signal's callback are left; deletion sets it to 0.
    pub calls_left: u16,
    /// A loop runs, in thread `owner`.
    pub running: bool,
    pub owner: c_ulong,
    /// The time of this turn, or 0.
    pub cached: u64,
    pub keep_time: bool,
    /// Turns that follow each other without waiting may share a time, as long as the kernel's tick does not pass.
    pub share_time: bool,
    /// The tick that such a turn last saw, and what the clock said when it was last read.
    pub tick: u64,
    pub read: u64,
    /// Wall clock minus monotonic clock, and when that was measured.
    pub wall_offset: i64,
    pub wall_measured: u64,
    /// How many deferred callbacks were queued in this turn.
    pub deferred: u32,
    /// Head of the list of one-off events.
    pub once: *mut event,
    pub watchers: Watchers,
    /// What `event_base_init_common_timeout` answered, by queue; the addresses are stable.
    pub commons: Vec<mm::Owned<timeval>>,
}

// SAFETY: the raw pointers are names or are followed only under the base's lock.
unsafe impl Send for Core {}

impl Core {
    /// Now, in nanoseconds: the time of this turn while callbacks run, if it is kept.
    #[inline(always)]
    pub fn now(&mut self) -> u64 {
        if self.cached != 0 { self.cached } else { self.clock() }
    }

    /// Reads the clock.
    #[inline(never)]
    pub fn clock(&mut self) -> u64 {
        let now = clock::monotonic();
        if now.wrapping_sub(self.wall_measured) > WALL_TRUST {
            self.measure_wall(now);
        }
        self.read = now;
        now
    }

    /// [`refresh_time`](Self::refresh_time) for a turn that did not wait, since something was active before. Where many such turns
    /// follow each other, most of them only look whether the tick has passed, which is as much as the original's clock
    /// tells, and cheaper.
    #[inline]
    pub fn refresh_time_coarse(&mut self) -> u64 {
        if !self.share_time {
            return self.refresh_time();
        }
        let tick = clock::monotonic_coarse();
        if tick != self.tick {
            self.tick = tick;
            return self.refresh_time();
        }
        self.cached = self.read;
        self.read
    }

    #[cold]
    pub fn measure_wall(&mut self, now: u64) {
        // The wall clock first: what is told of a timeout is never later than what was asked for.
        let wall = clock::realtime();
        self.wall_offset = wall.wrapping_sub(clock::monotonic()) as i64;
        self.wall_measured = now;
    }

    /// Reads the clock into the time of this turn.
    #[inline]
    pub fn refresh_time(&mut self) -> u64 {
        let now = self.clock();
        if self.keep_time {
            self.cached = now;
        }
        now
    }

    /// The wall clock's reading at a monotonic time.
    pub fn wall(&self, nanos: u64) -> timeval {
        timeval_of(nanos.saturating_add_signed(self.wall_offset))
    }

    /// The key of a callback's slot or detached activation: its flags say whether there is one, its address whether it is its
    /// own.
    #[inline]
    pub fn key_of(&self, cb: &event_callback) -> Option<Key> {
        if !cb.is(evlist::INSERTED) {
            return None;
        }
        Key::from_bits(cb.key.get())
            .filter(|key| self.engine.reactor.view(*key).is_some_and(|view| view.payload == Cb::bare(cb)))
    }

    /// Notes in the callback's struct which slot it has.
    #[inline]
    pub fn mark(cb: &event_callback, key: Key) {
        cb.key.set(key.to_bits());
        cb.set(evlist::INSERTED);
    }
}

impl Base {
    /// What a pointer of C's means; `None` for null.
    ///
    /// # Safety
    /// `base` is null or points to a base that lives as long as the answer is used.
    #[inline(always)]
    pub(crate) unsafe fn of<'a>(base: *const event_base) -> Option<&'a Self> {
        // SAFETY: `lifecycle::create` made it, and C knows it by no other type.
        unsafe { base.cast::<Self>().as_ref() }
    }

    /// As [`of`](Self::of), of a base that the caller must give.
    ///
    /// # Safety
    /// `base` points to a base that lives as long as the answer is used.
    #[inline(always)]
    pub(crate) unsafe fn live<'a>(base: *const event_base) -> &'a Self {
        // SAFETY: not null, and made as `of` says.
        unsafe { &*base.cast::<Self>() }
    }

    /// The pointer that C knows.
    pub(crate) fn raw(&self) -> *mut event_base {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// Runs `f` in a section of its own.
    #[inline(always)]
    pub(crate) fn section<R>(&self, f: impl FnOnce(&mut Core) -> R) -> R {
        self.core.with(f)
    }

    /// Wakes the loop if it waits. Async-signal-safe.
    #[inline]
    pub(crate) fn wake_if_waiting(&self) {
        self.wake.wake_waiting();
    }

    /// The base's lock, for waiting.
    pub(crate) fn lock(&self) -> ExtLock {
        self.core.lock()
    }
}

impl Core {
    /// How the backend is called, and what it can do.
    pub fn features(&self) -> Features {
        self.engine.backend().features()
    }

    pub fn method(&self) -> Method {
        self.engine.backend().method()
    }
}

static CURRENT: AtomicPtr<event_base> = AtomicPtr::new(ptr::null_mut());

/// The base that `event_init` made last, or null.
#[inline]
pub(crate) fn current_base() -> *mut event_base {
    CURRENT.load(Ordering::Relaxed)
}

/// The same, as what it is.
pub(crate) fn current<'a>() -> Option<&'a Base> {
    // SAFETY: null, or the base that `event_init` made; what frees it forgets it here first.
    unsafe { Base::of(current_base()) }
}

/// `event_init` made it.
pub(crate) fn set_current(base: *mut event_base) {
    CURRENT.store(base, Ordering::Relaxed);
}

/// The base ends.
pub(crate) fn forget_current(base: *mut event_base) {
    let _ = CURRENT.compare_exchange(base, ptr::null_mut(), Ordering::Relaxed, Ordering::Relaxed);
}

/// The base that an event is set to, if any.
#[inline]
pub(crate) fn base_of(e: &event) -> Option<&Base> {
    // SAFETY: null, or the base that the event was set to, which the program keeps as long as it uses the event.
    unsafe { Base::of(e.ev_base.get()) }
}

/// Whether the calling thread is the one that runs the loop.
#[inline]
pub(crate) fn in_loop_thread(core: &Core) -> bool {
    !lock::threading_enabled() || core.owner == lock::thread_id()
}
