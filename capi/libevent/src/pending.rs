//! Adding, removing and activating events.

use crate::abi::event::{closure, ev, event, event_callback, evlist};
use crate::base::{Cb, Core, event_base, in_loop_thread, word};
use crate::time::{after, common_index, is_set, usual_nanos};
use crate::timer::move_earlier;
use core::ffi::c_int;
use core::ptr;
use core::sync::atomic::Ordering;
use evoxide_core::interest::{Change, Interest, Ready};
use evoxide_core::key::Key;
use evoxide_core::reactor::{AddError, Kind, QueueId};
use evoxide_ffi::guarded::Section;
use evoxide_ffi::{errno, warn, warnx};
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
    #[inline(never)]
    pub unsafe fn add(&mut self, e: *mut event, timeout: Option<&timeval>) -> Result<(), Refused> {
        let due = match timeout {
            Some(tv) => {
                // SAFETY: the caller's promise.
                unsafe {
                    if (*e).ev_evcallback.evcb_flags & evlist::FINALIZING == 0
                        && (*e).ev_evcallback.evcb_closure == closure::PERSIST
                    {
                        (*e).ev_io_timeout = *tv;
                    }
                }
                Some(self.due(tv))
            }
            None => None,
        };
        // SAFETY: the caller's promise.
        unsafe { self.add_at(e, due) }
    }

    /// [`add`](Self::add) by the short ways that most calls take: a fresh timer, and moving a timeout. Answers whether a
    /// loop that waits must be woken. `None`: take the long one.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    #[inline]
    unsafe fn add_shortly(&mut self, e: *mut event, tv: &timeval) -> Option<bool> {
        let cb = e.cast::<event_callback>();
        // SAFETY: the caller's promise.
        unsafe {
            let (flags, watching) = ((*cb).evcb_flags, (*e).ev_events & INSERTABLE != 0);
            if watching && flags & (evlist::TIMEOUT | evlist::INSERTED) == 0 {
                return None;
            }
            if flags & (evlist::FINALIZING | evlist::INTERNAL) != 0 || common_index(tv).is_some() {
                return None;
            }
            let persist = (*cb).evcb_closure == closure::PERSIST;
            let deadline = after(self.now(), tv);
            let earlier = if flags & evlist::TIMEOUT != 0 {
                self.timers.set_any(Cb(cb), deadline).ok()?
            } else if flags & evlist::INSERTED != 0 {
                let key = Key::from_bits((*cb).key)?;
                let position = self.reactor.move_timeout(key, Cb(cb), watching, deadline)?;
                position.is_some_and(|position| self.reactor.advance(position, deadline))
            } else if !watching {
                self.put_timer(cb, deadline).ok()?
            } else {
                return None;
            };
            if persist {
                (*e).ev_io_timeout = *tv;
            }
            Some(earlier)
        }
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
            Some(key) => self.reactor.promote(key, event.ev_events & ev::PERSIST != 0),
            None => {
                if self.reactor.try_reserve().is_err() {
                    return Err(Refused::Silently);
                }
                let kind = Kind {
                    persist: event.ev_events & ev::PERSIST != 0,
                    internal: event.ev_evcallback.evcb_flags & evlist::INTERNAL != 0,
                };
                self.reactor.insert(Cb(cb), event.ev_evcallback.evcb_pri, kind)
            }
        };
        if event.ev_events & INSERTABLE != 0
            && (existing.is_none() || !(self.reactor.is_inserted(key) || self.reactor.readiness(key).is_some()))
        {
            let watched =
                if event.ev_events & ev::SIGNAL != 0 { self.add_signal(event, key) } else { self.add_fd(event, key) };
            if let Err(refused) = watched {
                let _ = self.reactor.free_if_idle(key);
                return Err(refused);
            }
        }
        if let Some(due) = due {
            self.arm(key, due);
        } else if existing.is_none() && event.ev_events & INSERTABLE == 0 && !self.reactor.free_if_idle(key) {
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
        match self.reactor.watch_fd(key, event.ev_fd, interest, one_shot) {
            Ok(None) => Ok(()),
            Ok(Some(change)) => self.backend.apply(&change).map_err(|error| {
                self.reactor.undo_watch_fd(key, change);
                Refused::Kernel(change, error.raw_os_error().unwrap_or(libc::EINVAL))
            }),
            Err(AddError::ModeConflict) => Err(Refused::Mixed(event.ev_fd)),
            Err(AddError::TooMany) => Err(Refused::TooMany(event.ev_fd)),
            Err(_) => Err(Refused::Silently),
        }
    }

    fn add_signal(&mut self, event: &event, key: Key) -> Result<(), Refused> {
        match self.reactor.watch_signal(key, event.ev_fd) {
            Ok(false) => Ok(()),
            Ok(true) => self.signal_pipe().and_then(|pipe| pipe.subscribe(event.ev_fd)).map_err(|error| {
                self.reactor.undo_watch_signal(key);
                Refused::Signal(error.raw_os_error().unwrap_or(libc::EINVAL))
            }),
            // The kernel refuses number 0, and the original lets it.
            Err(_) if event.ev_fd == 0 => Err(Refused::Signal(libc::EINVAL)),
            Err(_) => Err(Refused::Silently),
        }
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
        match queue.and_then(|queue| self.reactor.common_duration(queue)) {
            Some(delay) => from.saturating_add(delay),
            None => after(from, tv),
        }
    }

    #[inline]
    fn arm(&mut self, key: Key, due: Due) {
        // A timeout that is about to be reported is moved, not reported.
        if self.reactor.readiness(key).is_some_and(|r| r.contains(Ready::TIMEOUT)) {
            self.reactor.deactivate(key);
        }
        match due.queue {
            Some(queue) => self.reactor.set_common_timeout(key, queue, due.at),
            None => self.reactor.set_timeout(key, due.at),
        };
    }

    /// The common queue that a value names, if it is one of this base's.
    #[inline]
    pub fn common_of(&self, tv: &timeval) -> Option<QueueId> {
        let queue = QueueId(common_index(tv)?);
        self.reactor.common_duration(queue).map(|_| queue)
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
            unsafe { (*e).ev_events } & INSERTABLE == 0 || key.is_some_and(|key| self.reactor.is_inserted(key));
        if let (Some(key), None, true) = (key, queue, shortly) {
            self.reactor.set_timeout(key, at);
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
                let gone = self.reactor.remove(key);
                self.tell(gone);
            }
            (*cb).evcb_flags &= !evlist::INSERTED;
        }
    }

    /// [`activate`](Self::activate) by the short way: an event that is not pending and joins the queue that runs. Answers
    /// whether it was taken.
    ///
    /// # Safety
    /// As for [`activate`](Self::activate).
    #[inline(always)]
    unsafe fn activate_shortly(&mut self, e: *mut event, result: i16, calls: i16) -> bool {
        let cb = e.cast::<event_callback>();
        // SAFETY: the caller's promise.
        unsafe {
            let flags = (*cb).evcb_flags;
            if flags & (evlist::INSERTED | evlist::FINALIZING | evlist::INTERNAL) != 0 {
                return false;
            }
            let ready = Ready::from_bits_retain(result as u16);
            let Some(key) = self.reactor.enqueue_shortly(Cb(cb), (*cb).evcb_pri, ready, calls as u16) else {
                return false;
            };
            (*cb).key = key.to_bits();
            (*cb).evcb_flags = flags | evlist::INSERTED;
        }
        true
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
            let shortly = self.reactor.enqueue_shortly(Cb(cb), (*cb).evcb_pri, ready, calls);
            let key = shortly.unwrap_or_else(|| self.reactor.enqueue(Cb(cb), (*cb).evcb_pri, false, ready, calls));
            Self::mark(cb, key);
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
                Some(key) => self.reactor.activate(key, ready, calls),
                None => {
                    let internal = (*cb).evcb_flags & evlist::INTERNAL != 0;
                    let key = self.reactor.enqueue(Cb(cb), (*cb).evcb_pri, internal, ready, calls);
                    Self::mark(cb, key);
                }
            }
        }
    }

    /// Whether an event can become active without memory.
    ///
    /// # Safety
    /// `cb` points to an assigned event of this base.
    #[inline]
    unsafe fn has_room_for(&self, cb: *mut event_callback) -> bool {
        // SAFETY: the caller's promise.
        let (flags, priority) = unsafe { ((*cb).evcb_flags, (*cb).evcb_pri) };
        flags & evlist::TIMEOUT == 0 && self.reactor.has_room(priority)
    }

    /// Whether somebody must wait for the running callback before it may take `cb` for gone.
    pub fn runs_elsewhere(&self, cb: *mut event_callback) -> bool {
        self.current == cb && self.running && !in_loop_thread(self)
    }
}

