//! Life, lengths, content, callbacks and locks of a buffer.

use super::object::{EvBuffer, Machine, tell};
use super::observers::{Function, evbuffer_cb_entry};
use super::owner::Handle;
use crate::abi::buffer::{ChangeFn, CleanupFn, LengthsFn, evbuffer, evbuffer_iovec, evbuffer_ptr};
use crate::abi::entry::In;
use crate::base::Base;
use alloc::vec::Vec;
use core::ffi::{c_int, c_void};
use core::{cell::Cell, ptr, slice};
use evoxide_core::buffer::{Delta, End, Error, MAX_LEN, Part};
use evoxide_ffi::lock::ExtLock;

/// Memory of the program, as long as it says.
///
/// # Safety
/// `data` points to `len` readable bytes, unless `len` is 0 or more than any memory can be.
#[inline(always)]
unsafe fn lent<'a>(data: *const c_void, len: usize) -> Result<&'a [u8], Error> {
    if len > MAX_LEN {
        return Err(Error::TooLong);
    }
    // SAFETY: as promised; a length of 0 comes with any pointer.
    Ok(if len == 0 { &[] } else { unsafe { slice::from_raw_parts(data.cast(), len) } })
}

/// An array of the program; none where there is nothing in it.
///
/// # Safety
/// `first` points to `n` elements, if `n` is above 0.
pub(super) unsafe fn array<'a, T>(first: *const T, n: c_int) -> &'a [T] {
    match usize::try_from(n) {
        // SAFETY: as promised; nothing changes it during the call.
        Ok(n @ 1..) => unsafe { slice::from_raw_parts(first, n) },
        _ => &[],
    }
}

/// Memory of the program, put at one end of a buffer.
///
/// # Safety
/// As [`lent`]. The memory may belong to the buffer itself.
#[inline(always)]
unsafe fn put(m: &mut Machine, end: End, data: *const c_void, len: usize) -> Result<Delta, Error> {
    if len > 0 && m.stores(end, data.addr(), len) {
        // SAFETY: `len` readable bytes, as promised.
        return unsafe { put_own(m, end, data, len) };
    }
    // SAFETY: `len` readable bytes. The operation touches no storage but that of the segment at its end, which was
    // excluded above, and storage that is new.
    let data = unsafe { lent(data, len)? };
    match end {
        End::Back => m.append(data),
        End::Front => m.prepend(data),
    }
}

/// The same for what lies in the storage that is about to be changed, or may move: a copy is put there.
///
/// # Safety
/// As above.
#[cold]
#[inline(never)]
unsafe fn put_own(m: &mut Machine, end: End, data: *const c_void, len: usize) -> Result<Delta, Error> {
    let mut copy: Vec<u8> = Vec::new();
    // SAFETY: `len` readable bytes; nothing changes while the slice is used.
    let data = unsafe { lent(data, len)? };
    copy.try_reserve_exact(len).map_err(|_| Error::NoMemory)?;
    copy.extend_from_slice(data);
    match end {
        End::Back => m.append(&copy),
        End::Front => m.prepend(&copy),
    }
}

/// Creates a buffer; null without memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evbuffer_new() -> *mut evbuffer {
    EvBuffer::create().map_or(ptr::null_mut(), |b| b.as_ptr().cast())
}

/// Frees a buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_free(buffer: &EvBuffer) {
    buffer.ext_lock().lock();
    buffer.set_freed();
    // SAFETY: locked, and the program gives up the count that it got from `evbuffer_new`.
    unsafe { buffer.release() };
}

/// Makes a buffer usable from several threads.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_enable_locking(buffer: &EvBuffer, lock: *mut c_void) -> c_int {
    // SAFETY: null, or a lock that the program's lock functions made.
    let lock = unsafe { ExtLock::from_raw(lock) };
    if buffer.enable_locking(lock) { 0 } else { -1 }
}

/// Takes a buffer's lock.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_lock(buffer: &EvBuffer) {
    buffer.ext_lock().lock();
}

