//! Receiving one message after the other: what both roles share.

use super::framing::Framing;
use super::head::{self, Found, Scan};
use super::{Fault, Head, Limits, chunk};
use evoxide_core::buffer::{Buffer, Owner};

/// What the face does next with the input.
///
/// Each length is a number of bytes at the beginning of the input, which the face has taken off when it asks again
/// (but for [`Step::Join`], which takes nothing).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing until there is more input, or until an answer or a request was given to the machine.
    More,
    /// Drain: framing.
    Skip(usize),
    /// Make these bytes contiguous and ask again.
    Join(usize),
    /// A head, whose ranges are in the [`Head`] that was lent. Read it, then drain.
    Head(usize),
    /// A head of an interim (1xx) answer. Drain.
    Interim(usize),
    /// A piece of the body: move it on.
    Body(usize),
    /// Trailers, whose ranges are in the [`Head`] that was lent. Drain.
    Trailers(usize),
    /// The message is whole.
    End,
    /// The peer has sent its last message and closed in order.
    Closed,
    /// What follows is another protocol's: hand input and connection over.
    Upgraded,
    /// The message is refused, and the connection reads nothing more.
    Fault(Fault),
}

/// What a connection waits for, and so which deadline runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// None: a handler thinks, or nothing was asked for.
    None,
    /// The next message's first byte.
    Idle,
    /// The rest of a head, whose first byte came long ago: progress does not extend it.
    Head,
    /// Progress of a body, or the first byte of an answer.
    Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before or in a head.
    Head,
    /// Number of bytes of the body that are to come.
    Length(u64),
    /// Before or in a line with a chunk's size.
    Size,
    /// In a chunk's data.
    Data(u64),
    /// Before the line end behind it.
    DataEnd,
    /// In the trailers.
    Trailers,
    /// In a body that ends with the connection.
    Close,
    /// The end of the message is to be told.
    End,
    /// Over; the next head is not looked for before [`Receiver::restart`].
    Whole,
    /// Nothing is read any more.
    Dead,
}

/// Reads the messages of one direction.
#[derive(Debug)]
pub(crate) struct Receiver {
    state: State,
    scan: Scan,
    /// Where the search in a size line stands.
    scanned: u32,
    extensions: u32,
    /// Bytes of the body so far.
    body: u64,
    empty_lines: u8,
}

impl Receiver {
    pub const fn new() -> Self {
        Self { state: State::Head, scan: Scan::NEW, scanned: 0, extensions: 0, body: 0, empty_lines: 0 }
    }

    /// Ready for the next head.
    pub fn restart(&mut self) {
        *self = Self::new();
    }

    /// Whether it stands before or in a head.
    pub fn is_in_head(&self) -> bool {
        self.state == State::Head
    }

    /// Whether a part of a head has come.
    pub fn has_partial_head(&self) -> bool {
        self.state == State::Head && self.scan.is_started()
    }

    /// What is to come of the body, as far as known.
    pub fn framing(&self) -> Framing {
        match self.state {
            State::Length(left) => Framing::Length(left),
            State::Size | State::Data(_) | State::DataEnd | State::Trailers => Framing::Chunked,
            State::Close => Framing::Close,
            State::Head | State::End | State::Whole | State::Dead => Framing::None,
        }
    }

    /// Whether nothing is to be said before more input comes.
    pub fn needs_input(&self) -> bool {
        self.state != State::End
    }

    /// Whether the message is whole.
    pub fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    /// Whether nothing is read any more.
    pub fn is_dead(&self) -> bool {
        self.state == State::Dead
    }

    /// Reads nothing any more.
    pub fn kill(&mut self) {
        self.state = State::Dead;
    }

    pub fn fail(&mut self, fault: Fault) -> Step {
        self.kill();
        Step::Fault(fault)
    }

