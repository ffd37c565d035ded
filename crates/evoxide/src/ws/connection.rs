//! A connection after its handshake: a stream handler that drives the machine of `evoxide_proto::ws`.

use super::config::SocketConfig;
use super::socket::{Open, Socket, Sockets};
use crate::Timer;
use crate::buffer::Buffer;
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::event_loop::timed::Named;
use crate::stream::{Stream, StreamCtx, StreamEvent, StreamHandler};
use evoxide_proto::ws::{Connection as Machine, Event, Expired, Kind, Role, code};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// A message.
///
/// # Examples
/// ```
/// use evoxide::ws::Message;
///
/// assert_eq!(Message::from("text"), Message::Text("text".into()));
/// assert_eq!(Message::from(vec![1]), Message::Binary(vec![1]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

/// How a connection ended.
///
/// # Examples
/// See [`SocketHandler::on_close`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Close {
    /// The peer's [`code`]: `NONE` where it gave none, `ABNORMAL` where the connection broke; what we reproached it with, where it did wrong.
    pub code: u16,
    /// The peer's words.
    pub reason: String,
}

/// What happens to a WebSocket connection is told to its handler.
///
/// # Examples
/// See the [module](super).
pub trait SocketHandler<S> {
    /// The handshake is done.
    ///
    /// # Examples
    /// See [`Socket`].
    fn on_open(&mut self, cx: &mut SocketCx<'_, S>) {
        let _ = cx;
    }

    /// A message has come.
    ///
    /// # Examples
    /// See the [module](super).
    fn on_message(&mut self, cx: &mut SocketCx<'_, S>, message: Message);

    /// What was sent has been written, but for 64 KiB.
    ///
    /// # Examples
    /// As for [`Socket::send`].
    fn on_drained(&mut self, cx: &mut SocketCx<'_, S>) {
        let _ = cx;
    }

    /// The connection has ended, or could not be made. Called once, unless the loop ends first.
    ///
    /// # Examples
    /// ```
    /// use evoxide::ws::{Close, Message, SocketCx, SocketHandler, code};
    ///
    /// struct Quiet;
    ///
    /// impl<S> SocketHandler<S> for Quiet {
    ///     fn on_message(&mut self, _cx: &mut SocketCx<'_, S>, _message: Message) {}
    ///
    ///     fn on_close(&mut self, _cx: &mut SocketCx<'_, S>, close: Close) {
    ///         if close.code == code::ABNORMAL {
    ///             eprintln!("lost");
    ///         }
    ///     }
    /// }
    /// ```
    fn on_close(&mut self, cx: &mut SocketCx<'_, S>, close: Close) {
        let _ = (cx, close);
    }
}

/// What a [`SocketHandler`] is given: by dereference the [`Context`] of every handler, and its own connection.
///
/// # Examples
/// See the [module](super).
pub struct SocketCx<'a, S> {
    pub(super) cx: Context<'a, S>,
    pub(super) socket: Option<Socket>,
}

impl<S: 'static> SocketCx<'_, S> {
    /// The connection's name.
    ///
    /// # Panics
    /// Where there is none, since it could not be made.
    ///
    /// # Examples
    /// See [`Socket`].
    #[must_use]
    pub fn socket(&self) -> Socket {
        match self.socket {
            Some(socket) => socket,
            None => panic!("the connection was never made"),
        }
    }

    /// Sends a message on the own connection: see [`Socket::send`].
    ///
    /// # Errors
    /// As [`Socket::send`].
    ///
    /// # Examples
    /// See the [module](super).
    pub fn send(&mut self, message: impl Into<Message>) -> Result<usize, crate::Error> {
        self.socket().send(&mut self.cx, message)
    }

    /// Closes the own connection: see [`Socket::close`].
    ///
    /// # Errors
    /// As [`Socket::close`].
    ///
    /// # Examples
    /// As for [`Socket::close`].
    pub fn close(&mut self, code: u16, reason: &str) -> Result<(), crate::Error> {
        self.socket().close(&mut self.cx, code, reason)
    }
}

impl<'a, S> Deref for SocketCx<'a, S> {
    type Target = Context<'a, S>;

    fn deref(&self) -> &Context<'a, S> {
        &self.cx
    }
}

impl<S> DerefMut for SocketCx<'_, S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cx
    }
}

impl<S> fmt::Debug for SocketCx<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketCx").field("socket", &self.socket).finish_non_exhaustive()
    }
}

const LOW: usize = 64 * 1024;

/// The stream's handler.
pub(super) struct OnSocket<H> {
    handler: H,
    role: Role,
    config: SocketConfig,
    named: Named,
    opened: bool,
    closed: bool,
    /// When it looks at the clock again.
    armed: Option<(u64, EventId)>,
}

impl<H> OnSocket<H> {
    pub fn new(handler: H, role: Role, config: SocketConfig, named: Named) -> Self {
        Self { handler, role, config, named, opened: false, closed: false, armed: None }
    }

