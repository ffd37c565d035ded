//! Plain timers: events that wait for a timeout and for nothing else, without a slot (see [`evoxide_core::timers`]).
//!
//! Their [`evlist::TIMEOUT`] bit says that they are pending; what needs more than a timer gives them a slot first
//! ([`Core::slotted`]).

use crate::abi::event::{closure, ev, event, event_callback, evlist};
use crate::base::{Cb, Core, event_base};
use crate::time::usual_nanos;
use core::sync::atomic::Ordering;
use evoxide_core::heap::Entry;
use evoxide_core::key::Key;
use evoxide_core::reactor::{Kind, QueueId};
use evoxide_core::timers::Owner;
use evoxide_ffi::guarded::Section;
use libc::timeval;
use std::collections::TryReserveError;

/// The timers hold events only, [`evlist::TIMEOUT`] ones.
impl Owner for Cb {
    #[inline(always)]
    fn deadline(self) -> u64 {
        // SAFETY: a pending event is alive and in place, and its struct is read and written in sections only.
        unsafe { (*self.0.cast::<event>()).deadline }
    }
    #[inline(always)]
    fn set_deadline(self, deadline: u64) {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).deadline = deadline };
    }
    #[inline(always)]
    fn bound(self) -> u64 {
        // SAFETY: as above; the word's position says that it holds this.
        unsafe { (*self.0.cast::<event>()).timer.bound }
    }
    #[inline(always)]
    fn set_bound(self, bound: u64) {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).timer.bound = bound };
    }
    #[inline(always)]
    fn beside(self) -> [Option<Self>; 2] {
        let name = |cb: *mut event_callback| if cb.is_null() { None } else { Some(Self(cb)) };
        // SAFETY: as above; the word's position says that it holds this.
        unsafe {
            let e = self.0.cast::<event>();
            [name((*e).timer.before), name((*e).timer_after)]
        }
    }
    #[inline(always)]
    fn set_before(self, before: Option<Self>) {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).timer.before = before.unwrap_or_default().0 };
    }
    #[inline(always)]
    fn set_after(self, after: Option<Self>) {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).timer_after = after.unwrap_or_default().0 };
    }
    #[inline(always)]
    fn position(self) -> u32 {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).timer_position }
    }
    #[inline(always)]
    fn set_position(self, position: u32) {
        // SAFETY: as above.
        unsafe { (*self.0.cast::<event>()).timer_position = position };
    }
}

impl Core {
    /// Makes an event a plain timer. Answers whether a loop that waits must look again.
    ///
    /// # Safety
    /// `cb` is an event of this base that waits for nothing but timeouts, and is neither pending nor active.
    #[inline(always)]
    pub unsafe fn put_timer(&mut self, cb: *mut event_callback, deadline: u64) -> Result<bool, TryReserveError> {
        // A signal handler that makes it active must find room for its slot.
        self.reactor.try_reserve()?;
        // While callbacks run, the loop will ask before it waits.
        let later = self.cached != 0 && self.timers.insert_later(Cb(cb), deadline);
        let earlier = if later { false } else { self.timers.insert(Cb(cb), deadline)? };
        self.reactor.hold();
        // SAFETY: the caller's promise.
        unsafe { (*cb).evcb_flags |= evlist::INSERTED | evlist::TIMEOUT };
        Ok(earlier)
    }

    /// Makes an event a plain timer of a common duration, or moves it there. Answers whether a loop that waits must look
    /// again.
    ///
    /// # Safety
    /// `cb` is an event of this base that waits for nothing but timeouts, and is a plain timer or neither pending nor active.
    #[inline]
    pub unsafe fn put_common(&mut self, cb: *mut event_callback, queue: QueueId, deadline: u64) -> Option<bool> {
        // As in `put_timer`.
        if !self.timers.reserve_common(queue.0) || self.reactor.try_reserve().is_err() {
            return None;
        }
        // SAFETY: the caller's promise.
        unsafe {
            if (*cb).evcb_flags & evlist::TIMEOUT != 0 {
                self.timers.remove(Cb(cb));
            } else {
                self.reactor.hold();
                (*cb).evcb_flags |= evlist::INSERTED | evlist::TIMEOUT;
            }
        }
        self.timers.insert_common(Cb(cb), queue.0, deadline)
    }

