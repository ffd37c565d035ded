//! Servers.

use super::{Name, Section, rcode};
use crate::stream::{StreamCtx, StreamHandler};
use crate::{Context, Error, EventId, Interest, Registry};
use evoxide_proto::dns::server::{self, Frames, Request, Verdict};
use evoxide_proto::dns::{Builder, class, rtype};
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

/// Datagrams taken in one turn.
const BURST: u32 = 64;
/// TCP connections at a time.
const MAX_CLIENTS: usize = 100;
/// A client over TCP that lets this number of bytes wait is closed.
const MAX_UNSENT: usize = 256 * 1024;
/// TCP connections without a query are closed after this.
const IDLE: Duration = Duration::from_secs(10);

/// A query, and the reply to it as it grows.
///
/// # Examples
/// See [`dns_server`](Registry::dns_server).
#[derive(Debug)]
pub struct Query {
    request: Request,
    peer: SocketAddr,
    flags: u16,
    way: Way,
    /// Its reply comes later.
    deferred: bool,
}

/// How a reply goes out.
#[derive(Clone, Debug)]
enum Way {
    Datagram(Rc<UdpSocket>),
    Stream(EventId),
}

impl Query {
    /// Whose records are asked for first; hardly anybody asks more than one question.
    #[must_use]
    pub fn name(&self) -> Name {
        self.request.questions().next().map_or(Name::ROOT, |asked| asked.name())
    }

    /// The type of the first question.
    #[must_use]
    pub fn rtype(&self) -> u16 {
        self.request.questions().next().map_or(0, |asked| asked.qtype)
    }

    /// The class of the first question.
    #[must_use]
    pub fn class(&self) -> u16 {
        self.request.questions().next().map_or(0, |asked| asked.class)
    }

    /// Who asks.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sets flags of the reply ([`flag`](super::flag)).
    pub const fn set_flags(&mut self, flags: u16) {
        self.flags |= flags;
    }

    /// Answers later: what the handler returns then is not sent. Dropping the result drops the query.
    ///
    /// # Examples
    /// See [`Deferred`].
    #[must_use = "without a response the client gets none"]
    pub fn defer(&mut self) -> Deferred {
        self.deferred = true;
        let request = std::mem::take(&mut self.request);
        Deferred(Self { request, peer: self.peer, flags: self.flags, way: self.way.clone(), deferred: true })
    }

    /// Adds an address as an answer to the first question.
    pub fn answer(&mut self, ttl: Duration, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => self.record(Section::Answer, &self.name(), rtype::A, ttl, &v4.octets()),
            IpAddr::V6(v6) => self.record(Section::Answer, &self.name(), rtype::AAAA, ttl, &v6.octets()),
        }
    }

    /// Adds a record whose data are bytes.
    pub fn record(&mut self, section: Section, name: &Name, rtype: u16, ttl: Duration, data: &[u8]) {
        // What there is no memory for is not in the reply.
        let _ = self.request.add(section, name, rtype, class::IN, seconds(ttl), data);
    }

    /// Adds a record whose data are a name: an alias, a name server, a pointer.
    pub fn record_name(&mut self, section: Section, name: &Name, rtype: u16, ttl: Duration, target: &Name) {
        let _ = self.request.add_name(section, name, rtype, class::IN, seconds(ttl), target);
    }
}

/// A query that is answered later. It derefs to the [`Query`].
///
/// # Examples
/// ```
/// use evoxide::EventLoop;
/// use evoxide::dns::{Config, rcode, rtype};
/// use std::net::UdpSocket;
/// use std::time::Duration;
///
/// let mut ev = EventLoop::new(Vec::new())?;
/// let [udp, _tcp] = ev.dns_server("127.0.0.1:0", |cx, query| {
///     let mut later = Some(query.defer());
///     cx.timer(Duration::from_millis(1), move |cx| {
///         if let Some(mut query) = later.take() {
///             query.answer(Duration::from_secs(60), "192.0.2.1".parse().unwrap());
///             query.respond(cx, rcode::NOERROR);
///         }
///     });
///     rcode::NOERROR
/// })?;
/// let address = ev.source::<UdpSocket>(udp).unwrap().local_addr()?;
/// let resolver = ev.resolver(Config::new().server(address))?;
/// resolver.lookup(&mut ev, "any.example", rtype::A, None, |cx, answer| {
///     *cx.state() = answer.unwrap().addresses().collect();
///     cx.exit();
/// });
/// ev.run()?;
/// assert_eq!(ev.state()[0].to_string(), "192.0.2.1");
/// # Ok::<(), evoxide::Error>(())
/// ```
#[derive(Debug)]
pub struct Deferred(Query);

impl std::ops::Deref for Deferred {
    type Target = Query;

    fn deref(&self) -> &Query {
        &self.0
    }
}

impl std::ops::DerefMut for Deferred {
    fn deref_mut(&mut self) -> &mut Query {
        &mut self.0
    }
}

impl Deferred {
    /// Sends the reply. A client that has gone, or a socket without room, gets none.
    pub fn respond<S: 'static>(self, events: &mut Registry<S>, code: u16) {
        let mut builder = Builder::new();
        let Ok(reply) = self.0.request.reply_with(code, self.0.flags, &mut builder) else { return };
        match &self.0.way {
            // What the socket has no room for is lost, as datagrams are.
            Way::Datagram(udp) => drop(udp.send_to(reply, self.0.peer)),
            Way::Stream(id) => {
                if let Some(stream) = events.stream(*id) {
                    stream.output().append((reply.len() as u16).to_be_bytes());
                    stream.output().append(reply);
                }
            }
        }
    }
}

