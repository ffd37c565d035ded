//! Connections and listeners for tasks.

use super::executor::{Home, TaskCx, wake_now};
use crate::buffer::Buffer;
use crate::buffer::pool::READ;
use crate::error::Error;
use crate::event_loop::context::{Callback, Context};
use crate::event_loop::event::{EventId, Fired, Kind};
use crate::interest::Interest;
use evoxide_core::interest::Ready;
use evoxide_sys::{io as sys, message, socket};
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Polled, Poll, Waker};

/// The most that one write moves, and in how many pieces.
const MAX_WRITE: usize = 1 << 20;
const PIECES: usize = 64;

/// What the loop found out about a descriptor since it was last used.
#[derive(Default)]
struct Readiness {
    readable: Cell<bool>,
    writable: Cell<bool>,
    /// The peer's end may lie behind the data: only a read tells.
    closed: Cell<bool>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

/// Waits on descriptors, whatever the loop's state is.
trait Watches {
    fn watch(&self, fd: RawFd, readiness: Rc<Readiness>) -> Result<(EventId, bool), Error>;
    fn arm(&self, id: EventId, interest: Interest);
    fn unwatch(&self, id: EventId);
    /// Reads into storage of the loop.
    fn receive(&self, into: &mut Buffer, read: &mut dyn FnMut(&mut Vec<u8>) -> io::Result<usize>) -> io::Result<usize>;
    /// Drops what was written, and keeps its storage for the loop.
    fn consume(&self, from: &mut Buffer, len: usize);
}

impl<S: 'static> Watches for Home<S> {
    fn watch(&self, fd: RawFd, readiness: Rc<Readiness>) -> Result<(EventId, bool), Error> {
        self.with(|cx| {
            let edge = cx.features().edge_triggered;
            let mut interest = Interest::READ;
            if edge {
                interest = interest | Interest::WRITE | Interest::EDGE;
                if cx.features().early_close {
                    interest |= Interest::CLOSED;
                }
            }
            let kind = Kind::Descriptor { fd, interest, timeout: None };
            let id = cx.registry.insert(kind, None, false, OnReady { readiness, edge });
            let id = cx.registry.arm_new(id)?;
            self.adopt(cx, id);
            Ok((id, edge))
        })
    }

    fn arm(&self, id: EventId, interest: Interest) {
        self.with(|cx| {
            let armed = cx.set_interest(id, interest).and_then(|()| cx.resume(id));
            if let Err(error) = armed {
                log::warn!("a descriptor cannot be watched: {error}");
            }
        });
    }

    fn unwatch(&self, id: EventId) {
        self.forget(id);
    }

    fn receive(&self, into: &mut Buffer, read: &mut dyn FnMut(&mut Vec<u8>) -> io::Result<usize>) -> io::Result<usize> {
        self.with(|cx| {
            let pool = &mut cx.registry.pool;
            let result = read(pool.block());
            if matches!(result, Ok(n) if n > 0) {
                pool.fill(into);
            }
            result
        })
    }

    fn consume(&self, from: &mut Buffer, len: usize) {
        self.with(|cx| cx.registry.pool.consume(from, len));
    }
}

struct OnReady {
    readiness: Rc<Readiness>,
    edge: bool,
}

impl<S: 'static> Callback<S> for OnReady {
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired) {
        let readiness = &self.readiness;
        if let Some(id) = cx.id.filter(|_| !self.edge) {
            // Armed again by who waits.
            cx.pause(id);
        }
        if fired.ready.contains(Ready::CLOSED) {
            readiness.closed.set(true);
        }
        if fired.ready.intersects(Ready::READ | Ready::CLOSED) {
            readiness.readable.set(true);
            wake_now(cx.registry, readiness.reader.take());
        }
        if fired.ready.contains(Ready::WRITE) {
            readiness.writable.set(true);
            wake_now(cx.registry, readiness.writer.take());
        }
    }
}