/// The short ways: on a [plain](event_base::plain) base, in one section without a call to anything but the reactor. `false`:
/// nothing was done, take the long one.
impl event_base {
    /// `event_add` that moves the timeout of a plain timer while callbacks run.
    ///
    /// # Safety
    /// `e` points to an event of this base that is [`evlist::TIMEOUT`], and neither internal nor to be finalized.
    #[inline(always)]
    pub(crate) unsafe fn move_timer_plainly(&self, e: *mut event, tv: &timeval) -> bool {
        let cb = e.cast::<event_callback>();
        let Some(mut core) = self.core.try_enter_locked() else { return false };
        let Some(delay) = usual_nanos(tv) else { return false };
        if core.cached == 0 {
            return false;
        }
        let deadline = core.cached.wrapping_add(delay);
        // SAFETY: the caller's promise; nothing else refers to the struct inside this section.
        unsafe {
            if (*cb).evcb_flags & evlist::TIMEOUT == 0 {
                // A signal handler has made it active since the caller looked.
                return false;
            }
            if (*cb).evcb_closure == closure::PERSIST {
                (*e).ev_io_timeout = *tv;
            }
        }
        if core.timers.postpone(Cb(cb), deadline) { true } else { move_earlier(core, cb, deadline) }
    }

    /// `event_add` that moves the timeout of an event with a slot while callbacks run.
    ///
    /// # Safety
    /// `e` points to an event of this base that is [`evlist::INSERTED`] and no plain timer.
    #[inline(always)]
    pub(crate) unsafe fn move_plainly(&self, e: *mut event, tv: &timeval) -> bool {
        let cb = e.cast::<event_callback>();
        let Some(mut core) = self.core.try_enter_locked() else { return false };
        // SAFETY: the caller's promise; nothing else refers to the struct inside this section.
        unsafe {
            let Some(delay) = usual_nanos(tv) else { return false };
            if core.cached == 0 || (*cb).evcb_flags & (evlist::FINALIZING | evlist::INTERNAL) != 0 {
                return false;
            }
            let deadline = core.cached.wrapping_add(delay);
            let Some(key) = Key::from_bits((*cb).key) else { return false };
            let watching = (*e).ev_events & INSERTABLE != 0;
            let Some(moved) = core.reactor.move_timeout(key, Cb(cb), watching, deadline) else { return false };
            if (*cb).evcb_closure == closure::PERSIST {
                (*e).ev_io_timeout = *tv;
            }
            match moved {
                Some(position) => advance(core, position, deadline),
                None => true,
            }
        }
    }

