//! Bufferevents on descriptors: readiness in, one `readv` or `writev` each, notices out.
//!
//! What is written is tried at the end of the batch of callbacks in which it was written: `ev_write` is made active without
//! asking the kernel, and only a short write arms interest. Only where the descriptor does not block; at most once a turn.
//! What a read callback writes to its own bufferevent goes out when it returns, without an activation, unless something else was
//! made active meanwhile; and so does what it wrote last to another one. Where reads take as much as they may, up to four follow
//! one another, each with its callback, as long as those make nothing else active.

use super::handle::{Bev, Extension, Locked, flag};
use super::lifecycle::{self, Plan};
use super::ops::{self, Ops};
use super::{buffers, callbacks, rate};
use crate::abi::buffer::FLAG_DRAINS_TO_FD;
use crate::abi::bufferevent::opt;
use crate::abi::event::{EventFn, ev, event, evlist};
use crate::base::{Base, Cb, Core, event_base};
use core::ffi::{c_int, c_short, c_void};
use core::ptr;
use core::sync::atomic::Ordering;
use evoxide_core::interest::Ready;
use evoxide_core::key::Key;
use evoxide_core::reactor::Kind as SlotKind;
use evoxide_core::stream::{Attempt, Cause, Direction, Io, Start, State, Step};
use evoxide_ffi::errno;
use evoxide_sys::{io, socket};
use libc::timeval;

static OPS: Ops<Locked> = Ops {
    start,
    stop,
    output_grew: |bev| {
        start_writing(bev);
    },
    input_changed: ops::ignore,
    flush: ops::flush_nothing,
    attached: ops::ignore_fd,
    below: ops::nothing_below,
    unlink: ops::ignore,
    finish,
    finalize: lifecycle::finalize,
    on_read,
    on_write,
};
static EXTENSION: Extension = Extension::shared(&OPS);

/// A new bufferevent on a descriptor, which may be -1 for now.
pub(crate) fn create<'a>(base: *mut event_base, fd: c_int, options: u8) -> Option<&'a Locked> {
    let fd = Some(fd);
    let plan = Plan { base, fd, options, extension: &EXTENSION, extended: false, lock_of: None, frozen: true };
    let bev = lifecycle::create(&plan)?;
    bev.output().change_flags(FLAG_DRAINS_TO_FD, true);
    Some(bev)
}

/// Interest ends in these directions.
fn stop(bev: &Locked, directions: Direction) {
    for direction in directions.iter() {
        bev.del_event(direction);
    }
}

/// Interest begins in these directions.
fn start(bev: &Locked, directions: Direction) -> c_int {
    let mut result = 0;
    if directions.contains(Direction::READ) {
        result = bev.add_event(Direction::READ);
        if bev.machine(|m| m.take_unreported()) {
            callbacks::tell_unreported(bev);
        }
    }
    if directions.contains(Direction::WRITE) {
        if bev.is(flag::WRITE_QUEUED | flag::WRITTEN) {
            return result;
        }
        // With nothing to write, somebody may wait to hear that the descriptor is writable.
        let asked = bev.output().len() == 0 && wants_to_hear(bev);
        let again =
            if asked || bev.waits(Direction::WRITE) { bev.add_event(Direction::WRITE) } else { start_writing(bev) };
        result = result.min(again);
    }
    result
}

/// Whether it matters that the descriptor is writable although there is nothing to write.
fn wants_to_hear(bev: &Locked) -> bool {
    bev.writecb.get().is_some() || bev.timeout(Direction::WRITE).is_some()
}

/// Whether the descriptor is one on which a write may be tried: it never blocks. Asked once for each descriptor.
#[inline]
pub(crate) fn never_blocks(bev: &Locked) -> bool {
    if !bev.is(flag::BLOCKING_KNOWN) {
        bev.mark(flag::BLOCKING_KNOWN, true);
        let fd = bev.fd();
        let saved = errno::get();
        bev.mark(flag::NONBLOCKING, fd >= 0 && io::is_nonblocking(fd).unwrap_or(false));
        errno::set(saved);
    }
    bev.is(flag::NONBLOCKING)
}

/// Gets output moving.
#[inline]
pub(crate) fn start_writing(bev: &Locked) -> c_int {
    if bev.is(flag::WRITE_QUEUED | flag::WRITTEN) {
        return 0;
    }
    let waiting = bev.waits(Direction::WRITE);
    let direct = !waiting && never_blocks(bev);
    match bev.machine(|m| m.output_grew(waiting, direct)) {
        Start::No => 0,
        Start::Queue if bev.is(flag::READING) => {
            bev.mark_written(true);
            0
        }
        Start::Queue => queue_write(bev),
        Start::Arm => bev.add_event(Direction::WRITE),
    }
}

