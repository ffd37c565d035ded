use super::*;
use crate::dns::{Builder, Message, Rdata, Section, flag, rcode, rtype};

mod world;

/// A small generator whose numbers repeat from run to run.
pub(super) struct Xorshift(pub(super) u64);

impl Random for Xorshift {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            *byte = (self.0 >> 24) as u8;
        }
    }
}

const MS: u64 = 1_000_000;

/// A resolver under test, and what it wants done.
struct Bench {
    resolver: Resolver<u32>,
    random: Xorshift,
    now: u64,
    done: Vec<(u32, Result<Answer, Failure>)>,
    /// Server, socket, message, whether over TCP.
    sent: Vec<(SocketAddr, Key, Vec<u8>, bool)>,
    open: Vec<(Key, SocketAddr)>,
    closed: usize,
    downs: Vec<bool>,
    ups: usize,
}

fn server(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 53))
}

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes()).unwrap()
}

impl Bench {
    fn new(servers: u8, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options { rotate: true, ..Options::default() };
        change(&mut options);
        let mut random = Xorshift(88_172_645_463_325_252);
        let mut resolver = Resolver::new(options, 100, &mut random);
        for n in 0..servers {
            resolver.add_server(server(n), 0).unwrap();
        }
        let mut bench = Self {
            resolver,
            random,
            now: 0,
            done: Vec::new(),
            sent: Vec::new(),
            open: Vec::new(),
            closed: 0,
            downs: Vec::new(),
            ups: 0,
        };
        bench.act();
        bench
    }

    fn act(&mut self) {
        while let Some(effect) = self.resolver.next_effect() {
            match effect {
                Effect::Open { socket, server } | Effect::Connect { socket, server } => {
                    self.open.push((socket, server))
                }
                Effect::Send { socket, query } | Effect::Write { socket, query } => {
                    let message = self.resolver.message(query).unwrap().to_vec();
                    let of = self.open.iter().find(|o| o.0 == socket).unwrap();
                    let tcp = matches!(effect, Effect::Write { .. });
                    self.sent.push((of.1, socket, message, tcp));
                }
                Effect::Close { socket } => {
                    self.closed += 1;
                    self.open.retain(|o| o.0 != socket);
                }
                Effect::Done { token, result } => self.done.push((token, result)),
                Effect::Down { last, .. } => self.downs.push(last),
                Effect::Up { .. } => self.ups += 1,
            }
        }
    }

