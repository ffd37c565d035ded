//! `ev_run` and what belongs to it: pending callbacks, ends, references, time.

use crate::abi::{EV_CHECK, EV_CUSTOM, EV_FORK, EV_PREPARE, EVRUN_NOWAIT, EVRUN_ONCE, LoopCallback, ev_loop};
use crate::state::{Renew, of, with};
use crate::watcher::W;
use crate::{clock, fork, kernel, now};
use core::ffi::{c_int, c_void};
use core::ptr::addr_of_mut;
use evoxide_core::ev_loop::{Break, Kind, Popped, Wait};

/// Runs what is pending, the highest priority first.
#[inline(never)]
unsafe fn run_pending(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        loop {
            let more =
                run_level::<4>(l) && run_level::<3>(l) && run_level::<2>(l) && run_level::<1>(l) && run_level::<0>(l);
            if !more {
                return;
            }
        }
    }
}

/// Runs what is pending on one level, until it is empty or a callback made something of a higher one pending; returns
/// whether other levels may hold something.
#[inline(always)]
unsafe fn run_level<const LEVEL: u32>(l: *mut ev_loop) -> bool {
    // SAFETY: a live loop (the caller). The section has ended when the callback runs; the watcher is pending, so it is in
    // place until then. It has a callback: only `ev_embed` watchers may have none, and those are not fed without.
    unsafe {
        loop {
            match with(l, |m| m.pop_at::<LEVEL>()) {
                Popped::Ready(w, revents) => (*w.ptr()).cb.unwrap_unchecked()(l, w.ptr(), revents),
                Popped::Elsewhere => return true,
                Popped::Nothing => return false,
            }
        }
    }
}

/// Runs what is pending in the way the user chose.
#[inline(always)]
pub(crate) unsafe fn invoke(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller), no section open.
    unsafe {
        match (*of(l)).invoke_pending {
            None => run_pending(l),
            Some(cb) => cb(l),
        }
    }
}

/// `ev_invoke_pending`: runs everything that is pending.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_invoke_pending(l: *mut ev_loop) {
    // SAFETY: the caller.
    unsafe { run_pending(l) }
}

/// `ev_run`: handles events until nothing is active, or a break.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_run(l: *mut ev_loop, flags: c_int) -> c_int {
    // SAFETY: a live loop (the caller). No section is open where foreign code runs, and nothing here needs dropping.
    unsafe {
        with(l, |m| m.enter());
        invoke(l);
        loop {
            if (*of(l)).pid != 0 || (*of(l)).renew != Renew::Nothing {
                look_for_fork(l);
            }
            if with(l, |m| m.list_len(Kind::Prepare)) != 0 {
                with(l, |m| m.feed_list_of(Kind::Prepare, EV_PREPARE));
                invoke(l);
            }
            if with(l, |m| m.broken()) {
                break;
            }
            if (*of(l)).renew != Renew::Nothing {
                fork::renew(l);
            }
            kernel::tell_changes(l);
            wait(l, flags & EVRUN_NOWAIT != 0);
            with(l, |m| m.expire_timers());
            if with(l, |m| m.periodic_count()) != 0 {
                clock::expire_periodics(l);
            }
            with(l, |m| {
                m.feed_idle();
                if m.list_len(Kind::Check) != 0 {
                    m.feed_list_of(Kind::Check, EV_CHECK);
                }
            });
            invoke(l);
            if flags & (EVRUN_ONCE | EVRUN_NOWAIT) != 0 || with(l, |m| m.refs() == 0 || m.broken()) {
                break;
            }
        }
        with(l, |m| {
            m.leave();
            m.refs()
        })
    }
}

/// One wait, with the loop's time brought up to date after it.
#[inline(always)]
unsafe fn wait(l: *mut ev_loop, no_wait: bool) {
    // SAFETY: a live loop (the caller).
    unsafe {
        let mut plan = Wait { sleep: 0., wait: 0. };
        let mut blocks = !(no_wait || with(l, |m| m.has_idle() || m.refs() == 0));
        if blocks {
            // From here on others ring. What they did before is seen now.
            blocks = (*of(l)).wake.begin_wait();
        }
        if blocks {
            let before = with(l, |m| m.clock.mono());
            clock::update_time(l);
            let (longest, shortest) = ((*of(l)).longest, (*of(l)).backend.resolution);
            plan = with(l, |m| m.plan(longest, shortest, before));
            if plan.sleep > 0. {
                now::sleep(plan.sleep);
            }
        }
        with(l, |m| m.count_iteration());
        kernel::wait(l, plan.wait);
        let reasons = if blocks { (*of(l)).wake.end_wait() } else { (*of(l)).wake.reasons() };
        if reasons != 0 {
            with(l, |m| m.feed(W::new(addr_of_mut!((*of(l)).wake_io)), EV_CUSTOM));
        }
        clock::update_time(l);
    }
}

