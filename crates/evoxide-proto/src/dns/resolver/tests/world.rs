//! The resolver in a simulated world: servers that fail in every way, a network that loses, doubles, delays and reorders, and
//! an attacker who sees nothing but knows the questions.

use super::*;
use std::collections::{BTreeMap, HashMap};

const FORGED: &str = "10.66.66.66";

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Good,
    Silent,
    Failing,
    Refusing,
    Folding,
    Truncating,
    OldFashioned,
    Malformed,
    Missing,
}

const MOODS: [Mood; 9] = [
    Mood::Good,
    Mood::Silent,
    Mood::Failing,
    Mood::Refusing,
    Mood::Folding,
    Mood::Truncating,
    Mood::OldFashioned,
    Mood::Malformed,
    Mood::Missing,
];

struct World {
    resolver: Resolver<u32>,
    random: Xorshift,
    now: u64,
    /// What is on its way, by arrival.
    mail: BTreeMap<(u64, u32), (Key, Vec<u8>)>,
    count: u32,
    open: HashMap<Key, SocketAddr>,
    moods: HashMap<SocketAddr, Mood>,
    /// What ended how often.
    ended: Vec<u32>,
}

impl World {
    fn roll(&mut self, bound: u32) -> u32 {
        self.random.below(bound)
    }

    fn post(&mut self, socket: Key, bytes: Vec<u8>) {
        let copies = match self.roll(20) {
            0 | 1 => 0,
            2 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let delay = u64::from(1 + self.roll(400)) * MS * if self.roll(30) == 0 { 20 } else { 1 };
            self.count += 1;
            self.mail.insert((self.now + delay, self.count), (socket, bytes.clone()));
        }
    }

    fn serve(&mut self, server: SocketAddr, socket: Key, query: &[u8], tcp: bool) {
        let good = [("", rtype::A, "10.0.0.1")];
        let mut bytes = match (self.moods[&server], tcp) {
            (Mood::Silent, _) => return,
            (Mood::Failing, _) => reply(query, rcode::SERVFAIL, &[]),
            (Mood::Refusing, _) => reply(query, rcode::REFUSED, &[]),
            (Mood::Missing, _) => reply(query, rcode::NXDOMAIN, &[]),
            (Mood::Truncating, false) => reply(query, flag::TC, &[]),
            (Mood::OldFashioned, _) if query[11] == 1 => reply(query, rcode::FORMERR, &[]),
            (Mood::Malformed, _) => [reply(query, 0, &good), vec![0]].concat(),
            (Mood::Folding, _) => {
                let mut folded = reply(query, 0, &good);
                folded[12..].make_ascii_lowercase();
                folded
            }
            _ => reply(query, 0, &good),
        };
        if tcp {
            let len = (bytes.len() as u16).to_be_bytes();
            bytes.splice(0..0, len);
            // A stream neither loses nor reorders.
            self.count += 1;
            self.mail.insert((self.now + MS, self.count), (socket, bytes));
        } else {
            self.post(socket, bytes);
        }
    }

    /// The attacker sends to any port, with the right question as far as it can be known.
    fn forge(&mut self, query: &[u8], real: Key) {
        let sockets: Vec<Key> = self.open.keys().copied().collect();
        let socket = sockets[self.roll(sockets.len() as u32) as usize];
        let mut forged = reply(query, 0, &[("", rtype::A, FORGED)]);
        let id = u16::from_be_bytes([query[0], query[1]]);
        let flips = if socket == real || self.roll(2) == 0 { 1 + self.roll(65_535) as u16 } else { 0 };
        forged[..2].copy_from_slice(&(id ^ flips).to_be_bytes());
        if flips == 0 && socket == real {
            return;
        }
        self.count += 1;
        self.mail.insert((self.now + MS, self.count), (socket, forged));
    }

    fn act(&mut self) {
        while let Some(effect) = self.resolver.next_effect() {
            match effect {
                Effect::Open { socket, server } | Effect::Connect { socket, server } => {
                    self.open.insert(socket, server);
                }
                Effect::Close { socket } => assert!(self.open.remove(&socket).is_some()),
                Effect::Send { socket, query } | Effect::Write { socket, query } => {
                    let tcp = matches!(effect, Effect::Write { .. });
                    let Some(message) = self.resolver.message(query).map(<[u8]>::to_vec) else { continue };
                    let server = self.open[&socket];
                    self.serve(server, socket, &message, tcp);
                    if self.roll(3) == 0 && !tcp {
                        self.forge(&message, socket);
                    }
                }
                Effect::Done { token, result } => {
                    if let Ok(answer) = result {
                        assert!(answer.addresses().all(|a| a.to_string() != FORGED), "a forgery was believed");
                        assert_eq!(answer.addresses().count(), 1);
                    }
                    self.ended[token as usize] += 1;
                }
                Effect::Down { .. } | Effect::Up { .. } => {}
            }
        }
    }

