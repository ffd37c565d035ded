use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

#[test]
fn numbers_look_as_the_original_writes_them() {
    let rows: [(u64, &str); 10] = [
        (0, "00"),
        (15, "0f"),
        (16, "1010"),
        (255, "1ff0"),
        (256, "2001"),
        (0x1234, "343210"),
        (0x12345, "454321"),
        (0xabc_def1, "61fedcba"),
        (0xffff_ffff, "7ffffffff0"),
        (0x0123_4567_89ab_cdef, "efedcba987654321"),
    ];
    for (number, wire) in rows {
        assert_eq!(encode_int(number).as_slice(), hex(wire), "{number:x}");
        assert_eq!(decode_int64(&hex(wire)), Ok((number, wire.len() / 2)), "{wire}");
    }
}

#[test]
fn tags_look_as_the_original_writes_them() {
    let rows: [(u32, &str); 6] =
        [(0, "00"), (127, "7f"), (255, "ff01"), (0x1234, "b424"), (0xabc_def1, "f1bdf355"), (u32::MAX, "ffffffff0f")];
    for (tag, wire) in rows {
        assert_eq!(encode_tag(tag).as_slice(), hex(wire));
        assert_eq!(decode_tag(&hex(wire)), Ok((tag, wire.len() / 2)));
    }
    assert_eq!(decode_tag(&hex("ffffffff1f")), Err(Error::TooLarge));
    assert_eq!(decode_tag(&hex("808080808000")), Err(Error::TooLarge));
    assert_eq!(decode_tag(&hex("f0")), Err(Error::Incomplete));
}

#[test]
fn a_number_too_large_for_its_type_is_refused() {
    assert_eq!(decode_int(&hex("8000000000")), Err(Error::TooLarge));
    assert_eq!(decode_int64(&hex("f011223344556677")), Err(Error::Incomplete));
    assert_eq!(decode_int64(&hex("f01122334455667788")), Ok((0x8776_6554_4332_2110, 9)));
}

#[test]
fn cve_2026_63383_a_length_that_wraps_is_no_length() {
    let header = Header::read(&hex("01 7fffffffff")).unwrap_or(Header { tag: 1, len: u32::MAX, tag_size: 1, size: 6 });
    assert_eq!(header.total(), None);
    let wire = hex("01 7f fffffff0 05 00");
    assert_eq!(Items::new(&wire, Limits::default()).collect::<Vec<_>>(), [Err(Error::Incomplete)]);
}

#[test]
fn cve_2026_63384_a_number_stays_within_its_payload() {
    // The payload has one byte; the number claims two and would take the next item's.
    let wire = hex("01 01 10 50 00");
    let items: Vec<_> = Items::new(&wire, Limits::default()).collect();
    assert_eq!(items[0].unwrap().int(), Err(Error::Incomplete));
    let wire = hex("01 02 05 06");
    assert_eq!(Items::new(&wire, Limits::default()).next().unwrap().unwrap().int64(), Err(Error::Malformed));
}

#[test]
fn limits_hold_before_anything_is_taken() {
    let mut wire = Vec::new();
    for _ in 0..10 {
        put_int(&mut wire, 1, 7);
    }
    let few = Limits { items: 4, ..Limits::default() };
    assert_eq!(Items::new(&wire, few).filter(Result::is_ok).count(), 4);
    let small = Limits { bytes: 5, ..Limits::default() };
    assert_eq!(Items::new(&wire, small).next(), Some(Err(Error::Limit)));
    let mut deep = Vec::new();
    for _ in 0..40 {
        let mut outer = Vec::new();
        put_bytes(&mut outer, 1, &deep);
        deep = outer;
    }
    let mut level = 0;
    let mut items = Items::new(&deep, Limits::default());
    let end = loop {
        match items.next().unwrap().unwrap().items() {
            Ok(inner) => items = inner,
            Err(why) => break why,
        }
        level += 1;
    };
    assert_eq!((level, end), (32, Error::Limit));
}

proptest! {
    #[test]
    fn what_is_written_is_read(tag: u32, number: u64, payload: Vec<u8>) {
        let mut wire = Vec::new();
        put_int(&mut wire, tag, number);
        put_bytes(&mut wire, tag, &payload);
        let items = Items::new(&wire, Limits::default()).collect::<Result<Vec<_>, _>>().unwrap();
        prop_assert_eq!(items[0].int64(), Ok(number));
        prop_assert_eq!((items[1].tag, items[1].payload), (tag, &payload[..]));
        prop_assert_eq!(items.len(), 2);
    }

    #[test]
    fn any_bytes_are_read_or_refused(wire: Vec<u8>) {
        let mut taken = 0;
        for item in Items::new(&wire, Limits::default()).flatten() {
            taken += item.payload.len() + 2;
            let _ = (item.int(), item.int64(), item.text(), item.items().map(Iterator::count));
        }
        prop_assert!(taken <= wire.len());
    }

    #[test]
    fn a_prefix_is_incomplete_or_the_whole(number: u64, cut in 0usize..9) {
        let all = encode_int(number);
        if cut < all.as_slice().len() {
            prop_assert_eq!(decode_int64(&all.as_slice()[..cut]), Err(Error::Incomplete));
        }
    }
}
