//! WebSockets for tasks (feature `async`).

use super::config::SocketConfig;
use super::connection::{Close, Message, SocketCx, SocketHandler};
use super::socket::Socket;
use crate::http::{Client, Failure, Server};
use crate::task::TaskCx;
use crate::{Error, ErrorKind};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A connection whose task takes no messages is closed when this number wait.
const WAITING: usize = 4096;

#[derive(Default)]
struct Inbox {
    socket: Cell<Option<Socket>>,
    messages: Cell<VecDeque<Message>>,
    close: Cell<Option<Close>>,
    waker: Cell<Option<Waker>>,
}

impl Inbox {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn len(&self) -> usize {
        let messages = self.messages.take();
        let len = messages.len();
        self.messages.set(messages);
        len
    }
}

/// Starts a server's task.
type Start<S> = Box<dyn FnOnce(&mut SocketCx<'_, S>)>;

/// Fills the inbox of a task.
struct Fill<S: 'static> {
    inbox: Rc<Inbox>,
    /// Starts a server's task.
    start: Option<Start<S>>,
}

impl<S: 'static> SocketHandler<S> for Fill<S> {
    fn on_open(&mut self, cx: &mut SocketCx<'_, S>) {
        self.inbox.socket.set(Some(cx.socket()));
        self.inbox.wake();
        if let Some(start) = self.start.take() {
            start(cx);
        }
    }

    fn on_message(&mut self, cx: &mut SocketCx<'_, S>, message: Message) {
        let mut messages = self.inbox.messages.take();
        messages.push_back(message);
        self.inbox.messages.set(messages);
        self.inbox.wake();
        if self.inbox.len() > WAITING {
            let _ = cx.close(super::code::POLICY, "too many messages wait");
        }
    }

    fn on_drained(&mut self, _cx: &mut SocketCx<'_, S>) {
        self.inbox.wake();
    }

    fn on_close(&mut self, _cx: &mut SocketCx<'_, S>, close: Close) {
        self.inbox.close.set(Some(close));
        self.inbox.wake();
    }
}

/// A WebSocket for a task. Dropped, it closes.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use evoxide::http::{ClientConfig, Server};
/// use evoxide::ws::Message;
/// use std::net::TcpListener;
///
/// let mut ev = EventLoop::new(())?;
/// let server = Server::new().websocket_async("/", Default::default(), |_cx, mut socket| async move {
///     while let Some(message) = socket.next_message().await {
///         let _ = socket.send(message);
///     }
/// });
/// let listener = ev.serve("127.0.0.1:0", server)?;
/// let port = ev.source::<TcpListener>(listener).unwrap().local_addr()?.port();
/// let (client, cx) = (ev.http_client(ClientConfig::new()), ev.task_cx());
/// let echo = ev.block_on(async move {
///     let mut socket = client.open_websocket(&cx, &format!("ws://127.0.0.1:{port}/"), Default::default()).await?;
///     socket.send("hello")?;
///     Ok::<_, evoxide::Error>(socket.next_message().await)
/// })??;
/// assert_eq!(echo, Some(Message::from("hello")));
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct AsyncSocket<S: 'static> {
    cx: TaskCx<S>,
    inbox: Rc<Inbox>,
}

