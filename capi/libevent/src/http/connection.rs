//! `struct evhttp_connection`: what both roles share.

use super::calls::{self, event_base, what};
pub(crate) use super::objects::evhttp_connection;
use super::objects::{Role, Scratch, Verbs, evhttp};
use super::{objects, request};
use crate::abi::bufferevent::{DataFn, bufferevent};
use crate::http::abi::{ConnectionFn, bit, evhttp_request};
use core::ffi::{c_char, c_int, c_short, c_void};
use core::ptr;
use evoxide_ffi::mm;
use evoxide_proto::http::{Deadline, Leniency, Limits, Server, Step};
use libc::timeval;

/// The usual time-outs of reading and writing.
pub(super) const TIMEOUT: timeval = timeval { tv_sec: 50, tv_usec: 0 };
/// The usual time-out of connecting.
pub(super) const CONNECT_TIMEOUT: timeval = timeval { tv_sec: 45, tv_usec: 0 };
/// The longest head where the program set no limit.
const HEAD: usize = 1024 * 1024;
/// What a server that lingers reads of a body that is too long, to its end.
const LINGER: u64 = 64 * 1024 * 1024;

/// Bits of [`evhttp_connection::state`].
pub(super) mod state {
    /// It has ended; only the memory is left, for callers up the stack.
    pub const FREED: u32 = 1;
    /// The peer will send nothing more.
    pub const EOF: u32 = 2;
    /// The request is in the program's hands.
    pub const HANDED: u32 = 4;
    /// The read time-out is that of a whole head now.
    pub const HEAD_TIMER: u32 = 8;
    /// It is connected: its close will be told.
    pub const CONNECTED: u32 = 16;
    /// It is connecting.
    pub const CONNECTING: u32 = 32;
    /// It goes with its last request.
    pub const FREE_ON_COMPLETION: u32 = 64;
    /// Its first request is on its way.
    pub const DISPATCHED: u32 = 128;
    /// The bufferevent was given away.
    pub const BARE: u32 = 256;
    /// The body is too long, and is read to its end before that is told.
    pub const LINGERING: u32 = 512;
    /// The machine reads the input further up the stack.
    pub const DRIVING: u32 = 1024;
    /// The program made the bufferevent.
    pub const FOREIGN: u32 = 2048;
    /// Reading was stopped, since too much is held.
    pub const HELD: u32 = 4096;
    /// The client's connection waits for another try.
    pub const RETRYING: u32 = 8192;
    /// Without memory, a part of the answer was lost: nothing more is written, and it closes behind what was.
    pub const CUT: u32 = 16384;
    /// Its close is being told.
    pub const TOLD: u32 = 32768;
}

/// Public flags.
pub(super) mod option {
    use core::ffi::c_int;
    pub const REUSE_CONNECTED_ADDR: c_int = 8;
    pub const READ_ON_WRITE_ERROR: c_int = 16;
    pub const LINGERING_CLOSE: c_int = 32;
}

/// A new connection. `None`: no memory.
pub(super) fn create(base: *mut event_base, role: Role, verbs: &'static Verbs) -> *mut evhttp_connection {
    let made = mm::alloc(evhttp_connection {
        verbs,
        bev: ptr::null_mut(),
        base,
        server: ptr::null_mut(),
        next: ptr::null_mut(),
        prev: ptr::null_mut(),
        first: ptr::null_mut(),
        last: ptr::null_mut(),
        client: ptr::null_mut(),
        address: ptr::null_mut(),
        closecb: None,
        closearg: ptr::null_mut(),
        chunkcb: None,
        chunkarg: ptr::null_mut(),
        read_timeout: TIMEOUT,
        write_timeout: TIMEOUT,
        max_head: usize::MAX,
        max_body: u64::MAX,
        head_started: 0,
        role,
        busy: 0,
        state: 0,
        options: 0,
        port: 0,
    });
    let Some(made) = made else { return ptr::null_mut() };
    let made = made.as_ptr();
    // SAFETY: just made.
    unsafe { (*made).last = &raw mut (*made).first };
    made
}

