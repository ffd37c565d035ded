//! Server ports: a UDP socket, or 2.2's listener for TCP, whose queries a program answers.

use super::link::{Link, Owner, OwnerOps};
use super::own;
use super::reply::{self, ServerRequest};
use crate::abi::dns::RequestFn;
use crate::abi::event::{ev, event};
use crate::base::event_base;
use crate::listener::evconnlistener;
use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_short, c_void};
use core::{mem::MaybeUninit, ptr};
use evoxide_ffi::guarded::Guarded;
use evoxide_ffi::lock::{ExtLock, LOCKTYPE_RECURSIVE};
use evoxide_ffi::mm;
use evoxide_proto::dns::Builder;
use evoxide_proto::dns::server::Request;
use evoxide_sys::message::Sender;
use evoxide_sys::socket::Addr;
use evoxide_sys::{clock, io};
use libc::sockaddr;

/// The most that is read of a datagram.
const READ: usize = 4096;
/// Datagrams taken in one turn.
const BURST: u32 = 256;
/// Requests that are over and kept.
const MAX_SPARE: usize = 64;
/// Replies that wait for room in the socket.
const MAX_UNSENT: usize = 1024;
const SECOND: u64 = 1_000_000_000;

/// `enum evdns_server_option`.
mod setting {
    use core::ffi::c_int;
    pub(super) const TCP_MAX_CLIENTS: c_int = 0;
    pub(super) const TCP_IDLE_TIMEOUT: c_int = 1;
}

/// What sections protect.
pub(super) struct PortState {
    pub(super) builder: Builder,
    /// Replies that the socket had no room for.
    unsent: VecDeque<(Sender, Box<[u8]>)>,
    links: Vec<*mut Link>,
    max_clients: usize,
    idle: u64,
    /// Requests that are over, for the next ones.
    spare: Vec<*mut ServerRequest>,
    /// Room for a datagram, while no callback uses it.
    packet: Vec<u8>,
}

impl PortState {
    /// Builds a reply and sends it as a datagram, or keeps it until there is room.
    pub(super) fn answer(&mut self, fd: c_int, to: &Sender, request: &Request, code: u16, flags: u16) -> Sent {
        let Ok(message) = request.reply_with(code, flags, &mut self.builder) else { return Sent::Failed };
        send_or_keep(&mut self.unsent, fd, to, message)
    }
}

/// What became of a datagram.
#[derive(PartialEq, Eq)]
pub(super) enum Sent {
    Done,
    /// It waits for the socket.
    Kept,
    Failed,
}

fn send_or_keep(unsent: &mut VecDeque<(Sender, Box<[u8]>)>, fd: c_int, to: &Sender, message: &[u8]) -> Sent {
    if unsent.is_empty() {
        match to.send(fd, message) {
            Ok(_) => return Sent::Done,
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {}
            Err(_) => return Sent::Failed,
        }
    }
    if unsent.len() >= MAX_UNSENT || unsent.try_reserve(1).is_err() {
        return Sent::Failed;
    }
    unsent.push_back((to.clone(), message.into()));
    Sent::Kept
}

/// `struct evdns_server_port`, opaque to C.
pub struct evdns_server_port {
    pub(super) state: Guarded<PortState>,
    base: *mut event_base,
    fd: c_int,
    listener: *mut evconnlistener,
    callback: Option<RequestFn>,
    arg: *mut c_void,
    reader: UnsafeCell<MaybeUninit<event>>,
    writer: UnsafeCell<MaybeUninit<event>>,
    sweeper: UnsafeCell<MaybeUninit<event>>,
    /// The program's reference, one for each request, and one while a callback of ours runs.
    refs: Cell<u32>,
    closed: Cell<bool>,
}

#[allow(improper_ctypes, reason = "C sees these objects as opaque pointers")]
unsafe extern "C-unwind" {
    fn evconnlistener_set_cb(
        listener: *mut evconnlistener,
        callback: Option<unsafe extern "C-unwind" fn(*mut evconnlistener, c_int, *mut sockaddr, c_int, *mut c_void)>,
        arg: *mut c_void,
    );
    fn evconnlistener_free(listener: *mut evconnlistener);
}

impl evdns_server_port {
    fn reader(&self) -> *mut event {
        self.reader.get().cast()
    }

