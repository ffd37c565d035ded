//! A server's side of one connection.
//!
//! Read with [`step`](Server::step) until a request is whole ([`Step::End`]), or answer earlier; write the answer with
//! [`answer`](Server::answer), [`piece`](Server::piece) and [`finish`](Server::finish); once it is on its way, [`proceed`](Server::proceed) says what
//! becomes of the connection. Requests that come meanwhile wait in the input.

use super::framing::{self, Framing, allows_body};
use super::receive::{Deadline, Receiver};
use super::syntax::{decimal, list};
use super::write::{Addition, BodyMode, Plan};
use super::{Fault, Head, Limits, Method, Step, chunk, head as heads};
use alloc::vec::Vec;
use evoxide_core::buffer::{Buffer, Owner};

const KEEP: u16 = 1;
const OLD: u16 = 2;
const BODYLESS: u16 = 4;
const CONNECT: u16 = 8;
/// The client waits for `100 Continue`.
const EXPECTS: u16 = 16;
/// It asked for another protocol.
const UPGRADE: u16 = 32;
/// It listed `keep-alive` itself.
const ASKED_KEEP: u16 = 64;
/// A request is being received or answered.
const REQUEST: u16 = 128;
/// Its answer's head was written.
const ANSWERED: u16 = 256;
/// Its answer is written to the end.
const FINISHED: u16 = 512;
/// The answer hands the connection over.
const SWITCH: u16 = 1024;
const UPGRADED: u16 = 2048;

/// What becomes of a connection once an answer is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It waits for the next request, which may be in the input.
    Next,
    /// It is closed.
    Close,
    /// It speaks another protocol from here on.
    Upgraded,
}

/// The body of an answer, as the program has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// All of it is there: its number of bytes.
    Whole(u64),
    /// It comes in pieces.
    Stream,
}

/// A server's side of one connection: see the [module](self).
///
/// # Examples
/// ```
/// use evoxide_core::buffer::Buffer;
/// use evoxide_proto::http::{Head, Limits, Server, Step, server::Body, write};
///
/// let (mut server, mut head, limits) = (Server::new(), Head::new(), Limits::DEFAULT);
/// let mut input: Buffer = Buffer::new();
/// input.append(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")?;
/// let Step::Head(n) = server.step(&input, false, &mut head, &limits) else { panic!() };
/// assert_eq!(head.target.of_head(&input.first()[..n]), b"/a");
/// input.drain(n)?;
/// assert_eq!(server.step(&input, false, &mut head, &limits), Step::End);
///
/// let plan = server.answer(200, Body::Whole(0), [].into_iter()).unwrap();
/// let mut out = Vec::new();
/// write::status_line(server.minor(), 200, b"OK", &mut out);
/// let ambient = write::Ambient { date: b"today", content_type: None, host: b"" };
/// write::fields(&plan, &ambient, [].into_iter(), &mut out);
/// assert_eq!(out, b"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 0\r\n\r\n");
/// # Ok::<(), evoxide_core::buffer::Error>(())
/// ```
#[derive(Debug)]
pub struct Server {
    receiver: Receiver,
    flags: u16,
    minor: u8,
    mode: BodyMode,
    /// What is left of the length that the answer announced.
    left: Option<u64>,
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// Before the first request.
    pub const fn new() -> Self {
        Self { receiver: Receiver::new(), flags: 0, minor: 1, mode: BodyMode::Omit, left: None }
    }

    #[inline]
    fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// What the first bytes of the input are. `eof`: nothing more will come.
    ///
    /// After [`Step::End`] the answer is [`Step::More`] until [`proceed`](Self::proceed).
    pub fn step<F: Owner>(&mut self, input: &Buffer<F>, eof: bool, head: &mut Head, limits: &Limits) -> Step {
        if self.is(UPGRADED) {
            return Step::Upgraded;
        }
        if !self.receiver.is_in_head() {
            return self.receiver.step_body(input, eof, head, limits);
        }
        if input.is_empty() {
            if eof {
                self.receiver.kill();
                return Step::Closed;
            }
            return Step::More;
        }
        if let Some(bytes) = self.receiver.fresh(input)
            && let Some(n) = heads::first_request(bytes, limits, head)
            && let Some(bytes) = bytes.get(..n)
        {
            return self.begin(bytes, head, limits);
        }
        self.search(input, eof, head, limits)
    }

