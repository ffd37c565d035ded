//! `event2/event.h`: bases.

use crate::abi::entry::In;
use crate::abi::event::{EventFn, ev, event, evlist};
use crate::base::config::event_config;
use crate::base::{self, Base, Cb, Core, Timer, current_base, event_base, in_loop_thread, reason};
use crate::event::once;
use crate::event::timer::Structs;
use crate::run;
use crate::run::lifecycle;
use crate::util::time::{common_index, common_value, nanos, without_marks};
use core::cell::Cell;
use core::ffi::{CStr, c_char, c_int, c_short, c_uint, c_void};
use core::fmt::Write;
use core::ptr;
use core::sync::atomic::Ordering;
use evoxide_core::interest::Ready;
use evoxide_core::reactor::{Counts, View, Walk};
use evoxide_core::timers::Visit;
use evoxide_ffi::cstr::Text;
use evoxide_ffi::{mm, warnx};
use libc::timeval;

type ForeachFn = unsafe extern "C-unwind" fn(*const event_base, *const event, *mut c_void) -> c_int;

/// `EVENT_BASE_COUNT_*`.
mod count {
    pub const ACTIVE: u32 = 1;
    pub const VIRTUAL: u32 = 2;
    pub const ADDED: u32 = 4;
}

/// The caller's base, or the one that `event_init` made.
fn or_current(base: Option<&Base>) -> Option<&Base> {
    base.or_else(base::current)
}

/// A base with default settings.
#[unsafe(no_mangle)]
pub extern "C" fn event_base_new() -> *mut event_base {
    lifecycle::create(None).unwrap_or(ptr::null_mut())
}

/// A base according to a configuration; null where nothing fits it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_new_with_config(cfg: Option<&event_config>) -> *mut event_base {
    lifecycle::create(cfg).unwrap_or(ptr::null_mut())
}

/// # Safety
/// The base runs no loop, and is not used any more.
unsafe fn free(base: *mut event_base, finalize: bool, function: &str) {
    let base = if base.is_null() { current_base() } else { base };
    if base.is_null() {
        warnx!("{function}: no base to free");
        return;
    }
    base::forget_current(base);
    // SAFETY: made by `create`, and not used any more.
    unsafe { lifecycle::destroy(base, finalize) };
}

/// Frees a base; its events stay the caller's. Pending finalizers run.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_base_free(base: *mut event_base) {
    // SAFETY: the program gives the base up.
    unsafe { free(base, true, "event_base_free_") };
}

/// As `event_base_free`, and pending finalizers do not run.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_base_free_nofinalize(base: *mut event_base) {
    // SAFETY: the program gives the base up.
    unsafe { free(base, false, "event_base_free_") };
}

/// Makes a base work in the child after a fork.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_reinit(base: &Base) -> c_int {
    if base.section(|core| core.engine.reinit()).is_ok() { 0 } else { -1 }
}

/// Runs the loop.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_base_loop(base: &Base, flags: c_int) -> c_int {
    run::event_loop(base, flags)
}

/// Runs the loop until nothing is left to wait for.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_base_dispatch(base: &Base) -> c_int {
    run::event_loop(base, 0)
}

impl Base {
    /// Ends the loop when what is active now has run. Async-signal-safe.
    fn request_exit(&self) {
        let priority = (self.priorities.load(Ordering::Relaxed) / 2) as u8;
        match self.core.try_enter() {
            Some(mut core) if self.wake.reasons() & reason::ASYNC == 0 && core.engine.reactor.has_room(priority) => {
                // SAFETY: the callback is part of the base.
                unsafe { core.activate_callback(&self.exit, priority) };
            }
            entered => {
                drop(entered);
                return self.wake.wake(reason::EXIT);
            }
        }
        self.wake_if_waiting();
    }
}

unsafe extern "C-unwind" fn exit(_fd: c_int, _what: c_short, base: *mut c_void) {
    // SAFETY: the argument is the base whose loop runs this.
    unsafe { Base::live(base.cast()).got_exit.store(true, Ordering::Relaxed) };
}

/// Ends the loop when the events of a turn have run: this one's, or after `tv`. Async-signal-safe without `tv`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_base_loopexit(base: Option<&Base>, tv: In<'_, timeval>) -> c_int {
    let Some(base) = base else { return -1 };
    if let Some(tv) = tv {
        // SAFETY: the function takes the base, which outlives what it runs.
        return unsafe { once::add(base, -1, ev::TIMEOUT, Some(exit), base.raw().cast(), Some(&tv.get())) };
    }
    base.request_exit();
    0
}