    fn writer(&self) -> *mut event {
        self.writer.get().cast()
    }

    fn sweeper(&self) -> *mut event {
        self.sweeper.get().cast()
    }

    pub(super) fn lock(&self) -> ExtLock {
        self.state.lock()
    }

    /// How a connection of this port tells it what came.
    fn owner(&self) -> Owner {
        Owner { object: ptr::from_ref(self).cast(), key: None, ops: &OPS }
    }

    /// Takes a reference; the lock is held.
    pub(super) fn refer(&self) {
        self.refs.set(self.refs.get() + 1);
    }

    /// At the start of a callback of the loop: takes the lock and a reference. `false`: the port ends in another thread, which
    /// waits for this callback.
    pub(super) fn enter(&self) -> bool {
        self.lock().lock();
        if self.refs.get() == 0 {
            self.lock().unlock();
            return false;
        }
        self.refer();
        true
    }

    /// Gives up a reference and the lock. Without any left the port goes.
    ///
    /// # Safety
    /// The caller owns the reference, holds the lock once, and does not use the port afterwards.
    pub(super) unsafe fn release(port: *mut Self) {
        // SAFETY: the caller owns the reference, holds the lock once, and does not use the port afterwards, as promised.
        unsafe {
            let this = &*port;
            let left = this.refs.get() - 1;
            this.refs.set(left);
            let lock = this.lock();
            lock.unlock();
            if left > 0 {
                return;
            }
            for e in [this.reader(), this.writer(), this.sweeper()] {
                own::event_del(e);
                own::event_debug_unassign(e);
            }
            let links = this.state.with_locked(|state| core::mem::take(&mut state.links));
            for link in links {
                Link::free(link);
            }
            for spare in this.state.with_locked(|state| core::mem::take(&mut state.spare)) {
                ServerRequest::free(spare);
            }
            if this.fd >= 0 {
                let _ = io::close(this.fd);
            }
            ptr::drop_in_place(port);
            lock.free(LOCKTYPE_RECURSIVE);
            mm::free(port.cast());
        }
    }

    /// Closes the links that ended, and gives up a reference and the lock.
    ///
    /// # Safety
    /// As for [`release`](Self::release).
    pub(super) unsafe fn settle(port: *mut Self) {
        // SAFETY: what `release` asks for is promised here, too.
        unsafe {
            (*port).drop_links(|link| link.gone.get());
            Self::release(port);
        }
    }

    /// Closes the links that a test picks and that no request needs any more.
    fn drop_links(&self, mut picks: impl FnMut(&Link) -> bool) {
        loop {
            let gone = self.state.with_locked(|state| {
                // SAFETY: links in the table live.
                let at = state.links.iter().position(|link| unsafe { (**link).owed.get() == 0 && picks(&**link) })?;
                Some(state.links.swap_remove(at))
            });
            let Some(gone) = gone else { break };
            // SAFETY: it left the table just now.
            unsafe { Link::close(gone) };
        }
    }

    /// A connection's bytes, or its end. The lock is held. Returns whether to read on.
    pub(super) fn input(&self, link: &Link, bytes: Option<&[u8]>) -> bool {
        let mut frames = link.frames.take();
        let fed = bytes.is_some_and(|bytes| frames.feed(bytes).is_ok());
        if !fed {
            link.gone.set(true);
            return false;
        }
        link.heard.set(clock::monotonic());
        while let Some(frame) = frames.next_frame() {
            let made = self.request();
            if !made.is_null() {
                // SAFETY: made for this packet.
                unsafe { self.take_in(made, frame, ptr::from_ref(link).cast_mut()) };
            }
            if link.gone.get() || self.closed.get() {
                break;
            }
        }
        link.frames.set(frames);
        !link.gone.get()
    }

    /// Writes a message to a connection.
    pub(super) fn send_framed(link: &Link, message: &[u8]) {
        let Ok(len) = u16::try_from(message.len()) else { return };
        let mut framed = Vec::new();
        if framed.try_reserve_exact(2 + message.len()).is_err() {
            return;
        }
        framed.extend_from_slice(&len.to_be_bytes());
        framed.extend_from_slice(message);
        if link.write(&framed).is_err() {
            link.gone.set(true);
        }
    }