/// Has a write made when the running batch ends.
#[inline(never)]
fn queue_write(bev: &Locked) -> c_int {
    let Some(base) = bev.base() else { return 0 };
    let later = base.writing.load(Ordering::Relaxed);
    // SAFETY: the event is assigned as long as the object lives.
    if !unsafe { base.queue_event(bev.event(Direction::WRITE), Ready::WRITE, later) } {
        return bev.add_event(Direction::WRITE);
    }
    bev.mark(flag::WRITE_QUEUED, true);
    0
}

impl Core {
    /// Makes an idle event active as if its descriptor were ready, for one call; the kernel is not asked.
    ///
    /// # Safety
    /// It is neither pending nor active, and stays in place until it is so again.
    #[inline]
    unsafe fn activate_idle(&mut self, e: &event, ready: Ready, later: bool) -> bool {
        // A timeout from an earlier addition must not come back with this activation.
        e.ev_io_timeout.set(timeval { tv_sec: 0, tv_usec: 0 });
        if !later {
            // SAFETY: the event stays in place until it is neither pending nor active.
            unsafe { self.activate(e, ready.bits() as i16, 1) };
            return true;
        }
        let inserted = self.engine.reactor.insert(Cb::of(e), e.evcb_pri.get(), SlotKind::default());
        let Ok(key) = inserted else { return false };
        Self::mark(e, key);
        self.engine.reactor.activate_next_turn(key, ready);
        true
    }
}

impl Base {
    /// Tells whether something was made active, see [`evoxide_core::reactor::Reactor::activity`].
    #[inline(always)]
    pub(crate) fn activity(&self) -> (u32, u32) {
        self.section(|core| core.engine.reactor.activity())
    }

    /// Takes back the activation of an event, if nothing else was made active since and the loop, which this thread runs, was not
    /// told to end.
    fn undo_activation(&self, e: &event) -> bool {
        if self.wake.reasons() != 0 {
            return false;
        }
        let Some(mut core) = self.core.try_enter() else { return false };
        let Some(key) = Key::from_bits(e.key.get()).filter(|_| e.is(evlist::INSERTED)) else { return false };
        if core.engine.reactor.last_detached().is_none_or(|(last, _)| last != key) {
            return false;
        }
        core.engine.reactor.deactivate(key);
        e.clear(evlist::INSERTED);
        if !self.plain {
            crate::base::debug::ended(Cb::of(e));
        }
        true
    }

    /// Has something tried when the running batch ends, or in the next turn. `false`: no memory.
    ///
    /// # Safety
    /// As for [`Core::activate_idle`].
    #[inline]
    pub(super) unsafe fn queue_event(&self, e: &event, ready: Ready, later: bool) -> bool {
        // SAFETY: the event is idle, and stays in place until it is so again.
        let queued = self.section(|core| unsafe { core.activate_idle(e, ready, later) });
        self.wake_if_waiting();
        queued
    }
}

/// What a failed read or write means.
#[inline]
fn io_of(moved: isize) -> Io {
    match moved {
        0 => Io::Eof,
        n if n > 0 => Io::Moved(n as usize),
        _ => match errno::get() {
            libc::EAGAIN | libc::EINTR => Io::Retry,
            libc::ECONNREFUSED => Io::Refused,
            _ => Io::Failed,
        },
    }
}

/// The read event.
unsafe extern "C-unwind" fn on_read(fd: c_int, what: c_short, arg: *mut c_void) {
    // SAFETY: the event lies in the object, which lives while it is pending.
    let bev = unsafe { Bev::from_arg(arg) };
    let Some(bev) = bev.try_hold() else { return };
    if what == ev::TIMEOUT {
        timed_out(bev, Direction::READ);
    } else if let Some(base) = bev.base() {
        // It is this thread that runs the loop.
        let before = base.activity();
        bev.mark(flag::READING, true);
        read(bev, base, fd, before);
        bev.mark(flag::READING, false);
        if bev.is(flag::WRITTEN) {
            flush_written(bev, base, before);
        } else if base.plain && base.activity() == (before.0.wrapping_add(1), before.1) {
            flush_other(base);
        }
    }
    bev.release();
}

