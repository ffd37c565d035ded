//! One session on one stream: rustls' unbuffered connections as a filter.

use super::error::invalid;
use crate::buffer::Buffer;
use crate::stream::Filter;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CommonState, HandshakeKind, ProtocolVersion};
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::rc::Rc;

/// The most that goes into one record.
const RECORD: usize = 16384;
/// What a record needs around its content, at most; more is asked for where that is not enough.
const AROUND: usize = 64;

/// TLS between a stream's buffers and its descriptor. See [`tls`](super).
pub struct TlsLayer {
    connection: Connection,
    /// What came and makes no record yet.
    incoming: Vec<u8>,
    session: Session,
    phase: Phase,
    /// The peer sends no more.
    peer_closed: bool,
    /// Our close_notify was made.
    closed: bool,
}

enum Connection {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Handshake,
    Open,
    Failed,
}

/// What is known of a session once its handshake is done. A clone is the same.
#[derive(Clone, Default)]
pub struct Session {
    facts: Rc<RefCell<Facts>>,
}

#[derive(Default)]
struct Facts {
    version: Option<ProtocolVersion>,
    protocol: Option<Vec<u8>>,
    peer: Vec<CertificateDer<'static>>,
    resumed: bool,
}

impl Session {
    /// The version of TLS; `None` before the handshake is done.
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.facts.borrow().version
    }

    /// The protocol that both ends agreed on (ALPN).
    pub fn protocol(&self) -> Option<Vec<u8>> {
        self.facts.borrow().protocol.clone()
    }

    /// The peer's certificates, its own first; none where it showed none.
    pub fn peer_certificates(&self) -> Vec<CertificateDer<'static>> {
        self.facts.borrow().peer.clone()
    }

    /// Whether an earlier session was resumed.
    pub fn is_resumed(&self) -> bool {
        self.facts.borrow().resumed
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("version", &self.version()).finish_non_exhaustive()
    }
}

impl TlsLayer {
    pub(super) fn client(connection: UnbufferedClientConnection) -> Self {
        Self::new(Connection::Client(Box::new(connection)))
    }

    pub(super) fn server(connection: UnbufferedServerConnection) -> Self {
        Self::new(Connection::Server(Box::new(connection)))
    }

    fn new(connection: Connection) -> Self {
        Self {
            connection,
            incoming: Vec::new(),
            session: Session::default(),
            phase: Phase::Handshake,
            peer_closed: false,
            closed: false,
        }
    }

    /// What becomes known of the session.
    pub fn session(&self) -> Session {
        self.session.clone()
    }

    /// Goes on as far as possible: what came is opened into `plain`, `data` and what TLS itself has to say are sealed into `wire`.
    fn go_on(&mut self, data: &mut Buffer, plain: &mut Buffer, wire: &mut Buffer, finish: bool) -> io::Result<()> {
        if self.phase == Phase::Failed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut turn = Turn { data, plain, wire, finish, closed: self.closed, open: false, peer_closed: false };
        let mut used = 0;
        let mut failed = None;
        loop {
            let rest = &mut self.incoming[used..];
            let (discard, again) = match &mut self.connection {
                Connection::Client(c) => turn.step(c.process_tls_records(rest)),
                Connection::Server(c) => turn.step(c.process_tls_records(rest)),
            };
            used += discard;
            match again {
                // The alert about a failure comes with the very next state; after that, rustls would look at what made it fail again.
                _ if failed.is_some() => break,
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => failed = Some(error),
            }
        }
        self.closed = turn.closed;
        self.peer_closed |= turn.peer_closed;
        let open = turn.open;
        if used == self.incoming.len() {
            self.incoming = Vec::new();
        } else {
            self.incoming.drain(..used);
        }
        if let Some(error) = failed {
            self.phase = Phase::Failed;
            return Err(error);
        }
        if open && self.phase == Phase::Handshake {
            self.phase = Phase::Open;
            self.learn();
        }
        Ok(())
    }

    fn learn(&self) {
        let common: &CommonState = match &self.connection {
            Connection::Client(c) => c,
            Connection::Server(c) => c,
        };
        *self.session.facts.borrow_mut() = Facts {
            version: common.protocol_version(),
            protocol: common.alpn_protocol().map(<[u8]>::to_vec),
            peer: common.peer_certificates().unwrap_or_default().iter().map(|c| c.clone().into_owned()).collect(),
            resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
        };
    }
}

impl Filter for TlsLayer {
    fn start(&mut self, reply: &mut Buffer) -> io::Result<()> {
        self.go_on(&mut Buffer::new(), &mut Buffer::new(), reply, false)
    }

