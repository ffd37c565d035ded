//! A server that says of the names of a list, and of those below them, that they do not exist, and asks others for the rest.
//!
//! `cargo run --example dns_blocklist -- 127.0.0.1:5353 ads.example tracker.example`

use evoxide::EventLoop;
use evoxide::dns::{Config, Failure, Name, rcode, rtype};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let addr = words.next().unwrap_or_else(|| String::from("127.0.0.1:5353"));
    let blocked = words.map(|word| word.parse()).collect::<Result<Vec<Name>, _>>()?;
    let mut ev = EventLoop::new(0u64)?;
    let resolver = ev.resolver(Config::system())?;
    ev.dns_server(addr.as_str(), move |cx, query| {
        let (name, kind) = (query.name(), query.rtype());
        if blocked.iter().any(|blocked| name.ends_with(blocked)) {
            *cx.state() += 1;
            println!("blocked {name} ({} so far)", cx.state());
            return rcode::NXDOMAIN;
        }
        if kind != rtype::A && kind != rtype::AAAA {
            return rcode::NOTIMP;
        }
        let mut query = query.defer();
        resolver.lookup(cx, &format!("{name}."), kind, Some(Duration::from_secs(5)), move |cx, answer| {
            let code = match answer {
                Ok(answer) => {
                    for address in answer.addresses() {
                        query.answer(Duration::from_secs(answer.ttl.into()), address);
                    }
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
