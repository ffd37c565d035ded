//! One `SSL` object behind a bufferevent: the table of functions that the main library calls.

use core::ffi::{c_int, c_long, c_ulong, c_void};
use core::ptr;
use openssl_sys as ssl;

use crate::bio;
use crate::main_library::{CLOSED, ERROR, TRUNCATED, Table, VERSION, WANT_READ, WANT_WRITE, bufferevent};

/// How many errors a session keeps for the program; later ones are dropped.
const ERRORS: usize = 3;

/// What the main library is given.
pub static TABLE: Table = Table {
    version: VERSION,
    size: size_of::<Table>() as u32,
    attach,
    handshake,
    read,
    write,
    pending,
    shutdown,
    last_error,
    free,
};

/// The session: the program's `SSL`, and the errors it has not asked for yet.
pub struct Session {
    /// The program's object.
    pub ssl: *mut ssl::SSL,
    errors: [c_ulong; ERRORS],
    held: usize,
    /// The BIO over the bufferevent below, with a reference of its own; null for a socket.
    bio: *mut ssl::BIO,
    flood: Flood,
    /// Flags of [`flags`](crate::entries::bufferevent_ssl_set_flags).
    pub flags: u64,
}

impl Session {
    /// A session in memory of its own; null without memory.
    pub fn make(ssl: *mut ssl::SSL) -> *mut Session {
        // SAFETY: storage of the right size and alignment, filled before anybody sees it.
        unsafe {
            let storage = libc::malloc(size_of::<Session>()).cast::<Session>();
            if !storage.is_null() {
                storage.write(Session {
                    ssl,
                    errors: [0; ERRORS],
                    held: 0,
                    bio: ptr::null_mut(),
                    flood: Flood::default(),
                    flags: 0,
                });
            }
            storage
        }
    }

    /// Makes a bufferevent the session's transport. `false` without memory.
    pub fn stand_on(&mut self, below: *mut bufferevent) -> bool {
        let bio = bio::over(below);
        if bio.is_null() {
            return false;
        }
        // SAFETY: one reference goes to the `SSL`, the other stays here: the program may free the `SSL` first.
        unsafe {
            BIO_up_ref(bio);
            ssl::SSL_set_bio(self.ssl, bio, bio);
        }
        self.bio = bio;
        true
    }

    /// Takes the transport away and gives the storage back. The `SSL` is not touched: the program may have freed it.
    ///
    /// # Safety
    ///
    /// Made by [`make`](Self::make), and not used again.
    pub unsafe fn discard(session: *mut Session) {
        // SAFETY: the caller's promise; the reference to the BIO is the session's own.
        unsafe {
            if let Some(this) = session.as_ref().filter(|this| !this.bio.is_null()) {
                bio::detach(this.bio);
                ssl::BIO_free_all(this.bio);
            }
            libc::free(session.cast());
        }
    }

    /// Takes over what OpenSSL's queue of errors holds, behind the kind of failure.
    fn collect(&mut self, kind: c_int) {
        let mut next = kind as c_ulong;
        while next != 0 {
            self.put(next);
            // SAFETY: takes from this thread's queue.
            next = unsafe { ssl::ERR_get_error() };
        }
    }

    fn put(&mut self, error: c_ulong) {
        if self.held < ERRORS {
            self.errors[self.held] = error;
            self.held += 1;
        }
    }

    /// The latest error, or 0.
    pub fn take_error(&mut self) -> c_ulong {
        self.held = self.held.saturating_sub(1);
        core::mem::take(&mut self.errors[self.held])
    }

    /// The program asks for another handshake.
    pub fn asks(&mut self) {
        self.flood.asked = self.flood.asked.saturating_add(1);
    }

    /// What an operation that did nothing means.
    fn outcome(&mut self, result: c_int) -> isize {
        // SAFETY: the session's object, right after the operation.
        let kind = unsafe { ssl::SSL_get_error(self.ssl, result) };
        match kind {
            ssl::SSL_ERROR_WANT_READ => WANT_READ,
            ssl::SSL_ERROR_WANT_WRITE => WANT_WRITE,
            ssl::SSL_ERROR_ZERO_RETURN => CLOSED,
            ssl::SSL_ERROR_SYSCALL => {
                // SAFETY: looks at this thread's queue.
                let queued = unsafe { ERR_peek_error() } != 0;
                self.collect(kind);
                if !queued && (result == 0 || errno() == 0) { TRUNCATED } else { ERROR }
            }
            ssl::SSL_ERROR_SSL => {
                // SAFETY: looks at this thread's queue of errors only.
                let cut = reason(unsafe { ERR_peek_error() }) == UNEXPECTED_EOF;
                self.collect(kind);
                if cut { TRUNCATED } else { ERROR }
            }
            _ => {
                self.collect(kind);
                ERROR
            }
        }
    }
}

