//! Servers: which one is asked, their health, and their sockets.

use super::{Effect, NOWHERE, Random, Resolver, timer};
use crate::dns::NoMemory;
use alloc::vec::Vec;
use core::net::SocketAddr;
use evoxide_core::key::Key;

/// UDP sockets that one server's queries are spread over.
const SOCKETS: usize = 4;
/// Queries on their way to one server for each of its sockets beyond the first.
const QUERIES_PER_SOCKET: u32 = 12;

/// A server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) up: bool,
    /// A request may try whether it is back.
    pub(super) on_trial: bool,
    /// Consecutive time-outs.
    pub(super) timeouts: u32,
    /// How long it is left alone next.
    pub(super) pause: u64,
    /// It takes OPT records.
    pub(super) edns: bool,
    pub(super) inflight: u32,
    pub(super) probe: Option<Key>,
    sockets: [Option<Key>; SOCKETS],
    /// The one used last.
    latest: usize,
    pub(super) tcp: Option<Key>,
    pub(super) timer: u32,
}

/// A UDP socket or a TCP connection.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) server: u32,
    pub(super) tcp: bool,
    /// Queries whose answers it waits for.
    pub(super) inflight: u32,
    /// Queries that went out by it.
    uses: u32,
    opened: u64,
    /// It takes no further queries.
    pub(super) retired: bool,
    /// TCP: what came of the next message.
    pub(super) partial: Vec<u8>,
    /// TCP: an answer came.
    pub(super) proved: bool,
    pub(super) timer: u32,
}

impl Default for Socket {
    fn default() -> Self {
        Self {
            server: 0,
            tcp: false,
            inflight: 0,
            uses: 0,
            opened: 0,
            retired: false,
            partial: Vec::new(),
            proved: false,
            timer: NOWHERE,
        }
    }
}

impl<T> Resolver<T> {
    /// Adds a server. [`pump`](Self::pump) must follow.
    ///
    /// # Errors
    /// Without memory.
    pub fn add_server(&mut self, address: SocketAddr, now: u64) -> Result<(), NoMemory> {
        self.servers.try_reserve(1)?;
        self.reserve_timer()?;
        self.servers.push(Server {
            address,
            up: true,
            on_trial: false,
            timeouts: 0,
            pause: 0,
            edns: true,
            inflight: 0,
            probe: None,
            sockets: [None; SOCKETS],
            latest: 0,
            tcp: None,
            timer: NOWHERE,
        });
        let _ = self.open(self.servers.len() - 1, 0, now);
        Ok(())
    }

