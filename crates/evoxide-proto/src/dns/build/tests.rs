use super::*;
use crate::dns::{Message, Name, class};

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes()).unwrap()
}

#[test]
fn suffixes_are_written_once() {
    let mut b = Builder::new();
    b.start(1, 0, 512).unwrap();
    b.question(name("www.example.com").as_wire(), 1, 1).unwrap();
    assert_eq!(b.len(), 12 + 17 + 4);
    b.record(Section::Answer, name("example.com").as_wire(), 1, 1, 0, Rdata::Bytes(&[])).unwrap();
    assert_eq!(b.len(), 33 + 12);
    b.record(
        Section::Answer,
        name("mail.example.com").as_wire(),
        2,
        1,
        0,
        Rdata::Name(name("ns.mail.example.com").as_wire()),
    )
    .unwrap();
    assert_eq!(b.len(), 45 + 7 + 10 + 5);
    // The case of what was written before is not taken for another.
    b.record(Section::Answer, name("EXAMPLE.com").as_wire(), 1, 1, 0, Rdata::Bytes(&[])).unwrap();
    assert_eq!(b.len(), 67 + 8 + 2 + 10);
}

#[test]
fn what_does_not_fit_leaves_nothing() {
    let mut b = Builder::new();
    b.start(1, 0, 60).unwrap();
    b.reserve(11);
    b.question(name("a.example").as_wire(), 1, 1).unwrap();
    b.record(Section::Answer, name("a.example").as_wire(), 1, 1, 0, Rdata::Bytes(&[1, 2, 3, 4])).unwrap();
    let before = b.len();
    let full = b.record(Section::Answer, name("b.example").as_wire(), 1, 1, 0, Rdata::Bytes(&[1, 2, 3, 4]));
    assert_eq!((full, b.len(), b.is_full()), (Err(BuildError::Full), before, true));
    b.truncate();
    b.reserve(-11);
    b.opt(1232, 0, 0).unwrap();
    let message = Message::parse(b.finish()).unwrap();
    assert_eq!((message.answers().count(), message.additionals().count()), (1, 1));
}

#[test]
fn misuse_is_an_error() {
    let mut b = Builder::new();
    assert_eq!(b.question(&[0], 1, 1), Err(BuildError::Order));
    b.start(1, 0, 512).unwrap();
    for bad in [&b""[..], b"\x01a", b"\x02a\x00", b"\x00\x00", &[64; 66]] {
        assert_eq!(b.question(bad, 1, 1), Err(BuildError::Form), "{bad:?}");
    }
    b.record(Section::Additional, &[0], 1, 1, 0, Rdata::Bytes(&[])).unwrap();
    assert_eq!(b.record(Section::Answer, &[0], 1, 1, 0, Rdata::Bytes(&[])), Err(BuildError::Order));
}

/// The time for a message of many names grows with its size, not with its square.
#[test]
fn many_names_are_compressed() {
    let mut b = Builder::new();
    b.start(1, 0, 65_535).unwrap();
    let mut count = 0;
    while b
        .record(
            Section::Answer,
            name(&format!("host-{count}.some.example")).as_wire(),
            class::IN,
            1,
            0,
            Rdata::Bytes(&[0; 4]),
        )
        .is_ok()
    {
        count += 1;
    }
    assert!(count > 2500, "{count}");
    assert_eq!(Message::parse(b.finish()).unwrap().answers().count(), count);
}
