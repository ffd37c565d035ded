//! Streams: connections with buffers and a handler.

mod filter;
mod io;
mod limit;
mod listen;
mod open;

pub use filter::Filter;
pub use limit::{LimitId, Rate};
pub(crate) use limit::{Limits, TICK};

use crate::buffer::Buffer;
use crate::context::Context;
use crate::timer::nanos;
use evoxide_core::stream::{Direction, Marks, Stream as Machine};
use evoxide_sys::socket;
use filter::Layer;
use std::fmt;
use std::io as std_io;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// What a stream tells besides data.
///
/// # Examples
/// See [`StreamHandler::on_event`].
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The connection is made.
    Connected,
    /// The peer sends no more. Writing goes on.
    Eof,
    /// Something failed, be it the attempt to connect; no data moves any more.
    Error(std_io::Error),
    /// Nothing was read for the stream's read timeout. Reading has stopped.
    ReadTimeout,
    /// Nothing could be written for the stream's write timeout. Writing has stopped.
    WriteTimeout,
}

/// What happens to a stream is told to its handler.
///
/// # Examples
/// An echo server:
/// ```
/// use evoxide::{EventLoop, StreamCtx, StreamHandler};
/// use std::io::{Read, Write};
/// use std::net::{TcpListener, TcpStream};
///
/// struct Echo;
///
/// impl<S> StreamHandler<S> for Echo {
///     fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
///         let (input, output) = cx.io();
///         output.append_buffer(input);
///     }
/// }
///
/// let mut ev = EventLoop::new(())?;
/// let listener = ev.listen("127.0.0.1:0", |cx, conn, _peer| cx.open(conn, Echo))?;
/// let addr = ev.source::<TcpListener>(listener).unwrap().local_addr()?;
///
/// let handle = ev.handle();
/// let client = std::thread::spawn(move || {
///     let mut conn = TcpStream::connect(addr).unwrap();
///     conn.write_all(b"hello").unwrap();
///     let mut echo = [0; 5];
///     conn.read_exact(&mut echo).unwrap();
///     handle.stop();
///     echo
/// });
/// ev.run()?;
/// assert_eq!(&client.join().unwrap(), b"hello");
/// # Ok::<(), evoxide::Error>(())
/// ```
pub trait StreamHandler<S> {
    /// Data has come: it is in [`Stream::input`], where it stays until somebody drains it. Called again when more comes.
    ///
    /// # Examples
    /// See [`StreamHandler`].
    fn on_read(&mut self, cx: &mut StreamCtx<'_, S>);

    /// The output has been written, down to the [low mark](Stream::set_write_mark).
    ///
    /// # Examples
    /// ```
    /// use evoxide::{StreamCtx, StreamHandler};
    ///
    /// /// Sends its number, line by line, as fast as the peer reads.
    /// struct Count(u64);
    ///
    /// impl<S> StreamHandler<S> for Count {
    ///     fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
    ///         cx.input().clear();
    ///     }
    ///
    ///     fn on_drained(&mut self, cx: &mut StreamCtx<'_, S>) {
    ///         self.0 += 1;
    ///         cx.output().append(format!("{}\n", self.0));
    ///     }
    /// }
    /// ```
    fn on_drained(&mut self, cx: &mut StreamCtx<'_, S>) {
        let _ = cx;
    }

    /// Something else happened. Unless a handler has it otherwise, an end of the data closes the stream once its output is
    /// written, and an error or a timeout closes it at once.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventLoop, StreamCtx, StreamEvent, StreamHandler};
    ///
    /// struct Probe;
    ///
    /// impl StreamHandler<Vec<String>> for Probe {
    ///     fn on_read(&mut self, _cx: &mut StreamCtx<'_, Vec<String>>) {}
    ///
    ///     fn on_event(&mut self, cx: &mut StreamCtx<'_, Vec<String>>, event: StreamEvent) {
    ///         cx.state().push(format!("{event:?}"));
    ///         cx.close();
    ///     }
    /// }
    ///
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let mut ev = EventLoop::new(Vec::new())?;
    /// ev.connect(listener.local_addr()?, Probe)?;
    /// ev.run()?;
    /// assert_eq!(ev.state(), &["Connected"]);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    fn on_event(&mut self, cx: &mut StreamCtx<'_, S>, event: StreamEvent) {
        match event {
            StreamEvent::Connected => {}
            StreamEvent::Eof => cx.close_after_flush(),
            _ => cx.close(),
        }
    }

    /// The stream is about to be closed, and its event removed: by [`Stream::close`] or
    /// [`Stream::close_after_flush`], whoever called them. Not called where the event is removed by its id, or goes with its
    /// loop.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{Context, StreamCtx, StreamHandler};
    ///
    /// struct Counted;
    ///
    /// impl StreamHandler<usize> for Counted {
    ///     fn on_read(&mut self, cx: &mut StreamCtx<'_, usize>) {
    ///         cx.input().clear();
    ///     }
    ///
    ///     fn on_close(&mut self, cx: &mut Context<'_, usize>) {
    ///         *cx.state() -= 1;
    ///     }
    /// }
    /// ```
    fn on_close(&mut self, cx: &mut Context<'_, S>) {
        let _ = cx;
    }
}

