//! `event2/listener.h`: accepting connections.
//!
//! A listener keeps its lock and a reference while it runs callbacks, so that they may free it, and accepts until nothing
//! waits any more: a burst costs one wake-up.

use crate::abi::event::{ev, event};
use crate::abi::listener::opt;
use crate::base::{base_of, event_base};
use crate::event as events;
use crate::event::pending::Blocking;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_short, c_uint, c_void};
use core::mem::MaybeUninit;
use core::{ptr, slice};
use evoxide_ffi::lock::{ExtLock, LOCKTYPE_RECURSIVE};
use evoxide_ffi::{errno, mm, warn};
use evoxide_sys::io;
use evoxide_sys::os::fd::{AsRawFd, IntoRawFd};
use evoxide_sys::socket::{self as net, Addr, Flags};
use libc::sockaddr;

/// `evconnlistener_cb`.
pub type AcceptFn = unsafe extern "C-unwind" fn(*mut evconnlistener, c_int, *mut sockaddr, c_int, *mut c_void);
/// `evconnlistener_errorcb`.
pub type ErrorFn = unsafe extern "C-unwind" fn(*mut evconnlistener, *mut c_void);

/// The backlog for a negative one.
const BACKLOG: c_int = 128;

/// `struct evconnlistener`, opaque to C.
pub struct evconnlistener {
    /// Assigned as soon as the listener has its place.
    event: UnsafeCell<MaybeUninit<event>>,
    lock: ExtLock,
    callback: Cell<Option<AcceptFn>>,
    error: Cell<Option<ErrorFn>>,
    arg: Cell<*mut c_void>,
    flags: c_uint,
    refs: Cell<u32>,
    enabled: Cell<bool>,
}

/// A peer's address as C gets it: any family's fits.
#[repr(C, align(8))]
struct Peer {
    bytes: [u8; 128],
    len: usize,
}

impl Peer {
    fn new(addr: Option<&Addr>) -> Self {
        let mut peer = Self { bytes: [0; 128], len: 0 };
        if let Some(addr) = addr {
            let from = addr.as_bytes();
            peer.len = from.len().min(peer.bytes.len());
            peer.bytes[..peer.len].copy_from_slice(&from[..peer.len]);
        } else {
            // An unnamed peer of a local socket: only the family is known.
            peer.bytes[..2].copy_from_slice(&(libc::AF_UNIX as libc::sa_family_t).to_ne_bytes());
            peer.len = 2;
        }
        peer
    }
}

impl evconnlistener {
    fn event(&self) -> &event {
        // SAFETY: the event was assigned when the listener was made.
        unsafe { &*self.event.get().cast() }
    }

    fn base(&self) -> *mut event_base {
        self.event().ev_base.get()
    }

    fn fd(&self) -> c_int {
        self.event().ev_fd.get()
    }

    /// Waits for connections, if it is enabled and somebody wants them.
    fn arm(&self) -> c_int {
        if !self.enabled.get() || self.callback.get().is_none() {
            return 0;
        }
        // SAFETY: the event stays in the listener, which deletes it before it ends.
        match base_of(self.event()).map(|base| unsafe { base.add(self.event(), None) }) {
            Some(Ok(())) => 0,
            _ => -1,
        }
    }

    fn disarm(&self, blocking: Blocking) {
        if let Some(base) = base_of(self.event()) {
            base.del(self.event(), blocking);
        }
    }

    /// Gives up a reference and the lock.
    ///
    /// # Safety
    /// The caller owns the reference, holds the lock, and does not use the listener afterwards.
    unsafe fn release(this: *mut Self) {
        // SAFETY: alive, since there is a reference; the last one is alone with the object.
        unsafe {
            let refs = (*this).refs.get() - 1;
            (*this).refs.set(refs);
            let lock = (*this).lock;
            lock.unlock();
            if refs == 0 {
                // The loop of another thread may have popped the event just before, and wait for the lock: then it finds that
                // nobody refers to the listener any more and returns without calling the user, which is waited for here.
                (*this).disarm(Blocking::Always);
                crate::base::debug::teardown((*this).event());
                let fd = (*this).fd();
                if (*this).flags & opt::CLOSE_ON_FREE != 0 {
                    let _ = io::close(fd);
                }
                lock.free(LOCKTYPE_RECURSIVE);
                mm::free(this.cast());
            }
        }
    }

