//! Rate limits: token buckets, limits of one stream or of many that share a bucket ([`Limit`]), and limits within limits ([`Tree`]).
//!
//! A `Limit` is all that one level of limits is, alone or in a tree. A face whose levels have locks of their own, as libevent's
//! streams and groups do, asks one after the other for what a tree finds by its keys.
//!
//! Time is counted in *ticks* of a [`Rate`]; the face computes them with [`Rate::tick_at`]. A bucket may go below zero, because
//! a limit never hands out less than its minimal share; what is missing is paid back by later ticks. The machines say
//! when streams must pause and when they may go on; the face keeps the streams and their timers.

mod tree;

pub use tree::Tree;

use crate::stream::Direction;

/// The highest rate, burst or share.
pub const MAX: usize = isize::MAX as usize;
/// The longest tick, in milliseconds.
pub const MAX_TICK: u64 = u32::MAX as u64;
/// What a limit hands out to one stream at least, unless told otherwise.
pub const MIN_SHARE: usize = 64;

/// A configured limit, in bytes per tick, for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    read: usize,
    read_burst: usize,
    write: usize,
    write_burst: usize,
    tick_ms: u64,
}

impl Rate {
    /// A limit: bytes per tick on average, and bytes in a burst.
    ///
    /// `None` where a rate is zero or above its burst, a burst is above [`MAX`], or the tick is zero or longer than
    /// [`MAX_TICK`] milliseconds.
    ///
    /// # Examples
    /// ```
    /// use evoxide_core::rate::Rate;
    /// assert!(Rate::new((100, 200), (100, 200), 1_000).is_some());
    /// assert!(Rate::new((100, 99), (100, 200), 1_000).is_none());
    /// ```
    pub fn new(read: (usize, usize), write: (usize, usize), tick_ms: u64) -> Option<Self> {
        let good = |(rate, burst): (usize, usize)| rate > 0 && rate <= burst && burst <= MAX;
        let tick = (1..=MAX_TICK).contains(&tick_ms);
        (tick && good(read) && good(write)).then_some(Self {
            read: read.0,
            read_burst: read.1,
            write: write.0,
            write_burst: write.1,
            tick_ms,
        })
    }

    /// The tick that a time (milliseconds on any fixed scale) belongs to. Ticks wrap.
    pub fn tick_at(&self, now_ms: u64) -> u32 {
        (now_ms / self.tick_ms) as u32
    }

    /// Length of a tick in milliseconds.
    pub fn tick_ms(&self) -> u64 {
        self.tick_ms
    }

    /// The average, in bytes per tick.
    pub fn rate(&self, direction: Direction) -> usize {
        if direction == Direction::READ { self.read } else { self.write }
    }

    /// The most that a bucket holds.
    pub fn burst(&self, direction: Direction) -> usize {
        if direction == Direction::READ { self.read_burst } else { self.write_burst }
    }
}

/// What a change of a bucket means for the streams that draw from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the streams that draw from the bucket must be paused or resumed"]
pub enum Turn {
    /// Nothing changed.
    Same,
    /// The bucket is empty: pause.
    Pause,
    /// There is something in it again: go on.
    Resume,
}

/// What may still be read and written in this tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    read: isize,
    write: isize,
    updated: u32,
}

impl Bucket {
    /// A bucket that holds one tick's worth.
    pub fn new(rate: &Rate, tick: u32) -> Self {
        Self { read: rate.read as isize, write: rate.write as isize, updated: tick }
    }

    /// Applies another limit: what is above its burst is lost, nothing is given.
    pub fn clip(&mut self, rate: &Rate) {
        self.read = self.read.min(rate.read_burst as isize);
        self.write = self.write.min(rate.write_burst as isize);
    }

    /// Counts from this tick on, whatever passed before.
    pub fn restart(&mut self, tick: u32) {
        self.updated = tick;
    }

    /// Gives what the ticks since the last refill allow. Returns whether any time had passed; a clock that went backwards
    /// gives nothing.
    pub fn refill(&mut self, rate: &Rate, tick: u32) -> bool {
        let ticks = tick.wrapping_sub(self.updated);
        if ticks == 0 || ticks > i32::MAX as u32 {
            return false;
        }
        self.updated = tick;
        let fill = |level: isize, rate: usize, burst: usize| {
            let gain = rate.saturating_mul(ticks as usize).min(MAX) as isize;
            level.saturating_add(gain).min(burst as isize)
        };
        self.read = fill(self.read, rate.read, rate.read_burst);
        self.write = fill(self.write, rate.write, rate.write_burst);
        true
    }

    /// What is left, below zero where more was taken than allowed.
    pub fn level(&self, direction: Direction) -> isize {
        if direction == Direction::READ { self.read } else { self.write }
    }

