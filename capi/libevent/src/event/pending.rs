//! Adding, removing and activating events.

use crate::abi::event::{closure, ev, event, event_callback, evlist};
use crate::base::{Base, Cb, Core, Timer, in_loop_thread, reason};
use crate::event::timer::{Due, Structs};
use crate::util::time::{after, common_index, is_set, usual_nanos};
use core::{ffi::c_int, ptr, sync::atomic::Ordering};
use evoxide_core::interest::{Change, Interest, Ready};
use evoxide_core::key::Key;
use evoxide_core::reactor::{AddError, Kind};
use evoxide_ffi::guarded::Section;
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
        let code = |error: evoxide_sys::os::io::Error| error.raw_os_error().unwrap_or(libc::EINVAL);
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
    /// It stays in place until it is neither pending nor active.
    #[inline(always)]
    pub unsafe fn add(&mut self, e: &event, timeout: Option<timeval>) -> Result<(), Refused> {
        if e.is(evlist::FINALIZING) {
            return Err(Refused::Silently);
        }
        let Some(tv) = timeout else { return if self.only_waits(e) { Ok(()) } else { self.wait(e, false) } };
        if e.evcb_closure.get() == closure::PERSIST {
            e.ev_io_timeout.set(tv);
        }
        let now = self.now();
        // SAFETY: the event stays in place until it is neither pending nor active.
        unsafe {
            match usual_nanos(&tv) {
                Some(delay) => self.add_until(e, None, now + delay),
                None => self.add_due(e, self.due(now, &tv)),
            }
        }
    }

    /// # Safety
    /// As for [`add_until`](Self::add_until).
    #[inline(never)]
    unsafe fn add_due(&mut self, e: &event, due: Due) -> Result<(), Refused> {
        // SAFETY: as promised.
        unsafe { self.add_until(e, due.queue, due.at) }
    }

    /// Makes an event pending with a timeout that is due at a time, in a common queue if one is given.
    ///
    /// # Safety
    /// As for [`add`](Self::add). It is not one that gets finalized.
    #[inline(always)]
    unsafe fn add_until(&mut self, e: &event, queue: Option<u16>, at: u64) -> Result<(), Refused> {
        let waits = self.only_waits(e);
        // What every busy connection does to its timeout is one store.
        if waits && queue.is_none() && e.is(evlist::TIMEOUT) && self.postpone(e, at) {
            return Ok(());
        }
        if self.timers.reserve().is_err() {
            return Err(Refused::Silently);
        }
        if !waits {
            self.wait(e, true)?;
        }
        // SAFETY: it has no other timeout, and stays in place until it is not pending.
        unsafe { self.set_timer(e, queue, at) };
        Ok(())
    }

    /// Whether an event waits for all it can wait for, but perhaps a timeout, and is not active.
    #[inline(always)]
    fn only_waits(&self, e: &event) -> bool {
        if !e.is(evlist::INSERTED) {
            return !e.has(INSERTABLE);
        }
        let view = Key::from_bits(e.key.get()).and_then(|key| self.engine.reactor.view(key));
        view.is_some_and(|view| view.payload == Cb::of(e) && view.inserted && view.ready.is_none() && !view.later)
    }

    /// Moves the timeout of an event that has one, if that is one store.
    #[inline(always)]
    pub fn postpone(&mut self, e: &event, deadline: u64) -> bool {
        // SAFETY: it is among the timers.
        self.timers.postpone(&mut Structs, unsafe { Timer::new(e) }, deadline)
    }

    /// Lets an event wait that does not yet, or is active. `timed`: it gets a timeout, and one that is about to be reported is moved,
    /// not reported.
    #[inline(never)]
    fn wait(&mut self, e: &event, timed: bool) -> Result<(), Refused> {
        let key = self.key_of(e);
        if let Some(key) = key {
            if timed
                && self.engine.reactor.view(key).and_then(|view| view.ready).is_some_and(|r| r.contains(Ready::TIMEOUT))
                && !self.engine.reactor.deactivate(key)
            {
                e.clear(evlist::INSERTED);
            }
        } else if e.has(INSERTABLE) {
            let key = self.watch(e)?;
            Self::mark(e, key);
            if !e.is(evlist::TIMEOUT) {
                e.deadline.set(0);
            }
        }
        Ok(())
    }

    /// Gives an event a slot that waits for its descriptor or signal.
    fn watch(&mut self, e: &event) -> Result<Key, Refused> {
        let kind = Kind { persist: e.has(ev::PERSIST), internal: e.is(evlist::INTERNAL) };
        let inserted = self.engine.reactor.insert(Cb::of(e), e.evcb_pri.get(), kind);
        let key = inserted.map_err(|_| Refused::Silently)?;
        let watched = if e.has(ev::SIGNAL) { self.add_signal(e, key) } else { self.add_fd(e, key) };
        if watched.is_err() {
            self.engine.remove(key);
        }
        watched.map(|()| key)
    }

    #[inline]
    fn add_fd(&mut self, event: &event, key: Key) -> Result<(), Refused> {
        let interest = Interest::from_bits_truncate(event.ev_events.get() as u16).difference(Interest::ONESHOT);
        let fd = event.ev_fd.get();
        self.engine.watch_fd(key, fd, interest, !event.has(ev::PERSIST)).map_err(|error| Refused::of(error, fd))
    }

    fn add_signal(&mut self, event: &event, key: Key) -> Result<(), Refused> {
        let signal = event.ev_fd.get();
        self.engine.watch_signal(key, signal).map_err(|error| match error {
            // The kernel refuses number 0, and the original lets it.
            WatchError::Refused(_) if signal == 0 => Refused::Signal(libc::EINVAL),
            error => Refused::of(error, signal),
        })
    }

    /// When a timeout that starts at `from` is due.
    #[inline(never)]
    fn due(&self, from: u64, tv: &timeval) -> Due {
        let common = common_index(tv).and_then(|queue| Some((queue, self.timers.common_duration(queue)?)));
        match common {
            Some((queue, delay)) => Due { queue: Some(queue), at: from.saturating_add(delay) },
            None => Due { queue: None, at: after(from, tv) },
        }
    }

    /// Arms the timeout of a persistent event again, before its callback runs: from when it was due, or from now if something
    /// else made it active or that time has passed. An event that was activated by hand becomes pending by this, as in the
    /// original.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    #[inline]
    pub unsafe fn rearm(&mut self, e: &event, ready: Ready) {
        let (tv, now) = (e.ev_io_timeout.get(), self.now());
        let from = if ready.contains(Ready::TIMEOUT) { e.deadline.get() } else { now };
        let mut due = self.due(from, &tv);
        if due.at < now {
            due = self.due(now, &tv);
        }
        if !e.is(evlist::FINALIZING) {
            // SAFETY: the event stays in place until it is neither pending nor active.
            let _ = unsafe { self.add_due(e, due) };
        }
    }

    /// Makes an event neither pending nor active.
    #[inline(always)]
    pub fn del(&mut self, e: &event) {
        if self.current == Cb::of(e) {
            self.calls_left = 0;
        }
        if e.is(evlist::TIMEOUT) {
            self.take_timer(e);
        }
        if e.is(evlist::INSERTED) {
            if let Some(key) = self.key_of(e) {
                self.engine.remove(key);
            }
            e.clear(evlist::INSERTED);
        }
    }

    /// Makes an event active.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    pub unsafe fn activate(&mut self, e: &event, result: i16, calls: i16) {
        if e.is(evlist::INSERTED | evlist::FINALIZING | evlist::INTERNAL) {
            return self.activate_known(e, result, calls);
        }
        let (ready, calls) = (Ready::from_bits_retain(result as u16), calls as u16);
        let key = self.engine.reactor.enqueue(Cb::of(e), e.evcb_pri.get(), false, ready, calls);
        Self::mark(e, key);
    }

    /// [`activate`](Self::activate), if that takes no memory. Returns whether it was done.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    #[inline(always)]
    unsafe fn try_activate(&mut self, e: &event, result: i16, calls: i16) -> bool {
        let priority = e.evcb_pri.get();
        if e.is(evlist::INSERTED | evlist::FINALIZING | evlist::INTERNAL) {
            return self.try_activate_known(e, result, calls);
        }
        let ready = Ready::from_bits_retain(result as u16);
        let Some(key) = self.engine.reactor.try_enqueue(Cb::of(e), priority, ready, calls as u16) else {
            return false;
        };
        Self::mark(e, key);
        true
    }

    #[inline(never)]
    fn try_activate_known(&mut self, e: &event, result: i16, calls: i16) -> bool {
        let room = self.engine.reactor.has_room(e.evcb_pri.get());
        if room {
            self.activate_known(e, result, calls);
        }
        room
    }

    /// Makes an event active of which the base may know.
    #[inline(never)]
    fn activate_known(&mut self, e: &event, result: i16, calls: i16) {
        if e.is(evlist::FINALIZING) {
            return;
        }
        let (ready, calls) = (Ready::from_bits_retain(result as u16), calls as u16);
        match self.key_of(e) {
            Some(key) => self.engine.reactor.activate(key, ready, calls),
            None => {
                let internal = e.is(evlist::INTERNAL);
                let key = self.engine.reactor.enqueue(Cb::of(e), e.evcb_pri.get(), internal, ready, calls);
                Self::mark(e, key);
            }
        }
    }

    /// Whether somebody must wait for the running callback before it may take `cb` for gone.
    pub fn is_running_in_other_thread(&self, cb: Cb) -> bool {
        self.current == cb && self.running && !in_loop_thread(self)
    }
}