/// A descriptor that the loop watches for tasks.
struct Watched {
    readiness: Rc<Readiness>,
    home: Rc<dyn Watches>,
    id: EventId,
    edge: bool,
}

impl Watched {
    fn new(fd: &impl AsFd, home: Rc<dyn Watches>) -> Result<Self, Error> {
        let readiness = Rc::new(Readiness::default());
        let (id, edge) = home.watch(fd.as_fd().as_raw_fd(), Rc::clone(&readiness))?;
        Ok(Self { readiness, home, id, edge })
    }

    /// Waits until the descriptor is worth trying.
    fn wait(&self, write: bool, cx: &Polled<'_>) -> Poll<()> {
        let state = &self.readiness;
        let (ready, waker) = if write { (&state.writable, &state.writer) } else { (&state.readable, &state.reader) };
        if ready.get() {
            return Poll::Ready(());
        }
        {
            let mut waker = waker.borrow_mut();
            if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
        }
        if !self.edge {
            let reads = state.reader.borrow().is_some();
            let writes = state.writer.borrow().is_some();
            let interest = match (reads, writes) {
                (true, true) => Interest::READ | Interest::WRITE,
                (false, true) => Interest::WRITE,
                _ => Interest::READ,
            };
            self.home.arm(self.id, interest);
        }
        Poll::Pending
    }

    /// Tries, and waits where it would block.
    fn run<T>(&self, write: bool, cx: &Polled<'_>, mut attempt: impl FnMut() -> io::Result<T>) -> Poll<io::Result<T>> {
        loop {
            if self.wait(write, cx).is_pending() {
                return Poll::Pending;
            }
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.spent(write),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Nothing more moves until the loop says so.
    fn spent(&self, write: bool) {
        let state = &self.readiness;
        if write { &state.writable } else { &state.readable }.set(false);
    }

    /// A read that was not filled leaves nothing behind, unless the end follows.
    fn short_read(&self) {
        if self.edge && !self.readiness.closed.get() {
            self.spent(false);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.home.unwatch(self.id);
    }
}

/// A connection for tasks, read and written as [`futures_io`] has it. Reading and writing need no `&mut`: two tasks may share one in
/// an [`Rc`], one reading and one writing.
///
/// # Examples
/// An echo server and its client:
/// ```
/// use evoxide::EventLoop;
/// use evoxide::task::AsyncStream;
///
/// async fn echo(stream: AsyncStream) -> std::io::Result<()> {
///     let mut bytes = [0; 4096];
///     loop {
///         match stream.read(&mut bytes).await? {
///             0 => return Ok(()),
///             n => stream.write_all(&bytes[..n]).await?,
///         }
///     }
/// }
///
/// let mut ev = EventLoop::new(())?;
/// let cx = ev.task_cx();
/// ev.block_on(async move {
///     let listener = cx.listen("127.0.0.1:0")?;
///     let addr = listener.local_addr()?;
///     let tasks = cx.clone();
///     cx.spawn(async move {
///         while let Ok((stream, _peer)) = listener.accept().await {
///             tasks.spawn(echo(stream));
///         }
///     });
///     let client = cx.connect(addr).await?;
///     client.write_all(b"hello").await?;
///     let mut bytes = [0; 5];
///     client.read_exact(&mut bytes).await?;
///     assert_eq!(&bytes, b"hello");
///     Ok::<_, evoxide::Error>(())
/// })??;
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct AsyncStream {
    // The event goes before its descriptor.
    watched: Watched,
    fd: OwnedFd,
    /// Not a socket: it is read and written as a file, in nonblocking mode.
    is_file: Cell<bool>,
}

impl AsyncStream {
    fn new(fd: OwnedFd, home: Rc<dyn Watches>) -> Result<Self, Error> {
        let watched = Watched::new(&fd, home)?;
        // A new socket takes something, mostly.
        watched.readiness.writable.set(true);
        Ok(Self { watched, fd, is_file: Cell::new(false) })
    }

    /// Reads what is there, at least one byte; 0 at the end of the data.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_receive(cx, bytes)).await
    }

    /// Fills `bytes`.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) where the data ends before.
    pub async fn read_exact(&self, mut bytes: &mut [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.read(bytes).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => bytes = &mut bytes[n..],
            }
        }
        Ok(())
    }

    /// Appends what is there to a buffer: see its [frames](Buffer::take_line_max). 0 at the end of the data. What is read lies in
    /// storage of the loop, of which a waiting task holds none.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Examples
    /// ```
    /// use evoxide::buffer::Buffer;
    /// use evoxide::task::AsyncStream;
    ///
    /// async fn echo(stream: AsyncStream) -> std::io::Result<()> {
    ///     let mut bytes = Buffer::new();
    ///     while stream.read_buffer(&mut bytes).await? > 0 {
    ///         stream.write_buffer(&mut bytes).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn read_buffer(&self, into: &mut Buffer) -> io::Result<usize> {
        let home = &self.watched.home;
        let read = poll_fn(|cx| {
            self.watched.run(false, cx, || {
                home.receive(into, &mut |storage| {
                    self.as_file_or(|| message::receive(&self.fd, storage, READ))
                        .unwrap_or_else(|| message::read(&self.fd, storage, READ))
                })
            })
        });
        let n = read.await?;
        self.read_of(n, READ);
        Ok(n)
    }

