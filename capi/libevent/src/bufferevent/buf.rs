//! What bufferevents ask of their two buffers, which lie in the same block of memory.

use super::{Bev, Kind, filter, get, notice, pair, rare, socket, tls};
use crate::base::event_base;
use crate::buffer::{EvBuffer, Machine, Owner, OwnerOps, evbuffer, moves};
use core::ffi::c_int;
use core::mem::MaybeUninit;
use evoxide_core::buffer::{Delta, End};
use evoxide_ffi::errno;
use evoxide_sys::io;
use std::io::IoSlice;

/// What the buffers of a bufferevent call.
pub(crate) static OPS: OwnerOps = OwnerOps { changed, hold, release };

/// A buffer changed: the lock is held, no section is open, the program's own callbacks have run.
unsafe fn changed(owner: *const Owner, buffer: *mut evbuffer, delta: Delta) {
    // SAFETY: a bufferevent outlives its buffers.
    let bev = unsafe { Bev::of_owner(owner) };
    if buffer == bev.input() {
        return notice::input_changed(bev);
    }
    if delta.added == 0 {
        return;
    }
    match get!(bev, kind) {
        Kind::Socket => {
            socket::start_writing(bev);
        }
        Kind::Pair => pair::output_grew(bev),
        Kind::Filter => filter::output_grew(bev),
        Kind::Tls => tls::output_grew(bev),
    }
}

unsafe fn hold(owner: *const Owner) {
    // SAFETY: as in `changed`.
    let bev = unsafe { Bev::of_owner(owner) };
    bev.hold();
    bev.unlock();
}

unsafe fn release(owner: *const Owner) {
    // SAFETY: as in `changed`; the reference is the one that `hold` took.
    let bev = unsafe { Bev::of_owner(owner) };
    bev.lock();
    bev.release();
}

/// Makes the buffers of a new bufferevent its own. `frozen`: programs may only add to the output and drain the input.
pub(crate) fn own(bev: Bev, frozen: bool) {
    // SAFETY: the buffers lie in the live object.
    let (input, output) = unsafe { (evbuffer::of(bev.input()), evbuffer::of(bev.output())) };
    let lock = rare!(bev, lock);
    input.belong_to(bev.owner(), lock);
    output.belong_to(bev.owner(), lock);
    if get!(bev, kind) == Kind::Socket {
        output.change_flags(crate::abi::buffer::FLAG_DRAINS_TO_FD, true);
    }
    if frozen {
        input.section(|m| m.freeze(End::Back));
        output.section(|m| m.freeze(End::Front));
    }
}

/// Ends a buffer with its bufferevent.
pub(crate) fn end(buffer: *mut evbuffer) {
    // SAFETY: the buffer lies in the live object, whose finalizer is the last to use it.
    unsafe {
        let buffer = evbuffer::of(buffer);
        buffer.ext_lock().lock();
        buffer.release();
    }
}

/// Bytes in a buffer.
#[inline]
pub(crate) fn len(buffer: *mut evbuffer) -> usize {
    // SAFETY: the buffer lies in a live object, whose lock is held.
    unsafe { evbuffer::of(buffer) }.len()
}

/// What one read into a buffer with content takes at most beyond the room that it has.
const SCRATCH: usize = 16384;

/// How many segments are a few.
const PIECES: usize = 8;

/// From this size on, room is made for bytes that are expected.
const LARGE: usize = 2048;

/// One read into the frozen back, with room for `max` bytes made before; `expected` of them will probably come. As `read`, with
/// `errno`.
///
/// # Safety
/// The loop of the bufferevent's base runs in this thread.
#[inline(always)]
pub(crate) unsafe fn read(bev: Bev, fd: c_int, max: usize, expected: usize) -> isize {
    // SAFETY: as in `len`; the caller's promise.
    unsafe {
        let buffer = evbuffer::of(bev.input());
        match bev.base() {
            Some(base) if buffer.is_unobserved() && buffer.look(Machine::is_bare) => {
                read_bare(bev, base, fd, max, expected)
            }
            _ => read_any(bev, fd, max, expected),
        }
    }
}