    /// Answers a datagram, at once or when the socket has room. Returns whether that is so. The lock is held.
    pub(super) fn answer(&self, to: &Sender, request: &Request, code: u16, flags: u16) -> bool {
        let sent = self.state.with_locked(|state| state.answer(self.fd, to, request, code, flags));
        self.is_sent(sent)
    }

    fn is_sent(&self, sent: Sent) -> bool {
        if sent == Sent::Kept {
            // SAFETY: the event was assigned when the port was made.
            unsafe { own::event_add(self.writer(), ptr::null()) };
        }
        sent != Sent::Failed
    }

    /// An object for the next request; null without memory. The lock is held.
    fn request(&self) -> *mut ServerRequest {
        let spare = self.state.with_locked(|state| state.spare.pop());
        spare.unwrap_or_else(|| ServerRequest::new(ptr::from_ref(self).cast_mut()))
    }

    /// Keeps a request that is over, or gives its memory back. The lock is held.
    ///
    /// # Safety
    /// The program does not know of it, or not any more.
    pub(super) unsafe fn keep(&self, request: *mut ServerRequest) {
        let kept = self.state.with_locked(|state| {
            let room = state.spare.len() < MAX_SPARE && state.spare.try_reserve(1).is_ok();
            if room {
                state.spare.push(request);
            }
            room
        });
        if !kept {
            // SAFETY: nobody knows of it, as promised.
            unsafe { ServerRequest::free(request) };
        }
    }

    /// A packet of a connection, or a datagram of the sender that the request has noted. The lock is held, and let go while the
    /// program's callback runs.
    ///
    /// # Safety
    /// The request is one of [`request`](Self::request), which the port has back afterwards.
    unsafe fn take_in(&self, made: *mut ServerRequest, packet: &[u8], link: *mut Link) {
        // SAFETY: ours until the program sees it; the link is null or the connection that the packet came by.
        unsafe {
            match (*made).receive(packet, link) {
                Ok(()) => return self.ask(made, link),
                Err(None) => {}
                Err(Some(reply)) => match link.as_ref() {
                    Some(link) => Self::send_framed(link, &reply),
                    None => {
                        let to = (*made).sender();
                        let sent = self.state.with_locked(|state| send_or_keep(&mut state.unsent, self.fd, to, &reply));
                        self.is_sent(sent);
                    }
                },
            }
            self.keep(made);
        }
    }

    /// The program gets a request. The lock is held, and let go while the callback runs.
    fn ask(&self, request: *mut ServerRequest, link: *mut Link) {
        self.refer();
        // SAFETY: null or the connection that the request came by.
        if let Some(link) = unsafe { link.as_ref() } {
            link.owed.set(link.owed.get() + 1);
        }
        let (callback, arg, lock) = (self.callback, self.arg, self.lock());
        lock.unlock();
        // SAFETY: the user's callback with the user's argument; no section is open. The request is the program's from now on.
        unsafe {
            match callback {
                Some(callback) => callback(request.cast(), arg),
                None => drop(reply::evdns_server_request_drop(request.cast())),
            }
        }
        lock.lock();
    }
}

/// The verbs of a port as an owner of connections. Entering it takes a reference besides the lock.
static OPS: OwnerOps = OwnerOps {
    // SAFETY: the object is the port that made the link; so below.
    enter: |object| unsafe { (*object.cast::<evdns_server_port>()).enter() },
    // SAFETY: see above; the reference taken by `enter`.
    leave: |object| unsafe { evdns_server_port::release(object.cast_mut().cast()) },
    // SAFETY: links call this with the port that owns them, between `enter` and `leave`.
    input: |object, link, bytes| unsafe { (*object.cast::<evdns_server_port>()).input(link, bytes) },
    // SAFETY: see above; the reference taken by `enter`.
    settle: |object| unsafe { evdns_server_port::settle(object.cast_mut().cast()) },
};

