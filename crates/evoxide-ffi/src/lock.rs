//! Locks and conditions that the program plugs in (`evthread_set_lock_callbacks` and its siblings), or that
//! `evthread_use_pthreads` provides.
//!
//! Everything here is process-wide, set once before other threads use the library. Until then [`ExtLock::new`] answers the
//! null lock, whose operations cost one test. Lock callbacks are foreign code: call them outside every section (the
//! [`Guarded`](crate::guarded::Guarded) does).
//!
//! # Lock debugging
//! Once [`enable_debugging`] was called, before or after the callbacks were set, every lock that is held is recorded with its thread
//! and depth beside the lock, never wrapped around it: handles stay those of the program, so locks made earlier or by the
//! program itself are counted as well. Releasing a lock that is not held, or held by another thread, and freeing or waiting
//! on a lock in the wrong state are fatal (`errx` with the abort code).

use core::ffi::{c_int, c_uint, c_ulong, c_void};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};
use core::{mem, ptr};

mod debug;
pub mod plain;
mod pthread;

pub use debug::is_held;
pub use pthread::PRIO_INHERIT;

/// Lock type: may be taken again by the thread that holds it.
pub const LOCKTYPE_RECURSIVE: c_uint = 1;
/// Lock type: many readers or one writer (never asked for).
pub const LOCKTYPE_READWRITE: c_uint = 2;
/// Lock mode: answer instead of waiting.
pub const MODE_TRY: c_uint = 0x10;
/// Version of [`LockCallbacks`].
pub const LOCK_API_VERSION: c_int = 1;
/// Version of [`ConditionCallbacks`].
pub const CONDITION_API_VERSION: c_int = 1;

/// Makes a lock of a type.
pub type LockAllocFn = unsafe extern "C-unwind" fn(locktype: c_uint) -> *mut c_void;
/// Ends a lock.
pub type LockFreeFn = unsafe extern "C-unwind" fn(lock: *mut c_void, locktype: c_uint);
/// Takes or releases a lock; 0 on success.
pub type LockFn = unsafe extern "C-unwind" fn(mode: c_uint, lock: *mut c_void) -> c_int;
/// Makes a condition.
pub type ConditionAllocFn = unsafe extern "C-unwind" fn(condtype: c_uint) -> *mut c_void;
/// Ends a condition.
pub type ConditionFreeFn = unsafe extern "C-unwind" fn(condition: *mut c_void);
/// Wakes one waiter, or all.
pub type ConditionSignalFn = unsafe extern "C-unwind" fn(condition: *mut c_void, broadcast: c_int) -> c_int;
/// Waits: 0 signalled, 1 timeout, -1 error.
pub type ConditionWaitFn =
    unsafe extern "C-unwind" fn(condition: *mut c_void, lock: *mut c_void, timeout: *const libc::timeval) -> c_int;
/// Names the calling thread.
pub type IdFn = unsafe extern "C-unwind" fn() -> c_ulong;

/// `struct evthread_lock_callbacks`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LockCallbacks {
    /// [`LOCK_API_VERSION`].
    pub lock_api_version: c_int,
    /// Bits of the lock types that `alloc` can make.
    pub supported_locktypes: c_uint,
    /// Makes a lock.
    pub alloc: Option<LockAllocFn>,
    /// Ends a lock.
    pub free: Option<LockFreeFn>,
    /// Takes a lock.
    pub lock: Option<LockFn>,
    /// Releases a lock.
    pub unlock: Option<LockFn>,
}

/// `struct evthread_condition_callbacks`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ConditionCallbacks {
    /// [`CONDITION_API_VERSION`].
    pub condition_api_version: c_int,
    /// Makes a condition.
    pub alloc_condition: Option<ConditionAllocFn>,
    /// Ends a condition.
    pub free_condition: Option<ConditionFreeFn>,
    /// Wakes waiters.
    pub signal_condition: Option<ConditionSignalFn>,
    /// Waits.
    pub wait_condition: Option<ConditionWaitFn>,
}

/// A process-wide callback table: [`LockCallbacks`] and [`ConditionCallbacks`] share its shape (two ints, four pointers), and
/// its address is what `evthread_get_lock_callbacks` returns.
#[repr(C)]
struct Table {
    version: AtomicI32,
    types: AtomicU32,
    functions: [AtomicPtr<c_void>; 4],
}

