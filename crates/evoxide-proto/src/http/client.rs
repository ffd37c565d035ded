//! A client's side of one connection.
//!
//! One request at a time: [`request`](Client::request), then [`step`](Client::step) until [`Step::End`]; [`finish`](Client::finish) says whether the
//! connection serves another.

use super::framing::{self, allows_body};
use super::receive::{Deadline, Receiver};
use super::syntax::{decimal, list};
use super::write::{Addition, BodyMode, Plan};
use super::{Fault, Head, Limits, Method, Step, head as heads};
use evoxide_core::buffer::{Buffer, Owner};

const WAITING: u16 = 1;
const BODYLESS: u16 = 2;
const CONNECT: u16 = 4;
const UPGRADE: u16 = 8;
/// Neither side said that it closes.
const KEEP: u16 = 16;
/// The body waits for `100 Continue`.
const HOLDS_BODY: u16 = 32;
/// `100 Continue` came, and nobody was told yet.
const CONTINUED: u16 = 64;
const UPGRADED: u16 = 128;
/// A byte of an answer has come.
const ANSWERING: u16 = 256;
/// All of the request was given out.
const SENT: u16 = 512;
const IDEMPOTENT: u16 = 1024;

/// A client's side of one connection: see the [module](self).
#[derive(Debug)]
pub struct Client {
    receiver: Receiver,
    flags: u16,
    interim: u8,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A new connection.
    pub const fn new() -> Self {
        Self { receiver: Receiver::new(), flags: 0, interim: 0 }
    }