impl<S: 'static> AsyncSocket<S> {
    /// The next message; `None` when the connection has ended.
    ///
    /// # Examples
    /// See [`AsyncSocket`].
    pub async fn next_message(&mut self) -> Option<Message> {
        poll_fn(|polled| {
            let mut messages = self.inbox.messages.take();
            let next = messages.pop_front();
            self.inbox.messages.set(messages);
            let close = self.inbox.close.take();
            let ended = close.is_some();
            self.inbox.close.set(close);
            if next.is_some() || ended {
                return Poll::Ready(next);
            }
            self.inbox.waker.set(Some(polled.waker().clone()));
            Poll::Pending
        })
        .await
    }

    /// How the connection ended, if it has.
    ///
    /// # Examples
    /// As for [`AsyncSocket`].
    #[must_use]
    pub fn close_reason(&self) -> Option<Close> {
        let close = self.inbox.close.take();
        self.inbox.close.set(close.clone());
        close
    }

    /// Its name, for other handlers.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchEvent`] where it was never opened.
    ///
    /// # Examples
    /// As for [`Socket`].
    pub fn socket(&self) -> Result<Socket, Error> {
        self.inbox.socket.get().ok_or_else(|| ErrorKind::NoSuchEvent.into())
    }

    /// Sends a message: see [`Socket::send`].
    ///
    /// # Errors
    /// As [`Socket::send`].
    ///
    /// # Examples
    /// See [`AsyncSocket`].
    pub fn send(&mut self, message: impl Into<Message>) -> Result<usize, Error> {
        let socket = self.socket()?;
        self.cx.with(|cx| socket.send(cx, message))
    }

    /// Closes the connection: see [`Socket::close`].
    ///
    /// # Errors
    /// As [`Socket::close`].
    ///
    /// # Examples
    /// As for [`Socket::close`].
    pub fn close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        let socket = self.socket()?;
        self.cx.with(|cx| socket.close(cx, code, reason))
    }
}

impl<S: 'static> Drop for AsyncSocket<S> {
    fn drop(&mut self) {
        if let Some(socket) = self.inbox.socket.get() {
            let _ = self.cx.try_with(|cx| socket.close(cx, super::code::NORMAL, ""));
        }
    }
}

impl<S> fmt::Debug for AsyncSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncSocket").field("socket", &self.inbox.socket.get()).finish_non_exhaustive()
    }
}

impl<S: 'static> Server<S> {
    /// Opens WebSockets at a path, with a task for each.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// See [`AsyncSocket`].
    #[must_use]
    #[track_caller]
    pub fn websocket_async<H, F>(self, path: &str, config: SocketConfig, handler: H) -> Self
    where
        H: Fn(TaskCx<S>, AsyncSocket<S>) -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        let (handler, place) = (Rc::new(handler), Location::caller());
        self.websocket(path, config, move |cx, _request| {
            let (inbox, tasks) = (Rc::<Inbox>::default(), cx.task_cx());
            let (handler, socket) = (Rc::clone(&handler), AsyncSocket { cx: tasks.clone(), inbox: Rc::clone(&inbox) });
            let start = move |cx: &mut SocketCx<'_, S>| {
                let task = handler(tasks, socket);
                cx.spawn_as(task, std::any::type_name::<F>(), place);
            };
            Ok(Fill { inbox, start: Some(Box::new(start)) })
        })
    }
}

impl Client {
    /// Opens a WebSocket for a task: see [`websocket`](Self::websocket).
    ///
    /// # Errors
    /// What refused it: [`Failure::Upgrade`] where that was the server.
    ///
    /// # Examples
    /// See [`AsyncSocket`].
    pub async fn open_websocket<S: 'static>(
        self,
        cx: &TaskCx<S>,
        uri: &str,
        config: SocketConfig,
    ) -> Result<AsyncSocket<S>, Error> {
        let inbox = Rc::<Inbox>::default();
        let fill = Fill { inbox: Rc::clone(&inbox), start: None };
        cx.with(|cx| self.websocket(cx, uri, config, fill))?;
        let socket = AsyncSocket { cx: cx.clone(), inbox };
        poll_fn(|polled| {
            if socket.inbox.socket.get().is_some() {
                return Poll::Ready(Ok(()));
            }
            if socket.close_reason().is_some() {
                return Poll::Ready(Err(Error::from(Failure::Upgrade)));
            }
            socket.inbox.waker.set(Some(polled.waker().clone()));
            Poll::Pending
        })
        .await?;
        Ok(socket)
    }
}