const _: () = assert!(size_of::<Table>() == 40 && size_of::<LockCallbacks>() == 40);
const _: () = assert!(size_of::<ConditionCallbacks>() == 40);
const _: () = assert!(mem::offset_of!(LockCallbacks, alloc) == 8 && mem::offset_of!(LockCallbacks, unlock) == 32);
const _: () = assert!(mem::offset_of!(ConditionCallbacks, alloc_condition) == 8);
const _: () = assert!(mem::offset_of!(ConditionCallbacks, wait_condition) == 32);
const _: () = assert!(mem::offset_of!(Table, functions) == 8);

impl Table {
    const fn new() -> Self {
        Table {
            version: AtomicI32::new(0),
            types: AtomicU32::new(0),
            functions: [const { AtomicPtr::new(ptr::null_mut()) }; 4],
        }
    }

    fn store(&self, version: c_int, types: c_uint, functions: [*mut c_void; 4]) {
        self.version.store(version, Ordering::Relaxed);
        self.types.store(types, Ordering::Relaxed);
        for (slot, function) in self.functions.iter().zip(functions) {
            slot.store(function, Ordering::Relaxed);
        }
    }

    fn equals(&self, version: c_int, types: c_uint, functions: [*mut c_void; 4]) -> bool {
        self.version.load(Ordering::Relaxed) == version
            && self.types.load(Ordering::Relaxed) == types
            && self.functions.iter().zip(functions).all(|(slot, f)| slot.load(Ordering::Relaxed) == f)
    }

    fn is_set(&self) -> bool {
        !self.functions[0].load(Ordering::Relaxed).is_null()
    }
}

/// What the program set; the first function pointer tells whether threading is on.
static LOCKS: Table = Table::new();
static CONDITIONS: Table = Table::new();
/// What [`ExtLock`] calls: the program's functions, or the recording ones of [`debug`]. They stay when the table is
/// cleared, so that locks made before still work. Never null.
static ACTIVE_LOCK: AtomicPtr<c_void> = AtomicPtr::new(no_lock as LockFn as *mut c_void);
static ACTIVE_UNLOCK: AtomicPtr<c_void> = AtomicPtr::new(no_lock as LockFn as *mut c_void);
/// The program's own, for the recording functions.
static PLAIN_LOCK: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static PLAIN_UNLOCK: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static PLAIN_FREE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static ID: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static DEBUGGING: AtomicBool = AtomicBool::new(false);
static DEBUG_MODE: AtomicBool = AtomicBool::new(false);
static CONTEXT_MADE: AtomicBool = AtomicBool::new(false);

/// Before the program gave functions.
unsafe extern "C-unwind" fn no_lock(_mode: c_uint, _lock: *mut c_void) -> c_int {
    0
}

/// Loads a callback.
///
/// # Safety
/// `F` is the function pointer type that the slot holds, or an `Option` of it where that may be null.
#[inline]
unsafe fn callback<F: Copy>(slot: &AtomicPtr<c_void>) -> F {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    let pointer = slot.load(Ordering::Relaxed);
    // SAFETY: an `Option` of a function pointer has the layout of the pointer, null being None; the caller promised the type.
    unsafe { mem::transmute_copy::<*mut c_void, F>(&pointer) }
}

fn as_pointers(callbacks: &LockCallbacks) -> [*mut c_void; 4] {
    [
        callbacks.alloc.map_or(ptr::null_mut(), |f| f as *mut c_void),
        callbacks.free.map_or(ptr::null_mut(), |f| f as *mut c_void),
        callbacks.lock.map_or(ptr::null_mut(), |f| f as *mut c_void),
        callbacks.unlock.map_or(ptr::null_mut(), |f| f as *mut c_void),
    ]
}

fn condition_pointers(callbacks: &ConditionCallbacks) -> [*mut c_void; 4] {
    [
        callbacks.alloc_condition.map_or(ptr::null_mut(), |f| f as *mut c_void),
        callbacks.free_condition.map_or(ptr::null_mut(), |f| f as *mut c_void),
        callbacks.signal_condition.map_or(ptr::null_mut(), |f| f as *mut c_void),
        callbacks.wait_condition.map_or(ptr::null_mut(), |f| f as *mut c_void),
    ]
}

/// In debug mode (`event_enable_debug_mode`), setting callbacks after [`note_context`] is fatal.
pub fn set_debug_mode(on: bool) {
    DEBUG_MODE.store(on, Ordering::Relaxed);
}

