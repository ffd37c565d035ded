//! The drive of a stream: how far one readiness goes, and when output is written.
//!
//! Both faces follow these rules; a [`Stream`] decides, a face carries out.
//!
//! - *How much a read takes.* [`MAX_SINGLE`], unless the program or a rate limit says otherwise ([`Allowance`]). A stream that
//!   filled its last [`FULL_READS`] reads gets [`MAX_BURST`], if nothing bounds it: no single-read limit, no high mark, no rate
//!   limit.
//! - *How often.* A read that was filled is followed by another one ([`Stream::read_again`]), up to [`MAX_BURST`] in one
//!   readiness, if the callbacks between them made nothing else active. Where the second read finds nothing, the next
//!   [`BACKOFF`] full reads are not followed.
//! - *How it is reported* ([`Report`]). libevent reads at most [`STEP`] bytes at once, and programs may take no more in one
//!   callback. So a callback that takes only part of a large read is called again, once for each step.
//! - *When output is written* ([`Stream::output_grew`], [`Stream::flushes_now`]). Not at once, since more may follow: a write is
//!   queued for the end of the batch of callbacks. What a callback wrote to its own stream goes out when it returns, if it made
//!   nothing else active. Only a short write, or a descriptor that blocks, waits for the kernel.
//!
//! # Examples
//! An echo, with a face of three lines:
//! ```
//! use evoxide_core::stream::{Allowance, Cause, Direction, Io, Start, Step, Stream, Watermarks};
//! let mut stream = Stream::new();
//! let _ = stream.enable(Direction::READ);
//! let Step::Read { .. } = stream.readable(0, Watermarks::NONE, Allowance::Free) else { panic!() };
//! assert!(stream.read_done(Io::Moved(5)).readable);
//! // The callback moved the five bytes to the output.
//! assert_eq!(stream.output_grew(false, true), Start::Queue);
//! assert!(stream.flushes_now(true));
//! let Step::Write { .. } = stream.writable(5, Allowance::Free, Cause::Queued, false) else { panic!() };
//! let outcome = stream.write_done(Io::Moved(5), 0, Cause::Queued);
//! assert!(outcome.drained && !outcome.arm);
//! ```

use super::{Direction, Hold, Io, MAX_BURST, MAX_SINGLE, Outcome, Start, State, Step, Stream, Watermarks, What};

/// What libevent takes from a descriptor at once, and so the most that a callback may be used to find.
pub const STEP: usize = 4096;
/// How many full reads are not followed by another one after one that found nothing.
pub const BACKOFF: u8 = 15;

/// Number of full reads after which reads are larger.
pub const FULL_READS: u8 = 4;

/// How much one read or write may move, as far as the program and rate limits say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// Nobody set a bound.
    Free,
    /// The most bytes. 0 moves nothing.
    AtMost(usize),
}

impl Allowance {
    /// In bytes, where `default` stands for no bound.
    #[inline(always)]
    pub fn or(self, default: usize) -> usize {
        match self {
            Allowance::Free => default,
            Allowance::AtMost(max) => max,
        }
    }
}

/// Why a write is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The descriptor is writable.
    Writable,
    /// A write was queued; nobody asked the kernel.
    Queued,
    /// The connection was made and the user told of it: a write of nothing needs no notice.
    Connected,
}

/// What the user is yet to be told of one read.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    left: usize,
}

/// What follows a callback that was told of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the rest must be told, too"]
pub enum Told {
    /// Nothing: everything was told, or the callback took nothing or all.
    Done,
    /// Call it again.
    Again,
    /// Bytes to be reported in the next turn, since the loop was asked to end.
    NextTurn(usize),
    /// Bytes to be reported when reading goes on.
    Unreported(usize),
}

impl Report {
    /// The report of a read that brought `n` bytes.
    #[inline]
    pub fn new(n: usize) -> Self {
        Self { left: n }
    }

    /// A callback ran. `before` and `after` are the input's lengths around it; `ends`: the loop was asked to end. If the
    /// stream has gone or has another descriptor, there is nothing more to tell and nobody to ask.
    pub fn told(&mut self, before: usize, after: usize, stream: &mut Stream, ends: bool) -> Told {
        self.left = self.left.saturating_sub(STEP);
        if self.left == 0 || after == 0 || after >= before {
            Told::Done
        } else if !stream.moves(Direction::READ) {
            stream.unreported = true;
            Told::Unreported(self.left)
        } else if ends {
            Told::NextTurn(self.left)
        } else {
            Told::Again
        }
    }
}

impl Stream {
    /// How much a read takes where nothing bounds it.
    #[inline(always)]
    fn read_size(&self) -> usize {
        if self.full_reads < FULL_READS { MAX_SINGLE } else { MAX_BURST }
    }

    /// The descriptor is readable: the first step of this readiness.
    #[inline]
    pub fn readable(&mut self, input_len: usize, marks: Watermarks, allowance: Allowance) -> Step {
        self.burst_left = (MAX_BURST / MAX_SINGLE) as u8;
        self.follows = false;
        self.read_step(input_len, marks, allowance)
    }

