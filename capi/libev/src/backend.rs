//! Waiting: epoll, poll and select under the loop's rules.

use crate::abi::{EVBACKEND_EPOLL, EVBACKEND_POLL, EVBACKEND_SELECT, ev_loop};
use crate::global::syserr;
use crate::os;
use crate::state::{Renew, with};
use crate::watcher::W;
use core::ffi::c_int;
use evoxide_core::watch::{FdChange, FdFix, FdReport, READ, WRITE, Watch};

const R: u8 = READ as u8;
const WR: u8 = WRITE as u8;

/// How a loop waits.
pub(crate) enum Backend {
    Epoll { fd: c_int, events: Vec<libc::epoll_event> },
    Poll { fds: Vec<libc::pollfd>, at: Vec<i32> },
    Select { read: Vec<u64>, write: Vec<u64>, got_read: Vec<u64>, got_write: Vec<u64>, nfds: c_int },
}

impl Backend {
    /// The first of the wanted kinds that works here.
    pub(crate) fn open(wanted: u32) -> Option<Self> {
        if wanted & EVBACKEND_EPOLL != 0
            && let Ok(fd) = os::epoll_create()
        {
            return Some(Self::Epoll { fd, events: vec![libc::epoll_event { events: 0, u64: 0 }; 64] });
        }
        if wanted & EVBACKEND_POLL != 0 {
            return Some(Self::Poll { fds: Vec::new(), at: Vec::new() });
        }
        if wanted & EVBACKEND_SELECT != 0 {
            let [read, write, got_read, got_write] = [const { Vec::new() }; 4];
            return Some(Self::Select { read, write, got_read, got_write, nfds: 0 });
        }
        None
    }

    /// Its `EVBACKEND_` bit.
    pub(crate) const fn bit(&self) -> u32 {
        match self {
            Self::Epoll { .. } => EVBACKEND_EPOLL,
            Self::Poll { .. } => EVBACKEND_POLL,
            Self::Select { .. } => EVBACKEND_SELECT,
        }
    }

    /// The shortest wait it knows, in seconds.
    #[inline(always)]
    pub(crate) const fn resolution(&self) -> f64 {
        match self {
            Self::Epoll { .. } | Self::Poll { .. } => 1e-3,
            Self::Select { .. } => 1e-6,
        }
    }

    /// The descriptor that is readable when something happened; -1 where there is none.
    pub(crate) const fn descriptor(&self) -> c_int {
        match self {
            Self::Epoll { fd, .. } => *fd,
            _ => -1,
        }
    }

    pub(crate) fn close(&mut self) {
        if let Self::Epoll { fd, .. } = self
            && *fd >= 0
        {
            os::close(*fd);
            *fd = -1;
        }
    }

    /// Forgets all registrations.
    pub(crate) fn renew(&mut self) {
        match self {
            Self::Epoll { fd, .. } => {
                os::close(*fd);
                loop {
                    match os::epoll_create() {
                        Ok(new) => {
                            *fd = new;
                            break;
                        }
                        Err(_) => syserr(c"(libev) epoll_create"),
                    }
                }
            }
            Self::Poll { fds, at } => {
                fds.clear();
                at.clear();
            }
            Self::Select { read, write, .. } => {
                read.fill(0);
                write.fill(0);
            }
        }
    }
}

const fn epoll_bits(events: u8) -> u32 {
    (if events & R != 0 { libc::EPOLLIN as u32 } else { 0 })
        | (if events & WR != 0 { libc::EPOLLOUT as u32 } else { 0 })
}

/// Tells the kernel what changed since the last wait.
///
/// # Safety
/// As for [`with`].
#[inline]
pub(crate) unsafe fn tell_changes(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    if unsafe { with(l, |m| m.has_changes()) } {
        // SAFETY: the same.
        unsafe { tell_changes_slow(l) }
    }
}

unsafe fn tell_changes_slow(l: *mut ev_loop) {
    let mut from = 0;
    // SAFETY: a live loop; sections only around the machine, the backend is another field.
    unsafe {
        while let Some(change) = with(l, |m| m.next_change(&mut from)) {
            match &mut (*l).backend {
                Backend::Epoll { fd, .. } => {
                    let epoll = *fd;
                    tell_epoll(l, epoll, change);
                }
                Backend::Poll { fds, at } => {
                    tell_poll(fds, at, change);
                    with(l, |m| m.change_done(change));
                }
                Backend::Select { read, write, nfds, .. } => {
                    tell_select(read, write, nfds, change);
                    with(l, |m| m.change_done(change));
                }
            }
        }
    }
}

