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
    all(bytes, VALUE)
}

/// Whether its characters may stand in a request target.
#[inline]
pub fn is_target(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TARGET)
}

/// Whether it is a host with or without a port, as `Host` carries it. It may be empty.
pub fn is_host(bytes: &[u8]) -> bool {
    let (host, port) = if bytes.first() == Some(&b'[') {
        let Some(end) = bytes.iter().position(|&b| b == b']') else { return false };
        let inner = &bytes[1..end];
        if inner.is_empty() || !inner.iter().all(|&b| b == b':' || CLASSES[usize::from(b)] & HOST != 0) {
            return false;
        }
        (&b""[..], &bytes[end + 1..])
    } else {
        let end = bytes.iter().position(|&b| b == b':').unwrap_or(bytes.len());
        bytes.split_at(end)
    };
    all(host, HOST) && (port.is_empty() || port[0] == b':' && port[1..].iter().all(u8::is_ascii_digit))
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