/// Keeps the memory of a connection while callbacks run.
///
/// # Safety
/// `c` lives.
pub(super) unsafe fn enter(c: *mut evhttp_connection) {
    // SAFETY: `c` lives, as promised.
    unsafe { (*c).busy += 1 };
}

/// Ends what [`enter`] began. Whether the connection lives on.
///
/// # Safety
/// The caller entered, and does not use the connection where the answer is `false`.
pub(super) unsafe fn leave(c: *mut evhttp_connection) -> bool {
    // SAFETY: the caller's promise: the memory is there until the last one leaves.
    unsafe {
        (*c).busy -= 1;
        if !is(c, state::FREED) {
            return true;
        }
        if (*c).busy == 0 {
            objects::free_part((*c).client);
            mm::free((*c).address.cast());
            mm::free(c.cast());
        }
    }
    false
}

/// Whether a bit of the state is set.
///
/// # Safety
/// The memory of `c` is there.
#[inline]
pub(super) unsafe fn is(c: *mut evhttp_connection, bit: u32) -> bool {
    // SAFETY: the memory of `c` is there, as promised.
    unsafe { (*c).state & bit != 0 }
}

/// Sets or clears bits of the state.
///
/// # Safety
/// The memory of `c` is there.
#[inline]
pub(super) unsafe fn mark(c: *mut evhttp_connection, bits: u32, on: bool) {
    // SAFETY: the memory of `c` is there, as promised.
    unsafe { (*c).state = if on { (*c).state | bits } else { (*c).state & !bits } };
}

/// The limits of a connection.
///
/// # Safety
/// `c` lives.
#[inline(always)]
pub(super) unsafe fn limits(c: *mut evhttp_connection) -> Limits {
    // SAFETY: `c` lives, as promised.
    unsafe {
        let lingers = (*c).options & option::LINGERING_CLOSE != 0 && !(*c).server.is_null();
        let head = (*c).max_head.min(HEAD);
        let no_host = (*c).server.as_ref().is_some_and(|server| server.without_host);
        Limits {
            head,
            line: head,
            body: if lingers { (*c).max_body.saturating_add(LINGER) } else { (*c).max_body },
            leniency: Leniency { no_host, ..leniency() },
            ..Limits::COMPATIBLE
        }
    }
}

/// What the environment says of old peers; read once, and not at all in a program with another user's rights.
fn leniency() -> Leniency {
    use core::sync::atomic::{AtomicU8, Ordering};
    static LENIENT: AtomicU8 = AtomicU8::new(2);
    let mut lenient = LENIENT.load(Ordering::Relaxed);
    if lenient == 2 {
        // SAFETY: the name is a string; the answer is only compared with null.
        lenient = u8::from(unsafe { !calls::secure_getenv(c"EVOXIDE_HTTP_LENIENT".as_ptr()).is_null() });
        LENIENT.store(lenient, Ordering::Relaxed);
    }
    if lenient == 1 { Leniency::OLD_PEERS } else { Leniency::NONE }
}

/// The scratch memory that a connection's machine reads heads with.
///
/// # Safety
/// `c` lives; the answer is used in a few lines that call nothing of the program's.
pub(super) unsafe fn scratch<'a>(c: *mut evhttp_connection) -> &'a mut Scratch {
    // SAFETY: the caller's promise; a connection has a server or a client's part.
    unsafe {
        let server = (*c).server;
        if server.is_null() { &mut (*(*c).client).scratch } else { &mut (*server).scratch }
    }
}

/// The machine of a server's connection.
///
/// # Safety
/// The memory of `c` is there; the answer is used in a few lines that call nothing of the program's.
pub(super) unsafe fn server_machine<'a>(c: *mut evhttp_connection) -> &'a mut Server {
    // SAFETY: the memory of `c` is there, as promised.
    match unsafe { &mut (*c).role } {
        Role::Server(machine) => machine,
        Role::Client(_) => unreachable!("only connections with a server come here"),
    }
}

/// Puts a request behind the others.
///
/// # Safety
/// Both live; the request is in no queue.
pub(super) unsafe fn push(c: *mut evhttp_connection, req: *mut evhttp_request) {
    // SAFETY: the caller's promise: `last` points to the null that ends the queue.
    unsafe {
        (*req).evcon = c;
        (*req).tqe_next = ptr::null_mut();
        (*req).tqe_prev = (*c).last;
        *(*c).last = req;
        (*c).last = &raw mut (*req).tqe_next;
    }
}

