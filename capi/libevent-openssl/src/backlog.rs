//! What OpenSSL has written and the transport does not have yet.
//!
//! While a record has left in part, OpenSSL can write nothing else: a handshake that begins meanwhile, or the answer to a key update,
//! fails. So where the transport stalls, the rest of the record moves here, OpenSSL is done with it, and what it writes next goes behind.
//! Records of one write gather here, too, and leave by one system call.

use core::cell::Cell;
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr;
use core::sync::atomic::AtomicPtr;
use openssl_sys as ssl;

use crate::bio;

/// Room for the records of one write, and the most storage that is kept for the next ones.
const GATHERED: usize = 68 * 1024;

/// No more is read from the peer while so much waits: its messages may each have an answer. A write alone does not reach it, or two
/// ends that write to each other would both stop reading.
const MOST: usize = GATHERED + 64 * 1024;

/// Sealed bytes that wait for the transport.
pub struct Backlog {
    /// The BIO that OpenSSL writes to meanwhile; null while nothing waits.
    held: *mut ssl::BIO,
}

/// What such a BIO holds.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    /// How many of them the transport has.
    sent: usize,
}

/// A BIO that a thread keeps for the next time, with its storage: bytes wait for no longer than a call as a rule.
struct Spare(Cell<*mut ssl::BIO>);

thread_local! {
    static SPARE: Spare = const { Spare(Cell::new(ptr::null_mut())) };
}

impl Drop for Spare {
    fn drop(&mut self) {
        // SAFETY: null, or made by `make`, and nobody else has it.
        unsafe { ssl::BIO_free_all(self.0.get()) };
    }
}

/// `BIO_TYPE_SOURCE_SINK`, and no kind of its own: nobody looks for it.
const KIND: c_int = 0x400;

/// The methods, made once and kept.
static METHOD: AtomicPtr<ssl::BIO_METHOD> = AtomicPtr::new(ptr::null_mut());

/// How [`Backlog::drain`] ended.
pub enum Drained {
    All,
    Some,
    /// The transport failed, and errno or OpenSSL's queue tells why.
    Failed,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { held: ptr::null_mut() }
    }
}

impl Backlog {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.held.is_null()
    }

    /// Whether nothing more is to come.
    pub fn is_full(&self) -> bool {
        self.left() >= MOST
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
        }
        let spare = SPARE.try_with(|spare| spare.0.replace(ptr::null_mut())).unwrap_or(ptr::null_mut());
        self.held = if spare.is_null() { make() } else { spare };
        self.held
    }

    /// Forgets the BIO if nothing was written to it.
    pub fn end_if_empty(&mut self) {
        if self.left() == 0 {
            self.clear();
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        let Some(held) = self.contents() else { return };
        held.bytes.clear();
        held.sent = 0;
        let keeps = held.bytes.capacity() <= GATHERED;
        let bio = core::mem::take(self).held;
        let before = if keeps { SPARE.try_with(|spare| spare.0.replace(bio)).unwrap_or(bio) } else { bio };
        // SAFETY: null, or made by `make`, and nobody else has it.
        unsafe { ssl::BIO_free_all(before) };
    }

    /// Gives the transport as much as it takes.
    pub fn drain(&mut self, ssl: *mut ssl::SSL) -> Drained {
        // SAFETY: the session's object lives.
        let own = unsafe { ssl::SSL_get_wbio(ssl) };
        while let Some(held) = self.contents() {
            let rest = &held.bytes[held.sent..];
            if rest.is_empty() {
                self.clear();
                break;
            }
            if own.is_null() {
                return Drained::Failed;
            }
            let size = c_int::try_from(rest.len()).unwrap_or(c_int::MAX);
            // SAFETY: the transport lives with the session's object, and as many bytes are there.
            let taken = unsafe { ssl::BIO_write(own, rest.as_ptr().cast(), size) };
            match usize::try_from(taken) {
                Ok(taken @ 1..) => held.sent = (held.sent + taken).min(held.bytes.len()),
                // SAFETY: as above.
                _ if unsafe { BIO_test_flags(own, ssl::BIO_FLAGS_SHOULD_RETRY) } != 0 => return Drained::Some,
                _ => return Drained::Failed,
            }
        }
        Drained::All
    }

    /// How many bytes wait.
    fn left(&self) -> usize {
        // SAFETY: as in `contents`.
        unsafe { contents(self.held).as_ref() }.map_or(0, |held| held.bytes.len() - held.sent)
    }

    /// What waits, if anything may.
    fn contents(&mut self) -> Option<&mut Held> {
        // SAFETY: null, or made by `make`; OpenSSL, the only other user, is not called while this is borrowed.
        unsafe { contents(self.held).as_mut() }
    }
}

