//! The simulated world: descriptors with peers, a clock and faults, for deterministic tests of machines.
//!
//! A [`World`] stands where a kernel would. It hands out descriptor numbers (the lowest free one, so that closed ones are
//! reused at once), keeps byte streams between the two ends of a pair, carries out [`Change`]s like an epoll set
//! (`ONESHOT` disarms, `EDGE` reports news only, a registration lives as long as the *file*, not the descriptor), and
//! answers [`Report`]s. Nothing in it blocks and nothing is random: time moves with [`World::advance`], faults are asked for.
//!
//! # Examples
//! ```
//! use evoxide_core::interest::{Interest, Ready};
//! use evoxide_core::reactor::Reactor;
//! use evoxide_core::sim::World;
//!
//! let mut world = World::new();
//! let (a, b) = world.pair(64);
//! let mut reactor = Reactor::new();
//! let key = reactor.insert("b", 0, Default::default()).unwrap();
//! let change = reactor.watch_fd(key, b, Interest::READ, true).unwrap().unwrap();
//! world.apply(&change).unwrap();
//!
//! world.write(a, b"hello").unwrap();
//! let found = reactor.finish_wait(world.reports().into_iter());
//! assert_eq!(found.stale, 0);
//! reactor.begin_batch(|| 0);
//! assert_eq!(reactor.pop_ready().unwrap().ready, Ready::READ);
//! ```

mod file;
mod set;

use crate::interest::{Change, Fd, Ready, Report};
use alloc::vec::Vec;
use core::fmt;
use file::File;
use set::Set;

/// Why the simulated kernel refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// `EAGAIN`: it would block.
    WouldBlock,
    /// `EINTR`: a signal came first.
    Interrupted,
    /// `ECONNRESET`: the peer reset the connection.
    Reset,
    /// `EPIPE`: nobody will read what is written.
    BrokenPipe,
    /// `EBADF`: no such descriptor.
    BadDescriptor,
    /// `EEXIST`: registered already.
    Exists,
    /// `ENOENT`: not registered.
    NotFound,
    /// `ENOSPC`: too many registrations.
    NoSpace,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WouldBlock => "would block",
            Self::Interrupted => "interrupted",
            Self::Reset => "connection reset",
            Self::BrokenPipe => "broken pipe",
            Self::BadDescriptor => "bad descriptor",
            Self::Exists => "registered already",
            Self::NotFound => "not registered",
            Self::NoSpace => "too many registrations",
        })
    }
}

impl core::error::Error for Refusal {}

/// A call that a fault can be planned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`World::read`].
    Read,
    /// [`World::write`].
    Write,
}

/// What becomes of a planned call instead of its ordinary outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing moves.
    Fails(Refusal),
    /// It moves at most n bytes.
    Short(usize),
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct World {
    now: u64,
    files: Vec<File>,
    /// Descriptor to file.
    table: Vec<Option<usize>>,
    set: Set,
    refuse_applies: Vec<Refusal>,
    calls: u64,
}

impl World {
    /// No descriptors; the clock stands at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The clock, in nanoseconds.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Lets time pass.
    pub fn advance(&mut self, nanoseconds: u64) {
        self.now = self.now.saturating_add(nanoseconds);
    }

    /// How many reads and writes were asked for.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Two connected ends, each with room for `capacity` bytes that the other has not read yet.
    pub fn pair(&mut self, capacity: usize) -> (Fd, Fd) {
        let (a, b) = (self.files.len(), self.files.len() + 1);
        self.files.push(File::new(b, capacity));
        self.files.push(File::new(a, capacity));
        (self.open(a), self.open(b))
    }

    fn open(&mut self, file: usize) -> Fd {
        self.files[file].descriptors += 1;
        let slot = self.table.iter().position(Option::is_none).unwrap_or(self.table.len());
        if slot == self.table.len() {
            self.table.push(None);
        }
        self.table[slot] = Some(file);
        slot as Fd
    }

    fn file(&self, fd: Fd) -> Result<usize, Refusal> {
        usize::try_from(fd).ok().and_then(|i| self.table.get(i).copied().flatten()).ok_or(Refusal::BadDescriptor)
    }

    /// Whether the descriptor is open.
    pub fn is_open(&self, fd: Fd) -> bool {
        self.file(fd).is_ok()
    }

    /// How many descriptors are open.
    pub fn open_descriptors(&self) -> usize {
        self.table.iter().flatten().count()
    }