    /// Takes out (or, below zero, puts in). `Pause` and `Resume` mark the crossings.
    pub fn take(&mut self, direction: Direction, amount: isize) -> Turn {
        let level = if direction == Direction::READ { &mut self.read } else { &mut self.write };
        let before = *level;
        *level = before.saturating_sub(amount);
        match (before > 0, *level > 0) {
            (true, false) => Turn::Pause,
            (false, true) => Turn::Resume,
            _ => Turn::Same,
        }
    }
}

/// A bucket and the streams that draw from it, directly or through other limits.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    rate: Rate,
    bucket: Bucket,
    /// How many streams draw from it.
    members: usize,
    wanted_share: usize,
    share: usize,
    paused: Direction,
    totals: (u64, u64),
}

impl Limit {
    /// A limit that nobody draws from, full for one tick.
    pub fn new(rate: Rate, tick: u32) -> Self {
        let mut limit = Self {
            rate,
            bucket: Bucket::new(&rate, tick),
            members: 0,
            wanted_share: MIN_SHARE,
            share: 0,
            paused: Direction::empty(),
            totals: (0, 0),
        };
        let _ = limit.set_min_share(MIN_SHARE);
        limit
    }

    /// The limit of one stream alone: handed out to the last byte, and no byte more.
    pub fn of_one(rate: Rate, tick: u32) -> Self {
        let mut limit = Self::new(rate, tick);
        let _ = limit.set_min_share(0);
        limit
    }

    /// One more stream draws from it.
    pub fn join(&mut self) {
        self.members = self.members.saturating_add(1);
    }

    /// One stream less does.
    pub fn leave(&mut self) {
        self.members = self.members.saturating_sub(1);
    }

    /// How many streams draw from it.
    pub fn members(&self) -> usize {
        self.members
    }

    /// The limit.
    pub fn rate(&self) -> &Rate {
        &self.rate
    }

    /// Changes the limit. What is in the bucket stays, up to the new bursts.
    pub fn set_rate(&mut self, rate: Rate, tick: u32) {
        self.bucket.clip(&rate);
        self.bucket.restart(tick);
        self.rate = rate;
        let _ = self.set_min_share(self.wanted_share);
    }

    /// Sets what one stream is given at least, if anything is left. Never above what a tick brings. `false`: above [`MAX`].
    #[must_use]
    pub fn set_min_share(&mut self, share: usize) -> bool {
        if share > MAX {
            return false;
        }
        self.wanted_share = share;
        self.share = share.min(self.rate.read).min(self.rate.write);
        true
    }

    /// What is left in the bucket.
    pub fn level(&self, direction: Direction) -> isize {
        self.bucket.level(direction)
    }

    /// Whether its streams must not move data in this direction.
    pub fn is_paused(&self, direction: Direction) -> bool {
        self.paused.contains(direction)
    }

    /// What one of its streams may move now; `None` while it is paused.
    pub fn allowance(&self, direction: Direction) -> Option<usize> {
        if self.is_paused(direction) {
            return None;
        }
        let level = self.bucket.level(direction).max(0) as usize;
        Some((level / self.members.max(1)).max(self.share))
    }

    /// Books what a stream moved.
    pub fn spend(&mut self, direction: Direction, amount: usize) -> Turn {
        let total = if direction == Direction::READ { &mut self.totals.0 } else { &mut self.totals.1 };
        *total = total.wrapping_add(amount as u64);
        let _ = self.bucket.take(direction, amount.min(MAX) as isize);
        self.settle(direction, 1)
    }

    /// Takes out (or, below zero, puts in) by hand; the totals do not count it.
    pub fn take(&mut self, direction: Direction, amount: isize) -> Turn {
        match self.bucket.take(direction, amount) {
            Turn::Same => Turn::Same,
            _ => self.settle(direction, 1),
        }
    }

    /// A tick passed. A paused direction goes on only when at least one share is there.
    pub fn tick(&mut self, tick: u32) -> (Turn, Turn) {
        let _ = self.bucket.refill(&self.rate, tick);
        let least = self.share.max(1) as isize;
        let mut go_on = |direction| if self.is_paused(direction) { self.settle(direction, least) } else { Turn::Same };
        (go_on(Direction::READ), go_on(Direction::WRITE))
    }

    fn settle(&mut self, direction: Direction, least: isize) -> Turn {
        let level = self.bucket.level(direction);
        let paused = self.is_paused(direction);
        if level <= 0 && !paused {
            self.paused |= direction;
            Turn::Pause
        } else if level >= least && paused {
            self.paused -= direction;
            Turn::Resume
        } else {
            Turn::Same
        }
    }

    /// Everything that its streams ever read and wrote.
    pub fn totals(&self) -> (u64, u64) {
        self.totals
    }

    /// Begins the totals again.
    pub fn reset_totals(&mut self) {
        self.totals = (0, 0);
    }
}

#[cfg(test)]
mod tests;