    /// As [`step`](Self::step), for a head that comes in pieces or is refused.
    #[inline(never)]
    fn search<F: Owner>(&mut self, input: &Buffer<F>, eof: bool, head: &mut Head, limits: &Limits) -> Step {
        let n = match self.receiver.find_head(input, true, limits) {
            Ok(n) => n,
            Err(Step::More) if eof => return self.refuse(Fault::Truncated),
            Err(Step::Fault(fault)) => return self.refuse(fault),
            Err(step) => return step,
        };
        let bytes = &input.first()[..n];
        self.minor = 1;
        match heads::request(bytes, limits, head) {
            Ok(()) => self.begin(bytes, head, limits),
            Err(fault) => self.refuse(fault),
        }
    }

    fn begin(&mut self, bytes: &[u8], head: &Head, limits: &Limits) -> Step {
        match self.heed(bytes, head, limits) {
            Ok(()) => Step::Head(bytes.len()),
            Err(fault) => self.refuse(fault),
        }
    }

    fn refuse(&mut self, fault: Fault) -> Step {
        self.receiver.kill();
        self.flags = (self.flags | REQUEST) & !KEEP;
        Step::Fault(fault)
    }

    /// What a request's head says of its body and of the connection.
    fn heed(&mut self, bytes: &[u8], head: &Head, limits: &Limits) -> Result<(), Fault> {
        self.flags = REQUEST;
        self.minor = 1;
        framing::check_host(bytes, head, limits.leniency)?;
        let method = head.kind;
        self.minor = head.minor.min(1);
        let mut flags = REQUEST | if self.minor == 0 { OLD } else { 0 };
        if method == Method::Head {
            flags |= BODYLESS;
        }
        if method == Method::Connect {
            flags |= CONNECT;
        }
        let framing = framing::of_request(bytes, head)?;
        if method == Method::Connect && framing != Framing::None {
            // What follows belongs to the tunnel; a length would be a second opinion.
            return Err(Fault::Length);
        }
        let mut close = self.minor == 0;
        let mut upgrade = false;
        let plain = !head.may_have(b"connection") && !head.may_have(b"expect");
        for (name, value) in head.fields(bytes).take(if plain { 0 } else { usize::MAX }) {
            match name.len() {
                10 if name.eq_ignore_ascii_case(b"connection") => {
                    for token in list(value) {
                        if token.eq_ignore_ascii_case(b"close") {
                            flags |= SWITCH;
                        } else if token.eq_ignore_ascii_case(b"keep-alive") {
                            flags |= ASKED_KEEP;
                        } else if token.eq_ignore_ascii_case(b"upgrade") {
                            upgrade = true;
                        }
                    }
                }
                6 if name.eq_ignore_ascii_case(b"expect") && self.minor > 0 => {
                    if !value.eq_ignore_ascii_case(b"100-continue") {
                        self.flags |= flags & (OLD | BODYLESS);
                        return Err(Fault::Expectation);
                    }
                    if framing != Framing::None {
                        flags |= EXPECTS;
                    }
                }
                _ => {}
            }
        }
        if flags & ASKED_KEEP != 0 {
            close = false;
        }
        // `close` wins over everything. The bit only carried it here.
        if flags & SWITCH != 0 {
            close = true;
            flags &= !SWITCH;
        }
        if !close {
            flags |= KEEP;
        }
        if upgrade && self.minor > 0 && head.values(bytes, b"upgrade").next().is_some() {
            flags |= UPGRADE;
        }
        self.flags = flags;
        self.receiver.begin_body(framing, limits)
    }

