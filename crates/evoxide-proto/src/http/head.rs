//! Heads: where one ends, and what its ranges are.
//!
//! The parsers read a contiguous head once and leave ranges in a [`Head`]. One that is not there at once is scanned first: a scan
//! finds the empty line, wherever the input is split, and looks at no byte twice.

use super::syntax::{is_token, line_feeds, list, target_len, token_len, trim, value_len};
use super::{Fault, Leniency, Limits, Method};
use alloc::vec::Vec;
use core::ops::Range;
use evoxide_core::buffer::{Buffer, Owner};

/// A range of a head's bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The range that `part`, a part of `whole`, is.
    fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize) as u32;
        Self { start, end: start + part.len() as u32 }
    }

    /// Where it lies in the head that was parsed.
    #[inline]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Its bytes in the head that was parsed; none of another.
    #[inline]
    pub fn of_head(self, head: &[u8]) -> &[u8] {
        head.get(self.range()).unwrap_or(&[])
    }
}

/// One field: a name and a value without white space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name, as it was sent.
    pub name: Span,
    /// The value. With [`Leniency::folds`] it may contain line breaks, which stand for spaces.
    pub value: Span,
}

/// The ranges of one head. Lent by the face and used again for the next, so that nothing is allocated in the long run.
#[derive(Debug)]
pub struct Head {
    /// The method, of a request.
    pub method: Span,
    /// The request target.
    pub target: Span,
    /// The minor version of HTTP/1.
    pub minor: u8,
    /// The status, of an answer.
    pub status: u16,
    /// The reason phrase, of an answer.
    pub reason: Span,
    /// The fields in their order.
    pub fields: Vec<Field>,
    /// Whether a value contains line breaks that stand for spaces.
    pub folded: bool,
    /// The marks of all names: most fields that are looked for are not there.
    marks: u64,
    /// The method, as it is known here.
    pub(super) kind: Method,
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

impl Head {
    /// None.
    pub const fn new() -> Self {
        Self {
            method: Span { start: 0, end: 0 },
            target: Span { start: 0, end: 0 },
            minor: 0,
            status: 0,
            reason: Span { start: 0, end: 0 },
            fields: Vec::new(),
            folded: false,
            marks: 0,
            kind: Method::Other,
        }
    }

    /// Names and values of the fields, given the bytes that were parsed.
    pub fn fields<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.fields.iter().map(|f| (f.name.of_head(bytes), f.value.of_head(bytes)))
    }

    /// Whether there may be a field of this name, which is given in lower case.
    #[inline]
    pub(super) const fn may_have(&self, name: &[u8]) -> bool {
        self.marks & mark(name) != 0
    }

    /// The values of all fields of one name, which is given in lower case.
    pub fn values<'a>(&'a self, bytes: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let fields: &[Field] = if self.may_have(name) { &self.fields } else { &[] };
        fields
            .iter()
            .filter(move |f| f.name.of_head(bytes).eq_ignore_ascii_case(name))
            .map(move |f| f.value.of_head(bytes))
    }

    /// Whether a list field, over all its lines, has a member.
    pub fn lists(&self, bytes: &[u8], name: &[u8], member: &[u8]) -> bool {
        self.values(bytes, name).any(|v| list(v).any(|t| t.eq_ignore_ascii_case(member)))
    }

    fn reset(&mut self) {
        self.fields.clear();
        // A head with thousands of fields is not paid for ever after.
        if self.fields.capacity() > 1024 {
            self.fields = Vec::new();
        }
        let fields = core::mem::take(&mut self.fields);
        *self = Self { fields, ..Self::new() };
    }
}

/// A bit for a name, whatever its case.
#[inline]
const fn mark(name: &[u8]) -> u64 {
    match name {
        [first, ..] => 1 << ((*first | 0x20).wrapping_add(name.len() as u8) & 63),
        [] => 0,
    }
}

