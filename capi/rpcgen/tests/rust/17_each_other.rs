// Made by event_rpcgen from 17_each_other.rpc: changes are lost.

#[allow(unused_imports)]
use evoxide::rpc::{Error, Items, Message, field};

/// `struct ping`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Tag 1.
    pub n: u32,
    /// Tag 2.
    pub back: Option<Box<Pong>>,
}

#[allow(clippy::single_match)]
impl Message for Ping {
    fn write(&self, out: &mut Vec<u8>) {
        field::put_int(out, 1, u64::from(self.n));
        for value in self.back.iter() {
            field::put_message(out, 2, value.as_ref());
        }
    }

    fn read(items: Items<'_>) -> Result<Self, Error> {
        let mut n = None;
        let mut back = None;
        for item in items {
            let item = item?;
            match item.tag {
                1 => field::once(&mut n, item.int()?)?,
                2 => field::once(&mut back, Box::new(Pong::read(item.items()?)?))?,
                _ => {}
            }
        }
        Ok(Ping {
            n: field::required(n)?,
            back,
        })
    }
}

/// `struct pong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pong {
    /// Tag 1.
    pub s: String,
    /// Tag 2.
    pub again: Vec<Ping>,
}

#[allow(clippy::single_match)]
impl Message for Pong {
    fn write(&self, out: &mut Vec<u8>) {
        field::put_bytes(out, 1, self.s.as_bytes());
        for value in self.again.iter() {
            field::put_message(out, 2, value);
        }
    }

    fn read(items: Items<'_>) -> Result<Self, Error> {
        let mut s = None;
        let mut again = Vec::new();
        for item in items {
            let item = item?;
            match item.tag {
                1 => field::once(&mut s, field::text(&item)?)?,
                2 => again.push(Ping::read(item.items()?)?),
                _ => {}
            }
        }
        Ok(Pong {
            s: field::required(s)?,
            again,
        })
    }
}
