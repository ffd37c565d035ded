//! A stream: a descriptor with buffers.

use super::filter::{Filter, Layer, all_ready};
use super::limit::LimitId;
use super::options::SocketOptions;
use crate::buffer::Buffer;
use crate::buffer::pool::Pool;
use crate::error::Error;
use crate::timer::nanos;
use evoxide_core::stream::{Direction, State, Stream as Machine, Watermarks};
use evoxide_sys::{io as sys, message, socket};
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
#[cfg(feature = "http")]
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Pieces of one write.
const PIECES: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Closing {
    #[default]
    No,
    AfterFlush,
    Now,
}

/// How the sending side ends, while the other goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ending {
    #[default]
    No,
    AfterFlush,
    Done,
}

/// A connection with its buffers. Handlers get theirs in a [`StreamCtx`](super::StreamCtx), and reach others with
/// [`Registry::stream`](crate::Registry::stream).
///
/// What is appended to the output is written soon, without anything else being said: at the end of the turn, as far as the
/// descriptor takes it, and the rest when it is writable.
///
/// # Examples
/// One handler writes to another's stream:
/// ```
/// use evoxide::{EventId, EventLoop};
/// use evoxide::stream::{StreamCtx, StreamHandler};
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
    pub(super) fd: OwnedFd,
    /// What is written to, where that is another descriptor.
    pub(super) write_fd: Option<OwnedFd>,
    pub(super) machine: Machine,
    pub(super) closing: Closing,
    pub(super) ending: Ending,
    /// It waits for edges: a short read leaves nothing behind that the kernel would not tell of.
    pub(super) edges: bool,
    /// Not a socket: it is read and written as a file, in nonblocking mode.
    is_file: bool,
    /// The filters know that nothing follows.
    pub(super) finished: bool,
    /// The handler was not told of the connection yet.
    pub(super) unannounced: bool,
    /// The handler is to be called with what lies in the input.
    pub(super) offered: bool,
    /// The handler is to be called, whatever lies in the input.
    pub(super) woken: bool,
    /// It is called when the turn ends.
    pub(super) queued: bool,
    /// The descriptor took less than there was: wait until it is writable.
    pub(super) blocked: bool,
    /// Data moved since the timeouts were set.
    pub(super) read_moved: bool,
    pub(super) write_moved: bool,
    pub(super) input: Buffer,
    pub(super) output: Output,
    counted: bool,
    /// The loop does not count its bytes, and it has no extras: one look where it moves them.
    plain: bool,
    pub(super) extras: Option<Box<Extras>>,
}

/// A socket that is not there yet.
pub(super) enum Later {
    /// What is waited on instead stays quiet while this is open.
    #[cfg_attr(not(feature = "dns"), expect(dead_code, reason = "made for names of hosts"))]
    Waits { _quiet: OwnedFd },
    /// There will be none.
    #[cfg_attr(not(feature = "dns"), expect(dead_code, reason = "made for names of hosts"))]
    Failed(std::io::Error),
}

/// What will be written, and memory only as long as there is some: most streams wait for their peers most of the time.
#[derive(Default)]
pub(super) struct Output(Option<Box<Buffer>>);

impl Output {
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |buffer| buffer.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn truncate(&mut self, len: usize) {
        if let Some(buffer) = &mut self.0 {
            buffer.truncate(len);
        }
    }

    pub fn buffer(&mut self) -> &mut Buffer {
        self.0.get_or_insert_default()
    }

    /// Uses the loop's memory for what its handler may write, where it has none.
    pub fn borrow(&mut self, pool: &mut Pool) {
        if self.0.is_none() {
            self.0 = pool.spare();
        }
    }

    /// Whether it has no memory.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Gives back what nothing is in.
    #[inline]
    pub fn tidy(&mut self, pool: &mut Pool) {
        if let Some(buffer) = self.0.take_if(|buffer| buffer.is_empty()) {
            pool.keep(buffer);
        }
    }
}

/// What few streams have.
#[derive(Default)]
pub(super) struct Extras {
    pub layers: Vec<Layer>,
    marks: Watermarks,
    /// The output's low mark.
    low: usize,
    read_timeout: Option<u64>,
    write_timeout: Option<u64>,
    pub connect_timeout: Option<u64>,
    /// What to connect to next where this fails, last first.
    pub addresses: Vec<socket::Addr>,
    pub options: SocketOptions,
    /// The socket comes when a host's name was looked up.
    pub later: Option<Later>,
    limit: Option<LimitId>,
    /// So much of the output will be written, and no more.
    sealed: Option<usize>,
    /// How much of the output the filters left when they saw it last.
    pub seen: usize,
}