    fn start(&mut self, text: &str, token: u32, change: impl FnOnce(&mut Ask<'_>)) -> Key {
        let name = name(text);
        let mut ask = Ask::new(&name, rtype::A);
        change(&mut ask);
        let key = self.resolver.start(ask, token, self.now, &mut self.random).unwrap();
        self.act();
        key
    }

    fn receive(&mut self, socket: Key, bytes: &[u8]) {
        self.resolver.received(socket, bytes, self.now, &mut self.random);
        self.act();
    }

    /// Answers what was sent last.
    fn answer(&mut self, code: u16, records: &[(&str, u16, &str)]) {
        let (_, socket, message, tcp) = self.sent.pop().unwrap();
        let reply = reply(&message, code, records);
        let framed = [&(reply.len() as u16).to_be_bytes()[..], &reply].concat();
        self.receive(socket, if tcp { &framed } else { &reply });
    }

    /// Time passes to the next deadline.
    fn wait(&mut self) {
        self.now = self.resolver.next_timeout().unwrap();
        self.resolver.expire(self.now, &mut self.random);
        self.act();
    }

    fn asked(&self) -> Vec<String> {
        self.sent.iter().map(|s| question(&s.2).to_ascii_lowercase()).collect()
    }

    fn result(&mut self) -> Result<Vec<String>, Failure> {
        assert_eq!(self.done.len(), 1, "{:?}", self.done);
        self.done.pop().unwrap().1.map(|a| a.addresses().map(|a| a.to_string()).collect())
    }
}

fn question(message: &[u8]) -> String {
    Message::parse(message).unwrap().questions().next().unwrap().name.to_string()
}

/// A reply with records of (owner, type, address or name).
pub(super) fn reply(query: &[u8], code: u16, records: &[(&str, u16, &str)]) -> Vec<u8> {
    let query = Message::parse(query).unwrap();
    let asked = query.questions().next().unwrap();
    let mut builder = Builder::new();
    builder.start(query.header().id, flag::QR | flag::RD | flag::RA | code, 4096).unwrap();
    builder.question(asked.name.to_name().as_wire(), asked.qtype, asked.class).unwrap();
    for (owner, kind, data) in records {
        let owner = if owner.is_empty() { asked.name.to_name() } else { name(owner) };
        let address = data.parse::<std::net::Ipv4Addr>().map(|a| a.octets());
        let target = name(if data.is_empty() { "." } else { data });
        let data = match &address {
            Ok(octets) => Rdata::Bytes(octets),
            Err(_) => Rdata::Name(target.as_wire()),
        };
        builder.record(Section::Answer, owner.as_wire(), *kind, 1, 60, data).unwrap();
    }
    builder.finish().to_vec()
}

#[test]
fn a_question_goes_out_and_its_answer_comes_back() {
    let mut b = Bench::new(1, |_| {});
    b.start("Www.example.com", 1, |_| {});
    assert_eq!(b.asked(), ["www.example.com"]);
    b.answer(0, &[("", rtype::A, "10.0.0.1"), ("other.example", rtype::A, "10.6.6.6")]);
    assert_eq!(b.result().unwrap(), ["10.0.0.1"]);
    assert_eq!((b.resolver.requests(), b.resolver.inflight(), b.resolver.next_timeout()), (0, 0, None));
}

#[test]
fn chains_are_followed_and_bounded() {
    let mut b = Bench::new(1, |_| {});
    b.start("a.x", 1, |_| {});
    b.answer(
        0,
        &[
            ("c.x", rtype::A, "10.0.0.3"),
            ("b.x", rtype::CNAME, "c.x"),
            ("", rtype::CNAME, "b.x"),
            ("a.x", rtype::A, "10.6.6.6"),
        ],
    );
    assert_eq!(b.result().unwrap(), ["10.0.0.3"]);
    b.start("l.x", 1, |_| {});
    b.answer(0, &[("", rtype::CNAME, "m.x"), ("m.x", rtype::CNAME, "l.x")]);
    assert_eq!(b.result(), Err(Failure::Malformed));
    b.start("n.x", 1, |_| {});
    b.answer(0, &[("", rtype::CNAME, "m.x"), ("q.x", rtype::A, "10.6.6.6")]);
    assert_eq!(b.result(), Err(Failure::NoData(0)));
}

#[test]
fn forgeries_are_not_taken() {
    let mut b = Bench::new(1, |o| o.socket_queries = 1);
    b.start("a.example", 1, |_| {});
    b.start("b.example", 2, |_| {});
    let (_, socket, message, _) = b.sent[0].clone();
    let good = reply(&message, 0, &[("", rtype::A, "10.6.6.6")]);
    let wrong = |at: usize, xor: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= xor;
        bytes
    };
    b.receive(b.sent[1].1, &good); // the other's port
    for forged in [wrong(0, 1), wrong(1, 0x80), wrong(2, 0x80), wrong(2, 0x08), wrong(5, 3), wrong(13, 1), wrong(24, 1)]
    {
        b.receive(socket, &forged);
    }
    assert!(b.done.is_empty());
    b.receive(socket, &good);
    assert_eq!(b.done.len(), 1);
    b.receive(socket, &good); // a duplicate
    assert_eq!(b.done.len(), 1);
}

#[test]
fn folded_case_makes_the_question_go_over_tcp() {
    let mut b = Bench::new(1, |_| {});
    b.start("some-letters.example", 1, |_| {});
    let (_, socket, message, _) = b.sent.pop().unwrap();
    let mut folded = reply(&message, 0, &[("", rtype::A, "10.0.0.1")]);
    folded[12..].make_ascii_lowercase();
    b.receive(socket, &folded);
    assert!(b.done.is_empty() && b.sent[0].3);
    b.answer(0, &[("", rtype::A, "10.0.0.2")]);
    assert_eq!(b.result().unwrap(), ["10.0.0.2"]);
}

#[test]
fn truncation_leads_to_tcp_in_pieces_and_with_a_pool() {
    let mut b = Bench::new(1, |_| {});
    for round in 0..2 {
        b.start(&format!("big{round}.example"), 1, |_| {});
        b.answer(flag::TC, &[]);
        let (_, socket, message, tcp) = b.sent.pop().unwrap();
        assert!(tcp);
        let whole = reply(&message, 0, &[("", rtype::A, "10.0.0.1")]);
        let framed = [&(whole.len() as u16).to_be_bytes()[..], &whole].concat();
        for byte in framed {
            b.receive(socket, &[byte]);
        }
        assert_eq!(b.result().unwrap(), ["10.0.0.1"]);
        assert_eq!(b.open.len(), 2, "one connection serves both");
    }
    b.wait();
    assert_eq!((b.open.len(), b.closed), (1, 1));
}

