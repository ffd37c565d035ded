//! The seam to TLS libraries: bufferevents whose bytes pass through a session that an adaptor in another shared object
//! keeps. `seam/evoxide_tls.h` is its C side.
//!
//! Everything of the bufferevent is here. The adaptor's functions are called outside sections, with the stream lock
//! and a reference held; they may use the bufferevent below, never this one.

mod records;

use super::handle::{Bev, Extension, Locked, flag};
use super::lifecycle::{self, Plan};
use super::ops::{self, Ops};
use super::{buffers, callbacks, socket};
use crate::abi::bufferevent::{bufferevent, flush};
use crate::abi::event::ev;
use crate::base::event_base;
use crate::buffer::EvBuffer;
use crate::event as events;
use core::cell::Cell;
use core::ffi::{c_int, c_short, c_ulong, c_void};
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering;
use evoxide_core::interest::Ready;
use evoxide_core::stream::session::{Answer, Session, Steps};
use evoxide_core::stream::{Direction, Hold, State, What};
use evoxide_ffi::{errno, mm};
use evoxide_sys::{io, socket as net};
use records::{RECORD, read_some, write_some};

/// `EVOXIDE_TLS_VERSION`.
const VERSION: u32 = 4;
/// `EVOXIDE_TLS_OPEN`.
const OPEN: c_int = 0;

/// `struct evoxide_tls_ops`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct evoxide_tls_ops {
    version: u32,
    size: u32,
    attach: Option<unsafe extern "C-unwind" fn(*mut c_void, c_int)>,
    handshake: unsafe extern "C-unwind" fn(*mut c_void) -> isize,
    read: unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize) -> isize,
    write: unsafe extern "C-unwind" fn(*mut c_void, *const c_void, usize, c_int) -> isize,
    pending: unsafe extern "C-unwind" fn(*mut c_void) -> usize,
    shutdown: unsafe extern "C-unwind" fn(*mut c_void, c_int) -> isize,
    last_error: unsafe extern "C-unwind" fn(*mut c_void) -> c_ulong,
    unconnected: unsafe extern "C-unwind" fn(*mut c_void),
    free: unsafe extern "C-unwind" fn(*mut c_void, c_int),
}

static OPS: Ops<Locked> = Ops {
    start: changed,
    stop,
    output_grew,
    input_changed: ops::ignore,
    flush,
    attached,
    below,
    unlink,
    finish,
    finalize: lifecycle::finalize,
    on_read,
    on_write,
};
static EXTENSION: Extension = Extension::shared(&OPS);

/// The private part of a bufferevent over TLS: the adaptor's table with its session, and the machine.
struct Tls {
    ops: &'static evoxide_tls_ops,
    state: *mut c_void,
    below: Option<NonNull<bufferevent>>,
    session: Cell<Session>,
    /// Data is moving: callbacks that want more of it are seen when they return.
    busy: Cell<bool>,
    /// Another handshake is to begin when the callback that asked for it has returned.
    asked: Cell<bool>,
    /// The peer is to hear that no more comes, once the output is empty; or has heard.
    last_words: Cell<LastWords>,
    /// The size of a write that is to be tried again: it may be no less then, whatever a rate limit says meanwhile.
    owed: Cell<usize>,
}

/// What the peer knows of our end.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum LastWords {
    #[default]
    None,
    Due,
    Said,
}

/// The private part; `None` for other kinds, and while the bufferevent is being made.
fn part(bev: &Locked) -> Option<&Tls> {
    if !ptr::eq(bev.ops(), &raw const OPS) {
        return None;
    }
    // SAFETY: null, or made with the bufferevent, and freed with it.
    unsafe { bev.extension().link.get().cast::<Tls>().as_ref() }
}

impl Tls {
    /// Runs `f` on the machine.
    fn session<R>(&self, f: impl FnOnce(&mut Session) -> R) -> R {
        let mut session = self.session.get();
        let result = f(&mut session);
        self.session.set(session);
        result
    }

    fn handshake(&self) -> Answer {
        // SAFETY: the adaptor's function with its own session, outside every section.
        answer(unsafe { (self.ops.handshake)(self.state) })
    }

