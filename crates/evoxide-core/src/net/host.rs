//! Host and port in one text, and IPv6 scopes.

use super::number::scan_decimal;

/// Longest host that the forms with a bracket or a port accept.
const MAX_HOST: usize = 127;

/// An address text with its port, not yet parsed further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostPort<'a> {
    /// The address, without brackets.
    pub host: &'a [u8],
    /// Whether the form says IPv6.
    pub v6: bool,
    /// The port; 0 if there is none.
    pub port: u16,
}

/// Splits one of five forms: `[v6]:port`, `[v6]`, `v6`, `v4:port`, `v4`. A port is between 1 and 65535. As in the C interface
/// the port is scanned as a signed number after white space, reduced to 32 bits; what follows its digits, or
/// follows a bracket without a colon, is ignored.
#[must_use]
pub fn parse_host_port(text: &[u8]) -> Option<HostPort<'_>> {
    let bounded = |host: &[u8]| host.len() <= MAX_HOST;
    if let Some(inner) = text.strip_prefix(b"[") {
        let end = memchr::memchr(b']', inner)?;
        let host = &inner[..end];
        let port = match inner[end + 1..].strip_prefix(b":") {
            Some(digits) => parse_port(digits)?,
            None => 0,
        };
        return bounded(host).then_some(HostPort { host, v6: true, port });
    }
    match memchr::memchr(b':', text) {
        None => Some(HostPort { host: text, v6: false, port: 0 }),
        Some(colon) if memchr::memchr(b':', &text[colon + 1..]).is_some() => {
            Some(HostPort { host: text, v6: true, port: 0 })
        }
        Some(colon) => {
            let host = &text[..colon];
            let port = parse_port(&text[colon + 1..])?;
            bounded(host).then_some(HostPort { host, v6: false, port })
        }
    }
}

fn parse_port(text: &[u8]) -> Option<u16> {
    #[expect(clippy::cast_possible_truncation, reason = "the C interface keeps the low 32 bits")]
    let value = scan_decimal(text)?.as_i64() as i32;
    u16::try_from(value).ok().filter(|port| *port > 0)
}

/// Splits `address%scope` at the first percent sign.
#[must_use]
pub fn split_scope(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'%', text) {
        Some(percent) => (&text[..percent], Some(&text[percent + 1..])),
        None => (text, None),
    }
}

/// What a scope that names no interface means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// An interface number; 0 for an empty scope.
    Index(u32),
    /// Neither a name nor a number.
    Invalid,
}

/// Reads a scope as a number: all of it, as the C library scans an unsigned number, low 32 bits.
#[must_use]
pub fn parse_scope(text: &[u8]) -> Scope {
    if text.is_empty() {
        return Scope::Index(0);
    }
    match scan_decimal(text) {
        #[expect(clippy::cast_possible_truncation, reason = "the C interface keeps the low 32 bits")]
        Some(number) if number.used == text.len() => Scope::Index(number.as_u64() as u32),
        _ => Scope::Invalid,
    }
}
