//! Descriptors: who watches which, what the kernel was told, and what it must be told before the next wait.
//!
//! Changes are collected and handed out once, just before the wait ([`EvLoop::next_change`]), so that a stop and start in
//! the same turn costs nothing. A descriptor that was set again since (`ev_io_set`) counts as a new one: it is announced to
//! the kernel again even where nothing else changed.

use super::{ERROR, EvLoop, FD_SET, READ, WRITE, Watcher};
use crate::interest::Fd;
use alloc::vec::Vec;

/// In `Slot::flags`: the descriptor is in the list of changes.
const LISTED: u8 = 0x01;
/// In `Slot::flags`: the descriptor counts as a new one.
const RENEWED: u8 = 0x02;
/// In `Slot::flags`: the kernel cannot wait for it (a regular file); it is always ready.
const ALWAYS: u8 = 0x04;

#[derive(Clone, Copy, Debug)]
struct Slot<W> {
    head: Option<W>,
    /// How often the kernel was told; travels with readiness and rejects stale reports.
    serial: u32,
    /// What the watchers want, as of the last change.
    wanted: u8,
    /// What the kernel was last told. Stays when the last watcher stops: most descriptors are closed next, and what
    /// fires nevertheless is mended then.
    told: u8,
    flags: u8,
}

#[derive(Debug)]
pub(super) struct Fds<W> {
    slots: Vec<Slot<W>>,
    changes: Vec<u32>,
    /// Descriptors that are always ready.
    always: Vec<u32>,
}

impl<W> Fds<W> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), changes: Vec::new(), always: Vec::new() }
    }
}

/// What the kernel must be told about one descriptor. Answer with [`EvLoop::change_done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the kernel does not know of the change yet"]
pub struct FdChange {
    /// The descriptor.
    pub fd: Fd,
    /// To be sent along with the registration and to come back with each report.
    pub serial: u32,
    /// What the watchers wanted before ([`READ`], [`WRITE`]).
    pub old: u8,
    /// What they want now; may be empty.
    pub new: u8,
    /// What the kernel was last told, perhaps about an earlier file of the same number.
    pub told: u8,
    /// Whether a registration of the file is to be expected: if so modifying comes first and adding is the fallback,
    /// else the reverse.
    pub known: bool,
}

/// What a wait reported that nobody asked for: the registration must be changed to `wanted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the descriptor would be reported again and again"]
pub struct FdFix {
    /// The descriptor.
    pub fd: Fd,
    /// The serial of its registration.
    pub serial: u32,
    /// What the kernel was told.
    pub told: u8,
    /// What is wanted; nothing at all means that the registration must go.
    pub wanted: u8,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdReport {
    /// The watchers are pending.
    Fed,
    /// They are, and conditions were reported that the kernel was not asked for: a hang-up, or a descriptor that is not
    /// open, as some kernels' calls have it.
    Beyond,
    /// They are, and something that nobody wants any more was reported too.
    Unwanted(FdFix),
    /// The report is about a file that is no longer watched: the registrations must be rebuilt.
    Stale,
}

impl<W: Watcher> EvLoop<W> {
    /// Whether the table has room for this descriptor; where not, the face may want to look whether it is open at all.
    #[inline]
    pub const fn fd_known(&self, fd: Fd) -> bool {
        (fd as usize) < self.fds.slots.len()
    }

    /// One more than the highest descriptor ever watched.
    pub const fn fd_limit(&self) -> Fd {
        self.fds.slots.len() as Fd
    }

    /// Whether the kernel is asked about this descriptor.
    pub fn fd_watched(&self, fd: Fd) -> bool {
        self.fds.slots.get(fd as usize).is_some_and(|s| s.wanted != 0)
    }

