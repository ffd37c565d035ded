//! `event2/event.h`: events.

use crate::abi::event::{CallbackFn, EventFn, FinalizeFn, TimerWord, closure, ev, event, event_callback, evlist};
use crate::base::{Base, Cb, Core, base_of, current_base, event_base};
use crate::debug;
use crate::pending::Blocking;
use crate::time::timeval_of;
use core::ffi::{c_char, c_int, c_short, c_void};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use evoxide_core::interest::Ready;
use evoxide_ffi::{lock, log, mm, warnx};
use libc::timeval;

/// What `event_self_cbarg` answers: an address that is nobody's argument.
static SELF_ARG: u8 = 0;

fn self_arg() -> *mut c_void {
    (&raw const SELF_ARG).cast_mut().cast()
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
    // SAFETY: the caller's promise.
    unsafe {
        if debug::enabled() {
            return assign_debugged(e, base, fd, events, callback, arg);
        }
        debug::too_late();
        fill(e, base, fd, events, callback, arg)
    }
}

/// [`assign`] in debug mode.
///
/// # Safety
/// As for [`assign`].
#[cold]
#[inline(never)]
unsafe fn assign_debugged(
    e: *mut event,
    base: *mut event_base,
    fd: c_int,
    events: c_short,
    callback: Option<EventFn>,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        debug::assert_assignable(e, fd, events);
        let answer = fill(e, base, fd, events, callback, arg);
        if answer == 0 {
            debug::setup(e);
        }
        answer
    }
}

/// Writes an event.
///
/// # Safety
/// As for [`assign`].
#[inline(always)]
unsafe fn fill(
    e: *mut event,
    base: *mut event_base,
    fd: c_int,
    events: c_short,
    callback: Option<EventFn>,
    arg: *mut c_void,
) -> c_int {
    let base = if base.is_null() { current_base() } else { base };
    let arg = if arg == self_arg() { e.cast() } else { arg };
    let how = if events & ev::SIGNAL != 0 {
        closure::SIGNAL
    } else if events & ev::PERSIST != 0 {
        closure::PERSIST
    } else {
        closure::EVENT
    };
    // SAFETY: the caller's promise.
    unsafe {
        let priority = Base::of(base).map_or(0, |b| b.priorities.load(Ordering::Relaxed) / 2) as u8;
        e.write(event {
            ev_evcallback: event_callback {
                key: 0,
                async_next: AtomicPtr::new(ptr::null_mut()),
                evcb_flags: evlist::INIT,
                evcb_pri: priority,
                evcb_closure: how,
                evcb_cb: CallbackFn { event: callback },
                evcb_arg: arg,
            },
            async_result: AtomicU32::new(0),
            timer_position: 0,
            deadline: 0,
            ev_fd: fd,
            ev_base: base,
            timer: TimerWord { bound: 0 },
            timer_after: ptr::null_mut(),
            ev_io_timeout: timeval { tv_sec: 0, tv_usec: 0 },
            ev_events: events,
            ev_res: 0,
            ev_timeout: timeval { tv_sec: 0, tv_usec: 0 },
        });
    }
    if how == closure::SIGNAL && events & CONDITIONS != 0 { incompatible() } else { 0 }
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
    // SAFETY: the caller's promise.
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
    // SAFETY: fresh memory of an event's size; the base is the caller's promise.
    if !e.is_null() && unsafe { assign(e, base, fd, events, callback, arg) } < 0 {
        // SAFETY: as above; nobody knows it.
        unsafe { mm::free(e.cast()) };
        return ptr::null_mut();
    }
    e
}

/// Deletes and frees an event that `event_new` made.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_free(e: *mut event) {
    if e.is_null() {
        return;
    }
    // SAFETY: the caller's live event.
    unsafe {
        event_del(e);
        debug::teardown(e);
        mm::free(e.cast());
    }
}

/// Marks an event in the caller's memory as no event any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_debug_unassign(e: *mut event) {
    // SAFETY: the caller's event.
    unsafe {
        debug::assert_not_added(e, "event_debug_unassign");
        (*e).ev_evcallback.evcb_flags &= !evlist::INIT;
    }
    debug::teardown(e);
}

/// The argument that means "the event itself".
#[unsafe(no_mangle)]
pub extern "C" fn event_self_cbarg() -> *mut c_void {
    self_arg()
}

/// Makes an event pending, or moves its timeout.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_add(e: *mut event, timeout: *const timeval) -> c_int {
    // SAFETY: the caller's live, assigned event; null or a duration.
    unsafe {
        let Some(base) = base_of(e) else {
            warnx!("event_add: event has no event_base set.");
            return -1;
        };
        debug::assert_setup(e, "event_add_nolock_");
        // Noted first: once it is pending, its callback may run in the loop's thread and free it.
        debug::note(e, true);
        if base.add(e, timeout.as_ref()).is_err() {
            debug::note(e, (*e).ev_evcallback.evcb_flags & (evlist::TIMEOUT | evlist::INSERTED) != 0);
            return -1;
        }
    }
    0
}

