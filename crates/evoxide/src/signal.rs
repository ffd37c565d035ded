//! Signals by name.

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