/// Takes a request out of its connection's queue.
///
/// # Safety
/// It is in the queue of `c`.
pub(super) unsafe fn unlink(c: *mut evhttp_connection, req: *mut evhttp_request) {
    // SAFETY: it is in the queue of `c`, as promised.
    unsafe {
        *(*req).tqe_prev = (*req).tqe_next;
        match (*req).tqe_next.as_mut() {
            Some(next) => next.tqe_prev = (*req).tqe_prev,
            None => (*c).last = (*req).tqe_prev,
        }
        (*req).tqe_next = ptr::null_mut();
        (*req).tqe_prev = ptr::null_mut();
    }
}

/// One address for the callback, which [`is_taken_over`] knows it by.
static ON_READ: DataFn = on_read;

/// Gives the bufferevent its callbacks, time-outs and directions.
///
/// # Safety
/// `c` lives and has one.
pub(super) unsafe fn attach(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise; the callbacks' argument lives until the bufferevent's are taken away.
    unsafe {
        let bev = (*c).bev;
        calls::bufferevent_setcb(bev, Some(ON_READ), Some(on_write), Some(on_event), c.cast());
        set_timeouts(c);
        calls::bufferevent_enable(bev, what::READ | what::WRITE);
    }
}

/// Whether the program put callbacks of its own in place, to speak something else from here on.
///
/// # Safety
/// `c` lives and has a bufferevent.
pub(super) unsafe fn is_taken_over(c: *mut evhttp_connection) -> bool {
    // SAFETY: `c` lives and has a bufferevent, as promised.
    unsafe {
        let bev = &*(*c).bev;
        bev.cbarg.get() != c.cast() || !bev.readcb.get().is_some_and(|cb| ptr::fn_addr_eq(cb, ON_READ))
    }
}

/// Gives the bufferevent its callbacks for the time of connecting.
///
/// # Safety
/// `c` lives and has one.
pub(super) unsafe fn attach_connecting(c: *mut evhttp_connection, timeout: &timeval) {
    // SAFETY: `c` lives and has a bufferevent, of which it takes the callbacks back before it ends.
    unsafe {
        let bev = (*c).bev;
        calls::bufferevent_setcb(bev, Some(ON_READ), Some(on_write), Some(on_event), c.cast());
        // Over TLS the handshake belongs to it, which waits for the peer.
        calls::bufferevent_set_timeouts(bev, timeout, timeout);
        calls::bufferevent_enable(bev, what::WRITE);
    }
}

/// Gives the bufferevent the connection's time-outs.
///
/// # Safety
/// `c` lives.
pub(super) unsafe fn set_timeouts(c: *mut evhttp_connection) {
    // SAFETY: `c` lives, as promised.
    unsafe {
        mark(c, state::HEAD_TIMER, false);
        if !(*c).bev.is_null() && !is(c, state::CONNECTING) {
            calls::bufferevent_set_timeouts((*c).bev, &(*c).read_timeout, &(*c).write_timeout);
        }
    }
}

/// Ends the time-out of a head, if it runs.
///
/// # Safety
/// `c` lives.
pub(super) unsafe fn set_timeouts_if_headed(c: *mut evhttp_connection) {
    // SAFETY: `c` lives, as promised.
    unsafe {
        if is(c, state::HEAD_TIMER) {
            set_timeouts(c);
        }
    }
}

/// The next step of the machine over the input.
///
/// # Safety
/// `c` lives and has a bufferevent.
pub(super) unsafe fn step(c: *mut evhttp_connection) -> Step {
    // SAFETY: the caller's promise; the machine calls nothing, so that these are the only references meanwhile.
    unsafe {
        let eof = is(c, state::EOF);
        let input = crate::buffer::evbuffer::of(calls::bufferevent_get_input((*c).bev));
        if !eof && input.len() == 0 && matches!(&(*c).role, Role::Server(machine) if machine.needs_input()) {
            return Step::More;
        }
        let limits = limits(c);
        let head = &mut scratch(c).head;
        let role = &mut (*c).role;
        input.look(|input| match role {
            Role::Server(machine) => machine.step(input, eof, head, &limits),
            Role::Client(machine) => machine.step(input, eof, head, &limits),
        })
    }
}

