//! `struct event_base`: one reactor, its backend, and what the C face needs around them.
//!
//! The struct is allocated by the user's allocator hooks, so the pointer that C sees is the very pointer its malloc returned.
//! Everything that changes is in [`Core`], which is only reached through short sections ([`event_base::core`]); no
//! callback ever runs inside one. What signal handlers touch is atomic and outside.
//!
//! - `pending` : adding, removing and activating events; `timer` : timers without a slot; `run` : the loop; `deferred` : callbacks without an event.

use crate::abi::event::{closure, event, event_callback, evlist};
use crate::config::{Choice, Settings, event_config};
use crate::once::Once;
use crate::time::timeval_of;
use crate::watch::Watchers;
use core::cell::UnsafeCell;
use core::ffi::c_ulong;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16};
use evoxide_core::buffer::StoragePool;
use evoxide_core::key::Key;
use evoxide_core::timers::Timers;
use evoxide_ffi::guarded::Guarded;
use evoxide_ffi::lock::{self, ExtCond, ExtLock};
use evoxide_ffi::{mm, msgx, warnx};
use evoxide_sys::backend::{Backend, Features, Method, Waiter};
use evoxide_sys::clock;
use evoxide_sys::engine::Engine;
use evoxide_sys::wake::Wake;
use evoxide_sys::waker::Waker;
use libc::timeval;

/// Why the loop is woken, beside [`Wake::LOOK`].
pub(crate) mod reason {
    /// Leave the loop after the running callback.
    pub const BREAK: u32 = 2;
    /// Leave the loop when this turn's events have run; not yet an event of the base.
    pub const EXIT: u32 = 4;
    /// A signal handler left events in `async_head`.
    pub const ASYNC: u32 = 8;
}

/// `EVTHREAD_LOCKTYPE_RECURSIVE`.
pub(crate) const RECURSIVE: core::ffi::c_uint = 1;

/// How long the difference between wall clock and monotonic clock is trusted, in nanoseconds.
const WALL_TRUST: u64 = 5_000_000_000;

/// What a slot of the reactor, or an entry of the timers, belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cb(pub *mut event_callback);

impl Default for Cb {
    fn default() -> Self {
        Self(ptr::null_mut())
    }
}

// SAFETY: a `Cb` is only a name; whoever follows the pointer does so under the base's lock, as libevent's callers must.
unsafe impl Send for Cb {}

/// `struct event_base`, opaque to C.
pub struct event_base {
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
    /// The event that `loopexit` makes active.
    pub(crate) exit: UnsafeCell<event_callback>,
}

// SAFETY: `waiter` and `storage` belong to the thread that runs the loop (`Core::running` admits one), `exit` is changed inside
// sections only, the rest is atomic or guarded.
unsafe impl Sync for event_base {}

/// Everything of a base that changes inside sections.
pub(crate) struct Core {
    pub engine: Engine<Cb>,
    /// Events that wait for a timeout and for nothing else.
    pub timers: Timers<Cb>,
    pub method: Choice,
    /// The callback that runs now.
    pub current: *mut event_callback,
    /// How many threads wait for it to end.
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
    share_time: bool,
    /// The tick that such a turn last saw, and what the clock said when it was last read.
    tick: u64,
    read: u64,
    /// Wall clock minus monotonic clock, and when that was measured.
    wall_offset: i64,
    wall_measured: u64,
    /// How many deferred callbacks were queued in this turn.
    pub deferred: u32,
    /// Head of the list of one-off events.
    pub once: *mut Once,
    pub watchers: Watchers,
    /// What `event_base_init_common_timeout` answered, by queue; the addresses are stable.
    pub commons: Vec<mm::Owned<timeval>>,
}

// SAFETY: the raw pointers are names or are followed only under the base's lock.
unsafe impl Send for Core {}

impl Core {
    /// Now, in nanoseconds: the time of this turn while callbacks run, if it is kept.
    #[inline]
    pub fn now(&mut self) -> u64 {
        if self.cached != 0 { self.cached } else { self.clock() }
    }

    /// Reads the clock.
    #[inline]
    pub fn clock(&mut self) -> u64 {
        let now = clock::monotonic();
        if now.wrapping_sub(self.wall_measured) > WALL_TRUST {
            self.measure_wall(now);
        }
        self.read = now;
        now
    }

