//! A stream whose bytes pass through a session (TLS) that may want to read before it can write, and the other way round.
//!
//! The face asks [`Session::steps`] what to try when something is ready, does it, and reports each [`Answer`].
//! [`Session::interest`] then says what its transport must be waited for.

use super::{Direction, What};

/// What a session answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Number of bytes; for a handshake: it is over.
    Done(usize),
    /// The transport must become readable first.
    WantRead,
    /// The transport must become writable first.
    WantWrite,
    /// The transport must become readable or writable first.
    WantBoth,
    /// What was received must be read first: it lies before what the session needs.
    BehindData,
    /// The peer ended the session.
    Closed,
    /// The transport ended, the session did not.
    Truncated,
    /// Any other error.
    Error,
}

impl Answer {
    /// What the transport must be before another try.
    fn wants(self) -> Direction {
        match self {
            Self::WantRead => Direction::READ,
            Self::WantWrite => Direction::WRITE,
            Self::WantBoth => Direction::all(),
            _ => Direction::empty(),
        }
    }
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Handshake,
    /// Another handshake on a session that was open: data that the peer sent before it is still read.
    Again,
    Open,
    Over,
}

/// What to try now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "the steps must be tried"]
pub struct Steps {
    /// Go on with the handshake; what else may happen then, the steps after it say.
    pub handshake: bool,
    /// Read.
    pub read: bool,
    /// Write.
    pub write: bool,
}

/// A session's state. See the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct Session {
    phase: Phase,
    /// What the transport must be before the handshake goes on. Here and below, nothing: data must be read first.
    handshake_wants: Direction,
    /// What it must be before a read, or a write, is tried again.
    read_wants: Direction,
    write_wants: Direction,
    dirty_ok: bool,
}

impl Session {
    /// A session that begins with its handshake, or one that is open.
    pub const fn new(open: bool) -> Self {
        Self {
            phase: if open { Phase::Open } else { Phase::Handshake },
            handshake_wants: Direction::WRITE,
            read_wants: Direction::READ,
            write_wants: Direction::WRITE,
            dirty_ok: false,
        }
    }