    /// `event_active`.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base.
    #[inline(always)]
    pub(crate) unsafe fn activate_plainly(&self, e: *mut event, result: i16, calls: i16) -> bool {
        // SAFETY: the caller's promise.
        self.plain && unsafe { self.activate_unlocked(e, result, calls) }
    }

    /// [`activate_plainly`](Self::activate_plainly) on a base that is known to be plain.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base, which is plain.
    #[inline(always)]
    pub(crate) unsafe fn activate_unlocked(&self, e: *mut event, result: i16, calls: i16) -> bool {
        let Some(mut core) = self.core.try_enter_locked() else { return false };
        // SAFETY: the caller's promise.
        let done = unsafe { core.activate_shortly(e, result, calls) };
        drop(core);
        if done {
            self.wake_if_waiting();
        }
        done
    }

    /// [`activate_plainly`](Self::activate_plainly) where another queue than the one that runs is joined.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    pub(crate) unsafe fn activate_elsewhere(&self, e: *mut event, result: i16, calls: i16) -> bool {
        if !self.plain {
            return false;
        }
        let Some(mut core) = self.core.try_enter_locked() else { return false };
        let cb = e.cast::<event_callback>();
        // SAFETY: the caller's promise; nothing else refers to the struct inside this section.
        unsafe {
            let flags = (*cb).evcb_flags;
            if flags & (evlist::INSERTED | evlist::FINALIZING | evlist::INTERNAL) != 0 {
                return false;
            }
            let ready = Ready::from_bits_retain(result as u16);
            let Some(key) = core.reactor.enqueue_elsewhere(Cb(cb), (*cb).evcb_pri, ready, calls as u16) else {
                return false;
            };
            (*cb).key = key.to_bits();
            (*cb).evcb_flags = flags | evlist::INSERTED;
        }
        drop(core);
        self.wake_if_waiting();
        true
    }
}

