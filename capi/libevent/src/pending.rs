//! Adding, removing and activating events.

use crate::abi::event::{closure, ev, event, event_callback, evlist};
use crate::base::{Base, Cb, Core, in_loop_thread, reason};
use crate::time::{after, common_index, is_set, usual_nanos};
use core::ffi::c_int;
use core::ptr;
use core::sync::atomic::Ordering;
use evoxide_core::interest::{Change, Interest, Ready};
use evoxide_core::key::Key;
use evoxide_core::reactor::{AddError, Kind, QueueId};
use evoxide_ffi::{errno, warn, warnx};
use evoxide_sys::engine::WatchError;
use libc::timeval;

/// The conditions that put an event into a table.
pub(crate) const INSERTABLE: i16 = ev::READ | ev::WRITE | ev::CLOSED | ev::SIGNAL;

/// Why an event could not be added; logged outside the section.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refused {
    /// The original says nothing either.
    Silently,
    Mixed(c_int),
    TooMany(c_int),
    Kernel(Change, c_int),
    Signal(c_int),
}

impl Refused {
    fn of(error: WatchError, fd: c_int) -> Self {
        let code = |error: std::io::Error| error.raw_os_error().unwrap_or(libc::EINVAL);
        match error {
            WatchError::Kernel(change, error) => Self::Kernel(change, code(error)),
            WatchError::Signal(error) => Self::Signal(code(error)),
            WatchError::Refused(AddError::ModeConflict) => Self::Mixed(fd),
            WatchError::Refused(AddError::TooMany) => Self::TooMany(fd),
            WatchError::Refused(_) => Self::Silently,
        }
    }

    /// Logs the reason and leaves `errno` as the kernel set it.
    #[cold]
    pub fn report(self) {
        match self {
            Self::Silently => {}
            Self::Mixed(fd) => warnx!("Tried to mix edge-triggered and non-edge-triggered events on fd {fd}"),
            Self::TooMany(fd) => warnx!("Too many events reading or writing on fd {fd}"),
            Self::Kernel(change, code) => {
                errno::set(code);
                warn!(
                    "Epoll {} on fd {} failed. Old events were {}; new events were {}",
                    if change.old.is_empty() { "ADD" } else { "MOD" },
                    change.fd,
                    change.old.bits() & 0xff,
                    change.new.bits() & 0xff,
                );
                errno::set(code);
            }
            Self::Signal(code) => {
                errno::set(code);
                warn!("sigaction");
                errno::set(code);
            }
        }
    }
}

/// When a timeout is due, and in which common queue it waits.
#[derive(Clone, Copy)]
struct Due {
    queue: Option<QueueId>,
    at: u64,
}

/// What a deletion does about a callback that is running in another thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocking {
    /// Waits for it, unless the event is one that gets finalized.
    Auto,
    Always,
    Never,
    /// Never, and deletes even a finalizing event.
    EvenFinalizing,
}

impl Core {
    /// Makes an event pending.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base.
    #[inline]
    pub unsafe fn add(&mut self, e: *mut event, timeout: Option<&timeval>) -> Result<(), Refused> {
        let Some(tv) = timeout else {
            // SAFETY: the caller's promise.
            return unsafe { self.add_at(e, None) };
        };
        // SAFETY: the caller's promise.
        unsafe {
            let how = &(*e).ev_evcallback;
            if how.evcb_flags & evlist::FINALIZING == 0 && how.evcb_closure == closure::PERSIST {
                (*e).ev_io_timeout = *tv;
            }
            // What every busy connection does to its timeout is one store.
            if let Some(delay) = usual_nanos(tv)
                && how.evcb_flags & (evlist::INSERTED | evlist::INTERNAL | evlist::FINALIZING) == evlist::INSERTED
            {
                let deadline = self.now() + delay;
                let timer = how.evcb_flags & evlist::TIMEOUT != 0;
                if if timer { self.timers.postpone(Cb(e.cast()), deadline) } else { self.postpone(e, deadline) } {
                    return Ok(());
                }
            }
            let due = self.due(tv);
            self.add_at(e, Some(due))
        }
    }

