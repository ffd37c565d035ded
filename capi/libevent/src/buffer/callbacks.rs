//! The observers of a buffer: callbacks of the program, run at once or from a base's loop.
//!
//! Entries are allocated one by one, since the program holds on to them. One that is removed while callbacks run, be it
//! its own or another, is only marked then and freed when the last run ends.

use super::object::evbuffer;
use crate::abi::buffer::{CB_ENABLED, ChangeFn, LengthsFn, evbuffer_cb_info};
use core::ffi::c_void;
use core::ptr::{self, NonNull};
use evoxide_core::buffer::Delta;
use evoxide_ffi::mm;

/// A callback's function: of the present or of the 1.x interface.
#[derive(Clone, Copy)]
pub(super) enum Function {
    Change(ChangeFn),
    Lengths(LengthsFn),
}

/// `struct evbuffer_cb_entry`.
pub struct evbuffer_cb_entry {
    next: *mut evbuffer_cb_entry,
    function: Function,
    arg: *mut c_void,
    flags: u32,
    removed: bool,
}

/// What only observed buffers have.
pub(crate) struct Observers {
    /// The newest entry first: that is the order they run in.
    first: *mut evbuffer_cb_entry,
    /// Runs that are going on.
    running: u32,
    /// An entry was removed during a run.
    sweep: bool,
    /// Changes since callbacks last ran.
    pending: Delta,
    /// The most that `evbuffer_read` takes; 0 for the default.
    pub(super) max_read: usize,
    pub(super) deferred: super::deferred::Deferred,
}

impl Observers {
    /// The observers of a buffer, made now if there are none yet. `None` without memory.
    pub(super) fn of(buffer: &evbuffer) -> Option<NonNull<Observers>> {
        if let Some(observers) = NonNull::new(buffer.observers.get()) {
            return Some(observers);
        }
        let observers = mm::alloc(Observers {
            first: ptr::null_mut(),
            running: 0,
            sweep: false,
            pending: Delta::default(),
            max_read: 0,
            deferred: super::deferred::Deferred::none(),
        })?;
        buffer.observers.set(observers.as_ptr());
        Some(observers)
    }

    /// Adds a callback; null without memory.
    ///
    /// # Safety
    /// The caller holds the buffer's lock.
    pub(super) unsafe fn add(buffer: &evbuffer, function: Function, arg: *mut c_void) -> *mut evbuffer_cb_entry {
        let entry = evbuffer_cb_entry { next: ptr::null_mut(), function, arg, flags: CB_ENABLED, removed: false };
        let Some(entry) = mm::alloc(entry) else { return ptr::null_mut() };
        let Some(observers) = Self::of(buffer) else {
            // SAFETY: just made, and nobody knows of it.
            unsafe { mm::free_value(entry) };
            return ptr::null_mut();
        };
        // SAFETY: both are alive, and the lock keeps others out.
        unsafe {
            (*entry.as_ptr()).next = (*observers.as_ptr()).first;
            (*observers.as_ptr()).first = entry.as_ptr();
        }
        entry.as_ptr()
    }

    /// Removes the entries that `matches`, all or the first; answers whether there was one.
    ///
    /// # Safety
    /// The caller holds the buffer's lock. `matches` only looks at the entry.
    unsafe fn remove(buffer: &evbuffer, all: bool, matches: impl Fn(*mut evbuffer_cb_entry) -> bool) -> bool {
        let Some(observers) = NonNull::new(buffer.observers.get()) else { return false };
        let mut found = false;
        // SAFETY: entries in the list are alive, and the lock keeps others out.
        unsafe {
            let mut entry = (*observers.as_ptr()).first;
            while !entry.is_null() && (all || !found) {
                if !(*entry).removed && matches(entry) {
                    (*entry).removed = true;
                    found = true;
                }
                entry = (*entry).next;
            }
            if found {
                (*observers.as_ptr()).sweep = true;
                Self::swept(observers);
            }
        }
        found
    }

    /// Frees removed entries, unless callbacks are running.
    unsafe fn swept(observers: NonNull<Observers>) {
        let observers = observers.as_ptr();
        // SAFETY: called under the lock; entries in the list are alive, and those unlinked here are used by nobody.
        unsafe {
            if (*observers).running > 0 || !(*observers).sweep {
                return;
            }
            (*observers).sweep = false;
            let mut link: *mut *mut evbuffer_cb_entry = &raw mut (*observers).first;
            while !(*link).is_null() {
                let entry = *link;
                if (*entry).removed {
                    *link = (*entry).next;
                    mm::free(entry.cast());
                } else {
                    link = &raw mut (*entry).next;
                }
            }
        }
    }

    /// # Safety
    /// The caller holds the buffer's lock.
    pub(super) unsafe fn remove_entry(buffer: &evbuffer, entry: *mut evbuffer_cb_entry) -> bool {
        // SAFETY: the caller's promise.
        unsafe { Self::remove(buffer, false, |e| e == entry) }
    }

