//! `tasks`: 1,000,000 tasks spawned and joined, cancelled, woken from four threads; plain, or under a sanitizer, and then the tests of loops on
//! several threads too.

use std::process::Command;

use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{suite, tree};

/// `cargo xtask tasks [COUNT] [--sanitize thread|address]`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let count = opts.words().first().map_or("1000000", String::as_str);
    let example = ["--package", "evoxide", "--example", "many_tasks"];
    let program = match opts.value("sanitize") {
        None => {
            proc::show(suite::cargo().args(["build", "--quiet", "--release"]).args(example))?;
            tree::target().join("release/examples/many_tasks")
        }
        Some(kind) => {
            let nightly = std::env::var("EVOXIDE_NIGHTLY").unwrap_or_else(|_| "nightly".into());
            let version = proc::text(Command::new("rustup").args(["run", &nightly, "rustc", "-vV"]))?;
            let host = version.lines().find_map(|l| l.strip_prefix("host: ")).ok_or("rustc -vV names no host")?;
            let target = tree::target().join(format!("sanitize-{kind}"));
            let sanitized = |verb: &str| {
                let mut cargo = Command::new("rustup");
                cargo.args(["run", &nightly, "cargo", verb, "--quiet", "-Zbuild-std", "--target", host]);
                cargo.arg("--target-dir").arg(&target).current_dir(tree::root());
                cargo.env("RUSTFLAGS", format!("-Zsanitizer={kind} -Cforce-frame-pointers=yes"));
                cargo.env("TSAN_OPTIONS", "halt_on_error=1");
                cargo
            };
            proc::show(sanitized("test").args(["--package", "evoxide", "--test", "cores"]))?;
            proc::show(sanitized("build").args(example))?;
            target.join(host).join("debug/examples/many_tasks")
        }
    };
    proc::show(Command::new(program).arg(count).env("TSAN_OPTIONS", "halt_on_error=1"))?;
    Ok(Tally { passed: 1, failed: 0 })
}
