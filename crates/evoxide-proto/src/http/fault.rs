//! Why a message is refused.

/// Why a message is refused. The connection that it came on reads nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The first line has not three parts, or more spaces than two.
    StartLine,
    /// The method is not a token.
    Method,
    /// The request target has a form that this method does not allow, or characters that no target has.
    Target,
    /// What stands for the version is none.
    VersionSyntax,
    /// A version other than 1.x, HTTP/2's preface among them.
    Version,
    /// The status is not three digits from 100 on.
    Status,
    /// A line ends in LF alone.
    BareLf,
    /// CR stands without LF.
    BareCr,
    /// White space before the first field, or a line that continues the one before it.
    Fold,
    /// A field's name is empty or not a token, white space before the colon included.
    FieldName,
    /// A control character, NUL included, in a field's value or the reason phrase.
    FieldValue,
    /// The first line is longer than the limit.
    LineTooLong,
    /// The head, or the trailers, are longer than the limit.
    HeadTooLong,
    /// More fields than the limit.
    TooManyFields,
    /// More empty lines before a request than the limit.
    EmptyLines,
    /// HTTP/1.1 without `Host`.
    NoHost,
    /// More than one `Host`.
    ManyHosts,
    /// `Host` holds what no host and port is.
    BadHost,
    /// `Content-Length` is no number, is repeated, or exceeds 64 bits.
    Length,
    /// `Content-Length` beside `Transfer-Encoding`.
    LengthAndEncoding,
    /// `Transfer-Encoding` is not `chunked`, once.
    Encoding,
    /// `Transfer-Encoding` in HTTP/1.0.
    EncodingInOldVersion,
    /// An expectation other than `100-continue`.
    Expectation,
    /// A chunk's size is no number, exceeds 64 bits, or has something behind it that is no extension.
    ChunkSize,
    /// The extensions of chunks exceed the limit.
    ChunkExtension,
    /// A chunk's data does not end in CRLF.
    ChunkEnd,
    /// A trailer that frames, routes or authenticates.
    Trailer,
    /// The body is longer than the limit.
    BodyTooLong,
    /// The peer ended in the middle of a message.
    Truncated,
    /// More interim answers than the limit.
    Interim,
    /// `101 Switching Protocols` that nobody asked for.
    Upgrade,
    /// Bytes on a connection that waits for no answer.
    Unsolicited,
}

impl Fault {
    /// The status that a server refuses a request with.
    pub const fn status(self) -> u16 {
        match self {
            Fault::Version => 505,
            Fault::LineTooLong => 414,
            Fault::HeadTooLong | Fault::TooManyFields => 431,
            Fault::BodyTooLong => 413,
            Fault::Expectation => 417,
            _ => 400,
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Fault::StartLine => "malformed first line",
            Fault::Method => "malformed method",
            Fault::Target => "malformed request target",
            Fault::VersionSyntax => "malformed version",
            Fault::Version => "unsupported version",
            Fault::Status => "malformed status",
            Fault::BareLf => "LF without CR",
            Fault::BareCr => "CR without LF",
            Fault::Fold => "a header line begins with white space",
            Fault::FieldName => "malformed header name",
            Fault::FieldValue => "control character in a header value",
            Fault::LineTooLong => "the first line is too long",
            Fault::HeadTooLong => "the head is too long",
            Fault::TooManyFields => "too many headers",
            Fault::EmptyLines => "too many empty lines",
            Fault::NoHost => "no Host",
            Fault::ManyHosts => "more than one Host",
            Fault::BadHost => "malformed Host",
            Fault::Length => "malformed Content-Length",
            Fault::LengthAndEncoding => "Content-Length beside Transfer-Encoding",
            Fault::Encoding => "a Transfer-Encoding other than chunked",
            Fault::EncodingInOldVersion => "Transfer-Encoding in HTTP/1.0",
            Fault::Expectation => "unknown expectation",
            Fault::ChunkSize => "malformed chunk size",
            Fault::ChunkExtension => "chunk extensions are too long",
            Fault::ChunkEnd => "chunk data without CRLF",
            Fault::Trailer => "a trailer that must be a header",
            Fault::BodyTooLong => "the body is too long",
            Fault::Truncated => "the message is cut off",
            Fault::Interim => "too many interim answers",
            Fault::Upgrade => "an upgrade that was not asked for",
            Fault::Unsolicited => "an answer that nobody asked for",
        })
    }
}

impl core::error::Error for Fault {}
