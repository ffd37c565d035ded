//! What is written: heads, checked as they are serialised.
//!
//! A [`Plan`] comes from the connection ([`Server::answer`](super::Server::answer), [`Client::request`](super::Client::request)): it says which
//! of the program's fields must go and which are added. [`status_line`] or [`request_line`] and [`fields`] then write
//! the head.

use super::head::is_name;
use super::syntax::{is_host, is_target, is_value};
use alloc::{string::String, vec::Vec};

/// A field that a plan adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addition {
    /// `Transfer-Encoding: chunked`
    Chunked,
    /// `Date`
    Date,
    /// `Connection: keep-alive`
    KeepAlive,
    /// `Content-Length`
    Length(u64),
    /// The default `Content-Type`.
    ContentType,
    /// `Connection: close`
    Close,
    /// `Host`
    Host,
}

impl Addition {
    /// Its place in the order in which fields are written.
    const fn place(self) -> u8 {
        match self {
            Addition::Host => 0,
            Addition::Chunked => 1,
            Addition::Date => 2,
            Addition::KeepAlive => 3,
            Addition::Length(_) => 4,
            Addition::ContentType => 5,
            Addition::Close => 6,
        }
    }
}

/// The fields that a plan adds, each once, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Additions {
    /// A bit for the place of each.
    places: u8,
    length: u64,
}

impl Additions {
    /// Adds one; a second length replaces the first.
    #[inline]
    pub const fn insert(&mut self, addition: Addition) {
        self.places |= 1 << addition.place();
        if let Addition::Length(n) = addition {
            self.length = n;
        }
    }

    /// Takes one out, whatever its length.
    pub const fn remove(&mut self, addition: Addition) {
        self.places &= !(1 << addition.place());
    }

    /// Whether it is one of them, whatever its length.
    #[inline]
    pub const fn contains(&self, addition: Addition) -> bool {
        self.places >> addition.place() & 1 != 0
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = Addition> {
        use Addition::{Chunked, Close, ContentType, Date, Host, KeepAlive, Length};
        [Host, Chunked, Date, KeepAlive, Length(self.length), ContentType, Close]
            .into_iter()
            .filter(move |a| self.contains(*a))
    }
}

/// What the connection decided about one message to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Fields of these names, as the program set them, are to be left out.
    pub drop_length: bool,
    /// As above: `Transfer-Encoding`.
    pub drop_encoding: bool,
    /// What is added.
    pub add: Additions,
    /// Whether and how the body is written.
    pub body: BodyMode,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyMode {
    /// Not at all, whatever the program appends.
    Omit,
    /// As it is.
    Plain,
    /// In chunks.
    Chunked,
}

impl Plan {
    pub(crate) const fn new(body: BodyMode) -> Self {
        Self { drop_length: false, drop_encoding: false, add: Additions { places: 0, length: 0 }, body }
    }

    /// Whether the plan leaves a field of the program out.
    pub fn drops(&self, name: &[u8]) -> bool {
        self.drop_length && name.eq_ignore_ascii_case(b"content-length")
            || self.drop_encoding && name.eq_ignore_ascii_case(b"transfer-encoding")
    }
}

/// What additions take from their surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Ambient<'a> {
    /// The date, as HTTP writes it.
    pub date: &'a [u8],
    /// The default content type, if there is one.
    pub content_type: Option<&'a [u8]>,
    /// Host and port of a client's connection.
    pub host: &'a [u8],
}

/// Digits of a number.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    digits: [u8; 20],
    start: u8,
}

impl Decimal {
    /// The digit of zero.
    pub const ZERO: Self = Self { digits: [b'0'; 20], start: 19 };

    /// The digits of `n`.
    // Inlined, each place becomes a variable.
    #[inline(never)]
    pub fn new(mut n: u64) -> Self {
        let (mut digits, mut start) = ([b'0'; 20], 20);
        loop {
            start -= 1;
            digits[start] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                return Self { digits, start: start as u8 };
            }
        }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[usize::from(self.start)..]
    }
}

impl Addition {
    /// Whether its value is made here.
    const fn is_ours(self) -> bool {
        !matches!(self, Addition::ContentType | Addition::Host)
    }