impl Stream {
    pub(super) fn new(fd: OwnedFd) -> Self {
        let mut machine = Machine::new();
        let _ = machine.enable(Direction::READ | Direction::WRITE);
        Self {
            fd,
            write_fd: None,
            machine,
            closing: Closing::No,
            ending: Ending::No,
            edges: false,
            is_file: false,
            finished: false,
            unannounced: false,
            offered: false,
            woken: false,
            queued: false,
            blocked: false,
            read_moved: false,
            write_moved: false,
            input: Buffer::new(),
            output: Output::default(),
            counted: false,
            plain: true,
            extras: None,
        }
    }

    pub(super) fn extras_mut(&mut self) -> &mut Extras {
        self.plain = false;
        self.extras.get_or_insert_default()
    }

    pub(super) fn layers(&self) -> &[Layer] {
        self.extras.as_ref().map_or(&[], |e| &e.layers)
    }

    pub(crate) fn has_layers(&self) -> bool {
        !self.layers().is_empty()
    }

    pub(super) fn marks(&self) -> Watermarks {
        self.extras.as_ref().map_or(Watermarks::NONE, |e| e.marks)
    }

    pub(super) fn low(&self) -> usize {
        self.extras.as_ref().map_or(0, |e| e.low)
    }

    /// For reading, for writing and for the attempt to connect.
    pub(super) fn timeouts(&self) -> [Option<u64>; 3] {
        self.extras.as_ref().map_or([None; 3], |e| [e.read_timeout, e.write_timeout, e.connect_timeout])
    }

    pub(crate) fn limit(&self) -> Option<LimitId> {
        self.extras.as_ref().and_then(|e| e.limit)
    }

    /// The bytes in its buffers, the filters' among them.
    pub(super) fn buffered(&self) -> usize {
        let layers = self.layers().iter().map(|layer| layer.input.len() + layer.output.len());
        self.input.len() + self.output.len() + layers.sum::<usize>()
    }

    /// Whether the loop counts what moves.
    pub(super) fn count(&mut self, on: bool) {
        (self.counted, self.plain) = (on, self.plain && !on);
    }

    /// Whether the loop counts what moves, and the limit that it counts for.
    pub(crate) fn account(&self) -> Option<(bool, Option<LimitId>)> {
        (!self.plain).then(|| (self.counted, self.limit()))
    }

    pub(super) fn take_limit(&mut self) -> Option<LimitId> {
        self.extras.as_mut().and_then(|e| e.limit.take())
    }

    pub(super) fn replace_limit(&mut self, limit: Option<LimitId>) -> Option<LimitId> {
        std::mem::replace(&mut self.extras_mut().limit, limit)
    }

    /// What is written to the descriptor: the output, or what the lowest filter made of it.
    pub(super) fn wire(&self) -> Option<&Buffer> {
        self.layers().first().map_or(self.output.0.as_deref(), |layer| Some(&layer.output))
    }

    /// How many bytes wait to be written, with what filters have made of the output: what a handler compares with its bound. Unlike
    /// the length of [`output`](Self::output), it counts what a TLS session has sealed and the peer does not read.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::StreamCtx;
    ///
    /// fn may_send_more<S>(cx: &mut StreamCtx<'_, S>) -> bool {
    ///     cx.this().unsent() < 256 * 1024
    /// }
    /// ```
    pub fn unsent(&self) -> usize {
        self.output.len() + self.layers().iter().map(|layer| layer.output.len()).sum::<usize>()
    }

    pub(super) fn wire_len(&self) -> usize {
        self.wire().map_or(0, Buffer::len)
    }

    pub(super) fn wire_mut(&mut self) -> &mut Buffer {
        match self.extras.as_mut().and_then(|e| e.layers.first_mut()) {
            Some(layer) => &mut layer.output,
            None => self.output.buffer(),
        }
    }

    /// Whether every filter is.
    pub(crate) fn is_ready(&self) -> bool {
        all_ready(self.layers())
    }

    /// Drops what was appended after the stream's end was decided.
    #[inline]
    pub(super) fn cut(&mut self) {
        if let Some(sealed) = self.extras.as_ref().and_then(|e| e.sealed) {
            self.output.truncate(sealed);
        }
    }

    /// So much of the output is on its way.
    pub(super) fn moved_out(&mut self, bytes: usize) {
        if let Some(sealed) = self.extras.as_mut().and_then(|e| e.sealed.as_mut()) {
            *sealed -= bytes.min(*sealed);
        }
    }

    fn seal(&mut self) {
        let len = self.output.len();
        let sealed = &mut self.extras_mut().sealed;
        *sealed = Some(sealed.unwrap_or(len).min(len));
    }

