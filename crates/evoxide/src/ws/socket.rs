//! Connections by name: what any handler of the loop may send.

use super::connection::Message;
use crate::buffer::Buffer;
use crate::event_loop::event::EventId;
use crate::event_loop::registry::Registry;
use crate::{Error, ErrorKind};
use evoxide_proto::ws::{Connection as Machine, Kind, SendError};
use std::collections::HashMap;
use std::io;

/// A connection that is open.
pub(super) struct Open {
    pub machine: Machine,
    /// What was sent while its handler ran.
    pub pending: Buffer,
}

/// All of a loop, and random bytes for masks.
#[derive(Default)]
pub(super) struct Sockets {
    pub open: HashMap<EventId, Open>,
    random: Vec<u8>,
}

impl Sockets {
    /// A mask, which no page must be able to foretell.
    pub fn mask(&mut self) -> [u8; 4] {
        if self.random.len() < 4 {
            self.random.resize(1024, 0);
            if getrandom::fill(&mut self.random).is_err() {
                self.random.clear();
                return [0x55; 4];
            }
        }
        let rest = self.random.split_off(self.random.len() - 4);
        [rest[0], rest[1], rest[2], rest[3]]
    }
}

/// Names a WebSocket connection of a loop. Cheap to copy; one that has closed is answered with an error.
///
/// # Examples
/// Everybody hears what one says:
/// ```
/// use evoxide::http::Server;
/// use evoxide::ws::{Close, Message, Socket, SocketCx, SocketHandler};
///
/// struct Member;
///
/// impl SocketHandler<Vec<Socket>> for Member {
///     fn on_open(&mut self, cx: &mut SocketCx<'_, Vec<Socket>>) {
///         let socket = cx.socket();
///         cx.state().push(socket);
///     }
///
///     fn on_message(&mut self, cx: &mut SocketCx<'_, Vec<Socket>>, message: Message) {
///         for socket in cx.state().clone() {
///             let _ = socket.send(cx, message.clone());
///         }
///     }
///
///     fn on_close(&mut self, cx: &mut SocketCx<'_, Vec<Socket>>, _close: Close) {
///         let socket = cx.socket();
///         cx.state().retain(|other| *other != socket);
///     }
/// }
///
/// let server = Server::new().websocket("/chat", Default::default(), |_cx, _request| Ok(Member));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Socket {
    pub(super) id: EventId,
}

fn refused(error: SendError) -> Error {
    match error {
        SendError::TooLong => ErrorKind::TooLong.into(),
        SendError::Output(_) => io::Error::from(io::ErrorKind::OutOfMemory).into(),
        SendError::Closing => ErrorKind::NoSuchEvent.into(),
        _ => Error::invalid("message"),
    }
}

impl Socket {
    fn with<S: 'static, R>(
        self,
        registry: &mut Registry<S>,
        write: impl FnOnce(&mut Machine, [u8; 4], &mut Buffer) -> Result<R, SendError>,
    ) -> Result<usize, Error> {
        let sockets = registry.extensions.get::<Sockets>();
        let mask = sockets.mask();
        let Some(open) = sockets.open.get_mut(&self.id) else { return Err(ErrorKind::NoSuchEvent.into()) };
        let mut frame = std::mem::take(&mut open.pending);
        let written = write(&mut open.machine, mask, &mut frame);
        let queued = match registry.stream(self.id) {
            Some(stream) => {
                stream.output().append_buffer(&mut frame);
                stream.unsent()
            }
            None => {
                let len = frame.len();
                if let Some(open) = registry.extensions.get::<Sockets>().open.get_mut(&self.id) {
                    open.pending = frame;
                }
                len
            }
        };
        written.map(|_| queued).map_err(refused)
    }

    /// Sends a message. Answers how many bytes wait to be written: who sends more than the peer reads sees that grow, and goes on
    /// in [`on_drained`](super::SocketHandler::on_drained).
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchEvent`] where the connection is closed or closing.
    ///
    /// # Examples
    /// See [`Socket`].
    pub fn send<S: 'static>(self, events: &mut Registry<S>, message: impl Into<Message>) -> Result<usize, Error> {
        let message = message.into();
        let (kind, data) = match &message {
            Message::Text(text) => (Kind::Text, text.as_bytes()),
            Message::Binary(bytes) => (Kind::Binary, bytes.as_slice()),
        };
        self.with(events, |machine, mask, out| machine.send(kind, data, mask, out.chain()))
    }

    /// Sends a ping, which a peer answers by itself. Silent peers are pinged anyway.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`ErrorKind::TooLong`] for more than 125 bytes.
    ///
    /// # Examples
    /// As for [`send`](Self::send).
    pub fn ping<S: 'static>(self, events: &mut Registry<S>, data: &[u8]) -> Result<usize, Error> {
        self.with(events, |machine, mask, out| machine.ping(data, mask, out.chain()))
    }

    /// Closes the connection in order: with a [`code`](super::code) and a reason of at most 123 bytes. Its handler is told when the
    /// peer has answered.
    ///
    /// # Errors
    /// As [`send`](Self::send), and for a code that must not be sent.
    ///
    /// # Examples
    /// ```
    /// use evoxide::Registry;
    /// use evoxide::ws::{Socket, code};
    ///
    /// fn dismiss<S: 'static>(events: &mut Registry<S>, socket: Socket) {
    ///     let _ = socket.close(events, code::GOING_AWAY, "good night");
    /// }
    /// ```
    pub fn close<S: 'static>(self, events: &mut Registry<S>, code: u16, reason: &str) -> Result<(), Error> {
        let now = events.time.now();
        self.with(events, |machine, mask, out| machine.close(code, reason, mask, out.chain(), now))?;
        if let Some(stream) = events.stream(self.id) {
            // The time for the peer's answer runs from now on.
            stream.wake();
        }
        Ok(())
    }

    /// Whether it is open.
    ///
    /// # Examples
    /// As for [`close`](Self::close).
    pub fn is_open<S: 'static>(self, events: &mut Registry<S>) -> bool {
        events.extensions.get::<Sockets>().open.contains_key(&self.id)
    }
}
