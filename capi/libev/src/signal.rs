//! `ev_signal`: signals of the process.
//!
//! A signal belongs to one loop at a time. The handler touches atomics only: it notes the signal and wakes that loop.

use crate::abi::{EV_SIGNAL, EVFLAG_NOSIGMASK, EVFLAG_SIGNALFD, ev_loop, ev_signal, ev_watcher, ev_watcher_list};
use crate::own;
use crate::state::{of, reason, with};
use crate::watcher::{W, unlink};
use core::ffi::c_int;
use core::ptr::{addr_of, addr_of_mut, null_mut};
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering::SeqCst};
use evoxide_sys::os::fd::{AsFd, AsRawFd};
use evoxide_sys::process::{self, SignalFd};

/// The highest signal number, and one more.
const SIGNALS: usize = 65;

struct Slot {
    arrived: AtomicBool,
    owner: AtomicPtr<ev_loop>,
    /// The owner's watchers of this signal; touched by the owner's thread only.
    head: AtomicPtr<ev_watcher_list>,
}

static SLOTS: [Slot; SIGNALS] = [const {
    Slot { arrived: AtomicBool::new(false), owner: AtomicPtr::new(null_mut()), head: AtomicPtr::new(null_mut()) }
}; SIGNALS];

fn slot(signum: c_int) -> Option<&'static Slot> {
    if signum > 0 { SLOTS.get(signum as usize) } else { None }
}

/// `ev_signal_start`. A signal that another loop watches is left alone.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_signal_start(l: *mut ev_loop, w: *mut ev_signal) {
    // SAFETY: the caller.
    unsafe {
        let signum = (*w).signum;
        let Some(slot) = slot(signum) else { return };
        let owner = slot.owner.load(SeqCst);
        if (*w).list.w.active != 0 || !(owner.is_null() || owner == l) {
            return;
        }
        slot.owner.store(l, SeqCst);
        let by_descriptor = use_signalfd(l, signum);
        with(l, |m| m.started(W::new(w), 1));
        let first = slot.head.load(SeqCst).is_null();
        (*w).list.next = slot.head.load(SeqCst);
        slot.head.store(addr_of_mut!((*w).list), SeqCst);
        if first && !by_descriptor {
            own::prepare_wake(l);
            // The handler is `ev_feed_signal`: atomics, and a write.
            process::handle(signum, ev_feed_signal);
            // The name and the manual say the opposite of what libev 4.33 does: it is with the flag that it unblocks.
            if (*of(l)).flags & EVFLAG_NOSIGMASK != 0 {
                process::mask(signum, false);
            }
        }
    }
}

/// `ev_signal_stop`. After the last watcher the signal has its default action.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_signal_stop(l: *mut ev_loop, w: *mut ev_signal) {
    // SAFETY: the caller.
    unsafe {
        with(l, |m| m.clear_pending(W::new(w)));
        let signum = (*w).signum;
        let Some(slot) = slot(signum) else { return };
        if (*w).list.w.active == 0 {
            return;
        }
        let mut head = slot.head.load(SeqCst);
        unlink(&mut head, addr_of_mut!((*w).list));
        slot.head.store(head, SeqCst);
        with(l, |m| m.stopped(W::new(w)));
        if head.is_null() {
            slot.owner.store(null_mut(), SeqCst);
            if let Some(signals) = (&*addr_of!((*of(l)).signals)).get() {
                let set = &mut *addr_of_mut!((*of(l)).signal_set);
                set.set(signum, false);
                signals.change(set);
                process::mask(signum, false);
            } else {
                process::unhandle(signum);
            }
        }
    }
}

/// Under `EVFLAG_SIGNALFD`: has the signal come through the loop's signal descriptor.
unsafe fn use_signalfd(l: *mut ev_loop, signum: c_int) -> bool {
    // SAFETY: a live loop (the caller).
    unsafe {
        if (*of(l)).flags & EVFLAG_SIGNALFD == 0 {
            return false;
        }
        let set = &mut *addr_of_mut!((*of(l)).signal_set);
        let new = (&mut *addr_of_mut!((*of(l)).signals)).open(|| SignalFd::new(set));
        let Some(signals) = (&*addr_of!((*of(l)).signals)).get() else { return false };
        if new {
            own::start(l, addr_of_mut!((*of(l)).signal_io), signals.as_fd().as_raw_fd());
        }
        process::mask(signum, true);
        set.set(signum, true);
        signals.change(set);
        true
    }
}

/// The callback of the signal descriptor.
pub(crate) unsafe extern "C-unwind" fn signals_readable(l: *mut ev_loop, _w: *mut ev_watcher, _revents: c_int) {
    // SAFETY: called by the loop, on the loop's thread.
    unsafe {
        if let Some(signals) = (&*addr_of!((*of(l)).signals)).get() {
            signals.drain(|signum| ev_feed_signal_event(l, signum));
        }
    }
}

/// `ev_feed_signal`: notes a signal and wakes its loop. Also the handler: safe in any context.
#[unsafe(no_mangle)]
pub extern "C" fn ev_feed_signal(signum: c_int) {
    let Some(slot) = slot(signum) else { return };
    let owner = slot.owner.load(SeqCst);
    if owner.is_null() {
        return;
    }
    slot.arrived.store(true, SeqCst);
    // SAFETY: a loop that owns a signal is live: destroying it gives its signals up first.
    unsafe { (*of(owner)).wake.wake(reason::SIGNAL) };
}

/// `ev_feed_signal_event`: makes the watchers of a signal pending.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_feed_signal_event(l: *mut ev_loop, signum: c_int) {
    let Some(slot) = slot(signum) else { return };
    if slot.owner.load(SeqCst) != l {
        return;
    }
    slot.arrived.store(false, SeqCst);
    let mut w = slot.head.load(SeqCst);
    // SAFETY: a live loop (the caller); its active watchers are live.
    unsafe {
        while !w.is_null() {
            with(l, |m| m.feed(W::new(w), EV_SIGNAL));
            w = (*w).next;
        }
    }
}

/// Makes pending what the handler noted.
pub(crate) unsafe fn feed_arrived(l: *mut ev_loop) {
    for signum in (1..SIGNALS).rev() {
        if SLOTS[signum].arrived.load(SeqCst) {
            // SAFETY: a live loop (the caller).
            unsafe { ev_feed_signal_event(l, signum as c_int) };
        }
    }
}

/// The loop goes away: its signals belong to nobody.
pub(crate) fn give_up(l: *mut ev_loop) {
    for slot in &SLOTS {
        if slot.owner.load(SeqCst) == l {
            slot.owner.store(null_mut(), SeqCst);
            slot.head.store(null_mut(), SeqCst);
            slot.arrived.store(false, SeqCst);
        }
    }
}
