//! Lists of keys and values: headers and query fields.
//!
//! Programs walk, build and edit them, so each entry, key and value is memory of its own from the hooks.

use crate::http::abi::{evkeyval, evkeyvalq};
use core::cell::Cell;
use core::ffi::{c_char, c_int};
use core::ptr::{self, NonNull};
use evoxide_ffi::{cstr, mm};
use evoxide_proto::http::syntax::is_value;

/// Makes a list empty, whatever it was.
///
/// # Safety
/// `list` may be written.
pub(crate) unsafe fn init(list: *mut evkeyvalq) {
    // SAFETY: `list` may be written, as promised.
    unsafe {
        (*list).tqh_first = ptr::null_mut();
        (*list).tqh_last = &raw mut (*list).tqh_first;
    }
}

unsafe fn clear(list: *mut evkeyvalq) {
    // SAFETY: a well-formed list, by the callers' promise; each entry is read before it is given back.
    unsafe {
        let mut entry = (*list).tqh_first;
        if entry.is_null() {
            return;
        }
        init(list);
        let stash = evoxide_stash();
        while let (Some(e), Some(stash)) = (entry.as_ref(), stash)
            && stash.len.get() < STASHED
        {
            let next = e.tqe_next;
            if !stash.put(entry) {
                free_entry(entry);
            }
            entry = next;
        }
        while let Some(e) = entry.as_ref() {
            let next = e.tqe_next;
            free_entry(entry);
            entry = next;
        }
    }
}

/// Entries that were removed, with their strings, for those that come. They stay what programs know, three pieces of memory of the
/// hooks each: how much a string holds is asked of the allocator, since the program may have put another in its place.
#[repr(C)]
struct Stash {
    first: Cell<*mut evkeyval>,
    len: Cell<u8>,
}

/// The most entries that a thread keeps.
const STASHED: u8 = 32;
/// The longest string that is kept, and the room of a new one.
const KEPT: usize = 256;
const ROOM: usize = 64;

unsafe extern "C" {
    /// The thread's, of `src/c/stash.c`. `None` when the thread has ended it.
    safe fn evoxide_stash() -> Option<&'static Stash>;
}

/// The thread ends: what its stash keeps goes.
#[unsafe(no_mangle)]
extern "C" fn evoxide_stash_end(stash: &Stash) {
    while let Some(entry) = stash.pop() {
        // SAFETY: entries of the stash are nobody else's.
        unsafe { free_entry(entry.as_ptr()) };
    }
}

impl Stash {
    fn pop(&self) -> Option<NonNull<evkeyval>> {
        let entry = NonNull::new(self.first.get())?;
        // SAFETY: entries of the stash are nobody else's.
        self.first.set(unsafe { entry.as_ref() }.tqe_next);
        self.len.set(self.len.get() - 1);
        Some(entry)
    }

    /// Keeps an entry, if its strings have room for others. Whether it does.
    ///
    /// # Safety
    /// It is of the hooks, with its strings; nobody uses it, and it is in no list.
    unsafe fn put(&self, entry: *mut evkeyval) -> bool {
        // SAFETY: it is of the hooks, with its strings, as promised.
        unsafe {
            let fits = |text: *mut c_char| (ROOM..=KEPT).contains(&mm::capacity(text.cast()));
            let kept = self.len.get() < STASHED && fits((*entry).key) && fits((*entry).value);
            if kept {
                (*entry).tqe_next = self.first.replace(entry);
                self.len.set(self.len.get() + 1);
            }
            kept
        }
    }
}

unsafe fn free_entry(entry: *mut evkeyval) {
    // SAFETY: the callers give it up: entry and strings are memory of the hooks.
    unsafe {
        mm::free((*entry).key.cast());
        mm::free((*entry).value.cast());
        mm::free(entry.cast());
    }
}

/// A copy of `text` with room for another.
fn roomy(text: &[u8]) -> *mut c_char {
    let copy = mm::malloc(text.len().saturating_add(1).max(ROOM)).cast::<u8>();
    if !copy.is_null() {
        // SAFETY: fresh, and large enough.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
            *copy.add(text.len()) = 0;
        }
    }
    copy.cast()
}

/// A copy of `text` in place of a string of the stash.
///
/// # Safety
/// Nobody uses that string.
unsafe fn refill(spare: *mut c_char, text: &[u8]) -> *mut c_char {
    // SAFETY: the caller's promise; there is at least this room.
    unsafe {
        if text.len() >= ROOM {
            return mm::strdup_into(spare, text);
        }
        ptr::copy_nonoverlapping(text.as_ptr(), spare.cast(), text.len());
        *spare.add(text.len()) = 0;
    }
    spare
}

/// An entry with copies of these, in no list. `None` without memory.
fn entry(key: &[u8], value: &[u8]) -> Option<NonNull<evkeyval>> {
    if let Some(mut entry) = evoxide_stash().and_then(Stash::pop) {
        // SAFETY: nobody else has it; its strings are of the hooks.
        unsafe {
            let e = entry.as_mut();
            (e.key, e.value) = (refill(e.key, key), refill(e.value, value));
            if e.key.is_null() || e.value.is_null() {
                free_entry(entry.as_ptr());
                return None;
            }
        }
        return Some(entry);
    }
    let (key, value) = (roomy(key), roomy(value));
    let made = if key.is_null() || value.is_null() {
        None
    } else {
        mm::alloc(evkeyval { tqe_next: ptr::null_mut(), tqe_prev: ptr::null_mut(), key, value })
    };
    if made.is_none() {
        // SAFETY: made above, and nobody knows of them.
        unsafe {
            mm::free(key.cast());
            mm::free(value.cast());
        }
    }
    made
}

/// Appends an entry. `false` without memory.
///
/// # Safety
/// `list` is well-formed.
pub(crate) unsafe fn add(list: *mut evkeyvalq, key: &[u8], value: &[u8]) -> bool {
    let Some(made) = entry(key, value) else { return false };
    let made = made.as_ptr();
    // SAFETY: the caller's promise: `tqh_last` points to the null that ends the list.
    unsafe {
        (*made).tqe_next = ptr::null_mut();
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

    #[inline(always)]
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
    // SAFETY: `list` is null or well-formed, and stays as it is while the answer is used, as promised.
    let first = unsafe { list.as_ref() }.map_or(ptr::null(), |l| l.tqh_first.cast_const());
    Entries(first, core::marker::PhantomData)
}

/// The first entry of a key.
///
/// # Safety
/// `list` is null or well-formed.
pub(crate) unsafe fn find(list: *const evkeyvalq, key: &[u8]) -> *mut evkeyval {
    // SAFETY: `list` is null or well-formed, as promised.
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
        free_entry(entry);
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
    let breaks = |text: &[u8]| !is_value(text) && text.iter().any(|b| matches!(b, b'\r' | b'\n'));
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
