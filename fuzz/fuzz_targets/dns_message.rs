//! DNS messages: any bytes are parsed or refused, and what was parsed can be read to its end.
//!
//! `cargo +nightly fuzz run dns_message`
#![no_main]

use evoxide_proto::dns::answer::interpret;
use evoxide_proto::dns::{Data, Message};

libfuzzer_sys::fuzz_target!(|wire: &[u8]| {
    let Ok(message) = Message::parse(wire) else { return };
    let header = message.header();
    assert_eq!(message.questions().count(), usize::from(header.counts[0]));
    let sections = [message.answers().count(), message.authorities().count(), message.additionals().count()];
    for (seen, announced) in sections.iter().zip(&header.counts[1..]) {
        assert_eq!(*seen, usize::from(*announced));
    }
    for record in message.answers().chain(message.authorities()).chain(message.additionals()) {
        assert!(record.name.to_name().as_wire().len() <= 255);
        let Ok(data) = record.data() else { continue };
        match data {
            Data::Txt(strings) => assert!(strings.map(<[u8]>::len).sum::<usize>() < record.raw_data().len().max(1)),
            other => {
                let _ = format!("{other:?}");
            }
        }
    }
    let _ = (message.rcode(), format!("{message:?}"));
    for qtype in [1, 5, 12, 28, 255] {
        if let Ok(answer) = interpret(&message, qtype) {
            assert!(answer.records().count() > 0);
            let _ = (answer.addresses().count(), answer.canonical_name());
        }
    }
});