    fn read(&self, record: &mut [core::mem::MaybeUninit<u8>]) -> Answer {
        // SAFETY: as above, with storage of that size.
        answer(unsafe { (self.ops.read)(self.state, record.as_mut_ptr().cast(), record.len()) })
    }

    /// Writes from the front of a buffer: a whole record, gathered where it lies in pieces, so that the head and the body of an
    /// answer leave in one.
    fn write(&self, output: &EvBuffer, max: usize) -> Answer {
        let max = max.max(self.owed.get());
        let (mut data, mut len) = buffers::first(output);
        let mut record;
        if len < max.min(RECORD) {
            record = [0u8; RECORD];
            let copied = buffers::copy_out(output, &mut record[..max.min(RECORD)]);
            if copied > len {
                (data, len) = (record.as_ptr(), copied);
            }
        }
        let n = len.min(max).min(RECORD);
        // SAFETY: as above. The bytes stay where they are until the buffer changes, which it does not before the call returns.
        let answer = answer(unsafe { (self.ops.write)(self.state, data.cast(), n, c_int::from(n < max)) });
        self.owed.set(if matches!(answer, Answer::Done(_)) { 0 } else { n });
        answer
    }

    /// Whether something waits inside the session, which its transport does not announce.
    fn pends(&self) -> bool {
        self.pending() > 0
    }

    /// More than 1: data, not only a part of a record.
    fn pending(&self) -> usize {
        // SAFETY: the table's function with the session that came with it.
        unsafe { (self.ops.pending)(self.state) }
    }

    fn attach(&self, fd: c_int) {
        if let Some(attach) = self.ops.attach {
            // SAFETY: the table's function with its session; the descriptor is the bufferevent's.
            unsafe { attach(self.state, fd) };
        }
    }

    /// Tells the peer that no more comes, if the session is open and it was not told; `last`: nor is anything read.
    fn shut_down(&self, last: bool) {
        if self.session.get().is_open() && self.last_words.replace(LastWords::Said) != LastWords::Said {
            // SAFETY: the table's function with its session, which is open.
            unsafe { (self.ops.shutdown)(self.state, c_int::from(last)) };
        }
    }

    /// Tells the session that its transport could not connect.
    fn stay_unconnected(&self) {
        // SAFETY: the table's function with its session.
        unsafe { (self.ops.unconnected)(self.state) };
    }

    /// Ends the session.
    fn end(&self, close: bool) {
        // SAFETY: as above, and for the last time.
        unsafe { (self.ops.free)(self.state, c_int::from(close)) };
    }
}

/// Runs `f` on the machine of a session.
fn session<R>(bev: &Locked, f: impl FnOnce(&mut Session) -> R) -> Option<R> {
    part(bev).map(|part| part.session(f))
}

/// The bufferevent that is the transport, if it is one. It uses the same lock.
fn below(bev: &Locked) -> Option<&Locked> {
    let below = part(bev)?.below?;
    // SAFETY: the private part has a reference to it.
    Some(unsafe { Bev::from_arg(below.as_ptr().cast()) }.assume_locked())
}

/// Whether data is moving; sets it.
fn busy(bev: &Locked, on: bool) -> bool {
    part(bev).is_some_and(|part| part.busy.replace(on))
}

fn answer(code: isize) -> Answer {
    match code {
        n if n >= 0 => Answer::Done(n as usize),
        -1 => Answer::WantRead,
        -2 => Answer::WantWrite,
        -3 => Answer::Closed,
        -4 => Answer::Truncated,
        -6 => Answer::BehindData,
        -7 => Answer::WantBoth,
        _ => Answer::Error,
    }
}

/// What the user lets happen now.
fn may(bev: &Locked) -> Direction {
    let mut may = Direction::empty();
    let full = bev.marks(Direction::READ).is_full(bev.input().len());
    if bev.machine(|m| m.moves(Direction::READ)) && !full {
        may |= Direction::READ;
    }
    if bev.machine(|m| m.moves(Direction::WRITE)) && bev.output().len() > 0 {
        may |= Direction::WRITE;
    }
    may
}

/// Waits for what the session needs, and for nothing else.
fn update(bev: &Locked) -> c_int {
    let connecting = bev.machine(|m| m.state()) == State::Connecting;
    wait_for(bev, if connecting { Direction::WRITE } else { wanted(bev, may(bev)) })
}

