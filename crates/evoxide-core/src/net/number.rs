//! Scanning of numbers as the C library does it: leading white space, a sign, saturation on overflow.

/// White space of the C locale.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// A scanned decimal number.
pub(super) struct Scanned {
    /// The magnitude, [`u64::MAX`] if it does not fit.
    pub magnitude: u64,
    pub negative: bool,
    /// The magnitude did not fit.
    pub overflow: bool,
    /// How many bytes were used, white space and sign included.
    pub used: usize,
}

/// White space, an optional sign, at least one digit.
pub(super) fn scan_decimal(text: &[u8]) -> Option<Scanned> {
    let mut used = text.iter().take_while(|b| is_space(**b)).count();
    let negative = match text.get(used) {
        Some(b'-') => {
            used += 1;
            true
        }
        Some(b'+') => {
            used += 1;
            false
        }
        _ => false,
    };
    let digits = text[used..].iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let magnitude = text[used..used + digits]
        .iter()
        .try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    Some(Scanned {
        magnitude: magnitude.unwrap_or(u64::MAX),
        negative,
        overflow: magnitude.is_none(),
        used: used + digits,
    })
}

impl Scanned {
    /// The value as `strtoul` gives it: a minus sign wraps, an overflow saturates.
    pub fn as_u64(&self) -> u64 {
        if self.negative && !self.overflow { self.magnitude.wrapping_neg() } else { self.magnitude }
    }

    /// The value as `strtol` gives it: saturated at both ends.
    pub fn as_i64(&self) -> i64 {
        match (i64::try_from(self.magnitude), self.negative) {
            (Ok(value), false) => value,
            (Ok(value), true) => -value,
            (Err(_), false) => i64::MAX,
            (Err(_), true) => i64::MIN,
        }
    }
}