/// What a [`StreamHandler`] is given: its stream, and by dereference the [`Context`] of every handler.
///
/// # Examples
/// See [`StreamHandler`].
pub struct StreamCtx<'a, S> {
    pub(crate) cx: Context<'a, S>,
    pub(crate) stream: &'a mut Stream,
}

impl<S> StreamCtx<'_, S> {
    /// The stream itself.
    ///
    /// # Examples
    /// ```
    /// use evoxide::StreamCtx;
    /// use std::time::Duration;
    ///
    /// fn be_patient<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.this().set_timeouts(Some(Duration::from_secs(600)), None);
    /// }
    /// ```
    pub fn this(&mut self) -> &mut Stream {
        self.stream
    }

    /// What has come and was not drained. See [`Stream::input`].
    ///
    /// # Examples
    /// See [`StreamHandler::on_drained`].
    pub fn input(&mut self) -> &mut Buffer {
        &mut self.stream.input
    }

    /// What will be written. See [`Stream::output`].
    ///
    /// # Examples
    /// See [`StreamHandler::on_drained`].
    pub fn output(&mut self) -> &mut Buffer {
        &mut self.stream.output
    }

    /// Input and output, both at once.
    ///
    /// # Examples
    /// See [`StreamHandler`].
    pub fn io(&mut self) -> (&mut Buffer, &mut Buffer) {
        self.stream.io()
    }

    /// Closes the stream. See [`Stream::close`].
    ///
    /// # Examples
    /// See [`StreamHandler::on_event`].
    pub fn close(&mut self) {
        self.stream.close();
    }

    /// Closes the stream when its output is written. See [`Stream::close_after_flush`].
    ///
    /// # Examples
    /// ```
    /// use evoxide::StreamCtx;
    ///
    /// fn refuse<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.output().append("503 too busy\r\n");
    ///     cx.close_after_flush();
    /// }
    /// ```
    pub fn close_after_flush(&mut self) {
        self.stream.close_after_flush();
    }
}

impl<'a, S> Deref for StreamCtx<'a, S> {
    type Target = Context<'a, S>;

    fn deref(&self) -> &Context<'a, S> {
        &self.cx
    }
}

impl<S> DerefMut for StreamCtx<'_, S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cx
    }
}

impl<S> fmt::Debug for StreamCtx<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamCtx").field("stream", &self.stream).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Closing {
    #[default]
    No,
    AfterFlush,
    Now,
}

/// How the sending side ends, while the other goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ending {
    #[default]
    No,
    AfterFlush,
    Done,
}

/// A connection with its buffers. Handlers get theirs in a [`StreamCtx`], and reach others with
/// [`Registry::stream`](crate::Registry::stream).
///
/// What is appended to the output is written soon, without anything else being said: at the end of the turn, as far as the
/// descriptor takes it, and the rest when it is writable.
///
/// # Examples
/// One handler writes to another's stream:
/// ```
/// use evoxide::{EventId, EventLoop, StreamCtx, StreamHandler};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// struct PassTo(Option<EventId>);
///
/// impl<S> StreamHandler<S> for PassTo {
///     fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
///         let text = std::mem::take(cx.input());
///         if let Some(other) = self.0.and_then(|id| cx.stream(id)) {
///             other.output().append(text.to_vec());
///         }
///     }
/// }
///
/// let ((mut a, left), (right, mut b)) = (UnixStream::pair()?, UnixStream::pair()?);
/// let mut ev = EventLoop::new(())?;
/// let right = ev.open(right, PassTo(None))?;
/// ev.open(left, PassTo(Some(right)))?;
/// a.write_all(b"hello")?;
/// ev.run_once()?;
/// let mut text = [0; 5];
/// b.read_exact(&mut text)?;
/// assert_eq!(&text, b"hello");
/// # Ok::<(), evoxide::Error>(())
/// ```
pub struct Stream {
    fd: OwnedFd,
    machine: Machine,
    input: Buffer,
    output: Buffer,
    layers: Vec<Layer>,
    marks: Marks,
    /// The output's low mark.
    low: usize,
    read_timeout: Option<u64>,
    write_timeout: Option<u64>,
    connect_timeout: Option<u64>,
    /// What to connect to next where this fails, last first.
    addresses: Vec<socket::Addr>,
    limit: Option<LimitId>,
    /// The filters know that nothing follows.
    finished: bool,
    closing: Closing,
    ending: Ending,
    /// A write is to be tried at the end of the turn.
    queued: bool,
    /// The descriptor took less than there was: wait until it is writable.
    blocked: bool,
    /// Data moved since the timeouts were set.
    read_moved: bool,
    write_moved: bool,
}

