//! A forwarder that keeps answers, and says that the names of a list do not exist.
//!
//! `cargo run --example dns_forwarder -- 127.0.0.1:5353 blocked.example ads.example`

use evoxide::EventLoop;
use evoxide::dns::{Config, Name, Resolver, rcode};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

#[derive(Default)]
struct State {
    blocked: Vec<Name>,
    resolver: Option<Resolver>,
    /// What was found; queries are answered from here, and clients that come too early ask again.
    found: HashMap<(Name, u16), Vec<IpAddr>>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let addr = words.next().unwrap_or_else(|| String::from("127.0.0.1:5353"));
    let blocked = words.map(|word| word.parse()).collect::<Result<Vec<Name>, _>>()?;
    let mut ev = EventLoop::new(State { blocked, ..State::default() })?;
    let resolver = ev.resolver(Config::system())?;
    ev.state_mut().resolver = Some(resolver);
    ev.dns_server(addr.as_str(), |cx, query| {
        let (name, kind) = (query.name(), query.rtype());
        if cx.state().blocked.iter().any(|blocked| name.ends_with(blocked)) {
            return rcode::NXDOMAIN;
        }
        if let Some(addresses) = cx.state().found.get(&(name, kind)) {
            for address in addresses.clone() {
                query.answer(Duration::from_secs(60), address);
            }
            return rcode::NOERROR;
        }
        if let Some(resolver) = cx.state().resolver {
            let text = format!("{name}.");
            resolver.lookup(cx, &text, kind, Some(Duration::from_secs(5)), move |cx, answer| {
                if let Ok(answer) = answer {
                    cx.state().found.insert((name, kind), answer.addresses().collect());
                }
            });
        }
        rcode::SERVFAIL
    })?;
    println!("answering on {addr}");
    ev.run()?;
    Ok(())
}
