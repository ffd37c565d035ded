//! The loop, and running one callback.
//!
//! A turn is: one section that plans the wait, the wait with nothing locked, one section that takes its reports, then for each
//! ready event one short section that pops it, publishes it as "current" and copies its callback, and the call. The call happens
//! outside every section, in frames that own nothing: C++ exceptions and `longjmp` may pass.
//!
//! `watch` runs before and after each wait. On top of the loop: `lifecycle` (making and freeing a base), `entries` (a base's functions in
//! `event2/event.h`), `compat` (`event2/event_compat.h`).

pub(crate) mod compat;
pub(crate) mod entries;
pub(crate) mod lifecycle;
pub(crate) mod watch;

use crate::abi::event::{closure, ev, event, evlist};
use crate::base::{Base, Cb, Core, reason};
use crate::event::pending::repeats;
use crate::event::timer::Structs;
use crate::util::time::usual_nanos;
use core::ffi::c_int;
use core::sync::atomic::Ordering;
use evoxide_core::interest::Ready;
use evoxide_core::key::Key;
use evoxide_core::reactor::{After, Popped};
use evoxide_ffi::lock;
use evoxide_ffi::{mm, warn, warnx};
use evoxide_sys::backend::Waiter;
use evoxide_sys::clock;
use evoxide_sys::engine::Tags;
use evoxide_sys::wake::Wake;

/// `EVLOOP_*`.
pub(crate) mod evloop {
    use core::ffi::c_int;
    pub const ONCE: c_int = 0x01;
    pub const NONBLOCK: c_int = 0x02;
    pub const NO_EXIT_ON_EMPTY: c_int = 0x04;
}

/// What a wait left to do.
#[derive(PartialEq, Eq)]
enum Found {
    Nothing,
    /// Only descriptors of the loop's own were ready, which runs nothing. The original has an event for those, and so looks once
    /// more before a loop that does not block ends.
    Own,
    /// Events are ready.
    Ready,
}

/// `event_base_loop`. Callbacks may unwind or jump out, but must not free the base.
pub(crate) fn event_loop(b: &Base, flags: c_int) -> c_int {
    let refused = b.section(|core| {
        if core.running {
            return true;
        }
        core.running = true;
        core.ran = false;
        core.owner = lock::thread_id();
        core.cached = 0;
        false
    });
    if refused {
        warnx!("event_base_loop: reentrant invocation.  Only one event_base_loop can run on each event_base at once.");
        return -1;
    }
    b.wake.take(reason::BREAK);
    b.got_break.store(false, Ordering::Relaxed);
    b.got_exit.store(false, Ordering::Relaxed);
    let answer = loop {
        if b.got_exit.load(Ordering::Relaxed) {
            break 0;
        }
        if b.wake.reasons() != 0 {
            if b.take_break() {
                break 0;
            }
            b.take_reasons();
        }
        let watched = b.watched.load(Ordering::Relaxed);
        if watched {
            if flags & evloop::NO_EXIT_ON_EMPTY == 0 && b.section(|core| core.engine.reactor.counts().is_idle()) {
                break 1;
            }
            let timeout = b.section(|core| core.timeout(flags));
            watch::run_prepare(b, timeout);
        }
        // SAFETY: this thread runs the loop: `running` admits no other.
        let waiter = unsafe { &mut *b.waiter.get() };
        let Some((timeout, look)) = b.begin_wait(flags, waiter) else { break 1 };
        let waited = waiter.wait(timeout);
        if timeout != Some(0) {
            b.wake.end_wait();
            b.wake.take(Wake::LOOK);
        }
        let found = match waited {
            Ok(found) => found,
            Err(error) => {
                evoxide_ffi::errno::set(error.raw_os_error().unwrap_or(libc::EINVAL));
                warn!("{}", b.section(|core| core.wait_call()));
                break -1;
            }
        };
        if watched {
            watch::run_check(b);
        }
        let found = b.section(|core| core.finish_wait(waiter, found != 0, look));
        if found == Found::Ready {
            // SAFETY: this thread runs the loop; every callback's owner keeps it alive while it is active.
            let ran = unsafe { run_batch(b) };
            if flags & evloop::ONCE != 0 && ran && b.section(|core| core.engine.reactor.counts().active) == 0 {
                break 0;
            }
        } else if found == Found::Nothing && flags & evloop::NONBLOCK != 0 {
            break 0;
        }
    };
    b.section(|core| {
        core.cached = 0;
        core.running = false;
    });
    answer
}