/// Where the search for an empty line stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Number of bytes that were looked at.
    at: u32,
    /// Where the line begins in which the search stands.
    line: u32,
    /// Lines that ended.
    lines: u32,
    flags: u8,
}

const LAST_CR: u8 = 1;
const SEEN_CRLF: u8 = 2;
const SEEN_LF: u8 = 4;

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// No end yet.
    More,
    /// The first line is empty and so long.
    Empty(usize),
    /// The whole is so long, the empty line included.
    End(usize),
}

impl Scan {
    pub const NEW: Self = Self { at: 0, line: 0, lines: 0, flags: 0 };

    /// Whether any byte was looked at.
    pub fn is_started(&self) -> bool {
        self.at > 0
    }

    /// Goes on with the search in `input`, which begins with the bytes that it began with.
    pub fn search<F: Owner>(&mut self, input: &Buffer<F>, line: usize, limits: &Limits) -> Result<Found, Fault> {
        let from = self.at as usize;
        let first = input.first();
        if from < first.len() && first.len() == input.len() {
            let found = self.look(&first[from..], line, limits)?;
            if found != Found::More {
                return Ok(found);
            }
        } else {
            for part in input.slices(from) {
                let found = self.look(part, line, limits)?;
                if found != Found::More {
                    return Ok(found);
                }
            }
        }
        let at = self.at as usize;
        // With the CR that may end it.
        if self.lines == 0 && at > line.saturating_add(1) {
            return Err(Fault::LineTooLong);
        }
        if at > limits.head {
            return Err(Fault::HeadTooLong);
        }
        Ok(Found::More)
    }

    /// Looks at the next bytes.
    fn look(&mut self, part: &[u8], line: usize, limits: &Limits) -> Result<Found, Fault> {
        // One byte beyond the limit is enough to know.
        let max = (limits.head + 1).saturating_sub(self.at as usize).min(u32::MAX as usize - 1 - self.at as usize);
        let part = &part[..part.len().min(max)];
        let base = self.at as usize;
        for lf in line_feeds(part) {
            let cr = match lf.checked_sub(1) {
                Some(before) => part[before] == b'\r',
                None => base > 0 && self.flags & LAST_CR != 0,
            };
            let end = base + lf + 1;
            let content = end - self.line as usize - 1 - usize::from(cr);
            if self.lines == 0 && content > line {
                return Err(Fault::LineTooLong);
            }
            self.flags |= if cr { SEEN_CRLF } else { SEEN_LF };
            if self.flags & SEEN_LF != 0 && (!limits.leniency.bare_lf || self.flags & SEEN_CRLF != 0) {
                return Err(Fault::BareLf);
            }
            if self.lines == 0 {
                if content == 0 {
                    return Ok(Found::Empty(end));
                }
            } else if content == 0 {
                return if end > limits.head { Err(Fault::HeadTooLong) } else { Ok(Found::End(end)) };
            }
            self.lines += 1;
            self.line = end as u32;
            // A search that is repeated from here sees the same.
            self.at = end as u32;
            self.flags &= !LAST_CR;
        }
        if let Some(&last) = part.last() {
            self.flags = if last == b'\r' { self.flags | LAST_CR } else { self.flags & !LAST_CR };
        }
        self.at = (base + part.len()) as u32;
        Ok(Found::More)
    }
}

/// Whether it begins with the end of a line. What is tolerated there was decided by the search.
fn is_line_end(bytes: &[u8]) -> bool {
    matches!(bytes, [b'\n', ..] | [b'\r', b'\n', ..])
}

/// A head that is read line by line.
struct Lines<'a> {
    /// The whole, with what may be behind it.
    bytes: &'a [u8],
    /// Where the rest begins.
    at: usize,
    /// A line ended in LF alone.
    bare_lf: bool,
}