/// `event_del` of its kind.
unsafe fn del(e: *mut event, blocking: Blocking, function: &'static str) -> c_int {
    // SAFETY: the caller's live, assigned event.
    unsafe {
        let Some(base) = base_of(e) else {
            warnx!("event_del: event has no event_base set.");
            return -1;
        };
        debug::assert_setup(e, function);
        base.del(e, blocking);
        debug::note(e, false);
    }
    0
}

/// Makes an event neither pending nor active; waits for its callback if that runs in another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_del(e: *mut event) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { del(e, Blocking::Auto, "event_del_nolock_") }
}

/// As `event_del`, and waits even for an event that gets finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_del_block(e: *mut event) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { del(e, Blocking::Always, "event_del_nolock_") }
}

/// As `event_del`, and does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_del_noblock(e: *mut event) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { del(e, Blocking::Never, "event_del_nolock_") }
}

/// Disarms an event's timeout and leaves the rest pending.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_remove_timer(e: *mut event) -> c_int {
    // SAFETY: the caller's live, assigned event.
    unsafe {
        let Some(base) = base_of(e) else {
            warnx!("event_remove_timer: event has no event_base set.");
            return -1;
        };
        debug::assert_setup(e, "event_remove_timer_nolock_");
        base.take_async_if_any();
        base.section(|core| {
            let cb = e.cast::<event_callback>();
            if (*cb).evcb_flags & evlist::TIMEOUT != 0 {
                core.take_timer(cb);
            } else {
                let Some(key) = core.key_of(cb).filter(|key| core.engine.reactor.deadline(*key).is_some()) else {
                    return;
                };
                if !core.engine.reactor.clear_timeout(key) {
                    (*cb).evcb_flags &= !evlist::INSERTED;
                }
            }
            (*e).ev_io_timeout = timeval { tv_sec: 0, tv_usec: 0 };
        });
        base.wake_if_waiting();
    }
    0
}

/// Makes an event active.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_active(e: *mut event, result: c_int, calls: c_short) {
    // SAFETY: the caller's live, assigned event.
    unsafe {
        let Some(base) = base_of(e) else {
            warnx!("event_active: event has no event_base set.");
            return;
        };
        debug::assert_setup(e, "event_active_nolock_");
        base.activate(e, result as i16, calls);
    }
}

/// Which of `events` an event is pending or active for, and when its timeout is due.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_pending(e: *const event, events: c_short, tv: *mut timeval) -> c_int {
    // SAFETY: the caller's live, assigned event; null or a place for a time.
    unsafe {
        let Some(base) = base_of(e) else {
            warnx!("event_pending: event has no event_base set.");
            return 0;
        };
        debug::assert_setup(e, "event_pending");
        base.take_async_if_any();
        let (found, due) = base.section(|core| {
            if (*e).ev_evcallback.evcb_flags & evlist::TIMEOUT != 0 {
                return (ev::TIMEOUT, Some(core.wall((*e).deadline)));
            }
            let Some(view) = core.key_of(e.cast_mut().cast()).and_then(|key| core.engine.reactor.view(key)) else {
                return (0, None);
            };
            let mut found = view.ready.map_or(0, |r| r.bits() as i16);
            if view.inserted {
                found |= (*e).ev_events & (CONDITIONS | ev::SIGNAL);
            }
            if view.deadline.is_some() {
                found |= ev::TIMEOUT;
            }
            // The time of a timeout that has come is told as well.
            let due = if view.last_deadline != 0 { view.last_deadline } else { (*e).deadline };
            (found, Some(core.wall(due)))
        });
        let found = found & events & (ev::TIMEOUT | CONDITIONS | ev::SIGNAL);
        if let (Some(tv), Some(due)) = (tv.as_mut(), due)
            && found & ev::TIMEOUT != 0
        {
            *tv = due;
        }
        c_int::from(found)
    }
}

/// Whether memory holds an event that was assigned; meaningful only where it was at least zeroed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_initialized(e: *const event) -> c_int {
    // SAFETY: the caller's readable event.
    c_int::from(unsafe { (*e).ev_evcallback.evcb_flags } & evlist::INIT != 0)
}

/// The descriptor, or the signal number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_fd(e: *const event) -> c_int {
    // SAFETY: the caller's event.
    unsafe {
        debug::assert_setup(e, "event_get_fd");
        (*e).ev_fd
    }
}

/// The base.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_base(e: *const event) -> *mut event_base {
    // SAFETY: the caller's event.
    unsafe {
        debug::assert_setup(e, "event_get_base");
        (*e).ev_base
    }
}

/// The events it was assigned with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_events(e: *const event) -> c_short {
    // SAFETY: the caller's event.
    unsafe {
        debug::assert_setup(e, "event_get_events");
        (*e).ev_events
    }
}

/// The callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_callback(e: *const event) -> Option<EventFn> {
    // SAFETY: the caller's event; it was assigned with an event's callback.
    unsafe {
        debug::assert_setup(e, "event_get_callback");
        (*e).ev_evcallback.evcb_cb.event
    }
}

