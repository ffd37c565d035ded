// Made by event_rpcgen from 16_itself.rpc: changes are lost.

#[allow(unused_imports)]
use evoxide::rpc::{Error, Items, Message, field};

/// `struct node`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Tag 1.
    pub value_: u32,
    /// Tag 2.
    pub next: Option<Box<Node>>,
    /// Tag 3.
    pub children: Vec<Node>,
}

#[allow(clippy::single_match)]
impl Message for Node {
    fn write(&self, out: &mut Vec<u8>) {
        field::put_int(out, 1, u64::from(self.value_));
        for value in self.next.iter() {
            field::put_message(out, 2, value.as_ref());
        }
        for value in self.children.iter() {
            field::put_message(out, 3, value);
        }
    }

    fn read(items: Items<'_>) -> Result<Self, Error> {
        let mut value_ = None;
        let mut next = None;
        let mut children = Vec::new();
        for item in items {
            let item = item?;
            match item.tag {
                1 => field::once(&mut value_, item.int()?)?,
                2 => field::once(&mut next, Box::new(Node::read(item.items()?)?))?,
                3 => children.push(Node::read(item.items()?)?),
                _ => {}
            }
        }
        Ok(Node {
            value_: field::required(value_)?,
            next,
            children,
        })
    }
}
