//! What is behind an `ev_loop`: the machine of [`evoxide_core::ev_loop`] and what belongs to the face.

use crate::abi::{LoopCallback, ev_child, ev_io, ev_loop, ev_signal, ev_watcher_list};
use crate::backend::Backend;
use crate::watcher::W;
use core::ffi::{c_int, c_void};
use core::{cell::UnsafeCell, ptr::addr_of};
use evoxide_core::ev_loop::EvLoop;
use evoxide_sys::inotify::Inotify;
use evoxide_sys::process::{ClockWatch, SignalFd, SignalSet};
use evoxide_sys::wake::Wake;
use evoxide_sys::waker::Waker;

/// How many lists the watched children are spread over, and the watched inotify numbers.
pub(crate) const SPREAD: usize = 16;

/// The longest wait where the wall clock is only looked at now and then, in seconds.
pub(crate) const LONGEST: f64 = 59.743;
/// The longest wait where the kernel tells when the wall clock is set, in seconds.
pub(crate) const LONGEST_TOLD: f64 = 1_500_000.;

/// Why others wake a loop.
pub(crate) mod reason {
    /// A signal arrived.
    pub(crate) const SIGNAL: u32 = 1 << 1;
    /// `ev_async_send`.
    pub(crate) const ASYNC: u32 = 1 << 2;
}

/// A loop. The loop's own watchers come without callbacks; `create` connects them.
pub(crate) struct Loop {
    /// What other threads and signal handlers touch.
    pub(crate) wake: Wake,
    machine: UnsafeCell<EvLoop<W>>,
    pub(crate) backend: Backend,
    /// Overrides `ev_invoke_pending`.
    pub(crate) invoke_pending: LoopCallback,
    pub(crate) release: LoopCallback,
    pub(crate) acquire: LoopCallback,
    pub(crate) userdata: *mut c_void,
    /// The flags it was made with.
    pub(crate) flags: u32,
    /// Under `EVFLAG_FORKCHECK`, the process that uses it; else zero.
    pub(crate) pid: c_int,
    /// What must be rebuilt before the next wait.
    pub(crate) renew: Renew,
    /// What `wake` rings.
    pub(crate) waker: Source<Waker>,
    /// Watches `wake`'s descriptor.
    pub(crate) wake_io: ev_io,
    /// The longest wait, in seconds.
    pub(crate) longest: f64,
    /// Tells when the clock is set, from the first periodic on.
    pub(crate) clock: Source<ClockWatch>,
    pub(crate) clock_io: ev_io,
    /// Under `EVFLAG_SIGNALFD`, the signals, from the first watched one on.
    pub(crate) signals: Source<SignalFd>,
    pub(crate) signal_io: ev_io,
    pub(crate) signal_set: SignalSet,
    /// Tells of changed paths, from the first watched one on.
    pub(crate) paths: Source<Inotify>,
    pub(crate) path_io: ev_io,
    /// Watched paths by inotify number.
    pub(crate) path_lists: [*mut ev_watcher_list; SPREAD],
    /// SIGCHLD, in the default loop.
    pub(crate) child_signal: ev_signal,
    /// Watched children by process number, in the default loop.
    pub(crate) children: [*mut ev_child; SPREAD],
}

/// What must be rebuilt before the next wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renew {
    Nothing,
    /// The backend alone: it reports files that are gone.
    Backend,
    /// Everything: the process is a fork's child.
    All,
}

/// A descriptor that is opened when it is first needed.
pub(crate) enum Source<T> {
    Unopened,
    Open(T),
    /// It is not wanted, or cannot be had.
    Absent,
}

impl<T> Source<T> {
    /// What is open.
    pub(crate) const fn get(&self) -> Option<&T> {
        match self {
            Self::Open(source) => Some(source),
            _ => None,
        }
    }

    /// Opens it if that was not tried before; returns whether it was just opened.
    pub(crate) fn open(&mut self, make: impl FnOnce() -> evoxide_sys::os::io::Result<T>) -> bool {
        if !matches!(self, Self::Unopened) {
            return false;
        }
        *self = make().map_or(Self::Absent, Self::Open);
        self.get().is_some()
    }
}

/// A signal watcher of this library's own.
const fn own_signal(priority: c_int, signum: c_int) -> ev_signal {
    ev_signal { list: ev_io::new(None, priority).list, signum }
}

impl Loop {
    /// A loop that waits with `backend`.
    pub(crate) fn new(backend: Backend, flags: u32, pid: c_int) -> Self {
        let (mono, wall) = (crate::now::mono(), crate::now::wall());
        Self {
            wake: Wake::new(),
            machine: UnsafeCell::new(EvLoop::new(mono, wall)),
            backend,
            invoke_pending: None,
            release: None,
            acquire: None,
            userdata: core::ptr::null_mut(),
            flags,
            pid,
            renew: Renew::Nothing,
            wake_io: ev_io::new(None, 2),
            waker: Source::Unopened,
            longest: LONGEST,
            clock: Source::Unopened,
            clock_io: ev_io::new(None, -2),
            signals: Source::Unopened,
            signal_io: ev_io::new(None, 2),
            signal_set: SignalSet::new(),
            paths: Source::Unopened,
            path_io: ev_io::new(None, 2),
            path_lists: [core::ptr::null_mut(); SPREAD],
            child_signal: own_signal(2, libc::SIGCHLD),
            children: [core::ptr::null_mut(); SPREAD],
        }
    }
}

/// What is behind the address that C callers hold.
#[inline(always)]
pub(crate) const fn of(l: *mut ev_loop) -> *mut Loop {
    l.cast()
}

/// One short section on the loop's machine. The closure must not run foreign code.
///
/// # Safety
/// `l` is a live loop, used by this thread only, and no other section of it is open.
#[inline(always)]
pub(crate) unsafe fn with<R>(l: *mut ev_loop, f: impl FnOnce(&mut EvLoop<W>) -> R) -> R {
    // SAFETY: the caller: the loop lives, and this is the only reference to its machine.
    f(unsafe { &mut *UnsafeCell::raw_get(addr_of!((*of(l)).machine)) })
}
