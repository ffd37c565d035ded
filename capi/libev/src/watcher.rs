//! Handles: how the machine reaches the bookkeeping inside the caller's watcher structs.

use crate::abi::{ev_io, ev_timer, ev_watcher, ev_watcher_list, ev_watcher_time};
use core::ptr::{NonNull, addr_of, addr_of_mut};
use evoxide_core::ev_loop::Watcher;

/// A watcher that a C caller owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct W(NonNull<ev_watcher>);

impl W {
    /// A handle to the watcher at `w`, of any type.
    ///
    /// # Safety
    /// `w` points to a whole watcher struct of its type, which stays in place as long as the watcher is active or pending,
    /// and is used by the loop's own thread only (as libev demands of its callers).
    #[inline(always)]
    pub(crate) const unsafe fn new<T>(w: *mut T) -> Self {
        // SAFETY: a watcher's address is not null (the caller).
        Self(unsafe { NonNull::new_unchecked(w.cast()) })
    }

    /// The watcher's address.
    #[inline(always)]
    pub(crate) const fn ptr(self) -> *mut ev_watcher {
        self.0.as_ptr()
    }
}

/// Reads a field of the watcher through its address; no reference to the caller's struct is made.
macro_rules! get {
    ($w:expr, $t:ty, $($f:ident).+) => {{
        let p = $w.ptr().cast::<$t>();
        // SAFETY: the handle's contract: the struct is whole and in place.
        unsafe { addr_of!((*p).$($f).+).read() }
    }};
}
/// Writes one.
macro_rules! set {
    ($w:expr, $t:ty, $($f:ident).+, $v:expr) => {{
        let (p, v) = ($w.ptr().cast::<$t>(), $v);
        // SAFETY: the handle's contract: the struct is whole and in place.
        unsafe { addr_of_mut!((*p).$($f).+).write(v) }
    }};
}

impl Watcher for W {
    #[inline(always)]
    fn active(self) -> i32 {
        get!(self, ev_watcher, active)
    }
    #[inline(always)]
    fn set_active(self, active: i32) {
        set!(self, ev_watcher, active, active);
    }
    #[inline(always)]
    fn pending(self) -> i32 {
        get!(self, ev_watcher, pending)
    }
    #[inline(always)]
    fn set_pending(self, pending: i32) {
        set!(self, ev_watcher, pending, pending);
    }
    #[inline(always)]
    fn priority(self) -> i32 {
        get!(self, ev_watcher, priority)
    }
    #[inline(always)]
    fn set_priority(self, priority: i32) {
        set!(self, ev_watcher, priority, priority);
    }
    #[inline(always)]
    fn next(self) -> Option<Self> {
        NonNull::new(get!(self, ev_watcher_list, next).cast()).map(Self)
    }
    #[inline(always)]
    fn set_next(self, next: Option<Self>) {
        set!(self, ev_watcher_list, next, next.map_or(core::ptr::null_mut(), |w| w.ptr().cast()));
    }
    #[inline(always)]
    fn events(self) -> i32 {
        get!(self, ev_io, events)
    }
    #[inline(always)]
    fn set_events(self, events: i32) {
        set!(self, ev_io, events, events);
    }
    #[inline(always)]
    fn at(self) -> f64 {
        get!(self, ev_watcher_time, at)
    }
    #[inline(always)]
    fn set_at(self, at: f64) {
        set!(self, ev_watcher_time, at, at);
    }
    #[inline(always)]
    fn repeat(self) -> f64 {
        get!(self, ev_timer, repeat)
    }
}

/// Takes a watcher out of a list.
///
/// # Safety
/// The watchers of the list are live, and the loop's own thread calls.
pub(crate) unsafe fn unlink(head: &mut *mut ev_watcher_list, w: *mut ev_watcher_list) {
    // SAFETY: the watchers of a list are live (the caller).
    unsafe {
        let mut at: *mut *mut ev_watcher_list = head;
        while !(*at).is_null() {
            if *at == w {
                *at = (*w).next;
                return;
            }
            at = addr_of_mut!((**at).next);
        }
    }
}
