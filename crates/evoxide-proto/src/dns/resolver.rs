//! The stub resolver as a machine.
//!
//! [`Resolver`] knows servers, requests and time; a face owns the sockets. One round trip:
//!
//! ```text
//! start(request)  ->  Effect::Open { socket }          the face opens a UDP socket that is connected to the server
//!                     Effect::Send { socket, query }   it sends message(query)
//! [bytes come]        received(socket, bytes)
//!                 ->  Effect::Done { token, result }
//! ```
//!
//! # Contract
//!
//! 1. Each request that was started ends once: by an [`Effect::Done`], by [`cancel`](Resolver::cancel), or by
//!    [`take_request`](Resolver::take_request).
//! 2. Only a datagram that came through the socket its question went out by (so: from the server asked), with the
//!    question's number and the exact bytes of its name, type and class is an answer to it. One that differs in case only makes
//!    the question go out again over TCP.
//! 3. After any verb the face takes all [`effects`](Resolver::next_effect), and arms its timer for
//!    [`next_timeout`](Resolver::next_timeout).
//!
//! A *request* is what a program asked; a *query* is one question on its way. A request is queued until a query may be made
//! for it, may need several of them in turn (search list), and may share one with equal requests.

mod query;
mod server;

use super::answer::{Answer, Failure};
use super::cache::{Cache, CacheKey, Seed};
use super::{Name, NoMemory, Random, Short, class};
use alloc::{collections::VecDeque, vec::Vec};
use core::net::SocketAddr;
use evoxide_core::heap::{Entry, Heap, Positions};
use evoxide_core::key::Key;
use evoxide_core::slab::Slab;
use hashbrown::HashMap;
use query::Query;
use server::{Server, Socket};

const SECOND: u64 = 1_000_000_000;
/// The position of what is not in the timer heap.
const NOWHERE: u32 = u32::MAX;

/// How a resolver behaves. The default is that of a modern stub resolver.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How long one transmission waits for its answer, in nanoseconds.
    pub timeout: u64,
    /// How often a question is sent before it has timed out.
    pub attempts: u32,
    /// How often a question is put to another server because one failed, refused or did not know it.
    pub reissues: u32,
    /// Queries on their way at once; further requests are queued.
    pub max_inflight: usize,
    /// Consecutive time-outs after which a server counts as down.
    pub max_timeouts: u32,
    /// How long a server that went down is left alone at first, in nanoseconds.
    pub initial_probe: u64,
    /// The longest that it is left alone.
    pub max_probe: u64,
    /// By how much that grows with each failure.
    pub probe_factor: u32,
    /// The name asked for to see whether a server is back. `None`: one of the requests tries.
    pub probe_name: Option<Name>,
    /// Begin with the next server each time, instead of the first that is up.
    pub rotate: bool,
    /// Put random case bits into names.
    pub randomize_case: bool,
    /// The size announced by EDNS; `None`: no OPT record.
    pub edns: Option<u16>,
    /// Everything over TCP.
    pub use_tcp: bool,
    /// A truncated answer is a failure, instead of a reason to ask over TCP.
    pub ignore_tc: bool,
    /// How long an unused TCP connection stays, in nanoseconds.
    pub tcp_idle: u64,
    /// A name of fewer dots is searched first.
    pub ndots: u32,
    /// The search list.
    pub search: Vec<Name>,
    /// A name of one label is only searched, where there is a list.
    pub no_tld_query: bool,
    /// Ask for the AD bit, and believe it: the servers check signatures, and the way to them is safe.
    pub trust_ad: bool,
    /// A server's refusal of one name of the search list leads to the next.
    pub search_refused: bool,
    /// Equal requests share a query.
    pub join: bool,
    /// Requests wait while there is no server, instead of failing at once.
    pub wait_for_server: bool,
    /// Queries after which a socket gives way to one of another port.
    pub socket_queries: u32,
    /// Nanoseconds after which it does.
    pub socket_age: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: 2 * SECOND,
            attempts: 3,
            reissues: 2,
            max_inflight: 256,
            max_timeouts: 3,
            initial_probe: 2 * SECOND,
            max_probe: 300 * SECOND,
            probe_factor: 2,
            probe_name: None,
            rotate: false,
            randomize_case: true,
            edns: Some(1232),
            use_tcp: false,
            ignore_tc: false,
            tcp_idle: 10 * SECOND,
            ndots: 1,
            search: Vec::new(),
            no_tld_query: false,
            trust_ad: false,
            search_refused: false,
            join: true,
            wait_for_server: false,
            socket_queries: 256,
            socket_age: 30 * SECOND,
        }
    }
}

