//! Data of a session: records are read in bursts into storage of the loop, and what callbacks wrote leaves behind them.

use super::{Tls, below, end_output, may, part, session, soon, tell};
use crate::abi::bufferevent::opt;
use crate::base::Base;
use crate::buffer::{EvBuffer, Machine};
use crate::bufferevent::handle::Locked;
use crate::bufferevent::{buffers, callbacks, rate};
use alloc::vec::Vec;
use core::ptr;
use evoxide_core::buffer::StoragePool;
use evoxide_core::stream::session::Answer;
use evoxide_core::stream::{Allowance, Direction, MAX_BURST, MAX_SINGLE, What};
use evoxide_ffi::errno;
use evoxide_sys::io;

/// The most that one record holds.
pub(super) const RECORD: usize = 16384;

/// Reads and tells, a record for each callback, and goes on while full records are here and callbacks make nothing else active: what
/// they write leaves together.
pub(super) fn read_some(bev: &Locked) {
    let activity = || bev.base().map(|base| (ptr::from_ref(base), bev.fd(), base.wake.reasons(), base.activity()));
    let before = activity();
    let mut more = More::Now;
    for records in 0..MAX_BURST / MAX_SINGLE {
        // The transport's end is not looked for: a session that has met it writes nothing any more.
        let waits = || more == More::Now || more == More::Unknown && io::available(bev.fd()).is_ok_and(|n| n > 0);
        if activity() != before || !waits() {
            break;
        }
        more = read_records(bev, records > 0);
    }
    if matches!(more, More::Later | More::Now) {
        soon(bev, Direction::READ);
    }
}

/// Whether more is here than was read, and whether it may be read before anything else happens.
#[derive(PartialEq)]
enum More {
    No,
    Later,
    Now,
    /// As `Now`, if the descriptor has it.
    Unknown,
}

/// Reads what one callback is told of; `follows` another one, whose output has not left yet.
fn read_records(bev: &Locked, follows: bool) -> More {
    let mut total = 0;
    let mut event = What::empty();
    let mut dry = false;
    let allowance = rate::allowance(bev, Direction::READ);
    let allowed = allowance.or(MAX_SINGLE);
    while event.is_empty() {
        let room = bev.marks(Direction::READ).room(bev.input().len());
        let max = room.min(allowed.saturating_sub(total)).min(RECORD);
        let Some(part) = part(bev).filter(|_| max > 0) else { break };
        let answer = read_record(bev, part, max);
        if answer == Answer::Closed && (follows || total > 0) {
            // Told when the answer to what came before it has left.
            break;
        }
        event = session(bev, |t| t.moved(Direction::READ, answer)).unwrap_or_default();
        let Answer::Done(n @ 1..) = answer else {
            dry = true;
            break;
        };
        total += n;
        if n < RECORD.min(max) && below(bev).is_none() && !part.pends() {
            // A short record is the last one as a rule; the descriptor announces others.
            break;
        }
    }
    let error = errno::get();
    if total > 0 {
        bev.restart_read_timer();
        rate::spend(bev, Direction::READ, total);
        callbacks::data(bev, Direction::READ, 0);
    }
    let waits_below = below(bev).is_some_and(|below| below.input().len() > 0);
    let pending = waits_below || part(bev).is_some_and(Tls::pends);
    let may_go_on = event.is_empty() && !dry && may(bev).contains(Direction::READ) && !bev.is_freed();
    let now = total == MAX_SINGLE && allowance == Allowance::Free && bev.options & opt::DEFER_CALLBACKS == 0;
    errno::set(error);
    tell(bev, event);
    match (may_go_on, now, pending) {
        (true, true, true) => More::Now,
        (true, true, false) => More::Unknown,
        (true, false, true) => More::Later,
        _ => More::No,
    }
}

/// The loop, where it surely runs in this thread when data moves: not above another bufferevent.
fn own_loop(bev: &Locked) -> Option<&Base> {
    bev.base().filter(|_| below(bev).is_none())
}

/// One read into the input.
fn read_record(bev: &Locked, part: &Tls, max: usize) -> Answer {
    let Some(mut storage) = storage_for(max, own_loop(bev)) else {
        errno::set(libc::ENOMEM);
        return Answer::Error;
    };
    let answer = part.read(&mut storage.spare_capacity_mut()[..max]);
    if let Answer::Done(n) = answer {
        // SAFETY: the session has filled so much.
        unsafe { storage.set_len(n.min(max)) };
    }
    if receive(bev.input(), storage, own_loop(bev)) { answer } else { Answer::Error }
}

/// Runs `f` on the storage pool of a loop that runs in this thread, or on an empty one.
fn with_pool<R>(base: Option<&Base>, f: impl FnOnce(&mut StoragePool) -> R) -> R {
    match base {
        // SAFETY: the pool is used by the loop's thread alone, and `f` calls nothing else that uses it.
        Some(base) => f(unsafe { &mut *base.storage.get() }),
        None => f(&mut StoragePool::new()),
    }
}

/// Empty storage for at most `max` bytes; `base`: the loop that runs in this thread. `None`: no memory.
fn storage_for(max: usize, base: Option<&Base>) -> Option<Vec<u8>> {
    with_pool(base, |pool| pool.take(max)).ok()
}

/// Appends what was read into [`storage_for`] to a frozen back: little is copied. The lock and a reference are held. `false`: no memory.
fn receive(buffer: &EvBuffer, storage: Vec<u8>, base: Option<&Base>) -> bool {
    let add = |m: &mut Machine| {
        if storage.len() >= storage.capacity() / 4 {
            return m.reserve_segment().and_then(|()| m.receive_storage(storage));
        }
        let fresh = !storage.is_empty() && m.is_empty() && m.spare() == 0;
        let added = match fresh.then(|| storage_for(storage.len(), base)).flatten() {
            Some(mut little) => {
                little.extend_from_slice(&storage);
                m.receive_storage(little)
            }
            None => m.append(&storage),
        };
        with_pool(base, |pool| pool.put(storage));
        added
    };
    let Ok(delta) = buffer.thawed_back(|b| b.section(add)) else { return false };
    // SAFETY: the lock and a reference are held, no section is open.
    unsafe { buffer.notify(delta) };
    true
}

/// Returns whether the transport takes no more for now.
pub(super) fn write_some(bev: &Locked) -> bool {
    let mut total = 0;
    let mut event = What::empty();
    let mut stuck = false;
    let allowed = rate::allowance(bev, Direction::WRITE).or(MAX_BURST);
    while event.is_empty() {
        let max = bev.output().len().min(allowed.saturating_sub(total));
        let Some(part) = part(bev).filter(|_| max > 0) else { break };
        let answer = part.write(bev.output(), max);
        event = session(bev, |t| t.moved(Direction::WRITE, answer)).unwrap_or_default();
        let Answer::Done(n @ 1..) = answer else {
            stuck = true;
            break;
        };
        buffers::drain(bev.output(), n, own_loop(bev));
        total += n;
    }
    let error = errno::get();
    end_output(bev);
    if total > 0 {
        if below(bev).is_some() {
            bev.restart_timer(Direction::WRITE);
        }
        rate::spend(bev, Direction::WRITE, total);
        callbacks::data(bev, Direction::WRITE, 0);
    }
    errno::set(error);
    tell(bev, event);
    stuck
}
