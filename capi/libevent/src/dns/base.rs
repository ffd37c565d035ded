//! `evdns_base`: the resolver machine with its sockets and its timer.

use super::link::Link;
use super::request::{self, evdns_request};
use super::{options, own, text};
use crate::abi::dns::{base as flag, err};
use crate::abi::event::event;
use crate::base::event_base;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_short, c_void};
use core::mem::MaybeUninit;
use core::ptr;
use evoxide_core::key::Key;
use evoxide_ffi::lock::{ExtLock, LOCKTYPE_RECURSIVE};
use evoxide_ffi::{cstr, errx, guarded::Guarded, log, mm, warnx};
use evoxide_proto::dns::hosts::Hosts;
use evoxide_proto::dns::resolver::{Effect, Options, Resolver};
use evoxide_proto::dns::{Answer, Failure, Name, Random};
use evoxide_sys::clock;
use evoxide_sys::socket::Addr;
use std::net::SocketAddr;

const SECOND: u64 = 1_000_000_000;
/// Random bytes fetched at once.
const POOL: usize = 1024;

/// The system's random bytes, fetched in advance.
pub(super) struct Pool {
    bytes: [u8; POOL],
    left: usize,
}

impl Random for Pool {
    fn fill(&mut self, target: &mut [u8]) {
        let mut rest = target;
        while !rest.is_empty() {
            if self.left == 0 {
                if getrandom::fill(&mut self.bytes).is_err() {
                    errx!(log::ERR_ABORT, "evdns: the system has no random bytes");
                }
                self.left = POOL;
            }
            let taken = rest.len().min(self.left);
            let of_pool = &mut self.bytes[self.left - taken..self.left];
            rest[..taken].copy_from_slice(of_pool);
            // What was used is forgotten.
            of_pool.fill(0);
            self.left -= taken;
            rest = &mut rest[taken..];
        }
    }
}

/// The machine and what belongs to it.
pub(super) struct State {
    pub(super) resolver: Resolver<*mut evdns_request>,
    pub(super) random: Pool,
    pub(super) hosts: Hosts,
    pub(super) cached: super::cache::Kept,
    /// By the index of the socket's key.
    pub(super) links: Vec<*mut Link>,
    /// When the timer fires.
    armed: Option<u64>,
    /// Sockets are watched.
    pub(super) active: bool,
    pub(super) settings: Settings,
}

/// Options that the machine does not know.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) skew: u64,
    pub(super) bind: Option<Addr>,
    pub(super) receive_buffer: c_int,
    pub(super) send_buffer: c_int,
}

impl State {
    pub(super) fn link(&self, key: Key) -> *mut Link {
        self.links.get(key.index as usize).copied().unwrap_or(ptr::null_mut())
    }

    /// Sends datagrams until another effect comes.
    fn next_effect(&mut self) -> Option<Effect<*mut evdns_request>> {
        loop {
            let effect = self.resolver.next_effect()?;
            let Effect::Send { socket, query } = effect else { return Some(effect) };
            let link = self.link(socket);
            // SAFETY: links in the table live; nobody else has one borrowed while a section is open.
            let sent = match (unsafe { link.as_ref() }, self.resolver.message(query)) {
                (Some(link), Some(message)) => link.send(message),
                _ => Ok(()),
            };
            if sent.is_err() {
                self.resolver.failed(socket, clock::monotonic(), &mut self.random);
            }
        }
    }
}

/// `struct evdns_base`, opaque to C.
pub struct evdns_base {
    pub(super) state: Guarded<State>,
    pub(super) base: *mut event_base,
    timer: UnsafeCell<MaybeUninit<event>>,
    pub(super) flags: c_int,
    pub(super) dead: Cell<bool>,
}

/// The lock of a base for as long as this lives; effects are carried out when it ends.
pub(super) struct Held<'a> {
    base: &'a evdns_base,
}

impl Held<'_> {
    /// Runs a section.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        self.base.state.with_locked(f)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.base.drive();
        self.base.state.lock().unlock();
    }
}