/// A connection that ends while it is read: what is left of it is not touched again.
#[test]
fn a_connection_that_ends_is_tried_once_more_if_it_was_good() {
    let mut b = Bench::new(1, |o| o.use_tcp = true);
    b.start("a.example", 1, |_| {});
    b.answer(0, &[("", rtype::A, "10.0.0.1")]);
    b.result().unwrap();
    b.start("b.example", 1, |_| {});
    let (_, socket, ..) = b.sent.pop().unwrap();
    b.receive(socket, &[0]);
    b.resolver.failed(socket, b.now, &mut Xorshift(1));
    b.act();
    b.receive(socket, &[9, 9, 9]);
    assert_eq!(b.sent.len(), 1);
    let (_, socket, ..) = b.sent.pop().unwrap();
    b.resolver.failed(socket, b.now, &mut Xorshift(1));
    b.act();
    assert_eq!(b.result(), Err(Failure::Timeout));
    b.start("c.example", 1, |a| a.flags.ignore_tc = true);
    assert!(b.sent[0].3);
}

#[test]
fn a_truncated_answer_without_tcp_is_a_failure() {
    let mut b = Bench::new(1, |_| {});
    b.start("a.example", 1, |_| {});
    b.answer(flag::TC, &[]);
    let socket = b.sent.pop().unwrap().1;
    b.resolver.failed(socket, b.now, &mut Xorshift(1));
    b.act();
    assert_eq!(b.result(), Err(Failure::Truncated));
    b.start("a.example", 1, |a| a.flags.ignore_tc = true);
    b.answer(flag::TC, &[]);
    assert_eq!(b.result(), Err(Failure::Truncated));
}

#[test]
fn servers_without_edns_are_asked_without() {
    let mut b = Bench::new(1, |_| {});
    b.start("a.example", 1, |_| {});
    assert_eq!(b.sent[0].2[11], 1);
    let (_, socket, message, _) = b.sent.pop().unwrap();
    let mut bare = message[..12].to_vec();
    bare[2] |= 0x80;
    bare[3] |= rcode::FORMERR as u8;
    bare[4..12].fill(0);
    b.receive(socket, &bare);
    assert_eq!(b.sent[0].2[11], 0);
    b.answer(0, &[("", rtype::A, "10.0.0.1")]);
    assert!(b.result().is_ok());
    b.start("b.example", 1, |_| {});
    assert_eq!(b.sent[0].2[11], 0, "that is remembered");
}

/// SERVFAIL is no time-out: it says nothing about whether the server is up.
#[test]
fn failures_lead_to_the_next_server_and_do_not_take_one_down() {
    for code in [rcode::SERVFAIL, rcode::REFUSED, rcode::NOTIMP] {
        let mut b = Bench::new(2, |o| o.edns = None);
        for _ in 0..8 {
            b.start("a.example", 1, |_| {});
            let first = b.sent[0].0;
            b.answer(code, &[]);
            assert_ne!(b.sent[0].0, first);
            b.answer(0, &[("", rtype::A, "10.0.0.1")]);
            assert!(b.result().is_ok());
            b.resolver.clear_cache();
        }
        b.start("a.example", 1, |_| {});
        b.answer(code, &[]);
        b.answer(code, &[]);
        assert!(matches!(b.result(), Err(Failure::ServFail | Failure::Refused | Failure::NotImp)));
        assert!(b.downs.is_empty());
    }
}

#[test]
fn time_outs_take_a_server_down_and_answers_bring_it_back() {
    let mut b = Bench::new(1, |o| o.max_timeouts = 3);
    b.start("a.example", 1, |_| {});
    for _ in 0..3 {
        b.wait();
    }
    assert_eq!((b.result(), &b.downs[..]), (Err(Failure::Timeout), &[true][..]));
    // All are down: it is asked all the same, and a request ends.
    b.sent.clear();
    b.start("b.example", 1, |_| {});
    b.answer(0, &[("", rtype::A, "10.0.0.1")]);
    assert!(b.result().is_ok());
    assert_eq!(b.ups, 1);
}

