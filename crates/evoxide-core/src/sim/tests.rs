use super::*;
use crate::interest::Interest;

fn change(fd: Fd, serial: u32, old: Interest, new: Interest) -> Change {
    Change { fd, serial, old, new }
}

const NONE: Interest = Interest::empty();

#[test]
fn bytes_arrive_in_order_and_room_is_limited() {
    let mut w = World::new();
    let (a, b) = w.pair(4);
    assert_eq!(w.write(a, b"abcdef"), Ok(4));
    assert_eq!(w.write(a, b"ef"), Err(Refusal::WouldBlock));
    let mut buf = [0; 3];
    assert_eq!(w.read(b, &mut buf), Ok(3));
    assert_eq!(&buf, b"abc");
    assert_eq!(w.write(a, b"ef"), Ok(2));
    w.shutdown_write(a).unwrap();
    assert_eq!(w.read(b, &mut buf), Ok(3));
    assert_eq!(&buf, b"def");
    assert_eq!(w.read(b, &mut buf), Ok(0));
    assert_eq!(w.write(a, b"x"), Err(Refusal::BrokenPipe));
}

#[test]
fn level_edge_and_one_shot() {
    let mut w = World::new();
    let (a, b) = w.pair(16);
    w.write(a, b"x").unwrap();
    w.apply(&change(b, 1, NONE, Interest::READ)).unwrap();
    assert_eq!(w.reports(), w.reports());
    assert_eq!(w.reports(), [Report { fd: b, serial: 1, ready: Ready::READ | Ready::EDGE }]);
    w.apply(&change(b, 1, Interest::READ, Interest::READ | Interest::EDGE)).unwrap();
    assert_eq!(w.reports().len(), 1);
    assert_eq!(w.reports().len(), 0);
    w.write(a, b"y").unwrap();
    assert_eq!(w.reports().len(), 1);
    w.apply(&change(b, 1, Interest::READ, Interest::READ | Interest::ONESHOT)).unwrap();
    assert_eq!(w.reports().len(), 1);
    assert_eq!(w.reports().len(), 0);
    w.apply(&change(b, 1, Interest::READ, NONE)).unwrap();
    assert_eq!(w.apply(&change(b, 1, Interest::READ, NONE)), Err(Refusal::NotFound));
}

#[test]
fn a_registration_lives_as_long_as_the_file() {
    let mut w = World::new();
    let (a, b) = w.pair(16);
    w.apply(&change(b, 1, NONE, Interest::READ)).unwrap();
    let twin = w.dup(b).unwrap();
    w.close(b).unwrap();
    let (c, _d) = w.pair(16);
    assert_eq!(c, b);
    w.apply(&change(c, 2, NONE, Interest::READ)).unwrap();
    w.write(a, b"x").unwrap();
    assert_eq!(w.reports(), [Report { fd: b, serial: 1, ready: Ready::READ | Ready::EDGE }]);
    w.close(twin).unwrap();
    assert_eq!((w.registrations(), w.reports().len()), (1, 0));
}

#[test]
fn faults_come_as_planned() {
    let mut w = World::new();
    let (a, b) = w.pair(16);
    w.plan(a, Call::Write, &[Fault::Fails(Refusal::Interrupted), Fault::Short(1)]).unwrap();
    assert_eq!(w.write(a, b"xyz"), Err(Refusal::Interrupted));
    assert_eq!(w.write(a, b"xyz"), Ok(1));
    assert_eq!(w.write(a, b"yz"), Ok(2));
    w.close(b).unwrap();
    assert_eq!(w.write(a, b"!"), Err(Refusal::Reset));
    let mut buf = [0; 1];
    assert_eq!(w.read(a, &mut buf), Err(Refusal::Reset));
}

#[test]
fn a_reset_is_readable_and_writable() {
    let mut w = World::new();
    let (a, b) = w.pair(1);
    w.write(b, b"x").unwrap();
    w.apply(&change(b, 1, NONE, Interest::CLOSED)).unwrap();
    assert_eq!(w.reports().len(), 0);
    w.reset(a).unwrap();
    assert_eq!(w.reports()[0].ready, Ready::READ | Ready::WRITE | Ready::CLOSED | Ready::EDGE);
    assert!(w.is_open(a) && w.open_descriptors() == 2);
}
