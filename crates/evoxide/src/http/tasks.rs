//! Handlers that are async, and clients for tasks (feature `async`).

use super::answer::{Answer, IntoAnswer};
use super::client::{Client, ExchangeId};
use super::context::BodyWriter;
use super::download::Exchange;
use super::failure::Failure;
use super::server::Server;
use super::types::{Head, Method, OutRequest, Received, Request};
use crate::Error;
use crate::buffer::Buffer;
use crate::event_loop::context::Context;
use crate::task::TaskCx;
use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// What is written to a [`AsyncWriter`] before it waits.
const FULL: usize = 64 * 1024;

impl<S: 'static> Server<S> {
    /// Answers requests of one method to a path with what a future becomes: a task of the same loop.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::http::{Method, Server};
    /// use std::time::Duration;
    ///
    /// let server = Server::<u32>::new().route_async(Method::GET, "/slow", |cx, _request| async move {
    ///     cx.sleep(Duration::from_millis(10)).await;
    ///     cx.with(|cx| {
    ///         *cx.state() += 1;
    ///         format!("{}\n", cx.state())
    ///     })
    /// });
    /// ```
    #[must_use]
    #[track_caller]
    pub fn route_async<H, F>(self, method: Method, path: &str, handler: H) -> Self
    where
        H: Fn(TaskCx<S>, Request) -> F + 'static,
        F: Future + 'static,
        F::Output: IntoAnswer<S>,
    {
        let place = Location::caller();
        self.route(method, path, move |cx, request| {
            let (mut responder, later) = cx.later();
            let tasks = cx.task_cx();
            let future = handler(tasks.clone(), request);
            let answer = async move {
                // What is no response is answered for when the responder is dropped.
                if let Answer::Now(response) = future.await.into_answer() {
                    let _ = tasks.with(|cx| responder.send(cx, response));
                }
            };
            cx.spawn_as(answer, std::any::type_name::<F>(), place);
            later
        })
    }

    /// As [`route_async`](Self::route_async), for `GET`.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// ```
    /// let server = evoxide::http::Server::<()>::new().get_async("/", |_cx, _request| async { "hello\n" });
    /// ```
    #[must_use]
    #[track_caller]
    pub fn get_async<H, F>(self, path: &str, handler: H) -> Self
    where
        H: Fn(TaskCx<S>, Request) -> F + 'static,
        F: Future + 'static,
        F::Output: IntoAnswer<S>,
    {
        self.route_async(Method::GET, path, handler)
    }

    /// As [`route_async`](Self::route_async), for `POST`.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// ```
    /// let server = evoxide::http::Server::<()>::new()
    ///     .post_async("/size", |_cx, request| async move { format!("{}\n", request.body().len()) });
    /// ```
    #[must_use]
    #[track_caller]
    pub fn post_async<H, F>(self, path: &str, handler: H) -> Self
    where
        H: Fn(TaskCx<S>, Request) -> F + 'static,
        F: Future + 'static,
        F::Output: IntoAnswer<S>,
    {
        self.route_async(Method::POST, path, handler)
    }
}

/// What an exchange and the task that waits for it share.
#[derive(Default)]
struct Pipe {
    head: Cell<Option<Head>>,
    data: Cell<Buffer>,
    result: Cell<Option<Result<(), Error>>>,
    waker: Cell<Option<Waker>>,
}

impl Pipe {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Passes an answer to a task, no faster than the task takes it.
struct Pass(Rc<Pipe>);

impl<S: 'static> Exchange<S> for Pass {
    fn on_head(&mut self, _cx: &mut Context<'_, S>, head: Head) {
        self.0.head.set(Some(head));
        self.0.wake();
    }

    fn on_data(&mut self, _cx: &mut Context<'_, S>, data: &mut Buffer) {
        let mut held = self.0.data.take();
        if held.is_empty() {
            held.append_buffer(data);
            self.0.wake();
        }
        self.0.data.set(held);
    }

    fn on_end(self: Box<Self>, _cx: &mut Context<'_, S>, result: Result<(), Error>) {
        self.0.result.set(Some(result));
        self.0.wake();
    }
}

