//! The structs of `ev.h` and of libev's `event.h`, with their layouts asserted.
#![allow(non_camel_case_types)]

use core::ffi::{c_char, c_int, c_short, c_void};
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use core::mem::{offset_of, size_of};

/// `struct ev_loop`, opaque: callers hold its address, and `state` knows what is there.
#[repr(C)]
pub struct ev_loop {
    _opaque: [u8; 0],
}

pub(crate) const EV_READ: c_int = 0x01;
pub(crate) const EV_WRITE: c_int = 0x02;
pub(crate) const EV__IOFDSET: c_int = 0x80;
pub(crate) const EV_TIMER: c_int = 0x100;
pub(crate) const EV_SIGNAL: c_int = 0x400;
pub(crate) const EV_CHILD: c_int = 0x800;
pub(crate) const EV_STAT: c_int = 0x1000;
pub(crate) const EV_PREPARE: c_int = 0x4000;
pub(crate) const EV_CHECK: c_int = 0x8000;
pub(crate) const EV_EMBED: c_int = 0x1_0000;
pub(crate) const EV_FORK: c_int = 0x2_0000;
pub(crate) const EV_CLEANUP: c_int = 0x4_0000;
pub(crate) const EV_ASYNC: c_int = 0x8_0000;
pub(crate) const EV_CUSTOM: c_int = 0x100_0000;

pub(crate) const EVFLAG_NOENV: u32 = 0x0100_0000;
pub(crate) const EVFLAG_FORKCHECK: u32 = 0x0200_0000;
pub(crate) const EVFLAG_NOINOTIFY: u32 = 0x0010_0000;
pub(crate) const EVFLAG_SIGNALFD: u32 = 0x0020_0000;
pub(crate) const EVFLAG_NOSIGMASK: u32 = 0x0040_0000;
pub(crate) const EVFLAG_NOTIMERFD: u32 = 0x0080_0000;

pub(crate) const EVBACKEND_EPOLL: u32 = 0x04;
pub(crate) const EVBACKEND_KQUEUE: u32 = 0x08;
pub(crate) const EVBACKEND_PORT: u32 = 0x20;
pub(crate) const EVBACKEND_IOURING: u32 = 0x80;
pub(crate) const EVBACKEND_MASK: u32 = 0xffff;

pub(crate) const EVRUN_NOWAIT: c_int = 1;
pub(crate) const EVRUN_ONCE: c_int = 2;

/// What a watcher's callback looks like, whatever the watcher's type.
pub(crate) type Callback = Option<unsafe extern "C-unwind" fn(*mut ev_loop, *mut ev_watcher, c_int)>;
/// `ev_loop_callback`.
pub(crate) type LoopCallback = Option<unsafe extern "C-unwind" fn(*mut ev_loop)>;
/// A periodic's `reschedule_cb`.
pub(crate) type Reschedule = Option<unsafe extern "C-unwind" fn(*mut ev_periodic, f64) -> f64>;
/// `event_callback_fn`.
pub(crate) type EventCallback = Option<unsafe extern "C-unwind" fn(c_int, c_short, *mut c_void)>;

#[repr(C)]
pub(crate) struct ev_watcher {
    pub(crate) active: c_int,
    pub(crate) pending: c_int,
    pub(crate) priority: c_int,
    pub(crate) data: *mut c_void,
    pub(crate) cb: Callback,
}

impl ev_watcher {
    /// A stopped watcher.
    pub(crate) const fn new(cb: Callback, priority: c_int) -> Self {
        Self { active: 0, pending: 0, priority, data: core::ptr::null_mut(), cb }
    }
}

#[repr(C)]
pub(crate) struct ev_watcher_list {
    pub(crate) w: ev_watcher,
    pub(crate) next: *mut ev_watcher_list,
}

#[repr(C)]
pub(crate) struct ev_watcher_time {
    pub(crate) w: ev_watcher,
    pub(crate) at: f64,
}

#[repr(C)]
pub(crate) struct ev_io {
    pub(crate) list: ev_watcher_list,
    pub(crate) fd: c_int,
    pub(crate) events: c_int,
}

impl ev_io {
    /// A stopped watcher of nothing.
    pub(crate) const fn new(cb: Callback, priority: c_int) -> Self {
        Self {
            list: ev_watcher_list { w: ev_watcher::new(cb, priority), next: core::ptr::null_mut() },
            fd: -1,
            events: 0,
        }
    }
}

