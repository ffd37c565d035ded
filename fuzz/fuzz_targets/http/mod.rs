//! What the targets of HTTP share: a connection fed with pieces, and what it says.

use evoxide_core::buffer::Buffer;
use evoxide_proto::http::server::{After, Body};
use evoxide_proto::http::{Client, Head, Leniency, Limits, Method, Server, Step};

/// The side that reads.
pub enum Role {
    /// A server, which answers each request.
    Server(Server),
    /// A client, which asks again and again.
    Client(Client),
}

/// What the machine said, pieces of bodies joined.
pub fn run(mut role: Role, pieces: &[&[u8]], limits: &Limits) -> Vec<u8> {
    let (mut input, mut head, mut trace) = (Buffer::<evoxide_core::buffer::NoOwner>::new(), Head::new(), Vec::new());
    let mut last_was_body = false;
    if let Role::Client(client) = &mut role {
        client.request(Method::Get, 1, 0, [].into_iter());
    }
    for (i, piece) in pieces.iter().map(Some).chain([None]).enumerate() {
        let eof = i == pieces.len();
        if let Some(piece) = piece {
            let _ = input.append_owned(piece.to_vec());
        }
        loop {
            let step = match &mut role {
                Role::Server(s) => s.step(&input, eof, &mut head, limits),
                Role::Client(c) => c.step(&input, eof, &mut head, limits),
            };
            match step {
                Step::More => break,
                Step::Join(n) => drop(input.pull_up(n)),
                Step::Skip(n) => drop(input.drain(n)),
                Step::Head(n) | Step::Interim(n) | Step::Trailers(n) => {
                    last_was_body = false;
                    let bytes = &input.first()[..n];
                    for (name, value) in head.fields(bytes) {
                        assert!(!name.is_empty() && !name.contains(&b':'));
                        assert!(!value.contains(&0));
                        trace.extend_from_slice(name);
                        trace.extend_from_slice(value);
                    }
                    drop(input.drain(n));
                }
                Step::Body(n) => {
                    if !last_was_body {
                        trace.extend_from_slice(b"body ");
                    }
                    last_was_body = true;
                    let mut body = vec![0; n];
                    let _ = input.copy_out(0, &mut body);
                    trace.extend_from_slice(&body);
                    drop(input.drain(n));
                }
                Step::End => {
                    last_was_body = false;
                    trace.extend_from_slice(b"end ");
                    let goes_on = match &mut role {
                        Role::Server(s) => {
                            let _ = s.answer(200, Body::Whole(0), [].into_iter());
                            s.finish(&mut Vec::new());
                            s.proceed() == After::Next
                        }
                        Role::Client(c) => {
                            let keeps = c.finish();
                            if keeps {
                                c.request(Method::Head, 1, 0, [].into_iter());
                            }
                            keeps
                        }
                    };
                    if !goes_on {
                        return trace;
                    }
                }
                Step::Closed | Step::Upgraded => return trace,
                Step::Fault(fault) => {
                    trace.extend_from_slice(format!("{fault:?}").as_bytes());
                    return trace;
                }
            }
        }
    }
    trace
}

/// Small limits; the highest bit of `how` asks for leniency.
pub fn limits(how: u8) -> Limits {
    let leniency = if how & 0x80 != 0 { Leniency::OLD_PEERS } else { Leniency::NONE };
    Limits { head: 2000, line: 500, fields: 40, body: 5000, extensions: 100, leniency, ..Limits::DEFAULT }
}

/// Whether the input gives the same in one piece, in single bytes and in pieces of the size that `how` says.
pub fn assert_any_split(role: fn() -> Role, how: u8, input: &[u8]) -> Vec<u8> {
    let limits = limits(how);
    let whole = run(role(), &[input], &limits);
    for size in [1, usize::from(how & 0x7f).max(1)] {
        let pieces: Vec<&[u8]> = input.chunks(size).collect();
        assert_eq!(whole, run(role(), &pieces, &limits));
    }
    whole
}
