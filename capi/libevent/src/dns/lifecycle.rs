//! How an `evdns_base` begins and ends.

use super::base::{Pool, SECOND, State, evdns_base};
use super::kept::Kept;
use super::link::{Link, Settings};
use super::{current, options, own, pending};
use crate::abi::dns::{base as flag, err};
use crate::base::event_base;
use alloc::vec::Vec;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_short, c_void};
use core::{mem::MaybeUninit, ptr};
use evoxide_ffi::lock::{ExtLock, LOCKTYPE_RECURSIVE};
use evoxide_ffi::{guarded::Guarded, mm, warnx};
use evoxide_proto::dns::Name;
use evoxide_proto::dns::hosts::Hosts;
use evoxide_proto::dns::resolver::{Options, Resolver};
use evoxide_sys::clock;

unsafe extern "C-unwind" fn on_timer(_fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: the base outlives its timer.
    let dns = unsafe { &*arg.cast::<evdns_base>() };
    let held = dns.hold();
    held.with(|state| {
        state.armed = None;
        state.resolver.expire(clock::monotonic(), &mut state.random);
    });
}

/// What 2.1 does by default.
fn defaults() -> Options {
    let mut options = Options::default();
    options.timeout = 5 * SECOND;
    options.attempts = 3;
    options.reissues = 1;
    options.max_inflight = 64;
    options.max_timeouts = 3;
    options.initial_probe = 10 * SECOND;
    options.max_probe = 3600 * SECOND;
    options.probe_factor = 3;
    options.probe_name = Name::from_text(b"google.com").ok();
    options.rotate = true;
    options.edns = None;
    options.join = false;
    options.wait_for_server = true;
    options.tcp_idle = 3 * SECOND;
    options.search_refused = true;
    options
}

fn new(base: *mut event_base, flags: c_int) -> *mut evdns_base {
    let lock = ExtLock::try_new(LOCKTYPE_RECURSIVE);
    let Some(lock) = lock else { return ptr::null_mut() };
    let mut random = Pool::new();
    let mut options = defaults();
    if flags & flag::DISABLE_WHEN_INACTIVE != 0 {
        // An idle connection would keep the loop alive.
        options.tcp_idle = 0;
    }
    let resolver = Resolver::new(options, 0, &mut random);
    let settings = Settings { skew: 3 * SECOND, bind: None, receive_buffer: 0, send_buffer: 0 };
    let mut state = Guarded::new(State {
        resolver,
        random,
        hosts: Hosts::default(),
        cached: Kept::default(),
        links: Vec::new(),
        armed: None,
        active: flags & flag::DISABLE_WHEN_INACTIVE == 0,
        settings,
    });
    state.set_lock(lock);
    let timer = UnsafeCell::new(MaybeUninit::zeroed());
    let Some(made) = mm::alloc(evdns_base { state, base, timer, flags, dead: Cell::new(false) }) else {
        // SAFETY: made above, and nobody uses it.
        unsafe { lock.free(LOCKTYPE_RECURSIVE) };
        return ptr::null_mut();
    };
    let made = made.as_ptr();
    // SAFETY: the event lies in the object just made.
    unsafe { own::event_assign((*made).timer(), base, -1, 0, Some(on_timer), made.cast()) };
    made
}

/// Makes a resolver on a base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_new(base: *mut event_base, flags: c_int) -> *mut evdns_base {
    let mut initialize = flags & flag::INITIALIZE_NAMESERVERS != 0;
    if flags & !flag::ALL != 0 {
        warnx!("Unrecognized flag passed to evdns_base_new(). Assuming you meant EVDNS_BASE_INITIALIZE_NAMESERVERS.");
        initialize = true;
    }
    let made = new(base, flags);
    // SAFETY: made just now, or null.
    if let Some(dns) = unsafe { made.as_ref() }
        && initialize
        && !options::initialize(dns, flags & flag::NAMESERVERS_NO_DEFAULT != 0)
    {
        // SAFETY: nobody knows of it.
        unsafe { evdns_base_free(made, 0) };
        return ptr::null_mut();
    }
    made
}

/// Frees a resolver. Its requests end with `DNS_ERR_SHUTDOWN`, or without a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_base_free(dns: *mut evdns_base, fail_requests: c_int) {
    // SAFETY: the caller's base or null; null means the global one.
    unsafe {
        let Some(this) = current::or_global(dns).as_ref() else { return };
        let lock = this.state.lock();
        lock.lock();
        this.dead.set(true);
        let mut from = 0;
        while let Some(token) = this.state.with_locked(|state| state.resolver.take_request(&mut from)) {
            if fail_requests != 0 {
                pending::fail(token, err::SHUTDOWN);
            } else {
                pending::discard(token);
            }
        }
        let links = this.state.with_locked(|state| core::mem::take(&mut state.links));
        lock.unlock();
        // A callback of another thread may wait for the lock: it is waited for without it.
        own::event_del(this.timer());
        own::event_debug_unassign(this.timer());
        for link in links {
            Link::free(link);
        }
        current::forget(ptr::from_ref(this).cast_mut());
        let this = ptr::from_ref(this).cast_mut();
        ptr::drop_in_place(this);
        lock.free(LOCKTYPE_RECURSIVE);
        mm::free(this.cast());
    }
}
