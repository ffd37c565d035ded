//! The system calls of this library, with plain results: `Err` carries `errno`.

use core::ffi::{CStr, c_int};
use core::mem::MaybeUninit;

/// `errno`.
#[inline]
pub(crate) fn errno() -> c_int {
    // SAFETY: the C library's per-thread variable.
    unsafe { *libc::__errno_location() }
}

/// Sets `errno`.
#[inline]
pub(crate) fn set_errno(value: c_int) {
    // SAFETY: the C library's per-thread variable.
    unsafe { *libc::__errno_location() = value }
}

#[inline(always)]
fn check(result: c_int) -> Result<c_int, c_int> {
    if result >= 0 { Ok(result) } else { Err(errno()) }
}

#[inline(always)]
fn clock(id: libc::clockid_t) -> f64 {
    let mut t = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the call fills `t`; these clocks exist on every Linux.
    let t = unsafe {
        libc::clock_gettime(id, t.as_mut_ptr());
        t.assume_init()
    };
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}

/// The wall clock.
#[inline]
pub(crate) fn wall() -> f64 {
    clock(libc::CLOCK_REALTIME)
}

/// The monotonic clock.
#[inline(always)]
pub(crate) fn mono() -> f64 {
    clock(libc::CLOCK_MONOTONIC)
}

fn timespec(seconds: f64) -> libc::timespec {
    let whole = seconds as i64;
    libc::timespec { tv_sec: whole, tv_nsec: ((seconds - whole as f64) * 1e9) as i64 }
}

/// Sleeps once; a signal ends it early.
pub(crate) fn sleep(seconds: f64) {
    if seconds > 0. {
        let t = timespec(seconds);
        // SAFETY: `t` lives through the call, the remainder is not asked for.
        unsafe { libc::nanosleep(&t, core::ptr::null_mut()) };
    }
}

pub(crate) fn close(fd: c_int) {
    // SAFETY: the descriptor is ours (each caller closes its own once).
    unsafe { libc::close(fd) };
}

/// Whether a descriptor is open.
pub(crate) fn is_open(fd: c_int) -> bool {
    // SAFETY: asks for flags only.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 || errno() != libc::EBADF }
}

pub(crate) fn epoll_create() -> Result<c_int, c_int> {
    // SAFETY: no pointers.
    check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
}

pub(crate) fn epoll_ctl(epoll: c_int, op: c_int, fd: c_int, events: u32, data: u64) -> Result<(), c_int> {
    let mut event = libc::epoll_event { events, u64: data };
    // SAFETY: `event` lives through the call.
    check(unsafe { libc::epoll_ctl(epoll, op, fd, &mut event) }).map(|_| ())
}

#[inline(always)]
pub(crate) fn epoll_wait(epoll: c_int, events: &mut [libc::epoll_event], ms: c_int) -> Result<usize, c_int> {
    // SAFETY: the kernel writes at most `len` entries.
    let n = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), events.len() as c_int, ms) };
    check(n).map(|n| n as usize)
}

pub(crate) fn poll(fds: &mut [libc::pollfd], ms: c_int) -> Result<usize, c_int> {
    // SAFETY: the kernel reads and writes `len` entries.
    check(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, ms) }).map(|n| n as usize)
}

/// `select` on bitmaps of any size: both are at least `nfds` bits long.
pub(crate) fn select(nfds: c_int, read: &mut [u64], write: &mut [u64], seconds: f64) -> Result<usize, c_int> {
    debug_assert!(read.len() * 64 >= nfds as usize && write.len() * 64 >= nfds as usize);
    let t = timespec(seconds);
    let mut t = libc::timeval { tv_sec: t.tv_sec, tv_usec: t.tv_nsec / 1000 };
    // SAFETY: the kernel touches `nfds` bits of each map, which they have; `fd_set` is an array of words on Linux.
    check(unsafe {
        libc::select(nfds, read.as_mut_ptr().cast(), write.as_mut_ptr().cast(), core::ptr::null_mut(), &mut t)
    })
    .map(|n| n as usize)
}

pub(crate) fn eventfd() -> Result<c_int, c_int> {
    // SAFETY: no pointers.
    check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
}

/// Makes `to` the same file as `from`, atomically. The close-on-exec flag is set.
pub(crate) fn replace(from: c_int, to: c_int) {
    // SAFETY: no pointers.
    unsafe { libc::dup3(from, to, libc::O_CLOEXEC) };
}

