//! Telling the user: data and event callbacks, at once or deferred; timers of kinds without a descriptor.

use super::handle::{Bev, Locked, flag};
use crate::abi::bufferevent::{TRIG_IGNORE_WATERMARKS, opt};
use crate::abi::event::event_callback;
use crate::event::deferred;
use core::ffi::{c_int, c_short, c_void};
use evoxide_core::stream::{Direction, Outcome, Report, STEP, Told, What};
use evoxide_ffi::{errno, mm};

#[inline(always)]
fn is_deferred(bev: &Locked, options: c_int) -> bool {
    (bev.options | options as u8) & opt::DEFER_CALLBACKS != 0
}

/// Tells of data, where the low marks allow it or `options` say not to ask. A reference is held.
pub(crate) fn data(bev: &Locked, directions: Direction, options: c_int) {
    if directions.contains(Direction::READ) {
        readable(bev, options);
    }
    if directions.contains(Direction::WRITE) {
        drained(bev, options);
    }
}

/// As [`data`], of the input.
#[inline(always)]
pub(crate) fn readable(bev: &Locked, options: c_int) {
    let ignore = options & TRIG_IGNORE_WATERMARKS != 0;
    if bev.readcb.get().is_some() && (ignore || bev.input().len() >= bev.wm_read.get().low) {
        if is_deferred(bev, options) {
            defer(bev, Direction::READ);
        } else {
            call_read(bev);
        }
    }
}

/// As [`data`], of the output.
#[inline(always)]
pub(crate) fn drained(bev: &Locked, options: c_int) {
    let ignore = options & TRIG_IGNORE_WATERMARKS != 0;
    if bev.writecb.get().is_some() && (ignore || bev.output().len() <= bev.wm_write.get().low) {
        if is_deferred(bev, options) {
            defer(bev, Direction::WRITE);
        } else {
            call_write(bev);
        }
    }
}

/// Reports the bytes that one read brought.
#[inline(always)]
pub(crate) fn arrived(bev: &Locked, n: usize) {
    if n <= STEP { readable(bev, 0) } else { arrived_in_steps(bev, n) }
}

#[inline(never)]
fn arrived_in_steps(bev: &Locked, n: usize) {
    if is_deferred(bev, 0) {
        bev.own_extension(|e| e.unreported.set(bev.extension().unreported.get().saturating_add(n)));
        readable(bev, 0);
    } else {
        in_steps(bev, n, || readable(bev, 0));
    }
}

/// Makes a read callback's call for what one read brought. One that takes only some of them is called again, as often as the original
/// would have read for them: a program may read into a small buffer, once in each call.
fn in_steps(bev: &Locked, n: usize, call: impl Fn()) {
    let fd = bev.fd();
    let mut report = Report::new(n);
    loop {
        let before = bev.input().len();
        call();
        if bev.is_freed() || bev.fd() != fd {
            return;
        }
        let after = bev.input().len();
        let ends = bev.base().is_some_and(|base| base.wake.reasons() != 0);
        let (told, left) = match bev.machine(|m| report.told(before, after, m, ends)) {
            Told::Done => return,
            Told::Again => continue,
            told @ (Told::NextTurn(left) | Told::Unreported(left)) => (told, left),
        };
        bev.extension_or_new();
        bev.own_extension(|e| e.unreported.set(bev.extension().unreported.get().saturating_add(left)));
        if matches!(told, Told::NextTurn(_)) {
            defer_readable(bev);
        }
        return;
    }
}

/// Reading goes on: tells of what reading left untold.
#[cold]
pub(crate) fn tell_unreported(bev: &Locked) {
    if bev.input().len() > 0 {
        defer_readable(bev);
    }
}

#[inline(never)]
fn defer(bev: &Locked, direction: Direction) {
    if bev.extension_or_new() {
        schedule(bev, |b| b.own_extension(|e| e.pending.set(b.extension().pending.get() | direction)));
    } else if direction == Direction::READ {
        call_read(bev);
    } else {
        call_write(bev);
    }
}

/// Tells of an event. A reference is held; `errno` is what the callback sees.
pub(crate) fn event(bev: &Locked, what: What, options: c_int) {
    if bev.errorcb.get().is_none() {
        return;
    }
    let error = errno::get();
    if is_deferred(bev, options) && bev.extension_or_new() {
        schedule(bev, |b| {
            b.own_extension(|e| e.pending_event.set(b.extension().pending_event.get() | what));
            b.own_extension(|e| e.pending_errno.set(error));
        });
    } else {
        call_event(bev, what, error);
    }
}

#[inline(always)]
fn call_read(bev: &Locked) {
    if let Some(function) = bev.readcb.get() {
        let arg = bev.cbarg.get();
        // SAFETY: the user's callback with the user's argument, outside every section, a reference held.
        around(bev, || unsafe { function(bev.public(), arg) });
        still_full(bev);
    }
}

fn call_write(bev: &Locked) {
    if let Some(function) = bev.writecb.get() {
        let arg = bev.cbarg.get();
        // SAFETY: the user's function with the user's argument, read together under the lock; a reference is held.
        around(bev, || unsafe { function(bev.public(), arg) });
    }
}

