//! What OpenSSL has written and the transport has not taken.
//!
//! While a record has left in part, OpenSSL can write nothing else: a handshake that begins meanwhile, or the answer to a key update,
//! fails. So where the transport stalls, the rest of the record moves here, OpenSSL is done with it, and what it writes next goes behind.

use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr;
use openssl_sys as ssl;

/// No more is read from the peer while so much waits: its messages may each have an answer.
const MOST: usize = 64 * 1024;

/// Sealed bytes that wait for the transport.
pub struct Backlog {
    /// A memory BIO; null while nothing waits.
    held: *mut ssl::BIO,
    /// How many of its bytes the transport has.
    sent: usize,
}

/// How [`Backlog::drain`] ended.
pub enum Drained {
    All,
    Some,
    /// The transport failed, and errno or OpenSSL's queue tells why.
    Failed,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { held: ptr::null_mut(), sent: 0 }
    }
}

impl Backlog {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.held.is_null()
    }

    /// Whether nothing more is to come.
    pub fn is_full(&self) -> bool {
        self.data().1 - self.sent >= MOST
    }

    /// The BIO that OpenSSL writes to while anything waits; null: its own.
    pub fn held(&self) -> *mut ssl::BIO {
        self.held
    }

    /// A BIO for what the transport does not take; null where there is no memory, for datagrams, and where the kernel seals the records.
    ///
    /// # Safety
    ///
    /// `ssl` is not null and lives.
    pub unsafe fn begin(&mut self, ssl: *mut ssl::SSL) -> *mut ssl::BIO {
        // SAFETY: `ssl` lives, as promised; commands that touch nothing but the BIO.
        unsafe {
            let own = ssl::SSL_get_wbio(ssl);
            if own.is_null() || SSL_is_dtls(ssl) != 0 || BIO_ctrl(own, BIO_CTRL_GET_KTLS_SEND, 0, ptr::null_mut()) > 0 {
                return ptr::null_mut();
            }
            self.held = ssl::BIO_new(ssl::BIO_s_mem());
        }
        self.held
    }

    /// Forgets the BIO if nothing was written to it.
    pub fn end_if_empty(&mut self) {
        if self.data().1 == self.sent {
            self.clear();
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        // SAFETY: null, or made by `begin` and not freed yet.
        unsafe { ssl::BIO_free_all(self.held) };
        *self = Self::default();
    }

    /// Gives the transport as much as it takes.
    pub fn drain(&mut self, ssl: *mut ssl::SSL) -> Drained {
        // SAFETY: the session's object; the bytes lie in the BIO until it is freed.
        unsafe {
            let own = ssl::SSL_get_wbio(ssl);
            loop {
                let (data, len) = self.data();
                if len == self.sent {
                    self.clear();
                    return Drained::All;
                }
                let rest = c_int::try_from(len - self.sent).unwrap_or(c_int::MAX);
                let taken = if own.is_null() { -1 } else { ssl::BIO_write(own, data.add(self.sent).cast(), rest) };
                match usize::try_from(taken) {
                    Ok(taken @ 1..) => self.sent += taken,
                    _ if !own.is_null() && BIO_test_flags(own, ssl::BIO_FLAGS_SHOULD_RETRY) != 0 => {
                        return Drained::Some;
                    }
                    _ => return Drained::Failed,
                }
            }
        }
    }

    /// All that was written to the BIO.
    fn data(&self) -> (*const c_char, usize) {
        if self.held.is_null() {
            return (ptr::null(), 0);
        }
        let mut data: *mut c_char = ptr::null_mut();
        // SAFETY: the BIO lives; the command stores a pointer to its bytes and answers how many there are.
        let len = unsafe { BIO_ctrl(self.held, BIO_CTRL_INFO, 0, (&raw mut data).cast()) };
        (data, usize::try_from(len).unwrap_or(0))
    }
}

/// Runs `operation` while OpenSSL writes to `held` in place of its transport.
///
/// # Safety
///
/// `ssl` and `held` are not null and live.
pub unsafe fn divert<R>(ssl: *mut ssl::SSL, held: *mut ssl::BIO, operation: impl FnOnce() -> R) -> R {
    // SAFETY: both live, as promised; `SSL_set0_wbio` takes one reference to the new BIO and gives back that to the old one.
    unsafe {
        let own = ssl::SSL_get_wbio(ssl);
        if !own.is_null() {
            BIO_up_ref(own);
        }
        BIO_up_ref(held);
        SSL_set0_wbio(ssl, held);
        let result = operation();
        if ssl::SSL_get_wbio(ssl) == held {
            SSL_set0_wbio(ssl, own);
        } else {
            ssl::BIO_free_all(own);
        }
        result
    }
}

const BIO_CTRL_INFO: c_int = 3;
const BIO_CTRL_GET_KTLS_SEND: c_int = 73;

// Declared here because the bindings lack it.
unsafe extern "C" {
    fn BIO_ctrl(bio: *mut ssl::BIO, command: c_int, number: c_long, arg: *mut c_void) -> c_long;
    fn BIO_test_flags(bio: *const ssl::BIO, flags: c_int) -> c_int;
    fn SSL_is_dtls(ssl: *const ssl::SSL) -> c_int;
    fn BIO_up_ref(bio: *mut ssl::BIO) -> c_int;
    fn SSL_set0_wbio(ssl: *mut ssl::SSL, bio: *mut ssl::BIO);
}