impl Core {
    /// How long to wait: not at all while anything is ready.
    #[inline]
    fn timeout(&mut self, flags: c_int) -> Option<u64> {
        self.cached = 0;
        if self.engine.reactor.counts().active > 0 || flags & evloop::NONBLOCK != 0 {
            return Some(0);
        }
        if self.timers.is_empty() {
            return None;
        }
        let now = self.clock();
        self.timers.first_deadline(&mut Structs, now).map(|first| first.saturating_sub(now))
    }

    /// Takes what the wait found, if `any`. `look`: it was no wait, as something was ready.
    #[inline(never)]
    fn finish_wait(&mut self, waiter: &Waiter, any: bool, look: bool) -> Found {
        let now = if look { self.refresh_time_coarse() } else { self.refresh_time() };
        let tags = if any { self.engine.finish_wait(waiter).unwrap_or_default() } else { Tags::default() };
        self.expire(now);
        // Signals come after timeouts, as in the original.
        self.engine.serve(tags);
        if self.engine.reactor.counts().active == 0 {
            return if tags.is_empty() { Found::Nothing } else { Found::Own };
        }
        self.engine.reactor.begin_batch(|| now);
        Found::Ready
    }

    /// The system call that a failed wait made.
    fn wait_call(&self) -> &'static str {
        self.method().wait_call().to_str().unwrap_or_default()
    }

    /// Ends the batch, and with it the callback that ran. Returns whether there was one, and whether threads wait for its end.
    #[inline]
    fn end_batch(&mut self) -> (bool, bool) {
        let waited_for = self.end_current();
        (core::mem::take(&mut self.ran), waited_for)
    }

    /// Ends the callback that ran. Returns whether threads wait for that.
    #[inline]
    fn end_current(&mut self) -> bool {
        self.ran |= self.current != Cb::default();
        self.current = Cb::default();
        core::mem::take(&mut self.current_waiters) > 0
    }

    /// Whether the batch goes on where no event was popped: it may have stopped to look at the clock.
    fn extend_batch(&mut self) -> bool {
        let mut read = None;
        let more = self.engine.reactor.extend_batch(|| *read.insert(clock::monotonic()));
        if let Some(now) = read {
            self.read = now;
            self.cached = if self.keep_time { now } else { self.cached };
        }
        more
    }

    /// Finishes what popping an event left to do: its flags follow, its timeout ends or is armed again, the kernel is told. Returns
    /// its closure.
    ///
    /// # Safety
    /// The callback was just popped, and is alive.
    #[inline(always)]
    unsafe fn finish_popped(&mut self, popped: &Popped<Cb>) -> u8 {
        // SAFETY: alive, as promised.
        let cb = unsafe { popped.payload.callback() };
        match popped.after {
            After::Unchanged => {
                // SAFETY: it has a slot that waits on a descriptor, so it is an event.
                let e = unsafe { popped.payload.event() };
                if repeats(e) {
                    self.repeat(e, popped.ready);
                }
                closure::PERSIST
            }
            After::Removed => {
                let closure = cb.evcb_closure.get();
                cb.clear(evlist::INSERTED);
                // SAFETY: events only have this closure.
                let repeats = closure == closure::PERSIST && repeats(unsafe { popped.payload.event() });
                if repeats || cb.is(evlist::TIMEOUT) {
                    // SAFETY: it has or had a timeout, so it is an event.
                    self.finish_removed(unsafe { popped.payload.event() }, popped.ready);
                } else {
                    crate::base::debug::ended(popped.payload);
                }
                closure
            }
            after => {
                // SAFETY: it has a slot that waits or waited, so it is an event.
                self.finish_event(unsafe { popped.payload.event() }, popped.key, popped.ready, after);
                cb.evcb_closure.get()
            }
        }
    }

    /// [`finish_popped`](Self::finish_popped) of an event with a timeout that is no event of the reactor any more.
    #[inline(never)]
    fn finish_removed(&mut self, e: &event, ready: Ready) {
        self.finish_event(e, None, ready, After::Removed);
    }

    /// Arms the timeout of a popped event again that waits for all it can wait for.
    #[inline(never)]
    fn repeat(&mut self, e: &event, ready: Ready) {
        let one_store = self.cached != 0
            && e.is(evlist::TIMEOUT)
            && usual_nanos(&e.ev_io_timeout.get()).is_some_and(|delay| self.postpone(e, self.cached + delay));
        if !one_store {
            self.finish_event(e, None, ready, After::Unchanged);
        }
    }

    /// [`finish_popped`](Self::finish_popped) of an event that ends, or whose timeout does or is armed again.
    #[inline(never)]
    fn finish_event(&mut self, e: &event, key: Option<Key>, ready: Ready, after: After) {
        if after == After::Unlink
            && let Some(key) = key
        {
            self.engine.remove(key);
            e.clear(evlist::INSERTED);
        }
        if !e.has(ev::PERSIST) && e.is(evlist::TIMEOUT) {
            self.take_timer(e);
        }
        if e.evcb_closure.get() == closure::PERSIST && repeats(e) {
            // SAFETY: as promised when it was added: it stays until it is neither pending nor active.
            unsafe { self.rearm(e, ready) };
        } else if let Some(key) = key.filter(|_| after != After::Unlink)
            && ready.contains(Ready::TIMEOUT)
            && !e.is(evlist::TIMEOUT)
            && e.deadline.get() != 0
        {
            // Its timeout ends even a persistent event, unless that repeats.
            self.engine.remove(key);
            e.clear(evlist::INSERTED);
        }
        if !e.is(evlist::INSERTED | evlist::TIMEOUT) {
            crate::base::debug::ended(Cb::of(e));
        }
    }
}