unsafe extern "C-unwind" fn on_readable(fd: c_int, _what: c_short, arg: *mut c_void) {
    let port: *mut evdns_server_port = arg.cast();
    // SAFETY: the event is deleted before the port goes; the reference keeps it over the callbacks.
    let this = unsafe { &*port };
    if !this.enter() {
        return;
    }
    let mut packet = this.state.with_locked(|state| core::mem::take(&mut state.packet));
    if packet.is_empty() && packet.try_reserve_exact(READ).is_ok() {
        packet.resize(READ, 0);
    }
    for _ in 0..BURST {
        if this.closed.get() {
            break;
        }
        let made = this.request();
        if packet.is_empty() || made.is_null() {
            // Without memory a datagram is lost; it must not wake the loop for ever.
            drop(Sender::default().receive(fd, &mut [0; 1]));
            if !made.is_null() {
                // SAFETY: nobody knows of it.
                unsafe { this.keep(made) };
            }
            break;
        }
        // SAFETY: ours until the program sees it.
        match unsafe { (*made).hear(fd, &mut packet) } {
            // SAFETY: made for this packet.
            Ok(len) => unsafe { this.take_in(made, &packet[..len], ptr::null_mut()) },
            Err(error) => {
                // SAFETY: nobody knows of it.
                unsafe { this.keep(made) };
                if error.raw_os_error() != Some(libc::EINTR) {
                    break;
                }
            }
        }
    }
    this.state.with_locked(|state| state.packet = packet);
    // SAFETY: the reference taken above; the lock is held.
    unsafe { evdns_server_port::release(port) };
}

unsafe extern "C-unwind" fn on_writable(fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: the event lies in the port, which lives while it is pending.
    let this = unsafe { &*arg.cast::<evdns_server_port>() };
    if !this.enter() {
        return;
    }
    let more = this.state.with_locked(|state| {
        while let Some((to, message)) = state.unsent.front() {
            if let Err(error) = to.send(fd, message)
                && error.raw_os_error() == Some(libc::EAGAIN)
            {
                return true;
            }
            state.unsent.pop_front();
        }
        false
    });
    if more {
        // SAFETY: the event was assigned when the port was made.
        unsafe { own::event_add(this.writer(), ptr::null()) };
    }
    // SAFETY: the reference taken above; the lock is held.
    unsafe { evdns_server_port::release(arg.cast()) };
}

/// Connections that said nothing for too long end.
unsafe extern "C-unwind" fn on_sweep(_fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: the event lies in the port, which lives while it is pending.
    let this = unsafe { &*arg.cast::<evdns_server_port>() };
    if !this.enter() {
        return;
    }
    let (now, idle) = (clock::monotonic(), this.state.with_locked(|state| state.idle));
    this.drop_links(|link| link.gone.get() || now.saturating_sub(link.heard.get()) >= idle);
    this.arm_sweeper();
    // SAFETY: the reference taken above; the lock is held.
    unsafe { evdns_server_port::release(arg.cast()) };
}

impl evdns_server_port {
    fn arm_sweeper(&self) {
        let (some, idle) = self.state.with_locked(|state| (!state.links.is_empty(), state.idle));
        if some {
            // SAFETY: the event was assigned when the port was made.
            unsafe { own::event_add(self.sweeper(), &own::timeval_of((idle / 2).max(SECOND / 20))) };
        }
    }
}

unsafe extern "C-unwind" fn on_connection(
    _listener: *mut evconnlistener,
    fd: c_int,
    peer: *mut sockaddr,
    len: c_int,
    arg: *mut c_void,
) {
    // SAFETY: the listener ends before the port goes.
    let this = unsafe { &*arg.cast::<evdns_server_port>() };
    this.lock().lock();
    let room =
        this.state.with_locked(|state| state.links.len() < state.max_clients && state.links.try_reserve(1).is_ok());
    let link = if room { Link::new(this.owner(), this.base, fd, true) } else { ptr::null_mut() };
    // SAFETY: null or made just now; the peer's address has that length.
    unsafe {
        if let Some(made) = link.as_ref() {
            let raw = core::slice::from_raw_parts(peer.cast::<u8>(), usize::try_from(len).unwrap_or(0));
            made.peer.set(Addr::from_bytes(raw).ok().and_then(|addr| addr.to_inet()));
            made.heard.set(clock::monotonic());
            this.state.with_locked(|state| state.links.push(link));
            Link::watch(link, true);
            this.arm_sweeper();
        } else {
            let _ = io::close(fd);
        }
    }
    this.lock().unlock();
}

