//! The calls to the kernel: changes of interest, the wait, and what its reports mean.

use crate::abi::ev_loop;
use crate::backend::Backend;
use crate::global::syserr;
use crate::state::{Renew, of, with};
use crate::watcher::W;
use core::ffi::{CStr, c_int};
use core::ptr::addr_of_mut;
use evoxide_core::ev_loop::{EvLoop, FdChange, FdFix, FdReport, READ, WRITE};
use evoxide_core::interest::{Change, Interest, Report};
use evoxide_sys::backend::{Backend as Kernel, Closed, Method, Take, Waiter};
use evoxide_sys::os::io;
use evoxide_sys::{errno, process};

// The kernel side knows the two conditions by bits one place higher.
const _: () = assert!(Interest::READ.bits() == (READ << 1) as u16 && Interest::WRITE.bits() == (WRITE << 1) as u16);

#[inline(always)]
fn interest(events: u8) -> Interest {
    Interest::from_bits_truncate(u16::from(events) << 1)
}

#[inline(always)]
const fn events(report: Report) -> u8 {
    (report.ready.bits() >> 1) as u8 & (READ | WRITE) as u8
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

#[inline(never)]
unsafe fn tell_changes_slow(l: *mut ev_loop) {
    let mut from = 0;
    // SAFETY: a live loop (the caller); the backend is another field than the machine, and nothing foreign runs.
    unsafe {
        let backend = &mut *addr_of_mut!((*of(l)).backend);
        backend.changed = true;
        while let Some(change) = with(l, |m| m.next_change(&mut from)) {
            let FdChange { fd, serial, new, told, known, .. } = change;
            if new == 0 && backend.method.closed() == Closed::Forgotten {
                // Most such descriptors are closed next; one that fires nevertheless is mended then.
                continue;
            }
            let old = if known { interest(told) } else { Interest::empty() };
            let result = backend.kernel.apply(&Change { fd, serial, old, new: interest(new) });
            with(l, |m| match result {
                Ok(()) => m.change_done(change),
                Err(error) if error.raw_os_error() == Some(libc::EPERM) => m.always_ready(fd),
                Err(_) => m.kill_fd(fd),
            });
        }
    }
}

/// Makes the watchers of what a wait found pending.
struct Taker<'a> {
    m: &'a mut EvLoop<W>,
    kernel: &'a mut Kernel,
    method: Method,
    changed: &'a mut bool,
    renew: &'a mut Renew,
}

impl Take for Taker<'_> {
    type Answer = ();

    // A loop for each backend, without a call for each report: 18 instructions of the chain benchmark's 170 an event.
    #[inline(always)]
    fn take(self, reports: impl Iterator<Item = Report>) {
        for report in reports {
            match self.m.report(report.fd, report.serial, events(report)) {
                FdReport::Fed => {}
                odd => {
                    *self.changed = true;
                    mend(self.m, self.kernel, self.method, report.fd, odd, self.renew);
                }
            }
        }
    }
}

/// Waits, at most `seconds`, and makes the watchers of ready descriptors pending.
///
/// # Safety
/// As for [`with`]. The release and acquire callbacks run inside.
#[inline(always)]
pub(crate) unsafe fn wait(l: *mut ev_loop, seconds: f64) {
    // SAFETY: a live loop (the caller). The backend is touched by the running thread only, so a reference to it may live
    // across the two callbacks; none to the machine does.
    unsafe {
        let backend = &mut *addr_of_mut!((*of(l)).backend);
        let always = with(l, |m| m.has_always_ready());
        let Backend { kernel, waiter, method, changed, resolution } = backend;
        let ns = match always {
            true => 0,
            // As the original: a tenth of a microsecond more than whole milliseconds does not make one more.
            false if *resolution >= 1e-3 => ((seconds * 1e3 + 0.9999) as i64).wrapping_mul(1_000_000) as u64,
            false => (seconds * 1e9) as i64 as u64,
        };
        if let Some(release) = (*of(l)).release {
            release(l);
        }
        let result = if *changed { prepare(kernel, waiter, changed) } else { Ok(()) };
        // A plain number: nothing here may need dropping while foreign code runs.
        let error = result.and_then(|()| waiter.wait(Some(ns))).map_or_else(|e| e.raw_os_error().unwrap_or(0), |_| -1);
        if let Some(acquire) = (*of(l)).acquire {
            acquire(l);
        }
        if error == -1 {
            let mut renew = (*of(l)).renew;
            with(l, |m| waiter.hand_to(Taker { m, kernel, method: *method, changed, renew: &mut renew }));
            (*of(l)).renew = renew;
        } else {
            failed(l, error);
        }
        if always {
            with(l, |m| m.feed_always_ready());
        }
    }
}

#[inline(never)]
fn prepare(kernel: &Kernel, waiter: &mut Waiter, changed: &mut bool) -> io::Result<()> {
    kernel.prepare(waiter)?;
    *changed = false;
    Ok(())
}

/// A report told of more than is wanted, or of a file that is gone.
#[cold]
#[inline(never)]
fn mend(m: &mut EvLoop<W>, kernel: &mut Kernel, method: Method, fd: c_int, odd: FdReport, renew: &mut Renew) {
    match odd {
        // A number that is not open is reported as a hang-up is.
        _ if method.closed() == Closed::Reported && !process::is_open(fd) => m.kill_fd(fd),
        FdReport::Unwanted(FdFix { fd, serial, told, wanted }) => {
            let change = Change { fd, serial, old: interest(told), new: interest(wanted) };
            match kernel.apply(&change) {
                Ok(()) => m.fix_done(FdFix { fd, serial, told, wanted }),
                Err(_) if *renew == Renew::Nothing => *renew = Renew::Backend,
                Err(_) => {}
            }
        }
        FdReport::Fed | FdReport::Beyond => {}
        FdReport::Stale if *renew == Renew::Nothing => *renew = Renew::Backend,
        FdReport::Stale => {}
    }
}

/// A wait failed: descriptors that are not open are the usual reason.
#[cold]
unsafe fn failed(l: *mut ev_loop, error: c_int) {
    // SAFETY: a live loop (the caller).
    unsafe {
        match error {
            libc::EBADF => {
                for fd in 0..with(l, |m| m.fd_limit()) {
                    if with(l, |m| m.fd_watched(fd)) && !process::is_open(fd) {
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
            code => {
                errno::set(code);
                let call = (*of(l)).backend.method.wait_call().to_bytes_with_nul();
                // On the stack: the callback may not return.
                let (mut text, name) = ([0; 64], b"(libev) ");
                text[..name.len()].copy_from_slice(name);
                text[name.len()..name.len() + call.len()].copy_from_slice(call);
                if let Ok(text) = CStr::from_bytes_until_nul(&text) {
                    syserr(text);
                }
            }
        }
    }
}
