//! The process itself, its children, and signals taken by the hand: what loops need that follow libev's rules for signals
//! (one loop a signal, the default action afterwards) instead of those of [`signal`](crate::signal).

use crate::os::io;
use core::{ffi::c_int, mem::MaybeUninit};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The process number.
pub fn id() -> i32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::getpid() }
}

/// Whether the program runs with rights that its user does not have.
pub fn is_privileged() -> bool {
    #[cfg(target_os = "linux")]
    // SAFETY: takes no pointers.
    return unsafe { libc::getauxval(libc::AT_SECURE) != 0 };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: these take nothing and cannot fail.
    return unsafe { libc::getuid() != libc::geteuid() || libc::getgid() != libc::getegid() };
}

/// A child that changed state (ended, was stopped or continued), without waiting: its number and the status of `waitpid`.
pub fn reap() -> Option<(i32, c_int)> {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED) };
    if pid > 0 { Some((pid, status)) } else { None }
}

/// Suspends the thread, at most so long: a signal ends it early.
pub fn sleep(nanoseconds: u64) {
    let time =
        libc::timespec { tv_sec: (nanoseconds / 1_000_000_000) as _, tv_nsec: (nanoseconds % 1_000_000_000) as _ };
    // SAFETY: `time` outlives the call; what is left is not asked for.
    unsafe { libc::nanosleep(&time, core::ptr::null_mut()) };
}

/// Whether a descriptor is open.
pub fn is_open(fd: c_int) -> bool {
    // SAFETY: asks for flags only.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 || crate::errno::get() != libc::EBADF }
}

/// A set of signals.
#[derive(Clone, Copy)]
pub struct SignalSet(libc::sigset_t);

impl SignalSet {
    /// The empty set.
    pub fn new() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the call initialises the set.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            Self(set.assume_init())
        }
    }

    /// Puts a signal in, or takes it out. A number that is no signal changes nothing.
    pub fn set(&mut self, signo: c_int, member: bool) {
        // SAFETY: an initialised set.
        unsafe {
            if member {
                libc::sigaddset(&mut self.0, signo);
            } else {
                libc::sigdelset(&mut self.0, signo);
            }
        }
    }
}

impl Default for SignalSet {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for SignalSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SignalSet")
    }
}

/// Blocks a signal in this thread, or unblocks it.
pub fn mask(signo: c_int, block: bool) {
    let mut set = SignalSet::new();
    set.set(signo, true);
    // SAFETY: `set` outlives the call; the old mask is not asked for.
    unsafe {
        libc::sigprocmask(if block { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK }, &set.0, core::ptr::null_mut())
    };
}

/// Installs a handler. It runs with all signals blocked; interrupted system calls are restarted.
///
/// # Safety
///
/// The handler does nothing that is not async-signal-safe, for as long as it is installed.
pub unsafe fn handle(signo: c_int, handler: extern "C" fn(c_int)) {
    // SAFETY: an all-zero action is valid and its parts are set before use; the handler is sound by the caller's word.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        libc::sigfillset(&mut action.sa_mask);
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signo, &action, core::ptr::null_mut());
    }
}

/// Gives a signal its default action.
pub fn unhandle(signo: c_int) {
    // SAFETY: no handler.
    unsafe { libc::signal(signo, libc::SIG_DFL) };
}

/// Blocked signals, to be read from a descriptor.
#[derive(Debug)]
pub struct SignalFd {
    fd: OwnedFd,
}

impl SignalFd {
    /// Makes one for the signals of `set`, close-on-exec and nonblocking.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`, `ENOSYS`.
    pub fn new(set: &SignalSet) -> io::Result<Self> {
        // SAFETY: `set` outlives the call; a descriptor that it answers is new and ours.
        unsafe {
            let fd = libc::signalfd(-1, &set.0, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Self { fd: OwnedFd::from_raw_fd(fd) })
        }
    }

    /// Changes which signals it is for.
    pub fn change(&self, set: &SignalSet) {
        // SAFETY: `set` outlives the call, which changes our own descriptor.
        unsafe { libc::signalfd(self.fd.as_raw_fd(), &set.0, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
    }

    /// The signals that arrived.
    pub fn drain(&self, mut each: impl FnMut(c_int)) {
        const ONE: usize = size_of::<libc::signalfd_siginfo>();
        let mut bytes = [0_u8; ONE * 4];
        while let Ok(read) = crate::io::read(&self.fd, &mut bytes) {
            for info in bytes[..read].chunks_exact(ONE) {
                // The number is the first word.
                each(u32::from_ne_bytes([info[0], info[1], info[2], info[3]]) as c_int);
            }
            if read < bytes.len() {
                break;
            }
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Tells when the system's clock is set: it becomes readable then.
#[derive(Debug)]
pub struct ClockWatch {
    fd: OwnedFd,
}

impl ClockWatch {
    /// Makes one, close-on-exec and nonblocking.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`, `ENOSYS`.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers; a descriptor that it answers is new and ours.
        let fd = unsafe {
            let fd = libc::timerfd_create(libc::CLOCK_REALTIME, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        let watch = Self { fd };
        watch.rearm();
        Ok(watch)
    }

    /// Makes it unreadable, until the clock is set again.
    pub fn rearm(&self) {
        // A timer decades away, that is cancelled when the clock is set.
        let far =
            libc::timespec { tv_sec: (crate::clock::realtime() / 1_000_000_000) as i64 + 1_000_000_000, tv_nsec: 0 };
        let spec = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: far };
        let flags = libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET;
        // SAFETY: `spec` outlives the call; the old value is not asked for.
        unsafe { libc::timerfd_settime(self.fd.as_raw_fd(), flags, &spec, core::ptr::null_mut()) };
    }
}

impl AsFd for ClockWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_and_closed() {
        let (a, _b) = crate::io::pipe(true).unwrap();
        assert!(is_open(a.as_raw_fd()));
        assert!(!is_open(-1));
        assert_eq!(id() as u32, std::process::id());
        assert!(!is_privileged());
    }

    #[test]
    fn a_clock_that_nobody_sets() {
        let watch = ClockWatch::new().unwrap();
        let mut bytes = [0; 8];
        assert_eq!(crate::io::read(&watch, &mut bytes).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }

    #[test]
    fn signals_by_descriptor() {
        let mut set = SignalSet::new();
        let source = SignalFd::new(&set).unwrap();
        set.set(libc::SIGURG, true);
        source.change(&set);
        mask(libc::SIGURG, true);
        // SAFETY: to this thread, which has it blocked.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGURG) };
        let mut got = Vec::new();
        source.drain(|signo| got.push(signo));
        assert_eq!(got, [libc::SIGURG]);
        mask(libc::SIGURG, false);
    }
}
