//! The names of libevent 1.x that libev offers in its own `event.h`.
//!
//! An `event_base` is a loop. An event is a descriptor or signal watcher and a timer; its callback is told of either.

use crate::abi::{
    EV__IOFDSET, EV_READ, EV_SIGNAL, EV_TIMER, EV_WRITE, EventCallback, ev_io, ev_loop, ev_signal, ev_timer,
    ev_watcher, ev_watcher_time, event,
};
use crate::create::{ev_default_loop, ev_loop_destroy, ev_loop_new};
use crate::global::{allocate, deallocate, is_default};
use crate::io::{ev_io_start, ev_io_stop};
use crate::once::ev_once;
use crate::run::{ev_break, ev_now, ev_run};
use crate::signal::{ev_signal_start, ev_signal_stop};
use crate::state::with;
use crate::timer::{ev_timer_again, ev_timer_stop};
use crate::watcher::W;
use core::ffi::{c_char, c_int, c_short, c_void};
use core::mem::offset_of;
use core::ptr::{addr_of_mut, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering::SeqCst};

const EV_PERSIST: c_int = 0x10;
const EVLIST_TIMEOUT: c_int = 0x01;
const EVLIST_INSERTED: c_int = 0x02;
const EVLIST_SIGNAL: c_int = 0x04;
const EVLIST_ACTIVE: c_int = 0x08;
const EVLIST_INIT: c_int = 0x80;
const EVBREAK_ONE: c_int = 1;

/// The base of the calls that name none.
static CURRENT: AtomicPtr<ev_loop> = AtomicPtr::new(null_mut());

fn current() -> *mut ev_loop {
    CURRENT.load(SeqCst)
}

fn seconds(tv: &libc::timeval) -> f64 {
    tv.tv_sec as f64 + tv.tv_usec as f64 * 1e-6
}

/// `event_get_version`.
#[unsafe(no_mangle)]
pub extern "C" fn event_get_version() -> *const c_char {
    c"4.33".as_ptr()
}

/// `event_get_method`.
#[unsafe(no_mangle)]
pub extern "C" fn event_get_method() -> *const c_char {
    c"libev".as_ptr()
}

/// `event_base_get_method`.
#[unsafe(no_mangle)]
pub extern "C" fn event_base_get_method(_base: *const ev_loop) -> *const c_char {
    c"libev".as_ptr()
}

/// `event_init`: the default loop at first, later a new one; it becomes current.
///
/// # Safety
/// Not from several threads at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_init() -> *mut c_void {
    // SAFETY: the caller.
    let l = unsafe { if current().is_null() { ev_default_loop(0) } else { ev_loop_new(0) } };
    CURRENT.store(l, SeqCst);
    l.cast()
}

/// `event_base_new`.
#[unsafe(no_mangle)]
pub extern "C" fn event_base_new() -> *mut ev_loop {
    ev_loop_new(0)
}

/// `event_base_free`. The default loop stays.
///
/// # Safety
/// A live base of this thread that is not running.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_base_free(base: *mut ev_loop) {
    if !is_default(base) {
        // SAFETY: the caller.
        unsafe { ev_loop_destroy(base) }
    }
}

/// `event_get_callback`.
///
/// # Safety
/// An event that was set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_get_callback(ev: *const event) -> EventCallback {
    // SAFETY: the caller.
    unsafe { (*ev).ev_callback }
}

/// Tells the user.
unsafe fn call(ev: *mut event, revents: c_int) {
    let revents = revents & (EV_READ | EV_WRITE | EV_TIMER | EV_SIGNAL);
    // SAFETY: a live event (the caller), not touched after the callback.
    unsafe {
        (*ev).ev_res = revents;
        if let Some(cb) = (*ev).ev_callback {
            cb((*ev).ev_fd, revents as c_short, (*ev).ev_arg);
        }
    }
}

unsafe extern "C-unwind" fn ready(_l: *mut ev_loop, w: *mut ev_watcher, revents: c_int) {
    // SAFETY: `w` is the first field of an event that was added or activated.
    unsafe {
        let ev = w.cast::<event>();
        if c_int::from((*ev).ev_events) & EV_PERSIST == 0 && (*w).active != 0 {
            event_del(ev);
        }
        call(ev, revents);
    }
}

unsafe extern "C-unwind" fn timed_out(_l: *mut ev_loop, w: *mut ev_watcher, revents: c_int) {
    // SAFETY: `w` is the timer of an event that was added or activated.
    unsafe {
        let ev = w.byte_sub(offset_of!(event, to)).cast::<event>();
        event_del(ev);
        call(ev, revents);
    }
}

