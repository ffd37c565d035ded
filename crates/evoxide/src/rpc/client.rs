//! Calls of commands of another program.

use super::{Items, Limits, Message, body_of, path_of};
use crate::Error;
use crate::buffer::Buffer;
use crate::event_loop::context::Context;
use crate::event_loop::registry::Registry;
use crate::http::{Exchange, ExchangeId, Head, Method, OutRequest, StatusCode, Uri};
use std::{fmt, io};

/// Calls the commands of one server, in Rust or in C. Connections, time-outs and TLS are those of the
/// [HTTP client](crate::http::Client) that it is made of.
///
/// # Examples
/// See [`rpc`](crate::rpc).
#[derive(Clone, Debug)]
pub struct Client {
    http: crate::http::Client,
    /// Scheme and authority.
    origin: String,
    limits: Limits,
}

/// Why a call failed that was answered. What else may go wrong is in [`http::Failure`](crate::http::Failure).
///
/// # Examples
/// See [`rpc`](crate::rpc).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The answer has another status than 200.
    Status(StatusCode),
    /// The reply is not the message that was expected.
    Message(super::Error),
}

impl Failure {
    /// The failure inside of an error.
    ///
    /// # Examples
    /// See [`rpc`](crate::rpc).
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        error.io()?.get_ref()?.downcast_ref().copied()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the call was answered {status}"),
            Self::Message(error) => write!(f, "bad reply: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = match failure {
            Failure::Status(_) => io::ErrorKind::Other,
            Failure::Message(_) => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, failure).into()
    }
}

/// Only an answer 200 has a reply.
fn checked(status: StatusCode) -> Result<(), Failure> {
    let replies = evoxide_proto::rpc::may_reply(i32::from(status.as_u16()));
    if replies { Ok(()) } else { Err(Failure::Status(status)) }
}

fn read<A: Message>(mut body: Buffer, limits: Limits) -> Result<A, Error> {
    let len = body.len();
    A::read(Items::new(body.contiguous(len), limits)).map_err(|error| Failure::Message(error).into())
}

impl Client {
    /// A client of the server at an origin, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for what is no scheme with an authority, or more than that.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::http::ClientConfig;
    /// use evoxide::rpc::Client;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let http = ev.http_client(ClientConfig::new());
    /// assert!(Client::new(http, "http://127.0.0.1:8080").is_ok());
    /// assert!(Client::new(http, "127.0.0.1:8080").is_err());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn new(http: crate::http::Client, origin: &str) -> Result<Self, Error> {
        let uri: Uri = origin.parse().map_err(|_| Error::invalid("origin"))?;
        let bare = uri.path_and_query().is_none_or(|path| path == "/");
        match (uri.scheme(), uri.authority()) {
            (Some(scheme), Some(authority)) if bare => {
                Ok(Self { http, origin: format!("{scheme}://{authority}"), limits: Limits::default() })
            }
            _ => Err(Error::invalid("origin")),
        }
    }

    /// What is taken of a reply at most; nothing is allocated for more.
    ///
    /// # Examples
    /// ```
    /// use evoxide::rpc::{Client, Limits};
    ///
    /// fn small(client: Client) -> Client {
    ///     client.limits(Limits { bytes: 64 * 1024, items: 1000, depth: 8 })
    /// }
    /// ```
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Calls a command. The handler is called once, and never before this returns.
    ///
    /// # Examples
    /// See [`rpc`](crate::rpc).
    pub fn call<S: 'static, A: Message + 'static>(
        &self,
        events: &mut Registry<S>,
        command: &str,
        message: &impl Message,
        handler: impl FnOnce(&mut Context<'_, S>, Result<A, Error>) + 'static,
    ) -> ExchangeId {
        let limits = self.limits;
        let finish = move |cx: &mut Context<'_, S>, whole: Result<Buffer, Error>| {
            handler(cx, whole.and_then(|body| read(body, limits)));
        };
        let call = Call { finish, status: None, body: Buffer::new() };
        self.http.exchange_within(events, self.request(command, message), limits.bytes as u64, call)
    }

    /// As [`call`](Self::call), for tasks. A future that is dropped ends the call.
    ///
    /// # Errors
    /// A [`Failure`], or what ended the exchange.
    ///
    /// # Examples
    /// ```
    /// use evoxide::Error;
    /// use evoxide::rpc::{Client, Message};
    /// use evoxide::task::TaskCx;
    ///
    /// async fn twice<S: 'static, M: Message>(cx: &TaskCx<S>, client: &Client, asked: &M) -> Result<M, Error> {
    ///     let once: M = client.ask(cx, "Echo", asked).await?;
    ///     client.ask(cx, "Echo", &once).await
    /// }
    /// ```
    #[cfg(feature = "async")]
    pub async fn ask<S: 'static, A: Message>(
        &self,
        cx: &crate::task::TaskCx<S>,
        command: &str,
        message: &impl Message,
    ) -> Result<A, Error> {
        let request = self.request(command, message);
        let (head, mut answer) = self.http.open(cx, request).await?;
        checked(head.status())?;
        let mut body = Buffer::new();
        loop {
            let mut piece = answer.next_piece().await?;
            if piece.is_empty() {
                return read(body, self.limits);
            }
            if piece.len() > self.limits.bytes - body.len() {
                return Err(crate::http::Failure::TooLong.into());
            }
            body.append_buffer(&mut piece);
        }
    }

    fn request(&self, command: &str, message: &impl Message) -> OutRequest {
        let mut request = OutRequest::new(body_of(message));
        *request.method_mut() = Method::POST;
        // A name that makes no URI has no origin: the call fails like any other.
        *request.uri_mut() = format!("{}{}", self.origin, path_of(command)).parse().unwrap_or_default();
        request
    }
}

/// A call under way.
struct Call<H> {
    finish: H,
    status: Option<StatusCode>,
    body: Buffer,
}

impl<S, H: FnOnce(&mut Context<'_, S>, Result<Buffer, Error>)> Exchange<S> for Call<H> {
    fn on_head(&mut self, _cx: &mut Context<'_, S>, head: Head) {
        self.status = Some(head.status());
    }

    fn on_data(&mut self, _cx: &mut Context<'_, S>, data: &mut Buffer) {
        if self.status.is_some_and(|status| checked(status).is_ok()) {
            self.body.append_buffer(data);
        } else {
            data.clear();
        }
    }

    fn on_end(self: Box<Self>, cx: &mut Context<'_, S>, result: Result<(), Error>) {
        let Self { finish, status, body } = *self;
        let answered = status.map_or(Ok(()), checked);
        finish(cx, answered.map_err(Error::from).and(result).map(|()| body));
    }
}
