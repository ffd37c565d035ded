//! The resolver in a loop.

use super::{Answer, Config, Failure, Name, rtype};
use crate::event_loop::timed::named;
use crate::stream::{StreamCtx, StreamEvent, StreamHandler};
use crate::{Context, Error, ErrorKind, EventId, Interest, Registry};
use evoxide_core::key::Key;
use evoxide_proto::dns::hosts::is_localhost;
use evoxide_proto::dns::resolver::{Ask, Effect, Resolver as Machine};
use evoxide_proto::dns::{NoMemory, Random};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

/// What a look-up calls.
type Job<S> = Box<dyn FnOnce(&mut Context<'_, S>, Result<Answer, Failure>)>;
/// What is called when the turn comes to it.
type Due<S> = Box<dyn FnOnce(&mut Context<'_, S>)>;

/// How often files are looked at where the system does not tell of changes.
const WATCH: Duration = Duration::from_secs(5);
/// The most that is read of a datagram.
const READ: usize = 4096;

/// Names a look-up, to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupId(Key);

/// The questions of a look-up of a host that are under way.
pub(super) type Asked = Rc<Cell<[Option<LookupId>; 2]>>;

/// A look-up of a host, to cancel it. Dropping it has no effect.
///
/// # Examples
/// See [`Resolver::lookup_host`].
#[derive(Clone, Debug)]
pub struct HostLookup {
    resolver: Resolver,
    asked: Asked,
    over: Rc<Cell<bool>>,
}

impl HostLookup {
    /// Ends the look-up; its handler is not called. Returns whether it was under way.
    ///
    /// # Examples
    /// See [`Resolver::lookup_host`].
    pub fn cancel<S: 'static>(&self, events: &mut Registry<S>) -> bool {
        let ends = !self.over.replace(true);
        for lookup in self.asked.take().into_iter().flatten() {
            self.resolver.cancel(events, lookup);
        }
        ends
    }
}

/// Names a resolver of a loop.
///
/// # Examples
/// See the [module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolver {
    at: usize,
}

/// The system's random bytes.
struct System;

impl Random for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            // Numbers that can be guessed would let anybody answer.
            log::error!("the system has no random bytes");
            std::process::abort();
        }
    }
}

/// One resolver's part of the loop.
struct Instance<S> {
    machine: Machine<Job<S>>,
    config: Config,
    /// The events of sockets and connections, by the index of their keys.
    links: Vec<Option<EventId>>,
    timer: Option<(EventId, u64)>,
    /// Calls what is due.
    caller: EventId,
    due: VecDeque<Due<S>>,
}

/// The resolver for connecting by name.
#[derive(Default)]
struct Chosen(Option<Resolver>);

/// The resolvers of a loop.
struct Resolvers<S>(Vec<Instance<S>>);

impl<S> Default for Resolvers<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S: 'static> Registry<S> {
    /// Makes a resolver. It does not keep the loop running, but look-ups do.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// See [`dns`](crate::dns).
    pub fn resolver(&mut self, config: Config) -> Result<Resolver, Error> {
        let now = self.time.now();
        let mut machine = Machine::new(config.options.clone(), config.cache, &mut System);
        for server in config.all_servers() {
            machine.add_server(server, now).map_err(|NoMemory| Error::from(ErrorKind::TooMany))?;
        }
        let at = self.extensions.get::<Resolvers<S>>().0.len();
        let resolver = Resolver { at };
        let caller = self.user(move |cx| resolver.call_due(cx));
        let files = config.files.clone().filter(|_| !config.no_reload);
        let instance = Instance { machine, config, links: Vec::new(), timer: None, caller, due: VecDeque::new() };
        self.extensions.get::<Resolvers<S>>().0.push(instance);
        resolver.drive(self);
        for path in files.into_iter().flat_map(|files| [files.resolv_conf, files.hosts]) {
            let watch = self.stat(path, WATCH, move |cx, _change| resolver.reload(cx))?;
            self.keep_alive(watch, false);
        }
        Ok(resolver)
    }

    /// The resolver by which streams are [connected](Self::connect) to hosts by name: the one that was set, or one with the
    /// system's configuration.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// See [`set_resolver`](Self::set_resolver).
    pub fn default_resolver(&mut self) -> Result<Resolver, Error> {
        if let Some(known) = self.extensions.get::<Chosen>().0 {
            return Ok(known);
        }
        let made = self.resolver(Config::system())?;
        self.set_resolver(made);
        Ok(made)
    }

    /// Sets the resolver by which streams are connected to hosts by name.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::dns::Config;
    /// use evoxide::stream::{StreamCtx, StreamEvent, StreamHandler};
    /// use std::net::TcpListener;
    ///
    /// struct Client;
    ///
    /// impl StreamHandler<bool> for Client {
    ///     fn on_read(&mut self, _cx: &mut StreamCtx<'_, bool>) {}
    ///
    ///     fn on_event(&mut self, cx: &mut StreamCtx<'_, bool>, event: StreamEvent) {
    ///         *cx.state() = matches!(event, StreamEvent::Connected);
    ///         cx.close();
    ///     }
    /// }
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut ev = EventLoop::new(false)?;
    /// let resolver = ev.resolver(Config::new().hosts(b"127.0.0.1 printer"))?;
    /// ev.set_resolver(resolver);
    /// ev.connect(("printer", listener.local_addr()?.port()), Client)?;
    /// ev.run()?;
    /// assert!(ev.state());
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn set_resolver(&mut self, resolver: Resolver) {
        self.extensions.get::<Chosen>().0 = Some(resolver);
    }
}

