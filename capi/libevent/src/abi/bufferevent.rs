//! `event2/bufferevent_struct.h`, and the constants of `event2/bufferevent.h`.

use super::event::{event, event_base};
use super::layout;
use core::cell::Cell;
use core::ffi::{c_int, c_short, c_void};
use evoxide_core::stream::Watermarks;
use libc::timeval;

/// `bufferevent_data_cb`.
pub type DataFn = unsafe extern "C-unwind" fn(*mut bufferevent, *mut c_void);
/// `bufferevent_event_cb`.
pub type EventFn = unsafe extern "C-unwind" fn(*mut bufferevent, c_short, *mut c_void);
/// `bufferevent_filter_cb`.
pub type FilterFn = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, isize, c_int, *mut c_void) -> c_int;
/// What frees a filter's context.
pub type FreeFn = unsafe extern "C-unwind" fn(*mut c_void);

/// `BEV_OPT_*`.
pub mod opt {
    pub const CLOSE_ON_FREE: u8 = 1;
    pub const THREADSAFE: u8 = 2;
    pub const DEFER_CALLBACKS: u8 = 4;
    pub const UNLOCK_CALLBACKS: u8 = 8;
}

/// `BEV_TRIG_IGNORE_WATERMARKS`.
pub const TRIG_IGNORE_WATERMARKS: c_int = 1 << 16;

/// `enum bufferevent_flush_mode`.
pub mod flush {
    use core::ffi::c_int;
    pub const NORMAL: c_int = 0;
    pub const FINISHED: c_int = 2;
}

/// `BEV_OK` of `enum bufferevent_filter_result`.
pub const FILTER_OK: c_int = 0;

/// `struct event_watermark`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct event_watermark {
    pub low: usize,
    pub high: usize,
}
layout!(event_watermark, size = 16, align = 8);

impl From<event_watermark> for Watermarks {
    fn from(mark: event_watermark) -> Self {
        Self { low: mark.low, high: mark.high }
    }
}

/// `struct bufferevent`, as C programs see it. All fields are cells: programs and other threads write them while references
/// to the struct are there.
#[repr(C)]
pub struct bufferevent {
    pub ev_base: Cell<*mut event_base>,
    pub be_ops: Cell<*const c_void>,
    pub ev_read: event,
    pub ev_write: event,
    pub input: Cell<*mut c_void>,
    pub output: Cell<*mut c_void>,
    pub wm_read: Cell<event_watermark>,
    pub wm_write: Cell<event_watermark>,
    pub readcb: Cell<Option<DataFn>>,
    pub writecb: Cell<Option<DataFn>>,
    pub errorcb: Cell<Option<EventFn>>,
    pub cbarg: Cell<*mut c_void>,
    pub timeout_read: Cell<timeval>,
    pub timeout_write: Cell<timeval>,
    pub enabled: Cell<c_short>,
    /// References. C sees padding here.
    pub refs: Cell<u32>,
}
layout!(
    bufferevent,
    size = 392,
    align = 8,
    ev_base = 0,
    be_ops = 8,
    ev_read = 16,
    ev_write = 144,
    input = 272,
    output = 280,
    wm_read = 288,
    wm_write = 304,
    readcb = 320,
    writecb = 328,
    errorcb = 336,
    cbarg = 344,
    timeout_read = 352,
    timeout_write = 368,
    enabled = 384,
);
