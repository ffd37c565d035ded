//! `loom`: the models of what threads share, in every order of their steps.

use std::time::Duration;

use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::suite;
use crate::tree;

/// The crates with a model, and the part of their tests' names that chooses it.
const MODELS: &[(&str, &str)] = &[("evoxide-sys", "wake::tests::model")];

/// `cargo xtask loom`.
pub fn task(_opts: &Opts) -> Result<Tally, String> {
    run()
}

/// Runs all models, each bounded in time and in how often a thread is interrupted.
pub fn run() -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (package, filter) in MODELS {
        let mut cmd = suite::cargo();
        cmd.args(["test", "--release", "--lib", "-p", package, "--target-dir"]);
        cmd.arg(tree::target().join("loom")).arg(filter);
        cmd.env("RUSTFLAGS", "--cfg loom").env("LOOM_MAX_PREEMPTIONS", "3");
        cmd.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        let done = proc::catch(&mut cmd, Duration::from_secs(300))?;
        let passed = suite::passed(&done.out);
        if !done.ok() || passed == 0 {
            return Err(format!("{}: {}\n{}{}", proc::line(&cmd), done.how(), done.out, done.err));
        }
        println!("loom: {package} {filter}: {passed} models hold");
        tally.passed += passed;
    }
    Ok(tally)
}
