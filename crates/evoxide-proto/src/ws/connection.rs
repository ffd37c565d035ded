//! A connection after its handshake.

use super::frame::{CONTROL_MAX, Fault, HEAD_MAX, Head, Opcode, PartialHead, append_masked, write_head};
use super::utf8::Utf8;
use super::{Role, code, is_valid_close_code};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use evoxide_core::buffer::{Buffer, Error, Owner};

/// What a connection takes from its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one frame.
    pub frame: usize,
    /// Bytes of one message, all fragments together.
    pub message: usize,
    /// While the output holds this many bytes, no pong is added to it.
    pub output: usize,
}

impl Default for Limits {
    /// Messages of up to 16 MiB, in one frame or in many; pongs wait behind 64 KiB of output.
    fn default() -> Self {
        Self { frame: 16 << 20, message: 16 << 20, output: 64 << 10 }
    }
}

/// How long a connection waits, in nanoseconds. `None`: for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// After this long without a byte from the peer, a ping asks for one.
    pub ping_after: Option<u64>,
    /// After this long without a byte from the peer, the connection is given up.
    pub idle: Option<u64>,
    /// After this long without an answer to our close frame, the connection is given up.
    pub close: Option<u64>,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text in UTF-8.
    Text,
    /// Bytes.
    Binary,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message. Text is valid UTF-8.
    Message {
        /// What it is.
        kind: Kind,
        /// Its content.
        data: Vec<u8>,
    },
    /// A ping. Its pong is owed: [`Connection::send_owed`].
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The peer closes. Unless we closed first, an answer is owed. Nothing follows.
    Close {
        /// Why, or [`code::NONE`].
        code: u16,
        /// In words.
        reason: String,
    },
    /// The peer did wrong. A close frame that says so is owed. Nothing follows.
    Failed(Fault),
}

/// What [`Connection::expire`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// A ping is owed.
    Ping,
    /// The peer was silent for too long: close the connection.
    Idle,
    /// Our close frame was not answered: close the connection.
    Close,
}

/// Why something was not sent. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// A close frame was sent or is owed: nothing may follow it.
    Closing,
    /// Text that is not UTF-8.
    Utf8,
    /// A ping of more than 125 bytes, or a reason of more than 123.
    TooLong,
    /// A close code that must not be sent.
    CloseCode,
    /// The output cannot grow.
    Output(Error),
}

impl core::fmt::Display for SendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SendError::Closing => f.write_str("the connection is closing"),
            SendError::Utf8 => f.write_str("text that is not UTF-8"),
            SendError::TooLong => f.write_str("too long for a control frame"),
            SendError::CloseCode => f.write_str("an invalid close code"),
            SendError::Output(error) => write!(f, "the output cannot grow: {error}"),
        }
    }
}

impl core::error::Error for SendError {}

/// The content of a control frame.
#[derive(Debug, Clone, Copy)]
struct Control {
    bytes: [u8; CONTROL_MAX],
    len: u8,
}

impl Control {
    /// `data` is cut to what fits.
    fn new(data: &[u8]) -> Self {
        let mut bytes = [0; CONTROL_MAX];
        let len = data.len().min(CONTROL_MAX);
        bytes[..len].copy_from_slice(&data[..len]);
        Self { bytes, len: len as u8 }
    }

