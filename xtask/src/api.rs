//! `api`: documentation as docs.rs builds it, and what the public interface of the Rust library names.
//!
//! rustdoc writes the interface as JSON, with all features and `--cfg docsrs`; a warning is an error. Every type and trait that it
//! names must be evoxide's own, or belong to a crate of [`FOREIGN`], which is then part of the interface: a new major version of
//! it is one of evoxide's. Of `evoxide_proto` only what is re-exported may be named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::proc::{self, Tally};
use crate::suite::cargo;
use crate::tree;

/// Crates whose types and traits the public interface may name.
const FOREIGN: [&str; 11] = [
    "alloc",
    "bytes",
    "core",
    "futures_core",
    "futures_io",
    "http",
    "rustls",
    "rustls_pki_types",
    "serde",
    "serde_core",
    "std",
];

/// `cargo xtask api`.
pub fn task() -> Result<Tally, String> {
    let mut tally = Tally::default();
    let text = json("evoxide")?;
    tally.count(true);
    let found = strangers(&text)?;
    for (item, place) in &found {
        println!("{place} names {item}, which is no type of evoxide's");
    }
    tally.count(found.is_empty());
    Ok(tally)
}

/// The public interface of a crate, as rustdoc writes it; fails on its warnings.
///
/// That output needs a switch that a stable rustdoc refuses. The variable that allows it is set for rustdoc alone: Cargo would build
/// some crates again.
fn json(package: &str) -> Result<String, String> {
    let rustdoc = wrapper()?;
    let mut cmd = cargo();
    cmd.args(["rustdoc", "--package", package, "--all-features", "--quiet", "--"]);
    cmd.args(["--cfg", "docsrs", "-D", "warnings", "-Z", "unstable-options", "--output-format", "json"]);
    cmd.env("RUSTDOC", rustdoc);
    let done = proc::catch(&mut cmd, Duration::from_secs(1800))?;
    if !done.ok() {
        return Err(format!("{}: {}\n{}{}", proc::line(&cmd), done.how(), done.out, done.err));
    }
    tree::read(&tree::target().join("doc").join(format!("{package}.json")))
}

/// A rustdoc that takes unstable options.
fn wrapper() -> Result<PathBuf, String> {
    let path = tree::scratch("api")?.join("rustdoc");
    tree::write(&path, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n")?;
    proc::show(Command::new("chmod").arg("+x").arg(&path))?;
    Ok(path)
}

/// Items of other crates that the interface names and may not, each with one place.
fn strangers(json: &str) -> Result<BTreeMap<String, String>, String> {
    let paths = json.find("\"paths\":{").ok_or("rustdoc's JSON has no paths")?;
    let owners = owners(&json[paths..]);
    let exported: BTreeSet<&str> = items(json, "\"source\":\"evoxide_proto::")
        .filter_map(|(_, rest)| rest.split('"').next()?.rsplit("::").next())
        .collect();
    let mut named = 0;
    let mut found = BTreeMap::new();
    for (at, rest) in items(&json[..paths], "{\"path\":\"") {
        let Some((name, rest)) = rest.split_once("\",\"id\":") else { continue };
        let Some(owner) = digits(rest).and_then(|id| owners.get(id)) else { continue };
        named += 1;
        let last = name.rsplit("::").next().unwrap_or(name);
        if *owner == "evoxide" || FOREIGN.contains(owner) || (*owner == "evoxide_proto" && exported.contains(last)) {
            continue;
        }
        let place = place(&json[..at]);
        // Traits of others for every type there is (`tracing::Instrument`) are theirs to write.
        if place.starts_with("crates/") {
            found.entry(format!("{owner}::{last}")).or_insert(place);
        }
    }
    // Fewer would mean that rustdoc writes something else now.
    if named < 1000 { Err(format!("rustdoc's JSON names only {named} types")) } else { Ok(found) }
}

/// Which crate each item belongs to, by the item's number.
fn owners(paths: &str) -> BTreeMap<&str, &str> {
    let mut owners = BTreeMap::new();
    for (at, rest) in items(paths, "\":{\"crate_id\":") {
        let id = paths[..at].rsplit('"').next();
        let owner = rest.split_once("\"path\":[\"").and_then(|(_, path)| path.split('"').next());
        if let (Some(id), Some(owner)) = (id, owner) {
            owners.insert(id, owner);
        }
    }
    owners
}

/// Where a text occurs, and what follows it.
fn items<'a>(json: &'a str, what: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    json.match_indices(what).map(move |(at, _)| (at, &json[at + what.len()..]))
}

fn digits(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    (end > 0).then(|| &text[..end])
}

/// The file and line of the item that text ends in.
fn place(json: &str) -> String {
    let Some((_, rest)) = json.rsplit_once("\"filename\":\"") else { return "somewhere".into() };
    let file = rest.split('"').next().unwrap_or_default();
    let line = rest.split_once("\"begin\":[").and_then(|(_, rest)| digits(rest)).unwrap_or("?");
    format!("{file}:{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_that_of_the_item_before() {
        let json = r#"{"filename":"a.rs","begin":[3,1]},{"filename":"b.rs","begin":[14,1]},"inner":"#;
        assert_eq!(place(json), "b.rs:14");
    }

    #[test]
    fn an_item_belongs_to_the_crate_that_its_path_begins_with() {
        let paths = r#""paths":{"7":{"crate_id":3,"path":["evoxide_core","key","Key"],"kind":"struct"}}"#;
        assert_eq!(owners(paths).get("7"), Some(&"evoxide_core"));
    }
}