impl<'a> Lines<'a> {
    #[inline]
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, bare_lf: false }
    }

    /// What was not read.
    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    /// Reads characters that values may have, and the end of their line. Answers where the characters end.
    #[inline(always)]
    fn cut(&mut self) -> Result<usize, Fault> {
        let rest = self.rest();
        let len = value_len(rest);
        let end = self.at + len;
        self.at = match rest.get(len..) {
            Some([b'\r', b'\n', ..]) => end + 2,
            _ => end + self.odd_end(rest.get(len..).unwrap_or(&[]))?,
        };
        Ok(end)
    }

    /// The length of an end that is no CRLF.
    #[cold]
    #[inline(never)]
    fn odd_end(&mut self, rest: &[u8]) -> Result<usize, Fault> {
        match rest {
            [b'\n', ..] => {
                self.bare_lf = true;
                Ok(1)
            }
            [b'\r', ..] => Err(Fault::BareCr),
            [] => Err(Fault::Truncated),
            _ => Err(Fault::FieldValue),
        }
    }

    /// As [`cut`](Self::cut), where no time is to be saved: what was read.
    #[inline(never)]
    fn cut_text(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.at;
        let end = self.cut()?;
        Ok(self.bytes.get(start..end).unwrap_or(&[]))
    }

    /// The number of bytes that were read, where every line ended in CRLF.
    #[inline]
    const fn strict_len(&self) -> Option<usize> {
        if self.bare_lf { None } else { Some(self.at) }
    }
}

/// The minor version.
fn version(text: &[u8]) -> Result<u8, Fault> {
    match text {
        b"HTTP/1.1" => Ok(1),
        b"HTTP/1.0" => Ok(0),
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            if *major == b'1' {
                Ok(minor - b'0')
            } else {
                Err(Fault::Version)
            }
        }
        _ => Err(Fault::VersionSyntax),
    }
}

/// The form of a request target.
fn check_target(method: Method, target: &[u8]) -> Result<(), Fault> {
    let legal = match (method, target) {
        (Method::Connect, _) => {
            // Authority: a host and a port.
            super::syntax::is_host(target)
                && target.iter().rposition(|&b| b == b':').is_some_and(|colon| {
                    colon > 0 && (1..=5).contains(&(target.len() - colon - 1)) && !target[colon..].contains(&b']')
                })
        }
        (Method::Options, b"*") => true,
        (_, [b'/', ..]) => true,
        _ => is_absolute(target),
    };
    if legal { Ok(()) } else { Err(Fault::Target) }
}

/// Whether a target is in absolute form: a scheme, `://` and an authority.
pub fn is_absolute(target: &[u8]) -> bool {
    let scheme = target.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).count();
    scheme > 0
        && target[0].is_ascii_alphabetic()
        && target[scheme..].starts_with(b"://")
        && target.get(scheme + 3).is_some_and(|&b| !matches!(b, b'/' | b'?'))
}

/// The authority of a target in absolute form.
pub fn authority(target: &[u8]) -> Option<&[u8]> {
    if !is_absolute(target) {
        return None;
    }
    let after = target.iter().position(|&b| b == b':')? + 3;
    let rest = &target[after..];
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    Some(&rest[..end])
}

/// Parses the whole head of a request, its empty line included.
///
/// # Errors
/// What is wrong with it; `head` is of no use then.
pub fn request(bytes: &[u8], limits: &Limits, head: &mut Head) -> Result<(), Fault> {
    request_lines(&mut Lines::new(bytes), limits, head)
}

/// The length of the request's head that `bytes` begin with, parsed in one pass. `None`: a search, which looks at no byte twice however
/// they come, has to say what it is. That is so for one in part, and for all that is refused.
pub(super) fn first_request(bytes: &[u8], limits: &Limits, head: &mut Head) -> Option<usize> {
    let mut lines = Lines::new(bytes.get(..limits.head).unwrap_or(bytes));
    request_lines(&mut lines, limits, head).ok()?;
    lines.strict_len()
}

