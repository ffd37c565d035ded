//! Commands of an HTTP server.
//!
//! The body of a call is collected under the server's limit and read under the default [`Limits`]. What is no message is answered
//! `400 Bad Request` without the handler. Calls of C programs on libevent 2.1 have no `Host`, so a server with commands needs none.

use super::{Items, Limits, Message, body_of, path_of};
use crate::Error;
use crate::buffer::Buffer;
use crate::event_loop::registry::Registry;
use crate::http::{Body, Later, Method, RequestCx, Responder, Response, Server, StatusCode};
use std::fmt;
use std::marker::PhantomData;

/// Reads a call.
fn read<Q: Message>(mut body: Buffer) -> Result<Q, StatusCode> {
    let len = body.len();
    Q::read(Items::new(body.contiguous(len), Limits::default())).map_err(|_| StatusCode::BAD_REQUEST)
}

/// What a handler refuses with: no status that promises a reply.
fn refusal(status: StatusCode) -> StatusCode {
    if status.is_success() { StatusCode::INTERNAL_SERVER_ERROR } else { status }
}

fn answer<A: Message>(reply: Result<A, StatusCode>) -> Result<Body, StatusCode> {
    reply.map(|message| body_of(&message)).map_err(refusal)
}

impl<S: 'static> Server<S> {
    /// Answers calls of a command, of programs in Rust and in C: a reply, or the status that the call fails with.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// See [`rpc`](crate::rpc).
    #[must_use]
    #[track_caller]
    pub fn command<Q, A, H>(self, name: &str, handler: H) -> Self
    where
        Q: Message + 'static,
        A: Message + 'static,
        H: Fn(&mut RequestCx<'_, S>, Q) -> Result<A, StatusCode> + 'static,
    {
        self.without_host().route(Method::POST, &path_of(name), move |cx, request| {
            let asked = read::<Q>(request.into_body())?;
            answer(handler(cx, asked))
        })
    }

    /// As [`command`](Self::command), with a [`Reply`] that may be sent later.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::Server;
    /// use evoxide::rpc::{Message, Reply};
    /// use std::time::Duration;
    ///
    /// /// Gives each message back, a second later.
    /// fn echo<M: Message + 'static>(server: Server<()>) -> Server<()> {
    ///     server.command_with_reply("Echo", |cx, asked: M, reply: Reply<M>| {
    ///         let mut waiting = Some((asked, reply));
    ///         cx.timer(Duration::from_secs(1), move |cx| {
    ///             if let Some((asked, reply)) = waiting.take() {
    ///                 let _ = reply.send(cx, &asked);
    ///             }
    ///         });
    ///     })
    /// }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn command_with_reply<Q, A, H>(self, name: &str, handler: H) -> Self
    where
        Q: Message + 'static,
        A: Message + 'static,
        H: Fn(&mut RequestCx<'_, S>, Q, Reply<A>) + 'static,
    {
        self.without_host().route(Method::POST, &path_of(name), move |cx, request| -> Result<Later, StatusCode> {
            let asked = read::<Q>(request.into_body())?;
            let (responder, later) = cx.later();
            handler(cx, asked, Reply { responder, message: PhantomData });
            Ok(later)
        })
    }

    /// As [`command`](Self::command), with a task of the same loop for each call.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::Server;
    /// use evoxide::rpc::Message;
    /// use std::time::Duration;
    ///
    /// fn echo<M: Message + 'static>(server: Server<()>) -> Server<()> {
    ///     server.command_async("Echo", |cx, asked: M| async move {
    ///         cx.sleep(Duration::from_secs(1)).await;
    ///         Ok(asked)
    ///     })
    /// }
    /// ```
    #[cfg(feature = "async")]
    #[must_use]
    #[track_caller]
    pub fn command_async<Q, A, H, F>(self, name: &str, handler: H) -> Self
    where
        Q: Message + 'static,
        A: Message + 'static,
        H: Fn(crate::task::TaskCx<S>, Q) -> F + 'static,
        F: Future<Output = Result<A, StatusCode>> + 'static,
    {
        self.without_host().route_async(Method::POST, &path_of(name), move |cx, request| {
            let running = read::<Q>(request.into_body()).map(|asked| handler(cx, asked));
            async move {
                match running {
                    Ok(running) => answer(running.await),
                    Err(status) => Err(status),
                }
            }
        })
    }
}

/// The reply to a call, which is sent once. Where it is dropped, the call fails with `500 Internal Server Error`.
///
/// # Examples
/// See [`Server::command_with_reply`].
pub struct Reply<A> {
    responder: Responder,
    message: PhantomData<fn(&A)>,
}

impl<A: Message> Reply<A> {
    /// Sends the reply.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchEvent`](crate::ErrorKind::NoSuchEvent) where the caller has gone.
    ///
    /// # Examples
    /// See [`Server::command_with_reply`].
    pub fn send<S: 'static>(mut self, events: &mut Registry<S>, message: &A) -> Result<(), Error> {
        self.responder.send(events, Response::new(body_of(message)))
    }

    /// Has the call fail with a status.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// use evoxide::Registry;
    /// use evoxide::http::StatusCode;
    /// use evoxide::rpc::{Message, Reply};
    ///
    /// fn give_up<S: 'static, A: Message>(events: &mut Registry<S>, reply: Reply<A>) {
    ///     let _ = reply.refuse(events, StatusCode::SERVICE_UNAVAILABLE);
    /// }
    /// ```
    pub fn refuse<S: 'static>(mut self, events: &mut Registry<S>, status: StatusCode) -> Result<(), Error> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = refusal(status);
        self.responder.send(events, response)
    }
}

impl<A> fmt::Debug for Reply<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}
