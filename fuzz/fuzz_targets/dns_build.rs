//! DNS messages: what is parsed is built again, and parsed to the same.
//!
//! `cargo +nightly fuzz run dns_build`
#![no_main]

use evoxide_proto::dns::{Builder, Data, Message, Rdata, Record, Section, rtype};

/// The record's data with names written out, as the builder takes them.
fn put(builder: &mut Builder, section: Section, record: &Record<'_>) -> bool {
    let owner = record.name.to_name();
    let mut names = [None, None];
    let mut raw = Vec::new();
    match record.data() {
        Ok(Data::Cname(name) | Data::Ns(name) | Data::Ptr(name)) => names[0] = Some(name.to_name()),
        Ok(Data::Mx { preference, exchange }) => {
            raw.extend(preference.to_be_bytes());
            names[0] = Some(exchange.to_name());
        }
        Ok(Data::Soa(soa)) => {
            names = [Some(soa.primary.to_name()), Some(soa.mailbox.to_name())];
            for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
                raw.extend(number.to_be_bytes());
            }
        }
        Ok(Data::Srv { .. } | Data::Svcb { .. }) | Err(_) => return false,
        Ok(_) => {}
    }
    let data = match &names {
        [Some(one), Some(two)] => Rdata::Names(one.as_wire(), two.as_wire(), &raw),
        [Some(one), None] if record.rtype == rtype::MX => Rdata::Prefixed(&raw, one.as_wire()),
        [Some(one), None] => Rdata::Name(one.as_wire()),
        _ => Rdata::Bytes(record.raw_data()),
    };
    builder.record(section, owner.as_wire(), record.rtype, record.class, record.ttl, data).is_ok()
}

libfuzzer_sys::fuzz_target!(|wire: &[u8]| {
    let Ok(message) = Message::parse(wire) else { return };
    let _ = format!("{:?}", message.rcode());
    let mut builder = Builder::new();
    builder.start(message.header().id, message.header().flags, 65_535).unwrap();
    for question in message.questions() {
        let name = question.name.to_name();
        assert!(question.name.has_bytes(name.as_wire()));
        if builder.question(name.as_wire(), question.qtype, question.class).is_err() {
            return;
        }
    }
    let answers: Vec<_> = message.answers().collect();
    let written = answers.iter().take_while(|record| put(&mut builder, Section::Answer, record)).count();
    let again = Message::parse(builder.finish()).expect("what was built is a message");
    for (one, two) in answers.iter().zip(again.answers()) {
        assert!(one.name.has_bytes(two.name.to_name().as_wire()));
        assert_eq!((one.rtype, one.class, one.ttl), (two.rtype, two.class, two.ttl));
        assert_eq!(format!("{:?}", one.data().ok()), format!("{:?}", two.data().ok()));
    }
    assert_eq!(again.answers().count(), written);
});