/// Writes what callbacks wrote since `before`, or queues that if they made something else active.
#[inline(always)]
fn flush_written(bev: &Locked, base: &Base, before: (u32, u32)) {
    bev.mark_written(false);
    if bev.is_freed() {
        return;
    }
    let same = bev.base().is_some_and(|now| ptr::eq(now, base));
    let quiet = same && base.wake.reasons() == 0 && base.activity() == before;
    if !bev.machine(|m| m.flushes_now(quiet)) {
        start_writing(bev);
    } else {
        write_queued(bev, base);
    }
}

/// Writes what another bufferevent has queued, if that is what was made active last: a proxy's other side.
#[inline(never)]
fn flush_other(base: &Base) {
    // SAFETY: what is active is alive, and so is the bufferevent around its write event.
    let other = unsafe {
        let Some((_, name)) = base.section(|core| core.engine.reactor.last_detached()) else { return };
        let cb = name.callback();
        if cb.evcb_cb.get().raw != on_write as EventFn as *mut c_void {
            return;
        }
        Bev::from_arg(cb.evcb_arg.get())
    };
    let queued = other.is(flag::WRITE_QUEUED) && !other.is_freed() && other.ext_lock().is_null();
    if !queued || !base.undo_activation(other.event(Direction::WRITE)) {
        return;
    }
    let other = other.hold();
    other.mark(flag::WRITE_QUEUED, false);
    write_queued(other, base);
    other.release();
}

/// The write that was queued, at once. The loop of `base` runs.
#[inline]
fn write_queued(bev: &Locked, base: &Base) {
    base.writing.store(true, Ordering::Relaxed);
    write(bev, base, bev.fd(), Cause::Queued);
    base.writing.store(false, Ordering::Relaxed);
}

#[cold]
#[inline(never)]
fn timed_out(bev: &Locked, direction: Direction) {
    let outcome = bev.machine(|m| m.timed_out(direction));
    callbacks::conclude(bev, outcome, 0);
}

#[inline(always)]
fn read_step(bev: &Locked, again: Option<bool>) -> Step {
    let (len, marks) = (bev.input().len(), bev.marks(Direction::READ));
    let allowance = rate::allowance(bev, Direction::READ);
    bev.machine(|m| match again {
        None => m.readable(len, marks, allowance),
        Some(quiet) => m.read_again(len, marks, allowance, quiet),
    })
}

/// Reads and tells, as often as the stream says. `before`: the activity before that.
#[inline(always)]
fn read(bev: &Locked, base: &Base, fd: c_int, before: (u32, u32)) {
    let mut step = read_step(bev, None);
    let mut follows = false;
    while let Step::Read { max } = step {
        // SAFETY: the loop runs this.
        let moved = unsafe { buffers::read(bev, base, fd, max) };
        let result = io_of(moved);
        let error = if matches!(result, Io::Failed) { errno::get() } else { 0 };
        if let Io::Moved(n) = result {
            rate::spend(bev, Direction::READ, n);
        } else if follows && result == Io::Failed && !flush_before_failure(bev, base, fd, before) {
            return;
        }
        let outcome = bev.machine(|m| m.read_done(result));
        if !outcome.readable {
            if !outcome.event.is_empty() {
                callbacks::conclude(bev, outcome, error);
            }
            return;
        }
        if !bev.machine(|m| m.bursts()) {
            return callbacks::arrived(bev, moved as usize);
        }
        step = arrived_and_again(bev, base, fd, moved as usize);
        follows = true;
    }
    if step == Step::Full {
        bev.del_event(Direction::READ);
    }
}

/// Tells of a read that may be followed by another one. Returns the next step.
#[inline(never)]
fn arrived_and_again(bev: &Locked, base: &Base, fd: c_int, n: usize) -> Step {
    let before = base.activity();
    callbacks::arrived(bev, n);
    if bev.is_freed() {
        return Step::Idle;
    }
    let quiet = base.plain
        && bev.options & opt::DEFER_CALLBACKS == 0
        && bev.fd() == fd
        && bev.base().is_some_and(|now| ptr::eq(now, base))
        && base.wake.reasons() == 0
        && base.activity() == before;
    read_step(bev, Some(quiet))
}

/// What callbacks wrote goes out before the error of a following read is told. `false`: there is nobody to tell.
#[cold]
fn flush_before_failure(bev: &Locked, base: &Base, fd: c_int, before: (u32, u32)) -> bool {
    if bev.is(flag::WRITTEN) {
        flush_written(bev, base, before);
    }
    !bev.is_freed() && bev.fd() == fd && bev.machine(|m| m.state()) != State::Closed
}

