use super::*;
use proptest::prelude::*;

#[test]
fn texts_that_are_no_names_are_refused() {
    assert_eq!(Name::from_text(b""), Err(NameError::EmptyLabel));
    assert_eq!(Name::from_text(b"a..b"), Err(NameError::EmptyLabel));
    assert_eq!(Name::from_text(b".a"), Err(NameError::EmptyLabel));
    assert_eq!(Name::from_text(b".."), Err(NameError::EmptyLabel));
    assert_eq!(Name::from_text(&[b'a'; 64]), Err(NameError::LongLabel));
    assert!(Name::from_text(&[b'a'; 63]).is_ok());
    assert!(Name::from_text(b".").unwrap().is_root());
}

/// CVE-2016-10195 and CVE-2016-10197 came from names at these borders.
#[test]
fn a_name_of_255_bytes_is_the_longest() {
    let text = |len: usize| (0..len).map(|i| if i % 2 == 1 { b'.' } else { b'a' }).collect::<Vec<u8>>();
    // 127 labels of one letter: 254 bytes and the root.
    let longest = Name::from_text(&text(253)).unwrap();
    assert_eq!((longest.as_wire().len(), longest.labels().count()), (255, 127));
    assert_eq!(Name::from_text(&text(255)), Err(NameError::LongName));
    assert_eq!(Name::from_wire(longest.as_wire()), Ok(longest));
    assert_eq!(longest.join(&Name::from_text(b"b").unwrap()), Err(NameError::LongName));
}

#[test]
fn escapes_are_read_and_written() {
    let name = Name::from_presentation("a\\.b\\\\.\\000\\255.c").unwrap();
    assert_eq!(name.as_wire(), b"\x04a.b\\\x02\x00\xff\x01c\x00");
    assert_eq!(name.to_string(), "a\\.b\\\\.\\000\\255.c");
    for bad in ["a\\", "a\\1", "a\\25x", "a\\256", "a\\9 9"] {
        assert_eq!(Name::from_presentation(bad), Err(NameError::Escape), "{bad}");
    }
}

#[test]
fn reverse_names() {
    assert_eq!(Name::reverse_v4([192, 0, 2, 10]).to_string(), "10.2.0.192.in-addr.arpa");
    let mut six = [0; 16];
    six[0] = 0x20;
    six[15] = 0x1f;
    let text = Name::reverse_v6(six).to_string();
    assert!(text.starts_with("f.1.0.0.") && text.ends_with(".0.2.ip6.arpa"), "{text}");
    assert_eq!(text.len(), 72);
}

#[test]
fn endings_and_case() {
    let name = Name::from_text(b"a.Example.COM").unwrap();
    assert!(name.ends_with(&Name::from_text(b"example.com").unwrap()));
    assert!(name.ends_with(&Name::ROOT) && name.ends_with(&name));
    assert!(!name.ends_with(&Name::from_text(b"xample.com").unwrap()));
    let mut flipped = name.as_wire().to_vec();
    flip_case(&mut flipped, &[0xff; 32]);
    let flipped = Name::from_wire(&flipped).unwrap();
    assert_eq!(flipped.to_string(), "A.eXAMPLE.com");
    assert_eq!(flipped, name);
}

proptest! {
    /// Each letter whose bit is set changes its case, and nothing else changes.
    #[test]
    fn case_bits(wire in prop::collection::vec(any::<u8>(), 0..=255), bits in any::<[u8; 32]>()) {
        let mut flipped = wire.clone();
        flip_case(&mut flipped, &bits);
        for (at, (before, after)) in wire.iter().zip(&flipped).enumerate() {
            let flip = before.is_ascii_alphabetic() && bits[at / 8] >> (at % 8) & 1 == 1;
            prop_assert_eq!(before ^ u8::from(flip) << 5, *after);
        }
    }

    #[test]
    fn text_survives_the_wire(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..12)) {
        let mut name = Name::empty();
        for label in &labels {
            name.push_label(label).unwrap();
        }
        name.push_root();
        let again = Name::from_presentation(&name.to_string()).unwrap();
        prop_assert_eq!(again.as_wire(), name.as_wire());
        prop_assert_eq!(Name::from_wire(name.as_wire()).unwrap(), name);
        prop_assert!(name.labels().eq(labels.iter().map(Vec::as_slice)));
    }

    #[test]
    fn any_text_is_a_name_or_an_error(text in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(name) = Name::from_text(&text) {
            prop_assert!(name.as_wire().len() <= MAX_NAME);
            prop_assert!(Name::from_wire(name.as_wire()).is_ok());
        }
    }
}