/// What the machine waits for.
///
/// # Safety
/// The memory of `c` is there.
unsafe fn deadline(c: *mut evhttp_connection) -> Deadline {
    // SAFETY: the memory of `c` is there, as promised.
    unsafe {
        match &(*c).role {
            Role::Server(machine) => machine.deadline(),
            Role::Client(machine) => machine.deadline(),
        }
    }
}

/// Everything that came was read: a head that is not whole has the read time-out from its first byte on, whatever comes of it.
///
/// # Safety
/// `c` lives and has a bufferevent.
pub(super) unsafe fn watch_head(c: *mut evhttp_connection) {
    // SAFETY: `c` lives and has a bufferevent, as promised.
    unsafe {
        let partial = deadline(c) == Deadline::Head;
        if partial == is(c, state::HEAD_TIMER) {
            if partial {
                // Progress must not extend it: the rest of the time is set again with each piece.
                extend_head(c);
            }
            return;
        }
        if partial {
            if (*c).read_timeout.tv_sec == 0 && (*c).read_timeout.tv_usec == 0 {
                return;
            }
            (*c).head_started = now(c);
            mark(c, state::HEAD_TIMER, true);
        } else {
            set_timeouts(c);
        }
    }
}

/// Sets the read time-out to what is left of the head's time.
unsafe fn extend_head(c: *mut evhttp_connection) {
    // SAFETY: the caller's promise: `c` lives and has a bufferevent.
    unsafe {
        let total = micros(&(*c).read_timeout);
        let spent = now(c).saturating_sub((*c).head_started);
        let left = total.saturating_sub(spent).max(1);
        let read = timeval { tv_sec: left / 1_000_000, tv_usec: left % 1_000_000 };
        calls::bufferevent_set_timeouts((*c).bev, &read, &(*c).write_timeout);
    }
}

fn micros(tv: &timeval) -> i64 {
    tv.tv_sec.saturating_mul(1_000_000).saturating_add(tv.tv_usec)
}

/// The base's time, in microseconds.
unsafe fn now(c: *mut evhttp_connection) -> i64 {
    let mut tv = timeval { tv_sec: 0, tv_usec: 0 };
    // SAFETY: the base outlives its connections.
    unsafe { calls::event_base_gettimeofday_cached((*c).base, &mut tv) };
    micros(&tv)
}

unsafe extern "C-unwind" fn on_read(_bev: *mut bufferevent, arg: *mut c_void) {
    // SAFETY: the argument is the connection as long as these callbacks are set.
    unsafe { drive(arg.cast()) };
}

/// Reads what has come.
///
/// # Safety
/// `c` lives.
pub(super) unsafe fn drive(c: *mut evhttp_connection) {
    // SAFETY: entered while anything may call the program.
    unsafe {
        if is(c, state::DRIVING | state::FREED | state::BARE) || (*c).bev.is_null() {
            return;
        }
        enter(c);
        mark(c, state::DRIVING, true);
        ((*c).verbs.drive)(c);
        mark(c, state::DRIVING, false);
        if !is(c, state::FREED | state::BARE) && !(*c).bev.is_null() {
            watch_head(c);
        }
        leave(c);
    }
}

unsafe extern "C-unwind" fn on_write(_bev: *mut bufferevent, arg: *mut c_void) {
    let c: *mut evhttp_connection = arg.cast();
    // SAFETY: the argument is the connection, which takes its callbacks back before it ends.
    unsafe {
        enter(c);
        if let Some(callback) = (*c).chunkcb.take() {
            callback(c, (*c).chunkarg);
        }
        if !is(c, state::FREED | state::BARE) {
            ((*c).verbs.written)(c);
        }
        leave(c);
    }
}

