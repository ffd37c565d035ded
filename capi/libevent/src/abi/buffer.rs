//! `event2/buffer.h` and `event2/buffer_compat.h`: visible structs, constants and callback types.

use super::entry::In;
use super::layout;
use core::ffi::{c_int, c_uint, c_void};
use core::ptr;

/// `struct evbuffer`, of which programs have pointers only.
#[repr(C)]
pub struct evbuffer {
    _private: [u8; 0],
}

/// `struct evbuffer_file_segment`, of which programs have pointers only.
#[repr(C)]
pub struct evbuffer_file_segment {
    _private: [u8; 0],
}

/// `struct evbuffer_ptr`. Only the position counts; the inner words are ours and stay empty.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct evbuffer_ptr {
    pub pos: isize,
    pub internal_chain: *mut c_void,
    pub internal_pos_in_chain: usize,
}
layout!(evbuffer_ptr, size = 24, align = 8, pos = 0, internal_chain = 8, internal_pos_in_chain = 16);

impl evbuffer_ptr {
    /// A position, or none.
    #[inline]
    pub const fn at(pos: Option<usize>) -> Self {
        let pos = match pos {
            Some(pos) => pos as isize,
            None => -1,
        };
        evbuffer_ptr { pos, internal_chain: ptr::null_mut(), internal_pos_in_chain: 0 }
    }

    /// Where a position points: 0 for null, `None` for one that is no position.
    #[inline]
    pub fn offset(pos: In<'_, Self>) -> Option<usize> {
        pos.map_or(Some(0), |p| usize::try_from(p.get().pos).ok())
    }
}

/// `struct evbuffer_iovec`: the system's own.
pub type evbuffer_iovec = libc::iovec;
layout!(evbuffer_iovec, size = 16, align = 8, iov_base = 0, iov_len = 8);

/// `struct evbuffer_cb_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct evbuffer_cb_info {
    pub orig_size: usize,
    pub n_added: usize,
    pub n_deleted: usize,
}
layout!(evbuffer_cb_info, size = 24, align = 8, orig_size = 0, n_added = 8, n_deleted = 16);

/// `evbuffer_cb_func`.
pub type ChangeFn = unsafe extern "C-unwind" fn(*mut evbuffer, *const evbuffer_cb_info, *mut c_void);
/// `evbuffer_cb`, of the 1.x interface.
pub type LengthsFn = unsafe extern "C-unwind" fn(*mut evbuffer, usize, usize, *mut c_void);
/// `evbuffer_ref_cleanup_cb`.
pub type CleanupFn = unsafe extern "C-unwind" fn(*const c_void, usize, *mut c_void);
/// `evbuffer_file_segment_cleanup_cb`.
pub type SegmentCleanupFn = unsafe extern "C-unwind" fn(*const evbuffer_file_segment, c_int, *mut c_void);

/// `EVBUFFER_FLAG_DRAINS_TO_FD`.
pub const FLAG_DRAINS_TO_FD: u64 = 1;
/// `EVBUFFER_CB_ENABLED`.
pub const CB_ENABLED: u32 = 1;

/// `EVBUF_FS_*`.
pub mod fs {
    use super::c_uint;
    pub const CLOSE_ON_FREE: c_uint = 1;
    pub const DISABLE_MMAP: c_uint = 2;
    pub const DISABLE_SENDFILE: c_uint = 4;
}

/// `enum evbuffer_eol_style`.
pub mod eol {
    use super::c_int;
    pub const ANY: c_int = 0;
    pub const CRLF: c_int = 1;
    pub const CRLF_STRICT: c_int = 2;
    pub const LF: c_int = 3;
    pub const NUL: c_int = 4;
}

/// `enum evbuffer_ptr_how`.
pub mod how {
    use super::c_int;
    pub const SET: c_int = 0;
    pub const ADD: c_int = 1;
}