/// Ends [`event_base::move_plainly`], and its section.
#[inline(never)]
fn advance(mut core: Section<'_, Core>, position: u32, deadline: u64) -> bool {
    // Callbacks run, so no loop waits for the first timeout.
    core.reactor.advance(position, deadline);
    true
}

impl event_base {
    /// `event_add` and friends, with everything around the machine.
    ///
    /// # Safety
    /// `e` points to an assigned event of this base.
    #[inline(always)]
    pub(crate) unsafe fn add(&self, e: *mut event, timeout: Option<&timeval>) -> Result<(), Refused> {
        self.take_async_if_any();
        if let Some(tv) = timeout {
            // SAFETY: the caller's promise.
            if let Some(earlier) = unsafe { self.core.enter().add_shortly(e, tv) } {
                if earlier {
                    self.wake_if_waiting();
                }
                return Ok(());
            }
        }
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
        let waiters = core.current == e.cast() && core.runs_elsewhere(e.cast());
        drop(core);
        if self.waiting.load(Ordering::Relaxed) {
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
        if self.section(|core| core.reactor.is_idle()) {
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
        // SAFETY: the caller's promise.
        unsafe {
            // A handler may have interrupted the allocator, and what is left behind others stays behind them.
            match self.core.try_enter() {
                Some(mut core)
                    if self.word.load(Ordering::Relaxed) & word::ASYNC == 0 && core.has_room_for(e.cast()) =>
                {
                    core.activate(e, result, calls);
                }
                entered => {
                    drop(entered);
                    return self.leave_async(e, result, calls);
                }
            }
        }
        self.wake_if_waiting();
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
        self.word.fetch_or(word::ASYNC, Ordering::SeqCst);
        self.wake_if_waiting();
    }

    /// Activates what signal handlers left, if anything.
    #[inline]
    pub(crate) fn take_async_if_any(&self) {
        if self.word.load(Ordering::Relaxed) & word::ASYNC != 0 {
            self.take_async();
        }
    }

    /// Activates what signal handlers left.
    #[cold]
    pub(crate) fn take_async(&self) {
        self.word.fetch_and(!word::ASYNC, Ordering::SeqCst);
        // The last one left is the first in the list.
        let mut list = self.async_head.swap(ptr::null_mut(), Ordering::AcqRel);
        let mut next = ptr::null_mut::<event_callback>();
        while !list.is_null() {
            // SAFETY: events on the list are alive: deletion and freeing take the list first.
            let after = unsafe { (*list).async_next.swap(next, Ordering::Relaxed) };
            next = core::mem::replace(&mut list, after);
        }
        while !next.is_null() {
            let e = next.cast::<event>();
            // SAFETY: events on the list are alive: deletion and freeing take the list first.
            let (after, left) = unsafe {
                let after = (*next).async_next.load(Ordering::Relaxed);
                (after, (*e).async_result.swap(0, Ordering::AcqRel))
            };
            // SAFETY: as above.
            self.section(|core| unsafe { core.activate(e, left as i16, (left >> 16) as i16) });
            next = after;
        }
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
            let wait = core.runs_elsewhere(cb);
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