    /// Moves the timeout of an event with a slot, if that is all there is to do and it gets no earlier.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    #[inline]
    unsafe fn postpone(&mut self, e: *const event, deadline: u64) -> bool {
        // SAFETY: the caller's promise.
        let (key, watching) = unsafe { ((*e).ev_evcallback.key, (*e).ev_events & INSERTABLE != 0) };
        Key::from_bits(key)
            .is_some_and(|key| self.engine.reactor.postpone(key, Cb(e.cast_mut().cast()), watching, deadline))
    }

    /// # Safety
    /// As for [`add`](Self::add).
    #[inline(never)]
    unsafe fn add_at(&mut self, e: *mut event, due: Option<Due>) -> Result<(), Refused> {
        let cb = e.cast::<event_callback>();
        // SAFETY: the caller's promise.
        unsafe {
            let flags = (*cb).evcb_flags;
            if flags & evlist::FINALIZING != 0 {
                return Err(Refused::Silently);
            }
            match due {
                None if flags & evlist::TIMEOUT != 0 => return Ok(()),
                Some(Due { queue: None, at }) if flags & evlist::TIMEOUT != 0 => {
                    return self.timers.set_any(Cb(cb), at).map(drop).map_err(|_| Refused::Silently);
                }
                Some(Due { queue: Some(queue), at })
                    if flags & evlist::TIMEOUT != 0
                        || (flags & (evlist::INSERTED | evlist::INTERNAL) == 0 && (*e).ev_events & INSERTABLE == 0) =>
                {
                    return self.put_common(cb, queue, at).map(drop).ok_or(Refused::Silently);
                }
                Some(Due { queue: None, at })
                    if flags & (evlist::INSERTED | evlist::INTERNAL) == 0 && (*e).ev_events & INSERTABLE == 0 =>
                {
                    return self.put_timer(cb, at).map(drop).map_err(|_| Refused::Silently);
                }
                _ => {}
            }
        }
        // SAFETY: the caller's promise.
        let existing = unsafe {
            // Most are not in use, and need no look at what the base knows.
            if (*cb).evcb_flags & (evlist::TIMEOUT | evlist::INSERTED) == 0 { None } else { self.slotted(cb) }
        };
        // SAFETY: the caller's promise; nothing else refers to the struct from here on.
        let event = unsafe { &*e };
        let key = match existing {
            Some(key) => self.engine.reactor.promote(key, event.ev_events & ev::PERSIST != 0),
            None => {
                if self.engine.reactor.try_reserve().is_err() {
                    return Err(Refused::Silently);
                }
                let kind = Kind {
                    persist: event.ev_events & ev::PERSIST != 0,
                    internal: event.ev_evcallback.evcb_flags & evlist::INTERNAL != 0,
                };
                self.engine.reactor.insert(Cb(cb), event.ev_evcallback.evcb_pri, kind)
            }
        };
        if event.ev_events & INSERTABLE != 0
            && (existing.is_none()
                || !(self.engine.reactor.is_inserted(key) || self.engine.reactor.readiness(key).is_some()))
        {
            let watched =
                if event.ev_events & ev::SIGNAL != 0 { self.add_signal(event, key) } else { self.add_fd(event, key) };
            if let Err(refused) = watched {
                let _ = self.engine.reactor.free_if_idle(key);
                return Err(refused);
            }
        }
        if let Some(due) = due {
            self.arm(key, due);
        } else if existing.is_none() && event.ev_events & INSERTABLE == 0 && !self.engine.reactor.free_if_idle(key) {
            // Nothing to wait for: only its activation makes it run.
            return Ok(());
        }
        // SAFETY: as above.
        unsafe { Self::mark(cb, key) };
        Ok(())
    }

    #[inline]
    fn add_fd(&mut self, event: &event, key: Key) -> Result<(), Refused> {
        let interest = Interest::from_bits_truncate(event.ev_events as u16).difference(Interest::ONESHOT);
        let one_shot = event.ev_events & ev::PERSIST == 0;
        self.engine.watch_fd(key, event.ev_fd, interest, one_shot).map_err(|error| Refused::of(error, event.ev_fd))
    }

    fn add_signal(&mut self, event: &event, key: Key) -> Result<(), Refused> {
        self.engine.watch_signal(key, event.ev_fd).map_err(|error| match error {
            // The kernel refuses number 0, and the original lets it.
            WatchError::Refused(_) if event.ev_fd == 0 => Refused::Signal(libc::EINVAL),
            error => Refused::of(error, event.ev_fd),
        })
    }