    fn data(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// One WebSocket connection: see the [module](super).
///
/// # Examples
/// ```
/// use evoxide_core::buffer::Buffer;
/// use evoxide_proto::ws::{Connection, Event, Kind, Limits, Role, Timing};
/// let mut client = Connection::new(Role::Client, Limits::default(), Timing::default(), 0);
/// let mut server = Connection::new(Role::Server, Limits::default(), Timing::default(), 0);
/// let mut wire: Buffer = Buffer::new();
/// client.send(Kind::Text, b"hello", [1, 2, 3, 4], &mut wire)?;
/// let (used, event) = server.receive(wire.first(), 0);
/// assert_eq!(used, wire.len());
/// assert_eq!(event, Some(Event::Message { kind: Kind::Text, data: b"hello".to_vec() }));
/// # Ok::<(), evoxide_proto::ws::SendError>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    role: Role,
    limits: Limits,
    timing: Timing,
    head: PartialHead,
    /// The frame whose content is arriving, and how much of it came.
    frame: Option<(Head, u64)>,
    /// The message of which fragments came.
    message: Option<Kind>,
    data: Vec<u8>,
    utf8: Utf8,
    control: Vec<u8>,
    /// The content of the pong that is owed: that of the newest ping.
    pong: Option<Control>,
    ping_owed: bool,
    close_owed: Option<Control>,
    close_sent: Option<u64>,
    /// A close frame came, or the peer was found at fault.
    input_ended: bool,
    heard: u64,
    pinged: bool,
    now: u64,
}

impl Connection {
    /// A connection whose handshake is complete. Times are nanoseconds on any scale that only grows.
    pub fn new(role: Role, limits: Limits, timing: Timing, now: u64) -> Self {
        Self {
            role,
            limits,
            timing,
            head: PartialHead::default(),
            frame: None,
            message: None,
            data: Vec::new(),
            utf8: Utf8::default(),
            control: Vec::new(),
            pong: None,
            ping_owed: false,
            close_owed: None,
            close_sent: None,
            input_ended: false,
            heard: now,
            pinged: false,
            now,
        }
    }

    /// Changes how long it waits, from the last byte of the peer on.
    pub fn set_timing(&mut self, timing: Timing) {
        self.timing = timing;
        self.pinged = false;
    }

    /// How long it waits.
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// The side that it is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Takes bytes from the front of what arrived, up to the end of the first event; returns how many and the event. Without
    /// an event all were taken. The caller drains them and calls again while there are more.
    pub fn receive(&mut self, bytes: &[u8], now: u64) -> (usize, Option<Event>) {
        self.now = self.now.max(now);
        if self.input_ended {
            return (bytes.len(), None);
        }
        if !bytes.is_empty() {
            self.heard = self.now;
            self.pinged = false;
        }
        let mut rest = bytes;
        let event = loop {
            match self.step(&mut rest) {
                Ok(Some(event)) => break Some(event),
                Ok(None) if rest.is_empty() => break None,
                Ok(None) => {}
                Err(fault) => break Some(self.fail(fault)),
            }
        };
        (bytes.len() - rest.len(), event)
    }

    /// One frame's head or a piece of its content.
    fn step(&mut self, rest: &mut &[u8]) -> Result<Option<Event>, Fault> {
        let (head, seen) = match self.frame {
            Some(frame) => frame,
            None => {
                let peer = if self.role == Role::Server { Role::Client } else { Role::Server };
                let Some(head) = self.head.read(rest, peer)? else { return Ok(None) };
                self.begin(head)?;
                (head, 0)
            }
        };
        let n = usize::try_from(head.len - seen).unwrap_or(usize::MAX).min(rest.len());
        let (piece, behind) = rest.split_at(n);
        *rest = behind;
        self.content(head, seen, piece)?;
        let seen = seen + n as u64;
        self.frame = (seen < head.len).then_some((head, seen));
        if self.frame.is_none() { self.end(head) } else { Ok(None) }
    }

    /// Checks a frame by its head, before its content comes.
    fn begin(&mut self, head: Head) -> Result<(), Fault> {
        if head.opcode.is_control() {
            return Ok(());
        }
        match (head.opcode, self.message) {
            (Opcode::Continuation, Some(_)) => {}
            (Opcode::Text, None) => self.message = Some(Kind::Text),
            (Opcode::Binary, None) => self.message = Some(Kind::Binary),
            _ => return Err(Fault::Continuation),
        }
        if head.len > self.limits.frame as u64 {
            return Err(Fault::FrameTooLong);
        }
        if head.len > self.limits.message.saturating_sub(self.data.len()) as u64 {
            return Err(Fault::MessageTooLong);
        }
        Ok(())
    }

    fn content(&mut self, head: Head, seen: u64, piece: &[u8]) -> Result<(), Fault> {
        let to = if head.opcode.is_control() { &mut self.control } else { &mut self.data };
        let begin = to.len();
        to.try_reserve(piece.len()).map_err(|_| Fault::NoMemory)?;
        append_masked(to, piece, head.mask, (seen % 4) as usize);
        if !head.opcode.is_control() && self.message == Some(Kind::Text) && !self.utf8.push(&self.data[begin..]) {
            return Err(Fault::Utf8);
        }
        Ok(())
    }

