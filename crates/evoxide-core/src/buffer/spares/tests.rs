use super::Spares;
use crate::buffer::{Buffer, End, FIRST};
use bytes::Bytes;

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
        assert_eq!(spares.0.len(), 1);
        assert!(input.receive(b"first", &mut spares));
        assert_eq!(spares.0.len(), 0);
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
    assert!(a.lone().is_none() && !a.consume(1, &mut spares));
    assert_eq!((a.len(), b.len()), (7, 6));
}

/// What is too large is not kept, and there is an end to keeping.
#[test]
fn only_a_few_small_pieces_are_kept() {
    let mut spares = Spares::new();
    let mut large: Buffer = Buffer::new();
    large.append(&[7; 5000]).unwrap();
    assert!(large.consume(5000, &mut spares) && large.is_bare());
    assert_eq!(spares.0.len(), 0);
    let mut many: Vec<Buffer> = Vec::new();
    for _ in 0..100 {
        let mut b = Buffer::new();
        b.append(b"little").unwrap();
        many.push(b);
    }
    for b in &mut many {
        assert!(b.consume(6, &mut spares) && b.is_bare());
    }
    assert_eq!(spares.0.len(), super::KEEP);
}
