//! epoll. The kernel's set is shared between the two halves; the epoll data word carries serial and descriptor.
//!
//! The plain mode makes the system calls that libevent makes (`epoll_wait`, milliseconds). The precise mode uses
//! `epoll_pwait2`, or a timerfd in the set where the kernel or a filter refuses that call.

use crate::os::io;
use alloc::{sync::Arc, vec, vec::Vec};
use core::ffi::CStr;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use evoxide_core::interest::{Change, Interest, Ready, Report};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use super::{Closed, Features, Options, Readiness, Wait, counted, is_none, millis};
use crate::fd;

/// How many reports one wait takes at first, and at most.
const FIRST: usize = 32;
const MOST: usize = 4096;

/// The data word of the timerfd; no descriptor is -1.
const TIMER: u64 = u64::MAX;

const NOTHING: libc::epoll_event = libc::epoll_event { events: 0, u64: 0 };

/// How a wait is ended in time.
pub(super) enum Timing {
    Millis,
    Pwait2,
    Timer(OwnedFd),
}

pub(super) struct Kernel {
    epoll: OwnedFd,
    timing: Timing,
}

impl Kernel {
    fn new(options: Options) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timing = if options.precise { Timing::precise(epoll.as_fd())? } else { Timing::Millis };
        Ok(Self { epoll, timing })
    }
}

impl Timing {
    fn precise(epoll: BorrowedFd<'_>) -> io::Result<Self> {
        let mut probe = [NOTHING];
        if pwait2(epoll, &mut probe, Some(0)) >= 0 { Ok(Self::Pwait2) } else { Self::timer(epoll) }
    }

    pub(super) fn timer(epoll: BorrowedFd<'_>) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // Edge-triggered: an expiry is reported once and never needs to be read.
        epoll::add(epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
        Ok(Self::Timer(timer))
    }
}

pub(super) struct Epoll {
    kernel: Arc<Kernel>,
    options: Options,
}

impl Readiness for Epoll {
    const NAME: &'static CStr = c"epoll";
    const FEATURES: Features = Features::ET.union(Features::O1).union(Features::EARLY_CLOSE);
    const RULED_OUT_BY: &'static CStr = c"EVENT_NOEPOLL";
    const WAIT_CALL: &'static CStr = c"epoll_wait";
    const RESOLUTION: u64 = 1_000_000;
    const EV_BIT: u32 = 0x04;
    const CLOSED: Closed = Closed::Forgotten;
    type Waiter = EpollWaiter;

    fn new(options: Options) -> io::Result<Self> {
        Ok(Self { kernel: Arc::new(Kernel::new(options)?), options })
    }

    fn waiter(&self) -> EpollWaiter {
        EpollWaiter { kernel: Arc::clone(&self.kernel), events: vec![NOTHING; FIRST], ready: 0, armed: false }
    }

    #[inline]
    fn apply(&mut self, change: &Change) -> io::Result<()> {
        let target = match fd::borrow(change.fd) {
            Ok(target) => target,
            Err(_) if is_none(change.new) => return Ok(()),
            Err(error) => return Err(error),
        };
        if is_none(change.new) {
            return match epoll::delete(&self.kernel.epoll, target) {
                // Closed, or never here: what was asked for holds.
                Err(Errno::NOENT | Errno::BADF | Errno::PERM) => Ok(()),
                other => Ok(other?),
            };
        }
        let data = EventData::new_u64(u64::from(change.serial) << 32 | u64::from(change.fd as u32));
        let flags = flags_of(change.new);
        if is_none(change.old) {
            match epoll::add(&self.kernel.epoll, target, data, flags) {
                // The number was closed and came back as a duplicate of the same file.
                Err(Errno::EXIST) => Ok(epoll::modify(&self.kernel.epoll, target, data, flags)?),
                other => Ok(other?),
            }
        } else {
            match epoll::modify(&self.kernel.epoll, target, data, flags) {
                // The number was closed and came back as another file.
                Err(Errno::NOENT) => match epoll::add(&self.kernel.epoll, target, data, flags) {
                    Err(Errno::EXIST) => Ok(epoll::modify(&self.kernel.epoll, target, data, flags)?),
                    other => Ok(other?),
                },
                other => Ok(other?),
            }
        }
    }

