use super::*;
use evoxide_core::buffer::Buffer;
use proptest::prelude::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn server() -> Connection {
    Connection::new(Role::Server, Limits::default(), Timing::default(), 0)
}

fn client() -> Connection {
    Connection::new(Role::Client, Limits::default(), Timing::default(), 0)
}

/// A frame as a client writes it, without any check.
fn masked(first: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = unmasked(first, data);
    frame[1] |= 0x80;
    let at = frame.len() - data.len();
    frame.splice(at..at, MASK);
    for (i, byte) in frame[at + 4..].iter_mut().enumerate() {
        *byte ^= MASK[i % 4];
    }
    frame
}

/// A frame as a server writes it, without any check.
fn unmasked(first: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match data.len() {
        n @ 0..=125 => frame.push(n as u8),
        n @ 126..=0xffff => {
            frame.push(126);
            frame.extend((n as u16).to_be_bytes());
        }
        n => {
            frame.push(127);
            frame.extend((n as u64).to_be_bytes());
        }
    }
    frame.extend(data);
    frame
}

/// All events of `bytes`, given in pieces of `step`.
fn events(to: &mut Connection, bytes: &[u8], step: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for mut piece in bytes.chunks(step) {
        while !piece.is_empty() {
            let (used, event) = to.receive(piece, 0);
            assert!(used > 0);
            piece = &piece[used..];
            events.extend(event);
        }
    }
    events
}

fn text(data: &str) -> Event {
    Event::Message { kind: Kind::Text, data: data.into() }
}

fn written(output: &Buffer) -> Vec<u8> {
    output.slices(0).flatten().copied().collect()
}

/// The frames that a connection sends: its first bytes and contents, without masks.
fn sent(role: Role, output: &Buffer) -> Vec<(u8, Vec<u8>)> {
    let bytes = written(output);
    let mut rest = &bytes[..];
    let mut frames = Vec::new();
    while let [first, second, ..] = *rest {
        assert_eq!(second & 0x80 != 0, role == Role::Client, "a client masks, a server does not");
        let (at, len) = match second & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            127 => (10, u64::from_be_bytes(rest[2..10].try_into().unwrap()) as usize),
            n => (2, usize::from(n)),
        };
        let (mask, at) =
            if role == Role::Client { (<[u8; 4]>::try_from(&rest[at..at + 4]).unwrap(), at + 4) } else { ([0; 4], at) };
        let data = rest[at..at + len].iter().enumerate().map(|(i, b)| b ^ mask[i % 4]).collect();
        frames.push((first, data));
        rest = &rest[at + len..];
    }
    frames
}

/// The only event is a fault, and a close frame that tells of it is sent.
fn fails(mut connection: Connection, bytes: &[u8], fault: Fault) {
    let mut output: Buffer = Buffer::new();
    let got = events(&mut connection, bytes, bytes.len().max(1));
    assert_eq!(got.last(), Some(&Event::Failed(fault)), "{bytes:02x?}");
    assert!(!connection.is_done() && connection.owes());
    connection.send_owed(MASK, &mut output).unwrap();
    assert_eq!(sent(connection.role(), &output), [(0x88, fault.code().to_be_bytes().to_vec())]);
    assert!(connection.is_done() && connection.held() == 0);
    // What follows is ignored, and nothing more can be sent.
    assert_eq!(connection.receive(b"anything", 0), (8, None));
    assert_eq!(connection.send(Kind::Binary, b"", MASK, &mut output), Err(SendError::Closing));
}

// Section 1.3 and 4: the handshake.

fn request<'a>(change: &[(&str, Option<&'a str>)]) -> Vec<(&'a [u8], &'a [u8])> {
    let all = [
        ("Host", "server.example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Origin", "http://example.com"),
        ("Sec-WebSocket-Protocol", "chat, superchat"),
        ("Sec-WebSocket-Version", "13"),
    ];
    all.iter()
        .filter_map(|&(name, value)| {
            let value = change.iter().find(|c| c.0 == name).map_or(Some(value), |c| c.1)?;
            Some((name.as_bytes(), value.as_bytes()))
        })
        .collect()
}

