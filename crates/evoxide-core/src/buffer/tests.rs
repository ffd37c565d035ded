use super::*;

fn text<F: Owner>(b: &Buffer<F>) -> Vec<u8> {
    let mut out = vec![0; b.len()];
    assert_eq!(b.copy_out(0, &mut out), Ok(b.len()));
    out
}

/// Claims to hold as much as it is told, in no memory.
#[derive(Debug, Clone)]
struct Void;

impl Owner for Void {
    type Note = ();

    fn bytes(&self) -> Option<&[u8]> {
        None
    }
}

#[test]
fn empty_buffer_is_small() {
    assert!(size_of::<Buffer<Void>>() <= 56, "{}", size_of::<Buffer<Void>>());
}

#[test]
fn appends_and_drains_across_segments() {
    let mut b: Buffer = Buffer::new();
    let mut all = Vec::new();
    for i in 0..5000u32 {
        let piece = i.to_le_bytes();
        b.append(&piece).expect("fits");
        all.extend_from_slice(&piece);
    }
    assert!(b.parts(0).count() > 1);
    assert_eq!(text(&b), all);
    let (delta, retired) = b.drain(12_345).expect("thawed");
    assert!(retired.is_empty());
    assert_eq!(delta, Delta::removed(12_345));
    assert_eq!(text(&b), all[12_345..]);
    let (delta, _) = b.clear().expect("thawed");
    assert_eq!(delta, Delta::removed(all.len() - 12_345));
    assert!(b.is_empty() && b.front.is_none() && b.spare() == 0, "an empty buffer holds no memory");
}

/// Lengths near the end of the address space return an error and change nothing.
#[test]
fn cve_2014_6272() {
    let mut b: Buffer<Void> = Buffer::new();
    b.append_external(Void, 0, MAX_LEN - 10).expect("just fits");
    assert_eq!(b.append(&[0; 11]), Err(Error::TooLong));
    assert_eq!(b.prepend(&[0; 11]), Err(Error::TooLong));
    assert_eq!(b.expand(11), Err(Error::TooLong));
    assert_eq!(b.expand(usize::MAX), Err(Error::TooLong));
    assert_eq!(b.append_shared(Bytes::from_static(&[0; 11])), Err(Error::TooLong));
    assert!(matches!(b.append_external(Void, 0, 11), Err((Error::TooLong, Void))));
    assert!(matches!(b.append_external(Void, 0, usize::MAX), Err((Error::TooLong, Void))));
    assert_eq!(b.len(), MAX_LEN - 10);
    assert_eq!(b.append(&[0; 10]), Ok(Delta::added(10)));
    assert_eq!(b.append(b"x"), Err(Error::TooLong));
    assert_eq!(b.prepend(b"x"), Err(Error::TooLong));
    assert_eq!(b.append(b""), Ok(Delta::default()));
}

/// As above for a length that only overflows together with what the other buffer holds, and for room in an empty one.
#[test]
fn cve_2015_6525() {
    let (mut a, mut b): (Buffer<Void>, Buffer<Void>) = (Buffer::new(), Buffer::new());
    a.append_external(Void, 0, MAX_LEN).expect("just fits");
    b.append_external(Void, 5, 10).expect("fits");
    assert_eq!(a.append_buffer(&mut b), Err(Error::TooLong));
    assert_eq!(a.prepend_buffer(&mut b), Err(Error::TooLong));
    assert_eq!(a.append_prefix(&mut b, 3), Err(Error::TooLong));
    assert_eq!(a.append_reference(&mut b), Err(Error::TooLong));
    assert_eq!((a.len(), b.len()), (MAX_LEN, 5));
    let mut c: Buffer = Buffer::new();
    for n in [usize::MAX, usize::MAX - 1, usize::MAX - 511, MAX_LEN + 1] {
        assert_eq!(c.expand(n), Err(Error::TooLong));
    }
    assert_eq!(c.expand(MAX_LEN), Err(Error::NoMemory));
    assert_eq!(c.append(b"ok"), Ok(Delta::added(2)));
}

