//! One socket on the loop: UDP to a server of a resolver, or a TCP connection of a resolver or a server port.
//!
//! A link belongs to its owner's table. Its callbacks take the owner's lock; it is closed with the lock held, so a callback of
//! another thread may be waiting: with threads the memory goes when the loop has seen the end of both events.

use super::own;
use crate::abi::event::{ev, event};
use crate::base::event_base;
use alloc::vec::Vec;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_short, c_void};
use core::{mem::MaybeUninit, net::SocketAddr, ptr};
use evoxide_core::key::Key;
use evoxide_ffi::lock::threading_enabled;
use evoxide_ffi::mm;
use evoxide_proto::dns::server::Frames;
use evoxide_sys::io;
use evoxide_sys::os::fd::IntoRawFd;
use evoxide_sys::os::io::{Error, Result};
use evoxide_sys::socket::{self as net, Addr, Flags};

/// The most that is read at once; larger datagrams than a client announces are cut.
const READ: usize = 4096;
/// Bytes that wait for a peer who does not read before the connection is given up.
const MAX_UNSENT: usize = 1 << 20;

/// Options that the machine does not know.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) skew: u64,
    pub(super) bind: Option<Addr>,
    pub(super) receive_buffer: c_int,
    pub(super) send_buffer: c_int,
}

/// Whose a link is.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    pub(super) object: *const c_void,
    /// What the owner knows the link by, if it has such keys.
    pub(super) key: Option<Key>,
    pub(super) ops: &'static OwnerOps,
}

/// What an owner does. The object lives until its links' callbacks have returned.
pub(super) struct OwnerOps {
    /// Takes the owner's lock, and what keeps it. `false`: it ends, and nothing was taken.
    pub(super) enter: unsafe fn(*const c_void) -> bool,
    /// Gives up what was taken.
    pub(super) leave: unsafe fn(*const c_void),
    /// Hears of bytes, or that the link failed. Returns whether to read on.
    pub(super) input: unsafe fn(*const c_void, &Link, Option<&[u8]>) -> bool,
    /// Acts on what was heard, and gives up what was taken. The link may be gone after this.
    pub(super) settle: unsafe fn(*const c_void),
}

pub(super) struct Link {
    pub(super) owner: Owner,
    fd: c_int,
    pub(super) tcp: bool,
    reader: UnsafeCell<MaybeUninit<event>>,
    writer: UnsafeCell<MaybeUninit<event>>,
    unsent: Cell<Vec<u8>>,
    /// A connection under way.
    connecting: Cell<bool>,
    /// Of a server: what came of the next message.
    pub(super) frames: Cell<Frames>,
    /// Of a server: its client, and when it was heard of last.
    pub(super) peer: Cell<Option<SocketAddr>>,
    pub(super) heard: Cell<u64>,
    /// Of a server: requests that are not answered.
    pub(super) owed: Cell<u32>,
    pub(super) gone: Cell<bool>,
}

impl Link {
    /// Opens a socket to a server; null if that fails.
    pub(super) fn open(
        owner: Owner,
        base: *mut event_base,
        server: SocketAddr,
        tcp: bool,
        settings: &Settings,
    ) -> *mut Self {
        let Ok((fd, connecting)) = connected(server, tcp, settings) else { return ptr::null_mut() };
        let link = Self::new(owner, base, fd, tcp);
        // SAFETY: null, or just made.
        match unsafe { link.as_ref() } {
            Some(link) => link.connecting.set(connecting),
            // SAFETY: opened above, and nobody else knows of it.
            None => drop(unsafe { io::close(fd) }),
        }
        link
    }