/// Adds one to an event counter. Async-signal-safe; `errno` is kept.
pub(crate) fn ring(fd: c_int) {
    let (saved, one) = (errno(), 1_u64);
    // SAFETY: eight readable bytes.
    unsafe { libc::write(fd, (&raw const one).cast(), 8) };
    set_errno(saved);
}

/// Reads into plain bytes.
pub(crate) fn read(fd: c_int, bytes: &mut [u8]) -> Result<usize, c_int> {
    // SAFETY: the kernel writes at most `len` bytes.
    let n = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
    if n >= 0 { Ok(n as usize) } else { Err(errno()) }
}

/// A timer on the wall clock that is far away, and cancelled when the clock is set.
pub(crate) fn clock_watch() -> Result<c_int, c_int> {
    // SAFETY: no pointers.
    let fd = check(unsafe { libc::timerfd_create(libc::CLOCK_REALTIME, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) })?;
    rearm_clock_watch(fd);
    Ok(fd)
}

/// Arms it again.
pub(crate) fn rearm_clock_watch(fd: c_int) {
    let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let far = libc::timespec { tv_sec: wall() as i64 + 1_000_000_000, tv_nsec: 0 };
    let spec = libc::itimerspec { it_interval: zero, it_value: far };
    // SAFETY: `spec` lives through the call, the old value is not asked for.
    unsafe {
        libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET, &spec, core::ptr::null_mut())
    };
}

pub(crate) fn inotify() -> Result<c_int, c_int> {
    // SAFETY: no pointers.
    check(unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) })
}

pub(crate) fn inotify_add(fd: c_int, path: &CStr, mask: u32) -> Result<c_int, c_int> {
    // SAFETY: a terminated path.
    check(unsafe { libc::inotify_add_watch(fd, path.as_ptr(), mask) })
}

pub(crate) fn inotify_remove(fd: c_int, wd: c_int) {
    // SAFETY: no pointers.
    unsafe { libc::inotify_rm_watch(fd, wd) };
}

/// The kind of file system that holds a path.
pub(crate) fn filesystem(path: &CStr) -> Result<i64, c_int> {
    let mut s = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: a terminated path; the call fills `s` where it succeeds.
    unsafe {
        check(libc::statfs(path.as_ptr(), s.as_mut_ptr()))?;
        Ok(s.assume_init().f_type)
    }
}

/// The next child that changed state, without waiting.
pub(crate) fn reap() -> Option<(c_int, c_int)> {
    let mut status = 0;
    // SAFETY: `status` lives through the call.
    let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED) };
    if pid > 0 { Some((pid, status)) } else { None }
}

fn one_signal(signum: c_int) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` fills the set; `sigaddset` refuses numbers that are none.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        let mut set = set.assume_init();
        libc::sigaddset(&mut set, signum);
        set
    }
}

/// Blocks or unblocks one signal in this thread.
pub(crate) fn mask_signal(signum: c_int, block: bool) {
    let set = one_signal(signum);
    // SAFETY: `set` lives through the call.
    unsafe { libc::sigprocmask(if block { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK }, &set, core::ptr::null_mut()) };
}

/// Installs a handler with all signals blocked while it runs.
pub(crate) fn handle_signal(signum: c_int, handler: extern "C" fn(c_int)) {
    // SAFETY: an all-zero `sigaction` is valid; the set and the handler outlive the call, and the handler does nothing
    // that is not async-signal-safe (see `signal`).
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        libc::sigfillset(&mut action.sa_mask);
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signum, &action, core::ptr::null_mut());
    }
}

/// Restores the default action.
pub(crate) fn default_signal(signum: c_int) {
    // SAFETY: no handler.
    unsafe { libc::signal(signum, libc::SIG_DFL) };
}

/// A signal descriptor for the signals of `set`, or `fd` changed to them.
pub(crate) fn signalfd(fd: c_int, set: &libc::sigset_t) -> Result<c_int, c_int> {
    // SAFETY: `set` lives through the call.
    check(unsafe { libc::signalfd(fd, set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) })
}

/// The empty set.
pub(crate) fn no_signals() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the call fills the set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// Adds a signal to a set, or takes it out.
pub(crate) fn change_set(set: &mut libc::sigset_t, signum: c_int, member: bool) {
    // SAFETY: an initialised set; numbers that are no signals are refused.
    unsafe {
        if member {
            libc::sigaddset(set, signum);
        } else {
            libc::sigdelset(set, signum);
        }
    }
}

/// Whether the program runs with borrowed rights.
pub(crate) fn is_privileged() -> bool {
    // SAFETY: no pointers.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[inline]
pub(crate) fn pid() -> c_int {
    // SAFETY: no pointers.
    unsafe { libc::getpid() }
}