/// A reference to another buffer's content on a buffer that holds one empty segment.
#[test]
fn cve_2026_63381() {
    let (mut a, mut b): (Buffer, Buffer) = (Buffer::new(), Buffer::new());
    b.append(b"content").expect("fits");
    a.expand(100).expect("fits");
    assert_eq!(a.append_reference(&mut b), Ok(Delta::added(7)));
    a.append(b"!").expect("fits");
    assert_eq!((text(&a), text(&b)), (b"content!".to_vec(), b"content".to_vec()));
    let (_, _) = a.clear().expect("thawed");
    a.expand(100).expect("fits");
    let mut c: Buffer = Buffer::new();
    c.expand(10).expect("fits");
    assert_eq!(a.append_reference(&mut c), Ok(Delta::default()));
    assert!(a.is_empty());
}

#[test]
fn references_are_not_referred_to_again() {
    let (mut a, mut b, mut c): (Buffer, Buffer, Buffer) = (Buffer::new(), Buffer::new(), Buffer::new());
    a.append(b"once").expect("fits");
    b.append_reference(&mut a).expect("fits");
    assert_eq!(c.append_reference(&mut b), Err(Error::Nested));
    assert_eq!(c.append_reference(&mut a), Ok(Delta::added(4)));
    // The source lives its own life.
    a.append(b" more").expect("fits");
    let (_, _) = a.drain(2).expect("thawed");
    assert_eq!((text(&a), text(&b), text(&c)), (b"ce more".to_vec(), b"once".to_vec(), b"once".to_vec()));
}

#[test]
fn addresses_stay_while_segments_move() {
    let (mut a, mut b): (Buffer, Buffer) = (Buffer::new(), Buffer::new());
    a.append(&[7; 100]).expect("fits");
    let address = a.first().as_ptr();
    b.append(b"before").expect("fits");
    b.append_buffer(&mut a).expect("fits");
    let second = b.parts(0).nth(1);
    assert!(matches!(second, Some(Part::Bytes(x)) if x.as_ptr() == address));
    let mut c: Buffer = Buffer::new();
    let (_, _) = b.drain(6).expect("thawed");
    c.append_reference(&mut b).expect("fits");
    assert_eq!((b.first().as_ptr(), c.first().as_ptr()), (address, address));
}

#[test]
fn pull_up_keeps_what_is_contiguous() {
    let mut b: Buffer = Buffer::new();
    b.append(b"one").expect("fits");
    let address = b.first().as_ptr();
    b.append_shared(Bytes::from_static(b"two")).expect("fits");
    b.append_shared(Bytes::from_static(b"three")).expect("fits");
    assert!(b.pull_up(3).expect("there").is_empty());
    assert_eq!(b.first(), b"one");
    assert!(b.pull_up(5).expect("there").is_empty());
    assert_eq!((b.first(), b.first().as_ptr()), (&b"onetw"[..], address));
    assert!(b.pull_up(11).expect("there").is_empty());
    assert_eq!((b.first(), b.first().as_ptr()), (&b"onetwothree"[..], address));
    assert!(matches!(b.pull_up(12), Err(Error::OutOfRange)));
}

#[test]
fn opaque_content_counts_but_cannot_be_read() {
    let mut b: Buffer<Void> = Buffer::new();
    b.append(b"head").expect("fits");
    b.append_external(Void, 10, 30).expect("fits");
    assert_eq!((b.len(), b.first_len()), (24, 4));
    assert_eq!(b.copy_out(0, &mut [0; 4]), Ok(4));
    assert_eq!(b.copy_out(0, &mut [0; 5]), Err(Error::Opaque));
    assert!(matches!(b.pull_up(5), Err(Error::Opaque)));
    assert_eq!(b.find(b"x", 0, 24), Err(Error::Opaque));
    let (delta, retired) = b.drain(14).expect("thawed");
    assert!(retired.is_empty());
    assert_eq!(delta.removed, 14);
    assert!(matches!(b.parts(0).next(), Some(Part::Opaque { start: 20, end: 30, .. })));
    let (_, retired) = b.drain(10).expect("thawed");
    assert_eq!(retired.count(), 1);
}