    /// The servers' addresses, in the order in which they were added.
    pub fn servers(&self) -> impl ExactSizeIterator<Item = SocketAddr> + '_ {
        self.servers.iter().map(|server| server.address)
    }

    /// The UDP socket that a server was asked through last.
    #[must_use]
    pub fn server_socket(&self, server: usize) -> Option<Key> {
        let server = self.servers.get(server)?;
        server.sockets[server.latest]
    }

    /// Whether a socket waits for an answer: without one there is nothing to read.
    #[must_use]
    pub fn awaits(&self, socket: Key) -> bool {
        self.sockets.get(socket).is_some_and(|socket| socket.inflight > 0)
    }

    /// Forgets all servers; what is under way is queued again and waits until [`resume`](Self::resume).
    pub fn suspend(&mut self) {
        self.suspended = true;
        self.requeue_all();
        for index in 0..self.servers.len() {
            self.disarm(timer::SERVER | index as u32);
        }
        self.servers.clear();
        self.next_server = 0;
        for index in 0..self.sockets.bound() {
            if let Some(socket) = self.sockets.key_at(index) {
                self.close(socket);
            }
        }
    }

    /// Ends a suspension. [`pump`](Self::pump) must follow.
    pub const fn resume(&mut self) {
        self.suspended = false;
    }

    /// The server for the next transmission: the next one, or the first that is up; of those that a mask does not exclude if
    /// there are any. When all are down the next one is tried all the same, so that a request ends in any case.
    pub(super) fn pick(&mut self, tried: u64) -> usize {
        let count = self.servers.len();
        let first = if self.options.rotate { self.next_server % count.max(1) } else { 0 };
        let order = (0..count).map(|i| (first + i) % count);
        let fresh = |i: &usize| *i >= 64 || tried >> *i & 1 == 0;
        let usable = |s: &Server| s.up || s.on_trial;
        let pick = order
            .clone()
            .find(|i| fresh(i) && usable(&self.servers[*i]))
            .or_else(|| order.clone().find(|i| usable(&self.servers[*i])))
            .or_else(|| order.clone().find(fresh))
            .unwrap_or(first);
        self.servers[pick].on_trial = false;
        self.next_server = (pick + 1) % count.max(1);
        pick
    }

    /// Whether another server than those tried is up.
    pub(super) fn has_other(&self, tried: u64) -> bool {
        self.servers.iter().enumerate().any(|(i, s)| s.up && (i >= 64 || tried >> i & 1 == 0))
    }

    /// A UDP socket for a query to a server.
    pub(super) fn udp_socket(&mut self, server: usize, now: u64, random: &mut impl Random) -> Result<Key, NoMemory> {
        let of = &self.servers[server];
        let spread = (1 + of.inflight / QUERIES_PER_SOCKET).min(SOCKETS as u32);
        let place = if spread > 1 { random.below(spread) as usize } else { 0 };
        if let Some(key) = of.sockets[place]
            && let Some(socket) = self.sockets.get_mut(key)
        {
            let old = now.saturating_sub(socket.opened) >= self.options.socket_age;
            if socket.uses < self.options.socket_queries && !(old && socket.uses > 0) {
                socket.uses += 1;
                self.servers[server].latest = place;
                return Ok(key);
            }
            self.retire(key);
        }
        let key = self.open(server, place, now)?;
        self.servers[server].latest = place;
        if let Some(socket) = self.sockets.get_mut(key) {
            socket.uses = 1;
        }
        Ok(key)
    }

    fn open(&mut self, server: usize, place: usize, now: u64) -> Result<Key, NoMemory> {
        let key = self.new_socket(Socket { server: server as u32, opened: now, ..Socket::default() })?;
        self.servers[server].sockets[place] = Some(key);
        self.effects.push_back(Effect::Open { socket: key, server: self.servers[server].address });
        Ok(key)
    }

    /// The TCP connection for a query to a server: the one there is, or a new one.
    pub(super) fn tcp_socket(&mut self, server: usize, now: u64) -> Result<Key, NoMemory> {
        if let Some(key) = self.servers[server].tcp
            && self.sockets.get(key).is_some_and(|socket| !socket.retired)
        {
            return Ok(key);
        }
        let key = self.new_socket(Socket { server: server as u32, tcp: true, opened: now, ..Socket::default() })?;
        self.servers[server].tcp = Some(key);
        self.effects.push_back(Effect::Connect { socket: key, server: self.servers[server].address });
        Ok(key)
    }

    fn new_socket(&mut self, socket: Socket) -> Result<Key, NoMemory> {
        self.sockets.try_reserve_one()?;
        self.reserve_timer()?;
        self.effects.try_reserve(4)?;
        Ok(self.sockets.insert(socket))
    }

    /// A socket takes no further queries, and is closed once it waits for nothing.
    fn retire(&mut self, key: Key) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        socket.retired = true;
        let idle = socket.inflight == 0;
        if let Some(server) = self.servers.get_mut(socket.server as usize) {
            server.sockets.iter_mut().chain([&mut server.tcp]).filter(|s| **s == Some(key)).for_each(|s| *s = None);
        }
        if idle {
            self.close(key);
        }
    }

    pub(super) fn close(&mut self, key: Key) {
        self.disarm(timer::SOCKET | key.index);
        let Some(socket) = self.sockets.remove(key) else { return };
        if let Some(server) = self.servers.get_mut(socket.server as usize) {
            server.sockets.iter_mut().chain([&mut server.tcp]).filter(|s| **s == Some(key)).for_each(|s| *s = None);
        }
        self.effects.push_back(Effect::Close { socket: key });
    }

    /// A query no longer waits at a socket.
    pub(super) fn released(&mut self, key: Key, now: Option<u64>) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        socket.inflight = socket.inflight.saturating_sub(1);
        if socket.inflight > 0 {
            return;
        }
        match (socket.retired, socket.tcp, now) {
            (true, ..) => self.close(key),
            (false, true, Some(now)) => {
                let idle = self.options.tcp_idle;
                self.arm(timer::SOCKET | key.index, now.saturating_add(idle));
            }
            // No time is known here: at the next look.
            (false, true, None) => self.arm(timer::SOCKET | key.index, 0),
            (false, false, _) => {}
        }
    }

    pub(super) fn close_idle(&mut self, index: u32) {
        if let Some(key) = self.sockets.key_at(index)
            && !self.awaits(key)
        {
            self.close(key);
        }
    }

    /// A server answered, whatever it was.
    pub(super) fn answered(&mut self, server: usize) {
        let Some(of) = self.servers.get_mut(server) else { return };
        of.timeouts = 0;
        if !of.up {
            of.up = true;
            of.on_trial = false;
            of.pause = 0;
            let address = of.address;
            self.effects.push_back(Effect::Up { server: address });
            self.disarm(timer::SERVER | server as u32);
            if let Some(probe) = self.servers[server].probe.take() {
                self.drop_query(probe);
            }
        }
    }

    /// A transmission to a server was not answered. A closed port (`refused`) is believed at once.
    pub(super) fn unanswered(&mut self, server: usize, refused: bool, now: u64) {
        let others = self.servers.iter().enumerate().any(|(i, s)| s.up && i != server);
        let (initial, most) = (self.options.initial_probe, self.options.max_probe);
        let Some(of) = self.servers.get_mut(server) else { return };
        of.timeouts += 1;
        let newly = of.up && (of.timeouts >= self.options.max_timeouts || refused && others);
        if newly {
            of.up = false;
            of.pause = initial;
            let address = of.address;
            self.effects.push_back(Effect::Down { server: address, last: !others });
        } else if of.up || of.timer != NOWHERE || of.probe.is_some() {
            return;
        } else {
            // It was on trial and failed again.
            of.pause = of.pause.saturating_mul(u64::from(self.options.probe_factor.max(1))).min(most);
        }
        let pause = self.servers[server].pause;
        self.arm(timer::SERVER | server as u32, now.saturating_add(pause));
    }

    /// A server was left alone for long enough.
    pub(super) fn probe(&mut self, server: usize, now: u64, random: &mut impl Random) {
        let Some(name) = self.options.probe_name else {
            self.servers[server].on_trial = true;
            return;
        };
        if self.send_probe(server, &name, now, random).is_err() {
            self.arm(timer::SERVER | server as u32, now.saturating_add(self.options.initial_probe));
        }
    }
}