/// Releases a buffer's lock.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_unlock(buffer: &EvBuffer) {
    buffer.ext_lock().unlock();
}

/// Sets flags.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_set_flags(buffer: &EvBuffer, flags: u64) -> c_int {
    buffer.change_flags(flags, true);
    0
}

/// Clears flags.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_clear_flags(buffer: &EvBuffer, flags: u64) -> c_int {
    buffer.change_flags(flags, false);
    0
}

impl EvBuffer {
    /// Reads from the machine under the lock.
    #[inline(always)]
    pub(crate) fn locked<R>(&self, f: impl FnOnce(&Self) -> R) -> R {
        let lock = self.ext_lock();
        lock.lock();
        let result = f(self);
        lock.unlock();
        result
    }
}

/// How many bytes a buffer holds.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_get_length(buffer: &EvBuffer) -> usize {
    buffer.locked(EvBuffer::len)
}

/// How many bytes are contiguous at the front.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_get_contiguous_space(buffer: &EvBuffer) -> usize {
    buffer.locked(|b| b.look(|m| m.first_len()))
}

/// Makes room at the end.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_expand(buffer: &EvBuffer, n: usize) -> c_int {
    let done = buffer.locked(|b| b.section(|m| m.expand(n)));
    if done.is_ok() { 0 } else { -1 }
}

/// The rooms of a buffer, as the program sees them: empty ones are not shown.
fn extents(rooms: [&mut Vec<u8>; 2]) -> [evbuffer_iovec; 2] {
    rooms.map(|v| evbuffer_iovec {
        iov_base: v.spare_capacity_mut().as_mut_ptr().cast(),
        iov_len: v.capacity() - v.len(),
    })
}

impl EvBuffer {
    /// At least `size` bytes of room, in one extent or in two; the caller holds the lock.
    fn room(&self, size: usize, split: bool) -> Option<[evbuffer_iovec; 2]> {
        self.section(|m| {
            if m.is_frozen(End::Back) {
                return None;
            }
            if split && m.spare() < size {
                m.expand_split(size.max(1)).ok()?;
                m.fill_split(extents).ok().map(|(_, extents)| extents)
            } else {
                m.expand(size.max(1)).ok()?;
                m.fill(|v| extents([v, &mut Vec::new()])).ok().map(|(_, extents)| extents)
            }
        })
    }

    /// Counts what the program wrote into reserved room as content, if the extents are that room, in that order.
    ///
    /// # Safety
    /// The program has written them.
    unsafe fn commit(m: &mut Machine, written: &[evbuffer_iovec]) -> Result<Delta, Error> {
        let (delta, fits) = m.fill_split(|mut rooms| {
            // The first room may be left out, further extents may be empty.
            let mut next = 0;
            let mut found = [0; 2];
            for extent in written {
                let starts_here = |v: &mut Vec<u8>| {
                    let spare = v.spare_capacity_mut();
                    ptr::eq(spare.as_ptr().cast(), extent.iov_base) && extent.iov_len <= spare.len()
                };
                match (next..rooms.len()).find(|&i| starts_here(rooms[i])) {
                    Some(i) => {
                        found[i] = extent.iov_len;
                        next = i + 1;
                    }
                    None if extent.iov_len == 0 && next > 0 => {}
                    None => return false,
                }
            }
            for (room, n) in rooms.iter_mut().zip(found) {
                // SAFETY: within the capacity, and the caller promised the bytes.
                unsafe { room.set_len(room.len() + n) };
            }
            true
        })?;
        if fits { Ok(delta) } else { Err(Error::OutOfRange) }
    }
}

