//! Telling the user: data and event callbacks, at once or deferred; the high mark; timers of kinds without a descriptor.

use super::{Bev, Kind, buf, filter, flag, get, rare, set, set_rare, socket};
use crate::abi::bufferevent::{TRIG_IGNORE_WATERMARKS, opt};
use crate::abi::event::event_callback;

use crate::deferred;
use core::ffi::{c_int, c_short, c_void};
use evoxide_core::stream::{Direction, Hold, Report, STEP, Told, What};
use evoxide_ffi::{errno, mm};

#[inline(always)]
fn is_deferred(bev: Bev, options: c_int) -> bool {
    (get!(bev, options) | options as u8) & opt::DEFER_CALLBACKS != 0
}

/// Tells of data, where the low marks allow it or `options` say not to ask. A reference is held.
pub(crate) fn data(bev: Bev, directions: Direction, options: c_int) {
    if directions.contains(Direction::READ) {
        readable(bev, options);
    }
    if directions.contains(Direction::WRITE) {
        drained(bev, options);
    }
}

/// As [`data`], of the input.
#[inline(always)]
pub(crate) fn readable(bev: Bev, options: c_int) {
    let ignore = options & TRIG_IGNORE_WATERMARKS != 0;
    if get!(bev, public.readcb).is_some() && (ignore || buf::len(bev.input()) >= get!(bev, public.wm_read.low)) {
        if is_deferred(bev, options) {
            defer(bev, Direction::READ);
        } else {
            call_read(bev);
        }
    }
}

/// As [`data`], of the output.
#[inline(always)]
pub(crate) fn drained(bev: Bev, options: c_int) {
    let ignore = options & TRIG_IGNORE_WATERMARKS != 0;
    if get!(bev, public.writecb).is_some() && (ignore || buf::len(bev.output()) <= get!(bev, public.wm_write.low)) {
        if is_deferred(bev, options) {
            defer(bev, Direction::WRITE);
        } else {
            call_write(bev);
        }
    }
}

/// Tells of so many bytes that one read brought.
#[inline(always)]
pub(crate) fn arrived(bev: Bev, n: usize) {
    if n <= STEP { readable(bev, 0) } else { arrived_in_steps(bev, n) }
}

#[inline(never)]
fn arrived_in_steps(bev: Bev, n: usize) {
    if is_deferred(bev, 0) {
        set_rare!(bev, fresh, rare!(bev, fresh).saturating_add(n));
        readable(bev, 0);
    } else {
        in_steps(bev, n, || readable(bev, 0));
    }
}

/// Makes a read callback's call for so many bytes. One that takes only some of them is called again, as often as the original
/// would have read for them: a program may read into a small buffer, once in each call.
fn in_steps(bev: Bev, n: usize, call: impl Fn()) {
    let fd = bev.fd();
    let mut report = Report::new(n);
    loop {
        let before = buf::len(bev.input());
        call();
        if bev.is_freed() || bev.fd() != fd {
            return;
        }
        let after = buf::len(bev.input());
        let ends = bev.base().is_some_and(|base| base.wake.reasons() != 0);
        let (told, left) = match bev.machine(|m| report.told(before, after, m, ends)) {
            Told::Done => return,
            Told::Again => continue,
            told @ (Told::NextTurn(left) | Told::Unreported(left)) => (told, left),
        };
        bev.make_rare();
        set_rare!(bev, fresh, rare!(bev, fresh).saturating_add(left));
        if matches!(told, Told::NextTurn(_)) {
            readable_later(bev);
        }
        return;
    }
}

/// Reading goes on: tells of what reading left untold.
#[cold]
pub(crate) fn tell_unreported(bev: Bev) {
    if buf::len(bev.input()) > 0 {
        readable_later(bev);
    }
}

#[inline(never)]
fn defer(bev: Bev, direction: Direction) {
    if bev.make_rare() {
        schedule(bev, |b| set_rare!(b, pending, rare!(b, pending) | direction));
    } else if direction == Direction::READ {
        call_read(bev);
    } else {
        call_write(bev);
    }
}

/// Tells of an event. A reference is held; `errno` is what the callback sees.
pub(crate) fn event(bev: Bev, what: What, options: c_int) {
    if get!(bev, public.errorcb).is_none() {
        return;
    }
    let error = errno::get();
    if is_deferred(bev, options) && bev.make_rare() {
        schedule(bev, |b| {
            set_rare!(b, pending_event, rare!(b, pending_event) | what);
            set_rare!(b, pending_errno, error);
        });
    } else {
        call_event(bev, what, error);
    }
}

#[inline(always)]
fn call_read(bev: Bev) {
    if let Some(function) = get!(bev, public.readcb) {
        let arg = get!(bev, public.cbarg);
        // SAFETY: the user's callback with the user's argument, outside every section, a reference held.
        around(bev, || unsafe { function(bev.public(), arg) });
        still_full(bev);
    }
}

fn call_write(bev: Bev) {
    if let Some(function) = get!(bev, public.writecb) {
        let arg = get!(bev, public.cbarg);
        // SAFETY: as in `call_read`.
        around(bev, || unsafe { function(bev.public(), arg) });
    }
}

fn call_event(bev: Bev, what: What, error: c_int) {
    if let Some(function) = get!(bev, public.errorcb) {
        let arg = get!(bev, public.cbarg);
        around(bev, || {
            errno::set(error);
            // SAFETY: as in `call_read`.
            unsafe { function(bev.public(), what.bits() as c_short, arg) }
        });
    }
}

