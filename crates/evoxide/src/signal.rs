//! Signals by name.

use crate::error::Error;
use std::fmt;

/// A signal.
///
/// # Examples
/// ```
/// use evoxide::Signal;
/// assert_eq!(Signal::INT.as_raw(), 2);
/// assert_eq!(Signal::from_raw(15), Signal::TERM);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

macro_rules! signals {
    ($($name:ident = $raw:ident, $what:literal;)*) => {
        impl Signal {
            $(#[doc = $what] pub const $name: Self = Self(libc::$raw);)*
        }

        const NAMES: &[(i32, &str)] = &[$((libc::$raw, stringify!($raw))),*];
    };
}

signals! {
    HUP = SIGHUP, "The terminal went, or: read your configuration again.";
    INT = SIGINT, "Interrupted from the keyboard.";
    QUIT = SIGQUIT, "Quit from the keyboard.";
    KILL = SIGKILL, "Ends a process, whatever it does. No event can wait for it.";
    USR1 = SIGUSR1, "The program's own, first.";
    USR2 = SIGUSR2, "The program's own, second.";
    PIPE = SIGPIPE, "Wrote to what nobody reads.";
    ALRM = SIGALRM, "An alarm clock rang.";
    TERM = SIGTERM, "Please end.";
    CHLD = SIGCHLD, "A child changed its state.";
    CONT = SIGCONT, "Continued after a stop.";
    WINCH = SIGWINCH, "The terminal changed its size.";
}

impl Signal {
    /// The signal of that number. Whether an event can wait for it turns out when one is added.
    ///
    /// # Examples
    /// See [`Signal`].
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// Sends the signal to a process, by its id: that of a [`Child`](std::process::Child), for example.
    ///
    /// # Errors
    /// What the operating system says: that there is no such process, or that it belongs to somebody else.
    ///
    /// # Examples
    /// ```
    /// use evoxide::Signal;
    /// use std::os::unix::process::ExitStatusExt;
    /// use std::process::Command;
    ///
    /// let mut child = Command::new("sleep").arg("60").spawn()?;
    /// Signal::TERM.send(child.id())?;
    /// assert_eq!(child.wait()?.signal(), Some(Signal::TERM.as_raw()));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn send(self, process: u32) -> Result<(), Error> {
        Ok(evoxide_sys::message::signal_process(process, self.0)?)
    }

    /// Its number.
    ///
    /// # Examples
    /// See [`Signal`].
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(raw, _)| *raw == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "Signal({})", self.0),
        }
    }
}