    /// Starts a descriptor watcher. Returns `false`, with nothing changed, where memory for the table is refused.
    #[inline]
    pub fn io_start(&mut self, w: W, fd: Fd) -> bool {
        if w.active() != 0 {
            return true;
        }
        let at = fd as u32 as usize;
        if at >= self.fds.slots.len() && !self.grow_fds(at) {
            return false;
        }
        Self::adjust(w);
        w.set_active(1);
        self.run.refs += 1;
        let events = w.events();
        let Some(slot) = self.fds.slots.get_mut(at) else { return false };
        w.set_next(slot.head);
        slot.head = Some(w);
        let renewed = if events & FD_SET != 0 { RENEWED } else { 0 };
        if events & FD_SET != 0 {
            w.set_events(events & !FD_SET);
        }
        let listed = slot.flags & LISTED != 0;
        slot.flags |= LISTED | renewed;
        if !listed {
            self.fds.changes.push(fd as u32);
        }
        true
    }

    #[cold]
    #[inline(never)]
    fn grow_fds(&mut self, at: usize) -> bool {
        let len = (at + 1).next_power_of_two().max(64);
        let empty = Slot { head: None, serial: 0, wanted: 0, told: 0, flags: 0 };
        if self.fds.slots.try_reserve_exact(len - self.fds.slots.len()).is_err() {
            return false;
        }
        self.fds.slots.resize(len, empty);
        true
    }

    /// Stops a descriptor watcher, pending or not.
    #[inline]
    pub fn io_stop(&mut self, w: W, fd: Fd) {
        self.clear_pending(w);
        if w.active() == 0 {
            return;
        }
        w.set_active(0);
        self.run.refs -= 1;
        let Some(slot) = self.fds.slots.get_mut(fd as u32 as usize) else { return };
        if slot.head == Some(w) {
            slot.head = w.next();
        } else {
            let mut at = slot.head;
            while let Some(before) = at {
                at = before.next();
                if at == Some(w) {
                    before.set_next(w.next());
                    break;
                }
            }
        }
        let listed = slot.flags & LISTED != 0;
        slot.flags |= LISTED;
        if !listed {
            self.fds.changes.push(fd as u32);
        }
    }

    /// The next change that the kernel must be told of, oldest first. Call it until it returns `None`, before each wait.
    #[inline]
    pub fn next_change(&mut self, from: &mut usize) -> Option<FdChange> {
        while let Some(&fd) = self.fds.changes.get(*from) {
            *from += 1;
            let Some(slot) = self.fds.slots.get_mut(fd as usize) else { continue };
            let renewed = slot.flags & RENEWED != 0;
            slot.flags &= !(LISTED | RENEWED);
            let mut new = 0;
            let mut at = slot.head;
            while let Some(w) = at {
                new |= w.events() as u8;
                at = w.next();
            }
            new &= (READ | WRITE) as u8;
            let old = slot.wanted;
            slot.wanted = new;
            if new == old && !renewed {
                continue;
            }
            let known = if renewed { old != 0 && slot.told != new } else { slot.told != 0 };
            slot.flags &= !ALWAYS;
            return Some(FdChange {
                fd: fd as Fd,
                serial: slot.serial.wrapping_add(1),
                old,
                new,
                told: slot.told,
                known,
            });
        }
        self.fds.changes.clear();
        *from = 0;
        None
    }

    /// Whether any change waits to be told.
    #[inline]
    pub const fn has_changes(&self) -> bool {
        !self.fds.changes.is_empty()
    }

    /// The kernel was told of a change: what it knows now, under the change's serial. Not called for a change that was
    /// left out because nothing is wanted any more.
    #[inline]
    pub fn change_done(&mut self, change: FdChange) {
        if let Some(slot) = self.fds.slots.get_mut(change.fd as usize) {
            slot.serial = change.serial;
            slot.told = change.new;
        }
    }

    /// The kernel cannot wait for this descriptor, it is a file that is always ready.
    pub fn always_ready(&mut self, fd: Fd) {
        if let Some(slot) = self.fds.slots.get_mut(fd as usize) {
            slot.told = 0;
            slot.flags |= ALWAYS;
            if !self.fds.always.contains(&(fd as u32)) {
                self.fds.always.push(fd as u32);
            }
        }
    }

