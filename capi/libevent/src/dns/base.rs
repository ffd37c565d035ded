//! `evdns_base`: the resolver machine with its sockets and its timer.

use super::kept::Kept;
use super::link::{Link, Owner, OwnerOps, Settings};
use super::pending::{self, evdns_request};
use super::{own, text};
use crate::abi::dns::base as flag;
use crate::abi::event::event;
use crate::base::event_base;
use alloc::vec::Vec;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_void};
use core::{mem::MaybeUninit, net::SocketAddr, ptr};
use evoxide_core::key::Key;
use evoxide_ffi::{errx, guarded::Guarded, log};
use evoxide_proto::dns::hosts::Hosts;
use evoxide_proto::dns::resolver::{Effect, Resolver};
use evoxide_proto::dns::{Answer, Failure, Random};
use evoxide_sys::clock;

pub(super) const SECOND: u64 = 1_000_000_000;
/// Random bytes fetched at once.
const POOL: usize = 1024;

/// The system's random bytes, fetched in advance.
pub(super) struct Pool {
    bytes: [u8; POOL],
    left: usize,
}

impl Pool {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; POOL], left: 0 }
    }
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
    pub(super) cached: Kept,
    /// By the index of the socket's key.
    pub(super) links: Vec<*mut Link>,
    /// When the timer fires.
    pub(super) armed: Option<u64>,
    /// Sockets are watched.
    pub(super) active: bool,
    pub(super) settings: Settings,
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
    pub(super) timer: UnsafeCell<MaybeUninit<event>>,
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
        let link = Link::open(self.owner(socket), self.base, server, tcp, &settings);
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
        unsafe { pending::deliver(token, result) };
    }

    /// How a link of this base tells it what came.
    fn owner(&self, key: Key) -> Owner {
        Owner { object: ptr::from_ref(self).cast(), key: Some(key), ops: &OPS }
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

/// The verbs of a base as an owner of links, which it outlives: freeing it waits for their callbacks.
static OPS: OwnerOps = OwnerOps {
    // SAFETY: the object is the base that made the link; so below.
    enter: |object| unsafe {
        of(object).state.lock().lock();
        true
    },
    // SAFETY: links call this with the base that owns them, locked by `enter`.
    leave: |object| unsafe { of(object).state.lock().unlock() },
    // SAFETY: see above; links of a base have keys.
    input: |object, link, bytes| unsafe { link.owner.key.is_some_and(|key| of(object).input(key, bytes)) },
    // SAFETY: links call this instead of `leave`, with the base that owns them.
    settle: |object| unsafe {
        of(object).drive();
        of(object).state.lock().unlock();
    },
};

/// # Safety
/// The object is a base that lives.
unsafe fn of<'a>(object: *const c_void) -> &'a evdns_base {
    // SAFETY: the object is a base that lives, as promised.
    unsafe { &*object.cast::<evdns_base>() }
}
