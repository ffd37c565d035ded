use super::*;

fn open() -> Stream {
    let mut s = Stream::new();
    let _ = s.enable(Direction::READ);
    s
}

fn read(s: &mut Stream) -> usize {
    match s.readable(0, Watermarks::NONE, Allowance::Free) {
        Step::Read { max } => max,
        step => panic!("{step:?}"),
    }
}

fn again(s: &mut Stream, quiet: bool) -> Option<usize> {
    match s.read_again(0, Watermarks::NONE, Allowance::Free, quiet) {
        Step::Read { max } => Some(max),
        _ => None,
    }
}

#[test]
fn a_stream_that_fills_its_reads_gets_larger_ones() {
    let mut s = open();
    assert_eq!(read(&mut s), MAX_SINGLE);
    for _ in 1..FULL_READS {
        let _ = s.read_done(Io::Moved(MAX_SINGLE));
        assert_eq!(again(&mut s, true), Some(MAX_SINGLE));
    }
    // That is as much as one readiness brings.
    let _ = s.read_done(Io::Moved(MAX_SINGLE));
    assert_eq!(again(&mut s, true), None);
    assert_eq!(read(&mut s), MAX_BURST);
    let _ = s.read_done(Io::Moved(MAX_BURST));
    assert_eq!(again(&mut s, true), None);
    for _ in 0..2 {
        assert_eq!(read(&mut s), MAX_BURST);
        let _ = s.read_done(Io::Moved(100));
        assert_eq!(again(&mut s, true), None);
    }
    assert_eq!(read(&mut s), MAX_SINGLE);
}

#[test]
fn bounds_keep_reads_as_they_are() {
    let mut s = open();
    for _ in 0..FULL_READS {
        read(&mut s);
        let _ = s.read_done(Io::Moved(MAX_SINGLE));
    }
    let high = Watermarks { low: 0, high: 1 << 20 };
    assert_eq!(s.readable(0, high, Allowance::Free), Step::Read { max: MAX_SINGLE });
    assert_eq!(s.readable(0, Watermarks::NONE, Allowance::AtMost(9)), Step::Read { max: 9 });
    assert_eq!(s.readable(0, Watermarks::NONE, Allowance::AtMost(0)), Step::Idle);
}

#[test]
fn a_read_is_not_followed_where_something_happened() {
    let mut s = open();
    read(&mut s);
    let _ = s.read_done(Io::Moved(MAX_SINGLE));
    assert_eq!(again(&mut s, false), None);
    read(&mut s);
    let _ = s.read_done(Io::Moved(MAX_SINGLE - 1));
    assert_eq!(again(&mut s, true), None);
}

#[test]
fn after_a_read_that_found_nothing_full_reads_are_not_followed() {
    let mut s = open();
    read(&mut s);
    let _ = s.read_done(Io::Moved(MAX_SINGLE));
    assert_eq!(again(&mut s, true), Some(MAX_SINGLE));
    assert_eq!(s.read_done(Io::Retry), Outcome::NOTHING);
    let mut followed = 0;
    for _ in 0..=BACKOFF {
        let _ = s.readable(0, Watermarks::NONE, Allowance::AtMost(MAX_SINGLE));
        s.full_reads = 0;
        let _ = s.read_done(Io::Moved(MAX_SINGLE));
        followed += usize::from(again(&mut s, true).is_some());
    }
    assert_eq!(followed, 1);
}

#[test]
fn the_end_behind_a_full_read_is_told_in_the_next_turn() {
    let mut s = open();
    read(&mut s);
    let _ = s.read_done(Io::Moved(MAX_SINGLE));
    assert!(again(&mut s, true).is_some());
    assert_eq!(s.read_done(Io::Eof), Outcome::NOTHING);
    read(&mut s);
    assert!(s.read_done(Io::Eof).event.contains(What::EOF));
}

#[test]
fn reports_come_in_steps() {
    let mut s = open();
    let mut report = Report::new(10_000);
    assert_eq!(report.told(10_000, 9_000, &mut s, false), Told::Again);
    assert_eq!(report.told(9_000, 8_000, &mut s, false), Told::Again);
    assert_eq!(report.told(8_000, 7_000, &mut s, false), Told::Done);
    let mut report = Report::new(10_000);
    assert_eq!(report.told(10_000, 10_000, &mut s, false), Told::Done);
    let mut report = Report::new(10_000);
    assert_eq!(report.told(10_000, 9_000, &mut s, true), Told::NextTurn(10_000 - STEP));
    let _ = s.disable(Direction::READ);
    assert_eq!(report.told(9_000, 8_000, &mut s, false), Told::Unreported(10_000 - 2 * STEP));
    assert!(s.take_unreported());
    assert!(!s.take_unreported());
}

#[test]
fn a_short_queued_write_arms() {
    let mut s = open();
    assert_eq!(s.writable(9, Allowance::Free, Cause::Queued, false), Step::Write { max: MAX_BURST });
    assert!(s.write_done(Io::Moved(4), 5, Cause::Queued).arm);
    assert!(!s.write_done(Io::Moved(4), 5, Cause::Writable).arm);
    assert_eq!(s.write_done(Io::Moved(5), 0, Cause::Queued).stop, Direction::WRITE);
    assert_eq!(s.writable(0, Allowance::Free, Cause::Queued, true), Step::Arm);
    assert_eq!(s.writable(0, Allowance::Free, Cause::Queued, false), Step::Idle);
    assert_eq!(s.writable(0, Allowance::Free, Cause::Writable, false), Step::Drained);
}
