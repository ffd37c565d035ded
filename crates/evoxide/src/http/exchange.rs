//! Exchanges of clients: a request, its way to a connection, and whom the answer is for.

use super::body::Body;
use super::download::Exchange;
use super::failure::Failure;
use super::origin::{self, Origin};
use super::outgoing::Outgoing;
use super::types::{Head, RequestHead, header};
use crate::dns::{self, Resolver};
use crate::event_loop::context::Context;
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use crate::stream::{SocketOptions, Stream};
use crate::{Error, Timer};
use evoxide_core::key::Key;
use evoxide_core::slab::Slab;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// Puts a TLS session on a stream to a host.
pub(super) type Secure = Rc<dyn Fn(&mut Stream, &str) -> Result<(), Error>>;

/// What a client is configured with.
#[derive(Clone)]
pub(super) struct Settings {
    pub connect_timeout: Duration,
    pub timeout: Option<Duration>,
    pub progress_timeout: Duration,
    pub idle_timeout: Duration,
    pub max_idle: usize,
    pub redirects: u32,
    pub max_body: usize,
    pub proxy: Option<(String, u16)>,
    pub unix: Option<PathBuf>,
    pub resolver: Option<Resolver>,
    pub secure: Option<Secure>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: None,
            progress_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
            max_idle: 8,
            redirects: 0,
            max_body: 16 << 20,
            proxy: None,
            unix: None,
            resolver: None,
            secure: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("timeout", &self.timeout)
            .field("redirects", &self.redirects)
            .field("proxy", &self.proxy)
            .field("unix", &self.unix)
            .finish_non_exhaustive()
    }
}

/// A client: its settings, and its connections that wait. Proxy and TLS identity are the client's, so that an origin names what may share.
struct ClientData {
    settings: Rc<Settings>,
    idle: HashMap<Origin, Vec<EventId>>,
}

/// All clients and exchanges of a loop.
pub(super) struct Exchanges<S> {
    clients: Vec<ClientData>,
    states: Slab<Option<Box<State<S>>>>,
    resolver: Option<Resolver>,
    /// The system's authorities, once a client asked for them.
    #[cfg(feature = "native-roots")]
    roots: Option<Secure>,
    /// Exchanges for connections whose handler is running.
    assigned: Vec<(EventId, Key)>,
}

impl<S> Default for Exchanges<S> {
    fn default() -> Self {
        Self {
            clients: Vec::new(),
            states: Slab::new(),
            resolver: None,
            #[cfg(feature = "native-roots")]
            roots: None,
            assigned: Vec::new(),
        }
    }
}

impl<S: 'static> Exchanges<S> {
    pub fn add_client(&mut self, settings: Settings) -> usize {
        self.clients.push(ClientData { settings: Rc::new(settings), idle: HashMap::new() });
        self.clients.len() - 1
    }

    pub fn settings(&self, client: usize) -> Rc<Settings> {
        Rc::clone(&self.clients[client].settings)
    }

    /// Makes sure that a client can do TLS.
    ///
    /// # Errors
    /// [`Failure::Target`] where nobody said whom it trusts; what is wrong with the system's authorities.
    fn secure(&mut self, client: usize) -> Result<(), Error> {
        let settings = &mut self.clients[client].settings;
        if settings.secure.is_some() {
            return Ok(());
        }
        #[cfg(feature = "native-roots")]
        {
            let roots = match &self.roots {
                Some(roots) => Rc::clone(roots),
                None => {
                    let tls = crate::tls::ClientTls::builder().native_roots()?.protocols(["http/1.1"]).build()?;
                    let secure: Secure = Rc::new(move |stream, host| {
                        stream.start_tls(tls.layer(host)?);
                        Ok(())
                    });
                    Rc::clone(self.roots.insert(secure))
                }
            };
            Rc::make_mut(settings).secure = Some(roots);
            Ok(())
        }
        #[cfg(not(feature = "native-roots"))]
        Err(Failure::Target.into())
    }

    pub fn get_mut(&mut self, key: Key) -> Option<&mut State<S>> {
        self.states.get_mut(key)?.as_deref_mut()
    }

    /// A connection may serve another exchange. Whether it is kept.
    pub fn keep(&mut self, client: usize, origin: &Origin, id: EventId) -> bool {
        let client = &mut self.clients[client];
        let idle = client.idle.entry(origin.clone()).or_default();
        let kept = idle.len() < client.settings.max_idle;
        if kept {
            idle.push(id);
        }
        kept
    }

    /// A connection serves no exchange any more.
    pub fn forget(&mut self, client: usize, origin: &Origin, id: EventId) {
        if let Some(idle) = self.clients[client].idle.get_mut(origin) {
            idle.retain(|other| *other != id);
            if idle.is_empty() {
                self.clients[client].idle.remove(origin);
            }
        }
    }

    /// The exchange that was given to a connection while its handler ran.
    pub fn take_assigned(&mut self, id: EventId) -> Option<Key> {
        let at = self.assigned.iter().position(|(connection, _)| *connection == id)?;
        Some(self.assigned.swap_remove(at).1)
    }
}

