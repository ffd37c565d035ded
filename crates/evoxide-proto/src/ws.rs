//! WebSocket (RFC 6455): both roles of a connection, and its handshake.
//!
//! A [`Connection`] takes the bytes that arrive after the handshake and returns [`Event`]s; what it has to send goes to the end of
//! the output buffer that the face passes. The face moves bytes, keeps time and closes the connection.
//!
//! ```text
//!  input ── receive(bytes, now) ──> Event::Message, Ping, Pong, Close, Failed
//!  send(kind, data, mask, output), close(code, reason, mask, output)       what the program says
//!  send_owed(mask, output)                                                 pongs and answers to a close
//!  deadline() / expire(now)                                                pings, silence, a close without an answer
//! ```
//!
//! The contract:
//! - Any split of the input, down to single bytes, gives the same events, but for the moment at which a fault is seen: a fault is
//!   reported with the first byte that shows it.
//! - After [`Event::Close`] or [`Event::Failed`] all further input is ignored. [`Connection::is_done`] says when the face shall
//!   close the connection, after its output was written.
//! - Memory grows with the bytes that arrived, never with a length that a peer announced, and is bounded by [`Limits`]. Of pings
//!   that could not be answered yet only the newest is: a peer that does not read costs one pong.
//! - A failed operation has changed nothing.

mod connection;
mod frame;
mod handshake;
mod utf8;

pub use connection::{Connection, Event, Expired, Kind, Limits, SendError, Timing};
pub use frame::{Fault, is_valid_close_code};
pub use handshake::{
    Accepted, ClientHandshake, Origins, Refusal, RefusedAnswer, accept_key, check_request, has_token, is_valid_key,
};

/// The side of a connection: a client masks what it sends, a server does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The side that asked for the connection.
    Client,
    /// The side that accepted it.
    Server,
}

/// Codes of a close frame (RFC 6455, section 7.4.1).
pub mod code {
    /// The purpose of the connection was fulfilled.
    pub const NORMAL: u16 = 1000;
    /// The endpoint goes away.
    pub const GOING_AWAY: u16 = 1001;
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// Data of a kind that the endpoint does not take.
    pub const UNSUPPORTED: u16 = 1003;
    /// The peer closed without a code. Never sent.
    pub const NONE: u16 = 1005;
    /// The connection ended without a close frame. Never sent.
    pub const ABNORMAL: u16 = 1006;
    /// Text that is not UTF-8.
    pub const INVALID_DATA: u16 = 1007;
    /// A message that breaks the endpoint's rules.
    pub const POLICY: u16 = 1008;
    /// A message that is too long.
    pub const TOO_BIG: u16 = 1009;
    /// The endpoint failed.
    pub const INTERNAL_ERROR: u16 = 1011;
}

#[cfg(test)]
mod tests;
