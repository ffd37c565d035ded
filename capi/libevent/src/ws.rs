//! `event2/ws.h`: WebSocket sessions of an HTTP server.
//!
//! The machine is [`evoxide_proto::ws`]; here are the session that programs hold, its bufferevent and its callbacks.
//!
//! - The session belongs to the library. It ends with its close callback and is freed after that: when the closing handshake is
//!   complete, when the connection is lost, or at once by `evws_connection_free` or by its server's `evhttp_free`.
//! - Every callback may free it. Callers up the stack [keep](evws_connection::enter) its memory meanwhile.
//! - The machine is used under the bufferevent's lock, and never while a callback runs.

use crate::abi::bufferevent::bufferevent;
use crate::buffer::{Machine, evbuffer};
use crate::bufferevent::data;
use crate::bufferevent::handle::Bev;
use crate::http::abi::{evhttp_request, evkeyval};
use crate::http::calls::{self, what};
use crate::http::keyval::evhttp_add_header;
use crate::http::reply::{evhttp_send_error, evhttp_send_reply};
use crate::http::serve;
use crate::http::sessions::Session;
use alloc::vec::Vec;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{CStr, c_char, c_int, c_short, c_uchar, c_void};
use core::{mem::ManuallyDrop, ptr};
use evoxide_core::buffer::{Delta, Error};
use evoxide_ffi::{cstr, mm, warnx};
use evoxide_proto::ws::{
    Connection, Event, Expired, Kind, Limits, Origins, Refusal, Role, SendError, Timing, check_request, code,
    is_valid_close_code,
};
use evoxide_sys::clock;
use libc::timeval;

/// `ws_on_msg_cb`.
pub type MessageFn = unsafe extern "C-unwind" fn(*mut evws_connection, c_int, *const c_uchar, usize, *mut c_void);
/// `ws_on_close_cb`.
pub type CloseFn = unsafe extern "C-unwind" fn(*mut evws_connection, *mut c_void);

const TEXT_FRAME: c_int = 1;
const BINARY_FRAME: c_int = 2;
/// `EVHTTP_REQ_GET`.
const GET: u32 = 1;
/// `BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS`.
const TRIGGER_LATER: c_int = 1 << 16 | 1 << 2;
/// `BEV_EVENT_ERROR | BEV_EVENT_WRITING`.
const LOST: c_short = 0x20 | 2;

/// How long a peer may take to answer a close frame, and to read the last one.
const CLOSE: timeval = timeval { tv_sec: 5, tv_usec: 0 };
const TIMING: Timing = Timing { ping_after: None, idle: None, close: Some(5_000_000_000) };

/// `struct evws_connection`.
#[repr(C)]
pub struct evws_connection {
    /// In the list of its server; counts who uses it. Comes first.
    session: Session,
    bev: *mut bufferevent,
    machine: UnsafeCell<Connection>,
    on_message: Option<MessageFn>,
    arg: *mut c_void,
    on_close: Cell<Option<CloseFn>>,
    close_arg: Cell<*mut c_void>,
    /// The close callback ran, or runs.
    ended: Cell<bool>,
    /// Nothing is left to do but to write what the output holds.
    draining: Cell<bool>,
    /// The read time-out, in nanoseconds, where the session's waits are that; else 0.
    armed: Cell<u64>,
}

/// The name and value of each header of a list.
///
/// # Safety
/// The entries live as long as the result is used.
unsafe fn pairs<'a>(first: *mut evkeyval) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    // SAFETY: the caller's promise; the last entry leads to null.
    let entry = |at: *mut evkeyval| unsafe { at.as_ref() };
    core::iter::successors(entry(first), move |e| entry(e.tqe_next)).filter_map(|e| {
        // SAFETY: names and values of live entries are strings.
        unsafe { Some((cstr::bytes(e.key)?, cstr::bytes(e.value)?)) }
    })
}

