//! Query strings: the fields are parts of the text in their order, and written out they are read as the same.
//!
//! `cargo +nightly fuzz run query`
#![no_main]

use evoxide_proto::uri::{self, Plus};

fn fields(text: &[u8], nonconformant: bool) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    uri::query(text, nonconformant).map(|field| field.map(|(k, v)| (k.to_vec(), v.to_vec()))).collect()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&how, text)) = data.split_first() else { return };
    let nonconformant = how & 1 != 0;
    let Some(list) = fields(text, nonconformant) else { return };
    let mut again = Vec::new();
    for (key, value) in &list {
        assert!(!key.is_empty() && !key.contains(&b'&') && !key.contains(&b'='));
        assert!(!value.contains(&b'&'));
        if !again.is_empty() {
            again.push(b'&');
        }
        again.extend_from_slice(key);
        again.push(b'=');
        again.extend_from_slice(value);
        let (mut plain, mut encoded, mut back) = (Vec::new(), Vec::new(), Vec::new());
        uri::decode(value, Plus::Space, &mut plain);
        uri::encode(&plain, true, &mut encoded);
        uri::decode(&encoded, Plus::Space, &mut back);
        assert_eq!(plain, back);
    }
    assert_eq!(Some(list), fields(&again, nonconformant));
});