    /// Writes what the socket takes.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_send(cx, &[IoSlice::new(bytes)])).await
    }

    /// Writes everything.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = self.write(bytes).await?;
            bytes = &bytes[n..];
        }
        Ok(())
    }

    /// Writes everything that lies in a buffer, and takes it out.
    ///
    /// # Errors
    /// As [`write`](Self::write); what was not written is still there then.
    ///
    /// # Examples
    /// See [`read_buffer`](Self::read_buffer).
    pub async fn write_buffer(&self, from: &mut Buffer) -> io::Result<()> {
        while !from.is_empty() {
            let n = poll_fn(|cx| {
                let mut pieces = [IoSlice::new(&[]); PIECES];
                let (count, _) = from.io_slices(MAX_WRITE, &mut pieces);
                self.poll_send(cx, &pieces[..count])
            });
            let n = n.await?;
            self.watched.home.consume(from, n);
        }
        Ok(())
    }

    /// Ends the sending side: the peer reads the end.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn shutdown_write(&self) -> io::Result<()> {
        socket::shutdown(&self.fd, socket::Shutdown::Write)
    }

    fn poll_receive(&self, cx: &Polled<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = self.watched.run(false, cx, || {
            let received = self.as_file_or(|| message::receive_slice(&self.fd, bytes));
            received.unwrap_or_else(|| sys::readv(&self.fd, &mut [IoSliceMut::new(bytes)]))
        });
        if let Poll::Ready(Ok(n)) = read {
            self.read_of(n, bytes.len());
        }
        read
    }

    fn poll_send(&self, cx: &Polled<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.watched.run(true, cx, || {
            self.as_file_or(|| message::send(&self.fd, slices)).unwrap_or_else(|| sys::writev(&self.fd, slices))
        })
    }

    /// What a call for sockets answers; `None` where this is none, and must be read and written as a file.
    fn as_file_or<T>(&self, call: impl FnOnce() -> io::Result<T>) -> Option<io::Result<T>> {
        if self.is_file.get() {
            return None;
        }
        match call() {
            Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => {
                self.is_file.set(true);
                // Only its mode keeps it from blocking.
                sys::set_nonblocking(&self.fd, true).err().map(Err)
            }
            answer => Some(answer),
        }
    }

    /// A socket's read that was not filled leaves nothing behind.
    fn read_of(&self, n: usize, room: usize) {
        if n > 0 && n < room && !self.is_file.get() {
            self.watched.short_read();
        }
    }
}

