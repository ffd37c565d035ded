//! What lives on connections of a server that left HTTP, and ends with the server at the latest.
//!
//! A session may be used, and freed, by any thread that holds its own lock; the server belongs to the thread of its base. So the lists
//! have a lock of their own, under which nothing is called, and memory is kept by [counting](Session::enter) who uses it.

use super::objects::evhttp;
use core::sync::atomic::{AtomicU32, Ordering};
use core::{cell::Cell, ffi::c_int, ptr};
use evoxide_ffi::lock::plain::{Mutex, MutexGuard};

/// Guards the lists of all servers.
static LISTS: Mutex<()> = Mutex::new(());

fn lists() -> MutexGuard<'static, ()> {
    LISTS.lock()
}

/// A session in its server's list: the first field of what it is a part of.
pub(crate) struct Session {
    /// Ends it at once, and leaves: the caller has entered.
    end: unsafe fn(*mut Session),
    next: Cell<*mut Session>,
    prev: Cell<*mut Session>,
    /// Null: in no list.
    server: Cell<*mut evhttp>,
    /// How many callers up the stack, in all threads, use its memory.
    busy: AtomicU32,
}

/// The sessions of a server. Used under the lock of the lists.
pub(super) struct Sessions {
    first: *mut Session,
    len: c_int,
}

impl Sessions {
    pub const NONE: Self = Self { first: ptr::null_mut(), len: 0 };
}

impl Session {
    pub const fn new(end: unsafe fn(*mut Session)) -> Self {
        Self {
            end,
            next: Cell::new(ptr::null_mut()),
            prev: Cell::new(ptr::null_mut()),
            server: Cell::new(ptr::null_mut()),
            busy: AtomicU32::new(0),
        }
    }

    /// Keeps the memory until the caller [left](Self::is_left).
    pub fn enter(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends what [`enter`](Self::enter) began. Whether the caller is the last one, of a session that `ended`: it frees the memory then.
    pub fn is_left(&self, ended: bool) -> bool {
        if self.busy.fetch_sub(1, Ordering::AcqRel) > 1 || !ended {
            return false;
        }
        let guard = lists();
        self.unlink(&guard);
        // The server may have found it in the list meanwhile: then it is the last one.
        self.busy.load(Ordering::Acquire) == 0
    }

    /// Puts it into a server's list.
    ///
    /// # Safety
    /// Both live; it is in no list.
    pub unsafe fn link(this: *mut Self, server: *mut evhttp) {
        let _guard = lists();
        // SAFETY: both live, as promised; the list is used under its lock.
        unsafe {
            let list = &mut (*server).sessions;
            (*this).server.set(server);
            (*this).next.set(list.first);
            if let Some(next) = list.first.as_ref() {
                next.prev.set(this);
            }
            list.first = this;
            list.len += 1;
        }
    }

    /// Takes it out of the list, if it is in one.
    fn unlink(&self, _guard: &MutexGuard<'_, ()>) {
        // SAFETY: a server takes its sessions out of the list before it goes; so those in a list, and their server, live.
        unsafe {
            let Some(server) = self.server.replace(ptr::null_mut()).as_mut() else { return };
            let (prev, next) = (self.prev.replace(ptr::null_mut()), self.next.replace(ptr::null_mut()));
            match prev.as_ref() {
                Some(prev) => prev.next.set(next),
                None => server.sessions.first = next,
            }
            if let Some(next) = next.as_ref() {
                next.prev.set(prev);
            }
            server.sessions.len -= 1;
        }
    }
}

/// How many sessions a server has.
///
/// # Safety
/// The server lives.
pub(super) unsafe fn count(server: *const evhttp) -> c_int {
    let _guard = lists();
    // SAFETY: the server lives, as promised.
    unsafe { (*server).sessions.len }
}

/// Ends all sessions of a server: their close callbacks run.
///
/// # Safety
/// The server lives.
pub(super) unsafe fn end_all(server: *mut evhttp) {
    loop {
        let guard = lists();
        // SAFETY: the server lives, as promised, and so do the sessions in its list; the one that is taken is kept by entering it.
        unsafe {
            let session = (*server).sessions.first;
            if session.is_null() {
                return;
            }
            (*session).enter();
            (*session).unlink(&guard);
            drop(guard);
            ((*session).end)(session);
        }
    }
}
