//! The stream machine: when buffered data moves between a descriptor and two buffers, and what the user is told.
//!
//! A [`Stream`] belongs to one descriptor (or to whatever moves the bytes: a filter, a pair, TLS). It owns neither the
//! descriptor nor the buffers. The face asks it what to do when something is ready, does that, and reports the result:
//!
//! ```text
//! readable ─▶ Step::Read { max } ─▶ [the face reads]  ─▶ read_done(result)  ─▶ Outcome ─▶ [callbacks] ─▶ read_again ─▶ Step
//! writable ─▶ Step::Write { max }    ─▶ [the face writes] ─▶ write_done(result) ─▶ Outcome
//! output_grew ─▶ Start               (arm, or queue a write)
//! ```
//!
//! [`drive`] has the rules: how much a read takes, how often one readiness is read for, how a read is reported, and when output
//! is written.
//!
//! States: *connecting* (only the end of the attempt is waited for), *open*, *half-closed* (the peer ended its sending
//! side; writing goes on) and *closed* (an error was seen). A new descriptor ([`Stream::attach`]) starts over.
//!
//! Each direction is *enabled* by the user and *held* for any number of reasons ([`Hold`]); bytes move only while it is
//! enabled and not held. An [`Outcome`] names the directions whose interest starts or stops, the notices for the
//! user's data callbacks (subject to [`Watermarks`]) and at most one event. Nothing is told twice, and nothing here is ever lost:
//! bytes are moved by the face alone, at most as many as the step said. Steps are shaped like completions: the face chooses the
//! storage of a read before it makes the call, and the owner of the descriptor makes it.
//!
//! # Examples
//! ```
//! use evoxide_core::stream::{Allowance, Direction, Io, MAX_SINGLE, Step, Stream, Watermarks};
//! let mut stream = Stream::new();
//! assert_eq!(stream.enable(Direction::READ).start, Direction::READ);
//! let step = stream.readable(0, Watermarks::NONE, Allowance::Free);
//! assert_eq!(step, Step::Read { max: MAX_SINGLE });
//! assert!(stream.read_done(Io::Moved(100)).readable);
//! // It did not fill the read: there is probably no more.
//! assert_eq!(stream.read_again(100, Watermarks::NONE, Allowance::Free, true), Step::Idle);
//! ```

pub mod drive;
pub mod session;

pub use drive::{Allowance, Cause, Report, STEP, Told};

use bitflags::bitflags;

/// The most that one read or write moves unless told otherwise.
pub const MAX_SINGLE: usize = 16384;
/// The most that one readiness moves where nobody set a bound, and the most that a larger read takes.
pub const MAX_BURST: usize = 4 * MAX_SINGLE;

bitflags! {
    /// One direction or both, with the values of libevent's `EV_READ` and `EV_WRITE`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Direction: u8 {
        /// From the descriptor to the input buffer.
        const READ = 0x02;
        /// From the output buffer to the descriptor.
        const WRITE = 0x04;
    }
}

bitflags! {
    /// Why a direction is held although the user enabled it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Hold: u8 {
        /// The input is full up to its high mark.
        const MARK = 0x01;
        /// The stream's own bucket is empty.
        const RATE = 0x02;
        /// The group's bucket is empty.
        const GROUP = 0x04;
        /// A host name is being looked up.
        const LOOKUP = 0x08;
        /// The filter on top does not want data.
        const FILTER = 0x10;
    }
}

bitflags! {
    /// What an event callback is told, with the values of libevent's `BEV_EVENT_*`. Programs may pass bits of their own.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct What: u16 {
        /// It happened while reading.
        const READING = 0x01;
        /// It happened while writing.
        const WRITING = 0x02;
        /// The end of the data.
        const EOF = 0x10;
        /// An error that will not go away.
        const ERROR = 0x20;
        /// The user's timeout.
        const TIMEOUT = 0x40;
        /// The connection is made.
        const CONNECTED = 0x80;
    }
}

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// An attempt to connect is under way.
    Connecting,
    /// Data may flow both ways.
    #[default]
    Open,
    /// The peer sends no more.
    HalfClosed,
    /// An error was seen.
    Closed,
}

/// Watermarks of one buffer, in bytes. A high mark of zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// Read notices come from this length on, write notices from this length down.
    pub low: usize,
    /// No more is read once the input is this long.
    pub high: usize,
}

impl Watermarks {
    /// No marks.
    pub const NONE: Self = Self { low: 0, high: 0 };

