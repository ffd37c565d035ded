//! `event2/event_struct.h`, and the constants of `event2/event.h`.
//!
//! Words that the original uses for its lists and heap are ours to use: the key of the event's slot, the link of the
//! list on which signal handlers leave events, and what a timer needs that has no slot.

use super::layout;
use core::ffi::{c_int, c_short, c_void};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32};
use libc::timeval;

/// `struct event_base`, opaque to C; `base::Base` is what it points to.
#[repr(C)]
pub struct event_base {
    _opaque: [u8; 0],
}

/// `event_callback_fn`.
pub type EventFn = unsafe extern "C-unwind" fn(c_int, c_short, *mut c_void);
/// `event_finalize_callback_fn`.
pub type FinalizeFn = unsafe extern "C-unwind" fn(*mut event, *mut c_void);
/// A deferred callback.
pub type DeferredFn = unsafe extern "C-unwind" fn(*mut event_callback, *mut c_void);

/// `EV_*`.
pub mod ev {
    pub const TIMEOUT: i16 = 0x01;
    pub const READ: i16 = 0x02;
    pub const WRITE: i16 = 0x04;
    pub const SIGNAL: i16 = 0x08;
    pub const PERSIST: i16 = 0x10;
    pub const ET: i16 = 0x20;
    pub const FINALIZE: i16 = 0x40;
    pub const CLOSED: i16 = 0x80;
}

/// `EVLIST_*`: bits of `evcb_flags`.
pub mod evlist {
    /// A plain timer: in its base's timers, and without a slot.
    pub const TIMEOUT: u16 = 0x01;
    /// The event is pending or active in its base.
    pub const INSERTED: u16 = 0x02;
    pub const INTERNAL: u16 = 0x10;
    pub const FINALIZING: u16 = 0x40;
    pub const INIT: u16 = 0x80;
}

/// `evcb_closure`: what to do when the callback's turn comes.
pub mod closure {
    pub const EVENT: u8 = 0;
    pub const SIGNAL: u8 = 1;
    pub const PERSIST: u8 = 2;
    /// Not an event: calls `DeferredFn` with itself.
    pub const SELF: u8 = 3;
    pub const EVENT_FINALIZE: u8 = 5;
    pub const EVENT_FINALIZE_FREE: u8 = 6;
    /// The base's own: ends the loop.
    pub const EXIT: u8 = 7;
}

/// The callback, by closure.
#[repr(C)]
#[derive(Clone, Copy)]
pub union CallbackFn {
    pub event: Option<EventFn>,
    pub finalize: Option<FinalizeFn>,
    pub deferred: Option<DeferredFn>,
    pub raw: *mut c_void,
}

/// `struct event_callback`.
#[repr(C)]
pub struct event_callback {
    /// [`Key`](evoxide_core::key::Key) of the slot or ticket, valid while `evcb_flags` says so.
    pub key: u64,
    /// The next event that a signal handler left for the loop (see `base::async_list`).
    pub async_next: AtomicPtr<event_callback>,
    pub evcb_flags: u16,
    pub evcb_pri: u8,
    pub evcb_closure: u8,
    pub evcb_cb: CallbackFn,
    pub evcb_arg: *mut c_void,
}
layout!(
    event_callback,
    size = 40,
    align = 8,
    evcb_flags = 16,
    evcb_pri = 18,
    evcb_closure = 19,
    evcb_cb = 24,
    evcb_arg = 32
);

impl event_callback {
    /// One that is nobody's.
    pub const fn empty(closure: u8) -> Self {
        Self {
            key: 0,
            async_next: AtomicPtr::new(ptr::null_mut()),
            evcb_flags: 0,
            evcb_pri: 0,
            evcb_closure: closure,
            evcb_cb: CallbackFn { raw: ptr::null_mut() },
            evcb_arg: ptr::null_mut(),
        }
    }
}

/// What a plain timer keeps, depending on its position.
#[repr(C)]
#[derive(Clone, Copy)]
pub union TimerWord {
    /// When its entry is due: not after its timeout.
    pub bound: u64,
    /// The timer before it, of those that are not in the heap yet.
    pub before: *mut event_callback,
}

/// `struct event`.
#[repr(C)]
pub struct event {
    pub ev_evcallback: event_callback,
    /// What a signal handler activated it with, and how many calls.
    pub async_result: AtomicU32,
    /// Where its entry is in its base's timers, while it is [`evlist::TIMEOUT`].
    pub timer_position: u32,
    /// When its timeout is, or was last, due.
    pub deadline: u64,
    pub ev_fd: c_int,
    pub ev_base: *mut event_base,
    pub timer: TimerWord,
    /// The next timer that is not in the heap yet.
    pub timer_after: *mut event_callback,
    /// `ev_io_timeout`: how long a persistent event waits each time.
    pub ev_io_timeout: timeval,
    pub ev_events: c_short,
    pub ev_res: c_short,
    pub ev_timeout: timeval,
}
layout!(
    event,
    size = 128,
    align = 8,
    ev_evcallback = 0,
    async_result = 40,
    timer_position = 44,
    deadline = 48,
    ev_fd = 56,
    ev_base = 64,
    timer = 72,
    ev_io_timeout = 88,
    ev_events = 104,
    ev_res = 106,
    ev_timeout = 112,
);
