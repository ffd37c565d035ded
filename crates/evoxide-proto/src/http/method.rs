//! Methods.

/// A method: one of those with a name of their own, or another token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "they are their names")]
pub enum Method {
    Get,
    Post,
    Head,
    Put,
    Delete,
    Options,
    Trace,
    Connect,
    Patch,
    PropFind,
    PropPatch,
    MkCol,
    Lock,
    Unlock,
    Copy,
    Move,
    /// Any other token.
    Other,
}

/// In the order of the C interface's bits.
const NAMES: [(&[u8], Method); 16] = [
    (b"GET", Method::Get),
    (b"POST", Method::Post),
    (b"HEAD", Method::Head),
    (b"PUT", Method::Put),
    (b"DELETE", Method::Delete),
    (b"OPTIONS", Method::Options),
    (b"TRACE", Method::Trace),
    (b"CONNECT", Method::Connect),
    (b"PATCH", Method::Patch),
    (b"PROPFIND", Method::PropFind),
    (b"PROPPATCH", Method::PropPatch),
    (b"MKCOL", Method::MkCol),
    (b"LOCK", Method::Lock),
    (b"UNLOCK", Method::Unlock),
    (b"COPY", Method::Copy),
    (b"MOVE", Method::Move),
];

impl Method {
    /// The method of a name; names are case-sensitive.
    pub fn of(name: &[u8]) -> Self {
        match name {
            // Most requests.
            b"GET" => Method::Get,
            b"POST" => Method::Post,
            _ => NAMES.iter().find(|(n, _)| *n == name).map_or(Method::Other, |&(_, m)| m),
        }
    }

    /// Its name; empty for [`Method::Other`].
    pub fn name(self) -> &'static [u8] {
        NAMES.iter().find(|&&(_, m)| m == self).map_or(b"", |(n, _)| n)
    }

    /// Its number in the order of the C interface: GET is 0, MOVE 15.
    pub fn index(self) -> Option<u32> {
        if self == Method::Other { None } else { Some(self as u32) }
    }

    /// The method of a number.
    pub fn from_index(index: u32) -> Option<Self> {
        NAMES.get(index as usize).map(|&(_, m)| m)
    }

    /// Whether a repetition has the effect of one (RFC 9110, 9.2.2).
    pub const fn is_idempotent(self) -> bool {
        matches!(
            self,
            Method::Get
                | Method::Head
                | Method::Put
                | Method::Delete
                | Method::Options
                | Method::Trace
                | Method::PropFind
        )
    }

    /// Whether a request with it usually has a body, so that an empty one is announced.
    pub const fn has_body(self) -> bool {
        matches!(
            self,
            Method::Post
                | Method::Put
                | Method::Patch
                | Method::PropFind
                | Method::PropPatch
                | Method::Lock
                | Method::Copy
                | Method::Move
        )
    }
}