    /// The content of a frame is complete.
    fn end(&mut self, head: Head) -> Result<Option<Event>, Fault> {
        match head.opcode {
            Opcode::Ping => {
                let data = core::mem::take(&mut self.control);
                if !self.is_closing() {
                    self.pong = Some(Control::new(&data));
                }
                Ok(Some(Event::Ping(data)))
            }
            Opcode::Pong => Ok(Some(Event::Pong(core::mem::take(&mut self.control)))),
            Opcode::Close => self.end_close().map(Some),
            _ if !head.fin => Ok(None),
            _ => {
                let Some(kind) = self.message.take() else { return Err(Fault::Continuation) };
                if !core::mem::take(&mut self.utf8).is_complete() {
                    return Err(Fault::Utf8);
                }
                Ok(Some(Event::Message { kind, data: core::mem::take(&mut self.data) }))
            }
        }
    }

    fn end_close(&mut self) -> Result<Event, Fault> {
        let data = core::mem::take(&mut self.control);
        let (code, reason) = match *data.as_slice() {
            [] => (code::NONE, ""),
            [_] => return Err(Fault::CloseCode),
            [high, low, ref reason @ ..] => {
                let code = u16::from_be_bytes([high, low]);
                if !is_valid_close_code(code) {
                    return Err(Fault::CloseCode);
                }
                (code, core::str::from_utf8(reason).map_err(|_| Fault::Utf8)?)
            }
        };
        self.end_input();
        if !self.is_closing() {
            // The answer repeats the code.
            self.close_owed = Some(Control::new(data.get(..2).unwrap_or(&[])));
        }
        Ok(Event::Close { code, reason: reason.to_owned() })
    }

    fn fail(&mut self, fault: Fault) -> Event {
        self.end_input();
        if !self.is_closing() {
            self.close_owed = Some(Control::new(&fault.code().to_be_bytes()));
        }
        Event::Failed(fault)
    }

    /// Frees what was received in part.
    fn end_input(&mut self) {
        self.input_ended = true;
        self.pong = None;
        self.ping_owed = false;
        self.frame = None;
        self.message = None;
        self.data = Vec::new();
        self.control = Vec::new();
    }

    /// Whether a close frame was sent or is owed. Nothing else is sent then.
    pub const fn is_closing(&self) -> bool {
        self.close_sent.is_some() || self.close_owed.is_some()
    }

    /// Whether both sides are done: the face writes what the output holds and closes the connection. A client may leave that to
    /// the server, with a time-out.
    pub const fn is_done(&self) -> bool {
        self.input_ended && self.close_owed.is_none()
    }

    /// The bytes of the next event that are held.
    pub fn held(&self) -> usize {
        self.data.capacity() + self.control.capacity()
    }

    /// Sends a message in one frame. `mask`: four random bytes, which only a client uses.
    ///
    /// # Errors
    /// `Closing`, `Utf8`, `Output`.
    pub fn send<F: Owner>(
        &mut self,
        kind: Kind,
        data: &[u8],
        mask: [u8; 4],
        output: &mut Buffer<F>,
    ) -> Result<(), SendError> {
        if self.is_closing() || self.input_ended {
            return Err(SendError::Closing);
        }
        let opcode = match kind {
            Kind::Text if core::str::from_utf8(data).is_err() => return Err(SendError::Utf8),
            Kind::Text => Opcode::Text,
            Kind::Binary => Opcode::Binary,
        };
        self.write(opcode, data, mask, output)
    }

    /// Sends a ping.
    ///
    /// # Errors
    /// `Closing`, `TooLong`, `Output`.
    pub fn ping<F: Owner>(&mut self, data: &[u8], mask: [u8; 4], output: &mut Buffer<F>) -> Result<(), SendError> {
        if self.is_closing() || self.input_ended {
            return Err(SendError::Closing);
        }
        if data.len() > CONTROL_MAX {
            return Err(SendError::TooLong);
        }
        self.write(Opcode::Ping, data, mask, output)
    }