#[repr(C)]
pub(crate) struct ev_timer {
    pub(crate) time: ev_watcher_time,
    pub(crate) repeat: f64,
}

#[repr(C)]
pub(crate) struct ev_periodic {
    pub(crate) time: ev_watcher_time,
    pub(crate) offset: f64,
    pub(crate) interval: f64,
    pub(crate) reschedule_cb: Reschedule,
}

#[repr(C)]
pub(crate) struct ev_signal {
    pub(crate) list: ev_watcher_list,
    pub(crate) signum: c_int,
}

#[repr(C)]
pub(crate) struct ev_child {
    pub(crate) list: ev_watcher_list,
    pub(crate) flags: c_int,
    pub(crate) pid: c_int,
    pub(crate) rpid: c_int,
    pub(crate) rstatus: c_int,
}

#[repr(C)]
pub(crate) struct ev_stat {
    pub(crate) list: ev_watcher_list,
    pub(crate) timer: ev_timer,
    pub(crate) interval: f64,
    pub(crate) path: *const c_char,
    pub(crate) prev: libc::stat,
    pub(crate) attr: libc::stat,
    pub(crate) wd: c_int,
}

#[repr(C)]
pub(crate) struct ev_plain {
    pub(crate) w: ev_watcher,
}
pub(crate) type ev_idle = ev_plain;
pub(crate) type ev_prepare = ev_plain;
pub(crate) type ev_check = ev_plain;
pub(crate) type ev_fork = ev_plain;
pub(crate) type ev_cleanup = ev_plain;

#[repr(C)]
pub(crate) struct ev_embed {
    pub(crate) w: ev_watcher,
    pub(crate) other: *mut ev_loop,
    pub(crate) io: ev_io,
    pub(crate) prepare: ev_prepare,
    pub(crate) check: ev_check,
    pub(crate) timer: ev_timer,
    pub(crate) periodic: ev_periodic,
    pub(crate) idle: ev_idle,
    pub(crate) fork: ev_fork,
    pub(crate) cleanup: ev_cleanup,
}

#[repr(C)]
pub(crate) struct ev_async {
    pub(crate) w: ev_watcher,
    /// Written from other threads and signal handlers: only through an atomic.
    pub(crate) sent: c_int,
}

/// `struct event` of libev's own `event.h`.
#[repr(C)]
pub(crate) struct event {
    /// An `ev_signal` in the case of signals; both have the same size.
    pub(crate) io: ev_io,
    pub(crate) to: ev_timer,
    pub(crate) ev_base: *mut ev_loop,
    pub(crate) ev_callback: EventCallback,
    pub(crate) ev_arg: *mut c_void,
    pub(crate) ev_fd: c_int,
    pub(crate) ev_pri: c_int,
    pub(crate) ev_res: c_int,
    pub(crate) ev_flags: c_int,
    pub(crate) ev_events: c_short,
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
macro_rules! layout {
    ($($t:ty : $size:literal { $($f:ident $at:literal)* })*) => {
        const _: () = { $( assert!(size_of::<$t>() == $size); $( assert!(offset_of!($t, $f) == $at); )* )* };
    };
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
layout! {
    ev_watcher: 32 { active 0 pending 4 priority 8 data 16 cb 24 }
    ev_watcher_list: 40 { next 32 }
    ev_watcher_time: 40 { at 32 }
    ev_io: 48 { fd 40 events 44 }
    ev_timer: 48 { repeat 40 }
    ev_periodic: 64 { offset 40 interval 48 reschedule_cb 56 }
    ev_signal: 48 { signum 40 }
    ev_child: 56 { flags 40 pid 44 rpid 48 rstatus 52 }
    ev_stat: 400 { timer 40 interval 88 path 96 prev 104 attr 248 wd 392 }
    ev_plain: 32 { }
    ev_embed: 360 { other 32 io 40 prepare 88 check 120 timer 152 periodic 200 idle 264 fork 296 cleanup 328 }
    ev_async: 40 { sent 32 }
    event: 144 { to 48 ev_base 96 ev_callback 104 ev_arg 112 ev_fd 120 ev_pri 124 ev_res 128 ev_flags 132 ev_events 136 }
}
