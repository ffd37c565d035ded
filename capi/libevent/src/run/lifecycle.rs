//! The beginning and the end of a base.

use crate::abi::event::{closure, event_base, event_callback, evlist};
use crate::base::config::{Choice, Settings, event_config};
use crate::base::watchers::Watchers;
use crate::base::{Base, Cb, Core, RECURSIVE};
use crate::event::timer::Structs;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16};
use evoxide_core::buffer::StoragePool;
use evoxide_core::reactor::{Options, Walk};
use evoxide_core::timers::Timers;
use evoxide_ffi::guarded::Guarded;
use evoxide_ffi::lock::{self, ExtCond, ExtLock};
use evoxide_ffi::{mm, msgx, warnx};
use evoxide_sys::backend::Backend;
use evoxide_sys::clock;
use evoxide_sys::engine::Engine;
use evoxide_sys::wake::Wake;
use evoxide_sys::waker::Waker;

/// A base according to `config`, or `None` with the reason logged.
pub(crate) fn create(config: Option<&event_config>) -> Option<*mut event_base> {
    crate::base::debug::too_late();
    let settings = crate::base::config::settings(config);
    let Some((choice, backend)) = crate::base::config::open(config, &settings) else {
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
    // As the original: only debug mode minds a mixture.
    let mixing = !crate::base::debug::enabled();
    engine.reactor.set_options(Options { limits: settings.limits, deferred: choice.changelist, mixing });
    let mut core = Core {
        engine,
        timers: Timers::new(),
        method: choice,
        current: Cb::default(),
        ran: false,
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
    let base = Base {
        core: guarded,
        plain: ext_lock.is_null() && !crate::base::debug::enabled(),
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
        exit: event_callback::empty(closure::EXIT),
    };
    mm::alloc(base).map(|p| p.as_ptr().cast())
}

/// Frees a base. Its events stay the caller's; those that wait to be finalized are, if `finalize`.
///
/// # Safety
/// `base` came from [`create`], is not used by another thread and runs no loop.
pub(crate) unsafe fn destroy(base: *mut event_base, finalize: bool) {
    // SAFETY: alive until it is freed at the end.
    let b = unsafe { Base::live(base) };
    b.take_async_if_any();
    if finalize {
        // Finalizers may do anything, so each runs outside a section, and the search starts again.
        while let Some(cb) = b.section(|core| core.take_finalizer()) {
            // SAFETY: a finalizing event is alive until its finalizer ran, and just left the base.
            unsafe { crate::run::finalize(cb.event()) };
        }
    }
    b.section(|core| {
        let forget = |payload: Cb| {
            if payload != Cb::default() {
                // SAFETY: a pending or active event is alive: its owner must delete it before freeing it.
                unsafe { payload.callback() }.clear(evlist::INSERTED | evlist::TIMEOUT);
                crate::base::debug::ended(payload);
            }
        };
        let mut walk = Walk::default();
        while let Some(view) = core.engine.reactor.walk(&mut walk, false) {
            core.engine.remove(view.key);
            forget(view.payload);
        }
        while let Some(timer) = core.timers.take(&mut Structs) {
            forget(Cb::of(timer.event()));
        }
        // SAFETY: the list holds what `event_base_once` made and nothing else refers to it.
        unsafe { crate::event::once::free_all(core) };
        core.watchers.free_all();
    });
    let (lock, cond) = (b.lock(), b.current_ended);
    // SAFETY: `create` made it with `mm::alloc`, with this lock and condition; the caller promises that nobody uses it any
    // more.
    unsafe {
        mm::free_value(NonNull::new_unchecked(base.cast::<Base>()));
        cond.free();
        lock.free(RECURSIVE);
    }
}

impl Core {
    /// Takes one event that waits to be finalized out of the ready queues.
    fn take_finalizer(&mut self) -> Option<Cb> {
        let mut walk = Walk::active();
        while let Some(view) = self.engine.reactor.walk(&mut walk, false) {
            // SAFETY: an active callback is alive.
            let cb = unsafe { view.payload.callback() };
            let how = cb.evcb_closure.get();
            if matches!(how, closure::EVENT_FINALIZE | closure::EVENT_FINALIZE_FREE) {
                self.engine.remove(view.key);
                cb.clear(evlist::INSERTED);
                return Some(view.payload);
            }
        }
        None
    }
}
