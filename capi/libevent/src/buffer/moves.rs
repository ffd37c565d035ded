//! Operations on two buffers.
//!
//! Both locks are held throughout, and the two machines are different objects: a buffer paired with itself is answered first.

use super::notify::{done_both, lock_both, unlock_both};
use super::object::{EvBuffer, Machine};
use core::ffi::c_int;
use core::ptr;
use evoxide_core::buffer::{Delta, End, Error};

/// Who hears of a move first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Source,
    Target,
}

/// A whole operation that moves from `src` to `dst`, and says who hears of it first: how many bytes, or -1.
///
/// # Safety
/// Both are alive and different. Runs callbacks.
#[inline]
unsafe fn transfer(
    src: &EvBuffer,
    dst: &EvBuffer,
    f: impl FnOnce(&mut Machine, &mut Machine) -> Result<(Delta, First), Error>,
) -> isize {
    lock_both(src, dst);
    match dst.section(|d| src.section(|s| f(d, s))) {
        Ok((added, first)) => {
            let removed = Delta::removed(added.added);
            // SAFETY: locked above; not used again.
            unsafe {
                match first {
                    First::Source => done_both((src, removed), (dst, added)),
                    First::Target => done_both((dst, added), (src, removed)),
                }
            }
            added.added as isize
        }
        Err(_) => {
            unlock_both(src.ext_lock(), dst.ext_lock());
            -1
        }
    }
}

const fn status(moved: isize) -> c_int {
    if moved < 0 { -1 } else { 0 }
}

impl EvBuffer {
    /// Moves all of `src` behind the content: 0 or -1. For the bufferevents too: thaw the ends first.
    ///
    /// # Safety
    /// Both are alive. Runs callbacks.
    #[inline(always)]
    pub(crate) unsafe fn add_buffer(&self, src: &EvBuffer) -> c_int {
        if ptr::eq(self, src) {
            return 0;
        }
        // SAFETY: two different ones, alive as promised.
        status(unsafe {
            transfer(src, self, |d, s| {
                let moved = if s.is_empty() { Delta::default() } else { d.append_buffer(s)? };
                Ok((moved, First::Source))
            })
        })
    }

    /// Moves up to `n` bytes of `src` behind the content: how many, or -1.
    ///
    /// # Safety
    /// As [`EvBuffer::add_buffer`].
    pub(crate) unsafe fn add_prefix(&self, src: &EvBuffer, n: usize) -> isize {
        if n == 0 || ptr::eq(self, src) {
            return 0;
        }
        // SAFETY: two different ones, alive as promised.
        unsafe {
            transfer(src, self, |d, s| {
                if d.is_frozen(End::Back) || s.is_frozen(End::Front) {
                    return Err(Error::Frozen);
                }
                // What becomes everything moves as `add_buffer` does.
                let first = if s.len() <= n { First::Source } else { First::Target };
                Ok((d.append_prefix(s, n)?, first))
            })
        }
    }
}

/// Moves everything behind another buffer's content.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_add_buffer(target: &EvBuffer, source: &EvBuffer) -> c_int {
    // SAFETY: neither is used after its callbacks.
    unsafe { target.add_buffer(source) }
}

/// Moves everything before another buffer's content.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_prepend_buffer(target: &EvBuffer, source: &EvBuffer) -> c_int {
    if ptr::eq(target, source) {
        return 0;
    }
    // SAFETY: different ones, which are not used after their callbacks.
    status(unsafe {
        transfer(source, target, |d, s| {
            let moved = if s.is_empty() { Delta::default() } else { d.prepend_buffer(s)? };
            Ok((moved, First::Source))
        })
    })
}

/// Moves bytes from the front of one buffer to the end of another.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_remove_buffer(source: &EvBuffer, target: &EvBuffer, n: usize) -> c_int {
    // SAFETY: neither is used after its callbacks.
    unsafe { target.add_prefix(source, n) as c_int }
}

/// Appends another buffer's content, which stays there too.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evbuffer_add_buffer_reference(target: &EvBuffer, source: &EvBuffer) -> c_int {
    if ptr::eq(target, source) {
        let nothing = source.locked(|b| b.len() == 0);
        return if nothing { 0 } else { -1 };
    }
    lock_both(source, target);
    let result =
        target.section(|d| source.section(|s| if s.is_empty() { Ok(Delta::default()) } else { d.append_reference(s) }));
    match result {
        Ok(delta) => {
            // SAFETY: locked above; neither is used after its callbacks.
            unsafe { done_both((source, Delta::default()), (target, delta)) };
            0
        }
        Err(_) => {
            unlock_both(source.ext_lock(), target.ext_lock());
            -1
        }
    }
}
