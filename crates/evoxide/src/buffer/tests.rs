use super::*;
use crate::buffer::LineEnd;

/// Every byte a piece of its own.
fn scattered(text: &str) -> Buffer {
    let mut buffer = Buffer::new();
    for byte in text.bytes() {
        buffer.append_vec(vec![byte]);
    }
    buffer
}

#[test]
fn reads_and_writes_like_a_file() {
    let mut b = Buffer::new();
    write!(b, "{}-two", 1).expect("fits");
    b.write_all(&[0; 20_000]).expect("fits");
    let mut head = [0; 5];
    b.read_exact(&mut head).expect("there");
    assert_eq!(&head, b"1-two");
    let mut rest = Vec::new();
    assert_eq!(b.read_to_end(&mut rest).expect("never fails"), 20_000);
    assert!(b.is_empty());
    assert_eq!(b.read(&mut head).expect("never fails"), 0);
}

#[test]
fn reads_lines_like_a_buffered_reader() {
    let mut b = scattered("one\ntwo\nthree");
    let mut line = String::new();
    b.read_line(&mut line).expect("text");
    assert_eq!(line, "one\n");
    assert_eq!(b.lines().map(|l| l.expect("text")).collect::<Vec<_>>(), ["two", "three"]);
}

#[test]
fn lines_lie_across_pieces() {
    let text = "a\r\n\r\nlonger one\nlast\r\ntail";
    for b in [Buffer::from(text), scattered(text)] {
        let mut lines = b.lines_view(LineEnd::CrLf);
        let seen: Vec<_> = lines.by_ref().map(|l| l.text().into_owned()).collect();
        assert_eq!(seen, ["a", "", "longer one", "last"]);
        assert_eq!(lines.position(), text.len() - 4);
        assert_eq!(b.lines_view(LineEnd::CrLfStrict).count(), 3);
        let third = b.lines_view(LineEnd::Lf).nth(2).expect("there");
        assert!(third == "longer one" && third != "longer" && third.position() == 5);
        assert_eq!(format!("{third:?}"), "\"longer one\"");
    }
}

#[test]
fn drains_a_line_with_the_next_call() {
    let mut b = scattered("x\nyy\r\nz");
    assert_eq!(b.next_line(), Some(&b"x"[..]));
    assert_eq!(b.next_line(), Some(&b"yy"[..]));
    assert!(b.next_line().is_none());
    assert_eq!(b, b"z");
}

#[test]
fn moves_and_shares() {
    let (mut a, mut b) = (Buffer::from("hello "), scattered("wide world"));
    a.append_prefix(&mut b, 5);
    assert_eq!(a, b"hello wide ");
    let mut c = Buffer::new();
    c.append_shared(&mut b);
    let mut d = Buffer::from(">");
    d.append_shared(&mut c);
    a.append_buffer(&mut b);
    assert!(b.is_empty());
    assert_eq!((a.to_vec(), c.to_vec(), d.to_vec()), (b"hello wide world".into(), b"world".into(), b">world".into()));
    c.prepend_buffer(&mut d);
    c.prepend("<");
    assert_eq!(c, b"<>worldworld");
    assert_eq!(c.clone(), b"<>worldworld");
}

#[test]
fn shows_what_it_holds() {
    let mut b = scattered("abcdef");
    assert_eq!(b.slices().count(), 6);
    assert_eq!((b.find("cd"), b.find_from("cd", 3), b.find("x")), (Some(2), None, None));
    assert_eq!(b.contiguous(3), b"abc");
    assert_eq!((b.byte_at(4), b.byte_at(6)), (Some(b'e'), None));
    let mut out = [0; 4];
    assert_eq!((b.copy_from(4, &mut out), b.copy_from(9, &mut out)), (2, 0));
    assert_eq!(b.append_with(10, |v| v.write(b"gh").expect("fits")), 2);
    assert_eq!(b, b"abcdefgh");
}

#[cfg(feature = "bytes")]
#[test]
fn parses_as_bytes_buf() {
    use bytes::{Buf, BufMut};
    let mut b = Buffer::new();
    b.append_bytes(bytes::Bytes::from_static(&[0, 0, 1, 0]));
    b.append_with(4, |v| v.put_u16(7));
    assert_eq!((b.get_u32(), b.remaining()), (256, 2));
    assert_eq!(b.get_u16(), 7);
    assert!(!b.has_remaining());
}
