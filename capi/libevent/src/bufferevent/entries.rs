//! Entries of `event2/bufferevent.h`: making and freeing, data, directions, flushing and triggering.

use super::handle::{Bev, Locked};
use super::{callbacks, lifecycle, socket};
use crate::abi::bufferevent::{DataFn, EventFn, bufferevent};
use crate::base::event_base;
use crate::buffer::{entries, evbuffer, moves};
use core::ffi::{c_int, c_short, c_void};
use core::ptr;
use evoxide_core::stream::{Direction, What};

/// The directions among event bits.
pub(super) fn directions(events: c_short) -> Direction {
    Direction::from_bits_truncate(events as u8)
}

/// Runs `f` on the bufferevent that C names, with its lock and a reference; `missing` if it names none.
///
/// # Safety
/// `bufev` is null or a live bufferevent.
#[inline]
pub(super) unsafe fn held<R>(bufev: *mut bufferevent, missing: R, f: impl FnOnce(&Locked) -> R) -> R {
    // SAFETY: the caller's promise.
    let Some(bev) = (unsafe { Bev::of(bufev) }) else { return missing };
    let bev = bev.hold();
    let result = f(bev);
    bev.release();
    result
}

/// Makes a bufferevent on a descriptor, which may be -1 for now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_socket_new(
    base: *mut event_base,
    fd: c_int,
    options: c_int,
) -> *mut bufferevent {
    socket::create(base, fd, options as u8).map_or(ptr::null_mut(), |bev| bev.public())
}

/// Frees a bufferevent. What is still in its output is not written.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_free(bufev: *mut bufferevent) {
    // SAFETY: the caller's promise.
    if let Some(bev) = unsafe { Bev::of(bufev) } {
        lifecycle::free(bev);
    }
}

/// One more reference.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_incref(bufev: *mut bufferevent) {
    // SAFETY: the caller's promise.
    if let Some(bev) = unsafe { Bev::of(bufev) } {
        bev.hold().unlock();
    }
}

/// One reference less; 1 if it was the last.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_decref(bufev: *mut bufferevent) -> c_int {
    // SAFETY: the caller's promise.
    let Some(bev) = (unsafe { Bev::of(bufev) }) else { return 0 };
    let bev = bev.lock();
    c_int::from(bev.release())
}

/// Takes the lock of a bufferevent that has one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_lock(bufev: *mut bufferevent) {
    // SAFETY: the caller's promise.
    if let Some(bev) = unsafe { Bev::of(bufev) } {
        bev.hold();
    }
}

/// Gives up the lock.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_unlock(bufev: *mut bufferevent) {
    // SAFETY: the caller's promise; the reference is the one that locking took.
    if let Some(bev) = unsafe { Bev::of(bufev) } {
        bev.assume_locked().release();
    }
}

/// Sets the callbacks and their argument.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_setcb(
    bufev: *mut bufferevent,
    read: Option<DataFn>,
    write: Option<DataFn>,
    event: Option<EventFn>,
    arg: *mut c_void,
) {
    // SAFETY: the caller's promise.
    if let Some(bev) = unsafe { Bev::of(bufev) } {
        let bev = bev.lock();
        bev.set_callbacks(read, write, event, arg);
        bev.unlock();
    }
}

/// Answers the callbacks and their argument, as far as they are asked for.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_getcb(
    bufev: *mut bufferevent,
    read: *mut Option<DataFn>,
    write: *mut Option<DataFn>,
    event: *mut Option<EventFn>,
    arg: *mut *mut c_void,
) {
    // SAFETY: the caller's promise; what is not asked for is null.
    unsafe {
        let Some(bev) = Bev::of(bufev) else { return };
        let bev = bev.lock();
        if !read.is_null() {
            *read = bev.readcb.get();
        }
        if !write.is_null() {
            *write = bev.writecb.get();
        }
        if !event.is_null() {
            *event = bev.errorcb.get();
        }
        if !arg.is_null() {
            *arg = bev.cbarg.get();
        }
        bev.unlock();
    }
}

/// The buffer of what was read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bufferevent_get_input(bufev: *mut bufferevent) -> *mut evbuffer {
    // SAFETY: the caller's promise.
    unsafe { Bev::of(bufev) }.map_or(ptr::null_mut(), |bev| bev.input().raw())
}

/// The buffer of what will be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bufferevent_get_output(bufev: *mut bufferevent) -> *mut evbuffer {
    // SAFETY: the caller's promise.
    unsafe { Bev::of(bufev) }.map_or(ptr::null_mut(), |bev| bev.output().raw())
}

/// Appends to the output.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_write(bufev: *mut bufferevent, data: *const c_void, size: usize) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(bev) = Bev::of(bufev) else { return -1 };
        entries::evbuffer_add(bev.output().raw(), data, size)
    }
}

/// Moves a buffer's content to the output.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_write_buffer(bufev: *mut bufferevent, buffer: *mut evbuffer) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(bev) = Bev::of(bufev) else { return -1 };
        moves::evbuffer_add_buffer(bev.output().raw(), buffer)
    }
}

/// Takes up to so many bytes out of the input; answers how many.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_read(bufev: *mut bufferevent, data: *mut c_void, size: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(bev) = Bev::of(bufev) else { return 0 };
        usize::try_from(entries::evbuffer_remove(bev.input().raw(), data, size)).unwrap_or(0)
    }
}

/// Moves the input to a buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_read_buffer(bufev: *mut bufferevent, buffer: *mut evbuffer) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(bev) = Bev::of(bufev) else { return -1 };
        moves::evbuffer_add_buffer(buffer, bev.input().raw())
    }
}

/// Has data flow in these directions.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_enable(bufev: *mut bufferevent, events: c_short) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { held(bufev, -1, |bev| bev.enable(directions(events))) }
}

/// Has no data flow in these directions.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_disable(bufev: *mut bufferevent, events: c_short) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { held(bufev, -1, |bev| bev.disable(directions(events))) }
}

/// Which directions are enabled.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_enabled(bufev: *mut bufferevent) -> c_short {
    // SAFETY: the caller's promise.
    unsafe { held(bufev, 0, |bev| bev.enabled.get()) }
}

/// Pushes data on as far as it goes: 1 if there was some, 0 if not, -1 where that failed.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_flush(bufev: *mut bufferevent, events: c_short, mode: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { held(bufev, -1, |bev| (bev.ops().flush)(bev, directions(events), mode)) }
}

/// Runs data callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_trigger(bufev: *mut bufferevent, events: c_short, options: c_int) {
    // SAFETY: the caller's promise.
    unsafe { held(bufev, (), |bev| callbacks::data(bev, directions(events), options)) }
}

/// Runs the event callback.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_trigger_event(bufev: *mut bufferevent, what: c_short, options: c_int) {
    // SAFETY: the caller's promise.
    unsafe { held(bufev, (), |bev| callbacks::event(bev, What::from_bits_retain(what as u16), options)) }
}
