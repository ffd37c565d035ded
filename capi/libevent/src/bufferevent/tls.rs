//! The seam to TLS libraries: bufferevents whose bytes pass through a session that an adaptor in another shared object
//! keeps. `seam/evoxide_tls.h` is its C side.
//!
//! Everything of the bufferevent is here. The adaptor's functions are called outside sections, with the stream lock
//! and a reference held; they may use the bufferevent below, never this one.

use super::{Bev, Kind, LockFrom, buf, create, flag, get, notice, rare, rate, set_rare, socket};
use crate::abi::bufferevent::{DataFn, EventFn, bufferevent, opt};
use crate::abi::event::ev;
use crate::base::event_base;
use crate::event as events;
use core::ffi::{c_int, c_short, c_ulong, c_void};
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering;
use evoxide_core::interest::Ready;
use evoxide_core::stream::tunnel::{Answer, Tunnel};
use evoxide_core::stream::{Direction, Hold, MAX_SINGLE, State, What};
use evoxide_ffi::{errno, mm};
use evoxide_sys::{io, socket as net};

/// `EVOXIDE_TLS_VERSION`.
const VERSION: u32 = 1;
/// `EVOXIDE_TLS_OPEN`.
const OPEN: c_int = 0;
/// The most that is decrypted at once: a record.
const RECORD: usize = 16384;

/// `struct evoxide_tls_ops`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct evoxide_tls_ops {
    version: u32,
    size: u32,
    attach: Option<unsafe extern "C-unwind" fn(*mut c_void, c_int)>,
    handshake: unsafe extern "C-unwind" fn(*mut c_void) -> isize,
    read: unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize) -> isize,
    write: unsafe extern "C-unwind" fn(*mut c_void, *const c_void, usize) -> isize,
    pending: unsafe extern "C-unwind" fn(*mut c_void) -> usize,
    shutdown: unsafe extern "C-unwind" fn(*mut c_void) -> isize,
    last_error: unsafe extern "C-unwind" fn(*mut c_void) -> c_ulong,
    free: unsafe extern "C-unwind" fn(*mut c_void, c_int),
}

/// The private part of a bufferevent over TLS.
pub(crate) struct Session {
    ops: *const evoxide_tls_ops,
    state: *mut c_void,
    below: Option<Bev>,
    tunnel: Tunnel,
    /// Data is moving: callbacks that want more of it are seen when they return.
    busy: bool,
}

fn session(bev: Bev) -> Option<NonNull<Session>> {
    if get!(bev, kind) == Kind::Tls { NonNull::new(rare!(bev, link).cast()) } else { None }
}

/// The table and the session's handle.
fn parts(bev: Bev) -> Option<(&'static evoxide_tls_ops, *mut c_void)> {
    let session = session(bev)?;
    // SAFETY: the private part lives as long as the bufferevent; an adaptor's table outlives its bufferevents.
    unsafe { Some((&*(*session.as_ptr()).ops, (*session.as_ptr()).state)) }
}

/// Runs `f` on the tunnel. `f` must not call out.
fn tunnel<R>(bev: Bev, f: impl FnOnce(&mut Tunnel) -> R) -> Option<R> {
    // SAFETY: the private part lives, the stream lock is held, and no closure given here opens it again.
    session(bev).map(|session| f(unsafe { &mut (*session.as_ptr()).tunnel }))
}

/// The bufferevent that is the transport, if it is one.
pub(crate) fn below(bev: Bev) -> Option<Bev> {
    // SAFETY: the private part lives; the word is copied.
    session(bev).and_then(|session| unsafe { (*session.as_ptr()).below })
}

/// Whether data is moving; sets it.
fn busy(bev: Bev, on: bool) -> bool {
    // SAFETY: the private part lives; the word is exchanged.
    session(bev).is_some_and(|session| unsafe { core::mem::replace(&mut (*session.as_ptr()).busy, on) })
}

fn answer(code: isize) -> Answer {
    match code {
        n if n >= 0 => Answer::Done(n as usize),
        -1 => Answer::WantRead,
        -2 => Answer::WantWrite,
        -3 => Answer::Closed,
        -4 => Answer::Truncated,
        _ => Answer::Error,
    }
}

/// What the user lets happen now.
fn may(bev: Bev) -> Direction {
    let mut may = Direction::empty();
    let full = bev.marks(Direction::READ).is_full(buf::len(bev.input()));
    if bev.machine(|m| m.moves(Direction::READ)) && !full {
        may |= Direction::READ;
    }
    if bev.machine(|m| m.moves(Direction::WRITE)) && buf::len(bev.output()) > 0 {
        may |= Direction::WRITE;
    }
    may
}