/// How many renegotiations a peer may begin in [`SPAN`] seconds: they cost it little, and this end much.
const MOST_RENEGOTIATIONS: c_int = 10;
const SPAN: i64 = 60;

/// The peer's renegotiations: each ends with another Finished message.
#[derive(Clone, Copy, Default)]
struct Flood {
    finished: [u8; 8],
    /// How many there were in the running span, and when that began, in seconds.
    count: c_int,
    since: i64,
    /// How many of those to come the program asked for.
    asked: c_int,
}

impl Flood {
    /// Takes the peer's Finished message as it is now. Answers whether there were too many.
    fn sees(&mut self, finished: [u8; 8]) -> bool {
        if finished == self.finished {
            return false;
        }
        let first = self.finished == [0; 8];
        self.finished = finished;
        if first {
            return false;
        }
        if self.asked > 0 {
            self.asked -= 1;
            return false;
        }
        let now = seconds();
        if now - self.since > SPAN {
            (self.count, self.since) = (0, now);
        }
        self.count += 1;
        self.count > MOST_RENEGOTIATIONS
    }
}

/// The monotonic clock, in seconds.
fn seconds() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: storage of that type.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    now.tv_sec
}

/// `SSL_R_UNEXPECTED_EOF_WHILE_READING`: how OpenSSL 3 tells that the transport ended without close_notify.
const UNEXPECTED_EOF: c_ulong = 294;

