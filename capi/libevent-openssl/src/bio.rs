//! An OpenSSL `BIO` whose transport is a bufferevent: it reads from that one's input and writes to its output.
//!
//! It holds a bounded amount: while [`MOST`] bytes wait in the output below, a write is to be tried again.

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};
use openssl_sys as ssl;

use crate::main_library::{
    bufferevent, bufferevent_get_input, bufferevent_get_output, evbuffer_add, evbuffer_get_length, evbuffer_remove,
};

/// The most that waits in the output of the bufferevent below before a write waits too: a few full records.
const MOST: usize = 128 * 1024;

/// The type that the original's BIO has.
const KIND: c_int = 57;

/// The methods, made once and kept.
static METHOD: AtomicPtr<ssl::BIO_METHOD> = AtomicPtr::new(ptr::null_mut());

/// A new BIO over a bufferevent; null without memory.
pub fn over(below: *mut bufferevent) -> *mut ssl::BIO {
    let method = own_method();
    if method.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the method was made by `BIO_meth_new` and is never freed.
    unsafe {
        let bio = ssl::BIO_new(method);
        if !bio.is_null() {
            ssl::BIO_set_data(bio, below.cast());
            ssl::BIO_set_init(bio, 1);
            BIO_set_shutdown(bio, 1);
        }
        bio
    }
}

/// Takes the bufferevent from the BIO, which outlives it where the program keeps the `SSL`.
pub fn detach(bio: *mut ssl::BIO) {
    // SAFETY: made by `over`, and alive: the session has a reference.
    unsafe { ssl::BIO_set_data(bio, ptr::null_mut()) };
}

fn own_method() -> *mut ssl::BIO_METHOD {
    method(&METHOD, KIND, c"bufferevent", |fresh| {
        // SAFETY: the functions have the types that OpenSSL asks for.
        unsafe {
            BIO_meth_set_write(fresh, write);
            BIO_meth_set_read(fresh, read);
            BIO_meth_set_puts(fresh, puts);
            BIO_meth_set_ctrl(fresh, ctrl);
        }
    })
}

/// The methods that `made` keeps, which `fill` fills the first time; null without memory.
pub fn method(
    made: &AtomicPtr<ssl::BIO_METHOD>,
    kind: c_int,
    name: &CStr,
    fill: impl FnOnce(*mut ssl::BIO_METHOD),
) -> *mut ssl::BIO_METHOD {
    let kept = made.load(Ordering::Acquire);
    if !kept.is_null() {
        return kept;
    }
    // SAFETY: what another thread made meanwhile is kept, and ours freed before anybody saw it.
    unsafe {
        let fresh = ssl::BIO_meth_new(kind, name.as_ptr());
        if fresh.is_null() {
            return fresh;
        }
        fill(fresh);
        match made.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => fresh,
            Err(other) => {
                ssl::BIO_meth_free(fresh);
                other
            }
        }
    }
}

unsafe extern "C" fn write(bio: *mut ssl::BIO, data: *const c_char, size: c_int) -> c_int {
    // SAFETY: OpenSSL calls with a BIO of this method and `size` bytes of data; the bufferevent below lives until `detach`.
    unsafe {
        ssl::BIO_clear_flags(bio, RETRY);
        let below = ssl::BIO_get_data(bio).cast::<bufferevent>();
        if below.is_null() || size < 0 {
            return -1;
        }
        let output = bufferevent_get_output(below);
        if evbuffer_get_length(output) >= MOST {
            ssl::BIO_set_flags(bio, ssl::BIO_FLAGS_WRITE | ssl::BIO_FLAGS_SHOULD_RETRY);
            return -1;
        }
        if evbuffer_add(output, data.cast(), size as usize) == 0 { size } else { -1 }
    }
}