    /// The next connection, or the error number.
    fn accept(&self) -> Result<(c_int, Peer), c_int> {
        let flags = Flags {
            nonblocking: self.flags & opt::LEAVE_SOCKETS_BLOCKING == 0,
            cloexec: self.flags & opt::CLOSE_ON_EXEC != 0,
        };
        match net::accept(self.fd(), flags) {
            Ok((fd, addr)) => Ok((fd.into_raw_fd(), Peer::new(addr.as_ref()))),
            Err(error) => Err(error.raw_os_error().unwrap_or(libc::EINVAL)),
        }
    }
}

/// The descriptor is readable: connections wait.
unsafe extern "C-unwind" fn on_ready(_fd: c_int, _what: c_short, arg: *mut c_void) {
    let this: *mut evconnlistener = arg.cast();
    // SAFETY: the event lies in the listener, which lives while it is pending; then the reference taken here keeps it.
    let listener = unsafe { &*this };
    listener.lock.lock();
    if listener.refs.get() == 0 {
        // Freed meanwhile: the thread that did it waits for this call's end.
        return listener.lock.unlock();
    }
    listener.refs.set(listener.refs.get() + 1);
    loop {
        let (fd, mut peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(libc::EAGAIN | libc::EINTR | libc::ECONNABORTED) => break,
            Err(code) => {
                report(this, listener, code);
                break;
            }
        };
        let Some(callback) = listener.callback.get() else {
            // SAFETY: accepted just now, and nobody knows of it.
            let _ = unsafe { io::close(fd) };
            break;
        };
        let (arg, lock) = (listener.arg.get(), listener.lock);
        lock.unlock();
        // SAFETY: the user's callback with the user's argument; no lock is held and no section is open.
        unsafe { callback(this, fd, peer.bytes.as_mut_ptr().cast::<sockaddr>(), peer.len as c_int, arg) };
        lock.lock();
        if listener.refs.get() == 1 || !listener.enabled.get() {
            break;
        }
    }
    // SAFETY: the reference taken above; the lock is held.
    unsafe { evconnlistener::release(this) };
}

/// An accept failed for good: the user hears of it, or the log.
fn report(this: *mut evconnlistener, listener: &evconnlistener, code: c_int) {
    let Some(callback) = listener.error.get() else {
        errno::set(code);
        warn!("Error from accept() call");
        return;
    };
    let (arg, lock) = (listener.arg.get(), listener.lock);
    lock.unlock();
    errno::set(code);
    // SAFETY: the user's callback with the argument of both; no lock is held and no section is open.
    unsafe { callback(this, arg) };
    lock.lock();
}

/// Listens on a bound descriptor; with a backlog of 0 it is listening already.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evconnlistener_new(
    base: *mut event_base,
    callback: Option<AcceptFn>,
    arg: *mut c_void,
    flags: c_uint,
    backlog: c_int,
    fd: c_int,
) -> *mut evconnlistener {
    if backlog != 0 && net::listen(fd, if backlog < 0 { BACKLOG } else { backlog }).map_err(|e| keep(&e)).is_err() {
        return ptr::null_mut();
    }
    let lock = if flags & opt::THREADSAFE != 0 { ExtLock::try_new(LOCKTYPE_RECURSIVE) } else { Some(ExtLock::none()) };
    let Some(lock) = lock else { return ptr::null_mut() };
    let made = mm::alloc(evconnlistener {
        event: UnsafeCell::new(MaybeUninit::zeroed()),
        lock,
        callback: Cell::new(callback),
        error: Cell::new(None),
        arg: Cell::new(arg),
        flags,
        refs: Cell::new(1),
        enabled: Cell::new(flags & opt::DISABLED == 0),
    });
    let Some(made) = made else {
        // SAFETY: just made, and nobody uses it.
        unsafe { lock.free(LOCKTYPE_RECURSIVE) };
        return ptr::null_mut();
    };
    // SAFETY: the event lies in the live listener and is not pending.
    unsafe {
        let listener = made.as_ref();
        let event = listener.event.get().cast();
        events::assign(event, base, fd, ev::READ | ev::PERSIST, Some(on_ready), made.as_ptr().cast());
        listener.arm();
    }
    made.as_ptr()
}

fn keep(error: &evoxide_sys::os::io::Error) {
    errno::set(error.raw_os_error().unwrap_or(libc::EINVAL));
}

