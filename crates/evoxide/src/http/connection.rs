//! A server's connection: a stream handler that drives the machine of `evoxide_proto::http`.

mod sending;

use super::answer::{Answer, plain};
use super::body::{Content, Flow, Part, Source};
use super::context::{Drained, Message, Place, RequestCx, orphaned};
use super::guard::Guard;
use super::incoming;
use super::routes::Endpoint;
use super::scratch::{Date, Scratch};
use super::server::{Access, Server};
use super::types::{Method, Request, Response, StatusCode, header};
use super::upload::Upload;
use crate::buffer::{Buffer, grown};
use crate::event_loop::context::Context;
use crate::event_loop::registry::Registry;
use crate::stream::{Stream, StreamCtx, StreamEvent, StreamHandler};
use crate::{Error, ErrorKind};
use ::http::HeaderValue;
use evoxide_proto::http::server::{After, Body as Extent, CONTINUE};
use evoxide_proto::http::write::{self, Ambient, BodyMode};
use evoxide_proto::http::{Deadline, Fault, Server as Machine, Step};
use std::mem;
use std::rc::Rc;
use std::time::Duration;

/// An answer is made until so much of it waits to be written; then until no more than [`LOW`] waits.
const HIGH: usize = 256 * 1024;
pub(super) const LOW: usize = 64 * 1024;
/// Room for the head of most answers.
const HEAD: usize = 512;
/// A body of at most so much is written in one piece with its head.
const SMALL: usize = 16 * 1024;
/// What an upload may leave before reading stops.
const HELD: usize = 128 * 1024;

/// A request whose body is coming.
struct Pending {
    request: Request,
    endpoint: usize,
}

/// A body that is taken as it comes.
struct Uploading<S> {
    upload: Box<dyn Upload<S>>,
    data: Buffer,
    /// All of it has come.
    ended: bool,
    /// It left something, and reading has stopped.
    full: bool,
}

/// An answer on its way.
enum Reply<S> {
    None,
    Source(Source),
    File(Part),
    Writer(Option<Drained<S>>),
}

pub(super) struct Connection<S: 'static> {
    server: Rc<Server<S>>,
    machine: Machine,
    serial: u32,
    /// What the read timeout was set for, and since when.
    phase: Deadline,
    since: u64,
    reply: Reply<S>,
    /// The answer was given out to its end.
    completed: bool,
    eof: bool,
    /// The last answer is out, and what still comes is thrown away.
    lingering: bool,
    /// Reading has stopped, since enough requests wait.
    paused: bool,
    /// Counted by its server.
    counted: bool,
    /// The request is `HEAD`.
    is_head: bool,
    pending: Option<Box<Pending>>,
    uploading: Option<Box<Uploading<S>>>,
    upgraded: Option<Box<dyn StreamHandler<S>>>,
    access: Option<Box<Access>>,
    pub(super) guard: Option<Box<Guard>>,
}