/// Waits for what the session needs, and for nothing else.
fn update(bev: Bev) -> c_int {
    let connecting = bev.machine(|m| m.state()) == State::Connecting;
    let wanted = if connecting { Direction::WRITE } else { tunnel(bev, |t| t.interest(may(bev))).unwrap_or_default() };
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
pub(crate) fn changed(bev: Bev, started: Direction) -> c_int {
    let open = tunnel(bev, |t| t.is_open()).unwrap_or(false);
    // SAFETY: the adaptor's function with its own session, outside every section.
    let pending = open && parts(bev).is_some_and(|(ops, state)| unsafe { (ops.pending)(state) > 0 });
    let waits_below = below(bev).is_some_and(|below| buf::len(below.input()) > 0);
    if started.contains(Direction::READ) && (pending || waits_below) {
        soon(bev, Direction::READ);
    }
    if below(bev).is_some() && started.contains(Direction::WRITE) {
        bev.restart_timer(Direction::WRITE);
        soon(bev, Direction::WRITE);
    }
    update(bev)
}

/// Output was added.
pub(crate) fn output_grew(bev: Bev) {
    let open = tunnel(bev, |t| t.is_open()).unwrap_or(false);
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
fn soon(bev: Bev, direction: Direction) {
    let ready = if direction == Direction::READ { Ready::READ } else { Ready::WRITE };
    if bev.waits(direction) {
        // SAFETY: the event is assigned.
        unsafe { events::event_active(bev.event(direction), c_int::from(direction.bits()), 1) };
    } else if let Some(base) = bev.base() {
        let later = bev.is(flag::WRITING) || base.writing.load(Ordering::Relaxed);
        // SAFETY: the event is assigned, and neither pending nor active.
        unsafe { base.try_soon(bev.event(direction), ready, later) };
    }
}

/// The transport is ready. A reference is held.
fn ready(bev: Bev, directions: Direction) {
    if busy(bev, true) {
        return;
    }
    let steps = tunnel(bev, |t| t.steps(directions, may(bev))).unwrap_or_default();
    let mut read = steps.read;
    let mut write = steps.write;
    if steps.handshake && handshake(bev) {
        read = may(bev).contains(Direction::READ);
        write = may(bev).contains(Direction::WRITE);
    }
    if read && !bev.is_freed() {
        read_some(bev);
    }
    if write && !bev.is_freed() {
        write_some(bev);
    }
    busy(bev, false);
    if !bev.is_freed() {
        update(bev);
    }
}

/// Goes on with the handshake. Answers whether it is over.
fn handshake(bev: Bev) -> bool {
    let Some((ops, state)) = parts(bev) else { return false };
    // SAFETY: the adaptor's function with its own session, outside every section.
    let answer = answer(unsafe { (ops.handshake)(state) });
    tell(bev, tunnel(bev, |t| t.handshake_done(answer)).unwrap_or_default());
    answer == Answer::Done(0) && !bev.is_freed()
}

/// Tells of an event of the session. One that ends it ends its interest first.
fn tell(bev: Bev, event: What) {
    if event.is_empty() {
        return;
    }
    if !event.contains(What::CONNECTED) {
        let error = errno::get();
        update(bev);
        errno::set(error);
    }
    notice::event(bev, event, 0);
}

fn read_some(bev: Bev) {
    let mut total = 0;
    let mut event = What::empty();
    let allowed = rate::allowance(bev, Direction::READ).or(MAX_SINGLE);
    while event.is_empty() {
        let room = bev.marks(Direction::READ).room(buf::len(bev.input()));
        let max = room.min(allowed.saturating_sub(total)).min(RECORD);
        let Some((ops, state)) = parts(bev).filter(|_| max > 0) else { break };
        let mut record = [0u8; RECORD];
        // SAFETY: the adaptor's function with its own session and a buffer of that size, outside every section.
        let answer = answer(unsafe { (ops.read)(state, record.as_mut_ptr().cast(), max) });
        event = tunnel(bev, |t| t.moved(Direction::READ, answer)).unwrap_or_default();
        let Answer::Done(n @ 1..) = answer else { break };
        if !buf::append(bev.input(), &record[..n.min(max)]) {
            break;
        }
        total += n;
    }
    let error = errno::get();
    if total > 0 {
        bev.restart_read_timer();
        rate::spend(bev, Direction::READ, total);
        notice::data(bev, Direction::READ, 0);
    }
    // SAFETY: the adaptor's function with its own session, outside every section.
    let pending = parts(bev).is_some_and(|(ops, state)| unsafe { (ops.pending)(state) > 0 });
    if event.is_empty() && pending && may(bev).contains(Direction::READ) && !bev.is_freed() {
        soon(bev, Direction::READ);
    }
    errno::set(error);
    tell(bev, event);
}

fn write_some(bev: Bev) {
    let mut total = 0;
    let mut event = What::empty();
    let allowed = rate::allowance(bev, Direction::WRITE).or(MAX_SINGLE);
    while event.is_empty() {
        let (data, len) = buf::first(bev.output());
        let max = len.min(allowed.saturating_sub(total));
        let Some((ops, state)) = parts(bev).filter(|_| max > 0) else { break };
        // SAFETY: the adaptor's function with its own session, outside every section. The bytes stay where they are until
        // the buffer changes, which it does not before the call returns.
        let answer = answer(unsafe { (ops.write)(state, data.cast(), max) });
        event = tunnel(bev, |t| t.moved(Direction::WRITE, answer)).unwrap_or_default();
        let Answer::Done(n @ 1..) = answer else { break };
        buf::drain(bev.output(), n.min(max));
        total += n;
    }
    let error = errno::get();
    if total > 0 {
        if below(bev).is_some() {
            bev.restart_timer(Direction::WRITE);
        }
        rate::spend(bev, Direction::WRITE, total);
        notice::data(bev, Direction::WRITE, 0);
    }
    errno::set(error);
    tell(bev, event);
}

/// The read event.
pub(crate) unsafe extern "C-unwind" fn on_read(_fd: c_int, what: c_short, arg: *mut c_void) {
    // SAFETY: the event lies in the object, which lives while it is pending.
    on_event(unsafe { Bev::from_arg(arg) }, Direction::READ, what);
}

/// The write event.
pub(crate) unsafe extern "C-unwind" fn on_write(_fd: c_int, what: c_short, arg: *mut c_void) {
    // SAFETY: as in `on_read`.
    on_event(unsafe { Bev::from_arg(arg) }, Direction::WRITE, what);
}

fn on_event(bev: Bev, direction: Direction, what: c_short) {
    if !bev.try_hold() {
        return;
    }
    let outer = bev.is(flag::WRITING);
    let base = if direction == Direction::WRITE { bev.base() } else { None };
    bev.mark(flag::WRITING, true);
    socket::mark_writing(base, true);
    if what == ev::TIMEOUT {
        let outcome = bev.machine(|m| m.timed_out(direction));
        bev.conclude(outcome, 0);
    } else if bev.machine(|m| m.state()) == State::Connecting {
        connected(bev);
    } else {
        if below(bev).is_some() && bev.machine(|m| m.moves(direction)) {
            // Being made active ended the timer.
            bev.restart_timer(direction);
        }
        ready(bev, direction);
    }
    socket::mark_writing(base, false);
    bev.mark(flag::WRITING, outer);
    bev.release();
}

/// The transport's attempt to connect ended, or did not yet. The user hears of it when the handshake is over.
fn connected(bev: Bev) {
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
            errno::set(error.raw_os_error().unwrap_or(0));
            notice::event(bev, What::ERROR, 0);
        }
    }
}

