//! `resolv.conf` and hosts files of any bytes.
//!
//! `cargo +nightly fuzz run dns_conf`
#![no_main]

use evoxide_proto::dns::Name;
use evoxide_proto::dns::conf::Conf;
use evoxide_proto::dns::hosts::{Hosts, entries};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let conf = Conf::parse(text, |name| (name == b"lo").then_some(1));
    assert!(conf.ndots <= 15 && (1..=30).contains(&conf.timeout) && (1..=5).contains(&conf.attempts));
    for name in &conf.search {
        let _ = Name::from_text(name);
    }
    let mut hosts = Hosts::default();
    hosts.load(text).unwrap();
    for entry in entries(text) {
        for name in entry.names {
            assert!(hosts.find(name).any(|address| address == entry.address));
        }
    }
});
