use super::*;
use crate::buffer::Buffer;
use crate::rate::{Bucket, Rate, Turn};
use std::collections::VecDeque;

#[test]
fn enable_and_hold_meet() {
    let mut s = Stream::new();
    assert_eq!(s.hold(Direction::READ, Hold::MARK).stop, Direction::READ);
    assert_eq!(s.hold(Direction::READ, Hold::RATE).stop, Direction::empty());
    assert_eq!(s.enable(Direction::READ | Direction::WRITE).start, Direction::WRITE);
    assert_eq!(s.release(Direction::READ, Hold::MARK).start, Direction::empty());
    assert_eq!(s.release(Direction::READ, Hold::RATE).start, Direction::READ);
    assert!(s.moves(Direction::READ));
    assert_eq!(s.disable(Direction::READ).stop, Direction::READ);
    assert_eq!(s.release(Direction::READ, Hold::GROUP).start, Direction::empty());
}

#[test]
fn a_full_input_is_held() {
    let mut s = Stream::new();
    let _ = s.enable(Direction::READ);
    let marks = Watermarks { low: 0, high: 10 };
    assert_eq!(s.readable(4, marks, Allowance::AtMost(100)), Step::Read { max: 6 });
    assert_eq!(s.readable(10, marks, Allowance::Free), Step::Full);
    assert_eq!(s.held(Direction::READ), Hold::MARK);
    assert_eq!(s.readable(0, marks, Allowance::Free), Step::Idle);
    assert_eq!(s.release(Direction::READ, Hold::MARK).start, Direction::READ);
}

#[test]
fn end_of_file_half_closes() {
    let mut s = Stream::new();
    let _ = s.enable(Direction::READ);
    let out = s.read_done(Io::Eof);
    assert_eq!((out.stop, out.event), (Direction::READ, What::EOF | What::READING));
    assert_eq!((s.state(), s.enabled()), (State::HalfClosed, Direction::WRITE));
    assert_eq!(s.writable(5, Allowance::AtMost(100), Cause::Writable, false), Step::Write { max: 100 });
}

#[test]
fn connecting_waits_for_its_end_whatever_is_disabled() {
    let mut s = Stream::new();
    s.connecting();
    assert_eq!(s.disable(Direction::WRITE).stop, Direction::empty());
    assert_eq!(s.timed_out(Direction::WRITE).event, What::TIMEOUT | What::WRITING);
    assert_eq!(s.output_grew(false, true), Start::No);
    assert_eq!(s.writable(5, Allowance::Free, Cause::Writable, false), Step::FinishConnect);
    assert_eq!(s.connect_done(Attempt::Pending), Outcome::NOTHING);
    let out = s.connect_done(Attempt::Made);
    assert_eq!((out.event, out.stop), (What::CONNECTED, Direction::WRITE));
    assert_eq!(s.state(), State::Open);
}

#[test]
fn a_refusal_seen_by_a_read_is_told_once_by_the_attempt() {
    let mut s = Stream::new();
    s.connecting();
    assert_eq!(s.read_done(Io::Refused), Outcome::NOTHING);
    let out = s.connect_done(Attempt::Made);
    assert_eq!((out.event, out.stop), (What::ERROR, Direction::all()));
    assert_eq!(s.state(), State::Closed);
}

#[test]
fn output_starts_once() {
    let mut s = Stream::new();
    assert_eq!(s.output_grew(false, true), Start::Queue);
    assert_eq!(s.output_grew(false, false), Start::Arm);
    assert_eq!(s.output_grew(true, true), Start::No);
    let _ = s.hold(Direction::WRITE, Hold::RATE);
    assert_eq!(s.output_grew(false, true), Start::No);
}

#[test]
fn a_write_of_nothing_is_told_unless_the_connection_was() {
    let mut s = Stream::new();
    assert!(s.write_done(Io::Moved(0), 0, Cause::Writable).drained);
    assert!(!s.write_done(Io::Moved(0), 0, Cause::Connected).drained);
    assert!(s.write_done(Io::Moved(3), 0, Cause::Connected).drained);
    assert_eq!(s.write_done(Io::Retry, 4, Cause::Writable).stop, Direction::empty());
    assert_eq!(s.write_done(Io::Moved(3), 4, Cause::Writable).stop, Direction::empty());
}

#[test]
fn sizes_out_of_range_mean_the_default() {
    let mut bounds = Bounds::DEFAULT;
    bounds.set(Direction::READ, 5);
    assert_eq!((bounds.of(Direction::READ), bounds.allowance(Direction::WRITE)), (5, Allowance::Free));
    bounds.set(Direction::WRITE, MAX_SINGLE);
    assert_eq!(
        (bounds.of(Direction::WRITE), bounds.allowance(Direction::WRITE)),
        (MAX_SINGLE, Allowance::AtMost(MAX_SINGLE))
    );
    for size in [0, usize::MAX] {
        bounds.set(Direction::READ, size);
        bounds.set(Direction::WRITE, size);
        assert_eq!(bounds, Bounds::DEFAULT);
    }
}