    #[inline]
    fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// A request is to be written, with a body of `length` bytes and the program's `fields`.
    pub fn request<'a>(
        &mut self,
        method: Method,
        minor: u8,
        length: u64,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Plan {
        self.receiver.restart();
        self.interim = 0;
        let mut flags = WAITING | if minor > 0 { KEEP } else { 0 };
        if method == Method::Head {
            flags |= BODYLESS;
        }
        if method == Method::Connect {
            flags |= CONNECT;
        }
        if method.is_idempotent() {
            flags |= IDEMPOTENT;
        }
        let mut plan = Plan::new(if length > 0 { BodyMode::Plain } else { BodyMode::Omit });
        let (mut host, mut close, mut announced) = (false, false, None);
        let mut lengths = 0;
        for (name, value) in fields {
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => host = true,
                10 if name.eq_ignore_ascii_case(b"connection") => {
                    for token in list(value) {
                        if token.eq_ignore_ascii_case(b"close") {
                            close = true;
                        } else if token.eq_ignore_ascii_case(b"keep-alive") {
                            flags |= KEEP;
                        } else if token.eq_ignore_ascii_case(b"upgrade") {
                            flags |= UPGRADE;
                        }
                    }
                }
                6 if name.eq_ignore_ascii_case(b"expect")
                    && length > 0
                    && minor > 0
                    && value.eq_ignore_ascii_case(b"100-continue") =>
                {
                    flags |= HOLDS_BODY;
                }
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    lengths += 1;
                    announced = decimal(value);
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => plan.drop_encoding = true,
                _ => {}
            }
        }
        if close {
            flags &= !KEEP;
        }
        plan.drop_length = lengths > 0 && (lengths > 1 || announced != Some(length) || method == Method::Connect);
        if !host {
            plan.add.insert(Addition::Host);
        }
        if (lengths == 0 || plan.drop_length) && method != Method::Connect && (length > 0 || method.has_body()) {
            plan.add.insert(Addition::Length(length));
        }
        if method == Method::Connect {
            plan.body = BodyMode::Omit;
            flags &= !HOLDS_BODY;
        }
        if flags & HOLDS_BODY == 0 {
            flags |= SENT;
        }
        self.flags = flags;
        plan
    }

    /// Whether an answer is awaited.
    pub fn is_waiting(&self) -> bool {
        self.is(WAITING)
    }

    /// Whether the body is to be written only after `100 Continue`.
    pub fn holds_body(&self) -> bool {
        self.is(HOLDS_BODY)
    }

    /// Whether the server asked for the body that was held. Once.
    pub fn take_continue(&mut self) -> bool {
        let go = self.is(CONTINUED) && self.is(HOLDS_BODY);
        self.flags &= !CONTINUED;
        if go {
            self.flags = (self.flags | SENT) & !HOLDS_BODY;
        }
        go
    }

    /// Whether the request may be sent again on a new connection, should this one fail now: nothing was answered, and either nothing of
    /// the request went out (`sent` is false) or it may be repeated.
    pub fn may_repeat(&self, sent: bool) -> bool {
        self.is(WAITING) && !self.is(ANSWERING) && (!sent || self.is(IDEMPOTENT))
    }

    /// What the first bytes of the input are. `eof`: nothing more will come.
    pub fn step<F: Owner>(&mut self, input: &Buffer<F>, eof: bool, head: &mut Head, limits: &Limits) -> Step {
        if self.is(UPGRADED) {
            return Step::Upgraded;
        }
        if self.receiver.is_dead() {
            return Step::More;
        }
        if !self.is(WAITING) {
            if !input.is_empty() {
                return self.receiver.fail(Fault::Unsolicited);
            }
            if eof {
                self.receiver.kill();
                return Step::Closed;
            }
            return Step::More;
        }
        if !input.is_empty() {
            self.flags |= ANSWERING;
        }
        if !self.receiver.is_in_head() {
            return self.receiver.step_body(input, eof, head, limits);
        }
        let found = self.receiver.fresh(input).and_then(|bytes| heads::first_response(bytes, limits, head));
        let (n, read) = match found {
            Some(n) => (n, Ok(())),
            None => match self.receiver.find_head(input, false, limits) {
                Ok(n) => (n, heads::response(&input.first()[..n], limits, head)),
                Err(Step::More) if eof => return self.receiver.fail(Fault::Truncated),
                Err(step) => return step,
            },
        };
        match read.and_then(|()| self.begin(&input.first()[..n], head, limits)) {
            Ok(true) => Step::Interim(n),
            Ok(false) => Step::Head(n),
            Err(fault) => self.receiver.fail(fault),
        }
    }

    /// Heeds an answer's head. Whether it is an interim one.
    fn begin(&mut self, bytes: &[u8], head: &Head, limits: &Limits) -> Result<bool, Fault> {
        if head.status == 101 {
            if !self.is(UPGRADE) {
                return Err(Fault::Upgrade);
            }
        } else if head.status < 200 {
            self.interim += 1;
            if self.interim > limits.interim {
                return Err(Fault::Interim);
            }
            // An interim answer with a body would be read as two by somebody.
            framing::of_response(bytes, head, true, false)?;
            if head.status == 100 {
                self.flags |= CONTINUED;
            }
            return Ok(true);
        }
        let tunnel = self.is(CONNECT);
        let framing = framing::of_response(bytes, head, self.is(BODYLESS), tunnel)?;
        let mut keep = head.minor > 0;
        let mut close = framing == framing::Framing::Close;
        for value in head.values(bytes, b"connection") {
            for token in list(value) {
                close |= token.eq_ignore_ascii_case(b"close");
                keep |= token.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        // A body that was announced and never asked for leaves the server waiting for it.
        if !keep || close || self.is(HOLDS_BODY) {
            self.flags &= !KEEP;
        }
        if head.status == 101 || tunnel && head.status / 100 == 2 {
            self.flags |= UPGRADED;
        }
        debug_assert!(allows_body(head.status) || framing == framing::Framing::None);
        self.receiver.begin_body(framing, limits)?;
        Ok(false)
    }

    /// Whether what follows the head that was read is another protocol's. [`step`](Self::step) says so from then on.
    pub fn is_upgraded(&self) -> bool {
        self.is(UPGRADED)
    }

    /// The answer is whole: whether the connection serves another request.
    pub fn finish(&mut self) -> bool {
        let keep = self.is(KEEP) && self.receiver.is_whole() && !self.is(UPGRADED);
        self.flags &= UPGRADED;
        if keep {
            self.receiver.restart();
        } else {
            self.receiver.kill();
        }
        keep
    }

    /// The connection was lost or replaced: starts from the beginning.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// What it waits for from the peer.
    pub fn deadline(&self) -> Deadline {
        if !self.is(WAITING) || self.receiver.is_dead() || self.is(UPGRADED) {
            Deadline::None
        } else if self.receiver.has_partial_head() {
            Deadline::Head
        } else {
            Deadline::Progress
        }
    }
}
