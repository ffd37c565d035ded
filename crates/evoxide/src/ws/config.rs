//! What connections take and how long they wait.

use crate::timer::nanos;
use evoxide_proto::ws::{self, Limits, Timing};
use std::time::Duration;

/// Which pages may open connections. A browser sends the page's origin; other clients usually send none.
///
/// # Examples
/// See [`SocketConfig`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Those of the host that the request names, and clients without an origin.
    #[default]
    SameHost,
    /// All of them.
    Any,
    /// Those listed, as `scheme://host[:port]`, and clients without an origin.
    Listed(Vec<String>),
}

impl Origins {
    /// Calls `check` with the machine's form of it.
    pub(super) fn with<R>(&self, check: impl FnOnce(ws::Origins<'_>) -> R) -> R {
        match self {
            Self::SameHost => check(ws::Origins::SameHost),
            Self::Any => check(ws::Origins::Any),
            Self::Listed(list) => {
                let list: Vec<&str> = list.iter().map(String::as_str).collect();
                check(ws::Origins::Listed(&list))
            }
        }
    }
}

/// What a connection takes from its peer, and how long it waits.
///
/// # Examples
/// ```
/// use evoxide::ws::{Origins, SocketConfig};
/// use std::time::Duration;
///
/// let config = SocketConfig::new()
///     .max_message(64 * 1024)
///     .keep_alive(Duration::from_secs(20), Duration::from_secs(60))
///     .origins(Origins::Listed(vec!["https://example.com".into()]))
///     .protocol("chat");
/// ```
#[derive(Clone, Debug)]
pub struct SocketConfig {
    pub(super) limits: Limits,
    pub(super) timing: Timing,
    pub(super) origins: Origins,
    pub(super) protocols: Vec<String>,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl SocketConfig {
    /// Messages of up to 1 MiB; a ping after 30 seconds of silence, the end after 90; 10 seconds for an orderly close.
    ///
    /// # Examples
    /// See [`SocketConfig`].
    #[must_use]
    pub fn new() -> Self {
        let second = |n| Some(nanos(Duration::from_secs(n)));
        Self {
            limits: Limits { frame: 1 << 20, message: 1 << 20, ..Limits::default() },
            timing: Timing { ping_after: second(30), idle: second(90), close: second(10) },
            origins: Origins::default(),
            protocols: Vec::new(),
        }
    }

    /// The longest message that is taken, in one frame or many.
    ///
    /// # Examples
    /// See [`SocketConfig`].
    #[must_use]
    pub const fn max_message(mut self, bytes: usize) -> Self {
        (self.limits.frame, self.limits.message) = (bytes, bytes);
        self
    }

    /// After how long a silence of the peer it is pinged, and after how long it is given up.
    ///
    /// # Examples
    /// See [`SocketConfig`].
    #[must_use]
    pub fn keep_alive(mut self, ping_after: Duration, idle: Duration) -> Self {
        (self.timing.ping_after, self.timing.idle) = (Some(nanos(ping_after)), Some(nanos(idle)));
        self
    }

    /// Which pages a server lets open connections.
    ///
    /// # Examples
    /// See [`SocketConfig`].
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Adds a subprotocol: a client offers it, a server chooses the first that both have.
    ///
    /// # Examples
    /// See [`SocketConfig`].
    #[must_use]
    pub fn protocol(mut self, name: &str) -> Self {
        self.protocols.push(name.to_owned());
        self
    }
}
