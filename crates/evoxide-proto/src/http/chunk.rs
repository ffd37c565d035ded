//! Chunked bodies (RFC 9112, 7.1).

use super::Fault;
use super::syntax::is_value;
use alloc::vec::Vec;
use evoxide_core::buffer::{Buffer, Owner};

/// The longest line of a chunk's size, without limit of extensions.
const SIZE_DIGITS: usize = 16;

/// A line with a chunk's size, as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SizeLine {
    /// Bytes of the line, its end included.
    pub len: usize,
    /// The chunk's size.
    pub size: u64,
    /// Bytes of its extensions.
    pub extension: usize,
}

/// Reads the line that begins the input. `None`: its end has not come. `scanned` is how much was looked at before.
pub(crate) fn size_line<F: Owner>(
    input: &Buffer<F>,
    scanned: &mut u32,
    max_extension: usize,
) -> Result<Option<SizeLine>, Fault> {
    let max = SIZE_DIGITS + max_extension + 2;
    let first = input.first();
    // Almost always in one piece; a straddling line is copied out, and is short.
    let mut copy = [0u8; 64];
    let mut long = Vec::new();
    let whole: &[u8] = if first.len() == input.len() || memchr::memchr(b'\n', first).is_some() {
        first
    } else if input.len() <= copy.len() {
        let n = input.copy_out(0, &mut copy).map_err(|_| Fault::ChunkSize)?;
        &copy[..n]
    } else {
        let n = input.copy_out(0, &mut copy).map_err(|_| Fault::ChunkSize)?;
        if memchr::memchr(b'\n', &copy[..n]).is_some() {
            &copy[..n]
        } else {
            long.try_reserve_exact(max + 1).map_err(|_| Fault::ChunkExtension)?;
            long.resize((max + 1).min(input.len()), 0);
            input.copy_out(0, &mut long).map_err(|_| Fault::ChunkSize)?;
            &long
        }
    };
    // The same fault comes first however the line is split: its first byte, its length, then the rest.
    if whole.first().is_some_and(|b| !b.is_ascii_hexdigit() && *b != b'\n') {
        return Err(Fault::ChunkSize);
    }
    let from = (*scanned as usize).min(whole.len());
    let Some(lf) = memchr::memchr(b'\n', &whole[from..]).map(|at| at + from).filter(|&lf| lf <= max) else {
        if whole.len() > max {
            return Err(Fault::ChunkExtension);
        }
        *scanned = whole.len() as u32;
        return Ok(None);
    };
    *scanned = 0;
    let Some(line) = whole[..lf].strip_suffix(b"\r") else { return Err(Fault::BareLf) };
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if digits == 0 {
        return Err(Fault::ChunkSize);
    }
    let size = line[..digits].iter().try_fold(0u64, |n, &b| {
        let digit = match b {
            b'0'..=b'9' => b - b'0',
            _ => (b | 0x20) - b'a' + 10,
        };
        n.checked_mul(16).map(|n| n | u64::from(digit))
    });
    let size = size.ok_or(Fault::ChunkSize)?;
    let rest = &line[digits..];
    let extension = rest.len();
    if extension > 0 {
        let start = rest.iter().position(|b| !matches!(b, b' ' | b'\t'));
        if start.is_none_or(|at| rest[at] != b';') {
            return Err(if rest.contains(&b'\r') { Fault::BareCr } else { Fault::ChunkSize });
        }
        if !is_value(rest) {
            return Err(if rest.contains(&b'\r') { Fault::BareCr } else { Fault::ChunkSize });
        }
        if extension > max_extension {
            return Err(Fault::ChunkExtension);
        }
    }
    // Leading zeros are digits like any other, and as many as there may be.
    if digits > SIZE_DIGITS + max_extension {
        return Err(Fault::ChunkSize);
    }
    Ok(Some(SizeLine { len: lf + 1, size, extension }))
}

/// The line before a chunk's data.
///
/// # Examples
/// ```
/// let mut out = Vec::new();
/// evoxide_proto::http::chunk::write_size(255, &mut out);
/// assert_eq!(out, b"ff\r\n");
/// ```
pub fn write_size(size: u64, out: &mut Vec<u8>) {
    let digits = (64 - size.leading_zeros()).div_ceil(4).max(1);
    for i in (0..digits).rev() {
        let digit = (size >> (i * 4) & 15) as u8;
        out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
    }
    out.extend_from_slice(b"\r\n");
}

/// What follows the last chunk, there being no trailers.
pub const LAST: &[u8] = b"0\r\n\r\n";
