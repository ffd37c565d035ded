//! Why an exchange failed, where it was not the operating system.

use super::types::StatusCode;
use crate::Error;
use evoxide_proto::http::Fault;
use std::fmt;
use std::io;

/// Why a client's exchange failed, where it was not the operating system: what is inside the [`Error`] that its handler gets.
///
/// # Examples
/// ```
/// use evoxide::http::Failure;
///
/// fn is_lost(error: &evoxide::Error) -> bool {
///     Failure::of(error) == Some(Failure::Closed)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The URI is none of HTTP: without a host, or of a scheme that the client does not speak.
    Target,
    /// The request cannot be written.
    Request,
    /// The server sent what is no answer.
    Malformed(Fault),
    /// The connection was closed before the answer was whole.
    Closed,
    /// The body is longer than the client takes.
    TooLong,
    /// More redirects than the client follows.
    Redirects,
    /// A redirect that leads nowhere, or from `https` to `http`.
    Redirect,
    /// The proxy refused.
    Proxy(StatusCode),
    /// The whole took too long.
    TimedOut,
    /// It was cancelled.
    Cancelled,
    /// A request to change the protocol was refused.
    Upgrade,
}

impl Failure {
    /// The failure inside of an error.
    ///
    /// # Examples
    /// See [`Failure`].
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        error.io()?.get_ref()?.downcast_ref().copied()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target => f.write_str("no URI of HTTP"),
            Self::Request => f.write_str("a request that cannot be written"),
            Self::Malformed(fault) => write!(f, "a malformed answer: {fault}"),
            Self::Closed => f.write_str("the connection was closed before the answer was whole"),
            Self::TooLong => f.write_str("the answer's body is too long"),
            Self::Redirects => f.write_str("too many redirects"),
            Self::Redirect => f.write_str("a redirect that is not followed"),
            Self::Proxy(status) => write!(f, "the proxy answered {status}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Upgrade => f.write_str("the server did not change the protocol"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = match failure {
            Failure::Target | Failure::Request => io::ErrorKind::InvalidInput,
            Failure::Closed => io::ErrorKind::UnexpectedEof,
            Failure::TimedOut => io::ErrorKind::TimedOut,
            Failure::Malformed(_) | Failure::TooLong => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, failure).into()
    }
}
