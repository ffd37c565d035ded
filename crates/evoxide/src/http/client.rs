//! Clients: what a program says.

use super::body::Body;
use super::download::Exchange;
use super::exchange::{Exchanges, Settings, State};
use super::failure::Failure;
use super::timed;
use super::types::{Head, Method, OutRequest, Received, Uri};
use crate::Error;
use crate::buffer::Buffer;
use crate::dns::Resolver;
use crate::event_loop::context::Context;
use crate::event_loop::registry::Registry;
use crate::event_loop::timed::Named;
use crate::stream::Filter;
use evoxide_core::key::Key;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// How a client connects, what it waits for and what it takes.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use evoxide::http::ClientConfig;
/// use std::time::Duration;
///
/// let mut ev = EventLoop::new(())?;
/// let config = ClientConfig::new().connect_timeout(Duration::from_secs(5)).timeout(Duration::from_secs(30)).redirects(5);
/// let client = ev.http_client(config);
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Debug)]
pub struct ClientConfig {
    pub(super) settings: Settings,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientConfig {
    /// Connections in 10 seconds, 60 seconds without progress, no limit on the whole, no redirects; idle connections are kept for
    /// 60 seconds, eight for each origin.
    ///
    /// # Examples
    /// See [`ClientConfig`].
    #[must_use]
    pub fn new() -> Self {
        Self { settings: Settings::default() }
    }

    /// How long connecting may take, look-ups and handshakes included.
    ///
    /// # Examples
    /// See [`ClientConfig`].
    #[must_use]
    pub const fn connect_timeout(mut self, time: Duration) -> Self {
        self.settings.connect_timeout = time;
        self
    }

    /// How long a whole exchange may take, with its redirects.
    ///
    /// # Examples
    /// See [`ClientConfig`].
    #[must_use]
    pub const fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = Some(time);
        self
    }

    /// How long an exchange may make no progress.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::ClientConfig;
    /// use std::time::Duration;
    ///
    /// let config = ClientConfig::new().progress_timeout(Duration::from_secs(5)).idle_connections(2, Duration::from_secs(10));
    /// ```
    #[must_use]
    pub const fn progress_timeout(mut self, time: Duration) -> Self {
        self.settings.progress_timeout = time;
        self
    }

    /// How many idle connections are kept for each origin, and for how long.
    ///
    /// # Examples
    /// See [`progress_timeout`](Self::progress_timeout).
    #[must_use]
    pub const fn idle_connections(mut self, count: usize, time: Duration) -> Self {
        (self.settings.max_idle, self.settings.idle_timeout) = (count, time);
        self
    }

    /// Follows at most this number of redirects. To another origin they lose `Authorization` and `Cookie`, and they never lead from `https` to `http`.
    ///
    /// # Examples
    /// See [`ClientConfig`].
    #[must_use]
    pub const fn redirects(mut self, count: u32) -> Self {
        self.settings.redirects = count;
        self
    }

