//! Pairs: two bufferevents that are each other's peer. Data moves from one's output to the other's input as soon as the one
//! may write and the other may read; callbacks are always deferred.

use super::{Bev, Inner, Kind, LockFrom, buf, create, get, notice, rare, set_rare};
use crate::abi::bufferevent::{bufferevent, flush, opt};
use crate::base::event_base;
use core::ffi::c_int;
use core::ptr::{self, NonNull};
use evoxide_core::stream::{Direction, What};

/// The other end, while it exists.
pub(crate) fn partner(bev: Bev) -> Option<Bev> {
    if get!(bev, kind) != Kind::Pair {
        return None;
    }
    NonNull::new(rare!(bev, link).cast::<Inner>()).map(Bev)
}

fn wants_to_talk(from: Bev, to: Bev) -> bool {
    from.machine(|m| m.enabled()).contains(Direction::WRITE)
        && to.machine(|m| m.moves(Direction::READ))
        && buf::len(from.output()) > 0
}

/// Moves what may be moved, and tells both. A flush fills a full input beyond its mark, but only up to the mark one that has
/// room.
fn transfer(from: Bev, to: Bev, ignore_mark: bool) {
    let len = buf::len(from.output());
    let room = to.marks(Direction::READ).room(buf::len(to.input()));
    if room == 0 && !ignore_mark {
        return;
    }
    let n = if room == 0 { len } else { len.min(room) };
    if n > 0 && buf::transfer(from.output(), to.input(), n) {
        to.restart_timer(Direction::READ);
        if buf::len(to.output()) > 0 {
            to.restart_timer(Direction::WRITE);
        } else {
            to.del_event(Direction::WRITE);
        }
    }
    notice::data(to, Direction::READ, 0);
    notice::data(from, Direction::WRITE, 0);
}

/// Directions begin to flow.
pub(crate) fn start(bev: Bev, directions: Direction) -> c_int {
    bev.hold();
    if directions.contains(Direction::READ) {
        bev.restart_timer(Direction::READ);
    }
    if directions.contains(Direction::WRITE) && buf::len(bev.output()) > 0 {
        bev.restart_timer(Direction::WRITE);
    }
    if let Some(other) = partner(bev) {
        if directions.contains(Direction::READ) && wants_to_talk(other, bev) {
            transfer(other, bev, false);
        }
        if directions.contains(Direction::WRITE) && wants_to_talk(bev, other) {
            transfer(bev, other, false);
        }
    }
    bev.release();
    0
}

/// Something was written.
pub(crate) fn output_grew(bev: Bev) {
    bev.hold();
    if let Some(other) = partner(bev)
        && wants_to_talk(bev, other)
    {
        transfer(bev, other, false);
    }
    bev.release();
}

/// `bufferevent_flush` of a pair: normal does nothing, the others ignore the marks, the last one ends the stream.
pub(crate) fn flush(bev: Bev, directions: Direction, mode: c_int) -> c_int {
    bev.hold();
    let mut result = -1;
    if let Some(other) = partner(bev) {
        result = 0;
        if mode != flush::NORMAL {
            if directions.contains(Direction::READ) {
                transfer(other, bev, true);
            }
            if directions.contains(Direction::WRITE) {
                transfer(bev, other, true);
            }
            if mode == flush::FINISHED {
                finished(other, directions);
            }
        }
    }
    bev.release();
    result
}

/// The other end hears that this side is done: what is the flusher's reading is the other's writing.
fn finished(other: Bev, directions: Direction) {
    let mut what = What::EOF;
    if directions.contains(Direction::READ) {
        what |= What::WRITING;
    }
    if directions.contains(Direction::WRITE) {
        what |= What::READING;
    }
    notice::event(other, what, 0);
}

/// One end goes.
pub(crate) fn unlink(bev: Bev) {
    if let Some(other) = partner(bev) {
        set_rare!(bev, link, ptr::null_mut());
        set_rare!(other, link, ptr::null_mut());
    }
}

/// Makes both ends, or none.
pub(crate) fn new_pair(base: *mut event_base, options: u8) -> Option<[Bev; 2]> {
    let options = options | opt::DEFER_CALLBACKS;
    let one = create(base, -1, options, Kind::Pair, LockFrom::Own)?;
    let Some(two) = create(base, -1, options, Kind::Pair, LockFrom::Other(one)) else {
        one.lock();
        one.release();
        return None;
    };
    set_rare!(one, link, two.arg());
    set_rare!(two, link, one.arg());
    Some([one, two])
}

/// Makes two bufferevents that are each other's peer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_pair_new(
    base: *mut event_base,
    options: c_int,
    pair: *mut *mut bufferevent,
) -> c_int {
    match new_pair(base, options as u8) {
        Some(ends) if !pair.is_null() => {
            // SAFETY: the caller passes an array of two.
            unsafe {
                *pair = ends[0].public();
                *pair.add(1) = ends[1].public();
            }
            0
        }
        _ => -1,
    }
}

/// The other end of a pair, while it exists.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_pair_get_partner(bufev: *mut bufferevent) -> *mut bufferevent {
    // SAFETY: the caller's promise.
    let Some(bev) = (unsafe { Bev::of(bufev) }) else { return ptr::null_mut() };
    bev.lock();
    let other = partner(bev).map_or(ptr::null_mut(), Bev::public);
    bev.unlock();
    other
}
