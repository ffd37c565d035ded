//! `event2/event.h`: events.
//!
//! `pending` adds, removes and activates them; `timer` keeps their timeouts; `once` has those that a base owns; `deferred` is for callbacks
//! without an event.

pub(crate) mod deferred;
pub(crate) mod once;
pub(crate) mod pending;
pub(crate) mod timer;

use crate::abi::entry::{In, Out};
use crate::abi::event::{CallbackFn, EventFn, FinalizeFn, closure, ev, event, event_callback, evlist};
use crate::base::debug;
use crate::base::{Base, Cb, Core, base_of, current_base, event_base};
use crate::event::pending::Blocking;
use crate::util::time::timeval_of;
use core::cell::Cell;
use core::ffi::{c_char, c_int, c_short, c_void};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use evoxide_core::interest::Ready;
use evoxide_ffi::{lock, log, mm, warnx};
use libc::timeval;

/// What `event_self_cbarg` returns: an address that is nobody's argument.
static SELF_ARG: u8 = 0;

fn self_arg() -> *mut c_void {
    (&raw const SELF_ARG).cast_mut().cast()
}

const NO_TIME: timeval = timeval { tv_sec: 0, tv_usec: 0 };

/// The priority in the middle.
fn default_priority(base: Option<&Base>) -> u8 {
    base.map_or(0, |b| b.priorities.load(Ordering::Relaxed) / 2) as u8
}

const CONDITIONS: i16 = ev::READ | ev::WRITE | ev::CLOSED;

/// Prepares an event; 0, or -1 if the combination makes no sense.
///
/// # Safety
/// `e` points to memory for an event that is not pending; `base` is null or lives.
#[inline]
pub(crate) unsafe fn assign(
    e: *mut event,
    base: *mut event_base,
    fd: c_int,
    events: c_short,
    callback: Option<EventFn>,
    arg: *mut c_void,
) -> c_int {
    let debugged = debug::enabled();
    if debugged {
        // SAFETY: memory for an event, as promised. Its address is looked up, and it is read only if that is known.
        debug::assert_assignable(unsafe { &*e }, fd, events);
    }
    debug::too_late();
    let base = if base.is_null() { current_base() } else { base };
    let arg = if arg == self_arg() { e.cast() } else { arg };
    let how = if events & ev::SIGNAL != 0 {
        closure::SIGNAL
    } else if events & ev::PERSIST != 0 {
        closure::PERSIST
    } else {
        closure::EVENT
    };
    // SAFETY: the base lives, and the memory takes an event, as promised.
    unsafe {
        let priority = default_priority(Base::of(base));
        e.write(event {
            ev_evcallback: event_callback {
                key: Cell::new(0),
                async_next: AtomicPtr::new(ptr::null_mut()),
                evcb_flags: Cell::new(evlist::INIT),
                evcb_pri: Cell::new(priority),
                evcb_closure: Cell::new(how),
                evcb_cb: Cell::new(CallbackFn { event: callback }),
                evcb_arg: Cell::new(arg),
            },
            async_result: AtomicU32::new(0),
            timer_position: Cell::new(0),
            deadline: Cell::new(0),
            ev_fd: Cell::new(fd),
            ev_base: Cell::new(base),
            timer_prev: Cell::new(ptr::null_mut()),
            timer_next: Cell::new(ptr::null_mut()),
            ev_io_timeout: Cell::new(NO_TIME),
            ev_events: Cell::new(events),
            ev_res: Cell::new(0),
            ev_timeout: Cell::new(NO_TIME),
        });
    }
    if how == closure::SIGNAL && events & CONDITIONS != 0 {
        return incompatible();
    }
    if debugged {
        debug::setup(e);
    }
    0
}

#[cold]
#[inline(never)]
fn incompatible() -> c_int {
    warnx!("event_assign: EV_SIGNAL is not compatible with EV_READ, EV_WRITE or EV_CLOSED");
    -1
}

/// Prepares an event in the caller's memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_assign(
    e: *mut event,
    base: *mut event_base,
    fd: c_int,
    events: c_short,
    callback: Option<EventFn>,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the program's memory for an event that is not pending.
    unsafe { assign(e, base, fd, events, callback, arg) }
}

/// Allocates and prepares an event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_new(
    base: *mut event_base,
    fd: c_int,
    events: c_short,
    callback: Option<EventFn>,
    arg: *mut c_void,
) -> *mut event {
    let e = mm::malloc(size_of::<event>()).cast::<event>();
    // SAFETY: fresh memory of an event's size, which nobody knows yet.
    unsafe {
        if !e.is_null() && assign(e, base, fd, events, callback, arg) < 0 {
            mm::free(e.cast());
            return ptr::null_mut();
        }
    }
    e
}

