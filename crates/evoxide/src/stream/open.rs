//! How streams begin: from a socket that is there, or by connecting.

use super::handler::StreamHandler;
use super::io::OnStream;
#[cfg(feature = "dns")]
use super::object::Later;
use super::object::{Ending, Stream};
use super::options::SocketOptions;
use crate::error::Error;
#[cfg(feature = "dns")]
use crate::event_loop::event::Side;
use crate::event_loop::event::{EventId, Kind};
use crate::event_loop::registry::Registry;
#[cfg(feature = "dns")]
use evoxide_core::stream::State;
use evoxide_core::stream::{Direction, Io};
use evoxide_sys::backend::Features;
use evoxide_sys::socket;
use std::io;
#[cfg(feature = "dns")]
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;

impl Stream {
    /// A socket that is about to be connected.
    pub(crate) fn connecting(addr: &socket::Addr, options: &SocketOptions) -> io::Result<OwnedFd> {
        let fd = socket::stream(addr, socket::Flags::LOOP)?;
        options.prepare(&fd)?;
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
    #[track_caller]
    pub fn open<H>(&mut self, socket: impl Into<OwnedFd>, handler: H) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        let mut stream = Stream::new(socket.into());
        // Only of TCP is it known what cuts a read short.
        stream.edges = self.engine.backend().features().contains(Features::ET) && socket::is_tcp(&stream.fd);
        self.start(stream, handler)
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
    #[track_caller]
    pub fn connect_unix<H>(&mut self, path: impl AsRef<Path>, handler: H) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        self.connect_to(vec![socket::Addr::unix(path)?], &SocketOptions::new(), None, handler)
    }