/// Offers room at the end to write into: one extent, or with two or more to describe it in, also the rest of the last segment
/// and a new one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_reserve_space(
    buffer: &EvBuffer,
    size: isize,
    extents: *mut evbuffer_iovec,
    n: c_int,
) -> c_int {
    let Ok(size) = usize::try_from(size) else { return -1 };
    if n < 1 {
        return -1;
    }
    let Some(rooms) = buffer.locked(|b| b.room(size, n > 1)) else { return -1 };
    let mut count = 0;
    for room in rooms.iter().filter(|room| room.iov_len > 0) {
        // SAFETY: the program passes an array of `n` extents; there is a second one only where it asked for it.
        unsafe { extents.add(count).write(*room) };
        count += 1;
    }
    count as c_int
}

/// Makes what was written into reserved room content.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_commit_space(
    buffer: &EvBuffer,
    extents: *mut evbuffer_iovec,
    n: c_int,
) -> c_int {
    // SAFETY: an array of `n` extents, whose bytes the program has written.
    unsafe {
        let extents = array(extents, n);
        buffer.change(|m| {
            if m.is_frozen(End::Back) {
                return Err(Error::Frozen);
            }
            EvBuffer::commit(m, extents)
        })
    }
}

/// Appends a copy of memory.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_add(buffer: &EvBuffer, data: *const c_void, len: usize) -> c_int {
    // SAFETY: `len` readable bytes.
    unsafe { buffer.change(|m| put(m, End::Back, data, len)) }
}

/// Prepends a copy of memory.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_prepend(buffer: &EvBuffer, data: *const c_void, len: usize) -> c_int {
    if len == 0 {
        return 0;
    }
    // SAFETY: `len` readable bytes, which may be the buffer's own: `copy` takes those that overlap.
    unsafe {
        buffer.change(|m| {
            // The common way, which does not care whose the memory is.
            let fill = |room: &[Cell<u8>]| ptr::copy(data.cast(), room.as_ptr().cast::<u8>().cast_mut(), room.len());
            if len <= MAX_LEN
                && let Some(delta) = m.prepend_with(len, fill)
            {
                return Ok(delta);
            }
            put(m, End::Front, data, len)
        })
    }
}

/// Appends copies of several pieces of memory; returns how many bytes were added.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_add_iovec(buffer: &EvBuffer, pieces: *mut evbuffer_iovec, n: c_int) -> usize {
    // SAFETY: an array of `n` pieces, each as long as it says. The buffer is held across its callbacks.
    unsafe {
        let pieces = array(pieces, n);
        let total = pieces.iter().try_fold(0usize, |sum, piece| sum.checked_add(piece.iov_len));
        buffer.ext_lock().lock();
        buffer.hold();
        let mut added = 0;
        if let Some(total) = total
            && buffer.section(|m| m.expand(total)).is_ok()
        {
            for piece in pieces {
                if buffer.change(|m| put(m, End::Back, piece.iov_base, piece.iov_len)) < 0 {
                    break;
                }
                added += piece.iov_len;
            }
        }
        buffer.release();
        added
    }
}

/// Appends memory without copying it.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_add_reference(
    buffer: &EvBuffer,
    data: *const c_void,
    len: usize,
    cleanup: Option<CleanupFn>,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the program lends the memory, as there.
    unsafe { evbuffer_add_reference_with_offset(buffer, data, 0, len, cleanup, arg) }
}

/// Appends a part of memory without copying it.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_add_reference_with_offset(
    buffer: &EvBuffer,
    data: *const c_void,
    offset: usize,
    len: usize,
    cleanup: Option<CleanupFn>,
    arg: *mut c_void,
) -> c_int {
    let Some(end) = offset.checked_add(len).filter(|&end| end <= MAX_LEN) else { return -1 };
    let Some(handle) = Handle::reference(data, end, cleanup, arg) else { return -1 };
    buffer.ext_lock().lock();
    // SAFETY: outside the section. The machine gave back the handle that was made here, or keeps it; the buffer is not used
    // after its callbacks.
    unsafe {
        match buffer.section(|m| m.append_external(handle, offset, end)) {
            Ok(delta) => {
                buffer.done(delta);
                0
            }
            // Nothing to lend: it is free at once.
            Err((Error::OutOfRange, handle)) if !buffer.look(|m| m.is_frozen(End::Back)) => {
                handle.release();
                buffer.ext_lock().unlock();
                0
            }
            Err((_, handle)) => {
                handle.forget();
                buffer.ext_lock().unlock();
                -1
            }
        }
    }
}

