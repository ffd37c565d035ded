//! Hosts files of any bytes.
//!
//! `cargo +nightly fuzz run dns_hosts`
#![no_main]

use evoxide_proto::dns::hosts::{Hosts, entries};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let mut hosts = Hosts::default();
    hosts.load(text).unwrap();
    for entry in entries(text) {
        for name in entry.names {
            assert!(hosts.find(name).any(|address| address == entry.address));
        }
    }
});