/// What the session needs of its transport.
fn wanted(bev: &Locked, may: Direction) -> Direction {
    session(bev, |t| t.interest(may)).unwrap_or_default()
}

fn wait_for(bev: &Locked, wanted: Direction) -> c_int {
    if let Some(below) = below(bev) {
        if wanted.contains(Direction::READ) {
            below.resume(Direction::READ, Hold::FILTER);
        } else {
            below.suspend(Direction::READ, Hold::FILTER);
        }
        return 0;
    }
    let mut result = 0;
    for direction in [Direction::READ, Direction::WRITE] {
        if !wanted.contains(direction) {
            bev.del_event(direction);
        } else if !bev.waits(direction) {
            result = result.min(bev.add_event(direction));
        }
    }
    result
}

/// Directions begin or end to flow: what is left inside the session is not announced by its transport.
fn changed(bev: &Locked, started: Direction) -> c_int {
    let pending = part(bev).is_some_and(|part| part.session.get().may_hold_data() && part.pends());
    let waits_below = below(bev).is_some_and(|below| below.input().len() > 0);
    if started.contains(Direction::READ) && (pending || waits_below) {
        soon(bev, Direction::READ);
    }
    if below(bev).is_some() && started.contains(Direction::WRITE) {
        bev.restart_timer(Direction::WRITE);
        soon(bev, Direction::WRITE);
    }
    update(bev)
}

/// Directions do not flow any more. A handshake over a descriptor waits for no direction that was disabled after it began.
fn stop(bev: &Locked, stopped: Direction) {
    let open = session(bev, |t| t.is_open()).unwrap_or(false);
    if open || below(bev).is_some() {
        for direction in stopped.iter().filter(|_| open) {
            bev.del_event(direction);
        }
        changed(bev, Direction::empty());
    } else {
        for direction in stopped.iter() {
            bev.del_event(direction);
        }
    }
}

/// With `BEV_FINISHED` the peer hears that no more comes, behind what lies in the output.
fn flush(bev: &Locked, directions: Direction, mode: c_int) -> c_int {
    let open = session(bev, |t| t.is_open()).unwrap_or(false);
    let Some(part) = part(bev).filter(|_| open && mode == flush::FINISHED && directions.contains(Direction::WRITE))
    else {
        return 0;
    };
    if part.last_words.get() == LastWords::None {
        part.last_words.set(LastWords::Due);
        end_output(bev);
        1
    } else {
        0
    }
}

/// Tells the peer that no more comes, if that is due and nothing is left to be written.
fn end_output(bev: &Locked) {
    if let Some(part) = part(bev).filter(|part| part.last_words.get() == LastWords::Due && bev.output().len() == 0) {
        part.shut_down(false);
    }
}

/// Output was added.
fn output_grew(bev: &Locked) {
    let open = session(bev, |t| t.is_open()).unwrap_or(false);
    if busy(bev, true) {
        return;
    }
    busy(bev, false);
    if open && bev.machine(|m| m.moves(Direction::WRITE)) && (below(bev).is_some() || socket::never_blocks(bev)) {
        soon(bev, Direction::WRITE);
    } else {
        update(bev);
    }
}

/// Has one direction tried when the running batch ends.
fn soon(bev: &Locked, direction: Direction) {
    let ready = if direction == Direction::READ { Ready::READ } else { Ready::WRITE };
    if bev.waits(direction) {
        // SAFETY: the event is assigned.
        unsafe { events::event_active(bev.event(direction), c_int::from(direction.bits()), 1) };
    } else if let Some(base) = bev.base() {
        let later = bev.is(flag::WRITING) || base.writing.load(Ordering::Relaxed);
        // SAFETY: the event is assigned, and neither pending nor active.
        unsafe { base.queue_event(bev.event(direction), ready, later) };
    }
}