impl Base {
    /// `event_add` and friends, with everything around the machine.
    ///
    /// # Safety
    /// It is an event of this base and stays in place until it is neither pending nor active.
    #[inline(always)]
    pub(crate) unsafe fn add(&self, e: &event, timeout: Option<timeval>) -> Result<(), Refused> {
        self.take_async_if_any();
        if e.has(ev::SIGNAL) {
            self.wait_for_current(Cb::of(e));
        }
        // SAFETY: the event stays in place until it is neither pending nor active.
        let result = unsafe { self.core.enter().add(e, timeout) };
        match result {
            Ok(()) => self.wake_if_waiting(),
            Err(refused) => refused.report(),
        }
        result
    }

    /// `event_del` and friends.
    #[inline(always)]
    pub(crate) fn del(&self, e: &event, blocking: Blocking) {
        self.take_async_if_any();
        let mut core = self.core.enter();
        if e.is(evlist::FINALIZING) && blocking != Blocking::EvenFinalizing {
            return;
        }
        core.del(e);
        let waiters = core.is_running_in_other_thread(Cb::of(e));
        drop(core);
        if self.wake.is_waiting() {
            self.wake_if_idle();
        }
        let wait = match blocking {
            Blocking::Always => true,
            Blocking::Auto => !e.has(ev::FINALIZE),
            Blocking::Never | Blocking::EvenFinalizing => false,
        };
        if waiters && wait {
            self.wait_for_current(Cb::of(e));
        }
    }