    /// A second descriptor for the same file.
    ///
    /// # Errors
    /// [`Refusal::BadDescriptor`].
    pub fn dup(&mut self, fd: Fd) -> Result<Fd, Refusal> {
        let file = self.file(fd)?;
        Ok(self.open(file))
    }

    /// Closes a descriptor. With the last one of its file the file ends: its registrations vanish and the peer sees the end.
    ///
    /// # Errors
    /// [`Refusal::BadDescriptor`].
    pub fn close(&mut self, fd: Fd) -> Result<(), Refusal> {
        let id = self.file(fd)?;
        self.table[fd as usize] = None;
        self.files[id].descriptors -= 1;
        if self.files[id].descriptors == 0 {
            self.set.forget_file(id);
            let unread = !self.files[id].inbox.is_empty();
            let peer = self.files[id].peer;
            self.files[peer].peer_left(unread);
        }
        Ok(())
    }

    /// Sends nothing more from this end: the peer reads the end after what was written.
    ///
    /// # Errors
    /// [`Refusal::BadDescriptor`].
    pub fn shutdown_write(&mut self, fd: Fd) -> Result<(), Refusal> {
        let id = self.file(fd)?;
        self.files[id].write_shut = true;
        let peer = self.files[id].peer;
        self.files[peer].end_of_input();
        Ok(())
    }

    /// Resets the connection: both ends fail from now on, and what was under way is lost.
    ///
    /// # Errors
    /// [`Refusal::BadDescriptor`].
    pub fn reset(&mut self, fd: Fd) -> Result<(), Refusal> {
        let id = self.file(fd)?;
        let peer = self.files[id].peer;
        self.files[id].reset();
        self.files[peer].reset();
        Ok(())
    }

    /// Plans the outcome of the next calls on this end, in order, ahead of ordinary outcomes.
    ///
    /// # Errors
    /// [`Refusal::BadDescriptor`].
    pub fn plan(&mut self, fd: Fd, call: Call, faults: &[Fault]) -> Result<(), Refusal> {
        let id = self.file(fd)?;
        let plan = match call {
            Call::Read => &mut self.files[id].read_plan,
            Call::Write => &mut self.files[id].write_plan,
        };
        plan.extend(faults);
        Ok(())
    }

    /// Reads what the peer wrote; 0 is the end.
    ///
    /// # Errors
    /// What `read` returns on a non-blocking socket, or a planned fault.
    pub fn read(&mut self, fd: Fd, into: &mut [u8]) -> Result<usize, Refusal> {
        self.calls += 1;
        let id = self.file(fd)?;
        let n = self.files[id].read(into)?;
        let peer = self.files[id].peer;
        if n > 0 {
            self.files[peer].writable_news += 1;
        }
        Ok(n)
    }

    /// Writes to the peer, as much as there is room for.
    ///
    /// # Errors
    /// What `write` returns on a non-blocking socket, or a planned fault.
    pub fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Refusal> {
        self.calls += 1;
        let id = self.file(fd)?;
        let limit = self.files[id].before_write()?;
        let peer = self.files[id].peer;
        if self.files[peer].descriptors == 0 {
            return Err(Refusal::BrokenPipe);
        }
        self.files[peer].receive(&bytes[..bytes.len().min(limit)])
    }

    /// Makes the next [`apply`](Self::apply) calls fail, in order.
    pub fn refuse_applies(&mut self, refusals: &[Refusal]) {
        self.refuse_applies.extend(refusals);
    }

    /// Carries a change out as an epoll backend does: an addition that is there already becomes a modification, a
    /// modification of what is gone becomes an addition.
    ///
    /// # Errors
    /// What the kernel answers; nothing changed then.
    pub fn apply(&mut self, change: &Change) -> Result<(), Refusal> {
        if !self.refuse_applies.is_empty() {
            return Err(self.refuse_applies.remove(0));
        }
        let id = self.file(change.fd)?;
        self.set.apply(change, id)
    }

    /// What is true of a descriptor now, registered or not.
    ///
    /// # Errors
    /// [`Refusal::BadDescriptor`].
    pub fn readiness(&self, fd: Fd) -> Result<Ready, Refusal> {
        let file = &self.files[self.file(fd)?];
        Ok(file.ready(&self.files[file.peer]))
    }

    /// What a wait would report now, and its effects: one-shot registrations are disarmed, edges are used up.
    pub fn reports(&mut self) -> Vec<Report> {
        self.set.reports(&self.files)
    }

    /// How many registrations the kernel side holds, those of closed descriptors whose file lives on included.
    pub fn registrations(&self) -> usize {
        self.set.len()
    }
}

#[cfg(test)]
mod tests;