/// The body of an answer, which a task takes as it comes. Dropped before its end, it ends the exchange.
///
/// # Examples
/// See [`Client::open`].
pub struct AsyncBody<S: 'static> {
    cx: TaskCx<S>,
    id: ExchangeId,
    pipe: Rc<Pipe>,
    ended: bool,
}

impl<S: 'static> AsyncBody<S> {
    /// The next piece; an empty one at the end.
    ///
    /// # Errors
    /// What ended the exchange.
    ///
    /// # Examples
    /// See [`Client::open`].
    pub async fn next_piece(&mut self) -> Result<Buffer, Error> {
        let piece = poll_fn(|polled| {
            let data = self.pipe.data.take();
            if !data.is_empty() {
                return Poll::Ready(Ok(data));
            }
            match self.pipe.result.take() {
                Some(result) => {
                    self.ended = true;
                    // It stays at its end.
                    self.pipe.result.set(Some(Ok(())));
                    Poll::Ready(result.map(|()| Buffer::new()))
                }
                None => {
                    self.pipe.waker.set(Some(polled.waker().clone()));
                    Poll::Pending
                }
            }
        })
        .await?;
        if !piece.is_empty() {
            self.cx.with(|cx| self.id.resume(cx));
        }
        Ok(piece)
    }

    /// All that is left of it.
    ///
    /// # Errors
    /// As [`next_piece`](Self::next_piece).
    ///
    /// # Examples
    /// As for [`Client::open`].
    pub async fn collect(mut self) -> Result<Buffer, Error> {
        let mut all = Buffer::new();
        loop {
            let mut piece = self.next_piece().await?;
            if piece.is_empty() {
                return Ok(all);
            }
            all.append_buffer(&mut piece);
        }
    }
}

impl<S: 'static> Drop for AsyncBody<S> {
    fn drop(&mut self) {
        if !self.ended {
            let id = self.id;
            let _ = self.cx.try_with(|cx| id.cancel(cx));
        }
    }
}

impl<S> fmt::Debug for AsyncBody<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncBody").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Client {
    /// Sends a request, and collects the answer's body. A future that is dropped ends the exchange.
    ///
    /// # Errors
    /// What ended the exchange: see [`Failure`].
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::http::{Body, ClientConfig, OutRequest, Server};
    /// use std::net::TcpListener;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let listener = ev.serve("127.0.0.1:0", Server::new().get_async("/", |_cx, _request| async { "hello\n" }))?;
    /// let port = ev.source::<TcpListener>(listener).unwrap().local_addr()?.port();
    /// let (client, cx) = (ev.http_client(ClientConfig::new()), ev.task_cx());
    /// let answer = ev.block_on(async move {
    ///     let mut request = OutRequest::new(Body::empty());
    ///     *request.uri_mut() = format!("http://127.0.0.1:{port}/").parse().unwrap();
    ///     client.fetch(&cx, request).await
    /// })??;
    /// assert_eq!(answer.status(), 200);
    /// assert_eq!(answer.body().to_vec(), b"hello\n");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub async fn fetch<S: 'static>(self, cx: &TaskCx<S>, request: OutRequest) -> Result<Received, Error> {
        let max = self.max_body(cx);
        let (head, mut body) = self.open(cx, request).await?;
        let mut all = Buffer::new();
        loop {
            let mut piece = body.next_piece().await?;
            if piece.is_empty() {
                return Ok(head.map(|()| all));
            }
            all.append_buffer(&mut piece);
            if all.len() as u64 > max {
                return Err(Failure::TooLong.into());
            }
        }
    }

    /// Sends a request; gives the answer's head, and its body as it comes.
    ///
    /// # Errors
    /// What ended the exchange: see [`Failure`].
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::http::{Client, OutRequest};
    /// use evoxide::task::TaskCx;
    ///
    /// async fn count<S: 'static>(cx: &TaskCx<S>, client: Client, request: OutRequest) -> Result<usize, evoxide::Error> {
    ///     let (_head, mut body) = client.open(cx, request).await?;
    ///     let mut bytes = 0;
    ///     loop {
    ///         match body.next_piece().await?.len() {
    ///             0 => return Ok(bytes),
    ///             n => bytes += n,
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn open<S: 'static>(self, cx: &TaskCx<S>, request: OutRequest) -> Result<(Head, AsyncBody<S>), Error> {
        let pipe = Rc::new(Pipe::default());
        let id = cx.with(|cx| self.exchange(cx, request, Pass(Rc::clone(&pipe))));
        let mut body = AsyncBody { cx: cx.clone(), id, pipe, ended: false };
        let head = poll_fn(|polled| {
            if let Some(head) = body.pipe.head.take() {
                return Poll::Ready(Ok(head));
            }
            match body.pipe.result.take() {
                Some(Err(error)) => {
                    body.ended = true;
                    Poll::Ready(Err(error))
                }
                Some(Ok(())) => Poll::Ready(Err(Failure::Closed.into())),
                None => {
                    body.pipe.waker.set(Some(polled.waker().clone()));
                    Poll::Pending
                }
            }
        })
        .await?;
        Ok((head, body))
    }
}