    /// When a timeout that starts now is due.
    #[inline]
    fn due(&mut self, tv: &timeval) -> Due {
        let (queue, now) = (self.common_of(tv), self.now());
        Due { queue, at: self.end_of(queue, now, tv) }
    }

    /// When a timeout that starts at `from` is due.
    #[inline]
    fn end_of(&self, queue: Option<QueueId>, from: u64, tv: &timeval) -> u64 {
        match queue.and_then(|queue| self.engine.reactor.common_duration(queue)) {
            Some(delay) => from.saturating_add(delay),
            None => after(from, tv),
        }
    }

    #[inline]
    fn arm(&mut self, key: Key, due: Due) {
        // A timeout that is about to be reported is moved, not reported.
        if self.engine.reactor.readiness(key).is_some_and(|r| r.contains(Ready::TIMEOUT)) {
            self.engine.reactor.deactivate(key);
        }
        match due.queue {
            Some(queue) => self.engine.reactor.set_common_timeout(key, queue, due.at),
            None => self.engine.reactor.set_timeout(key, due.at),
        };
    }

    /// The common queue that a value names, if it is one of this base's.
    #[inline]
    pub fn common_of(&self, tv: &timeval) -> Option<QueueId> {
        let queue = QueueId(common_index(tv)?);
        self.engine.reactor.common_duration(queue).map(|_| queue)
    }

    /// Arms the timeout of a persistent event again, before its callback runs: from when it was due, or from now if something
    /// else made it active or that time has passed. An event that was activated by hand becomes pending by this, as in the
    /// original.
    ///
    /// # Safety
    /// `e` points to a persistent event of this base.
    #[inline]
    pub unsafe fn rearm(&mut self, e: *mut event, key: Option<Key>, ready: Ready, due: u64) {
        // SAFETY: the caller's promise.
        let tv = unsafe { (*e).ev_io_timeout };
        let now = self.now();
        let queue = self.common_of(&tv);
        let from = if ready.contains(Ready::TIMEOUT) { due } else { now };
        let mut at = self.end_of(queue, from, &tv);
        if at < now {
            at = self.end_of(queue, now, &tv);
        }
        // An event that waits on its descriptor already, or for none, only needs its timeout.
        // SAFETY: the caller's promise.
        let shortly =
            unsafe { (*e).ev_events } & INSERTABLE == 0 || key.is_some_and(|key| self.engine.reactor.is_inserted(key));
        if let (Some(key), None, true) = (key, queue, shortly) {
            self.engine.reactor.set_timeout(key, at);
            return;
        }
        // SAFETY: the caller's promise.
        let _ = unsafe { self.add_at(e, Some(Due { queue, at })) };
    }

    /// Makes an event neither pending nor active.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base.
    #[inline(always)]
    pub unsafe fn del(&mut self, e: *mut event) {
        let cb = e.cast::<event_callback>();
        if self.current == cb {
            self.calls_left = 0;
        }
        // SAFETY: the caller's promise.
        unsafe {
            if (*cb).evcb_flags & evlist::INSERTED == 0 {
                return;
            }
            if (*cb).evcb_flags & evlist::TIMEOUT != 0 {
                return self.take_timer(cb);
            }
            if let Some(key) = self.key_of(cb) {
                self.engine.remove(key);
            }
            (*cb).evcb_flags &= !evlist::INSERTED;
        }
    }

    /// Makes an event active.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base.
    #[inline]
    pub unsafe fn activate(&mut self, e: *mut event, result: i16, calls: i16) {
        // SAFETY: the caller's promise.
        unsafe {
            let cb = e.cast::<event_callback>();
            if (*cb).evcb_flags & (evlist::INSERTED | evlist::FINALIZING | evlist::INTERNAL) != 0 {
                return self.activate_known(cb, result, calls);
            }
            let (ready, calls) = (Ready::from_bits_retain(result as u16), calls as u16);
            let key = self.engine.reactor.enqueue(Cb(cb), (*cb).evcb_pri, false, ready, calls);
            Self::mark(cb, key);
        }
    }