    /// Whether the request whose head was just read is whole, since it has no body. Says [`Step::End`] in advance.
    #[inline]
    pub fn take_end(&mut self) -> bool {
        self.receiver.take_end()
    }

    /// Refuses the request whose head was just read, for a reason of the face (a method, a size).
    pub fn reject(&mut self) {
        self.receiver.kill();
        self.flags &= !(KEEP | EXPECTS | UPGRADE);
    }

    /// The minor version that answers carry.
    pub fn minor(&self) -> u8 {
        self.minor
    }

    /// Whether a request is being received or answered.
    pub fn has_request(&self) -> bool {
        self.is(REQUEST)
    }

    /// Whether the answer's head was given out.
    pub fn is_answered(&self) -> bool {
        self.is(ANSWERED)
    }

    /// What is to come of the request's body, as far as known; all of it once its head was read.
    pub fn framing(&self) -> Framing {
        self.receiver.framing()
    }

    /// Whether [`step`](Self::step) has nothing to say of an empty input.
    pub fn needs_input(&self) -> bool {
        self.receiver.needs_input() && !self.is(UPGRADED)
    }

    /// Whether the request is whole.
    pub fn is_received(&self) -> bool {
        self.receiver.is_whole()
    }

    /// Whether the client asked for another protocol, or for a tunnel.
    pub fn wants_upgrade(&self) -> bool {
        self.is(UPGRADE | CONNECT)
    }

    /// Whether the client waits for `100 Continue`. Once: the face writes [`CONTINUE`] then, or answers.
    pub fn take_expectation(&mut self) -> bool {
        let expects = self.is(EXPECTS) && !self.is(ANSWERED);
        self.flags &= !EXPECTS;
        expects
    }

    /// What it waits for from the peer.
    pub fn deadline(&self) -> Deadline {
        if self.receiver.is_dead() || self.is(UPGRADED) {
            return Deadline::None;
        }
        if self.receiver.has_partial_head() {
            return Deadline::Head;
        }
        if self.receiver.is_in_head() {
            return Deadline::Idle;
        }
        if self.receiver.is_whole() { Deadline::None } else { Deadline::Progress }
    }

    /// Whether so much is held in the input that reading should stop.
    pub fn holds_back(&self, held: usize, limits: &Limits) -> bool {
        self.receiver.is_whole() && held > limits.pipelined
    }

    /// An answer is to be written, with the program's `fields`. `None`: the request has one already, or there is none.
    pub fn answer<'a>(
        &mut self,
        status: u16,
        body: Body,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Option<Plan> {
        if !self.is(REQUEST) || self.is(ANSWERED) {
            return None;
        }
        let (mut close, mut date, mut content_type, mut connection) = (false, false, false, false);
        let mut length: Option<Option<u64>> = None;
        let mut encoding = false;
        for (name, value) in fields {
            match name.len() {
                10 if name.eq_ignore_ascii_case(b"connection") => {
                    connection = true;
                    close |= list(value).any(|t| t.eq_ignore_ascii_case(b"close"));
                }
                4 if name.eq_ignore_ascii_case(b"date") => date = true,
                12 if name.eq_ignore_ascii_case(b"content-type") => content_type = true,
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    length = Some(if length.is_none() { decimal(value) } else { None });
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => encoding = true,
                _ => {}
            }
        }
        let switches = status == 101 && self.is(UPGRADE) || self.is(CONNECT) && status / 100 == 2;
        let has_body = allows_body(status) && !self.is(BODYLESS) && !switches;
        let mut plan = Plan::new(if has_body { BodyMode::Plain } else { BodyMode::Omit });
        plan.drop_encoding = encoding;
        let announced = length.flatten();
        // Until it is known how the body ends, the connection ends it.
        let mut delimited = true;
        self.left = None;
        let mut add_length = None;
        if !has_body {
            // What a HEAD or a 304 says of the body that is not there, the program knows.
            let may_say = self.is(BODYLESS) && status != 204 && status >= 200 || status == 304;
            plan.drop_length = length.is_some() && !(may_say && announced.is_some());
        } else {
            match body {
                Body::Whole(n) => {
                    plan.drop_length = length.is_some() && announced != Some(n);
                    if (length.is_none() || plan.drop_length) && (self.minor > 0 || self.is(KEEP)) {
                        add_length = Some(n);
                    }
                    delimited = add_length.is_some() || announced == Some(n);
                    self.left = Some(n);
                }
                Body::Stream if announced.is_some() => self.left = announced,
                Body::Stream => {
                    plan.drop_length = length.is_some();
                    if self.minor > 0 {
                        plan.body = BodyMode::Chunked;
                    } else {
                        delimited = false;
                    }
                }
            }
        }
        let whole = self.receiver.is_whole();
        let keeps = self.is(KEEP) && !close && delimited && whole && (status >= 200 || switches);
        if plan.body == BodyMode::Chunked {
            plan.add.insert(Addition::Chunked);
        }
        if self.minor > 0 && !date {
            plan.add.insert(Addition::Date);
        }
        if self.minor == 0 && keeps && !connection && self.is(ASKED_KEEP) {
            plan.add.insert(Addition::KeepAlive);
        }
        if let Some(n) = add_length {
            plan.add.insert(Addition::Length(n));
        }
        if has_body && !content_type {
            plan.add.insert(Addition::ContentType);
        }
        if !keeps && self.minor > 0 && !close && !switches {
            plan.add.insert(Addition::Close);
        }
        self.mode = plan.body;
        self.flags |= ANSWERED;
        self.flags &= !EXPECTS;
        if !keeps {
            self.flags &= !KEEP;
        }
        if switches {
            self.flags |= SWITCH;
        }
        Some(plan)
    }

