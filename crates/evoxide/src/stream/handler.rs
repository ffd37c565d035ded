//! Handlers of streams, and what they are given.

use super::object::Stream;
use crate::buffer::Buffer;
use crate::event_loop::context::Context;
use crate::event_loop::registry::Registry;
use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};

/// What a stream tells besides data.
///
/// # Examples
/// See [`StreamHandler::on_event`].
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The connection is made, and every [filter](super::Filter) is ready.
    Connected,
    /// The peer sends no more. Writing goes on.
    Eof,
    /// Something failed, be it the attempt to connect; no data moves any more.
    Error(io::Error),
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
/// use evoxide::EventLoop;
/// use evoxide::stream::{StreamCtx, StreamHandler};
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
    /// use evoxide::stream::{StreamCtx, StreamHandler};
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

    /// Somebody called [`Stream::wake`]: there is something to do that is no input.
    ///
    /// # Examples
    /// ```
    /// use evoxide::{EventId, EventLoop};
    /// use evoxide::stream::{StreamCtx, StreamHandler};
    /// use std::os::unix::net::UnixStream;
    ///
    /// struct Counter;
    ///
    /// impl StreamHandler<u32> for Counter {
    ///     fn on_read(&mut self, _cx: &mut StreamCtx<'_, u32>) {}
    ///
    ///     fn on_wake(&mut self, cx: &mut StreamCtx<'_, u32>) {
    ///         *cx.state() += 1;
    ///         cx.close();
    ///     }
    /// }
    ///
    /// let (_peer, socket) = UnixStream::pair()?;
    /// let mut ev = EventLoop::new(0)?;
    /// let id = ev.open(socket, Counter)?;
    /// ev.stream(id).unwrap().wake();
    /// ev.run()?;
    /// assert_eq!(*ev.state(), 1);
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    fn on_wake(&mut self, cx: &mut StreamCtx<'_, S>) {
        let _ = cx;
    }

    /// Something else happened. Unless a handler has it otherwise, an end of the data closes the stream once its output is
    /// written, and an error or a timeout closes it at once.
    ///
    /// # Examples
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::stream::{StreamCtx, StreamEvent, StreamHandler};
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
    /// [`Stream::close_after_flush`], or because the handler panicked. Not called where the event is removed by
    /// its id, or goes with its loop.
    ///
    /// A server that outlives panics of its handlers runs its loop again; only the connection is lost:
    /// ```no_run
    /// use evoxide::EventLoop;
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    ///
    /// let mut ev = EventLoop::new(())?;
    /// while catch_unwind(AssertUnwindSafe(|| ev.run())).is_err() {
    ///     eprintln!("a handler panicked, and its connection was closed");
    /// }
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    ///
    /// # Examples
    /// ```
    /// use evoxide::Context;
    /// use evoxide::stream::{StreamCtx, StreamHandler};
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
    /// use evoxide::stream::StreamCtx;
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
        self.stream.output.buffer()
    }

    /// Input and output, both at once.
    ///
    /// # Examples
    /// See [`StreamHandler`].
    pub fn io(&mut self) -> (&mut Buffer, &mut Buffer) {
        self.stream.io()
    }

    /// Everything that a handler works with, at once: its stream's buffers, the loop's events and the loop's state. What the loop
    /// lends otherwise, one at a time, may be used side by side so.
    ///
    /// # Examples
    /// ```
    /// use evoxide::stream::{Parts, StreamCtx, StreamHandler};
    /// use std::collections::HashMap;
    ///
    /// struct Count;
    ///
    /// impl StreamHandler<HashMap<Vec<u8>, u32>> for Count {
    ///     fn on_read(&mut self, cx: &mut StreamCtx<'_, HashMap<Vec<u8>, u32>>) {
    ///         let Parts { input, output, state, .. } = cx.split();
    ///         while let Some(word) = input.next_line() {
    ///             let count = state.entry(word.to_vec()).or_default();
    ///             *count += 1;
    ///             output.append(format!("{count}\r\n"));
    ///         }
    ///     }
    /// }
    /// ```
    pub fn split(&mut self) -> Parts<'_, S> {
        Parts {
            input: &mut self.stream.input,
            output: self.stream.output.buffer(),
            registry: self.cx.registry,
            state: self.cx.state,
        }
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
    /// use evoxide::stream::StreamCtx;
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

/// What [`StreamCtx::split`] gives.
///
/// # Examples
/// See [`StreamCtx::split`].
#[non_exhaustive]
pub struct Parts<'a, S> {
    /// What has come and was not drained.
    pub input: &'a mut Buffer,
    /// What will be written.
    pub output: &'a mut Buffer,
    /// The loop's events.
    pub registry: &'a mut Registry<S>,
    /// The loop's state.
    pub state: &'a mut S,
}

impl<S> fmt::Debug for Parts<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("input", &self.input.len())
            .field("output", &self.output.len())
            .finish_non_exhaustive()
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
