//! Messages of `.rpc` files: any bytes are read or refused, and what is read is written and read again as the same.
//!
//! `cargo +nightly fuzz run rpc`
#![no_main]

use evoxide_proto::rpc::{Message, field};
use evoxide_proto::tag::{Error, Items};

/// An entry of each kind, and the struct itself in two ways.
#[derive(Debug, PartialEq)]
struct Node {
    number: u32,
    large: Option<u64>,
    text: Option<String>,
    fixed: Option<[u8; 4]>,
    numbers: Vec<u32>,
    next: Option<Box<Node>>,
    children: Vec<Node>,
}

impl Message for Node {
    fn write(&self, out: &mut Vec<u8>) {
        field::put_int(out, 1, u64::from(self.number));
        for value in self.large.iter() {
            field::put_int(out, 2, *value);
        }
        for value in self.text.iter() {
            field::put_bytes(out, 3, value.as_bytes());
        }
        for value in self.fixed.iter() {
            field::put_bytes(out, 4, value);
        }
        for value in self.numbers.iter() {
            field::put_int(out, 5, u64::from(*value));
        }
        for value in self.next.iter() {
            field::put_message(out, 6, value.as_ref());
        }
        for value in self.children.iter() {
            field::put_message(out, 7, value);
        }
    }

    fn read(items: Items<'_>) -> Result<Self, Error> {
        let (mut number, mut large, mut text, mut fixed, mut next) = (None, None, None, None, None);
        let (mut numbers, mut children) = (Vec::new(), Vec::new());
        for item in items {
            let item = item?;
            match item.tag {
                1 => field::once(&mut number, item.int()?)?,
                2 => field::once(&mut large, item.int64()?)?,
                3 => field::once(&mut text, field::text(&item)?)?,
                4 => field::once(&mut fixed, field::fixed(&item)?)?,
                5 => numbers.push(item.int()?),
                6 => field::once(&mut next, Box::new(Node::read(item.items()?)?))?,
                7 => children.push(Node::read(item.items()?)?),
                _ => {}
            }
        }
        Ok(Node { number: field::required(number)?, large, text, fixed, numbers, next, children })
    }
}

libfuzzer_sys::fuzz_target!(|wire: &[u8]| {
    if let Ok(node) = Node::from_bytes(wire) {
        assert_eq!(Node::from_bytes(&node.to_bytes()), Ok(node));
    }
});
