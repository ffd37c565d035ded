//! Signals, delivered into any loop of the process.
//!
//! A loop that wants signals has a [`SignalPipe`] (or, on request, a [`SignalFd`]), registers its descriptor for `READ`
//! and, when it is readable, [drains](SignalPipe::drain) it: each signal that came, and how often. Any number of loops may
//! ask for the same signal; each is told of every delivery. The process's disposition of a signal is taken when the first
//! loop asks for it and given back when the last one leaves.
//!
//! How a handler running on any thread, at any moment, is kept from harm: see `registry`.

use crate::os::io;
use core::ffi::c_int;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::pipe::PipeFlags;

mod registry;
mod signal_fd;

pub use signal_fd::SignalFd;

/// The highest signal number. Numbers start at 1.
pub const LAST: c_int = 64;

/// The bit of a signal in a mask of all.
///
/// # Errors
///
/// `EINVAL` for what is no signal number.
fn bit_of(signo: c_int) -> io::Result<u64> {
    if (1..=LAST).contains(&signo) { Ok(1 << (signo - 1)) } else { Err(io::Error::from_raw_os_error(libc::EINVAL)) }
}

/// The signals of a mask, lowest first.
fn each_of(mut mask: u64) -> impl Iterator<Item = c_int> {
    core::iter::from_fn(move || {
        let signo = mask.trailing_zeros() as c_int + 1;
        let some = mask != 0;
        mask &= mask.wrapping_sub(1);
        some.then_some(signo)
    })
}

/// A loop's receiver of signals, by handler and pipe. Dropping it unsubscribes everything.
///
/// After a fork the child has a copy that shares its pipe with the parent. Signals that reach the child are counted in the
/// child's memory only, so the parent is at most woken for nothing; the child takes a pipe of its own with
/// [`reinit`](Self::reinit), which loses none of them.
#[derive(Debug)]
pub struct SignalPipe {
    seat: registry::Seat,
    read: OwnedFd,
    write: OwnedFd,
}

impl SignalPipe {
    /// Makes one that listens to no signal yet.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new() -> io::Result<Self> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let seat = registry::Seat::take(write.as_raw_fd())?;
        Ok(Self { seat, read, write })
    }

    /// What the loop registers for `READ`. Changes with [`reinit`](Self::reinit).
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }

    /// Listens to a signal. Again is no error.
    ///
    /// # Errors
    ///
    /// `EINVAL` for what is no signal, or none that can be caught.
    pub fn subscribe(&self, signo: c_int) -> io::Result<()> {
        self.seat.subscribe(signo)
    }

    /// Stops listening to a signal. What has come of it is still drained: a program that deletes and adds a signal's event between
    /// two waits loses none. If no other loop listens, the disposition that the first one found is restored.
    ///
    /// # Errors
    ///
    /// What the kernel says of that; nobody listens then all the same.
    pub fn unsubscribe(&self, signo: c_int) -> io::Result<()> {
        self.seat.unsubscribe(signo)
    }

    /// Whether it listens to that signal.
    pub fn is_subscribed(&self, signo: c_int) -> bool {
        bit_of(signo).is_ok_and(|bit| self.seat.wanted() & bit != 0)
    }

    /// Takes what has come since the last time: each signal, lowest number first, and how often.
    pub fn drain(&self, mut each: impl FnMut(c_int, u32)) {
        // The bytes only wake. They are taken before the counts, so that a signal in between wakes again.
        let mut sink = [0_u8; 1024];
        while let Ok(count) = rustix::io::read(&self.read, &mut sink) {
            if count < sink.len() {
                break;
            }
        }
        self.seat.collect(&mut each);
    }

    /// Takes a new pipe, as the child of a fork must. Subscriptions go on; what has come and was not drained will be.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`; everything is as it was.
    pub fn reinit(&mut self) -> io::Result<()> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        self.seat.redirect(write.as_raw_fd());
        // No handler uses the old numbers any more.
        self.read = read;
        self.write = write;
        Ok(())
    }
}

impl Drop for SignalPipe {
    fn drop(&mut self) {
        // Before the descriptors are closed.
        self.seat.leave();
    }
}

/// A loop's receiver of signals, of whichever kind was asked for.
#[derive(Debug)]
pub enum Receiver {
    /// By handler and pipe, the usual one.
    Pipe(SignalPipe),
    /// By signalfd, on request.
    Fd(SignalFd),
}

impl Receiver {
    /// What the loop registers for `READ`. Changes with [`reinit`](Self::reinit).
    pub fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Pipe(pipe) => pipe.fd(),
            Self::Fd(fd) => fd.fd(),
        }
    }

    /// Listens to a signal. Again is no error.
    ///
    /// # Errors
    ///
    /// `EINVAL` for what is no signal, or none that can be caught.
    pub fn subscribe(&mut self, signo: c_int) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe.subscribe(signo),
            Self::Fd(fd) => fd.subscribe(signo),
        }
    }

    /// Stops listening to a signal.
    ///
    /// # Errors
    ///
    /// `EINVAL` for what is no signal, otherwise what the kernel says.
    pub fn unsubscribe(&mut self, signo: c_int) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe.unsubscribe(signo),
            Self::Fd(fd) => fd.unsubscribe(signo),
        }
    }

    /// Takes what has come since the last time: each signal, lowest number first, and how often.
    pub fn drain(&self, each: impl FnMut(c_int, u32)) {
        match self {
            Self::Pipe(pipe) => pipe.drain(each),
            Self::Fd(fd) => fd.drain(each),
        }
    }

    /// Takes new descriptors, as the child of a fork must.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`; everything is as it was.
    pub fn reinit(&mut self) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe.reinit(),
            Self::Fd(fd) => fd.reinit(),
        }
    }
}

/// Lets a signal through to the calling thread, where it was blocked.
///
/// # Errors
///
/// `EINVAL` for what is no signal.
pub fn unblock(signo: c_int) -> io::Result<()> {
    mask(libc::SIG_UNBLOCK, bit_of(signo)?).map(drop)
}

/// Changes the calling thread's mask and returns which of those signals were blocked before.
fn mask(how: c_int, signals: u64) -> io::Result<u64> {
    let set = set_of(signals);
    let mut old = set_of(0);
    // SAFETY: both pointers are good for one set each, both initialised.
    let answer = unsafe { libc::pthread_sigmask(how, &raw const set, &raw mut old) };
    if answer != 0 {
        return Err(io::Error::from_raw_os_error(answer));
    }
    // SAFETY: the set is initialised and the number a signal's.
    let blocked = |signo: &c_int| unsafe { libc::sigismember(&raw const old, *signo) } == 1;
    Ok(each_of(signals).filter(blocked).fold(0, |mask, signo| mask | 1 << (signo - 1)))
}

/// C's set of those signals.
fn set_of(signals: u64) -> libc::sigset_t {
    let mut set = core::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set that it is given.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for signo in each_of(signals) {
        // SAFETY: the set is initialised. A number that the C library keeps for itself is refused, which leaves it out.
        unsafe { libc::sigaddset(&raw mut set, signo) };
    }
    set
}

#[cfg(test)]
mod tests;
