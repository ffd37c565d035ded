//! What generated implementations of [`Message`] call for one entry.

use super::Message;
use crate::tag::{Error, Item};
pub use crate::tag::{put_bytes, put_int};
use alloc::{string::String, vec::Vec};

/// Appends an item that is a message of its own.
pub fn put_message(out: &mut Vec<u8>, tag: u32, message: &impl Message) {
    put_bytes(out, tag, &message.to_bytes());
}

/// Fills the place of an entry that comes once.
///
/// # Errors
/// [`Error::Repeated`].
pub fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Error> {
    if place.replace(value).is_some() { Err(Error::Repeated) } else { Ok(()) }
}

/// The value of an entry that has to come.
///
/// # Errors
/// [`Error::Missing`].
pub fn required<T>(place: Option<T>) -> Result<T, Error> {
    place.ok_or(Error::Missing)
}

/// The payload as text.
///
/// # Errors
/// [`Error::Malformed`] where it has a zero byte or is not UTF-8.
pub fn text(item: &Item<'_>) -> Result<String, Error> {
    String::from_utf8(item.text()?.to_vec()).map_err(|_| Error::Malformed)
}

/// The payload as bytes of a fixed number.
///
/// # Errors
/// [`Error::Malformed`] where there are more or fewer.
pub fn fixed<const N: usize>(item: &Item<'_>) -> Result<[u8; N], Error> {
    item.payload.try_into().map_err(|_| Error::Malformed)
}