/// Ends the loop after the running callback. Async-signal-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_loopbreak(base: Option<&Base>) -> c_int {
    base.map_or(-1, request_break)
}

pub(crate) fn request_break(base: &Base) -> c_int {
    base.wake.wake(reason::BREAK);
    0
}

/// Looks for new events after the running callback, before the other active ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_loopcontinue(base: Option<&Base>) -> c_int {
    let Some(b) = base else { return -1 };
    b.section(|core| core.engine.reactor.interrupt_batch());
    b.wake_if_waiting();
    0
}

/// Whether the last loop was ended by `loopexit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_got_exit(base: &Base) -> c_int {
    c_int::from(base.got_exit.load(Ordering::Relaxed))
}

/// Whether the last loop was ended by `loopbreak`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_got_break(base: &Base) -> c_int {
    c_int::from(base.got_break.load(Ordering::Relaxed) || base.wake.reasons() & reason::BREAK != 0)
}

/// An event that is made, added and freed by the base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_base_once(
    base: Option<&Base>,
    fd: c_int,
    events: c_short,
    callback: Option<EventFn>,
    arg: *mut c_void,
    tv: In<'_, timeval>,
) -> c_int {
    // SAFETY: the program's function with its argument.
    base.map_or(-1, |base| unsafe { once::add(base, fd, events, callback, arg, tv.map(Cell::get).as_ref()) })
}

/// The value that stands for timeouts of exactly `duration` in this base, with a queue of their own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_init_common_timeout(base: &Base, duration: &Cell<timeval>) -> *const timeval {
    let answer = base.section(|core| core.common_timeout(&duration.get()));
    if answer.is_null() {
        warnx!(
            "event_base_init_common_timeout: Too many common timeouts already in use; we only support {} per event_base",
            evoxide_core::timers::MAX_COMMON
        );
    }
    answer
}

impl Core {
    /// Makes every event of `fd` active that has a timeout, as if that were due.
    fn activate_timeouts(&mut self, fd: c_int) {
        let mut visit = Visit::default();
        while let Some(timer) = self.timers.next(&mut Structs, &mut visit) {
            if timer.event().ev_fd.get() == fd {
                // SAFETY: it is pending, so it stays as promised when it was added.
                unsafe { self.activate(timer.event(), ev::TIMEOUT, 1) };
            }
        }
    }

    fn common_timeout(&mut self, tv: &timeval) -> *const timeval {
        let known = common_index(tv).and_then(|i| self.commons.get(usize::from(i)));
        let tv = if known.is_some() { without_marks(tv) } else { *tv };
        let duration = nanos(&tv);
        if let Some(value) = self.commons.iter().find(|tv| nanos(&without_marks(tv)) == duration) {
            return &raw const **value;
        }
        // The value first: every queue has one.
        let index = self.commons.len();
        if index == evoxide_core::timers::MAX_COMMON {
            return ptr::null();
        }
        let Some(value) = mm::Owned::new(common_value(duration, index as u16)) else { return ptr::null() };
        if self.timers.common_queue(duration).is_none() {
            return ptr::null();
        }
        let answer = &raw const *value;
        self.commons.push(value);
        answer
    }
}

/// How many priorities there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_get_npriorities(base: Option<&Base>) -> c_int {
    or_current(base).map_or(0, |b| c_int::from(b.priorities.load(Ordering::Relaxed)))
}

/// Sets how many priorities there are. Events made before keep theirs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_priority_init(base: &Base, count: c_int) -> c_int {
    set_priorities(base, count)
}

pub(crate) fn set_priorities(b: &Base, count: c_int) -> c_int {
    b.take_async_if_any();
    if !(1..256).contains(&count) || !b.section(|core| core.engine.reactor.set_priorities(count as u16)) {
        return -1;
    }
    b.priorities.store(count as u16, Ordering::Relaxed);
    0
}

/// The name of the method.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_get_method(base: &Base) -> *const c_char {
    method(base)
}

pub(crate) fn method(base: &Base) -> *const c_char {
    base.section(|core| core.method.c_name().as_ptr())
}