    /// Its name and value. `scratch` holds a number's digits.
    pub fn field<'a>(self, ambient: &Ambient<'a>, scratch: &'a mut Decimal) -> Option<(&'static [u8], &'a [u8])> {
        let (start, value) = self.line(ambient, scratch)?;
        Some((&start[..start.len() - 2], value))
    }

    /// What its line begins with, and its value.
    #[inline(always)]
    fn line<'a>(self, ambient: &Ambient<'a>, scratch: &'a mut Decimal) -> Option<(&'static [u8], &'a [u8])> {
        Some(match self {
            Addition::Chunked => (b"Transfer-Encoding: ", b"chunked"),
            Addition::Date => (b"Date: ", ambient.date),
            Addition::KeepAlive => (b"Connection: ", b"keep-alive"),
            Addition::Length(n) => {
                *scratch = Decimal::new(n);
                (b"Content-Length: ", scratch.as_bytes())
            }
            Addition::ContentType => (b"Content-Type: ", ambient.content_type?),
            Addition::Close => (b"Connection: ", b"close"),
            Addition::Host => (b"Host: ", ambient.host),
        })
    }

    /// Writes it, and tells `added`. Inlined where it is known which one it is, so that what its line begins with is a constant.
    #[inline(always)]
    fn write(self, ambient: &Ambient<'_>, out: &mut Vec<u8>, added: &mut impl FnMut(&[u8], &[u8])) {
        let mut digits = Decimal::ZERO;
        let Some((start, value)) = self.line(ambient, &mut digits) else { return };
        // What the surroundings lend is a program's, too.
        if !self.is_ours() && !is_value(value) {
            return;
        }
        out.reserve(start.len() + value.len() + 2);
        out.extend_from_slice(start);
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
        added(&start[..start.len() - 2], value);
    }

    #[inline(never)]
    fn write_rare(self, ambient: &Ambient<'_>, out: &mut Vec<u8>, added: &mut impl FnMut(&[u8], &[u8])) {
        self.write(ambient, out, added);
    }
}

/// Whether a field may be written: its name is a token, its value brings no line of its own.
pub fn is_field(name: &[u8], value: &[u8]) -> bool {
    is_name(name) && is_value(value)
}

/// Writes one field; one that may not be written is left out. Whether it was written.
pub fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> bool {
    let writable = is_field(name, value);
    if writable {
        append(name, value, out);
    }
    writable
}

#[inline]
fn append(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes the status line; a reason that could bring a line of its own is replaced by the usual one.
pub fn status_line(minor: u8, status: u16, reason: &[u8], out: &mut Vec<u8>) {
    if let (1.., 200, b"OK") = (minor, status, reason) {
        // Most answers.
        return out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    }
    let status = status.clamp(100, 999);
    out.extend_from_slice(if minor == 0 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    out.extend_from_slice(&[
        b'0' + (status / 100) as u8,
        b'0' + (status / 10 % 10) as u8,
        b'0' + (status % 10) as u8,
        b' ',
    ]);
    out.extend_from_slice(if is_value(reason) { reason } else { super::write::reason(status) });
    out.extend_from_slice(b"\r\n");
}

/// Why a request cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unwritable {
    /// The method is not a token.
    Method,
    /// The target is empty or contains controls.
    Target,
}

/// Writes the request line. Spaces in the target are percent-encoded.
///
/// # Errors
/// Nothing was written then.
pub fn request_line(method: &[u8], target: &[u8], minor: u8, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    if !super::syntax::is_token(method) {
        return Err(Unwritable::Method);
    }
    // A fragment is the client's own business.
    let target = target.split(|&b| b == b'#').next().unwrap_or(&[]);
    if target.is_empty() || !target.split(|&b| b == b' ').all(|part| part.is_empty() || is_target(part)) {
        return Err(Unwritable::Target);
    }
    out.extend_from_slice(method);
    out.push(b' ');
    for &byte in target {
        if byte == b' ' {
            out.extend_from_slice(b"%20");
        } else {
            out.push(byte);
        }
    }
    out.extend_from_slice(if minor == 0 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
    Ok(())
}

/// Writes the program's fields that a plan leaves in, then what it adds, then the empty line.
pub fn fields<'a>(
    plan: &Plan,
    ambient: &Ambient<'_>,
    program: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    out: &mut Vec<u8>,
) {
    fields_noting(plan, ambient, program, out, |_, _| {});
}

/// As [`fields`]; `added` is told what is added.
pub fn fields_noting<'a>(
    plan: &Plan,
    ambient: &Ambient<'_>,
    program: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    out: &mut Vec<u8>,
    mut added: impl FnMut(&[u8], &[u8]),
) {
    for (name, value) in program {
        if !plan.drops(name) {
            field(name, value, out);
        }
    }
    let add = plan.add;
    let rare = |addition: Addition, out: &mut Vec<u8>, added: &mut _| {
        if add.contains(addition) {
            addition.write_rare(ambient, out, added);
        }
    };
    rare(Addition::Host, out, &mut added);
    rare(Addition::Chunked, out, &mut added);
    if add.contains(Addition::Date) {
        Addition::Date.write(ambient, out, &mut added);
    }
    rare(Addition::KeepAlive, out, &mut added);
    if add.contains(Addition::Length(0)) {
        Addition::Length(add.length).write(ambient, out, &mut added);
    }
    if add.contains(Addition::ContentType) {
        Addition::ContentType.write(ambient, out, &mut added);
    }
    rare(Addition::Close, out, &mut added);
    out.extend_from_slice(b"\r\n");
}