/// A request's wishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestFlags {
    /// Take the name as it is.
    pub no_search: bool,
    /// Over TCP.
    pub use_tcp: bool,
    /// A truncated answer is a failure.
    pub ignore_tc: bool,
    /// Neither look into the cache nor share a query.
    pub fresh: bool,
}

impl RequestFlags {
    /// The flags that change an answer.
    const fn cache_bits(self) -> u8 {
        self.ignore_tc as u8
    }
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Whose records.
    pub name: &'a Name,
    /// Whether the text ended with a dot: it is never searched.
    pub absolute: bool,
    /// The type.
    pub qtype: u16,
    /// The class.
    pub class: u16,
    /// Wishes.
    pub flags: RequestFlags,
    /// When it fails whatever is under way, in nanoseconds.
    pub deadline: Option<u64>,
    /// Another request: this one is put to the same server.
    pub beside: Option<Key>,
}

impl<'a> Ask<'a> {
    /// A request for the records of a type, without wishes.
    #[must_use]
    pub const fn new(name: &'a Name, qtype: u16) -> Self {
        let flags = RequestFlags { no_search: false, use_tcp: false, ignore_tc: false, fresh: false };
        Self { name, absolute: false, qtype, class: class::IN, flags, deadline: None, beside: None }
    }
}

/// What the face must do.
#[derive(Debug)]
pub enum Effect<T> {
    /// Open a UDP socket, connected to the server. If that fails: [`Resolver::failed`].
    Open {
        /// The socket's key from now on.
        socket: Key,
        /// Whose.
        server: SocketAddr,
    },
    /// Open a TCP connection to the server. What is written before it is open waits.
    Connect {
        /// The connection's key from now on.
        socket: Key,
        /// Whose.
        server: SocketAddr,
    },
    /// Send [`Resolver::message`] in a datagram. If that fails: [`Resolver::failed`].
    Send {
        /// Through which socket.
        socket: Key,
        /// Which query.
        query: Key,
    },
    /// Write the length and [`Resolver::message`] to the connection.
    Write {
        /// To which connection.
        socket: Key,
        /// Which query.
        query: Key,
    },
    /// Close a socket or connection.
    Close {
        /// Which.
        socket: Key,
    },
    /// A request ended.
    Done {
        /// Whose it was.
        token: T,
        /// How.
        result: Result<Answer, Failure>,
    },
    /// A server went down.
    Down {
        /// Which.
        server: SocketAddr,
        /// Whether no other is up.
        last: bool,
    },
    /// A server is back.
    Up {
        /// Which.
        server: SocketAddr,
    },
}

/// What a program asked for.
#[derive(Debug)]
struct Request<T> {
    token: Option<T>,
    name: Short<30>,
    qtype: u16,
    class: u16,
    flags: RequestFlags,
    absolute: bool,
    /// The next name to try.
    step: u32,
    /// One of the names tried exists.
    exists: Option<u32>,
    query: Option<Key>,
    beside: Option<Key>,
    timer: u32,
}

impl<T> Default for Request<T> {
    fn default() -> Self {
        Self {
            token: None,
            name: Short::default(),
            qtype: 0,
            class: 0,
            flags: RequestFlags::default(),
            absolute: false,
            step: 0,
            exists: None,
            query: None,
            beside: None,
            timer: NOWHERE,
        }
    }
}

