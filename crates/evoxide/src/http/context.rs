//! What handlers of requests are given, and what answers a request later.

use super::answer;
use super::answer::Later;
use super::body::{Body, Content};
use super::scratch::Scratch;
use super::types::{Head, Response};
use crate::buffer::Buffer;
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use crate::stream::Stream;
use crate::{Error, ErrorKind};
use ::http::StatusCode;
use std::cell::Cell;
use std::fmt;
use std::mem;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// What a handler of requests is given: the [`Context`] of every handler, and what belongs to the request.
///
/// # Examples
/// ```
/// use evoxide::http::Server;
///
/// let server = Server::<u64>::new().get("/count", |cx, _request| {
///     *cx.state() += 1;
///     format!("{}\n", cx.state())
/// });
/// ```
pub struct RequestCx<'a, S> {
    pub(super) cx: Context<'a, S>,
    pub(super) stream: &'a Stream,
    pub(super) place: Place,
    #[cfg(feature = "rustls")]
    pub(super) session: Option<&'a crate::tls::Session>,
}

impl<S: 'static> RequestCx<'_, S> {
    /// Lets the answer come later: the [`Responder`] sends it, from any handler of the loop, and the [`Later`] is what this handler
    /// returns. Requests that come behind on the same connection wait.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::{Response, Server};
    /// use std::time::Duration;
    ///
    /// let server = Server::<()>::new().get("/slow", |cx, _request| {
    ///     let (mut responder, later) = cx.later();
    ///     cx.timer(Duration::from_secs(1), move |cx| {
    ///         let _ = responder.send(cx, Response::new("at last\n".into()));
    ///     });
    ///     later
    /// });
    /// ```
    pub fn later(&mut self) -> (Responder, Later) {
        (Responder { key: self.key() }, Later(()))
    }

    /// What lets this request go on: an [`Upload`](super::Upload) that left something, or a body that [waits](super::Flow::Wait).
    ///
    /// # Examples
    /// ```
    /// use evoxide::buffer::Buffer;
    /// use evoxide::http::{Answer, IntoAnswer, RequestCx, Upload};
    /// use std::time::Duration;
    ///
    /// /// Takes ten bytes a second.
    /// struct Slow;
    ///
    /// impl<S: 'static> Upload<S> for Slow {
    ///     fn on_data(&mut self, cx: &mut RequestCx<'_, S>, data: &mut Buffer) {
    ///         data.drain(10);
    ///         let resumption = cx.resumption();
    ///         cx.timer(Duration::from_secs(1), move |_cx| resumption.resume());
    ///     }
    ///
    ///     fn on_end(self: Box<Self>, _cx: &mut RequestCx<'_, S>) -> Answer<S> {
    ///         "done\n".into_answer()
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn resumption(&mut self) -> Resumption {
        Resumption { place: self.place, orphans: self.cx.registry.orphans() }
    }

    /// A body that is written later, and what writes it.
    ///
    /// # Examples
    /// ```
    /// use evoxide::Timer;
    /// use evoxide::http::Server;
    /// use std::time::Duration;
    ///
    /// let server = Server::<()>::new().get("/ticks", |cx, _request| {
    ///     let (mut writer, body) = cx.writer();
    ///     cx.timer(Timer::every(Duration::from_secs(1)), move |cx| {
    ///         if writer.write(cx, "tick\n").is_err() {
    ///             // The peer has gone.
    ///             cx.remove_self();
    ///         }
    ///     });
    ///     body.content_type("text/plain")
    /// });
    /// ```
    pub fn writer(&mut self) -> (BodyWriter, Body) {
        (BodyWriter { key: self.key() }, Body { content: Content::Writer(None), media: None })
    }