/// Makes a session of a request; null, with the request answered, where it asks for none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evws_new_session(
    req: *mut evhttp_request,
    cb: Option<MessageFn>,
    arg: *mut c_void,
    options: c_int,
) -> *mut evws_connection {
    // SAFETY: the caller passes a request in its callback, with its headers.
    unsafe {
        let accept = match accept_header(req) {
            Ok(accept) => accept,
            Err(refusal) => {
                refuse(req, refusal);
                return ptr::null_mut();
            }
        };
        let Some(this) = evws_connection::create(cb, arg) else {
            evhttp_send_error(req, 500, ptr::null());
            return ptr::null_mut();
        };
        let headers = (*req).output_headers;
        let added = evhttp_add_header(headers, c"Upgrade".as_ptr(), c"websocket".as_ptr()) == 0
            && evhttp_add_header(headers, c"Connection".as_ptr(), c"Upgrade".as_ptr()) == 0
            && evhttp_add_header(headers, c"Sec-WebSocket-Accept".as_ptr(), accept.as_ptr().cast()) == 0;
        let (foreign, server) = (serve::is_foreign(req), serve::server_of(req));
        let bev = if added { serve::upgrade(req, 101) } else { ptr::null_mut() };
        if bev.is_null() {
            evws_connection::forget(this);
            if !added {
                evhttp_send_error(req, 500, ptr::null());
            }
            return ptr::null_mut();
        }
        let bev = if foreign { bev } else { with_options(bev, options) };
        (*this).bev = bev;
        Session::link(this.cast(), server);
        calls::bufferevent_setcb(bev, Some(on_read), Some(on_written), Some(on_event), this.cast());
        calls::bufferevent_enable(bev, what::READ | what::WRITE);
        if calls::evbuffer_get_length(calls::bufferevent_get_input(bev)) > 0 {
            // What came with the request is told once the program has set its callbacks.
            data::bufferevent_trigger(Bev::of(bev), what::READ, TRIGGER_LATER);
        }
        this
    }
}

/// A bufferevent with these `BEV_OPT_*` in place of a plain one, with what lies in its buffers. Without memory, the plain one.
///
/// # Safety
/// `bev` is the library's own, on a socket, and nobody uses it.
unsafe fn with_options(bev: *mut bufferevent, options: c_int) -> *mut bufferevent {
    use crate::abi::bufferevent::opt;
    // A session's callbacks run under its lock.
    let options = options & c_int::from(opt::THREADSAFE | opt::DEFER_CALLBACKS);
    if options == 0 {
        return bev;
    }
    // SAFETY: the caller's promise. What is moved lies in buffers of one thread.
    unsafe {
        let (base, fd) = (calls::bufferevent_get_base(bev), calls::bufferevent_getfd(bev));
        let made = calls::bufferevent_socket_new(base, fd, options | c_int::from(opt::CLOSE_ON_FREE));
        if made.is_null() {
            return bev;
        }
        let ends = [
            (calls::bufferevent_get_input(bev), calls::bufferevent_get_input(made)),
            (calls::bufferevent_get_output(bev), calls::bufferevent_get_output(made)),
        ];
        for (from, to) in ends {
            let (from, to) = (evbuffer::of(from), evbuffer::of(to));
            if from.len() > 0 && !crate::bufferevent::buffers::transfer(from, to, from.len()) {
                // An empty buffer takes over what there is without allocating.
                warnx!("evws: what had come with a request was lost");
            }
        }
        calls::bufferevent_disable(bev, what::READ | what::WRITE);
        calls::bufferevent_setfd(bev, -1);
        calls::bufferevent_free(bev);
        made
    }
}

/// Checks a request; the value of `Sec-WebSocket-Accept`, with a zero byte behind it.
///
/// # Safety
/// `req` lives.
unsafe fn accept_header(req: *const evhttp_request) -> Result<[u8; 29], Refusal> {
    // SAFETY: `req` lives, as promised.
    let accepted = unsafe {
        let method: &[u8] = if (*req).type_ == GET { b"GET" } else { b"" };
        let version = ((*req).major as u8, (*req).minor as u8);
        check_request(method, version, pairs((*(*req).input_headers).tqh_first), Origins::Any)?
    };
    let mut text = [0; 29];
    for (to, from) in text.iter_mut().zip(accepted.accept.bytes()) {
        *to = from;
    }
    Ok(text)
}

/// Answers a request that opens no session.
///
/// # Safety
/// `req` is in its callback.
unsafe fn refuse(req: *mut evhttp_request, refusal: Refusal) {
    // SAFETY: `req` is in its callback, as promised.
    unsafe {
        if refusal == Refusal::Version {
            let headers = (*req).output_headers;
            evhttp_add_header(headers, c"Sec-WebSocket-Version".as_ptr(), c"13".as_ptr());
        }
        evhttp_send_reply(req, refusal.status().into(), ptr::null(), ptr::null_mut());
    }
}

