//! Frames: their heads, read byte by byte and written, and the mask.

use super::{Role, code};
use alloc::vec::Vec;

/// The longest head: two bytes, eight of length, four of mask.
pub(super) const HEAD_MAX: usize = 14;
/// The most that a control frame carries.
pub(super) const CONTROL_MAX: usize = 125;

/// What a peer did against the protocol or the limits. The connection is failed with [`Fault::code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A reserved bit is set, and no extension was agreed on.
    ReservedBit,
    /// An opcode that means nothing.
    Opcode,
    /// A client's frame without a mask, or a server's with one.
    Mask,
    /// A length that is not written in the shortest form, or has its highest bit set.
    Length,
    /// A control frame that is longer than 125 bytes or a fragment.
    Control,
    /// A continuation of nothing, or a new message inside another one.
    Continuation,
    /// Text, or the reason of a close, that is not UTF-8.
    Utf8,
    /// A close frame of one byte, or with a code that must not be sent.
    CloseCode,
    /// A frame that is longer than the limit.
    FrameTooLong,
    /// A message whose fragments together are longer than the limit.
    MessageTooLong,
    /// The allocator refused.
    NoMemory,
}

impl Fault {
    /// The code of the close frame that says so.
    pub const fn code(self) -> u16 {
        match self {
            Fault::Utf8 => code::INVALID_DATA,
            Fault::FrameTooLong | Fault::MessageTooLong => code::TOO_BIG,
            Fault::NoMemory => code::INTERNAL_ERROR,
            _ => code::PROTOCOL_ERROR,
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Fault::ReservedBit => "a reserved bit is set",
            Fault::Opcode => "an unknown opcode",
            Fault::Mask => "a frame masked or not against the rule of its sender",
            Fault::Length => "a length in no shortest form",
            Fault::Control => "a control frame that is too long or a fragment",
            Fault::Continuation => "a fragment out of order",
            Fault::Utf8 => "text that is not UTF-8",
            Fault::CloseCode => "an invalid close code",
            Fault::FrameTooLong => "a frame beyond the limit",
            Fault::MessageTooLong => "a message beyond the limit",
            Fault::NoMemory => "out of memory",
        })
    }
}

impl core::error::Error for Fault {}

/// Whether a close frame may carry this code: those of RFC 6455 and its registry, and those of libraries and programs.
pub const fn is_valid_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0,
            Opcode::Text => 1,
            Opcode::Binary => 2,
            Opcode::Close => 8,
            Opcode::Ping => 9,
            Opcode::Pong => 10,
        }
    }

    pub const fn is_control(self) -> bool {
        self.bits() >= 8
    }
}

/// A frame's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub fin: bool,
    pub opcode: Opcode,
    pub mask: [u8; 4],
    pub len: u64,
}

/// A head of which only a part may have come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PartialHead {
    bytes: [u8; HEAD_MAX],
    len: u8,
}

impl PartialHead {
    /// Takes bytes from the front of `input` until the head is complete. `from`: who sent it.
    pub fn read(&mut self, input: &mut &[u8], from: Role) -> Result<Option<Head>, Fault> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            let Some(place) = self.bytes.get_mut(usize::from(self.len)) else { return Err(Fault::Length) };
            *place = byte;
            self.len += 1;
            if let Some(head) = self.parse(from)? {
                self.len = 0;
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// The head, if it is complete. Says what is wrong with the first byte that shows it.
    fn parse(&self, from: Role) -> Result<Option<Head>, Fault> {
        let bytes = &self.bytes[..usize::from(self.len)];
        let Some(&first) = bytes.first() else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(Fault::ReservedBit);
        }
        let fin = first & 0x80 != 0;
        let opcode = Opcode::of(first & 0x0f).ok_or(Fault::Opcode)?;
        if opcode.is_control() && !fin {
            return Err(Fault::Control);
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let masked = second & 0x80 != 0;
        if masked != (from == Role::Client) {
            return Err(Fault::Mask);
        }
        let short = second & 0x7f;
        if opcode.is_control() && usize::from(short) > CONTROL_MAX {
            return Err(Fault::Control);
        }
        let size = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(long) = bytes.get(2..2 + size) else { return Ok(None) };
        let len = if size == 0 {
            u64::from(short)
        } else {
            let len = long.iter().fold(0, |sum, &b| sum << 8 | u64::from(b));
            if len < if size == 2 { 126 } else { 1 << 16 } || len >> 63 != 0 {
                return Err(Fault::Length);
            }
            len
        };
        let mut mask = [0; 4];
        if masked {
            let Some(bytes) = bytes.get(2 + size..6 + size) else { return Ok(None) };
            mask.copy_from_slice(bytes);
        }
        Ok(Some(Head { fin, opcode, mask, len }))
    }
}

/// Writes the head of a whole frame; returns its length. The mask is written where it is given.
pub(super) fn write_head(opcode: Opcode, len: usize, mask: Option<[u8; 4]>, out: &mut [u8; HEAD_MAX]) -> usize {
    out[0] = 0x80 | opcode.bits();
    let mut at = match len {
        0..=125 => {
            out[1] = len as u8;
            2
        }
        126..=0xffff => {
            out[1] = 126;
            out[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            4
        }
        _ => {
            out[1] = 127;
            out[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            10
        }
    };
    if let Some(mask) = mask {
        out[1] |= 0x80;
        out[at..at + 4].copy_from_slice(&mask);
        at += 4;
    }
    at
}

/// Appends `data` under a mask whose first byte meets position `at` of the frame's content, a word at a time.
pub(super) fn append_masked(out: &mut Vec<u8>, data: &[u8], mask: [u8; 4], at: usize) {
    if mask == [0; 4] {
        return out.extend_from_slice(data);
    }
    let mut turned = mask;
    turned.rotate_left(at % 4);
    let [a, b, c, d] = turned;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let begin = out.len();
    out.extend_from_slice(data);
    let mut words = out[begin..].chunks_exact_mut(8);
    for chunk in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ word).to_ne_bytes());
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(turned.iter().cycle()) {
        *byte ^= mask;
    }
}
