//! URIs: what is split joins again, what is encoded decodes again.
//!
//! `cargo +nightly fuzz run uri`
#![no_main]

use evoxide_proto::uri::{self, Flags, Plus};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&how, text)) = data.split_first() else { return };
    let flags = Flags { nonconformant: how & 1 != 0, unix_socket: how & 2 != 0 };
    if let Some(parts) = uri::parse(text, flags) {
        let mut joined = Vec::new();
        if uri::join(&parts, None, &mut joined).is_some() {
            let again = uri::parse(&joined, flags);
            assert!(again.is_some(), "{joined:?}");
        }
    }
    let (mut encoded, mut back) = (Vec::new(), Vec::new());
    uri::encode(text, how & 8 != 0, &mut encoded);
    uri::decode(&encoded, if how & 8 != 0 { Plus::Space } else { Plus::Keep }, &mut back);
    assert_eq!(back, text);
});
