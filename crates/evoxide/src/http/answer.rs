//! What handlers answer.

use super::body::Body;
use super::types::{Response, StatusCode};
use crate::stream::StreamHandler;
use std::convert::Infallible;
use std::fmt;

/// What a handler of requests says: the response, or that it comes later, or that the connection speaks something else from here on.
///
/// Handlers rarely name it: whatever is [`IntoAnswer`] will do.
///
/// # Examples
/// ```
/// use evoxide::http::{Answer, IntoAnswer};
///
/// let answer: Answer<()> = "hello".into_answer();
/// assert!(matches!(answer, Answer::Now(_)));
/// ```
pub enum Answer<S> {
    /// This response.
    Now(Response),
    /// A [`Responder`](super::Responder) has it, or will have it.
    Later(Later),
    /// This response, `101 Switching Protocols` or one to `CONNECT`, and then the handler has the connection, with what has come
    /// behind the request in its input. It is called first by [`on_wake`](StreamHandler::on_wake).
    Upgrade(Response, Box<dyn StreamHandler<S>>),
}

impl<S> fmt::Debug for Answer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(response) => f.debug_tuple("Now").field(response).finish(),
            Self::Later(_) => f.write_str("Later"),
            Self::Upgrade(response, _) => f.debug_tuple("Upgrade").field(response).finish_non_exhaustive(),
        }
    }
}

/// Says that a response comes later; made together with what sends it, by [`RequestCx::later`](super::RequestCx::later).
///
/// # Examples
/// See [`RequestCx::later`](super::RequestCx::later).
#[derive(Debug)]
pub struct Later(pub(super) ());

/// What a handler may return.
///
/// # Examples
/// ```
/// use evoxide::http::{IntoAnswer, Request, RequestExt, StatusCode};
///
/// fn twice<S>(request: &Request) -> impl IntoAnswer<S> {
///     let number = request.param("number").ok_or(StatusCode::NOT_FOUND)?;
///     let number: u64 = number.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
///     Ok::<_, StatusCode>(format!("{}\n", number * 2))
/// }
/// ```
pub trait IntoAnswer<S> {
    /// Makes the answer.
    ///
    /// # Examples
    /// See [`Answer`].
    fn into_answer(self) -> Answer<S>;
}

impl<S> IntoAnswer<S> for Answer<S> {
    fn into_answer(self) -> Self {
        self
    }
}

impl<S> IntoAnswer<S> for Later {
    fn into_answer(self) -> Answer<S> {
        Answer::Later(self)
    }
}

impl<S, B: Into<Body>> IntoAnswer<S> for ::http::Response<B> {
    fn into_answer(self) -> Answer<S> {
        Answer::Now(self.map(Into::into))
    }
}

impl<S> IntoAnswer<S> for Body {
    fn into_answer(self) -> Answer<S> {
        Answer::Now(Response::new(self))
    }
}

impl<S> IntoAnswer<S> for &'static str {
    fn into_answer(self) -> Answer<S> {
        Answer::Now(Response::new(self.into()))
    }
}

impl<S> IntoAnswer<S> for String {
    fn into_answer(self) -> Answer<S> {
        Answer::Now(Response::new(self.into()))
    }
}

impl<S> IntoAnswer<S> for StatusCode {
    fn into_answer(self) -> Answer<S> {
        Answer::Now(plain(self))
    }
}

impl<S, B: Into<Body>> IntoAnswer<S> for (StatusCode, B) {
    fn into_answer(self) -> Answer<S> {
        let mut response = Response::new(self.1.into());
        *response.status_mut() = self.0;
        Answer::Now(response)
    }
}

impl<S, A: IntoAnswer<S>, E: IntoAnswer<S>> IntoAnswer<S> for Result<A, E> {
    fn into_answer(self) -> Answer<S> {
        match self {
            Ok(answer) => answer.into_answer(),
            Err(error) => error.into_answer(),
        }
    }
}

impl<S, A: IntoAnswer<S>> IntoAnswer<S> for Box<A> {
    fn into_answer(self) -> Answer<S> {
        (*self).into_answer()
    }
}

impl<S> IntoAnswer<S> for Infallible {
    fn into_answer(self) -> Answer<S> {
        match self {}
    }
}

/// A response of one line that says its status.
pub(super) fn plain(status: StatusCode) -> Response {
    let may_say = !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED;
    let mut response = match status.canonical_reason() {
        Some(reason) if may_say && !status.is_success() => Response::new(format!("{reason}\n").into()),
        _ => Response::new(Body::empty()),
    };
    *response.status_mut() = status;
    response
}