unsafe extern "C-unwind" fn on_event(_bev: *mut bufferevent, what: c_short, arg: *mut c_void) {
    let c: *mut evhttp_connection = arg.cast();
    // SAFETY: the argument is the connection, which takes its callbacks back before it ends.
    unsafe {
        if what & what::CONNECTED != 0 {
            return ((*c).verbs.connected)(c);
        }
        if what & what::TIMEOUT != 0
            && what & what::READING != 0
            && !is(c, state::CONNECTING)
            && deadline(c) == Deadline::None
        {
            // A handler thinks, or nobody asked for anything: no deadline runs.
            calls::bufferevent_enable((*c).bev, what::READ);
            return;
        }
        enter(c);
        ((*c).verbs.ended)(c, what);
        leave(c);
    }
}

/// Ends a connection's bufferevent.
///
/// # Safety
/// `c`'s memory is there.
pub(super) unsafe fn drop_bev(c: *mut evhttp_connection) {
    // SAFETY: the bufferevent lives until it is freed here.
    unsafe {
        let bev = core::mem::replace(&mut (*c).bev, ptr::null_mut());
        if bev.is_null() {
            return;
        }
        calls::bufferevent_setcb(bev, None, None, None, ptr::null_mut());
        calls::bufferevent_disable(bev, what::READ | what::WRITE);
        let fd = calls::bufferevent_getfd(bev);
        let closes = crate::bufferevent::closes_on_free(bev);
        if fd >= 0 && is(c, state::CONNECTED) {
            libc::shutdown(fd, libc::SHUT_WR);
        }
        calls::bufferevent_free(bev);
        if fd >= 0 && !closes {
            libc::close(fd);
        }
    }
}

/// Whether the program set no timeout for it.
///
/// # Safety
/// `c` lives.
pub(crate) unsafe fn has_usual_timeout(c: *const evhttp_connection) -> bool {
    // SAFETY: `c` lives, as promised.
    unsafe { (*c).read_timeout.tv_sec == TIMEOUT.tv_sec && (*c).read_timeout.tv_usec == TIMEOUT.tv_usec }
}

/// Frees a connection, with its requests.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_free(evcon: *mut evhttp_connection) {
    let c = evcon;
    // SAFETY: the caller's promise; entered until the end.
    unsafe {
        if c.is_null() || is(c, state::FREED) {
            return;
        }
        enter(c);
        mark(c, state::FREED, true);
        while let Some(req) = (*c).first.as_mut() {
            let req: *mut evhttp_request = req;
            unlink(c, req);
            (*req).evcon = ptr::null_mut();
            // What the program has not answered is the program's, unless it answered by hand.
            let answered = (*req).bits & bit::USERDONE != 0 || !(*c).bev.is_null() && is_taken_over(c);
            if (*c).server.is_null() || !is(c, state::HANDED) || answered {
                request::release(req);
            }
            mark(c, state::HANDED, false);
        }
        ((*c).verbs.stop)(c);
        if is(c, state::CONNECTED)
            && !is(c, state::TOLD)
            && let Some(callback) = (*c).closecb
        {
            callback(c, (*c).closearg);
        }
        if !is(c, state::BARE) {
            drop_bev(c);
        }
        leave(c);
    }
}

/// The bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_get_bufferevent(evcon: *mut evhttp_connection) -> *mut bufferevent {
    // SAFETY: the caller passes a connection.
    unsafe { (*evcon).bev }
}

/// The server that accepted it, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_get_server(evcon: *mut evhttp_connection) -> *mut evhttp {
    // SAFETY: the caller passes a connection.
    unsafe { (*evcon).server }
}

/// The base.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_get_base(evcon: *mut evhttp_connection) -> *mut event_base {
    // SAFETY: the caller passes a connection.
    unsafe { (*evcon).base }
}

/// The peer's address and port.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_get_peer(
    evcon: *mut evhttp_connection,
    address: *mut *mut c_char,
    port: *mut u16,
) {
    // SAFETY: the caller passes a connection and room for the answers.
    unsafe {
        *address = (*evcon).address;
        *port = (*evcon).port;
    }
}

/// The peer's socket address; null where it is not connected. Good until the next call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_get_addr(evcon: *mut evhttp_connection) -> *const libc::sockaddr {
    // SAFETY: the caller passes a connection; the storage is the connection's, or its server's.
    unsafe {
        if (*evcon).bev.is_null() {
            return ptr::null();
        }
        let fd = calls::bufferevent_getfd((*evcon).bev);
        let peer = &raw mut scratch(evcon).peer;
        let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        if fd < 0 || libc::getpeername(fd, peer.cast(), &raw mut len) != 0 {
            return ptr::null();
        }
        peer.cast()
    }
}