/// A [`BodyWriter`] for tasks: it waits while the client reads slower than the task writes.
///
/// # Examples
/// ```
/// use evoxide::http::{AsyncWriter, Server};
/// use std::time::Duration;
///
/// let server = Server::<()>::new().get("/ticks", |cx, _request| {
///     let (writer, body) = cx.writer();
///     let (tasks, mut writer) = (cx.task_cx(), AsyncWriter::new(&cx.task_cx(), writer));
///     cx.spawn(async move {
///         while writer.write_all(b"tick\n").await.is_ok() {
///             tasks.sleep(Duration::from_secs(1)).await;
///         }
///     });
///     body
/// });
/// ```
pub struct AsyncWriter<S: 'static> {
    cx: TaskCx<S>,
    writer: BodyWriter,
    gate: Rc<Gate>,
    hears: bool,
}

/// Whether there is room, and who waits for it.
#[derive(Default)]
struct Gate {
    full: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl<S: 'static> AsyncWriter<S> {
    /// Makes a task's writer of another.
    ///
    /// # Examples
    /// See [`AsyncWriter`].
    #[must_use]
    pub fn new(cx: &TaskCx<S>, writer: BodyWriter) -> Self {
        Self { cx: cx.clone(), writer, gate: Rc::default(), hears: false }
    }

    /// Writes a piece, and waits until most of what was written has left.
    ///
    /// # Errors
    /// As [`BodyWriter::write`].
    ///
    /// # Examples
    /// See [`AsyncWriter`].
    pub async fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let queued = self.cx.with(|cx| self.writer.write(cx, bytes))?;
        if queued <= FULL {
            return Ok(());
        }
        self.gate.full.set(true);
        if !std::mem::replace(&mut self.hears, true) {
            let hears = Hears(Rc::clone(&self.gate));
            self.cx.with(|cx| self.writer.on_drained(cx, move |_: &mut Context<'_, S>| hears.open()))?;
        }
        let gate = &self.gate;
        poll_fn(|polled| {
            if !gate.full.get() {
                return Poll::Ready(Ok(()));
            }
            gate.waker.set(Some(polled.waker().clone()));
            Poll::Pending
        })
        .await
    }

    /// Ends the body.
    ///
    /// # Errors
    /// As [`BodyWriter::finish`].
    ///
    /// # Examples
    /// As for [`AsyncWriter`].
    pub fn finish(mut self) -> Result<(), Error> {
        self.cx.with(|cx| self.writer.finish(cx))
    }
}

/// The connection's end of a gate. It opens for good when the connection goes, and takes it along.
struct Hears(Rc<Gate>);

impl Hears {
    fn open(&self) {
        self.0.full.set(false);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}

impl Drop for Hears {
    fn drop(&mut self) {
        self.open();
    }
}

impl<S> fmt::Debug for AsyncWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncWriter").field("writer", &self.writer).finish_non_exhaustive()
    }
}
