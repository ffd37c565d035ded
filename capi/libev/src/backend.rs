//! How a loop waits: a backend of [`evoxide_sys`], chosen by libev's bits.

use crate::global::syserr;
use core::ffi::c_int;
use evoxide_sys::backend::{Backend as Kernel, Method, Options, Waiter};
use evoxide_sys::os::fd::AsRawFd;

/// How a loop waits.
pub(crate) struct Backend {
    pub(crate) kernel: Kernel,
    pub(crate) waiter: Waiter,
    pub(crate) method: Method,
    /// The waiter must be shown what is registered before it waits.
    pub(crate) changed: bool,
    /// The shortest wait that it knows, in seconds.
    pub(crate) resolution: f64,
}

impl Backend {
    /// The first of the wanted kinds that works here.
    pub(crate) fn open(wanted: u32) -> Option<Self> {
        Method::ALL.iter().filter(|&&method| method.ev_bit() & wanted != 0).find_map(|&method| {
            let kernel = Kernel::new(method, Options::default()).ok()?;
            let waiter = kernel.waiter();
            let resolution = method.resolution() as f64 / 1e9;
            Some(Self { kernel, waiter, method, changed: true, resolution })
        })
    }

    /// Its `EVBACKEND_` bit.
    pub(crate) fn bit(&self) -> u32 {
        self.method.ev_bit()
    }

    /// The descriptor that is readable when something happened; -1 where there is none.
    pub(crate) fn descriptor(&self) -> c_int {
        self.kernel.fd().map_or(-1, |fd| fd.as_raw_fd())
    }

    /// Forgets all registrations.
    pub(crate) fn renew(&mut self) {
        self.changed = true;
        while self.kernel.rebuild([]).is_err() {
            syserr(c"(libev) epoll_create");
        }
    }
}