/// How signals arrive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_get_signal_method(_base: *const event_base) -> *const c_char {
    c"signal".as_ptr()
}

/// The features of the method.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_get_features(base: &Base) -> c_int {
    base.section(|core| core.features().bits() as c_int)
}

fn pick(counts: Counts, kinds: u32) -> c_int {
    let mut sum = 0;
    if kinds & count::ACTIVE != 0 {
        sum += counts.active;
    }
    if kinds & count::VIRTUAL != 0 {
        sum += counts.virtual_events;
    }
    if kinds & count::ADDED != 0 {
        sum += counts.added;
    }
    sum as c_int
}

/// How many events there are, of the kinds asked for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_get_num_events(base: &Base, kinds: c_uint) -> c_int {
    base.take_async_if_any();
    pick(base.section(|core| core.engine.reactor.counts()), kinds)
}

/// The most events that there were at a time, of the kinds asked for; `clear` begins the count again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_get_max_events(base: &Base, kinds: c_uint, clear: c_int) -> c_int {
    base.take_async_if_any();
    base.section(|core| {
        let kinds_to_clear = if clear == 0 { 0 } else { kinds };
        let most = core.engine.reactor.most(Counts {
            added: kinds_to_clear & count::ADDED,
            active: kinds_to_clear & count::ACTIVE,
            virtual_events: kinds_to_clear & count::VIRTUAL,
        });
        pick(most, kinds)
    })
}

/// The event whose callback runs in the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_get_running_event(base: &Base) -> *mut event {
    base.section(|core| {
        let cb = core.current;
        // SAFETY: a running callback is alive, unless its user freed it, and then must not ask.
        let is_event = || unsafe { cb.callback() }.is(evlist::INIT);
        let shown = cb != Cb::default() && in_loop_thread(core) && is_event();
        if shown { cb.raw().cast() } else { ptr::null_mut() }
    })
}

/// The wall clock; that of this turn, if the base's loop runs callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_gettimeofday_cached(base: Option<&Base>, tv: *mut timeval) -> c_int {
    let cached = or_current(base).and_then(|b| b.section(|core| (core.cached != 0).then(|| core.wall(core.cached))));
    // SAFETY: the program's place for a time.
    unsafe {
        let Some(cached) = cached else { return libc::gettimeofday(tv, ptr::null_mut()) };
        tv.write(cached);
    }
    0
}

/// Reads the clock into the time of this turn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_update_cache_time(base: Option<&Base>) -> c_int {
    let Some(b) = or_current(base) else { return -1 };
    b.section(|core| {
        // A time that is kept says that the loop does not wait.
        if core.running && !b.wake.is_waiting() {
            let _ = core.refresh_time();
        }
    });
    0
}

/// Makes the events on a descriptor active that wait for one of `events`: for reading, writing or closing, or, with
/// `EV_TIMEOUT`, for a timeout and nothing else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_active_by_fd(b: &Base, fd: c_int, events: c_short) {
    b.take_async_if_any();
    b.section(|core| {
        if events & ev::TIMEOUT != 0 {
            core.activate_timeouts(fd);
        } else if fd >= 0 {
            core.engine.reactor.activate_fd(fd, Ready::from_bits_truncate(events as u16));
        }
    });
    b.wake_if_waiting();
}

/// Makes the events of a signal active.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_active_by_signal(b: &Base, signal: c_int) {
    b.take_async_if_any();
    b.section(|core| core.engine.reactor.signalled(signal, 1));
    b.wake_if_waiting();
}

/// Lets other threads wake the loop. Every base can be woken from the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evthread_make_base_notifiable(base: Option<&Base>) -> c_int {
    if base.is_none() { -1 } else { 0 }
}

/// Where a walk over all events stands: descriptors and signals, then timeouts of others, and what is only active.
#[derive(Default)]
struct Steps {
    walk: Walk,
    timers: Visit<Timer>,
}

/// An event that a walk found.
#[derive(Clone, Copy)]
struct Found {
    name: Cb,
    /// Whether its timeout is armed.
    armed: bool,
    /// What the reactor knows of it.
    view: Option<View<Cb>>,
}

