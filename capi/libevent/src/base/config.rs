//! `struct event_config`, the environment, and the choice of a backend.

use crate::abi::entry::In;
use crate::util::time::nanos;
use core::cell::Cell;
use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use evoxide_core::reactor::Limits;
use evoxide_ffi::mm;
use evoxide_sys::backend::{Backend, Closed, Features, Method, Options};
use libc::timeval;

/// `EVENT_BASE_FLAG_*`.
pub(crate) mod flag {
    pub const NOLOCK: u32 = 0x01;
    pub const IGNORE_ENV: u32 = 0x02;
    pub const NO_CACHE_TIME: u32 = 0x08;
    pub const CHANGELIST: u32 = 0x10;
    pub const PRECISE_TIMER: u32 = 0x20;
}

/// One method to avoid.
pub(crate) struct Avoided {
    name: *mut c_char,
    next: *mut Avoided,
}

/// `struct event_config`, opaque to C.
pub struct event_config {
    avoided: Cell<*mut Avoided>,
    features: Cell<Features>,
    flags: Cell<u32>,
    interval: Cell<Option<u64>>,
    callbacks: Cell<u32>,
    min_priority: Cell<u8>,
}

/// What a configuration and the environment amount to.
pub(crate) struct Settings {
    pub no_lock: bool,
    pub no_cache_time: bool,
    pub show_method: bool,
    pub limits: Limits,
    environment: bool,
    changelist: bool,
    pub precise: bool,
}

/// A backend as C names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub method: Method,
    pub changelist: bool,
}

impl Choice {
    /// The name with its terminator, for C.
    pub fn c_name(self) -> &'static CStr {
        if self.changelist { c"epoll (with changelist)" } else { self.method.c_name() }
    }

    pub fn name(self) -> &'static str {
        self.c_name().to_str().unwrap_or_default()
    }
}

/// Whether an environment variable is set, and the process is not one that must not trust its environment.
fn environment(name: &CStr) -> bool {
    // SAFETY: the name is a terminated string; the auxiliary vector is always there.
    unsafe { libc::getauxval(libc::AT_SECURE) == 0 && !libc::getenv(name.as_ptr()).is_null() }
}

/// Works out what is wanted.
pub(crate) fn settings(config: Option<&event_config>) -> Settings {
    let flags = config.map_or(0, |c| c.flags.get());
    let trusted = flags & flag::IGNORE_ENV == 0;
    let limits = config.map_or_else(Limits::default, |c| Limits {
        callbacks: c.callbacks.get(),
        min_priority: match (c.callbacks.get(), c.interval.get()) {
            (callbacks, None) if callbacks == c_int::MAX as u32 => u8::MAX,
            _ => c.min_priority.get(),
        },
        interval: c.interval.get(),
    });
    Settings {
        no_lock: flags & flag::NOLOCK != 0,
        no_cache_time: flags & flag::NO_CACHE_TIME != 0,
        show_method: trusted && environment(c"EVENT_SHOW_METHOD"),
        limits,
        environment: trusted,
        changelist: flags & flag::CHANGELIST != 0 || trusted && environment(c"EVENT_EPOLL_USE_CHANGELIST"),
        precise: flags & flag::PRECISE_TIMER != 0 || trusted && environment(c"EVENT_PRECISE_TIMER"),
    }
}

/// Opens the best backend that is allowed, can what is required, and works.
pub(crate) fn open(config: Option<&event_config>, settings: &Settings) -> Option<(Choice, Backend)> {
    for &method in Method::ALL {
        if settings.environment && environment(method.ruled_out_by()) {
            continue;
        }
        if let Some(config) = config
            && (config.avoids(method) || !method.features().contains(config.features.get()))
        {
            continue;
        }
        if let Ok(backend) = Backend::new(method, Options { precise: settings.precise }) {
            let changelist = settings.changelist && method.closed() == Closed::Forgotten;
            return Some((Choice { method, changelist }, backend));
        }
    }
    None
}

