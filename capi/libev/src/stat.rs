//! `ev_stat`: attributes of a path, by inotify where that can be relied on, else by looking from time to time.

use crate::abi::{EV_STAT, ev_loop, ev_stat, ev_timer, ev_watcher, ev_watcher_list, ev_watcher_time};
use crate::own;
use crate::state::{SPREAD, Source, of, with};
use crate::timer::ev_timer_again;
use crate::watcher::{W, unlink};
use alloc::ffi::CString;
use core::ffi::{CStr, c_int};
use core::mem::offset_of;
use core::ptr::{addr_of, addr_of_mut, null_mut};
use evoxide_sys::inotify::{Inotify, PathEvent, filesystem};
use evoxide_sys::os::fd::{AsFd, AsRawFd};
use evoxide_sys::os::io;

/// How often to look where the caller does not say.
const USUAL: f64 = 5.0074891;
/// The shortest interval at which to look.
const SHORTEST: f64 = 0.1074891;

const PLACE: u32 = libc::IN_CREATE | libc::IN_DELETE | libc::IN_MOVED_FROM | libc::IN_MOVED_TO | libc::IN_MASK_ADD;
const SELF: u32 = libc::IN_DELETE_SELF | libc::IN_MOVE_SELF;
const FILE: u32 = libc::IN_ATTRIB | libc::IN_MODIFY | libc::IN_DONT_FOLLOW;

/// File systems whose every change inotify reports: ext2 to ext4, XFS, btrfs, JFS, ReiserFS.
const LOCAL: [i64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0x3153_464a, 0x5265_4973];

/// `ev_stat_stat`: looks at the path now.
///
/// # Safety
/// An initialised watcher whose path is a terminated text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_stat_stat(_l: *mut ev_loop, w: *mut ev_stat) {
    // SAFETY: the caller; the call fills `attr`.
    unsafe {
        if libc::lstat((*w).path, addr_of_mut!((*w).attr)) < 0 {
            (*w).attr.st_nlink = 0;
        } else if (*w).attr.st_nlink == 0 {
            (*w).attr.st_nlink = 1;
        }
    }
}

/// `ev_stat_start`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher whose path stays in place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_stat_start(l: *mut ev_loop, w: *mut ev_stat) {
    // SAFETY: the caller.
    unsafe {
        if (*w).list.w.active != 0 {
            return;
        }
        ev_stat_stat(l, w);
        if (*w).interval < SHORTEST && (*w).interval != 0. {
            (*w).interval = SHORTEST;
        }
        let time = ev_watcher_time { w: ev_watcher::new(Some(look), (*w).list.w.priority), at: 0. };
        addr_of_mut!((*w).timer).write(ev_timer { time, repeat: interval(w) });
        open(l);
        watch_path(l, w);
        with(l, |m| m.started(W::new(w), 1));
    }
}

/// `ev_stat_stop`.
///
/// # Safety
/// A live loop of this thread; an initialised watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ev_stat_stop(l: *mut ev_loop, w: *mut ev_stat) {
    // SAFETY: the caller.
    unsafe {
        with(l, |m| m.clear_pending(W::new(w)));
        if (*w).list.w.active == 0 {
            return;
        }
        unwatch_path(l, w);
        with(l, |m| {
            if (*w).timer.time.w.active != 0 {
                m.add_refs(1);
            }
            m.timer_stop(W::new(addr_of_mut!((*w).timer)));
            m.stopped(W::new(w));
        });
    }
}

unsafe fn interval(w: *mut ev_stat) -> f64 {
    // SAFETY: a live watcher (the caller).
    unsafe { if (*w).interval != 0. { (*w).interval } else { USUAL } }
}

/// Starts or stops the timer as its interval says; it does not keep the loop alive.
unsafe fn rearm(l: *mut ev_loop, w: *mut ev_stat) {
    // SAFETY: a live loop and watcher (the caller).
    unsafe {
        let timer = addr_of_mut!((*w).timer);
        if (*timer).time.w.active != 0 {
            with(l, |m| m.add_refs(1));
        }
        ev_timer_again(l, timer);
        if (*timer).time.w.active != 0 {
            with(l, |m| m.add_refs(-1));
        }
    }
}

/// Makes sure that inotify is there, if it can be had.
unsafe fn open(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        if (&mut *addr_of_mut!((*of(l)).paths)).open(Inotify::new)
            && let Some(source) = inotify(l)
        {
            own::start(l, addr_of_mut!((*of(l)).path_io), source.as_fd().as_raw_fd());
        }
    }
}

/// What tells of changed paths, if there is such a thing.
unsafe fn inotify<'a>(l: *mut ev_loop) -> Option<&'a Inotify> {
    // SAFETY: a live loop (the caller); nothing that is done with the answer closes it.
    unsafe { (&*addr_of!((*of(l)).paths)).get() }
}

/// Has inotify watch the path, or the nearest folder that exists, and the timer do the rest.
unsafe fn watch_path(l: *mut ev_loop, w: *mut ev_stat) {
    // SAFETY: a live loop and watcher with a terminated path (the caller).
    unsafe {
        (*w).timer.repeat = interval(w);
        let Some(source) = inotify(l) else { return rearm(l, w) };
        let path = CStr::from_ptr((*w).path);
        match source.add(path, PLACE | SELF | FILE) {
            Ok(wd) => {
                (*w).wd = wd;
                if filesystem(path).is_ok_and(|kind| LOCAL.contains(&kind)) {
                    (*w).timer.repeat = 0.;
                }
            }
            Err(error) => (*w).wd = watch_folder(source, path, &error).unwrap_or(-1),
        }
        if (*w).wd >= 0 {
            let head = addr_of_mut!((*of(l)).path_lists[(*w).wd as usize % SPREAD]);
            (*w).list.next = *head;
            *head = w.cast();
        }
        rearm(l, w);
    }
}