    /// A loop that waits may have nothing left to wait for.
    #[cold]
    fn wake_if_idle(&self) {
        if self.section(|core| core.engine.reactor.counts().is_idle()) {
            self.wake_if_waiting();
        }
    }

    /// `event_active`. Also called from signal handlers: where a section is open, the event is left for the loop.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    #[inline(always)]
    pub(crate) unsafe fn activate(&self, e: &event, result: i16, calls: i16) {
        if e.has(ev::SIGNAL) && !self.core.is_open() {
            self.wait_for_current(Cb::of(e));
        }
        let Some(mut core) = self.core.try_enter() else { return self.leave_async(e, result, calls) };
        if self.wake.is_noted() {
            // SAFETY: the event stays in place until it is neither pending nor active.
            return unsafe { self.activate_noted(core, e, result, calls) };
        }
        // A handler may have interrupted the allocator.
        // SAFETY: the event stays in place until it is neither pending nor active.
        if unsafe { !core.try_activate(e, result, calls) } {
            drop(core);
            self.leave_async(e, result, calls);
        }
    }

    /// [`activate`](Self::activate) where the loop waits, or somebody wants something of it.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    #[inline(never)]
    unsafe fn activate_noted(&self, mut core: Section<'_, Core>, e: &event, result: i16, calls: i16) {
        // What is left behind others stays behind them.
        // SAFETY: the event stays in place until it is neither pending nor active.
        let done = self.wake.reasons() & reason::ASYNC == 0 && unsafe { core.try_activate(e, result, calls) };
        drop(core);
        if done { self.wake_if_waiting() } else { self.leave_async(e, result, calls) }
    }

    /// Leaves an event for the loop. Async-signal-safe: only atomics of the struct are touched.
    #[cold]
    fn leave_async(&self, e: &event, result: i16, calls: i16) {
        let left = u32::from(result as u16) | u32::from(calls.max(1) as u16) << 16;
        let (set, fetch) = (Ordering::AcqRel, Ordering::Acquire);
        // On the list already: only what happened is added.
        let joined = |old| if old == 0 { left } else { old | u32::from(result as u16) };
        if e.async_result.fetch_update(set, fetch, |old| Some(joined(old))).is_ok_and(|old| old != 0) {
            return;
        }
        let cb = Cb::of(e).raw();
        let mut head = self.async_head.load(Ordering::Relaxed);
        loop {
            e.async_next.store(head, Ordering::Relaxed);
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
                // SAFETY: events only are left, alive as above.
                unsafe {
                    let e = &*next.cast::<event>();
                    // The link is read first: a handler may leave the event again once its result is 0.
                    next = e.async_next.load(Ordering::Relaxed);
                    let left = e.async_result.swap(0, Ordering::AcqRel);
                    core.activate(e, left as i16, (left >> 16) as i16);
                }
            }
        });
    }

    /// Waits until `cb` does not run in another thread.
    #[inline]
    pub(crate) fn wait_for_current(&self, cb: Cb) {
        if !self.lock().is_null() {
            self.wait_for_current_locked(cb);
        }
    }

    #[cold]
    fn wait_for_current_locked(&self, cb: Cb) {
        self.lock().lock();
        while self.core.with_locked(|core| {
            let wait = core.is_running_in_other_thread(cb);
            core.current_waiters += u32::from(wait);
            if wait {
                self.wake.wake(reason::WAITED);
            }
            wait
        }) {
            self.current_ended.wait(self.lock(), None);
        }
        self.lock().unlock();
    }
}

/// Whether a persistent event has a timeout to arm again.
#[inline]
pub(crate) fn repeats(e: &event) -> bool {
    is_set(&e.ev_io_timeout.get())
}