impl Resolver {
    /// Looks up the records of a type ([`rtype`]). Names with fewer dots than `ndots` go through the search list; a dot at the end
    /// makes a name absolute.
    ///
    /// The answer, or why there is none, comes to `handler`. `None`: the name is none, and `handler` is called with
    /// [`Failure::BadName`].
    ///
    /// # Examples
    /// ```no_run
    /// use evoxide::EventLoop;
    /// use evoxide::dns::{Config, Data, rtype};
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let resolver = ev.resolver(Config::system())?;
    /// resolver.lookup(&mut ev, "example.com", rtype::MX, None, |_cx, answer| {
    ///     for record in answer.iter().flat_map(|answer| answer.records()) {
    ///         if let Ok(Data::Mx { preference, exchange }) = record.data() {
    ///             println!("{preference} {exchange}");
    ///         }
    ///     }
    /// });
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn lookup<S: 'static>(
        self,
        events: &mut Registry<S>,
        name: &str,
        rtype: u16,
        deadline: Option<Duration>,
        handler: impl FnOnce(&mut Context<'_, S>, Result<Answer, Failure>) + 'static,
    ) -> Option<LookupId> {
        let (absolute, handler) = (name.ends_with('.'), named(handler));
        match name.parse::<Name>() {
            Ok(name) => self.start(events, &name, absolute, rtype, deadline, None, Box::new(handler)),
            Err(_) => {
                self.post(events, Box::new(move |cx| handler(cx, Err(Failure::BadName))));
                None
            }
        }
    }

    /// Looks up the name of an address.
    ///
    /// # Examples
    /// See [`lookup`](Self::lookup).
    #[track_caller]
    pub fn reverse<S: 'static>(
        self,
        events: &mut Registry<S>,
        address: IpAddr,
        handler: impl FnOnce(&mut Context<'_, S>, Result<Answer, Failure>) + 'static,
    ) -> Option<LookupId> {
        let name = match address {
            IpAddr::V4(v4) => Name::reverse_v4(v4.octets()),
            IpAddr::V6(v6) => Name::reverse_v6(v6.octets()),
        };
        self.start(events, &name, true, rtype::PTR, None, None, Box::new(named(handler)))
    }