    #[inline]
    fn prepare(&self, waiter: &mut EpollWaiter) -> io::Result<()> {
        if !Arc::ptr_eq(&self.kernel, &waiter.kernel) {
            waiter.kernel = Arc::clone(&self.kernel);
            waiter.ready = 0;
            waiter.armed = false;
        }
        Ok(())
    }

    fn renew(&mut self) -> io::Result<()> {
        self.kernel = Arc::new(Kernel::new(self.options)?);
        Ok(())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.kernel.epoll.as_fd())
    }
}

#[cfg(test)]
impl Epoll {
    /// Has time kept in a way that this machine would not choose.
    pub(super) fn force(&mut self, timing: impl Fn(BorrowedFd<'_>) -> io::Result<Timing>) {
        let mut kernel = Kernel::new(Options::default()).unwrap();
        kernel.timing = timing(kernel.epoll.as_fd()).unwrap();
        self.kernel = Arc::new(kernel);
    }

    pub(super) fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }
}

pub(super) struct EpollWaiter {
    kernel: Arc<Kernel>,
    /// All initialised; the first `ready` are what the last wait found.
    events: Vec<libc::epoll_event>,
    ready: usize,
    /// The timerfd is running.
    armed: bool,
}

impl EpollWaiter {
    /// Takes more at once after a wait that filled all there was.
    #[cold]
    fn grow(&mut self) {
        let more = self.events.len().min(MOST - self.events.len());
        if self.events.try_reserve_exact(more).is_ok() {
            self.events.resize(self.events.len() + more, NOTHING);
        }
    }

    /// Has the timerfd expire in time and returns what is left to `epoll_wait`.
    fn arm(&mut self, timeout: Option<u64>) -> io::Result<Option<u64>> {
        let Timing::Timer(timer) = &self.kernel.timing else { return Ok(timeout) };
        let value = match timeout {
            Some(0) => return Ok(timeout),
            None if !self.armed => return Ok(None),
            other => timespec(other.unwrap_or(0)),
        };
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval: zero, it_value: value };
        rustix::time::timerfd_settime(timer, TimerfdTimerFlags::empty(), &spec)?;
        self.armed = timeout.is_some();
        Ok(None)
    }

    /// Takes the expiry out of what was found.
    fn disregard_timer(&mut self) {
        if let Some(at) = self.events[..self.ready].iter().position(|event| event.u64 == TIMER) {
            self.ready -= 1;
            self.events.swap(at, self.ready);
            self.armed = false;
        }
    }

    /// The waits of the precise mode.
    #[cold]
    fn wait_precise(&mut self, timeout: Option<u64>) -> io::Result<usize> {
        if let Timing::Pwait2 = self.kernel.timing {
            return counted(pwait2(self.kernel.epoll.as_fd(), &mut self.events, timeout));
        }
        let left = self.arm(timeout)?;
        self.ready = counted(plain_wait(self.kernel.epoll.as_fd(), &mut self.events, millis(left)))?;
        self.disregard_timer();
        Ok(self.ready)
    }
}

impl Wait for EpollWaiter {
    type Reports<'a> = EpollReports<'a>;

    #[inline]
    fn wait(&mut self, timeout: Option<u64>) -> io::Result<usize> {
        if self.ready == self.events.len() && self.ready < MOST {
            self.grow();
        }
        self.ready = 0;
        self.ready = match self.kernel.timing {
            Timing::Millis => counted(plain_wait(self.kernel.epoll.as_fd(), &mut self.events, millis(timeout)))?,
            _ => self.wait_precise(timeout)?,
        };
        Ok(self.ready)
    }