/// Remembers that an object with a lock exists: called when an `event_base` is made.
#[inline]
pub fn note_context() {
    CONTEXT_MADE.store(true, Ordering::Relaxed);
}

fn refuse_late_setting() {
    if DEBUG_MODE.load(Ordering::Relaxed) && CONTEXT_MADE.load(Ordering::Relaxed) {
        crate::errx!(1, "evthread initialization must be called BEFORE anything else!");
    }
}

/// `evthread_set_lock_callbacks`: whether the callbacks are (or were already) in force. `None` turns locking off for
/// objects made from now on, with a warning if it was on.
pub fn set_lock_callbacks(callbacks: Option<&LockCallbacks>) -> bool {
    refuse_late_setting();
    let Some(new) = callbacks else {
        if LOCKS.is_set() {
            crate::warnx!("Trying to disable lock functions after they have been set up will probaby not work.");
        }
        LOCKS.store(0, 0, [ptr::null_mut(); 4]);
        return true;
    };
    let functions = as_pointers(new);
    if LOCKS.is_set() {
        if LOCKS.equals(new.lock_api_version, new.supported_locktypes, functions) {
            return true;
        }
        crate::warnx!("Can't change lock callbacks once they have been initialized.");
        return false;
    }
    if functions.iter().any(|f| f.is_null()) {
        return false;
    }
    PLAIN_FREE.store(functions[1], Ordering::Relaxed);
    PLAIN_LOCK.store(functions[2], Ordering::Relaxed);
    PLAIN_UNLOCK.store(functions[3], Ordering::Relaxed);
    choose_active();
    LOCKS.store(new.lock_api_version, new.supported_locktypes, functions);
    true
}

/// `evthread_set_condition_callbacks`: whether nothing conflicted. An incomplete set is accepted and ignored, as the C
/// original does.
pub fn set_condition_callbacks(callbacks: Option<&ConditionCallbacks>) -> bool {
    refuse_late_setting();
    let Some(new) = callbacks else {
        if CONDITIONS.is_set() {
            crate::warnx!("Trying to disable condition functions after they have been set up will probaby not work.");
        }
        CONDITIONS.store(0, 0, [ptr::null_mut(); 4]);
        return true;
    };
    let functions = condition_pointers(new);
    if CONDITIONS.is_set() {
        if CONDITIONS.equals(new.condition_api_version, 0, functions) {
            return true;
        }
        crate::warnx!("Can't change condition callbacks once they have been initialized.");
        return false;
    }
    if functions.iter().all(|f| !f.is_null()) {
        CONDITIONS.store(new.condition_api_version, 0, functions);
    }
    true
}

/// `evthread_set_id_callback`.
pub fn set_id_callback(id: Option<IdFn>) {
    ID.store(id.map_or(ptr::null_mut(), |f| f as *mut c_void), Ordering::Relaxed);
}

/// The table of lock callbacks, for `evthread_get_lock_callbacks`. Always the program's own, also under lock debugging.
#[must_use]
pub fn lock_callbacks() -> *mut LockCallbacks {
    ptr::from_ref(&LOCKS).cast_mut().cast()
}

/// The table of condition callbacks, for `evthread_get_condition_callbacks`.
#[must_use]
pub fn condition_callbacks() -> *mut ConditionCallbacks {
    ptr::from_ref(&CONDITIONS).cast_mut().cast()
}

/// Installs the built-in pthread locks, conditions and thread ids ([`PRIO_INHERIT`] is the only flag). If other callbacks
/// are in force they stay, with a warning; that too counts as success, as in the C original.
pub fn use_pthreads(flags: c_int) -> bool {
    if !pthread::prepare(flags) {
        return false;
    }
    set_lock_callbacks(Some(&pthread::LOCKS));
    set_condition_callbacks(Some(&pthread::CONDITIONS));
    set_id_callback(Some(pthread::thread_id));
    true
}

/// `evthread_enable_lock_debugging`.
pub fn enable_debugging() {
    DEBUGGING.store(true, Ordering::Relaxed);
    choose_active();
}

/// Ends lock debugging, part of `libevent_global_shutdown`.
pub fn disable_debugging() {
    DEBUGGING.store(false, Ordering::Relaxed);
    choose_active();
    debug::forget();
}

/// Whether lock debugging is on.
#[must_use]
pub fn debugging() -> bool {
    DEBUGGING.load(Ordering::Relaxed)
}