    /// Looks up the addresses of a host: an address as text, `localhost`, a name of the hosts file, or a name of the DNS, IPv6
    /// and IPv4 at once.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::dns::Config;
    ///
    /// let mut ev = EventLoop::new(Vec::new())?;
    /// let resolver = ev.resolver(Config::new().hosts(b"192.0.2.7 printer"))?;
    /// resolver.lookup_host(&mut ev, "printer", |cx, found| *cx.state() = found.unwrap());
    /// ev.run()?;
    /// assert_eq!(ev.state()[0].to_string(), "192.0.2.7");
    ///
    /// let lookup = resolver.lookup_host(&mut ev, "example.com", |_cx, _found| unreachable!());
    /// assert!(lookup.cancel(&mut ev));
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn lookup_host<S: 'static>(
        self,
        events: &mut Registry<S>,
        host: &str,
        handler: impl FnOnce(&mut Context<'_, S>, Result<Vec<IpAddr>, Failure>) + 'static,
    ) -> HostLookup {
        type Both<H> = (Option<H>, [Option<Result<Vec<IpAddr>, Failure>>; 2]);
        let both: Rc<RefCell<Both<_>>> = Rc::new(RefCell::new((Some(named(handler)), [None, None])));
        let lookup = HostLookup { resolver: self, asked: Asked::default(), over: Rc::default() };
        let over = Rc::clone(&lookup.over);
        self.lookup_families(events, host, &lookup.asked, move |cx, family, found| {
            if over.get() {
                return;
            }
            let mut state = both.borrow_mut();
            state.1[family] = Some(found);
            if state.1.iter().any(Option::is_none) {
                return;
            }
            let [six, four] = std::mem::take(&mut state.1).map(|one| one.unwrap_or(Err(Failure::NoMemory)));
            let handler = state.0.take();
            drop(state);
            let result = match (six, four) {
                (Ok(six), Ok(four)) => Ok([six, four].concat()),
                (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
                (Err(_), Err(failure)) => Err(failure),
            };
            over.set(true);
            if let Some(handler) = handler {
                handler(cx, result);
            }
        });
        lookup
    }

    /// Looks up the addresses of each family (0: IPv6, 1: IPv4) and tells them one by one. What is asked is noted in `asked`.
    pub(super) fn lookup_families<S: 'static>(
        self,
        events: &mut Registry<S>,
        host: &str,
        asked: &Asked,
        handler: impl Fn(&mut Context<'_, S>, usize, Result<Vec<IpAddr>, Failure>) + 'static,
    ) {
        let config = &self.of(events).config;
        let (one_by_one, no_aaaa, sortlist) = (config.one_by_one, config.no_aaaa, config.sortlist.clone());
        let handler = move |cx: &mut Context<'_, S>, family: usize, found: Result<Vec<IpAddr>, Failure>| {
            let sorted = found.map(|mut list| {
                sortlist.sort(&mut list);
                list
            });
            handler(cx, family, sorted);
        };
        let handler = Rc::new(handler);
        if let Some(known) = self.known(events, host) {
            let (six, four): (Vec<IpAddr>, Vec<IpAddr>) = known.into_iter().partition(IpAddr::is_ipv6);
            self.post(
                events,
                Box::new(move |cx| {
                    for (family, list) in [(0, six), (1, four)] {
                        let found = if list.is_empty() { Err(Failure::NoData(0)) } else { Ok(list) };
                        handler(cx, family, found);
                    }
                }),
            );
            return;
        }
        let absolute = host.ends_with('.');
        let Ok(name) = host.parse::<Name>() else {
            self.post(
                events,
                Box::new(move |cx| {
                    handler(cx, 0, Err(Failure::BadName));
                    handler(cx, 1, Err(Failure::BadName));
                }),
            );
            return;
        };
        if no_aaaa {
            let job: Job<S> = Box::new(move |cx, result| {
                handler(cx, 0, Err(Failure::NoData(0)));
                handler(cx, 1, result.map(|answer| answer.addresses().collect()));
            });
            asked.set([None, self.start(events, &name, absolute, rtype::A, None, None, job)]);
            return;
        }
        if one_by_one {
            let second = Rc::clone(asked);
            let job: Job<S> = Box::new(move |cx, result| {
                second.take();
                handler(cx, 0, result.map(|answer| answer.addresses().collect()));
                let job: Job<S> = Box::new(move |cx, result| {
                    handler(cx, 1, result.map(|answer| answer.addresses().collect()));
                });
                second.set([None, self.start(cx, &name, absolute, rtype::A, None, None, job)]);
            });
            asked.set([self.start(events, &name, absolute, rtype::AAAA, None, None, job), None]);
            return;
        }
        let (mut beside, mut ids) = (None, [None; 2]);
        for (family, rtype) in [(0, rtype::AAAA), (1, rtype::A)] {
            let handler = Rc::clone(&handler);
            let job: Job<S> = Box::new(move |cx, result| {
                handler(cx, family, result.map(|answer| answer.addresses().collect()));
            });
            let id = self.start(events, &name, absolute, rtype, None, beside, job);
            beside = id.map(|id| id.0);
            ids[family] = id;
        }
        asked.set(ids);
    }

