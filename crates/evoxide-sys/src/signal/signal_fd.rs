//! Signals by `signalfd`: they are blocked and read from a descriptor instead of running a handler.

use crate::os::io;
use core::ffi::c_int;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::{LAST, bit_of, each_of, mask, set_of};

/// A loop's receiver of signals, by signalfd. Only on request: it blocks its signals, and threads and children inherit
/// that.
///
/// A signal is blocked in the thread that subscribes; threads that already run must block it too, or it may be delivered
/// to them. What it has blocked it lets through again in the thread that unsubscribes, or drops it.
#[derive(Debug)]
pub struct SignalFd {
    fd: OwnedFd,
    wanted: u64,
    /// Those of `wanted` that were not blocked before.
    blocked: u64,
}

impl SignalFd {
    /// Makes one that listens to no signal yet.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new() -> io::Result<Self> {
        Ok(Self { fd: create(0)?, wanted: 0, blocked: 0 })
    }

    /// What the loop registers for `READ`. Changes with [`reinit`](Self::reinit).
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Listens to a signal. Again is no error.
    ///
    /// # Errors
    ///
    /// `EINVAL` for what is no signal, or none that can be blocked.
    pub fn subscribe(&mut self, signo: c_int) -> io::Result<()> {
        let bit = bit_of(signo)?;
        if matches!(signo, libc::SIGKILL | libc::SIGSTOP) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        if self.wanted & bit != 0 {
            return Ok(());
        }
        let was_blocked = mask(libc::SIG_BLOCK, bit)?;
        if let Err(error) = self.watch(self.wanted | bit) {
            mask(libc::SIG_UNBLOCK, bit & !was_blocked)?;
            return Err(error);
        }
        self.wanted |= bit;
        self.blocked |= bit & !was_blocked;
        Ok(())
    }

    /// Stops listening to a signal. One that is pending runs its old disposition.
    ///
    /// # Errors
    ///
    /// `EINVAL` for what is no signal.
    pub fn unsubscribe(&mut self, signo: c_int) -> io::Result<()> {
        let bit = bit_of(signo)?;
        if self.wanted & bit == 0 {
            return Ok(());
        }
        self.watch(self.wanted & !bit)?;
        self.wanted &= !bit;
        let unblock = self.blocked & bit;
        self.blocked &= !bit;
        mask(libc::SIG_UNBLOCK, unblock).map(drop)
    }

    /// Whether it listens to that signal.
    pub fn is_subscribed(&self, signo: c_int) -> bool {
        bit_of(signo).is_ok_and(|bit| self.wanted & bit != 0)
    }

    /// Takes what has come since the last time: each signal, lowest number first, and how often. A signal that came again
    /// while it was pending counts once, except the real-time ones.
    pub fn drain(&self, mut each: impl FnMut(c_int, u32)) {
        const INFO: usize = size_of::<libc::signalfd_siginfo>();
        let mut counts = [0_u32; LAST as usize + 1];
        let mut came = 0;
        let mut infos = [0_u8; 16 * INFO];
        while let Ok(len) = rustix::io::read(&self.fd, &mut infos) {
            for info in infos[..len].chunks_exact(INFO) {
                // The number is the first field, 32 bits.
                let signo = u32::from_ne_bytes([info[0], info[1], info[2], info[3]]) as c_int;
                if let Ok(bit) = bit_of(signo) {
                    came |= bit;
                    counts[signo as usize] += 1;
                }
            }
            if len < infos.len() {
                break;
            }
        }
        each_of(came).for_each(|signo| each(signo, counts[signo as usize]));
    }

    /// Takes a new descriptor, as the child of a fork must.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`; everything is as it was.
    pub fn reinit(&mut self) -> io::Result<()> {
        self.fd = create(self.wanted)?;
        Ok(())
    }

    fn watch(&self, signals: u64) -> io::Result<()> {
        let set = set_of(signals);
        // SAFETY: the set is initialised, the descriptor a signalfd.
        if unsafe { libc::signalfd(self.fd.as_raw_fd(), &raw const set, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

fn create(signals: u64) -> io::Result<OwnedFd> {
    let set = set_of(signals);
    // SAFETY: the set is initialised; -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

impl Drop for SignalFd {
    fn drop(&mut self) {
        // Unblocked here, whatever is pending takes its old course.
        let _ = mask(libc::SIG_UNBLOCK, self.blocked);
    }
}