fn call_event(bev: &Locked, what: What, error: c_int) {
    if let Some(function) = bev.errorcb.get() {
        let arg = bev.cbarg.get();
        around(bev, || {
            errno::set(error);
            // SAFETY: function and argument were read together under the lock; a reference is held.
            unsafe { function(bev.public(), what.bits() as c_short, arg) }
        });
    }
}

/// Runs a callback; without the lock where the options say so. What the callback is given was copied before: once the lock is
/// given up, another thread may set other callbacks.
#[inline(always)]
fn around(bev: &Locked, call: impl FnOnce()) {
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
fn still_full(bev: &Locked) {
    let high = bev.wm_read.get().high;
    if high != 0 && bev.enabled.get() & c_short::from(Direction::READ.bits()) != 0 && bev.input().len() >= high {
        defer_readable(bev);
    }
}

#[inline(never)]
fn defer_readable(bev: &Locked) {
    readable(bev, c_int::from(opt::DEFER_CALLBACKS));
}

/// Makes the deferred callback with a priority, unless it is there or memory lacks. The extension is its own.
pub(super) fn prepare_deferred(bev: &Locked, priority: u8) {
    if bev.extension().deferred().is_none() {
        let fresh = event_callback::empty(crate::abi::event::closure::SELF);
        deferred::init(&fresh, priority, run_deferred, bev.arg());
        if let Some(made) = mm::alloc(fresh) {
            bev.own_extension(|e| e.deferred.set(made.as_ptr()));
        }
    }
}

/// Notes something in the extension, which is there, for the deferred callback and has that run. Without memory the notice is made at once rather than lost.
fn schedule(bev: &Locked, note: impl FnOnce(&Locked)) {
    note(bev);
    if bev.is(flag::SCHEDULED) {
        return;
    }
    prepare_deferred(bev, bev.priority());
    let (Some(base), Some(cb)) = (bev.base(), bev.extension().deferred()) else { return run_pending(bev) };
    // SAFETY: the callback lives as long as the bufferevent, and the reference taken here lasts until it has run.
    if unsafe { base.schedule_deferred(cb) } {
        bev.mark(flag::SCHEDULED, true);
        bev.refs.set(bev.refs.get() + 1);
    }
}

/// Runs deferred callbacks, from the loop. Gives back the reference that scheduling took.
unsafe extern "C-unwind" fn run_deferred(_cb: *mut event_callback, arg: *mut c_void) {
    // SAFETY: scheduling took a reference.
    let bev = unsafe { Bev::from_arg(arg) };
    let bev = bev.lock();
    bev.mark(flag::SCHEDULED, false);
    run_pending(bev);
    bev.release();
}

fn run_pending(bev: &Locked) {
    if bev.extension().pending_event.get().contains(What::CONNECTED) && bev.errorcb.get().is_some() {
        bev.own_extension(|e| e.pending_event.set(bev.extension().pending_event.get() - What::CONNECTED));
        call_event(bev, What::CONNECTED, errno::get());
    }
    let pending: Direction = bev.extension().pending.get();
    if pending.contains(Direction::READ) && bev.readcb.get().is_some() {
        bev.own_extension(|e| e.pending.set(bev.extension().pending.get() - Direction::READ));
        let fresh = bev.extension().unreported.get();
        bev.own_extension(|e| e.unreported.set(0));
        in_steps(bev, fresh, || call_read(bev));
    }
    if bev.extension().pending.get().contains(Direction::WRITE) && bev.writecb.get().is_some() {
        bev.own_extension(|e| e.pending.set(bev.extension().pending.get() - Direction::WRITE));
        let base = bev.base();
        Bev::mark_writing(base, true);
        call_write(bev);
        Bev::mark_writing(base, false);
    }
    let what: What = bev.extension().pending_event.get();
    if !what.is_empty() && bev.errorcb.get().is_some() {
        let error = bev.extension().pending_errno.get();
        bev.own_extension(|e| e.pending_event.set(What::empty()));
        bev.own_extension(|e| e.pending_errno.set(0));
        call_event(bev, what, error);
    }
}

/// Finishes with an outcome that may disable: publishes, changes interest, tells.
pub(crate) fn conclude(bev: &Locked, outcome: Outcome, error: c_int) {
    bev.publish_enabled();
    bev.apply(outcome);
    if !outcome.event.is_empty() {
        errno::set(error);
        event(bev, outcome.event, 0);
    }
}

/// The read timeout of a kind without a descriptor.
pub(crate) unsafe extern "C-unwind" fn read_timer(_fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: the event lies in the object, which lives while it is pending.
    timed_out(unsafe { Bev::from_arg(arg) }, Direction::READ);
}

/// The write timeout of a kind without a descriptor.
pub(crate) unsafe extern "C-unwind" fn write_timer(_fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: the write event, too, lies in the object.
    timed_out(unsafe { Bev::from_arg(arg) }, Direction::WRITE);
}

fn timed_out(bev: &Bev, direction: Direction) {
    let Some(bev) = bev.try_hold() else { return };
    let outcome = bev.machine(|m| m.timed_out(direction));
    conclude(bev, outcome, 0);
    bev.release();
}
