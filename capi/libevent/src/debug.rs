//! Debug mode (`event_enable_debug_mode`): a table of which events are assigned and which are pending, and fatal errors
//! for those that are used otherwise.

use crate::abi::event::{ev, event};
use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering};
use evoxide_ffi::{errx, lock, log};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

static ENABLED: AtomicBool = AtomicBool::new(false);
/// Something was made before debug mode could be enabled.
static TOO_LATE: AtomicBool = AtomicBool::new(false);
/// Assigned events, by address: whether they are pending.
static EVENTS: Mutex<Option<BTreeMap<usize, bool>>> = Mutex::new(None);

fn with<R>(f: impl FnOnce(&mut BTreeMap<usize, bool>) -> R) -> R {
    f(EVENTS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

#[inline(always)]
pub(crate) fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// From now on debug mode cannot be enabled. Written once: every thread comes by here.
#[inline]
pub(crate) fn too_late() {
    if !TOO_LATE.load(Ordering::Relaxed) && !enabled() {
        TOO_LATE.store(true, Ordering::Relaxed);
    }
}

/// What is printed of an event.
///
/// # Safety
/// `e` points to readable memory of an event's size, as the caller of the C function claims.
unsafe fn describe(e: *const event) -> (i16, i32, u16) {
    // SAFETY: the caller's promise.
    unsafe { ((*e).ev_events, (*e).ev_fd, (*e).ev_evcallback.evcb_flags) }
}

/// The event was assigned, in debug mode.
pub(crate) fn setup(e: *const event) {
    with(|map| map.insert(e as usize, false));
}

/// Fatal if the event is pending, or is to wait on a descriptor that blocks.
///
/// # Safety
/// As for `event_assign`.
pub(crate) unsafe fn assert_assignable(e: *const event, fd: i32, events: i16) {
    // SAFETY: the caller's promise.
    unsafe { assert_not_added(e, "event_assign") };
    if events & ev::SIGNAL == 0 && fd >= 0 {
        assert_nonblocking(fd);
    }
}

/// The event is no event any more.
pub(crate) fn teardown(e: *const event) {
    if enabled() {
        with(|map| map.remove(&(e as usize)));
    }
    too_late();
}

/// The event stopped to be pending by itself.
#[inline(always)]
pub(crate) fn ended(e: *const event) {
    if enabled() {
        ended_enabled(e);
    }
}

#[cold]
#[inline(never)]
fn ended_enabled(e: *const event) {
    with(|map| {
        map.entry(e as usize).and_modify(|pending| *pending = false);
    });
}

/// The event became pending or stopped to be.
///
/// # Safety
/// As for the C functions that use the event.
#[inline(always)]
pub(crate) unsafe fn note(e: *const event, pending: bool) {
    if enabled() {
        // SAFETY: the caller's promise.
        unsafe { note_enabled(e, pending) };
    }
}

#[cold]
unsafe fn note_enabled(e: *const event, pending: bool) {
    {
        let known = with(|map| map.get_mut(&(e as usize)).map(|p| *p = pending).is_some());
        if !known {
            // SAFETY: the caller's promise.
            let (events, fd, flags) = unsafe { describe(e) };
            errx!(
                log::ERR_ABORT,
                "{}: noting a {} on a non-setup event {e:p} (events: 0x{events:x}, fd: {fd}, flags: 0x{flags:x})",
                if pending { "event_debug_note_add_" } else { "event_debug_note_del_" },
                if pending { "add" } else { "del" },
            );
        }
    }
}

/// Fatal unless the event was assigned.
///
/// # Safety
/// As for the C functions that use the event.
#[inline(always)]
pub(crate) unsafe fn assert_setup(e: *const event, function: &'static str) {
    if enabled() {
        // SAFETY: the caller's promise.
        unsafe { assert_setup_enabled(e, function) };
    }
}

#[cold]
unsafe fn assert_setup_enabled(e: *const event, function: &str) {
    if !with(|map| map.contains_key(&(e as usize))) {
        // SAFETY: the caller's promise.
        let (events, fd, flags) = unsafe { describe(e) };
        errx!(
            log::ERR_ABORT,
            "{function} called on a non-initialized event {e:p} (events: 0x{events:x}, fd: {fd}, flags: 0x{flags:x})"
        );
    }
}

/// Fatal if the event is pending.
///
/// # Safety
/// As for the C functions that use the event.
#[inline(always)]
pub(crate) unsafe fn assert_not_added(e: *const event, function: &'static str) {
    if enabled() {
        // SAFETY: the caller's promise.
        unsafe { assert_not_added_enabled(e, function) };
    }
}

#[cold]
unsafe fn assert_not_added_enabled(e: *const event, function: &str) {
    if with(|map| map.get(&(e as usize)).copied().unwrap_or(false)) {
        // SAFETY: the caller's promise.
        let (events, fd, flags) = unsafe { describe(e) };
        errx!(
            log::ERR_ABORT,
            "{function} called on an already added event {e:p} (events: 0x{events:x}, fd: {fd}, flags: 0x{flags:x})"
        );
    }
}

/// Fatal if a descriptor would block: an event on it could block the loop.
pub(crate) fn assert_nonblocking(fd: c_int) {
    // SAFETY: asking for the flags of any number is harmless.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags >= 0 && flags & libc::O_NONBLOCK == 0 {
        errx!(log::ERR_ABORT, "Assertion flags & O_NONBLOCK failed in event_debug_assert_socket_nonblocking_");
    }
}

/// Checks the use of events from now on.
#[unsafe(no_mangle)]
pub extern "C" fn event_enable_debug_mode() {
    if ENABLED.swap(true, Ordering::Relaxed) {
        errx!(1, "event_enable_debug_mode was called twice!");
    }
    if TOO_LATE.load(Ordering::Relaxed) {
        errx!(1, "event_enable_debug_mode must be called *before* creating any events or event_bases");
    }
    lock::set_debug_mode(true);
    with(BTreeMap::clear);
}

/// Ends debug mode and frees its table.
#[unsafe(no_mangle)]
pub extern "C" fn event_disable_debug_mode() {
    ENABLED.store(false, Ordering::Relaxed);
    lock::set_debug_mode(false);
    *EVENTS.lock().unwrap_or_else(PoisonError::into_inner) = None;
}