unsafe extern "C" fn puts(bio: *mut ssl::BIO, text: *const c_char) -> c_int {
    // SAFETY: as in `write`; the text ends with a null.
    unsafe { write(bio, text, c_int::try_from(libc::strlen(text)).unwrap_or(c_int::MAX)) }
}

unsafe extern "C" fn read(bio: *mut ssl::BIO, data: *mut c_char, size: c_int) -> c_int {
    // SAFETY: the data of the BIO is the bufferevent below, which outlives it.
    unsafe {
        ssl::BIO_clear_flags(bio, RETRY);
        let below = ssl::BIO_get_data(bio).cast::<bufferevent>();
        if below.is_null() || size < 0 {
            return -1;
        }
        let input = bufferevent_get_input(below);
        if evbuffer_get_length(input) == 0 {
            ssl::BIO_set_flags(bio, ssl::BIO_FLAGS_READ | ssl::BIO_FLAGS_SHOULD_RETRY);
            return -1;
        }
        evbuffer_remove(input, data.cast(), size as usize)
    }
}

unsafe extern "C" fn ctrl(bio: *mut ssl::BIO, command: c_int, number: c_long, _arg: *mut c_void) -> c_long {
    // SAFETY: OpenSSL passes a BIO of this method.
    let below = unsafe { ssl::BIO_get_data(bio) }.cast::<bufferevent>();
    match command {
        ssl::BIO_CTRL_FLUSH | BIO_CTRL_DUP => 1,
        // SAFETY: OpenSSL's BIO, of this method.
        BIO_CTRL_GET_CLOSE => unsafe { c_long::from(BIO_get_shutdown(bio)) },
        BIO_CTRL_SET_CLOSE => {
            // SAFETY: OpenSSL's BIO, of this method.
            unsafe { BIO_set_shutdown(bio, number as c_int) };
            1
        }
        // SAFETY: the bufferevent below the BIO is not null, and alive as long as that.
        BIO_CTRL_PENDING if !below.is_null() => unsafe { evbuffer_get_length(bufferevent_get_input(below)) as c_long },
        // SAFETY: the same bufferevent. Whether anything waits, not how much: the original's answer.
        BIO_CTRL_WPENDING if !below.is_null() => unsafe {
            c_long::from(evbuffer_get_length(bufferevent_get_output(below)) != 0)
        },
        _ => 0,
    }
}

const RETRY: c_int = ssl::BIO_FLAGS_READ | ssl::BIO_FLAGS_WRITE | ssl::BIO_FLAGS_SHOULD_RETRY;
const BIO_CTRL_GET_CLOSE: c_int = 8;
const BIO_CTRL_SET_CLOSE: c_int = 9;
const BIO_CTRL_PENDING: c_int = 10;
const BIO_CTRL_DUP: c_int = 12;
const BIO_CTRL_WPENDING: c_int = 13;

// Declared here because the bindings wrap or lack them.
unsafe extern "C" {
    fn BIO_meth_set_write(
        method: *mut ssl::BIO_METHOD,
        write: unsafe extern "C" fn(*mut ssl::BIO, *const c_char, c_int) -> c_int,
    ) -> c_int;
    fn BIO_meth_set_puts(
        method: *mut ssl::BIO_METHOD,
        puts: unsafe extern "C" fn(*mut ssl::BIO, *const c_char) -> c_int,
    ) -> c_int;
    fn BIO_set_shutdown(bio: *mut ssl::BIO, shutdown: c_int);
    fn BIO_get_shutdown(bio: *mut ssl::BIO) -> c_int;
    fn BIO_meth_set_read(
        method: *mut ssl::BIO_METHOD,
        read: unsafe extern "C" fn(*mut ssl::BIO, *mut c_char, c_int) -> c_int,
    ) -> c_int;
    fn BIO_meth_set_ctrl(
        method: *mut ssl::BIO_METHOD,
        ctrl: unsafe extern "C" fn(*mut ssl::BIO, c_int, c_long, *mut c_void) -> c_long,
    ) -> c_int;
}
