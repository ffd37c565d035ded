//! Tagged data: any bytes are read or refused, and what is read is what was there.
//!
//! `cargo +nightly fuzz run tag`
#![no_main]

use evoxide_proto::tag::{self, Error, Items, Limits};

/// The bytes of all items of a level and of those below it; every payload is tried as every type.
fn walk(items: Items<'_>) -> Result<usize, Error> {
    let mut bytes = 0;
    for item in items {
        let item = item?;
        let mut again = Vec::new();
        tag::put_bytes(&mut again, item.tag, item.payload);
        bytes += again.len();
        if let Ok(number) = item.int64() {
            assert!(tag::encode_int(number).as_slice().len() <= item.payload.len());
        }
        let _ = (item.int(), item.text());
        if let Ok(inner) = item.items() {
            let _ = walk(inner);
        }
    }
    Ok(bytes)
}

libfuzzer_sys::fuzz_target!(|wire: &[u8]| {
    let limits = Limits { items: 1000, depth: 8, ..Limits::default() };
    if let Ok(bytes) = walk(Items::new(wire, limits)) {
        // Tags and lengths may be written longer than need be, never shorter.
        assert!(bytes <= wire.len());
    }
});
