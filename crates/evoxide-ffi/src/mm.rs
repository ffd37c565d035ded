//! Memory that C sees: the hooks of `event_set_mem_functions` and typed allocation through them.
//!
//! Contract of the raw functions: a size of 0 answers null without calling the hook; `free` is never called with null;
//! `calloc` through a program's `malloc` is allocation and zeroing, an overflowing product is null; with hooks set, a
//! failing `calloc` or `strdup` sets `errno` to `ENOMEM`.
//! Objects whose address C knows are made with [`alloc()`] and ended with [`free_value`]; machines use Rust's allocator.

use core::ffi::{c_char, c_void};
use core::mem;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::errno;

/// The program's `malloc`.
pub type MallocFn = unsafe extern "C-unwind" fn(usize) -> *mut c_void;
/// The program's `realloc`.
pub type ReallocFn = unsafe extern "C-unwind" fn(*mut c_void, usize) -> *mut c_void;
/// The program's `free`.
pub type FreeFn = unsafe extern "C-unwind" fn(*mut c_void);

static MALLOC: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static REALLOC: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static FREE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Replaces the allocator; `None` means the C library's function. To be called before anything is allocated.
pub fn set_functions(malloc: Option<MallocFn>, realloc: Option<ReallocFn>, free: Option<FreeFn>) {
    MALLOC.store(malloc.map_or(ptr::null_mut(), |f| f as *mut c_void), Ordering::Relaxed);
    REALLOC.store(realloc.map_or(ptr::null_mut(), |f| f as *mut c_void), Ordering::Relaxed);
    FREE.store(free.map_or(ptr::null_mut(), |f| f as *mut c_void), Ordering::Relaxed);
}

#[inline]
fn malloc_hook() -> Option<MallocFn> {
    // SAFETY: the static holds null or a `MallocFn`; `Option` of a function pointer has the same layout, null being None.
    unsafe { mem::transmute::<*mut c_void, Option<MallocFn>>(MALLOC.load(Ordering::Relaxed)) }
}

/// `size` bytes, or null. Null for a size of 0.
#[inline]
#[must_use]
pub fn malloc(size: usize) -> *mut c_void {
    if size == 0 {
        return ptr::null_mut();
    }
    match malloc_hook() {
        // SAFETY: the program promised a malloc when it installed the hook.
        Some(hook) => unsafe { hook(size) },
        // SAFETY: always safe to call.
        None => unsafe { libc::malloc(size) },
    }
}

/// `count * size` zeroed bytes, or null. Null if either is 0 or the product overflows.
#[must_use]
pub fn calloc(count: usize, size: usize) -> *mut c_void {
    if count == 0 || size == 0 {
        return ptr::null_mut();
    }
    if let Some(total) = count.checked_mul(size) {
        let Some(hook) = malloc_hook() else {
            // SAFETY: always safe to call.
            return unsafe { libc::calloc(count, size) };
        };
        // SAFETY: the program promised a malloc.
        let memory = unsafe { hook(total) };
        if !memory.is_null() {
            // SAFETY: fresh memory of `total` bytes.
            unsafe { ptr::write_bytes(memory.cast::<u8>(), 0, total) };
            return memory;
        }
    }
    errno::set(libc::ENOMEM);
    ptr::null_mut()
}

/// Resizes memory from these functions; null `memory` allocates. Null on failure, `memory` is then unchanged.
///
/// # Safety
/// `memory` is null or came from these functions and was not freed.
#[must_use]
pub unsafe fn realloc(memory: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the static holds null or a `ReallocFn`, see `malloc_hook`.
    let hook = unsafe { mem::transmute::<*mut c_void, Option<ReallocFn>>(REALLOC.load(Ordering::Relaxed)) };
    match hook {
        // SAFETY: the program promised a realloc that matches its malloc; the caller promised the pointer.
        Some(hook) => unsafe { hook(memory, size) },
        // SAFETY: the caller promised the pointer.
        None => unsafe { libc::realloc(memory, size) },
    }
}

/// Returns memory. Null is ignored and never reaches the hook.
///
/// # Safety
/// `memory` is null or came from these functions, was not freed, and nothing uses it any more.
#[inline]
pub unsafe fn free(memory: *mut c_void) {
    if memory.is_null() {
        return;
    }
    // SAFETY: the static holds null or a `FreeFn`, see `malloc_hook`.
    let hook = unsafe { mem::transmute::<*mut c_void, Option<FreeFn>>(FREE.load(Ordering::Relaxed)) };
    match hook {
        // SAFETY: the caller promised that the memory is theirs to free.
        Some(hook) => unsafe { hook(memory) },
        // SAFETY: without a hook the memory came from the C library.
        None => unsafe { libc::free(memory) },
    }
}