impl evws_connection {
    fn create(on_message: Option<MessageFn>, arg: *mut c_void) -> Option<*mut Self> {
        let machine = Connection::new(Role::Server, Limits::default(), TIMING, clock::monotonic());
        mm::alloc(evws_connection {
            session: Session::new(Self::end_with_server),
            bev: ptr::null_mut(),
            machine: UnsafeCell::new(machine),
            on_message,
            arg,
            on_close: Cell::new(None),
            close_arg: Cell::new(ptr::null_mut()),
            ended: Cell::new(false),
            draining: Cell::new(false),
            armed: Cell::new(0),
        })
        .map(|made| made.as_ptr())
    }

    /// Frees the memory.
    ///
    /// # Safety
    /// Nobody uses the session any more.
    unsafe fn forget(this: *mut Self) {
        // SAFETY: nobody uses the session any more, as promised.
        unsafe {
            ptr::drop_in_place(this);
            mm::free(this.cast());
        }
    }

    /// Uses the machine, for a moment in which nothing else does.
    fn machine<R>(&self, f: impl FnOnce(&mut Connection) -> R) -> R {
        // SAFETY: the closures of this file call nothing but the machine; the bufferevent's lock, if there is one, is held.
        f(unsafe { &mut *self.machine.get() })
    }

    /// Keeps the memory until [`leave`](Self::leave).
    fn enter(&self) {
        self.session.enter();
    }

    /// Frees an ended session, if no other caller up the stack uses it.
    ///
    /// # Safety
    /// The caller entered, and does not use the session afterwards.
    unsafe fn leave(this: *mut Self) {
        // SAFETY: the caller entered, and does not use the session afterwards, as promised.
        unsafe {
            if (*this).session.is_left((*this).ended.get()) {
                calls::bufferevent_free((*this).bev);
                Self::forget(this);
            }
        }
    }

    /// Ends a session whose server is freed.
    ///
    /// # Safety
    /// `session` is a part of one that lives, which the caller has entered and gives up.
    unsafe fn end_with_server(session: *mut Session) {
        let this: *mut Self = session.cast();
        // SAFETY: the caller's promise; locking keeps the bufferevent.
        unsafe {
            let bev = (*this).bev;
            calls::bufferevent_lock(bev);
            Self::end(this);
            Self::leave(this);
            calls::bufferevent_unlock(bev);
        }
    }

    /// Makes what is left of the machine's wait the read time-out, unless it is that. Where the machine never waited, the time-out is
    /// the program's.
    fn wait(&self, now: u64) {
        let left = self.machine(|m| m.deadline()).map_or(0, |deadline| deadline.saturating_sub(now).max(1));
        if self.ended.get() || self.draining.get() || self.armed.replace(left) == left {
            return;
        }
        let micros = left.div_ceil(1000);
        let read = timeval {
            tv_sec: libc::time_t::try_from(micros / 1_000_000).unwrap_or(libc::time_t::MAX),
            tv_usec: (micros % 1_000_000) as libc::suseconds_t,
        };
        // SAFETY: the bufferevent lives as long as the session, and its lock, if it has one, is held.
        unsafe {
            let write = (*self.bev).timeout_write.get();
            calls::bufferevent_set_timeouts(self.bev, &read, &write);
        }
    }

    /// The read time-out was reached: whether a wait is over with it. If not, a ping may be owed.
    fn has_expired(&self, now: u64) -> bool {
        // The next wait is set whatever it is.
        self.armed.set(u64::MAX);
        matches!(self.machine(|m| m.expire(now)), Some(Expired::Idle | Expired::Close))
    }

    /// Ends the session: its close callback runs, once.
    ///
    /// # Safety
    /// The caller has entered.
    unsafe fn end(this: *mut Self) {
        // SAFETY: the caller's promise; the memory stays.
        unsafe {
            if (*this).ended.replace(true) {
                return;
            }
            calls::bufferevent_setcb((*this).bev, None, None, None, ptr::null_mut());
            calls::bufferevent_disable((*this).bev, what::READ | what::WRITE);
            if let Some(on_close) = (*this).on_close.take() {
                on_close(this, (*this).close_arg.get());
            }
        }
    }

    /// Runs `f` under the bufferevent's lock, and keeps the memory for that time.
    ///
    /// # Safety
    /// `this` lives.
    unsafe fn locked(this: *mut Self, f: impl FnOnce(&Self)) {
        // SAFETY: the caller's promise; locking keeps the bufferevent, entering the session.
        unsafe {
            let bev = (*this).bev;
            calls::bufferevent_lock(bev);
            (*this).enter();
            f(&*this);
            Self::leave(this);
            calls::bufferevent_unlock(bev);
        }
    }