    /// Reads without waiting.
    pub(super) fn receive(&mut self, storage: &mut Vec<u8>, max: usize) -> io::Result<usize> {
        if !self.is_file {
            match message::receive(&self.fd, storage, max) {
                Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => self.become_file()?,
                answer => return answer,
            }
        }
        message::read(&self.fd, storage, max)
    }

    /// Writes without waiting. `ENOTSOCK`: it must [become a file](Self::become_file) first.
    fn send(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let fd = self.write_fd.as_ref().unwrap_or(&self.fd);
        if self.is_file { sys::writev(fd, pieces) } else { message::send(fd, pieces) }
    }

    /// Writes at most `max` bytes of what waits. Returns how many it asked for, too.
    pub(super) fn send_wire(&self, max: usize) -> (io::Result<usize>, usize) {
        let Some(wire) = self.wire() else { return (Ok(0), 0) };
        match wire.sole() {
            Some(bytes) => {
                let bytes = bytes.get(..max).unwrap_or(bytes);
                (self.send(&[IoSlice::new(bytes)]), bytes.len())
            }
            None => self.send_pieces(wire, max),
        }
    }

    #[inline(never)]
    fn send_pieces(&self, wire: &Buffer, max: usize) -> (io::Result<usize>, usize) {
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let (count, asked) = wire.io_slices(max, &mut pieces);
        (self.send(&pieces[..count]), asked)
    }

    /// It is no socket: only its mode keeps it from blocking.
    pub(super) fn become_file(&mut self) -> io::Result<()> {
        self.is_file = true;
        sys::set_nonblocking(&self.fd, true)?;
        self.write_fd.as_ref().map_or(Ok(()), |fd| sys::set_nonblocking(fd, true))
    }

