//! The opening handshake: what a server checks in a request, and a client in the answer to its own.
//!
//! The HTTP machine parses and writes both; here are the rules of RFC 6455, section 4, over names and values.

use alloc::{borrow::ToOwned, string::String, vec, vec::Vec};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a key is followed by before it is hashed.
const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
///
/// # Examples
/// ```
/// assert_eq!(evoxide_proto::ws::accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_key(key: &[u8]) -> String {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key);
    hash.update(SUFFIX);
    STANDARD.encode(hash.digest().bytes())
}

/// Whether a `Sec-WebSocket-Key` is 16 bytes in base64.
pub fn is_valid_key(key: &[u8]) -> bool {
    key.len() == 24 && STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

/// Whether a list of tokens, as in `Connection`, has one, in any case of letters.
pub fn has_token(value: &[u8], token: &str) -> bool {
    value.split(|&b| b == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Which pages may open connections. A browser sends the page's origin; other clients usually send none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origins<'a> {
    /// All of them.
    #[default]
    Any,
    /// Those of the host that the request names, under any scheme, and clients without an origin.
    SameHost,
    /// Those listed, as `scheme://host[:port]`, and clients without an origin.
    Listed(&'a [&'a str]),
}

impl Origins<'_> {
    /// Whether a request with this `Origin` and `Host` may open a connection.
    pub fn allow(self, origin: Option<&[u8]>, host: Option<&[u8]>) -> bool {
        let Some(origin) = origin else { return true };
        match self {
            Origins::Any => true,
            Origins::SameHost => origin
                .windows(3)
                .position(|part| part == b"://")
                .is_some_and(|at| host.is_some_and(|host| origin[at + 3..].eq_ignore_ascii_case(host))),
            Origins::Listed(list) => list.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(origin)),
        }
    }
}

/// Why a request opens no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It asks for no WebSocket: no `Upgrade: websocket`, or no `Connection: upgrade`.
    NoUpgrade,
    /// Not a `GET` of HTTP/1.1 or above.
    Method,
    /// `Sec-WebSocket-Key` is missing, given twice, or not 16 bytes in base64.
    Key,
    /// Another version than 13. The answer says `Sec-WebSocket-Version: 13`.
    Version,
    /// The page's origin is not allowed.
    Origin,
}

impl Refusal {
    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Refusal::NoUpgrade | Refusal::Method | Refusal::Key => 400,
            Refusal::Version => 426,
            Refusal::Origin => 403,
        }
    }
}

/// A request that may be answered with `101 Switching Protocols`, `Upgrade: websocket`, `Connection: Upgrade`, and
/// `Sec-WebSocket-Accept` with [`Accepted::accept`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The value of `Sec-WebSocket-Accept`.
    pub accept: String,
    /// Subprotocols that the client offers, the preferred first. The answer may name one of them.
    pub protocols: Vec<String>,
}

/// Checks a client's request: method, version of HTTP as (major, minor), headers in their order.
///
/// # Errors
/// [`Refusal`], whose status is the answer's.
pub fn check_request<'a>(
    method: &[u8],
    version: (u8, u8),
    headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    origins: Origins<'_>,
) -> Result<Accepted, Refusal> {
    let (mut upgrade, mut connection) = (false, false);
    let (mut key, mut keys, mut versions, mut is_13) = (None, 0, 0, false);
    let (mut origin, mut host) = (None, None);
    let mut protocols = Vec::new();
    for (name, value) in headers {
        let value = value.trim_ascii();
        if name.eq_ignore_ascii_case(b"upgrade") {
            upgrade |= has_token(value, "websocket");
        } else if name.eq_ignore_ascii_case(b"connection") {
            connection |= has_token(value, "upgrade");
        } else if name.eq_ignore_ascii_case(b"sec-websocket-key") {
            key = Some(value);
            keys += 1;
        } else if name.eq_ignore_ascii_case(b"sec-websocket-version") {
            is_13 = value == b"13";
            versions += 1;
        } else if name.eq_ignore_ascii_case(b"origin") {
            origin = Some(value);
        } else if name.eq_ignore_ascii_case(b"host") {
            host = Some(value);
        } else if name.eq_ignore_ascii_case(b"sec-websocket-protocol") {
            let tokens = value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty());
            protocols.extend(tokens.filter_map(|token| core::str::from_utf8(token).ok()).map(str::to_owned));
        }
    }
    if !(upgrade && connection) {
        return Err(Refusal::NoUpgrade);
    }
    if method != b"GET" || version < (1, 1) {
        return Err(Refusal::Method);
    }
    if versions != 1 || !is_13 {
        return Err(Refusal::Version);
    }
    let Some(key) = key.filter(|key| keys == 1 && is_valid_key(key)) else { return Err(Refusal::Key) };
    if !origins.allow(origin, host) {
        return Err(Refusal::Origin);
    }
    Ok(Accepted { accept: accept_key(key), protocols })
}