#[test]
fn a_probe_is_sent_with_growing_pauses() {
    let mut b = Bench::new(1, |o| {
        o.probe_name = Some(name("probe.example"));
        o.attempts = 1;
        o.max_timeouts = 1;
        (o.initial_probe, o.probe_factor, o.max_probe) = (1000 * MS, 3, 5000 * MS);
    });
    b.start("a.example", 1, |_| {});
    b.wait();
    b.result().unwrap_err();
    b.sent.clear();
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let before = b.now;
        b.wait();
        pauses.push((b.now - before) / MS);
        assert_eq!(b.asked(), ["probe.example"]);
        if pauses.len() < 4 {
            b.sent.clear();
            b.wait();
        }
    }
    assert_eq!(pauses, [1000, 3000, 5000, 5000]);
    b.answer(rcode::NXDOMAIN, &[]);
    assert_eq!((b.ups, b.resolver.next_timeout()), (1, None));
}

#[test]
fn a_closed_port_leads_to_the_other_server_at_once() {
    let mut b = Bench::new(2, |_| {});
    b.start("a.example", 1, |_| {});
    let (first, socket, ..) = b.sent.pop().unwrap();
    b.resolver.failed(socket, b.now, &mut Xorshift(1));
    b.act();
    assert_ne!(b.sent[0].0, first);
    b.answer(0, &[("", rtype::A, "10.0.0.1")]);
    assert!(b.result().is_ok());
    assert_eq!(b.downs, [false]);
}

#[test]
fn names_are_searched() {
    let asked = |text: &str, ndots: u32, absolute: bool| {
        let mut b = Bench::new(1, |o| {
            o.search = vec![name("one.example"), name("two.example")];
            o.ndots = ndots;
        });
        let mut seen = Vec::new();
        b.start(text, 1, |a| a.absolute = absolute);
        while !b.sent.is_empty() {
            seen.push(b.asked().remove(0));
            b.answer(rcode::NXDOMAIN, &[]);
        }
        assert_eq!(b.result(), Err(Failure::NxDomain(0)));
        seen
    };
    assert_eq!(asked("a", 1, false), ["a.one.example", "a.two.example", "a"]);
    assert_eq!(asked("a.b", 1, false), ["a.b", "a.b.one.example", "a.b.two.example"]);
    assert_eq!(asked("a.b", 2, false), ["a.b.one.example", "a.b.two.example", "a.b"]);
    assert_eq!(asked("a", 1, true), ["a"]);
}

/// `no-tld-query`: a name of one label is only searched.
#[test]
fn names_of_one_label_may_be_searched_only() {
    let mut b = Bench::new(1, |o| {
        o.search = vec![name("one.example")];
        o.no_tld_query = true;
    });
    b.start("a", 1, |_| {});
    assert_eq!(b.asked(), ["a.one.example"]);
    b.answer(rcode::NXDOMAIN, &[]);
    assert!(b.sent.is_empty());
    assert_eq!(b.result(), Err(Failure::NxDomain(0)));
}

/// `trust-ad`: the bit is asked for, and believed; without the option it is neither.
#[test]
fn the_ad_bit_is_believed_on_request() {
    for trust in [false, true] {
        let mut b = Bench::new(1, |o| o.trust_ad = trust);
        b.start("a.example", 1, |_| {});
        let (_, socket, query, _) = b.sent.remove(0);
        assert_eq!(Message::parse(&query).unwrap().header().flags & flag::AD != 0, trust);
        let mut answer = reply(&query, 0, &[("", rtype::A, "10.0.0.1")]);
        answer[3] |= flag::AD as u8;
        b.resolver.received(socket, &answer, b.now, &mut b.random);
        let Some(Effect::Done { result: Ok(answer), .. }) = b.resolver.next_effect() else { panic!("no answer") };
        assert_eq!(answer.is_authentic(), trust);
    }
}

#[test]
fn a_name_that_exists_somewhere_has_no_data() {
    let mut b = Bench::new(1, |o| o.search = vec![name("one.example")]);
    b.start("a", 1, |_| {});
    b.answer(rcode::NOERROR, &[]);
    b.answer(rcode::NXDOMAIN, &[]);
    assert_eq!(b.result(), Err(Failure::NoData(0)));
}

#[test]
fn equal_requests_share_a_query_and_the_cache() {
    let mut b = Bench::new(1, |_| {});
    b.start("a.example", 1, |_| {});
    let second = b.start("A.EXAMPLE", 2, |_| {});
    b.start("a.example", 3, |a| a.flags.fresh = true);
    b.start("a.example", 4, |_| {});
    assert_eq!(b.sent.len(), 2);
    assert_eq!(b.resolver.cancel(second, 0, &mut Xorshift(1)), Some(2));
    b.answer(0, &[("", rtype::A, "10.0.0.3")]);
    b.answer(0, &[("", rtype::A, "10.0.0.1")]);
    let mut tokens: Vec<u32> = b.done.drain(..).map(|d| d.0).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, [1, 3, 4]);
    b.start("a.example", 5, |_| {});
    assert_eq!(b.result().unwrap(), ["10.0.0.1"]);
    b.now = 59 * SECOND;
    b.start("a.example", 6, |_| {});
    assert_eq!(b.done[0].1.as_ref().unwrap().ttl, 1);
    b.result().unwrap();
    b.now = 61 * SECOND;
    b.start("a.example", 7, |_| {});
    assert_eq!((b.done.len(), b.sent.len()), (0, 1));
}

