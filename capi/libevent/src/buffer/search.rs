//! Positions, searching, lines, peeking; and `event2/buffer_compat.h`.

use super::object::{EvBuffer, Machine};
use crate::abi::buffer::{eol, evbuffer, evbuffer_iovec, evbuffer_ptr, how};
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use core::slice;
use evoxide_core::buffer::{End, Eol, Error, MAX_LEN, Part};
use evoxide_ffi::{mm, warn};

/// The style behind C's number.
const fn style(number: c_int) -> Option<Eol> {
    match number {
        eol::ANY => Some(Eol::Any),
        eol::CRLF => Some(Eol::Crlf),
        eol::CRLF_STRICT => Some(Eol::CrlfStrict),
        eol::LF => Some(Eol::Lf),
        eol::NUL => Some(Eol::Nul),
        _ => None,
    }
}

/// Where a position points: 0 for null, `None` for one that is no position.
///
/// # Safety
/// `pos` is null or points to a position.
unsafe fn offset_of(pos: *const evbuffer_ptr) -> Option<usize> {
    // SAFETY: the caller's promise.
    unsafe { pos.as_ref() }.map_or(Some(0), |p| usize::try_from(p.pos).ok())
}

impl EvBuffer {
    /// Runs a search, with files brought into memory if they stand in the way.
    fn searched<T>(&self, f: impl Fn(&Machine) -> Result<T, Error>) -> Option<T> {
        match self.look(&f) {
            Err(Error::Opaque) if self.make_readable(0, usize::MAX) => self.look(&f).ok(),
            result => result.ok(),
        }
    }

    fn find_eol(&self, from: usize, style: Eol) -> Option<(usize, usize)> {
        self.searched(|m| m.find_eol(from, style)).flatten()
    }
}

/// Sets or moves a position.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_ptr_set(
    buffer: *mut evbuffer,
    pos: *mut evbuffer_ptr,
    position: usize,
    mode: c_int,
) -> c_int {
    // SAFETY: a live buffer, and a position that is set where it is to be moved.
    unsafe {
        let target = match mode {
            how::SET => position,
            how::ADD => {
                let Some(at) = offset_of(pos).and_then(|at| at.checked_add(position)) else { return -1 };
                at
            }
            _ => return -1,
        };
        let inside = target <= evbuffer::of(buffer).locked(EvBuffer::len);
        pos.write(evbuffer_ptr::at(inside.then_some(target)));
        if inside { 0 } else { -1 }
    }
}

/// Searches for a string.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_search(
    buffer: *mut evbuffer,
    what: *const c_char,
    len: usize,
    start: *const evbuffer_ptr,
) -> evbuffer_ptr {
    // SAFETY: as there.
    unsafe { evbuffer_search_range(buffer, what, len, start, ptr::null()) }
}

/// Searches for a string in a part of a buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_search_range(
    buffer: *mut evbuffer,
    what: *const c_char,
    len: usize,
    start: *const evbuffer_ptr,
    end: *const evbuffer_ptr,
) -> evbuffer_ptr {
    // SAFETY: a live buffer, `len` bytes to search for, positions or null.
    unsafe {
        let Some(from) = offset_of(start) else { return evbuffer_ptr::at(None) };
        let to = if end.is_null() { Some(usize::MAX) } else { offset_of(end) };
        if len == 0 {
            return evbuffer_ptr::at(Some(from));
        }
        // No content is that long.
        let (Some(to), true) = (to, len <= MAX_LEN) else { return evbuffer_ptr::at(None) };
        let needle = slice::from_raw_parts(what.cast(), len);
        evbuffer_ptr::at(evbuffer::of(buffer).locked(|b| b.searched(|m| m.find(needle, from, to)).flatten()))
    }
}

/// Searches for the end of a line.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_search_eol(
    buffer: *mut evbuffer,
    start: *mut evbuffer_ptr,
    eol_len: *mut usize,
    number: c_int,
) -> evbuffer_ptr {
    // SAFETY: a live buffer, a position or null, a size or null.
    unsafe {
        let found = match (offset_of(start), style(number)) {
            (Some(from), Some(style)) => evbuffer::of(buffer).locked(|b| b.find_eol(from, style)),
            _ => None,
        };
        if let Some(out) = eol_len.as_mut() {
            *out = found.map_or(0, |(_, len)| len);
        }
        evbuffer_ptr::at(found.map(|(at, _)| at))
    }
}

/// Takes a line off the front; null if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_readln(
    buffer: *mut evbuffer,
    n_read: *mut usize,
    number: c_int,
) -> *mut c_char {
    // SAFETY: a live buffer, a size or null; the buffer is held across its callbacks.
    unsafe {
        let buffer = evbuffer::of(buffer);
        buffer.ext_lock().lock();
        let line = buffer.take_line(number);
        if let Some(out) = n_read.as_mut() {
            *out = line.map_or(0, |(_, len, _)| len);
        }
        let Some((text, len, end)) = line else {
            buffer.ext_lock().unlock();
            return ptr::null_mut();
        };
        if buffer.is_observed() {
            // The line and its end go one after the other, and are told so.
            buffer.hold();
            let _ = buffer.drain(len);
            let _ = buffer.drain(end);
            buffer.release();
        } else {
            let drained = buffer.section(|m| m.drain(len + end));
            if let Ok((_, released)) = drained {
                super::object::tell(released);
            }
            buffer.ext_lock().unlock();
        }
        text
    }
}

