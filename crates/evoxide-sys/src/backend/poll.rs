//! poll. The registering half keeps the array; the waiting half polls a copy, renewed only where something has changed.

use crate::os::io;
use alloc::vec::Vec;
use core::ffi::CStr;
use rustix::fd::{BorrowedFd, RawFd};

use evoxide_core::interest::{Change, Interest, Ready, Report};

use super::{Closed, Features, Options, Readiness, Wait, counted, is_none, millis, next_version};
use crate::fd::{self, no_memory};

pub(super) struct Poll {
    fds: Vec<libc::pollfd>,
    /// The serials of `fds`.
    serials: Vec<u32>,
    /// By descriptor: its index in `fds` plus one, or 0.
    places: Vec<u32>,
    version: u64,
}

impl Readiness for Poll {
    const NAME: &'static CStr = c"poll";
    const FEATURES: Features = Features::FDS.union(Features::EARLY_CLOSE);
    const RULED_OUT_BY: &'static CStr = c"EVENT_NOPOLL";
    const WAIT_CALL: &'static CStr = c"poll";
    const RESOLUTION: u64 = 1_000_000;
    const EV_BIT: u32 = 0x02;
    const CLOSED: Closed = Closed::Reported;
    type Waiter = PollWaiter;

    fn new(_: Options) -> io::Result<Self> {
        Ok(Self { fds: Vec::new(), serials: Vec::new(), places: Vec::new(), version: next_version() })
    }

    fn waiter(&self) -> PollWaiter {
        PollWaiter { fds: Vec::new(), serials: Vec::new(), version: 0, ready: 0 }
    }

    fn apply(&mut self, change: &Change) -> io::Result<()> {
        if is_none(change.new) {
            self.remove(change.fd);
            return Ok(());
        }
        let index = fd::grow_table(&mut self.places, change.fd)?;
        let entry = libc::pollfd { fd: change.fd, events: events_of(change.new), revents: 0 };
        match self.places[index] {
            0 => {
                self.fds.try_reserve(1).map_err(no_memory)?;
                self.serials.try_reserve(1).map_err(no_memory)?;
                self.fds.push(entry);
                self.serials.push(change.serial);
                self.places[index] = self.fds.len() as u32;
            }
            place => {
                self.fds[place as usize - 1] = entry;
                self.serials[place as usize - 1] = change.serial;
            }
        }
        self.version = next_version();
        Ok(())
    }

    fn prepare(&self, waiter: &mut PollWaiter) -> io::Result<()> {
        if self.version == waiter.version {
            return Ok(());
        }
        let (fds, serials) = (&mut waiter.fds, &mut waiter.serials);
        fds.try_reserve(self.fds.len().saturating_sub(fds.len())).map_err(no_memory)?;
        serials.try_reserve(self.serials.len().saturating_sub(serials.len())).map_err(no_memory)?;
        fds.clone_from(&self.fds);
        serials.clone_from(&self.serials);
        waiter.version = self.version;
        waiter.ready = 0;
        Ok(())
    }

    fn renew(&mut self) -> io::Result<()> {
        *self = Self::new(Options::default())?;
        Ok(())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Poll {
    fn remove(&mut self, fd: RawFd) {
        let Some(place) = usize::try_from(fd).ok().and_then(|fd| self.places.get_mut(fd)) else { return };
        let Some(index) = core::mem::take(place).checked_sub(1) else { return };
        self.fds.swap_remove(index as usize);
        self.serials.swap_remove(index as usize);
        if let Some(moved) = self.fds.get(index as usize) {
            self.places[moved.fd as usize] = index + 1;
        }
        self.version = next_version();
    }
}

pub(super) struct PollWaiter {
    fds: Vec<libc::pollfd>,
    serials: Vec<u32>,
    version: u64,
    ready: usize,
}

impl Wait for PollWaiter {
    type Reports<'a> = PollReports<'a>;

    fn wait(&mut self, timeout: Option<u64>) -> io::Result<usize> {
        self.ready = 0;
        // SAFETY: the array is initialised and its length is passed; the kernel writes plain data. poll, not rustix's
        // ppoll, which seccomp filters of deployed programs may not list.
        let answer = unsafe { libc::poll(self.fds.as_mut_ptr(), self.fds.len() as libc::nfds_t, millis(timeout)) };
        self.ready = counted(answer)?;
        Ok(self.ready)
    }

    fn reports(&self) -> PollReports<'_> {
        PollReports { entries: self.fds.iter().zip(&self.serials), left: self.ready }
    }
}

/// What poll found.
#[derive(Clone)]
pub(super) struct PollReports<'a> {
    entries: core::iter::Zip<core::slice::Iter<'a, libc::pollfd>, core::slice::Iter<'a, u32>>,
    left: usize,
}

impl Iterator for PollReports<'_> {
    type Item = Report;

    #[inline]
    fn next(&mut self) -> Option<Report> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let (entry, serial) = self.entries.by_ref().find(|(entry, _)| entry.revents != 0)?;
        Some(Report { fd: entry.fd, serial: *serial, ready: ready_of(entry.revents) })
    }
}

fn events_of(interest: Interest) -> libc::c_short {
    let mut events = 0;
    for (condition, event) in
        [(Interest::READ, libc::POLLIN), (Interest::WRITE, libc::POLLOUT), (Interest::CLOSED, libc::POLLRDHUP)]
    {
        if interest.contains(condition) {
            events |= event;
        }
    }
    events
}

fn ready_of(revents: libc::c_short) -> Ready {
    let broken = revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0;
    let mut ready = Ready::empty();
    ready.set(Ready::READ, broken || revents & libc::POLLIN != 0);
    ready.set(Ready::WRITE, broken || revents & libc::POLLOUT != 0);
    ready.set(Ready::CLOSED, revents & libc::POLLRDHUP != 0);
    ready
}
