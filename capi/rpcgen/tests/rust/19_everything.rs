// Made by event_rpcgen from 19_everything.rpc: changes are lost.

#[allow(unused_imports)]
use evoxide::rpc::{Error, Items, Message, field};

/// `struct part`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Tag 1.
    pub name: String,
    /// Tag 2.
    pub content: Option<Vec<u8>>,
}

#[allow(clippy::single_match)]
impl Message for Part {
    fn write(&self, out: &mut Vec<u8>) {
        field::put_bytes(out, 1, self.name.as_bytes());
        for value in self.content.iter() {
            field::put_bytes(out, 2, value);
        }
    }

    fn read(items: Items<'_>) -> Result<Self, Error> {
        let mut name = None;
        let mut content = None;
        for item in items {
            let item = item?;
            match item.tag {
                1 => field::once(&mut name, field::text(&item)?)?,
                2 => field::once(&mut content, item.payload.to_vec())?,
                _ => {}
            }
        }
        Ok(Part {
            name: field::required(name)?,
            content,
        })
    }
}

/// `struct all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct All {
    /// Tag 1.
    pub i: u32,
    /// Tag 2.
    pub oi: Option<u32>,
    /// Tag 3.
    pub ai: Vec<u32>,
    /// Tag 4.
    pub l: u64,
    /// Tag 5.
    pub ol: Option<u64>,
    /// Tag 6.
    pub al: Vec<u64>,
    /// Tag 7.
    pub s: String,
    /// Tag 8.
    pub os: Option<String>,
    /// Tag 9.
    pub as_: Vec<String>,
    /// Tag 10.
    pub b: Option<Vec<u8>>,
    /// Tag 11.
    pub f: [u8; 32],
    /// Tag 12.
    pub of: Option<[u8; 8]>,
    /// Tag 13.
    pub p: Part,
    /// Tag 14.
    pub op: Option<Box<Part>>,
    /// Tag 15.
    pub ap: Vec<Part>,
}

#[allow(clippy::single_match)]
impl Message for All {
    fn write(&self, out: &mut Vec<u8>) {
        field::put_int(out, 1, u64::from(self.i));
        for value in self.oi.iter() {
            field::put_int(out, 2, u64::from(*value));
        }
        for value in self.ai.iter() {
            field::put_int(out, 3, u64::from(*value));
        }
        field::put_int(out, 4, self.l);
        for value in self.ol.iter() {
            field::put_int(out, 5, *value);
        }
        for value in self.al.iter() {
            field::put_int(out, 6, *value);
        }
        field::put_bytes(out, 7, self.s.as_bytes());
        for value in self.os.iter() {
            field::put_bytes(out, 8, value.as_bytes());
        }
        for value in self.as_.iter() {
            field::put_bytes(out, 9, value.as_bytes());
        }
        for value in self.b.iter() {
            field::put_bytes(out, 10, value);
        }
        field::put_bytes(out, 11, &self.f);
        for value in self.of.iter() {
            field::put_bytes(out, 12, value);
        }
        field::put_message(out, 13, &self.p);
        for value in self.op.iter() {
            field::put_message(out, 14, value.as_ref());
        }
        for value in self.ap.iter() {
            field::put_message(out, 15, value);
        }
    }

    fn read(items: Items<'_>) -> Result<Self, Error> {
        let mut i = None;
        let mut oi = None;
        let mut ai = Vec::new();
        let mut l = None;
        let mut ol = None;
        let mut al = Vec::new();
        let mut s = None;
        let mut os = None;
        let mut as_ = Vec::new();
        let mut b = None;
        let mut f = None;
        let mut of = None;
        let mut p = None;
        let mut op = None;
        let mut ap = Vec::new();
        for item in items {
            let item = item?;
            match item.tag {
                1 => field::once(&mut i, item.int()?)?,
                2 => field::once(&mut oi, item.int()?)?,
                3 => ai.push(item.int()?),
                4 => field::once(&mut l, item.int64()?)?,
                5 => field::once(&mut ol, item.int64()?)?,
                6 => al.push(item.int64()?),
                7 => field::once(&mut s, field::text(&item)?)?,
                8 => field::once(&mut os, field::text(&item)?)?,
                9 => as_.push(field::text(&item)?),
                10 => field::once(&mut b, item.payload.to_vec())?,
                11 => field::once(&mut f, field::fixed(&item)?)?,
                12 => field::once(&mut of, field::fixed(&item)?)?,
                13 => field::once(&mut p, Part::read(item.items()?)?)?,
                14 => field::once(&mut op, Box::new(Part::read(item.items()?)?))?,
                15 => ap.push(Part::read(item.items()?)?),
                _ => {}
            }
        }
        Ok(All {
            i: field::required(i)?,
            oi,
            ai,
            l: field::required(l)?,
            ol,
            al,
            s: field::required(s)?,
            os,
            as_,
            b,
            f: field::required(f)?,
            of,
            p: field::required(p)?,
            op,
            ap,
        })
    }
}
