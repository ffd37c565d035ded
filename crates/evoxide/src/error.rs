//! What can go wrong.

use evoxide_core::reactor::AddError;
use evoxide_sys::engine::WatchError;
use std::fmt;
use std::io;

/// What kind of thing went wrong.
///
/// # Examples
/// ```
/// use evoxide::{Config, ErrorKind, EventLoop};
/// use evoxide::config::Method;
///
/// let config = Config::new().avoid(Method::Epoll).avoid(Method::Poll).avoid(Method::Select);
/// let error = EventLoop::with_config(config, ()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NoMethod);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused; [`Error::io`] says what it said.
    System,
    /// No method is left that the configuration allows and that offers what it asks for.
    NoMethod,
    /// The id names no event any more, or one of another kind.
    NoSuchEvent,
    /// A descriptor or signal number that no event can wait for.
    OutOfRange,
    /// Edge- and level-triggered events on one descriptor.
    ModeConflict,
    /// More events on one descriptor than fit.
    TooMany,
    /// A value in a configuration or an argument that makes no sense; [`Error::argument`] says which.
    Invalid,
    /// A frame that is longer than was allowed.
    TooLong,
    /// The data ended, or a task was cancelled, before all was there.
    Incomplete,
    /// Bytes that are not what was expected.
    Malformed,
    /// It did not happen in time.
    TimedOut,
    /// The loop of this handle has gone.
    Closed,
    /// As much waits already as may.
    Busy,
}

impl ErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::System => "the operating system refused",
            Self::NoMethod => "no method fits the configuration",
            Self::NoSuchEvent => "no such event",
            Self::OutOfRange => "descriptor or signal number out of range",
            Self::ModeConflict => "edge- and level-triggered events on one descriptor",
            Self::TooMany => "too many events on one descriptor",
            Self::Invalid => "invalid argument",
            Self::TooLong => "too long",
            Self::Incomplete => "ended before it was complete",
            Self::Malformed => "malformed",
            Self::TimedOut => "timed out",
            Self::Closed => "the loop has gone",
            Self::Busy => "as much waits already as may",
        }
    }
}

/// The error of every fallible call of this crate.
///
/// # Examples
/// ```
/// use evoxide::{ErrorKind, EventLoop, Signal};
///
/// let mut ev = EventLoop::new(())?;
/// let error = ev.signal(Signal::from_raw(9999), |_, _| {}).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::OutOfRange);
/// assert_eq!(error.to_string(), "descriptor or signal number out of range");
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct Error {
    kind: ErrorKind,
    argument: Option<&'static str>,
    source: Option<io::Error>,
}

impl Error {
    /// An error of kind [`ErrorKind::Invalid`] that names the argument.
    pub(crate) fn invalid(argument: &'static str) -> Self {
        Self { kind: ErrorKind::Invalid, argument: Some(argument), source: None }
    }

    /// Why a slot cannot wait. No `From`: the types of other crates of evoxide stay out of the public interface.
    pub(crate) fn watch(error: WatchError) -> Self {
        match error {
            WatchError::Kernel(_, error) | WatchError::Signal(error) => error.into(),
            WatchError::Refused(AddError::ModeConflict) => ErrorKind::ModeConflict.into(),
            WatchError::Refused(AddError::TooMany) => ErrorKind::TooMany.into(),
            WatchError::Refused(AddError::StaleKey) => ErrorKind::NoSuchEvent.into(),
            WatchError::Refused(AddError::NoMemory) => io::Error::from(io::ErrorKind::OutOfMemory).into(),
            WatchError::Refused(_) => ErrorKind::OutOfRange.into(),
        }
    }

    /// An error of some kind with what another library said.
    #[cfg(feature = "serde_json")]
    pub(crate) fn with_source(kind: ErrorKind, source: impl Into<io::Error>) -> Self {
        Self { kind, argument: None, source: Some(source.into()) }
    }

    /// Which argument was invalid, by its name in the signature or in [`Config`](crate::Config).
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Config, EventLoop};
    ///
    /// let error = EventLoop::with_config(Config::new().priorities(0), ()).unwrap_err();
    /// assert_eq!(error.argument(), Some("priorities"));
    /// assert_eq!(error.to_string(), "invalid argument: priorities");
    /// ```
    pub fn argument(&self) -> Option<&'static str> {
        self.argument
    }

    /// What kind of thing went wrong.
    ///
    /// # Examples
    /// ```
    /// let error = evoxide::Error::from(std::io::Error::from_raw_os_error(24));
    /// assert_eq!(error.kind(), evoxide::ErrorKind::System);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the operating system said, if it was the one to refuse.
    ///
    /// # Examples
    /// ```
    /// let error = evoxide::Error::from(std::io::Error::from_raw_os_error(24));
    /// assert_eq!(error.io().unwrap().raw_os_error(), Some(24));
    /// ```
    pub fn io(&self) -> Option<&io::Error> {
        self.source.as_ref()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, argument: None, source: None }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self { kind: ErrorKind::System, argument: None, source: Some(source) }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::Invalid | ErrorKind::OutOfRange => io::ErrorKind::InvalidInput,
            ErrorKind::NoSuchEvent => io::ErrorKind::NotFound,
            ErrorKind::TooLong | ErrorKind::Malformed => io::ErrorKind::InvalidData,
            ErrorKind::Incomplete => io::ErrorKind::UnexpectedEof,
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        };
        match error.source {
            Some(source) => source,
            None => Self::new(kind, error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, self.argument) {
            (Some(source), _) => source.fmt(f),
            (None, Some(argument)) => write!(f, "{}: {argument}", self.kind.text()),
            (None, None) => f.write_str(self.kind.text()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => f.debug_tuple("Error").field(source).finish(),
            None => f.debug_tuple("Error").field(&self.kind).finish(),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|e| e as _)
    }
}