    /// Runs a callback of the bufferevent under its lock. One that the program made may run its callbacks without, and another thread may
    /// have ended and freed the session meanwhile: its end takes the callbacks back, which is what the bufferevent tells.
    ///
    /// # Safety
    /// `bev` lives, and `arg` is a session, or was one while it was the argument of the callbacks.
    unsafe fn called(bev: *mut bufferevent, arg: *mut c_void, f: impl FnOnce(&Self)) {
        // SAFETY: the caller's promise; under the lock a session lives while it is the argument.
        unsafe {
            calls::bufferevent_lock(bev);
            if (*bev).cbarg.get() == arg {
                Self::locked(arg.cast(), f);
            }
            calls::bufferevent_unlock(bev);
        }
    }

    /// Sends something: `send` gets the machine and the output. Nothing but [`SendError::Closing`] is unusual enough to tell. Without
    /// memory the session ends, from the loop: the peer would miss what later messages build on.
    fn send(&self, send: impl FnOnce(&mut Connection, &mut Machine) -> Result<(), SendError>) {
        if self.ended.get() {
            return;
        }
        let mut failed = None;
        // SAFETY: the bufferevent lives as long as the session; the closure calls the machines alone. Runs callbacks of the
        // output, last.
        unsafe {
            evbuffer::of(calls::bufferevent_get_output(self.bev)).change(|output| {
                let before = output.len();
                self.machine(|machine| send(machine, output)).map_err(|error| {
                    failed = Some(error);
                    Error::OutOfRange
                })?;
                Ok(Delta::added(output.len() - before))
            });
        }
        let Some(error) = failed.filter(|error| *error != SendError::Closing) else { return };
        warnx!("evws: nothing was sent: {}", error);
        if let SendError::Output(_) = error {
            // SAFETY: the bufferevent lives as long as the session. Runs nothing now.
            unsafe { data::bufferevent_trigger_event(Bev::of(self.bev), LOST, TRIGGER_LATER) };
        }
    }

    /// Sends what the protocol owes. Where both sides are done, the session ends when the output is empty.
    ///
    /// # Safety
    /// The caller has entered.
    unsafe fn settle(this: *mut Self) {
        // SAFETY: the caller has entered, as promised.
        unsafe {
            let ws = &*this;
            if ws.ended.get() {
                return;
            }
            if ws.machine(|m| m.owes()) {
                ws.send(|machine, output| machine.send_owed([0; 4], output));
            }
            if !ws.machine(|m| m.is_done()) || ws.draining.replace(true) {
                return;
            }
            calls::bufferevent_disable(ws.bev, what::READ);
            calls::bufferevent_set_timeouts(ws.bev, ptr::null(), &CLOSE);
            if calls::evbuffer_get_length(calls::bufferevent_get_output(ws.bev)) == 0 {
                Self::end(this);
            }
        }
    }
}

/// Something arrived: one event after the other.
unsafe extern "C-unwind" fn on_read(bev: *mut bufferevent, arg: *mut c_void) {
    // SAFETY: a callback of the session's bufferevent.
    unsafe {
        evws_connection::called(bev, arg, |ws| {
            let this = arg.cast();
            let now = clock::monotonic();
            while !ws.ended.get() && !ws.draining.get() {
                let input = calls::bufferevent_get_input(bev);
                let (used, event) = evbuffer::of(input).look(|input| ws.machine(|m| m.receive(input.first(), now)));
                if used == 0 {
                    break;
                }
                calls::evbuffer_drain(input, used);
                if let Some(Event::Message { kind, data }) = event {
                    tell(this, kind, ManuallyDrop::new(data));
                }
                evws_connection::settle(this);
            }
            if !ws.ended.get() && ws.machine(|m| m.is_closing() && m.expire(now) == Some(Expired::Close)) {
                evws_connection::end(this);
            }
            ws.wait(now);
        });
    }
}

/// Tells the program of a message. Freed by hand: the callback may be left by a jump.
///
/// # Safety
/// The caller has entered.
unsafe fn tell(this: *mut evws_connection, kind: Kind, mut data: ManuallyDrop<Vec<u8>>) {
    let len = data.len();
    // SAFETY: the caller has entered, as promised.
    unsafe {
        if data.try_reserve(1).is_err() {
            (*this).send(|machine, output| machine.close(code::INTERNAL_ERROR, "", [0; 4], output, clock::monotonic()));
        } else if let Some(on_message) = (*this).on_message {
            data.push(0);
            let kind = if kind == Kind::Text { TEXT_FRAME } else { BINARY_FRAME };
            on_message(this, kind, data.as_ptr(), len, (*this).arg);
        }
    }
    drop(ManuallyDrop::into_inner(data));
}