    /// The client's address, where it has one of the Internet.
    ///
    /// # Examples
    /// ```
    /// let server = evoxide::http::Server::<()>::new()
    ///     .get("/whoami", |cx, _| format!("{:?}\n", cx.peer_addr()));
    /// ```
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.peer_addr()
    }

    /// The session of TLS, on a server [with it](super::Server::tls): its version, and the client's certificates.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::{Server, StatusCode};
    ///
    /// let server = Server::<()>::new().get("/admin", |cx, _request| match cx.tls() {
    ///     Some(session) if !session.peer_certificates().is_empty() => Ok("welcome\n"),
    ///     _ => Err(StatusCode::FORBIDDEN),
    /// });
    /// ```
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(&self) -> Option<&crate::tls::Session> {
        self.session
    }

    fn key(&mut self) -> Key {
        let orphans = self.cx.registry.orphans();
        Key { place: self.place, orphans: Some(orphans) }
    }
}

impl<'a, S> Deref for RequestCx<'a, S> {
    type Target = Context<'a, S>;

    fn deref(&self) -> &Context<'a, S> {
        &self.cx
    }
}

impl<S> DerefMut for RequestCx<'_, S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cx
    }
}

impl<S> fmt::Debug for RequestCx<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestCx").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// One request of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub connection: EventId,
    pub serial: u32,
}

/// Hears that most of an answer has left.
pub(super) type Drained<S> = Box<dyn FnMut(&mut Context<'_, S>)>;

/// What happens to a request from outside of its connection's handler.
pub(super) enum Message<S> {
    Answer(Response),
    Write(Buffer),
    Finish,
    /// Nobody can answer, or go on with the answer, any more.
    Orphaned,
    OnDrained(Drained<S>),
    /// The upload takes more.
    Resume,
}

/// Hands a message to a connection whose handler is not running; leaves it there otherwise.
pub(super) type Deliver<S> = fn(&mut Registry<S>, &mut Scratch, Place, &mut Option<Message<S>>) -> Result<usize, Error>;

/// Messages on their way to connections.
pub(super) struct Post<S> {
    /// Set by who makes connections, of which this file knows nothing.
    pub deliver: Option<Deliver<S>>,
    /// To the connection whose handler is running.
    late: Vec<(Place, Message<S>)>,
}

impl<S> Default for Post<S> {
    fn default() -> Self {
        Self { deliver: None, late: Vec::new() }
    }
}

/// Requests whose responder was dropped, or that go on.
#[derive(Default)]
pub(super) struct Orphans(Cell<Vec<(Place, Said)>>);

/// What is said of a request without the loop.
#[derive(Clone, Copy)]
enum Said {
    Orphaned,
    Resume,
}

impl Orphans {
    fn push(&self, place: Place, said: Said) {
        let mut list = self.0.take();
        list.push((place, said));
        self.0.set(list);
    }
}

#[derive(Default)]
struct OrphanList {
    list: Rc<Orphans>,
    is_collected: bool,
}

impl<S: 'static> Registry<S> {
    fn orphans(&mut self) -> Rc<Orphans> {
        let orphans = self.extensions.get::<OrphanList>();
        let list = Rc::clone(&orphans.list);
        if !mem::replace(&mut orphans.is_collected, true) {
            self.collectors.push(Self::collect_orphans);
        }
        list
    }

    /// Tells connections that nobody will answer.
    fn collect_orphans(&mut self) {
        for (place, said) in self.extensions.get::<OrphanList>().list.0.take() {
            let message = match said {
                Said::Orphaned => Message::Orphaned,
                Said::Resume => Message::Resume,
            };
            let _ = self.deliver(place, message);
        }
    }

    /// Passes a message to a connection: at once, or when its handler returns. Answers how many bytes wait to be written.
    pub(super) fn deliver(&mut self, place: Place, message: Message<S>) -> Result<usize, Error> {
        if !self.contains(place.connection) {
            return Err(ErrorKind::NoSuchEvent.into());
        }
        let mut scratch = Scratch::lend(self);
        let mut message = Some(message);
        let mut answer = Ok(0);
        if let Some(deliver) = self.extensions.get::<Post<S>>().deliver {
            answer = deliver(self, &mut scratch, place, &mut message);
        }
        scratch.give_back(self);
        if let Some(message) = message {
            let late = &mut self.extensions.get::<Post<S>>().late;
            late.push((place, message));
            self.left_for_later = true;
            let of = |(_, message): &(Place, Message<S>)| match message {
                Message::Write(data) => data.len(),
                _ => 0,
            };
            answer = Ok(late.iter().map(of).sum());
        }
        answer
    }

    /// Messages that came for a connection while its handler ran.
    pub(super) fn take_late(&mut self, connection: EventId) -> Vec<(Place, Message<S>)> {
        let late = &mut self.extensions.get::<Post<S>>().late;
        if late.is_empty() {
            return Vec::new();
        }
        let (mine, others) = mem::take(late).into_iter().partition(|(place, _)| place.connection == connection);
        *late = others;
        self.left_for_later = !late.is_empty();
        mine
    }
}

