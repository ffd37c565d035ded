//! One `SSL` object behind a bufferevent: the table of functions that the main library calls.

use core::ffi::{c_int, c_long, c_ulong, c_void};
use core::ptr;
use openssl_sys as ssl;

use crate::backlog::{self, Backlog, Drained};
use crate::bio;
use crate::flood::Flood;
use crate::main_library::{
    BEHIND_DATA, CLOSED, ERROR, TRUNCATED, Table, VERSION, WANT_BOTH, WANT_READ, WANT_WRITE, bufferevent,
};

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
    unconnected,
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
    backlog: Backlog,
    /// How many bytes of the next write are in the backlog.
    sealed: usize,
    /// The backlog gathers records of which more come at once.
    gathers: bool,
    /// A handshake ended that was not the first, and OpenSSL may have been asked for yet another one meanwhile.
    unsettled: bool,
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
                    backlog: Backlog::default(),
                    sealed: 0,
                    gathers: false,
                    unsettled: false,
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
            if let Some(this) = session.as_mut() {
                this.backlog.clear();
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

    /// The program asks for another handshake, and it is this one where one goes on: OpenSSL would begin a second one in the middle of
    /// a write. `false` where there cannot be one.
    pub fn request_handshake(&mut self) -> bool {
        // SAFETY: the session's object.
        unsafe {
            ssl::ERR_clear_error();
            self.is_flooded();
            if self.flood.saw_one() && SSL_in_init(self.ssl) != 0 && ssl::SSL_version(self.ssl) <= ssl::TLS1_2_VERSION {
                return true;
            }
            self.flood.allows_one();
            SSL_renegotiate(self.ssl) > 0
        }
    }

    /// Has one system call take the head of a record, its body and what lies behind. Not where a handshake may come later: OpenSSL takes
    /// data that was read ahead for a part of that.
    fn read_ahead(&mut self) {
        // SAFETY: the session's object.
        unsafe {
            let kernel = SSL_get_options(self.ssl) & OP_ENABLE_KTLS != 0;
            if self.bio.is_null() && !kernel && ssl::SSL_version(self.ssl) == ssl::TLS1_3_VERSION {
                SSL_set_read_ahead(self.ssl, 1);
            }
        }
    }

    /// Whether the peer began too many handshakes.
    fn is_flooded(&mut self) -> bool {
        let mut finished = [0; 8];
        // SAFETY: the session's object, and as many bytes as there is room for.
        unsafe { ssl::SSL_get_peer_finished(self.ssl, finished.as_mut_ptr().cast(), finished.len()) };
        let saw_one = self.flood.saw_one();
        let another = self.flood.is_new(finished);
        self.unsettled |= saw_one && another;
        let flooded = self.flood.sees(finished);
        if flooded {
            clear_errors();
            self.put(ssl::SSL_ERROR_SSL as c_ulong);
            self.put(NO_RENEGOTIATION);
        }
        flooded
    }

    /// Whether the backlog holds what no write waits for.
    fn owes(&self) -> bool {
        // SAFETY: the session's object.
        !self.backlog.is_empty()
            && (self.sealed == 0 || self.backlog.is_full() || unsafe { SSL_in_init(self.ssl) } != 0)
    }

    /// Has the records of this write, and of what follows it at once, leave by one system call. Not through what the program put below,
    /// which may count on one record for each call, nor where a handshake may come between them.
    fn gather(&mut self) {
        // SAFETY: the session's object.
        unsafe {
            let own = ssl::SSL_get_wbio(self.ssl);
            let socket = self.bio.is_null() && !own.is_null() && BIO_method_type(own) == BIO_TYPE_SOCKET;
            if socket && self.backlog.is_empty() && ssl::SSL_version(self.ssl) == ssl::TLS1_3_VERSION {
                self.gathers = !self.backlog.begin(self.ssl).is_null();
            }
        }
    }

    /// Gives the transport what it has not taken yet: 0, [`WANT_WRITE`] or [`ERROR`].
    fn drain(&mut self) -> isize {
        if self.backlog.is_empty() {
            return 0;
        }
        match self.backlog.drain(self.ssl) {
            Drained::All => 0,
            Drained::Some => WANT_WRITE,
            Drained::Failed => {
                self.collect(ssl::SSL_ERROR_SYSCALL);
                ERROR
            }
        }
    }

    /// What the result of an operation means.
    fn outcome(&mut self, result: c_int) -> isize {
        if result > 0 {
            return result as isize;
        }
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
        if fd < 0 || own.is_null() || descriptor(own) != fd {
            this.backlog.clear();
        }
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

/// Whether a TLS 1.2 session has a handshake to do before it may write. A server that asked for one goes on until the client begins.
///
/// # Safety
///
/// `ssl` is not null and lives.
unsafe fn negotiates(ssl: *mut ssl::SSL) -> bool {
    // SAFETY: `ssl` is not null and lives, as promised.
    unsafe {
        (SSL_in_init(ssl) != 0 || SSL_renegotiate_pending(ssl) != 0 && ssl::SSL_is_server(ssl) == 0)
            && ssl::SSL_version(ssl) <= ssl::TLS1_2_VERSION
    }
}

/// Runs an operation of OpenSSL on the session. While the transport owes something, what it writes goes behind that, and so does what
/// the transport does not take where `all_of_it` must leave OpenSSL.
///
/// # Safety
///
/// As for [`at`]. The operation may call the program back, so nothing of the session is borrowed meanwhile.
unsafe fn operate(session: *mut c_void, all_of_it: bool, mut operation: impl FnMut(*mut ssl::SSL) -> c_int) -> isize {
    // SAFETY: the caller's promise; each borrow ends before OpenSSL is called.
    unsafe {
        let ssl = at(session).ssl;
        let held = at(session).backlog.held();
        let result = if held.is_null() { operation(ssl) } else { backlog::divert(ssl, held, || operation(ssl)) };
        if at(session).is_flooded() {
            return ERROR;
        }
        let code = at(session).outcome(result);
        if code != WANT_WRITE || !all_of_it || !held.is_null() {
            return code;
        }
        let held = at(session).backlog.begin(ssl);
        if held.is_null() {
            return code;
        }
        clear_errors();
        let result = backlog::divert(ssl, held, || operation(ssl));
        let code = at(session).outcome(result);
        at(session).backlog.end_if_empty();
        code
    }
}

/// Goes on with a handshake of TLS 1.2 on a session that may hold data, which only `SSL_peek` and `SSL_read` let lie before it.
///
/// # Safety
///
/// As for [`at`].
unsafe fn negotiate(session: *mut c_void) -> isize {
    let mut byte = 0u8;
    // SAFETY: the caller's promise; one byte of storage.
    unsafe {
        let peek = operate(session, true, |ssl| ssl::SSL_peek(ssl, (&raw mut byte).cast(), 1));
        match peek {
            1 if negotiates(at(session).ssl) => BEHIND_DATA,
            WANT_READ | WANT_WRITE if !negotiates(at(session).ssl) => 0,
            WANT_READ if !at(session).backlog.is_empty() => WANT_BOTH,
            1 => 0,
            code => code,
        }
    }
}

unsafe extern "C-unwind" fn handshake(session: *mut c_void) -> isize {
    clear_errors();
    // SAFETY: the main library's promise.
    unsafe {
        let ssl = at(session).ssl;
        if at(session).is_flooded() {
            return ERROR;
        }
        if !at(session).flood.saw_one() {
            let code = operate(session, false, |ssl| ssl::SSL_do_handshake(ssl));
            if code <= 0 {
                return code;
            }
            at(session).read_ahead();
            return 0;
        }
        if at(session).drain() == ERROR {
            return ERROR;
        }
        let mut code = 0;
        if ssl::SSL_is_server(ssl) == 0 || negotiates(ssl) {
            code = negotiate(session);
        } else {
            // A server's request, which waits for no answer.
            let asked = operate(session, true, |ssl| ssl::SSL_do_handshake(ssl));
            if asked < 0 {
                code = asked;
            }
        }
        if code == 0 && at(session).drain() != 0 {
            let mut byte = 0u8;
            let peek = operate(session, true, |ssl| ssl::SSL_peek(ssl, (&raw mut byte).cast(), 1));
            code = if peek > 0 { BEHIND_DATA } else { WANT_BOTH };
        }
        code
    }
}

unsafe extern "C-unwind" fn read(session: *mut c_void, data: *mut c_void, size: usize) -> isize {
    clear_errors();
    let size = c_int::try_from(size).unwrap_or(c_int::MAX);
    // SAFETY: the main library's promise: `data` has that many bytes.
    unsafe {
        if at(session).owes() {
            let code = at(session).drain();
            if code == ERROR || at(session).backlog.is_full() {
                return code;
            }
        }
        let code = operate(session, true, |ssl| ssl::SSL_read(ssl, data, size));
        if code == WANT_READ && at(session).owes() { WANT_BOTH } else { code }
    }
}

unsafe extern "C-unwind" fn write(session: *mut c_void, data: *const c_void, size: usize, more: c_int) -> isize {
    clear_errors();
    // SAFETY: the main library's promise: `data` has `size` bytes, of which no more are written than there are.
    unsafe {
        let goes_on = core::mem::take(&mut at(session).gathers) && !at(session).backlog.is_empty();
        at(session).gathers = goes_on;
        if !goes_on {
            let waits = at(session).drain();
            if waits != 0 {
                return waits;
            }
            let sealed = core::mem::take(&mut at(session).sealed);
            if sealed > 0 {
                return sealed.min(size) as isize;
            }
            if more != 0 {
                at(session).gather();
            }
        }
        let code = seal(session, data, size);
        if at(session).backlog.is_empty() || code > 0 && more != 0 && at(session).gathers {
            return code;
        }
        if core::mem::take(&mut at(session).gathers) {
            match at(session).drain() {
                WANT_WRITE => {}
                0 => return code,
                failed => return failed,
            }
        }
        if code > 0 {
            at(session).sealed = code as usize;
            return WANT_WRITE;
        }
        code
    }
}

/// Has OpenSSL make records of data, and send them.
///
/// # Safety
///
/// As for [`at`]; `data` has `size` bytes.
unsafe fn seal(session: *mut c_void, data: *const c_void, size: usize) -> isize {
    let most = c_int::try_from(size).unwrap_or(c_int::MAX);
    // SAFETY: the caller's promise.
    unsafe {
        // A look at what was received begins a handshake that was put off. Twice: the first may end a record that was in its way.
        let looks = if core::mem::take(&mut at(session).unsettled) { 2 } else { 0 };
        for look in 0..3 {
            if look < looks || negotiates(at(session).ssl) {
                let code = negotiate(session);
                if code != 0 {
                    return code;
                }
            }
        }
        operate(session, true, |ssl| ssl::SSL_write(ssl, data, most))
    }
}

unsafe extern "C-unwind" fn pending(session: *mut c_void) -> usize {
    // SAFETY: the main library's promise.
    let this = unsafe { at(session) };
    // SAFETY: the session's object. `SSL_pending` knows nothing of records that were read ahead, nor of the peer's end.
    unsafe {
        let pends = SSL_has_pending(this.ssl) != 0 || SSL_get_shutdown(this.ssl) & RECEIVED_SHUTDOWN != 0;
        usize::from(pends) + usize::try_from(ssl::SSL_pending(this.ssl)).unwrap_or(0)
    }
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
        let (ssl, waits) = (this.ssl, this.drain());
        let held = this.backlog.held();
        if last != 0 {
            ssl::SSL_set_shutdown(ssl, RECEIVED_SHUTDOWN);
        }
        if waits == 0 {
            ssl::SSL_shutdown(ssl);
        } else if waits == WANT_WRITE && last == 0 {
            backlog::divert(ssl, held, || ssl::SSL_shutdown(ssl));
        }
        ssl::ERR_clear_error();
    }
    0
}

unsafe extern "C-unwind" fn last_error(session: *mut c_void) -> c_ulong {
    // SAFETY: the main library's promise.
    unsafe { at(session) }.take_error()
}

unsafe extern "C-unwind" fn unconnected(session: *mut c_void) {
    // SAFETY: the main library's promise.
    unsafe { at(session) }.put(ssl::SSL_ERROR_SYSCALL as c_ulong);
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
const BIO_TYPE_SOCKET: c_int = 5 | 0x0400 | 0x0100;
const BIO_C_GET_FD: c_int = 105;
/// `SSL_OP_ENABLE_KTLS`.
const OP_ENABLE_KTLS: u64 = 1 << 3;
const RECEIVED_SHUTDOWN: c_int = 2;
const SSL_CTRL_MODE: c_int = 33;
/// `SSL_R_NO_RENEGOTIATION` of `ERR_LIB_SSL`.
const NO_RENEGOTIATION: c_ulong = 20 << 23 | 339;
const ACCEPT_MOVING_WRITE_BUFFER: c_long = 2;

// Declared here because the bindings lack it.
unsafe extern "C" {
    fn BIO_up_ref(bio: *mut ssl::BIO) -> c_int;
    fn BIO_method_type(bio: *const ssl::BIO) -> c_int;
    fn ERR_peek_error() -> c_ulong;
    fn SSL_renegotiate(ssl: *mut ssl::SSL) -> c_int;
    fn SSL_has_pending(ssl: *const ssl::SSL) -> c_int;
    fn SSL_set_read_ahead(ssl: *mut ssl::SSL, on: c_int);
    fn SSL_get_options(ssl: *const ssl::SSL) -> u64;
    fn SSL_get_shutdown(ssl: *const ssl::SSL) -> c_int;
    fn SSL_in_init(ssl: *const ssl::SSL) -> c_int;
    fn SSL_renegotiate_pending(ssl: *const ssl::SSL) -> c_int;
    fn BIO_ctrl(bio: *mut ssl::BIO, command: c_int, number: c_long, arg: *mut c_void) -> c_long;
}
