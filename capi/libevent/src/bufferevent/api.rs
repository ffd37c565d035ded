//! Entries of `event2/bufferevent.h`: marks, timeouts, sizes, descriptors, bases; and `event2/bufferevent_compat.h`.

use super::entries::held;
use super::handle::{Bev, Locked, flag};
use super::socket;
use crate::abi::bufferevent::{DataFn, EventFn, bufferevent, event_watermark};
use crate::abi::entry::{In, Out};
use crate::abi::event::ev;
use crate::base::{Base, event_base};
use crate::event as events;
use core::cell::Cell;
use core::ffi::{c_int, c_short, c_void};
use core::ptr;
use evoxide_core::stream::Direction;
use evoxide_sys::io;
use libc::timeval;

/// Sets the marks of one direction or both.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_setwatermark(bufev: Option<&Bev>, which: c_short, low: usize, high: usize) {
    let marks = event_watermark { low, high };
    let set = |bev: &Locked| {
        if which & ev::WRITE != 0 {
            bev.wm_write.set(marks);
        }
        if which & ev::READ != 0 {
            bev.wm_read.set(marks);
            bev.check_mark();
            // As the original does, whatever the marks were: where reading goes on, its time begins again.
            if bev.waits(Direction::READ) && bev.machine(|m| m.moves(Direction::READ)) {
                bev.restart_timer(Direction::READ);
            }
        }
    };
    held(bufev, (), set)
}

/// Returns the marks of one direction; -1 for any other question.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_getwatermark(
    bufev: Option<&Bev>,
    which: c_short,
    low: Out<'_, usize>,
    high: Out<'_, usize>,
) -> c_int {
    let answer = |bev: &Locked| {
        let marks: event_watermark = match which {
            ev::READ => bev.wm_read.get(),
            ev::WRITE => bev.wm_write.get(),
            _ => return -1,
        };
        low.set(marks.low);
        high.set(marks.high);
        0
    };
    held(bufev, -1, answer)
}

/// Sets the timeouts; NULL ends one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_set_timeouts(
    bufev: Option<&Bev>,
    read: In<'_, timeval>,
    write: In<'_, timeval>,
) -> c_int {
    const NONE: timeval = timeval { tv_sec: 0, tv_usec: 0 };
    set_timeouts(bufev, read.map_or(NONE, Cell::get), write.map_or(NONE, Cell::get))
}

fn set_timeouts(bufev: Option<&Bev>, read: timeval, write: timeval) -> c_int {
    held(bufev, -1, |bev| {
        bev.timeout_read.set(read);
        bev.timeout_write.set(write);
        adjust(bev, Direction::READ).min(adjust(bev, Direction::WRITE))
    })
}

/// Applies a changed timeout to what is waited for now.
fn adjust(bev: &Locked, direction: Direction) -> c_int {
    let timeout = bev.timeout(direction).is_some();
    if bev.has_fd() {
        if !bev.waits(direction) || direction == Direction::WRITE && bev.is(flag::WRITE_QUEUED) {
            return 0;
        }
        if timeout {
            return bev.add_event(direction);
        }
        return events::event_remove_timer(bev.event(direction));
    }
    let wants = bev.machine(|m| m.moves(direction)) && (direction == Direction::READ || bev.output().len() > 0);
    if timeout && wants {
        return bev.add_event(direction);
    }
    bev.del_event(direction);
    0
}

/// Bounds one direction. -1 without memory.
fn set_bound(bev: &Locked, direction: Direction, max: usize) -> c_int {
    let mut bounds = bev.bounds();
    bounds.set(direction, max);
    if bounds != bev.bounds() {
        if !bev.extension_or_new() {
            return -1;
        }
        bev.own_extension(|e| e.bounds.set(bounds));
    }
    0
}

/// The most that one read takes; 0 for the default.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_set_max_single_read(bufev: Option<&Bev>, size: usize) -> c_int {
    held(bufev, -1, |bev| set_bound(bev, Direction::READ, size))
}

/// The most that one write takes; 0 for the default.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_set_max_single_write(bufev: Option<&Bev>, size: usize) -> c_int {
    held(bufev, -1, |bev| set_bound(bev, Direction::WRITE, size))
}

/// The most that one read takes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_max_single_read(bufev: Option<&Bev>) -> isize {
    held(bufev, -1, |bev| bev.bounds().of(Direction::READ) as isize)
}

