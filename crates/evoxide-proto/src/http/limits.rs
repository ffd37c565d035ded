//! All limits in one place.

/// What a connection accepts at most. The face lends one to each call, so that connections hold no copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the first line of a message.
    pub line: usize,
    /// Bytes of a whole head, first line included; of the trailers, too.
    pub head: usize,
    /// Number of fields in a head or in the trailers.
    pub fields: usize,
    /// Bytes of a body, chunk framing not counted.
    pub body: u64,
    /// Bytes of chunk extensions in one message.
    pub extensions: u32,
    /// Empty lines before a request.
    pub empty_lines: u8,
    /// Interim (1xx) answers before the final one.
    pub interim: u8,
    /// Bytes of further requests that are held while one is answered; reading stops beyond.
    pub pipelined: usize,
    /// Relaxations for old peers.
    pub leniency: Leniency,
}

impl Limits {
    /// Safe for a server or client on the open network.
    pub const DEFAULT: Self = Self {
        line: 16 * 1024,
        head: 64 * 1024,
        fields: 128,
        body: 16 * 1024 * 1024,
        extensions: 16 * 1024,
        empty_lines: 4,
        interim: 32,
        pipelined: 64 * 1024,
        leniency: Leniency::NONE,
    };

    /// What programs for libevent rely on: anything, but for a bound of 1 MiB on the head.
    pub const COMPATIBLE: Self =
        Self { line: 1024 * 1024, head: 1024 * 1024, fields: usize::MAX, body: u64::MAX, ..Self::DEFAULT };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is tolerated of old peers in a head. Never in framing: neither lengths, encodings and chunks, nor NUL and bare CR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leniency {
    /// LF alone where every line of the head ends so.
    pub bare_lf: bool,
    /// Lines that continue the one before; the break counts as spaces.
    pub folds: bool,
    /// HTTP/1.1 without `Host`: libevent's calls of remote functions have none.
    pub no_host: bool,
}

impl Leniency {
    /// Nothing.
    pub const NONE: Self = Self { bare_lf: false, folds: false, no_host: false };
    /// Ends of lines and folds, as they once were.
    pub const OLD_PEERS: Self = Self { bare_lf: true, folds: true, no_host: false };
}