impl<S: 'static> Connection<S> {
    pub fn new(server: Rc<Server<S>>) -> Self {
        Self {
            server,
            machine: Machine::new(),
            serial: 0,
            phase: Deadline::Idle,
            since: 0,
            reply: Reply::None,
            completed: false,
            eof: false,
            lingering: false,
            paused: false,
            counted: true,
            is_head: false,
            pending: None,
            uploading: None,
            upgraded: None,
            access: None,
            guard: None,
        }
    }

    /// Whose connection it is.
    pub fn server(&self) -> &Rc<Server<S>> {
        &self.server
    }

    /// Whether it waits for another request, or is past HTTP: nothing is lost where it is closed. One that never had a request is not: its
    /// first one may be on its way.
    pub fn is_idle(&self) -> bool {
        self.serial > 0
            && !self.machine.has_request()
            && self.machine.deadline() == Deadline::Idle
            && self.upgraded.is_none()
    }

    /// Does what there is to do, until more input, an answer or room for output is missing.
    fn drive(&mut self, cx: &mut StreamCtx<'_, S>) {
        let Some(id) = cx.id() else { return };
        loop {
            if self.completed && !self.proceed(cx) {
                return;
            }
            if cx.stream.unsent() > HIGH || cx.input().is_empty() && !self.eof && self.machine.needs_input() {
                break;
            }
            let Some(step) = self.step(cx) else { break };
            match step {
                Step::More => break,
                Step::Skip(n) | Step::Trailers(n) | Step::Interim(n) => consume(cx, n),
                Step::Join(n) => {
                    cx.input().contiguous(n);
                }
                Step::Head(n) => self.begin(cx, n),
                Step::Body(n) => self.take_body(cx, n),
                Step::End => self.end(cx),
                Step::Closed => return cx.close_after_flush(),
                Step::Upgraded => return,
                Step::Fault(fault) => self.refuse(cx, fault),
            }
            if !cx.contains(id) {
                // Removed by a handler.
                return;
            }
        }
        self.pace(cx);
    }

    fn step(&mut self, cx: &mut StreamCtx<'_, S>) -> Option<Step> {
        if self.lingering || self.uploading.as_ref().is_some_and(|u| u.full) {
            return None;
        }
        let mut scratch = self.server.lend_scratch();
        let step = self.machine.step(cx.input().chain(), self.eof, &mut scratch.head, &self.server.limits);
        self.server.take_scratch(scratch);
        Some(step)
    }

    /// A head has come: finds its handler.
    fn begin(&mut self, cx: &mut StreamCtx<'_, S>, n: usize) {
        let mut scratch = self.server.lend_scratch();
        let Scratch { head, heads, .. } = &mut *scratch;
        // Filled and taken where it lies: to pass it on costs a copy each time.
        let mut place = Some(Request::new(Buffer::new()));
        let filled = place.as_mut().and_then(|to| incoming::request(heads, head, &cx.input().chain().first()[..n], to));
        self.server.take_scratch(scratch);
        consume(cx, n);
        if self.server.log.is_some() {
            let request = place.as_ref().filter(|_| filled.is_some());
            self.access = Some(Box::new(Access::new(request, cx.stream.peer_addr(), cx.cx.registry.time.now())));
        }
        let (Some(()), Some(request)) = (filled, &mut place) else {
            return self.reject(cx, StatusCode::BAD_REQUEST);
        };
        self.is_head = request.method() == Method::HEAD;
        let endpoint = match self.server.routes.find(request) {
            Ok(endpoint) => endpoint,
            Err(answer) => {
                let has_body = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
                if !has_body.iter().any(|name| request.headers().contains_key(name)) {
                    // It is whole, so that the connection can be kept.
                    self.machine.take_end();
                }
                return self.give(cx, *answer);
            }
        };
        match &self.server.routes.endpoints[endpoint] {
            Endpoint::Whole(_) if self.machine.take_end() => self.ask(cx, endpoint, &mut place),
            Endpoint::Whole(_) => {
                let length = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
                if length.is_some_and(|n: u64| n > self.server.max_body) {
                    return self.reject(cx, StatusCode::PAYLOAD_TOO_LARGE);
                }
                self.say_continue(cx);
                self.pending = place.map(|request| Box::new(Pending { request, endpoint }));
            }
            Endpoint::Upload(begin) => {
                let Some(request) = place else { return };
                let begun = begin(&mut self.request_cx(cx), request.map(|_| ()));
                match begun {
                    Ok(upload) => {
                        self.say_continue(cx);
                        let uploading = Uploading { upload, data: Buffer::new(), ended: false, full: false };
                        self.uploading = Some(Box::new(uploading));
                    }
                    Err(answer) => self.give(cx, *answer),
                }
                self.receive_late(cx);
            }
        }
    }

    fn say_continue(&mut self, cx: &mut StreamCtx<'_, S>) {
        if self.machine.take_expectation() {
            cx.output().append(CONTINUE);
        }
    }

    /// A piece of a body has come.
    fn take_body(&mut self, cx: &mut StreamCtx<'_, S>, n: usize) {
        if let Some(uploading) = &mut self.uploading {
            uploading.data.append_prefix(cx.input(), n);
            return self.offer(cx);
        }
        let Some(to) = &mut self.pending else { return consume(cx, n) };
        to.request.body_mut().append_prefix(cx.input(), n);
        if to.request.body().len() as u64 > self.server.max_body {
            self.pending = None;
            self.reject(cx, StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    /// Offers an upload what has come.
    fn offer(&mut self, cx: &mut StreamCtx<'_, S>) {
        let Some(mut uploading) = self.uploading.take() else { return };
        if !uploading.data.is_empty() {
            uploading.upload.on_data(&mut self.request_cx(cx), &mut uploading.data);
        }
        if uploading.ended && uploading.data.is_empty() {
            let answer = uploading.upload.on_end(&mut self.request_cx(cx));
            self.give(cx, answer);
        } else {
            uploading.full = uploading.data.len() > HELD;
            self.uploading = Some(uploading);
        }
        self.receive_late(cx);
    }

    /// A request is whole: asks its handler.
    fn end(&mut self, cx: &mut StreamCtx<'_, S>) {
        if let Some(uploading) = &mut self.uploading {
            uploading.ended = true;
            return self.offer(cx);
        }
        if let Some(pending) = self.pending.take() {
            self.ask(cx, pending.endpoint, &mut Some(pending.request));
        }
    }

    /// Asks the handler of a request that is whole. It takes the request out of its place.
    fn ask(&mut self, cx: &mut StreamCtx<'_, S>, endpoint: usize, request: &mut Option<Request>) {
        let Endpoint::Whole(handler) = &self.server.routes.endpoints[endpoint] else { return };
        let answer = handler(&mut self.request_cx(cx), request);
        self.give(cx, answer);
        self.receive_late(cx);
    }

    fn request_cx<'a>(&'a self, cx: &'a mut StreamCtx<'_, S>) -> RequestCx<'a, S> {
        let StreamCtx { cx: Context { registry, state, id }, stream } = cx;
        let Some(connection) = *id else { unreachable!("a stream's handler has an event") };
        let place = Place { connection, serial: self.serial };
        RequestCx {
            cx: Context { registry, state, id: *id },
            stream,
            place,
            #[cfg(feature = "rustls")]
            session: self.guard.as_ref().and_then(|guard| guard.session()),
        }
    }

    /// Carries out what a handler answered.
    fn give(&mut self, cx: &mut StreamCtx<'_, S>, answer: Answer<S>) {
        match answer {
            Answer::Now(response) => self.answer_now(cx, response),
            Answer::Later(_) => {}
            Answer::Upgrade(response, handler) => {
                self.upgraded = Some(handler);
                self.answer_now(cx, response);
            }
        }
    }

    fn answer_now(&mut self, cx: &mut StreamCtx<'_, S>, response: Response) {
        let StreamCtx { cx: Context { registry, .. }, stream } = &mut *cx;
        let mut scratch = self.server.lend_scratch();
        scratch.date.refresh(&registry.time);
        // Storage that the loop has written from.
        let pool = &mut registry.pool.storage;
        let mut out = grown(pool.take(HEAD + response.body().content.small(SMALL).map_or(0, <[u8]>::len)));
        self.answer(stream, &mut out, &scratch.date, response);
        let output = stream.output().chain();
        if output.is_bare() {
            grown(output.receive_storage(out));
        } else {
            grown(output.append(&out));
            pool.put(out);
        }
        self.server.take_scratch(scratch);
        self.pump(cx);
    }

    /// Messages that came while a handler of this connection ran.
    fn receive_late(&mut self, cx: &mut StreamCtx<'_, S>) {
        let Some(id) = cx.id().filter(|_| cx.cx.registry.left_for_later) else { return };
        for (place, message) in cx.cx.registry.take_late(id) {
            let mut scratch = Scratch::lend(cx.cx.registry);
            let _ = self.receive(cx.stream, &mut scratch, place.serial, message);
            scratch.give_back(cx.cx.registry);
        }
    }

    /// A message for the request of that number.
    pub fn receive(
        &mut self,
        stream: &mut Stream,
        scratch: &mut Scratch,
        serial: u32,
        message: Message<S>,
    ) -> Result<usize, Error> {
        if serial != self.serial || self.completed || self.lingering || stream.is_closing() {
            return Err(ErrorKind::NoSuchEvent.into());
        }
        match message {
            Message::Answer(response) => self.answer_late(stream, scratch, response),
            Message::Write(mut data) => {
                if !matches!(self.reply, Reply::Writer(_)) {
                    return Err(ErrorKind::Incomplete.into());
                }
                self.write(stream, scratch, &mut data);
            }
            Message::Finish => {
                if matches!(self.reply, Reply::Writer(_)) {
                    self.finish(stream, scratch);
                    stream.wake();
                }
            }
            Message::Orphaned if self.machine.is_answered() => self.cut(stream),
            Message::Orphaned => self.answer_late(stream, scratch, orphaned()),
            Message::OnDrained(handler) => {
                if let Reply::Writer(drained) = &mut self.reply {
                    *drained = Some(handler);
                }
            }
            Message::Resume => {
                if let Some(uploading) = &mut self.uploading {
                    uploading.full = false;
                }
                stream.wake();
            }
        }
        Ok(stream.unsent())
    }

    fn answer_late(&mut self, stream: &mut Stream, scratch: &mut Scratch, response: Response) {
        let Scratch { out, date, .. } = scratch;
        out.clear();
        self.answer(stream, out, date, response);
        stream.output().append(out);
        stream.wake();
    }

    /// Writes an answer's head, and what there is of its body. What is left in `out` is to be appended to the output.
    fn answer(&mut self, stream: &mut Stream, out: &mut Vec<u8>, date: &Date, mut response: Response) {
        if response.status().is_informational() && self.upgraded.is_none() {
            log::error!("a handler answered {}, which is no answer", response.status());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        if self.server.is_draining() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let body = mem::take(response.body_mut());
        let (length, is_whole) = (body.len(), body.is_whole());
        if let (true, Some(n)) = (self.is_head, length) {
            // What the body would be, the client is told.
            response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(n.into());
        }
        let extent = length.map_or(Extent::Stream, Extent::Whole);
        let status = response.status().as_u16();
        let fields = || response.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        let Some(plan) = self.machine.answer(status, extent, fields()) else { return };
        write::status_line(self.machine.minor(), status, write::reason(status), out);
        let ambient = Ambient { date: date.as_bytes(), content_type: body.media.map(str::as_bytes), host: b"" };
        write::fields(&plan, &ambient, fields(), out);
        if let Some(access) = &mut self.access {
            access.status = response.status();
        }
        match body.content {
            _ if plan.body == BodyMode::Omit => {}
            Content::File(part) if self.machine.mode() == BodyMode::Chunked => {
                self.reply = Reply::Source(part.into_source());
            }
            Content::File(part) => self.reply = Reply::File(part),
            Content::Source(source, _) => self.reply = Reply::Source(source),
            Content::Writer(_) => self.reply = Reply::Writer(None),
            content => {
                let n = self.machine.piece(length.unwrap_or(0), out);
                if let Some(access) = &mut self.access {
                    access.bytes = n;
                }
                if let Some(bytes) = content.small(SMALL) {
                    out.extend_from_slice(bytes);
                } else {
                    stream.output().append(&*out);
                    out.clear();
                    content.append_to(stream.output());
                }
            }
        }
        if is_whole || plan.body == BodyMode::Omit {
            self.machine.finish(out);
            self.completed = true;
        }
    }

    /// Writes a piece of an answer.
    fn write(&mut self, stream: &mut Stream, scratch: &mut Scratch, data: &mut Buffer) {
        let out = &mut scratch.out;
        out.clear();
        let n = self.machine.piece(data.len() as u64, out);
        if n == 0 {
            return data.clear();
        }
        if let Some(access) = &mut self.access {
            access.bytes += n;
        }
        let output = stream.output();
        output.append(&out);
        output.append_prefix(data, n as usize);
        data.clear();
        if self.machine.mode() == BodyMode::Chunked {
            output.append(b"\r\n");
        }
    }

    fn finish(&mut self, stream: &mut Stream, scratch: &mut Scratch) {
        scratch.out.clear();
        self.machine.finish(&mut scratch.out);
        stream.output().append(&scratch.out);
        self.reply = Reply::None;
        self.completed = true;
    }

    /// Ends an answer before its end, so that the client notices.
    fn cut(&mut self, stream: &mut Stream) {
        self.reply = Reply::None;
        self.lingering = true;
        stream.close_after_flush();
    }

    /// Makes more of the answer, as long as the client reads it.
    fn pump(&mut self, cx: &mut StreamCtx<'_, S>) {
        match self.reply {
            Reply::Source(_) => {}
            Reply::File(_) => return self.send_file(cx),
            _ => return,
        }
        let mut piece = Buffer::new();
        while let Reply::Source(source) = &mut self.reply
            && cx.stream.unsent() <= HIGH
        {
            let made = source(&mut piece);
            let is_empty = piece.is_empty();
            let mut scratch = Scratch::lend(cx.cx.registry);
            self.write(cx.stream, &mut scratch, &mut piece);
            match made {
                Ok(Flow::More) => {}
                Ok(Flow::Wait) => return scratch.give_back(cx.cx.registry),
                Ok(Flow::End) => self.finish(cx.stream, &mut scratch),
                Err(error) => {
                    log::warn!("an answer is cut off: {error}");
                    self.cut(cx.stream);
                }
            }
            scratch.give_back(cx.cx.registry);
            if is_empty && matches!(self.reply, Reply::Source(_)) {
                // Nothing now: others first.
                cx.stream.wake();
                return;
            }
        }
    }

    /// An answer is out: goes on with the next request. Whether there may be one.
    fn proceed(&mut self, cx: &mut StreamCtx<'_, S>) -> bool {
        self.completed = false;
        self.serial = self.serial.wrapping_add(1);
        self.abort(cx);
        self.tell_access(cx);
        let is_received = self.machine.is_received();
        match self.machine.proceed() {
            After::Next => {
                if mem::take(&mut self.paused) {
                    cx.stream.resume_reading();
                }
                true
            }
            After::Close if is_received => {
                cx.close_after_flush();
                false
            }
            After::Close => {
                self.linger(cx);
                false
            }
            After::Upgraded => {
                self.hand_over(cx);
                false
            }
        }
    }

    fn tell_access(&mut self, cx: &mut StreamCtx<'_, S>) {
        if let (Some(mut access), Some(log)) = (self.access.take(), &self.server.log) {
            access.end(cx.cx.registry.time.now());
            let log = Rc::clone(log);
            log(&mut cx.cx, &access);
        }
    }

    fn hand_over(&mut self, cx: &mut StreamCtx<'_, S>) {
        let Some(handler) = &mut self.upgraded else { return cx.close_after_flush() };
        cx.stream.set_timeouts(None, None);
        cx.stream.set_write_mark(0);
        handler.on_wake(cx);
        if !cx.input().is_empty() {
            handler.on_read(cx);
        }
        if self.eof {
            handler.on_event(cx, StreamEvent::Eof);
        }
    }

    /// Refuses a request for a reason of this face: what comes of it is not read.
    fn reject(&mut self, cx: &mut StreamCtx<'_, S>, status: StatusCode) {
        self.machine.reject();
        self.answer_now(cx, plain(status));
    }

    /// The peer sent what is no request.
    fn refuse(&mut self, cx: &mut StreamCtx<'_, S>, fault: Fault) {
        self.abort(cx);
        self.pending = None;
        if self.machine.is_answered() {
            return self.cut(cx.stream);
        }
        if self.server.log.is_some() && self.access.is_none() {
            self.access = Some(Box::new(Access::new(None, cx.stream.peer_addr(), cx.cx.registry.time.now())));
        }
        let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = Response::new(format!("{fault}\n").into());
        *response.status_mut() = status;
        self.answer_now(cx, response);
    }

    /// Ends this side, and throws away what comes: a socket that is closed with input unread takes the answer with it.
    fn linger(&mut self, cx: &mut StreamCtx<'_, S>) {
        if self.eof {
            return cx.close_after_flush();
        }
        self.lingering = true;
        self.since = cx.cx.registry.time.now();
        cx.stream.shutdown_write();
        cx.input().clear();
        cx.stream.set_timeouts(Some(self.server.times.linger), self.server.times.write);
        cx.stream.resume_reading();
    }

    /// The rest of an upload does not come.
    fn abort(&mut self, cx: &mut StreamCtx<'_, S>) {
        if let Some(uploading) = self.uploading.take() {
            uploading.upload.on_abort(&mut cx.cx);
        }
    }

    /// Sets the read timeout for what the machine waits for, and stops reading where enough has come.
    fn pace(&mut self, cx: &mut StreamCtx<'_, S>) {
        if self.lingering {
            return;
        }
        let full = self.uploading.as_ref().is_some_and(|u| u.full) || cx.stream.unsent() > HIGH;
        let held = cx.stream.input().len();
        if !self.paused && (full && held > HELD || self.machine.holds_back(held, &self.server.limits)) {
            self.paused = true;
            cx.stream.pause_reading();
        } else if self.paused && !full && !self.machine.is_received() {
            self.paused = false;
            cx.stream.resume_reading();
        }
        let deadline = self.machine.deadline();
        if deadline == self.phase && deadline != Deadline::Head || deadline == Deadline::None {
            return;
        }
        let now = cx.cx.registry.time.now();
        if deadline != self.phase {
            self.since = now;
        }
        if self.guard.is_some() && deadline != self.phase {
            let within = self.server.times.head.filter(|_| deadline == Deadline::Head);
            self.set_deadline(&mut cx.cx, within);
        }
        self.phase = deadline;
        let times = &self.server.times;
        let read = match deadline {
            Deadline::Head => {
                let gone = Duration::from_nanos(now - self.since);
                times.head.map(|whole| whole.saturating_sub(gone))
            }
            Deadline::Progress => times.body,
            Deadline::Idle | Deadline::None => times.idle,
        };
        cx.stream.set_timeouts(read, times.write);
    }

    /// Nothing came for as long as may be.
    fn late(&mut self, cx: &mut StreamCtx<'_, S>) {
        if self.lingering {
            return cx.close();
        }
        match self.machine.deadline() {
            // A handler thinks, or the client reads.
            Deadline::None => cx.stream.resume_reading(),
            _ if !matches!(self.reply, Reply::None) => cx.stream.resume_reading(),
            Deadline::Idle => cx.close_after_flush(),
            Deadline::Head | Deadline::Progress => {
                self.abort(cx);
                self.pending = None;
                self.refuse_late(cx);
            }
        }
    }

    fn refuse_late(&mut self, cx: &mut StreamCtx<'_, S>) {
        // A head in part is no request yet: it becomes one that is refused.
        let mut machine = mem::take(&mut self.machine);
        if !machine.has_request() {
            let mut rest = Buffer::from("\n");
            let scratch = cx.cx.registry.extensions.get::<Scratch>();
            machine = Machine::new();
            let _ = machine.step(rest.chain(), true, &mut scratch.head, &self.server.limits);
        }
        machine.reject();
        self.machine = machine;
        self.answer_now(cx, plain(StatusCode::REQUEST_TIMEOUT));
        self.drive(cx);
    }

    fn fail(&mut self, cx: &mut StreamCtx<'_, S>) {
        self.abort(cx);
        cx.close();
    }

    /// It does not count any more. Answers whether listeners that waited may go on.
    fn leave(&mut self) -> bool {
        mem::take(&mut self.counted) && self.server.leave()
    }
}

/// See [`Deliver`](super::context::Deliver).
pub(super) fn deliver<S: 'static>(
    registry: &mut Registry<S>,
    scratch: &mut Scratch,
    place: Place,
    message: &mut Option<Message<S>>,
) -> Result<usize, Error> {
    let Some((stream, connection)) = registry.stream_and_handler::<Connection<S>>(place.connection) else {
        return Ok(0);
    };
    match message.take() {
        Some(message) => connection.receive(stream, scratch, place.serial, message),
        None => Ok(0),
    }
}

