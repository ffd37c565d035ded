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
    /// The peer ended the session.
    Closed,
    /// The transport ended, the session did not.
    Truncated,
    /// Any other error.
    Error,
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Handshake,
    Open,
    Over,
}

/// What to try now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "the steps must be tried"]
pub struct Steps {
    /// Go on with the handshake; nothing else before it is over.
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
    /// What the transport must be before the handshake goes on.
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

    /// Begins another handshake.
    pub fn restart(&mut self) {
        *self = Self { dirty_ok: self.dirty_ok, ..Self::new(false) };
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
            Phase::Handshake => Steps { handshake: ready.intersects(self.handshake_wants), ..Steps::default() },
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
            Phase::Handshake => self.handshake_wants,
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
                self.phase = Phase::Open;
                What::CONNECTED
            }
            Answer::WantRead => {
                self.handshake_wants = Direction::READ;
                What::empty()
            }
            Answer::WantWrite => {
                self.handshake_wants = Direction::WRITE;
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
                What::empty()
            }
            Answer::WantRead => {
                *wants = Direction::READ;
                What::empty()
            }
            Answer::WantWrite => {
                *wants = Direction::WRITE;
                What::empty()
            }
            Answer::Closed => self.over(What::EOF | side),
            Answer::Truncated if self.dirty_ok => self.over(What::EOF | side),
            Answer::Truncated | Answer::Error => self.over(What::ERROR | side),
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
