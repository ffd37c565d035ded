//! How a stream moves data when its descriptor is ready, and what it then waits for.

use super::filter::{all_ready, any_new, any_over, end, rise, sink, start};
use super::handler::{StreamCtx, StreamEvent, StreamHandler};
use super::object::{Closing, Ending, Later, Stream};
use crate::buffer::pool::READ;
use crate::error::Error;
use crate::event_loop::context::{Callback, Context};
use crate::event_loop::event::{EventId, Fired, Side};
use crate::event_loop::registry::Registry;
use evoxide_core::interest::{Interest, Ready};
use evoxide_core::stream::{Allowance, Attempt, Cause, Direction, Hold, Io, State, Step, What};
use evoxide_sys::socket;
use std::any::Any;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// The most that one read moves: what one piece of the loop's storage holds.
const MAX_READ: usize = READ;
/// The most that one write moves.
const MAX_WRITE: usize = 1 << 20;

/// A stream and its handler.
pub(super) struct OnStream<H> {
    pub stream: Stream,
    pub handler: H,
}

impl<S, H: StreamHandler<S> + 'static> Callback<S> for OnStream<H> {
    fn call(&mut self, cx: &mut Context<'_, S>, fired: Fired) {
        let Some(id) = cx.id else { return };
        let timeout = fired.ready == Ready::TIMEOUT;
        let connecting = self.stream.machine.state() == State::Connecting;
        match fired.side {
            Side::TurnEnd => {
                self.stream.queued = false;
                if connecting && self.stream.extras.as_ref().is_some_and(|e| matches!(e.later, Some(Later::Failed(_))))
                {
                    self.finish_connect(cx, false);
                } else if !connecting {
                    self.start_filters(cx);
                    if !self.stream.blocked {
                        self.write(cx, id);
                    }
                    self.offer(cx);
                }
                if std::mem::take(&mut self.stream.woken) && self.stream.closing != Closing::Now {
                    self.handler.on_wake(&mut Self::ctx(&mut self.stream, cx));
                    if cx.registry.contains(id) && !connecting && self.stream.may_write() {
                        self.write(cx, id);
                    }
                }
            }
            Side::Second if connecting => self.finish_connect(cx, timeout),
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
            Side::First => self.read(cx, id, fired.ready),
        }
        // What the handler wrote to its own stream goes out at once; what it writes when that is done waits for the turn's end.
        if fired.side == Side::First && cx.registry.contains(id) && self.stream.may_write() {
            self.write(cx, id);
        }
        self.settle(cx, id);
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.stream.fd.as_raw_fd())
    }

    fn object(&mut self) -> Option<&mut dyn Any> {
        Some(&mut self.stream)
    }

    fn whole(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }

    fn buffered(&self) -> Option<usize> {
        Some(self.stream.buffered())
    }

    fn panicked(&mut self, cx: &mut Context<'_, S>) {
        self.handler.on_close(cx);
    }

    fn removed(&mut self, registry: &mut Registry<S>) {
        registry.streams -= 1;
        registry.leave_limit(self.stream.take_limit());
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
        let later = self.stream.extras.as_mut().and_then(|extras| extras.later.take());
        let answer = match later {
            Some(Later::Failed(error)) => Err(error),
            _ if timeout => Err(io::ErrorKind::TimedOut.into()),
            Some(waits @ Later::Waits { .. }) => {
                self.stream.extras_mut().later = Some(waits);
                return;
            }
            None => socket::finished_connecting(&self.stream.fd),
        };
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
                self.stream.write_moved = true;
                self.stream.unannounced = true;
                self.start_filters(cx);
                self.announce(cx);
            }
            Ok(_) => {}
        }
    }

    /// Goes on with the next address, if there is one that is worth waiting for.
    fn try_next_address<S>(&mut self, cx: &mut Context<'_, S>) -> bool {
        let Some(id) = cx.id else { return false };
        let stream = &mut self.stream;
        while let Some(extras) = &mut stream.extras
            && let Some(addr) = extras.addresses.pop()
        {
            let Ok(fd) = Stream::connecting(&addr, &extras.options) else { continue };
            if cx.registry.watch_side(id, Side::Second, stream.fd.as_raw_fd(), None, None, false).is_err() {
                return false;
            }
            stream.fd = fd;
            stream.machine.connecting();
            return true;
        }
        false
    }

    /// Lets new filters begin.
    fn start_filters<S>(&mut self, cx: &mut Context<'_, S>)
    where
        H: StreamHandler<S>,
    {
        let Some(extras) = self.stream.extras.as_mut().filter(|e| !e.layers.is_empty()) else { return };
        match start(&mut extras.layers) {
            Ok(false) => {}
            Ok(true) => {
                self.stream.unannounced |= !all_ready(&extras.layers);
                // What came before the filter did may be its own.
                if let Err(error) = rise(&mut extras.layers, &mut self.stream.input) {
                    self.tell(cx, StreamEvent::Error(error));
                }
            }
            Err(error) => self.tell(cx, StreamEvent::Error(error)),
        }
    }

    /// Tells of the connection once every filter is ready.
    fn announce<S>(&mut self, cx: &mut Context<'_, S>)
    where
        H: StreamHandler<S>,
    {
        if self.stream.unannounced && self.stream.is_ready() && self.stream.closing != Closing::Now {
            self.stream.unannounced = false;
            self.tell(cx, StreamEvent::Connected);
        }
    }

    /// Offers what lies in the input once more, as somebody asked.
    fn offer<S>(&mut self, cx: &mut Context<'_, S>)
    where
        H: StreamHandler<S>,
    {
        let stream = &mut self.stream;
        if !std::mem::take(&mut stream.offered) || stream.closing != Closing::No || stream.input.is_empty() {
            return;
        }
        if stream.is_reading() || stream.machine.state() == State::HalfClosed {
            self.handler.on_read(&mut Self::ctx(&mut self.stream, cx));
        }
    }

    fn read<S>(&mut self, cx: &mut Context<'_, S>, id: EventId, ready: Ready)
    where
        H: StreamHandler<S>,
    {
        let stream = &mut self.stream;
        let allowance = cx.registry.allowance(id, stream.limit(), Direction::READ).min(MAX_READ);
        if allowance == 0 {
            let _ = stream.machine.hold(Direction::READ, Hold::RATE);
            return;
        }
        let marks = stream.marks();
        let allowance = Allowance::AtMost(allowance);
        let Step::Read { max } = stream.machine.readable(stream.input.len(), marks, allowance) else { return };
        let pool = &mut cx.registry.pool;
        let result = stream.receive(pool.block(), max);
        let outcome = match result {
            Ok(0) => stream.machine.read_done(Io::Eof),
            Ok(n) => {
                let into = match stream.extras.as_mut().and_then(|e| e.layers.first_mut()) {
                    Some(layer) => &mut layer.input,
                    None => &mut stream.input,
                };
                pool.fill(into);
                stream.output.borrow(pool);
                stream.read_moved = true;
                cx.registry.spend(stream.account(), Direction::READ, n);
                stream.machine.read_done(Io::Moved(n))
            }
            Err(ref error) if is_retry(error) => stream.machine.read_done(Io::Retry),
            Err(_) => stream.machine.read_done(Io::Failed),
        };
        let drained = matches!(result, Ok(n) if n < max) && !ready.intersects(Ready::CLOSED | Ready::UNUSUAL);
        if stream.edges && !drained {
            // There may be more, which no edge would tell of: from here on it waits for levels.
            stream.edges = false;
            for side in [Side::First, Side::Second] {
                let _ = cx.registry.watch_side(id, side, stream.fd.as_raw_fd(), None, None, false);
            }
        }
        if outcome.readable {
            let before = stream.input.len();
            let mut grown = true;
            if let Some(extras) = stream.extras.as_mut().filter(|e| !e.layers.is_empty()) {
                if let Err(error) = rise(&mut extras.layers, &mut stream.input) {
                    // What the filters answered may tell the peer why.
                    self.write(cx, id);
                    self.tell(cx, StreamEvent::Error(error));
                    return;
                }
                grown = stream.input.len() > before;
                // What the filters held back may go out now.
                extras.seen = usize::MAX;
                self.announce(cx);
            }
            let stream = &self.stream;
            if grown && stream.input.len() >= marks.low && stream.closing == Closing::No {
                self.handler.on_read(&mut Self::ctx(&mut self.stream, cx));
            }
        }
        if outcome.event.contains(What::EOF) {
            let ended = self.stream.extras.as_mut().map_or(Ok(()), |extras| end(&mut extras.layers));
            self.tell(cx, ended.map_or_else(StreamEvent::Error, |()| StreamEvent::Eof));
        } else if self.ends_above() && cx.registry.contains(id) {
            let _ = self.stream.machine.read_done(Io::Eof);
            self.tell(cx, StreamEvent::Eof);
        } else if let (true, Err(error)) = (outcome.event.contains(What::ERROR), result) {
            self.tell(cx, StreamEvent::Error(error));
        }
    }

    /// Whether a filter says that nothing follows, on a stream that still reads.
    fn ends_above(&self) -> bool {
        let stream = &self.stream;
        stream.closing == Closing::No && stream.machine.state() == State::Open && any_over(stream.layers())
    }

    /// Writes what the descriptor takes.
    fn write<S>(&mut self, cx: &mut Context<'_, S>, id: EventId)
    where
        H: StreamHandler<S>,
    {
        let stream = &mut self.stream;
        stream.cut();
        let before = stream.output.len();
        if stream.has_layers() {
            let finish = stream.must_finish();
            stream.finished |= finish;
            let Some(extras) = &mut stream.extras else { return };
            if let Err(error) = sink(&mut extras.layers, stream.output.buffer(), finish) {
                self.tell(cx, StreamEvent::Error(error));
                return;
            }
            stream.moved_out(before - stream.output.len());
            if let Some(extras) = &mut stream.extras {
                extras.seen = stream.output.len();
            }
        }
        let len = stream.wire_len();
        let allowance = match len {
            0 => 0,
            _ => cx.registry.allowance(id, stream.limit(), Direction::WRITE).min(MAX_WRITE),
        };
        if len > 0 && allowance == 0 {
            let _ = stream.machine.hold(Direction::WRITE, Hold::RATE);
            return;
        }
        let allowance = Allowance::AtMost(allowance);
        let Step::Write { max } = stream.machine.writable(len, allowance, Cause::Connected, false) else {
            // A filter may have swallowed the output.
            if before > stream.output.len() {
                self.drained(cx);
            }
            return;
        };
        let (result, asked) = stream.send_wire(max);
        if result.as_ref().is_err_and(|e| e.raw_os_error() == Some(libc::ENOTSOCK)) {
            // The next attempt writes as to a file.
            return match stream.become_file() {
                Ok(()) => self.write(cx, id),
                Err(error) => self.tell(cx, StreamEvent::Error(error)),
            };
        }
        let (done, error) = match result {
            Ok(n) => (Io::Moved(n), None),
            Err(error) if is_retry(&error) => (Io::Retry, None),
            Err(error) => (Io::Failed, Some(error)),
        };
        let moved = if let Io::Moved(n) = done { n } else { 0 };
        let pool = &mut cx.registry.pool;
        pool.consume(stream.wire_mut(), moved);
        if !stream.has_layers() {
            stream.output.tidy(pool);
            stream.moved_out(moved);
        }
        stream.blocked = moved < asked;
        stream.write_moved |= moved > 0;
        cx.registry.spend(stream.account(), Direction::WRITE, moved);
        let after = stream.wire_len();
        let outcome = stream.machine.write_done(done, after, Cause::Connected);
        if outcome.drained {
            self.drained(cx);
        }
        if let Some(error) = error {
            self.tell(cx, StreamEvent::Error(error));
        }
    }

    /// Tells that the output is down to its mark, unless nothing more is to come.
    fn drained<S>(&mut self, cx: &mut Context<'_, S>)
    where
        H: StreamHandler<S>,
    {
        let stream = &self.stream;
        let below = if stream.has_layers() { stream.wire_len() } else { 0 };
        if stream.closing == Closing::No && stream.output.len() + below <= stream.low() {
            self.handler.on_drained(&mut Self::ctx(&mut self.stream, cx));
        }
    }

    /// Lets the loop wait for what the stream now needs, or closes it.
    #[inline]
    fn settle<S>(&mut self, cx: &mut Context<'_, S>, id: EventId)
    where
        H: StreamHandler<S>,
    {
        let Registry { entries, pool, .. } = &mut *cx.registry;
        // Removed by its handler: dropped when this returns.
        let Some(entry) = entries.get(id) else { return };
        self.stream.output.tidy(pool);
        if !(self.stream.only_reads() && entry.waits_to_read()) {
            self.settle_changes(cx, id);
        }
    }

    #[inline(never)]
    fn settle_changes<S>(&mut self, cx: &mut Context<'_, S>, id: EventId)
    where
        H: StreamHandler<S>,
    {
        let stream = &mut self.stream;
        stream.cut();
        let connecting = stream.machine.state() == State::Connecting;
        if stream.ending == Ending::AfterFlush && !stream.has_output() && !connecting {
            stream.ending = Ending::Done;
            let _ = stream.machine.disable(Direction::WRITE);
            if let Some(fd) = stream.write_fd.take() {
                let _ = cx.registry.watch_side(id, Side::Second, fd.as_raw_fd(), None, None, false);
            } else {
                // A peer that has gone shows when reading.
                let _ = socket::shutdown(&stream.fd, socket::Shutdown::Write);
            }
        }
        if stream.closing == Closing::AfterFlush && stream.is_ready() {
            let _ = stream.machine.disable(Direction::READ);
        }
        if stream.is_done() {
            return self.close(cx, id);
        }
        let is_full = stream.marks().is_full(stream.input.len());
        if stream.machine.held(Direction::READ).contains(Hold::MARK) && !is_full {
            let _ = stream.machine.release(Direction::READ, Hold::MARK);
        }
        if is_full {
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
    /// Whether the filters must be told that nothing follows.
    fn must_finish(&self) -> bool {
        let ends = self.closing == Closing::AfterFlush || self.ending == Ending::AfterFlush;
        ends && !self.finished && self.has_layers() && self.is_ready()
    }

    fn has_output(&self) -> bool {
        self.must_finish() || !self.output.is_empty() || self.layers().iter().any(|l| !l.output.is_empty())
    }

    /// Whether it needs nothing but to be told when there is something to read: nothing was asked for, and nothing is to be written.
    #[inline]
    fn only_reads(&self) -> bool {
        self.extras.is_none()
            && self.output.is_none()
            && self.closing == Closing::No
            && self.ending == Ending::No
            && !(self.offered | self.woken | self.blocked)
            && self.machine.is_free()
    }

    /// Whether a write would do something: what filters hold back is not tried again and again.
    #[inline]
    fn may_write(&self) -> bool {
        !self.blocked
            && self.closing != Closing::Now
            && self.machine.state() != State::Connecting
            && self.machine.moves(Direction::WRITE)
            && match &self.extras {
                Some(extras) if !extras.layers.is_empty() => self.filters_would_write(extras.seen),
                _ => !self.output.is_empty(),
            }
    }

    fn filters_would_write(&self, seen: usize) -> bool {
        let fresh = !self.output.is_empty() && self.output.len() != seen;
        fresh || self.must_finish() || self.layers().iter().any(|l| !l.output.is_empty())
    }

    /// What it tells the loop to wait for, where it wants `base`.
    fn interest(&self, base: Interest) -> Interest {
        match self.edges {
            false => base,
            true if base == Interest::WRITE => base | Interest::EDGE,
            true => base | Interest::EDGE | Interest::CLOSED | Interest::UNUSUAL,
        }
    }

    fn is_done(&self) -> bool {
        match self.closing {
            // Both halves have ended.
            Closing::No => self.ending == Ending::Done && self.machine.state() == State::HalfClosed && !self.offered,
            Closing::Now => true,
            Closing::AfterFlush => !self.has_output() || !self.machine.enabled().contains(Direction::WRITE),
        }
    }
}

impl<S> Registry<S> {
    /// Waits for what a stream needs, and for no more.
    pub(super) fn arm_stream(&mut self, id: EventId, stream: &mut Stream) -> Result<(), Error> {
        stream.output.tidy(&mut self.pool);
        let Some(entry) = self.entries.get(id).filter(|e| !e.paused) else { return Ok(()) };
        let slots = (entry.slot, entry.second);
        let connecting = stream.machine.state() == State::Connecting;
        let wants_read = !connecting && stream.machine.moves(Direction::READ);
        let wants_write =
            connecting || (stream.blocked && stream.wire_len() > 0 && stream.machine.moves(Direction::WRITE));
        let [read_timeout, write_timeout, connect_timeout] = stream.timeouts();
        let fresh = std::mem::take(&mut stream.read_moved);
        match slots.0 {
            Some(slot) if wants_read => self.renew_timeout(slot, read_timeout, fresh),
            None if !wants_read => {}
            _ => {
                let interest = wants_read.then(|| stream.interest(Interest::READ));
                self.watch_side(id, Side::First, stream.fd.as_raw_fd(), interest, read_timeout, fresh)?;
            }
        }
        let fresh = std::mem::take(&mut stream.write_moved);
        if wants_write || slots.1.is_some() {
            let timeout = if connecting { connect_timeout } else { write_timeout };
            let fd = stream.write_fd.as_ref().unwrap_or(&stream.fd).as_raw_fd();
            let interest = wants_write.then(|| stream.interest(Interest::WRITE));
            self.watch_side(id, Side::Second, fd, interest, timeout, fresh)?;
        }
        let starts = !connecting && any_new(stream.layers());
        let again = starts || stream.may_write() || stream.woken || (stream.offered && !stream.input.is_empty());
        if again && !stream.queued {
            stream.queued = true;
            self.turn_end.push_back(id);
        }
        Ok(())
    }
}
