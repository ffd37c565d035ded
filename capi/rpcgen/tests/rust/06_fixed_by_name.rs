// Made by event_rpcgen from 06_fixed_by_name.rpc: changes are lost.

#[allow(unused_imports)]
use evoxide::rpc::{Error, Items, Message, field};

/// `KEY_LENGTH` of the file.
pub const KEY_LENGTH: usize = 24;

/// `struct a`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct A {
    /// Tag 7.
    pub key: [u8; KEY_LENGTH],
}

#[allow(clippy::single_match)]
impl Message for A {
    fn write(&self, out: &mut Vec<u8>) {
        field::put_bytes(out, 7, &self.key);
    }

    fn read(items: Items<'_>) -> Result<Self, Error> {
        let mut key = None;
        for item in items {
            let item = item?;
            match item.tag {
                7 => field::once(&mut key, field::fixed(&item)?)?,
                _ => {}
            }
        }
        Ok(A {
            key: field::required(key)?,
        })
    }
}