/// The transport is ready. A reference is held.
fn ready(bev: &Locked, directions: Direction) {
    if busy(bev, true) {
        return;
    }
    let plan = |ready| session(bev, |t| t.steps(ready, may(bev))).unwrap_or_default();
    let mut steps = plan(directions);
    if steps.handshake {
        handshake(bev);
        steps = if bev.is_freed() { Steps::default() } else { plan(Direction::all()) };
    }
    if steps.read && !bev.is_freed() {
        read_some(bev);
        // An answer leaves without waiting for a socket that has room as a rule.
        let at_once = !bev.is_freed() && below(bev).is_none() && socket::never_blocks(bev);
        steps.write |= at_once && plan(Direction::WRITE).write;
    }
    let open = session(bev, |t| t.is_open()).unwrap_or(false);
    let stuck = steps.write && open && !bev.is_freed() && write_some(bev);
    busy(bev, false);
    if bev.is_freed() {
        return;
    }
    read_what_waits(bev);
    // What callbacks wrote meanwhile is tried without waiting; so is a handshake that they began, which a bufferevent below that is
    // not full does not announce.
    let asked = part(bev).is_some_and(|part| part.asked.replace(false)) && below(bev).is_some();
    let at_once = below(bev).is_some() || socket::never_blocks(bev);
    if asked || at_once && !stuck && plan(Direction::WRITE).write {
        wait_for(bev, wanted(bev, may(bev) - Direction::WRITE));
        soon(bev, Direction::WRITE);
    } else {
        update(bev);
    }
}

/// Has data read that is in the way of something else, or that a write has met, if the user lets it.
fn read_what_waits(bev: &Locked) {
    let holds = |part: &Tls| part.session.get().may_hold_data() && part.pending() > 1;
    let waits = part(bev).is_some_and(|part| part.session(|t| t.waits_for_reader()) || holds(part));
    if waits && may(bev).contains(Direction::READ) {
        soon(bev, Direction::READ);
    }
}

/// Goes on with the handshake. Returns whether it is over.
fn handshake(bev: &Locked) -> bool {
    let Some(part) = part(bev) else { return false };
    let answer = part.handshake();
    tell(bev, session(bev, |t| t.handshake_done(answer)).unwrap_or_default());
    answer == Answer::Done(0) && !bev.is_freed()
}

/// Tells of an event of the session. One that ends it ends its interest first.
fn tell(bev: &Locked, event: What) {
    if event.is_empty() {
        return;
    }
    if !event.contains(What::CONNECTED) {
        let error = errno::get();
        update(bev);
        errno::set(error);
    }
    callbacks::event(bev, event, 0);
}

/// The read event.
unsafe extern "C-unwind" fn on_read(_fd: c_int, what: c_short, arg: *mut c_void) {
    // SAFETY: the event lies in the object, which lives while it is pending.
    on_event(unsafe { Bev::from_arg(arg) }, Direction::READ, what);
}

/// The write event.
unsafe extern "C-unwind" fn on_write(_fd: c_int, what: c_short, arg: *mut c_void) {
    // SAFETY: the event lies in the object, which lives while it is pending.
    on_event(unsafe { Bev::from_arg(arg) }, Direction::WRITE, what);
}

fn on_event(bev: &Bev, direction: Direction, what: c_short) {
    let Some(bev) = bev.try_hold() else { return };
    let outer = bev.is(flag::WRITING);
    let base = if direction == Direction::WRITE { bev.base() } else { None };
    bev.mark(flag::WRITING, true);
    Bev::mark_writing(base, true);
    if what == ev::TIMEOUT {
        timed_out(bev, direction);
    } else if bev.machine(|m| m.state()) == State::Connecting {
        connected(bev);
    } else {
        if below(bev).is_some() && bev.machine(|m| m.moves(direction)) {
            // Being made active ended the timer.
            bev.restart_timer(direction);
        }
        ready(bev, direction);
    }
    Bev::mark_writing(base, false);
    bev.mark(flag::WRITING, outer);
    bev.release();
}

/// A timeout passed. Over a descriptor it disables nothing and comes again, and that of a handshake names no direction.
fn timed_out(bev: &Locked, direction: Direction) {
    if below(bev).is_some() {
        let outcome = bev.machine(|m| m.timed_out(direction));
        callbacks::conclude(bev, outcome, 0);
    } else {
        let open = session(bev, |t| t.is_open()).unwrap_or(false);
        let side = if direction == Direction::READ { What::READING } else { What::WRITING };
        callbacks::event(bev, if open { What::TIMEOUT | side } else { What::TIMEOUT }, 0);
    }
}