    /// The longest body that is collected: 16 MiB, unless it is said. What an [`Exchange`] takes as it comes has no limit.
    ///
    /// # Examples
    /// ```
    /// let config = evoxide::http::ClientConfig::new().max_body(64 * 1024);
    /// ```
    #[must_use]
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.settings.max_body = bytes;
        self
    }

    /// Connects through a proxy, by `CONNECT`.
    ///
    /// # Examples
    /// ```
    /// let config = evoxide::http::ClientConfig::new().proxy("proxy.example", 3128);
    /// ```
    #[must_use]
    pub fn proxy(mut self, host: &str, port: u16) -> Self {
        self.settings.proxy = Some((host.to_owned(), port));
        self
    }

    /// Connects to a Unix socket, whatever the URI's host.
    ///
    /// # Examples
    /// ```
    /// let config = evoxide::http::ClientConfig::new().unix("/run/service.sock");
    /// ```
    #[must_use]
    pub fn unix(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.unix = Some(path.into());
        self
    }

    /// Looks names up with this resolver, instead of one with the system's configuration.
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::EventLoop;
    /// use evoxide::dns::Config;
    /// use evoxide::http::ClientConfig;
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let resolver = ev.resolver(Config::new().server("192.0.2.53:53".parse().unwrap()))?;
    /// let client = ev.http_client(ClientConfig::new().resolver(resolver));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[must_use]
    pub const fn resolver(mut self, resolver: Resolver) -> Self {
        self.settings.resolver = Some(resolver);
        self
    }

    /// Whom connections for `https` and `wss` trust, and who the client is there. The name in the URI is verified. Unless it is said,
    /// they trust the system's authorities with the feature `native-roots`, and are refused without.
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::EventLoop;
    /// use evoxide::http::ClientConfig;
    /// use evoxide::tls::ClientTls;
    ///
    /// let tls = ClientTls::builder().root_pem(std::fs::read("authority.pem")?)?.protocols(["http/1.1"]).build()?;
    /// let mut ev = EventLoop::new(())?;
    /// let client = ev.http_client(ClientConfig::new().tls(tls));
    /// client.get(&mut ev, "https://service.example/", |_cx, answer| println!("{answer:?}"));
    /// ev.run()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(self, tls: crate::tls::ClientTls) -> Self {
        self.filter(move |host| tls.layer(host))
    }

    /// Puts what `make` makes on connections for `https`: TLS by another library than that of `tls`. It is given the host's name,
    /// which it must verify.
    ///
    /// # Errors
    /// An error of `make` fails the exchange.
    ///
    /// # Examples
    /// ```
    /// use evoxide::Error;
    /// use evoxide::http::ClientConfig;
    /// use evoxide::stream::Filter;
    ///
    /// fn secured<F: Filter + 'static>(session: fn(&str) -> Result<F, Error>) -> ClientConfig {
    ///     ClientConfig::new().filter(session)
    /// }
    /// ```
    #[must_use]
    pub fn filter<F: Filter + 'static>(mut self, make: impl Fn(&str) -> Result<F, Error> + 'static) -> Self {
        self.settings.secure = Some(Rc::new(move |stream, host| {
            stream.start_tls(make(host)?);
            Ok(())
        }));
        self
    }
}

impl<S: 'static> Registry<S> {
    /// Makes a client. It lives as long as the loop.
    ///
    /// # Examples
    /// See [`Client`].
    pub fn http_client(&mut self, config: ClientConfig) -> Client {
        Client { at: self.extensions.get::<Exchanges<S>>().add_client(config.settings) }
    }
}

/// A client of HTTP: a small value that names connections and settings in a loop.
///
/// Connections are kept for requests to the same origin. A request on a kept connection that turns out to be closed is sent again, if
/// it may be.
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use evoxide::http::{ClientConfig, Server};
/// use std::net::TcpListener;
///
/// let mut ev = EventLoop::new(String::new())?;
/// let listener = ev.serve("127.0.0.1:0", Server::new().get("/", |_cx, _request| "hello\n"))?;
/// let port = ev.source::<TcpListener>(listener).unwrap().local_addr()?.port();
///
/// let client = ev.http_client(ClientConfig::new());
/// client.get(&mut ev, &format!("http://127.0.0.1:{port}/"), |cx, answer| {
///     let answer = answer.unwrap();
///     assert_eq!(answer.status(), 200);
///     *cx.state() = String::from_utf8(answer.into_body().to_vec()).unwrap();
///     cx.exit();
/// });
/// ev.run()?;
/// assert_eq!(ev.state(), "hello\n");
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    pub(super) at: usize,
}

impl Client {
    /// Asks for a URI and collects the answer's body.
    ///
    /// # Examples
    /// See [`Client`].
    #[track_caller]
    pub fn get<S: 'static>(
        self,
        events: &mut Registry<S>,
        uri: &str,
        handler: impl FnOnce(&mut Context<'_, S>, Result<Received, Error>) + 'static,
    ) -> ExchangeId {
        let mut request = OutRequest::new(Body::empty());
        match uri.parse::<Uri>() {
            Ok(uri) => *request.uri_mut() = uri,
            // No origin: it is refused like any other.
            Err(_) => *request.uri_mut() = Uri::from_static("/"),
        }
        *request.method_mut() = Method::GET;
        self.send(events, request, handler)
    }

