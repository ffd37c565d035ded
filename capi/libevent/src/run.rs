//! The loop, and running one callback.
//!
//! A turn is: one section that plans the wait, the wait with nothing locked, one section that takes its reports, then for each
//! ready event one short section that pops it, publishes it as "current" and copies its callback, and the call. The call happens
//! outside every section, in frames that own nothing: C++ exceptions and `longjmp` may pass.

use crate::abi::event::{closure, event, event_callback, evlist};
use crate::base::{Cb, Core, SIGNALS, WAKER, event_base, word};
use crate::pending::repeats;
use crate::time::usual_nanos;
use crate::watch;
use core::ffi::c_int;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use evoxide_core::interest::{Ready, Report};
use evoxide_core::reactor::{Fate, Finished, Popped, Reactor};
use evoxide_ffi::guarded::Section;
use evoxide_ffi::lock;
use evoxide_ffi::{mm, warn, warnx};
use evoxide_sys::backend::{Take, Waiter};

/// `EVLOOP_*`.
pub(crate) mod evloop {
    use core::ffi::c_int;
    pub const ONCE: c_int = 0x01;
    pub const NONBLOCK: c_int = 0x02;
    pub const NO_EXIT_ON_EMPTY: c_int = 0x04;
}

/// So many turns in a row with reports that belong to nothing make the base rebuild its kernel set.
const STALE_LIMIT: u32 = 64;

/// A plain base that runs a loop, or did, while it lives. Whoever compares an event's base with it may go on with this one: that
/// does not wait for the event's memory, which the callbacks that make each other active otherwise do all along.
static AT_HAND: AtomicPtr<event_base> = AtomicPtr::new(NOBODY);
/// The thread whose loop it was. Its loops take turns; those of other threads leave it alone, or they would fight for it.
static AT_HAND_OF: AtomicUsize = AtomicUsize::new(0);

/// No event's base; not null, since events may have none.
const NOBODY: *mut event_base = core::ptr::dangling_mut();

/// See [`AT_HAND`]; `None` where `base` is another.
#[inline(always)]
pub(crate) fn at_hand<'a>(base: *const event_base) -> Option<&'a event_base> {
    let at_hand = AT_HAND.load(Ordering::Relaxed);
    // SAFETY: a base that events refer to lives, and nothing but a live base ever equals one.
    if base == at_hand { Some(unsafe { &*at_hand }) } else { None }
}

/// A loop of `base`, which is plain, begins.
fn bring_to_hand(base: *mut event_base) {
    thread_local! {
        /// No two threads have it at the same address.
        static MARK: u8 = const { 0 };
    }
    let at_hand = AT_HAND.load(Ordering::Relaxed);
    if at_hand == base {
        return;
    }
    let me = MARK.with(|mark| core::ptr::from_ref(mark).addr());
    if at_hand == NOBODY || AT_HAND_OF.load(Ordering::Relaxed) == me {
        AT_HAND_OF.store(me, Ordering::Relaxed);
        AT_HAND.store(base, Ordering::Relaxed);
    }
}

/// `base` is about to be freed.
pub(crate) fn put_away(base: *mut event_base) {
    let _ = AT_HAND.compare_exchange(base, NOBODY, Ordering::Relaxed, Ordering::Relaxed);
}

