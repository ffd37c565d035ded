//! The oldest compiler that the workspace promises to build with, where it is installed.

use std::process::Command;
use std::time::Duration;

use crate::proc::{self, Tally};
use crate::tree;

/// Checks everything with that compiler. Without it, says so and counts nothing: what remains is Clippy's look at the
/// standard library's functions (`incompatible_msrv`).
pub fn check() -> Result<Tally, String> {
    let manifest = tree::read(&tree::root().join("Cargo.toml"))?;
    let version = manifest.lines().find_map(|l| l.strip_prefix("rust-version = ")).ok_or("no rust-version")?;
    let version = version.trim().trim_matches('"');
    let list = proc::text(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    let Some(toolchain) = list.lines().filter_map(|l| l.split(' ').next()).find(|name| is(name, version)) else {
        println!(
            "Rust {version} is not installed, so only Clippy looked: rustup toolchain install {version} --profile minimal"
        );
        return Ok(Tally::default());
    };
    let mut cmd = Command::new("rustup");
    cmd.args(["run", toolchain, "cargo", "check", "--workspace", "--all-targets", "--quiet", "--target-dir"]);
    cmd.arg(tree::target().join("msrv")).current_dir(tree::root());
    let done = proc::catch(&mut cmd, Duration::from_secs(1800))?;
    if done.ok() {
        return Ok(Tally { passed: 1, failed: 0 });
    }
    Err(format!("{}: {}\n{}{}", proc::line(&cmd), done.how(), done.out, done.err))
}

/// Whether `1.88-x86_64-...` or `1.88.0-x86_64-...` is the version 1.88.
fn is(toolchain: &str, version: &str) -> bool {
    toolchain.strip_prefix(version).is_some_and(|rest| rest.starts_with(['.', '-']))
}