    /// The files changed: what is under way begins again with what they say now.
    fn reload<S: 'static>(self, events: &mut Registry<S>) {
        let now = events.time.now();
        let of = self.of(events);
        of.config.reload();
        of.machine.suspend();
        of.machine.clear_cache();
        *of.machine.options_mut() = of.config.options.clone();
        for server in of.config.all_servers() {
            // Without memory there are fewer servers.
            let _ = of.machine.add_server(server, now);
        }
        of.machine.resume();
        of.machine.pump(now, &mut System);
        self.drive(events);
    }

    /// The addresses that are known without asking.
    fn known<S: 'static>(self, events: &mut Registry<S>, host: &str) -> Option<Vec<IpAddr>> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Some(vec![address]);
        }
        let config = &self.of(events).config;
        let listed: Vec<IpAddr> =
            config.hosts.find(host.as_bytes()).chain(config.file_hosts.find(host.as_bytes())).collect();
        if !listed.is_empty() {
            return Some(listed);
        }
        is_localhost(host.as_bytes()).then(|| vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()])
    }

    /// Cancels a look-up; its handler is dropped without a call. Returns whether it was under way.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::dns::{Config, rtype};
    ///
    /// let mut ev = EventLoop::new(())?;
    /// let resolver = ev.resolver(Config::new().server("192.0.2.53:53".parse().unwrap()))?;
    /// let id = resolver.lookup(&mut ev, "example.com", rtype::A, None, |_, _| unreachable!()).unwrap();
    /// assert!(resolver.cancel(&mut ev, id));
    /// assert!(!resolver.cancel(&mut ev, id));
    /// ev.run()?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn cancel<S: 'static>(self, events: &mut Registry<S>, lookup: LookupId) -> bool {
        let now = events.time.now();
        let cancelled = self.of(events).machine.cancel(lookup.0, now, &mut System).is_some();
        self.drive(events);
        cancelled
    }

    #[expect(clippy::too_many_arguments, reason = "one call with everything that a request is")]
    fn start<S: 'static>(
        self,
        events: &mut Registry<S>,
        name: &Name,
        absolute: bool,
        rtype: u16,
        deadline: Option<Duration>,
        beside: Option<Key>,
        job: Job<S>,
    ) -> Option<LookupId> {
        let now = events.time.now();
        let deadline = deadline.or(self.of(events).config.deadline);
        let mut ask = Ask::new(name, rtype);
        ask.absolute = absolute;
        ask.beside = beside;
        ask.deadline = deadline.map(|after| now.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)));
        let key = self.of(events).machine.start(ask, job, now, &mut System).ok();
        self.drive(events);
        key.map(LookupId)
    }

    fn of<S: 'static>(self, events: &mut Registry<S>) -> &mut Instance<S> {
        &mut events.extensions.get::<Resolvers<S>>().0[self.at]
    }

    /// Has something called from the loop.
    pub(super) fn post<S: 'static>(self, events: &mut Registry<S>, due: Due<S>) {
        let of = self.of(events);
        of.due.push_back(due);
        let caller = of.caller;
        events.activate(caller);
    }

    fn call_due<S: 'static>(self, cx: &mut Context<'_, S>) {
        while let Some(due) = self.of(cx).due.pop_front() {
            due(cx);
        }
    }

    /// Carries out what the machine wants.
    fn drive<S: 'static>(self, events: &mut Registry<S>) {
        while let Some(effect) = self.of(events).machine.next_effect() {
            match effect {
                Effect::Open { socket, server } => {
                    let link = self.open_udp(events, socket, server);
                    self.opened(events, socket, link);
                }
                Effect::Connect { socket, server } => {
                    let link = self.connect_tcp(events, socket, server);
                    self.opened(events, socket, link);
                }
                Effect::Send { socket, query } => self.send(events, socket, query),
                Effect::Write { socket, query } => self.write(events, socket, query),
                Effect::Close { socket } => {
                    let link = self.of(events).links.get_mut(socket.index as usize).and_then(Option::take);
                    if let Some(id) = link {
                        events.remove(id);
                    }
                }
                Effect::Done { token, result } => self.post(events, Box::new(move |cx| token(cx, result))),
                Effect::Down { server, .. } => log::debug!("name server {server} is down"),
                Effect::Up { server } => log::debug!("name server {server} is back"),
            }
        }
        self.arm(events);
    }

    fn opened<S: 'static>(self, events: &mut Registry<S>, socket: Key, link: Result<EventId, Error>) {
        let at = socket.index as usize;
        match link {
            Ok(id) => {
                events.keep_alive(id, false);
                let links = &mut self.of(events).links;
                if links.len() <= at {
                    links.resize(at + 1, None);
                }
                links[at] = Some(id);
            }
            Err(_) => self.failed(events, socket),
        }
    }

    fn connect_tcp<S: 'static>(
        self,
        events: &mut Registry<S>,
        socket: Key,
        server: SocketAddr,
    ) -> Result<EventId, Error> {
        let id = events.connect(server, Tcp { resolver: self, socket })?;
        if let Some(layer) = self.of(events).config.layer.clone()
            && let Some(stream) = events.stream(id)
            && let Err(why) = layer.prepare(stream, server)
        {
            log::warn!("no session with name server {server}: {why}");
            events.remove(id);
            return Err(why);
        }
        Ok(id)
    }

    fn open_udp<S: 'static>(self, events: &mut Registry<S>, socket: Key, server: SocketAddr) -> Result<EventId, Error> {
        let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let udp = UdpSocket::bind((any, 0))?;
        udp.connect(server)?;
        udp.set_nonblocking(true)?;
        events.descriptor(udp, Interest::READ, move |cx, udp: &mut UdpSocket, _ready| {
            let mut bytes = [0; READ];
            loop {
                match udp.recv(&mut bytes) {
                    Ok(len) => self.received(cx, socket, &bytes[..len]),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(_) => {
                        self.failed(cx, socket);
                        break;
                    }
                }
                if !self.of(cx).machine.awaits(socket) {
                    break;
                }
            }
            self.drive(cx);
        })
    }

    fn link<S: 'static>(self, events: &mut Registry<S>, socket: Key) -> Option<EventId> {
        self.of(events).links.get(socket.index as usize).copied().flatten()
    }

    fn send<S: 'static>(self, events: &mut Registry<S>, socket: Key, query: Key) {
        let message = self.of(events).machine.message(query).map(<[u8]>::to_vec);
        let (Some(id), Some(message)) = (self.link(events, socket), message) else { return };
        let sent = match events.source::<UdpSocket>(id) {
            Some(udp) => udp.send(&message),
            // The socket's own handler is running, and has it: the kernel has a copy of what is lost soon enough.
            None => return self.post(events, Box::new(move |cx| self.send(cx, socket, query))),
        };
        match sent {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => self.failed(events, socket),
            _ => {}
        }
    }

    fn write<S: 'static>(self, events: &mut Registry<S>, socket: Key, query: Key) {
        let framed = self.of(events).machine.message(query).map(|message| {
            let mut framed = Vec::from((message.len() as u16).to_be_bytes());
            framed.extend_from_slice(message);
            framed
        });
        let (Some(id), Some(framed)) = (self.link(events, socket), framed) else { return };
        match events.stream(id) {
            Some(stream) => stream.output().append(framed),
            None => self.post(events, Box::new(move |cx| self.write(cx, socket, query))),
        }
    }

    fn received<S: 'static>(self, events: &mut Registry<S>, socket: Key, bytes: &[u8]) {
        let now = events.time.now();
        self.of(events).machine.received(socket, bytes, now, &mut System);
    }

    fn failed<S: 'static>(self, events: &mut Registry<S>, socket: Key) {
        let now = events.time.now();
        self.of(events).machine.failed(socket, now, &mut System);
    }

    /// Sets the timer, which keeps the loop running while a look-up is under way.
    fn arm<S: 'static>(self, events: &mut Registry<S>) {
        let now = events.time.now();
        let of = self.of(events);
        let (next, busy, timer) = (of.machine.next_timeout(), of.machine.requests() > 0, of.timer);
        match (next, timer) {
            (Some(next), Some((id, at))) if at <= next => {
                events.keep_alive(id, busy);
            }
            (next, timer) => {
                if let Some((id, _)) = timer {
                    events.remove(id);
                }
                let armed = next.map(|next| {
                    let after = Duration::from_nanos(next.saturating_sub(now));
                    let id = events.timer(after, move |cx| {
                        let now = cx.time.now();
                        let of = self.of(cx);
                        of.timer = None;
                        of.machine.expire(now, &mut System);
                        self.drive(cx);
                    });
                    events.keep_alive(id, busy);
                    (id, next)
                });
                self.of(events).timer = armed;
            }
        }
    }
}

/// A TCP connection to a server.
struct Tcp {
    resolver: Resolver,
    socket: Key,
}

impl<S: 'static> StreamHandler<S> for Tcp {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
        let bytes = cx.input().to_vec();
        cx.input().clear();
        self.resolver.received(cx, self.socket, &bytes);
        let resolver = self.resolver;
        resolver.post(cx, Box::new(move |cx| resolver.drive(cx)));
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, S>, event: StreamEvent) {
        if !matches!(event, StreamEvent::Connected) {
            self.resolver.failed(cx, self.socket);
            let resolver = self.resolver;
            resolver.post(cx, Box::new(move |cx| resolver.drive(cx)));
        }
    }
}