/// `event_base_loop`.
///
/// # Safety
/// `base` points to a live base; callbacks may unwind or jump out.
pub(crate) unsafe fn event_loop(base: *mut event_base, flags: c_int) -> c_int {
    // SAFETY: the caller's promise; callbacks that free the running base break their own contract.
    let b = unsafe { &*base };
    let refused = b.section(|core| {
        if core.running {
            return true;
        }
        core.running = true;
        core.owner = lock::thread_id();
        core.cached = 0;
        false
    });
    if refused {
        warnx!("event_base_loop: reentrant invocation.  Only one event_base_loop can run on each event_base at once.");
        return -1;
    }
    if b.plain {
        bring_to_hand(base);
    }
    b.word.fetch_and(!word::BREAK, Ordering::Relaxed);
    b.got_break.store(false, Ordering::Relaxed);
    b.got_exit.store(false, Ordering::Relaxed);
    let answer = loop {
        if b.got_exit.load(Ordering::Relaxed) {
            break 0;
        }
        if b.word.load(Ordering::Relaxed) != 0 {
            if b.take_break() {
                break 0;
            }
            b.take_word();
        }
        let watched = b.watched.load(Ordering::Relaxed);
        if watched {
            if flags & evloop::NO_EXIT_ON_EMPTY == 0 && b.section(|core| core.reactor.is_idle()) {
                break 1;
            }
            let timeout = b.section(|core| core.timeout(flags));
            // SAFETY: the base lives; the callbacks run outside sections.
            unsafe { watch::run_prepare(b, timeout) };
        }
        // SAFETY: this thread runs the loop: `running` admits no other.
        let waiter = unsafe { &mut *b.waiter.get() };
        let Some(timeout) = b.begin_wait(flags, waiter) else { break 1 };
        let waited = waiter.wait(timeout);
        if timeout != Some(0) {
            b.waiting.store(false, Ordering::Relaxed);
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
            // SAFETY: as above.
            unsafe { watch::run_check(b) };
        }
        let ready = b.section(|core| core.finish_wait(waiter, found != 0, timeout == Some(0)));
        if ready {
            // SAFETY: as above; every callback's owner keeps it alive while it is active.
            let ran = unsafe { run_ready(b) };
            if flags & evloop::ONCE != 0 && ran && b.section(|core| core.reactor.active()) == 0 {
                break 0;
            }
        } else if flags & evloop::NONBLOCK != 0 {
            break 0;
        }
    };
    b.section(|core| {
        core.cached = 0;
        core.running = false;
    });
    answer
}

/// Takes the reports of a wait.
struct Taker<'a>(&'a mut Reactor<Cb>);

impl Take for Taker<'_> {
    type Answer = Finished;

    #[inline(always)]
    fn take(self, reports: impl Iterator<Item = Report>) -> Finished {
        self.0.finish_wait(reports)
    }
}

impl Core {
    /// How long to wait: not at all while anything is ready.
    #[inline]
    fn timeout(&mut self, flags: c_int) -> Option<u64> {
        self.cached = 0;
        if self.reactor.active() > 0 || flags & evloop::NONBLOCK != 0 {
            return Some(0);
        }
        if self.timers.is_empty() {
            let first = self.reactor.first_deadline()?;
            return Some(first.saturating_sub(self.clock()));
        }
        let now = self.clock();
        if self.timers.is_late(now) {
            return Some(0);
        }
        let first = self.timers.first_deadline().unwrap_or(u64::MAX);
        let first = self.reactor.first_deadline().map_or(first, |other| other.min(first));
        Some(first.saturating_sub(now))
    }

    /// Takes what the wait found, if `any`. Answers whether anything is ready. `at_once`: it was no wait, only a look.
    #[inline(never)]
    fn finish_wait(&mut self, waiter: &Waiter, any: bool, at_once: bool) -> bool {
        let now = if at_once && self.reactor.active() > 0 { self.keep_tick() } else { self.keep_now() };
        let finished = if any { self.take_reports(waiter) } else { Finished::default() };
        if finished.stale != 0 {
            self.note_stale();
        } else {
            self.stale_turns = 0;
        }
        if self.timers.may_be_due(now) {
            self.expire_timers(now);
        }
        if self.reactor.may_be_due(now) {
            self.reactor.expire(now);
        }
        // Signals come after timeouts, as in the original.
        if finished.internal != 0 {
            self.take_internal(finished.internal);
        }
        if self.reactor.active() == 0 {
            return false;
        }
        self.reactor.begin_batch(|| now);
        true
    }

    #[inline(never)]
    fn take_reports(&mut self, waiter: &Waiter) -> Finished {
        waiter.hand_to(Taker(&mut self.reactor))
    }

    #[cold]
    fn take_internal(&mut self, tags: u8) {
        if tags & 1 << (WAKER - 1) != 0
            && let Some(waker) = &self.waker
        {
            waker.drain();
        }
        if tags & 1 << (SIGNALS - 1) != 0
            && let Some(pipe) = &mut self.signals
        {
            let reactor = &mut self.reactor;
            pipe.drain(|signal, times| reactor.signalled(signal, times.min(i16::MAX as u32) as u16));
        }
    }

    #[cold]
    fn note_stale(&mut self) {
        self.stale_turns += 1;
        if self.stale_turns >= STALE_LIMIT {
            self.stale_turns = 0;
            let _ = self.rebuild();
        }
    }