    fn is_ready(&self) -> bool {
        self.phase == Phase::Open
    }

    fn input(&mut self, from: &mut Buffer, to: &mut Buffer, reply: &mut Buffer) -> io::Result<()> {
        if self.peer_closed {
            from.clear();
        } else if self.incoming.is_empty() {
            self.incoming = from.take_bytes(usize::MAX);
        } else {
            from.slices().for_each(|slice| self.incoming.extend_from_slice(slice));
            from.clear();
        }
        self.go_on(&mut Buffer::new(), to, reply, false)
    }

    fn output(&mut self, from: &mut Buffer, to: &mut Buffer) -> io::Result<()> {
        if self.phase == Phase::Handshake {
            return Ok(());
        }
        self.go_on(from, &mut Buffer::new(), to, false)
    }

    fn finish(&mut self, to: &mut Buffer) -> io::Result<()> {
        self.go_on(&mut Buffer::new(), &mut Buffer::new(), to, true)
    }

    fn is_over(&self) -> bool {
        self.peer_closed
    }

    fn end(&mut self) -> io::Result<()> {
        if self.peer_closed {
            return Ok(());
        }
        self.phase = Phase::Failed;
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended without the end of TLS"))
    }
}

impl fmt::Debug for TlsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsLayer").field("is_ready", &self.is_ready()).finish_non_exhaustive()
    }
}

/// What happens between two waits.
struct Turn<'a> {
    data: &'a mut Buffer,
    plain: &'a mut Buffer,
    wire: &'a mut Buffer,
    finish: bool,
    closed: bool,
    open: bool,
    peer_closed: bool,
}

impl Turn<'_> {
    /// Takes one state of rustls: how many bytes were used, and whether there may be another.
    fn step<Data>(&mut self, status: UnbufferedStatus<'_, '_, Data>) -> (usize, io::Result<bool>) {
        let UnbufferedStatus { mut discard, state } = status;
        let again = match state {
            Err(error) => Err(invalid(error)),
            Ok(ConnectionState::ReadTraffic(mut records)) => loop {
                match records.next_record() {
                    None => break Ok(true),
                    Some(Err(error)) => break Err(invalid(error)),
                    Some(Ok(record)) => {
                        discard += record.discard;
                        self.plain.append(record.payload);
                    }
                }
            },
            Ok(ConnectionState::EncodeTlsData(mut message)) => {
                seal(self.wire, 1024, |room| match message.encode(room) {
                    Ok(size) => Ok(Ok(size)),
                    Err(EncodeError::InsufficientSize(more)) => Ok(Err(more.required_size)),
                    Err(error) => Err(invalid(error)),
                })
                .map(|()| true)
            }
            Ok(ConnectionState::TransmitTlsData(sent)) => {
                sent.done();
                Ok(true)
            }
            Ok(ConnectionState::PeerClosed) => {
                self.peer_closed = true;
                Ok(true)
            }
            Ok(ConnectionState::WriteTraffic(mut records)) => {
                self.open = true;
                let len = self.data.len().min(RECORD);
                if self.closed || (len == 0 && !self.finish) {
                    Ok(false)
                } else if len > 0 {
                    let bytes = self.data.contiguous(len);
                    let sealed = seal(self.wire, len + AROUND, |room| fits(records.encrypt(bytes, room)));
                    self.data.drain(len);
                    sealed.map(|()| true)
                } else {
                    self.closed = true;
                    seal(self.wire, AROUND, |room| fits(records.queue_close_notify(room))).map(|()| true)
                }
            }
            Ok(_) => Ok(false),
        };
        (discard, again)
    }
}

/// Whether it was enough room: how much was used, or how much is needed.
type Fits = Result<usize, usize>;

fn fits(result: Result<usize, EncryptError>) -> io::Result<Fits> {
    match result {
        Ok(size) => Ok(Ok(size)),
        Err(EncryptError::InsufficientSize(more)) => Ok(Err(more.required_size)),
        Err(error) => Err(invalid(error)),
    }
}

/// Has `make` fill storage that becomes part of `wire`.
fn seal(wire: &mut Buffer, room: usize, mut make: impl FnMut(&mut [u8]) -> io::Result<Fits>) -> io::Result<()> {
    let mut storage = vec![0; room];
    loop {
        match make(&mut storage)? {
            Ok(size) => {
                storage.truncate(size);
                wire.append_vec(storage);
                return Ok(());
            }
            Err(needed) => storage.resize(needed.max(storage.len() + 1), 0),
        }
    }
}