/// `event_set`: describes an event of the current base.
///
/// # Safety
/// Memory for an event that is not added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_set(ev: *mut event, fd: c_int, events: c_short, cb: EventCallback, arg: *mut c_void) {
    let time = ev_watcher_time { w: ev_watcher::new(Some(timed_out), 0), at: 0. };
    // SAFETY: the caller.
    unsafe {
        ev.write(event {
            io: ev_io::new(Some(ready), 0),
            to: ev_timer { time, repeat: 0. },
            ev_base: current(),
            ev_callback: cb,
            ev_arg: arg,
            ev_fd: fd,
            ev_pri: 0,
            ev_res: 0,
            ev_flags: EVLIST_INIT,
            ev_events: events,
        });
    }
}

/// `event_add`: waits for the event, or until the time is over.
///
/// # Safety
/// An event that was set; `tv` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_add(ev: *mut event, tv: *const libc::timeval) -> c_int {
    // SAFETY: the caller.
    unsafe {
        let (l, events) = ((*ev).ev_base, c_int::from((*ev).ev_events));
        if events & EV_SIGNAL != 0 {
            let signal = ev.cast::<ev_signal>();
            if (*signal).list.w.active == 0 {
                (*signal).signum = (*ev).ev_fd;
                ev_signal_start(l, signal);
                (*ev).ev_flags |= EVLIST_SIGNAL;
            }
        } else if events & (EV_READ | EV_WRITE) != 0 && (*ev).io.list.w.active == 0 {
            (*ev).io.fd = (*ev).ev_fd;
            (*ev).io.events = events & (EV_READ | EV_WRITE) | EV__IOFDSET;
            ev_io_start(l, addr_of_mut!((*ev).io));
            (*ev).ev_flags |= EVLIST_INSERTED;
        }
        if tv.is_null() {
            ev_timer_stop(l, addr_of_mut!((*ev).to));
            (*ev).ev_flags &= !EVLIST_TIMEOUT;
        } else {
            (*ev).to.repeat = seconds(&*tv);
            ev_timer_again(l, addr_of_mut!((*ev).to));
            (*ev).ev_flags |= EVLIST_TIMEOUT;
        }
        (*ev).ev_flags |= EVLIST_ACTIVE;
    }
    0
}

/// `event_del`.
///
/// # Safety
/// An event that was set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_del(ev: *mut event) -> c_int {
    // SAFETY: the caller.
    unsafe {
        let (l, events) = ((*ev).ev_base, c_int::from((*ev).ev_events));
        if events & EV_SIGNAL != 0 {
            ev_signal_stop(l, ev.cast());
        } else if events & (EV_READ | EV_WRITE) != 0 {
            ev_io_stop(l, addr_of_mut!((*ev).io));
        }
        if (*ev).to.time.w.active != 0 || (*ev).to.time.w.pending != 0 {
            ev_timer_stop(l, addr_of_mut!((*ev).to));
        }
        (*ev).ev_flags = EVLIST_INIT;
    }
    0
}

/// `event_active`: as if the event had happened.
///
/// # Safety
/// An event that was set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_active(ev: *mut event, res: c_int, _ncalls: c_short) {
    // SAFETY: the caller.
    unsafe {
        let l = (*ev).ev_base;
        with(l, |m| {
            if res & EV_TIMER != 0 {
                m.feed(W::new(addr_of_mut!((*ev).to)), EV_TIMER);
            }
            if res & EV_SIGNAL != 0 {
                m.feed(W::new(ev), EV_SIGNAL);
            }
            if res & (EV_READ | EV_WRITE) != 0 {
                m.feed(W::new(ev), res & (EV_READ | EV_WRITE));
            }
        });
    }
}

/// `event_pending`: which of the events it waits for, and until when.
///
/// # Safety
/// An event that was set; `tv` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_pending(ev: *mut event, events: c_short, tv: *mut libc::timeval) -> c_int {
    // SAFETY: the caller.
    unsafe {
        let mine = c_int::from((*ev).ev_events);
        let busy = |w: &ev_watcher| w.active != 0 || w.pending != 0;
        let mut found = 0;
        if busy(&(*ev).io.list.w) {
            found |= if mine & EV_SIGNAL != 0 { EV_SIGNAL } else { mine & (EV_READ | EV_WRITE) };
        }
        if mine & EV_TIMER != 0 || busy(&(*ev).to.time.w) {
            found |= EV_TIMER;
            if !tv.is_null() {
                let at = ev_now((*ev).ev_base);
                (*tv).tv_sec = at as i64;
                (*tv).tv_usec = ((at - (at as i64) as f64) * 1e6) as i64;
            }
        }
        c_int::from(events) & found
    }
}