    /// The input, where nothing of a head was looked at and all of it may be there.
    #[inline]
    pub fn fresh<'a, F: Owner>(&self, input: &'a Buffer<F>) -> Option<&'a [u8]> {
        if self.scan.is_started() { None } else { Some(input.first()) }
    }

    /// Looks for the end of a head, or of an empty line before it. Answers `Found::End` once it is contiguous.
    pub fn find_head<F: Owner>(&mut self, input: &Buffer<F>, skip_empty: bool, limits: &Limits) -> Result<usize, Step> {
        match self.scan.search(input, limits.line, limits) {
            Err(fault) => Err(self.fail(fault)),
            Ok(Found::More) => Err(Step::More),
            Ok(Found::Empty(n)) => {
                self.scan = Scan::NEW;
                self.empty_lines = self.empty_lines.saturating_add(1);
                let fault = if !skip_empty { Fault::StartLine } else { Fault::EmptyLines };
                if !skip_empty || self.empty_lines > limits.empty_lines {
                    return Err(self.fail(fault));
                }
                Err(Step::Skip(n))
            }
            Ok(Found::End(n)) if input.first_len() < n => Err(Step::Join(n)),
            Ok(Found::End(n)) => {
                self.scan = Scan::NEW;
                Ok(n)
            }
        }
    }

    /// A head was read, and says how the body is framed. An announced length beyond the limit is refused at once.
    pub fn begin_body(&mut self, framing: Framing, limits: &Limits) -> Result<(), Fault> {
        self.body = 0;
        self.extensions = 0;
        self.scanned = 0;
        self.state = match framing {
            Framing::None => State::End,
            Framing::Length(0) => State::End,
            Framing::Length(n) if n > limits.body => {
                self.kill();
                return Err(Fault::BodyTooLong);
            }
            Framing::Length(n) => State::Length(n),
            Framing::Chunked => State::Size,
            Framing::Close => State::Close,
        };
        Ok(())
    }

    /// Whether the message is whole and nobody was told: it is, then.
    #[inline]
    pub fn take_end(&mut self) -> bool {
        let ends = self.state == State::End;
        if ends {
            self.state = State::Whole;
        }
        ends
    }

    /// The next step of the body. `eof`: nothing more will come.
    pub fn step_body<F: Owner>(&mut self, input: &Buffer<F>, eof: bool, head: &mut Head, limits: &Limits) -> Step {
        let step = self.step_open_body(input, head, limits);
        if step != Step::More || !eof {
            return step;
        }
        match self.state {
            State::Close => {
                self.state = State::Whole;
                Step::End
            }
            State::Whole | State::Dead => Step::More,
            _ => self.fail(Fault::Truncated),
        }
    }

    fn step_open_body<F: Owner>(&mut self, input: &Buffer<F>, head: &mut Head, limits: &Limits) -> Step {
        let have = input.len();
        if have == 0 && self.state != State::End {
            return Step::More;
        }
        match self.state {
            State::Length(left) => {
                let n = left.min(have as u64);
                self.state = if n == left { State::End } else { State::Length(left - n) };
                self.pass(n)
            }
            State::Close => match limits.body.saturating_sub(self.body) {
                0 => self.fail(Fault::BodyTooLong),
                room => self.pass(room.min(have as u64)),
            },
            State::Data(left) => {
                let n = left.min(have as u64);
                self.state = if n == left { State::DataEnd } else { State::Data(left - n) };
                self.pass(n)
            }
            State::DataEnd => match (input.byte_at(0), input.byte_at(1)) {
                (Some(b'\r'), Some(b'\n')) => {
                    self.state = State::Size;
                    Step::Skip(2)
                }
                (Some(b'\r'), None) => Step::More,
                (Some(b'\n'), _) => self.fail(Fault::BareLf),
                (Some(b'\r'), _) => self.fail(Fault::BareCr),
                _ => self.fail(Fault::ChunkEnd),
            },
            State::Size => self.size(input, limits),
            State::Trailers => self.trailers(input, head, limits),
            State::End => {
                self.state = State::Whole;
                Step::End
            }
            State::Head | State::Whole | State::Dead => Step::More,
        }
    }

    /// Counts body bytes.
    fn pass(&mut self, n: u64) -> Step {
        self.body = self.body.saturating_add(n);
        Step::Body(n as usize)
    }

    fn size<F: Owner>(&mut self, input: &Buffer<F>, limits: &Limits) -> Step {
        let left = limits.extensions.saturating_sub(self.extensions);
        match chunk::size_line(input, &mut self.scanned, left as usize) {
            Err(fault) => self.fail(fault),
            Ok(None) => Step::More,
            Ok(Some(line)) => {
                self.extensions = self.extensions.saturating_add(line.extension as u32);
                if line.size > limits.body.saturating_sub(self.body) {
                    return self.fail(Fault::BodyTooLong);
                }
                self.state = if line.size == 0 { State::Trailers } else { State::Data(line.size) };
                Step::Skip(line.len)
            }
        }
    }

    fn trailers<F: Owner>(&mut self, input: &Buffer<F>, head: &mut Head, limits: &Limits) -> Step {
        let strict = Limits { leniency: super::Leniency::NONE, ..*limits };
        match self.scan.search(input, limits.head, &strict) {
            Err(Fault::LineTooLong) => self.fail(Fault::HeadTooLong),
            Err(fault) => self.fail(fault),
            Ok(Found::More) => Step::More,
            Ok(Found::Empty(n)) => {
                self.state = State::End;
                Step::Skip(n)
            }
            Ok(Found::End(n)) if input.first_len() < n => Step::Join(n),
            Ok(Found::End(n)) => match head::trailers(&input.first()[..n], limits, head) {
                Err(fault) => self.fail(fault),
                Ok(()) => {
                    self.state = State::End;
                    Step::Trailers(n)
                }
            },
        }
    }
}
