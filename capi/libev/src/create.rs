//! Loops come and go.

use crate::abi::{EV_CLEANUP, EVBACKEND_MASK, EVFLAG_FORKCHECK, EVFLAG_NOENV, EVFLAG_NOINOTIFY, ev_loop};
use crate::backend::Backend;
use crate::global::{allocate, deallocate, ev_recommended_backends};
use crate::state::{Source, with};
use crate::{run, signal};
use core::ptr::{addr_of_mut, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering::SeqCst};
use evoxide_core::watch::Kind;
use evoxide_sys::process;

/// `ev_default_loop_ptr`: the default loop, if there is one. Inline functions of the header read it.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static ev_default_loop_ptr: AtomicPtr<ev_loop> = AtomicPtr::new(null_mut());

/// Whether this is the default loop.
pub(crate) fn is_default(l: *mut ev_loop) -> bool {
    ev_default_loop_ptr.load(SeqCst) == l
}

fn make(flags: u32) -> *mut ev_loop {
    let pid = if flags & EVFLAG_FORKCHECK != 0 { process::id() } else { 0 };
    let mut flags = flags;
    if flags & EVFLAG_NOENV == 0
        && !process::is_privileged()
        && let Some(text) = std::env::var_os("LIBEV_FLAGS")
    {
        flags = leading_number(text.as_encoded_bytes());
    }
    if flags & EVBACKEND_MASK == 0 {
        flags |= ev_recommended_backends();
    }
    let Some(backend) = Backend::open(flags) else { return null_mut() };
    let l = allocate(size_of::<ev_loop>()).cast::<ev_loop>();
    let mut new = ev_loop::new(backend, flags, pid);
    if flags & EVFLAG_NOINOTIFY != 0 {
        new.paths = Source::Absent;
    }
    // SAFETY: fresh memory of the right size, aligned as `malloc` aligns.
    unsafe { l.write(new) };
    l
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
            signal::ev_signal_start(l, addr_of_mut!((*l).child_signal));
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
        if (*l).child_signal.list.w.active != 0 {
            with(l, |m| m.add_refs(1));
            signal::ev_signal_stop(l, addr_of_mut!((*l).child_signal));
        }
        signal::give_up(l);
        if is_default(l) {
            ev_default_loop_ptr.store(null_mut(), SeqCst);
        }
        l.drop_in_place();
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
    unsafe { (*l).backend.bit() }
}
