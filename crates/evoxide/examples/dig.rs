//! Asks for the records of a name, as `dig` does.
//!
//! `cargo run --example dig -- example.com MX`, with a server's address as a third word if it is not to be the system's.

use evoxide::EventLoop;
use evoxide::dns::{Config, Data, rtype};

fn number(name: &str) -> Option<u16> {
    Some(match name.to_ascii_uppercase().as_str() {
        "A" => rtype::A,
        "AAAA" => rtype::AAAA,
        "CAA" => rtype::CAA,
        "CNAME" => rtype::CNAME,
        "HTTPS" => rtype::HTTPS,
        "MX" => rtype::MX,
        "NS" => rtype::NS,
        "PTR" => rtype::PTR,
        "SOA" => rtype::SOA,
        "SRV" => rtype::SRV,
        "TXT" => rtype::TXT,
        other => other.strip_prefix("TYPE")?.parse().ok()?,
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let name = words.first().map_or("localhost.", String::as_str);
    let kind = words.get(1).map_or(Some(rtype::A), |word| number(word)).ok_or("unknown type")?;
    let config = match words.get(2) {
        Some(server) => Config::new().server(server.parse()?),
        None => Config::system(),
    };
    let mut ev = EventLoop::new(())?;
    let resolver = ev.resolver(config)?;
    resolver.lookup(&mut ev, name, kind, None, |_cx, answer| match answer {
        Err(failure) => println!("; {failure}"),
        Ok(answer) => {
            for record in answer.records() {
                match record.data() {
                    Ok(Data::A(bytes)) => {
                        println!("{} {} A {}", record.name, record.ttl, std::net::Ipv4Addr::from(bytes))
                    }
                    Ok(Data::Aaaa(bytes)) => {
                        println!("{} {} AAAA {}", record.name, record.ttl, std::net::Ipv6Addr::from(bytes));
                    }
                    Ok(data) => println!("{} {} {data:?}", record.name, record.ttl),
                    Err(error) => println!("; {error}"),
                }
            }
        }
    });
    ev.run()?;
    Ok(())
}
