//! Lists of keys and values: headers and query fields.
//!
//! Programs walk, build and edit them, so each entry, key and value is memory of its own from the hooks.

use crate::http::abi::{evkeyval, evkeyvalq};
use core::ffi::{c_char, c_int};
use core::ptr;
use evoxide_ffi::{cstr, mm};

/// A new empty list; null without memory.
pub(crate) fn new() -> *mut evkeyvalq {
    let Some(made) = mm::alloc(evkeyvalq { tqh_first: ptr::null_mut(), tqh_last: ptr::null_mut() }) else {
        return ptr::null_mut();
    };
    // SAFETY: just made.
    unsafe { init(made.as_ptr()) };
    made.as_ptr()
}

/// Makes a list empty, whatever it was.
///
/// # Safety
/// `list` may be written.
pub(crate) unsafe fn init(list: *mut evkeyvalq) {
    // SAFETY: the caller's promise.
    unsafe {
        (*list).tqh_first = ptr::null_mut();
        (*list).tqh_last = &raw mut (*list).tqh_first;
    }
}

/// Frees a list that [`new`] made.
///
/// # Safety
/// `list` is null or such a list, and nobody uses it.
pub(crate) unsafe fn free(list: *mut evkeyvalq) {
    if !list.is_null() {
        // SAFETY: the caller's promise.
        unsafe {
            clear(list);
            mm::free(list.cast());
        }
    }
}

unsafe fn clear(list: *mut evkeyvalq) {
    // SAFETY: a well-formed list, by the callers' promise; each entry is read before it is freed.
    unsafe {
        let mut entry = (*list).tqh_first;
        while !entry.is_null() {
            let next = (*entry).tqe_next;
            mm::free((*entry).key.cast());
            mm::free((*entry).value.cast());
            mm::free(entry.cast());
            entry = next;
        }
        init(list);
    }
}

/// Appends an entry. `false` without memory.
///
/// # Safety
/// `list` is well-formed.
pub(crate) unsafe fn add(list: *mut evkeyvalq, key: &[u8], value: &[u8]) -> bool {
    let (key, value) = (mm::strdup_bytes(key), mm::strdup_bytes(value));
    let made = if key.is_null() || value.is_null() {
        None
    } else {
        mm::alloc(evkeyval { tqe_next: ptr::null_mut(), tqe_prev: ptr::null_mut(), key, value })
    };
    let Some(made) = made else {
        // SAFETY: made above, and nobody knows of them.
        unsafe {
            mm::free(key.cast());
            mm::free(value.cast());
        }
        return false;
    };
    let made = made.as_ptr();
    // SAFETY: the caller's promise: `tqh_last` points to the null that ends the list.
    unsafe {
        (*made).tqe_prev = (*list).tqh_last;
        *(*list).tqh_last = made;
        (*list).tqh_last = &raw mut (*made).tqe_next;
    }
    true
}

/// The entries of a list, as bytes.
#[derive(Clone)]
pub(crate) struct Entries<'a>(*const evkeyval, core::marker::PhantomData<&'a [u8]>);

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: the caller of `entries` keeps the list as it is meanwhile.
        unsafe {
            let e = self.0.as_ref()?;
            self.0 = e.tqe_next;
            Some((cstr::bytes(e.key).unwrap_or(&[]), cstr::bytes(e.value).unwrap_or(&[])))
        }
    }
}

/// The entries.
///
/// # Safety
/// `list` is null or well-formed, and stays as it is while the answer is used.
pub(crate) unsafe fn entries<'a>(list: *const evkeyvalq) -> Entries<'a> {
    // SAFETY: the caller's promise.
    let first = unsafe { list.as_ref() }.map_or(ptr::null(), |l| l.tqh_first.cast_const());
    Entries(first, core::marker::PhantomData)
}

/// The first entry of a key.
///
/// # Safety
/// `list` is null or well-formed.
pub(crate) unsafe fn find(list: *const evkeyvalq, key: &[u8]) -> *mut evkeyval {
    // SAFETY: the caller's promise.
    unsafe {
        let mut entry = list.as_ref().map_or(ptr::null_mut(), |l| l.tqh_first);
        while let Some(e) = entry.as_ref() {
            if cstr::bytes(e.key).is_some_and(|k| k.eq_ignore_ascii_case(key)) {
                return entry;
            }
            entry = e.tqe_next;
        }
        entry
    }
}

/// Removes the first entry of a key. Whether there was one.
///
/// # Safety
/// `list` is well-formed.
pub(crate) unsafe fn remove(list: *mut evkeyvalq, key: &[u8]) -> bool {
    // SAFETY: the caller's promise; the entry is unlinked before it is freed.
    unsafe {
        let entry = find(list, key);
        let Some(e) = entry.as_ref() else { return false };
        *e.tqe_prev = e.tqe_next;
        match e.tqe_next.as_mut() {
            Some(next) => next.tqe_prev = e.tqe_prev,
            None => (*list).tqh_last = e.tqe_prev,
        }
        mm::free(e.key.cast());
        mm::free(e.value.cast());
        mm::free(entry.cast());
    }
    true
}

/// The value of the first header of a name, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evhttp_find_header(headers: *const evkeyvalq, key: *const c_char) -> *const c_char {
    // SAFETY: the caller passes a list and a string.
    unsafe {
        let Some(key) = cstr::bytes(key) else { return ptr::null() };
        find(headers, key).as_ref().map_or(ptr::null(), |e| e.value)
    }
}

/// Removes the first header of a name; -1 where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_remove_header(headers: *mut evkeyvalq, key: *const c_char) -> c_int {
    // SAFETY: the caller passes a list and a string.
    unsafe {
        match cstr::bytes(key) {
            Some(key) if !headers.is_null() && remove(headers, key) => 0,
            _ => -1,
        }
    }
}

/// Appends a header; -1 where a line break stands in it.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_add_header(
    headers: *mut evkeyvalq,
    key: *const c_char,
    value: *const c_char,
) -> c_int {
    let breaks = |text: &[u8]| text.iter().any(|b| matches!(b, b'\r' | b'\n'));
    // SAFETY: the caller passes a list and strings.
    unsafe {
        let (Some(key), Some(value)) = (cstr::bytes(key), cstr::bytes(value)) else { return -1 };
        if headers.is_null() || breaks(key) || breaks(value) || !add(headers, key, value) { -1 } else { 0 }
    }
}

/// Removes all headers.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evhttp_clear_headers(headers: *mut evkeyvalq) {
    if !headers.is_null() {
        // SAFETY: the caller passes a list.
        unsafe { clear(headers) };
    }
}