#[test]
fn long_parts_are_shared_short_ones_copied() {
    let (mut a, mut b): (Buffer, Buffer) = (Buffer::new(), Buffer::new());
    a.append(&[1; 20_000]).expect("fits");
    let address = a.first().as_ptr();
    b.append_prefix(&mut a, 5000).expect("fits");
    assert_eq!((b.first().as_ptr(), b.len(), a.len()), (address, 5000, 15_000));
    b.append_prefix(&mut a, 100).expect("fits");
    assert_eq!((b.len(), a.len(), b.parts(0).count()), (5100, 14_900, 2));
}

#[test]
fn prepared_bytes_find_their_place() {
    for before in [0, 10, 1000, 1024, 5000, 20_000] {
        let mut b: Buffer = Buffer::new();
        let mut all = vec![1; before];
        b.append(&all).expect("fits");
        let reservation = b.reserve(4096).expect("memory");
        // As a read does: first the room is filled.
        let spare = b.spare();
        b.fill(|v| v.resize(v.len() + spare, 2)).expect("thawed");
        all.resize(before + spare, 2);
        assert_eq!(b.commit(reservation, &[3; 4096]), Delta::added(4096));
        all.resize(before + spare + 4096, 3);
        assert_eq!(text(&b), all);
        // Nothing prepared for is taken where nothing came.
        drop(b.reserve(100).expect("memory"));
        assert_eq!(text(&b), all);
        // Without the way that `append` goes.
        let reservation = b.reserve(7).expect("memory");
        b.freeze(End::Back);
        assert_eq!(b.commit(reservation, b"the end"), Delta::added(7));
        all.extend_from_slice(b"the end");
        assert_eq!(text(&b), all);
    }
    let mut b: Buffer<Void> = Buffer::new();
    b.append_external(Void, 0, MAX_LEN - 10).expect("just fits");
    assert!(b.reserve(11).is_err());
}

#[test]
fn knows_its_own_storage() {
    let mut b: Buffer = Buffer::new();
    assert!(!b.stores(End::Back, b"elsewhere".as_ptr() as usize, 9));
    b.append(&[7; 100]).expect("fits");
    let at = b.first().as_ptr() as usize;
    for end in [End::Front, End::Back] {
        assert!(b.stores(end, at, 100) && b.stores(end, at + 99, 1) && b.stores(end, at + 100, 1), "content and room");
        assert!(b.stores(end, at - 5, 6) && !b.stores(end, at - 5, 5), "what begins before it");
        assert!(!b.stores(end, at + 100 + b.spare(), 1));
    }
}

/// A search that continues finds what one over all of the content finds, however the content comes.
#[test]
fn a_search_continues_where_it_stopped() {
    let all = b"a line\r\n\r\rb\n\r\n\n\0end of it\r\n\r\n";
    for step in 1..all.len() {
        for style in [Eol::Any, Eol::Crlf, Eol::CrlfStrict, Eol::Lf, Eol::Nul] {
            let (mut b, mut search): (Buffer, Search) = (Buffer::new(), Search::new());
            let mut needle = Search::new();
            let mut found = None;
            for chunk in all.chunks(step) {
                b.append_shared(Bytes::copy_from_slice(chunk)).unwrap();
                if found.is_none() {
                    found = search.eol(&b, style).unwrap();
                    assert_eq!(found, b.find_eol(0, style).unwrap());
                }
                assert_eq!(needle.find(&b, b"\r\n\r\n").unwrap(), b.find(b"\r\n\r\n", 0, b.len()).unwrap());
            }
            assert!(found.is_some());
            assert_eq!(needle.position(), all.len() - 4);
        }
    }
}