    #[inline]
    fn reports(&self) -> EpollReports<'_> {
        EpollReports { events: self.events[..self.ready].iter() }
    }
}

/// What epoll found.
#[derive(Clone)]
pub(super) struct EpollReports<'a> {
    events: core::slice::Iter<'a, libc::epoll_event>,
}

impl Iterator for EpollReports<'_> {
    type Item = Report;

    #[inline]
    fn next(&mut self) -> Option<Report> {
        self.events.next().map(report)
    }
}

#[inline]
fn report(event: &libc::epoll_event) -> Report {
    let (events, data) = (event.events, event.u64);
    Report { fd: data as u32 as i32, serial: (data >> 32) as u32, ready: ready_of(events) }
}

const IN: u32 = libc::EPOLLIN as u32;
const OUT: u32 = libc::EPOLLOUT as u32;
const PRI: u32 = libc::EPOLLPRI as u32;
const RDHUP: u32 = libc::EPOLLRDHUP as u32;
const HUP: u32 = libc::EPOLLHUP as u32;
const ERR: u32 = libc::EPOLLERR as u32;

/// An error, or a hang-up that is no orderly end, makes both directions ready and nothing else.
#[inline]
fn ready_of(events: u32) -> Ready {
    if events == IN {
        return Ready::READ.union(Ready::EDGE);
    }
    if events & (ERR | HUP) != 0 && events & (ERR | RDHUP) != RDHUP {
        return Ready::READ.union(Ready::WRITE).union(Ready::EDGE).union(Ready::UNUSUAL);
    }
    let mut ready = Ready::EDGE;
    ready.set(Ready::READ, events & IN != 0);
    ready.set(Ready::WRITE, events & OUT != 0);
    ready.set(Ready::CLOSED, events & RDHUP != 0);
    ready.set(Ready::UNUSUAL, events & PRI != 0);
    ready
}

#[inline]
fn flags_of(interest: Interest) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, interest.contains(Interest::READ));
    flags.set(EventFlags::OUT, interest.contains(Interest::WRITE));
    flags.set(EventFlags::RDHUP, interest.contains(Interest::CLOSED));
    flags.set(EventFlags::ET, interest.contains(Interest::EDGE));
    // Urgent data cuts a read short: who trusts in edges must know.
    flags.set(EventFlags::PRI, interest.contains(Interest::READ | Interest::CLOSED | Interest::EDGE));
    flags.set(EventFlags::ONESHOT, interest.contains(Interest::ONESHOT));
    flags
}

/// `epoll_wait` itself: rustix may turn its own into `epoll_pwait2`, which seccomp filters of deployed programs refuse.
#[inline]
fn plain_wait(epoll: BorrowedFd<'_>, events: &mut [libc::epoll_event], millis: libc::c_int) -> libc::c_int {
    // SAFETY: the array is initialised and its length is passed; at most MOST, so it fits. The kernel writes plain data.
    unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), events.len() as libc::c_int, millis) }
}

fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / 1_000_000_000) as _, tv_nsec: (ns % 1_000_000_000) as _ }
}

/// `epoll_pwait2` by number, since a C library may be too old to have it.
fn pwait2(epoll: BorrowedFd<'_>, events: &mut [libc::epoll_event], timeout: Option<u64>) -> libc::c_int {
    // The system call takes the kernel's 64-bit timespec on every architecture.
    #[repr(C)]
    struct KernelTime(i64, i64);
    let time = timeout.map(|ns| KernelTime((ns / 1_000_000_000) as i64, (ns % 1_000_000_000) as i64));
    let pointer = time.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: the array is initialised and its length is passed; the time outlives the call; no signal mask is given.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            events.as_mut_ptr(),
            events.len() as libc::c_int,
            pointer,
            core::ptr::null::<libc::sigset_t>(),
            0_usize,
        )
    };
    answer as libc::c_int
}
