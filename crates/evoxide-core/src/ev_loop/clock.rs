//! The loop's time: a monotonic reading, and the wall clock derived from it.
//!
//! The wall clock is read only twice a second at most; in between it is the monotonic clock plus a known offset. A face
//! that wants no jump overlooked reads it earlier.

/// How long an offset is trusted.
const TRUST: f64 = 0.5;
/// Changes of the offset below this are drift, not a jump.
const JUMP: f64 = 1.;

/// What a reading of both clocks showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resync {
    /// Nothing special.
    Settled,
    /// The wall clock seems to have jumped. The two readings may have been torn apart, so read both again a few times; a
    /// jump is real when that does not settle.
    Doubt,
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    mono: f64,
    wall: f64,
    /// The monotonic time of the last reading of both.
    checked: f64,
    /// Wall clock minus monotonic clock.
    offset: f64,
}

impl Clock {
    pub(super) const fn new(mono: f64, wall: f64) -> Self {
        Self { mono, wall, checked: mono, offset: wall - mono }
    }

    /// The monotonic time.
    #[inline(always)]
    pub const fn mono(&self) -> f64 {
        self.mono
    }

    /// The wall-clock time.
    #[inline(always)]
    pub const fn wall(&self) -> f64 {
        self.wall
    }

    /// Takes a new monotonic time. Returns `true` where the offset can no longer be trusted: then read the wall clock and
    /// call [`resync`](Self::resync).
    #[inline(always)]
    pub fn advance(&mut self, mono: f64) -> bool {
        self.mono = mono;
        self.wall = self.offset + mono;
        mono - self.checked >= TRUST
    }

    /// Takes a reading of both clocks. `before` is the offset from before the first reading of this round (see
    /// [`offset`](Self::offset)).
    pub fn resync(&mut self, mono: f64, wall: f64, before: f64) -> Resync {
        self.mono = mono;
        self.wall = wall;
        self.checked = mono;
        self.offset = wall - mono;
        if (self.offset - before).abs() < JUMP { Resync::Settled } else { Resync::Doubt }
    }

    /// Takes a reading of the wall clock that may have been set; `mono` is from the same moment. The monotonic time stays, and
    /// so does the offset unless the clock jumped.
    pub fn follow(&mut self, mono: f64, wall: f64) {
        self.wall = wall;
        if (wall - mono - self.offset).abs() >= JUMP {
            self.offset = wall - mono;
            self.checked = mono;
        }
    }

    /// Wall clock minus monotonic clock, as last known.
    #[inline]
    pub const fn offset(&self) -> f64 {
        self.offset
    }
}