/// Drops input, whose storage is used again.
fn consume<S>(cx: &mut StreamCtx<'_, S>, n: usize) {
    cx.cx.registry.pool.consume(cx.stream.input(), n);
}

impl<S: 'static> StreamHandler<S> for Connection<S> {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
        if self.lingering {
            cx.input().clear();
            let gone = cx.cx.registry.time.now() - self.since;
            if gone >= crate::timer::nanos(self.server.times.linger) {
                cx.close();
            }
            return;
        }
        match &mut self.upgraded {
            Some(handler) if !self.machine.has_request() => handler.on_read(cx),
            _ => self.drive(cx),
        }
    }

    fn on_drained(&mut self, cx: &mut StreamCtx<'_, S>) {
        if let Some(handler) = &mut self.upgraded
            && !self.machine.has_request()
        {
            return handler.on_drained(cx);
        }
        let id = cx.id();
        match &mut self.reply {
            Reply::None if cx.input().is_empty() && !self.completed => return,
            Reply::Writer(Some(handler)) => {
                handler(&mut cx.cx);
                self.receive_late(cx);
            }
            _ => self.pump(cx),
        }
        if id.is_some_and(|id| cx.contains(id)) {
            self.drive(cx);
        }
    }

    fn on_wake(&mut self, cx: &mut StreamCtx<'_, S>) {
        if let Some(handler) = &mut self.upgraded
            && !self.machine.has_request()
        {
            return handler.on_wake(cx);
        }
        if self.guard.as_mut().is_some_and(|guard| guard.take_expiry()) {
            return if !cx.stream.is_ready() {
                cx.close();
            } else if !self.lingering && self.machine.deadline() == Deadline::Head {
                self.late(cx);
            };
        }
        self.pump(cx);
        if self.uploading.as_ref().is_some_and(|u| !u.full) {
            self.offer(cx);
        }
        self.drive(cx);
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, S>, event: StreamEvent) {
        if let Some(handler) = &mut self.upgraded
            && !self.machine.has_request()
        {
            return handler.on_event(cx, event);
        }
        match event {
            StreamEvent::Connected => self.set_deadline(&mut cx.cx, None),
            StreamEvent::Eof => {
                self.eof = true;
                if self.lingering {
                    return cx.close_after_flush();
                }
                self.drive(cx);
            }
            StreamEvent::ReadTimeout => self.late(cx),
            StreamEvent::WriteTimeout | StreamEvent::Error(_) => self.fail(cx),
        }
    }

    fn on_close(&mut self, cx: &mut Context<'_, S>) {
        if let Some(handler) = &mut self.upgraded {
            handler.on_close(cx);
        }
        if let Some(uploading) = self.uploading.take() {
            uploading.upload.on_abort(cx);
        }
        self.set_deadline(cx, None);
        if self.leave() {
            self.server.accept_again(cx);
        }
    }
}

impl<S: 'static> Drop for Connection<S> {
    fn drop(&mut self) {
        self.leave();
    }
}