/// What is in the timer heap: a kind in the two highest bits, an index below.
mod timer {
    pub(super) const QUERY: u32 = 0;
    pub(super) const REQUEST: u32 = 1 << 30;
    pub(super) const SERVER: u32 = 2 << 30;
    pub(super) const SOCKET: u32 = 3 << 30;
    pub(super) const KIND: u32 = 3 << 30;
}

/// Numbers are random already.
#[derive(Clone, Copy, Debug, Default)]
struct Identity(u64);

impl core::hash::Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u16(&mut self, value: u16) {
        self.0 = u64::from(value);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

type Ids = HashMap<u16, u32, core::hash::BuildHasherDefault<Identity>>;

/// A stub resolver. `T` is what the face knows a request by.
///
/// ```
/// use evoxide_proto::dns::resolver::{Ask, Effect, Options, Resolver};
/// use evoxide_proto::dns::{Builder, Message, Name, Random, Rdata, Section, flag, rtype};
/// struct Fixed;
/// impl Random for Fixed {
///     fn fill(&mut self, bytes: &mut [u8]) { bytes.fill(0x5a) } // a face asks the system
/// }
/// let mut resolver = Resolver::new(Options::default(), 0, &mut Fixed);
/// resolver.add_server("192.0.2.53:53".parse().unwrap(), 0).unwrap();
/// let name = Name::from_text(b"www.example.com").unwrap();
/// resolver.start(Ask::new(&name, rtype::A), "my request", 0, &mut Fixed).unwrap();
/// let mut sent = None;
/// while let Some(effect) = resolver.next_effect() {
///     if let Effect::Send { socket, query } = effect {
///         sent = Some((socket, resolver.message(query).unwrap().to_vec()));
///     }
/// }
/// // The server answers.
/// let (socket, query) = sent.unwrap();
/// let question = Message::parse(&query).unwrap().questions().next().unwrap();
/// let name = question.name.to_name();
/// let mut builder = Builder::new();
/// builder.start(u16::from_be_bytes([query[0], query[1]]), flag::QR, 512).unwrap();
/// builder.question(name.as_wire(), question.qtype, question.class).unwrap();
/// builder.record(Section::Answer, name.as_wire(), rtype::A, 1, 60, Rdata::Bytes(&[192, 0, 2, 1])).unwrap();
/// resolver.received(socket, builder.finish(), 1_000_000, &mut Fixed);
/// let Some(Effect::Done { token: "my request", result: Ok(answer) }) = resolver.next_effect() else { panic!() };
/// assert_eq!(answer.addresses().next().unwrap().to_string(), "192.0.2.1");
/// ```
#[derive(Debug)]
pub struct Resolver<T> {
    options: Options,
    servers: Vec<Server>,
    next_server: usize,
    sockets: Slab<Socket>,
    requests: Slab<Request<T>>,
    queries: Slab<Query>,
    /// Queries that count against the limit: all but probes.
    inflight: usize,
    waiting: VecDeque<Key>,
    ids: Ids,
    /// Queries by what they ask, where equal requests are joined.
    asked: HashMap<CacheKey, u32, Seed>,
    timers: Heap<u32>,
    effects: VecDeque<Effect<T>>,
    cache: Cache,
    suspended: bool,
}

/// Writes positions to where the entries' owners keep them.
struct Owners<'a, T> {
    requests: &'a mut Slab<Request<T>>,
    queries: &'a mut Slab<Query>,
    servers: &'a mut [Server],
    sockets: &'a mut Slab<Socket>,
}

impl<T> Owners<'_, T> {
    fn place(&mut self, id: u32) -> Option<&mut u32> {
        let index = id & !timer::KIND;
        match id & timer::KIND {
            timer::QUERY => self.queries.try_at_mut(index).map(|q| &mut q.timer),
            timer::REQUEST => self.requests.try_at_mut(index).map(|r| &mut r.timer),
            timer::SERVER => self.servers.get_mut(index as usize).map(|s| &mut s.timer),
            _ => self.sockets.try_at_mut(index).map(|s| &mut s.timer),
        }
    }
}