    /// One step of time: the next thing that comes or is due. False: nothing is left.
    fn step(&mut self) -> bool {
        let due = self.resolver.next_timeout();
        let comes = self.mail.keys().next().copied();
        match (due, comes) {
            (None, None) => return false,
            (Some(due), None) => self.expire(due),
            (Some(due), Some((at, _))) if due <= at => self.expire(due),
            (_, Some(key)) => {
                let (socket, bytes) = self.mail.remove(&key).unwrap();
                self.now = self.now.max(key.0);
                if self.open.contains_key(&socket) {
                    self.resolver.received(socket, &bytes, self.now, &mut self.random);
                }
            }
        }
        self.act();
        true
    }

    fn expire(&mut self, due: u64) {
        self.now = self.now.max(due);
        self.resolver.expire(self.now, &mut self.random);
    }
}

fn schedule(seed: u64) {
    let mut random = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let options = Options {
        rotate: random.below(2) == 0,
        attempts: 1 + random.below(4),
        max_inflight: 1 + random.below(6) as usize,
        max_timeouts: 1 + random.below(4),
        join: random.below(2) == 0,
        use_tcp: random.below(8) == 0,
        ignore_tc: random.below(8) == 0,
        edns: (random.below(2) == 0).then_some(1232),
        probe_name: (random.below(2) == 0).then(|| name("probe.example")),
        search: if random.below(2) == 0 { vec![name("s.example"), name("t.example")] } else { Vec::new() },
        socket_queries: 1 + random.below(8),
        wait_for_server: true,
        ..Options::default()
    };
    let cached = random.below(4) as usize;
    let mut resolver = Resolver::new(options, cached, &mut random);
    let mut moods = HashMap::new();
    for n in 0..=random.below(3) as u8 {
        resolver.add_server(server(n), 0).unwrap();
        moods.insert(server(n), MOODS[random.below(9) as usize]);
    }
    let (mail, open) = (BTreeMap::new(), HashMap::new());
    let mut w = World { resolver, random, now: 0, mail, count: 0, open, moods, ended: Vec::new() };
    w.act();
    let mut keys: Vec<(Key, u32)> = Vec::new();
    let total = 1 + w.roll(8);
    while (w.ended.len() as u32) < total {
        let token = w.ended.len() as u32;
        w.ended.push(0);
        let asked = name(["a", "b.example", "c", "Some.Longer.Name"][w.roll(4) as usize]);
        let mut ask = Ask::new(&asked, rtype::A);
        ask.absolute = w.roll(4) == 0;
        ask.flags.fresh = w.roll(4) == 0;
        ask.deadline = (w.roll(6) == 0).then(|| w.now + u64::from(w.random.below(3000)) * MS);
        let now = w.now;
        let key = w.resolver.start(ask, token, now, &mut w.random).unwrap();
        keys.push((key, token));
        w.act();
        for _ in 0..w.roll(4) {
            if w.step() {
                trouble(&mut w, &keys);
            }
        }
    }
    let mut steps = 0;
    while w.resolver.requests() > 0 {
        assert!(w.step(), "a request hangs");
        trouble(&mut w, &keys);
        steps += 1;
        assert!(steps < 20_000, "it does not end");
    }
    assert!(w.ended.iter().all(|times| *times == 1), "{seed}: {:?}", w.ended);
    assert_eq!(w.resolver.inflight(), 0);
}

/// Now and then: a cancellation, a socket that fails, a change of servers, a change of mood.
fn trouble(w: &mut World, keys: &[(Key, u32)]) {
    let now = w.now;
    match w.roll(60) {
        0 => {
            let (key, token) = keys[w.random.below(keys.len() as u32) as usize];
            if let Some(cancelled) = w.resolver.cancel(key, now, &mut w.random) {
                assert_eq!(cancelled, token);
                w.ended[token as usize] += 1;
            }
        }
        1 => {
            let sockets: Vec<Key> = w.open.keys().copied().collect();
            if let Some(socket) = sockets.get(w.random.below(sockets.len() as u32) as usize) {
                w.resolver.failed(*socket, now, &mut w.random);
            }
        }
        2 => {
            w.resolver.suspend();
            w.act();
            assert!(w.open.is_empty());
            let servers: Vec<SocketAddr> = w.moods.keys().copied().collect();
            for server in servers {
                w.resolver.add_server(server, now).unwrap();
            }
            w.resolver.resume();
            w.resolver.pump(now, &mut w.random);
        }
        3 => {
            let mood = MOODS[w.random.below(9) as usize];
            if let Some(any) = w.moods.values_mut().next() {
                *any = mood;
            }
        }
        _ => {}
    }
    w.act();
}

#[test]
fn each_request_ends_once_and_never_by_a_forgery() {
    for seed in 1..=100_000 {
        schedule(seed);
    }
}