#[test]
fn section_4_2_1_the_request() {
    let check = |change: &[(&str, Option<&'static str>)]| check_request(b"GET", (1, 1), request(change), Origins::Any);
    let accepted = check(&[]).unwrap();
    assert_eq!(accepted.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(accepted.protocols, ["chat", "superchat"]);
    assert!(check(&[("Connection", Some("keep-alive, uPGRADE")), ("Upgrade", Some("WebSocket"))]).is_ok());
    assert!(check(&[("Origin", None)]).is_ok());
    for (name, value, refusal) in [
        ("Upgrade", None, Refusal::NoUpgrade),
        ("Upgrade", Some("h2c"), Refusal::NoUpgrade),
        ("Connection", None, Refusal::NoUpgrade),
        ("Connection", Some("keep-alive"), Refusal::NoUpgrade),
        ("Connection", Some("upgraded"), Refusal::NoUpgrade),
        ("Sec-WebSocket-Key", None, Refusal::Key),
        ("Sec-WebSocket-Key", Some(""), Refusal::Key),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZQ=="), Refusal::Key),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZQ!!"), Refusal::Key),
        ("Sec-WebSocket-Version", None, Refusal::Version),
        ("Sec-WebSocket-Version", Some("8"), Refusal::Version),
        ("Sec-WebSocket-Version", Some("13, 8"), Refusal::Version),
    ] {
        assert_eq!(check(&[(name, value)]), Err(refusal), "{name}: {value:?}");
    }
    let mut twice = request(&[]);
    twice.push((b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="));
    assert_eq!(check_request(b"GET", (1, 1), twice, Origins::Any), Err(Refusal::Key));
    assert_eq!(check_request(b"POST", (1, 1), request(&[]), Origins::Any), Err(Refusal::Method));
    assert_eq!(check_request(b"GET", (1, 0), request(&[]), Origins::Any), Err(Refusal::Method));
    assert_eq!(Refusal::Version.status(), 426);
}

#[test]
fn section_10_2_origins() {
    let (here, other) = (Some(&b"http://server.example.com"[..]), Some(&b"http://evil.example"[..]));
    let host = Some(&b"Server.example.com"[..]);
    assert!(Origins::Any.allow(other, host));
    assert!(Origins::SameHost.allow(here, host) && Origins::SameHost.allow(None, host));
    assert!(!Origins::SameHost.allow(other, host) && !Origins::SameHost.allow(here, None));
    assert!(!Origins::SameHost.allow(Some(b"null"), host) && !Origins::SameHost.allow(Some(b""), host));
    let list = ["http://a.example", "http://evil.example"];
    assert!(Origins::Listed(&list).allow(other, host) && !Origins::Listed(&list).allow(here, host));
    assert_eq!(check_request(b"GET", (1, 1), request(&[]), Origins::SameHost), Err(Refusal::Origin));
    assert_eq!(Refusal::Origin.status(), 403);
}

#[test]
fn section_4_1_the_answer() {
    let handshake = ClientHandshake::new(*b"the sample nonce", &["chat", "superchat"]);
    let headers = handshake.headers();
    assert!(headers.contains(&("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==".into())));
    let request = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let accept = check_request(b"GET", (1, 1), request, Origins::Any).unwrap().accept;
    let check = |status, change: (&str, &str), more: &[(&'static str, &'static str)]| {
        let mut answer = vec![
            ("Upgrade".to_owned(), "WebSocket".to_owned()),
            ("Connection".to_owned(), "Upgrade".to_owned()),
            ("Sec-WebSocket-Accept".to_owned(), accept.clone()),
        ];
        for (name, value) in &mut answer {
            if name == change.0 {
                *value = change.1.to_owned();
            }
        }
        answer.extend(more.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        handshake
            .check_answer(status, answer.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())))
            .map(|p| p.map(str::to_owned))
    };
    assert_eq!(check(101, ("", ""), &[]), Ok(None));
    assert_eq!(check(101, ("", ""), &[("sec-websocket-protocol", "superchat")]), Ok(Some("superchat".into())));
    assert_eq!(check(200, ("", ""), &[]), Err(RefusedAnswer::Status(200)));
    assert_eq!(check(101, ("Upgrade", "h2c"), &[]), Err(RefusedAnswer::NoUpgrade));
    assert_eq!(check(101, ("Connection", "close"), &[]), Err(RefusedAnswer::NoUpgrade));
    assert_eq!(check(101, ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp="), &[]), Err(RefusedAnswer::Accept));
    assert_eq!(check(101, ("", ""), &[("sec-websocket-accept", "x")]), Err(RefusedAnswer::Accept));
    let extension = [("Sec-WebSocket-Extensions", "permessage-deflate")];
    assert_eq!(check(101, ("", ""), &extension), Err(RefusedAnswer::Extension));
    assert_eq!(check(101, ("", ""), &[("Sec-WebSocket-Protocol", "other")]), Err(RefusedAnswer::Protocol));
    let two = [("Sec-WebSocket-Protocol", "chat"), ("Sec-WebSocket-Protocol", "superchat")];
    assert_eq!(check(101, ("", ""), &two), Err(RefusedAnswer::Protocol));
}

// Section 5: framing.

#[test]
fn section_5_7_the_examples() {
    let hello = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(events(&mut client(), &hello, 100), [text("Hello")]);
    let hello_masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(events(&mut server(), &hello_masked, 100), [text("Hello")]);
    let mut output: Buffer = Buffer::new();
    client().send(Kind::Text, b"Hello", MASK, &mut output).unwrap();
    assert_eq!(written(&output), hello_masked);
    assert_eq!(events(&mut client(), &[0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f], 1), [text("Hello")]);
    for n in [256, 65536] {
        let data = vec![7; n];
        let mut output: Buffer = Buffer::new();
        server().send(Kind::Binary, &data, MASK, &mut output).unwrap();
        assert_eq!(written(&output), unmasked(0x82, &data));
        assert_eq!(events(&mut client(), &written(&output), 1000), [Event::Message { kind: Kind::Binary, data }]);
    }
}

#[test]
fn section_5_1_masks() {
    fails(server(), &unmasked(0x81, b"Hello"), Fault::Mask);
    fails(client(), &masked(0x81, b"Hello"), Fault::Mask);
}

#[test]
fn section_5_2_reserved_bits_and_opcodes() {
    for bit in [0x40, 0x20, 0x10] {
        fails(server(), &masked(0x81 | bit, b""), Fault::ReservedBit);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        fails(server(), &masked(0x80 | opcode, b""), Fault::Opcode);
    }
}

#[test]
fn section_5_2_lengths_are_in_their_shortest_form() {
    fails(server(), &[0x82, 0xfe, 0, 125], Fault::Length);
    fails(server(), &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Fault::Length);
    fails(server(), &[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], Fault::Length);
}

#[test]
fn section_5_4_fragments() {
    let mut bytes = masked(0x01, b"one ");
    bytes.extend(masked(0x89, b"in between"));
    bytes.extend(masked(0x00, b""));
    bytes.extend(masked(0x00, b"two "));
    bytes.extend(masked(0x8a, b""));
    bytes.extend(masked(0x80, b"three"));
    for step in 1..bytes.len() {
        let mut server = server();
        assert_eq!(
            events(&mut server, &bytes, step),
            [Event::Ping(b"in between".into()), Event::Pong(Vec::new()), text("one two three")]
        );
    }
    fails(server(), &masked(0x80, b"continues nothing"), Fault::Continuation);
    fails(server(), &[masked(0x01, b"a"), masked(0x81, b"b")].concat(), Fault::Continuation);
    fails(server(), &[masked(0x81, b"a"), masked(0x80, b"b")].concat(), Fault::Continuation);
}

#[test]
fn section_5_5_control_frames() {
    fails(server(), &masked(0x09, b"a fragment"), Fault::Control);
    fails(server(), &masked(0x08, b""), Fault::Control);
    fails(server(), &masked(0x89, &[0; 126]), Fault::Control);
    assert_eq!(events(&mut server(), &masked(0x89, &[1; 125]), 7), [Event::Ping(vec![1; 125])]);
}

#[test]
fn section_5_5_2_pings_are_answered() {
    let (mut server, mut output) = (server(), Buffer::new());
    events(&mut server, &masked(0x89, b"data"), 3);
    assert!(server.owes());
    server.send_owed(MASK, &mut output).unwrap();
    assert_eq!(sent(Role::Server, &output), [(0x8a, b"data".to_vec())]);
    server.send_owed(MASK, &mut output).unwrap();
    assert_eq!(output.len(), 6, "once");
    let mut output: Buffer = Buffer::new();
    client().ping(b"are you there", MASK, &mut output).unwrap();
    assert_eq!(sent(Role::Client, &output), [(0x89, b"are you there".to_vec())]);
    assert_eq!(client().ping(&[0; 126], MASK, &mut output), Err(SendError::TooLong));
}

/// A peer that sends pings and does not read gets the pong of the newest, once there is room.
#[test]
fn pending_pongs_are_bounded() {
    let limits = Limits { output: 100, ..Limits::default() };
    let mut server = Connection::new(Role::Server, limits, Timing::default(), 0);
    let mut output: Buffer = Buffer::new();
    for n in 0..100_000u32 {
        events(&mut server, &masked(0x89, &n.to_be_bytes()), 100);
        server.send_owed(MASK, &mut output).unwrap();
        assert!(output.len() < 200);
    }
    let _ = output.clear().unwrap();
    server.send_owed(MASK, &mut output).unwrap();
    assert_eq!(sent(Role::Server, &output), [(0x8a, 99_999u32.to_be_bytes().to_vec())]);
}

// Section 7: closing.

#[test]
fn section_7_closing_by_the_peer() {
    for (data, code, reason, answer) in [
        (&b""[..], code::NONE, "", &b""[..]),
        (b"\x03\xe8", 1000, "", b"\x03\xe8"),
        (b"\x0f\xa0bye", 4000, "bye", b"\x0f\xa0"),
    ] {
        let (mut server, mut output) = (server(), Buffer::new());
        let mut bytes = masked(0x88, data);
        bytes.extend(masked(0x81, b"too late"));
        assert_eq!(events(&mut server, &bytes, 4), [Event::Close { code, reason: reason.into() }]);
        assert_eq!(server.send(Kind::Text, b"too late", MASK, &mut output), Err(SendError::Closing));
        assert!(!server.is_done());
        server.send_owed(MASK, &mut output).unwrap();
        assert_eq!(sent(Role::Server, &output), [(0x88, answer.to_vec())]);
        assert!(server.is_done());
    }
}

#[test]
fn section_7_closing_by_us() {
    let (mut client, mut output) = (client(), Buffer::new());
    client.close(1001, "going", MASK, &mut output, 0).unwrap();
    assert_eq!(sent(Role::Client, &output), [(0x88, b"\x03\xe9going".to_vec())]);
    assert_eq!(client.close(1000, "", MASK, &mut output, 0), Err(SendError::Closing));
    assert_eq!(client.send(Kind::Text, b"", MASK, &mut output), Err(SendError::Closing));
    assert!(!client.is_done());
    // Messages that were under way arrive; pings are not answered any more.
    let mut bytes = unmasked(0x81, b"late");
    bytes.extend(unmasked(0x89, b""));
    bytes.extend(unmasked(0x88, b"\x03\xe9"));
    let got = events(&mut client, &bytes, 2);
    assert_eq!(got, [text("late"), Event::Ping(Vec::new()), Event::Close { code: 1001, reason: String::new() }]);
    assert!(client.is_done() && !client.owes());
    for (code, reason) in [(1005, "why"), (1006, ""), (1015, ""), (1004, ""), (999, ""), (0, ""), (5000, "")] {
        let mut output: Buffer = Buffer::new();
        assert_eq!(server().close(code, reason, MASK, &mut output, 0), Err(SendError::CloseCode), "{code}");
        assert!(output.is_empty());
    }
    assert_eq!(server().close(1000, &"x".repeat(124), MASK, &mut output, 0), Err(SendError::TooLong));
    let mut output: Buffer = Buffer::new();
    server().close(code::NONE, "", MASK, &mut output, 0).unwrap();
    assert_eq!(sent(Role::Server, &output), [(0x88, Vec::new())]);
}

#[test]
fn section_7_4_close_codes() {
    fails(server(), &masked(0x88, b"\x03"), Fault::CloseCode);
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535] {
        fails(server(), &masked(0x88, &code.to_be_bytes()), Fault::CloseCode);
    }
    for code in [1000u16, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4999] {
        let got = events(&mut server(), &masked(0x88, &code.to_be_bytes()), 1);
        assert_eq!(got, [Event::Close { code, reason: String::new() }]);
    }
    fails(server(), &masked(0x88, b"\x03\xe8\xff"), Fault::Utf8);
}

// Section 8.1: text.

#[test]
fn section_8_1_text_is_utf8() {
    for good in ["", "κόσμε", "\u{10ffff}\u{800}", "a\u{0}b"] {
        for step in 1..9 {
            assert_eq!(events(&mut server(), &masked(0x81, good.as_bytes()), step), [text(good)]);
        }
    }
    for bad in [&b"\xce\xba\xed\xa0\x80"[..], b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\x80", b"\xff", b"ab\xe2\x28\xa1"] {
        for step in 1..9 {
            let mut server = server();
            let got = events(&mut server, &masked(0x81, bad), step);
            assert_eq!(got, [Event::Failed(Fault::Utf8)], "{bad:02x?}");
        }
    }
    // A character may lie across fragments, and must be whole at the end.
    let mut split = masked(0x01, b"\xce");
    split.extend(masked(0x80, b"\xba"));
    assert_eq!(events(&mut server(), &split, 1), [text("κ")]);
    fails(server(), &masked(0x81, b"\xce"), Fault::Utf8);
    // What is wrong is seen before the frame is complete.
    let long = masked(0x81, &[&b"\xff"[..], &[b'a'; 1000]].concat());
    assert_eq!(server().receive(&long[..20], 0), (20, Some(Event::Failed(Fault::Utf8))));
    assert_eq!(
        server().send(Kind::Text, b"\xff", MASK, &mut Buffer::<evoxide_core::buffer::NoOwner>::new()),
        Err(SendError::Utf8)
    );
}

// Section 10.4: limits.

/// Fragments that never end, and frames that announce more than they will ever send, take no memory beyond the limits.
#[test]
fn cve_2026_63495() {
    let limits = Limits { frame: 1000, message: 2500, ..Limits::default() };
    let small = || Connection::new(Role::Server, limits, Timing::default(), 0);
    fails(small(), &[0x82, 0xfe, 0x03, 0xe9, 0, 0, 0, 0], Fault::FrameTooLong);
    fails(small(), &[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], Fault::FrameTooLong);
    let mut bytes = masked(0x02, &[0; 1000]);
    bytes.extend(masked(0x00, &[0; 1000]));
    let mut most = small();
    assert_eq!(events(&mut most, &[&bytes[..], &masked(0x80, &[0; 500])].concat(), 100).len(), 1);
    bytes.extend(masked(0x00, &[0; 501]));
    fails(small(), &bytes, Fault::MessageTooLong);
    let mut endless = small();
    events(&mut endless, &masked(0x02, b""), 100);
    for _ in 0..10_000 {
        assert!(events(&mut endless, &masked(0x00, b""), 100).is_empty());
        assert!(endless.held() < 4096);
    }
    // An announcement alone takes nothing.
    let mut announced = server();
    let head = [0x82, 0xff, 0, 0, 0, 0, 0, 0xf0, 0, 0, 1, 2, 3, 4];
    assert_eq!(announced.receive(&head, 0), (14, None));
    assert_eq!(announced.held(), 0);
    assert_eq!(Fault::FrameTooLong.code(), code::TOO_BIG);
}

// Time.

#[test]
fn silence_is_asked_about_and_then_ends() {
    let timing = Timing { ping_after: Some(10), idle: Some(25), close: Some(5) };
    let mut server = Connection::new(Role::Server, Limits::default(), timing, 100);
    let mut output: Buffer = Buffer::new();
    assert_eq!(server.deadline(), Some(110));
    assert_eq!(server.expire(109), None);
    assert_eq!(server.expire(110), Some(Expired::Ping));
    server.send_owed(MASK, &mut output).unwrap();
    assert_eq!(sent(Role::Server, &output), [(0x89, Vec::new())]);
    assert_eq!((server.deadline(), server.expire(124)), (Some(125), None));
    // An answer puts it off.
    assert_eq!(server.receive(&masked(0x8a, b""), 124).1, Some(Event::Pong(Vec::new())));
    assert_eq!(server.deadline(), Some(134));
    assert_eq!(server.expire(140), Some(Expired::Ping));
    assert_eq!(server.expire(149), Some(Expired::Idle));
    assert!(server.is_done() && server.deadline().is_none() && server.expire(1000).is_none());
}

#[test]
fn a_close_without_an_answer_ends() {
    let timing = Timing { close: Some(5), ..Timing::default() };
    let mut client = Connection::new(Role::Client, Limits::default(), timing, 0);
    assert_eq!((client.deadline(), client.receive(b"", 50)), (None, (0, None)));
    client.close(1000, "", MASK, &mut Buffer::<evoxide_core::buffer::NoOwner>::new(), 50).unwrap();
    assert_eq!((client.deadline(), client.expire(54)), (Some(55), None));
    assert_eq!(client.expire(55), Some(Expired::Close));
    assert!(client.is_done() && client.deadline().is_none());
}

#[test]
fn the_time_for_an_answer_begins_with_the_close() {
    let timing = Timing { close: Some(5), ..Timing::default() };
    let mut server = Connection::new(Role::Server, Limits::default(), timing, 0);
    server.close(1000, "", MASK, &mut Buffer::<evoxide_core::buffer::NoOwner>::new(), 100).unwrap();
    assert_eq!((server.deadline(), server.expire(104), server.expire(105)), (Some(105), None, Some(Expired::Close)));
}

#[test]
fn other_waits_hold_from_the_last_byte_on() {
    let mut server = Connection::new(Role::Server, Limits::default(), Timing::default(), 100);
    assert_eq!(server.deadline(), None);
    server.set_timing(Timing { ping_after: Some(10), idle: Some(25), close: None });
    assert_eq!((server.deadline(), server.timing().idle), (Some(110), Some(25)));
    assert_eq!(server.expire(110), Some(Expired::Ping));
    server.set_timing(Timing { idle: Some(12), ..Timing::default() });
    assert_eq!((server.deadline(), server.expire(112)), (Some(112), Some(Expired::Idle)));
}

// Any input, in any pieces.

/// What a peer may send, well formed or not.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let frame = (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..300), 0..20u8);
    let frames = frame.prop_map(|(first, data, shape)| match shape {
        0 => masked(first, &data),
        1 => unmasked(first, &data),
        2..=8 => masked(if data.len() > 200 { 0x01 } else { 0x81 }, &[b'a'; 300][..data.len()]),
        9..=12 => masked(0x00, &[b'b'; 300][..data.len()]),
        13..=14 => masked(0x80, "κόσμε".as_bytes()),
        15..=16 => masked(0x82, &data),
        17..=18 => masked(0x89, &data[..data.len().min(125)]),
        _ => masked(0x88, &[&[0x03, 0xe8][..], b"bye"].concat()),
    });
    proptest::collection::vec(frames, 0..8).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(bytes in traffic(), steps in proptest::collection::vec(1..40usize, 1..20)) {
        let whole = events(&mut server(), &bytes, bytes.len().max(1));
        let single = events(&mut server(), &bytes, 1);
        prop_assert_eq!(&whole, &single);
        let mut split = server();
        let (mut rest, mut got) = (&bytes[..], Vec::new());
        for step in steps.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*step).min(rest.len()));
            rest = behind;
            got.extend(events(&mut split, piece, piece.len()));
        }
        prop_assert_eq!(whole, got);
    }

    #[test]
    fn what_one_sends_the_other_receives(
        messages in proptest::collection::vec((any::<bool>(), ".{0,200}", any::<[u8; 4]>()), 0..10),
        from_client in any::<bool>(),
        step in 1..200usize,
    ) {
        let (mut from, mut to) = if from_client { (client(), server()) } else { (server(), client()) };
        let mut wire: Buffer = Buffer::new();
        let mut expected = Vec::new();
        for (is_text, data, mask) in &messages {
            let kind = if *is_text { Kind::Text } else { Kind::Binary };
            from.send(kind, data.as_bytes(), *mask, &mut wire).unwrap();
            expected.push(Event::Message { kind, data: data.as_bytes().to_vec() });
        }
        prop_assert_eq!(events(&mut to, &written(&wire), step), expected);
    }
}