/// A request that waits for its answer. One that is dropped is answered for.
struct Key {
    place: Place,
    orphans: Option<Rc<Orphans>>,
}

impl Key {
    fn use_up(&mut self) -> Result<Place, Error> {
        match self.orphans.take() {
            Some(_) => Ok(self.place),
            None => Err(ErrorKind::NoSuchEvent.into()),
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        if let Some(orphans) = &self.orphans {
            orphans.push(self.place, Said::Orphaned);
        }
    }
}

/// Answers a request later: see [`RequestCx::later`]. It belongs to its loop. Where it is dropped without an answer, the answer is
/// `500 Internal Server Error`.
///
/// # Examples
/// See [`RequestCx::later`].
pub struct Responder {
    key: Key,
}

impl Responder {
    /// Sends the answer.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchEvent`] where the client has gone, or has its answer.
    ///
    /// # Examples
    /// See [`RequestCx::later`].
    pub fn send<S: 'static>(&mut self, events: &mut Registry<S>, response: Response) -> Result<(), Error> {
        events.deliver(self.key.use_up()?, Message::Answer(response)).map(|_| ())
    }

    /// Sends the head of the answer, whose body is written later.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::{Head, Later, Request, RequestCx, Server};
    /// use std::time::Duration;
    ///
    /// fn slow(cx: &mut RequestCx<'_, ()>, _request: Request) -> Later {
    ///     let (mut responder, later) = cx.later();
    ///     if let Ok(mut writer) = responder.stream(cx, Head::new(())) {
    ///         let _ = writer.write(cx, "first\n");
    ///         cx.timer(Duration::from_secs(1), move |cx| {
    ///             let _ = writer.write(cx, "second\n");
    ///             let _ = writer.finish(cx);
    ///         });
    ///     }
    ///     later
    /// }
    /// let server = Server::new().get("/slow", slow);
    /// ```
    pub fn stream<S: 'static>(&mut self, events: &mut Registry<S>, head: Head) -> Result<BodyWriter, Error> {
        let (place, orphans) = (self.key.place, self.key.orphans.clone());
        let body = head.map(|()| Body { content: Content::Writer(None), media: None });
        events.deliver(self.key.use_up()?, Message::Answer(body))?;
        Ok(BodyWriter { key: Key { place, orphans } })
    }

    /// Whether the client is still there.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::Responder;
    ///
    /// fn is_worth_it<S: 'static>(events: &evoxide::Registry<S>, responder: &Responder) -> bool {
    ///     responder.is_awaited(events)
    /// }
    /// ```
    #[must_use]
    pub fn is_awaited<S>(&self, events: &Registry<S>) -> bool {
        events.contains(self.key.place.connection)
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Responder").field(&self.key.place).finish()
    }
}

/// Lets a request go on that waits for something.
///
/// # Examples
/// See [`RequestCx::resumption`].
#[derive(Clone)]
pub struct Resumption {
    place: Place,
    orphans: Rc<Orphans>,
}