unsafe fn tell_epoll(l: *mut ev_loop, epoll: c_int, change: FdChange) {
    let FdChange { fd, serial, new, told, known, .. } = change;
    if new == 0 {
        // Most such descriptors are closed next; one that fires nevertheless is mended then.
        return;
    }
    let (bits, data) = (epoll_bits(new), u64::from(serial) << 32 | fd as u32 as u64);
    let ctl = |op| os::epoll_ctl(epoll, op, fd, bits, data);
    let result = if known {
        match ctl(libc::EPOLL_CTL_MOD) {
            Err(libc::ENOENT) => ctl(libc::EPOLL_CTL_ADD),
            other => other,
        }
    } else {
        match ctl(libc::EPOLL_CTL_ADD) {
            // It is still there, and as wanted.
            Err(libc::EEXIST) if told == new => return,
            Err(libc::EEXIST) => ctl(libc::EPOLL_CTL_MOD),
            other => other,
        }
    };
    // SAFETY: a live loop (the caller).
    unsafe {
        with(l, |m| match result {
            Ok(()) => m.change_done(change),
            Err(libc::EPERM) => m.always_ready(fd),
            Err(_) => m.kill_fd(fd),
        });
    }
}

fn tell_poll(fds: &mut Vec<libc::pollfd>, at: &mut Vec<i32>, change: FdChange) {
    let fd = change.fd as usize;
    if fd >= at.len() {
        at.resize((fd + 1).next_power_of_two(), -1);
    }
    let events =
        (if change.new & R != 0 { libc::POLLIN } else { 0 }) | (if change.new & WR != 0 { libc::POLLOUT } else { 0 });
    let place = at[fd];
    if place < 0 {
        if events != 0 {
            at[fd] = fds.len() as i32;
            fds.push(libc::pollfd { fd: change.fd, events, revents: 0 });
        }
    } else if events != 0 {
        fds[place as usize].events = events;
    } else {
        at[fd] = -1;
        fds.swap_remove(place as usize);
        if let Some(moved) = fds.get(place as usize) {
            at[moved.fd as usize] = place;
        }
    }
}

fn tell_select(read: &mut Vec<u64>, write: &mut Vec<u64>, nfds: &mut c_int, change: FdChange) {
    let (word, bit) = (change.fd as usize / 64, 1 << (change.fd % 64));
    if word >= read.len() {
        // The kernel reads whole words, and C libraries may check against their own set size: never less than that.
        let len = (word + 1).max(16);
        read.resize(len, 0);
        write.resize(len, 0);
    }
    for (map, wanted) in [(read, R), (write, WR)] {
        if change.new & wanted != 0 {
            map[word] |= bit;
        } else {
            map[word] &= !bit;
        }
    }
    if change.new != 0 {
        *nfds = (*nfds).max(change.fd + 1);
    }
}

/// Waits, at most so many seconds, and makes the watchers of ready descriptors pending.
///
/// # Safety
/// As for [`with`]. The release and acquire callbacks run inside.
#[inline]
pub(crate) unsafe fn wait(l: *mut ev_loop, seconds: f64) {
    // SAFETY: a live loop (the caller). The backend's buffers are touched by the running thread only, so references to
    // them may live across the callbacks; none to the machine does.
    unsafe {
        match &mut (*l).backend {
            Backend::Epoll { fd, events } => wait_epoll(l, *fd, events, seconds),
            Backend::Poll { fds, .. } => wait_poll(l, fds, seconds),
            Backend::Select { read, write, got_read, got_write, nfds } => {
                got_read.clone_from(read);
                got_write.clone_from(write);
                let nfds = *nfds;
                wait_select(l, nfds, got_read, got_write, seconds);
            }
        }
    }
}

#[inline(always)]
unsafe fn released<R>(l: *mut ev_loop, f: impl FnOnce() -> R) -> R {
    // SAFETY: a live loop (the caller); the callbacks are the user's, no reference into the machine lives.
    unsafe {
        if let Some(release) = (*l).release {
            release(l);
        }
        let result = f();
        if let Some(acquire) = (*l).acquire {
            let saved = os::errno();
            acquire(l);
            os::set_errno(saved);
        }
        result
    }
}

#[inline(always)]
fn milliseconds(seconds: f64) -> c_int {
    (seconds * 1e3 + 0.9999) as c_int
}

#[inline(always)]
unsafe fn wait_epoll(l: *mut ev_loop, epoll: c_int, events: &mut Vec<libc::epoll_event>, seconds: f64) {
    // SAFETY: a live loop (the caller).
    unsafe {
        let always = with(l, |m| m.has_always_ready());
        let ms = if always { 0 } else { milliseconds(seconds) };
        let n = match released(l, || os::epoll_wait(epoll, events, ms)) {
            Ok(n) => n,
            Err(libc::EINTR) => 0,
            Err(_) => {
                syserr(c"(libev) epoll_wait");
                0
            }
        };
        let mut found = events[..n.min(events.len())].iter();
        while let Some(odd) = with(l, |m| feed_ready(m, &mut found)) {
            match odd {
                FdReport::Fed => {}
                FdReport::Stale => (*l).renew = if (*l).renew == Renew::All { Renew::All } else { Renew::Backend },
                FdReport::Unwanted(fix) => mend(l, epoll, fix),
            }
        }
        if n == events.len() {
            events.resize(n * 2, libc::epoll_event { events: 0, u64: 0 });
        }
        if always {
            with(l, |m| m.feed_always_ready());
        }
    }
}

