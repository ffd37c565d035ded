//! `publish`: what must hold before the crates go to crates.io, without sending anything; see `docs/releasing.md`.

use std::time::Duration;

use crate::proc::{self, Tally};
use crate::suite::cargo;
use crate::{api, features, tree};

/// The crates that are published, in the order of their dependencies.
const CRATES: [&str; 4] = ["evoxide-core", "evoxide-proto", "evoxide-sys", "evoxide"];

/// `cargo xtask publish`.
pub fn task() -> Result<Tally, String> {
    let mut tally = Tally::default();
    for name in CRATES {
        let dir = tree::root().join("crates").join(name);
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            let held = dir.join(file).is_file();
            if !held {
                println!("crates/{name}/{file} is missing");
            }
            tally.count(held);
        }
    }
    let mut package = cargo();
    package.args(["package", "--quiet", "--allow-dirty"]);
    for name in CRATES {
        package.args(["--package", name]);
    }
    tally.add(run(package)?);
    tally.add(features::task()?);
    tally.add(api::task()?);
    if has("deny") {
        let mut deny = cargo();
        deny.args(["deny", "--all-features", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
        tally.add(run(deny)?);
        tally.add(advisories()?);
    }
    if has("semver-checks") {
        for name in CRATES {
            let mut semver = cargo();
            semver.args(["semver-checks", "--package", name]);
            tally.add(run(semver)?);
        }
    }
    println!("in this order: cargo publish --package {}", CRATES.join(", "));
    Ok(tally.print())
}

/// Known faults of dependencies. Their list is on the network; where that is out of reach, says so and counts nothing.
fn advisories() -> Result<Tally, String> {
    let mut cmd = cargo();
    cmd.args(["deny", "--all-features", "check", "--hide-inclusion-graph", "advisories"]);
    let done = proc::catch(&mut cmd, Duration::from_secs(300))?;
    if done.err.contains("failed to fetch advisory database") {
        println!("the list of advisories is out of reach, so nobody asked it");
        return Ok(Tally::default());
    }
    let mut tally = Tally::default();
    tally.count(done.ok());
    if !done.ok() {
        print!("{}{}", done.out, done.err);
    }
    Ok(tally)
}

/// Whether a subcommand is installed; says so where it is not.
fn has(name: &str) -> bool {
    let found = proc::have(&format!("cargo-{name}"));
    if !found {
        println!("cargo-{name} is not installed, so it did not look: cargo install cargo-{name} --locked");
    }
    found
}

fn run(mut cmd: std::process::Command) -> Result<Tally, String> {
    let done = proc::catch(&mut cmd, Duration::from_secs(1800))?;
    let mut tally = Tally::default();
    tally.count(done.ok());
    let word = if done.ok() { "ok" } else { "FAILED" };
    println!("{word}: {}", proc::line(&cmd));
    if !done.ok() {
        print!("{}{}", done.out, done.err);
    }
    Ok(tally)
}
