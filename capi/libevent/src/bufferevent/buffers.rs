//! What bufferevents ask of their two buffers, which lie in the same block of memory.

use super::handle::{Bev, Locked};
use crate::base::Base;
use crate::buffer::{EvBuffer, Machine, Owner, OwnerOps, evbuffer};
use core::ffi::c_int;
use evoxide_core::buffer::{Delta, End, StoragePool};
use evoxide_core::stream::Direction;
use evoxide_ffi::errno;
use evoxide_sys::io;
use evoxide_sys::os::io::IoSlice;

/// What the buffers of a bufferevent call.
pub(crate) static OPS: OwnerOps = OwnerOps { changed, hold, release };

/// A buffer changed: the lock is held, no section is open, the program's own callbacks have run.
unsafe fn changed(owner: *const Owner, buffer: *mut evbuffer, delta: Delta) {
    // SAFETY: a bufferevent outlives its buffers.
    let bev = unsafe { Bev::of_owner(owner) }.assume_locked();
    let ops = bev.ops();
    if buffer == bev.input().raw() {
        (ops.input_changed)(bev);
        if bev.wm_read.get().high != 0 {
            marked_changed(bev, delta);
        }
    } else if delta.added > 0 {
        (ops.output_grew)(bev);
    }
}

/// The input of a bufferevent with a high mark changed.
#[inline(never)]
fn marked_changed(bev: &Locked, delta: Delta) {
    bev.check_mark();
    // As the original does: what is taken out below a high mark has the time of reading begin again.
    if delta.removed > 0 && bev.timeout(Direction::READ).is_some() && bev.waits(Direction::READ) {
        bev.restart_timer(Direction::READ);
    }
}

unsafe fn hold(owner: *const Owner) {
    // SAFETY: the bufferevent that the buffer lies in.
    unsafe { Bev::of_owner(owner) }.hold().unlock();
}

unsafe fn release(owner: *const Owner) {
    // SAFETY: the bufferevent that the buffer lies in; the reference is the one that `hold` took.
    unsafe { Bev::of_owner(owner) }.lock().release();
}

/// Makes the buffers of a new bufferevent its own. `frozen`: programs may only add to the output and drain the input.
pub(crate) fn own(bev: &Locked, frozen: bool) {
    bev.input().belong_to(bev.owner());
    bev.output().belong_to(bev.owner());
    if frozen {
        bev.input().section(|m| m.freeze(End::Back));
        bev.output().section(|m| m.freeze(End::Front));
    }
}

/// Ends both buffers with their bufferevent.
pub(crate) fn end(bev: &Bev) {
    for buffer in [bev.input(), bev.output()] {
        buffer.ext_lock().lock();
        // SAFETY: the bufferevent's own count, given up by its finalizer, the last to use the buffer.
        unsafe { buffer.release() };
    }
}

/// How many segments are a few.
const SEGMENTS: usize = 8;

/// One read of at most `max` bytes into the frozen back. As `read`, with `errno`. Storage for all that may come is there before
/// the call, so that no byte is lost for want of memory.
///
/// # Safety
/// The loop of `base`, which is the bufferevent's, runs in this thread.
#[inline(always)]
pub(crate) unsafe fn read(bev: &Locked, base: &Base, fd: c_int, max: usize) -> isize {
    // SAFETY: the pool is used by the loop's thread alone, and not by what is called before the last use of it here.
    let pool = unsafe { &mut *base.storage.get() };
    let input = bev.input();
    if !input.is_unobserved() || !input.look(Machine::is_bare) {
        return read_behind(input, pool, fd, max);
    }
    let n = match read_block(pool, fd, max) {
        Ok(n) => n,
        Err(error) => return failed(&error),
    };
    if n > 0 {
        let received = input.section(|m| m.receive_block(pool));
        debug_assert!(received.is_ok(), "an empty buffer has a place for one segment");
        if bev.wm_read.get().high != 0 {
            bev.check_mark();
        }
    }
    n as isize
}

/// One read into the pool's block.
#[inline(always)]
fn read_block(pool: &mut StoragePool, fd: c_int, max: usize) -> evoxide_sys::os::io::Result<usize> {
    let block = pool.block(max).map_err(|_| no_memory())?;
    let room = block.spare_capacity_mut();
    let size = room.len().min(max);
    let n = io::read_spare(fd, &mut room[..size], &mut [])?;
    // SAFETY: the kernel has written `n` bytes from the start of the room.
    unsafe { block.set_len(n) };
    Ok(n)
}

/// One read into a buffer that has content or room, or is observed: into that room, and what does not fit into the pool's block.
#[inline(never)]
fn read_behind(input: &EvBuffer, pool: &mut StoragePool, fd: c_int, max: usize) -> isize {
    match input.thawed_back(|b| b.section(|m| read_both(m, pool, fd, max))) {
        Ok(delta) => {
            // SAFETY: the lock and a reference are held, no section is open.
            unsafe { input.notify(delta) };
            delta.added as isize
        }
        Err(error) => failed(&error),
    }
}

