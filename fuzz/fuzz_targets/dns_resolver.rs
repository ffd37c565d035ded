//! The resolver and the server against a script of bytes: what comes, when, and from where.
//!
//! `cargo +nightly fuzz run dns_resolver`
#![no_main]

use evoxide_proto::dns::resolver::{Ask, Effect, Options, Resolver};
use evoxide_proto::dns::server::{self, Verdict};
use evoxide_proto::dns::{Builder, Name, Random, rtype};

struct Counter(u8);

impl Random for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(5).wrapping_add(17);
            *byte = self.0;
        }
    }
}

libfuzzer_sys::fuzz_target!(|script: &[u8]| {
    let mut random = Counter(script.first().copied().unwrap_or(0));
    let mut options = Options::default();
    options.max_inflight = 3;
    options.edns = script.get(1).is_some_and(|b| b & 1 == 1).then_some(1232);
    options.search = vec![Name::from_text(b"s.example").unwrap()];
    let mut resolver = Resolver::new(options, 4, &mut random);
    resolver.add_server("192.0.2.1:53".parse().unwrap(), 0).unwrap();
    resolver.add_server("192.0.2.2:53".parse().unwrap(), 0).unwrap();
    let (mut now, mut started, mut ended) = (0u64, 0u32, 0u32);
    let mut open = Vec::new();
    let mut last = Vec::new();
    let mut rest = script;
    while let [verb, length, tail @ ..] = rest {
        let take = usize::from(*length).min(tail.len());
        let (bytes, more) = tail.split_at(take);
        rest = more;
        now += u64::from(*length) * 10_000_000;
        match verb % 6 {
            0 => {
                if let Ok(name) = Name::from_text(bytes) {
                    resolver.start(Ask::new(&name, rtype::A), started, now, &mut random).unwrap();
                    started += 1;
                }
            }
            1 => resolver.expire(now, &mut random),
            2 | 3 => {
                // A reply made of the last question, or bytes as they are.
                let mut reply: Vec<u8> = if verb % 6 == 2 { last.clone() } else { Vec::new() };
                if let Some(flags) = reply.get_mut(2) {
                    *flags |= 0x80;
                }
                reply.extend(bytes);
                if let Some(socket) = open.get(usize::from(verb / 6) % open.len().max(1)) {
                    resolver.received(*socket, &reply, now, &mut random);
                }
            }
            4 => {
                if let Some(socket) = open.get(usize::from(verb / 6) % open.len().max(1)) {
                    resolver.failed(*socket, now, &mut random);
                }
            }
            _ => match server::receive(bytes, 9, verb & 64 != 0) {
                Verdict::Ask(request) => {
                    let mut builder = Builder::new();
                    let _ = request.reply_with(0, 0, &mut builder);
                }
                Verdict::Drop | Verdict::Reply(_) => {}
            },
        }
        while let Some(effect) = resolver.next_effect() {
            match effect {
                Effect::Open { socket, .. } | Effect::Connect { socket, .. } => open.push(socket),
                Effect::Close { socket } => open.retain(|other| *other != socket),
                Effect::Send { query, .. } | Effect::Write { query, .. } => {
                    last = resolver.message(query).map_or(Vec::new(), <[u8]>::to_vec);
                }
                Effect::Done { result, .. } => {
                    ended += 1;
                    if let Ok(answer) = result {
                        assert!(answer.records().count() > 0);
                        let _ = (answer.addresses().count(), answer.canonical_name());
                    }
                }
                Effect::Down { .. } | Effect::Up { .. } => {}
            }
        }
    }
    let mut from = 0;
    while resolver.take_request(&mut from).is_some() {
        ended += 1;
    }
    assert_eq!(started, ended);
});
