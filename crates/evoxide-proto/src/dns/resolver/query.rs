//! Queries: one question on its way, from its first transmission to its answer.

use super::{NOWHERE, Random, Resolver, timer};
use crate::dns::answer::{Answer, Failure, interpret};
use crate::dns::cache::CacheKey;
use crate::dns::message::{HEADER, Header, Message, read_u16};
use crate::dns::name::flip_case;
use crate::dns::resolver::Effect;
use crate::dns::{Name, NoMemory, Short, class, flag, rcode, rtype};
use alloc::vec::Vec;
use evoxide_core::key::Key;

/// The size of an OPT record without options.
const OPT_SIZE: usize = 11;

/// One question on its way.
#[derive(Debug)]
pub(super) struct Query {
    id: u16,
    /// The question as sent: header, name with its case bits, type, class, and an OPT record.
    message: Short<62>,
    /// How long the message is without its OPT record.
    plain: u16,
    qtype: u16,
    ignore_tc: bool,
    /// Everything over TCP, as asked.
    use_tcp: bool,
    /// Over TCP now.
    tcp: bool,
    edns: bool,
    server: u32,
    socket: Option<Key>,
    /// Servers that were asked, as bits.
    tried: u64,
    sent: u32,
    reissued: u32,
    /// What it ends with if nothing better comes.
    failure: Failure,
    /// Whose it is; none for a probe.
    requests: Vec<Key>,
    first: Option<Key>,
    counted: bool,
    key: Option<CacheKey>,
    pub(super) timer: u32,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            id: 0,
            message: Short::default(),
            plain: 0,
            qtype: 0,
            ignore_tc: false,
            use_tcp: false,
            tcp: false,
            edns: false,
            server: 0,
            socket: None,
            tried: 0,
            sent: 0,
            reissued: 0,
            failure: Failure::Timeout,
            requests: Vec::new(),
            first: None,
            counted: false,
            key: None,
            timer: NOWHERE,
        }
    }
}

impl Query {
    /// The question: name, type and class.
    fn question(&self) -> &[u8] {
        &self.message[HEADER..usize::from(self.plain)]
    }
}

/// How a response fits a query.
enum Fit {
    Not,
    /// But for the case of its letters.
    Folded,
    Exact,
}

/// Compares the first question of a response with that of a query. Names of first questions cannot be compressed.
fn fit(bytes: &[u8], question: &[u8]) -> Fit {
    match bytes.get(HEADER..HEADER + question.len()) {
        Some(seen) if seen == question => Fit::Exact,
        // Type and class have no letters in use.
        Some(seen)
            if seen.eq_ignore_ascii_case(question) && seen[seen.len() - 4..] == question[question.len() - 4..] =>
        {
            Fit::Folded
        }
        _ => Fit::Not,
    }
}

impl<T> Resolver<T> {
    /// The message of a query, for a datagram. `None`: it ended meanwhile.
    #[must_use]
    pub fn message(&self, query: Key) -> Option<&[u8]> {
        let query = self.queries.get(query)?;
        let len = if query.edns { query.message.len() } else { usize::from(query.plain) };
        Some(&query.message[..len])
    }

    /// A request leaves the queue: its next candidate is answered from the cache, joins a query, or becomes one.
    pub(super) fn launch(&mut self, key: Key, now: u64, random: &mut impl Random) {
        loop {
            let Some(request) = self.requests.get(key) else { return };
            match self.candidate(request, request.step) {
                Some(Ok(name)) => return self.ask(key, &name, now, random),
                // Too long with this suffix: the next one.
                Some(Err(_)) => {}
                None => {
                    let failure = match request.exists {
                        Some(ttl) => Failure::NoData(ttl),
                        None => Failure::BadName,
                    };
                    return self.finish(key, Err(failure));
                }
            }
            if let Some(request) = self.requests.get_mut(key) {
                request.step += 1;
            }
        }
    }

