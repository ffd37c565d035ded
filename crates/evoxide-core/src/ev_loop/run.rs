//! Runs: nesting, ends, references, and how long a wait may last.

use super::{EvLoop, Watcher};

/// How far a break reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Not at all: an earlier request is withdrawn.
    Cancel,
    /// The innermost run ends.
    One,
    /// All nested runs end.
    All,
}

/// How to wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait {
    /// Sleep so long first, so that events collect; zero mostly.
    pub sleep: f64,
    /// Then wait at most so long.
    pub wait: f64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// What keeps the loop alive: active watchers, corrected by the user's own references.
    pub(super) refs: i32,
    depth: u32,
    iteration: u32,
    state: Break,
    io_interval: f64,
    timeout_interval: f64,
}

impl Run {
    pub(super) const fn new() -> Self {
        Self { refs: 0, depth: 0, iteration: 0, state: Break::Cancel, io_interval: 0., timeout_interval: 0. }
    }
}

impl<W: Watcher> EvLoop<W> {
    /// A run begins, perhaps inside another.
    #[inline]
    pub fn enter(&mut self) {
        self.run.depth += 1;
        self.run.state = Break::Cancel;
    }

    /// The innermost run ends.
    #[inline]
    pub fn leave(&mut self) {
        if self.run.state == Break::One {
            self.run.state = Break::Cancel;
        }
        self.run.depth -= 1;
    }

    /// Ends the innermost run, or all, once everything pending has run.
    #[inline]
    pub fn break_run(&mut self, how: Break) {
        self.run.state = how;
    }

    /// Whether the innermost run shall end.
    #[inline(always)]
    pub const fn broken(&self) -> bool {
        !matches!(self.run.state, Break::Cancel)
    }

    /// What keeps the loop alive.
    #[inline(always)]
    pub const fn refs(&self) -> i32 {
        self.run.refs
    }

    /// Adds to, or takes from, what keeps the loop alive.
    #[inline]
    pub fn add_refs(&mut self, by: i32) {
        self.run.refs = self.run.refs.wrapping_add(by);
    }

    /// How many runs are nested.
    pub const fn depth(&self) -> u32 {
        self.run.depth
    }

    /// How often the loop has waited.
    pub const fn iteration(&self) -> u32 {
        self.run.iteration
    }

    /// A wait begins.
    #[inline(always)]
    pub fn count_iteration(&mut self) {
        self.run.iteration = self.run.iteration.wrapping_add(1);
    }

    /// Events on descriptors are gathered no more often than this.
    pub fn set_io_interval(&mut self, seconds: f64) {
        self.run.io_interval = seconds;
    }

    /// Timers may be this late, so that several are handled together.
    pub fn set_timeout_interval(&mut self, seconds: f64) {
        self.run.timeout_interval = seconds;
    }

    /// How long to wait now. `longest` bounds the wait where nothing else does, `shortest` is the backend's resolution,
    /// `before` the monotonic time before this turn's update.
    #[inline]
    pub fn plan(&self, longest: f64, shortest: f64, before: f64) -> Wait {
        let mut wait = longest;
        if let Some(left) = self.until_timer()
            && left < wait
        {
            wait = left;
        }
        if let Some(left) = self.until_periodic()
            && left < wait
        {
            wait = left;
        }
        // Timers may be late, but an interval longer than the wait must not stretch it without bound.
        if wait < self.run.timeout_interval {
            wait = self.run.timeout_interval;
        }
        if wait < shortest {
            // What is due already must not wait; what is due very soon waits as short as the backend can.
            wait = if wait > 0. { shortest } else { 0. };
        }
        let mut sleep = 0.;
        if self.run.io_interval > 0. {
            sleep = self.run.io_interval - (self.clock.mono() - before);
            if sleep > wait - shortest {
                sleep = wait - shortest;
            }
            if sleep > 0. {
                wait -= sleep;
            } else {
                sleep = 0.;
            }
        }
        Wait { sleep, wait }
    }
}