/// How many bytes there are at `memory`, at least as many as were asked for; 0 where the program has an allocator of its own.
///
/// # Safety
/// `memory` is null or came from these functions and was not freed.
#[inline]
#[must_use]
pub unsafe fn capacity(memory: *mut c_void) -> usize {
    if !MALLOC.load(Ordering::Relaxed).is_null() || !FREE.load(Ordering::Relaxed).is_null() {
        return 0;
    }
    // SAFETY: the caller's promise, and without hooks it is the C library's.
    unsafe { libc::malloc_usable_size(memory) }
}

/// A copy of the bytes with a terminator, in `spare` where that is large enough; otherwise that is freed. Null on failure.
/// `text` may lie in `spare`.
///
/// # Safety
/// `spare` is null or came from these functions, was not freed, and nothing but `text` uses it any more.
#[must_use]
pub unsafe fn strdup_into(spare: *mut c_char, text: &[u8]) -> *mut c_char {
    // SAFETY: the caller's promise; `text` is not used after its memory is written or freed.
    unsafe {
        let len = text.len();
        if capacity(spare.cast()) > len {
            ptr::copy(text.as_ptr(), spare.cast(), len);
            *spare.add(len) = 0;
            return spare;
        }
        let copy = strdup_bytes(text);
        free(spare.cast());
        copy
    }
}

/// A copy of the bytes with a terminator, for C to own; null on failure.
#[must_use]
pub fn strdup_bytes(text: &[u8]) -> *mut c_char {
    let Some(size) = text.len().checked_add(1) else {
        errno::set(libc::ENOMEM);
        return ptr::null_mut();
    };
    let copy = malloc(size).cast::<u8>();
    if copy.is_null() {
        errno::set(libc::ENOMEM);
        return ptr::null_mut();
    }
    // SAFETY: `copy` has room for the text and its terminator and is fresh.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
        *copy.add(text.len()) = 0;
    }
    copy.cast()
}

/// A copy of a C string; null (and `EINVAL`) for null, null (and `ENOMEM`) on failure.
///
/// # Safety
/// `text` is null or a terminated string.
#[must_use]
pub unsafe fn strdup(text: *const c_char) -> *mut c_char {
    // SAFETY: null or terminated, as promised.
    match unsafe { crate::cstr::bytes(text) } {
        Some(bytes) => strdup_bytes(bytes),
        None => {
            errno::set(libc::EINVAL);
            ptr::null_mut()
        }
    }
}

/// Moves `value` into memory from the hooks; `None` if there is none (the value is dropped). The pointer is the very
/// one that the program's `malloc` returned.
#[must_use]
pub fn alloc<T>(value: T) -> Option<NonNull<T>> {
    const { assert!(align_of::<T>() <= 16 && size_of::<T>() > 0) };
    let memory = NonNull::new(malloc(size_of::<T>()).cast::<T>())?;
    // SAFETY: fresh memory of the right size; malloc aligns for every type up to 16.
    unsafe { memory.write(value) };
    Some(memory)
}

/// Drops a value made by [`alloc()`] and returns its memory.
///
/// # Safety
/// `value` came from [`alloc()`] with the same type, and nothing uses it any more.
pub unsafe fn free_value<T>(value: NonNull<T>) {
    // SAFETY: the caller owns the value; its memory is freed right after.
    unsafe {
        value.drop_in_place();
        free(value.as_ptr().cast());
    }
}

/// A value in hook memory that is owned here: dropped and freed with its owner, or handed to C with [`Owned::into_raw`].
#[derive(Debug)]
pub struct Owned<T>(NonNull<T>);

impl<T> Owned<T> {
    /// As [`alloc()`].
    #[must_use]
    pub fn new(value: T) -> Option<Self> {
        alloc(value).map(Owned)
    }

    /// Hands the value to C; it comes back through [`Owned::from_raw`] or [`free_value`].
    #[must_use]
    pub fn into_raw(self) -> *mut T {
        let raw = self.0.as_ptr();
        mem::forget(self);
        raw
    }

    /// Takes back what [`Owned::into_raw`] gave; `None` for null.
    ///
    /// # Safety
    /// `raw` is null or from [`Owned::into_raw`] (or [`alloc()`]), and no one else owns or uses it.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut T) -> Option<Self> {
        NonNull::new(raw).map(Owned)
    }
}

impl<T> core::ops::Deref for Owned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: owned and initialised.
        unsafe { self.0.as_ref() }
    }
}

impl<T> core::ops::DerefMut for Owned<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: owned and initialised; `&mut self` makes it exclusive.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: owned, and this is its end.
        unsafe { free_value(self.0) };
    }
}

// SAFETY: an `Owned` is the value, only kept elsewhere.
unsafe impl<T: Send> Send for Owned<T> {}
// SAFETY: as above; `&Owned<T>` gives only `&T`.
unsafe impl<T: Sync> Sync for Owned<T> {}

#[cfg(test)]
mod tests;
