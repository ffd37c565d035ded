//! Bodies of messages that are sent.

use crate::buffer::Buffer;
#[cfg(feature = "bytes")]
use bytes::Bytes;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// A piece of a body that a reader fills.
pub(super) const PIECE: usize = 64 * 1024;

/// Whether a body that is made piece by piece goes on.
///
/// # Examples
/// See [`Body::from_fn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// More follows.
    More,
    /// Nothing now: it is asked again when [`Resumption::resume`](super::Resumption::resume) or
    /// [`ExchangeId::resume`](super::ExchangeId::resume) says so.
    Wait,
    /// That was all.
    End,
}

/// The body of a message that is sent: bytes that are there, or pieces that are made as fast as the peer reads.
///
/// Text brings its content type, which a `Content-Type` of the message replaces.
///
/// # Examples
/// ```
/// use evoxide::http::{Body, Response};
///
/// let page = Response::new(Body::from("<h1>Hello</h1>").content_type("text/html; charset=utf-8"));
/// assert_eq!(page.body().len(), Some(14));
/// ```
#[derive(Default)]
pub struct Body {
    pub(super) content: Content,
    pub(super) media: Option<&'static str>,
}

/// What makes a body's pieces.
pub(super) type Source = Box<dyn FnMut(&mut Buffer) -> io::Result<Flow>>;

/// A part of a file that is still to be sent.
pub(super) struct Part {
    pub file: File,
    pub offset: u64,
    pub left: u64,
}

impl Part {
    /// Reads at most `max` bytes of it to the end of a buffer.
    ///
    /// # Errors
    /// What the operating system says; `UnexpectedEof` where the file has become shorter.
    pub fn read(&mut self, max: usize, out: &mut Buffer) -> io::Result<()> {
        let max = usize::try_from(self.left).map_or(max, |left| left.min(max));
        let read = out.append_with(max, |piece| {
            piece.resize(max, 0);
            let read = self.file.read_at(piece, self.offset);
            piece.truncate(*read.as_ref().unwrap_or(&0));
            read
        })?;
        self.moved(read)
    }

    /// So much of it has gone.
    ///
    /// # Errors
    /// `UnexpectedEof`: nothing, where there should be more.
    pub fn moved(&mut self, bytes: usize) -> io::Result<()> {
        self.offset += bytes as u64;
        self.left -= bytes as u64;
        if bytes == 0 && self.left > 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Its pieces, for what is no stream of bytes that goes out as they are.
    pub fn into_source(mut self) -> Source {
        Box::new(move |out| {
            self.read(PIECE, out)?;
            Ok(if self.left == 0 { Flow::End } else { Flow::More })
        })
    }
}

#[derive(Default)]
pub(super) enum Content {
    #[default]
    Empty,
    Static(&'static [u8]),
    Vec(Vec<u8>),
    #[cfg(feature = "bytes")]
    Shared(Bytes),
    Buffer(Buffer),
    File(Part),
    Source(Source, Option<u64>),
    /// Written by a [`BodyWriter`](super::BodyWriter), with the length that it announces.
    Writer(Option<u64>),
}

const TEXT: Option<&str> = Some("text/plain; charset=utf-8");

impl Body {
    /// No bytes.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(evoxide::http::Body::empty().len(), Some(0));
    /// ```
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    fn new(content: Content) -> Self {
        Self { content, media: None }
    }

    /// A body whose pieces a function makes. It is called when the peer has read most of what was made before, and appends to the
    /// buffer that it is given. An error cuts the message off, so that the peer notices.
    ///
    /// Of a message over HTTP/1.1 the pieces are sent as chunks, unless the message has a `Content-Length` or [`sized`](Self::sized)
    /// says how long the body is.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::{Body, Flow};
    ///
    /// let mut n = 0;
    /// let numbers = Body::from_fn(move |out| {
    ///     n += 1;
    ///     out.append(format!("{n}\n"));
    ///     Ok(if n < 1_000_000 { Flow::More } else { Flow::End })
    /// });
    /// assert_eq!(numbers.len(), None);
    /// ```
    pub fn from_fn(make: impl FnMut(&mut Buffer) -> io::Result<Flow> + 'static) -> Self {
        Self::new(Content::Source(Box::new(make), None))
    }

    /// A body that is read from a file, or from whatever does not block for long.
    ///
    /// # Examples
    /// ```
    /// let body = evoxide::http::Body::from_reader(std::io::Cursor::new("text")).sized(4);
    /// assert_eq!(body.len(), Some(4));
    /// ```
    pub fn from_reader(mut reader: impl Read + 'static) -> Self {
        Self::from_fn(move |out| {
            let read = out.append_with(PIECE, |piece| {
                let mut limited = reader.by_ref().take(PIECE as u64);
                limited.read_to_end(piece)
            })?;
            Ok(if read < PIECE { Flow::End } else { Flow::More })
        })
    }