    /// [`activate`](Self::activate), if that takes no memory. Returns whether it was done.
    ///
    /// # Safety
    /// As for [`activate`](Self::activate).
    #[inline(always)]
    unsafe fn try_activate(&mut self, e: *mut event, result: i16, calls: i16) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            let cb = e.cast::<event_callback>();
            let (flags, priority) = ((*cb).evcb_flags, (*cb).evcb_pri);
            if flags & (evlist::INSERTED | evlist::FINALIZING | evlist::INTERNAL) != 0 {
                return self.try_activate_known(cb, result, calls);
            }
            let ready = Ready::from_bits_retain(result as u16);
            let Some(key) = self.engine.reactor.try_enqueue(Cb(cb), priority, ready, calls as u16) else {
                return false;
            };
            (*cb).key = key.to_bits();
            (*cb).evcb_flags = flags | evlist::INSERTED;
            true
        }
    }

    /// # Safety
    /// As for [`activate`](Self::activate).
    #[inline(never)]
    unsafe fn try_activate_known(&mut self, cb: *mut event_callback, result: i16, calls: i16) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            let room = (*cb).evcb_flags & evlist::TIMEOUT == 0 && self.engine.reactor.has_room((*cb).evcb_pri);
            if room {
                self.activate_known(cb, result, calls);
            }
            room
        }
    }

    /// # Safety
    /// As for [`activate`](Self::activate).
    #[inline(never)]
    unsafe fn activate_known(&mut self, cb: *mut event_callback, result: i16, calls: i16) {
        // SAFETY: the caller's promise.
        unsafe {
            if (*cb).evcb_flags & evlist::FINALIZING != 0 {
                return;
            }
            let (ready, calls) = (Ready::from_bits_retain(result as u16), calls as u16);
            match self.slotted(cb) {
                Some(key) => self.engine.reactor.activate(key, ready, calls),
                None => {
                    let internal = (*cb).evcb_flags & evlist::INTERNAL != 0;
                    let key = self.engine.reactor.enqueue(Cb(cb), (*cb).evcb_pri, internal, ready, calls);
                    Self::mark(cb, key);
                }
            }
        }
    }

    /// Whether somebody must wait for the running callback before it may take `cb` for gone.
    pub fn is_running_in_other_thread(&self, cb: *mut event_callback) -> bool {
        self.current == cb && self.running && !in_loop_thread(self)
    }
}

impl Base {
    /// `event_add` and friends, with everything around the machine.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base.
    #[inline(always)]
    pub(crate) unsafe fn add(&self, e: *mut event, timeout: Option<&timeval>) -> Result<(), Refused> {
        self.take_async_if_any();
        // SAFETY: the caller's promise.
        if unsafe { (*e).ev_events } & ev::SIGNAL != 0 {
            self.wait_for_current(e.cast());
        }
        // SAFETY: the caller's promise.
        let result = unsafe { self.core.enter().add(e, timeout) };
        if let Err(refused) = result {
            refused.report();
        }
        self.wake_if_waiting();
        result
    }

    /// `event_del` and friends.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base.
    #[inline(always)]
    pub(crate) unsafe fn del(&self, e: *mut event, blocking: Blocking) {
        self.take_async_if_any();
        let mut core = self.core.enter();
        // SAFETY: the caller's promise; the flags change in sections only.
        unsafe {
            if (*e).ev_evcallback.evcb_flags & evlist::FINALIZING != 0 && blocking != Blocking::EvenFinalizing {
                return;
            }
            core.del(e);
        }
        let waiters = core.current == e.cast() && core.is_running_in_other_thread(e.cast());
        drop(core);
        if self.wake.is_waiting() {
            self.wake_if_idle();
        }
        let wait = match blocking {
            Blocking::Always => true,
            // SAFETY: the caller's promise; only `event_assign` changes this.
            Blocking::Auto => (unsafe { (*e).ev_events }) & ev::FINALIZE == 0,
            Blocking::Never | Blocking::EvenFinalizing => false,
        };
        if waiters && wait {
            self.wait_for_current(e.cast());
        }
    }

    /// A loop that waits may have nothing left to wait for.
    #[cold]
    fn wake_if_idle(&self) {
        if self.section(|core| core.engine.reactor.is_idle()) {
            self.wake_if_waiting();
        }
    }

