//! A client's connection: any split of the input gives the same, and nothing panics.
//!
//! The first byte says where the input is cut. `cargo +nightly fuzz run http_answer`
#![no_main]

mod http;

use evoxide_proto::http::Client;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&how, input)) = data.split_first() else { return };
    http::assert_any_split(|| http::Role::Client(Client::new()), how, input);
});