impl EvBuffer {
    /// A copy of the first line, its length, and how long its end is. The caller holds the lock.
    fn take_line(&self, number: c_int) -> Option<(*mut c_char, usize, usize)> {
        let style = style(number)?;
        if self.look(|m| m.is_frozen(End::Front)) {
            return None;
        }
        let (len, end) = self.find_eol(0, style)?;
        let text: *mut u8 = mm::malloc(len + 1).cast();
        if text.is_null() {
            warn!("evbuffer_readln: out of memory");
            return None;
        }
        self.look(|m| {
            let mut done = 0;
            for bytes in m.slices(0) {
                let n = bytes.len().min(len - done);
                // SAFETY: there are `len + 1` fresh bytes, and each piece is cut to what is left of `len`.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), text.add(done), n) };
                done += n;
                if done == len {
                    break;
                }
            }
        });
        // SAFETY: the last of the fresh bytes.
        unsafe { *text.add(len) = 0 };
        Some((text.cast(), len, end))
    }
}

/// What `evbuffer_peek` was asked for.
#[derive(Clone, Copy)]
struct Peek {
    from: usize,
    /// How many bytes.
    want: usize,
    /// In at most this many pieces.
    most: usize,
    /// Where to describe them, and how many.
    extents: *mut evbuffer_iovec,
    room: usize,
}

impl Peek {
    /// Describes the pieces: how many there are, and whether one of those described is a file that cannot be shown.
    ///
    /// # Safety
    /// `extents` has `room`.
    #[inline(always)]
    unsafe fn show(self, m: &Machine) -> (usize, bool) {
        let (mut count, mut shown, mut hidden) = (0, 0, false);
        m.visit(self.from, |part| {
            if count < self.room {
                let base = match part {
                    Part::Bytes(bytes) => bytes.as_ptr().cast_mut().cast::<c_void>(),
                    Part::Opaque { .. } => {
                        hidden = true;
                        ptr::null_mut()
                    }
                };
                // SAFETY: the caller's promise.
                unsafe { self.extents.add(count).write(evbuffer_iovec { iov_base: base, iov_len: part.len() }) };
            }
            count += 1;
            shown += part.len();
            shown < self.want && count < self.most
        });
        (count, hidden)
    }

    /// Once more, with files brought into memory.
    ///
    /// # Safety
    /// As above.
    #[cold]
    #[inline(never)]
    unsafe fn show_files(self, buffer: &EvBuffer) -> usize {
        buffer.make_readable(self.from, self.want);
        // SAFETY: the caller's promise.
        buffer.look(|m| unsafe { self.show(m) }).0
    }
}

/// Shows the content where it lies.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_peek(
    buffer: *mut evbuffer,
    len: isize,
    start: *mut evbuffer_ptr,
    extents: *mut evbuffer_iovec,
    n: c_int,
) -> c_int {
    // SAFETY: a live buffer, a position or null, an array of `n` extents.
    unsafe {
        let Some(from) = offset_of(start) else { return -1 };
        let limit = usize::try_from(n).unwrap_or(0);
        let room = if extents.is_null() { 0 } else { limit };
        // Without a length: everything if only counted, else as much as there is room for.
        let (want, most) = match usize::try_from(len) {
            Ok(len) => (len, usize::MAX),
            Err(_) if n == 0 => (usize::MAX, usize::MAX),
            Err(_) => (usize::MAX, limit),
        };
        if want == 0 || most == 0 {
            return 0;
        }
        let peek = Peek { from, want, most, extents, room };
        evbuffer::of(buffer).locked(|b| {
            let (mut count, hidden) = b.look(|m| peek.show(m));
            if hidden {
                count = peek.show_files(b);
            }
            c_int::try_from(count).unwrap_or(c_int::MAX)
        })
    }
}

/// Takes a line of the 1.x kind off the front.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_readline(buffer: *mut evbuffer) -> *mut c_char {
    // SAFETY: as there.
    unsafe { evbuffer_readln(buffer, ptr::null_mut(), eol::ANY) }
}

/// Finds a string, and makes the front contiguous up to its end.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_find(buffer: *mut evbuffer, what: *const u8, len: usize) -> *mut u8 {
    // SAFETY: a live buffer, `len` bytes to search for.
    unsafe {
        let buffer = evbuffer::of(buffer);
        buffer.ext_lock().lock();
        let found = evbuffer_search(buffer.raw(), what.cast(), len, ptr::null()).pos;
        let mut result = ptr::null_mut();
        if let (Ok(at), Ok(size)) = (usize::try_from(found), isize::try_from(len)) {
            let front = buffer.pull_up(found.saturating_add(size));
            if !front.is_null() {
                result = front.add(at);
            }
        }
        buffer.ext_lock().unlock();
        result
    }
}