/// Removes bytes from the front.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_drain(buffer: &EvBuffer, len: usize) -> c_int {
    if buffer.ext_lock().is_null() && buffer.len() == 0 {
        return 0;
    }
    // SAFETY: the buffer is not used after its callbacks.
    unsafe { buffer.shrink(|m| if m.is_empty() { Ok(Default::default()) } else { m.drain(len) }) }
}

impl EvBuffer {
    /// Copies up to `len` bytes from `from` on to `out`: how many, or -1. The caller holds the lock.
    ///
    /// # Safety
    /// `out` has room for `len` bytes.
    #[inline]
    unsafe fn copy_out(&self, from: usize, out: *mut c_void, len: usize) -> isize {
        let all = self.len();
        let len = len.min(all.saturating_sub(from));
        if len == 0 {
            return 0;
        }
        if self.look(|m| m.is_frozen(End::Front)) {
            return -1;
        }
        // SAFETY: room for `len` bytes, of which the first segment holds as many, or all segments together do. The room
        // is the program's, and no part of a buffer's content.
        unsafe {
            let at_once = |m: &Machine| {
                let first = m.first();
                let fits = from == 0 && first.len() >= len;
                if fits {
                    ptr::copy_nonoverlapping(first.as_ptr(), out.cast(), len);
                }
                fits
            };
            if self.look(at_once) {
                return len as isize;
            }
            self.copy_pieces(from, out.cast(), len)
        }
    }

    /// As above, for what lies in several segments; `len` bytes are there.
    ///
    /// # Safety
    /// As above.
    #[inline(never)]
    unsafe fn copy_pieces(&self, from: usize, out: *mut u8, len: usize) -> isize {
        let copied = || {
            self.look(|m| {
                let mut done = 0;
                for part in m.parts(from) {
                    let Part::Bytes(bytes) = part else { return false };
                    let n = bytes.len().min(len - done);
                    // SAFETY: each piece is cut to what is left of the room.
                    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), out.add(done), n) };
                    done += n;
                    if done == len {
                        break;
                    }
                }
                true
            })
        };
        if copied() || (self.make_readable(from, len) && copied()) { len as isize } else { -1 }
    }
}

/// Copies bytes from the front.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_copyout(buffer: &EvBuffer, out: *mut c_void, len: usize) -> isize {
    // SAFETY: room for `len` bytes.
    buffer.locked(|b| unsafe { b.copy_out(0, out, len) })
}

/// Copies bytes from a position on.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_copyout_from(
    buffer: &EvBuffer,
    pos: In<'_, evbuffer_ptr>,
    out: *mut c_void,
    len: usize,
) -> isize {
    let Some(from) = evbuffer_ptr::offset(pos) else { return -1 };
    // SAFETY: room for `len` bytes.
    buffer.locked(|b| unsafe { b.copy_out(from, out, len) })
}

/// Moves bytes from the front to memory.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_remove(buffer: &EvBuffer, out: *mut c_void, len: usize) -> c_int {
    // SAFETY: room for `len` bytes; outside the section, the buffer is not used after its callbacks.
    unsafe {
        buffer.ext_lock().lock();
        let n = buffer.copy_out(0, out, len);
        let drained = if n > 0 { buffer.section(|m| m.drain(n as usize)) } else { Ok(Default::default()) };
        match drained {
            Ok((delta, released)) => {
                tell(released);
                buffer.done(delta);
                n as c_int
            }
            Err(_) => {
                buffer.ext_lock().unlock();
                -1
            }
        }
    }
}

/// Makes the front contiguous.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_pullup(buffer: &EvBuffer, size: isize) -> *mut u8 {
    buffer.locked(|b| b.pull_up(size))
}