/// The callback's argument.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_callback_arg(e: *const event) -> *mut c_void {
    // SAFETY: the caller's event.
    unsafe {
        debug::assert_setup(e, "event_get_callback_arg");
        (*e).ev_evcallback.evcb_arg
    }
}

/// The priority.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_priority(e: *const event) -> c_int {
    // SAFETY: the caller's event.
    unsafe {
        debug::assert_setup(e, "event_get_priority");
        c_int::from((*e).ev_evcallback.evcb_pri)
    }
}

/// Everything that `event_assign` was given. Any place may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_assignment(
    e: *const event,
    base: *mut *mut event_base,
    fd: *mut c_int,
    events: *mut c_short,
    callback: *mut Option<EventFn>,
    arg: *mut *mut c_void,
) {
    // SAFETY: the caller's event and places.
    unsafe {
        debug::assert_setup(e, "event_get_assignment");
        if let Some(place) = base.as_mut() {
            *place = (*e).ev_base;
        }
        if let Some(place) = fd.as_mut() {
            *place = (*e).ev_fd;
        }
        if let Some(place) = events.as_mut() {
            *place = (*e).ev_events;
        }
        if let Some(place) = callback.as_mut() {
            *place = (*e).ev_evcallback.evcb_cb.event;
        }
        if let Some(place) = arg.as_mut() {
            *place = (*e).ev_evcallback.evcb_arg;
        }
    }
}

/// The size of `struct event`.
#[unsafe(no_mangle)]
pub extern "C" fn event_get_struct_event_size() -> usize {
    size_of::<event>()
}

/// Sets the priority of an event that is not active.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_priority_set(e: *mut event, priority: c_int) -> c_int {
    // SAFETY: the caller's event.
    unsafe {
        debug::assert_setup(e, "event_priority_set");
        let Some(base) = base_of(e) else { return -1 };
        base.take_async_if_any();
        base.section(|core| {
            let key = core.key_of(e.cast());
            if key.is_some_and(|key| core.engine.reactor.readiness(key).is_some())
                || !(0..core.engine.reactor.priorities() as c_int).contains(&priority)
            {
                return -1;
            }
            (*e).ev_evcallback.evcb_pri = priority as u8;
            if let Some(key) = key {
                core.engine.reactor.set_priority(key, priority as u8);
            }
            0
        })
    }
}

/// Moves an event that is not in use to another base.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_set(base: *mut event_base, e: *mut event) -> c_int {
    // SAFETY: the caller's event and base.
    unsafe {
        if (*e).ev_evcallback.evcb_flags != evlist::INIT {
            return -1;
        }
        debug::assert_setup(e, "event_base_set");
        (*e).ev_base = base;
        (*e).ev_evcallback.evcb_pri = Base::of(base).map_or(0, |b| b.priorities.load(Ordering::Relaxed) / 2) as u8;
    }
    0
}

unsafe fn finalize(e: *mut event, callback: Option<FinalizeFn>, how: u8, function: &str) -> c_int {
    // SAFETY: the caller's event.
    unsafe {
        let Some(base) = base_of(e) else {
            warnx!("{function}: event has no event_base set.");
            return -1;
        };
        base.take_async_if_any();
        base.section(|core| {
            core.del(e);
            let cb = e.cast::<event_callback>();
            (*cb).evcb_closure = how;
            (*cb).evcb_cb = CallbackFn { finalize: callback };
            let key = core.engine.reactor.enqueue(Cb(cb), (*cb).evcb_pri, false, Ready::FINALIZE, 1);
            Core::mark(cb, key);
            (*cb).evcb_flags |= evlist::FINALIZING;
        });
        base.wake_if_waiting();
    }
    0
}

/// Deletes an event and has `callback` run once its callback does not run any more.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_finalize(
    _flags: core::ffi::c_uint,
    e: *mut event,
    callback: Option<FinalizeFn>,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { finalize(e, callback, closure::EVENT_FINALIZE, "event_finalize") }
}

/// As `event_finalize`, and frees the event afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_free_finalize(
    _flags: core::ffi::c_uint,
    e: *mut event,
    callback: Option<FinalizeFn>,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { finalize(e, callback, closure::EVENT_FINALIZE_FREE, "event_free_finalize") }
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

/// Monotonic time, read anew even while callbacks run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_gettime_monotonic(base: *mut event_base, tp: *mut timeval) -> c_int {
    // SAFETY: null or a live base; the caller's place for a time.
    unsafe {
        let (Some(base), Some(tp)) = (Base::of(base), tp.as_mut()) else { return -1 };
        *tp = timeval_of(base.section(|core| core.clock()));
    }
    0
}

/// Frees what the library holds globally. Nothing may be in use.
#[unsafe(no_mangle)]
pub extern "C" fn libevent_global_shutdown() {
    debug::event_disable_debug_mode();
    log::set_debug_mask(0);
    lock::disable_debugging();
}