/// The descriptor changed.
pub(crate) fn attached(bev: Bev, fd: c_int) {
    if let Some((ops, state)) = parts(bev)
        && let Some(attach) = ops.attach
    {
        // SAFETY: the adaptor's function with its own session, outside every section.
        unsafe { attach(state, fd) };
    }
}

unsafe fn below_moved(arg: *mut c_void, direction: Direction) {
    // SAFETY: the bufferevent takes its callbacks from the one below before it ends.
    let bev = unsafe { Bev::from_arg(arg) };
    if !bev.try_hold() {
        return;
    }
    ready(bev, direction);
    bev.release();
}

unsafe extern "C-unwind" fn below_read(_below: *mut bufferevent, arg: *mut c_void) {
    // SAFETY: as in `below_moved`.
    unsafe { below_moved(arg, Direction::READ) };
}

unsafe extern "C-unwind" fn below_write(_below: *mut bufferevent, arg: *mut c_void) {
    // SAFETY: as in `below_moved`.
    unsafe { below_moved(arg, Direction::WRITE) };
}

unsafe extern "C-unwind" fn below_event(_below: *mut bufferevent, what: c_short, arg: *mut c_void) {
    // SAFETY: as in `below_moved`.
    let bev = unsafe { Bev::from_arg(arg) };
    let what = What::from_bits_retain(what as u16);
    if !bev.try_hold() {
        return;
    }
    if what.contains(What::CONNECTED) {
        ready(bev, Direction::all());
    } else if what.contains(What::EOF) {
        let side = if what.contains(What::WRITING) { Direction::WRITE } else { Direction::READ };
        tell(bev, tunnel(bev, |t| t.moved(side, Answer::Truncated)).unwrap_or_default());
    } else {
        notice::event(bev, what, 0);
    }
    bev.release();
}