impl EvBuffer {
    /// The front as one piece, null where there is nothing or not so much. Runs clean-up callbacks. The caller holds the lock.
    pub(super) fn pull_up(&self, size: isize) -> *mut u8 {
        let size = usize::try_from(size).unwrap_or_else(|_| self.len());
        if size == 0 || size > self.len() {
            return ptr::null_mut();
        }
        let mut result = self.section(|m| m.pull_up(size));
        if matches!(result, Err(Error::Opaque)) && self.make_readable(0, size) {
            result = self.section(|m| m.pull_up(size));
        }
        let Ok(released) = result else { return ptr::null_mut() };
        // SAFETY: outside the section.
        unsafe { tell(released) };
        // The program may write there; who else sees the bytes is its own affair.
        self.look(|m| m.first().as_ptr().cast_mut())
    }
}

/// Refuses operations on one end.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_freeze(buffer: &EvBuffer, at_front: c_int) -> c_int {
    buffer.locked(|b| b.section(|m| m.freeze(end(at_front))));
    0
}

/// Allows operations on one end again.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_unfreeze(buffer: &EvBuffer, at_front: c_int) -> c_int {
    buffer.locked(|b| b.section(|m| m.unfreeze(end(at_front))));
    0
}

const fn end(at_front: c_int) -> End {
    if at_front != 0 { End::Front } else { End::Back }
}

impl EvBuffer {
    /// Adds a callback; null without memory. The caller holds the lock.
    fn add_callback(&self, function: Function, arg: *mut c_void) -> *mut evbuffer_cb_entry {
        self.observers_or_new().map_or(ptr::null_mut(), |observers| observers.add(function, arg))
    }
}

/// Adds a callback; null without memory.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_add_cb(
    buffer: &EvBuffer,
    callback: ChangeFn,
    arg: *mut c_void,
) -> *mut evbuffer_cb_entry {
    buffer.locked(|b| b.add_callback(Function::Change(callback), arg))
}

/// Removes a callback by its entry.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_remove_cb_entry(buffer: &EvBuffer, entry: *mut evbuffer_cb_entry) -> c_int {
    let found = buffer.locked(|b| b.observers().is_some_and(|o| o.remove(false, |e| ptr::eq(e, entry))));
    if found { 0 } else { -1 }
}

/// Removes the newest callback with this function and argument.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_remove_cb(buffer: &EvBuffer, callback: ChangeFn, arg: *mut c_void) -> c_int {
    let matches = |entry: &evbuffer_cb_entry| {
        matches!(entry.function, Function::Change(f) if f as usize == callback as usize) && entry.arg == arg
    };
    let found = buffer.locked(|b| b.observers().is_some_and(|observers| observers.remove(false, matches)));
    if found { 0 } else { -1 }
}

/// Replaces all callbacks by one of the old kind, or by none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_setcb(
    buffer: &EvBuffer,
    callback: Option<LengthsFn>,
    arg: *mut c_void,
) -> c_int {
    buffer.locked(|b| {
        if let Some(observers) = b.observers() {
            observers.remove(true, |_| true);
        }
        match callback {
            Some(f) if b.add_callback(Function::Lengths(f), arg).is_null() => -1,
            _ => 0,
        }
    })
}

/// Sets flags of a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_cb_set_flags(
    buffer: &EvBuffer,
    entry: &evbuffer_cb_entry,
    flags: u32,
) -> c_int {
    buffer.locked(|_| entry.change_flags(flags, true));
    0
}

/// Clears flags of a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_cb_clear_flags(
    buffer: &EvBuffer,
    entry: &evbuffer_cb_entry,
    flags: u32,
) -> c_int {
    buffer.locked(|_| entry.change_flags(flags, false));
    0
}

/// Has callbacks run from a loop.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_defer_callbacks(buffer: &EvBuffer, base: Option<&Base>) -> c_int {
    let done = base.is_some_and(|base| buffer.locked(|b| b.defer(base)));
    if done { 0 } else { -1 }
}
