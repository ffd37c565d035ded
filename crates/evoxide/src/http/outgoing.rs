//! A client's connection: a stream handler that drives the machine of `evoxide_proto::http`.

use super::body::{Content, Flow, Source};
use super::exchange::{Exchanges, Settings, State};
use super::failure::Failure;
use super::incoming;
use super::origin::Origin;
use super::scratch::Scratch;
use super::types::{Head, StatusCode};
use crate::Error;
use crate::buffer::Buffer;
use crate::event_loop::context::Context;
use crate::stream::{Stream, StreamCtx, StreamEvent, StreamHandler};
use evoxide_core::key::Key;
use evoxide_proto::http::write::{self, Addition, Ambient, BodyMode};
use evoxide_proto::http::{Client as Machine, Fault, Limits, Method, Step, chunk};
use std::rc::Rc;

const HIGH: usize = 256 * 1024;
const LOW: usize = 64 * 1024;
const SMALL: usize = 16 * 1024;
/// What a handler may leave before reading stops.
const HELD: usize = 128 * 1024;
/// The body of a redirect that is read, so that the connection can be kept.
const DISCARDED: u64 = 64 * 1024;

const LIMITS: Limits = Limits { body: u64::MAX, ..Limits::DEFAULT };

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is being made.
    Connecting,
    /// A proxy was asked for a tunnel.
    Proxy,
    /// The tunnel is there, and TLS begins.
    Securing,
    Open,
}

pub(super) struct Outgoing<S: 'static> {
    client: usize,
    settings: Rc<Settings>,
    origin: Origin,
    machine: Machine,
    stage: Stage,
    exchange: Option<Key>,
    /// It has served an exchange before.
    reused: bool,
    /// What is left of the request's body.
    upload: Option<Upload>,
    /// What has come of the answer's body and was not taken.
    data: Buffer,
    received: u64,
    max_body: u64,
    /// The body is thrown away: that of a redirect.
    discards: bool,
    ended: bool,
    full: bool,
    eof: bool,
    upgraded: Option<Box<dyn StreamHandler<S>>>,
}

/// A request's body on its way.
struct Upload {
    source: Source,
    chunked: bool,
    left: Option<u64>,
}