/// What a BIO of [`make`] holds; null for null.
unsafe fn contents(bio: *mut ssl::BIO) -> *mut Held {
    // SAFETY: the caller's promise: null or alive.
    if bio.is_null() { ptr::null_mut() } else { unsafe { ssl::BIO_get_data(bio).cast() } }
}

/// A BIO that takes all that is written to it; null without memory.
fn make() -> *mut ssl::BIO {
    // SAFETY: storage of the right size and alignment, filled before anybody sees it; `free` gives it back.
    unsafe {
        let held = libc::malloc(size_of::<Held>()).cast::<Held>();
        let method = method();
        let bio = if held.is_null() || method.is_null() { ptr::null_mut() } else { ssl::BIO_new(method) };
        if bio.is_null() {
            libc::free(held.cast());
            return bio;
        }
        held.write(Held::default());
        ssl::BIO_set_data(bio, held.cast());
        ssl::BIO_set_init(bio, 1);
        bio
    }
}

fn method() -> *mut ssl::BIO_METHOD {
    bio::method(&METHOD, KIND, c"backlog", |fresh| {
        // SAFETY: the functions have the types that OpenSSL asks for.
        unsafe {
            BIO_meth_set_write(fresh, write);
            BIO_meth_set_ctrl(fresh, ctrl);
            BIO_meth_set_destroy(fresh, free);
        }
    })
}

unsafe extern "C" fn write(bio: *mut ssl::BIO, data: *const c_char, size: c_int) -> c_int {
    let Ok(len) = usize::try_from(size) else { return -1 };
    // SAFETY: OpenSSL calls with a BIO of this method, which nobody else borrows meanwhile, and `size` bytes of data.
    unsafe {
        let Some(held) = contents(bio).as_mut() else { return -1 };
        let more = if held.bytes.capacity() == 0 { len.max(GATHERED) } else { len };
        if held.bytes.try_reserve(more).is_err() {
            return -1;
        }
        held.bytes.extend_from_slice(core::slice::from_raw_parts(data.cast(), len));
    }
    size
}

unsafe extern "C" fn ctrl(_bio: *mut ssl::BIO, command: c_int, _number: c_long, _arg: *mut c_void) -> c_long {
    c_long::from(command == ssl::BIO_CTRL_FLUSH)
}

unsafe extern "C" fn free(bio: *mut ssl::BIO) -> c_int {
    // SAFETY: OpenSSL frees a BIO of this method, whose contents `make` made.
    unsafe {
        let held = contents(bio);
        if !held.is_null() {
            ptr::drop_in_place(held);
            libc::free(held.cast());
        }
    }
    1
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

const BIO_CTRL_GET_KTLS_SEND: c_int = 73;

// Declared here because the bindings lack it.
unsafe extern "C" {
    fn BIO_ctrl(bio: *mut ssl::BIO, command: c_int, number: c_long, arg: *mut c_void) -> c_long;
    fn BIO_meth_set_write(
        method: *mut ssl::BIO_METHOD,
        write: unsafe extern "C" fn(*mut ssl::BIO, *const c_char, c_int) -> c_int,
    ) -> c_int;
    fn BIO_meth_set_ctrl(
        method: *mut ssl::BIO_METHOD,
        ctrl: unsafe extern "C" fn(*mut ssl::BIO, c_int, c_long, *mut c_void) -> c_long,
    ) -> c_int;
    fn BIO_meth_set_destroy(
        method: *mut ssl::BIO_METHOD,
        destroy: unsafe extern "C" fn(*mut ssl::BIO) -> c_int,
    ) -> c_int;
    fn BIO_test_flags(bio: *const ssl::BIO, flags: c_int) -> c_int;
    fn SSL_is_dtls(ssl: *const ssl::SSL) -> c_int;
    fn BIO_up_ref(bio: *mut ssl::BIO) -> c_int;
    fn SSL_set0_wbio(ssl: *mut ssl::SSL, bio: *mut ssl::BIO);
}