impl Base {
    /// Plans again, publishes that the loop waits, if it will, and shows the backend's waiting half what to wait for. `None`:
    /// nothing is left to wait for. Otherwise how long to wait, and whether that is only a look, as something is ready.
    #[inline(always)]
    fn begin_wait(&self, flags: c_int, waiter: &mut Waiter) -> Option<(Option<u64>, bool)> {
        let mut core = self.core.enter();
        core.deferred = core.engine.reactor.promote_next_turn();
        core.cached = 0;
        // Without memory the wait goes on with what it knows.
        let _ = core.engine.begin_wait(waiter);
        if core.engine.reactor.counts().active > 0 {
            return Some((Some(0), true));
        }
        if flags & evloop::NO_EXIT_ON_EMPTY == 0 && core.engine.reactor.counts().is_idle() {
            return None;
        }
        let timeout = core.timeout(flags);
        // In the section: who changes what the loop looks at, later on, wakes it.
        let waits = timeout != Some(0) && self.wake.begin_wait();
        Some((if waits { timeout } else { Some(0) }, false))
    }

    /// Whether the loop was told to break; forgets it, and remembers that it was so.
    fn take_break(&self) -> bool {
        if self.wake.take(reason::BREAK) == 0 {
            return false;
        }
        self.got_break.store(true, Ordering::Relaxed);
        true
    }

    /// Takes what was left without a section: events of signal handlers, and the wish to exit.
    #[cold]
    pub(crate) fn take_reasons(&self) {
        self.take_async_if_any();
        if self.wake.take(reason::EXIT | Wake::LOOK) & reason::EXIT != 0 {
            let priority = (self.priorities.load(Ordering::Relaxed) / 2) as u8;
            // SAFETY: the callback is part of the base.
            self.section(|core| unsafe { core.activate_callback(&self.exit, priority) });
        }
    }
}