/// The transport's attempt to connect ended, or did not yet. The user hears of it when the handshake is over.
fn connected(bev: &Locked) {
    match net::finished_connecting(bev.fd()) {
        Ok(false) => {}
        Ok(true) => {
            bev.machine(|m| m.attach());
            ready(bev, Direction::WRITE);
        }
        Err(error) => {
            bev.machine(|m| m.abandon());
            bev.del_event(Direction::READ);
            bev.del_event(Direction::WRITE);
            if let Some(part) = part(bev) {
                part.stay_unconnected();
            }
            errno::set(error.raw_os_error().unwrap_or(0));
            callbacks::event(bev, What::ERROR | What::READING, 0);
        }
    }
}

/// The descriptor changed.
fn attached(bev: &Locked, fd: c_int) {
    if let Some(part) = part(bev) {
        part.attach(fd);
    }
}

unsafe fn below_moved(arg: *mut c_void, direction: Direction) {
    // SAFETY: the bufferevent takes its callbacks from the one below before it ends.
    let bev = unsafe { Bev::from_arg(arg) };
    let Some(bev) = bev.try_hold() else { return };
    ready(bev, direction);
    bev.release();
}

unsafe extern "C-unwind" fn below_read(_below: *mut bufferevent, arg: *mut c_void) {
    // SAFETY: the session above takes its callbacks back before it ends.
    unsafe { below_moved(arg, Direction::READ) };
}

unsafe extern "C-unwind" fn below_write(_below: *mut bufferevent, arg: *mut c_void) {
    // SAFETY: the session above takes its callbacks back before it ends.
    unsafe { below_moved(arg, Direction::WRITE) };
}

unsafe extern "C-unwind" fn below_event(_below: *mut bufferevent, what: c_short, arg: *mut c_void) {
    // SAFETY: the argument is the session above, which takes its callbacks back before it ends.
    let bev = unsafe { Bev::from_arg(arg) };
    let what = What::from_bits_retain(what as u16);
    let Some(bev) = bev.try_hold() else { return };
    if what.contains(What::CONNECTED) {
        ready(bev, Direction::all());
    } else if what.contains(What::EOF) {
        let event = session(bev, |t| t.moved(Direction::READ, Answer::Truncated)).unwrap_or_default();
        tell(bev, event & (What::EOF | What::ERROR));
    } else {
        callbacks::event(bev, what, 0);
    }
    bev.release();
}

/// The last reference is gone.
fn unlink(bev: &Locked) {
    // Here, not where the storage is given back: the peer may be in the same process, and freed next.
    if let Some(part) = part(bev).filter(|_| bev.closes_on_free()) {
        part.shut_down(true);
    }
    if let Some(below) = below(bev) {
        lifecycle::let_go(below, bev);
    }
}

/// Ends the session and its descriptor. Returns the bufferevent below, of which one reference is to be given back.
fn finish(bev: &Locked) -> Option<&Locked> {
    let below = below(bev);
    let link = NonNull::new(bev.extension().link.get().cast::<Tls>())?;
    let (close, fd) = (bev.closes_on_free(), bev.fd());
    if let Some(part) = part(bev) {
        part.end(close);
    }
    bev.own_extension(|e| e.link.set(ptr::null_mut()));
    // SAFETY: made by `mm::alloc`, and forgotten just now; the option says that the descriptor is the bufferevent's own.
    unsafe {
        if close && below.is_none() && fd >= 0 {
            let _ = io::close(fd);
        }
        mm::free_value(link);
    }
    below
}

/// Makes a bufferevent over TLS: on a descriptor, or on the bufferevent below.
fn make<'a>(
    plan: &Plan<'_>,
    below: Option<NonNull<bufferevent>>,
    ops: *const evoxide_tls_ops,
    state: *mut c_void,
    mode: c_int,
) -> Option<&'a Locked> {
    // SAFETY: null, or a table that lives as long as its bufferevents: the adaptor's promise. Its first two words say whether it
    // is one of ours.
    let ops = unsafe {
        let fits = !ops.is_null() && (*ops).version == VERSION && (*ops).size as usize >= size_of::<evoxide_tls_ops>();
        if fits { &*ops } else { return None }
    };
    let session = Cell::new(Session::new(mode == OPEN));
    let part = mm::alloc(Tls {
        ops,
        state,
        below,
        session,
        busy: Cell::new(false),
        asked: Cell::new(false),
        last_words: Cell::default(),
        owed: Cell::new(0),
    })?;
    let Some(bev) = lifecycle::create(plan) else {
        // SAFETY: nobody else knows it.
        unsafe { mm::free_value(part) };
        return None;
    };
    bev.own_extension(|e| e.link.set(part.as_ptr().cast()));
    Some(bev)
}