    /// Whether an input of this length is full.
    pub fn is_full(&self, len: usize) -> bool {
        self.high != 0 && len >= self.high
    }

    /// Room below the high mark, if there is one.
    pub fn room(&self, len: usize) -> usize {
        if self.high == 0 { usize::MAX } else { self.high.saturating_sub(len) }
    }
}

/// What to do with a readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the step must be carried out and its result reported"]
pub enum Step {
    /// Nothing.
    Idle,
    /// The input is full: reading is held for its mark, its interest stops.
    Full,
    /// Read at most so much, then call [`Stream::read_done`].
    Read {
        /// The bound.
        max: usize,
    },
    /// Write at most so much, then call [`Stream::write_done`].
    Write {
        /// The bound.
        max: usize,
    },
    /// There is nothing to write: call [`Stream::write_done`] with nothing moved.
    Drained,
    /// There is nothing to write, but the user wants to hear when the descriptor is writable: wait for that.
    Arm,
    /// Ask how the attempt to connect ended, then call [`Stream::connect_done`].
    FinishConnect,
}

/// How a read or a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// Number of bytes that moved.
    Moved(usize),
    /// End of file; for a write, a write that wrote nothing.
    Eof,
    /// Nothing was ready, or a signal interrupted it.
    Retry,
    /// The connection was refused: what a read finds while an attempt is under way.
    Refused,
    /// Any other error.
    Failed,
}

/// How an attempt to connect stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Not decided yet.
    Pending,
    /// Connected.
    Made,
    /// It failed.
    Failed,
}

/// What the face does next: stop and start interest first, then the notices, then the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "interest must change and the user must be told"]
pub struct Outcome {
    /// Directions whose interest ends.
    pub stop: Direction,
    /// Directions whose interest begins, with a fresh timeout.
    pub start: Direction,
    /// The input grew: tell the user if its low mark is reached.
    pub readable: bool,
    /// The output shrank: tell the user if its low mark is reached.
    pub drained: bool,
    /// Wait until the descriptor is writable: a queued write was short.
    pub arm: bool,
    /// The event to tell of, if any.
    pub event: What,
}

impl Outcome {
    const NOTHING: Self = Self {
        stop: Direction::empty(),
        start: Direction::empty(),
        readable: false,
        drained: false,
        arm: false,
        event: What::empty(),
    };
}

/// How pending output begins to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "output does not move by itself"]
pub enum Start {
    /// It does not, now.
    No,
    /// Queue a write for the end of the batch of callbacks, without asking the kernel first.
    Queue,
    /// Wait until the descriptor is writable.
    Arm,
}

/// The most that one read and one write move. Few streams need others than the default, so that they are kept apart from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    read: usize,
    write: usize,
    /// The directions for which somebody set a bound.
    set: Direction,
}

impl Bounds {
    /// Those of a new stream.
    pub const DEFAULT: Self = Self { read: MAX_SINGLE, write: MAX_SINGLE, set: Direction::empty() };

    /// The bound of one direction, as the program is told.
    #[inline(always)]
    pub fn of(&self, direction: Direction) -> usize {
        if direction == Direction::READ { self.read } else { self.write }
    }

    /// Sets the bound of one direction; zero and what no signed size can say mean the default.
    pub fn set(&mut self, direction: Direction, max: usize) {
        let default = max == 0 || max > isize::MAX as usize;
        let max = if default { MAX_SINGLE } else { max };
        *(if direction == Direction::READ { &mut self.read } else { &mut self.write }) = max;
        self.set.set(direction, !default);
    }

    /// What one read or write may move without rate limits.
    #[inline(always)]
    pub fn allowance(&self, direction: Direction) -> Allowance {
        if self.set.contains(direction) { Allowance::AtMost(self.of(direction)) } else { Allowance::Free }
    }
}

/// A stream. See the [module](self).
#[derive(Clone, Debug)]
pub struct Stream {
    state: State,
    enabled: Direction,
    held_read: Hold,
    held_write: Hold,
    /// Reading found that the attempt to connect was refused.
    refused: bool,
    /// The input holds what the read callback was not told of.
    unreported: bool,
    /// Full reads to take without trying another at once, since that found nothing lately.
    burst_backoff: u8,
    /// The read under way follows another one of the same readiness.
    follows: bool,
    /// How much this readiness may still bring, in units of [`MAX_SINGLE`].
    burst_left: u8,
    /// Rises with reads that brought [`MAX_SINGLE`] or more, falls with the others.
    full_reads: u8,
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    /// A stream that is open, with writing enabled and reading not.
    pub const fn new() -> Self {
        Self {
            state: State::Open,
            enabled: Direction::WRITE,
            held_read: Hold::empty(),
            held_write: Hold::empty(),
            refused: false,
            unreported: false,
            burst_backoff: 0,
            follows: false,
            burst_left: 0,
            full_reads: 0,
        }
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        self.state
    }