    /// Whether a wait may not block because an always-ready file is watched.
    #[inline]
    pub const fn has_always_ready(&self) -> bool {
        !self.fds.always.is_empty()
    }

    /// Feeds the watchers of always-ready files. Call it after each wait where there are any.
    #[cold]
    pub fn feed_always_ready(&mut self) {
        let mut i = self.fds.always.len();
        while i > 0 {
            i -= 1;
            let fd = self.fds.always[i];
            let slot = self.fds.slots[fd as usize];
            if slot.flags & ALWAYS != 0 && slot.wanted != 0 {
                if slot.flags & LISTED == 0 {
                    self.feed_list(slot.head, i32::from(slot.wanted));
                }
            } else {
                self.fds.always.swap_remove(i);
            }
        }
    }

    /// A wait reported a descriptor.
    #[inline]
    pub fn report(&mut self, fd: Fd, serial: u32, got: u8) -> FdReport {
        let Some(slot) = self.fds.slots.get(fd as u32 as usize) else { return FdReport::Stale };
        if slot.serial != serial {
            return FdReport::Stale;
        }
        let (head, wanted, flags) = (slot.head, slot.wanted, slot.flags);
        if flags & LISTED == 0 {
            self.feed_list(head, i32::from(got));
        }
        if got & !wanted != 0 { self.unwanted(fd, got) } else { FdReport::Fed }
    }

    /// More was reported than is wanted: a hang-up, a registration that lags behind, or one that should not be there.
    #[cold]
    fn unwanted(&self, fd: Fd, got: u8) -> FdReport {
        let Some(&Slot { serial, wanted, told, .. }) = self.fds.slots.get(fd as u32 as usize) else {
            return FdReport::Stale;
        };
        if told == 0 {
            FdReport::Stale
        } else if got & told & !wanted != 0 {
            FdReport::Unwanted(FdFix { fd, serial, told, wanted })
        } else {
            FdReport::Beyond
        }
    }

    /// An unwanted registration was mended.
    pub fn fix_done(&mut self, fix: FdFix) {
        if let Some(slot) = self.fds.slots.get_mut(fix.fd as usize) {
            slot.told = fix.wanted;
        }
    }

    /// Makes the watchers of a descriptor pending that wait for one of the events, also those that the kernel does not know of
    /// yet.
    #[inline]
    pub fn feed_fd(&mut self, fd: Fd, events: i32) {
        if let Some(slot) = self.fds.slots.get(fd as u32 as usize) {
            self.feed_list(slot.head, events);
        }
    }

    #[inline]
    fn feed_list(&mut self, head: Option<W>, events: i32) {
        let mut at = head;
        while let Some(w) = at {
            let hit = w.events() & events;
            if hit != 0 {
                self.feed(w, hit);
            }
            at = w.next();
        }
    }

    /// The descriptor is not open: its watchers are stopped and learn of it.
    pub fn kill_fd(&mut self, fd: Fd) {
        while let Some(w) = self.fds.slots.get(fd as usize).and_then(|s| s.head) {
            self.io_stop(w, fd);
            self.feed(w, ERROR | READ | WRITE);
        }
    }

    /// The kernel forgot everything (a fork, a rebuilt backend): every descriptor must be told again.
    pub fn forget_kernel(&mut self) {
        for (fd, slot) in self.fds.slots.iter_mut().enumerate() {
            slot.told = 0;
            if slot.wanted != 0 {
                slot.wanted = 0;
                let listed = slot.flags & LISTED != 0;
                slot.flags |= LISTED | RENEWED;
                if !listed {
                    self.fds.changes.push(fd as u32);
                }
            }
        }
    }

    /// Checks what [`EvLoop::verify`](super::EvLoop::verify) says about descriptors.
    pub(super) fn verify_fds(&self) -> bool {
        self.fds.slots.iter().all(|slot| {
            let mut at = slot.head;
            while let Some(w) = at {
                if w.active() != 1 {
                    return false;
                }
                at = w.next();
            }
            true
        })
    }
}