/// Why an answer opens no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedAnswer {
    /// Another status than 101.
    Status(u16),
    /// No `Upgrade: websocket`, or no `Connection: upgrade`.
    NoUpgrade,
    /// `Sec-WebSocket-Accept` is missing or wrong.
    Accept,
    /// An extension that was not offered. None ever is.
    Extension,
    /// A subprotocol that was not offered, or more than one.
    Protocol,
}

/// A client's side of the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHandshake {
    key: String,
    protocols: Vec<String>,
}

impl ClientHandshake {
    /// A handshake with a key of 16 random bytes, offering subprotocols, the preferred first.
    pub fn new(random: [u8; 16], protocols: &[&str]) -> Self {
        Self { key: STANDARD.encode(random), protocols: protocols.iter().map(|&p| p.to_owned()).collect() }
    }

    /// The headers of the request, a `GET` of HTTP/1.1, beside `Host`.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Upgrade", "websocket".to_owned()),
            ("Connection", "Upgrade".to_owned()),
            ("Sec-WebSocket-Key", self.key.clone()),
            ("Sec-WebSocket-Version", "13".to_owned()),
        ];
        if !self.protocols.is_empty() {
            headers.push(("Sec-WebSocket-Protocol", self.protocols.join(", ")));
        }
        headers
    }

    /// Checks the answer; returns the subprotocol that the server chose.
    ///
    /// # Errors
    /// [`RefusedAnswer`]: the connection is closed.
    pub fn check_answer<'a>(
        &self,
        status: u16,
        headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Option<&str>, RefusedAnswer> {
        if status != 101 {
            return Err(RefusedAnswer::Status(status));
        }
        let (mut upgrade, mut connection, mut accepts, mut accepted) = (false, false, 0, false);
        let mut chosen = None;
        for (name, value) in headers {
            let value = value.trim_ascii();
            if name.eq_ignore_ascii_case(b"upgrade") {
                upgrade |= value.eq_ignore_ascii_case(b"websocket");
            } else if name.eq_ignore_ascii_case(b"connection") {
                connection |= has_token(value, "upgrade");
            } else if name.eq_ignore_ascii_case(b"sec-websocket-accept") {
                accepts += 1;
                accepted = value == accept_key(self.key.as_bytes()).as_bytes();
            } else if name.eq_ignore_ascii_case(b"sec-websocket-extensions") && !value.is_empty() {
                return Err(RefusedAnswer::Extension);
            } else if name.eq_ignore_ascii_case(b"sec-websocket-protocol") {
                let offered = self.protocols.iter().find(|p| p.as_bytes() == value);
                if chosen.is_some() || offered.is_none() {
                    return Err(RefusedAnswer::Protocol);
                }
                chosen = offered.map(String::as_str);
            }
        }
        if !(upgrade && connection) {
            return Err(RefusedAnswer::NoUpgrade);
        }
        if accepts != 1 || !accepted {
            return Err(RefusedAnswer::Accept);
        }
        Ok(chosen)
    }
}