    /// # Safety
    /// The caller holds the buffer's lock.
    pub(super) unsafe fn remove_matching(buffer: &evbuffer, function: usize, arg: *mut c_void) -> bool {
        // SAFETY: the caller's promise; entries handed to the closure are alive.
        unsafe {
            Self::remove(buffer, false, |e| {
                matches!((*e).function, Function::Change(f) if f as usize == function) && (*e).arg == arg
            })
        }
    }

    /// # Safety
    /// The caller holds the buffer's lock.
    pub(super) unsafe fn remove_all(buffer: &evbuffer) {
        // SAFETY: the caller's promise.
        unsafe { Self::remove(buffer, true, |_| true) };
    }

    /// Sets or clears flags of an entry.
    ///
    /// # Safety
    /// `entry` is alive and the caller holds its buffer's lock.
    pub(super) unsafe fn change_flags(entry: *mut evbuffer_cb_entry, flags: u32, on: bool) {
        // SAFETY: the caller's promise.
        unsafe {
            if on {
                (*entry).flags |= flags;
            } else {
                (*entry).flags &= !flags;
            }
        }
    }

    /// Notes a change for the callbacks, which [`announce`](Self::announce) runs. Where there are none, what they were not
    /// told of is forgotten: a callback hears of what happened since it was there.
    ///
    /// # Safety
    /// The caller holds the buffer's lock.
    pub(super) unsafe fn account(buffer: &evbuffer, delta: Delta) {
        let Some(observers) = NonNull::new(buffer.observers.get()) else { return };
        // SAFETY: alive; the lock keeps others out, and no reference is kept. Entries in the list are alive.
        unsafe {
            let mut entry = (*observers.as_ptr()).first;
            while !entry.is_null() && (*entry).removed {
                entry = (*entry).next;
            }
            let pending = &mut (*observers.as_ptr()).pending;
            if entry.is_null() {
                *pending = Delta::default();
            } else if delta != Delta::default() {
                pending.added = pending.added.wrapping_add(delta.added);
                pending.removed = pending.removed.wrapping_add(delta.removed);
            }
        }
    }

    /// Runs the callbacks for what was accounted for, or has the base run them.
    ///
    /// # Safety
    /// The caller holds the buffer's lock and a count.
    pub(super) unsafe fn announce(buffer: &evbuffer) {
        let Some(observers) = NonNull::new(buffer.observers.get()) else { return };
        // SAFETY: alive; the lock keeps others out, and no reference is kept.
        unsafe {
            if (*observers.as_ptr()).deferred.is_set() {
                if (*observers.as_ptr()).pending != Delta::default() {
                    super::deferred::Deferred::schedule(buffer, observers);
                }
            } else if !buffer.is_freed() {
                Self::run(buffer);
            }
        }
    }

    /// Runs the callbacks for what is pending. Once one has freed the buffer, no other sees it.
    ///
    /// # Safety
    /// The caller holds the buffer's lock and a count.
    pub(super) unsafe fn run(buffer: &evbuffer) {
        let Some(observers) = NonNull::new(buffer.observers.get()) else { return };
        let observers = observers.as_ptr();
        // SAFETY: the observers live as long as the buffer, of which the caller has a count. Entries stay while a run goes
        // on. No reference is alive while a callback runs.
        unsafe {
            let Delta { added, removed } = core::mem::take(&mut (*observers).pending);
            let now = buffer.len();
            if (added == 0 && removed == 0) || (*observers).first.is_null() {
                return;
            }
            let was = now.wrapping_add(removed).wrapping_sub(added);
            let info = evbuffer_cb_info { orig_size: was, n_added: added, n_deleted: removed };
            let freed_before = buffer.is_freed();
            (*observers).running += 1;
            let mut entry = (*observers).first;
            while !entry.is_null() {
                if !(*entry).removed && (*entry).flags & CB_ENABLED != 0 {
                    let arg = (*entry).arg;
                    match (*entry).function {
                        Function::Change(function) => function(buffer.raw(), &info, arg),
                        Function::Lengths(function) => {
                            function(buffer.raw(), was, was.wrapping_add(added).wrapping_sub(removed), arg);
                        }
                    }
                }
                if buffer.is_freed() && !freed_before {
                    break;
                }
                entry = (*entry).next;
            }
            (*observers).running -= 1;
            if let Some(observers) = NonNull::new(observers) {
                Self::swept(observers);
            }
        }
    }

    /// The end of a buffer: frees everything.
    ///
    /// # Safety
    /// Nobody has a count of the buffer any more.
    pub(super) unsafe fn end(buffer: &evbuffer) {
        // SAFETY: the caller's promise.
        unsafe {
            let Some(observers) = NonNull::new(buffer.observers.replace(ptr::null_mut())) else { return };
            let mut entry = (*observers.as_ptr()).first;
            while !entry.is_null() {
                let next = (*entry).next;
                mm::free(entry.cast());
                entry = next;
            }
            mm::free_value(observers);
        }
    }
}
