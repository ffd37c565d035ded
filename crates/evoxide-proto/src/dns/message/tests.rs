use super::*;
use crate::dns::{Builder, Rdata, Section, class};
use domain::base::{Message as Oracle, ParsedName};
use proptest::prelude::*;

fn header(flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let mut bytes = vec![0, 7];
    bytes.extend(flags.to_be_bytes());
    counts.iter().for_each(|c| bytes.extend(c.to_be_bytes()));
    bytes
}

fn with_question(tail: &[u8], answers: u16) -> Vec<u8> {
    let mut bytes = header(flag::QR, [1, answers, 0, 0]);
    bytes.extend(b"\x01a\x02io\x00\x00\x01\x00\x01");
    bytes.extend(tail);
    bytes
}

#[test]
fn names_that_loop_or_run_away_are_refused() {
    let fixed = b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01";
    let answer = |name: &[u8]| with_question(&[name, fixed].concat(), 1);
    assert!(Message::parse(&answer(b"\xc0\x0c")).is_ok());
    let error = |bytes: &[u8]| Message::parse(bytes).unwrap_err();
    // To itself, forward, into the header, to a pointer that is itself, a reserved label.
    assert_eq!(error(&answer(b"\xc0\x16")), ParseError::Pointer);
    assert_eq!(error(&answer(b"\xc0\x20")), ParseError::Pointer);
    assert_eq!(error(&answer(b"\xc0\x00")), ParseError::Pointer);
    assert_eq!(error(&answer(b"\x01b\xc0\x16")), ParseError::Pointer);
    assert_eq!(error(&answer(b"\x80\x0c")), ParseError::Label);
    assert_eq!(error(&answer(b"\x41")), ParseError::Label);
    let good = answer(b"\xc0\x0c");
    for len in 0..good.len() {
        assert_eq!(error(&good[..len]), ParseError::Short, "{len}");
    }
    assert_eq!(error(&[&good[..], b"x"].concat()), ParseError::Trailing);
}

/// CVE-2016-10195: a name longer than its place. CVE-2016-10197: an empty name. CVE-2016-10196: a large address text, see `conf`.
#[test]
fn a_compressed_name_of_more_than_255_bytes_is_refused() {
    let mut bytes = header(flag::QR, [2, 0, 0, 0]);
    for _ in 0..3 {
        bytes.push(63);
        bytes.extend([b'x'; 63]);
    }
    bytes.extend(b"\x00\x00\x01\x00\x01");
    let fits = bytes.clone();
    bytes.push(61);
    bytes.extend([b'y'; 61]);
    bytes.extend(b"\xc0\x0c\x00\x01\x00\x01");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.questions().nth(1).unwrap().name.to_name().as_wire().len(), 255);
    let mut long = fits;
    long.push(62);
    long.extend([b'y'; 62]);
    long.extend(b"\xc0\x0c\x00\x01\x00\x01");
    assert_eq!(Message::parse(&long).unwrap_err(), ParseError::LongName);
}

#[test]
fn chains_of_pointers_are_bounded() {
    // Each pointer leads to the one before it, the first to a name.
    let mut bytes = header(flag::QR, [1, 1, 0, 0]);
    bytes.extend(b"\x01a\x00\x00\x01\x00\x01");
    bytes.extend(b"\x00\x00\x10\x00\x01\x00\x00\x00\x00");
    let len_at = bytes.len();
    bytes.extend([0, 0]);
    let mut last = 12u16;
    for _ in 0..1000 {
        let at = bytes.len() as u16;
        bytes.extend((0xc000 | last).to_be_bytes());
        last = at;
    }
    let len = (bytes.len() - len_at - 2) as u16;
    bytes[len_at..len_at + 2].copy_from_slice(&len.to_be_bytes());
    assert!(Message::parse(&bytes).is_ok());
    bytes[7] = 2;
    bytes.extend((0xc000 | last).to_be_bytes());
    bytes.extend(b"\x00\x10\x00\x01\x00\x00\x00\x00\x00\x00");
    assert_eq!(Message::parse(&bytes).unwrap_err(), ParseError::Pointer);
}

fn one(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut tail = b"\xc0\x0c".to_vec();
    tail.extend(kind.to_be_bytes());
    tail.extend(b"\x00\x01\x00\x00\x00\x3c");
    tail.extend((data.len() as u16).to_be_bytes());
    tail.extend(data);
    with_question(&tail, 1)
}