    /// A link on a descriptor, which it closes in the end; null without memory.
    pub(super) fn new(owner: Owner, base: *mut event_base, fd: c_int, tcp: bool) -> *mut Self {
        let made = mm::alloc(Self {
            owner,
            fd,
            tcp,
            reader: UnsafeCell::new(MaybeUninit::zeroed()),
            writer: UnsafeCell::new(MaybeUninit::zeroed()),
            unsent: Cell::new(Vec::new()),
            connecting: Cell::new(false),
            frames: Cell::new(Frames::default()),
            peer: Cell::new(None),
            heard: Cell::new(0),
            owed: Cell::new(0),
            gone: Cell::new(false),
        });
        let Some(made) = made else { return ptr::null_mut() };
        if tcp {
            // A reply must not wait until the one before it was acknowledged.
            let _ = net::set_no_delay(fd, true);
        }
        let link = made.as_ptr();
        // SAFETY: the events lie in the link just made.
        unsafe {
            own::event_assign((*link).reader(), base, fd, ev::READ | ev::PERSIST, Some(on_readable), link.cast());
            own::event_assign((*link).writer(), base, fd, ev::WRITE, Some(on_writable), link.cast());
        }
        link
    }

    fn reader(&self) -> *mut event {
        self.reader.get().cast()
    }

    fn writer(&self) -> *mut event {
        self.writer.get().cast()
    }

    pub(super) fn fd(&self) -> c_int {
        self.fd
    }

    /// Watches the socket or not.
    ///
    /// # Safety
    /// `link` is null or lives.
    pub(super) unsafe fn watch(link: *mut Self, on: bool) {
        // SAFETY: the events were assigned when the link was made.
        unsafe {
            let Some(link) = link.as_ref() else { return };
            if on {
                own::event_add(link.reader(), ptr::null());
                if link.connecting.get() {
                    own::event_add(link.writer(), ptr::null());
                }
            } else {
                own::event_del_noblock(link.reader());
                own::event_del_noblock(link.writer());
            }
        }
    }

