//! Calls of remote functions over HTTP: where a command lives, what hooks say, how a call ended.
//!
//! A request is a POST to the command's path with tagged data ([`tag`](crate::tag)) as its body; the reply is the body of an
//! answer 200. Anything else is a failure, whatever its body.

use crate::tag::{Error, Items, Limits};
use alloc::vec::Vec;

pub mod field;
#[cfg(test)]
mod tests;

/// A struct that travels as tagged data: each entry is an item, an array its tag repeated, a nested struct the items of its
/// own. `event_rpcgen FILE.rpc MODULE.rs` writes the structs of a file with this trait; by hand it is a few lines.
///
/// ```
/// use evoxide_proto::rpc::{Message, field};
/// use evoxide_proto::tag::{Error, Items};
///
/// #[derive(Debug, PartialEq)]
/// struct Greeting { text: String, times: Vec<u32> }
///
/// impl Message for Greeting {
///     fn write(&self, out: &mut Vec<u8>) {
///         field::put_bytes(out, 1, self.text.as_bytes());
///         for n in &self.times {
///             field::put_int(out, 2, u64::from(*n));
///         }
///     }
///     fn read(items: Items<'_>) -> Result<Self, Error> {
///         let (mut text, mut times) = (None, Vec::new());
///         for item in items {
///             let item = item?;
///             match item.tag {
///                 1 => field::once(&mut text, field::text(&item)?)?,
///                 2 => times.push(item.int()?),
///                 _ => {}
///             }
///         }
///         Ok(Greeting { text: field::required(text)?, times })
///     }
/// }
///
/// let hello = Greeting { text: "hello".into(), times: vec![1, 2] };
/// assert_eq!(Greeting::from_bytes(&hello.to_bytes()).unwrap(), hello);
/// ```
pub trait Message: Sized {
    /// Appends the items of this struct, in the order of its entries.
    fn write(&self, out: &mut Vec<u8>);

    /// Makes the struct of its items. Tags that are not known are passed over.
    ///
    /// # Errors
    /// An item that is not of its type, an entry that is missing or comes twice, or more than the limits allow.
    fn read(items: Items<'_>) -> Result<Self, Error>;

    /// The message as it travels.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// Reads a whole message under the default [`Limits`].
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(Items::new(bytes, Limits::default()))
    }
}

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