    /// What the user enabled.
    pub fn enabled(&self) -> Direction {
        self.enabled
    }

    /// Why a direction is held.
    pub fn held(&self, direction: Direction) -> Hold {
        if direction == Direction::READ { self.held_read } else { self.held_write }
    }

    /// Whether bytes may move in this (one) direction.
    pub fn moves(&self, direction: Direction) -> bool {
        self.enabled.contains(direction) && self.held(direction).is_empty()
    }

    /// Whether data may flow both ways, and nothing is held.
    pub fn is_free(&self) -> bool {
        self.state == State::Open
            && self.enabled == Direction::all()
            && (self.held_read.bits() | self.held_write.bits()) == 0
    }

    /// Another descriptor takes the place of the old one.
    pub fn attach(&mut self) {
        self.state = State::Open;
        self.refused = false;
        self.unreported = false;
        self.follows = false;
    }

    /// An attempt to connect has begun.
    pub fn connecting(&mut self) {
        self.state = State::Connecting;
        self.refused = false;
        self.unreported = false;
        self.follows = false;
    }

    /// The attempt was given up before the kernel could decide it.
    pub fn abandon(&mut self) {
        if self.state == State::Connecting {
            self.state = State::Open;
        }
    }

    /// The user enables directions. Interest begins in those that are not held.
    #[inline]
    pub fn enable(&mut self, directions: Direction) -> Outcome {
        self.enabled |= directions;
        let mut start = directions;
        if !self.held_read.is_empty() {
            start -= Direction::READ;
        }
        if !self.held_write.is_empty() {
            start -= Direction::WRITE;
        }
        Outcome { start, ..Outcome::NOTHING }
    }

    /// The user disables directions.
    #[inline]
    pub fn disable(&mut self, directions: Direction) -> Outcome {
        self.enabled -= directions;
        Outcome { stop: self.stoppable(directions), ..Outcome::NOTHING }
    }

    /// While connecting, the interest in writing is the interest in the attempt's end, and stays.
    fn stoppable(&self, directions: Direction) -> Direction {
        if self.state == State::Connecting { directions - Direction::WRITE } else { directions }
    }

    /// Holds one direction for a reason.
    pub fn hold(&mut self, direction: Direction, reason: Hold) -> Outcome {
        let held = self.held_mut(direction);
        let first = held.is_empty();
        *held |= reason;
        Outcome { stop: if first { self.stoppable(direction) } else { Direction::empty() }, ..Outcome::NOTHING }
    }

    /// Drops a reason. Interest begins again if it was the last one, or if there was none.
    pub fn release(&mut self, direction: Direction, reason: Hold) -> Outcome {
        self.held_mut(direction).remove(reason);
        Outcome { start: if self.moves(direction) { direction } else { Direction::empty() }, ..Outcome::NOTHING }
    }

    fn held_mut(&mut self, direction: Direction) -> &mut Hold {
        if direction == Direction::READ { &mut self.held_read } else { &mut self.held_write }
    }

    fn fail(&mut self, direction: Direction, event: What) -> Outcome {
        Outcome { event, ..self.disable(direction) }
    }

    /// How the attempt to connect stands. Once made, the face goes on with [`writable`](Self::writable) after the event's
    /// callback, unless interest in writing stopped.
    pub fn connect_done(&mut self, attempt: Attempt) -> Outcome {
        let refused = core::mem::take(&mut self.refused);
        match attempt {
            Attempt::Pending if !refused => Outcome::NOTHING,
            Attempt::Made if !refused => {
                self.state = State::Open;
                let stop = if self.moves(Direction::WRITE) { Direction::empty() } else { Direction::WRITE };
                Outcome { stop, event: What::CONNECTED, ..Outcome::NOTHING }
            }
            _ => {
                self.state = State::Closed;
                Outcome { stop: Direction::all(), event: What::ERROR, ..Outcome::NOTHING }
            }
        }
    }

    /// The user's timeout of one direction passed: it is disabled.
    pub fn timed_out(&mut self, direction: Direction) -> Outcome {
        let side = if direction == Direction::READ { What::READING } else { What::WRITING };
        self.fail(direction, What::TIMEOUT | side)
    }
}

#[cfg(test)]
mod tests;