fn new(
    base: *mut event_base,
    fd: c_int,
    listener: *mut evconnlistener,
    callback: Option<RequestFn>,
    arg: *mut c_void,
) -> *mut evdns_server_port {
    let Some(lock) = ExtLock::try_new(LOCKTYPE_RECURSIVE) else { return ptr::null_mut() };
    let mut state = Guarded::new(PortState {
        builder: Builder::new(),
        unsent: VecDeque::new(),
        links: Vec::new(),
        max_clients: 100,
        idle: 10 * SECOND,
        spare: Vec::new(),
        packet: Vec::new(),
    });
    state.set_lock(lock);
    let made = mm::alloc(evdns_server_port {
        state,
        base,
        fd,
        listener,
        callback,
        arg,
        reader: UnsafeCell::new(MaybeUninit::zeroed()),
        writer: UnsafeCell::new(MaybeUninit::zeroed()),
        sweeper: UnsafeCell::new(MaybeUninit::zeroed()),
        refs: Cell::new(1),
        closed: Cell::new(false),
    });
    let Some(made) = made else {
        // SAFETY: made above, and nobody uses it.
        unsafe { lock.free(LOCKTYPE_RECURSIVE) };
        return ptr::null_mut();
    };
    let port = made.as_ptr();
    // SAFETY: the events lie in the port just made.
    unsafe {
        let this = made.as_ref();
        own::event_assign(this.reader(), base, fd, ev::READ | ev::PERSIST, Some(on_readable), port.cast());
        own::event_assign(this.writer(), base, fd, ev::WRITE, Some(on_writable), port.cast());
        own::event_assign(this.sweeper(), base, -1, 0, Some(on_sweep), port.cast());
        if fd >= 0 && own::event_add(this.reader(), ptr::null()) < 0 {
            mm::free(port.cast());
            lock.free(LOCKTYPE_RECURSIVE);
            return ptr::null_mut();
        }
    }
    port
}

/// Answers queries on a UDP socket, which the port closes in the end.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_add_server_port_with_base(
    base: *mut event_base,
    fd: c_int,
    flags: c_int,
    callback: Option<RequestFn>,
    arg: *mut c_void,
) -> *mut evdns_server_port {
    if flags != 0 || base.is_null() {
        return ptr::null_mut();
    }
    new(base, fd, ptr::null_mut(), callback, arg)
}

/// Answers queries on the connections of a listener (libevent 2.2), which the port frees in the end.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_add_server_port_with_listener(
    base: *mut event_base,
    listener: *mut evconnlistener,
    flags: c_int,
    callback: Option<RequestFn>,
    arg: *mut c_void,
) -> *mut evdns_server_port {
    if flags != 0 || listener.is_null() {
        return ptr::null_mut();
    }
    let port = new(base, -1, listener, callback, arg);
    if !port.is_null() {
        // SAFETY: the caller's listener.
        unsafe { evconnlistener_set_cb(listener, Some(on_connection), port.cast()) };
    }
    port
}

/// Sets how many TCP clients there may be, or after how many seconds without a query they are closed (libevent 2.2). 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_server_port_set_option(
    port: *mut evdns_server_port,
    option: c_int,
    value: usize,
) -> c_int {
    // SAFETY: `port` is null or alive.
    let Some(port) = (unsafe { port.as_ref() }) else { return -1 };
    port.state.with(|state| match option {
        setting::TCP_MAX_CLIENTS => {
            state.max_clients = value;
            0
        }
        setting::TCP_IDLE_TIMEOUT => {
            state.idle = (value as u64).saturating_mul(SECOND);
            0
        }
        _ => -1,
    })
}

/// Ends a port: no further queries; requests may still be answered.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn evdns_close_server_port(port: *mut evdns_server_port) {
    // SAFETY: `port` is null or alive.
    unsafe {
        let Some(this) = port.as_ref() else { return };
        if !this.listener.is_null() {
            // Before the lock is taken: a callback of it may be waiting for that.
            evconnlistener_set_cb(this.listener, None, ptr::null_mut());
            evconnlistener_free(this.listener);
        }
        this.lock().lock();
        this.closed.set(true);
        own::event_del_noblock(this.reader());
        evdns_server_port::release(port);
    }
}
