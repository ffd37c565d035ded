//! How a stream moves data when its descriptor is ready, and what it then waits for.

use super::filter::{rise, sink};
use super::handler::{StreamCtx, StreamEvent, StreamHandler};
use super::object::{Closing, Ending, Stream};
use crate::error::Error;
use crate::event_loop::context::{Callback, Context};
use crate::event_loop::event::{EventId, Fired, Side};
use crate::event_loop::registry::Registry;
use evoxide_core::interest::Ready;
use evoxide_core::stream::{Allowance, Attempt, Cause, Direction, Hold, Io, State, Step, What};
use evoxide_sys::{io as sys, socket};
use std::any::Any;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, RawFd};

/// What a loop reads into before it knows how much there is.
pub(super) const SCRATCH: usize = 64 * 1024;
/// The most that one write moves.
pub(super) const MAX_WRITE: usize = 1 << 20;
/// Pieces of one write.
const PIECES: usize = 64;

/// What the streams of a loop read into.
#[derive(Default)]
struct Scratch(Vec<u8>);

/// A stream and its handler.
pub(crate) struct OnStream<H> {
    pub stream: Stream,
    pub handler: H,
}

impl<S, H: StreamHandler<S> + 'static> Callback<S> for OnStream<H> {
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired) {
        let Some(id) = cx.id else { return };
        let timeout = fired.ready == Ready::TIMEOUT;
        match fired.side {
            Side::TurnEnd => {
                self.stream.queued = false;
                if self.stream.machine.state() != State::Connecting && !self.stream.blocked {
                    self.write(cx, id);
                }
            }
            Side::Second if self.stream.machine.state() == State::Connecting => self.finish_connect(cx, timeout),
            Side::Second if timeout => {
                let _ = self.stream.machine.timed_out(Direction::WRITE);
                self.tell(cx, StreamEvent::WriteTimeout);
            }
            Side::Second => {
                self.stream.blocked = false;
                self.write(cx, id);
            }
            Side::First if timeout => {
                let _ = self.stream.machine.timed_out(Direction::READ);
                self.tell(cx, StreamEvent::ReadTimeout);
            }
            Side::First => self.read(cx, id),
        }
        self.settle(cx, id);
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.stream.fd.as_raw_fd())
    }

    fn object(&mut self) -> Option<&mut dyn Any> {
        Some(&mut self.stream)
    }

    fn panicked(&mut self, cx: &mut Context<'_, S>) {
        self.handler.on_close(cx);
    }

    fn removed(&mut self, registry: &mut Registry<S>) {
        registry.leave_limit(self.stream.limit.take());
    }
}