impl evdns_base {
    /// Takes the lock.
    pub(super) fn hold(&self) -> Held<'_> {
        self.state.lock().lock();
        Held { base: self }
    }

    pub(super) fn timer(&self) -> *mut event {
        self.timer.get().cast()
    }

    /// The priority of the callbacks.
    pub(super) fn priority(&self) -> u8 {
        // SAFETY: the event was assigned when the base was made.
        unsafe { own::event_get_priority(self.timer()) as u8 }
    }

    /// Carries out what the machine wants. The lock is held, no section is open.
    pub(super) fn drive(&self) {
        while let Some(effect) = self.state.with_locked(State::next_effect) {
            match effect {
                Effect::Open { socket, server } => self.open(socket, server, false),
                Effect::Connect { socket, server } => self.open(socket, server, true),
                Effect::Close { socket } => {
                    let link = self.state.with_locked(|state| {
                        let place = state.links.get_mut(socket.index as usize);
                        place.map_or(ptr::null_mut(), |place| core::mem::replace(place, ptr::null_mut()))
                    });
                    // SAFETY: it left the table just now.
                    unsafe { Link::close(link) };
                }
                Effect::Write { socket, query } => {
                    let frame = self.state.with_locked(|state| {
                        let mut frame = [0; 2 + 512];
                        let message = state.resolver.message(query)?;
                        frame[..2].copy_from_slice(&(message.len() as u16).to_be_bytes());
                        frame.get_mut(2..2 + message.len())?.copy_from_slice(message);
                        Some((state.link(socket), frame, message.len() + 2))
                    });
                    let Some((link, frame, len)) = frame else { continue };
                    // SAFETY: links in the table live while the lock is held.
                    let link = unsafe { link.as_ref() };
                    if link.is_some_and(|link| link.write(&frame[..len]).is_err()) {
                        self.input(socket, None);
                    }
                }
                Effect::Done { token, result } => self.deliver(token, result),
                Effect::Down { server, last } => {
                    text::log(true, format_args!("Nameserver {server} has failed: {}", "request timed out."));
                    if last {
                        text::log(true, format_args!("All nameservers have failed"));
                    }
                }
                Effect::Up { server } => text::log(true, format_args!("Nameserver {server} is back up")),
                Effect::Send { .. } => {}
            }
        }
        self.arm();
    }

    fn open(&self, socket: Key, server: SocketAddr, tcp: bool) {
        let settings = self.state.with_locked(|state| state.settings.clone());
        let link = Link::open(self, self.base, socket, server, tcp, &settings);
        let watch = self.state.with_locked(|state| {
            let at = socket.index as usize;
            let room = (at + 1).saturating_sub(state.links.len());
            if link.is_null() || state.links.try_reserve(room).is_err() {
                return None;
            }
            if room > 0 {
                state.links.resize(at + 1, ptr::null_mut());
            }
            state.links[at] = link;
            Some(state.active)
        });
        // SAFETY: the link was made just now.
        unsafe {
            match watch {
                Some(watch) => {
                    if watch {
                        Link::watch(link, true);
                    }
                    return;
                }
                None => Link::close(link),
            }
        }
        self.state.with_locked(|state| state.resolver.failed(socket, clock::monotonic(), &mut state.random));
    }

    fn deliver(&self, token: *mut evdns_request, result: Result<Answer, Failure>) {
        // SAFETY: a request lives until its callback ran, which is scheduled here.
        unsafe { request::deliver(token, result) };
    }

    /// Sets the timer, and watches the sockets or not.
    fn arm(&self) {
        let inactive = self.flags & flag::DISABLE_WHEN_INACTIVE != 0;
        let (change, toggle) = self.state.with_locked(|state| {
            let next = state.resolver.next_timeout();
            let change = match (next, state.armed) {
                (Some(next), Some(armed)) if armed <= next => None,
                (None, None) => None,
                (next, _) => Some(next),
            };
            if change.is_some() {
                state.armed = next;
            }
            let active = !inactive || state.resolver.requests() > 0;
            let toggle = (active != state.active).then_some(active);
            state.active = active;
            (change, toggle)
        });
        // SAFETY: the event was assigned when the base was made.
        unsafe {
            match change {
                Some(Some(at)) => {
                    let tv = own::timeval_of(at.saturating_sub(clock::monotonic()));
                    own::event_add(self.timer(), &tv);
                }
                Some(None) => {
                    own::event_del_noblock(self.timer());
                }
                None => {}
            }
        }
        if let Some(active) = toggle {
            let count = self.state.with_locked(|state| state.links.len());
            for at in 0..count {
                let link = self.state.with_locked(|state| state.links[at]);
                // SAFETY: null, or a link of the table.
                unsafe { Link::watch(link, active) };
            }
        }
    }

    /// Bytes came by a link, or it failed. Returns whether more is expected there. The lock is held.
    pub(super) fn input(&self, socket: Key, bytes: Option<&[u8]>) -> bool {
        self.state.with_locked(|state| {
            let now = clock::monotonic();
            match bytes {
                Some(bytes) => state.resolver.received(socket, bytes, now, &mut state.random),
                None => state.resolver.failed(socket, now, &mut state.random),
            }
            state.resolver.awaits(socket)
        })
    }
}

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
    let mut random = Pool { bytes: [0; POOL], left: 0 };
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
        cached: super::cache::Kept::default(),
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
        let Some(this) = super::global::or_global(dns).as_ref() else { return };
        let lock = this.state.lock();
        lock.lock();
        this.dead.set(true);
        let mut from = 0;
        while let Some(token) = this.state.with_locked(|state| state.resolver.take_request(&mut from)) {
            if fail_requests != 0 {
                request::fail(token, err::SHUTDOWN);
            } else {
                request::discard(token);
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
        super::global::forget(ptr::from_ref(this).cast_mut());
        let this = ptr::from_ref(this).cast_mut();
        ptr::drop_in_place(this);
        lock.free(LOCKTYPE_RECURSIVE);
        mm::free(this.cast());
    }
}

/// The C string of an argument that must be there.
///
/// # Safety
/// `text` is null or a C string that outlives the result.
pub(super) unsafe fn bytes<'a>(text: *const core::ffi::c_char) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { cstr::bytes(text).unwrap_or(b"") }
}
