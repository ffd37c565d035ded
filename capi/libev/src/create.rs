//! Loops come and go. The top of the tower: here the loop's own watchers get their callbacks.

use crate::abi::{
    EV_CLEANUP, EV_READ, EVBACKEND_MASK, EVFLAG_FORKCHECK, EVFLAG_NOENV, EVFLAG_NOINOTIFY, ev_loop, ev_watcher,
};
use crate::backend::Backend;
use crate::global::{allocate, deallocate, ev_default_loop_ptr, ev_recommended_backends, is_default};
use crate::state::{Loop, Source, of, reason, with};
use crate::{asyncs, child, periodic, run, signal, stat};
use core::ptr::{addr_of, addr_of_mut, null_mut};
use core::{ffi::c_int, sync::atomic::Ordering::SeqCst};
use evoxide_core::ev_loop::Kind;
use evoxide_sys::process;

fn make(flags: u32) -> *mut ev_loop {
    let pid = if flags & EVFLAG_FORKCHECK != 0 { process::id() } else { 0 };
    let mut flags = flags;
    // SAFETY: the program leaves its environment alone meanwhile; the value is read at once.
    let text = unsafe { evoxide_ffi::cstr::bytes(libc::getenv(c"LIBEV_FLAGS".as_ptr())) };
    if flags & EVFLAG_NOENV == 0
        && !process::is_privileged()
        && let Some(text) = text
    {
        flags = leading_number(text);
    }
    if flags & EVBACKEND_MASK == 0 {
        flags |= ev_recommended_backends();
    }
    let Some(backend) = Backend::open(flags) else { return null_mut() };
    let l = allocate(size_of::<Loop>()).cast::<Loop>();
    let mut new = Loop::new(backend, flags, pid);
    connect(&mut new);
    if flags & EVFLAG_NOINOTIFY != 0 {
        new.paths = Source::Absent;
    }
    // SAFETY: fresh memory of the right size, aligned as `malloc` aligns.
    unsafe { l.write(new) };
    l.cast()
}

/// Gives the loop's own watchers their callbacks.
fn connect(new: &mut Loop) {
    new.wake_io.list.w.cb = Some(woken);
    new.clock_io.list.w.cb = Some(periodic::clock_set);
    new.signal_io.list.w.cb = Some(signal::signals_readable);
    new.path_io.list.w.cb = Some(stat::paths_changed);
    new.child_signal.list.w.cb = Some(child::child_signalled);
}

/// The callback of the waking descriptor: finds out what happened and makes the watchers pending.
unsafe extern "C-unwind" fn woken(l: *mut ev_loop, _w: *mut ev_watcher, revents: c_int) {
    // SAFETY: called by the loop, on the loop's thread.
    unsafe {
        if revents & EV_READ != 0
            && let Some(waker) = (&*addr_of!((*of(l)).waker)).get()
        {
            waker.drain();
        }
        let reasons = (*of(l)).wake.take(u32::MAX);
        if reasons & reason::SIGNAL != 0 {
            signal::feed_arrived(l);
        }
        if reasons & reason::ASYNC != 0 {
            asyncs::feed_sent(l);
        }
    }
}

/// The number at the start of a text, as `atoi` sees it.
fn leading_number(text: &[u8]) -> u32 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let value = digits
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .fold(0_i64, |n, b| (n * 10 + i64::from(b - b'0')).min(i64::from(u32::MAX)));
    (if negative { -value } else { value }) as u32
}

/// `ev_loop_new`: a loop of its own; NULL where no wanted backend works.
#[unsafe(no_mangle)]
pub extern "C" fn ev_loop_new(flags: u32) -> *mut ev_loop {
    make(flags)
}

/// `ev_default_loop`: the default loop, made at the first call.
///
/// # Safety
/// Not from several threads at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_default_loop(flags: u32) -> *mut ev_loop {
    let l = ev_default_loop_ptr.load(SeqCst);
    if !l.is_null() {
        return l;
    }
    let l = make(flags);
    if !l.is_null() {
        ev_default_loop_ptr.store(l, SeqCst);
        // SAFETY: a fresh loop and its own watcher; it does not keep the loop alive.
        unsafe {
            signal::ev_signal_start(l, addr_of_mut!((*of(l)).child_signal));
            with(l, |m| m.add_refs(-1));
        }
    }
    l
}

/// `ev_loop_destroy`: cleanup watchers run, then everything goes.
///
/// # Safety
/// A live loop of this thread that is not running, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ev_loop_destroy(l: *mut ev_loop) {
    if l.is_null() {
        return;
    }
    // SAFETY: the caller. After the callbacks nothing foreign runs, and nobody uses the loop.
    unsafe {
        if with(l, |m| m.list_len(Kind::Cleanup)) != 0 {
            with(l, |m| m.feed_list_of(Kind::Cleanup, EV_CLEANUP));
            run::invoke(l);
        }
        if (*of(l)).child_signal.list.w.active != 0 {
            with(l, |m| m.add_refs(1));
            signal::ev_signal_stop(l, addr_of_mut!((*of(l)).child_signal));
        }
        signal::give_up(l);
        if is_default(l) {
            ev_default_loop_ptr.store(null_mut(), SeqCst);
        }
        of(l).drop_in_place();
        deallocate(l.cast());
    }
}

/// `ev_backend`: the backend in use.
///
/// # Safety
/// A live loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_backend(l: *mut ev_loop) -> u32 {
    // SAFETY: the caller.
    unsafe { (*of(l)).backend.bit() }
}