/// A bound socket as the flags say.
fn bound(addr: &Addr, flags: c_uint) -> evoxide_sys::os::io::Result<evoxide_sys::os::fd::OwnedFd> {
    let how = Flags { nonblocking: true, cloexec: flags & opt::CLOSE_ON_EXEC != 0 };
    let fd = net::stream(addr, how)?;
    let raw = fd.as_raw_fd();
    net::set_keepalive(raw, true)?;
    if flags & opt::REUSEABLE != 0 {
        net::set_reuse_addr(raw, true)?;
    }
    if flags & opt::REUSEABLE_PORT != 0 {
        // A local socket has no port.
        let set = net::set_reuse_port(raw, true);
        if addr.family() != libc::AF_UNIX {
            set?;
        }
    }
    if flags & opt::DEFERRED_ACCEPT != 0 {
        net::set_defer_accept(raw, true)?;
    }
    if addr.family() == libc::AF_INET6 && flags & (opt::BIND_IPV6ONLY | opt::BIND_IPV4_AND_IPV6) != 0 {
        net::set_v6_only(raw, flags & opt::BIND_IPV6ONLY != 0)?;
    }
    net::bind(raw, addr)?;
    Ok(fd)
}

/// Listens on an address.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evconnlistener_new_bind(
    base: *mut event_base,
    callback: Option<AcceptFn>,
    arg: *mut c_void,
    flags: c_uint,
    backlog: c_int,
    addr: *const sockaddr,
    len: c_int,
) -> *mut evconnlistener {
    if backlog == 0 || addr.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the caller passes an address of that length.
    let bytes = unsafe { slice::from_raw_parts(addr.cast::<u8>(), usize::try_from(len).unwrap_or(0)) };
    match Addr::from_bytes(bytes).and_then(|addr| bound(&addr, flags)) {
        Ok(fd) => {
            let raw = fd.into_raw_fd();
            // SAFETY: the arguments are the program's, for a socket of its own.
            let made = unsafe { evconnlistener_new(base, callback, arg, flags, backlog, raw) };
            if made.is_null() {
                let code = errno::get();
                // SAFETY: made above, and nobody else knows of it.
                let _ = unsafe { io::close(raw) };
                errno::set(code);
            }
            made
        }
        Err(error) => {
            keep(&error);
            ptr::null_mut()
        }
    }
}

/// Frees a listener, and closes its descriptor if it was told to. Inside its own callback the object goes when that returns.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evconnlistener_free(listener: *mut evconnlistener) {
    // SAFETY: null or alive; the program gives up the reference that it got from the maker.
    unsafe {
        let Some(l) = listener.as_ref() else { return };
        l.lock.lock();
        l.callback.set(None);
        l.error.set(None);
        l.disarm(Blocking::Never);
        evconnlistener::release(listener);
    }
}

/// Runs `f` under the listener's lock.
fn locked<R>(listener: Option<&evconnlistener>, missing: R, f: impl FnOnce(&evconnlistener) -> R) -> R {
    let Some(l) = listener else { return missing };
    l.lock.lock();
    let result = f(l);
    l.lock.unlock();
    result
}

/// Accepts connections again.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evconnlistener_enable(listener: Option<&evconnlistener>) -> c_int {
    locked(listener, -1, |l| {
        l.enabled.set(true);
        l.arm()
    })
}

/// Accepts no connections for now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evconnlistener_disable(listener: Option<&evconnlistener>) -> c_int {
    locked(listener, -1, |l| {
        l.enabled.set(false);
        l.disarm(Blocking::Never);
        0
    })
}

/// The base.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evconnlistener_get_base(listener: Option<&evconnlistener>) -> *mut event_base {
    locked(listener, ptr::null_mut(), evconnlistener::base)
}

/// The descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evconnlistener_get_fd(listener: Option<&evconnlistener>) -> c_int {
    locked(listener, -1, evconnlistener::fd)
}

/// Changes the callback. One that was there and is taken away leaves a listener that closes what it accepts, as in the original.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evconnlistener_set_cb(
    listener: Option<&evconnlistener>,
    callback: Option<AcceptFn>,
    arg: *mut c_void,
) {
    let set = |l: &evconnlistener| {
        let before = l.callback.get().is_some();
        l.callback.set(callback);
        l.arg.set(arg);
        if callback.is_some() && !before {
            l.arm();
        }
    };
    locked(listener, (), set)
}

/// Sets who is told of errors; without one they are logged.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evconnlistener_set_error_cb(
    listener: Option<&evconnlistener>,
    callback: Option<ErrorFn>,
) {
    locked(listener, (), |l| l.error.set(callback))
}
