//! A loop as a guest in another one.

use crate::error::{Error, ErrorKind};
use crate::event_loop::run::{EventLoop, Outcome};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// A loop that another library's loop drives: call [`turn`](Self::turn) when its descriptor is readable, or the time that
/// [`wait_time`](Self::wait_time) says has passed.
///
/// In tokio, wrap it in `AsyncFd`; in calloop, in `Generic`: `examples/guest_tokio.rs` and `examples/guest_calloop.rs` are whole
/// programs. A host that hears of changes only (tokio does) must ask for `wait_time` after each turn, as they do.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use evoxide::task::Guest;
/// use std::time::Duration;
///
/// let mut ev = EventLoop::new(0)?;
/// ev.timer(Duration::ZERO, |cx| *cx.state() += 1);
/// let mut guest = Guest::new(ev)?;
/// assert_eq!(guest.wait_time(), Some(Duration::ZERO));
/// while guest.wait_time().is_some() {
///     guest.turn()?;
/// }
/// assert_eq!(*guest.state(), 1);
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct Guest<S> {
    inner: EventLoop<S>,
    fd: OwnedFd,
}

impl<S> Guest<S> {
    /// Makes a guest of a loop.
    ///
    /// # Errors
    /// [`ErrorKind::NoMethod`] where the loop's method has no descriptor; what the operating system says.
    pub fn new(inner: EventLoop<S>) -> Result<Self, Error> {
        let fd = inner.poll_fd().ok_or(ErrorKind::NoMethod)?.try_clone_to_owned()?;
        Ok(Self { inner, fd })
    }

    /// Serves what is ready, without waiting.
    ///
    /// # Errors
    /// As [`EventLoop::poll`].
    pub fn turn(&mut self) -> Result<Outcome, Error> {
        self.inner.poll()
    }

    /// How long the host may wait, if the descriptor stays silent; `None` for as long as it likes. Nothing as long as turns find
    /// something to do: more may be there.
    pub fn wait_time(&mut self) -> Option<Duration> {
        let now = self.inner.update_now();
        if self.inner.has_work() {
            return Some(Duration::ZERO);
        }
        self.inner.next_deadline().map(|due| due.saturating_duration_since(now))
    }
}

impl<S> AsFd for Guest<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl<S> AsRawFd for Guest<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl<S> Deref for Guest<S> {
    type Target = EventLoop<S>;

    fn deref(&self) -> &EventLoop<S> {
        &self.inner
    }
}

impl<S> DerefMut for Guest<S> {
    fn deref_mut(&mut self) -> &mut EventLoop<S> {
        &mut self.inner
    }
}

impl<S: fmt::Debug> fmt::Debug for Guest<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guest").field(&self.inner).finish()
    }
}