    /// The system call that a failed wait made.
    fn wait_call(&self) -> &'static str {
        self.method().wait_call().to_str().unwrap_or_default()
    }

    /// Ends the batch, and with it the callback that ran: nothing else ends that but what `dispatch` does. Answers whether there
    /// was one, and whether threads wait for its end.
    #[inline]
    fn end_batch(&mut self) -> (bool, bool) {
        (!self.current.is_null(), self.end_current())
    }

    /// Ends the callback that ran. Answers whether threads wait for that.
    #[inline]
    fn end_current(&mut self) -> bool {
        self.current = core::ptr::null_mut();
        core::mem::take(&mut self.current_waiters) > 0
    }

    /// Whether the batch goes on where no event was popped: it may have stopped to look at the clock.
    #[cold]
    #[inline(never)]
    fn goes_on(&mut self) -> bool {
        if self.reactor.look_closer() {
            return true;
        }
        let Some(end) = self.reactor.batch_end() else { return false };
        let in_time = self.keep_now() < end;
        if in_time {
            self.reactor.go_on();
        }
        in_time
    }

    /// Arms the timeout of a persistent event again.
    ///
    /// # Safety
    /// `cb` is an event that was just popped as [`Fate::Stays`] or, without a slot, as [`Fate::Gone`].
    #[inline(always)]
    unsafe fn repeat(&mut self, cb: *mut event_callback, slot: u32, ready: Ready) {
        // SAFETY: the caller's promise.
        unsafe {
            let tv = &(*cb.cast::<event>()).ev_io_timeout;
            if self.cached != 0
                && (*cb).evcb_closure == closure::PERSIST
                && let Some(delay) = usual_nanos(tv)
                && self.reactor.postpone(slot, self.cached.wrapping_add(delay))
            {
                return;
            }
            self.repeat_at_length(cb, slot, ready);
        }
    }

    /// As [`repeat`](Self::repeat), where more than a note is needed.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    unsafe fn repeat_at_length(&mut self, cb: *mut event_callback, slot: u32, ready: Ready) {
        let fate = if slot == Popped::<Cb>::NO_SLOT { Fate::Gone } else { Fate::Kept };
        // SAFETY: the caller's promise.
        unsafe { self.settle(cb, slot, ready, fate) };
    }

    /// Finishes what popping an event left to do: its timeout is armed again, or the kernel is told.
    ///
    /// # Safety
    /// `cb` was just popped.
    #[inline(never)]
    unsafe fn settle(&mut self, cb: *mut event_callback, slot: u32, ready: Ready, fate: Fate) {
        let e = cb.cast::<event>();
        // SAFETY: the caller's promise.
        unsafe {
            if fate == Fate::Leaving {
                unmark::<false>(cb);
                let gone = self.reactor.unlink_popped(slot);
                self.tell(gone);
            }
            let alive = self.reactor.slot_deadline(slot).filter(|_| matches!(fate, Fate::Kept | Fate::Idle));
            let expired = |key| ready.contains(Ready::TIMEOUT) && self.reactor.deadline(key).is_none();
            if (*cb).evcb_closure == closure::PERSIST && repeats(e) {
                if let Some((key, _)) = alive.filter(|a| a.1 != 0 && expired(a.0)) {
                    self.reactor.to_front(key);
                }
                self.rearm(e, alive.map(|a| a.0), ready, alive.map_or((*e).deadline, |a| a.1));
            } else if let Some((key, due)) = alive {
                if due != 0 && expired(key) {
                    // Its timeout ends even a persistent event, unless that repeats.
                    let gone = self.reactor.remove(key);
                    self.tell(gone);
                } else if fate != Fate::Idle || self.reactor.free_if_idle(key) {
                    return;
                }
                crate::debug::ended(e);
                (*cb).evcb_flags &= !evlist::INSERTED;
            }
        }
    }
}