    fn tell<S>(&mut self, cx: &mut StreamCtx<'_, S>, tell: impl FnOnce(&mut H, &mut SocketCx<'_, S>)) {
        let Context { registry, state, id } = &mut cx.cx;
        let socket = id.map(|id| Socket { id });
        let mut cx = SocketCx { cx: Context { registry, state, id: *id }, socket };
        cx.part_begins();
        tell(&mut self.handler, &mut cx);
        cx.part_ends(self.named);
    }

    fn open<S: 'static>(&mut self, cx: &mut StreamCtx<'_, S>, id: EventId)
    where
        H: SocketHandler<S>,
    {
        self.opened = true;
        let now = cx.cx.registry.time.now();
        let machine = Machine::new(self.role, self.config.limits, self.config.timing, now);
        cx.cx.registry.extensions.get::<Sockets>().open.insert(id, Open { machine, pending: Buffer::new() });
        cx.stream.set_write_mark(LOW);
        self.tell(cx, H::on_open);
    }

    /// Reads frames.
    fn read<S: 'static>(&mut self, cx: &mut StreamCtx<'_, S>, id: EventId)
    where
        H: SocketHandler<S>,
    {
        while !cx.input().is_empty() && !self.closed {
            let now = cx.cx.registry.time.now();
            let Some(open) = cx.cx.registry.extensions.get::<Sockets>().open.get_mut(&id) else { break };
            let (n, event) = open.machine.receive(cx.stream.input().chain().first(), now);
            cx.input().drain(n);
            match event {
                Some(Event::Message { kind, data }) => {
                    let message = match kind {
                        Kind::Text => Message::Text(String::from_utf8(data).unwrap_or_default()),
                        Kind::Binary => Message::Binary(data),
                    };
                    self.tell(cx, |handler, cx| handler.on_message(cx, message));
                }
                Some(Event::Close { code, reason }) => self.end(cx, id, code, reason, true),
                Some(Event::Failed(fault)) => self.end(cx, id, fault.code(), fault.to_string(), true),
                Some(Event::Ping(_) | Event::Pong(_)) | None => {}
            }
            if !cx.contains(id) {
                return;
            }
        }
        cx.input().clear();
    }

    /// The connection is over: tells it once, and closes the stream.
    fn end<S: 'static>(&mut self, cx: &mut StreamCtx<'_, S>, id: EventId, code: u16, reason: String, in_order: bool)
    where
        H: SocketHandler<S>,
    {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        self.flush(cx.cx.registry, cx.stream, id);
        cx.cx.registry.extensions.get::<Sockets>().open.remove(&id);
        if let Some((_, timer)) = self.armed.take() {
            cx.remove(timer);
        }
        if in_order {
            cx.close_after_flush();
        } else {
            cx.close();
        }
        self.tell(cx, |handler, cx| handler.on_close(cx, Close { code, reason }));
    }

    /// Writes what is owed, and what was sent while the handler ran.
    fn flush<S>(&mut self, registry: &mut crate::Registry<S>, stream: &mut Stream, id: EventId) {
        let sockets = registry.extensions.get::<Sockets>();
        let mask = sockets.mask();
        let Some(open) = sockets.open.get_mut(&id) else { return };
        stream.output().append_buffer(&mut open.pending);
        if open.machine.owes() {
            let _ = open.machine.send_owed(mask, stream.output().chain());
        }
    }

    /// Does what follows from every call of a handler.
    fn settle<S: 'static>(&mut self, cx: &mut StreamCtx<'_, S>, id: EventId) {
        if self.closed || !cx.contains(id) {
            return;
        }
        self.flush(cx.cx.registry, cx.stream, id);
        let now = cx.cx.registry.time.now();
        let Some(open) = cx.cx.registry.extensions.get::<Sockets>().open.get(&id) else { return };
        let Some(deadline) = open.machine.deadline() else { return };
        if self.armed.is_some_and(|(at, _)| at <= deadline) {
            return;
        }
        let after = Duration::from_nanos(deadline.saturating_sub(now));
        let timer = cx.timer(Timer::after(after), move |cx| {
            if let Some(stream) = cx.stream(id) {
                stream.wake();
            }
        });
        if let Some((_, old)) = self.armed.replace((deadline, timer)) {
            cx.remove(old);
        }
    }

    fn expire<S: 'static>(&mut self, cx: &mut StreamCtx<'_, S>, id: EventId)
    where
        H: SocketHandler<S>,
    {
        let now = cx.cx.registry.time.now();
        if self.armed.is_some_and(|(at, _)| at <= now) {
            self.armed = None;
        }
        let Some(open) = cx.cx.registry.extensions.get::<Sockets>().open.get_mut(&id) else { return };
        if let Some(Expired::Idle | Expired::Close) = open.machine.expire(now) {
            self.end(cx, id, code::ABNORMAL, String::new(), false);
        }
    }
}

impl<S: 'static, H: SocketHandler<S>> StreamHandler<S> for OnSocket<H> {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
        let Some(id) = cx.id() else { return };
        if !self.opened {
            self.open(cx, id);
        }
        self.read(cx, id);
        self.settle(cx, id);
    }

    fn on_wake(&mut self, cx: &mut StreamCtx<'_, S>) {
        let Some(id) = cx.id() else { return };
        if !self.opened {
            self.open(cx, id);
        }
        self.expire(cx, id);
        self.settle(cx, id);
    }

    fn on_drained(&mut self, cx: &mut StreamCtx<'_, S>) {
        let Some(id) = cx.id() else { return };
        if self.opened && !self.closed {
            self.tell(cx, H::on_drained);
            self.settle(cx, id);
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, S>, event: StreamEvent) {
        let Some(id) = cx.id() else { return };
        match event {
            StreamEvent::Connected => {}
            StreamEvent::Eof => self.end(cx, id, code::ABNORMAL, String::new(), true),
            _ => self.end(cx, id, code::ABNORMAL, String::new(), false),
        }
        self.settle(cx, id);
    }

    fn on_close(&mut self, cx: &mut Context<'_, S>) {
        let Some(id) = cx.id() else { return };
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        cx.registry.extensions.get::<Sockets>().open.remove(&id);
        if let Some((_, timer)) = self.armed.take() {
            cx.remove(timer);
        }
        let context = Context { registry: cx.registry, state: cx.state, id: cx.id };
        let close = Close { code: code::ABNORMAL, reason: String::new() };
        self.handler.on_close(&mut SocketCx { cx: context, socket: Some(Socket { id }) }, close);
    }
}
