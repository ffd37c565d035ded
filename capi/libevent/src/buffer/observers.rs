//! The observers of a buffer: callbacks of the program, run at once or from a base's loop.
//!
//! This is the list and what its callbacks were not told of yet; [`notify`](super::notify) runs them. Everything here
//! happens under the buffer's lock.
//!
//! Entries are allocated one by one, since the program holds on to them. One that is removed while callbacks run, be it
//! its own or another, is only marked then and freed when the last run ends: a reference to an entry stays good during a run.

use super::object::Owner;
use crate::abi::buffer::{CB_ENABLED, ChangeFn, LengthsFn};
use crate::abi::event::{closure, event_callback};
use crate::base::event_base;
use core::cell::Cell;
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
    next: Cell<*mut evbuffer_cb_entry>,
    pub(super) function: Function,
    pub(super) arg: *mut c_void,
    flags: Cell<u32>,
    removed: Cell<bool>,
}

impl evbuffer_cb_entry {
    /// Whether it is to run: it is enabled and was not removed.
    pub(super) fn is_due(&self) -> bool {
        !self.removed.get() && self.flags.get() & CB_ENABLED != 0
    }

    /// Sets or clears flags.
    pub(super) fn change_flags(&self, flags: u32, on: bool) {
        let now = self.flags.get();
        self.flags.set(if on { now | flags } else { now & !flags });
    }
}

/// What only observed buffers have.
#[repr(C)]
pub(crate) struct Observers {
    /// What the buffer refers to from now on: as what it belonged to before.
    head: Owner,
    /// What it belonged to before, or null.
    pub(super) owner: *const Owner,
    /// The newest entry first: that is the order they run in.
    first: Cell<*mut evbuffer_cb_entry>,
    /// Runs that are going on.
    running: Cell<u32>,
    /// An entry was removed during a run.
    has_removed: Cell<bool>,
    /// Changes since callbacks last ran.
    pending: Cell<Delta>,
    /// The most that `evbuffer_read` takes; 0 for the default.
    pub(super) max_read: Cell<usize>,
    /// Whose loop runs the callbacks; null where they run inside the change.
    pub(super) base: Cell<*mut event_base>,
    /// How that loop knows of them. It refers to it while a run is scheduled.
    pub(super) callback: event_callback,
}

impl Observers {
    /// No observers yet, of a buffer that belonged to `before`; `None` without memory.
    pub(super) fn create(before: Option<&Owner>) -> Option<NonNull<Self>> {
        mm::alloc(Observers {
            head: Owner::after(before),
            owner: before.map_or(ptr::null(), ptr::from_ref),
            first: Cell::new(ptr::null_mut()),
            running: Cell::new(0),
            has_removed: Cell::new(false),
            pending: Cell::new(Delta::default()),
            max_read: Cell::new(0),
            base: Cell::new(ptr::null_mut()),
            callback: event_callback::empty(closure::SELF),
        })
    }

    /// Frees everything.
    ///
    /// # Safety
    /// `this` came from [`create`](Self::create), and nobody uses it or an entry any more.
    pub(super) unsafe fn end(this: NonNull<Self>) {
        // SAFETY: the caller's promise; entries came from the allocator hooks, too.
        unsafe {
            let mut entry = this.as_ref().first.get();
            while !entry.is_null() {
                let next = (*entry).next.get();
                mm::free(entry.cast());
                entry = next;
            }
            mm::free_value(this);
        }
    }

    /// The entries, also those that are only marked as removed. During a run they stay.
    pub(super) fn entries(&self) -> impl Iterator<Item = &evbuffer_cb_entry> {
        // SAFETY: entries in the list are alive. They are freed by `sweep` alone, which no run and no loop over them meets.
        let at = |entry: *mut evbuffer_cb_entry| unsafe { entry.as_ref() };
        core::iter::successors(at(self.first.get()), move |entry| at(entry.next.get()))
    }

    /// Adds a callback; null without memory.
    pub(super) fn add(&self, function: Function, arg: *mut c_void) -> *mut evbuffer_cb_entry {
        let next = Cell::new(self.first.get());
        let flags = Cell::new(CB_ENABLED);
        let Some(entry) = mm::alloc(evbuffer_cb_entry { next, function, arg, flags, removed: Cell::new(false) }) else {
            return ptr::null_mut();
        };
        self.first.set(entry.as_ptr());
        entry.as_ptr()
    }

    /// Removes the entries that `matches`, all or the first; returns whether there was one.
    pub(super) fn remove(&self, all: bool, matches: impl Fn(&evbuffer_cb_entry) -> bool) -> bool {
        let mut found = false;
        for entry in self.entries() {
            if !entry.removed.get() && matches(entry) {
                entry.removed.set(true);
                found = true;
                if !all {
                    break;
                }
            }
        }
        if found {
            self.has_removed.set(true);
            self.sweep();
        }
        found
    }

    /// Frees removed entries, unless callbacks are running.
    fn sweep(&self) {
        if self.running.get() > 0 || !self.has_removed.replace(false) {
            return;
        }
        let mut link = &self.first;
        // SAFETY: as for `entries`; what is freed here was just unlinked, and nothing refers to it: no callback runs.
        while let Some(entry) = unsafe { link.get().as_ref() } {
            if entry.removed.get() {
                let freed = link.replace(entry.next.get());
                // SAFETY: as above; it came from the allocator hooks.
                unsafe { mm::free(freed.cast()) };
            } else {
                link = &entry.next;
            }
        }
    }

    /// Notes a change that the callbacks were not told of. Where there are none, all such changes are forgotten: a callback
    /// hears of what happened since it was there.
    pub(super) fn account(&self, delta: Delta) {
        if !self.entries().any(|entry| !entry.removed.get()) {
            self.pending.set(Delta::default());
        } else if delta != Delta::default() {
            let Delta { added, removed } = self.pending.get();
            self.pending
                .set(Delta { added: added.wrapping_add(delta.added), removed: removed.wrapping_add(delta.removed) });
        }
    }

    /// Whether there is something to tell.
    pub(super) fn has_pending(&self) -> bool {
        self.pending.get() != Delta::default()
    }

    /// What there is to tell, and somebody to tell it to. It is not pending any more.
    pub(super) fn take_pending(&self) -> Option<Delta> {
        let delta = self.pending.take();
        (delta != Delta::default() && !self.first.get().is_null()).then_some(delta)
    }

    /// Keeps the entries until [`end_run`](Self::end_run).
    pub(super) fn begin_run(&self) {
        self.running.set(self.running.get() + 1);
    }

    /// Callbacks have run.
    pub(super) fn end_run(&self) {
        self.running.set(self.running.get() - 1);
        self.sweep();
    }
}