/// Sets who is told when it closes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_set_closecb(
    evcon: *mut evhttp_connection,
    callback: Option<ConnectionFn>,
    arg: *mut c_void,
) {
    // SAFETY: the caller passes a connection.
    unsafe {
        (*evcon).closecb = callback;
        (*evcon).closearg = arg;
    }
}

/// A limit as C gives it: negative for none.
pub(super) fn limit(size: isize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// The longest head; negative: no limit but the usual one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_set_max_headers_size(evcon: *mut evhttp_connection, size: isize) {
    // SAFETY: the caller passes a connection.
    unsafe { (*evcon).max_head = usize::try_from(limit(size)).unwrap_or(usize::MAX) };
}

/// The longest body; negative: no limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_set_max_body_size(evcon: *mut evhttp_connection, size: isize) {
    // SAFETY: the caller passes a connection.
    unsafe { (*evcon).max_body = limit(size) };
}

/// Sets public flags; 1 where one of them is unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_connection_set_flags(evcon: *mut evhttp_connection, flags: c_int) -> c_int {
    // Lingering is asked for of a server.
    const ALL: c_int = option::REUSE_CONNECTED_ADDR | option::READ_ON_WRITE_ERROR;
    if flags & !ALL != 0 {
        return 1;
    }
    // SAFETY: the caller passes a connection.
    unsafe { (*evcon).options = flags };
    0
}

/// Sets the time-out in seconds; -1 for the usual ones.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_set_timeout(evcon: *mut evhttp_connection, seconds: c_int) {
    // SAFETY: the caller passes a connection.
    unsafe {
        if seconds < 0 {
            return evhttp_connection_set_timeout_tv(evcon, ptr::null());
        }
        evhttp_connection_set_timeout_tv(evcon, &timeval { tv_sec: seconds.into(), tv_usec: 0 });
    }
}

/// Sets the time-outs; null for the usual ones.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_set_timeout_tv(evcon: *mut evhttp_connection, tv: *const timeval) {
    // SAFETY: the caller passes a connection, and a time or null.
    unsafe {
        (*evcon).read_timeout = tv.as_ref().copied().unwrap_or(TIMEOUT);
        (*evcon).write_timeout = (*evcon).read_timeout;
        set_connect_timeout(evcon, tv);
        set_timeouts(evcon);
    }
}

/// Sets the time-out of reading; null for the usual one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_set_read_timeout_tv(
    evcon: *mut evhttp_connection,
    tv: *const timeval,
) {
    // SAFETY: `evcon` is null or alive; `tv` is null or of its type.
    unsafe {
        (*evcon).read_timeout = tv.as_ref().copied().unwrap_or(TIMEOUT);
        set_timeouts(evcon);
    }
}

/// Sets the time-out of writing; null for the usual one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_set_write_timeout_tv(
    evcon: *mut evhttp_connection,
    tv: *const timeval,
) {
    // SAFETY: `evcon` is null or alive; `tv` is null or of its type.
    unsafe {
        (*evcon).write_timeout = tv.as_ref().copied().unwrap_or(TIMEOUT);
        set_timeouts(evcon);
    }
}

/// Sets the time-out of connecting; null for the usual one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_connection_set_connect_timeout_tv(
    evcon: *mut evhttp_connection,
    tv: *const timeval,
) {
    // SAFETY: `evcon` is null or alive; `tv` is null or of its type.
    unsafe { set_connect_timeout(evcon, tv) };
}

/// Sets the time-out of connecting; null for the usual one.
///
/// # Safety
/// `c` lives; a time or null.
unsafe fn set_connect_timeout(c: *mut evhttp_connection, tv: *const timeval) {
    // SAFETY: `c` lives, as promised.
    unsafe {
        if let Some(part) = (*c).client.as_mut() {
            part.connect_timeout = tv.as_ref().copied().unwrap_or(CONNECT_TIMEOUT);
        }
    }
}
