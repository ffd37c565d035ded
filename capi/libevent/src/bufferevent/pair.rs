//! Pairs: two bufferevents that are each other's peer. Data moves from one's output to the other's input as soon as the one
//! may write and the other may read; callbacks are always deferred.

use super::handle::{Bev, Extension, Locked};
use super::lifecycle::{self, Plan};
use super::ops::{self, Ops};
use super::{buffers, callbacks};
use crate::abi::bufferevent::{bufferevent, flush, opt};
use crate::abi::entry::Out;
use crate::base::event_base;
use core::ffi::c_int;
use core::ptr;
use evoxide_core::stream::{Direction, What};

static OPS: Ops<Locked> = Ops {
    start,
    stop,
    output_grew,
    input_changed: ops::ignore,
    flush,
    attached: ops::ignore_fd,
    below: ops::nothing_below,
    unlink,
    finish: ops::nothing_below,
    finalize: lifecycle::finalize,
    on_read: callbacks::read_timer,
    on_write: callbacks::write_timer,
};
static EXTENSION: Extension = Extension::shared(&OPS);

/// The other end, while it exists. It uses the same lock.
fn partner(bev: &Locked) -> Option<&Locked> {
    if !ptr::eq(bev.ops(), &raw const OPS) {
        return None;
    }
    // SAFETY: the link is cleared when one end goes, under the common lock.
    unsafe { Bev::of(bev.extension().link.get().cast()) }.map(Bev::assume_locked)
}

fn wants_to_talk(from: &Locked, to: &Locked) -> bool {
    from.machine(|m| m.enabled()).contains(Direction::WRITE)
        && to.machine(|m| m.moves(Direction::READ))
        && from.output().len() > 0
}

/// Moves what may be moved, and tells both. A flush fills a full input beyond its mark, but only up to the mark one that has
/// room, and then the time-outs begin again even where nothing moved.
fn transfer(from: &Locked, to: &Locked, ignore_mark: bool) {
    let len = from.output().len();
    let room = to.marks(Direction::READ).room(to.input().len());
    if room == 0 && !ignore_mark {
        return;
    }
    let n = if room == 0 { len } else { len.min(room) };
    let marked = room != 0 && room != usize::MAX;
    if n == 0 && marked || n > 0 && buffers::transfer(from.output(), to.input(), n) {
        to.restart_timer(Direction::READ);
        if to.output().len() > 0 {
            to.restart_timer(Direction::WRITE);
        } else {
            to.del_event(Direction::WRITE);
        }
    }
    callbacks::data(to, Direction::READ, 0);
    callbacks::data(from, Direction::WRITE, 0);
}

/// Directions begin to flow.
fn start(bev: &Locked, directions: Direction) -> c_int {
    bev.hold();
    if directions.contains(Direction::READ) {
        bev.restart_timer(Direction::READ);
    }
    if directions.contains(Direction::WRITE) && bev.output().len() > 0 {
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

/// Directions do not flow any more.
fn stop(bev: &Locked, directions: Direction) {
    for direction in directions.iter() {
        bev.del_event(direction);
    }
}

/// Something was written.
fn output_grew(bev: &Locked) {
    bev.hold();
    if let Some(other) = partner(bev)
        && wants_to_talk(bev, other)
    {
        transfer(bev, other, false);
    }
    bev.release();
}

/// `bufferevent_flush` of a pair: normal does nothing, the others ignore the marks, the last one ends the stream.
fn flush(bev: &Locked, directions: Direction, mode: c_int) -> c_int {
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
fn finished(other: &Locked, directions: Direction) {
    let mut what = What::EOF;
    if directions.contains(Direction::READ) {
        what |= What::WRITING;
    }
    if directions.contains(Direction::WRITE) {
        what |= What::READING;
    }
    callbacks::event(other, what, 0);
}

/// One end goes.
fn unlink(bev: &Locked) {
    if let Some(other) = partner(bev) {
        bev.own_extension(|e| e.link.set(ptr::null_mut()));
        other.own_extension(|e| e.link.set(ptr::null_mut()));
    }
}

/// Makes both ends, or none.
pub(crate) fn new_pair<'a>(base: *mut event_base, options: u8) -> Option<[&'a Bev; 2]> {
    let options = options | opt::DEFER_CALLBACKS;
    let plan = Plan { base, fd: None, options, extension: &EXTENSION, extended: true, lock_of: None, frozen: true };
    let one = lifecycle::create(&plan)?;
    let Some(two) = lifecycle::create(&Plan { lock_of: Some(one), ..plan }) else {
        one.lock().release();
        return None;
    };
    one.own_extension(|e| e.link.set(two.arg()));
    two.own_extension(|e| e.link.set(one.arg()));
    Some([one, two])
}

/// Makes two bufferevents that are each other's peer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_pair_new(
    base: *mut event_base,
    options: c_int,
    pair: Out<'_, [*mut bufferevent; 2]>,
) -> c_int {
    match new_pair(base, options as u8) {
        Some(ends) if !pair.is_null() => {
            pair.set(ends.map(Bev::public));
            0
        }
        _ => -1,
    }
}

/// The other end of a pair, while it exists.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_pair_get_partner(bufev: Option<&Bev>) -> *mut bufferevent {
    let Some(bev) = bufev else { return ptr::null_mut() };
    let bev = bev.lock();
    let other = partner(bev).map_or(ptr::null_mut(), |other| other.public());
    bev.unlock();
    other
}