/// Deletes and frees an event that `event_new` made.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_free(e: *mut event) {
    if e.is_null() {
        return;
    }
    // SAFETY: an event that `event_new` made, which the program gives up.
    unsafe {
        del(&*e, Blocking::Auto);
        debug::teardown(e);
        mm::free(e.cast());
    }
}

/// Marks an event in the caller's memory as no event any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_debug_unassign(e: &event) {
    debug::assert_not_added(e, "event_debug_unassign");
    e.clear(evlist::INIT);
    debug::teardown(e);
}

/// The argument that means "the event itself".
#[unsafe(no_mangle)]
pub extern "C" fn event_self_cbarg() -> *mut c_void {
    self_arg()
}

/// Makes an event pending, or moves its timeout.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_add(e: &event, timeout: In<'_, timeval>) -> c_int {
    let Some(base) = based(e, "event_add") else { return -1 };
    if debug::enabled() {
        debug::assert_setup(e, "event_add_nolock_");
        // Noted first: once it is pending, its callback may run in the loop's thread and free it.
        debug::note(e, true);
    }
    // SAFETY: the program leaves an event in place that is pending.
    match unsafe { base.add(e, timeout.map(Cell::get)) } {
        Ok(()) => 0,
        Err(_) => {
            debug::note(e, e.is(evlist::TIMEOUT | evlist::INSERTED));
            -1
        }
    }
}

/// The base of an event; without one, says that `function` needs one.
#[inline(always)]
fn based<'a>(e: &'a event, function: &str) -> Option<&'a Base> {
    let base = base_of(e);
    if base.is_none() {
        without_base(function);
    }
    base
}

#[cold]
#[inline(never)]
fn without_base(function: &str) {
    warnx!("{function}: event has no event_base set.");
}

/// `event_del` of its kind.
fn del(e: &event, blocking: Blocking) -> c_int {
    let Some(base) = based(e, "event_del") else { return -1 };
    debug::assert_setup(e, "event_del_nolock_");
    base.del(e, blocking);
    debug::note(e, false);
    0
}

/// Makes an event neither pending nor active; waits for its callback if that runs in another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_del(e: &event) -> c_int {
    del(e, Blocking::Auto)
}

/// As `event_del`, and waits even for an event that gets finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_del_block(e: &event) -> c_int {
    del(e, Blocking::Always)
}

/// As `event_del`, and does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_del_noblock(e: &event) -> c_int {
    del(e, Blocking::Never)
}

/// Disarms an event's timeout and leaves the rest pending.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn event_remove_timer(e: &event) -> c_int {
    let Some(base) = based(e, "event_remove_timer") else { return -1 };
    debug::assert_setup(e, "event_remove_timer_nolock_");
    base.take_async_if_any();
    base.section(|core| {
        if e.is(evlist::TIMEOUT) {
            core.take_timer(e);
            e.ev_io_timeout.set(NO_TIME);
        }
    });
    base.wake_if_waiting();
    0
}

/// Makes an event active.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_active(e: &event, result: c_int, calls: c_short) {
    let Some(base) = based(e, "event_active") else { return };
    debug::assert_setup(e, "event_active_nolock_");
    // SAFETY: the program leaves an event in place that is active.
    unsafe { base.activate(e, result as i16, calls) };
}

/// Which of `events` an event is pending or active for, and when its timeout is due.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_pending(e: &event, events: c_short, tv: Out<'_, timeval>) -> c_int {
    let Some(base) = based(e, "event_pending") else { return 0 };
    debug::assert_setup(e, "event_pending");
    base.take_async_if_any();
    let (found, due) = base.section(|core| {
        let mut found = if e.is(evlist::TIMEOUT) { ev::TIMEOUT } else { 0 };
        if e.is(evlist::WRITTEN) {
            found |= ev::WRITE;
        }
        if let Some(view) = core.key_of(e).and_then(|key| core.engine.reactor.view(key)) {
            found |= view.ready.map_or(0, |r| r.bits() as i16);
            if view.inserted {
                found |= e.ev_events.get() & (CONDITIONS | ev::SIGNAL);
            }
        }
        // The time of a timeout that has come is told as well.
        (found, core.wall(e.deadline.get()))
    });
    let found = found & events & (ev::TIMEOUT | CONDITIONS | ev::SIGNAL);
    if found & ev::TIMEOUT != 0 {
        tv.set(due);
    }
    c_int::from(found)
}

/// Whether memory holds an event that was assigned; meaningful only where it was at least zeroed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_initialized(e: &event) -> c_int {
    c_int::from(e.is(evlist::INIT))
}

/// The descriptor, or the signal number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_fd(e: &event) -> c_int {
    debug::assert_setup(e, "event_get_fd");
    e.ev_fd.get()
}

/// The base.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_base(e: &event) -> *mut event_base {
    debug::assert_setup(e, "event_get_base");
    e.ev_base.get()
}