    fn ask(&mut self, key: Key, name: &Name, now: u64, random: &mut impl Random) {
        let Some(request) = self.requests.get(key) else { return };
        let (flags, qtype, qclass, beside) = (request.flags, request.qtype, request.class, request.beside);
        let shares = !flags.fresh && (self.options.join || !self.cache.is_off());
        let cache_key = if shares { CacheKey::new(name.as_wire(), qtype, qclass, flags.cache_bits()) } else { None };
        if let Some(found) = cache_key.as_ref().and_then(|cache_key| self.cache.find(cache_key, now)) {
            return self.request_done(key, found);
        }
        if let Some(query) = cache_key.as_ref().and_then(|cache_key| self.asked.get(cache_key)).copied()
            && self.join(query, key)
        {
            return;
        }
        let server = beside.and_then(|beside| self.server_of(beside));
        let made = self.make_query(name, qtype, qclass, random).inspect(|query| {
            let of = self.queries.at_mut(query.index);
            of.first = Some(key);
            of.ignore_tc = flags.ignore_tc || self.options.ignore_tc;
            of.use_tcp = flags.use_tcp || self.options.use_tcp;
            of.tcp = of.use_tcp;
            of.counted = true;
            self.inflight += 1;
        });
        match made {
            Ok(query) => {
                if self.options.join
                    && let Some(cache_key) = &cache_key
                    && let Ok(copy) = cache_key.try_clone()
                    && self.asked.try_reserve(1).is_ok()
                {
                    self.asked.insert(copy, query.index);
                }
                self.queries.at_mut(query.index).key = cache_key;
                if let Some(request) = self.requests.get_mut(key) {
                    request.query = Some(query);
                }
                let server = server.unwrap_or_else(|| self.pick(0));
                self.transmit(query, server, now, random);
            }
            Err(NoMemory) => self.finish(key, Err(Failure::NoMemory)),
        }
    }

    /// The server that a request's question is at.
    fn server_of(&self, request: Key) -> Option<usize> {
        let query = self.requests.get(request)?.query?;
        Some(self.queries.get(query)?.server as usize)
    }

    fn join(&mut self, query: u32, key: Key) -> bool {
        let Some(query_key) = self.queries.key_at(query) else { return false };
        let of = self.queries.at_mut(query);
        if of.requests.try_reserve(1).is_err() {
            return false;
        }
        of.requests.push(key);
        if let Some(request) = self.requests.get_mut(key) {
            request.query = Some(query_key);
        }
        true
    }

