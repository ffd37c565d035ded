//! The functions of `event2/bufferevent_ssl.h`.

use core::ffi::{c_int, c_ulong};
use core::ptr;
use openssl_sys as ssl;

use crate::main_library::{
    HANDSHAKE, OPEN, bufferevent, bufferevent_lock, bufferevent_unlock, event_base, evoxide_tls_dirty_shutdown,
    evoxide_tls_filter_new, evoxide_tls_handshake, evoxide_tls_session, evoxide_tls_socket_new,
};
use crate::session::{Session, TABLE, descriptor, prepare};

/// `BUFFEREVENT_SSL_CONNECTING`.
const CONNECTING: c_int = 1;
/// `BUFFEREVENT_SSL_ACCEPTING`.
const ACCEPTING: c_int = 2;
/// `BEV_OPT_CLOSE_ON_FREE`.
const CLOSE_ON_FREE: c_int = 1;
/// `BUFFEREVENT_SSL_DIRTY_SHUTDOWN`.
const DIRTY_SHUTDOWN: u64 = 1;
/// `BUFFEREVENT_SSL_BATCH_WRITE`.
const BATCH_WRITE: u64 = 2;

/// Runs `f` on the session of a bufferevent that this object made, with the bufferevent's lock held: the loop may use the session from
/// another thread. `None` for any other bufferevent.
///
/// # Safety
///
/// `bev` is null or a bufferevent; `f` calls nothing that reaches the session by another way.
unsafe fn with_session<R>(bev: *mut bufferevent, f: impl FnOnce(&mut Session) -> R) -> Option<R> {
    if bev.is_null() {
        return None;
    }
    // SAFETY: the caller's promise; with this table the session is one of ours, and the lock keeps others from it.
    unsafe {
        bufferevent_lock(bev);
        let result = evoxide_tls_session(bev, &raw const TABLE).cast::<Session>().as_mut().map(f);
        bufferevent_unlock(bev);
        result
    }
}

/// Turns the `SSL` to its side. Returns the mode for the main library.
///
/// # Safety
///
/// `ssl` is not null and lives.
unsafe fn turn(ssl: *mut ssl::SSL, state: c_int) -> Option<c_int> {
    // SAFETY: `ssl` is not null and lives, as promised.
    unsafe {
        match state {
            OPEN => return Some(OPEN),
            CONNECTING => ssl::SSL_set_connect_state(ssl),
            ACCEPTING => ssl::SSL_set_accept_state(ssl),
            _ => return None,
        }
    }
    Some(HANDSHAKE)
}

/// Makes a bufferevent over TLS on a descriptor. With -1 the descriptor of the `SSL`'s own BIO is taken, if it has one; a BIO
/// without that descriptor is refused.
///
/// # Safety
///
/// `base` and `ssl` are null or alive; with `BEV_OPT_CLOSE_ON_FREE` both the `SSL` and the descriptor belong to the bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_openssl_socket_new(
    base: *mut event_base,
    fd: c_int,
    ssl: *mut ssl::SSL,
    state: c_int,
    options: c_int,
) -> *mut bufferevent {
    if ssl.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the caller's promise; the session is given back where no bufferevent took it.
    unsafe {
        let own = ssl::SSL_get_wbio(ssl);
        let owned = if own.is_null() { -1 } else { descriptor(own) };
        let fits = own.is_null() || fd < 0 || fd == owned;
        let fd = if fd < 0 { owned } else { fd };
        let session = Session::make(ssl);
        let made = match turn(ssl, state).filter(|_| fits) {
            Some(mode) if !session.is_null() => {
                prepare(ssl);
                evoxide_tls_socket_new(base, fd, &raw const TABLE, session.cast(), mode, options)
            }
            _ => ptr::null_mut(),
        };
        refuse(made, session, ssl, options)
    }
}

/// Makes a bufferevent over TLS on another bufferevent.
///
/// # Safety
///
/// As for [`bufferevent_openssl_socket_new`]; with `BEV_OPT_CLOSE_ON_FREE` the bufferevent below is freed with the new one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_openssl_filter_new(
    _base: *mut event_base,
    below: *mut bufferevent,
    ssl: *mut ssl::SSL,
    state: c_int,
    options: c_int,
) -> *mut bufferevent {
    if ssl.is_null() || below.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the caller's promise; a BIO given to `SSL_set_bio` belongs to the object.
    unsafe {
        let session = Session::make(ssl);
        let made = match turn(ssl, state) {
            Some(mode) if session.as_mut().is_some_and(|session| session.stand_on(below)) => {
                prepare(ssl);
                evoxide_tls_filter_new(below, &raw const TABLE, session.cast(), mode, options)
            }
            _ => ptr::null_mut(),
        };
        refuse(made, session, ssl, options)
    }
}

