//! C strings: reading what the caller passed, writing into the caller's buffer.

use core::ffi::{CStr, c_char, c_int};

/// The bytes of a C string without the terminator; `None` for a null pointer.
///
/// # Safety
/// `text` is null, or points to a zero-terminated string that stays unchanged for `'a`.
#[inline]
#[must_use]
pub unsafe fn bytes<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, so by the caller's promise a terminated string that outlives 'a.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// The C string as text; `None` for a null pointer or for bytes that are not UTF-8 (nothing is replaced or dropped).
///
/// # Safety
/// As [`bytes`].
#[inline]
#[must_use]
pub unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    // SAFETY: the caller's promise is the one `bytes` asks for.
    core::str::from_utf8(unsafe { bytes(text) }?).ok()
}

/// Copies `source` into the caller's buffer, cut to fit, and terminates it. Returns `source.len()`, the length that an
/// uncut copy has (`strlcpy`'s convention: the text was cut if the answer is not below `size`). Writes nothing if `size` is 0.
///
/// # Safety
/// `target` points to `size` writable bytes (it may be null if `size` is 0) that do not overlap `source`.
pub unsafe fn copy_truncated(source: &[u8], target: *mut c_char, size: usize) -> usize {
    if size > 0 {
        let kept = source.len().min(size - 1);
        // SAFETY: `kept < size`, so both the copy and the terminator stay inside the caller's buffer.
        unsafe {
            core::ptr::copy_nonoverlapping(source.as_ptr(), target.cast::<u8>(), kept);
            *target.add(kept) = 0;
        }
    }
    source.len()
}

/// As [`copy_truncated`], and the last byte of the room is 0 too, as after `evutil_snprintf`.
///
/// # Safety
/// As [`copy_truncated`].
pub unsafe fn copy_padded(source: &[u8], target: *mut c_char, size: usize) -> usize {
    // SAFETY: the caller's promise; the last byte is inside the room.
    unsafe {
        if size > 0 && size <= c_int::MAX as usize {
            *target.add(size - 1) = 0;
        }
        copy_truncated(source, target, size)
    }
}

/// A zero-terminated text in a fixed array, for handing to C from a frame that owns nothing. Longer text is cut.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Text<N> {
    /// An empty text.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N > 0) };
        Text { bytes: [0; N], len: 0 }
    }

    /// Appends bytes, cut to what fits. A zero byte ends the text as C sees it.
    pub fn push(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(N - 1 - self.len);
        self.bytes[self.len..self.len + kept].copy_from_slice(&bytes[..kept]);
        self.len += kept;
        self.bytes[self.len] = 0;
    }

    /// The bytes without the terminator.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The terminated text up to its first zero byte.
    #[must_use]
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    /// The terminated text for C, valid while `self` lives.
    #[must_use]
    pub fn as_ptr(&self) -> *const c_char {
        self.bytes.as_ptr().cast()
    }

    /// Number of bytes without the terminator.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<const N: usize> core::fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write;

    #[test]
    fn null_is_none() {
        // SAFETY: null is allowed.
        assert!(unsafe { bytes(core::ptr::null()) }.is_none());
    }

    #[test]
    fn text_is_lossless() {
        // SAFETY: literals are terminated.
        unsafe {
            assert_eq!(text(c"abc".as_ptr()), Some("abc"));
            assert_eq!(text(c"\xff".as_ptr()), None);
            assert_eq!(bytes(c"\xff".as_ptr()), Some(&b"\xff"[..]));
        }
    }

    #[test]
    fn copies_are_cut_and_terminated() {
        let mut buffer = [0x55 as c_char; 4];
        // SAFETY: the buffer has the stated size.
        unsafe {
            assert_eq!(copy_truncated(b"abcdef", buffer.as_mut_ptr(), 3), 6);
            assert_eq!(bytes(buffer.as_ptr()), Some(&b"ab"[..]));
            assert_eq!(buffer[3], 0x55);
            assert_eq!(copy_truncated(b"abc", core::ptr::null_mut(), 0), 3);
        }
    }

    #[test]
    fn fixed_text_is_cut() {
        let mut text = Text::<6>::new();
        write!(text, "{}-abcdef", 12).unwrap();
        assert_eq!(text.as_bytes(), b"12-ab");
        text.push(b"x");
        assert_eq!(text.len(), 5);
    }
}
