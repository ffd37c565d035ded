//! `event2/event_struct.h`, and the constants of `event2/event.h`.
//!
//! Words that the original uses for its lists and heap are ours to use: the key of the event's slot, the link of the
//! list on which signal handlers leave events, and what its timeout needs.

use super::layout;
use core::cell::Cell;
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
    /// Its timeout is armed.
    pub const TIMEOUT: u16 = 0x01;
    /// It waits for its descriptor or signal, or is active: its key names a slot or a detached activation.
    pub const INSERTED: u16 = 0x02;
    pub const INTERNAL: u16 = 0x10;
    pub const FINALIZING: u16 = 0x40;
    pub const INIT: u16 = 0x80;
    /// The write event of a bufferevent whose read callback runs and has written: told as pending, although the write is made
    /// when the callback returns.
    pub const WRITTEN: u16 = 0x100;
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

/// `struct event_callback`. All fields are cells: programs and other threads write them while references to the struct are
/// there. They change in sections of the base, but for an event that is neither pending nor active.
#[repr(C)]
pub struct event_callback {
    /// [`Key`](evoxide_core::key::Key) of the slot or detached activation, valid while `evcb_flags` says so.
    pub key: Cell<u64>,
    /// The next event that a signal handler left for the loop (see `base::Base::async_head`).
    pub async_next: AtomicPtr<event_callback>,
    pub evcb_flags: Cell<u16>,
    pub evcb_pri: Cell<u8>,
    pub evcb_closure: Cell<u8>,
    pub evcb_cb: Cell<CallbackFn>,
    pub evcb_arg: Cell<*mut c_void>,
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
            key: Cell::new(0),
            async_next: AtomicPtr::new(ptr::null_mut()),
            evcb_flags: Cell::new(0),
            evcb_pri: Cell::new(0),
            evcb_closure: Cell::new(closure),
            evcb_cb: Cell::new(CallbackFn { raw: ptr::null_mut() }),
            evcb_arg: Cell::new(ptr::null_mut()),
        }
    }

    /// Whether one of these flags is set.
    #[inline(always)]
    pub fn is(&self, flags: u16) -> bool {
        self.evcb_flags.get() & flags != 0
    }

    /// Sets flags.
    #[inline(always)]
    pub fn set(&self, flags: u16) {
        self.evcb_flags.set(self.evcb_flags.get() | flags);
    }

    /// Clears flags.
    #[inline(always)]
    pub fn clear(&self, flags: u16) {
        self.evcb_flags.set(self.evcb_flags.get() & !flags);
    }
}

/// `struct event`, with cells as in [`event_callback`].
#[repr(C)]
pub struct event {
    pub ev_evcallback: event_callback,
    /// What a signal handler activated it with, and how many calls.
    pub async_result: AtomicU32,
    /// Where its timeout is in its base's timers, while it is [`evlist::TIMEOUT`].
    pub timer_position: Cell<u32>,
    /// When its timeout is, or was last, due.
    pub deadline: Cell<u64>,
    pub ev_fd: Cell<c_int>,
    pub ev_base: Cell<*mut event_base>,
    /// Its neighbours where the timers keep it in a list.
    pub timer_prev: Cell<*mut event>,
    pub timer_next: Cell<*mut event>,
    /// `ev_io_timeout`: how long a persistent event waits each time.
    pub ev_io_timeout: Cell<timeval>,
    pub ev_events: Cell<c_short>,
    pub ev_res: Cell<c_short>,
    pub ev_timeout: Cell<timeval>,
}

impl event {
    /// Whether it was assigned with one of these events.
    #[inline(always)]
    pub fn has(&self, events: c_short) -> bool {
        self.ev_events.get() & events != 0
    }

    /// The pointer that C knows, good for the whole struct.
    #[inline(always)]
    pub fn raw(&self) -> *mut Self {
        ptr::from_ref(self).cast_mut()
    }
}

impl core::ops::Deref for event {
    type Target = event_callback;

    #[inline(always)]
    fn deref(&self) -> &event_callback {
        &self.ev_evcallback
    }
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
    timer_prev = 72,
    ev_io_timeout = 88,
    ev_events = 104,
    ev_res = 106,
    ev_timeout = 112,
);