    /// Sends a close frame, with no code where that is [`code::NONE`]. Messages that the peer sent before its answer still arrive.
    /// The time for that answer runs from `now` on.
    ///
    /// # Errors
    /// `Closing`, `CloseCode`, `TooLong`, `Output`.
    pub fn close<F: Owner>(
        &mut self,
        code: u16,
        reason: &str,
        mask: [u8; 4],
        output: &mut Buffer<F>,
        now: u64,
    ) -> Result<(), SendError> {
        self.now = self.now.max(now);
        if self.is_closing() {
            return Err(SendError::Closing);
        }
        let mut content = [0; CONTROL_MAX];
        let mut len = 0;
        if code != code::NONE {
            if !is_valid_close_code(code) {
                return Err(SendError::CloseCode);
            }
            len = 2 + reason.len();
            content[..2].copy_from_slice(&code.to_be_bytes());
            content.get_mut(2..len).ok_or(SendError::TooLong)?.copy_from_slice(reason.as_bytes());
        } else if !reason.is_empty() {
            return Err(SendError::CloseCode);
        }
        self.write(Opcode::Close, &content[..len], mask, output)?;
        self.pong = None;
        self.ping_owed = false;
        self.close_sent = Some(self.now);
        Ok(())
    }

    /// Sends what the connection owes: the answer to a close or the report of a fault, else a pong and a ping, if the output is
    /// not too long already. Call it after events and when output was written.
    ///
    /// # Errors
    /// `Output`: it is owed still.
    pub fn send_owed<F: Owner>(&mut self, mask: [u8; 4], output: &mut Buffer<F>) -> Result<(), SendError> {
        if let Some(close) = self.close_owed {
            self.write(Opcode::Close, close.data(), mask, output)?;
            self.close_owed = None;
            self.close_sent = Some(self.now);
            return Ok(());
        }
        if output.len() >= self.limits.output {
            return Ok(());
        }
        if let Some(pong) = self.pong {
            self.write(Opcode::Pong, pong.data(), mask, output)?;
            self.pong = None;
        }
        if self.ping_owed {
            self.write(Opcode::Ping, b"", mask, output)?;
            self.ping_owed = false;
        }
        Ok(())
    }

    /// Whether [`send_owed`](Self::send_owed) has something to send.
    pub const fn owes(&self) -> bool {
        self.close_owed.is_some() || self.pong.is_some() || self.ping_owed
    }

    fn write<F: Owner>(
        &mut self,
        opcode: Opcode,
        data: &[u8],
        mask: [u8; 4],
        output: &mut Buffer<F>,
    ) -> Result<(), SendError> {
        let mask = (self.role == Role::Client).then_some(mask);
        let mut head = [0; HEAD_MAX];
        let n = write_head(opcode, data.len(), mask, &mut head);
        let all = data.len().checked_add(n).ok_or(SendError::Output(Error::TooLong))?;
        output.expand(all).map_err(SendError::Output)?;
        let write = |room: &mut Vec<u8>| {
            room.extend_from_slice(&head[..n]);
            append_masked(room, data, mask.unwrap_or_default(), 0);
        };
        output.fill(write).map(|_| ()).map_err(SendError::Output)
    }

    /// When [`expire`](Self::expire) has something to say, unless the peer is heard of before. May change with every call.
    pub fn deadline(&self) -> Option<u64> {
        let close =
            self.close_sent.filter(|_| !self.input_ended).and_then(|at| Some(at.saturating_add(self.timing.close?)));
        if self.input_ended || close.is_some() {
            return close;
        }
        let after = |wait: Option<u64>| wait.map(|wait| self.heard.saturating_add(wait));
        let ping = if self.pinged || self.is_closing() { None } else { after(self.timing.ping_after) };
        [ping, after(self.timing.idle)].into_iter().flatten().min()
    }

    /// Time has passed. Call it when [`deadline`](Self::deadline) is reached.
    pub fn expire(&mut self, now: u64) -> Option<Expired> {
        self.now = self.now.max(now);
        if self.deadline().is_none_or(|deadline| deadline > self.now) {
            return None;
        }
        if self.close_sent.is_some() && self.timing.close.is_some() {
            self.end_input();
            return Some(Expired::Close);
        }
        if self.timing.idle.is_some_and(|idle| self.heard.saturating_add(idle) <= self.now) {
            self.end_input();
            return Some(Expired::Idle);
        }
        self.pinged = true;
        self.ping_owed = true;
        Some(Expired::Ping)
    }
}
