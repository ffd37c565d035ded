//! What a descriptor is watched for, and what was found.

use evoxide_core::interest as core;
use std::fmt;
use std::ops::{BitOr, BitOrAssign};
use std::time::Duration;

/// What is waited for on a descriptor.
///
/// # Examples
/// ```
/// use evoxide::Interest;
///
/// let both = Interest::READ | Interest::WRITE;
/// assert!(both.contains(Interest::READ));
/// assert!(!both.contains(Interest::EDGE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(core::Interest);

impl Interest {
    /// Readable, or at the end.
    pub const READ: Self = Self(core::Interest::READ);
    /// Writable.
    pub const WRITE: Self = Self(core::Interest::WRITE);
    /// The peer closed its sending side. Not every method reports it: see [`Features::early_close`](crate::config::Features).
    pub const CLOSED: Self = Self(core::Interest::CLOSED);
    /// A mode rather than a condition: report news only, once. All events on one descriptor must agree in this.
    pub const EDGE: Self = Self(core::Interest::EDGE);

    /// Whether all of `other` is part of this.
    ///
    /// # Examples
    /// ```
    /// use evoxide::Interest;
    /// assert!((Interest::READ | Interest::EDGE).contains(Interest::EDGE));
    /// ```
    pub const fn contains(self, other: Self) -> bool {
        self.0.contains(other.0)
    }

    pub(crate) const fn bits(self) -> core::Interest {
        self.0
    }
}

impl BitOr for Interest {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interest({})", Names(self.0.bits()))
    }
}

/// What happened to an event.
///
/// # Examples
/// ```
/// use evoxide::{EventLoop, Interest};
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
///
/// let (mut a, b) = UnixStream::pair()?;
/// let mut ev = EventLoop::new(false)?;
/// ev.descriptor(b, Interest::READ, |cx, _, ready| *cx.state() = ready.is_readable())?;
/// a.write_all(b"x")?;
/// ev.run_once()?;
/// assert!(*ev.state());
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ready(core::Ready);

impl Ready {
    pub(crate) const fn new(bits: core::Ready) -> Self {
        Self(bits)
    }

    /// Something can be read, if only the end or an error.
    ///
    /// # Examples
    /// See [`Ready`].
    pub const fn is_readable(self) -> bool {
        self.0.contains(core::Ready::READ)
    }

    /// Something can be written, or an error waits to be seen.
    ///
    /// # Examples
    /// See [`Ready`].
    pub const fn is_writable(self) -> bool {
        self.0.contains(core::Ready::WRITE)
    }

    /// The peer closed its sending side.
    ///
    /// # Examples
    /// See [`Ready`].
    pub const fn is_closed(self) -> bool {
        self.0.contains(core::Ready::CLOSED)
    }

    /// The event's timeout expired.
    ///
    /// # Examples
    /// See [`Watch::timeout`].
    pub const fn is_timeout(self) -> bool {
        self.0.contains(core::Ready::TIMEOUT)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ready({})", Names(self.0.bits()))
    }
}

struct Names(u16);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = [(0x01, "TIMEOUT"), (0x02, "READ"), (0x04, "WRITE"), (0x20, "EDGE"), (0x80, "CLOSED")];
        let mut first = true;
        for (_, name) in known.iter().filter(|(bit, _)| self.0 & bit != 0) {
            f.write_str(if first { "" } else { " | " })?;
            f.write_str(name)?;
            first = false;
        }
        Ok(())
    }
}

/// How a descriptor is watched. An [`Interest`] alone converts into one that stays until it is removed.
///
/// # Examples
/// ```
/// use evoxide::{Interest, Watch};
/// use std::time::Duration;
///
/// let watch = Watch::new(Interest::READ).once().timeout(Duration::from_secs(5)).priority(0);
/// # let _ = watch;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    pub(crate) interest: Interest,
    pub(crate) once: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) priority: Option<u8>,
}

impl Watch {
    /// Watches for `interest` until the event is removed.
    ///
    /// # Examples
    /// See [`Watch`].
    pub const fn new(interest: Interest) -> Self {
        Self { interest, once: false, timeout: None, priority: None }
    }

    /// Removes the event when it has been called once.
    ///
    /// # Examples
    /// See [`Watch`].
    pub const fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// Also calls, with [`Ready::is_timeout`], when nothing has happened for so long. The time starts again with every call.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Clock, Config, EventLoop, Interest, Watch};
    /// use std::os::unix::net::UnixStream;
    /// use std::time::Duration;
    ///
    /// let (_a, b) = UnixStream::pair()?;
    /// let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), false)?;
    /// let watch = Watch::new(Interest::READ).once().timeout(Duration::from_secs(60));
    /// ev.descriptor(b, watch, |cx, _, ready| *cx.state() = ready.is_timeout())?;
    /// ev.run()?;
    /// assert!(*ev.state());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub const fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Gives the event a priority; 0 is the most urgent. See [`Config::priorities`](crate::Config::priorities).
    ///
    /// # Examples
    /// See [`Watch`].
    pub const fn priority(self, priority: u8) -> Self {
        Self { priority: Some(priority), ..self }
    }
}

impl From<Interest> for Watch {
    fn from(interest: Interest) -> Self {
        Self::new(interest)
    }
}
