//! Entries of `event2/bufferevent.h`: making and freeing, data, directions, flushing and triggering.

use super::handle::{Bev, Locked};
use super::{callbacks, lifecycle, socket};
use crate::abi::bufferevent::{DataFn, EventFn, bufferevent};
use crate::abi::entry::Out;
use crate::base::event_base;
use crate::buffer::{EvBuffer, entries, evbuffer};
use core::ffi::{c_int, c_short, c_void};
use core::ptr;
use evoxide_core::stream::{Direction, What};

/// The directions among event bits.
pub(super) fn directions(events: c_short) -> Direction {
    Direction::from_bits_truncate(events as u8)
}

/// Runs `f` on the bufferevent that C names, with its lock and a reference; `missing` if it names none.
#[inline]
pub(super) fn held<R>(bufev: Option<&Bev>, missing: R, f: impl FnOnce(&Locked) -> R) -> R {
    let Some(bev) = bufev else { return missing };
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
pub unsafe extern "C-unwind" fn bufferevent_free(bufev: Option<&Bev>) {
    if let Some(bev) = bufev {
        lifecycle::free(bev);
    }
}

/// One more reference.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_incref(bufev: Option<&Bev>) {
    if let Some(bev) = bufev {
        bev.hold().unlock();
    }
}

/// One reference less; 1 if it was the last.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_decref(bufev: Option<&Bev>) -> c_int {
    let Some(bev) = bufev else { return 0 };
    let bev = bev.lock();
    c_int::from(bev.release())
}

/// Takes the lock of a bufferevent that has one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_lock(bufev: Option<&Bev>) {
    if let Some(bev) = bufev {
        bev.hold();
    }
}

/// Gives up the lock.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_unlock(bufev: Option<&Bev>) {
    if let Some(bev) = bufev {
        bev.assume_locked().release();
    }
}

/// Sets the callbacks and their argument.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_setcb(
    bufev: Option<&Bev>,
    read: Option<DataFn>,
    write: Option<DataFn>,
    event: Option<EventFn>,
    arg: *mut c_void,
) {
    if let Some(bev) = bufev {
        let bev = bev.lock();
        bev.set_callbacks(read, write, event, arg);
        bev.unlock();
    }
}

/// Returns the callbacks and their argument, as far as they are asked for.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_getcb(
    bufev: Option<&Bev>,
    read: Out<'_, Option<DataFn>>,
    write: Out<'_, Option<DataFn>>,
    event: Out<'_, Option<EventFn>>,
    arg: Out<'_, *mut c_void>,
) {
    let Some(bev) = bufev else { return };
    let bev = bev.lock();
    read.set(bev.readcb.get());
    write.set(bev.writecb.get());
    event.set(bev.errorcb.get());
    arg.set(bev.cbarg.get());
    bev.unlock();
}

/// The buffer of what was read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bufferevent_get_input(bufev: Option<&Bev>) -> *mut evbuffer {
    bufev.map_or(ptr::null_mut(), |bev| bev.input().raw())
}

/// The buffer of what will be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bufferevent_get_output(bufev: Option<&Bev>) -> *mut evbuffer {
    bufev.map_or(ptr::null_mut(), |bev| bev.output().raw())
}

/// Appends to the output.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_write(bufev: Option<&Bev>, data: *const c_void, size: usize) -> c_int {
    // SAFETY: `size` readable bytes.
    bufev.map_or(-1, |bev| unsafe { entries::evbuffer_add(bev.output(), data, size) })
}

/// Moves a buffer's content to the output.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_write_buffer(bufev: Option<&Bev>, buffer: &EvBuffer) -> c_int {
    // SAFETY: the program keeps both for the whole call.
    bufev.map_or(-1, |bev| unsafe { bev.output().add_buffer(buffer) })
}

/// Takes up to `size` bytes out of the input; returns how many.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_read(bufev: Option<&Bev>, data: *mut c_void, size: usize) -> usize {
    // SAFETY: room for `size` bytes.
    let n = bufev.map_or(0, |bev| unsafe { entries::evbuffer_remove(bev.input(), data, size) });
    usize::try_from(n).unwrap_or(0)
}

/// Moves the input to a buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_read_buffer(bufev: Option<&Bev>, buffer: &EvBuffer) -> c_int {
    // SAFETY: the program keeps both for the whole call.
    bufev.map_or(-1, |bev| unsafe { buffer.add_buffer(bev.input()) })
}

/// Has data flow in these directions.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_enable(bufev: Option<&Bev>, events: c_short) -> c_int {
    held(bufev, -1, |bev| bev.enable(directions(events)))
}

/// Has no data flow in these directions.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_disable(bufev: Option<&Bev>, events: c_short) -> c_int {
    held(bufev, -1, |bev| bev.disable(directions(events)))
}

/// Which directions are enabled.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_enabled(bufev: Option<&Bev>) -> c_short {
    held(bufev, 0, |bev| bev.enabled.get())
}

/// Pushes data on as far as it goes: 1 if there was some, 0 if not, -1 where that failed.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_flush(bufev: Option<&Bev>, events: c_short, mode: c_int) -> c_int {
    held(bufev, -1, |bev| (bev.ops().flush)(bev, directions(events), mode))
}

/// Runs data callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_trigger(bufev: Option<&Bev>, events: c_short, options: c_int) {
    held(bufev, (), |bev| callbacks::data(bev, directions(events), options))
}

/// Runs the event callback.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_trigger_event(bufev: Option<&Bev>, what: c_short, options: c_int) {
    held(bufev, (), |bev| callbacks::event(bev, What::from_bits_retain(what as u16), options))
}