impl Stream {
    /// What has come and was not drained.
    ///
    /// # Examples
    /// See [`Stream`].
    pub fn input(&mut self) -> &mut Buffer {
        &mut self.input
    }

    /// What will be written. Its length is the back-pressure: who writes more than the peer reads sees it grow.
    ///
    /// # Examples
    /// See [`Stream`].
    pub fn output(&mut self) -> &mut Buffer {
        &mut self.output
    }

    /// Input and output, both at once.
    ///
    /// # Examples
    /// See [`StreamHandler`].
    pub fn io(&mut self) -> (&mut Buffer, &mut Buffer) {
        (&mut self.input, &mut self.output)
    }

    /// Closes the stream as soon as the running handler returns; what has not been written is lost.
    ///
    /// # Examples
    /// See [`StreamHandler::on_event`].
    pub fn close(&mut self) {
        self.closing = Closing::Now;
    }

    /// Closes the stream when its output is written, and reads no more.
    ///
    /// # Examples
    /// See [`StreamCtx::close_after_flush`].
    pub fn close_after_flush(&mut self) {
        if self.closing == Closing::No {
            self.closing = Closing::AfterFlush;
        }
        self.pause_reading();
    }

    /// Ends the sending side when the output is written: the peer reads the end, and this side reads on. What is appended
    /// to the output later is not written. The stream closes when both halves have ended.
    ///
    /// # Examples
    /// ```
    /// use evoxide::StreamCtx;
    ///
    /// fn that_is_all<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.output().append("bye\r\n");
    ///     cx.this().shutdown_write();
    /// }
    /// ```
    pub fn shutdown_write(&mut self) {
        if self.ending == Ending::No {
            self.ending = Ending::AfterFlush;
        }
    }

    /// Reads nothing until [`resume_reading`](Self::resume_reading), so that the peer must wait.
    ///
    /// # Examples
    /// ```
    /// use evoxide::StreamCtx;
    ///
    /// fn while_busy<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.this().pause_reading();
    /// }
    /// ```
    pub fn pause_reading(&mut self) {
        let _ = self.machine.disable(Direction::READ);
    }

    /// Reads again, also after a [`StreamEvent::ReadTimeout`].
    ///
    /// # Examples
    /// As for [`pause_reading`](Self::pause_reading).
    pub fn resume_reading(&mut self) {
        if self.closing == Closing::No {
            let _ = self.machine.enable(Direction::READ);
        }
    }

    /// Whether reading is paused, or has ended.
    ///
    /// # Examples
    /// As for [`pause_reading`](Self::pause_reading).
    pub fn is_reading(&self) -> bool {
        self.machine.enabled().contains(Direction::READ)
    }

    /// After how long a time without data coming, or going although there is some, the handler is told.
    ///
    /// # Examples
    /// See [`StreamCtx::this`].
    pub fn set_timeouts(&mut self, read: Option<Duration>, write: Option<Duration>) {
        self.read_timeout = read.map(nanos);
        self.write_timeout = write.map(nanos);
        (self.read_moved, self.write_moved) = (true, true);
    }

    /// Tells of data only when `low` bytes are there, and reads no more while there are `high` (0: no bound). A `high` below
    /// `low` means `low`.
    ///
    /// # Examples
    /// ```
    /// use evoxide::StreamCtx;
    ///
    /// fn expect_records_of_512<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.this().set_read_marks(512, 64 * 1024);
    /// }
    /// ```
    pub fn set_read_marks(&mut self, low: usize, high: usize) {
        self.marks = Marks { low, high: if high == 0 { 0 } else { high.max(low).max(1) } };
    }

    /// Calls [`on_drained`](StreamHandler::on_drained) when no more than so much output is left, instead of none.
    ///
    /// # Examples
    /// ```
    /// use evoxide::StreamCtx;
    ///
    /// fn keep_the_pipe_full<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.this().set_write_mark(64 * 1024);
    /// }
    /// ```
    pub fn set_write_mark(&mut self, low: usize) {
        self.low = low;
    }

    /// Puts a filter between the buffers and the descriptor, nearer to the buffers than those that are there already.
    ///
    /// # Examples
    /// See [`Filter`].
    pub fn push_filter(&mut self, filter: impl Filter + 'static) {
        self.layers.push(Layer::new(Box::new(filter)));
    }

    /// The peer's address, where it has one of the Internet.
    ///
    /// # Examples
    /// ```
    /// use evoxide::StreamCtx;
    ///
    /// fn name<S>(cx: &mut StreamCtx<'_, S>) -> String {
    ///     cx.this().peer_addr().map_or("somebody".into(), |addr| addr.to_string())
    /// }
    /// ```
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        socket::peer_addr(&self.fd).ok().flatten()?.to_inet()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("fd", &self.fd)
            .field("state", &self.machine.state())
            .field("input", &self.input.len())
            .field("output", &self.output.len())
            .finish_non_exhaustive()
    }
}