impl<S: 'static> Outgoing<S> {
    pub fn new(client: usize, settings: Rc<Settings>, origin: Origin, exchange: Key) -> Self {
        Self {
            client,
            settings,
            origin,
            machine: Machine::new(),
            stage: Stage::Connecting,
            exchange: Some(exchange),
            reused: false,
            upload: None,
            data: Buffer::new(),
            received: 0,
            max_body: u64::MAX,
            discards: false,
            ended: false,
            full: false,
            eof: false,
            upgraded: None,
        }
    }

    /// Sets up the stream of a new connection.
    pub fn prepare(&mut self, stream: &mut Stream) -> Result<(), Error> {
        let progress = Some(self.settings.progress_timeout);
        stream.set_timeouts(progress, progress);
        stream.set_write_mark(LOW);
        if self.settings.proxy.is_none() { self.secure(stream) } else { Ok(()) }
    }

    fn secure(&self, stream: &mut Stream) -> Result<(), Error> {
        match &self.settings.secure {
            Some(tls) if self.origin.https => tls(stream, &self.origin.host),
            _ => Ok(()),
        }
    }

    /// Its socket was connected before: nobody else tells.
    pub fn opened(&mut self, stream: &mut Stream) {
        if self.settings.proxy.is_some() || !self.origin.https {
            stream.wake();
        }
    }

    pub fn serves(&self, key: Key) -> bool {
        self.exchange == Some(key)
    }

    /// Serves another exchange, if it can.
    pub fn take_up(&mut self, stream: &mut Stream, key: Key) -> bool {
        let fits = self.stage == Stage::Open && self.exchange.is_none() && !self.eof && !stream.is_closing();
        if fits {
            self.exchange = Some(key);
            self.reused = true;
            stream.wake();
        }
        fits
    }

    /// The socket is connected, or the tunnel secured.
    fn connected(&mut self, cx: &mut StreamCtx<'_, S>) {
        match (self.stage, &self.settings.proxy) {
            (Stage::Connecting, Some(_)) => {
                self.stage = Stage::Proxy;
                let authority = self.origin.authority();
                let plan = self.machine.request(Method::Connect, 1, 0, [].into_iter());
                let mut out = Vec::new();
                let _ = write::request_line(b"CONNECT", authority.as_bytes(), 1, &mut out);
                let ambient = Ambient { date: b"", content_type: None, host: authority.as_bytes() };
                write::fields(&plan, &ambient, [].into_iter(), &mut out);
                cx.output().append(out);
            }
            (Stage::Connecting | Stage::Securing, _) => {
                self.stage = Stage::Open;
                if let Some(key) = self.exchange {
                    State::connected(cx.cx.registry, key);
                }
                self.begin(cx);
            }
            _ => {}
        }
    }

    /// Writes the request.
    fn begin(&mut self, cx: &mut StreamCtx<'_, S>) {
        (self.received, self.discards, self.ended, self.full) = (0, false, false, false);
        let Some(key) = self.exchange else { return };
        let StreamCtx { cx: inner, stream } = &mut *cx;
        let mut scratch = Scratch::lend(inner.registry);
        let written = match inner.registry.extensions.get::<Exchanges<S>>().get_mut(key) {
            Some(state) => {
                state.redirected = false;
                self.max_body = state.max_body;
                self.write_request(stream, &mut scratch.out, state)
            }
            None => Err(Failure::Cancelled),
        };
        scratch.give_back(inner.registry);
        match written {
            Ok(()) if self.machine.holds_body() => {}
            Ok(()) => self.pump(cx),
            Err(failure) => self.fail(cx, failure.into()),
        }
    }

    fn write_request(&mut self, stream: &mut Stream, out: &mut Vec<u8>, state: &mut State<S>) -> Result<(), Failure> {
        let request = &state.request;
        let method = Method::of(request.method().as_str().as_bytes());
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let target = if target.starts_with('?') { format!("/{target}") } else { target.to_owned() };
        if method == Method::Connect {
            return Err(Failure::Request);
        }
        let body = state.body.take().unwrap_or_default();
        let length = body.len();
        let media = body.media.filter(|_| !request.headers().contains_key(::http::header::CONTENT_TYPE));
        let media = media.map(|media| (&b"content-type"[..], media.as_bytes()));
        let fields = || request.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        // A body of unknown length counts as some, and goes in chunks.
        let mut plan = self.machine.request(method, 1, length.unwrap_or(1), fields());
        if length.is_none() {
            (plan.drop_length, plan.drop_encoding, plan.body) = (true, true, BodyMode::Chunked);
            plan.add.remove(Addition::Length(0));
            plan.add.insert(Addition::Chunked);
        }
        out.clear();
        write::request_line(request.method().as_str().as_bytes(), target.as_bytes(), 1, out)
            .map_err(|_| Failure::Request)?;
        let host = self.origin.host_value();
        let ambient = Ambient { date: b"", content_type: None, host: host.as_bytes() };
        write::fields(&plan, &ambient, fields().chain(media), out);
        self.upload = match body.content {
            Content::Empty => None,
            Content::File(part) => Some(Upload { chunked: false, left: length, source: part.into_source() }),
            Content::Source(source, left) => Some(Upload { source, chunked: length.is_none(), left }),
            Content::Writer(_) => return Err(Failure::Request),
            content => match content.small(SMALL) {
                Some(bytes) if !self.machine.holds_body() => {
                    out.extend_from_slice(bytes);
                    None
                }
                _ => {
                    let mut whole = Buffer::new();
                    content.append_to(&mut whole);
                    let source = Box::new(move |out: &mut Buffer| {
                        out.append_buffer(&mut whole);
                        Ok(Flow::End)
                    });
                    Some(Upload { source, chunked: false, left: length })
                }
            },
        };
        stream.output().append(&out);
        Ok(())
    }

    /// Sends more of the body, as long as the server reads it.
    fn pump(&mut self, cx: &mut StreamCtx<'_, S>) {
        let mut piece = Buffer::new();
        while let Some(upload) = &mut self.upload
            && cx.stream.unsent() <= HIGH
            && !self.machine.holds_body()
        {
            let made = (upload.source)(&mut piece);
            let is_empty = piece.is_empty();
            let output = cx.stream.output();
            let n =
                upload.left.map_or(piece.len(), |left| piece.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            if upload.chunked && n > 0 {
                let mut line = Vec::new();
                chunk::write_size(n as u64, &mut line);
                output.append(line);
            }
            output.append_prefix(&mut piece, n);
            piece.clear();
            if upload.chunked && n > 0 {
                output.append(b"\r\n");
            }
            upload.left = upload.left.map(|left| left - n as u64);
            let made = if upload.left == Some(0) { made.map(|_| Flow::End) } else { made };
            match made {
                Ok(Flow::Wait) => return,
                Ok(Flow::More) if is_empty => return cx.stream.wake(),
                Ok(Flow::More) => {}
                Ok(Flow::End) if upload.left.is_some_and(|left| left > 0) => {
                    return self.fail(cx, Failure::Request.into());
                }
                Ok(Flow::End) => {
                    if upload.chunked {
                        output.append(chunk::LAST);
                    }
                    self.upload = None;
                }
                Err(error) => return self.fail(cx, error.into()),
            }
        }
    }

    fn drive(&mut self, cx: &mut StreamCtx<'_, S>) {
        let Some(id) = cx.id() else { return };
        loop {
            if self.full || self.ended || self.upgraded.is_some() || cx.stream.is_closing() {
                return;
            }
            let StreamCtx { cx: inner, stream } = &mut *cx;
            let scratch = inner.registry.extensions.get::<Scratch>();
            let step = self.machine.step(stream.input().chain(), self.eof, &mut scratch.head, &LIMITS);
            match step {
                Step::More | Step::Upgraded => return,
                Step::Skip(n) | Step::Trailers(n) => consume(cx, n),
                Step::Join(n) => {
                    cx.input().contiguous(n);
                }
                Step::Interim(n) => {
                    consume(cx, n);
                    if self.machine.take_continue() {
                        self.pump(cx);
                    }
                }
                Step::Head(n) => {
                    let head = incoming::response(&scratch.head, &stream.input().chain().first()[..n]);
                    consume(cx, n);
                    match head {
                        Some(head) => self.take_head(cx, head),
                        None => self.fail(cx, Failure::Malformed(Fault::FieldValue).into()),
                    }
                }
                Step::Body(n) => {
                    self.received += n as u64;
                    self.data.append_prefix(cx.input(), n);
                    self.offer(cx);
                }
                Step::End => {
                    self.ended = true;
                    self.offer(cx);
                }
                Step::Closed => return cx.close(),
                Step::Fault(Fault::Truncated) => return self.lost(cx, Failure::Closed.into()),
                Step::Fault(fault) => return self.fail(cx, Failure::Malformed(fault).into()),
            }
            if !cx.contains(id) {
                return;
            }
        }
    }

    fn take_head(&mut self, cx: &mut StreamCtx<'_, S>, head: Head) {
        if self.stage == Stage::Proxy {
            return self.take_tunnel(cx, head.status());
        }
        let Some(key) = self.exchange else { return };
        if head.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.hand_over(cx, key, &head);
        }
        match State::redirect(cx.cx.registry, key, &head) {
            Ok(true) => self.discards = true,
            Ok(false) => {
                State::with_handler(&mut cx.cx, key, |handler, cx| handler.on_head(cx, head));
            }
            Err(failure) => self.fail(cx, failure.into()),
        }
    }

    fn take_tunnel(&mut self, cx: &mut StreamCtx<'_, S>, status: StatusCode) {
        if !status.is_success() {
            return self.fail(cx, Failure::Proxy(status).into());
        }
        self.machine.reset();
        self.stage = Stage::Securing;
        if !self.origin.https {
            return self.connected(cx);
        }
        if let Err(error) = self.secure(cx.stream) {
            self.fail(cx, error);
        }
    }

    fn hand_over(&mut self, cx: &mut StreamCtx<'_, S>, key: Key, head: &Head) {
        let upgraded = State::with_handler(&mut cx.cx, key, |handler, cx| handler.on_upgrade(cx, head));
        match upgraded {
            Some(Ok(mut handler)) => {
                self.exchange = None;
                State::end(&mut cx.cx, key);
                cx.stream.set_timeouts(None, None);
                cx.stream.set_write_mark(0);
                handler.on_wake(cx);
                if !cx.input().is_empty() {
                    handler.on_read(cx);
                }
                self.upgraded = Some(handler);
            }
            Some(Err(failure)) => self.fail(cx, failure.into()),
            None => cx.close(),
        }
    }

    /// Offers the handler what has come.
    fn offer(&mut self, cx: &mut StreamCtx<'_, S>) {
        let Some(key) = self.exchange else { return self.data.clear() };
        if self.discards {
            self.data.clear();
            if self.received > DISCARDED && !self.ended {
                // A new connection costs less than the rest.
                self.exchange = None;
                State::start_or_fail(cx.cx.registry, key);
                return cx.close();
            }
        }
        if self.received > self.max_body {
            return self.fail(cx, Failure::TooLong.into());
        }
        while !self.data.is_empty() {
            let before = self.data.len();
            let data = &mut self.data;
            if State::with_handler(&mut cx.cx, key, |handler, cx| handler.on_data(cx, data)).is_none() {
                // Cancelled.
                self.exchange = None;
                return cx.close();
            }
            let state = cx.cx.registry.extensions.get::<Exchanges<S>>().get_mut(key);
            let resumed = state.is_some_and(|state| std::mem::take(&mut state.resumed));
            if !resumed || before == self.data.len() {
                break;
            }
        }
        let full = self.data.len() > HELD;
        if full && !self.full {
            cx.stream.pause_reading();
        } else if !full && self.full {
            cx.stream.resume_reading();
        }
        self.full = full;
        if self.ended && self.data.is_empty() {
            self.finish(cx, key);
        }
    }

    /// The answer is whole and taken.
    fn finish(&mut self, cx: &mut StreamCtx<'_, S>, key: Key) {
        let Some(id) = cx.id() else { return };
        self.exchange = None;
        self.ended = false;
        let is_sent = self.upload.take().is_none();
        let keeps = self.machine.finish() && is_sent && !self.eof && cx.input().is_empty();
        let exchanges = cx.cx.registry.extensions.get::<Exchanges<S>>();
        if keeps && exchanges.keep(self.client, &self.origin, id) {
            cx.stream.set_timeouts(Some(self.settings.idle_timeout), Some(self.settings.progress_timeout));
        } else {
            cx.close();
        }
        if std::mem::take(&mut self.discards) {
            State::start_or_fail(cx.cx.registry, key);
        } else {
            State::end(&mut cx.cx, key);
        }
        if let Some(next) = cx.cx.registry.extensions.get::<Exchanges<S>>().take_assigned(id) {
            self.exchange = Some(next);
            self.reused = true;
            self.resume_use(cx);
        }
    }

    /// A connection that waited serves an exchange.
    fn resume_use(&mut self, cx: &mut StreamCtx<'_, S>) {
        let progress = Some(self.settings.progress_timeout);
        cx.stream.set_timeouts(progress, progress);
        self.begin(cx);
    }

    /// The connection broke.
    fn lost(&mut self, cx: &mut StreamCtx<'_, S>, error: Error) {
        cx.close();
        let Some(key) = self.exchange.take() else { return };
        let may_repeat = self.reused && self.stage == Stage::Open && self.machine.may_repeat(true);
        if !may_repeat || !State::repeat(cx.cx.registry, key) {
            State::fail(&mut cx.cx, key, error);
        }
    }

    fn fail(&mut self, cx: &mut StreamCtx<'_, S>, error: Error) {
        cx.close();
        if let Some(key) = self.exchange.take() {
            State::fail(&mut cx.cx, key, error);
        }
    }
}

