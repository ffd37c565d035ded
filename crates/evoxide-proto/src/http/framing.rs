//! How long a body is.

use super::syntax::{decimal, is_host};
use super::{Fault, Head, Leniency};

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After this number of bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection (answers only).
    Close,
}

/// What `Content-Length` and `Transfer-Encoding` say together: chunked, a length, or nothing.
fn announced(bytes: &[u8], head: &Head) -> Result<Option<Framing>, Fault> {
    let (mut length, mut encoding) = (None, None);
    if !head.may_have(b"content-length") && !head.may_have(b"transfer-encoding") {
        return Ok(None);
    }
    for (name, value) in head.fields(bytes) {
        let repeated = match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                length.replace(decimal(value).ok_or(Fault::Length)?).map(|_| Fault::Length)
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                encoding.replace(value.eq_ignore_ascii_case(b"chunked")).map(|_| Fault::Encoding)
            }
            _ => None,
        };
        if let Some(fault) = repeated {
            return Err(fault);
        }
    }
    match (length, encoding) {
        (Some(_), Some(_)) => Err(Fault::LengthAndEncoding),
        (_, Some(false)) => Err(Fault::Encoding),
        (_, Some(true)) if head.minor == 0 => Err(Fault::EncodingInOldVersion),
        (_, Some(true)) => Ok(Some(Framing::Chunked)),
        (Some(n), None) => Ok(Some(Framing::Length(n))),
        (None, None) => Ok(None),
    }
}

/// The body of a request.
///
/// # Errors
/// Where two recipients could disagree.
pub fn of_request(bytes: &[u8], head: &Head) -> Result<Framing, Fault> {
    let framing = announced(bytes, head)?.unwrap_or(Framing::None);
    Ok(if framing == Framing::Length(0) { Framing::None } else { framing })
}

/// The body of an answer to a request: `bodyless` to HEAD, `tunnel` to CONNECT.
///
/// # Errors
/// Where two recipients could disagree.
pub fn of_response(bytes: &[u8], head: &Head, bodyless: bool, tunnel: bool) -> Result<Framing, Fault> {
    let framing = announced(bytes, head)?;
    if bodyless || !allows_body(head.status) || tunnel && head.status / 100 == 2 {
        return Ok(Framing::None);
    }
    Ok(framing.unwrap_or(Framing::Close))
}

/// Whether an answer of this status may have a body.
pub const fn allows_body(status: u16) -> bool {
    status >= 200 && status != 204 && status != 304
}

/// `Host`: one in HTTP/1.1 unless none is tolerated, at most one in 1.0, and well-formed.
///
/// # Errors
/// `NoHost`, `ManyHosts`, `BadHost`.
pub fn check_host(bytes: &[u8], head: &Head, leniency: Leniency) -> Result<(), Fault> {
    let mut hosts = head.values(bytes, b"host");
    match (hosts.next(), hosts.next()) {
        (None, _) if head.minor == 0 || leniency.no_host => Ok(()),
        (None, _) => Err(Fault::NoHost),
        (Some(_), Some(_)) => Err(Fault::ManyHosts),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => Err(Fault::BadHost),
    }
}
