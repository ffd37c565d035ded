use super::*;
use std::sync::atomic::AtomicUsize;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static NULL_FREES: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C-unwind" fn count_malloc(size: usize) -> *mut c_void {
    LIVE.fetch_add(1, Ordering::Relaxed);
    // SAFETY: always safe.
    unsafe { libc::malloc(size) }
}
unsafe extern "C-unwind" fn count_free(memory: *mut c_void) {
    if memory.is_null() {
        NULL_FREES.fetch_add(1, Ordering::Relaxed);
    }
    LIVE.fetch_sub(1, Ordering::Relaxed);
    // SAFETY: came from count_malloc.
    unsafe { libc::free(memory) };
}
unsafe extern "C-unwind" fn no_malloc(_size: usize) -> *mut c_void {
    ptr::null_mut()
}

#[test]
fn sizes_of_zero_and_overflow_answer_null() {
    let _turn = crate::test_turn();
    assert!(malloc(0).is_null());
    assert!(calloc(0, 8).is_null());
    assert!(calloc(8, 0).is_null());
    assert!(calloc(usize::MAX, 2).is_null());
    set_functions(Some(count_malloc), None, Some(count_free));
    errno::set(0);
    assert!(calloc(usize::MAX, 2).is_null());
    assert_eq!(errno::get(), libc::ENOMEM);
    assert_eq!(LIVE.load(Ordering::Relaxed), 0);
    // SAFETY: null is allowed.
    unsafe { free(ptr::null_mut()) };
    assert_eq!(NULL_FREES.load(Ordering::Relaxed), 0);
    set_functions(None, None, None);
}

#[test]
fn typed_values_live_in_hook_memory() {
    let _turn = crate::test_turn();
    set_functions(Some(count_malloc), None, Some(count_free));
    let owned = Owned::new(String::from("text")).unwrap();
    assert_eq!(LIVE.load(Ordering::Relaxed), 1);
    let raw = owned.into_raw();
    // SAFETY: just given away.
    drop(unsafe { Owned::from_raw(raw) });
    assert_eq!(LIVE.load(Ordering::Relaxed), 0);
    let zeroed = calloc(3, 5).cast::<u8>();
    // SAFETY: 15 bytes of ours.
    unsafe {
        assert_eq!(core::slice::from_raw_parts(zeroed, 15), [0; 15]);
        free(zeroed.cast());
    }
    set_functions(None, None, None);
}

#[test]
fn a_failing_malloc_is_an_answer() {
    let _turn = crate::test_turn();
    set_functions(Some(no_malloc), None, None);
    assert!(alloc(5u64).is_none());
    errno::set(0);
    assert!(strdup_bytes(b"x").is_null());
    assert_eq!(errno::get(), libc::ENOMEM);
    set_functions(None, None, None);
}

#[test]
fn strings_are_copied() {
    let _turn = crate::test_turn();
    // SAFETY: literals are terminated; the copies are ours to free.
    unsafe {
        let copy = strdup(c"hello".as_ptr());
        assert_eq!(crate::cstr::bytes(copy), Some(&b"hello"[..]));
        free(copy.cast());
        errno::set(0);
        assert!(strdup(ptr::null()).is_null());
        assert_eq!(errno::get(), libc::EINVAL);
    }
}