    fn make_query(&mut self, name: &Name, qtype: u16, qclass: u16, random: &mut impl Random) -> Result<Key, NoMemory> {
        self.queries.try_reserve_one()?;
        self.ids.try_reserve(1)?;
        self.reserve_timer()?;
        self.effects.try_reserve(4)?;
        let id = self.fresh_id(random);
        let mut bytes = [0u8; HEADER + 255 + 4 + OPT_SIZE];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&id.to_be_bytes());
        put(&(flag::RD | if self.options.trust_ad { flag::AD } else { 0 }).to_be_bytes());
        let additional = u8::from(self.options.edns.is_some());
        put(&[0, 1, 0, 0, 0, 0, 0, additional]);
        put(name.as_wire());
        put(&qtype.to_be_bytes());
        put(&qclass.to_be_bytes());
        let plain = (HEADER + name.as_wire().len() + 4) as u16;
        if let Some(size) = self.options.edns {
            put(&[0]);
            put(&rtype::OPT.to_be_bytes());
            put(&size.to_be_bytes());
            put(&[0; 6]);
        }
        if self.options.randomize_case {
            let mut bits = [0; 32];
            random.fill(&mut bits[..name.as_wire().len().div_ceil(8)]);
            flip_case(&mut bytes[HEADER..HEADER + name.as_wire().len()], &bits);
        }
        let message = Short::copy_of(&bytes[..at])?;
        let key = self.queries.insert(Query { id, message, plain, qtype, ..Query::default() });
        self.ids.insert(id, key.index);
        Ok(key)
    }

    /// A number that no query has. At most 60,000 are in use.
    fn fresh_id(&self, random: &mut impl Random) -> u16 {
        let mut seed = [0; 2];
        random.fill(&mut seed);
        let mut id = u16::from_le_bytes(seed);
        while self.ids.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        id
    }

    /// Another number for a query that goes out by another socket: what was learnt of the first is of no use there.
    fn renumber(&mut self, key: Key, random: &mut impl Random) {
        let id = self.fresh_id(random);
        let Some(query) = self.queries.get_mut(key) else { return };
        let old = core::mem::replace(&mut query.id, id);
        query.message[..2].copy_from_slice(&id.to_be_bytes());
        // The place of the old one is free.
        self.ids.remove(&old);
        self.ids.insert(id, key.index);
    }

    /// Sends a query to a server.
    fn transmit(&mut self, key: Key, server: usize, now: u64, random: &mut impl Random) {
        let Some(query) = self.queries.get(key) else { return };
        let tcp = query.tcp;
        let socket = if tcp { self.tcp_socket(server, now) } else { self.udp_socket(server, now, random) };
        let Ok(socket) = socket else { return self.query_done(key, Err(Failure::NoMemory), now) };
        if tcp {
            self.disarm(timer::SOCKET | socket.index);
        }
        if self.queries.get(key).is_some_and(|query| query.socket.is_some_and(|before| before != socket)) {
            self.renumber(key, random);
        }
        let with_edns = self.servers[server].edns && self.options.edns.is_some();
        let Some(query) = self.queries.get_mut(key) else { return };
        query.edns = with_edns && query.message.len() > usize::from(query.plain);
        if let Some(additional) = query.message.get_mut(11) {
            *additional = u8::from(query.edns);
        }
        query.server = server as u32;
        query.tried |= if server < 64 { 1 << server } else { 0 };
        query.sent += 1;
        let before = query.socket.replace(socket);
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.inflight += 1;
        }
        self.servers[server].inflight += 1;
        if let Some(before) = before {
            self.released(before, Some(now));
        }
        let timeout = self.options.timeout;
        self.arm(timer::QUERY | key.index, now.saturating_add(timeout));
        self.effects.push_back(if tcp {
            Effect::Write { socket, query: key }
        } else {
            Effect::Send { socket, query: key }
        });
    }

    /// Sends a query again, to a server that was not asked if there is one.
    fn retransmit(&mut self, key: Key, now: u64, random: &mut impl Random) {
        let Some(query) = self.queries.get(key) else { return };
        let (tried, server) = (query.tried, query.server as usize);
        self.left_server(server);
        let next = self.pick(tried);
        self.transmit(key, next, now, random);
    }

    fn left_server(&mut self, server: usize) {
        if let Some(server) = self.servers.get_mut(server) {
            server.inflight = server.inflight.saturating_sub(1);
        }
    }

    /// A question to a server whose only use is whether it answers.
    pub(super) fn send_probe(
        &mut self,
        server: usize,
        name: &Name,
        now: u64,
        random: &mut impl Random,
    ) -> Result<(), NoMemory> {
        let key = self.make_query(name, rtype::A, class::IN, random)?;
        self.servers[server].probe = Some(key);
        self.transmit(key, server, now, random);
        Ok(())
    }

    /// Bytes came: a datagram, or a part of a connection's stream.
    pub fn received(&mut self, socket: Key, bytes: &[u8], now: u64, random: &mut impl Random) {
        match self.sockets.get(socket) {
            Some(of) if of.tcp => self.stream_received(socket, bytes, now, random),
            Some(_) => self.response(socket, bytes, now, random),
            None => {}
        }
        self.pump(now, random);
    }

    /// A socket failed: its port is closed, it could not be opened or written, or its connection ended. Its queries try
    /// elsewhere, or wait until they time out.
    pub fn failed(&mut self, socket: Key, now: u64, random: &mut impl Random) {
        let Some(of) = self.sockets.get(socket) else { return };
        let (server, tcp, proved) = (of.server as usize, of.tcp, of.proved);
        if tcp {
            self.close(socket);
        }
        for index in 0..self.queries.bound() {
            let Some(key) = self.queries.key_at(index) else { continue };
            let Some(query) = self.queries.get_mut(key).filter(|query| query.socket == Some(socket)) else { continue };
            let tried = query.tried;
            if tcp {
                query.socket = None;
                self.stream_lost(key, proved, now, random);
            } else if self.has_other(tried) {
                self.unanswered(server, true, now);
                self.retransmit(key, now, random);
            }
        }
        self.pump(now, random);
    }

    /// The connection that a query was on is gone.
    fn stream_lost(&mut self, key: Key, proved: bool, now: u64, random: &mut impl Random) {
        let attempts = self.options.attempts;
        let Some(query) = self.queries.get(key) else { return };
        let (tried, failure) = (query.tried, query.failure);
        if query.first.is_none() {
            return self.query_timed_out(key.index, now, random);
        }
        if query.sent < attempts && (proved || query.use_tcp && self.has_other(tried)) {
            // A connection that was in use may end at any time: once more. Otherwise another server.
            let server = query.server as usize;
            self.left_server(server);
            let next = if proved { server } else { self.pick(tried) };
            return self.transmit(key, next, now, random);
        }
        self.query_done(key, Err(failure), now);
    }

    fn stream_received(&mut self, socket: Key, bytes: &[u8], now: u64, random: &mut impl Random) {
        let Some(of) = self.sockets.get_mut(socket) else { return };
        if of.partial.try_reserve(bytes.len()).is_err() {
            return self.failed(socket, now, random);
        }
        of.partial.extend_from_slice(bytes);
        let mut partial = core::mem::take(&mut of.partial);
        let mut at = 0;
        while let Ok(len) = read_u16(&partial, at) {
            let Some(message) = partial.get(at + 2..at + 2 + usize::from(len)) else { break };
            if let Some(of) = self.sockets.get_mut(socket) {
                of.proved = true;
            }
            self.response(socket, message, now, random);
            at += 2 + usize::from(len);
        }
        partial.drain(..at);
        if let Some(of) = self.sockets.get_mut(socket) {
            of.partial = partial;
        }
    }

    /// A whole message came by a socket.
    fn response(&mut self, socket: Key, bytes: &[u8], now: u64, random: &mut impl Random) {
        let Ok(header) = Header::parse(bytes) else { return };
        if !header.is_response() || header.opcode() != 0 {
            return;
        }
        let Some(key) = self.ids.get(&header.id).and_then(|index| self.queries.key_at(*index)) else { return };
        let Some(query) = self.queries.get_mut(key).filter(|query| query.socket == Some(socket)) else { return };
        // Servers that do not know EDNS may leave the question out.
        let objects = matches!(header.rcode(), rcode::FORMERR | rcode::NOTIMP);
        let fits = match header.counts[0] {
            0 if objects && query.edns => Fit::Exact,
            1 => fit(bytes, query.question()),
            _ => Fit::Not,
        };
        let server = query.server as usize;
        match fits {
            Fit::Not => return,
            Fit::Folded if query.tcp => {}
            Fit::Folded => {
                query.failure = Failure::Timeout;
                return self.ask_over_tcp(key, now, random);
            }
            Fit::Exact => {}
        }
        self.answered(server);
        // A probe was dropped with that.
        let Some(query) = self.queries.get_mut(key) else { return };
        if query.first.is_none() {
            return self.drop_query(key);
        }
        if query.edns && objects {
            self.servers[server].edns = false;
            return self.send_again(key, now, random);
        }
        if header.flags & flag::TC != 0 && !query.tcp {
            query.failure = Failure::Truncated;
            if query.ignore_tc {
                return self.query_done(key, Err(Failure::Truncated), now);
            }
            return self.ask_over_tcp(key, now, random);
        }
        let result = match Message::parse(bytes) {
            Ok(message) if query.edns && message.rcode() == rcode::BADVERS => {
                self.servers[server].edns = false;
                return self.send_again(key, now, random);
            }
            Ok(message) => {
                let trusted = self.options.trust_ad && header.flags & flag::AD != 0;
                interpret(&message, query.qtype).map(|answer| answer.marked(trusted))
            }
            Err(_) => Err(Failure::Malformed),
        };
        let elsewhere =
            matches!(result, Err(Failure::ServFail | Failure::Refused | Failure::NotImp | Failure::Malformed));
        if elsewhere && query.reissued < self.options.reissues {
            let tried = query.tried;
            query.reissued += 1;
            if let Err(failure) = result {
                query.failure = failure;
            }
            if self.has_other(tried) {
                return self.retransmit(key, now, random);
            }
        }
        self.query_done(key, result, now);
    }

    /// To the same server again, not counted.
    fn send_again(&mut self, key: Key, now: u64, random: &mut impl Random) {
        let Some(query) = self.queries.get_mut(key) else { return };
        query.sent -= 1;
        let server = query.server as usize;
        self.left_server(server);
        self.transmit(key, server, now, random);
    }

    fn ask_over_tcp(&mut self, key: Key, now: u64, random: &mut impl Random) {
        let Some(query) = self.queries.get_mut(key) else { return };
        query.tcp = true;
        self.send_again(key, now, random);
    }

    /// A transmission was not answered in time.
    pub(super) fn query_timed_out(&mut self, index: u32, now: u64, random: &mut impl Random) {
        let Some(key) = self.queries.key_at(index) else { return };
        let Some(query) = self.queries.get(key) else { return };
        let server = query.server as usize;
        if query.first.is_none() {
            if let Some(of) = self.servers.get_mut(server).filter(|of| of.probe == Some(key)) {
                of.probe = None;
            }
            self.drop_query(key);
            return self.unanswered(server, false, now);
        }
        let (last, failure) = (query.sent >= self.options.attempts, query.failure);
        self.unanswered(server, false, now);
        if last {
            self.query_done(key, Err(failure), now);
        } else {
            self.retransmit(key, now, random);
        }
    }

    /// A query ended: each of its requests ends, or tries its next name.
    fn query_done(&mut self, key: Key, result: Result<Answer, Failure>, now: u64) {
        let Some(query) = self.unlink_query(key, Some(now)) else { return };
        if let Some(cache_key) = query.key {
            self.cache.keep(cache_key, &result, now);
        }
        for request in query.requests {
            self.request_done(request, result.clone());
        }
        if let Some(first) = query.first {
            self.request_done(first, result);
        }
    }

    fn request_done(&mut self, key: Key, result: Result<Answer, Failure>) {
        let Some(request) = self.requests.get_mut(key) else { return };
        request.query = None;
        let missing = match result {
            Err(Failure::NxDomain(_)) => true,
            Err(Failure::NoData(ttl)) => {
                request.exists = Some(ttl);
                true
            }
            Err(Failure::FormErr | Failure::Refused | Failure::NotImp) => self.options.search_refused,
            _ => false,
        };
        if missing {
            request.step += 1;
            let Some(request) = self.requests.get(key) else { return };
            let exists = request.exists;
            if self.candidate(request, request.step).is_some() && self.waiting.try_reserve(1).is_ok() {
                // Every verb ends with a look at the queue.
                self.waiting.push_front(key);
                return;
            }
            if let (Some(ttl), Err(Failure::NxDomain(_))) = (exists, &result) {
                return self.finish(key, Err(Failure::NoData(ttl)));
            }
        }
        self.finish(key, result);
    }

    /// A request no longer wants its query; without another the query ends.
    pub(super) fn leave(&mut self, query: Key, request: Key) {
        let Some(of) = self.queries.get_mut(query) else { return };
        if of.first == Some(request) {
            of.first = of.requests.pop();
        } else {
            of.requests.retain(|other| *other != request);
        }
        if of.first.is_none() {
            self.drop_query(query);
        }
    }

    /// Ends a query without a result.
    pub(super) fn drop_query(&mut self, key: Key) {
        self.unlink_query(key, None);
    }

    /// All requests wait again, in the order in which they were asked.
    pub(super) fn requeue_all(&mut self) {
        let mut back: Vec<Key> = Vec::new();
        for index in 0..self.queries.bound() {
            let Some(key) = self.queries.key_at(index) else { continue };
            let Some(query) = self.unlink_query(key, None) else { continue };
            back.extend(query.first.into_iter().chain(query.requests));
        }
        for key in back.into_iter().rev() {
            if let Some(request) = self.requests.get_mut(key) {
                request.query = None;
                self.waiting.push_front(key);
            }
        }
    }

    fn unlink_query(&mut self, key: Key, now: Option<u64>) -> Option<Query> {
        self.queries.get(key)?;
        self.disarm(timer::QUERY | key.index);
        let query = self.queries.remove(key)?;
        self.ids.remove(&query.id);
        if let Some(cache_key) = &query.key
            && self.asked.get(cache_key) == Some(&key.index)
        {
            self.asked.remove(cache_key);
        }
        self.inflight -= usize::from(query.counted);
        self.left_server(query.server as usize);
        if let Some(socket) = query.socket {
            self.released(socket, now);
        }
        Some(query)
    }
}
