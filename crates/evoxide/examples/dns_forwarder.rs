//! A forwarder that keeps answers for as long as they may be kept.
//!
//! `cargo run --example dns_forwarder -- 127.0.0.1:5353`

use evoxide::EventLoop;
use evoxide::dns::{Answer, Config, Data, Failure, Query, Section, rcode};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| String::from("127.0.0.1:5353"));
    let mut ev = EventLoop::new(())?;
    // The resolver has the cache.
    let resolver = ev.resolver(Config::system().cache(10_000))?;
    ev.dns_server(addr.as_str(), move |cx, query| {
        let (name, kind) = (format!("{}.", query.name()), query.rtype());
        let mut query = query.defer();
        resolver.lookup(cx, &name, kind, Some(Duration::from_secs(5)), move |cx, answer| {
            let code = match answer {
                Ok(answer) => {
                    copy(&answer, &mut query);
                    rcode::NOERROR
                }
                Err(Failure::NoData(_)) => rcode::NOERROR,
                Err(Failure::NxDomain(_)) => rcode::NXDOMAIN,
                Err(_) => rcode::SERVFAIL,
            };
            query.respond(cx, code);
        });
        rcode::NOERROR
    })?;
    println!("answering on {addr}");
    ev.run()?;
    Ok(())
}

/// Copies the records that were asked for; an alias in front of them becomes one record.
fn copy(answer: &Answer, query: &mut Query) {
    let (asked, ttl) = (query.name(), Duration::from_secs(answer.ttl.into()));
    let owner = answer.canonical_name().unwrap_or(asked);
    if owner != asked {
        query.record_name(Section::Answer, &asked, evoxide::dns::rtype::CNAME, ttl, &owner);
    }
    for record in answer.records() {
        match record.data() {
            Ok(Data::Cname(name) | Data::Ns(name) | Data::Ptr(name)) => {
                query.record_name(Section::Answer, &owner, record.rtype, ttl, &name.to_name());
            }
            // Names in the data of these are compressed; this example leaves such records out.
            Ok(Data::Mx { .. } | Data::Soa(_)) | Err(_) => {}
            Ok(_) => query.record(Section::Answer, &owner, record.rtype, ttl, record.raw_data()),
        }
    }
}
