//! Positions, searching, lines, peeking; and `event2/buffer_compat.h`.

use super::entries::array;
use super::object::{EvBuffer, Machine};
use crate::abi::buffer::{eol, evbuffer_iovec, evbuffer_ptr, how};
use crate::abi::entry::{In, Out};
use core::cell::Cell;
use core::ffi::{c_char, c_int, c_void};
use core::mem::MaybeUninit;
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
    buffer: &EvBuffer,
    pos: *mut evbuffer_ptr,
    position: usize,
    mode: c_int,
) -> c_int {
    let from = match mode {
        how::SET => Some(0),
        // SAFETY: one that is to be moved is set.
        how::ADD => usize::try_from(unsafe { (*pos).pos }).ok(),
        _ => return -1,
    };
    let Some(target) = from.and_then(|from| from.checked_add(position)) else { return -1 };
    let inside = target <= buffer.locked(EvBuffer::len);
    // SAFETY: the program's position, which may be unset before.
    unsafe { pos.write(evbuffer_ptr::at(inside.then_some(target))) };
    if inside { 0 } else { -1 }
}

/// Searches for a string.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_search(
    buffer: &EvBuffer,
    what: *const c_char,
    len: usize,
    start: In<'_, evbuffer_ptr>,
) -> evbuffer_ptr {
    // SAFETY: `len` bytes to search for, as there.
    unsafe { evbuffer_search_range(buffer, what, len, start, None) }
}

/// Searches for a string in a part of a buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_search_range(
    buffer: &EvBuffer,
    what: *const c_char,
    len: usize,
    start: In<'_, evbuffer_ptr>,
    end: In<'_, evbuffer_ptr>,
) -> evbuffer_ptr {
    let Some(from) = evbuffer_ptr::offset(start) else { return evbuffer_ptr::at(None) };
    let to = if end.is_none() { Some(usize::MAX) } else { evbuffer_ptr::offset(end) };
    if len == 0 {
        return evbuffer_ptr::at(Some(from));
    }
    // No content is that long.
    let (Some(to), true) = (to, len <= MAX_LEN) else { return evbuffer_ptr::at(None) };
    // SAFETY: `len` bytes to search for.
    let needle = unsafe { slice::from_raw_parts(what.cast(), len) };
    evbuffer_ptr::at(buffer.locked(|b| b.searched(|m| m.find(needle, from, to)).flatten()))
}

/// Searches for the end of a line.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_search_eol(
    buffer: &EvBuffer,
    start: In<'_, evbuffer_ptr>,
    eol_len: Out<'_, usize>,
    number: c_int,
) -> evbuffer_ptr {
    let found = match (evbuffer_ptr::offset(start), style(number)) {
        (Some(from), Some(style)) => buffer.locked(|b| b.find_eol(from, style)),
        _ => None,
    };
    eol_len.set(found.map_or(0, |(_, len)| len));
    evbuffer_ptr::at(found.map(|(at, _)| at))
}

/// Takes a line off the front; null if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_readln(
    buffer: &EvBuffer,
    n_read: Out<'_, usize>,
    number: c_int,
) -> *mut c_char {
    buffer.ext_lock().lock();
    let line = buffer.take_line(number);
    n_read.set(line.map_or(0, |(_, len, _)| len));
    let Some((text, len, end)) = line else {
        buffer.ext_lock().unlock();
        return ptr::null_mut();
    };
    // SAFETY: outside sections; held, with the lock, across the callbacks.
    unsafe {
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
    }
    text
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
struct Peek<'a> {
    from: usize,
    /// How many bytes.
    want: usize,
    /// In at most this many pieces.
    most: usize,
    /// Where to describe them.
    extents: &'a [Cell<MaybeUninit<evbuffer_iovec>>],
}

impl Peek<'_> {
    /// Describes the pieces: how many there are, and whether one of those described is a file that cannot be shown.
    #[inline(always)]
    fn show(self, m: &Machine) -> (usize, bool) {
        let (mut count, mut shown, mut hidden) = (0, 0, false);
        m.visit(self.from, |part| {
            if let Some(extent) = self.extents.get(count) {
                let base = match part {
                    Part::Bytes(bytes) => bytes.as_ptr().cast_mut().cast::<c_void>(),
                    Part::Opaque { .. } => {
                        hidden = true;
                        ptr::null_mut()
                    }
                };
                extent.set(MaybeUninit::new(evbuffer_iovec { iov_base: base, iov_len: part.len() }));
            }
            count += 1;
            shown += part.len();
            shown < self.want && count < self.most
        });
        (count, hidden)
    }

    /// Once more, with files brought into memory.
    #[cold]
    #[inline(never)]
    fn show_files(self, buffer: &EvBuffer) -> usize {
        buffer.make_readable(self.from, self.want);
        buffer.look(|m| self.show(m)).0
    }
}

/// Shows the content where it lies.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_peek(
    buffer: &EvBuffer,
    len: isize,
    start: In<'_, evbuffer_ptr>,
    extents: *mut evbuffer_iovec,
    n: c_int,
) -> c_int {
    let Some(from) = evbuffer_ptr::offset(start) else { return -1 };
    let limit = usize::try_from(n).unwrap_or(0);
    // SAFETY: null, or an array of `n` extents, which need not be set.
    let extents = if extents.is_null() { &[] } else { unsafe { array(extents.cast(), n) } };
    // Without a length: everything if only counted, else as much as there is room for.
    let (want, most) = match usize::try_from(len) {
        Ok(len) => (len, usize::MAX),
        Err(_) if n == 0 => (usize::MAX, usize::MAX),
        Err(_) => (usize::MAX, limit),
    };
    if want == 0 || most == 0 {
        return 0;
    }
    let peek = Peek { from, want, most, extents };
    buffer.locked(|b| {
        let (mut count, hidden) = b.look(|m| peek.show(m));
        if hidden {
            count = peek.show_files(b);
        }
        c_int::try_from(count).unwrap_or(c_int::MAX)
    })
}

/// Takes a line of the 1.x kind off the front.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_readline(buffer: &EvBuffer) -> *mut c_char {
    // SAFETY: nothing beyond the buffer is passed.
    unsafe { evbuffer_readln(buffer, Out::none(), eol::ANY) }
}

/// Finds a string, and makes the front contiguous up to its end.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_find(buffer: &EvBuffer, what: *const u8, len: usize) -> *mut u8 {
    buffer.locked(|b| {
        // SAFETY: `len` bytes to search for.
        let found = unsafe { evbuffer_search(b, what.cast(), len, None) }.pos;
        let (Ok(at), Ok(size)) = (usize::try_from(found), isize::try_from(len)) else { return ptr::null_mut() };
        let front = b.pull_up(found.saturating_add(size));
        if front.is_null() { front } else { front.wrapping_add(at) }
    })
}