impl event_base {
    /// Plans again, publishes that the loop waits, if it will, and shows the backend's waiting half what to wait for. `None`:
    /// nothing is left to wait for.
    #[inline(always)]
    fn begin_wait(&self, flags: c_int, waiter: &mut Waiter) -> Option<Option<u64>> {
        let mut core = self.core.enter();
        core.deferred = core.reactor.promote_later();
        core.tell_leftovers();
        core.cached = 0;
        let _ = core.backend.prepare(waiter);
        if core.reactor.active() > 0 {
            return Some(Some(0));
        }
        if flags & evloop::NO_EXIT_ON_EMPTY == 0 && core.reactor.is_idle() {
            return None;
        }
        let timeout = core.timeout(flags);
        if timeout == Some(0) {
            return Some(Some(0));
        }
        self.waiting.store(true, Ordering::SeqCst);
        drop(core);
        if self.word.load(Ordering::SeqCst) == 0 {
            return Some(timeout);
        }
        // Whoever set a bit may have looked before we said that we wait.
        self.waiting.store(false, Ordering::Relaxed);
        Some(Some(0))
    }

    /// Whether the loop was told to break; forgets it, and remembers that it was so.
    fn take_break(&self) -> bool {
        if self.word.load(Ordering::Relaxed) & word::BREAK == 0 {
            return false;
        }
        self.word.fetch_and(!word::BREAK, Ordering::Relaxed);
        self.got_break.store(true, Ordering::Relaxed);
        true
    }

    /// Takes what was left without a section: events of signal handlers, and the wish to exit.
    #[cold]
    pub(crate) fn take_word(&self) {
        let word = self.word.load(Ordering::SeqCst);
        if word & word::ASYNC != 0 {
            self.take_async();
        }
        if word & word::EXIT != 0 {
            self.word.fetch_and(!word::EXIT, Ordering::SeqCst);
            let exit = self.exit.get();
            let priority = (self.priorities.load(Ordering::Relaxed) / 2) as u8;
            // SAFETY: the exit callback is part of the base and changed in sections only.
            self.section(|core| unsafe { core.activate_callback(exit, priority) });
        }
    }
}

/// Runs what is ready, in order. Answers whether anything ran.
///
/// # Safety
/// This thread runs the loop of `b`.
unsafe fn run_ready(b: &event_base) -> bool {
    // SAFETY: the caller's promise.
    unsafe { if b.plain { run_batch::<true>(b) } else { run_batch::<false>(b) } }
}

/// `PLAIN`: for a [plain](event_base::plain) base.
///
/// # Safety
/// As for [`run_ready`].
#[inline(never)]
unsafe fn run_batch<const PLAIN: bool>(b: &event_base) -> bool {
    let mut ran = false;
    loop {
        if b.word.load(Ordering::Relaxed) != 0 && b.must_stop() {
            break;
        }
        // SAFETY: on a plain base no section is open here: only this thread uses it, it has just begun to run callbacks or has
        // come back from one, and no section lasts across a callback.
        let mut core = if PLAIN { unsafe { b.core.enter_alone() } } else { b.core.enter() };
        if !PLAIN && core.current_waiters != 0 {
            drop(core);
            b.end_current();
            continue;
        }
        let Some(popped) = core.reactor.pop_shortly() else {
            if core.reactor.is_spent() {
                let (ended, waited_for) = core.end_batch();
                drop(core);
                if waited_for {
                    b.tell_waiters();
                }
                return ran | ended;
            }
            // SAFETY: as for this.
            match unsafe { run_closely(b, core) } {
                ControlFlow::Continue(dispatched) => ran |= dispatched,
                ControlFlow::Break(()) => break,
            }
            continue;
        };
        let cb = popped.payload.0;
        let e = cb.cast::<event>();
        let result = popped.ready.bits() as i16;
        // SAFETY: an active callback is alive; inside the section nothing else refers to its struct. The function is its
        // owner's for this closure, with this argument, and is called once, after the section.
        unsafe {
            if popped.fate == Fate::Gone {
                unmark::<PLAIN>(cb);
            }
            core.current = cb;
            if (*cb).evcb_closure & !closure::PERSIST != 0 {
                core.calls_left = core.reactor.popped_calls();
                drop(core);
                dispatch(b, cb, result);
                ran = true;
                continue;
            }
            (*e).ev_res = result;
            if repeats(e) {
                core.repeat(cb, popped.slot, popped.ready);
            }
            let (fd, function, arg) = ((*e).ev_fd, (*cb).evcb_cb.event, (*cb).evcb_arg);
            drop(core);
            if let Some(function) = function {
                function(fd, result, arg);
            }
        }
    }
    ran | b.end_batch()
}