    /// `n` bytes of the answer's body are to be written. Answers how many of them are, and puts what precedes them into `out`;
    /// chunks end in CRLF, which the face appends where [`mode`](Self::mode) is chunked.
    pub fn piece(&mut self, n: u64, out: &mut Vec<u8>) -> u64 {
        if n == 0 || self.is(FINISHED) || !self.is(ANSWERED) {
            return 0;
        }
        match self.mode {
            BodyMode::Omit => 0,
            BodyMode::Chunked => {
                chunk::write_size(n, out);
                n
            }
            BodyMode::Plain => match &mut self.left {
                None => n,
                Some(left) => {
                    let n = n.min(*left);
                    *left -= n;
                    n
                }
            },
        }
    }

    /// Whether the answer was given out to its end.
    pub fn is_finished(&self) -> bool {
        self.is(FINISHED)
    }

    /// Whether all that was announced of the answer's body is written.
    pub fn is_written(&self) -> bool {
        self.is(ANSWERED) && self.left == Some(0)
    }

    /// How the answer's body is written.
    pub fn mode(&self) -> BodyMode {
        self.mode
    }

    /// The answer is complete; what ends its body goes into `out`.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.is(ANSWERED) || self.is(FINISHED) {
            return;
        }
        self.flags |= FINISHED;
        match self.mode {
            BodyMode::Chunked => out.extend_from_slice(chunk::LAST),
            // Less than announced: only the end of the connection says so.
            BodyMode::Plain if self.left.is_some_and(|left| left > 0) => self.flags &= !KEEP,
            _ => {}
        }
    }

    /// The answer has left, or was appended to what leaves in order: what becomes of the connection. Goes on with the next request.
    pub fn proceed(&mut self) -> After {
        let flags = self.flags;
        self.flags = 0;
        if flags & SWITCH != 0 {
            self.flags = UPGRADED;
            return After::Upgraded;
        }
        if flags & KEEP == 0 || flags & FINISHED == 0 || !self.receiver.is_whole() {
            self.receiver.kill();
            return After::Close;
        }
        self.receiver.restart();
        After::Next
    }

    /// Whether the connection will be kept after the answer, as far as known.
    pub fn keeps(&self) -> bool {
        self.is(KEEP)
    }
}

/// What a client that expects it is told before it sends a body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
