//! Servers: routes, limits, deadlines, and the listeners that lead to them.

use super::answer::{Answer, IntoAnswer};
use super::connection::{Connection, LOW, deliver};
use super::context::{Post, RequestCx};
use super::guard::Guard;
use super::routes::{Endpoint, Routes};
use super::scratch::Scratch;
use super::timed;
use super::types::{Method, Request, RequestHead, StatusCode, Uri};
use super::upload::Upload;
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use crate::event_loop::timed::Named;
use crate::stream::{Filter, SocketOptions, Stream};
use crate::{Error, ErrorKind};
use evoxide_proto::http::{Leniency, Limits};
use std::cell::Cell;
use std::fmt;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// Bytes of a body that is collected for its handler.
const BODY: u64 = 2 * 1024 * 1024;

/// How long a server waits. `None`: for ever.
#[derive(Debug)]
pub(super) struct Times {
    pub idle: Option<Duration>,
    pub head: Option<Duration>,
    pub body: Option<Duration>,
    pub write: Option<Duration>,
    pub linger: Duration,
}

/// Puts a filter on each new connection.
type Prepare = Box<dyn Fn(&mut Stream) -> Result<Guard, Error>>;
type Log<S> = Rc<dyn Fn(&mut Context<'_, S>, &Access)>;

/// Routes with their handlers, limits and deadlines; [`Registry::serve`](crate::Registry::serve) puts it behind a listener.
///
/// Handlers are called with a [`RequestCx`] and the request, whose body is whole, and return what is [`IntoAnswer`]. They share data through
/// the loop's state. A path may hold parameters, `{name}` for one segment and `{*name}` for the rest.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use evoxide::http::{RequestExt, Server, StatusCode};
/// use std::collections::HashMap;
/// use std::io::{Read, Write};
/// use std::net::{TcpListener, TcpStream};
///
/// let server = Server::<HashMap<String, Vec<u8>>>::new()
///     .put("/notes/{name}", |cx, request| {
///         let name = request.param("name").unwrap_or_default().to_owned();
///         cx.state().insert(name, request.into_body().to_vec());
///         StatusCode::CREATED
///     })
///     .get("/notes/{name}", |cx, request| match cx.state().get(request.param("name").unwrap_or_default()) {
///         Some(note) => Ok(evoxide::http::Body::from(note.clone())),
///         None => Err(StatusCode::NOT_FOUND),
///     });
/// let mut ev = EventLoop::new(HashMap::new())?;
/// let listener = ev.serve("127.0.0.1:0", server)?;
///
/// let addr = ev.source::<TcpListener>(listener).unwrap().local_addr()?;
/// let handle = ev.handle();
/// let client = std::thread::spawn(move || {
///     let mut client = TcpStream::connect(addr).unwrap();
///     client.write_all(b"PUT /notes/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello").unwrap();
///     client.write_all(b"GET /notes/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
///     let mut text = String::new();
///     client.read_to_string(&mut text).unwrap();
///     handle.stop();
///     text
/// });
/// ev.run()?;
/// let answers = client.join().unwrap();
/// assert!(answers.starts_with("HTTP/1.1 201 Created\r\n"));
/// assert!(answers.ends_with("\r\n\r\nhello"));
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct Server<S> {
    pub(super) routes: Routes<S>,
    pub(super) limits: Limits,
    pub(super) times: Times,
    pub(super) max_body: u64,
    pub(super) log: Option<Log<S>>,
    max_connections: usize,
    prepare: Option<Prepare>,
    live: Cell<usize>,
    draining: Cell<bool>,
    /// Its listeners rest, since there are enough connections.
    full: Cell<bool>,
    listeners: Cell<Vec<EventId>>,
    /// What its connections use one after the other; with one of them while it is none.
    scratch: Cell<Option<Box<Scratch>>>,
}

impl<S> Default for Server<S> {
    fn default() -> Self {
        let times = Times {
            idle: Some(Duration::from_secs(75)),
            head: Some(Duration::from_secs(30)),
            body: Some(Duration::from_secs(60)),
            write: Some(Duration::from_secs(60)),
            linger: Duration::from_secs(5),
        };
        Self {
            routes: Routes::default(),
            limits: Limits { body: BODY, leniency: Leniency::NONE, ..Limits::DEFAULT },
            times,
            max_body: BODY,
            log: None,
            max_connections: usize::MAX,
            prepare: None,
            live: Cell::new(0),
            draining: Cell::new(false),
            full: Cell::new(false),
            listeners: Cell::default(),
            scratch: Cell::new(None),
        }
    }
}

macro_rules! methods {
    ($($name:ident $method:ident),*) => {
        $(
            #[doc = concat!("Answers `", stringify!($method), "` requests to a path.")]
            ///
            /// # Panics
            /// As [`route`](Self::route).
            ///
            /// # Examples
            /// See [`Server`].
            #[must_use]
            #[track_caller]
            pub fn $name<H, A>(self, path: &str, handler: H) -> Self
            where
                H: Fn(&mut RequestCx<'_, S>, Request) -> A + 'static,
                A: IntoAnswer<S>,
            {
                self.route(Method::$method, path, handler)
            }
        )*
    };
}

impl<S: 'static> Server<S> {
    /// A server without routes: it answers `404 Not Found`.
    ///
    /// # Examples
    /// See [`Server`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    methods! { get GET, post POST, put PUT, delete DELETE, patch PATCH }

    /// Answers requests of one method to a path. `HEAD` is answered by the handler of `GET` where it has none of its own, and other
    /// methods by `405 Method Not Allowed`.
    ///
    /// # Panics
    /// For a path that is malformed, or has such a handler already.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::{Method, Server, StatusCode};
    ///
    /// let server = Server::<()>::new().route(Method::OPTIONS, "/", |_cx, _request| StatusCode::NO_CONTENT);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn route<H, A>(mut self, method: Method, path: &str, handler: H) -> Self
    where
        H: Fn(&mut RequestCx<'_, S>, Request) -> A + 'static,
        A: IntoAnswer<S>,
    {
        self.routes.add(Some(method), path, whole(handler));
        self
    }

    /// Answers requests of all methods to a path.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// ```
    /// let server = evoxide::http::Server::<()>::new().any("/{*path}", |_cx, request| format!("{}\n", request.method()));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn any<H, A>(mut self, path: &str, handler: H) -> Self
    where
        H: Fn(&mut RequestCx<'_, S>, Request) -> A + 'static,
        A: IntoAnswer<S>,
    {
        self.routes.add(None, path, whole(handler));
        self
    }

    /// Answers requests that no path fits, `CONNECT` and `OPTIONS *` among them.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::{Server, StatusCode};
    ///
    /// let server = Server::<()>::new().fallback(|_cx, _request| (StatusCode::NOT_FOUND, "no such page\n"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn fallback<H, A>(mut self, handler: H) -> Self
    where
        H: Fn(&mut RequestCx<'_, S>, Request) -> A + 'static,
        A: IntoAnswer<S>,
    {
        self.routes.fallback = Some(self.routes.endpoints.len());
        self.routes.endpoints.push(whole(handler));
        self
    }

    /// Gives requests to a path, of one method, to an [`Upload`] as soon as the head is there. The handler may refuse instead, also before
    /// a client that waits for `100 Continue` has sent anything.
    ///
    /// Such bodies have no limit but what [`max_upload`](Self::max_upload) says.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    ///
    /// # Examples
    /// See [`Upload`].
    #[must_use]
    #[track_caller]
    pub fn upload<H, U>(mut self, method: Method, path: &str, handler: H) -> Self
    where
        H: Fn(&mut RequestCx<'_, S>, RequestHead) -> Result<U, Box<Answer<S>>> + 'static,
        U: Upload<S> + 'static,
    {
        let named = Named::of::<H>();
        let boxed = move |cx: &mut RequestCx<'_, S>, request: RequestHead| {
            cx.part_begins();
            let taken = handler(cx, request);
            cx.part_ends(named);
            taken.map(|upload| timed::upload(cx, upload, named))
        };
        self.routes.add(Some(method), path, Endpoint::Upload(Box::new(boxed)));
        if self.limits.body == self.max_body {
            self.limits.body = u64::MAX;
        }
        self
    }

    /// Serves requests of HTTP/1.1 without `Host`, too.
    #[cfg(feature = "rpc")]
    pub(crate) fn without_host(mut self) -> Self {
        self.limits.leniency.no_host = true;
        self
    }

    /// The longest body that is collected for a handler: 2 MiB, unless it is said. What is longer is answered by
    /// `413 Payload Too Large`.
    ///
    /// # Examples
    /// ```
    /// let server = evoxide::http::Server::<()>::new().max_body(64 * 1024);
    /// ```
    #[must_use]
    pub fn max_body(mut self, bytes: u64) -> Self {
        if self.limits.body == self.max_body {
            self.limits.body = bytes;
        }
        self.max_body = bytes;
        self
    }

    /// The longest body that an [`Upload`] takes.
    ///
    /// # Examples
    /// ```
    /// let server = evoxide::http::Server::<()>::new().max_upload(1 << 30);
    /// ```
    #[must_use]
    pub fn max_upload(mut self, bytes: u64) -> Self {
        self.limits.body = bytes.max(self.max_body);
        self
    }

    /// The longest head in bytes, and the most fields in it: 64 KiB and 128, unless it is said.
    ///
    /// # Examples
    /// ```
    /// let server = evoxide::http::Server::<()>::new().max_head(8 * 1024, 64);
    /// ```
    #[must_use]
    pub fn max_head(mut self, bytes: usize, fields: usize) -> Self {
        (self.limits.head, self.limits.fields) = (bytes, fields);
        self.limits.line = self.limits.line.min(bytes);
        self
    }

    /// How long a connection may wait for a request: 75 seconds, unless it is said.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let server = evoxide::http::Server::<()>::new()
    ///     .idle_timeout(Duration::from_secs(10))
    ///     .head_timeout(Duration::from_secs(5))
    ///     .body_timeout(Duration::from_secs(30))
    ///     .write_timeout(Duration::from_secs(30));
    /// ```
    #[must_use]
    pub const fn idle_timeout(mut self, time: Duration) -> Self {
        self.times.idle = Some(time);
        self
    }

    /// How long a head may take from its first byte to its last: 30 seconds, unless it is said. Then the answer is `408 Request Timeout`.
    /// A handshake of TLS may take as long, and is cut off then.
    ///
    /// # Examples
    /// See [`idle_timeout`](Self::idle_timeout).
    #[must_use]
    pub const fn head_timeout(mut self, time: Duration) -> Self {
        self.times.head = Some(time);
        self
    }

    /// How long a body may make no progress: 60 seconds, unless it is said. Then the answer is `408 Request Timeout`.
    ///
    /// # Examples
    /// See [`idle_timeout`](Self::idle_timeout).
    #[must_use]
    pub const fn body_timeout(mut self, time: Duration) -> Self {
        self.times.body = Some(time);
        self
    }

    /// How long a client may read nothing of an answer: 60 seconds, unless it is said.
    ///
    /// # Examples
    /// See [`idle_timeout`](Self::idle_timeout).
    #[must_use]
    pub const fn write_timeout(mut self, time: Duration) -> Self {
        self.times.write = Some(time);
        self
    }

    /// The most connections at a time. The listeners rest when that number is reached.
    ///
    /// # Examples
    /// ```
    /// let server = evoxide::http::Server::<()>::new().max_connections(1000);
    /// ```
    #[must_use]
    pub const fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count;
        self
    }

    /// Calls `log` with each answer when it is given out, those to malformed requests included.
    ///
    /// # Examples
    /// ```
    /// let server = evoxide::http::Server::<()>::new().log(|_cx, access| println!("{access}"));
    /// ```
    #[must_use]
    pub fn log(mut self, log: impl Fn(&mut Context<'_, S>, &Access) + 'static) -> Self {
        self.log = Some(Rc::new(log));
        self
    }

    /// Serves HTTPS, and WebSockets by `wss`: each connection begins with a session of `tls`. Handlers see the session with
    /// [`RequestCx::tls`].
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::EventLoop;
    /// use evoxide::http::Server;
    /// use evoxide::tls::{Identity, ServerTls};
    /// use std::fs;
    ///
    /// let identity = Identity::from_pem(fs::read("chain.pem")?, fs::read("key.pem")?)?;
    /// let tls = ServerTls::builder(identity).protocols(["http/1.1"]).build()?;
    /// let mut ev = EventLoop::new(())?;
    /// ev.serve("0.0.0.0:443", Server::new().tls(tls).get("/", |_cx, _request| "hello\n"))?;
    /// ev.run()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, tls: crate::tls::ServerTls) -> Self {
        self.prepare = Some(Box::new(move |stream| {
            let layer = tls.layer()?;
            let session = layer.session();
            stream.start_tls(layer);
            Ok(Guard::of(session))
        }));
        self
    }

    /// Puts a [`Filter`] on each new connection: HTTPS by another library than that of `tls`, or a tunnel's format.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::Server;
    /// use evoxide::stream::Filter;
    ///
    /// fn secured<F: Filter + 'static>(server: Server<()>, session: fn() -> F) -> Server<()> {
    ///     server.filter(session)
    /// }
    /// ```
    #[must_use]
    pub fn filter<F: Filter + 'static>(mut self, make: impl Fn() -> F + 'static) -> Self {
        self.prepare = Some(Box::new(move |stream| {
            stream.push_filter(make());
            Ok(Guard::default())
        }));
        self
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// A connection has gone. Whether listeners that rest may go on.
    pub(super) fn leave(&self) -> bool {
        self.live.set(self.live.get().saturating_sub(1));
        self.full.get() && self.live.get() < self.max_connections
    }

    pub(super) fn accept_again(&self, registry: &mut Registry<S>) {
        self.full.set(false);
        for id in self.listeners() {
            let _ = registry.resume(id);
        }
    }

    pub(super) fn lend_scratch(&self) -> Box<Scratch> {
        self.scratch.take().unwrap_or_default()
    }

    pub(super) fn take_scratch(&self, scratch: Box<Scratch>) {
        self.scratch.set(Some(scratch));
    }

    fn listeners(&self) -> Vec<EventId> {
        let listeners = self.listeners.take();
        self.listeners.set(listeners.clone());
        listeners
    }

    /// Takes a connection that a listener accepted.
    fn take(self: &Rc<Self>, cx: &mut Registry<S>, socket: OwnedFd) {
        if let Err(error) = cx.serve_connection(socket, self) {
            log::warn!("a connection was accepted and lost: {error}");
        }
        if self.live.get() >= self.max_connections {
            self.full.set(true);
            for id in self.listeners() {
                cx.pause(id);
            }
        }
    }

    fn add_listener(&self, id: EventId) {
        let mut listeners = self.listeners.take();
        listeners.push(id);
        self.listeners.set(listeners);
    }
}

#[track_caller]
fn whole<S, H, A>(handler: H) -> Endpoint<S>
where
    H: Fn(&mut RequestCx<'_, S>, Request) -> A + 'static,
    A: IntoAnswer<S>,
{
    let named = Named::of::<H>();
    Endpoint::Whole(Box::new(move |cx, request| {
        let Some(request) = request.take() else { return StatusCode::INTERNAL_SERVER_ERROR.into_answer() };
        cx.part_begins();
        let answer = handler(cx, request);
        cx.part_ends(named);
        answer.into_answer()
    }))
}

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("connections", &self.live.get())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The servers that listen.
struct Servers<S> {
    list: Vec<(EventId, Rc<Server<S>>)>,
    /// The loop knows that they end in order.
    end_in_order: bool,
}

impl<S> Default for Servers<S> {
    fn default() -> Self {
        Self { list: Vec::new(), end_in_order: false }
    }
}

impl<S: 'static> Registry<S> {
    /// Listens on an address for a server. The listener is the [source](Self::source) of the event, as a [`TcpListener`].
    ///
    /// A server that listens on several addresses is an [`Rc`]; one that runs on several threads is made in each of them.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// See [`Server`](crate::http::Server).
    pub fn serve(&mut self, addr: impl ToSocketAddrs, server: impl Into<Rc<Server<S>>>) -> Result<EventId, Error> {
        self.serve_from(TcpListener::bind(addr)?, server)
    }

    /// As [`serve`](Self::serve), with options of the listener's socket, which connections inherit.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::http::Server;
    /// use evoxide::stream::SocketOptions;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let options = SocketOptions::new().nodelay(true).reuse_port(true);
    /// ev.serve_with("127.0.0.1:0", &options, Server::new().get("/", |_cx, _request| "hello\n"))?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn serve_with(
        &mut self,
        addr: impl ToSocketAddrs,
        options: &SocketOptions,
        server: impl Into<Rc<Server<S>>>,
    ) -> Result<EventId, Error> {
        self.serve_from(options.listen(addr)?, server)
    }

    /// As [`serve`](Self::serve), with a listener that is there already.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::http::Server;
    /// use std::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut ev = EventLoop::new(())?;
    /// ev.serve_from(listener, Server::new().get("/", |_cx, _request| "hello\n"))?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn serve_from(&mut self, listener: TcpListener, server: impl Into<Rc<Server<S>>>) -> Result<EventId, Error> {
        let server = server.into();
        let taker = Rc::clone(&server);
        let id = self.accept_from(listener, move |cx, socket, _peer| taker.take(cx, socket.into()))?;
        self.listens(id, server);
        Ok(id)
    }

    /// As [`serve`](Self::serve), on a Unix socket. The file stays when the listener goes.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::EventLoop;
    /// use evoxide::http::Server;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.serve_unix("/run/hello.sock", Server::new().get("/", |_cx, _request| "hello\n"))?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn serve_unix(&mut self, path: impl AsRef<Path>, server: impl Into<Rc<Server<S>>>) -> Result<EventId, Error> {
        let server = server.into();
        let taker = Rc::clone(&server);
        let id = self.listen_unix(path, move |cx, socket| taker.take(cx, socket.into()))?;
        self.listens(id, server);
        Ok(id)
    }

    /// Serves one connection that is there already.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::http::Server;
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use std::rc::Rc;
    ///
    /// let (mut client, socket) = UnixStream::pair()?;
    /// let mut ev = EventLoop::new(())?;
    /// ev.serve_connection(socket, &Rc::new(Server::new().get("/", |_cx, _request| "hello\n")))?;
    /// client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    /// ev.run()?;
    /// let mut text = String::new();
    /// client.read_to_string(&mut text)?;
    /// assert!(text.ends_with("\r\n\r\nhello\n"));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn serve_connection(&mut self, socket: impl Into<OwnedFd>, server: &Rc<Server<S>>) -> Result<EventId, Error> {
        let id = self.open(socket, Connection::new(Rc::clone(server)))?;
        server.live.set(server.live.get() + 1);
        self.extensions.get::<Post<S>>().deliver = Some(deliver);
        let mut guard = None;
        if let Some(stream) = self.stream(id) {
            stream.set_timeouts(server.times.idle, server.times.write);
            stream.set_write_mark(LOW);
            guard = server.prepare.as_ref().map(|prepare| prepare(stream));
        }
        match guard {
            None => {}
            Some(Ok(guard)) => Connection::set_guard(self, id, guard, server.times.head),
            Some(Err(error)) => {
                self.remove(id);
                return Err(error);
            }
        }
        Ok(id)
    }

    /// A connection that waits to be accepted.
    fn accept_one(&mut self, listener: EventId) -> Option<OwnedFd> {
        if let Some(listener) = self.source::<TcpListener>(listener) {
            return listener.accept().ok().map(|(socket, _)| socket.into());
        }
        self.source::<UnixListener>(listener)?.accept().ok().map(|(socket, _)| socket.into())
    }

    fn listens(&mut self, id: EventId, server: Rc<Server<S>>) {
        server.add_listener(id);
        let servers = self.extensions.get::<Servers<S>>();
        servers.list.push((id, server));
        if !std::mem::replace(&mut servers.end_in_order, true) {
            self.drainers.push(Self::drain_servers);
        }
    }

    /// Drains all servers that listen.
    fn drain_servers(&mut self, within: Duration) {
        while let Some((id, _)) = self.extensions.get::<Servers<S>>().list.first() {
            let id = *id;
            let _ = self.drain_server(id, within);
        }
    }

    /// Ends a server in order: all its listeners accept what waits for them and go, connections that were used and wait for another
    /// request are closed, answers that are still to come say `Connection: close`, and what is left after `within` is closed as it is.
    /// Where nothing else keeps the loop running, it ends with the last connection. [`drain`](Self::drain) does so with all servers of a
    /// loop.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchEvent`] for what is no listener of a server.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, Signal};
    /// use evoxide::http::Server;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let listener = ev.serve("127.0.0.1:0", Server::new())?;
    /// let term = ev.signal(Signal::TERM, move |cx, _count| {
    ///     cx.remove_self();
    ///     let _ = cx.drain_server(listener, Duration::from_secs(30));
    /// })?;
    /// # ev.activate(term);
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn drain_server(&mut self, listener: EventId, within: Duration) -> Result<(), Error> {
        let servers = &mut self.extensions.get::<Servers<S>>().list;
        let found = servers.iter().find(|(id, _)| *id == listener).map(|(_, server)| Rc::clone(server));
        let Some(server) = found else { return Err(ErrorKind::NoSuchEvent.into()) };
        servers.retain(|(_, other)| !Rc::ptr_eq(other, &server));
        server.draining.set(true);
        for id in server.listeners.take() {
            while let Some(socket) = self.accept_one(id) {
                if let Err(error) = self.serve_connection(socket, &server) {
                    log::warn!("a connection was accepted and lost: {error}");
                }
            }
            self.remove(id);
        }
        let left = self.close_connections(&server, |stream, connection| connection.is_idle() && !stream.has_unread());
        if left > 0 {
            let timer = self.timer(within, move |cx| {
                cx.remove_self();
                cx.close_connections(&server, |_, _| true);
            });
            self.keep_alive(timer, false);
        }
        Ok(())
    }

    /// Closes those connections of a server. Answers how many are left.
    fn close_connections(
        &mut self,
        server: &Rc<Server<S>>,
        which: impl Fn(&mut Stream, &Connection<S>) -> bool,
    ) -> usize {
        for id in self.streams_of::<Connection<S>>() {
            if let Some((stream, connection)) = self.stream_and_handler::<Connection<S>>(id)
                && Rc::ptr_eq(connection.server(), server)
                && which(stream, connection)
            {
                stream.close();
            }
        }
        server.live.get()
    }
}