/// The write event: the descriptor is writable, a write is to be tried, or the timeout passed.
unsafe extern "C-unwind" fn on_write(fd: c_int, what: c_short, arg: *mut c_void) {
    // SAFETY: the event lies in the object, which lives while it is pending.
    let bev = unsafe { Bev::from_arg(arg) };
    let Some(bev) = bev.try_hold() else { return };
    let tried = bev.is(flag::WRITE_QUEUED);
    bev.mark(flag::WRITE_QUEUED, false);
    if let Some(base) = bev.base() {
        base.writing.store(true, Ordering::Relaxed);
        if what == ev::TIMEOUT {
            timed_out(bev, Direction::WRITE);
        } else if bev.machine(|m| m.state()) != State::Connecting {
            write(bev, base, fd, if tried { Cause::Queued } else { Cause::Writable });
        } else if finish_connect(bev, fd) {
            write(bev, base, fd, Cause::Connected);
        }
        base.writing.store(false, Ordering::Relaxed);
    }
    bev.release();
}

/// Asks how the attempt ended and tells. Returns whether to go on writing.
fn finish_connect(bev: &Locked, fd: c_int) -> bool {
    let (attempt, error) = match socket::finished_connecting(fd) {
        Ok(true) => (Attempt::Made, 0),
        Ok(false) => (Attempt::Pending, 0),
        Err(error) => (Attempt::Failed, error.raw_os_error().unwrap_or(0)),
    };
    let outcome = bev.machine(|m| m.connect_done(attempt));
    let made = outcome.event.contains(evoxide_core::stream::What::CONNECTED);
    let error = if attempt == Attempt::Made && !made { libc::ECONNREFUSED } else { error };
    callbacks::conclude(bev, outcome, error);
    made && !bev.is_freed() && bev.machine(|m| m.moves(Direction::WRITE) && m.state() != State::Connecting)
}

#[inline]
fn write(bev: &Locked, base: &Base, fd: c_int, cause: Cause) {
    let allowance = rate::allowance(bev, Direction::WRITE);
    let len = bev.output().len();
    let hears = len == 0 && wants_to_hear(bev);
    let (result, after) = match bev.machine(|m| m.writable(len, allowance, cause, hears)) {
        Step::Arm => {
            bev.add_event(Direction::WRITE);
            return;
        }
        Step::Drained => (Io::Moved(0), 0),
        Step::Write { max } => {
            // SAFETY: the loop runs this.
            let result = io_of(unsafe { buffers::write(bev, base, fd, max) });
            if let Io::Moved(n) = result {
                rate::spend(bev, Direction::WRITE, n);
            }
            (result, bev.output().len())
        }
        _ => return,
    };
    let error = if matches!(result, Io::Failed | Io::Refused) { errno::get() } else { 0 };
    let outcome = bev.machine(|m| m.write_done(result, after, cause));
    if !outcome.event.is_empty() {
        return callbacks::conclude(bev, outcome, error);
    }
    if outcome.stop.contains(Direction::WRITE) {
        bev.del_event(Direction::WRITE);
    } else if outcome.arm && !bev.waits(Direction::WRITE) {
        bev.add_event(Direction::WRITE);
    }
    if outcome.drained {
        callbacks::drained(bev, 0);
    }
}

/// Another descriptor takes the old one's place. `connecting`: an attempt to connect it is under way.
pub(crate) fn attach(bev: &Locked, fd: c_int, connecting: bool) -> c_int {
    bev.del_event(Direction::READ);
    bev.del_event(Direction::WRITE);
    bev.mark(flag::BLOCKING_KNOWN, false);
    bev.machine(|m| if connecting { m.connecting() } else { m.attach() });
    // Assigning sets the events to their base's middle priority, as in the original; deferred callbacks keep theirs.
    let priority = bev.priority();
    bev.assign(bev.base_ptr(), fd, true);
    if bev.priority() != priority && bev.extension_or_new() {
        callbacks::prepare_deferred(bev, priority);
    }
    (bev.ops().attached)(bev, fd);
    if fd < 0 {
        return 0;
    }
    bev.enable(bev.machine(|m| m.enabled()))
}

/// Closes the descriptor of a bufferevent that owns it.
fn finish(bev: &Locked) -> Option<&Locked> {
    let fd = bev.fd();
    if bev.closes_on_free() && fd >= 0 {
        // SAFETY: the option says that the descriptor is the bufferevent's own.
        let _ = unsafe { io::close(fd) };
        bev.forget_fd();
    }
    None
}
