//! `resolv.conf` of any bytes.
//!
//! `cargo +nightly fuzz run dns_conf`
#![no_main]

use evoxide_proto::dns::Name;
use evoxide_proto::dns::conf::Conf;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let conf = Conf::parse(text, |name| (name == b"lo").then_some(1));
    assert!(conf.ndots <= 15 && (1..=30).contains(&conf.timeout) && (1..=5).contains(&conf.attempts));
    for name in &conf.search {
        let _ = Name::from_text(name);
    }
});