impl<H> OnStream<H> {
    fn ctx<'a, S>(stream: &'a mut Stream, cx: &'a mut Context<'_, S>) -> StreamCtx<'a, S> {
        StreamCtx { cx: Context { registry: cx.registry, state: cx.state, id: cx.id }, stream }
    }

    fn tell<S>(&mut self, cx: &mut Context<'_, S>, event: StreamEvent)
    where
        H: StreamHandler<S>,
    {
        self.handler.on_event(&mut Self::ctx(&mut self.stream, cx), event);
    }

    fn finish_connect<S>(&mut self, cx: &mut Context<'_, S>, timeout: bool)
    where
        H: StreamHandler<S>,
    {
        let answer =
            if timeout { Err(io::ErrorKind::TimedOut.into()) } else { socket::finished_connecting(&self.stream.fd) };
        let attempt = match &answer {
            Ok(true) => Attempt::Made,
            Ok(false) => Attempt::Pending,
            Err(_) => Attempt::Failed,
        };
        let outcome = self.stream.machine.connect_done(attempt);
        match answer {
            Err(error) => {
                if !self.try_next_address(cx) {
                    self.tell(cx, StreamEvent::Error(error));
                }
            }
            Ok(_) if outcome.event.contains(What::CONNECTED) => {
                self.stream.connect_timeout = None;
                self.stream.write_moved = true;
                self.tell(cx, StreamEvent::Connected);
            }
            Ok(_) => {}
        }
    }

    /// Goes on with the next address, if there is one that is worth waiting for.
    fn try_next_address<S>(&mut self, cx: &mut Context<'_, S>) -> bool {
        let Some(id) = cx.id else { return false };
        let stream = &mut self.stream;
        while let Some(addr) = stream.addresses.pop() {
            let Ok(fd) = Stream::connecting(&addr) else { continue };
            if cx.registry.watch_side(id, Side::Second, stream.fd.as_raw_fd(), false, None, false).is_err() {
                return false;
            }
            stream.fd = fd;
            stream.machine.connecting();
            return true;
        }
        false
    }

    fn read<S>(&mut self, cx: &mut Context<'_, S>, id: EventId)
    where
        H: StreamHandler<S>,
    {
        let stream = &mut self.stream;
        let allowance = cx.registry.allowance(id, stream, Direction::READ).min(SCRATCH);
        if allowance == 0 {
            let _ = stream.machine.hold(Direction::READ, Hold::RATE);
            return;
        }
        let allowance = Allowance::AtMost(allowance);
        let Step::Read { max, .. } = stream.machine.readable(stream.input.len(), stream.marks, allowance) else {
            return;
        };
        let mut scratch = std::mem::take(&mut cx.registry.extensions.get::<Scratch>().0);
        scratch.resize(SCRATCH, 0);
        let result = sys::read(&stream.fd, &mut scratch[..max.min(SCRATCH)]);
        let outcome = match result {
            Ok(0) => stream.machine.read_done(Io::Eof),
            Ok(n) => {
                let into = stream.layers.first_mut().map_or(&mut stream.input, |l| &mut l.input);
                into.append(&scratch[..n]);
                cx.registry.spend(stream, Direction::READ, n);
                stream.read_moved = true;
                stream.machine.read_done(Io::Moved(n))
            }
            Err(ref error) if is_retry(error) => stream.machine.read_done(Io::Retry),
            Err(_) => stream.machine.read_done(Io::Failed),
        };
        cx.registry.extensions.get::<Scratch>().0 = scratch;
        if outcome.readable {
            let before = stream.input.len();
            if let Err(error) = rise(&mut stream.layers, &mut stream.input) {
                self.tell(cx, StreamEvent::Error(error));
                return;
            }
            let grown = stream.layers.is_empty() || stream.input.len() > before;
            if grown && stream.input.len() >= stream.marks.low {
                self.handler.on_read(&mut Self::ctx(&mut self.stream, cx));
            }
        }
        if outcome.event.contains(What::EOF) {
            self.tell(cx, StreamEvent::Eof);
        } else if let (true, Err(error)) = (outcome.event.contains(What::ERROR), result) {
            self.tell(cx, StreamEvent::Error(error));
        }
    }

    /// Writes what the descriptor takes.
    fn write<S>(&mut self, cx: &mut Context<'_, S>, id: EventId)
    where
        H: StreamHandler<S>,
    {
        let stream = &mut self.stream;
        let before = stream.output.len();
        let finish = stream.must_finish();
        stream.finished |= finish;
        if let Err(error) = sink(&mut stream.layers, &mut stream.output, finish) {
            self.tell(cx, StreamEvent::Error(error));
            return;
        }
        let len = stream.wire().len();
        let allowance = if len == 0 { 0 } else { cx.registry.allowance(id, stream, Direction::WRITE).min(MAX_WRITE) };
        if len > 0 && allowance == 0 {
            let _ = stream.machine.hold(Direction::WRITE, Hold::RATE);
            return;
        }
        let Step::Write { max } = stream.machine.writable(len, Allowance::AtMost(allowance), Cause::Connected, false)
        else {
            // A filter may have swallowed the output.
            if before > stream.output.len() && stream.output.len() <= stream.low {
                self.handler.on_drained(&mut Self::ctx(&mut self.stream, cx));
            }
            return;
        };
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let (count, asked) = stream.wire_ref().io_slices(max, &mut pieces);
        let result = sys::writev(&stream.fd, &pieces[..count]);
        let (done, error) = match result {
            Ok(n) => (Io::Moved(n), None),
            Err(error) if is_retry(&error) => (Io::Retry, None),
            Err(error) => (Io::Failed, Some(error)),
        };
        let moved = if let Io::Moved(n) = done { n } else { 0 };
        stream.wire().drain(moved);
        stream.blocked = moved < asked;
        stream.write_moved |= moved > 0;
        cx.registry.spend(stream, Direction::WRITE, moved);
        let after = stream.wire().len();
        let outcome = stream.machine.write_done(done, after, Cause::Connected);
        if outcome.drained && stream.output.len() + after * usize::from(!stream.layers.is_empty()) <= stream.low {
            self.handler.on_drained(&mut Self::ctx(&mut self.stream, cx));
        }
        if let Some(error) = error {
            self.tell(cx, StreamEvent::Error(error));
        }
    }

    /// Lets the loop wait for what the stream now needs, or closes it.
    fn settle<S>(&mut self, cx: &mut Context<'_, S>, id: EventId)
    where
        H: StreamHandler<S>,
    {
        if cx.registry.entries.get(id).is_none() {
            // Removed by its handler; dropped when this returns.
            return;
        }
        let stream = &mut self.stream;
        if stream.ending == Ending::AfterFlush && !stream.has_output() && stream.machine.state() != State::Connecting {
            stream.ending = Ending::Done;
            let _ = stream.machine.disable(Direction::WRITE);
            // A peer that has gone shows when reading.
            let _ = socket::shutdown(&stream.fd, socket::Shutdown::Write);
        }
        if stream.is_done() {
            return self.close(cx, id);
        }
        if stream.machine.held(Direction::READ).contains(Hold::MARK) && !stream.marks.is_full(stream.input.len()) {
            let _ = stream.machine.release(Direction::READ, Hold::MARK);
        }
        if stream.marks.is_full(stream.input.len()) {
            let _ = stream.machine.hold(Direction::READ, Hold::MARK);
        }
        let armed = cx.registry.arm_stream(id, stream);
        if let Err(error) = armed {
            self.tell(cx, StreamEvent::Error(error.into()));
            self.close(cx, id);
        }
    }

    fn close<S>(&mut self, cx: &mut Context<'_, S>, id: EventId)
    where
        H: StreamHandler<S>,
    {
        self.handler.on_close(cx);
        cx.registry.remove(id);
    }
}

fn is_retry(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl Stream {
    /// What is written to the descriptor: the output, or what the lowest filter made of it.
    pub(super) fn wire(&mut self) -> &mut crate::buffer::Buffer {
        match self.layers.first_mut() {
            Some(layer) => &mut layer.output,
            None => &mut self.output,
        }
    }

    fn wire_ref(&self) -> &crate::buffer::Buffer {
        self.layers.first().map_or(&self.output, |layer| &layer.output)
    }

    /// Whether the filters must be told that nothing follows.
    fn must_finish(&self) -> bool {
        let ends = self.closing == Closing::AfterFlush || self.ending == Ending::AfterFlush;
        ends && !self.finished && !self.layers.is_empty()
    }

    fn has_output(&self) -> bool {
        self.must_finish() || !self.output.is_empty() || self.layers.iter().any(|l| !l.output.is_empty())
    }

    fn is_done(&self) -> bool {
        match self.closing {
            // Both halves have ended.
            Closing::No => self.ending == Ending::Done && self.machine.state() == State::HalfClosed,
            Closing::Now => true,
            Closing::AfterFlush => !self.has_output() || !self.machine.enabled().contains(Direction::WRITE),
        }
    }
}

impl<S> Registry<S> {
    /// Waits for what a stream needs, and for no more.
    pub(super) fn arm_stream(&mut self, id: EventId, stream: &mut Stream) -> Result<(), Error> {
        let Some(entry) = self.entries.get(id) else { return Ok(()) };
        if entry.paused {
            return Ok(());
        }
        let connecting = stream.machine.state() == State::Connecting;
        let has_output = stream.has_output() && stream.machine.moves(Direction::WRITE);
        let wants_read = !connecting && stream.machine.moves(Direction::READ);
        let wants_write = connecting || (has_output && stream.blocked);
        let fd = stream.fd.as_raw_fd();
        let read_timeout = stream.read_timeout.filter(|_| wants_read);
        self.watch_side(id, Side::First, fd, wants_read, read_timeout, std::mem::take(&mut stream.read_moved))?;
        let write_timeout = if connecting { stream.connect_timeout } else { stream.write_timeout };
        let fresh = std::mem::take(&mut stream.write_moved);
        self.watch_side(id, Side::Second, fd, wants_write, write_timeout.filter(|_| wants_write), fresh)?;
        if has_output && !connecting && !stream.blocked && !stream.queued {
            stream.queued = true;
            self.turn_end.push_back(id);
        }
        Ok(())
    }
}
