//! URIs (RFC 3986) and query strings, as libevent's functions understand them.
//!
//! [`parse`] splits a URI-Reference into borrowed [`Parts`]; nothing is decoded. [`join`] is its opposite. [`query`] walks the fields
//! of a query string.

use alloc::vec::Vec;
use evoxide_core::net::parse_ipv6;

/// Relaxations of [`parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// Any character in path, query and fragment.
    pub nonconformant: bool,
    /// `http://unix:/path/of/a/socket:/path`.
    pub unix_socket: bool,
}

/// The parts of a URI-Reference; what is absent is `None`, but for the path, which may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts<'a> {
    /// Before the first colon.
    pub scheme: Option<&'a [u8]>,
    /// Before the `@` of the authority.
    pub userinfo: Option<&'a [u8]>,
    /// The host, in brackets where it is an address of IPv6.
    pub host: Option<&'a [u8]>,
    /// The path of a local socket, in place of a host.
    pub unix_socket: Option<&'a [u8]>,
    /// The port.
    pub port: Option<u16>,
    /// The path.
    pub path: &'a [u8],
    /// After the question mark.
    pub query: Option<&'a [u8]>,
    /// After the number sign.
    pub fragment: Option<&'a [u8]>,
}

/// A part of a URI, for [`is_part`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Of the authority, before its `@`.
    Userinfo,
    /// The path.
    Path,
    /// The query or the fragment.
    Query,
}

const fn is_unreserved(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~')
}

const fn is_sub_delim(c: u8) -> bool {
    matches!(c, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// Whether each character of `text` is allowed, or part of a `%xx`.
fn all_or_encoded(text: &[u8], allowed: impl Fn(u8) -> bool) -> bool {
    let mut rest = text;
    loop {
        match rest {
            [] => return true,
            [b'%', a, b, tail @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest = tail,
            [c, tail @ ..] if allowed(*c) => rest = tail,
            _ => return false,
        }
    }
}

/// Whether a scheme is well-formed.
pub fn is_scheme(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
        && text.iter().all(|&c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.'))
}

/// Whether `text` is well-formed as a part.
pub fn is_part(part: Part, text: &[u8], flags: Flags) -> bool {
    match part {
        Part::Userinfo => all_or_encoded(text, |c| is_unreserved(c) || is_sub_delim(c) || c == b':'),
        Part::Path if flags.nonconformant => !text.iter().any(|c| matches!(c, b'?' | b'#')),
        Part::Path => all_or_encoded(text, |c| is_unreserved(c) || is_sub_delim(c) || matches!(c, b':' | b'@' | b'/')),
        Part::Query if flags.nonconformant => true,
        Part::Query => {
            all_or_encoded(text, |c| is_unreserved(c) || is_sub_delim(c) || matches!(c, b':' | b'@' | b'/' | b'?'))
        }
    }
}

/// Whether a host is well-formed: a name, an address, or one in brackets.
pub fn is_host(text: &[u8]) -> bool {
    match text {
        [b'[', inner @ .., b']'] => match inner {
            [b'v' | b'V', rest @ ..] => {
                let dot = rest.iter().position(|&c| c == b'.');
                dot.is_some_and(|dot| {
                    let (version, address) = (&rest[..dot], &rest[dot + 1..]);
                    !version.is_empty()
                        && version.iter().all(u8::is_ascii_hexdigit)
                        && !address.is_empty()
                        && address.iter().all(|&c| is_unreserved(c) || is_sub_delim(c) || c == b':')
                })
            }
            _ => parse_ipv6(inner).is_some(),
        },
        _ => all_or_encoded(text, |c| is_unreserved(c) || is_sub_delim(c)),
    }
}

fn port(text: &[u8]) -> Option<u16> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text.iter().try_fold(0u16, |n, d| n.checked_mul(10)?.checked_add(u16::from(d - b'0')))
}

fn cut(text: &[u8], at: impl FnMut(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(at).unwrap_or(text.len()))
}

/// Splits the authority.
fn authority<'a>(text: &'a [u8], parts: &mut Parts<'a>) -> Option<()> {
    let mut rest = text;
    if let Some(at) = text.iter().position(|&c| c == b'@') {
        let userinfo = &text[..at];
        if !is_part(Part::Userinfo, userinfo, Flags::default()) {
            return None;
        }
        parts.userinfo = Some(userinfo);
        rest = &text[at + 1..];
    }
    let digits = rest.iter().rev().take_while(|c| c.is_ascii_digit()).count();
    let before = rest.len() - digits;
    let mut host = rest;
    if before > 0 && rest[before - 1] == b':' {
        host = &rest[..before - 1];
        if digits > 0 {
            parts.port = Some(port(&rest[before..])?);
        }
    }
    if !is_host(host) {
        return None;
    }
    parts.host = Some(host);
    Some(())
}

/// Splits a URI-Reference.
///
/// # Examples
/// ```
/// let uri = evoxide_proto::uri::parse(b"http://a:80/b?c#d", Default::default()).unwrap();
/// assert_eq!((uri.host, uri.port, uri.path, uri.query), (Some(&b"a"[..]), Some(80), &b"/b"[..], Some(&b"c"[..])));
/// ```
pub fn parse(uri: &[u8], flags: Flags) -> Option<Parts<'_>> {
    let mut parts = Parts::default();
    let mut rest = uri;
    if rest.first().is_some_and(u8::is_ascii_alphabetic)
        && let Some(colon) = rest.iter().position(|&c| c == b':')
        && is_scheme(&rest[..colon])
    {
        parts.scheme = Some(&rest[..colon]);
        rest = &rest[colon + 1..];
    }
    if let [b'/', b'/', after @ ..] = rest {
        let (text, tail) = cut(after, |c| matches!(c, b'/' | b'?' | b'#'));
        let local = flags.unix_socket.then(|| after.strip_prefix(b"unix:")).flatten();
        if let Some(local) = local {
            let (path, tail) = cut(local, |&c| c == b':');
            parts.unix_socket = Some(path);
            parts.host = Some(b"");
            rest = tail.get(1..)?;
        } else {
            authority(text, &mut parts)?;
            rest = tail;
        }
    }
    let (path, tail) = cut(rest, |c| matches!(c, b'?' | b'#'));
    let (query, tail) = match tail {
        [b'?', tail @ ..] => {
            let (query, tail) = cut(tail, |&c| c == b'#');
            (Some(query), tail)
        }
        _ => (None, tail),
    };
    let fragment = tail.strip_prefix(b"#");
    // Any path that ends where the query begins is well-formed then.
    let well_formed = (flags.nonconformant || is_part(Part::Path, path, flags))
        && query.is_none_or(|q| is_part(Part::Query, q, flags))
        && fragment.is_none_or(|f| is_part(Part::Query, f, flags));
    // The first segment of a relative path has no colon: it would be a scheme.
    let first = || cut(path, |&c| c == b'/').0;
    if !well_formed || parts.scheme.is_none() && parts.host.is_none() && first().contains(&b':') {
        return None;
    }
    parts.path = path;
    parts.query = query;
    parts.fragment = fragment;
    Some(parts)
}

/// Puts parts together, with `port` (which may be any number) before the one of the parts. `None`: there is a host, and the path is relative.
pub fn join(parts: &Parts<'_>, port: Option<u32>, out: &mut Vec<u8>) -> Option<()> {
    if let Some(scheme) = parts.scheme {
        out.extend_from_slice(scheme);
        out.push(b':');
    }
    if let Some(host) = parts.host.or(parts.unix_socket.map(|_| &b""[..])) {
        out.extend_from_slice(b"//");
        if let Some(userinfo) = parts.userinfo {
            out.extend_from_slice(userinfo);
            out.push(b'@');
        }
        if let Some(socket) = parts.unix_socket {
            out.extend_from_slice(b"unix:");
            out.extend_from_slice(socket);
            out.push(b':');
        } else {
            out.extend_from_slice(host);
        }
        if let Some(port) = port.or(parts.port.map(u32::from)) {
            out.push(b':');
            out.extend_from_slice(crate::http::write::Decimal::new(u64::from(port)).as_bytes());
        }
        if parts.path.first().is_some_and(|&c| c != b'/') {
            return None;
        }
    }
    out.extend_from_slice(parts.path);
    for (mark, part) in [(b'?', parts.query), (b'#', parts.fragment)] {
        if let Some(part) = part {
            out.push(mark);
            out.extend_from_slice(part);
        }
    }
    Some(())
}

/// When plus signs stand for spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plus {
    /// Never.
    Keep,
    /// Always.
    Space,
    /// After the first question mark.
    SpaceInQuery,
}

