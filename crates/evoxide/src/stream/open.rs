//! How streams begin: from a socket that is there, or by connecting.

use super::handler::StreamHandler;
use super::io::OnStream;
use super::object::{Closing, Ending, Stream};
use crate::buffer::Buffer;
use crate::error::Error;
use crate::event_loop::event::{EventId, Kind};
use crate::event_loop::registry::Registry;
use crate::timer::nanos;
use evoxide_core::stream::{Direction, Stream as Machine, Watermarks};
use evoxide_sys::{io as sys, socket};
use std::io;
use std::net::ToSocketAddrs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

impl Stream {
    fn new(fd: OwnedFd) -> Self {
        let mut machine = Machine::new();
        let _ = machine.enable(Direction::READ | Direction::WRITE);
        Self {
            fd,
            machine,
            input: Buffer::new(),
            output: Buffer::new(),
            layers: Vec::new(),
            marks: Watermarks::NONE,
            low: 0,
            read_timeout: None,
            write_timeout: None,
            connect_timeout: None,
            addresses: Vec::new(),
            limit: None,
            finished: false,
            closing: Closing::No,
            ending: Ending::No,
            queued: false,
            blocked: false,
            read_moved: false,
            write_moved: false,
        }
    }

    /// A socket that is about to be connected.
    pub(super) fn connecting(addr: &socket::Addr) -> io::Result<OwnedFd> {
        let fd = socket::stream(addr, socket::Flags::LOOP)?;
        match socket::connect(&fd, addr) {
            Err(error) if !socket::is_connecting(&error) => Err(error),
            _ => Ok(fd),
        }
    }

    /// Tells whether this is news: the stream must be looked at when the turn ends.
    fn queue(&mut self) -> bool {
        !std::mem::replace(&mut self.queued, true)
    }
}

impl<S> Registry<S> {
    /// Makes a stream of a connected socket (a `TcpStream`, a `UnixStream`, the descriptor of a pipe). The loop owns it from
    /// now on, and reads.
    ///
    /// # Errors
    /// What the operating system says of the descriptor, which is closed then.
    ///
    /// # Examples
    /// See [`StreamHandler`] and [`Stream`].
    pub fn open<H>(&mut self, socket: impl Into<OwnedFd>, handler: H) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        let fd = socket.into();
        sys::set_nonblocking(&fd, true)?;
        self.start(Stream::new(fd), handler)
    }

    /// Connects to an address; [`StreamEvent::Connected`](crate::stream::StreamEvent::Connected) tells that it is done. Of several
    /// addresses one is tried after the other. A host name is looked up at once, and that blocks.
    ///
    /// # Errors
    /// What the operating system says right away; what it says later is told to the handler.
    ///
    /// # Examples
    /// See [`StreamHandler::on_event`].
    pub fn connect<H>(&mut self, addr: impl ToSocketAddrs, handler: H) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        self.connect_within(addr, None, handler)
    }

    /// Connects to an address, and gives up after a while with an error of kind
    /// [`TimedOut`](std::io::ErrorKind::TimedOut).
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::stream::{StreamCtx, StreamEvent, StreamHandler};
    /// use std::time::Duration;
    ///
    /// struct Hello;
    ///
    /// impl<S> StreamHandler<S> for Hello {
    ///     fn on_read(&mut self, _cx: &mut StreamCtx<'_, S>) {}
    ///
    ///     fn on_event(&mut self, cx: &mut StreamCtx<'_, S>, event: StreamEvent) {
    ///         if let StreamEvent::Connected = event {
    ///             cx.output().append("hello");
    ///         }
    ///         cx.close_after_flush();
    ///     }
    /// }
    ///
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let mut ev = EventLoop::new(())?;
    /// ev.connect_timeout(listener.local_addr()?, Duration::from_secs(5), Hello)?;
    /// ev.run()?;
    /// let mut text = String::new();
    /// std::io::Read::read_to_string(&mut listener.accept()?.0, &mut text)?;
    /// assert_eq!(text, "hello");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn connect_timeout<H>(
        &mut self,
        addr: impl ToSocketAddrs,
        timeout: Duration,
        handler: H,
    ) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        self.connect_within(addr, Some(nanos(timeout)), handler)
    }

    /// Connects to a Unix socket.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Examples
    /// ```no_run
    /// # use evoxide::EventLoop;
    /// # use evoxide::stream::{StreamCtx, StreamHandler};
    /// # struct Hello;
    /// # impl<S> StreamHandler<S> for Hello {
    /// #     fn on_read(&mut self, _cx: &mut StreamCtx<'_, S>) {}
    /// # }
    /// let mut ev = EventLoop::new(())?;
    /// ev.connect_unix("/run/hello.sock", Hello)?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn connect_unix<H>(&mut self, path: impl AsRef<Path>, handler: H) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        self.connect_to(vec![socket::Addr::unix(path)?], None, handler)
    }

    fn connect_within<H>(
        &mut self,
        addr: impl ToSocketAddrs,
        timeout: Option<u64>,
        handler: H,
    ) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        self.connect_to(addr.to_socket_addrs()?.map(Into::into).collect(), timeout, handler)
    }

    fn connect_to<H>(
        &mut self,
        mut addresses: Vec<socket::Addr>,
        timeout: Option<u64>,
        handler: H,
    ) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        addresses.reverse();
        let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
        while let (Err(_), Some(addr)) = (&result, addresses.pop()) {
            result = Stream::connecting(&addr);
        }
        let mut stream = Stream::new(result?);
        stream.addresses = addresses;
        stream.connect_timeout = timeout;
        stream.machine.connecting();
        self.start(stream, handler)
    }

    /// Two streams that are each other's peer.
    ///
    /// # Errors
    /// What the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::stream::{StreamCtx, StreamHandler};
    ///
    /// struct Side;
    ///
    /// impl StreamHandler<Vec<u8>> for Side {
    ///     fn on_read(&mut self, cx: &mut StreamCtx<'_, Vec<u8>>) {
    ///         let bytes = cx.input().take_bytes(usize::MAX);
    ///         cx.state().extend(bytes);
    ///         cx.close();
    ///     }
    /// }
    ///
    /// let mut ev = EventLoop::new(Vec::new())?;
    /// let (left, _right) = ev.pair(Side, Side)?;
    /// ev.stream(left).unwrap().output().append("hello");
    /// ev.run()?;
    /// assert_eq!(ev.state(), b"hello");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn pair<A, B>(&mut self, left: A, right: B) -> Result<(EventId, EventId), Error>
    where
        A: StreamHandler<S> + 'static,
        B: StreamHandler<S> + 'static,
    {
        let (a, b) = UnixStream::pair()?;
        let left = self.open(a, left)?;
        match self.open(b, right) {
            Ok(right) => Ok((left, right)),
            Err(error) => {
                self.remove(left);
                Err(error)
            }
        }
    }

    /// The stream of that id, for use by others. `None` where there is none, or its handler is running now.
    ///
    /// # Examples
    /// See [`Stream`].
    pub fn stream(&mut self, id: EventId) -> Option<&mut Stream> {
        if self.object::<Stream>(id)?.queue() {
            self.turn_end.push_back(id);
        }
        self.object(id)
    }

    fn start<H>(&mut self, mut stream: Stream, handler: H) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        let placeholder = self.insert(Kind::Extension, None, false, None);
        if let Err(error) = self.arm_stream(placeholder, &mut stream) {
            self.entries.remove(placeholder);
            return Err(error);
        }
        if let Some(entry) = self.entries.get_mut(placeholder) {
            entry.handler = Some(Box::new(OnStream { stream, handler }));
        }
        Ok(placeholder)
    }
}
