//! select, with sets as large as the highest descriptor needs: the kernel's limit is the descriptor table, not
//! `FD_SETSIZE`. The waiting half keeps a copy of the sets, and a second one that each call overwrites.

use crate::os::io;
use alloc::vec::Vec;
use core::{ffi::CStr, ffi::c_ulong};
use rustix::fd::{BorrowedFd, RawFd};

use evoxide_core::interest::{Change, Interest, Ready, Report};

use super::{Closed, Features, Options, Readiness, Wait, counted, is_none, next_version};
use crate::fd::{self, no_memory};

const BITS: usize = c_ulong::BITS as usize;

/// The two sets that select takes, always of the same length.
#[derive(Default)]
struct Sets {
    read: Vec<c_ulong>,
    write: Vec<c_ulong>,
}

impl Sets {
    fn put(&mut self, fd: usize, interest: Interest) {
        let bit = 1 << (fd % BITS);
        for (set, condition) in [(&mut self.read, Interest::READ), (&mut self.write, Interest::WRITE)] {
            if interest.contains(condition) {
                set[fd / BITS] |= bit;
            } else {
                set[fd / BITS] &= !bit;
            }
        }
    }

    /// Makes the sets hold `words` words, the new ones empty.
    fn grow(&mut self, words: usize) -> io::Result<()> {
        for set in [&mut self.read, &mut self.write] {
            set.try_reserve(words.saturating_sub(set.len())).map_err(no_memory)?;
        }
        for set in [&mut self.read, &mut self.write] {
            set.resize(words.max(set.len()), 0);
        }
        Ok(())
    }

    /// One more than the highest member.
    fn bound(&self) -> usize {
        let last = self.read.iter().zip(&self.write).rposition(|(read, write)| read | write != 0);
        last.map_or(0, |word| word * BITS + BITS - (self.read[word] | self.write[word]).leading_zeros() as usize)
    }
}

pub(super) struct Select {
    sets: Sets,
    /// By descriptor.
    serials: Vec<u32>,
    version: u64,
}

impl Readiness for Select {
    const NAME: &'static CStr = c"select";
    const FEATURES: Features = Features::FDS;
    const RULED_OUT_BY: &'static CStr = c"EVENT_NOSELECT";
    const WAIT_CALL: &'static CStr = c"select";
    const RESOLUTION: u64 = 1_000;
    const EV_BIT: u32 = 0x01;
    const CLOSED: Closed = Closed::Fails;
    type Waiter = SelectWaiter;

    fn new(_: Options) -> io::Result<Self> {
        Ok(Self { sets: Sets::default(), serials: Vec::new(), version: next_version() })
    }

    fn waiter(&self) -> SelectWaiter {
        SelectWaiter {
            wanted: Sets::default(),
            found: Sets::default(),
            serials: Vec::new(),
            bound: 0,
            version: 0,
            any: false,
        }
    }

    fn apply(&mut self, change: &Change) -> io::Result<()> {
        if is_none(change.new) {
            self.remove(change.fd);
            return Ok(());
        }
        let index = fd::grow_table(&mut self.serials, change.fd)?;
        self.sets.grow(self.serials.len().div_ceil(BITS))?;
        self.sets.put(index, change.new);
        self.serials[index] = change.serial;
        self.version = next_version();
        Ok(())
    }

    fn prepare(&self, waiter: &mut SelectWaiter) -> io::Result<()> {
        if self.version == waiter.version {
            return Ok(());
        }
        waiter.any = false;
        waiter.wanted.grow(self.sets.read.len())?;
        waiter.found.grow(self.sets.read.len())?;
        waiter.serials.try_reserve(self.serials.len().saturating_sub(waiter.serials.len())).map_err(no_memory)?;
        waiter.wanted.read.clone_from(&self.sets.read);
        waiter.wanted.write.clone_from(&self.sets.write);
        waiter.serials.clone_from(&self.serials);
        waiter.bound = self.sets.bound();
        waiter.version = self.version;
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

impl Select {
    fn remove(&mut self, fd: RawFd) {
        if let Some(index) = usize::try_from(fd).ok().filter(|index| *index < self.serials.len()) {
            self.sets.put(index, Interest::empty());
            self.version = next_version();
        }
    }
}

pub(super) struct SelectWaiter {
    wanted: Sets,
    found: Sets,
    serials: Vec<u32>,
    bound: usize,
    version: u64,
    /// `found` is what a wait found.
    any: bool,
}

impl SelectWaiter {
    fn words(&self) -> usize {
        if self.any { self.bound.div_ceil(BITS) } else { 0 }
    }
}

impl Wait for SelectWaiter {
    type Reports<'a> = SelectReports<'a>;

    fn wait(&mut self, timeout: Option<u64>) -> io::Result<usize> {
        let words = self.bound.div_ceil(BITS);
        self.any = false;
        self.found.read[..words].copy_from_slice(&self.wanted.read[..words]);
        self.found.write[..words].copy_from_slice(&self.wanted.write[..words]);
        let mut time = timeout.map(timeval);
        let time = time.as_mut().map_or(core::ptr::null_mut(), core::ptr::from_mut);
        // SAFETY: both sets have at least as many bits as the bound that is passed, all initialised; the kernel reads and
        // writes no further, and the C library hands the pointers on. The time outlives the call.
        let answer = unsafe {
            libc::select(
                self.bound as libc::c_int,
                self.found.read.as_mut_ptr().cast(),
                self.found.write.as_mut_ptr().cast(),
                core::ptr::null_mut(),
                time,
            )
        };
        if answer < 0 {
            return counted(answer);
        }
        // Counted here, since the call counts a descriptor twice that is readable and writable, and leaves members beyond
        // the process's descriptor table as they were without counting them: those are reported, as libevent does.
        self.any = true;
        let count = |(read, write): (&c_ulong, &c_ulong)| (read | write).count_ones() as usize;
        Ok(self.found.read[..words].iter().zip(&self.found.write[..words]).map(count).sum())
    }

    fn reports(&self) -> SelectReports<'_> {
        SelectReports { waiter: self, next: 0, bits: 0 }
    }
}

/// What select found.
#[derive(Clone)]
pub(super) struct SelectReports<'a> {
    waiter: &'a SelectWaiter,
    /// The next word to look at.
    next: usize,
    /// What is left of the word before it.
    bits: c_ulong,
}

impl Iterator for SelectReports<'_> {
    type Item = Report;

    #[inline]
    fn next(&mut self) -> Option<Report> {
        let found = &self.waiter.found;
        while self.bits == 0 {
            if self.next == self.waiter.words() {
                return None;
            }
            self.bits = found.read[self.next] | found.write[self.next];
            self.next += 1;
        }
        let bit = self.bits & self.bits.wrapping_neg();
        self.bits &= !bit;
        let word = self.next - 1;
        let fd = word * BITS + bit.trailing_zeros() as usize;
        let mut ready = Ready::empty();
        ready.set(Ready::READ, found.read[word] & bit != 0);
        ready.set(Ready::WRITE, found.write[word] & bit != 0);
        Some(Report { fd: fd as RawFd, serial: self.waiter.serials[fd], ready })
    }
}

/// Microseconds, rounded up.
fn timeval(ns: u64) -> libc::timeval {
    let us = ns.div_ceil(1_000);
    libc::timeval { tv_sec: (us / 1_000_000) as libc::time_t, tv_usec: (us % 1_000_000) as libc::suseconds_t }
}