    /// Makes a plain timer an event that is not pending.
    ///
    /// # Safety
    /// `cb` is a plain timer of this base.
    #[inline(always)]
    pub unsafe fn take_timer(&mut self, cb: *mut event_callback) {
        self.timers.remove(Cb(cb));
        self.reactor.release();
        // SAFETY: the caller's promise; only events are plain timers.
        unsafe {
            (*cb).evcb_flags &= !(evlist::INSERTED | evlist::TIMEOUT);
            (*cb.cast::<event>()).deadline = 0;
        }
    }

    /// [`key_of`](Self::key_of), and gives a plain timer a slot.
    ///
    /// # Safety
    /// As for [`key_of`](Self::key_of).
    #[inline]
    pub unsafe fn slotted(&mut self, cb: *mut event_callback) -> Option<Key> {
        // SAFETY: the caller's promise; only events are plain timers.
        unsafe {
            if (*cb).evcb_flags & evlist::TIMEOUT != 0 {
                let e = cb.cast::<event>();
                let (persist, deadline) = ((*e).ev_events & ev::PERSIST != 0, (*e).deadline);
                let queue = self.timers.common_queue(Cb(cb));
                self.take_timer(cb);
                let key = self.reactor.insert(Cb(cb), (*cb).evcb_pri, Kind { persist, internal: false });
                match queue {
                    Some(queue) => self.reactor.set_common_timeout(key, QueueId(queue), deadline),
                    None => self.reactor.set_timeout(key, deadline),
                };
                Self::mark(cb, key);
            }
            self.key_of(cb)
        }
    }

    /// Makes the plain timers active that are due, and before each the other events whose timeouts come before it.
    #[inline(never)]
    pub fn expire_timers(&mut self, now: u64) {
        let late = self.timers.take_late(now);
        self.time_out_all(late);
        // After so many, all that are due are looked for, which takes a look at every entry.
        let few = self.timers.len() / 64 + 16;
        for _ in 0..few {
            while let Some((queue, end)) = self.timers.due_list(now) {
                self.time_out_list(queue, end);
            }
            let Some(due) = self.timers.pop_due(now) else { return };
            self.time_out(due);
        }
        let many = self.timers.take_many(now);
        self.time_out_all(many);
        while let Some(due) = self.timers.pop_due(now) {
            self.time_out(due);
        }
    }

    #[inline(never)]
    fn time_out_list(&mut self, queue: u16, end: u64) {
        let all = self.timers.len_if_all(queue, end);
        let mut first = self.timers.pop_before(queue, end);
        if let (Some(count), Some(first)) = (all, &first) {
            // SAFETY: a pending event is alive.
            self.reactor.expect_due(unsafe { (*first.id.0).evcb_pri }, count);
        }
        while let Some(due) = first {
            self.time_out(due);
            first = self.timers.pop_before(queue, end);
        }
    }

    #[inline(always)]
    fn time_out_all(&mut self, all: Vec<Entry<Cb>>) {
        if let Some(first) = all.first() {
            // SAFETY: a pending event is alive.
            self.reactor.expect_due(unsafe { (*first.id.0).evcb_pri }, all.len());
        }
        for due in all {
            self.time_out(due);
        }
    }

    /// The timeout of a plain timer has come.
    #[inline(always)]
    fn time_out(&mut self, due: Entry<Cb>) {
        if self.reactor.may_be_due(due.deadline) {
            self.reactor.expire(due.deadline);
        }
        self.reactor.release();
        let Cb(cb) = due.id;
        // SAFETY: a pending event is alive. One that does not say that it is a timer was assigned anew while it was pending.
        unsafe {
            if (*cb).evcb_flags & evlist::TIMEOUT != 0 {
                (*cb).evcb_flags &= !evlist::TIMEOUT;
                (*cb).key = self.reactor.enqueue_due(Cb(cb), (*cb).evcb_pri).to_bits();
            }
        }
    }
}

