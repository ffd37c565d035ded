//! The list of a base's watchers (see [`watch`](crate::run::watch)).

use crate::abi::event::event_base;
use core::ffi::c_void;
use core::ptr;
use evoxide_ffi::mm;
use libc::timeval;

/// `struct evwatch_prepare_cb_info`, opaque to C.
pub struct evwatch_prepare_cb_info {
    pub(crate) timeout: Option<timeval>,
}

/// `struct evwatch_check_cb_info`, opaque to C.
pub struct evwatch_check_cb_info {
    pub(crate) _private: u8,
}

pub(crate) type PrepareFn = unsafe extern "C-unwind" fn(*mut evwatch, *const evwatch_prepare_cb_info, *mut c_void);
pub(crate) type CheckFn = unsafe extern "C-unwind" fn(*mut evwatch, *const evwatch_check_cb_info, *mut c_void);

#[derive(Clone, Copy)]
pub(crate) enum Function {
    Prepare(PrepareFn),
    Check(CheckFn),
}

/// `struct evwatch`, opaque to C.
pub struct evwatch {
    pub(crate) base: *mut event_base,
    pub(crate) function: Function,
    pub(crate) arg: *mut c_void,
    pub(crate) next: *mut evwatch,
}

/// The watchers of a base, in the order in which they were made.
pub(crate) struct Watchers {
    pub first: *mut evwatch,
    /// The next one of the round that runs now; moved on when that one is freed.
    pub cursor: *mut evwatch,
}

impl Default for Watchers {
    fn default() -> Self {
        Self { first: ptr::null_mut(), cursor: ptr::null_mut() }
    }
}

impl Watchers {
    /// Adds one at the end.
    pub fn push(&mut self, watcher: *mut evwatch) {
        let mut at = &raw mut self.first;
        // SAFETY: the list holds live watchers of this base.
        unsafe {
            while !(*at).is_null() {
                at = &raw mut (**at).next;
            }
            *at = watcher;
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, watcher: *mut evwatch) {
        let mut at = &raw mut self.first;
        // SAFETY: as above, and `watcher` is one of them.
        unsafe {
            while !(*at).is_null() && *at != watcher {
                at = &raw mut (**at).next;
            }
            if !(*at).is_null() {
                *at = (*watcher).next;
            }
            if self.cursor == watcher {
                self.cursor = (*watcher).next;
            }
        }
    }

    /// Frees what the user left.
    pub fn free_all(&mut self) {
        while !self.first.is_null() {
            let watcher = self.first;
            // SAFETY: a live watcher of the base that ends; it came from `mm::alloc`.
            unsafe {
                self.first = (*watcher).next;
                mm::free(watcher.cast());
            }
        }
    }
}