/// Hands over what epoll found; stops after a report that needs more than that.
#[inline(always)]
fn feed_ready(m: &mut Watch<W>, found: &mut core::slice::Iter<'_, libc::epoll_event>) -> Option<FdReport> {
    for event in found {
        let (bits, data) = (event.events, event.u64);
        let broken = bits & (libc::EPOLLERR | libc::EPOLLHUP) as u32 != 0;
        // The two conditions have the bits that libev gives them, after a shift of the second.
        const { assert!(libc::EPOLLIN == READ && libc::EPOLLOUT >> 1 == WRITE) };
        let got = (bits & libc::EPOLLIN as u32 | bits >> 1 & WRITE as u32) as u8 | if broken { R | WR } else { 0 };
        match m.report(data as u32 as c_int, (data >> 32) as u32, got) {
            FdReport::Fed => {}
            odd => return Some(odd),
        }
    }
    None
}

#[cold]
unsafe fn mend(l: *mut ev_loop, epoll: c_int, fix: FdFix) {
    let op = if fix.wanted != 0 { libc::EPOLL_CTL_MOD } else { libc::EPOLL_CTL_DEL };
    let data = u64::from(fix.serial) << 32 | fix.fd as u32 as u64;
    // SAFETY: a live loop (the caller).
    unsafe {
        match os::epoll_ctl(epoll, op, fix.fd, epoll_bits(fix.wanted), data) {
            Ok(()) => with(l, |m| m.fix_done(fix)),
            // Reported under a number that means another file by now.
            Err(_) if (*l).renew == Renew::Nothing => (*l).renew = Renew::Backend,
            Err(_) => {}
        }
    }
}

unsafe fn wait_poll(l: *mut ev_loop, fds: &mut [libc::pollfd], seconds: f64) {
    // SAFETY: a live loop (the caller).
    unsafe {
        match released(l, || os::poll(fds, milliseconds(seconds))) {
            Ok(mut left) => {
                for p in fds.iter().filter(|p| p.revents != 0) {
                    if left == 0 {
                        break;
                    }
                    left -= 1;
                    let (fd, got) = (p.fd, p.revents);
                    if got & libc::POLLNVAL != 0 {
                        with(l, |m| m.kill_fd(fd));
                        continue;
                    }
                    let read = if got & (libc::POLLIN | libc::POLLERR | libc::POLLHUP) != 0 { READ } else { 0 };
                    let write = if got & (libc::POLLOUT | libc::POLLERR | libc::POLLHUP) != 0 { WRITE } else { 0 };
                    with(l, |m| m.feed_fd(fd, read | write));
                }
            }
            Err(error) => failed(l, error, c"(libev) poll"),
        }
    }
}

unsafe fn wait_select(l: *mut ev_loop, nfds: c_int, read: &mut [u64], write: &mut [u64], seconds: f64) {
    // SAFETY: a live loop (the caller).
    unsafe {
        match released(l, || os::select(nfds, read, write, seconds)) {
            Ok(0) => {}
            Ok(_) => {
                for word in 0..read.len() {
                    let mut any = read[word] | write[word];
                    while any != 0 {
                        let bit = any.trailing_zeros();
                        any &= any - 1;
                        let r = if read[word] >> bit & 1 != 0 { READ } else { 0 };
                        let w = if write[word] >> bit & 1 != 0 { WRITE } else { 0 };
                        with(l, |m| m.feed_fd((word * 64) as c_int + bit as c_int, r | w));
                    }
                }
            }
            Err(error) => failed(l, error, c"(libev) select"),
        }
    }
}

/// A wait failed: descriptors that are not open are the usual reason.
#[cold]
unsafe fn failed(l: *mut ev_loop, error: c_int, what: &'static core::ffi::CStr) {
    // SAFETY: a live loop (the caller).
    unsafe {
        match error {
            libc::EINTR => {}
            libc::EBADF => {
                for fd in 0..with(l, |m| m.fd_limit()) {
                    if with(l, |m| m.fd_watched(fd)) && !os::is_open(fd) {
                        with(l, |m| m.kill_fd(fd));
                    }
                }
            }
            libc::ENOMEM => {
                let last = (0..with(l, |m| m.fd_limit())).rev().find(|&fd| with(l, |m| m.fd_watched(fd)));
                if let Some(fd) = last {
                    with(l, |m| m.kill_fd(fd));
                }
            }
            _ => {
                os::set_errno(error);
                syserr(what);
            }
        }
    }
}