impl AsFd for AsyncStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for AsyncStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncStream").field(&self.fd).finish()
    }
}

macro_rules! async_io {
    ($($type:ty),*) => {$(
        impl AsyncRead for $type {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Polled<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
                self.poll_receive(cx, bytes)
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Polled<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                self.poll_send(cx, &[IoSlice::new(bytes)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Polled<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.poll_send(cx, slices)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Polled<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Polled<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown_write())
            }
        }
    )*};
}

async_io!(AsyncStream, &AsyncStream);

/// A listener for tasks: also a [`Stream`] of connections.
///
/// # Examples
/// See [`AsyncStream`].
pub struct AsyncListener {
    watched: Watched,
    socket: TcpListener,
}

impl AsyncListener {
    /// The next connection, and its peer.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// See [`AsyncStream`].
    pub async fn accept(&self) -> Result<(AsyncStream, SocketAddr), Error> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Its own address.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// See [`AsyncStream`].
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.socket.local_addr()?)
    }

    fn poll_accept(&self, cx: &Polled<'_>) -> Poll<Result<(AsyncStream, SocketAddr), Error>> {
        let accepted = self.watched.run(false, cx, || socket::accept(&self.socket, socket::Flags::LOOP));
        accepted.map(|accepted| {
            let (fd, peer) = accepted?;
            let peer =
                peer.and_then(|peer| peer.to_inet()).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
            Ok((AsyncStream::new(fd, Rc::clone(&self.watched.home))?, peer))
        })
    }
}

impl Stream for AsyncListener {
    type Item = Result<(AsyncStream, SocketAddr), Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Polled<'_>) -> Poll<Option<Self::Item>> {
        self.poll_accept(cx).map(Some)
    }
}

impl fmt::Debug for AsyncListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncListener").field(&self.socket).finish()
    }
}

impl<S: 'static> TaskCx<S> {
    /// Listens on an address.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// See [`AsyncStream`].
    pub fn listen(&self, addr: impl ToSocketAddrs) -> Result<AsyncListener, Error> {
        self.accept_from(TcpListener::bind(addr)?)
    }

    /// Accepts from a listener that is there already.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// As for [`listen`](Self::listen).
    pub fn accept_from(&self, socket: TcpListener) -> Result<AsyncListener, Error> {
        socket.set_nonblocking(true)?;
        let home: Rc<Home<S>> = Rc::clone(&self.home);
        Ok(AsyncListener { watched: Watched::new(&socket, home)?, socket })
    }

    /// Connects to one address.
    pub(crate) async fn connect_one(&self, addr: &socket::Addr) -> Result<AsyncStream, Error> {
        let stream = self.open_stream(socket::connector(addr)?)?;
        stream.watched.readiness.writable.set(false);
        poll_fn(|cx| {
            stream.watched.run(true, cx, || match socket::finished_connecting(&stream.fd) {
                Ok(true) if socket::peer_addr(&stream.fd).is_ok() => Ok(()),
                Ok(_) => Err(io::ErrorKind::WouldBlock.into()),
                Err(error) => Err(error),
            })
        })
        .await?;
        Ok(stream)
    }

    /// Makes a connection for tasks of a socket that is connected already.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (a, b) = UnixStream::pair()?;
    /// let mut ev = EventLoop::new(())?;
    /// let cx = ev.task_cx();
    /// ev.block_on(async move {
    ///     let (a, b) = (cx.open_stream(a)?, cx.open_stream(b)?);
    ///     a.write_all(b"hello").await?;
    ///     let mut bytes = [0; 5];
    ///     b.read_exact(&mut bytes).await?;
    ///     Ok::<_, evoxide::Error>(())
    /// })??;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn open_stream(&self, socket: impl Into<OwnedFd>) -> Result<AsyncStream, Error> {
        let home: Rc<Home<S>> = Rc::clone(&self.home);
        AsyncStream::new(socket.into(), home)
    }
}