    /// Sends a request, whose URI is absolute, and collects the answer's body. The handler is called once, and never before this returns.
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::EventLoop;
    /// use evoxide::http::{Body, ClientConfig, Method, OutRequest};
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let client = ev.http_client(ClientConfig::new());
    /// let mut request = OutRequest::new(Body::from("an item"));
    /// *request.method_mut() = Method::POST;
    /// *request.uri_mut() = "http://192.0.2.1/items".parse().unwrap();
    /// request.headers_mut().insert("authorization", "Bearer 1234".parse().unwrap());
    /// client.send(&mut ev, request, |_cx, answer| match answer {
    ///     Ok(answer) => println!("{}", answer.status()),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn send<S: 'static>(
        self,
        events: &mut Registry<S>,
        request: OutRequest,
        handler: impl FnOnce(&mut Context<'_, S>, Result<Received, Error>) + 'static,
    ) -> ExchangeId {
        let max = events.extensions.get::<Exchanges<S>>().settings(self.at).max_body as u64;
        let named = Named::of_value(&handler);
        let collect = Collect { handler: Box::new(handler), head: None, body: Buffer::new() };
        let collect = timed::exchange(events, collect, named);
        ExchangeId { key: State::begin(events, self.at, request, max, collect) }
    }

    /// The longest body that it collects.
    #[cfg(feature = "async")]
    pub(super) fn max_body<S: 'static>(self, cx: &crate::task::TaskCx<S>) -> u64 {
        cx.with(|cx| cx.registry.extensions.get::<Exchanges<S>>().settings(self.at).max_body as u64)
    }

    /// Sends a request, and gives the answer to an [`Exchange`] as it comes.
    ///
    /// # Examples
    /// See [`Exchange`].
    #[track_caller]
    pub fn exchange<S: 'static>(
        self,
        events: &mut Registry<S>,
        request: OutRequest,
        handler: impl Exchange<S> + 'static,
    ) -> ExchangeId {
        self.exchange_within(events, request, u64::MAX, handler)
    }

    /// As [`exchange`](Self::exchange), of a body of at most `max` bytes.
    #[track_caller]
    pub(crate) fn exchange_within<S: 'static>(
        self,
        events: &mut Registry<S>,
        request: OutRequest,
        max: u64,
        handler: impl Exchange<S> + 'static,
    ) -> ExchangeId {
        let named = Named::of_value(&handler);
        let handler = timed::exchange(events, handler, named);
        ExchangeId { key: State::begin(events, self.at, request, max, handler) }
    }
}

/// Names an exchange of a client. Cheap to copy; one that is over is answered with "no".
///
/// # Examples
/// ```no_run
/// use evoxide::EventLoop;
/// use evoxide::http::ClientConfig;
///
/// let mut ev = EventLoop::new(())?;
/// let client = ev.http_client(ClientConfig::new());
/// let id = client.get(&mut ev, "http://192.0.2.1/", |_cx, answer| assert!(answer.is_err()));
/// assert!(id.cancel(&mut ev));
/// assert!(!id.cancel(&mut ev));
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExchangeId {
    key: Key,
}

impl fmt::Debug for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExchangeId({}v{})", self.key.index, self.key.generation)
    }
}

impl ExchangeId {
    /// Ends an exchange, whose handler is told [`Failure::Cancelled`] soon. Whether there was one.
    ///
    /// # Examples
    /// See [`ExchangeId`].
    pub fn cancel<S: 'static>(self, events: &mut Registry<S>) -> bool {
        State::cancel(events, self.key)
    }

    /// Offers an [`Exchange`] what it has left, reads on, and asks a body that [waits](super::Flow::Wait) for more.
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::Context;
    /// use evoxide::http::ExchangeId;
    ///
    /// fn go_on<S: 'static>(cx: &mut Context<'_, S>, download: ExchangeId) {
    ///     download.resume(cx);
    /// }
    /// ```
    pub fn resume<S: 'static>(self, events: &mut Registry<S>) {
        State::resume(events, self.key);
    }
}

type OnAnswer<S> = Box<dyn FnOnce(&mut Context<'_, S>, Result<Received, Error>)>;

/// Collects an answer.
struct Collect<S> {
    handler: OnAnswer<S>,
    head: Option<Head>,
    body: Buffer,
}

impl<S> Exchange<S> for Collect<S> {
    fn on_head(&mut self, _cx: &mut Context<'_, S>, head: Head) {
        self.head = Some(head);
    }

    fn on_data(&mut self, _cx: &mut Context<'_, S>, data: &mut Buffer) {
        self.body.append_buffer(data);
    }

    fn on_end(self: Box<Self>, cx: &mut Context<'_, S>, result: Result<(), Error>) {
        let Self { handler, head, body } = *self;
        let whole = head.ok_or_else(|| Failure::Closed.into()).map(|head| head.map(|()| body));
        handler(cx, result.and(whole));
    }
}
