//! The third face: the Rust library's servers say of the same bytes what the machine and the C interface say.

use super::{REQUESTS, Trace, answers, part, server_alone, server_in_c, split, text};
use evoxide::http::{Request, Server, body_text};
use evoxide::{Clock, Config, EventLoop};
use proptest::prelude::*;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

/// All but a head that is cut off: the Rust library answers 400 to it, the C interface closes, as libevent does.
const WHOLE: &[&str] = REQUESTS.split_at(REQUESTS.len() - 1).0;

/// What was said, and of what was seen what no face decides for itself: version and status, framing, keep-alive, and the body.
fn common(trace: &Trace) -> (Vec<String>, Vec<String>, bool) {
    let said = trace.said.iter().map(|s| s.to_ascii_lowercase()).collect();
    let framing = ["connection: ", "content-length: ", "transfer-encoding: ", "ok"];
    let seen = trace.seen.iter().map(|answer| {
        let answer = answer.to_ascii_lowercase();
        let mut lines = answer.split('|');
        let status: String = lines.next().unwrap_or_default().chars().take(5).collect();
        let mut kept: Vec<&str> = lines.filter(|l| framing.iter().any(|name| l.starts_with(name))).collect();
        // What a body that is not there would have been long, a face may say or not.
        if !kept.contains(&"ok") {
            kept.retain(|l| !l.starts_with("content-length"));
        }
        kept.sort_unstable();
        format!("{status} {}", kept.join("|"))
    });
    (said, seen.collect(), trace.closed)
}

fn server_in_rust(pieces: &[&[u8]]) -> Trace {
    let server = Server::<Vec<String>>::new().fallback(|cx, request: Request| {
        let (head, body) = request.into_parts();
        let fields: Vec<String> =
            head.headers.iter().map(|(name, value)| format!("{name}={}", text(value.as_bytes()))).collect();
        let body = body_text(body).unwrap_or_default();
        cx.state().push(format!("{} {} [{}] {body}", head.method, head.uri, fields.join("; ")));
        "ok"
    });
    let (mut peer, socket) = UnixStream::pair().expect("sockets");
    peer.set_nonblocking(true).expect("a socket");
    let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), Vec::new()).expect("a loop");
    ev.serve_connection(socket, &Rc::new(server)).expect("a connection");
    let (mut written, mut open) = (Vec::new(), true);
    for piece in pieces.iter().map(Some).chain([None]) {
        // What is written to a closed connection is lost.
        let _ = match piece {
            Some(piece) => peer.write_all(piece),
            None => peer.shutdown(Shutdown::Write),
        };
        for _ in 0..8 {
            ev.poll().expect("a turn");
            let mut room = [0; 4096];
            loop {
                match peer.read(&mut room) {
                    Ok(0) => open = false,
                    Ok(n) => {
                        written.extend_from_slice(&room[..n]);
                        continue;
                    }
                    Err(error) => open &= error.kind() == ErrorKind::WouldBlock,
                }
                break;
            }
        }
    }
    Trace { said: ev.state().clone(), seen: answers(&written), closed: !open }
}

/// What the faces do not agree on.
fn disagreement(pieces: &[&[u8]]) -> Option<String> {
    let faces = [server_alone(pieces), server_in_c(pieces), server_in_rust(pieces)].map(|trace| common(&trace));
    let agree = faces.iter().all(|face| *face == faces[0]);
    (!agree).then(|| format!("{:?}: {faces:#?}", text(&pieces.concat())))
}

#[test]
fn each_request_means_the_same_to_all_three() {
    let pairs = WHOLE.iter().flat_map(|first| WHOLE.iter().map(move |second| [first.as_bytes(), second.as_bytes()]));
    let alone = WHOLE.iter().filter_map(|request| disagreement(&[request.as_bytes()]));
    let found: Vec<String> = alone.chain(pairs.filter_map(|pair| disagreement(&pair))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_requests_in_any_pieces_mean_the_same_to_all_three(
        parts in prop::collection::vec(part(WHOLE), 1..6),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let input = parts.concat();
        prop_assert_eq!(disagreement(&split(input.as_bytes(), &cuts)), None);
    }
}