    /// Sends a datagram; what the kernel has no room for is lost, as datagrams are.
    pub(super) fn send(&self, message: &[u8]) -> Result<()> {
        match io::write(self.fd, message) {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOBUFS | libc::EINTR) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Writes to a connection, or keeps what cannot be written yet.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<()> {
        let mut unsent = self.unsent.take();
        let mut rest = bytes;
        if unsent.is_empty() && !self.connecting.get() {
            match io::write(self.fd, bytes) {
                Ok(written) => rest = bytes.get(written..).unwrap_or(&[]),
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {}
                Err(error) => return Err(error),
            }
        }
        if rest.is_empty() {
            self.unsent.set(unsent);
            return Ok(());
        }
        if unsent.len() + rest.len() > MAX_UNSENT || unsent.try_reserve(rest.len()).is_err() {
            return Err(Error::from_raw_os_error(libc::ENOMEM));
        }
        unsent.extend_from_slice(rest);
        self.unsent.set(unsent);
        // SAFETY: the event was assigned when the link was made.
        unsafe { own::event_add(self.writer(), ptr::null()) };
        Ok(())
    }

    /// Writes what was kept.
    fn flush(&self) -> Result<()> {
        if self.connecting.replace(false)
            && let Some(error) = net::take_error(self.fd)?
        {
            return Err(error);
        }
        let unsent = self.unsent.take();
        if unsent.is_empty() { Ok(()) } else { self.write(&unsent) }
    }

    /// Ends a link. The lock is held; a callback may be on its way.
    ///
    /// # Safety
    /// `link` is null, or in no table any more.
    pub(super) unsafe fn close(link: *mut Self) {
        // SAFETY: `link` is null, or in no table any more, as promised.
        unsafe {
            let Some(this) = link.as_ref() else { return };
            this.gone.set(true);
            if !threading_enabled() {
                return Self::free(link);
            }
            own::event_del_noblock(this.reader());
            own::event_del_noblock(this.writer());
            if own::event_finalize(0, this.writer(), Some(writer_ended)) != 0 {
                Self::free(link);
            }
        }
    }

    /// Ends a link at once. No callback of another thread waits for a lock that the caller holds.
    ///
    /// # Safety
    /// As for [`close`](Self::close).
    pub(super) unsafe fn free(link: *mut Self) {
        // SAFETY: what `close` asks for is promised here, too.
        unsafe {
            let Some(this) = link.as_ref() else { return };
            own::event_del(this.reader());
            own::event_del(this.writer());
            own::event_debug_unassign(this.reader());
            own::event_debug_unassign(this.writer());
            Self::end(link);
        }
    }

    /// # Safety
    /// Nothing knows of the link any more.
    unsafe fn end(link: *mut Self) {
        // SAFETY: nothing knows of the link any more, as promised.
        unsafe {
            let _ = io::close((*link).fd);
            ptr::drop_in_place(link);
            mm::free(link.cast());
        }
    }

    /// Enters the owner. `false`: the link or its owner has ended, and nothing was taken.
    fn enter(&self) -> bool {
        let Owner { object, ops, .. } = self.owner;
        // SAFETY: the owner waits for its links' callbacks before it goes.
        unsafe {
            if !(ops.enter)(object) {
                return false;
            }
            if self.gone.get() {
                (ops.leave)(object);
                return false;
            }
        }
        true
    }

    fn tell(&self, bytes: Option<&[u8]>) -> bool {
        // SAFETY: the owner outlives its links, and this is its table.
        unsafe { (self.owner.ops.input)(self.owner.object, self, bytes) }
    }
}

impl Owner {
    fn settle(self) {
        // SAFETY: the owner was entered.
        unsafe { (self.ops.settle)(self.object) };
    }
}

fn connected(server: SocketAddr, tcp: bool, settings: &Settings) -> Result<(c_int, bool)> {
    let addr = Addr::from(server);
    let flags = Flags { nonblocking: true, cloexec: true };
    let fd = if tcp { net::stream(&addr, flags) } else { net::datagram(&addr, flags) }?;
    if settings.receive_buffer > 0 {
        net::set_recv_buffer_size(&fd, settings.receive_buffer as usize)?;
    }
    if settings.send_buffer > 0 {
        net::set_send_buffer_size(&fd, settings.send_buffer as usize)?;
    }
    if let Some(from) = settings.bind.as_ref().filter(|from| from.family() == addr.family()) {
        net::bind(&fd, from)?;
    }
    let connecting = match net::connect(&fd, &addr) {
        Ok(()) => false,
        Err(error) if tcp && net::is_connecting(&error) => true,
        Err(error) => return Err(error),
    };
    Ok((fd.into_raw_fd(), connecting))
}

unsafe extern "C-unwind" fn on_readable(fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: the event is deleted before the link's memory goes.
    let link = unsafe { &*arg.cast::<Link>() };
    let owner = link.owner;
    if !link.enter() {
        return;
    }
    let mut bytes = [0; READ];
    loop {
        match io::read(fd, &mut bytes) {
            Ok(0) if link.tcp => {
                link.tell(None);
                break;
            }
            Ok(len) => {
                if !link.tell(Some(&bytes[..len])) || link.gone.get() || link.tcp && len < READ {
                    break;
                }
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN) => break,
                Some(libc::EINTR) => {}
                _ => {
                    // Also the closed port of a server: ECONNREFUSED.
                    link.tell(None);
                    break;
                }
            },
        }
    }
    owner.settle();
}

unsafe extern "C-unwind" fn on_writable(_fd: c_int, _what: c_short, arg: *mut c_void) {
    // SAFETY: the event is deleted before the link's memory goes.
    let link = unsafe { &*arg.cast::<Link>() };
    let owner = link.owner;
    if !link.enter() {
        return;
    }
    if link.flush().is_err() {
        link.tell(None);
    }
    owner.settle();
}

unsafe extern "C-unwind" fn writer_ended(_event: *mut event, arg: *mut c_void) {
    // SAFETY: the link whose writer is over; its reader comes next.
    unsafe {
        if own::event_finalize(0, (*arg.cast::<Link>()).reader(), Some(reader_ended)) != 0 {
            Link::free(arg.cast());
        }
    }
}

unsafe extern "C-unwind" fn reader_ended(_event: *mut event, arg: *mut c_void) {
    // SAFETY: both events are over.
    unsafe { Link::end(arg.cast()) };
}