#[cold]
unsafe fn look_for_fork(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        if (*of(l)).pid != 0 {
            let pid = evoxide_sys::process::id();
            if pid != (*of(l)).pid {
                (*of(l)).pid = pid;
                (*of(l)).renew = Renew::All;
            }
        }
        if (*of(l)).renew == Renew::All && with(l, |m| m.list_len(Kind::Fork)) != 0 {
            with(l, |m| m.feed_list_of(Kind::Fork, EV_FORK));
            invoke(l);
        }
    }
}

/// `ev_break`: ends the innermost run, or all.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_break(l: *mut ev_loop, how: c_int) {
    let how = match how {
        0 => Break::Cancel,
        1 => Break::One,
        _ => Break::All,
    };
    // SAFETY: the caller.
    unsafe { with(l, |m| m.break_run(how)) }
}

/// `ev_ref`: one more reason to go on.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_ref(l: *mut ev_loop) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.add_refs(1)) }
}

/// `ev_unref`: one reason to go on less.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_unref(l: *mut ev_loop) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.add_refs(-1)) }
}

/// `ev_now`: the loop's time.
///
/// # Safety
/// A live loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_now(l: *mut ev_loop) -> f64 {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.clock.wall()) }
}

/// `ev_now_update`: brings the loop's time up to date.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_now_update(l: *mut ev_loop) {
    // SAFETY: the caller.
    unsafe { clock::update_time(l) }
}

/// `ev_suspend`: time stands still from here.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_suspend(l: *mut ev_loop) {
    // SAFETY: the caller.
    unsafe { clock::update_time(l) }
}

/// `ev_resume`: timers are delayed by the time since `ev_suspend`, periodics find their next time.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_resume(l: *mut ev_loop) {
    // SAFETY: the caller.
    unsafe {
        let before = with(l, |m| m.clock.mono());
        clock::update_time(l);
        with(l, |m| m.shift_timers(m.clock.mono() - before));
        clock::reschedule_all(l);
    }
}

/// `ev_iteration`: how often the loop has waited.
///
/// # Safety
/// A live loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_iteration(l: *mut ev_loop) -> u32 {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.iteration()) }
}

/// `ev_depth`: how many runs are nested.
///
/// # Safety
/// A live loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_depth(l: *mut ev_loop) -> u32 {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.depth()) }
}

/// `ev_pending_count`: how many watchers are pending.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_pending_count(l: *mut ev_loop) -> u32 {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.pending_count()) as u32 }
}

/// `ev_set_io_collect_interval`: gathers descriptor events no more often than this.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_set_io_collect_interval(l: *mut ev_loop, interval: f64) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.set_io_interval(interval)) }
}

/// `ev_set_timeout_collect_interval`: timers may be so late.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_set_timeout_collect_interval(l: *mut ev_loop, interval: f64) {
    // SAFETY: the caller.
    unsafe { with(l, |m| m.set_timeout_interval(interval)) }
}

/// `ev_set_userdata`: a pointer of the user's.
///
/// # Safety
/// A live loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_set_userdata(l: *mut ev_loop, data: *mut c_void) {
    // SAFETY: the caller.
    unsafe { (*of(l)).userdata = data }
}

/// `ev_userdata`: that pointer.
///
/// # Safety
/// A live loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_userdata(l: *mut ev_loop) -> *mut c_void {
    // SAFETY: the caller.
    unsafe { (*of(l)).userdata }
}

/// `ev_set_invoke_pending_cb`: called where the loop would run what is pending.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_set_invoke_pending_cb(l: *mut ev_loop, cb: LoopCallback) {
    // SAFETY: the caller.
    unsafe { (*of(l)).invoke_pending = cb }
}

/// `ev_set_loop_release_cb`: called around each wait.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_set_loop_release_cb(l: *mut ev_loop, release: LoopCallback, acquire: LoopCallback) {
    // SAFETY: the caller.
    unsafe {
        (*of(l)).release = release;
        (*of(l)).acquire = acquire;
    }
}

/// `ev_verify`: checks the loop's bookkeeping and ends the process where it is broken.
///
/// # Safety
/// A live loop of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_verify(l: *mut ev_loop) {
    // SAFETY: the caller.
    if !unsafe { with(l, |m| m.verify()) } {
        evoxide_ffi::entry::say(format_args!("(libev) loop data corrupted\n"));
        // SAFETY: ends the process.
        unsafe { libc::abort() };
    }
}