/// One answer, for an access log. It prints as a line.
///
/// # Examples
/// See [`Server::log`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Access {
    /// The client, where it has an address of the Internet.
    pub peer: Option<SocketAddr>,
    /// The method; none where the request was malformed.
    pub method: Option<Method>,
    /// What was asked for.
    pub uri: Option<Uri>,
    /// The status that was answered.
    pub status: StatusCode,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// From the request's head to the end of the answer.
    pub time: Duration,
    start: u64,
}

impl Access {
    pub(super) fn new(request: Option<&Request>, peer: Option<SocketAddr>, start: u64) -> Self {
        Self {
            peer,
            method: request.map(|r| r.method().clone()),
            uri: request.map(|r| r.uri().clone()),
            status: StatusCode::OK,
            bytes: 0,
            time: Duration::ZERO,
            start,
        }
    }

    pub(super) fn end(&mut self, now: u64) {
        self.time = Duration::from_nanos(now.saturating_sub(self.start));
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{peer}")?,
            None => f.write_str("-")?,
        }
        match (&self.method, &self.uri) {
            (Some(method), Some(uri)) => write!(f, " \"{method} {uri}\"")?,
            _ => f.write_str(" \"-\"")?,
        }
        write!(f, " {} {} {:?}", self.status.as_u16(), self.bytes, self.time)
    }
}