    /// `event_active`. Also called from signal handlers: where a section is open, the event is left for the loop.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base.
    #[inline(always)]
    pub(crate) unsafe fn activate(&self, e: *mut event, result: i16, calls: i16) {
        // SAFETY: the caller's promise.
        if unsafe { (*e).ev_events } & ev::SIGNAL != 0 && !self.core.is_open() {
            self.wait_for_current(e.cast());
        }
        // A handler may have interrupted the allocator, and what is left behind others stays behind them.
        if self.wake.reasons() & reason::ASYNC == 0
            && let Some(mut core) = self.core.try_enter()
            // SAFETY: the caller's promise.
            && unsafe { core.try_activate(e, result, calls) }
        {
            drop(core);
            return self.wake_if_waiting();
        }
        // SAFETY: the caller's promise.
        unsafe { self.leave_async(e, result, calls) };
    }

    /// Leaves an event for the loop. Async-signal-safe.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base.
    #[cold]
    unsafe fn leave_async(&self, e: *mut event, result: i16, calls: i16) {
        // SAFETY: the caller's promise; only atomics of the struct are touched.
        let event = unsafe { &*e };
        let left = u32::from(result as u16) | u32::from(calls.max(1) as u16) << 16;
        let (set, fetch) = (Ordering::AcqRel, Ordering::Acquire);
        // On the list already: only what happened is added.
        let joined = |old| if old == 0 { left } else { old | u32::from(result as u16) };
        if event.async_result.fetch_update(set, fetch, |old| Some(joined(old))).is_ok_and(|old| old != 0) {
            return;
        }
        let cb = e.cast::<event_callback>();
        let mut head = self.async_head.load(Ordering::Relaxed);
        loop {
            event.ev_evcallback.async_next.store(head, Ordering::Relaxed);
            match self.async_head.compare_exchange_weak(head, cb, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        self.wake.wake(reason::ASYNC);
    }

    /// Activates what signal handlers left, if anything.
    #[inline]
    pub(crate) fn take_async_if_any(&self) {
        if self.wake.reasons() & reason::ASYNC != 0 {
            self.take_async();
        }
    }

    /// Activates what signal handlers and calls without room left. One section from the mark to the last event: who finds
    /// the mark gone in another thread, and goes on to delete or free, waits for it there.
    #[cold]
    pub(crate) fn take_async(&self) {
        self.section(|core| {
            self.wake.take(reason::ASYNC);
            // The last one left is the first in the list.
            let mut list = self.async_head.swap(ptr::null_mut(), Ordering::AcqRel);
            let mut next = ptr::null_mut::<event_callback>();
            while !list.is_null() {
                // SAFETY: events on the list are alive: deletion and freeing take the list first, or wait for this section.
                let after = unsafe { (*list).async_next.swap(next, Ordering::Relaxed) };
                next = core::mem::replace(&mut list, after);
            }
            while !next.is_null() {
                let e = next.cast::<event>();
                // SAFETY: alive as above. The link is read first: a handler may leave the event anew once its result is 0.
                unsafe {
                    next = (*next).async_next.load(Ordering::Relaxed);
                    let left = (*e).async_result.swap(0, Ordering::AcqRel);
                    core.activate(e, left as i16, (left >> 16) as i16);
                }
            }
        });
    }

    /// Waits until `cb` does not run in another thread.
    #[inline]
    pub(crate) fn wait_for_current(&self, cb: *mut event_callback) {
        if !self.lock().is_null() {
            self.wait_for_current_locked(cb);
        }
    }

    #[cold]
    fn wait_for_current_locked(&self, cb: *mut event_callback) {
        self.lock().lock();
        while self.core.with_locked(|core| {
            let wait = core.is_running_in_other_thread(cb);
            core.current_waiters += u32::from(wait);
            wait
        }) {
            self.current_ended.wait(self.lock(), None);
        }
        self.lock().unlock();
    }
}

/// Whether a persistent event has a timeout to arm again.
///
/// # Safety
/// `e` points to an assigned event.
#[inline]
pub(crate) unsafe fn repeats(e: *const event) -> bool {
    // SAFETY: the caller's promise.
    is_set(unsafe { &(*e).ev_io_timeout })
}