fn read_both(m: &mut Machine, pool: &mut StoragePool, fd: c_int, max: usize) -> evoxide_sys::os::io::Result<Delta> {
    // Without a place for the block, the room alone is read into.
    let place = m.reserve_segment().is_ok();
    let spare = m.spare().min(max);
    let block = pool.block(max - spare).map_err(|_| no_memory())?;
    let rest = if place { block.capacity().min(max - spare) } else { 0 };
    if spare + rest == 0 {
        return Err(no_memory());
    }
    let filled = m.fill(|v| {
        let n = io::read_spare(fd, &mut v.spare_capacity_mut()[..spare], &mut block.spare_capacity_mut()[..rest])?;
        // SAFETY: the kernel has written the first `spare` of these bytes in the room and the others in the block.
        unsafe {
            v.set_len(v.len() + n.min(spare));
            block.set_len(n.saturating_sub(spare));
        }
        Ok::<_, evoxide_sys::os::io::Error>(())
    });
    let (delta, read) = filled.map_err(|_| no_memory())?;
    read?;
    let more = m.receive_block(pool).map_err(|_| no_memory())?;
    Ok(Delta::added(delta.added + more.added))
}

fn no_memory() -> evoxide_sys::os::io::Error {
    evoxide_sys::os::io::Error::from_raw_os_error(libc::ENOMEM)
}

/// One write from the frozen front. As `write`, with `errno`.
///
/// # Safety
/// As [`read`].
#[inline(always)]
pub(crate) unsafe fn write(bev: &Locked, base: &Base, fd: c_int, max: usize) -> isize {
    let buffer = bev.output();
    if !buffer.is_unobserved() {
        return write_any(buffer, fd, max);
    }
    let write = |bytes: &[u8]| io::write(fd, bytes.get(..max).unwrap_or(bytes));
    let written = match buffer.look(|m| m.sole().map(write)) {
        Some(written) => written,
        None => match write_segments(buffer, fd, max) {
            Some(written) => written,
            None => return write_any(buffer, fd, max),
        },
    };
    match written {
        Ok(n) => {
            // SAFETY: this thread runs the loop; `n` bytes were there.
            unsafe { buffer.consume(n, &base.storage) };
            n as isize
        }
        Err(error) => failed(&error),
    }
}

/// A write from a few segments of the buffer's own; `None` where there are others.
#[inline(never)]
fn write_segments(buffer: &EvBuffer, fd: c_int, max: usize) -> Option<evoxide_sys::os::io::Result<usize>> {
    buffer.look(|m| {
        let mut slices = [IoSlice::new(&[]); SEGMENTS];
        let count = m.io_slices(max, &mut slices, IoSlice::new);
        (count > 0).then(|| io::writev(fd, &slices[..count]))
    })
}

/// Any write.
#[inline(never)]
fn write_any(buffer: &EvBuffer, fd: c_int, max: usize) -> isize {
    match buffer.write_fd(fd, max) {
        Ok(n) => {
            drain(buffer, n, None);
            n as isize
        }
        Err(error) => failed(&error),
    }
}

/// The first run of bytes, which stays there until the buffer changes.
pub(crate) fn first(buffer: &EvBuffer) -> (*const u8, usize) {
    buffer.look(|m| {
        let first = m.first();
        (first.as_ptr(), first.len())
    })
}

/// Copies from the front. Returns how much there was.
pub(crate) fn copy_out(buffer: &EvBuffer, to: &mut [u8]) -> usize {
    buffer.look(|m| m.copy_out(0, to)).unwrap_or(0)
}

/// Takes from a frozen front, into the pool of `base`, the loop that runs in this thread. The lock and a reference are held.
pub(crate) fn drain(buffer: &EvBuffer, n: usize, base: Option<&Base>) {
    // SAFETY: the lock and a reference are held, no section is open; `n` bytes are there.
    unsafe {
        if let Some(base) = base.filter(|_| buffer.is_unobserved()) {
            buffer.consume(n, &base.storage);
        } else {
            let drained = buffer.drain_frozen(n);
            debug_assert!(drained.is_ok());
        }
    }
}

#[cold]
fn failed(error: &evoxide_sys::os::io::Error) -> isize {
    errno::set(error.raw_os_error().unwrap_or(libc::EINVAL));
    -1
}

/// Moves the first `n` bytes of an output to an input, frozen ends or not. `false`: no memory.
pub(crate) fn transfer(from: &EvBuffer, to: &EvBuffer, n: usize) -> bool {
    from.thawed_front(|_| to.thawed_back(|_| move_front(from, to, n)))
}

/// A filter without a function: moves everything up to the limit, if it is not negative. `false`: no memory.
pub(crate) fn pass(from: &EvBuffer, to: &EvBuffer, limit: isize) -> bool {
    let n = usize::try_from(limit).unwrap_or(usize::MAX).min(from.len());
    n == 0 || move_front(from, to, n)
}

fn move_front(from: &EvBuffer, to: &EvBuffer, n: usize) -> bool {
    // SAFETY: both live in objects that share a lock, which is held, with references to both.
    unsafe { to.add_prefix(from, n) > 0 }
}
