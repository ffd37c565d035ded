//! `symbols`: what the shared objects export, against the lists of what they owe.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::dist::{self, OBJECT};
use crate::opts::Opts;
use crate::proc::Tally;
use crate::{nm, symtab};

/// `cargo xtask symbols`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let dist = dist::build(opts)?;
    let mut tally = libevent(&dist.lib().join(OBJECT))?;
    let adaptor = dist.lib().join("libevent_openssl-2.1.so.7.0.1");
    if adaptor.exists() {
        tally.add(openssl(&adaptor)?);
    }
    tally.add(libev(&dist.lib().join("libev.so.4.0.0"))?);
    Ok(tally.print())
}

/// One check for every finished header, one for foreign names.
fn libevent(object: &Path) -> Result<Tally, String> {
    let have = nm::names(object)?;
    let rows = symtab::libevent()?;
    let finished = symtab::finished()?;
    let mut headers: BTreeMap<&str, (usize, Vec<&str>)> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.library != "openssl") {
        let entry = headers.entry(&row.header).or_default();
        if have.contains(&row.name) {
            entry.0 += 1;
        } else {
            entry.1.push(&row.name);
        }
    }
    println!("libevent-2.1.so.7");
    println!("  {:<30} {:>7} {:>7}", "header", "present", "missing");
    let mut tally = Tally::default();
    for (header, (present, missing)) in &headers {
        let owed = finished.contains(*header);
        let mark = if owed { "" } else { "  later work" };
        println!("  {header:<30} {present:>7} {:>7}{mark}", missing.len());
        if owed {
            tally.count(missing.is_empty());
            for name in missing {
                println!("      {name}");
            }
        }
    }
    let owed: Vec<_> = headers.iter().filter(|(h, _)| finished.contains(**h)).collect();
    let missing: usize = owed.iter().map(|(_, (_, m))| m.len()).sum();
    println!("  finished headers: {}, missing {missing}", owed.len());
    let known: BTreeSet<&str> = rows.iter().map(|r| r.name.as_str()).collect();
    // The TLS adaptor, a shared object of its own, reaches the main library through names that start like this.
    let extra = foreign(&have, |n| known.contains(n) || (n.starts_with("evoxide_") && !n.ends_with('_')));
    tally.count(extra.is_empty());
    Ok(tally)
}

/// The adaptor to OpenSSL: every name of its header but those for mbedTLS, and nothing else.
fn openssl(object: &Path) -> Result<Tally, String> {
    let have = nm::names(object)?;
    let rows = symtab::libevent()?;
    let owed = |r: &&symtab::Row| r.library == "openssl" && !r.name.contains("mbedtls");
    let known: BTreeSet<&str> = rows.iter().filter(owed).map(|r| r.name.as_str()).collect();
    let missing: Vec<&&str> = known.iter().filter(|n| !have.contains(**n)).collect();
    println!("libevent_openssl-2.1.so.7\n  present {}, missing {}", known.len() - missing.len(), missing.len());
    for name in &missing {
        println!("      {name}");
    }
    let extra = foreign(&have, |n| known.contains(n));
    let mut tally = Tally::default();
    tally.count(missing.is_empty());
    tally.count(extra.is_empty());
    Ok(tally)
}

/// The list must be met exactly once the library exports anything.
fn libev(object: &Path) -> Result<Tally, String> {
    let have = nm::names(object)?;
    let owed = symtab::libev()?;
    let missing: Vec<&String> = owed.difference(&have).collect();
    println!("libev.so.4\n  present {}, missing {}", owed.len() - missing.len(), missing.len());
    for name in &missing {
        println!("      {name}");
    }
    let extra = foreign(&have, |n| owed.contains(n));
    let mut tally = Tally::default();
    tally.count(missing.is_empty());
    tally.count(extra.is_empty());
    Ok(tally)
}

/// Prints and answers the exports that are not `known`.
fn foreign(have: &BTreeSet<String>, known: impl Fn(&str) -> bool) -> Vec<&String> {
    let extra: Vec<&String> = have.iter().filter(|n| !known(n)).collect();
    println!("  exported and not listed: {}", extra.len());
    for name in &extra {
        println!("      {name}");
    }
    extra
}