impl Resumption {
    /// Offers an upload what it has left, reads on, and asks a body that waited for more: soon, not at once.
    ///
    /// # Examples
    /// See [`RequestCx::resumption`].
    pub fn resume(&self) {
        self.orphans.push(self.place, Said::Resume);
    }
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resumption").field(&self.place).finish()
    }
}

/// Writes the body of an answer piece by piece. One that is dropped before [`finish`](Self::finish) cuts the answer off, so that the client
/// notices.
///
/// # Examples
/// See [`RequestCx::writer`].
pub struct BodyWriter {
    key: Key,
}

impl BodyWriter {
    /// Writes a piece. Answers how many bytes wait to be written: who writes more than the client reads sees that grow, and goes on
    /// when [`on_drained`](Self::on_drained) says so.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchEvent`] where the client has gone.
    ///
    /// # Examples
    /// See [`RequestCx::writer`].
    pub fn write<S: 'static>(&mut self, events: &mut Registry<S>, bytes: impl AsRef<[u8]>) -> Result<usize, Error> {
        let mut data = Buffer::new();
        data.append(bytes);
        events.deliver(self.key.place, Message::Write(data))
    }

    /// As [`write`](Self::write), without a copy: moves everything out of `data`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Examples
    /// As for [`write`](Self::write).
    pub fn write_buffer<S: 'static>(&mut self, events: &mut Registry<S>, data: &mut Buffer) -> Result<usize, Error> {
        events.deliver(self.key.place, Message::Write(mem::take(data)))
    }

    /// How many bytes of the connection wait to be written; `None` where the client has gone.
    ///
    /// # Examples
    /// As for [`write`](Self::write).
    pub fn queued<S: 'static>(&mut self, events: &mut Registry<S>) -> Option<usize> {
        events.deliver(self.key.place, Message::Write(Buffer::new())).ok()
    }

    /// Ends the body.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Examples
    /// See [`Responder::stream`].
    pub fn finish<S: 'static>(&mut self, events: &mut Registry<S>) -> Result<(), Error> {
        events.deliver(self.key.use_up()?, Message::Finish).map(|_| ())
    }

    /// Calls `handler` whenever most of what was written has left.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::{BodyWriter, Server};
    ///
    /// /// Sends zeros as long as somebody reads them.
    /// let server = Server::<Vec<BodyWriter>>::new().get("/zeros", |cx, _request| {
    ///     let (mut writer, body) = cx.writer();
    ///     let _ = writer.write(cx, [0; 65536]);
    ///     let _ = writer.on_drained(cx, |cx| {
    ///         for mut writer in std::mem::take(cx.state()) {
    ///             if writer.write(cx, [0; 65536]).is_ok() {
    ///                 cx.state().push(writer);
    ///             }
    ///         }
    ///     });
    ///     cx.state().push(writer);
    ///     body
    /// });
    /// ```
    pub fn on_drained<S: 'static>(
        &self,
        events: &mut Registry<S>,
        handler: impl FnMut(&mut Context<'_, S>) + 'static,
    ) -> Result<(), Error> {
        events.deliver(self.key.place, Message::OnDrained(Box::new(handler))).map(|_| ())
    }
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BodyWriter").field(&self.key.place).finish()
    }
}

impl Scratch {
    /// Takes it out of the loop for a moment.
    pub fn lend<S>(registry: &mut Registry<S>) -> Self {
        let Registry { extensions, time, .. } = registry;
        let mut scratch = mem::take(extensions.get::<Self>());
        scratch.date.refresh(time);
        scratch
    }

    pub fn give_back<S>(self, registry: &mut Registry<S>) {
        *registry.extensions.get::<Self>() = self;
    }
}

/// What is answered where nobody did.
pub(super) fn orphaned() -> Response {
    answer::plain(StatusCode::INTERNAL_SERVER_ERROR)
}