impl<T> Positions<u32> for Owners<'_, T> {
    fn moved(&mut self, id: u32, position: u32) {
        if let Some(place) = self.place(id) {
            *place = position;
        }
    }
}

impl<T> Resolver<T> {
    /// A resolver without servers, whose cache holds at most `cached` answers (0: there is none).
    pub fn new(options: Options, cached: usize, random: &mut impl Random) -> Self {
        Self {
            options,
            servers: Vec::new(),
            next_server: 0,
            sockets: Slab::new(),
            requests: Slab::new(),
            queries: Slab::new(),
            inflight: 0,
            waiting: VecDeque::new(),
            ids: Ids::default(),
            asked: HashMap::with_hasher(Seed::draw(random)),
            timers: Heap::new(),
            effects: VecDeque::new(),
            cache: Cache::new(cached, random),
            suspended: false,
        }
    }

    /// The options.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The options, to change them; queries that are on their way keep what they began with. [`pump`](Self::pump) must follow.
    pub const fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// How many requests there are.
    #[must_use]
    pub const fn requests(&self) -> usize {
        self.requests.len()
    }

    /// How many of them have a question on its way.
    #[must_use]
    pub const fn inflight(&self) -> usize {
        self.inflight
    }

    /// How many answers are kept.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    /// Forgets the answers that were kept.
    pub fn clear_cache(&mut self) {
        self.cache.clear();
    }

    /// Begins a request, and returns its key for [`cancel`](Self::cancel). Its end may be among the effects already.
    ///
    /// # Errors
    /// Without memory nothing was begun, and the token is lost.
    pub fn start(&mut self, ask: Ask<'_>, token: T, now: u64, random: &mut impl Random) -> Result<Key, NoMemory> {
        self.requests.try_reserve_one()?;
        self.waiting.try_reserve(1)?;
        self.effects.try_reserve(4)?;
        self.reserve_timer()?;
        let key = self.requests.insert(Request {
            token: Some(token),
            name: Short::copy_of(ask.name.as_wire())?,
            qtype: ask.qtype,
            class: ask.class,
            flags: ask.flags,
            absolute: ask.absolute,
            beside: ask.beside,
            ..Request::default()
        });
        if let Some(deadline) = ask.deadline {
            self.arm(timer::REQUEST | key.index, deadline);
        }
        if self.servers.is_empty() && !self.options.wait_for_server {
            self.finish(key, Err(Failure::NoServer));
            return Ok(key);
        }
        self.waiting.push_back(key);
        self.pump(now, random);
        Ok(key)
    }

    /// Ends a request without an effect and returns its token; `None` if it has ended.
    pub fn cancel(&mut self, request: Key, now: u64, random: &mut impl Random) -> Option<T> {
        let token = self.remove(request)?;
        self.pump(now, random);
        Some(token)
    }

    /// Ends a request without an effect, and returns its token: for taking them all when the resolver goes, those that wait
    /// first. `from` is where to look, 0 at first.
    pub fn take_request(&mut self, from: &mut u32) -> Option<T> {
        while let Some(key) = self.waiting.pop_front() {
            if let Some(token) = self.remove(key) {
                return Some(token);
            }
        }
        while *from < self.requests.bound() {
            let key = self.requests.key_at(*from);
            *from += 1;
            if let Some(token) = key.and_then(|key| self.remove(key)) {
                return Some(token);
            }
        }
        None
    }

    /// The next effect.
    pub fn next_effect(&mut self) -> Option<Effect<T>> {
        self.effects.pop_front()
    }