#[test]
fn data_of_every_type() {
    let show = |kind, data: &[u8]| {
        let bytes = one(kind, data);
        let message = Message::parse(&bytes).unwrap();
        message.answers().next().unwrap().data().map(|d| format!("{d:?}"))
    };
    let bad = |kind, data: &[u8]| assert!(show(kind, data).is_err(), "{kind} {data:?}");
    assert_eq!(show(rtype::A, &[1, 2, 3, 4]).unwrap(), "A([1, 2, 3, 4])");
    bad(rtype::A, &[1, 2, 3]);
    assert!(show(rtype::AAAA, &[0; 16]).is_ok());
    bad(rtype::AAAA, &[0; 17]);
    for kind in [rtype::CNAME, rtype::NS, rtype::PTR] {
        assert!(show(kind, b"\x01b\xc0\x0c").unwrap().contains("b.a.io"));
        bad(kind, b"\x01b\xc0\x0cx");
        bad(kind, b"\x01b");
        bad(kind, b"");
    }
    assert!(show(rtype::MX, b"\x00\x0a\xc0\x0c").unwrap().contains("preference: 10"));
    bad(rtype::MX, b"\x00");
    assert!(show(rtype::TXT, b"\x02hi\x00").is_ok());
    bad(rtype::TXT, b"\x03hi");
    bad(rtype::TXT, b"");
    assert!(show(rtype::SRV, b"\x00\x01\x00\x02\x00\x35\x01b\x00").unwrap().contains("port: 53"));
    let soa = [&b"\x01b\x00\x01c\x00"[..], &[0; 16], &[0, 0, 0, 9]].concat();
    assert!(show(rtype::SOA, &soa).unwrap().contains("minimum: 9"));
    bad(rtype::SOA, &soa[..soa.len() - 1]);
    assert!(show(rtype::CAA, b"\x80\x05issueca.example").is_ok());
    bad(rtype::CAA, b"\x80\x00x");
    assert!(show(rtype::HTTPS, b"\x00\x01\x00\x00\x01\x00\x03\x02h2").is_ok());
    bad(rtype::HTTPS, b"\x00\x01\xc0\x0c");
    bad(rtype::SVCB, b"\x00\x01\x00\x00\x02\x00\x00\x00\x01\x00\x00");
    assert!(show(65280, b"anything").unwrap().contains("Other"));
}

#[test]
fn opt_carries_the_upper_code() {
    let mut builder = Builder::new();
    builder.start(1, flag::QR | 1, 512).unwrap();
    builder.opt(1232, 1, 0x8000).unwrap();
    let message = Message::parse(builder.finish()).unwrap();
    assert_eq!(message.rcode(), 17);
    assert_eq!(message.opt().unwrap().class, 1232);
}

fn name_of(labels: &[Vec<u8>]) -> Name {
    let mut name = Name::empty();
    for label in labels {
        let _ = name.push_label(label);
    }
    name.push_root();
    name
}

/// A few labels, so that names share suffixes.
fn some_name() -> impl Strategy<Value = Name> {
    let label = prop::collection::vec(prop::sample::select(b"abA-".to_vec()), 1..4);
    prop::collection::vec(label, 0..5).prop_map(|labels| name_of(&labels))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn what_is_built_is_parsed_here_and_by_the_oracle(
        question in some_name(),
        records in prop::collection::vec((some_name(), some_name(), 0u8..4, any::<u32>()), 0..20),
        limit in 20usize..2000,
    ) {
        let mut builder = Builder::new();
        builder.start(9, flag::QR, limit).unwrap();
        let asked = builder.question(question.as_wire(), rtype::ANY, class::IN).is_ok();
        let mut written = Vec::new();
        for (owner, target, kind, ttl) in &records {
            let (kind, data) = match kind {
                0 => (rtype::A, Rdata::Bytes(&[1, 2, 3, 4])),
                1 => (rtype::CNAME, Rdata::Name(target.as_wire())),
                2 => (rtype::MX, Rdata::Prefixed(&[0, 5], target.as_wire())),
                _ => (rtype::SOA, Rdata::Names(target.as_wire(), owner.as_wire(), &[7; 20])),
            };
            if builder.record(Section::Answer, owner.as_wire(), kind, class::IN, *ttl, data).is_ok() {
                written.push((*owner, kind, *target, *ttl));
            }
        }
        let bytes = builder.finish().to_vec();
        prop_assert!(bytes.len() <= limit);
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(message.questions().count(), usize::from(asked));
        for question_seen in message.questions() {
            prop_assert!(question_seen.name.has_bytes(question.as_wire()));
        }
        let oracle = Oracle::from_octets(bytes.as_slice()).unwrap();
        let mut seen = oracle.answer().unwrap();
        for (record, (owner, kind, target, ttl)) in message.answers().zip(&written) {
            prop_assert!(record.name.has_bytes(owner.as_wire()));
            prop_assert_eq!((record.rtype, record.ttl), (*kind, *ttl));
            match record.data().unwrap() {
                Data::Cname(name) | Data::Mx { exchange: name, .. } => prop_assert!(name.has_bytes(target.as_wire())),
                Data::Soa(soa) => prop_assert!(soa.mailbox.has_bytes(owner.as_wire())),
                _ => {}
            }
            let theirs = seen.next().unwrap().unwrap();
            let name: ParsedName<&&[u8]> = theirs.owner();
            prop_assert!(name.iter().map(|l| l.as_slice()).filter(|l| !l.is_empty()).eq(owner.labels()));
            prop_assert_eq!(theirs.rtype().to_int(), *kind);
        }
        prop_assert_eq!(message.answers().count(), written.len());
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(tail in prop::collection::vec(any::<u8>(), 0..200), counts in prop::array::uniform4(0u16..3)) {
        let mut bytes = header(flag::QR, counts);
        bytes.extend(tail);
        if let Ok(message) = Message::parse(&bytes) {
            for record in message.answers().chain(message.authorities()).chain(message.additionals()) {
                let _ = format!("{record:?}");
            }
            prop_assert_eq!(message.questions().count(), usize::from(counts[0]));
            // What we take, the oracle takes too.
            prop_assert!(Oracle::from_octets(bytes.as_slice()).unwrap().iter().all(|r| r.is_ok()));
        }
    }
}