/// `ERR_GET_REASON` of OpenSSL 3, for errors that are not the system's.
fn reason(error: c_ulong) -> c_ulong {
    if error & 0x8000_0000 != 0 { 0 } else { error & 0x7f_ffff }
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn clear_errors() {
    // SAFETY: this thread's queue and errno.
    unsafe {
        ssl::ERR_clear_error();
        *libc::__errno_location() = 0;
    }
}

/// The session behind the main library's pointer.
///
/// # Safety
///
/// `session` is one that [`Session::make`] returned, and nobody else uses it: the main library holds the bufferevent's lock.
unsafe fn at<'a>(session: *mut c_void) -> &'a mut Session {
    // SAFETY: made by `Session::make`; the bufferevent's lock keeps others out.
    unsafe { &mut *session.cast::<Session>() }
}

unsafe extern "C-unwind" fn attach(session: *mut c_void, fd: c_int) {
    // SAFETY: the main library's promise; a BIO given to `SSL_set_bio` belongs to the object.
    unsafe {
        let this = at(session);
        let own = ssl::SSL_get_wbio(this.ssl);
        if fd < 0 {
            ssl::SSL_set_bio(this.ssl, ptr::null_mut(), ptr::null_mut());
        } else if own.is_null() || descriptor(own) != fd {
            let bio = ssl::BIO_new_socket(fd, BIO_NOCLOSE);
            if !bio.is_null() {
                ssl::SSL_set_bio(this.ssl, bio, bio);
            }
        }
    }
}

/// The descriptor of a BIO, or -1.
///
/// # Safety
///
/// `bio` is not null and lives.
pub unsafe fn descriptor(bio: *mut ssl::BIO) -> c_int {
    let mut fd: c_int = -1;
    // SAFETY: the caller's promise; the command writes one int.
    unsafe { BIO_ctrl(bio, BIO_C_GET_FD, 0, (&raw mut fd).cast()) };
    fd
}

unsafe extern "C-unwind" fn handshake(session: *mut c_void) -> isize {
    // SAFETY: the main library's promise.
    let this = unsafe { at(session) };
    clear_errors();
    // SAFETY: the session's object.
    let result = unsafe { ssl::SSL_do_handshake(this.ssl) };
    if result == 1 { 0 } else { this.outcome(result) }
}

unsafe extern "C-unwind" fn read(session: *mut c_void, data: *mut c_void, size: usize) -> isize {
    // SAFETY: the main library's promise.
    let this = unsafe { at(session) };
    clear_errors();
    // SAFETY: as above; `data` has that many bytes.
    let result = unsafe { ssl::SSL_read(this.ssl, data, c_int::try_from(size).unwrap_or(c_int::MAX)) };
    let mut finished = [0; 8];
    // SAFETY: the session's object, and as many bytes as there is room for.
    unsafe { ssl::SSL_get_peer_finished(this.ssl, finished.as_mut_ptr().cast(), finished.len()) };
    if this.flood.sees(finished) {
        clear_errors();
        this.put(ssl::SSL_ERROR_SSL as c_ulong);
        this.put(NO_RENEGOTIATION);
        return ERROR;
    }
    if result > 0 { result as isize } else { this.outcome(result) }
}

unsafe extern "C-unwind" fn write(session: *mut c_void, data: *const c_void, size: usize) -> isize {
    // SAFETY: the main library's promise.
    let this = unsafe { at(session) };
    clear_errors();
    // SAFETY: `data` has `size` bytes, of which no more are written than there are.
    let result = unsafe { ssl::SSL_write(this.ssl, data, c_int::try_from(size).unwrap_or(c_int::MAX)) };
    if result > 0 { result as isize } else { this.outcome(result) }
}

unsafe extern "C-unwind" fn pending(session: *mut c_void) -> usize {
    // SAFETY: the main library's promise.
    let this = unsafe { at(session) };
    // SAFETY: the session's object.
    usize::try_from(unsafe { ssl::SSL_pending(this.ssl) }).unwrap_or(0)
}

unsafe extern "C-unwind" fn shutdown(session: *mut c_void, last: c_int) -> isize {
    // SAFETY: the main library's promise.
    let this = unsafe { at(session) };
    clear_errors();
    // SAFETY: the session's object. The peer's close_notify is not waited for. A socket that takes nothing any more is left alone,
    // since OpenSSL's write would raise SIGPIPE.
    unsafe {
        let bio = ssl::SSL_get_wbio(this.ssl);
        let fd = if this.bio.is_null() && !bio.is_null() { descriptor(bio) } else { -1 };
        if fd >= 0
            && libc::send(fd, ptr::null(), 0, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) < 0
            && errno() == libc::EPIPE
        {
            return CLOSED;
        }
        if last != 0 {
            ssl::SSL_set_shutdown(this.ssl, RECEIVED_SHUTDOWN);
        }
        ssl::SSL_shutdown(this.ssl);
        ssl::ERR_clear_error();
    }
    0
}

unsafe extern "C-unwind" fn last_error(session: *mut c_void) -> c_ulong {
    // SAFETY: the main library's promise.
    unsafe { at(session) }.take_error()
}

unsafe extern "C-unwind" fn free(session: *mut c_void, close: c_int) {
    // SAFETY: the main library's promise; this is the last call.
    unsafe {
        if close != 0 {
            ssl::SSL_free(at(session).ssl);
        }
        Session::discard(session.cast());
    }
}

/// Lets a write be tried again from another place.
///
/// # Safety
///
/// `ssl` is not null and lives.
pub unsafe fn prepare(ssl: *mut ssl::SSL) {
    // SAFETY: `ssl` is not null and lives, as promised.
    unsafe { ssl::SSL_ctrl(ssl, SSL_CTRL_MODE, ACCEPT_MOVING_WRITE_BUFFER, ptr::null_mut()) };
}

const BIO_NOCLOSE: c_int = 0;
const BIO_C_GET_FD: c_int = 105;
const RECEIVED_SHUTDOWN: c_int = 2;
const SSL_CTRL_MODE: c_int = 33;
/// `SSL_R_NO_RENEGOTIATION` of `ERR_LIB_SSL`.
const NO_RENEGOTIATION: c_ulong = 20 << 23 | 339;
const ACCEPT_MOVING_WRITE_BUFFER: c_long = 2;

// Declared here because the bindings lack it.
unsafe extern "C" {
    fn BIO_up_ref(bio: *mut ssl::BIO) -> c_int;
    fn ERR_peek_error() -> c_ulong;
    fn BIO_ctrl(bio: *mut ssl::BIO, command: c_int, number: c_long, arg: *mut c_void) -> c_long;
}
