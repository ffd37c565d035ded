//! From the ranges that the machine found to the types of the crate `http`.

use crate::buffer::Buffer;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use bytes::Bytes;
use evoxide_proto::http::Head;

fn version(head: &Head) -> Version {
    if head.minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 }
}

/// The fields of a head. The values share one copy of it. `None`: something that these types do not hold.
pub(super) fn fields(head: &Head, bytes: &Bytes) -> Option<HeaderMap> {
    let mut map = HeaderMap::with_capacity(head.fields.len());
    for (name, value) in head.fields(bytes) {
        let name = HeaderName::from_bytes(name).ok()?;
        map.append(name, HeaderValue::from_maybe_shared(bytes.slice_ref(value)).ok()?);
    }
    Some(map)
}

/// A request with its head, whose body is to come. `None`: a target that is no URI, or a method that is no token.
pub(super) fn request(head: &Head, bytes: &[u8]) -> Option<Request<Buffer>> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut request = Request::new(Buffer::new());
    *request.method_mut() = Method::from_bytes(head.method.of_head(&bytes)).ok()?;
    *request.uri_mut() = Uri::from_maybe_shared(bytes.slice_ref(head.target.of_head(&bytes))).ok()?;
    *request.version_mut() = version(head);
    *request.headers_mut() = fields(head, &bytes)?;
    Some(request)
}

/// An answer's head.
pub(super) fn response(head: &Head, bytes: &[u8]) -> Option<Response<()>> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).ok()?;
    *response.version_mut() = version(head);
    *response.headers_mut() = fields(head, &bytes)?;
    Some(response)
}