/// One exchange.
pub(super) struct State<S> {
    pub client: usize,
    pub request: RequestHead,
    pub body: Option<Body>,
    pub max_body: u64,
    /// Somebody wants what is left, while the handler runs.
    pub resumed: bool,
    has_body: bool,
    handler: Option<Box<dyn Exchange<S>>>,
    connection: Option<EventId>,
    timers: [Option<EventId>; 2],
    redirects: u32,
    repeated: bool,
    /// A redirect is followed when its body is over.
    pub redirected: bool,
}

const WHOLE: usize = 0;
const CONNECTING: usize = 1;

impl<S: 'static> State<S> {
    pub fn begin(
        registry: &mut Registry<S>,
        client: usize,
        request: ::http::Request<Body>,
        max_body: u64,
        handler: Box<dyn Exchange<S>>,
    ) -> Key {
        let exchanges = registry.extensions.get::<Exchanges<S>>();
        let settings = exchanges.settings(client);
        let (parts, body) = request.into_parts();
        let state = Self {
            client,
            request: ::http::Request::from_parts(parts, ()),
            has_body: !body.is_empty(),
            body: Some(body),
            max_body,
            resumed: false,
            handler: Some(handler),
            connection: None,
            timers: [None; 2],
            redirects: settings.redirects,
            repeated: false,
            redirected: false,
        };
        let key = exchanges.states.insert(Some(Box::new(state)));
        if let Some(timeout) = settings.timeout {
            Self::set_timer(registry, key, WHOLE, timeout);
        }
        Self::start_or_fail(registry, key);
        key
    }

    fn of(registry: &mut Registry<S>, key: Key) -> Option<&mut Self> {
        registry.extensions.get::<Exchanges<S>>().get_mut(key)
    }

    fn set_timer(registry: &mut Registry<S>, key: Key, which: usize, time: Duration) {
        let timer = registry.timer(Timer::after(time), move |cx| Self::fail(cx, key, Failure::TimedOut.into()));
        let old = Self::of(registry, key).and_then(|state| state.timers[which].replace(timer));
        if let Some(old) = old {
            registry.remove(old);
        }
    }

    /// Finds a connection for an exchange. Failures are told soon.
    pub fn start_or_fail(registry: &mut Registry<S>, key: Key) {
        if let Err(error) = Self::start(registry, key) {
            let mut error = Some(error);
            registry.timer(Timer::after(Duration::ZERO), move |cx| {
                if let Some(error) = error.take() {
                    Self::fail(cx, key, error);
                }
            });
        }
    }

    fn start(registry: &mut Registry<S>, key: Key) -> Result<(), Error> {
        let Some(state) = Self::of(registry, key) else { return Ok(()) };
        let client = state.client;
        let origin = Origin::of(state.request.uri())?;
        if origin.https {
            registry.extensions.get::<Exchanges<S>>().secure(client)?;
        }
        let settings = registry.extensions.get::<Exchanges<S>>().settings(client);
        if let Some(id) = Self::reuse(registry, client, &origin, key) {
            if let Some(state) = Self::of(registry, key) {
                state.connection = Some(id);
            }
            return Ok(());
        }
        Self::set_timer(registry, key, CONNECTING, settings.connect_timeout);
        let outgoing = Outgoing::new(client, Rc::clone(&settings), origin.clone(), key);
        let id = match &settings.unix {
            Some(path) => registry.connect_unix(path, outgoing)?,
            None => {
                let (host, port) =
                    settings.proxy.as_ref().map_or((&origin.host, origin.port), |(host, port)| (host, *port));
                let Ok(address) = host.parse::<IpAddr>() else {
                    return Self::connect_by_name(registry, key, settings.resolver, host, port, outgoing);
                };
                registry.connect_with((address, port), &SocketOptions::new().nodelay(true), None, outgoing)?
            }
        };
        Self::connecting(registry, key, id)
    }

    /// A connection is on its way.
    fn connecting(registry: &mut Registry<S>, key: Key, id: EventId) -> Result<(), Error> {
        if let Some(state) = Self::of(registry, key) {
            state.connection = Some(id);
        }
        match registry.stream_and_handler::<Outgoing<S>>(id) {
            Some((stream, outgoing)) => outgoing.prepare(stream),
            None => Ok(()),
        }
    }

    fn reuse(registry: &mut Registry<S>, client: usize, origin: &Origin, key: Key) -> Option<EventId> {
        loop {
            let exchanges = registry.extensions.get::<Exchanges<S>>();
            let id = exchanges.clients[client].idle.get_mut(origin)?.pop()?;
            if !registry.contains(id) {
                continue;
            }
            match registry.stream_and_handler::<Outgoing<S>>(id) {
                Some((stream, outgoing)) => {
                    if outgoing.take_up(stream, key) {
                        return Some(id);
                    }
                }
                None => {
                    registry.extensions.get::<Exchanges<S>>().assigned.push((id, key));
                    return Some(id);
                }
            }
        }
    }

    fn connect_by_name(
        registry: &mut Registry<S>,
        key: Key,
        resolver: Option<Resolver>,
        host: &str,
        port: u16,
        outgoing: Outgoing<S>,
    ) -> Result<(), Error> {
        let known = resolver.or(registry.extensions.get::<Exchanges<S>>().resolver);
        let resolver = match known {
            Some(resolver) => resolver,
            None => {
                let resolver = registry.resolver(dns::Config::system())?;
                *registry.extensions.get::<Exchanges<S>>().resolver.insert(resolver)
            }
        };
        resolver.connect(registry, host, port, move |cx, socket| {
            if Self::of(cx, key).is_none() {
                return;
            }
            let begun = socket.and_then(|socket| {
                let _ = socket.set_nodelay(true);
                let id = cx.open(socket, outgoing)?;
                Self::connecting(cx, key, id)?;
                if let Some((stream, outgoing)) = cx.stream_and_handler::<Outgoing<S>>(id) {
                    outgoing.opened(stream);
                }
                Ok(())
            });
            if let Err(error) = begun {
                Self::fail(cx, key, error);
            }
        });
        Ok(())
    }

    /// The connection is made.
    pub fn connected(registry: &mut Registry<S>, key: Key) {
        let timer = Self::of(registry, key).and_then(|state| state.timers[CONNECTING].take());
        if let Some(timer) = timer {
            registry.remove(timer);
        }
    }

    /// The connection was lost before a byte of the answer came: tries again, if that may be. Whether it does.
    pub fn repeat(registry: &mut Registry<S>, key: Key) -> bool {
        let Some(state) = Self::of(registry, key) else { return false };
        if state.has_body || std::mem::replace(&mut state.repeated, true) {
            return false;
        }
        state.connection = None;
        Self::start_or_fail(registry, key);
        true
    }

    /// An answer's head has come: whether it leads elsewhere. The request is changed then, and starts again when the body is over.
    ///
    /// # Errors
    /// A redirect that is not followed.
    pub fn redirect(registry: &mut Registry<S>, key: Key, head: &Head) -> Result<bool, Failure> {
        let follows = registry.extensions.get::<Exchanges<S>>();
        let Some(state) = follows.states.get_mut(key).and_then(Option::as_mut) else { return Ok(false) };
        if follows.clients[state.client].settings.redirects == 0 {
            return Ok(false);
        }
        let location = head.headers().get(header::LOCATION).map(|value| value.as_bytes());
        let (mut method, mut uri) = (state.request.method().clone(), state.request.uri().clone());
        let headers = state.request.headers_mut();
        let mut changed = headers.clone();
        let has_body = state.has_body;
        if origin::redirect(head.status(), location, &mut method, &mut uri, &mut changed, has_body)?.is_none() {
            return Ok(false);
        }
        if state.redirects == 0 {
            return Err(Failure::Redirects);
        }
        state.redirects -= 1;
        state.has_body = false;
        state.body = Some(Body::empty());
        *state.request.headers_mut() = changed;
        (*state.request.method_mut(), *state.request.uri_mut()) = (method, uri);
        state.redirected = true;
        state.repeated = false;
        Ok(true)
    }

    /// Calls the handler, if the exchange still is. Whether it is afterwards.
    pub fn with_handler<R>(
        cx: &mut Context<'_, S>,
        key: Key,
        call: impl FnOnce(&mut dyn Exchange<S>, &mut Context<'_, S>) -> R,
    ) -> Option<R> {
        let mut handler = Self::of(cx, key)?.handler.take()?;
        let answer = call(&mut *handler, cx);
        Self::of(cx, key)?.handler = Some(handler);
        Some(answer)
    }

    /// Takes an exchange out, with its timers.
    fn take(registry: &mut Registry<S>, key: Key) -> Option<Box<Self>> {
        let mut state = registry.extensions.get::<Exchanges<S>>().states.remove(key)??;
        for timer in state.timers.iter_mut().filter_map(Option::take) {
            registry.remove(timer);
        }
        Some(state)
    }

    /// The answer is whole.
    pub fn end(cx: &mut Context<'_, S>, key: Key) {
        if let Some(handler) = Self::take(cx, key).and_then(|state| state.handler) {
            handler.on_end(cx, Ok(()));
        }
    }

    /// The exchange fails. Its connection, if its handler is not running, is closed.
    pub fn fail(cx: &mut Context<'_, S>, key: Key, error: Error) {
        let Some(state) = Self::take(cx, key) else { return };
        cx.registry.extensions.get::<Exchanges<S>>().assigned.retain(|(_, other)| *other != key);
        if let Some((stream, outgoing)) =
            state.connection.and_then(|id| cx.registry.stream_and_handler::<Outgoing<S>>(id))
            && outgoing.serves(key)
        {
            stream.close();
        }
        if let Some(handler) = state.handler {
            handler.on_end(cx, Err(error));
        }
    }

    pub fn cancel(registry: &mut Registry<S>, key: Key) -> bool {
        let Some(state) = Self::take(registry, key) else { return false };
        if let Some((stream, outgoing)) = state.connection.and_then(|id| registry.stream_and_handler::<Outgoing<S>>(id))
            && outgoing.serves(key)
        {
            stream.close();
        }
        let mut handler = state.handler;
        registry.timer(Timer::after(Duration::ZERO), move |cx| {
            if let Some(handler) = handler.take() {
                handler.on_end(cx, Err(Failure::Cancelled.into()));
            }
        });
        true
    }

    pub fn resume(registry: &mut Registry<S>, key: Key) {
        let Some(state) = Self::of(registry, key) else { return };
        let Some(id) = state.connection else { return };
        state.resumed = true;
        if let Some((stream, outgoing)) = registry.stream_and_handler::<Outgoing<S>>(id)
            && outgoing.serves(key)
        {
            stream.wake();
        }
    }
}