    /// A part of a regular file: `length` bytes from `offset` on. Where nothing stands between (no TLS, no filter, no rate limit), the
    /// kernel sends them without a copy to the program. A file that becomes shorter meanwhile cuts the message off.
    ///
    /// # Examples
    /// ```
    /// use evoxide::http::Body;
    /// use std::fs::File;
    ///
    /// let file = File::open("Cargo.toml")?;
    /// let length = file.metadata()?.len();
    /// assert_eq!(Body::from_file(file, 0, length).len(), Some(length));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_file(file: File, offset: u64, length: u64) -> Self {
        let part = Part { file, offset, left: length };
        Self::new(if length == 0 { Content::Empty } else { Content::File(part) })
    }

    /// Says how long a body of [pieces](Self::from_fn) is. What the pieces have beyond that is not sent; less cuts the message off.
    ///
    /// # Examples
    /// See [`from_reader`](Self::from_reader).
    #[must_use]
    pub fn sized(mut self, bytes: u64) -> Self {
        if let Content::Source(_, length) | Content::Writer(length) = &mut self.content {
            *length = Some(bytes);
        }
        self
    }

    /// The content type of a message with this body, unless the message says another.
    ///
    /// # Examples
    /// See [`Body`].
    #[must_use]
    pub const fn content_type(mut self, media: &'static str) -> Self {
        self.media = Some(media);
        self
    }

    /// A value as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`](crate::ErrorKind::Malformed) for values that JSON cannot hold.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(evoxide::http::Body::json(&[1, 2])?.len(), Some(5));
    /// # Ok::<(), evoxide::Error>(())
    /// ```
    #[cfg(feature = "serde_json")]
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, crate::Error> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| crate::Error::with_source(crate::ErrorKind::Malformed, io::Error::from(error)))?;
        Ok(Self::new(Content::Vec(bytes)).content_type("application/json"))
    }

    /// How many bytes it has, as far as known.
    ///
    /// # Examples
    /// See [`from_fn`](Self::from_fn).
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        match &self.content {
            Content::Empty => Some(0),
            Content::Static(bytes) => Some(bytes.len() as u64),
            Content::Vec(bytes) => Some(bytes.len() as u64),
            #[cfg(feature = "bytes")]
            Content::Shared(bytes) => Some(bytes.len() as u64),
            Content::Buffer(buffer) => Some(buffer.len() as u64),
            Content::File(part) => Some(part.left),
            Content::Source(_, length) | Content::Writer(length) => *length,
        }
    }

    /// Whether it is known to have no bytes.
    ///
    /// # Examples
    /// ```
    /// assert!(evoxide::http::Body::from("").is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Whether all of it is there.
    pub(super) fn is_whole(&self) -> bool {
        !matches!(self.content, Content::File(_) | Content::Source(..) | Content::Writer(_))
    }
}

impl Content {
    /// Moves a whole body to the end of a buffer.
    pub fn append_to(self, out: &mut Buffer) {
        match self {
            Content::Empty | Content::File(_) | Content::Source(..) | Content::Writer(_) => {}
            Content::Static(bytes) => out.append(bytes),
            Content::Vec(bytes) => out.append_vec(bytes),
            #[cfg(feature = "bytes")]
            Content::Shared(bytes) => out.append_bytes(bytes),
            Content::Buffer(mut buffer) => out.append_buffer(&mut buffer),
        }
    }

    /// The bytes, where they are few and lie together.
    pub fn small(&self, max: usize) -> Option<&[u8]> {
        let bytes = match self {
            Content::Empty => &[],
            Content::Static(bytes) => *bytes,
            Content::Vec(bytes) => bytes,
            #[cfg(feature = "bytes")]
            Content::Shared(bytes) => bytes,
            _ => return None,
        };
        (bytes.len() <= max).then_some(bytes)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self { content: Content::Static(text.as_bytes()), media: TEXT }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self { content: Content::Vec(text.into_bytes()), media: TEXT }
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Self::new(Content::Static(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(Content::Vec(bytes))
    }
}

impl From<Buffer> for Body {
    fn from(buffer: Buffer) -> Self {
        Self::new(Content::Buffer(buffer))
    }
}

#[cfg(feature = "bytes")]
impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::new(Content::Shared(bytes))
    }
}
