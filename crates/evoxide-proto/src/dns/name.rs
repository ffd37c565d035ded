//! Domain names in wire form: labels with their lengths in front, ended by the root's empty label.

use core::fmt;
use core::hash::{Hash, Hasher};

/// The longest name in wire form, with the root's label.
pub const MAX_NAME: usize = 255;
/// The longest label.
pub const MAX_LABEL: usize = 63;

/// Why a text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// A label in the middle, or the whole text, is empty.
    EmptyLabel,
    /// A label has more than 63 bytes.
    LongLabel,
    /// The name has more than 255 bytes in wire form.
    LongName,
    /// A backslash is not followed by a character or by three digits up to 255.
    Escape,
    /// Not a name in wire form.
    Wire,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyLabel => "empty label in a domain name",
            Self::LongLabel => "a label of a domain name is longer than 63 bytes",
            Self::LongName => "a domain name is longer than 255 bytes",
            Self::Escape => "bad escape in a domain name",
            Self::Wire => "not a domain name in wire form",
        })
    }
}

impl core::error::Error for NameError {}

/// A domain name of at most 255 bytes, without an allocation. Equality ignores ASCII case.
///
/// ```
/// use evoxide_proto::dns::Name;
/// let name = Name::from_text(b"www.Example.com").unwrap();
/// assert_eq!(name.as_wire(), b"\x03www\x07Example\x03com\x00");
/// assert_eq!(name, Name::from_text(b"WWW.example.com.").unwrap());
/// assert_eq!(name.to_string(), "www.Example.com");
/// ```
#[derive(Clone, Copy)]
pub struct Name {
    len: u8,
    wire: [u8; MAX_NAME],
}

impl Name {
    /// The root.
    pub const ROOT: Self = Self { len: 1, wire: [0; MAX_NAME] };

    /// Reads a text: labels separated by dots, one dot at the end allowed, every other byte stands for itself.
    ///
    /// # Errors
    /// Empty labels, long labels, long names. The empty text is an empty label; `.` is the root.
    pub fn from_text(text: &[u8]) -> Result<Self, NameError> {
        if text == b"." {
            return Ok(Self::ROOT);
        }
        let text = text.strip_suffix(b".").unwrap_or(text);
        let mut name = Self { len: 0, wire: [0; MAX_NAME] };
        for label in text.split(|b| *b == b'.') {
            name.push_label(label)?;
        }
        name.close()
    }

    /// Reads a text in which `\.`, `\\` and `\DDD` stand for bytes, as zone files have it.
    ///
    /// # Errors
    /// As [`from_text`](Self::from_text), and bad escapes.
    pub fn from_presentation(text: &str) -> Result<Self, NameError> {
        if text == "." {
            return Ok(Self::ROOT);
        }
        let mut name = Self { len: 0, wire: [0; MAX_NAME] };
        let mut label = [0u8; MAX_LABEL];
        let mut len = 0;
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let value = match byte {
                b'.' => {
                    name.push_label(&label[..len])?;
                    len = 0;
                    continue;
                }
                b'\\' => unescape(&mut bytes)?,
                plain => plain,
            };
            *label.get_mut(len).ok_or(NameError::LongLabel)? = value;
            len += 1;
        }
        if len > 0 {
            name.push_label(&label[..len])?;
        } else if name.len == 0 {
            return Err(NameError::EmptyLabel);
        }
        name.close()
    }

    /// Takes a name in wire form, without compression.
    ///
    /// # Errors
    /// [`NameError::Wire`] where the bytes are anything else or more.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        let mut at = 0usize;
        loop {
            let len = usize::from(*wire.get(at).ok_or(NameError::Wire)?);
            if len > MAX_LABEL {
                return Err(NameError::Wire);
            }
            at += 1 + len;
            if len == 0 {
                break;
            }
        }
        if at != wire.len() || at > MAX_NAME {
            return Err(NameError::Wire);
        }
        let mut name = Self::ROOT;
        name.wire[..at].copy_from_slice(wire);
        name.len = at as u8;
        Ok(name)
    }

    /// The name of the pointer record of an IPv4 address.
    #[must_use]
    pub fn reverse_v4(address: [u8; 4]) -> Self {
        let mut name = Self { len: 0, wire: [0; MAX_NAME] };
        for byte in address.iter().rev() {
            let digits = [b'0' + byte / 100, b'0' + byte / 10 % 10, b'0' + byte % 10];
            let skip = if *byte >= 100 {
                0
            } else if *byte >= 10 {
                1
            } else {
                2
            };
            name.push_known(&digits[skip..]);
        }
        name.push_known(b"in-addr");
        name.push_known(b"arpa");
        name.push_root();
        name
    }

    /// The name of the pointer record of an IPv6 address.
    #[must_use]
    pub fn reverse_v6(address: [u8; 16]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut name = Self { len: 0, wire: [0; MAX_NAME] };
        for byte in address.iter().rev() {
            name.push_known(&[HEX[usize::from(byte & 15)]]);
            name.push_known(&[HEX[usize::from(byte >> 4)]]);
        }
        name.push_known(b"ip6");
        name.push_known(b"arpa");
        name.push_root();
        name
    }

    /// This name with another behind it.
    ///
    /// # Errors
    /// [`NameError::LongName`].
    pub fn join(&self, suffix: &Self) -> Result<Self, NameError> {
        let (own, tail) = (usize::from(self.len) - 1, suffix.as_wire());
        let mut joined = *self;
        joined.wire.get_mut(own..own + tail.len()).ok_or(NameError::LongName)?.copy_from_slice(tail);
        joined.len = (own + tail.len()) as u8;
        Ok(joined)
    }

    /// The wire form.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.wire[..usize::from(self.len)]
    }

    /// Whether it is the root.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.len == 1
    }

    /// The labels, from the first to the last before the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        labels(self.as_wire())
    }

    /// How many dots its text has.
    #[must_use]
    pub fn dots(&self) -> usize {
        self.labels().count().saturating_sub(1)
    }

    /// Whether it ends with the labels of `suffix`.
    #[must_use]
    pub fn ends_with(&self, suffix: &Self) -> bool {
        let (own, tail) = (self.as_wire(), suffix.as_wire());
        let mut at = 0;
        while own.len() - at > tail.len() {
            at += 1 + usize::from(own[at]);
        }
        eq_ignore_case(&own[at..], tail)
    }

    pub(crate) fn push_label(&mut self, label: &[u8]) -> Result<(), NameError> {
        match label.len() {
            0 => return Err(NameError::EmptyLabel),
            1..=MAX_LABEL => {}
            _ => return Err(NameError::LongLabel),
        }
        let at = usize::from(self.len);
        // One byte stays free for the root.
        if at + 1 + label.len() >= MAX_NAME {
            return Err(NameError::LongName);
        }
        self.wire[at] = label.len() as u8;
        self.wire[at + 1..at + 1 + label.len()].copy_from_slice(label);
        self.len += 1 + label.len() as u8;
        Ok(())
    }

    /// Adds a label of a name that is known to fit.
    fn push_known(&mut self, label: &[u8]) {
        debug_assert!(self.push_label(label).is_ok() || cfg!(not(debug_assertions)));
        #[cfg(not(debug_assertions))]
        let _ = self.push_label(label);
    }

    pub(crate) const fn empty() -> Self {
        Self { len: 0, wire: [0; MAX_NAME] }
    }

    pub(crate) fn push_root(&mut self) {
        if let Some(end) = self.wire.get_mut(usize::from(self.len)) {
            *end = 0;
            self.len += 1;
        }
    }

    fn close(mut self) -> Result<Self, NameError> {
        self.push_root();
        Ok(self)
    }
}

