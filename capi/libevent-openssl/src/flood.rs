//! Renegotiations that a peer begins: a few are served, a flood is not.

use core::ffi::c_int;

/// How many renegotiations a peer may begin in [`SPAN`] seconds: they cost it little, and this end much.
const MOST_RENEGOTIATIONS: c_int = 10;
const SPAN: i64 = 60;

/// The peer's renegotiations: each ends with another Finished message.
#[derive(Clone, Copy, Default)]
pub struct Flood {
    finished: [u8; 8],
    /// How many there were in the running span, and when that began, in seconds.
    count: c_int,
    since: i64,
    /// How many of those to come the program asked for.
    asked: c_int,
}

impl Flood {
    /// The program asks for another handshake.
    pub fn allows_one(&mut self) {
        self.asked = self.asked.saturating_add(1);
    }

    /// Whether there was a handshake.
    pub fn saw_one(&self) -> bool {
        self.finished != [0; 8]
    }

    /// Whether the peer's Finished message is another one.
    pub fn is_new(&self, finished: [u8; 8]) -> bool {
        finished != self.finished
    }

    /// Takes the peer's Finished message as it is now. Answers whether there were too many.
    pub fn sees(&mut self, finished: [u8; 8]) -> bool {
        if finished == self.finished {
            return false;
        }
        let first = self.finished == [0; 8];
        self.finished = finished;
        if first {
            return false;
        }
        if self.asked > 0 {
            self.asked -= 1;
            return false;
        }
        let now = seconds();
        if now - self.since > SPAN {
            (self.count, self.since) = (0, now);
        }
        self.count += 1;
        self.count > MOST_RENEGOTIATIONS
    }
}

/// The monotonic clock, in seconds.
fn seconds() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: storage of that type.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    now.tv_sec
}