/// The short ways of plain timers, as those in [`pending`](crate::pending).
impl event_base {
    /// `event_add` of a timer.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base that waits for nothing but timeouts, and is neither pending nor active,
    /// nor internal.
    #[inline(always)]
    pub(crate) unsafe fn add_timer_plainly(&self, e: *mut event, tv: &timeval) -> bool {
        let cb = e.cast::<event_callback>();
        let Some(mut core) = self.core.try_enter_locked() else { return false };
        let Some(delay) = usual_nanos(tv) else { return false };
        // SAFETY: the caller's promise. A signal handler may have made it active since the caller looked.
        if unsafe { (*cb).evcb_flags } & evlist::INSERTED != 0 {
            return false;
        }
        if core.cached == 0 {
            // SAFETY: the caller's promise.
            return unsafe { add_timer_outside(self, core, e, tv) };
        }
        let deadline = core.cached.wrapping_add(delay);
        if !core.timers.insert_later(Cb(cb), deadline) {
            // SAFETY: the caller's promise.
            return unsafe { add_timer_outside(self, core, e, tv) };
        }
        core.reactor.hold();
        // SAFETY: the caller's promise; nothing else refers to the struct inside this section.
        unsafe {
            if (*cb).evcb_closure == closure::PERSIST {
                (*e).ev_io_timeout = *tv;
            }
            (*cb).evcb_flags |= evlist::INSERTED | evlist::TIMEOUT;
        }
        true
    }

    /// `event_add` of a timer with a common duration.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base that waits for nothing but timeouts, and is a plain timer, or neither
    /// pending nor active nor internal.
    #[inline(always)]
    pub(crate) unsafe fn add_common_plainly(&self, e: *mut event, tv: &timeval) -> bool {
        let cb = e.cast::<event_callback>();
        let Some(mut core) = self.core.try_enter_locked() else { return false };
        let Some(queue) = core.common_of(tv) else { return false };
        if core.cached == 0 {
            return false;
        }
        let deadline = core.cached.saturating_add(core.reactor.common_duration(queue).unwrap_or(0));
        // SAFETY: the caller's promise; nothing else refers to the struct inside this section.
        unsafe {
            if (*cb).evcb_flags & (evlist::INSERTED | evlist::TIMEOUT) == evlist::INSERTED {
                // As in `add_timer_plainly`.
                return false;
            }
            let done = core.put_common(cb, queue, deadline).is_some();
            if done && (*cb).evcb_closure == closure::PERSIST {
                (*e).ev_io_timeout = *tv;
            }
            done
        }
    }

    /// `event_del` of a timer.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base.
    #[inline(always)]
    pub(crate) unsafe fn del_plainly(&self, e: *mut event) -> bool {
        if !self.plain || self.word.load(Ordering::Relaxed) != 0 || self.waiting.load(Ordering::Relaxed) {
            return false;
        }
        let Some(mut core) = self.core.try_enter_locked() else { return false };
        let cb = e.cast::<event_callback>();
        // SAFETY: the caller's promise; nothing else refers to the struct inside this section.
        unsafe {
            let flags = (*cb).evcb_flags;
            if flags & (evlist::TIMEOUT | evlist::FINALIZING) != evlist::TIMEOUT || core.current == cb {
                return false;
            }
            (*cb).evcb_flags = flags & !(evlist::INSERTED | evlist::TIMEOUT);
            (*e).deadline = 0;
            core.reactor.release();
            drop_timer(core, cb)
        }
    }
}

/// [`event_base::add_timer_plainly`] where no callback runs, or memory is needed. Ends the section.
///
/// # Safety
/// As for [`event_base::add_timer_plainly`].
#[inline(never)]
unsafe fn add_timer_outside(base: &event_base, mut core: Section<'_, Core>, e: *mut event, tv: &timeval) -> bool {
    let Some(delay) = usual_nanos(tv) else { return false };
    if base.waiting.load(Ordering::Relaxed) {
        return false;
    }
    let deadline = core.now().wrapping_add(delay);
    // As in `put_timer`.
    if core.timers.reserve().and_then(|()| core.reactor.try_reserve()).is_err() {
        return false;
    }
    let cb = e.cast::<event_callback>();
    core.timers.insert_later(Cb(cb), deadline);
    core.reactor.hold();
    // SAFETY: the caller's promise; nothing else refers to the struct inside this section.
    unsafe {
        (*cb).evcb_flags |= evlist::INSERTED | evlist::TIMEOUT;
        if (*cb).evcb_closure == closure::PERSIST {
            (*e).ev_io_timeout = *tv;
        }
    }
    true
}

/// Ends [`event_base::move_plainly`], and its section.
#[inline(never)]
pub(crate) fn move_earlier(mut core: Section<'_, Core>, cb: *mut event_callback, deadline: u64) -> bool {
    // Callbacks run, so no loop waits for the first timeout.
    core.timers.set_any(Cb(cb), deadline).is_ok()
}

/// Ends [`event_base::del_plainly`], and its section.
#[inline(never)]
fn drop_timer(mut core: Section<'_, Core>, cb: *mut event_callback) -> bool {
    core.timers.remove(Cb(cb));
    true
}
