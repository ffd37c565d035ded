//! Calls of remote functions over HTTP: where a command lives, what hooks say, how a call ended.
//!
//! A request is a POST to the command's path with tagged data ([`tag`](crate::tag)) as its body; the reply is the body of an
//! answer 200. Anything else is a failure, whatever its body.

#[cfg(test)]
mod tests;

/// The path of a command: `/.rpc.` and its name.
///
/// ```
/// assert_eq!(evoxide_proto::rpc::path(b"Message"), b"/.rpc.Message");
/// ```
pub fn path(name: &[u8]) -> Vec<u8> {
    [b"/.rpc.".as_slice(), name].concat()
}

/// What a hook says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It fails.
    Terminate,
    /// It goes on.
    Continue,
    /// It waits until it is resumed.
    Pause,
}

impl From<i32> for Verdict {
    fn from(result: i32) -> Self {
        match result {
            0 => Self::Continue,
            1 => Self::Pause,
            _ => Self::Terminate,
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a reply.
    Done,
    /// Without an answer.
    Timeout,
    /// With an answer that is no reply.
    BadPayload,
    /// It could not be sent.
    Unstarted,
    /// A hook ended it.
    Aborted,
}

impl Outcome {
    /// The number that C programs see.
    pub fn code(self) -> i32 {
        match self {
            Self::Done => 0,
            Self::Timeout => 1,
            Self::BadPayload => 2,
            Self::Unstarted => 3,
            Self::Aborted => 4,
        }
    }
}

/// Whether an answer with this status may hold a reply.
pub fn may_reply(status: i32) -> bool {
    status == 200
}

/// Data that hooks keep with a request, under keys; the first one of a key is found.
#[derive(Debug, Default)]
pub struct Meta(Vec<(Vec<u8>, Vec<u8>)>);

impl Meta {
    /// Keeps a copy; false, and nothing kept, without memory.
    pub fn keep(&mut self, key: &[u8], data: &[u8]) -> bool {
        let (mut name, mut copy) = (Vec::new(), Vec::new());
        let room = name.try_reserve_exact(key.len()).is_ok()
            && copy.try_reserve_exact(data.len()).is_ok()
            && self.0.try_reserve(1).is_ok();
        if room {
            name.extend_from_slice(key);
            copy.extend_from_slice(data);
            self.0.push((name, copy));
        }
        room
    }

    /// What is kept under a key.
    pub fn find(&self, key: &[u8]) -> Option<&[u8]> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, data)| data.as_slice())
    }
}