    /// Connects to the first of these addresses that can be connected to.
    pub(crate) fn connect_to<H>(
        &mut self,
        mut addresses: Vec<socket::Addr>,
        options: &SocketOptions,
        timeout: Option<u64>,
        handler: H,
    ) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        addresses.reverse();
        let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
        while let (Err(_), Some(addr)) = (&result, addresses.pop()) {
            result = Stream::connecting(&addr, options);
        }
        let mut stream = Stream::new(result?);
        if !addresses.is_empty() || timeout.is_some() {
            let extras = stream.extras_mut();
            extras.addresses = addresses;
            extras.options = options.clone();
            extras.connect_timeout = timeout;
        }
        stream.machine.connecting();
        self.start(stream, handler)
    }

    /// Makes a stream whose socket comes later, by [`adopt`](Self::adopt). Until then it waits as one that is connecting.
    #[cfg(feature = "dns")]
    pub(crate) fn await_socket<H>(&mut self, timeout: Option<u64>, handler: H) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        // The end of a pipe that is read is never writable, and quiet while the other one is open.
        let (read, write) = io::pipe()?;
        let mut stream = Stream::new(read.into());
        let extras = stream.extras_mut();
        extras.later = Some(Later::Waits { _quiet: write.into() });
        extras.connect_timeout = timeout;
        stream.machine.connecting();
        self.start(stream, handler)
    }

    /// The connected socket of such a stream, or why there is none. Without that stream, or where it gave up, nothing happens.
    #[cfg(feature = "dns")]
    pub(crate) fn adopt(&mut self, id: EventId, result: io::Result<OwnedFd>) {
        let Some(stream) = self.object::<Stream>(id) else { return };
        if stream.machine.state() != State::Connecting {
            return;
        }
        let Some(later) = stream.extras.as_mut().map(|extras| &mut extras.later) else { return };
        let old = match result {
            Ok(socket) => {
                *later = None;
                Some(std::mem::replace(&mut stream.fd, socket))
            }
            Err(error) => {
                *later = Some(Later::Failed(error));
                None
            }
        };
        if stream.queue() {
            self.turn_end.push_back(id);
        }
        if let Some(old) = old {
            // A side that cannot be watched is told of when it is armed again.
            let _ = self.watch_side(id, Side::Second, old.as_raw_fd(), None, None, false);
        }
    }

    /// Makes one stream of two descriptors: it reads from one and writes to the other, as the two ends of pipes.
    ///
    /// # Errors
    /// What the operating system says of the descriptors, which are closed then.
    ///
    /// # Examples
    /// As for [`open_child`](Self::open_child).
    #[track_caller]
    pub fn open_pipes<H>(
        &mut self,
        read: impl Into<OwnedFd>,
        write: impl Into<OwnedFd>,
        handler: H,
    ) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        let mut stream = Stream::new(read.into());
        stream.write_fd = Some(write.into());
        stream.become_file()?;
        self.start(stream, handler)
    }

    /// Makes a stream of a child's piped standard input and output: it reads what the child prints, and writes what the child
    /// reads. Where only one of them is a pipe, so is the stream. Its end is told by [`child`](Self::child).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a child without such pipes; what the operating system says.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::stream::{StreamCtx, StreamEvent, StreamHandler};
    /// use std::process::{Command, Stdio};
    ///
    /// struct Sorted;
    ///
    /// impl StreamHandler<Vec<u8>> for Sorted {
    ///     fn on_read(&mut self, _cx: &mut StreamCtx<'_, Vec<u8>>) {}
    ///
    ///     fn on_event(&mut self, cx: &mut StreamCtx<'_, Vec<u8>>, event: StreamEvent) {
    ///         if let StreamEvent::Eof = event {
    ///             let sorted = cx.input().take_bytes(usize::MAX);
    ///             cx.state().extend(sorted);
    ///         }
    ///         cx.close();
    ///     }
    /// }
    ///
    /// let mut child = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    /// let mut ev = EventLoop::new(Vec::new())?;
    /// let id = ev.open_child(&mut child, Sorted)?;
    /// let stream = ev.stream(id).unwrap();
    /// stream.output().append("b\na\n");
    /// stream.shutdown_write();
    /// ev.child(child, |_, _, status| assert!(status.success()))?;
    /// ev.run()?;
    /// assert_eq!(ev.state(), b"a\nb\n");
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[track_caller]
    pub fn open_child<H>(&mut self, child: &mut Child, handler: H) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        let mut stream = match (child.stdout.take(), child.stdin.take()) {
            (Some(read), Some(write)) => return self.open_pipes(read, write, handler),
            (Some(read), None) => {
                let mut stream = Stream::new(read.into());
                stream.ending = Ending::Done;
                let _ = stream.machine.disable(Direction::WRITE);
                stream
            }
            (None, Some(write)) => {
                let mut stream = Stream::new(write.into());
                let _ = stream.machine.read_done(Io::Eof);
                stream
            }
            (None, None) => return Err(Error::invalid("child")),
        };
        stream.become_file()?;
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
    #[track_caller]
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

    /// The stream of that id with its handler, for use by others: for what comes later than the call that it is the answer to. `None`
    /// where there is none, or its handler is running now, or is no `H`.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::stream::{StreamCtx, StreamHandler};
    /// use std::time::Duration;
    ///
    /// /// Answers each line later, and counts what is missing.
    /// struct Late(usize);
    ///
    /// impl<S: 'static> StreamHandler<S> for Late {
    ///     fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
    ///         let Some(id) = cx.id() else { return };
    ///         while cx.input().next_line().is_some() {
    ///             self.0 += 1;
    ///             cx.timer(Duration::from_millis(100), move |cx| {
    ///                 let Some((stream, late)) = cx.stream_and_handler::<Late>(id) else { return };
    ///                 late.0 -= 1;
    ///                 stream.output().append(format!("{} to come\n", late.0));
    ///             });
    ///         }
    ///     }
    /// }
    ///
    /// let mut ev = EventLoop::new(())?;
    /// ev.listen("127.0.0.1:0", |cx, conn, _peer| cx.open(conn, Late(0)))?;
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    pub fn stream_and_handler<H: 'static>(&mut self, id: EventId) -> Option<(&mut Stream, &mut H)> {
        self.stream(id)?;
        let OnStream { stream, handler } = self.entries.get_mut(id)?.handler.as_mut()?.whole()?.downcast_mut()?;
        Some((stream, handler))
    }

    /// The streams whose handlers are of type `H`, but for the one whose handler is running now.
    #[cfg(feature = "http")]
    pub(crate) fn streams_of<H: 'static>(&mut self) -> Vec<EventId> {
        self.entries.ids_where(|handler| handler.whole().is_some_and(|whole| whole.is::<OnStream<H>>()))
    }

    #[track_caller]
    fn start<H>(&mut self, mut stream: Stream, handler: H) -> Result<EventId, Error>
    where
        H: StreamHandler<S> + 'static,
    {
        let placeholder = self.reserve(Kind::Extension);
        stream.count(self.inspector.is_some());
        if let Err(error) = self.arm_stream(placeholder, &mut stream) {
            self.entries.remove(placeholder);
            return Err(error);
        }
        let kept = self.kept(OnStream { stream, handler });
        if let Some(entry) = self.entries.get_mut(placeholder) {
            entry.handler = Some(kept);
            self.streams += 1;
        }
        Ok(placeholder)
    }
}