fn choose_active() {
    let plain = (PLAIN_LOCK.load(Ordering::Relaxed), PLAIN_UNLOCK.load(Ordering::Relaxed));
    let (lock, unlock) = if DEBUGGING.load(Ordering::Relaxed) && !plain.0.is_null() {
        (debug::lock as LockFn as *mut c_void, debug::unlock as LockFn as *mut c_void)
    } else if plain.0.is_null() {
        (no_lock as LockFn as *mut c_void, no_lock as LockFn as *mut c_void)
    } else {
        plain
    };
    ACTIVE_LOCK.store(lock, Ordering::Relaxed);
    ACTIVE_UNLOCK.store(unlock, Ordering::Relaxed);
}

/// Whether lock callbacks are in force: objects made now get locks.
#[inline]
#[must_use]
pub fn threading_enabled() -> bool {
    LOCKS.is_set()
}

/// The calling thread's id from the program's callback; 1 without one.
#[inline]
#[must_use]
pub fn thread_id() -> c_ulong {
    // SAFETY: the slot holds null or an `IdFn`.
    match unsafe { callback::<Option<IdFn>>(&ID) } {
        // SAFETY: the program promised an id callback.
        Some(id) => unsafe { id() },
        None => 1,
    }
}

/// Whether the program (or `evthread_use_pthreads`) set an id callback: without one, threads cannot be told apart.
#[inline]
#[must_use]
pub fn has_thread_ids() -> bool {
    !ID.load(Ordering::Relaxed).is_null()
}

/// A lock of the program, or the null lock whose operations do nothing. A handle: copying it does not copy the lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct ExtLock(*mut c_void);

// SAFETY: lock handles are made for use from any thread, through callbacks that are thread-safe by their purpose.
unsafe impl Send for ExtLock {}
// SAFETY: several threads may pass one handle to those callbacks at the same time; it is what locks are for.
unsafe impl Sync for ExtLock {}

impl ExtLock {
    /// The null lock.
    #[inline]
    #[must_use]
    pub const fn none() -> Self {
        ExtLock(ptr::null_mut())
    }

    /// A new lock of `locktype`; the null lock if threading is not set up, or if the program's callback fails.
    #[must_use]
    pub fn new(locktype: c_uint) -> Self {
        // SAFETY: the slot holds null or a `LockAllocFn`.
        match unsafe { callback::<Option<LockAllocFn>>(&LOCKS.functions[0]) } {
            // SAFETY: the program promised a lock allocator.
            Some(alloc) => ExtLock(unsafe { alloc(locktype) }),
            None => Self::none(),
        }
    }

    /// As [`ExtLock::new`], but `None` if threading is set up and the callback fails.
    #[must_use]
    pub fn try_new(locktype: c_uint) -> Option<Self> {
        let lock = Self::new(locktype);
        (!lock.is_null() || !threading_enabled()).then_some(lock)
    }

    /// A lock that the program made (`evbuffer_enable_locking(buffer, lock)`).
    ///
    /// # Safety
    /// `raw` is null or a lock that the program's callbacks accept as long as the handle is used.
    #[inline]
    #[must_use]
    pub const unsafe fn from_raw(raw: *mut c_void) -> Self {
        ExtLock(raw)
    }

    /// The program's handle.
    #[inline]
    #[must_use]
    pub const fn raw(self) -> *mut c_void {
        self.0
    }

    /// Whether this is the null lock.
    #[inline]
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Takes the lock, waiting for it.
    #[inline(always)]
    pub fn lock(self) {
        if !self.0.is_null() {
            self.call(&ACTIVE_LOCK, 0);
        }
    }

    /// Takes the lock if that is possible at once; true for the null lock.
    #[inline]
    #[must_use]
    pub fn try_lock(self) -> bool {
        self.0.is_null() || self.call(&ACTIVE_LOCK, MODE_TRY) == 0
    }

    /// Releases the lock.
    #[inline(always)]
    pub fn unlock(self) {
        if !self.0.is_null() {
            self.release();
        }
    }

    /// [`unlock`](Self::unlock) of a lock that is not null.
    #[inline(always)]
    pub(crate) fn release(self) {
        self.call(&ACTIVE_UNLOCK, 0);
    }

    #[inline]
    fn call(self, slot: &AtomicPtr<c_void>, mode: c_uint) -> c_int {
        // SAFETY: both slots always hold a `LockFn`; a handle is from the program's allocator, or one it promised its
        // callbacks accept.
        unsafe { callback::<LockFn>(slot)(mode, self.0) }
    }