impl Steps {
    fn next(&mut self, core: &mut Core) -> Option<Found> {
        // SAFETY: pending and active callbacks are alive.
        let found = |name: Cb, view| Found { name, armed: unsafe { name.callback() }.is(evlist::TIMEOUT), view };
        if let Some(view) = core.engine.reactor.walk(&mut self.walk, true) {
            return Some(found(view.payload, Some(view)));
        }
        while let Some(timer) = core.timers.next(&mut Structs, &mut self.timers) {
            let view = core.key_of(timer.event()).and_then(|key| core.engine.reactor.view(key));
            if view.is_none_or(|view| !view.inserted) {
                return Some(found(Cb::of(timer.event()), view));
            }
        }
        loop {
            let view = core.engine.reactor.walk(&mut self.walk, false)?;
            let found = found(view.payload, Some(view));
            if !found.armed {
                return Some(found);
            }
        }
    }
}

/// The next event of a walk that C may see.
fn step(core: &mut Core, steps: &mut Steps) -> Option<Found> {
    loop {
        let found = steps.next(core)?;
        // SAFETY: pending and active callbacks are alive.
        if unsafe { found.name.callback() }.is(evlist::INIT) {
            return Some(found);
        }
    }
}

/// Calls back for every event that is pending or active, until an answer is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn event_base_foreach_event(
    base: Option<&Base>,
    function: Option<ForeachFn>,
    arg: *mut c_void,
) -> c_int {
    let (Some(b), Some(function)) = (base, function) else { return -1 };
    b.take_async_if_any();
    let mut steps = Steps::default();
    let mut answer = 0;
    // Other threads stay out for the whole walk, as documented.
    b.lock().lock();
    while answer == 0
        && let Some(found) = b.section(|core| step(core, &mut steps))
    {
        // SAFETY: the user's callback, with a live event.
        answer = unsafe { function(b.raw(), found.name.raw().cast(), arg) };
    }
    b.lock().unlock();
    answer
}

/// Writes one line about what [`step`] found. `active`: for the list of active ones.
fn describe(core: &Core, found: Found, active: bool) -> Text<256> {
    let (ready, later) = found.view.map_or((None, false), |view| (view.ready, view.later));
    // SAFETY: a pending or active event is alive.
    let e = unsafe { found.name.event() };
    let mut line = Text::new();
    let kind = if e.has(ev::SIGNAL) { "sig" } else { "fd " };
    let _ = write!(line, "  {:p} [{kind} {}", e, e.ev_fd.get());
    if active {
        let _ = write!(line, ", priority={}", e.evcb_pri.get());
    }
    let shown = if active { e.ev_res.get() } else { e.ev_events.get() };
    let shown = if active { ready.map_or(shown, |r| r.bits() as i16) } else { shown };
    let _ = line.write_char(']');
    let words = [
        (shown & ev::READ != 0, " Read"),
        (shown & ev::WRITE != 0, " Write"),
        (shown & ev::CLOSED != 0, " EOF"),
        (shown & ev::SIGNAL != 0, " Signal"),
        (active && shown & ev::TIMEOUT != 0, " Timeout"),
        (!active && e.has(ev::PERSIST), " Persist"),
        (!active && e.has(ev::ET), " ET"),
        (e.is(evlist::INTERNAL), " Internal"),
        (active && !later, " active"),
        (active && later, " active_later"),
    ];
    for (_, word) in words.iter().filter(|w| w.0) {
        let _ = line.write_str(word);
    }
    if !active && found.armed {
        let tv = core.wall(e.deadline.get());
        let _ = write!(line, " Timeout={}.{:06}", tv.tv_sec, tv.tv_usec);
    }
    let _ = line.write_char('\n');
    line
}

/// Prints all events, for people.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_base_dump_events(base: &Base, output: *mut libc::FILE) {
    let print = |text: &CStr| {
        // SAFETY: the caller's open file; a terminated string.
        unsafe { libc::fputs(text.as_ptr(), output) };
    };
    base.take_async_if_any();
    for active in [false, true] {
        print(if active { c"Active events:\n" } else { c"Inserted events:\n" });
        let mut steps = Steps::default();
        while let Some(line) = base.section(|core| {
            while let Some(found) = step(core, &mut steps) {
                let ready = found.view.is_some_and(|view| view.ready.is_some());
                let pending = found.armed || found.view.is_some_and(|view| view.inserted);
                if if active { ready } else { pending } {
                    return Some(describe(core, found, active));
                }
            }
            None
        }) {
            print(line.as_c_str());
        }
    }
}