/// `event_priority_init`: priorities are always there.
#[unsafe(no_mangle)]
pub extern "C" fn event_priority_init(_npri: c_int) -> c_int {
    0
}

/// `event_base_priority_init`: priorities are always there.
#[unsafe(no_mangle)]
pub extern "C" fn event_base_priority_init(_base: *mut ev_loop, _npri: c_int) -> c_int {
    0
}

/// `event_priority_set`: noted in the event.
///
/// # Safety
/// An event that was set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_priority_set(ev: *mut event, pri: c_int) -> c_int {
    // SAFETY: the caller.
    unsafe { (*ev).ev_pri = pri };
    0
}

/// `event_base_set`.
///
/// # Safety
/// An event that was set and is not added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_set(base: *mut ev_loop, ev: *mut event) -> c_int {
    // SAFETY: the caller.
    unsafe { (*ev).ev_base = base };
    0
}

/// `event_loop`.
///
/// # Safety
/// After `event_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_loop(flags: c_int) -> c_int {
    // SAFETY: the caller.
    unsafe { event_base_loop(current(), flags) }
}

/// `event_dispatch`.
///
/// # Safety
/// After `event_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_dispatch() -> c_int {
    // SAFETY: the caller.
    unsafe { event_base_loop(current(), 0) }
}

/// `event_base_dispatch`.
///
/// # Safety
/// A live base of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_base_dispatch(base: *mut ev_loop) -> c_int {
    // SAFETY: the caller.
    unsafe { event_base_loop(base, 0) }
}

/// `event_base_loop`: 1 where nothing is left to wait for, else 0.
///
/// # Safety
/// A live base of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_base_loop(base: *mut ev_loop, flags: c_int) -> c_int {
    // SAFETY: the caller.
    c_int::from(unsafe { ev_run(base, flags) } == 0)
}

/// What [`event_base_loopexit`] and [`event_base_once`] have to remember.
struct Once {
    fd: c_int,
    cb: EventCallback,
    arg: *mut c_void,
}

unsafe extern "C-unwind" fn leave(_revents: c_int, base: *mut c_void) {
    // SAFETY: the base that runs this.
    unsafe { ev_break(base.cast(), EVBREAK_ONE) }
}

/// `event_loopexit`.
///
/// # Safety
/// After `event_init`; `tv` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_loopexit(tv: *const libc::timeval) -> c_int {
    // SAFETY: the caller.
    unsafe { event_base_loopexit(current(), tv) }
}

/// `event_base_loopexit`: ends the run after a time, or at once.
///
/// # Safety
/// A live base of this thread; `tv` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_loopexit(base: *mut ev_loop, tv: *const libc::timeval) -> c_int {
    // SAFETY: the caller.
    unsafe {
        let after = tv.as_ref().map_or(0., seconds).max(0.);
        ev_once(base, -1, 0, after, Some(leave), base.cast());
    }
    0
}

unsafe extern "C-unwind" fn once_over(revents: c_int, once: *mut c_void) {
    // SAFETY: the record of `event_base_once`, given back here.
    unsafe {
        let Once { fd, cb, arg } = once.cast::<Once>().read();
        deallocate(once);
        if let Some(cb) = cb {
            cb(fd, revents as c_short, arg);
        }
    }
}

/// `event_once`.
///
/// # Safety
/// After `event_init`; `tv` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_once(
    fd: c_int,
    events: c_short,
    cb: EventCallback,
    arg: *mut c_void,
    tv: *const libc::timeval,
) -> c_int {
    // SAFETY: the caller.
    unsafe { event_base_once(current(), fd, events, cb, arg, tv) }
}

/// `event_base_once`: calls back once, when the event happens or the time is over.
///
/// # Safety
/// A live base of this thread; `tv` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_once(
    base: *mut ev_loop,
    fd: c_int,
    events: c_short,
    cb: EventCallback,
    arg: *mut c_void,
    tv: *const libc::timeval,
) -> c_int {
    // SAFETY: the caller; fresh memory of the right size.
    unsafe {
        let after = tv.as_ref().map_or(-1., seconds);
        let once = allocate(size_of::<Once>()).cast::<Once>();
        once.write(Once { fd, cb, arg });
        ev_once(base, fd, c_int::from(events) & (EV_READ | EV_WRITE), after, Some(once_over), once.cast());
    }
    0
}