    /// Whether data can flow.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether the session has ended, or its handshake failed.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether something was received that waits for nothing but a reader.
    pub fn may_hold_data(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Again)
    }

    /// Whether data inside the session must be read before anything else: the transport does not announce it.
    pub fn waits_for_reader(&self) -> bool {
        match self.phase {
            Phase::Again => self.handshake_wants.is_empty(),
            Phase::Open => self.write_wants.is_empty(),
            Phase::Handshake | Phase::Over => false,
        }
    }

    /// Begins another handshake.
    pub fn restart(&mut self) {
        let again = self.may_hold_data();
        *self = Self { dirty_ok: self.dirty_ok, ..Self::new(false) };
        if again {
            // The transport may be full of data, at both ends: one must read.
            (self.phase, self.handshake_wants) = (Phase::Again, Direction::all());
        }
    }

    /// Whether the transport's end without the session's is an ordinary end.
    pub fn dirty_shutdown(&self) -> bool {
        self.dirty_ok
    }

    /// Sets [`dirty_shutdown`](Self::dirty_shutdown).
    pub fn set_dirty_shutdown(&mut self, on: bool) {
        self.dirty_ok = on;
    }

    /// What to try when the transport is `ready`: what `may` happen (the user enabled it and nothing holds it, and for a
    /// write there is something to write), as far as it does not wait for something else.
    pub fn steps(&self, ready: Direction, may: Direction) -> Steps {
        match self.phase {
            Phase::Again if self.handshake_wants.is_empty() => {
                Steps { read: may.contains(Direction::READ) && ready.intersects(self.read_wants), ..Steps::default() }
            }
            Phase::Handshake | Phase::Again => {
                Steps { handshake: ready.intersects(self.handshake_wants), ..Steps::default() }
            }
            Phase::Open => Steps {
                handshake: false,
                read: may.contains(Direction::READ) && ready.intersects(self.read_wants),
                write: may.contains(Direction::WRITE) && ready.intersects(self.write_wants),
            },
            Phase::Over => Steps::default(),
        }
    }

    /// What the transport must be waited for.
    pub fn interest(&self, may: Direction) -> Direction {
        match self.phase {
            Phase::Again if self.handshake_wants.is_empty() => {
                if may.contains(Direction::READ) {
                    self.read_wants
                } else {
                    Direction::empty()
                }
            }
            Phase::Handshake | Phase::Again => self.handshake_wants,
            Phase::Open => {
                let mut wanted = Direction::empty();
                if may.contains(Direction::READ) {
                    wanted |= self.read_wants;
                }
                if may.contains(Direction::WRITE) {
                    wanted |= self.write_wants;
                }
                wanted
            }
            Phase::Over => Direction::empty(),
        }
    }

    /// The handshake was tried. Returns the event to tell, if any.
    pub fn handshake_done(&mut self, answer: Answer) -> What {
        match answer {
            Answer::Done(_) => {
                *self = Self { dirty_ok: self.dirty_ok, ..Self::new(true) };
                What::CONNECTED
            }
            Answer::WantRead | Answer::WantWrite | Answer::WantBoth | Answer::BehindData => {
                self.handshake_wants = answer.wants();
                What::empty()
            }
            Answer::Closed => self.over(What::EOF | What::READING),
            Answer::Truncated | Answer::Error => self.over(What::ERROR | What::READING),
        }
    }

    /// A read (or a write) was tried. Returns the event to tell, if any.
    pub fn moved(&mut self, direction: Direction, answer: Answer) -> What {
        let side = if direction == Direction::READ { What::READING } else { What::WRITING };
        let wants = if direction == Direction::READ { &mut self.read_wants } else { &mut self.write_wants };
        match answer {
            Answer::Done(_) => {
                *wants = direction;
                if direction == Direction::READ {
                    self.data_was_read();
                }
                What::empty()
            }
            Answer::WantRead | Answer::WantWrite | Answer::WantBoth | Answer::BehindData => {
                *wants = answer.wants();
                What::empty()
            }
            Answer::Closed => self.over(What::EOF | side),
            Answer::Truncated if self.dirty_ok => self.over(What::EOF | side),
            Answer::Truncated | Answer::Error => self.over(What::ERROR | side),
        }
    }

    /// What waited for that may be tried again.
    fn data_was_read(&mut self) {
        if self.handshake_wants.is_empty() {
            self.handshake_wants = Direction::all();
        }
        if self.write_wants.is_empty() {
            self.write_wants = Direction::all();
        }
    }

    fn over(&mut self, event: What) -> What {
        self.phase = Phase::Over;
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_comes_first() {
        let mut t = Session::new(false);
        assert_eq!(t.interest(Direction::all()), Direction::WRITE);
        assert!(t.steps(Direction::WRITE, Direction::all()).handshake);
        assert_eq!(t.handshake_done(Answer::WantRead), What::empty());
        assert_eq!(t.interest(Direction::empty()), Direction::READ);
        assert_eq!(t.steps(Direction::WRITE, Direction::all()), Steps::default());
        assert_eq!(t.handshake_done(Answer::Done(0)), What::CONNECTED);
        assert!(t.is_open());
        assert_eq!(t.interest(Direction::READ), Direction::READ);
    }

    #[test]
    fn a_write_that_wants_to_read_waits_for_that() {
        let mut t = Session::new(true);
        assert_eq!(t.moved(Direction::WRITE, Answer::WantRead), What::empty());
        assert_eq!(t.interest(Direction::WRITE), Direction::READ);
        let steps = t.steps(Direction::READ, Direction::all());
        assert!(steps.read && steps.write);
        assert_eq!(t.moved(Direction::WRITE, Answer::Done(5)), What::empty());
        assert_eq!(t.interest(Direction::WRITE), Direction::WRITE);
    }

    #[test]
    fn another_handshake_waits_for_the_data_before_it() {
        let mut t = Session::new(true);
        t.restart();
        assert!(!t.is_open());
        assert!(t.steps(Direction::WRITE, Direction::all()).handshake);
        assert_eq!(t.handshake_done(Answer::BehindData), What::empty());
        assert_eq!(t.steps(Direction::READ, Direction::all()), Steps { read: true, ..Steps::default() });
        assert_eq!(t.interest(Direction::WRITE), Direction::empty());
        assert_eq!(t.moved(Direction::READ, Answer::Done(5)), What::empty());
        assert!(t.steps(Direction::READ, Direction::empty()).handshake);
        assert_eq!(t.handshake_done(Answer::Done(0)), What::CONNECTED);
        assert!(t.is_open());
    }

    #[test]
    fn a_write_waits_for_the_data_before_a_handshake() {
        let mut t = Session::new(true);
        assert_eq!(t.moved(Direction::WRITE, Answer::BehindData), What::empty());
        assert_eq!(t.interest(Direction::WRITE), Direction::empty());
        assert!(t.waits_for_reader());
        assert!(!t.steps(Direction::all(), Direction::WRITE).write);
        assert_eq!(t.moved(Direction::READ, Answer::Done(5)), What::empty());
        assert!(t.steps(Direction::READ, Direction::WRITE).write);
    }

    #[test]
    fn a_cut_transport_is_an_error_unless_allowed() {
        let mut t = Session::new(true);
        assert_eq!(t.moved(Direction::READ, Answer::Truncated), What::ERROR | What::READING);
        assert_eq!(t.interest(Direction::all()), Direction::empty());
        let mut t = Session::new(true);
        t.set_dirty_shutdown(true);
        assert_eq!(t.moved(Direction::READ, Answer::Truncated), What::EOF | What::READING);
        let mut t = Session::new(true);
        assert_eq!(t.moved(Direction::WRITE, Answer::Error), What::ERROR | What::WRITING);
        assert_eq!(t.steps(Direction::all(), Direction::all()), Steps::default());
    }
}
