//! `loom`: the models of what threads share, in every order of their steps.

use std::time::Duration;

use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::suite;

/// `cargo xtask loom`. `cargo test --workspace`, and so `test`, runs the same models.
pub fn task(_opts: &Opts) -> Result<Tally, String> {
    let mut cmd = suite::cargo();
    cmd.args(["test", "--package", "evoxide-models"]);
    let done = proc::catch(&mut cmd, Duration::from_secs(900))?;
    let passed = suite::passed(&done.out);
    if !done.ok() || passed == 0 {
        return Err(format!("{}: {}\n{}{}", proc::line(&cmd), done.how(), done.out, done.err));
    }
    println!("{passed} models hold");
    Ok(Tally { passed, failed: 0 })
}