/// Decodes `%xx`; what is not well-formed stays.
pub fn decode(text: &[u8], plus: Plus, out: &mut Vec<u8>) {
    let mut space = plus == Plus::Space;
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return,
            [b'%', a, b, tail @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                let digit = |c: u8| if c.is_ascii_digit() { c - b'0' } else { (c | 0x20) - b'a' + 10 };
                out.push(digit(*a) << 4 | digit(*b));
                tail
            }
            [b'+', tail @ ..] if space => {
                out.push(b' ');
                tail
            }
            [c, tail @ ..] => {
                space |= *c == b'?' && plus == Plus::SpaceInQuery;
                out.push(*c);
                tail
            }
        };
    }
}

/// Encodes all that RFC 3986 does not leave unreserved; spaces as plus signs if wanted.
pub fn encode(text: &[u8], space_to_plus: bool, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &c in text {
        if is_unreserved(c) {
            out.push(c);
        } else if c == b' ' && space_to_plus {
            out.push(b'+');
        } else {
            out.extend_from_slice(&[b'%', HEX[usize::from(c >> 4)], HEX[usize::from(c & 15)]]);
        }
    }
}

/// The fields of a query string: raw keys and values, in order. `None` as an item: a field without a key or without `=`, after which
/// nothing follows; where `nonconformant`, such fields are allowed and their values empty.
pub fn query(text: &[u8], nonconformant: bool) -> impl Iterator<Item = Option<(&[u8], &[u8])>> {
    let mut rest = Some(text).filter(|t| !t.is_empty());
    core::iter::from_fn(move || {
        loop {
            let text = rest.filter(|t| !t.is_empty())?;
            let (field, tail) = cut(text, |&c| c == b'&');
            rest = tail.get(1..);
            let (key, value) = cut(field, |&c| c == b'=');
            if nonconformant {
                if key.is_empty() {
                    continue;
                }
                return Some(Some((key, value.get(1..).unwrap_or(&[]))));
            }
            if key.is_empty() || value.is_empty() {
                rest = None;
                return Some(None);
            }
            return Some(Some((key, &value[1..])));
        }
    })
}

#[cfg(test)]
mod tests;
