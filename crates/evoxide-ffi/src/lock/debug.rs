//! The record of held locks behind `evthread_enable_lock_debugging`.
//!
//! Only locks that are held have an entry, keyed by the program's handle. The program's callbacks are called outside the
//! record's own mutex.

use alloc::vec::Vec;
use core::ffi::{c_int, c_uint, c_ulong, c_void};

use super::plain::{Mutex, MutexGuard};
use super::{LockFn, PLAIN_LOCK, PLAIN_UNLOCK, callback, has_thread_ids, thread_id};

/// Who holds a lock and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The holder's id; without an id callback threads are not told apart.
    thread: Option<c_ulong>,
    depth: u32,
}

/// Locks by the program's handle: few are held at once.
struct Record(Vec<(usize, Held)>);

impl Record {
    fn find(&mut self, lock: *mut c_void) -> Option<&mut Held> {
        self.0.iter_mut().find(|(address, _)| *address == lock.addr()).map(|(_, held)| held)
    }

    fn take(&mut self, lock: *mut c_void) -> Option<Held> {
        let at = self.0.iter().position(|(address, _)| *address == lock.addr())?;
        Some(self.0.swap_remove(at).1)
    }

    fn put(&mut self, lock: *mut c_void, held: Held) {
        self.0.push((lock.addr(), held));
    }
}

static HELD: Mutex<Record> = Mutex::new(Record(Vec::new()));

fn record() -> MutexGuard<'static, Record> {
    HELD.lock()
}

fn me() -> Option<c_ulong> {
    has_thread_ids().then(thread_id)
}

#[cold]
fn misuse(what: &str) -> ! {
    crate::errx!(crate::log::ERR_ABORT, "evthread: Assertion failed: {what}")
}

/// Takes a lock and records it.
pub(super) unsafe extern "C-unwind" fn lock(mode: c_uint, raw: *mut c_void) -> c_int {
    // SAFETY: the slot holds null or a `LockFn`.
    let Some(plain) = (unsafe { callback::<Option<LockFn>>(&PLAIN_LOCK) }) else {
        return 0;
    };
    // SAFETY: the caller's handle goes to the program's callback unchanged.
    let result = unsafe { plain(mode, raw) };
    if result == 0 {
        let me = me();
        let sound = {
            let mut record = record();
            match record.find(raw) {
                Some(held) => {
                    held.depth = held.depth.saturating_add(1);
                    held.thread == me
                }
                None => {
                    record.put(raw, Held { thread: me, depth: 1 });
                    true
                }
            }
        };
        if !sound {
            misuse("a lock was taken while another thread holds it");
        }
    }
    result
}

/// Checks and records the release of a lock, and releases it.
pub(super) unsafe extern "C-unwind" fn unlock(mode: c_uint, raw: *mut c_void) -> c_int {
    let me = me();
    let fault = {
        let mut record = record();
        match record.find(raw) {
            None => Some("a lock was released that is not held"),
            Some(held) if held.thread != me => Some("a lock was released that another thread holds"),
            Some(held) if held.depth == 1 => {
                record.take(raw);
                None
            }
            Some(held) => {
                held.depth -= 1;
                None
            }
        }
    };
    if let Some(fault) = fault {
        misuse(fault);
    }
    // SAFETY: the slot holds null or a `LockFn`.
    match unsafe { callback::<Option<LockFn>>(&PLAIN_UNLOCK) } {
        // SAFETY: the caller's handle goes to the program's callback unchanged.
        Some(plain) => unsafe { plain(mode, raw) },
        None => 0,
    }
}

/// A lock is about to be freed: it must not be held.
pub(super) fn check_free(raw: *mut c_void) {
    let held = record().find(raw).is_some();
    if held {
        misuse("a lock was freed while it is held");
    }
}

/// A wait is about to release the lock, whatever its depth: takes it off the record.
pub(super) fn suspend(raw: *mut c_void) -> Option<Held> {
    let held = record().take(raw);
    match held {
        Some(held) if held.thread == me() => Some(held),
        _ => misuse("a condition was waited on without its lock"),
    }
}

/// The wait is over and the lock is held again.
pub(super) fn resume(raw: *mut c_void, held: Held) {
    record().put(raw, held);
}

/// Forgets everything, when debugging ends.
pub(super) fn forget() {
    record().0.clear();
}

/// Whether lock debugging knows that the calling thread holds `lock`. Without debugging the answer is always yes.
#[must_use]
pub fn is_held(lock: super::ExtLock) -> bool {
    if lock.is_null() || !super::debugging() {
        return true;
    }
    let me = me();
    record().find(lock.raw()).is_some_and(|held| held.thread == me)
}
