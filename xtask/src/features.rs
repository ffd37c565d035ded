//! `features`: the Rust library without features, and with each of them alone, without a warning.

use std::time::Duration;

use crate::proc::{self, Tally};
use crate::suite::cargo;
use crate::tree;

/// `cargo xtask features`.
pub fn task() -> Result<Tally, String> {
    let manifest = tree::read(&tree::root().join("crates/evoxide/Cargo.toml"))?;
    let section = manifest.split("[features]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or_default();
    let names = section.lines().filter(|l| !l.starts_with('#')).filter_map(|l| Some(l.split_once(" = ")?.0));
    let mut tally = Tally::default();
    for name in [""].into_iter().chain(names.filter(|name| *name != "default")) {
        let mut clippy = cargo();
        clippy.args(["clippy", "--quiet", "--package", "evoxide", "--lib", "--no-default-features"]);
        clippy.args(["--features", name, "--", "-D", "warnings"]);
        let done = proc::catch(&mut clippy, Duration::from_secs(600))?;
        if !done.ok() {
            println!("with the features [{name}]:\n{}", done.err);
        }
        tally.count(done.ok());
    }
    Ok(tally)
}
