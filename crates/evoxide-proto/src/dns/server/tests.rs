use super::*;
use crate::dns::{class, rtype};
use proptest::prelude::*;

fn query(name: &str, qtype: u16, edns: Option<u16>) -> Vec<u8> {
    let mut builder = Builder::new();
    builder.start(0x1234, flag::RD, 512).unwrap();
    builder.question(Name::from_text(name.as_bytes()).unwrap().as_wire(), qtype, class::IN).unwrap();
    if let Some(size) = edns {
        builder.opt(size, 0, 0).unwrap();
    }
    builder.finish().to_vec()
}

fn asked(packet: &[u8], tcp: bool) -> Request {
    match receive(packet, 4000, tcp) {
        Verdict::Ask(request) => request,
        other => panic!("{other:?}"),
    }
}

fn code(packet: &[u8]) -> Option<u16> {
    match receive(packet, 4000, false) {
        Verdict::Reply(reply) => {
            let message = Message::parse(&reply).unwrap();
            assert!(message.header().is_response());
            Some(message.rcode())
        }
        _ => None,
    }
}

#[test]
fn what_is_no_query_is_dropped_or_refused() {
    let good = query("a.example", rtype::A, None);
    assert!(matches!(receive(&[], 4000, false), Verdict::Drop));
    assert!(matches!(receive(&good[..11], 4000, false), Verdict::Drop));
    assert!(matches!(receive(&good, 0, false), Verdict::Drop));
    let changed = |at: usize, or: u8| {
        let mut bytes = good.clone();
        bytes[at] |= or;
        bytes
    };
    assert!(matches!(receive(&changed(2, 0x80), 4000, false), Verdict::Drop));
    assert_eq!(code(&changed(2, 0x28)), Some(rcode::NOTIMP));
    assert_eq!(code(&changed(5, 2)), Some(rcode::FORMERR));
    assert_eq!(code(&good[..12]), Some(rcode::FORMERR));
    let mut none = good[..12].to_vec();
    none[5] = 0;
    assert_eq!(code(&none), Some(rcode::FORMERR));
    let mut version = query("a.example", rtype::A, Some(512));
    let at = version.len() - 5;
    version[at] = 1;
    assert_eq!(code(&version), Some(rcode::BADVERS));
}

#[test]
fn replies_repeat_the_question_and_fit() {
    let mut builder = Builder::new();
    for (edns, tcp, most) in
        [(None, false, 512), (Some(100), false, 512), (Some(4096), false, MAX_UDP), (None, true, 65_535)]
    {
        let mut request = asked(&query("MiXed.example", rtype::A, edns), tcp);
        let name = request.questions().next().unwrap().name();
        for n in 0..100u8 {
            request.add(Section::Answer, &name, rtype::A, class::IN, 60, &[10, 0, 0, n]).unwrap();
        }
        let bytes = request.reply_with(rcode::NOERROR, flag::AA, &mut builder).unwrap();
        assert!(bytes.len() <= most);
        let reply = Message::parse(bytes).unwrap();
        assert_eq!(reply.header().flags & flag::TC != 0, most < 2000);
        assert_eq!(reply.opt().is_some(), edns.is_some());
        assert_eq!(reply.questions().next().unwrap().name.to_string(), "MiXed.example");
        assert_eq!(reply.header().flags & (flag::AA | flag::RD), flag::AA | flag::RD);
        assert!(reply.answers().count() > 25);
    }
}

#[test]
fn frames_come_in_pieces() {
    let mut frames = Frames::default();
    let mut seen = Vec::new();
    for byte in b"\x00\x02ab\x00\x00\x00\x01c\x00" {
        frames.feed(&[*byte]).unwrap();
        while let Some(frame) = frames.next_frame() {
            seen.push(frame.to_vec());
        }
    }
    assert_eq!(seen, [b"ab".to_vec(), b"".to_vec(), b"c".to_vec()]);
    assert_eq!(frames.partial(), 1);
}

proptest! {
    #[test]
    fn any_packet_is_dropped_answered_or_asked(packet in prop::collection::vec(any::<u8>(), 0..80)) {
        match receive(&packet, 1, false) {
            Verdict::Drop => {}
            Verdict::Reply(reply) => prop_assert!(Message::parse(&reply).unwrap().header().is_response()),
            Verdict::Ask(request) => {
                let mut builder = Builder::new();
                let reply = request.reply_with(rcode::REFUSED, 0, &mut builder).unwrap();
                prop_assert_eq!(&reply[..2], &packet[..2]);
            }
        }
    }
}

/// A name given as a text is what [`Name::from_text`] makes of it, also where it is the question's or that of the record before.
#[test]
fn records_by_the_text_of_their_name() {
    let packet = query("www.Host.example", rtype::A, None);
    let dotted = [&packet[..12], b"\x05a.b.c\x00\x00\x01\x00\x01"].concat();
    let root = [&packet[..12], b"\x00\x00\x01\x00\x01"].concat();
    let texts: [&[u8]; 12] = [
        b"www.Host.example",
        b"www.Host.example.",
        b"www.host.example",
        b"www.Host.exampl",
        b"www.Host.examples",
        b"www.Host-example",
        b"Host.example",
        b"a.b.c",
        b".",
        b"",
        b"www..example",
        b"www.Host.example..",
    ];
    for packet in [&packet, &dotted, &root] {
        for text in texts {
            let (mut one, mut two) = (asked(packet, false), asked(packet, false));
            let added = one.add_all(Section::Answer, text, (rtype::A, class::IN, 9), b"\x0a\0\0\x01\x0a\0\0\x02", 4);
            match Name::from_text(text) {
                Ok(name) => {
                    two.add(Section::Answer, &name, rtype::A, class::IN, 9, &[10, 0, 0, 1]).unwrap();
                    two.add(Section::Answer, &name, rtype::A, class::IN, 9, &[10, 0, 0, 2]).unwrap();
                    assert_eq!(added, Ok(()));
                }
                Err(error) => assert_eq!(added, Err(AddError::Name(error))),
            }
            let (mut first, mut second) = (Builder::new(), Builder::new());
            let want = two.reply_with(0, 0, &mut second).unwrap();
            assert_eq!(one.reply_with(0, 0, &mut first).unwrap(), want, "{}", text.escape_ascii());
            assert_eq!(Message::parse(want).unwrap().answers().count(), one.records());
        }
    }
}
