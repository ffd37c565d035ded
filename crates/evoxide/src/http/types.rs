//! The types of the crate `http`, as they are used here.

use super::body::Body;
use crate::buffer::Buffer;

pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};

/// A request with its body.
///
/// # Examples
/// See [`RequestExt`](super::RequestExt).
pub type Request = ::http::Request<Buffer>;

/// An answer with its body.
///
/// # Examples
/// See [`Body`].
pub type Response = ::http::Response<Body>;

/// A request's head, whose body is not there.
///
/// # Examples
/// See [`Server::upload`](super::Server::upload).
pub type RequestHead = ::http::Request<()>;

/// An answer's head, whose body is not there.
///
/// # Examples
/// See [`Responder::stream`](super::Responder::stream).
pub type Head = ::http::Response<()>;

/// A request that a client sends.
///
/// # Examples
/// See [`Client::send`](super::Client::send).
pub type OutRequest = ::http::Request<Body>;

/// An answer that a client collected.
///
/// # Examples
/// See [`Client`](super::Client).
pub type Received = ::http::Response<Buffer>;