fn unescape(bytes: &mut core::str::Bytes<'_>) -> Result<u8, NameError> {
    let first = bytes.next().ok_or(NameError::Escape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u32::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next().filter(u8::is_ascii_digit).ok_or(NameError::Escape)?;
        value = value * 10 + u32::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::Escape)
}

/// Changes the case of letters in a wire form: each bit of `bits` that is 1 turns one letter to its other case. Lengths are at
/// most 63, below the first letter.
pub(crate) fn flip_case(wire: &mut [u8], bits: &[u8; 32]) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let flip = |word: u64, bits: u8| {
        // The high bit of each byte: one if the byte is a letter.
        let lower = (word | (0x20 * ONES)) & !HIGH;
        let letters = (lower + 0x1f * ONES) & !(lower + 0x05 * ONES) & !word & HIGH;
        // The high bit of each byte: one if its bit of `bits` is.
        let chosen = (((u64::from(bits) * ONES) & 0x8040_2010_0804_0201) + 0x7f * ONES) & HIGH;
        word ^ ((letters & chosen) >> 2)
    };
    let (words, rest) = wire.as_chunks_mut::<8>();
    let mut bits = bits.iter().copied();
    for word in words {
        *word = flip(u64::from_le_bytes(*word), bits.next().unwrap_or(0)).to_le_bytes();
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let last = flip(u64::from_le_bytes(last), bits.next().unwrap_or(0)).to_le_bytes();
    rest.copy_from_slice(&last[..rest.len()]);
}

/// The labels of a name in wire form without compression. Ends where the bytes are no name.
pub fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire;
    core::iter::from_fn(move || {
        let (len, tail) = rest.split_first()?;
        let len = usize::from(*len);
        if len == 0 || len > tail.len() {
            return None;
        }
        let (label, tail) = tail.split_at(len);
        rest = tail;
        Some(label)
    })
}

/// Whether two names in wire form are equal but for ASCII case. Lengths are below the first letter, so bytes may be compared.
#[must_use]
pub fn eq_ignore_case(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Writes a label, with what would be misread escaped.
pub(crate) fn write_label(label: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for byte in label {
        match byte {
            b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => write!(out, "\\{}", char::from(*byte))?,
            0x21..=0x7e => out.write_char(char::from(*byte))?,
            _ => write!(out, "\\{byte:03}")?,
        }
    }
    Ok(())
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        eq_ignore_case(self.as_wire(), other.as_wire())
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.as_wire() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for (at, label) in self.labels().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            write_label(label, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl core::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::from_presentation(text)
    }
}

#[cfg(test)]
mod tests;
