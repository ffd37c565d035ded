//! IPv4 addresses as text.

use core::fmt;

use super::number::scan_decimal;

/// Parses four decimal numbers with dots between them, nothing behind. As in the C interface each number may
/// be preceded by white space and a plus sign, may have leading zeros (it stays decimal), and is reduced to 32 bits before it is
/// checked to be below 256.
#[must_use]
pub fn parse_ipv4(text: &[u8]) -> Option<[u8; 4]> {
    let mut rest = text;
    let mut octets = [0; 4];
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let number = scan_decimal(rest)?;
        #[expect(clippy::cast_possible_truncation, reason = "the C interface keeps the low 32 bits")]
        let value = number.as_u64() as u32;
        *octet = u8::try_from(value).ok()?;
        rest = &rest[number.used..];
    }
    rest.is_empty().then_some(octets)
}

/// Writes an address in the usual form.
///
/// # Errors
/// Only what `out` returns.
pub fn write_ipv4(address: [u8; 4], out: &mut impl fmt::Write) -> fmt::Result {
    let [a, b, c, d] = address;
    write!(out, "{a}.{b}.{c}.{d}")
}