/// Runs what is ready, in order. Returns whether anything ran.
///
/// # Safety
/// This thread runs the loop of `b`.
#[inline(never)]
unsafe fn run_batch(b: &Base) -> bool {
    loop {
        let mut core = b.core.enter();
        if b.wake.reasons() != 0 {
            drop(core);
            if b.must_stop() {
                return b.end_batch();
            }
            continue;
        }
        let Some(popped) = core.engine.reactor.pop_ready() else {
            if core.extend_batch() {
                continue;
            }
            let (ended, waited_for) = core.end_batch();
            drop(core);
            if waited_for {
                b.tell_waiters();
            }
            return ended;
        };
        let cb = popped.payload;
        let result = popped.ready.bits() as i16;
        // SAFETY: an active callback is alive; its closure says whether it is an event's. The function is its owner's for this
        // closure, with this argument, and is called once, after the section.
        unsafe {
            if core.finish_popped(&popped) & !closure::PERSIST != 0 {
                core.current = cb;
                core.calls_left = popped.calls;
                drop(core);
                dispatch(b, cb, result);
                continue;
            }
            core.current = cb;
            let e = cb.event();
            e.ev_res.set(result);
            let (fd, function, arg) = (e.ev_fd.get(), e.evcb_cb.get().event, e.evcb_arg.get());
            drop(core);
            if let Some(function) = function {
                function(fd, result, arg);
            }
        }
    }
}

/// Makes a call that is not a plain event's.
///
/// # Safety
/// `cb` was just taken out of `b` and published as the current callback.
#[inline(never)]
unsafe fn dispatch(b: &Base, name: Cb, result: i16) {
    // SAFETY: the struct's owner set the function for this closure, with this argument; the union is read by closure, which
    // also says whether it is an event's.
    unsafe {
        let cb = name.callback();
        let (function, arg) = (cb.evcb_cb.get(), cb.evcb_arg.get());
        match cb.evcb_closure.get() {
            closure::SIGNAL => {
                let e = name.event();
                e.ev_res.set(result);
                let fd = e.ev_fd.get();
                while b.section(|core| {
                    let more = core.calls_left > 0 && core.current == name;
                    core.calls_left = core.calls_left.saturating_sub(1);
                    more
                }) {
                    if let Some(function) = function.event {
                        function(fd, result, arg);
                    }
                    if b.wake.reasons() & reason::BREAK != 0 {
                        break;
                    }
                }
            }
            closure::SELF => {
                if let Some(function) = function.deferred {
                    function(name.raw(), arg);
                }
            }
            closure::EXIT => b.got_exit.store(true, Ordering::Relaxed),
            _ => {
                b.end_current();
                finalize(name.event());
            }
        }
    }
}

/// Runs an event's finalizer and, if it was asked for, frees the event.
///
/// # Safety
/// It is a finalizing event that is in no list, and not used afterwards.
pub(crate) unsafe fn finalize(e: &event) {
    let (free, raw) = (e.evcb_closure.get() == closure::EVENT_FINALIZE_FREE, e.raw());
    // SAFETY: the union holds a finalizer, with its argument, which is the last to see the event unless it is freed here.
    unsafe {
        if let Some(function) = e.evcb_cb.get().finalize {
            function(raw, e.evcb_arg.get());
        }
        if free {
            crate::base::debug::teardown(raw);
            mm::free(raw.cast());
        }
    }
}

impl Base {
    /// No callback runs now: tells the threads that wait for it.
    fn end_current(&self) {
        if self.section(Core::end_current) {
            self.tell_waiters();
        }
    }

    /// As [`end_current`](Self::end_current), and returns whether a callback ran.
    #[inline(always)]
    fn end_batch(&self) -> bool {
        let (ran, waited_for) = self.section(Core::end_batch);
        if waited_for {
            self.tell_waiters();
        }
        ran
    }

    #[cold]
    fn tell_waiters(&self) {
        self.lock().lock();
        self.wake.take(reason::WAITED);
        self.current_ended.broadcast();
        self.lock().unlock();
    }

    /// Whether the batch must stop; tells threads that wait for the callback that ran, and takes what signal handlers left.
    #[cold]
    fn must_stop(&self) -> bool {
        if self.wake.reasons() & reason::BREAK != 0 {
            return true;
        }
        if self.section(|core| core.current_waiters > 0) {
            self.end_current();
        }
        self.take_reasons();
        false
    }
}
