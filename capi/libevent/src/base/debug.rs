//! Debug mode (`event_enable_debug_mode`): a table of which events are assigned and which are pending, and fatal errors
//! for those that are used otherwise.

use crate::abi::event::{ev, event};
use crate::base::Cb;
use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering};
use evoxide_ffi::lock::plain::{AddressMap, Mutex};
use evoxide_ffi::{errx, lock, log};

static ENABLED: AtomicBool = AtomicBool::new(false);
/// Something was made before debug mode could be enabled.
static TOO_LATE: AtomicBool = AtomicBool::new(false);
/// Assigned events, by address: whether they are pending.
static EVENTS: Mutex<Option<AddressMap<bool>>> = Mutex::new(None);

fn address(e: &event) -> usize {
    core::ptr::from_ref(e).addr()
}

fn with<R>(f: impl FnOnce(&mut AddressMap<bool>) -> R) -> R {
    f(EVENTS.lock().get_or_insert_default())
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
fn describe(e: &event) -> (i16, i32, u16) {
    (e.ev_events.get(), e.ev_fd.get(), e.evcb_flags.get())
}

/// The event was assigned, in debug mode.
pub(crate) fn setup(e: *const event) {
    with(|map| map.insert(e.addr(), false));
}

/// Fatal if the event is pending, or is to wait on a descriptor that blocks.
pub(crate) fn assert_assignable(e: &event, fd: i32, events: i16) {
    assert_not_added(e, "event_assign");
    if events & ev::SIGNAL == 0 && fd >= 0 {
        assert_nonblocking(fd);
    }
}

/// The event is no event any more.
pub(crate) fn teardown(e: *const event) {
    if enabled() {
        with(|map| map.remove(&e.addr()));
    }
    too_late();
}

/// The event stopped to be pending by itself.
#[inline(always)]
pub(crate) fn ended(cb: Cb) {
    if enabled() {
        ended_enabled(cb.raw().addr());
    }
}

#[cold]
#[inline(never)]
fn ended_enabled(address: usize) {
    with(|map| {
        map.entry(address).and_modify(|pending| *pending = false);
    });
}

/// The event became pending or stopped to be.
#[inline(always)]
pub(crate) fn note(e: &event, pending: bool) {
    if enabled() {
        note_enabled(e, pending);
    }
}

#[cold]
fn note_enabled(e: &event, pending: bool) {
    let known = with(|map| map.get_mut(&address(e)).map(|p| *p = pending).is_some());
    if !known {
        let (events, fd, flags) = describe(e);
        errx!(
            log::ERR_ABORT,
            "{}: noting a {} on a non-setup event {e:p} (events: 0x{events:x}, fd: {fd}, flags: 0x{flags:x})",
            if pending { "event_debug_note_add_" } else { "event_debug_note_del_" },
            if pending { "add" } else { "del" },
        );
    }
}

/// Fatal unless the event was assigned.
#[inline(always)]
pub(crate) fn assert_setup(e: &event, function: &'static str) {
    if enabled() {
        assert_setup_enabled(e, function);
    }
}

#[cold]
fn assert_setup_enabled(e: &event, function: &str) {
    if !with(|map| map.contains_key(&address(e))) {
        let (events, fd, flags) = describe(e);
        errx!(
            log::ERR_ABORT,
            "{function} called on a non-initialized event {e:p} (events: 0x{events:x}, fd: {fd}, flags: 0x{flags:x})"
        );
    }
}

/// Fatal if the event is pending.
#[inline(always)]
pub(crate) fn assert_not_added(e: &event, function: &'static str) {
    if enabled() {
        assert_not_added_enabled(e, function);
    }
}

#[cold]
fn assert_not_added_enabled(e: &event, function: &str) {
    if with(|map| map.get(&address(e)).copied().unwrap_or(false)) {
        let (events, fd, flags) = describe(e);
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
    with(AddressMap::clear);
}

/// Ends debug mode and frees its table.
#[unsafe(no_mangle)]
pub extern "C" fn event_disable_debug_mode() {
    ENABLED.store(false, Ordering::Relaxed);
    lock::set_debug_mode(false);
    *EVENTS.lock() = None;
}