/// A read into a buffer without storage that only its owner looks at: into storage as large as is probably needed, and the rest
/// into storage for all that may come. Both are there before the call, so that no byte is lost for want of memory; after it, one
/// becomes the content and the other goes back.
///
/// # Safety
/// As [`read`].
#[inline(never)]
unsafe fn read_bare(bev: Bev, base: &event_base, fd: c_int, max: usize, expected: usize) -> isize {
    // SAFETY: the loop's storage is used by its thread alone; no reference to it lasts beyond the call.
    let (take, put) = unsafe { (|n| (*base.storage.get()).take(n), |s| (*base.storage.get()).put(s)) };
    let (Ok(mut large), Ok(mut small)) = (take(max), if expected > max / 2 { Ok(Vec::new()) } else { take(expected) })
    else {
        errno::set(libc::ENOMEM);
        return -1;
    };
    let (one, two) = (small.spare_capacity_mut(), large.spare_capacity_mut());
    let size = one.len().min(max);
    let end = two.len().min(max).max(size);
    let n = match io::read_spare(fd, &mut one[..size], two.get_mut(size..end).unwrap_or_default()) {
        Ok(n @ 1..) => n,
        ended => {
            put(large);
            put(small);
            return ended.map_or_else(|error| failed(&error), |_| 0);
        }
    };
    let storage = if n <= size {
        // SAFETY: the kernel has written so many bytes from its start.
        unsafe { small.set_len(n) };
        put(large);
        small
    } else {
        two[..size].copy_from_slice(&one[..size]);
        // SAFETY: the first bytes were copied just now, and the kernel has written the others behind them.
        unsafe { large.set_len(n) };
        put(small);
        fitting(large, take, put)
    };
    // SAFETY: as in `len`.
    let received = unsafe { evbuffer::of(bev.input()) }.section(|m| m.receive_storage(storage));
    debug_assert!(received.is_ok(), "an empty buffer has a place for one segment");
    if get!(bev, public.wm_read.high) != 0 {
        notice::check_mark(bev);
    }
    n as isize
}

/// Little content should not hold much storage: it is copied to storage of its size, if there is memory.
#[inline]
fn fitting<E>(large: Vec<u8>, take: impl Fn(usize) -> Result<Vec<u8>, E>, put: impl Fn(Vec<u8>)) -> Vec<u8> {
    if large.len() >= large.capacity() / 4 {
        return large;
    }
    let Ok(mut storage) = take(large.len()) else { return large };
    storage.extend_from_slice(&large);
    put(large);
    storage
}

/// Any read. `expected`: how much will probably come.
///
/// # Safety
/// As [`read`].
#[inline(never)]
unsafe fn read_any(bev: Bev, fd: c_int, max: usize, expected: usize) -> isize {
    // SAFETY: as in `len`; a reference to the object is held while callbacks run.
    let buffer = unsafe { evbuffer::of(bev.input()) };
    if expected >= LARGE {
        // Without memory the scratch space does.
        let _ = buffer.section(|m| m.expand(expected.min(max)));
    }
    let read = |b: &EvBuffer| b.read_fd(fd, max, &mut [MaybeUninit::uninit(); SCRATCH]);
    match buffer.thawed_back(read) {
        Ok(delta) => {
            // SAFETY: the lock and a reference are held, no section is open.
            unsafe { buffer.notify(delta) };
            delta.added as isize
        }
        Err(error) => failed(&error),
    }
}