/// Watches the nearest folder of a path that cannot be watched itself.
fn watch_folder(source: &Inotify, path: &CStr, error: &io::Error) -> Option<c_int> {
    let may_be_above = |error: &io::Error| matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EACCES));
    let mut folder = path.to_bytes();
    let mut go_on = may_be_above(error) && folder.len() <= 4096;
    while go_on {
        let slash = folder.iter().rposition(|&b| b == b'/').filter(|&at| at > 0)?;
        folder = &folder[..slash];
        match source.add(&CString::new(folder).ok()?, PLACE | SELF) {
            Ok(wd) => return Some(wd),
            Err(error) => go_on = may_be_above(&error),
        }
    }
    None
}

unsafe fn unwatch_path(l: *mut ev_loop, w: *mut ev_stat) {
    // SAFETY: a live loop and watcher (the caller).
    unsafe {
        let wd = (*w).wd;
        if wd < 0 {
            return;
        }
        (*w).wd = -2;
        let mut head = (*of(l)).path_lists[wd as usize % SPREAD];
        unlink(&mut head, w.cast());
        (*of(l)).path_lists[wd as usize % SPREAD] = head;
        // Paths of one file share the number: it goes with the last.
        let mut other = head.cast::<ev_stat>();
        while !other.is_null() {
            if (*other).wd == wd {
                return;
            }
            other = (*other).list.next.cast();
        }
        if let Some(source) = inotify(l) {
            source.remove(wd);
        }
    }
}

/// The timer's callback: looks whether something changed.
unsafe extern "C-unwind" fn look(l: *mut ev_loop, timer: *mut ev_watcher, _revents: c_int) {
    // SAFETY: `timer` is the timer inside a stat watcher that is active.
    unsafe {
        let w = timer.byte_sub(offset_of!(ev_stat, timer)).cast::<ev_stat>();
        let before = addr_of!((*w).attr).read();
        ev_stat_stat(l, w);
        if !differs(&before, &*addr_of!((*w).attr)) {
            return;
        }
        addr_of_mut!((*w).prev).write(before);
        if inotify(l).is_some() {
            // Another file may be behind the path now.
            unwatch_path(l, w);
            watch_path(l, w);
            ev_stat_stat(l, w);
        }
        with(l, |m| m.feed(W::new(w), EV_STAT));
    }
}

fn differs(a: &libc::stat, b: &libc::stat) -> bool {
    a.st_dev != b.st_dev
        || a.st_ino != b.st_ino
        || a.st_mode != b.st_mode
        || a.st_nlink != b.st_nlink
        || a.st_uid != b.st_uid
        || a.st_gid != b.st_gid
        || a.st_rdev != b.st_rdev
        || a.st_size != b.st_size
        || a.st_atime != b.st_atime
        || a.st_mtime != b.st_mtime
        || a.st_ctime != b.st_ctime
}

/// The callback of the inotify descriptor.
pub(crate) unsafe extern "C-unwind" fn paths_changed(l: *mut ev_loop, _w: *mut ev_watcher, _revents: c_int) {
    let mut bytes = [0; 4096];
    // SAFETY: called by the loop, on the loop's thread.
    unsafe {
        let Some(Ok(events)) = inotify(l).map(|source| source.read(&mut bytes)) else { return };
        for PathEvent { watch, mask } in events {
            if watch >= 0 {
                path_changed(l, watch as usize % SPREAD, watch, mask);
            } else {
                // Too much happened at once: anything may have changed.
                for list in 0..SPREAD {
                    path_changed(l, list, -1, mask);
                }
            }
        }
    }
}

unsafe fn path_changed(l: *mut ev_loop, list: usize, wd: c_int, mask: u32) {
    // SAFETY: a live loop (the caller); its active watchers are live. What is done to a watcher may move it to the front of
    // a list, never another one.
    unsafe {
        let mut at = (*of(l)).path_lists[list];
        while !at.is_null() {
            let w = at.cast::<ev_stat>();
            at = (*at).next;
            if wd >= 0 && (*w).wd != wd {
                continue;
            }
            if mask & (libc::IN_IGNORED | libc::IN_UNMOUNT | libc::IN_DELETE_SELF) != 0 && (*w).wd >= 0 {
                let home = (*w).wd as usize % SPREAD;
                let mut head = (*of(l)).path_lists[home];
                unlink(&mut head, w.cast());
                (*of(l)).path_lists[home] = head;
                (*w).wd = -1;
                watch_path(l, w);
            }
            look(l, addr_of_mut!((*w).timer).cast(), 0);
        }
    }
}

/// After a fork: an inotify of our own.
pub(crate) unsafe fn renew(l: *mut ev_loop) {
    // SAFETY: a live loop (the caller).
    unsafe {
        if inotify(l).is_none() {
            return;
        }
        own::stop(l, addr_of_mut!((*of(l)).path_io));
        (*of(l)).paths = Source::Unopened;
        open(l);
        let lists: [*mut ev_watcher_list; SPREAD] = (*of(l)).path_lists;
        (*of(l)).path_lists = [null_mut(); SPREAD];
        for mut at in lists {
            while !at.is_null() {
                let w = at.cast::<ev_stat>();
                at = (*at).next;
                (*w).wd = -1;
                watch_path(l, w);
            }
        }
    }
}