/// The value of `Host` for a host and a port, which is left out where it is 80. `None`: no host.
pub fn host_value(host: &[u8], port: u16, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    let is_v6 = host.contains(&b':') && host.first() != Some(&b'[');
    if is_v6 {
        out.push(b'[');
    }
    // A scope is of this machine only.
    out.extend_from_slice(host.split(|&b| b == b'%').next().unwrap_or(host));
    if is_v6 {
        out.push(b']');
    }
    if port != 80 && port != 0 {
        out.push(b':');
        out.extend_from_slice(Decimal::new(u64::from(port)).as_bytes());
    }
    if is_host(&out[start..]) {
        return Some(());
    }
    out.truncate(start);
    None
}

/// The usual reason phrase of a status.
pub const fn reason(status: u16) -> &'static [u8] {
    match status {
        100 => b"Continue",
        101 => b"Switching Protocols",
        102 => b"Processing",
        103 => b"Early Hints",
        200 => b"OK",
        201 => b"Created",
        202 => b"Accepted",
        203 => b"Non-Authoritative Information",
        204 => b"No Content",
        205 => b"Reset Content",
        206 => b"Partial Content",
        300 => b"Multiple Choices",
        301 => b"Moved Permanently",
        302 => b"Found",
        303 => b"See Other",
        304 => b"Not Modified",
        305 => b"Use Proxy",
        307 => b"Temporary Redirect",
        308 => b"Permanent Redirect",
        400 => b"Bad Request",
        401 => b"Unauthorized",
        402 => b"Payment Required",
        403 => b"Forbidden",
        404 => b"Not Found",
        405 => b"Method Not Allowed",
        406 => b"Not Acceptable",
        407 => b"Proxy Authentication Required",
        408 => b"Request Time-out",
        409 => b"Conflict",
        410 => b"Gone",
        411 => b"Length Required",
        412 => b"Precondition Failed",
        413 => b"Request Entity Too Large",
        414 => b"Request-URI Too Large",
        415 => b"Unsupported Media Type",
        416 => b"Requested range not satisfiable",
        417 => b"Expectation Failed",
        426 => b"Upgrade Required",
        428 => b"Precondition Required",
        429 => b"Too Many Requests",
        431 => b"Request Header Fields Too Large",
        500 => b"Internal Server Error",
        501 => b"Not Implemented",
        502 => b"Bad Gateway",
        503 => b"Service Unavailable",
        504 => b"Gateway Time-out",
        505 => b"HTTP Version not supported",
        _ => match status / 100 {
            1 => b"Informational",
            2 => b"Success",
            3 => b"Redirection",
            4 => b"Client Error",
            5 => b"Server Error",
            _ => b"Unknown Status Class",
        },
    }
}

/// Escapes text for HTML.
///
/// # Examples
/// ```
/// let mut out = Vec::new();
/// evoxide_proto::http::write::escape_html(b"<a>", &mut out);
/// assert_eq!(out, b"&lt;a&gt;");
/// ```
pub fn escape_html(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&#039;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            _ => out.push(byte),
        }
    }
}

/// The page that goes with an error; the reason is escaped.
pub fn error_page(status: u16, reason: &[u8], out: &mut Vec<u8>) {
    let mut escaped = Vec::with_capacity(reason.len());
    escape_html(reason, &mut escaped);
    out.extend_from_slice(b"<HTML><HEAD>\n<TITLE>");
    out.extend_from_slice(Decimal::new(u64::from(status)).as_bytes());
    out.push(b' ');
    out.extend_from_slice(&escaped);
    out.extend_from_slice(b"</TITLE>\n</HEAD><BODY>\n<H1>");
    out.extend_from_slice(&escaped);
    out.extend_from_slice(b"</H1>\n</BODY></HTML>\n");
}

/// A date as HTTP writes it, of a time in seconds since 1970.
pub fn date(seconds: i64) -> String {
    let mut text = String::with_capacity(32);
    let _ = evoxide_core::net::write_rfc1123(&evoxide_core::net::DateFields::from_unix(seconds), &mut text);
    text
}