    #[inline(always)]
    fn read_step(&mut self, input_len: usize, marks: Watermarks, allowance: Allowance) -> Step {
        let max = match allowance {
            Allowance::Free if marks.high == 0 => self.read_size(),
            _ if marks.is_full(input_len) => {
                let _ = self.hold(Direction::READ, Hold::MARK);
                return Step::Full;
            }
            _ => allowance.or(MAX_SINGLE).min(marks.room(input_len)),
        };
        if max == 0 || !self.held_read.is_empty() { Step::Idle } else { Step::Read { max } }
    }

    /// A read ended.
    #[inline]
    pub fn read_done(&mut self, result: Io) -> Outcome {
        match result {
            Io::Moved(n) => {
                let filled = n >= MAX_SINGLE && n == self.read_size();
                self.full_reads = if n < MAX_SINGLE {
                    self.full_reads.saturating_sub(1)
                } else {
                    (self.full_reads + 1).min(2 * FULL_READS)
                };
                let taken = n.div_ceil(MAX_SINGLE).min(usize::from(self.burst_left)) as u8;
                self.burst_left = if filled { self.burst_left - taken } else { 0 };
                Outcome { readable: true, ..Outcome::NOTHING }
            }
            Io::Retry => {
                if self.follows {
                    self.burst_backoff = BACKOFF;
                }
                self.burst_left = 0;
                Outcome::NOTHING
            }
            // The end is there for the next readiness, too.
            Io::Eof | Io::Refused if self.follows => {
                self.burst_left = 0;
                Outcome::NOTHING
            }
            Io::Refused => {
                // The attempt's end is about to be reported on the writing side: it tells the user.
                self.refused = true;
                Outcome::NOTHING
            }
            Io::Eof => {
                if self.state == State::Open {
                    self.state = State::HalfClosed;
                }
                self.fail(Direction::READ, What::EOF | What::READING)
            }
            Io::Failed => {
                self.burst_left = 0;
                self.state = State::Closed;
                self.fail(Direction::READ, What::ERROR | What::READING)
            }
        }
    }

    /// Whether the last read may be followed by another one, if the callbacks change nothing: asked before they run.
    #[inline]
    pub fn bursts(&self) -> bool {
        self.burst_left > 0
    }

    /// The callbacks of a read have returned: the next step of the same readiness. `quiet`: they made nothing else active, the
    /// loop was not asked to end, and the stream is there with the same descriptor.
    #[inline]
    pub fn read_again(&mut self, input_len: usize, marks: Watermarks, allowance: Allowance, quiet: bool) -> Step {
        if self.burst_left == 0 {
            return Step::Idle;
        }
        if self.burst_backoff > 0 && !self.follows {
            self.burst_backoff -= 1;
            return Step::Idle;
        }
        if !quiet || allowance != Allowance::Free || self.state != State::Open || !self.moves(Direction::READ) {
            return Step::Idle;
        }
        self.follows = true;
        self.read_step(input_len, marks, allowance)
    }

    /// Whether the input holds what the read callback was not told of; forgets it.
    #[inline]
    pub fn take_unreported(&mut self) -> bool {
        core::mem::take(&mut self.unreported)
    }

    /// How output that is there begins to move. `waiting`: interest in writing, or a queued write, is there already; `direct`:
    /// the descriptor never blocks.
    #[inline]
    pub fn output_grew(&self, waiting: bool, direct: bool) -> Start {
        if waiting || !self.moves(Direction::WRITE) {
            Start::No
        } else if direct && self.state != State::Connecting {
            Start::Queue
        } else {
            Start::Arm
        }
    }

    /// Whether a queued write is made as soon as the callback that queued it returns. `quiet`: the callback made nothing else
    /// active, and the loop was not asked to end.
    #[inline(always)]
    pub fn flushes_now(&self, quiet: bool) -> bool {
        quiet && self.state != State::Connecting
    }

    /// The descriptor is writable, or a write is to be tried. `hears`: the user wants to know when the descriptor is writable
    /// although there is nothing to write.
    #[inline]
    pub fn writable(&mut self, output_len: usize, allowance: Allowance, cause: Cause, hears: bool) -> Step {
        if self.state == State::Connecting {
            return Step::FinishConnect;
        }
        if !self.held_write.is_empty() {
            return Step::Idle;
        }
        if output_len == 0 {
            return match cause {
                Cause::Queued if hears => Step::Arm,
                Cause::Queued => Step::Idle,
                _ => Step::Drained,
            };
        }
        match allowance.or(MAX_BURST) {
            0 => Step::Idle,
            max => Step::Write { max },
        }
    }

    /// A write ended. `after` is what is left in the output. A queued write that was short starts interest in writing.
    #[inline]
    pub fn write_done(&mut self, result: Io, after: usize, cause: Cause) -> Outcome {
        let drained = match result {
            Io::Moved(n) => n > 0 || cause != Cause::Connected,
            Io::Retry => false,
            Io::Eof => return self.fail(Direction::WRITE, What::EOF | What::WRITING),
            Io::Refused | Io::Failed => {
                self.state = State::Closed;
                return self.fail(Direction::WRITE, What::ERROR | What::WRITING);
            }
        };
        let stop = if after == 0 { Direction::WRITE } else { Direction::empty() };
        let arm = after > 0 && cause == Cause::Queued && self.moves(Direction::WRITE);
        Outcome { stop, drained, arm, ..Outcome::NOTHING }
    }
}

#[cfg(test)]
mod tests;