struct Rng(u64);
impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n.max(1)
    }
}

/// One end: a stream, its buffers, the interest that its face keeps, a bucket.
struct End {
    stream: Stream,
    bounds: Bounds,
    input: Buffer,
    output: Buffer,
    interest: Direction,
    queued: bool,
    marks: Watermarks,
    limit: Option<(Rate, Bucket)>,
    events: What,
    sent: Vec<u8>,
    received: Vec<u8>,
}

/// A kernel's socket: bytes on their way, room for `room`, closed by the sender or not.
#[derive(Default)]
struct Wire {
    bytes: VecDeque<u8>,
    room: usize,
    closed: bool,
}

impl End {
    fn new(rng: &mut Rng) -> Self {
        let mut bounds = Bounds::DEFAULT;
        for direction in [Direction::READ, Direction::WRITE] {
            if rng.below(2) == 0 {
                bounds.set(direction, 1 + rng.below(40));
            }
        }
        let high = if rng.below(3) == 0 { 1 + rng.below(30) } else { 0 };
        let rate = 1 + rng.below(20);
        let limit = (rng.below(3) == 0).then(|| Rate::new((rate, rate + 5), (rate, rate + 5), 10).unwrap());
        let limit = limit.map(|r| (r, Bucket::new(&r, 0)));
        Self {
            stream: Stream::new(),
            bounds,
            input: Buffer::new(),
            output: Buffer::new(),
            interest: Direction::empty(),
            queued: false,
            marks: Watermarks { low: 0, high },
            limit,
            events: What::empty(),
            sent: Vec::new(),
            received: Vec::new(),
        }
    }

    fn apply(&mut self, outcome: Outcome) {
        self.interest -= outcome.stop;
        if outcome.stop.contains(Direction::WRITE) {
            self.queued = false;
        }
        if outcome.start.contains(Direction::READ) {
            self.interest |= Direction::READ;
        }
        if outcome.start.contains(Direction::WRITE) {
            self.grew();
        }
        assert!((self.events & outcome.event).is_empty(), "told twice: {:?}", outcome.event);
        self.events |= outcome.event;
        if outcome.readable && self.marks.is_full(self.input.len()) {
            let out = self.stream.hold(Direction::READ, Hold::MARK);
            self.interest -= out.stop;
        }
    }

    fn grew(&mut self) {
        let waiting = self.queued || self.interest.contains(Direction::WRITE);
        match self.stream.output_grew(waiting, true) {
            Start::No => {}
            Start::Queue => self.queued = true,
            Start::Arm => self.interest |= Direction::WRITE,
        }
    }

    fn allowance(&self, direction: Direction) -> Allowance {
        let bound = self.bounds.allowance(direction);
        let Some((_, bucket)) = &self.limit else { return bound };
        Allowance::AtMost(bound.or(MAX_SINGLE).min(bucket.level(direction).max(0) as usize))
    }

    fn spend(&mut self, direction: Direction, n: usize) {
        let Some((_, bucket)) = &mut self.limit else { return };
        if bucket.take(direction, n as isize) == Turn::Pause {
            let out = self.stream.hold(direction, Hold::RATE);
            self.apply(out);
        }
    }

    fn tick(&mut self, tick: u32) {
        let Some((rate, bucket)) = &mut self.limit else { return };
        bucket.refill(rate, tick);
        for direction in [Direction::READ, Direction::WRITE] {
            let open = self.limit.as_ref().is_some_and(|(_, b)| b.level(direction) > 0);
            if open && self.stream.held(direction).contains(Hold::RATE) {
                let out = self.stream.release(direction, Hold::RATE);
                self.apply(out);
            }
        }
    }

    fn read(&mut self, wire: &mut Wire, rng: &mut Rng) {
        let allowance = self.allowance(Direction::READ);
        match self.stream.readable(self.input.len(), self.marks, allowance) {
            Step::Full => self.interest -= Direction::READ,
            Step::Read { max } => {
                let n = max.min(wire.bytes.len());
                let result = if rng.below(5) == 0 {
                    Io::Retry
                } else if n == 0 {
                    if wire.closed { Io::Eof } else { Io::Retry }
                } else {
                    let n = 1 + rng.below(n);
                    let bytes: Vec<u8> = wire.bytes.drain(..n).collect();
                    let _ = self.input.append(&bytes).unwrap();
                    self.spend(Direction::READ, n);
                    Io::Moved(n)
                };
                let out = self.stream.read_done(result);
                self.apply(out);
            }
            step => assert_eq!(step, Step::Idle),
        }
    }