/// The output is empty.
unsafe extern "C-unwind" fn on_written(bev: *mut bufferevent, arg: *mut c_void) {
    // SAFETY: a callback of the session's bufferevent.
    unsafe {
        evws_connection::called(bev, arg, |ws| {
            if ws.draining.get() {
                evws_connection::end(arg.cast());
            } else {
                evws_connection::settle(arg.cast());
            }
        });
    }
}

/// The connection is lost, or waited for too long.
unsafe extern "C-unwind" fn on_event(bev: *mut bufferevent, what: c_short, arg: *mut c_void) {
    // SAFETY: a callback of the session's bufferevent.
    unsafe {
        evws_connection::called(bev, arg, |ws| {
            if what == what::TIMEOUT | what::READING && ws.armed.get() != 0 && !ws.has_expired(clock::monotonic()) {
                evws_connection::settle(arg.cast());
                calls::bufferevent_enable(bev, what::READ);
                ws.wait(clock::monotonic());
            } else {
                evws_connection::end(arg.cast());
            }
        });
    }
}

/// Sends a message of text.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evws_send_text(evws: *mut evws_connection, packet_str: *const c_char) {
    // SAFETY: a live session and a string.
    unsafe {
        let text = CStr::from_ptr(packet_str).to_bytes();
        evws_connection::locked(evws, |ws| {
            ws.send(|machine, output| machine.send(Kind::Text, text, [0; 4], output));
        });
    }
}

/// Sends a message of bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evws_send_binary(
    evws: *mut evws_connection,
    packet_data: *const c_char,
    packet_len: usize,
) {
    // SAFETY: a live session, and memory as long as said.
    unsafe {
        let data = if packet_len == 0 { &[] } else { core::slice::from_raw_parts(packet_data.cast(), packet_len) };
        evws_connection::locked(evws, |ws| {
            ws.send(|machine, output| machine.send(Kind::Binary, data, [0; 4], output));
        });
    }
}

/// Begins to close.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evws_close(evws: *mut evws_connection, reason: u16) {
    // SAFETY: a live session.
    unsafe {
        let reason = if is_valid_close_code(reason) { reason } else { code::NONE };
        evws_connection::locked(evws, |ws| {
            ws.send(|machine, output| machine.close(reason, "", [0; 4], output, clock::monotonic()));
            if !ws.ended.get() && ws.machine(|m| m.is_closing()) {
                calls::bufferevent_set_timeouts(ws.bev, &CLOSE, &CLOSE);
                ws.armed.set(u64::MAX);
                ws.wait(clock::monotonic());
            }
        });
    }
}

/// Sets after which silence of the peer it is pinged, and after which the session ends; null or zero: never.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evoxide_ws_set_timeouts(
    evws: *mut evws_connection,
    ping: *const timeval,
    idle: *const timeval,
) {
    // SAFETY: a live session; times or null.
    unsafe {
        let timing = Timing { ping_after: nanos(ping.as_ref()), idle: nanos(idle.as_ref()), ..TIMING };
        evws_connection::locked(evws, |ws| {
            ws.machine(|m| m.set_timing(timing));
            ws.wait(clock::monotonic());
        });
    }
}

/// A time in nanoseconds; none where it is zero or negative.
fn nanos(time: Option<&timeval>) -> Option<u64> {
    let time = time?;
    let seconds = u64::try_from(time.tv_sec).ok()?.saturating_mul(1_000_000_000);
    let nanos = seconds.saturating_add(u64::try_from(time.tv_usec).ok()?.saturating_mul(1000));
    (nanos > 0).then_some(nanos)
}

/// Sets the close callback.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evws_connection_set_closecb(
    evws: *mut evws_connection,
    cb: Option<CloseFn>,
    arg: *mut c_void,
) {
    // SAFETY: a live session.
    unsafe {
        evws_connection::locked(evws, |ws| {
            ws.on_close.set(cb);
            ws.close_arg.set(arg);
        });
    }
}

/// Ends a session at once.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evws_connection_free(evws: *mut evws_connection) {
    // SAFETY: a live session, which the caller gives up.
    unsafe {
        evws_connection::locked(evws, |_| evws_connection::end(evws));
    }
}

/// The session's bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evws_connection_get_bufferevent(evws: *mut evws_connection) -> *mut bufferevent {
    // SAFETY: a live session.
    unsafe { (*evws).bev }
}