    /// Ends the lock; nothing for the null lock.
    ///
    /// # Safety
    /// The lock was made by [`ExtLock::new`] with this `locktype`; nobody holds it or uses a copy of the handle any more.
    pub unsafe fn free(self, locktype: c_uint) {
        if self.0.is_null() {
            return;
        }
        if debugging() {
            debug::check_free(self.0);
        }
        // SAFETY: the slot holds null or a `LockFreeFn`.
        if let Some(free) = unsafe { callback::<Option<LockFreeFn>>(&PLAIN_FREE) } {
            // SAFETY: a lock that these callbacks made, of this type, which nobody uses any more.
            unsafe { free(self.0, locktype) };
        }
    }
}

/// A condition of the program, or the null condition whose operations do nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct ExtCond(*mut c_void);

// SAFETY: condition handles are made for use from any thread.
unsafe impl Send for ExtCond {}
// SAFETY: several threads may wait on one handle and signal it at the same time.
unsafe impl Sync for ExtCond {}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// Signalled, or woken for no reason.
    Woken,
    /// The time was up.
    TimedOut,
    /// The callback failed, or there is no condition to wait on.
    Failed,
}

impl ExtCond {
    /// The null condition.
    #[must_use]
    pub const fn none() -> Self {
        ExtCond(ptr::null_mut())
    }

    /// A new condition; null if no callbacks are set or the callback fails.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: the slot holds null or a `ConditionAllocFn`.
        match unsafe { callback::<Option<ConditionAllocFn>>(&CONDITIONS.functions[0]) } {
            // SAFETY: the program promised an allocator.
            Some(alloc) => ExtCond(unsafe { alloc(0) }),
            None => Self::none(),
        }
    }

    /// Whether this is the null condition.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Gives `lock` (held once by the caller) back, waits, and takes it again.
    pub fn wait(self, lock: ExtLock, timeout: Option<libc::timeval>) -> Waited {
        // SAFETY: the slot holds null or a `ConditionWaitFn`.
        let wait = unsafe { callback::<Option<ConditionWaitFn>>(&CONDITIONS.functions[3]) };
        let Some(wait) = wait.filter(|_| !self.0.is_null()) else {
            return Waited::Failed;
        };
        let held = if debugging() { debug::suspend(lock.0) } else { None };
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: both handles are the program's; the timeout, if any, lives in this frame.
        let result = unsafe { wait(self.0, lock.0, timeout) };
        if let Some(held) = held {
            debug::resume(lock.0, held);
        }
        match result {
            0 => Waited::Woken,
            1 => Waited::TimedOut,
            _ => Waited::Failed,
        }
    }

    /// Wakes one waiter. The caller holds the lock that goes with the condition.
    pub fn signal(self) {
        self.notify(0);
    }

    /// Wakes all waiters. The caller holds the lock that goes with the condition.
    pub fn broadcast(self) {
        self.notify(1);
    }

    fn notify(self, broadcast: c_int) {
        if self.0.is_null() {
            return;
        }
        // SAFETY: the slot holds null or a `ConditionSignalFn`.
        if let Some(signal) = unsafe { callback::<Option<ConditionSignalFn>>(&CONDITIONS.functions[2]) } {
            // SAFETY: the handle is the program's.
            unsafe { signal(self.0, broadcast) };
        }
    }

    /// Ends the condition; nothing for the null condition.
    ///
    /// # Safety
    /// Nobody waits on it or uses a copy of the handle any more.
    pub unsafe fn free(self) {
        if self.0.is_null() {
            return;
        }
        // SAFETY: the slot holds null or a `ConditionFreeFn`.
        if let Some(free) = unsafe { callback::<Option<ConditionFreeFn>>(&CONDITIONS.functions[1]) } {
            // SAFETY: a condition that these callbacks made, which nobody uses any more.
            unsafe { free(self.0) };
        }
    }
}

impl Default for ExtCond {
    fn default() -> Self {
        Self::none()
    }
}

#[cfg(test)]
pub(crate) fn reset_for_tests() {
    for table in [&LOCKS, &CONDITIONS] {
        table.store(0, 0, [ptr::null_mut(); 4]);
    }
    for slot in [&PLAIN_LOCK, &PLAIN_UNLOCK, &PLAIN_FREE, &ID] {
        slot.store(ptr::null_mut(), Ordering::Relaxed);
    }
    disable_debugging();
}

#[cfg(test)]
mod tests;