/// The events it was assigned with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_events(e: &event) -> c_short {
    debug::assert_setup(e, "event_get_events");
    e.ev_events.get()
}

/// The callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_callback(e: &event) -> Option<EventFn> {
    debug::assert_setup(e, "event_get_callback");
    function(e)
}

fn function(e: &event) -> Option<EventFn> {
    // SAFETY: all functions of the union are pointers; this one is told, not called.
    unsafe { e.evcb_cb.get().event }
}

/// The callback's argument.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_callback_arg(e: &event) -> *mut c_void {
    debug::assert_setup(e, "event_get_callback_arg");
    e.evcb_arg.get()
}

/// The priority.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_priority(e: &event) -> c_int {
    debug::assert_setup(e, "event_get_priority");
    c_int::from(e.evcb_pri.get())
}

/// Everything that `event_assign` was given. Any place may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_assignment(
    e: &event,
    base: Out<'_, *mut event_base>,
    fd: Out<'_, c_int>,
    events: Out<'_, c_short>,
    callback: Out<'_, Option<EventFn>>,
    arg: Out<'_, *mut c_void>,
) {
    debug::assert_setup(e, "event_get_assignment");
    base.set(e.ev_base.get());
    fd.set(e.ev_fd.get());
    events.set(e.ev_events.get());
    callback.set(function(e));
    arg.set(e.evcb_arg.get());
}

/// The size of `struct event`.
#[unsafe(no_mangle)]
pub extern "C" fn event_get_struct_event_size() -> usize {
    size_of::<event>()
}

/// Sets the priority of an event that is not active.
#[unsafe(no_mangle)]
pub extern "C" fn event_priority_set(e: &event, priority: c_int) -> c_int {
    debug::assert_setup(e, "event_priority_set");
    let Some(base) = base_of(e) else { return -1 };
    base.take_async_if_any();
    base.section(|core| {
        let key = core.key_of(e);
        if key.and_then(|key| core.engine.reactor.view(key)).is_some_and(|view| view.ready.is_some())
            || !(0..core.engine.reactor.priorities() as c_int).contains(&priority)
        {
            return -1;
        }
        e.evcb_pri.set(priority as u8);
        if let Some(key) = key {
            core.engine.reactor.set_priority(key, priority as u8);
        }
        0
    })
}

/// Moves an event that is not in use to another base.
#[unsafe(no_mangle)]
pub extern "C" fn event_base_set(base: Option<&Base>, e: &event) -> c_int {
    if e.evcb_flags.get() != evlist::INIT {
        return -1;
    }
    debug::assert_setup(e, "event_base_set");
    e.ev_base.set(base.map_or(ptr::null_mut(), Base::raw));
    e.evcb_pri.set(default_priority(base));
    0
}

fn finalize(e: &event, callback: Option<FinalizeFn>, how: u8, function: &str) -> c_int {
    let Some(base) = based(e, function) else { return -1 };
    base.take_async_if_any();
    base.section(|core| {
        core.del(e);
        e.evcb_closure.set(how);
        e.evcb_cb.set(CallbackFn { finalize: callback });
        let key = core.engine.reactor.enqueue(Cb::of(e), e.evcb_pri.get(), false, Ready::FINALIZE, 1);
        Core::mark(e, key);
        e.set(evlist::FINALIZING);
    });
    base.wake_if_waiting();
    0
}

/// Deletes an event and has `callback` run once its callback does not run any more.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_finalize(
    _flags: core::ffi::c_uint,
    e: &event,
    callback: Option<FinalizeFn>,
) -> c_int {
    finalize(e, callback, closure::EVENT_FINALIZE, "event_finalize")
}

/// As `event_finalize`, and frees the event afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_free_finalize(
    _flags: core::ffi::c_uint,
    e: &event,
    callback: Option<FinalizeFn>,
) -> c_int {
    finalize(e, callback, closure::EVENT_FINALIZE_FREE, "event_free_finalize")
}

/// The version that programs were written for.
#[unsafe(no_mangle)]
pub extern "C" fn event_get_version() -> *const c_char {
    c"2.1.12-stable".as_ptr()
}

/// As a number: 2.1.12, final.
#[unsafe(no_mangle)]
pub extern "C" fn event_get_version_number() -> u32 {
    0x0201_0c00
}

/// Monotonic time, read from the clock even while callbacks run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_gettime_monotonic(base: Option<&Base>, tp: Out<'_, timeval>) -> c_int {
    let Some(base) = base.filter(|_| !tp.is_null()) else { return -1 };
    tp.set(timeval_of(base.section(|core| core.clock())));
    0
}

/// Frees what the library holds globally. Nothing may be in use.
#[unsafe(no_mangle)]
pub extern "C" fn libevent_global_shutdown() {
    debug::event_disable_debug_mode();
    log::set_debug_mask(0);
    lock::disable_debugging();
}