    /// Whether something came that nobody has seen yet, here or in the socket.
    #[cfg(feature = "http")]
    pub(crate) fn has_unread(&self) -> bool {
        let peek = || TcpStream::from(self.fd.try_clone()?).peek(&mut [0]);
        !self.input.is_empty() || peek().is_ok_and(|n| n > 0)
    }

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
        self.output.buffer()
    }

    /// Input and output, both at once.
    ///
    /// # Examples
    /// See [`StreamHandler`](super::StreamHandler).
    pub fn io(&mut self) -> (&mut Buffer, &mut Buffer) {
        (&mut self.input, self.output.buffer())
    }

    /// Closes the stream as soon as the running handler returns; what has not been written is lost.
    ///
    /// # Examples
    /// See [`StreamHandler::on_event`](super::StreamHandler::on_event).
    pub fn close(&mut self) {
        self.closing = Closing::Now;
    }

    /// Closes the stream when its output is written. Nothing more is read, the handler is called neither with data nor when the
    /// output is drained, and what is appended later is not written.
    ///
    /// # Examples
    /// See [`StreamCtx::close_after_flush`](super::StreamCtx::close_after_flush).
    pub fn close_after_flush(&mut self) {
        if self.closing == Closing::No {
            self.closing = Closing::AfterFlush;
            self.seal();
        }
    }

    /// Whether the stream closes: as soon as the running handler returns, or when its output is written.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::StreamCtx;
    ///
    /// fn send_next<S>(cx: &mut StreamCtx<'_, S>) {
    ///     if !cx.this().is_closing() {
    ///         cx.output().append("next\r\n");
    ///     }
    /// }
    /// ```
    pub fn is_closing(&self) -> bool {
        self.closing != Closing::No
    }

    /// Ends the sending side when the output is written: the peer reads the end, and this side reads on. What is appended
    /// to the output later is not written. The stream closes when both halves have ended.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::StreamCtx;
    ///
    /// fn that_is_all<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.output().append("bye\r\n");
    ///     cx.this().shutdown_write();
    /// }
    /// ```
    pub fn shutdown_write(&mut self) {
        if self.ending == Ending::No {
            self.ending = Ending::AfterFlush;
            self.seal();
        }
    }

    /// Reads nothing until [`resume_reading`](Self::resume_reading), so that the peer must wait.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::StreamCtx;
    ///
    /// fn while_busy<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.this().pause_reading();
    /// }
    /// ```
    pub fn pause_reading(&mut self) {
        let _ = self.machine.disable(Direction::READ);
    }

    /// Reads again, also after a [`StreamEvent::ReadTimeout`](super::StreamEvent::ReadTimeout). What lies in the input already is
    /// offered soon, without waiting for more: see [`read_again`](Self::read_again).
    ///
    /// # Examples
    /// As for [`pause_reading`](Self::pause_reading).
    pub fn resume_reading(&mut self) {
        if self.closing == Closing::No && self.machine.state() != State::HalfClosed {
            let _ = self.machine.enable(Direction::READ);
        }
        self.read_again();
    }

    /// Calls [`on_read`](super::StreamHandler::on_read) once more, soon but not at once, if something lies in the input then: for
    /// handlers that take a part of it and let others have their turn.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::{StreamCtx, StreamHandler};
    ///
    /// /// Handles one line at a time.
    /// struct Fair;
    ///
    /// impl StreamHandler<u32> for Fair {
    ///     fn on_read(&mut self, cx: &mut StreamCtx<'_, u32>) {
    ///         if cx.input().next_line().is_some() {
    ///             *cx.state() += 1;
    ///             cx.this().read_again();
    ///         }
    ///     }
    /// }
    /// ```
    pub fn read_again(&mut self) {
        self.offered = true;
    }

    /// Calls [`on_wake`](super::StreamHandler::on_wake) soon, but not at once.
    ///
    /// # Examples
    /// See [`StreamHandler::on_wake`](super::StreamHandler::on_wake).
    pub fn wake(&mut self) {
        self.woken = true;
    }

    /// Whether the stream reads: not while it is [paused](Self::pause_reading), and not after the end of the data, an error or a
    /// read timeout.
    ///
    /// # Examples
    /// As for [`pause_reading`](Self::pause_reading).
    pub fn is_reading(&self) -> bool {
        self.machine.enabled().contains(Direction::READ)
    }

    /// After how long a time without data coming, or going although there is some, the handler is told.
    ///
    /// # Examples
    /// See [`StreamCtx::this`](super::StreamCtx::this).
    pub fn set_timeouts(&mut self, read: Option<Duration>, write: Option<Duration>) {
        let extras = self.extras_mut();
        extras.read_timeout = read.map(nanos);
        extras.write_timeout = write.map(nanos);
        (self.read_moved, self.write_moved) = (true, true);
    }

    /// Tells of data only when `low` bytes are there, and reads no more while there are `high` (0: no bound). A `high` below
    /// `low` means `low`.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::StreamCtx;
    ///
    /// fn expect_records_of_512<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.this().set_read_marks(512, 64 * 1024);
    /// }
    /// ```
    pub fn set_read_marks(&mut self, low: usize, high: usize) {
        self.extras_mut().marks = Watermarks { low, high: if high == 0 { 0 } else { high.max(low).max(1) } };
    }

    /// Calls [`on_drained`](super::StreamHandler::on_drained) when no more than so much output is left, instead of none.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::StreamCtx;
    ///
    /// fn keep_the_pipe_full<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.this().set_write_mark(64 * 1024);
    /// }
    /// ```
    pub fn set_write_mark(&mut self, low: usize) {
        self.extras_mut().low = low;
    }

    /// Puts a filter between the buffers and the descriptor, nearer to the buffers than those that are there already.
    ///
    /// # Examples
    /// See [`Filter`].
    pub fn push_filter(&mut self, filter: impl Filter + 'static) {
        self.extras_mut().layers.push(Layer::new(Box::new(filter)));
    }

    /// Begins TLS (or another layer that takes the whole connection over): at once after connecting or accepting, or on a stream that
    /// was used in the clear before (STARTTLS). What lies in
    /// the output still goes out in the clear; what lies in the input is taken for TLS, so that nobody can slip plain text in.
    ///
    /// # Examples
    /// See the module `tls`, which the feature `rustls` brings.
    pub fn start_tls(&mut self, tls: impl Filter + 'static) {
        self.push_filter(tls);
        let Self { input, output, extras, .. } = self;
        if let Some(layer) = extras.as_mut().and_then(|extras| extras.layers.last_mut()) {
            layer.input.append_buffer(input);
            layer.output.append_buffer(output.buffer());
        }
    }

    /// The peer's address, where it has one of the Internet.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::StreamCtx;
    ///
    /// fn name<S>(cx: &mut StreamCtx<'_, S>) -> String {
    ///     cx.this().peer_addr().map_or("somebody".into(), |addr| addr.to_string())
    /// }
    /// ```
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        socket::peer_addr(&self.fd).ok().flatten()?.to_inet()
    }

    /// The stream's own address, where it has one of the Internet.
    ///
    /// # Examples
    /// As for [`peer_addr`](Self::peer_addr).
    pub fn local_addr(&self) -> Option<SocketAddr> {
        socket::local_addr(&self.fd).ok()?.to_inet()
    }

    /// Sets options of the socket.
    ///
    /// # Errors
    /// What the operating system says: that a pipe has no such option, for example.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::{SocketOptions, StreamCtx};
    ///
    /// fn answer_at_once<S>(cx: &mut StreamCtx<'_, S>) {
    ///     let _ = cx.this().set_options(&SocketOptions::new().nodelay(true));
    /// }
    /// ```
    pub fn set_options(&self, options: &SocketOptions) -> Result<(), Error> {
        Ok(options.apply(&self.fd)?)
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