fn consume<S>(cx: &mut StreamCtx<'_, S>, n: usize) {
    cx.cx.registry.pool.consume(cx.stream.input(), n);
}

impl<S: 'static> StreamHandler<S> for Outgoing<S> {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
        match &mut self.upgraded {
            Some(handler) => handler.on_read(cx),
            None => self.drive(cx),
        }
    }

    fn on_drained(&mut self, cx: &mut StreamCtx<'_, S>) {
        match &mut self.upgraded {
            Some(handler) => handler.on_drained(cx),
            None => self.pump(cx),
        }
    }

    fn on_wake(&mut self, cx: &mut StreamCtx<'_, S>) {
        if let Some(handler) = &mut self.upgraded {
            return handler.on_wake(cx);
        }
        match self.stage {
            Stage::Connecting => self.connected(cx),
            Stage::Open if self.exchange.is_some() && !self.machine.is_waiting() && !self.ended => self.resume_use(cx),
            Stage::Open => {
                self.pump(cx);
                self.offer(cx);
                self.drive(cx);
            }
            Stage::Proxy | Stage::Securing => {}
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, S>, event: StreamEvent) {
        if let Some(handler) = &mut self.upgraded {
            return handler.on_event(cx, event);
        }
        match event {
            StreamEvent::Connected => self.connected(cx),
            StreamEvent::Eof => {
                self.eof = true;
                if self.exchange.is_none() {
                    return cx.close();
                }
                self.drive(cx);
            }
            StreamEvent::ReadTimeout if self.exchange.is_none() => cx.close(),
            StreamEvent::ReadTimeout if self.upload.is_some() || cx.stream.unsent() > 0 => cx.stream.resume_reading(),
            StreamEvent::ReadTimeout | StreamEvent::WriteTimeout => self.fail(cx, Failure::TimedOut.into()),
            StreamEvent::Error(error) => self.lost(cx, error.into()),
        }
    }

    fn on_close(&mut self, cx: &mut Context<'_, S>) {
        if let Some(handler) = &mut self.upgraded {
            handler.on_close(cx);
        }
        if let Some(id) = cx.id() {
            let exchanges = cx.registry.extensions.get::<Exchanges<S>>();
            exchanges.forget(self.client, &self.origin, id);
            if let Some(next) = exchanges.take_assigned(id) {
                State::start_or_fail(cx.registry, next);
            }
        }
        if let Some(key) = self.exchange.take() {
            State::fail(cx, key, Failure::Closed.into());
        }
    }
}