    fn write(&mut self, wire: &mut Wire, rng: &mut Rng) {
        let cause = if core::mem::take(&mut self.queued) { Cause::Queued } else { Cause::Writable };
        let allowance = self.allowance(Direction::WRITE);
        let (result, len) = match self.stream.writable(self.output.len(), allowance, cause, false) {
            Step::Write { max } => {
                let n = max.min(wire.room.saturating_sub(wire.bytes.len())).min(self.output.len());
                if n == 0 || rng.below(5) == 0 {
                    (Io::Retry, self.output.len())
                } else {
                    let n = 1 + rng.below(n);
                    let mut bytes = vec![0; n];
                    self.output.copy_out(0, &mut bytes).unwrap();
                    let (_, retired) = self.output.drain(n).unwrap();
                    assert!(retired.is_empty());
                    wire.bytes.extend(bytes);
                    self.spend(Direction::WRITE, n);
                    (Io::Moved(n), self.output.len())
                }
            }
            Step::Drained => (Io::Moved(0), 0),
            step => {
                assert_eq!(step, Step::Idle);
                return;
            }
        };
        let out = self.stream.write_done(result, len, cause);
        self.apply(out);
        if out.arm {
            self.interest |= Direction::WRITE;
        }
    }

    fn drain_input(&mut self, n: usize) {
        let n = n.min(self.input.len());
        let mut bytes = vec![0; n];
        self.input.copy_out(0, &mut bytes).unwrap();
        let (_, retired) = self.input.drain(n).unwrap();
        assert!(retired.is_empty());
        self.received.extend(bytes);
        if self.stream.held(Direction::READ).contains(Hold::MARK) && !self.marks.is_full(self.input.len()) {
            let out = self.stream.release(Direction::READ, Hold::MARK);
            self.apply(out);
        }
    }
}

/// Two streams over two wires, moved by a random schedule with short reads and writes, interruptions, full buffers, marks,
/// rate limits, and a user who writes, drains, enables and disables at random. At the end everything must be there.
fn world(seed: u64) {
    let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut ends = [End::new(&mut rng), End::new(&mut rng)];
    let mut wires = [Wire::default(), Wire::default()];
    for wire in &mut wires {
        wire.room = 1 + rng.below(60);
    }
    let mut tick = 0;
    let steps = 20 + rng.below(60);
    for _ in 0..steps {
        let (at, what) = (rng.below(2), rng.below(9));
        let end = &mut ends[at];
        match what {
            0 | 1 => {
                let bytes: Vec<u8> = (0..1 + rng.below(50)).map(|_| rng.below(256) as u8).collect();
                end.sent.extend(&bytes);
                let _ = end.output.append(&bytes).unwrap();
                end.grew();
            }
            2 => {
                let n = rng.below(40);
                end.drain_input(n);
            }
            3 => {
                let direction = if rng.below(2) == 0 { Direction::READ } else { Direction::WRITE };
                let out = if rng.below(3) == 0 { end.stream.disable(direction) } else { end.stream.enable(direction) };
                end.apply(out);
            }
            4 => {
                tick += 1;
                ends.iter_mut().for_each(|e| e.tick(tick));
            }
            _ => turn(&mut ends, &mut wires, at, &mut rng),
        }
    }
    // The user lets everything flow and closes; the loop runs until nothing moves.
    for end in &mut ends {
        let out = end.stream.enable(Direction::all());
        end.apply(out);
    }
    for _ in 0..20_000 {
        tick += 1;
        for at in 0..2 {
            ends[at].tick(tick);
            ends[at].drain_input(usize::MAX);
            turn(&mut ends, &mut wires, at, &mut rng);
            wires[at].closed = ends[at].output.is_empty();
        }
        if ends.iter().all(|e| e.events.contains(What::EOF)) {
            break;
        }
    }
    for end in &mut ends {
        end.drain_input(usize::MAX);
        assert_eq!(end.events, What::EOF | What::READING, "seed {seed}");
        assert_eq!(end.interest, Direction::empty(), "seed {seed}: interest without need");
    }
    let [a, b] = &ends;
    assert!(a.sent == b.received && b.sent == a.received, "seed {seed}: bytes lost or out of order");
}

/// What a loop does for one end: ready directions by interest, then the queued try.
fn turn(ends: &mut [End; 2], wires: &mut [Wire; 2], at: usize, rng: &mut Rng) {
    let end = &mut ends[at];
    let readable = !wires[1 - at].bytes.is_empty() || wires[1 - at].closed;
    if end.interest.contains(Direction::READ) && readable {
        end.read(&mut wires[1 - at], rng);
    }
    if end.queued || end.interest.contains(Direction::WRITE) && wires[at].bytes.len() < wires[at].room {
        end.write(&mut wires[at], rng);
    }
}

#[test]
fn nothing_is_lost_in_100_000_schedules() {
    (1..=100_000).for_each(world);
}