/// The most that one write takes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_max_single_write(bufev: Option<&Bev>) -> isize {
    held(bufev, -1, |bev| bev.bounds().of(Direction::WRITE) as isize)
}

/// The bufferevent that has the descriptor: itself, or the lowest below its filters.
fn bottom(mut bev: &Locked) -> &Locked {
    while let Some(below) = (bev.ops().below)(bev) {
        bev = below;
    }
    bev
}

/// Gives it another descriptor; the old one is left open.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_setfd(bufev: Option<&Bev>, fd: c_int) -> c_int {
    held(bufev, -1, |bev| replace(bev, fd, false))
}

/// As `bufferevent_setfd`, and closes the old descriptor if it would be closed with the bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_replacefd(bufev: Option<&Bev>, fd: c_int) -> c_int {
    held(bufev, -1, |bev| replace(bev, fd, true))
}

fn replace(bev: &Locked, fd: c_int, close: bool) -> c_int {
    let bev = bottom(bev);
    if !bev.has_fd() {
        return -1;
    }
    let old = bev.fd();
    socket::attach(bev, fd, false);
    if close && old >= 0 && old != fd && bev.closes_on_free() {
        // SAFETY: the option says that the descriptor is the bufferevent's own.
        if unsafe { io::close(old) }.is_err() {
            return -1;
        }
    }
    0
}

/// The descriptor, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_getfd(bufev: Option<&Bev>) -> c_int {
    held(bufev, -1, |bev| {
        let bev = bottom(bev);
        if bev.has_fd() { bev.fd() } else { -1 }
    })
}

/// The bufferevent below a filter, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_underlying(bufev: Option<&Bev>) -> *mut bufferevent {
    held(bufev, ptr::null_mut(), |bev| (bev.ops().below)(bev).map_or(ptr::null_mut(), |bev| bev.public()))
}

/// The base.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bufferevent_get_base(bufev: Option<&Bev>) -> *mut event_base {
    bufev.map_or(ptr::null_mut(), |bev| bev.ev_base.get())
}

/// Moves a bufferevent on a descriptor to another base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_base_set(base: Option<&Base>, bufev: Option<&Bev>) -> c_int {
    let set = |bev: &Locked| {
        if !bev.has_fd() {
            return -1;
        }
        bev.ev_base.set(base.map_or(ptr::null_mut(), Base::raw));
        let read = events::event_base_set(base, bev.event(Direction::READ));
        if read == -1 { -1 } else { events::event_base_set(base, bev.event(Direction::WRITE)) }
    };
    held(bufev, -1, set)
}

/// Sets the priority of a bufferevent on a descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_priority_set(bufev: Option<&Bev>, priority: c_int) -> c_int {
    let set = |bev: &Locked| {
        if !bev.has_fd() {
            return -1;
        }
        // A queued write is active, and active events keep their priority: it is queued again.
        let tried = bev.is(flag::WRITE_QUEUED);
        if tried {
            bev.del_event(Direction::WRITE);
        }
        let refused = events::event_priority_set(bev.event(Direction::READ), priority) == -1
            || events::event_priority_set(bev.event(Direction::WRITE), priority) == -1;
        if tried {
            socket::start_writing(bev);
        }
        if refused {
            return -1;
        }
        if let Some(deferred) = bev.extension().deferred() {
            deferred.evcb_pri.set(priority as u8);
        }
        0
    };
    held(bufev, -1, set)
}

/// The priority.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bufferevent_get_priority(bufev: Option<&Bev>) -> c_int {
    bufev.map_or(-1, |bev| c_int::from(bev.priority()))
}

/// Makes a bufferevent on the current base, as libevent 1 did.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_new(
    fd: c_int,
    read: Option<DataFn>,
    write: Option<DataFn>,
    event: Option<EventFn>,
    arg: *mut c_void,
) -> *mut bufferevent {
    let Some(bev) = socket::create(ptr::null_mut(), fd, 0) else { return ptr::null_mut() };
    bev.set_callbacks(read, write, event, arg);
    bev.public()
}

/// Sets the timeouts in seconds; 0 ends one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_settimeout(bufev: Option<&Bev>, read: c_int, write: c_int) {
    let seconds = |s: c_int| timeval { tv_sec: s.into(), tv_usec: 0 };
    set_timeouts(bufev, seconds(read), seconds(write));
}
