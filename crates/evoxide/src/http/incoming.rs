//! From the ranges that the machine found to the types of the crate `http`.

use crate::buffer::Buffer;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use bytes::{Bytes, BytesMut};
use evoxide_proto::http::Head;

/// Where the heads of requests are copied to, which their targets and values share: storage for many, used again once nobody has any of
/// them. A value that is kept keeps the storage of its neighbours, [`BLOCK`] bytes at most.
#[derive(Debug, Default)]
pub(super) struct Heads(BytesMut);

const BLOCK: usize = 4096;

impl Heads {
    fn copy(&mut self, head: &[u8]) -> Bytes {
        if head.len() > self.0.capacity() {
            if head.len() > BLOCK / 4 {
                return Bytes::copy_from_slice(head);
            }
            self.0.reserve(BLOCK);
        }
        self.0.extend_from_slice(head);
        self.0.split().freeze()
    }
}

fn version(head: &Head) -> Version {
    if head.minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 }
}

/// The name of a field. Those that most requests have, spelled as they mostly are, need no search among all.
fn name(bytes: &[u8]) -> Option<HeaderName> {
    Some(match bytes {
        b"Host" | b"host" => header::HOST,
        b"Accept" | b"accept" => header::ACCEPT,
        b"Cookie" | b"cookie" => header::COOKIE,
        b"Referer" | b"referer" => header::REFERER,
        b"User-Agent" | b"user-agent" => header::USER_AGENT,
        b"Connection" | b"connection" => header::CONNECTION,
        b"Content-Type" | b"content-type" => header::CONTENT_TYPE,
        b"Authorization" | b"authorization" => header::AUTHORIZATION,
        b"Content-Length" | b"content-length" => header::CONTENT_LENGTH,
        b"Accept-Encoding" | b"accept-encoding" => header::ACCEPT_ENCODING,
        b"Accept-Language" | b"accept-language" => header::ACCEPT_LANGUAGE,
        _ => return HeaderName::from_bytes(bytes).ok(),
    })
}

/// The fields of a head. The values share one copy of it. `None`: something that these types do not hold.
fn fields(head: &Head, bytes: &Bytes, map: &mut HeaderMap) -> Option<()> {
    map.try_reserve(head.fields.len()).ok()?;
    for field in &head.fields {
        let name = name(field.name.of_head(bytes))?;
        let value = HeaderValue::from_maybe_shared(bytes.slice(field.value.range())).ok()?;
        map.try_append(name, value).ok()?;
    }
    Some(())
}

/// Makes a new request one with this head, whose body is to come. `None`: a target that is no URI, or a method that is no token.
pub(super) fn request(heads: &mut Heads, head: &Head, bytes: &[u8], request: &mut Request<Buffer>) -> Option<()> {
    let bytes = heads.copy(bytes);
    match head.method.of_head(&bytes) {
        // A new one has it.
        b"GET" => {}
        method => *request.method_mut() = Method::from_bytes(method).ok()?,
    }
    *request.uri_mut() = Uri::from_maybe_shared(bytes.slice(head.target.range())).ok()?;
    *request.version_mut() = version(head);
    fields(head, &bytes, request.headers_mut())
}

/// An answer's head.
pub(super) fn response(head: &Head, bytes: &[u8]) -> Option<Response<()>> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).ok()?;
    *response.version_mut() = version(head);
    fields(head, &bytes, response.headers_mut())?;
    Some(response)
}