fn request_lines(lines: &mut Lines<'_>, limits: &Limits, head: &mut Head) -> Result<(), Fault> {
    head.reset();
    let bytes = lines.bytes;
    let method_len = token_len(bytes);
    let (method, rest) = bytes.split_at(method_len);
    let rest = match rest {
        [b' ', rest @ ..] if method_len > 0 => rest,
        [b' ' | b'\t', ..] => return Err(Fault::Fold),
        [b'\r' | b'\n', ..] => return Err(if is_line_end(rest) { Fault::StartLine } else { Fault::BareCr }),
        _ => return Err(Fault::Method),
    };
    let (target, rest) = rest.split_at(target_len(rest));
    let before = method_len + target.len() + 2;
    let version_len = match rest {
        // Nearly all.
        [b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b'\r', b'\n', ..] => {
            lines.at = before + 10;
            head.minor = 1;
            8
        }
        [b' ', ..] if !target.is_empty() => {
            lines.at = before;
            let text = lines.cut_text()?;
            if memchr::memchr(b' ', text).is_some() {
                return Err(Fault::Target);
            }
            head.minor = version(text)?;
            text.len()
        }
        [b'\r' | b'\n', ..] if !is_line_end(rest) => return Err(Fault::BareCr),
        [b' ' | b'\r' | b'\n', ..] => return Err(Fault::StartLine),
        _ => return Err(Fault::Target),
    };
    if target.is_empty() {
        return Err(Fault::StartLine);
    }
    if before + version_len > limits.line {
        return Err(Fault::LineTooLong);
    }
    head.kind = Method::of(method);
    check_target(head.kind, target)?;
    head.method = Span { start: 0, end: method_len as u32 };
    head.target = Span { start: method_len as u32 + 1, end: before as u32 - 1 };
    fields(lines, limits, head)
}

/// Parses the whole head of an answer, its empty line included.
///
/// # Errors
/// What is wrong with it; `head` is of no use then.
pub fn response(bytes: &[u8], limits: &Limits, head: &mut Head) -> Result<(), Fault> {
    response_lines(&mut Lines::new(bytes), limits, head)
}

/// The length of the answer's head that `bytes` begin with: as [`first_request`].
pub(super) fn first_response(bytes: &[u8], limits: &Limits, head: &mut Head) -> Option<usize> {
    let mut lines = Lines::new(bytes.get(..limits.head).unwrap_or(bytes));
    response_lines(&mut lines, limits, head).ok()?;
    lines.strict_len()
}

fn response_lines(lines: &mut Lines<'_>, limits: &Limits, head: &mut Head) -> Result<(), Fault> {
    head.reset();
    let line = lines.cut_text()?;
    if line.len() > limits.line {
        return Err(Fault::LineTooLong);
    }
    let space = memchr::memchr(b' ', line).ok_or(Fault::StartLine)?;
    head.minor = version(&line[..space])?;
    let rest = &line[space + 1..];
    let (status, reason) = match rest {
        // The space behind the status is a must in the grammar, and left out by many.
        [a, b, c] => ([*a, *b, *c], &b""[..]),
        [a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        _ => return Err(Fault::Status),
    };
    if !status.iter().all(u8::is_ascii_digit) {
        return Err(Fault::Status);
    }
    head.status = status.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'));
    // Beyond 599 there is no class, but there are servers: RFC 9110, 15, has them read as any error.
    if head.status < 100 {
        return Err(Fault::Status);
    }
    head.reason = Span::of(lines.bytes, reason);
    fields(lines, limits, head)
}

/// Parses trailers, their empty line included.
///
/// # Errors
/// What is wrong with them.
pub fn trailers(bytes: &[u8], limits: &Limits, head: &mut Head) -> Result<(), Fault> {
    head.reset();
    // Nothing of a trailer is tolerated.
    let strict = Limits { leniency: Leniency::NONE, ..*limits };
    fields(&mut Lines::new(bytes), &strict, head)?;
    if head.fields(bytes).any(|(name, _)| is_forbidden_trailer(name)) {
        return Err(Fault::Trailer);
    }
    Ok(())
}

/// Fields that frame, route, authenticate or say how content is to be read: none of them may come late.
fn is_forbidden_trailer(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 24] = [
        b"transfer-encoding",
        b"content-length",
        b"content-encoding",
        b"content-type",
        b"content-range",
        b"host",
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"trailer",
        b"te",
        b"upgrade",
        b"via",
        b"forwarded",
        b"expect",
        b"max-forwards",
        b"location",
        b"authorization",
        b"proxy-authorization",
        b"proxy-authenticate",
        b"www-authenticate",
        b"cookie",
        b"set-cookie",
        b"cache-control",
    ];
    NAMES.iter().any(|n| n.eq_ignore_ascii_case(name))
}

