//! The third face: the Rust library's servers and clients say of the same bytes what the machine and the C interface say.

use super::{
    ANSWERS, REQUESTS, Trace, answers, client_alone, client_in_c, line, part, server_alone, server_in_c, split, text,
};
use evoxide::http::{Body, Client, ClientConfig, OutRequest, Request, Server, body_text};
use evoxide::{Clock, Config, EventLoop, Registry};
use evoxide_proto::http::Method;
use proptest::prelude::*;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

/// All but a head that is cut off: the Rust library answers 400 to it, the C interface closes, as libevent does.
const WHOLE: &[&str] = REQUESTS.split_at(REQUESTS.len() - 1).0;

/// All but one that ends before its body does: no piece has the end of one answer and the beginning of the next. What comes before it is
/// asked for belongs to no answer, says the Rust library, and closes.
const WHOLE_ANSWERS: &[&str] = ANSWERS.split_at(ANSWERS.len() - 1).0;

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
    let (written, open) = talk(&mut ev, &mut peer, pieces);
    Trace { said: ev.state().clone(), seen: answers(&written), closed: !open }
}

/// Sends pieces and then the end: what comes back, and whether the connection is open.
fn talk(ev: &mut EventLoop<Vec<String>>, peer: &mut UnixStream, pieces: &[&[u8]]) -> (Vec<u8>, bool) {
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
    (written, open)
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

/// Asks, and goes on with the next when that is answered.
fn ask(events: &mut Registry<Vec<String>>, client: Client, mut methods: Vec<Method>) {
    let Some(method) = methods.pop() else { return };
    let mut request = OutRequest::new(Body::empty());
    *request.method_mut() = std::str::from_utf8(method.name()).expect("a name").parse().expect("a method");
    *request.uri_mut() = "http://localhost/".parse().expect("a URI");
    client.send(events, request, move |cx, answer| {
        let said = match answer {
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                let fields = head.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
                let body = body_text(body).unwrap_or_default();
                line(&format!("{}", head.status.as_u16()), fields, body.as_bytes())
            }
            Err(_) => "error".to_owned(),
        };
        cx.state().push(said);
        ask(cx, client, methods);
    });
}

fn client_in_rust(pieces: &[&[u8]], methods: &[Method]) -> Trace {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("evoxide-three-{}-{number}", std::process::id()));
    let listener = UnixListener::bind(&path).expect("a socket");
    let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), Vec::new()).expect("a loop");
    let client = ev.http_client(ClientConfig::new().unix(&path));
    ask(&mut ev, client, methods.iter().rev().copied().collect());
    for _ in 0..8 {
        ev.poll().expect("a turn");
    }
    let (mut peer, _) = listener.accept().expect("its connection");
    peer.set_nonblocking(true).expect("a socket");
    // What is asked on another connection waits for its answer for ever.
    let (written, open) = talk(&mut ev, &mut peer, pieces);
    drop((listener, std::fs::remove_file(&path)));
    let seen = text(&written).split_inclusive("\r\n\r\n").map(str::to_owned).collect();
    Trace { said: ev.state().clone(), seen, closed: !open }
}

/// What was said, up to the first request that failed, and of what was seen the request lines and the hosts.
fn common_of_client(trace: &Trace) -> (Vec<String>, Vec<String>, bool) {
    let failed = trace.said.iter().position(|said| said.starts_with("error"));
    let answered = failed.unwrap_or(trace.said.len());
    let mut said: Vec<String> = trace.said[..answered].iter().map(|s| s.to_ascii_lowercase()).collect();
    said.extend(failed.map(|_| "error".to_owned()));
    let seen = trace.seen.iter().map(|request| {
        let request = request.to_ascii_lowercase();
        let kept = |l: &&str| l.starts_with("host: ") || l.ends_with("http/1.1");
        request.lines().filter(kept).collect::<Vec<_>>().join("|")
    });
    (said, seen.take(answered + usize::from(failed.is_some())).collect(), trace.closed)
}

/// As many requests as there are answers to them. Where a kept connection ends before there is any answer, the Rust library asks again on
/// another; the other two say what happened.
fn asked(answers: &[&str]) -> Vec<Method> {
    let interim = |answer: &&&str| answer.contains(" 100 ") || answer.contains(" 103 ");
    vec![Method::Get; answers.iter().filter(|answer| !interim(answer)).count().max(1)]
}

fn disagreement_of_clients(pieces: &[&[u8]], methods: &[Method]) -> Option<String> {
    let traces = [client_alone(pieces, methods), client_in_c(pieces, methods), client_in_rust(pieces, methods)];
    let faces = [common_of_client(&traces[0]), common_of_client(&traces[1]), common_of_client(&traces[2])];
    let agree = faces.iter().all(|face| *face == faces[0]);
    (!agree).then(|| format!("{:?}: {faces:#?}", text(&pieces.concat())))
}

#[test]
fn each_answer_means_the_same_to_all_three() {
    let same = |answers: &[&str], methods: &[Method]| {
        let pieces: Vec<&[u8]> = answers.iter().map(|answer| answer.as_bytes()).collect();
        disagreement_of_clients(&pieces, methods)
    };
    let mut found = Vec::new();
    for first in ANSWERS {
        found.extend(same(&[first], &[Method::Get]));
        found.extend(same(&[first], &[Method::Head]));
        if WHOLE_ANSWERS.contains(&first) {
            found.extend(ANSWERS.iter().filter_map(|second| same(&[first, second], &asked(&[first, second]))));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_answers_in_any_pieces_mean_the_same_to_all_three(
        parts in prop::collection::vec((part(WHOLE_ANSWERS), prop::collection::vec(any::<usize>(), 0..4)), 0..3),
        last in part(&ANSWERS),
    ) {
        let answers: Vec<&str> = parts.iter().map(|(part, _)| *part).chain([last]).collect();
        let mut pieces: Vec<&[u8]> = parts.iter().flat_map(|(part, cuts)| split(part.as_bytes(), cuts)).collect();
        pieces.push(last.as_bytes());
        prop_assert_eq!(disagreement_of_clients(&pieces, &asked(&answers)), None);
    }
}