/// Runs the next event where more than the queue changes by popping it. Answers whether `dispatch` did it, or that the batch
/// ends.
///
/// # Safety
/// This thread runs the loop of `b`; the section is its own.
#[inline(never)]
unsafe fn run_closely(b: &event_base, mut core: Section<'_, Core>) -> ControlFlow<(), bool> {
    let Some(popped) = core.reactor.pop_closely() else {
        return if core.goes_on() { ControlFlow::Continue(false) } else { ControlFlow::Break(()) };
    };
    let cb = popped.payload.0;
    let e = cb.cast::<event>();
    let result = popped.ready.bits() as i16;
    // SAFETY: as in `run_batch`.
    unsafe {
        if popped.fate == Fate::Gone {
            unmark::<false>(cb);
        }
        // One that is gone and has no timeout to arm again needs nothing more.
        if popped.fate != Fate::Gone || (*cb).evcb_closure == closure::PERSIST {
            core.settle(cb, popped.slot, popped.ready, popped.fate);
        }
        core.current = cb;
        if (*cb).evcb_closure & !closure::PERSIST != 0 {
            core.calls_left = core.reactor.popped_calls();
            drop(core);
            dispatch(b, cb, result);
            return ControlFlow::Continue(true);
        }
        (*e).ev_res = result;
        let (fd, function, arg) = ((*e).ev_fd, (*cb).evcb_cb.event, (*cb).evcb_arg);
        drop(core);
        if let Some(function) = function {
            function(fd, result, arg);
        }
    }
    ControlFlow::Continue(false)
}

/// The event is in no list any more.
///
/// # Safety
/// `cb` was just popped.
#[inline(always)]
unsafe fn unmark<const PLAIN: bool>(cb: *mut event_callback) {
    // SAFETY: the caller's promise.
    unsafe { (*cb).evcb_flags &= !evlist::INSERTED };
    if !PLAIN {
        crate::debug::ended(cb.cast());
    }
}

/// Makes a call that is not a plain event's.
///
/// # Safety
/// `cb` was just taken out of `b` and published as the current callback.
#[inline(never)]
unsafe fn dispatch(b: &event_base, cb: *mut event_callback, result: i16) {
    // SAFETY: the struct's owner set the function for this closure, with this argument; the union is read by closure.
    unsafe {
        let (function, arg) = ((*cb).evcb_cb, (*cb).evcb_arg);
        match (*cb).evcb_closure {
            closure::SIGNAL => {
                let e = cb.cast::<event>();
                (*e).ev_res = result;
                let fd = (*e).ev_fd;
                while b.section(|core| {
                    let more = core.calls_left > 0 && core.current == cb;
                    core.calls_left = core.calls_left.saturating_sub(1);
                    more
                }) {
                    if let Some(function) = function.event {
                        function(fd, result, arg);
                    }
                    if b.word.load(Ordering::Relaxed) & word::BREAK != 0 {
                        break;
                    }
                }
            }
            closure::SELF => {
                if let Some(function) = function.deferred {
                    function(cb, arg);
                }
            }
            closure::EXIT => b.got_exit.store(true, Ordering::Relaxed),
            _ => {
                b.end_current();
                finalize(cb);
            }
        }
    }
}

/// Runs an event's finalizer and, if it was asked for, frees the event.
///
/// # Safety
/// `cb` is a finalizing event that is in no list.
pub(crate) unsafe fn finalize(cb: *mut event_callback) {
    let e = cb.cast::<event>();
    // SAFETY: the caller's promise; the finalizer is the last to see the event unless it is freed here.
    unsafe {
        let free = (*cb).evcb_closure == closure::EVENT_FINALIZE_FREE;
        if let Some(function) = (*cb).evcb_cb.finalize {
            function(e, (*cb).evcb_arg);
        }
        if free {
            crate::debug::teardown(e);
            mm::free(e.cast());
        }
    }
}

impl event_base {
    /// No callback runs now: tells the threads that wait for it.
    fn end_current(&self) {
        if self.section(Core::end_current) {
            self.tell_waiters();
        }
    }

    /// As [`end_current`](Self::end_current), and answers whether a callback ran.
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
        self.current_ended.broadcast();
        self.lock().unlock();
    }

    /// Whether the batch must stop; takes what signal handlers left.
    #[cold]
    fn must_stop(&self) -> bool {
        if self.word.load(Ordering::Relaxed) & word::BREAK != 0 {
            return true;
        }
        self.take_word();
        false
    }
}
