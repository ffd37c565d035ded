//! Filters: what stands between a stream's buffers and its descriptor.

use crate::buffer::Buffer;
use std::io;

/// Changes the bytes of a stream on their way: compression, a cipher, framing.
///
/// # Examples
/// A very weak cipher, on both ends of a connection:
/// ```
/// use evoxide::EventLoop;
/// use evoxide::buffer::Buffer;
/// use evoxide::stream::{Filter, StreamCtx, StreamHandler};
/// use std::io::{self, Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// struct Xor(u8);
///
/// impl Xor {
///     fn apply(&self, from: &mut Buffer, to: &mut Buffer) {
///         let bytes = from.take_bytes(usize::MAX);
///         to.append_vec(bytes.iter().map(|b| b ^ self.0).collect());
///     }
/// }
///
/// impl Filter for Xor {
///     fn input(&mut self, from: &mut Buffer, to: &mut Buffer, _reply: &mut Buffer) -> io::Result<()> {
///         self.apply(from, to);
///         Ok(())
///     }
///
///     fn output(&mut self, from: &mut Buffer, to: &mut Buffer) -> io::Result<()> {
///         self.apply(from, to);
///         Ok(())
///     }
/// }
///
/// struct Echo;
///
/// impl<S> StreamHandler<S> for Echo {
///     fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
///         assert_eq!(*cx.input(), b"plain");
///         let (input, output) = cx.io();
///         output.append_buffer(input);
///         output.append("!");
///     }
/// }
///
/// let (mut a, b) = UnixStream::pair()?;
/// let mut ev = EventLoop::new(())?;
/// let id = ev.open(b, Echo)?;
/// ev.stream(id).unwrap().push_filter(Xor(1));
/// a.write_all(&b"plain".map(|b| b ^ 1))?;
/// ev.run_once()?;
/// let mut echo = [0; 6];
/// a.read_exact(&mut echo)?;
/// assert_eq!(&echo.map(|b| b ^ 1), b"plain!");
/// # Ok::<(), evoxide::Error>(())
/// ```
pub trait Filter {
    /// Moves what has come `from` the descriptor's side `to` the stream's input. What it leaves (a record that is not
    /// complete) it finds again, with more behind it. What it answers by itself, a handshake or an alert, goes to `reply`, and to the
    /// peer next, ahead of what [`output`](Self::output) makes later.
    ///
    /// # Errors
    /// Any error ends the stream with [`StreamEvent::Error`](crate::stream::StreamEvent::Error).
    ///
    /// # Examples
    /// See [`Filter`].
    fn input(&mut self, from: &mut Buffer, to: &mut Buffer, reply: &mut Buffer) -> io::Result<()>;

    /// Moves what is to go `from` the stream's output `to` the descriptor's side.
    ///
    /// # Errors
    /// As for [`input`](Self::input).
    ///
    /// # Examples
    /// See [`Filter`].
    fn output(&mut self, from: &mut Buffer, to: &mut Buffer) -> io::Result<()>;

    /// The connection is there: called once, before anything else. What begins a handshake goes to `reply`.
    ///
    /// # Errors
    /// As for [`input`](Self::input).
    ///
    /// # Examples
    /// See [`is_ready`](Self::is_ready).
    fn start(&mut self, reply: &mut Buffer) -> io::Result<()> {
        let _ = reply;
        Ok(())
    }

    /// Whether the filter's handshake, if it has one, is done. Until then [`StreamEvent::Connected`](crate::stream::StreamEvent) is
    /// held back, and so is what the filter leaves in the output. Asked after [`start`](Self::start) and after each
    /// [`input`](Self::input).
    ///
    /// # Examples
    /// Both sides greet before data flows:
    /// ```
    /// use evoxide::EventLoop;
    /// use evoxide::buffer::Buffer;
    /// use evoxide::stream::{Filter, StreamCtx, StreamEvent, StreamHandler};
    /// use std::io;
    ///
    /// #[derive(Default)]
    /// struct Greeting(bool);
    ///
    /// impl Filter for Greeting {
    ///     fn start(&mut self, reply: &mut Buffer) -> io::Result<()> {
    ///         reply.append("hello\n");
    ///         Ok(())
    ///     }
    ///
    ///     fn is_ready(&self) -> bool {
    ///         self.0
    ///     }
    ///
    ///     fn input(&mut self, from: &mut Buffer, to: &mut Buffer, _reply: &mut Buffer) -> io::Result<()> {
    ///         self.0 = self.0 || from.next_line().is_some_and(|line| line == b"hello");
    ///         if self.0 {
    ///             to.append_buffer(from);
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn output(&mut self, from: &mut Buffer, to: &mut Buffer) -> io::Result<()> {
    ///         if self.0 {
    ///             to.append_buffer(from);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// struct Side;
    ///
    /// impl StreamHandler<Vec<u8>> for Side {
    ///     fn on_read(&mut self, cx: &mut StreamCtx<'_, Vec<u8>>) {
    ///         let bytes = cx.input().take_bytes(usize::MAX);
    ///         cx.state().extend(bytes);
    ///         cx.close();
    ///     }
    ///
    ///     fn on_event(&mut self, cx: &mut StreamCtx<'_, Vec<u8>>, event: StreamEvent) {
    ///         match event {
    ///             StreamEvent::Connected => cx.output().append("data"),
    ///             _ => cx.close(),
    ///         }
    ///     }
    /// }
    ///
    /// let mut ev = EventLoop::new(Vec::new())?;
    /// let (a, b) = ev.pair(Side, Side)?;
    /// ev.stream(a).unwrap().push_filter(Greeting::default());
    /// ev.stream(b).unwrap().push_filter(Greeting::default());
    /// ev.run()?;
    /// assert!(ev.state().starts_with(b"data"));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    fn is_ready(&self) -> bool {
        true
    }