    /// When [`expire`](Self::expire) must be called. Changes with every verb.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        self.timers.first().map(|entry| entry.deadline)
    }

    /// Time has passed.
    pub fn expire(&mut self, now: u64, random: &mut impl Random) {
        while let Some(entry) = self.timers.first().filter(|entry| entry.deadline <= now) {
            self.disarm(entry.id);
            let index = entry.id & !timer::KIND;
            match entry.id & timer::KIND {
                timer::QUERY => self.query_timed_out(index, now, random),
                timer::REQUEST => {
                    if let Some(key) = self.requests.key_at(index) {
                        self.finish(key, Err(Failure::Timeout));
                    }
                }
                timer::SERVER => self.probe(index as usize, now, random),
                _ => self.close_idle(index),
            }
        }
        self.pump(now, random);
    }

    /// Makes queries for queued requests while there may be more of them.
    pub fn pump(&mut self, now: u64, random: &mut impl Random) {
        while !self.suspended && !self.servers.is_empty() && self.inflight < self.options.max_inflight {
            let Some(key) = self.waiting.pop_front() else { break };
            self.launch(key, now, random);
        }
        if self.waiting.is_empty() && self.waiting.capacity() > 1024 {
            self.waiting = VecDeque::new();
        }
    }

    /// Ends a request with an effect.
    fn finish(&mut self, request: Key, result: Result<Answer, Failure>) {
        if let Some(token) = self.remove(request) {
            self.effects.push_back(Effect::Done { token, result });
        }
    }

    /// Takes a request out of everything. Its place in the queue is left, and skipped later.
    fn remove(&mut self, key: Key) -> Option<T> {
        let query = self.requests.get(key)?.query;
        self.disarm(timer::REQUEST | key.index);
        let request = self.requests.remove(key)?;
        if let Some(query) = query {
            self.leave(query, key);
        }
        request.token
    }

    /// The name that a request tries in a step; `None` behind the last.
    fn candidate(&self, request: &Request<T>, step: u32) -> Option<Result<Name, Failure>> {
        let name = Name::from_wire(&request.name).ok()?;
        let step = step as usize;
        if request.absolute || request.flags.no_search || self.options.search.is_empty() {
            return (step == 0).then_some(Ok(name));
        }
        let suffixes = &self.options.search;
        let plain_first = name.dots() >= self.options.ndots as usize;
        let suffix = match (plain_first, step) {
            (true, 0) => return Some(Ok(name)),
            (true, step) => suffixes.get(step - 1)?,
            (false, step) if step == suffixes.len() => {
                return (!self.options.no_tld_query || name.dots() > 0).then_some(Ok(name));
            }
            (false, step) => suffixes.get(step)?,
        };
        Some(name.join(suffix).map_err(|_| Failure::BadName))
    }

    /// One timer for each object there is.
    fn reserve_timer(&mut self) -> Result<(), NoMemory> {
        let objects = self.requests.len() + self.queries.len() + self.sockets.len() + self.servers.len();
        if self.timers.capacity() > objects {
            return Ok(());
        }
        Ok(self.timers.try_reserve_beyond(objects)?)
    }

    fn arm(&mut self, id: u32, deadline: u64) {
        let Self { timers, requests, queries, servers, sockets, .. } = self;
        let mut owners = Owners { requests, queries, servers, sockets };
        match owners.place(id).copied() {
            Some(NOWHERE) => timers.push(Entry { deadline, id }, &mut owners),
            Some(position) => timers.set(position, deadline, &mut owners),
            None => {}
        }
    }

    fn disarm(&mut self, id: u32) {
        let Self { timers, requests, queries, servers, sockets, .. } = self;
        let mut owners = Owners { requests, queries, servers, sockets };
        if let Some(place) = owners.place(id)
            && *place != NOWHERE
        {
            let position = core::mem::replace(place, NOWHERE);
            timers.take_out(position, &mut owners);
            // The entry that took its place was told so; the one taken out has none.
            if let Some(place) = owners.place(id) {
                *place = NOWHERE;
            }
        }
    }
}

#[cfg(test)]
mod tests;