    /// [`keep_now`](Self::keep_now) for a turn that did not wait, since something was active before. Where many such turns
    /// follow each other, most of them only look whether the tick has passed, which is as much as the original's clock
    /// tells, and cheaper.
    #[inline]
    pub fn keep_tick(&mut self) -> u64 {
        if !self.share_time {
            return self.keep_now();
        }
        let tick = clock::monotonic_coarse();
        if tick != self.tick {
            self.tick = tick;
            return self.keep_now();
        }
        self.cached = self.read;
        self.read
    }

    #[cold]
    fn measure_wall(&mut self, now: u64) {
        // The wall clock first: what is told of a timeout is never later than what was asked for.
        let wall = clock::realtime();
        self.wall_offset = wall.wrapping_sub(clock::monotonic()) as i64;
        self.wall_measured = now;
    }

    /// Reads the clock into the time of this turn.
    #[inline]
    pub fn keep_now(&mut self) -> u64 {
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

    /// The key of a pending or active callback that is no plain timer: its flags say whether there is one, its address whether it is its own.
    ///
    /// # Safety
    /// `cb` points to an initialised callback.
    #[inline]
    pub unsafe fn key_of(&self, cb: *mut event_callback) -> Option<Key> {
        // SAFETY: the caller's promise.
        let (flags, bits) = unsafe { ((*cb).evcb_flags, (*cb).key) };
        if flags & (evlist::INSERTED | evlist::TIMEOUT) != evlist::INSERTED {
            return None;
        }
        Key::from_bits(bits).filter(|key| self.engine.reactor.payload(*key) == Some(Cb(cb)))
    }

    /// Notes in the callback's struct which slot it has.
    ///
    /// # Safety
    /// `cb` points to an initialised callback.
    #[inline]
    pub unsafe fn mark(cb: *mut event_callback, key: Key) {
        // SAFETY: the caller's promise.
        unsafe {
            (*cb).key = key.to_bits();
            (*cb).evcb_flags |= evlist::INSERTED;
        }
    }
}

impl event_base {
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

/// A base according to `config`, or `None` with the reason logged.
pub(crate) fn create(config: Option<&event_config>) -> Option<*mut event_base> {
    crate::debug::too_late();
    let settings = crate::config::settings(config);
    let Some((choice, backend)) = crate::config::open(config, &settings) else {
        warnx!("event_base_new_with_config: no event mechanism available");
        return None;
    };
    if settings.show_method {
        msgx!("libevent using: {}", choice.name());
    }
    lock::note_context();
    let locking = lock::threading_enabled() && !settings.no_lock;
    let (ext_lock, cond) =
        if locking { (ExtLock::try_new(RECURSIVE)?, ExtCond::new()) } else { (ExtLock::none(), ExtCond::none()) };
    let made = build(&settings, choice, backend, locking, (ext_lock, cond));
    if made.is_none() {
        // SAFETY: just made, and used by nobody.
        unsafe {
            cond.free();
            ext_lock.free(RECURSIVE);
        }
    }
    made
}

/// The base itself, around its backend and its lock and condition, which stay the caller's if this fails.
fn build(
    settings: &Settings,
    choice: Choice,
    backend: Backend,
    locking: bool,
    (ext_lock, cond): (ExtLock, ExtCond),
) -> Option<*mut event_base> {
    let waiter = backend.waiter();
    let waker = if locking { Waker::new() } else { Waker::pipe() }.ok()?;
    let wake = Wake::new();
    wake.set_descriptor(waker.wake_fd());
    let mut engine = Engine::new(backend, waker)
        .inspect_err(|error| warnx!("event_base_new_with_config: cannot watch the waker: {error}"))
        .ok()?;
    engine.reactor.set_deferred(choice.changelist);
    engine.reactor.set_limits(settings.limits);
    // As the original: only debug mode minds.
    engine.reactor.set_mixing(!crate::debug::enabled());
    let mut core = Core {
        engine,
        timers: Timers::new(),
        method: choice,
        current: ptr::null_mut(),
        current_waiters: 0,
        calls_left: 0,
        running: false,
        owner: 0,
        cached: 0,
        keep_time: !settings.no_cache_time,
        share_time: !settings.no_cache_time && !settings.precise,
        tick: 0,
        read: 0,
        wall_offset: 0,
        wall_measured: 0,
        deferred: 0,
        once: ptr::null_mut(),
        watchers: Watchers::default(),
        commons: Vec::new(),
    };
    core.measure_wall(clock::monotonic());
    let mut guarded = Guarded::new(core);
    guarded.set_lock(ext_lock);
    let base = event_base {
        core: guarded,
        plain: ext_lock.is_null() && !crate::debug::enabled(),
        wake,
        async_head: AtomicPtr::new(ptr::null_mut()),
        priorities: AtomicU16::new(1),
        watched: AtomicBool::new(false),
        waiter: UnsafeCell::new(waiter),
        storage: UnsafeCell::new(StoragePool::new()),
        writing: AtomicBool::new(false),
        got_break: AtomicBool::new(false),
        got_exit: AtomicBool::new(false),
        current_ended: cond,
        exit: UnsafeCell::new(event_callback::empty(closure::EXIT)),
    };
    mm::alloc(base).map(|p| p.as_ptr())
}

/// Frees a base. Its events stay the caller's; those that wait to be finalized are, if `finalize`.
///
/// # Safety
/// `base` came from [`create`], is not used by another thread and runs no loop.
pub(crate) unsafe fn destroy(base: *mut event_base, finalize: bool) {
    // SAFETY: the caller's promise.
    let b = unsafe { &*base };
    b.take_async_if_any();
    if finalize {
        // Finalizers may do anything, so each runs outside a section, and the search starts anew.
        while let Some(cb) = b.section(|core| core.take_finalizer()) {
            // SAFETY: a finalizing event is alive until its finalizer ran.
            unsafe { crate::run::finalize(cb) };
        }
    }
    b.section(|core| {
        let forget = |payload: Cb| {
            if !payload.0.is_null() {
                // SAFETY: a pending or active event is alive: its owner must delete it before freeing it.
                unsafe { (*payload.0).evcb_flags &= !(evlist::INSERTED | evlist::TIMEOUT) };
                crate::debug::ended(payload.0.cast());
            }
        };
        while let Some(payload) = core.timers.take() {
            core.engine.reactor.release();
            forget(payload);
        }
        while let Some(payload) = core.engine.reactor.take_ticket() {
            forget(payload);
        }
        let mut from = 0;
        while let Some(key) = core.engine.reactor.next_slot(from) {
            from = key.index + 1;
            let payload = core.engine.reactor.payload(key).unwrap_or_default();
            core.engine.remove(key);
            forget(payload);
        }
        // SAFETY: the list holds what `event_base_once` made and nothing else refers to it.
        unsafe { crate::once::free_all(core) };
        core.watchers.free_all();
    });
    let (lock, cond) = (b.lock(), b.current_ended);
    // SAFETY: `create` made it with `mm::alloc`, with this lock and condition; the caller promises that nobody uses it any
    // more.
    unsafe {
        mm::free_value(NonNull::new_unchecked(base));
        cond.free();
        lock.free(RECURSIVE);
    }
}

impl Core {
    /// Takes one event that waits to be finalized out of the ready queues.
    fn take_finalizer(&mut self) -> Option<*mut event_callback> {
        let mut walk = evoxide_core::reactor::Walk::active();
        while let Some(view) = self.engine.reactor.walk(&mut walk) {
            let cb = view.payload.0;
            // SAFETY: an active event is alive.
            let how = unsafe { (*cb).evcb_closure };
            if let (Some(key), closure::EVENT_FINALIZE | closure::EVENT_FINALIZE_FREE) = (view.key, how) {
                self.engine.remove(key);
                // SAFETY: as above.
                unsafe { (*cb).evcb_flags &= !evlist::INSERTED };
                return Some(cb);
            }
        }
        None
    }

    /// How the backend is called, and what it can do.
    pub fn features(&self) -> Features {
        self.engine.backend().features()
    }

    pub fn method(&self) -> Method {
        self.engine.backend().method()
    }
}

/// The base that an event is set to, if any.
///
/// # Safety
/// `ev` points to an initialised event whose base lives.
#[inline]
pub(crate) unsafe fn base_of<'a>(ev: *const event) -> Option<&'a event_base> {
    // SAFETY: the caller's promise.
    unsafe { (*ev).ev_base.as_ref() }
}

/// Whether the calling thread is the one that runs the loop.
#[inline]
pub(crate) fn in_loop_thread(core: &Core) -> bool {
    !lock::threading_enabled() || core.owner == lock::thread_id()
}