fn seconds(ttl: Duration) -> u32 {
    u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX)
}

/// What a server calls: it adds records and returns a response code.
type Handler<S> = Rc<RefCell<dyn FnMut(&mut Context<'_, S>, &mut Query) -> u16>>;

/// The reply to a packet, if there is one.
fn serve<S>(
    cx: &mut Context<'_, S>,
    handler: &Handler<S>,
    packet: &[u8],
    peer: SocketAddr,
    way: Way,
    builder: &mut Builder,
) -> Option<Vec<u8>> {
    match server::receive(packet, peer.port(), matches!(way, Way::Stream(_))) {
        Verdict::Drop => None,
        Verdict::Reply(reply) => Some(reply),
        Verdict::Ask(request) => {
            let mut query = Query { request, peer, flags: 0, way, deferred: false };
            let code = match handler.try_borrow_mut() {
                Ok(mut handler) => handler(cx, &mut query),
                Err(_) => rcode::SERVFAIL,
            };
            if query.deferred {
                return None;
            }
            query.request.reply_with(code, query.flags, builder).ok().map(<[u8]>::to_vec)
        }
    }
}

impl<S: 'static> Registry<S> {
    /// Answers DNS queries on an address, over UDP and TCP. `handler` adds records and returns the response code
    /// ([`rcode`]). Malformed packets are refused without it. Over TCP it serves 100 clients at a time, and closes those that say
    /// nothing for 10 seconds or do not read their answers.
    ///
    /// Returns the events of the two sockets.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::dns::{Config, rcode, rtype};
    /// use std::net::UdpSocket;
    /// use std::time::Duration;
    ///
    /// let mut ev = EventLoop::new(Vec::new())?;
    /// let [udp, _tcp] = ev.dns_server("127.0.0.1:0", |_cx, query| {
    ///     if query.rtype() == rtype::A {
    ///         query.answer(Duration::from_secs(60), "192.0.2.1".parse().unwrap());
    ///     }
    ///     rcode::NOERROR
    /// })?;
    /// let address = ev.source::<UdpSocket>(udp).unwrap().local_addr()?;
    /// let resolver = ev.resolver(Config::new().server(address))?;
    /// resolver.lookup_host(&mut ev, "any.example", |cx, found| {
    ///     *cx.state() = found.unwrap();
    ///     cx.exit();
    /// });
    /// ev.run()?;
    /// assert_eq!(ev.state()[0].to_string(), "192.0.2.1");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn dns_server(
        &mut self,
        addr: impl ToSocketAddrs,
        handler: impl FnMut(&mut Context<'_, S>, &mut Query) -> u16 + 'static,
    ) -> Result<[EventId; 2], Error> {
        let handler: Handler<S> = Rc::new(RefCell::new(handler));
        let (udp, listener) = bound(addr)?;
        udp.set_nonblocking(true)?;
        let (mut builder, shared) = (Builder::new(), Rc::clone(&handler));
        let way = Way::Datagram(Rc::new(udp.try_clone()?));
        let udp = self.descriptor(udp, Interest::READ, move |cx, udp: &mut UdpSocket, _ready| {
            let mut packet = [0; 4096];
            for _ in 0..BURST {
                let Ok((len, peer)) = udp.recv_from(&mut packet) else { break };
                if let Some(reply) = serve(cx, &shared, &packet[..len], peer, way.clone(), &mut builder) {
                    // A reply that the socket has no room for is lost, as datagrams are.
                    let _ = udp.send_to(&reply, peer);
                }
            }
        })?;
        let here = Rc::new(());
        let tcp = self.accept_from(listener, move |cx, socket, peer| {
            // Each client has a reference besides this one.
            if Rc::strong_count(&here) > MAX_CLIENTS {
                return;
            }
            let counted = Rc::clone(&here);
            let client = Client { handler: Rc::clone(&handler), frames: Frames::default(), peer, _counted: counted };
            if let Ok(id) = cx.open(socket, client)
                && let Some(stream) = cx.stream(id)
            {
                stream.set_timeouts(Some(IDLE), Some(IDLE));
            }
        })?;
        Ok([udp, tcp])
    }
}

/// Two sockets of one address. A port that the system chooses may be taken for TCP: then another one is.
fn bound(addr: impl ToSocketAddrs) -> Result<(UdpSocket, TcpListener), Error> {
    let mut left = 100;
    loop {
        let udp = UdpSocket::bind(&addr)?;
        match TcpListener::bind(udp.local_addr()?) {
            Ok(listener) => return Ok((udp, listener)),
            Err(error) => {
                let chosen = addr.to_socket_addrs()?.all(|addr| addr.port() == 0);
                if left == 0 || !chosen || error.kind() != std::io::ErrorKind::AddrInUse {
                    return Err(error.into());
                }
                left -= 1;
            }
        }
    }
}

/// A client over TCP.
struct Client<S> {
    handler: Handler<S>,
    frames: Frames,
    peer: SocketAddr,
    _counted: Rc<()>,
}

impl<S: 'static> StreamHandler<S> for Client<S> {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
        let bytes = cx.input().to_vec();
        cx.input().clear();
        if self.frames.feed(&bytes).is_err() {
            return cx.close();
        }
        let Some(id) = cx.id() else { return };
        let (mut builder, way) = (Builder::new(), Way::Stream(id));
        while let Some(frame) = self.frames.next_frame() {
            if let Some(reply) = serve(cx, &self.handler, frame, self.peer, way.clone(), &mut builder) {
                cx.output().append((reply.len() as u16).to_be_bytes());
                cx.output().append(reply);
            }
            if cx.output().len() > MAX_UNSENT {
                return cx.close();
            }
        }
    }
}
