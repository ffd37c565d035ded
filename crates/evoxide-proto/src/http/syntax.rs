//! Characters, tokens and numbers.

const TOKEN: u8 = 1;
const VALUE: u8 = 2;
const TARGET: u8 = 4;
const HOST: u8 = 8;

const CLASSES: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let c = i as u8;
        let mut class = 0;
        if c.is_ascii_alphanumeric()
            || matches!(
                c,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            )
        {
            class |= TOKEN;
        }
        if c == b'\t' || c >= b' ' && c != 0x7f {
            class |= VALUE;
        }
        // A fragment is not sent; what is above ASCII and a few others browsers do not encode is.
        if c > b' ' && c != 0x7f && c != b'#' {
            class |= TARGET;
        }
        if c.is_ascii_alphanumeric()
            || matches!(
                c,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'%'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
            )
        {
            class |= HOST;
        }
        table[i] = class;
        i += 1;
    }
    table
};

#[inline]
fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().all(|&b| CLASSES[usize::from(b)] & class != 0)
}

/// Whether it is a token: not empty, and of token characters.
#[inline]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TOKEN)
}

/// How many token characters it begins with.
#[inline]
pub fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&b| CLASSES[usize::from(b)] & TOKEN != 0).count()
}

/// Whether it may be a field's value or a reason phrase: no controls but tabs.
#[inline]
pub fn is_value(bytes: &[u8]) -> bool {
    value_len(bytes) == bytes.len()
}

/// How many characters of a field's value it begins with.
#[inline]
pub fn value_len(bytes: &[u8]) -> usize {
    run_len(bytes, VALUE, |word| has_below(word, b' ') | has(word, 0x7f))
}

/// How many characters of a request target it begins with.
#[inline]
pub fn target_len(bytes: &[u8]) -> usize {
    run_len(bytes, TARGET, |word| has_below(word, b'!') | has(word, 0x7f) | has(word, b'#'))
}

/// How many characters of a class it begins with. Eight bytes at once, as long as `stops` finds none in them that it may not
/// be: a long head spends most of its time here.
#[inline]
fn run_len(bytes: &[u8], class: u8, stops: impl Fn(u64) -> u64) -> usize {
    let mut len = 0;
    while let Some(word) = bytes[len..].first_chunk::<8>() {
        let found = stops(u64::from_le_bytes(*word));
        // The lowest bit is exact.
        let at = found.trailing_zeros() as usize / 8;
        len += at;
        if found != 0 {
            if CLASSES[usize::from(bytes[len])] & class == 0 {
                return len;
            }
            len += 1;
        }
    }
    len + bytes[len..].iter().take_while(|&&b| CLASSES[usize::from(b)] & class != 0).count()
}

/// Where the line feeds are, in order.
pub(super) fn line_feeds(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    let last = bytes.len() - rest.len();
    let mut words = words.iter().enumerate();
    let (mut at, mut found) = (0, 0u64);
    let in_words = core::iter::from_fn(move || {
        while found == 0 {
            let (i, word) = words.next()?;
            at = i * 8;
            // Exact for each byte, unlike `has`: a carry cannot leave a byte.
            let word = u64::from_le_bytes(*word) ^ (ONES * b'\n' as u64);
            found = !(((word & (ONES * 127)) + ONES * 127) | word | (ONES * 127));
        }
        let place = at + found.trailing_zeros() as usize / 8;
        found &= found - 1;
        Some(place)
    });
    in_words.chain(rest.iter().enumerate().filter(|&(_, &b)| b == b'\n').map(move |(i, _)| last + i))
}

const ONES: u64 = u64::MAX / 255;

/// Not 0 where one of eight bytes is below `limit`, which is at most 128.
#[inline]
const fn has_below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & (ONES * 128)
}

/// Not 0 where one of eight bytes is this one.
#[inline]
const fn has(word: u64, byte: u8) -> u64 {
    has_below(word ^ (ONES * byte as u64), 1)
}

/// Whether its characters may stand in a request target.
#[inline]
pub fn is_target(bytes: &[u8]) -> bool {
    !bytes.is_empty() && target_len(bytes) == bytes.len()
}

/// Whether it is a host with or without a port, as `Host` carries it. It may be empty.
pub fn is_host(bytes: &[u8]) -> bool {
    // A colon is no character of a host.
    let is_part = |b: u8| CLASSES[usize::from(b)] & HOST != 0;
    let end = if bytes.first() == Some(&b'[') {
        match bytes.iter().position(|&b| b == b']') {
            Some(end) if end > 1 && bytes[1..end].iter().all(|&b| b == b':' || is_part(b)) => end + 1,
            _ => return false,
        }
    } else {
        bytes.iter().take_while(|&&b| is_part(b)).count()
    };
    match bytes.get(end..) {
        Some([b':', port @ ..]) => port.iter().all(u8::is_ascii_digit),
        rest => rest.is_some_and(<[u8]>::is_empty),
    }
}

/// Without spaces and tabs at both ends.
#[inline]
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// A number in decimal digits and nothing else. `None` beyond 64 bits, too.
pub fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |n, &b| {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        n.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The members of a comma-separated list, without the empty ones.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(trim).filter(|t| !t.is_empty())
}
