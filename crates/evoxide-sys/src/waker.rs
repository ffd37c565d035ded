//! What ends a wait from elsewhere: another thread, or a signal handler.
//!
//! A waker is a descriptor that the loop registers for `READ`. [`wake`](Waker::wake) makes it readable and
//! [`drain`](Waker::drain) takes that back; wakes in between are one. An eventfd, or a pipe where there is none.

use crate::os::io;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::event::EventfdFlags;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

use crate::errno;

/// Ends a wait. See the module.
#[derive(Debug)]
pub struct Waker {
    read: OwnedFd,
    /// The other end of a pipe; an eventfd is both.
    write: Option<OwnedFd>,
}

impl Waker {
    /// Makes one, close-on-exec and nonblocking.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new() -> io::Result<Self> {
        match rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK) {
            Ok(read) => Ok(Self { read, write: None }),
            Err(error @ (Errno::MFILE | Errno::NFILE)) => Err(error.into()),
            Err(_) => Self::pipe(),
        }
    }

    /// Makes one out of a pipe, for programs that may not make an eventfd.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn pipe() -> io::Result<Self> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self { read, write: Some(write) })
    }

    /// What the loop registers for `READ`.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }

    /// The number to give to [`wake`]. Good as long as the waker lives.
    pub fn wake_fd(&self) -> RawFd {
        self.write.as_ref().unwrap_or(&self.read).as_raw_fd()
    }

    /// Makes new descriptors after a fork, without touching what the parent uses: other files under the same numbers, so that who
    /// wakes by number at this moment wakes the old or the new.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`; nothing has changed.
    pub fn renew(&mut self) -> io::Result<()> {
        use rustix::io::{DupFlags, dup3};
        let new = if self.write.is_some() { Self::pipe()? } else { Self::new()? };
        if let (Some(old), Some(new)) = (&mut self.write, &new.write) {
            dup3(new, old, DupFlags::CLOEXEC)?;
        }
        dup3(&new.read, &mut self.read, DupFlags::CLOEXEC)?;
        Ok(())
    }

    /// Makes [`fd`](Self::fd) readable. Async-signal-safe.
    pub fn wake(&self) {
        wake(self.wake_fd());
    }

    /// Makes [`fd`](Self::fd) unreadable again.
    pub fn drain(&self) {
        let mut sink = [0_u8; 1024];
        // An eventfd gives its count, 8 bytes. A pipe may hold more than one sink.
        while let Ok(count) = rustix::io::read(&self.read, &mut sink) {
            if count < sink.len() {
                break;
            }
        }
    }
}

/// Wakes by number, for signal handlers. Async-signal-safe, leaves `errno` alone.
///
/// The number is a [`Waker::wake_fd`] whose waker lives. A wake that finds the descriptor full is not lost: it is
/// readable.
pub fn wake(fd: RawFd) {
    let saved = errno::get();
    let one = 1_u64;
    // SAFETY: the pointer is good for eight bytes. Writing to whatever the number names touches no memory.
    unsafe { libc::write(fd, (&raw const one).cast(), 8) };
    errno::set(saved);
}

#[cfg(test)]
mod tests;