/// One write from the frozen front. As `write`, with `errno`.
///
/// # Safety
/// As [`read`].
#[inline(always)]
pub(crate) unsafe fn write(bev: Bev, fd: c_int, max: usize) -> isize {
    // SAFETY: as in `read`.
    unsafe {
        let buffer = evbuffer::of(bev.output());
        let (Some(base), true) = (bev.base(), buffer.is_unobserved()) else {
            return write_at_length(buffer, fd, max);
        };
        let write = |bytes: &[u8]| io::writev(fd, &[IoSlice::new(bytes.get(..max).unwrap_or(bytes))]);
        let Some(written) = buffer.look(|m| m.sole().map(write)) else { return write_pieces(base, buffer, fd, max) };
        match written {
            Ok(n) => {
                buffer.consume(n, &base.storage);
                n as isize
            }
            Err(error) => failed(&error),
        }
    }
}

/// A write from a few segments.
///
/// # Safety
/// As [`read`].
#[inline(never)]
unsafe fn write_pieces(base: &event_base, buffer: &EvBuffer, fd: c_int, max: usize) -> isize {
    let written = buffer.look(|m| {
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let count = m.io_slices(max, &mut pieces);
        (count > 0).then(|| io::writev(fd, &pieces[..count]))
    });
    match written {
        None => write_at_length(buffer, fd, max),
        Some(Err(error)) => failed(&error),
        Some(Ok(n)) => {
            // SAFETY: the caller's promise; as in `read`.
            unsafe { buffer.consume(n, &base.storage) };
            n as isize
        }
    }
}

/// Any write.
#[inline(never)]
fn write_at_length(buffer: &EvBuffer, fd: c_int, max: usize) -> isize {
    match buffer.write_fd(fd, max) {
        Ok(n) => {
            // SAFETY: as in `read`.
            let drained = unsafe { buffer.drain_frozen(n) };
            debug_assert!(drained.is_ok());
            n as isize
        }
        Err(error) => failed(&error),
    }
}

/// Appends to a frozen back. `false`: no memory.
pub(crate) fn append(buffer: *mut evbuffer, data: &[u8]) -> bool {
    // SAFETY: as in `read`.
    let buffer = unsafe { evbuffer::of(buffer) };
    match buffer.thawed_back(|b| b.section(|m| m.append(data))) {
        Ok(delta) => {
            // SAFETY: as in `read`.
            unsafe { buffer.notify(delta) };
            true
        }
        Err(_) => false,
    }
}

/// The first run of bytes, which stays there until the buffer changes.
pub(crate) fn first(buffer: *mut evbuffer) -> (*const u8, usize) {
    // SAFETY: as in `len`.
    unsafe { evbuffer::of(buffer) }.look(|m| {
        let first = m.first();
        (first.as_ptr(), first.len())
    })
}

/// Takes from a frozen front.
pub(crate) fn drain(buffer: *mut evbuffer, n: usize) {
    // SAFETY: as in `read`.
    let drained = unsafe { evbuffer::of(buffer).drain_frozen(n) };
    debug_assert!(drained.is_ok());
}

#[cold]
fn failed(error: &std::io::Error) -> isize {
    errno::set(error.raw_os_error().unwrap_or(libc::EINVAL));
    -1
}

/// Moves the first `n` bytes of an output to an input, frozen ends or not.
pub(crate) fn transfer(from: *mut evbuffer, to: *mut evbuffer, n: usize) -> bool {
    // SAFETY: as in `read`; both lie in objects that share a lock.
    unsafe {
        evbuffer::of(from)
            .thawed_front(|_| evbuffer::of(to).thawed_back(|_| moves::evbuffer_remove_buffer(from, to, n)))
            > 0
    }
}

/// A filter without a function: moves everything up to the limit, if it is not negative. `false`: no memory.
pub(crate) fn pass(from: *mut evbuffer, to: *mut evbuffer, limit: isize) -> bool {
    let n = usize::try_from(limit).unwrap_or(usize::MAX).min(len(from));
    // SAFETY: as in `transfer`.
    n == 0 || unsafe { moves::evbuffer_remove_buffer(from, to, n) > 0 }
}
