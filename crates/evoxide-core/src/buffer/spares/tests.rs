use super::{KEEP_LARGE, LARGEST, LEAST, Spares};
use crate::buffer::{Buffer, End, FIRST};
use bytes::Bytes;
use std::io::IoSlice;

/// Storage comes from a buffer that was written, goes round, and is kept again.
#[test]
fn storage_goes_round() {
    let mut spares = Spares::new();
    let (mut input, mut output): (Buffer, Buffer) = (Buffer::new(), Buffer::new());
    input.freeze(End::Back);
    output.freeze(End::Front);
    assert!(!input.receive(b"nothing is kept yet", &mut spares));
    input.unfreeze(End::Back);
    input.append(b"first").unwrap();
    input.freeze(End::Back);
    for round in 0..40 {
        assert_eq!(output.take_over(&mut input), Some(5), "{round}");
        assert!(input.is_bare() && input.is_empty());
        assert_eq!(output.lone(), Some(&b"first"[..]));
        assert!(output.consume(2, &mut spares));
        assert_eq!(output.lone(), Some(&b"rst"[..]));
        assert!(output.consume(3, &mut spares));
        assert!(output.is_bare() && output.is_empty());
        assert_eq!(spares.usual.len(), 1);
        assert!(input.receive(b"first", &mut spares));
        assert_eq!(spares.usual.len(), 0);
    }
    assert!(input.is_frozen(End::Back) && output.is_frozen(End::Front));
}

#[test]
fn only_the_usual_case_is_taken() {
    let mut spares = Spares::new();
    let (mut a, mut b): (Buffer, Buffer) = (Buffer::new(), Buffer::new());
    a.append(b"a").unwrap();
    b.append(b"b").unwrap();
    assert_eq!(a.take_over(&mut b), None);
    assert!(!a.receive(b"x", &mut spares));
    assert!(!a.consume(2, &mut spares));
    assert!(a.consume(1, &mut spares) && a.is_bare());
    assert!(!a.receive(&[0; FIRST + 1], &mut spares) && a.is_bare());
    b.freeze(End::Front);
    assert_eq!(a.take_over(&mut b), None);
    b.unfreeze(End::Front);
    a.freeze(End::Back);
    assert_eq!(a.take_over(&mut b), None);
    a.unfreeze(End::Back);
    assert_eq!(a.take_over(&mut b), Some(1));
    assert_eq!(a.take_over(&mut b), None, "nothing to take");
    b.append_shared(Bytes::from_static(b"shared")).unwrap();
    assert!(b.lone().is_none() && !b.is_bare() && !b.consume(1, &mut spares));
    a.append_shared(Bytes::from_static(b"second")).unwrap();
    assert!(a.lone().is_none() && !a.consume(7, &mut spares));
    assert_eq!((a.len(), b.len()), (7, 6));
}

/// What is too large is not kept, and there is an end to keeping.
#[test]
fn only_a_few_small_pieces_are_kept() {
    let mut spares = Spares::new();
    let mut large: Buffer = Buffer::new();
    large.append(&[7; 5000]).unwrap();
    assert!(large.consume(5000, &mut spares) && large.is_bare());
    assert_eq!(spares.usual.len(), 0);
    let mut many: Vec<Buffer> = Vec::new();
    for _ in 0..100 {
        let mut b = Buffer::new();
        b.append(b"little").unwrap();
        many.push(b);
    }
    for b in &mut many {
        assert!(b.consume(6, &mut spares) && b.is_bare());
    }
    assert_eq!(spares.usual.len(), super::KEEP);
}

fn text(b: &Buffer) -> Vec<u8> {
    b.slices(0).flatten().copied().collect()
}

/// Several segments are shown and removed as one run of bytes, in steps of any size.
#[test]
fn several_segments_are_one_run() {
    let all: Vec<u8> = (0..50_000u32).map(|i| (i * 7 / 3) as u8).collect();
    for step in [1000, 16384, 20_000, 32_768, 49_999, 50_000] {
        let mut spares = Spares::new();
        let mut output: Buffer = Buffer::new();
        for chunk in all.chunks(LARGEST) {
            let mut input: Buffer = Buffer::new();
            let mut piece = spares.piece(LARGEST).unwrap();
            piece.extend_from_slice(chunk);
            assert_eq!(input.receive_piece(piece), Ok(()));
            assert_eq!(input.receive_piece(vec![1]), Err(vec![1]));
            if output.take_over(&mut input).is_none() {
                output.append_buffer(&mut input).unwrap();
            }
        }
        output.freeze(End::Front);
        let mut done = 0;
        while !output.is_empty() {
            let n = step.min(output.len());
            let mut pieces = [IoSlice::new(&[]); 8];
            let count = output.show(n, &mut pieces);
            assert_eq!(pieces[..count].iter().flat_map(|p| p.iter().copied()).collect::<Vec<_>>(), all[done..done + n]);
            assert!(output.consume(n, &mut spares));
            done += n;
            assert_eq!(text(&output), all[done..]);
        }
        assert!(output.is_bare() && output.front.is_none());
        assert_eq!(spares.list(LARGEST).unwrap().len(), KEEP_LARGE);
    }
}

#[test]
fn too_many_or_foreign_segments_take_the_long_way() {
    let mut spares = Spares::new();
    let mut b: Buffer = Buffer::new();
    for n in 0..3 {
        b.append_owned(vec![n; 100]).unwrap();
    }
    let mut pieces = [IoSlice::new(&[]); 2];
    assert_eq!((b.show(300, &mut pieces), b.show(200, &mut pieces), b.show(150, &mut pieces)), (0, 2, 2));
    b.append_shared(Bytes::from_static(b"shared")).unwrap();
    let mut pieces = [IoSlice::new(&[]); 8];
    assert_eq!((b.show(301, &mut pieces), b.show(300, &mut pieces)), (0, 3));
    b.append_owned(vec![9; 100]).unwrap();
    assert!(!b.consume(301, &mut spares) && !b.consume(1000, &mut spares));
    assert!(b.consume(300, &mut spares) && text(&b).starts_with(b"shared"));
    assert!(!b.consume(1, &mut spares) && b.len() == 106);
}

#[test]
fn pieces_have_the_size_that_is_expected() {
    let mut spares = Spares::new();
    for (expected, size) in [(0, LEAST), (2048, 2048), (2049, 4096), (5000, 8192), (16384, LARGEST), (70_000, LARGEST)]
    {
        let piece = spares.piece(expected).unwrap();
        assert_eq!(piece.capacity(), size);
        let address = piece.as_ptr();
        spares.keep(piece);
        let again = spares.piece(expected).unwrap();
        assert_eq!(again.as_ptr(), address);
    }
    assert!(spares.list(1024).is_none() && spares.list(32768).is_none() && spares.list(5000).is_none());
}