    /// Nothing follows: the stream is [closed after a flush](crate::stream::Stream::close_after_flush), or its sending side
    /// [ends](crate::stream::Stream::shutdown_write). What is still held back, or ends the format, goes `to` the descriptor's side.
    ///
    /// # Errors
    /// As for [`input`](Self::input).
    ///
    /// # Examples
    /// ```
    /// use evoxide::buffer::Buffer;
    /// use evoxide::stream::Filter;
    /// use std::io;
    ///
    /// /// Ends what is sent with a dot on a line.
    /// struct Dot;
    ///
    /// impl Filter for Dot {
    ///     fn input(&mut self, from: &mut Buffer, to: &mut Buffer, _reply: &mut Buffer) -> io::Result<()> {
    ///         to.append_buffer(from);
    ///         Ok(())
    ///     }
    ///
    ///     fn output(&mut self, from: &mut Buffer, to: &mut Buffer) -> io::Result<()> {
    ///         to.append_buffer(from);
    ///         Ok(())
    ///     }
    ///
    ///     fn finish(&mut self, to: &mut Buffer) -> io::Result<()> {
    ///         to.append("\r\n.\r\n");
    ///         Ok(())
    ///     }
    /// }
    /// ```
    fn finish(&mut self, to: &mut Buffer) -> io::Result<()> {
        let _ = to;
        Ok(())
    }

    /// Whether the peer said that nothing follows, though its side of the connection is still open:
    /// [`StreamEvent::Eof`](crate::stream::StreamEvent::Eof) is told then. Asked after each [`input`](Self::input).
    fn is_over(&self) -> bool {
        false
    }

    /// The descriptor's side has ended: nothing follows. Not asked where the filter [is over](Self::is_over) already.
    ///
    /// # Errors
    /// Where something is missing: the stream ends with [`StreamEvent::Error`](crate::stream::StreamEvent::Error) instead of an end of
    /// file.
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A filter with the buffers on its descriptor's side.
pub(super) struct Layer {
    filter: Box<dyn Filter>,
    started: bool,
    pub input: Buffer,
    pub output: Buffer,
}

impl Layer {
    pub fn new(filter: Box<dyn Filter>) -> Self {
        Self { filter, started: false, input: Buffer::new(), output: Buffer::new() }
    }
}

/// Lets bytes rise from the descriptor's side of the lowest layer to `input`.
pub(super) fn rise(layers: &mut [Layer], input: &mut Buffer) -> io::Result<()> {
    for i in 0..layers.len() {
        let (below, above) = layers.split_at_mut(i + 1);
        let (Some(layer), next) = (below.last_mut(), above.first_mut()) else { continue };
        if !layer.input.is_empty() {
            let to = next.map_or(&mut *input, |l| &mut l.input);
            layer.filter.input(&mut layer.input, to, &mut layer.output)?;
        }
    }
    Ok(())
}

/// Lets bytes sink from `output` to the descriptor's side of the lowest layer. `finish`: nothing follows.
pub(super) fn sink(layers: &mut [Layer], output: &mut Buffer, finish: bool) -> io::Result<()> {
    for i in (0..layers.len()).rev() {
        let (below, above) = layers.split_at_mut(i + 1);
        let (Some(layer), next) = (below.last_mut(), above.first_mut()) else { continue };
        let from = next.map_or(&mut *output, |l| &mut l.output);
        if !from.is_empty() {
            layer.filter.output(from, &mut layer.output)?;
        }
        if finish {
            layer.filter.finish(&mut layer.output)?;
        }
    }
    Ok(())
}

/// Starts the filters that were not yet; returns whether there were any.
pub(super) fn start(layers: &mut [Layer]) -> io::Result<bool> {
    let mut any = false;
    for layer in layers.iter_mut().filter(|l| !l.started) {
        layer.started = true;
        any = true;
        layer.filter.start(&mut layer.output)?;
    }
    Ok(any)
}

/// Whether a filter has still to start.
pub(super) fn any_new(layers: &[Layer]) -> bool {
    layers.iter().any(|l| !l.started)
}

/// Whether every filter is ready.
pub(super) fn all_ready(layers: &[Layer]) -> bool {
    layers.iter().all(|l| l.filter.is_ready())
}

/// Whether the peer said through any filter that nothing follows.
pub(super) fn any_over(layers: &[Layer]) -> bool {
    layers.iter().any(|l| l.filter.is_over())
}

/// Tells the filters that the descriptor's side has ended.
pub(super) fn end(layers: &mut [Layer]) -> io::Result<()> {
    layers.iter_mut().try_for_each(|l| l.filter.end())
}