/// Passes on what was made. Where nothing was, ends what the caller gave away with `BEV_OPT_CLOSE_ON_FREE`.
///
/// # Safety
///
/// `session` is null or was made for `ssl`, and is not used again where `made` is null.
unsafe fn refuse(
    made: *mut bufferevent,
    session: *mut Session,
    ssl: *mut ssl::SSL,
    options: c_int,
) -> *mut bufferevent {
    if made.is_null() {
        // SAFETY: `session` is null or was made for `ssl`, and is not used again where `made` is null, as promised.
        unsafe {
            if options & CLOSE_ON_FREE != 0 {
                ssl::SSL_free(ssl);
            }
            Session::discard(session);
        }
    }
    made
}

/// The `SSL` of such a bufferevent; null for any other.
///
/// # Safety
///
/// `bev` is null or a bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_openssl_get_ssl(bev: *mut bufferevent) -> *mut ssl::SSL {
    // SAFETY: `bev` is null or a bufferevent, as promised.
    unsafe { with_session(bev, |session| session.ssl) }.unwrap_or(ptr::null_mut())
}

/// Begins another handshake: 1 where it is over at once, 0 where it goes on, -1 where the session cannot.
///
/// # Safety
///
/// `bev` is null or a bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_ssl_renegotiate(bev: *mut bufferevent) -> c_int {
    // SAFETY: `bev` is null or a bufferevent, as promised. The session is tried right away, and is nobody's then.
    unsafe {
        let begun = with_session(bev, Session::request_handshake).unwrap_or(false);
        let result = if begun { evoxide_tls_handshake(bev) } else { -1 };
        ssl::ERR_clear_error();
        result
    }
}

/// The latest OpenSSL error not asked for yet; 0: none.
///
/// # Safety
///
/// `bev` is null or a bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_get_openssl_error(bev: *mut bufferevent) -> c_ulong {
    // SAFETY: `bev` is null or a bufferevent, as promised.
    unsafe { with_session(bev, Session::take_error) }.unwrap_or(0)
}

/// Whether a transport that ends without close_notify is an ordinary end of file; -1 for other bufferevents.
///
/// # Safety
///
/// `bev` is null or a bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_openssl_get_allow_dirty_shutdown(bev: *mut bufferevent) -> c_int {
    // SAFETY: `bev` is null or a bufferevent, as promised.
    unsafe { with_session(bev, |_| evoxide_tls_dirty_shutdown(bev, -1)) }.unwrap_or(-1)
}

/// Sets whether a transport that ends without close_notify is an ordinary end of file.
///
/// # Safety
///
/// `bev` is null or a bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_openssl_set_allow_dirty_shutdown(bev: *mut bufferevent, allow: c_int) {
    // SAFETY: `bev` is null or a bufferevent, as promised.
    unsafe { with_session(bev, |_| evoxide_tls_dirty_shutdown(bev, c_int::from(allow != 0))) };
}

/// Flags of libevent 2.2: dirty shutdown (1) and batch write (2). All ones for other bufferevents.
///
/// # Safety
///
/// `bev` is null or a bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_ssl_get_flags(bev: *mut bufferevent) -> u64 {
    // SAFETY: `bev` is null or a bufferevent, as promised.
    unsafe { change_flags(bev, 0, true) }
}

/// Sets flags; returns those before.
///
/// # Safety
///
/// `bev` is null or a bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_ssl_set_flags(bev: *mut bufferevent, flags: u64) -> u64 {
    // SAFETY: `bev` is null or a bufferevent, as promised.
    unsafe { change_flags(bev, flags, true) }
}

/// Clears flags; returns those before.
///
/// # Safety
///
/// `bev` is null or a bufferevent.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bufferevent_ssl_clear_flags(bev: *mut bufferevent, flags: u64) -> u64 {
    // SAFETY: `bev` is null or a bufferevent, as promised.
    unsafe { change_flags(bev, flags, false) }
}

/// Sets or clears flags; returns those before.
unsafe fn change_flags(bev: *mut bufferevent, flags: u64, on: bool) -> u64 {
    if flags & !(DIRTY_SHUTDOWN | BATCH_WRITE) != 0 {
        return u64::MAX;
    }
    // SAFETY: the callers' promise; whether a dirty shutdown is allowed lies in the main library, not in the session.
    let change = |session: &mut Session| unsafe {
        let dirty = if evoxide_tls_dirty_shutdown(bev, -1) > 0 { DIRTY_SHUTDOWN } else { 0 };
        let before = session.flags & BATCH_WRITE | dirty;
        if flags & DIRTY_SHUTDOWN != 0 {
            evoxide_tls_dirty_shutdown(bev, c_int::from(on));
        }
        session.flags = if on { session.flags | flags } else { session.flags & !flags };
        before
    };
    // SAFETY: `bev` is null or alive.
    unsafe { with_session(bev, change) }.unwrap_or(u64::MAX)
}