/// The last reference is gone.
pub(crate) fn unlink(bev: Bev) {
    let Some(below) = below(bev) else { return };
    let ours = get!(below, public.cbarg) == bev.arg();
    if get!(bev, options) & opt::CLOSE_ON_FREE != 0 {
        super::data::free(below);
    } else if ours {
        super::data::set_callbacks(below, None, None, None, ptr::null_mut());
        below.resume(Direction::READ, Hold::FILTER);
    }
}

/// Ends the session and its descriptor. Answers the bufferevent below, of which one reference is to be given back.
pub(crate) fn finish(bev: Bev) -> Option<Bev> {
    let (session, below) = (session(bev)?, below(bev));
    let (close, fd) = (get!(bev, options) & opt::CLOSE_ON_FREE != 0, bev.fd());
    // SAFETY: the adaptor's functions with its own session, outside every section and for the last time; the private part
    // was made by `mm::alloc` and is forgotten here; the option says that the descriptor is the bufferevent's own.
    unsafe {
        if let Some((ops, state)) = parts(bev) {
            if close && tunnel(bev, |t| t.is_open()).unwrap_or(false) {
                (ops.shutdown)(state);
            }
            (ops.free)(state, c_int::from(close));
        }
        if close && below.is_none() && fd >= 0 {
            let _ = io::close(fd);
        }
        set_rare!(bev, link, ptr::null_mut());
        mm::free_value(session);
    }
    below
}

fn make(
    base: *mut event_base,
    fd: c_int,
    below: Option<Bev>,
    ops: *const evoxide_tls_ops,
    state: *mut c_void,
    mode: c_int,
    options: c_int,
) -> Option<Bev> {
    // SAFETY: null, or a table that lives: the adaptor's promise. Its first two words say whether it is one of ours.
    let fits =
        unsafe { !ops.is_null() && (*ops).version == VERSION && (*ops).size as usize >= size_of::<evoxide_tls_ops>() };
    if !fits {
        return None;
    }
    let part = Session { ops, state, below, tunnel: Tunnel::new(mode == OPEN), busy: false };
    let part = mm::alloc(part)?;
    let lock = below.map_or(LockFrom::Own, LockFrom::Other);
    let Some(bev) = create(base, fd, options as u8, Kind::Tls, lock) else {
        // SAFETY: nobody else knows it.
        unsafe { mm::free_value(part) };
        return None;
    };
    set_rare!(bev, link, part.as_ptr().cast());
    if below.is_some() {
        // Now it is known that the events are timers only.
        super::assign(bev, base, fd);
    }
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
    let Some(bev) = make(base, fd, None, ops, state, mode, options) else { return ptr::null_mut() };
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
    // SAFETY: the caller's promise.
    let Some(under) = (unsafe { Bev::of(below) }) else { return ptr::null_mut() };
    let base = get!(under, public.ev_base);
    let Some(bev) = make(base, -1, Some(under), ops, state, mode, options) else { return ptr::null_mut() };
    under.hold();
    let (read, write): (DataFn, DataFn) = (below_read, below_write);
    let event: EventFn = below_event;
    super::data::set_callbacks(under, Some(read), Some(write), Some(event), bev.arg());
    under.enable(Direction::all());
    under.unlock();
    if mode != OPEN {
        soon(bev, Direction::WRITE);
    }
    bev.public()
}

/// The session of a bufferevent that was made with this table.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evoxide_tls_session(bev: *mut bufferevent, ops: *const evoxide_tls_ops) -> *mut c_void {
    // SAFETY: the caller's promise.
    let found = unsafe { Bev::of(bev) }.and_then(parts);
    found.filter(|(theirs, _)| ptr::eq(*theirs, ops)).map_or(ptr::null_mut(), |(_, state)| state)
}

/// Begins another handshake.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evoxide_tls_handshake(bev: *mut bufferevent) -> c_int {
    let again = |bev: Bev| match tunnel(bev, Tunnel::restart) {
        Some(()) => {
            soon(bev, Direction::WRITE);
            0
        }
        None => -1,
    };
    // SAFETY: the caller's promise.
    unsafe { super::data::held(bev, -1, again) }
}

/// Asks or sets whether a cut transport is an ordinary end of file.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evoxide_tls_dirty_shutdown(bev: *mut bufferevent, on: c_int) -> c_int {
    let set = |bev: Bev| {
        tunnel(bev, |t| {
            if on >= 0 {
                t.set_dirty_shutdown(on != 0);
            }
            c_int::from(t.dirty_shutdown())
        })
        .unwrap_or(-1)
    };
    // SAFETY: the caller's promise.
    unsafe { super::data::held(bev, -1, set) }
}