#[test]
fn requests_are_queued_and_cancelled_at_every_stage() {
    let mut b = Bench::new(1, |o| o.max_inflight = 2);
    let keys: Vec<Key> = (0..5).map(|i| b.start(&format!("h{i}.example"), i, |_| {})).collect();
    assert_eq!((b.sent.len(), b.resolver.inflight(), b.resolver.requests()), (2, 2, 5));
    assert_eq!(b.resolver.cancel(keys[3], 0, &mut Xorshift(1)), Some(3));
    assert_eq!(b.resolver.cancel(keys[0], 0, &mut Xorshift(1)), Some(0));
    assert_eq!(b.resolver.cancel(keys[0], 0, &mut Xorshift(1)), None);
    b.act();
    assert_eq!(b.asked(), ["h0.example", "h1.example", "h2.example"]);
    b.answer(0, &[("", rtype::A, "10.0.0.1")]);
    assert_eq!(b.asked().last().unwrap(), "h4.example");
    let mut from = 0;
    let mut rest: Vec<u32> = core::iter::from_fn(|| b.resolver.take_request(&mut from)).collect();
    rest.sort_unstable();
    assert_eq!(rest, [1, 4]);
    assert_eq!((b.resolver.inflight(), b.resolver.next_timeout()), (0, None));
}

#[test]
fn a_deadline_ends_a_request() {
    let mut b = Bench::new(1, |_| {});
    b.start("a.example", 1, |a| a.deadline = Some(700 * MS));
    b.wait();
    assert_eq!((b.now, b.result()), (700 * MS, Err(Failure::Timeout)));
}

#[test]
fn without_a_server_requests_fail_or_wait() {
    let mut b = Bench::new(0, |_| {});
    b.start("a.example", 1, |_| {});
    assert_eq!(b.result(), Err(Failure::NoServer));
    let mut b = Bench::new(0, |o| o.wait_for_server = true);
    b.start("a.example", 1, |_| {});
    b.start("b.example", 2, |_| {});
    b.resolver.add_server(server(1), 0).unwrap();
    b.resolver.pump(0, &mut Xorshift(5));
    b.act();
    assert_eq!(b.asked(), ["a.example", "b.example"]);
    b.resolver.suspend();
    b.act();
    assert_eq!((b.open.len(), b.resolver.requests()), (0, 2));
    b.resolver.add_server(server(2), 0).unwrap();
    b.resolver.pump(0, &mut Xorshift(5));
    b.act();
    assert_eq!(b.sent.len(), 2);
    b.resolver.resume();
    b.resolver.pump(0, &mut Xorshift(5));
    b.act();
    assert_eq!(b.asked()[2..], ["a.example", "b.example"]);
    b.answer(0, &[("", rtype::A, "10.0.0.1")]);
    b.answer(0, &[("", rtype::A, "10.0.0.1")]);
    assert_eq!(b.done.len(), 2);
}

/// A and AAAA of one name belong to one server.
#[test]
fn requests_beside_each_other_go_to_the_same_server() {
    let mut b = Bench::new(3, |_| {});
    for _ in 0..10 {
        let first = b.start("a.example", 1, |_| {});
        b.start("a.example", 2, |a| (a.qtype, a.beside) = (rtype::AAAA, Some(first)));
        assert_eq!(b.sent[0].0, b.sent[1].0);
        b.answer(0, &[]);
        b.answer(0, &[]);
        b.done.clear();
    }
}

#[test]
fn ports_change() {
    let mut b = Bench::new(1, |o| o.socket_queries = 10);
    for i in 0..100 {
        b.start(&format!("h{i}.example"), i, |_| {});
        b.answer(0, &[("", rtype::A, "10.0.0.1")]);
    }
    assert_eq!((b.open.len(), b.closed), (1, 9));
    b.now += 40 * SECOND;
    b.start("late.example", 1, |_| {});
    assert_eq!(b.closed, 10);
}