impl event_config {
    fn avoids(&self, method: Method) -> bool {
        let mut at = self.avoided.get();
        // SAFETY: the list holds what `event_config_avoid_method` made, with terminated copies.
        unsafe {
            while let Some(avoided) = at.as_ref() {
                if CStr::from_ptr(avoided.name) == method.c_name() {
                    return true;
                }
                at = avoided.next;
            }
        }
        false
    }
}

/// An empty configuration.
#[unsafe(no_mangle)]
pub extern "C" fn event_config_new() -> *mut event_config {
    let config = event_config {
        avoided: Cell::new(ptr::null_mut()),
        features: Cell::new(Features::empty()),
        flags: Cell::new(0),
        interval: Cell::new(None),
        callbacks: Cell::new(c_int::MAX as u32),
        min_priority: Cell::new(1),
    };
    mm::alloc(config).map_or(ptr::null_mut(), |p| p.as_ptr())
}

/// Frees a configuration.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_config_free(cfg: *mut event_config) {
    let Some(config) = ptr::NonNull::new(cfg) else { return };
    // SAFETY: the caller's configuration came from `event_config_new`; the list is its own.
    unsafe {
        let mut at = (*cfg).avoided.get();
        while !at.is_null() {
            let next = (*at).next;
            mm::free((*at).name.cast());
            mm::free(at.cast());
            at = next;
        }
        mm::free_value(config);
    }
}

/// Rules a method out by name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_config_avoid_method(cfg: &event_config, method: *const c_char) -> c_int {
    let entry = mm::malloc(size_of::<Avoided>()).cast::<Avoided>();
    if entry.is_null() {
        return -1;
    }
    // SAFETY: a terminated string, which is copied; `entry` is fresh memory.
    unsafe {
        let name = mm::strdup(method);
        if name.is_null() {
            mm::free(entry.cast());
            return -1;
        }
        entry.write(Avoided { name, next: cfg.avoided.get() });
        cfg.avoided.set(entry);
    }
    0
}

/// Requires features of the method.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_config_require_features(cfg: Option<&event_config>, features: c_int) -> c_int {
    let Some(config) = cfg else { return -1 };
    config.features.set(Features::from_bits_retain(features as u32));
    0
}

/// Adds flags.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_config_set_flag(cfg: Option<&event_config>, flag: c_int) -> c_int {
    let Some(config) = cfg else { return -1 };
    config.flags.set(config.flags.get() | flag as u32);
    0
}

/// Accepted; there is nothing here that a number of processors would change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_config_set_num_cpus_hint(cfg: Option<&event_config>, _cpus: c_int) -> c_int {
    if cfg.is_none() { -1 } else { 0 }
}

/// Limits how long callbacks of less urgent priorities run before new events are looked for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn event_config_set_max_dispatch_interval(
    cfg: Option<&event_config>,
    max_interval: In<'_, timeval>,
    max_callbacks: c_int,
    min_priority: c_int,
) -> c_int {
    let Some(config) = cfg else { return -1 };
    config.interval.set(max_interval.map(|tv| nanos(&tv.get())));
    config.callbacks.set(if max_callbacks >= 0 { max_callbacks as u32 } else { c_int::MAX as u32 });
    config.min_priority.set(min_priority.clamp(0, c_int::from(u8::MAX)) as u8);
    0
}

/// The names of all methods, ended by a null.
#[unsafe(no_mangle)]
pub extern "C" fn event_get_supported_methods() -> *mut *const c_char {
    #[repr(transparent)]
    struct Names([*const c_char; Method::ALL.len() + 1]);
    // SAFETY: pointers to constants, never written.
    unsafe impl Sync for Names {}
    static NAMES: Names = {
        let mut names = [ptr::null(); Method::ALL.len() + 1];
        let mut at = 0;
        while at < Method::ALL.len() {
            names[at] = Method::ALL[at].c_name().as_ptr();
            at += 1;
        }
        Names(names)
    };
    NAMES.0.as_ptr().cast_mut()
}
