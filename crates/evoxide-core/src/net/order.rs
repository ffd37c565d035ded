//! Comparison of text without regard to ASCII case.

use core::cmp::Ordering;

/// Compares as `strcasecmp` does in the C locale: letters in lower case, bytes as signed characters, a proper prefix first.
/// The iterators are asked for no more than is needed to decide.
pub fn ascii_case_cmp(a: impl IntoIterator<Item = u8>, b: impl IntoIterator<Item = u8>) -> Ordering {
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    loop {
        // The end of a C string is a zero byte, which bytes above 127 (negative characters) precede.
        let (x, y) = (a.next(), b.next());
        let fold = |byte: Option<u8>| byte.unwrap_or(0).to_ascii_lowercase().cast_signed();
        match fold(x).cmp(&fold(y)) {
            Ordering::Equal if x.is_none() || y.is_none() => return Ordering::Equal,
            Ordering::Equal => {}
            decided => return decided,
        }
    }
}
