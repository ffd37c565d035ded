//! IPv6 addresses as text.

use core::fmt;

use super::ipv4::{parse_ipv4, write_ipv4};

/// Parses an IPv6 address without scope: eight groups of one to four hexadecimal digits, one `::` for at least one
/// missing group, the last two groups possibly as IPv4. As in the C interface a colon may end the text, a group may be
/// spelt with `0x` if it has no more than four characters, and the IPv4 part takes the liberties of [`parse_ipv4`] after
/// its first digit.
#[must_use]
pub fn parse_ipv6(text: &[u8]) -> Option<[u8; 16]> {
    let mut groups = [0u16; 8];
    let mut count = 0;
    let mut gap = None;

    // An IPv4 tail starts at the digits before the first dot.
    let head_len = match memchr::memchr(b'.', text) {
        None => text.len(),
        Some(dot) => dot - text[..dot].iter().rev().take_while(|b| b.is_ascii_digit()).count(),
    };
    let (mut rest, tail) = text.split_at(head_len);
    let tail_groups = if tail.is_empty() { 0 } else { 2 };

    while let Some(&first) = rest.first() {
        if first.is_ascii_hexdigit() {
            let (value, used) = scan_group(rest)?;
            *groups.get_mut(count)? = value;
            count += 1;
            rest = &rest[used..];
            // What follows a group is a colon, or the very end of the text.
            if !rest.is_empty() {
                rest = rest.strip_prefix(b":")?;
            } else if tail_groups > 0 {
                return None;
            }
        } else if gap.is_none() && count > 0 && first == b':' {
            gap = Some(count);
            rest = &rest[1..];
        } else if gap.is_none() && rest.starts_with(b"::") {
            gap = Some(0);
            rest = &rest[2..];
        } else {
            return None;
        }
    }
    if tail_groups > 0 {
        let [a, b, c, d] = parse_ipv4(tail)?;
        *groups.get_mut(count)? = u16::from_be_bytes([a, b]);
        *groups.get_mut(count + 1)? = u16::from_be_bytes([c, d]);
        count += 2;
    }
    match gap {
        None if count == 8 => {}
        Some(gap) if count < 8 => {
            groups[gap..].rotate_right(8 - count);
        }
        _ => return None,
    }
    let mut address = [0; 16];
    for (bytes, group) in address.chunks_exact_mut(2).zip(groups) {
        bytes.copy_from_slice(&group.to_be_bytes());
    }
    Some(address)
}

/// A group at the start of `text`, and its length.
fn scan_group(text: &[u8]) -> Option<(u16, usize)> {
    let prefix = match text {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => 2,
        _ => 0,
    };
    let digits = text[prefix..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let used = prefix + digits;
    if used > 4 {
        return None;
    }
    let value = text[prefix..used].iter().fold(0u16, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            _ => (digit | 0x20) - b'a' + 10,
        };
        value << 4 | u16::from(digit)
    });
    Some((value, used))
}

/// Writes an address in the short form of the C interface: lower case, the first longest run of two or more zero groups as
/// `::`, and the last 32 bits as IPv4 for mapped addresses (`::ffff:1.2.3.4`) and for compatible ones whose last two groups are
/// both set (`::1.2.3.4`).
///
/// # Errors
/// Only what `out` returns.
pub fn write_ipv6(address: [u8; 16], out: &mut impl fmt::Write) -> fmt::Result {
    let group = |index: usize| u16::from_be_bytes([address[2 * index], address[2 * index + 1]]);
    let last = [address[12], address[13], address[14], address[15]];
    if (0..5).all(|index| group(index) == 0)
        && (group(5) == 0xffff || (group(5) == 0 && group(6) != 0 && group(7) != 0))
    {
        out.write_str(if group(5) == 0 { "::" } else { "::ffff:" })?;
        return write_ipv4(last, out);
    }
    let (gap, gap_len) = longest_zero_run(group);
    let mut index = 0;
    while index < 8 {
        if index == gap && gap_len > 1 {
            out.write_str("::")?;
            index += gap_len;
            continue;
        }
        let separator = if index == 0 || index == gap + gap_len && gap_len > 1 { "" } else { ":" };
        write!(out, "{separator}{:x}", group(index))?;
        index += 1;
    }
    Ok(())
}

/// Start and length of the first longest run of zero groups.
fn longest_zero_run(group: impl Fn(usize) -> u16) -> (usize, usize) {
    let (mut best, mut best_len) = (0, 0);
    let mut run = 0;
    for index in 0..8 {
        run = if group(index) == 0 { run + 1 } else { 0 };
        if run > best_len {
            (best, best_len) = (index + 1 - run, run);
        }
    }
    (best, best_len)
}