/// Runs a callback; without the lock where the options say so. What the callback is given was copied before: once the lock is
/// given up, another thread may set other callbacks.
#[inline(always)]
fn around(bev: Bev, call: impl FnOnce()) {
    let unlocked = bev.is_unlocking();
    if unlocked {
        bev.unlock();
    }
    call();
    if unlocked {
        bev.lock();
    }
}

/// A reader that left its input full is called again, or nothing would ever move.
#[inline]
fn still_full(bev: Bev) {
    let high = get!(bev, public.wm_read.high);
    if high != 0
        && get!(bev, public.enabled) & c_short::from(Direction::READ.bits()) != 0
        && buf::len(bev.input()) >= high
    {
        readable_later(bev);
    }
}

#[inline(never)]
fn readable_later(bev: Bev) {
    readable(bev, c_int::from(opt::DEFER_CALLBACKS));
}

/// Notes something in the rare part, which is there, for the deferred callback and has that run. Without memory the notice is made at once rather than lost.
fn schedule(bev: Bev, note: impl FnOnce(Bev)) {
    note(bev);
    if bev.is(flag::SCHEDULED) {
        return;
    }
    let mut cb: *mut event_callback = rare!(bev, deferred);
    if cb.is_null() {
        let mut fresh = event_callback::empty(crate::abi::event::closure::SELF);
        let priority = get!(bev, public.ev_read.ev_evcallback.evcb_pri);
        deferred::init(&mut fresh, priority, run_deferred, bev.arg());
        match mm::alloc(fresh) {
            Some(made) => cb = made.as_ptr(),
            None => return run_pending(bev),
        }
        set_rare!(bev, deferred, cb);
    }
    let Some(base) = bev.base() else { return run_pending(bev) };
    // SAFETY: the callback lives as long as the bufferevent, and the reference taken here lasts until it has run.
    if unsafe { base.schedule_deferred(cb) } {
        bev.mark(flag::SCHEDULED, true);
        set!(bev, public.refs, get!(bev, public.refs) + 1);
    }
}

/// Runs deferred callbacks, from the loop. Gives back the reference that scheduling took.
unsafe extern "C-unwind" fn run_deferred(_cb: *mut event_callback, arg: *mut c_void) {
    // SAFETY: scheduling took a reference.
    let bev = unsafe { Bev::from_arg(arg) };
    bev.lock();
    bev.mark(flag::SCHEDULED, false);
    run_pending(bev);
    bev.release();
}

fn run_pending(bev: Bev) {
    if rare!(bev, pending_event).contains(What::CONNECTED) && get!(bev, public.errorcb).is_some() {
        set_rare!(bev, pending_event, rare!(bev, pending_event) - What::CONNECTED);
        call_event(bev, What::CONNECTED, errno::get());
    }
    let pending: Direction = rare!(bev, pending);
    if pending.contains(Direction::READ) && get!(bev, public.readcb).is_some() {
        set_rare!(bev, pending, rare!(bev, pending) - Direction::READ);
        let fresh = rare!(bev, fresh);
        set_rare!(bev, fresh, 0);
        in_steps(bev, fresh, || call_read(bev));
    }
    if rare!(bev, pending).contains(Direction::WRITE) && get!(bev, public.writecb).is_some() {
        set_rare!(bev, pending, rare!(bev, pending) - Direction::WRITE);
        let base = bev.base();
        socket::mark_writing(base, true);
        call_write(bev);
        socket::mark_writing(base, false);
    }
    let what: What = rare!(bev, pending_event);
    if !what.is_empty() && get!(bev, public.errorcb).is_some() {
        let error = rare!(bev, pending_errno);
        set_rare!(bev, pending_event, What::empty());
        set_rare!(bev, pending_errno, 0);
        call_event(bev, what, error);
    }
}

/// The input buffer changed.
#[inline]
pub(crate) fn input_changed(bev: Bev) {
    if get!(bev, kind) == Kind::Filter {
        filter::input_changed(bev);
    }
    if get!(bev, public.wm_read.high) != 0 {
        check_mark(bev);
    }
}

/// Holds or resumes reading as the high mark says.
pub(crate) fn check_mark(bev: Bev) {
    let marks = bev.marks(Direction::READ);
    let held = bev.machine(|m| m.held(Direction::READ)).contains(Hold::MARK);
    match (marks.is_full(buf::len(bev.input())), held) {
        (true, false) => bev.suspend(Direction::READ, Hold::MARK),
        (false, true) => bev.resume(Direction::READ, Hold::MARK),
        _ => {}
    }
}

/// The read timeout of a kind without a descriptor.
pub(crate) unsafe extern "C-unwind" fn read_timer(_fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: the event lies in the object, which lives while it is pending.
    timed_out(unsafe { Bev::from_arg(arg) }, Direction::READ);
}

/// The write timeout of a kind without a descriptor.
pub(crate) unsafe extern "C-unwind" fn write_timer(_fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: as in `read_timer`.
    timed_out(unsafe { Bev::from_arg(arg) }, Direction::WRITE);
}

fn timed_out(bev: Bev, direction: Direction) {
    if !bev.try_hold() {
        return;
    }
    let outcome = bev.machine(|m| m.timed_out(direction));
    bev.conclude(outcome, 0);
    bev.release();
}