/// Makes a bufferevent over TLS on a descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evoxide_tls_socket_new(
    base: *mut event_base,
    fd: c_int,
    ops: *const evoxide_tls_ops,
    state: *mut c_void,
    mode: c_int,
    options: c_int,
) -> *mut bufferevent {
    let (fd_of, options) = (Some(fd), options as u8);
    let plan = Plan { base, fd: fd_of, options, extension: &EXTENSION, extended: true, lock_of: None, frozen: true };
    let Some(bev) = make(&plan, None, ops, state, mode) else { return ptr::null_mut() };
    if fd >= 0 {
        attached(bev, fd);
        update(bev);
    }
    bev.public()
}

/// Makes a bufferevent over TLS on another bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evoxide_tls_filter_new(
    below: *mut bufferevent,
    ops: *const evoxide_tls_ops,
    state: *mut c_void,
    mode: c_int,
    options: c_int,
) -> *mut bufferevent {
    // SAFETY: `below` is null or alive; `ops` is null or of its type.
    let Some(under) = (unsafe { Bev::of(below) }) else { return ptr::null_mut() };
    let plan = Plan {
        base: under.ev_base.get(),
        fd: None,
        options: options as u8,
        extension: &EXTENSION,
        extended: true,
        lock_of: Some(under),
        frozen: true,
    };
    let Some(bev) = make(&plan, NonNull::new(below), ops, state, mode) else { return ptr::null_mut() };
    let under = under.hold();
    under.set_callbacks(Some(below_read), Some(below_write), Some(below_event), bev.arg());
    under.enable(Direction::all());
    under.unlock();
    if mode != OPEN {
        soon(bev, Direction::WRITE);
    }
    bev.public()
}

/// Whether a bufferevent's session has ended; `false` where there is none.
///
/// # Safety
/// `public` is null or lives.
pub(crate) unsafe fn is_over(public: *mut bufferevent) -> bool {
    // SAFETY: null or alive.
    let bev = unsafe { Bev::of(public) };
    super::entries::held(bev, false, |bev| session(bev, |t| t.is_over()).unwrap_or(false))
}

/// The session of a bufferevent that was made with this table.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evoxide_tls_session(bev: *mut bufferevent, ops: *const evoxide_tls_ops) -> *mut c_void {
    // SAFETY: the caller's promise. The table and the handle do not change.
    let part = unsafe { Bev::of(bev) }.and_then(|bev| part(bev.assume_locked()));
    part.filter(|part| ptr::eq(part.ops, ops)).map_or(ptr::null_mut(), |part| part.state)
}

/// Begins another handshake. In a callback of this bufferevent it begins when that has returned, so that no callback is inside another.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evoxide_tls_handshake(bev: Option<&Bev>) -> c_int {
    let again = |bev: &Locked| {
        if session(bev, Session::restart).is_none() {
            return -1;
        }
        if busy(bev, true) {
            part(bev).inspect(|part| part.asked.set(true));
            return 0;
        }
        let over = handshake(bev);
        busy(bev, false);
        if !bev.is_freed() {
            changed(bev, Direction::READ);
            read_what_waits(bev);
        }
        c_int::from(over)
    };
    super::entries::held(bev, -1, again)
}

/// Asks or sets whether a cut transport is an ordinary end of file.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evoxide_tls_dirty_shutdown(bev: Option<&Bev>, on: c_int) -> c_int {
    let set = |bev: &Locked| {
        session(bev, |t| {
            if on >= 0 {
                t.set_dirty_shutdown(on != 0);
            }
            c_int::from(t.dirty_shutdown())
        })
        .unwrap_or(-1)
    };
    super::entries::held(bev, -1, set)
}
