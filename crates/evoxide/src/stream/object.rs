//! A stream: a descriptor with buffers.

use super::filter::{Filter, Layer};
use super::limit::LimitId;
use crate::buffer::Buffer;
use crate::timer::nanos;
use evoxide_core::stream::{Direction, Stream as Machine, Watermarks};
use evoxide_sys::socket;
use std::fmt;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

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

/// A connection with its buffers. Handlers get theirs in a [`StreamCtx`], and reach others with
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
    pub(super) machine: Machine,
    pub(super) input: Buffer,
    pub(super) output: Buffer,
    pub(super) layers: Vec<Layer>,
    pub(super) marks: Watermarks,
    /// The output's low mark.
    pub(super) low: usize,
    pub(super) read_timeout: Option<u64>,
    pub(super) write_timeout: Option<u64>,
    pub(super) connect_timeout: Option<u64>,
    /// What to connect to next where this fails, last first.
    pub(super) addresses: Vec<socket::Addr>,
    pub(super) limit: Option<LimitId>,
    /// The filters know that nothing follows.
    pub(super) finished: bool,
    pub(super) closing: Closing,
    pub(super) ending: Ending,
    /// A write is to be tried at the end of the turn.
    pub(super) queued: bool,
    /// The descriptor took less than there was: wait until it is writable.
    pub(super) blocked: bool,
    /// Data moved since the timeouts were set.
    pub(super) read_moved: bool,
    pub(super) write_moved: bool,
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
    /// use evoxide::stream::StreamCtx;
    ///
    /// fn expect_records_of_512<S>(cx: &mut StreamCtx<'_, S>) {
    ///     cx.this().set_read_marks(512, 64 * 1024);
    /// }
    /// ```
    pub fn set_read_marks(&mut self, low: usize, high: usize) {
        self.marks = Watermarks { low, high: if high == 0 { 0 } else { high.max(low).max(1) } };
    }

    /// Calls [`on_drained`](StreamHandler::on_drained) when no more than so much output is left, instead of none.
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
    /// use evoxide::stream::StreamCtx;
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