/// Parses field lines up to the empty line, and reads that.
fn fields(lines: &mut Lines<'_>, limits: &Limits, head: &mut Head) -> Result<(), Fault> {
    loop {
        let start = lines.at;
        let name_len = token_len(lines.rest());
        let colon = start + name_len;
        if name_len == 0 || lines.bytes.get(colon) != Some(&b':') {
            if odd_line(lines, name_len, limits, head)? {
                return Ok(());
            }
            continue;
        }
        lines.at = colon + 1;
        while let Some(b' ' | b'\t') = lines.bytes.get(lines.at) {
            lines.at += 1;
        }
        let from = lines.at;
        let mut to = lines.cut()?;
        while to > from && matches!(lines.bytes.get(to - 1), Some(b' ' | b'\t')) {
            to -= 1;
        }
        if head.fields.len() >= limits.fields {
            return Err(Fault::TooManyFields);
        }
        // The count is the peer's choice.
        head.fields.try_reserve(1).map_err(|_| Fault::TooManyFields)?;
        head.marks |= mark(lines.bytes.get(start..colon).unwrap_or(&[]));
        let name = Span { start: start as u32, end: colon as u32 };
        head.fields.push(Field { name, value: Span { start: from as u32, end: to as u32 } });
    }
}

/// A line that is no field: the empty one, which ends the fields (`true`), one that goes on with the field before, or one that is refused.
#[inline(never)]
fn odd_line(lines: &mut Lines<'_>, name_len: usize, limits: &Limits, head: &mut Head) -> Result<bool, Fault> {
    match lines.rest().get(name_len..).unwrap_or(&[]) {
        [b'\r', b'\n', ..] if name_len == 0 => lines.at += 2,
        [b'\n', ..] if name_len == 0 => {
            lines.at += 1;
            lines.bare_lf = true;
        }
        [b' ' | b'\t', ..] if name_len == 0 => {
            let line = lines.cut_text()?;
            extend(lines.bytes, line, limits, head)?;
            return Ok(false);
        }
        after @ [b'\r', ..] if !is_line_end(after) => return Err(Fault::BareCr),
        [] => return Err(Fault::Truncated),
        _ => return Err(Fault::FieldName),
    }
    Ok(true)
}

/// A line that begins with white space: part of the field before, where that is tolerated.
fn extend(bytes: &[u8], line: &[u8], limits: &Limits, head: &mut Head) -> Result<(), Fault> {
    let Some(last) = head.fields.last_mut().filter(|_| limits.leniency.folds) else { return Err(Fault::Fold) };
    let more = trim(line);
    // Framing stays what its one line says.
    let name = last.name.of_head(bytes);
    if [&b"content-length"[..], b"transfer-encoding", b"host", b"connection"]
        .iter()
        .any(|n| n.eq_ignore_ascii_case(name))
    {
        return Err(Fault::Fold);
    }
    if !more.is_empty() {
        let span = Span::of(bytes, more);
        if last.value.start == last.value.end {
            last.value = span;
        } else {
            last.value.end = span.end;
            head.folded = true;
        }
    }
    Ok(())
}

/// Whether a name may be written.
pub(crate) fn is_name(name: &[u8]) -> bool {
    is_token(name)
}
