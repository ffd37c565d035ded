//! `test`: everything that must hold before a change goes in, and the only thing that CI calls.
//!
//! Two lanes run side by side: Cargo's own checks, and the build of the distribution with what looks at it and the C
//! programs, which mostly wait. Then the C programs under valgrind; then real programs.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::dist::{self, Dist};
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{abi, api, book, clients, ctest, fuzz, headers, links, msrv, packages, shape, symbols, tree};

/// `cargo xtask test`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let began = Instant::now();
    packages::ensure(packages::TEST)?;
    for (tool, how) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        proc::text(cargo().args([tool, "--version"]))
            .map_err(|_| format!("cargo {tool} is missing: rustup component add {how}"))?;
    }
    let mut tally = Tally::default();
    let (a, b) = std::thread::scope(|scope| {
        let rust = scope.spawn(rust_lane);
        let made = scope.spawn(|| dist_lane(opts));
        (rust.join().expect("the Rust lane panicked"), made.join().expect("the distribution lane panicked"))
    });
    tally.add(a);
    tally.add(b);

    let dist = Dist::at("release");
    let opts = built(&[("keep-going", ""), ("valgrind", ""), ("headers", "debian")]);
    tally.add(step("C tests under valgrind", || ctest::task(&opts)));
    tally.add(step("RPC generator, both libraries", || {
        rust_tests(cargo().args(["test", "--package", "event-rpcgen"]).env("EVOXIDE_LIB", dist.lib()))
    }));
    tally.add(step("differential fuzzers", || fuzz::task(&built(&[]))));
    tally.add(step("real programs", || clients::run(&dist, &[])));
    println!("\nall of it took {:.0} s", began.elapsed().as_secs_f64());
    Ok(tally.print())
}

/// Formatting, lints, documentation, unit and property tests.
fn rust_lane() -> Tally {
    let mut tally = Tally::default();
    tally.add(step("cargo fmt", || quiet(cargo().args(["fmt", "--all", "--check"]))));
    let lint = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    tally.add(step("cargo clippy", || quiet(cargo().args(lint))));
    tally.add(step("shape", shape::task));
    tally.add(step("oldest Rust", msrv::check));
    tally.add(step("cargo doc", || {
        quiet(cargo().args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))
    }));
    tally.add(step("public interface, as docs.rs builds it", api::task));
    tally.add(step("the guide", book::task));
    tally.add(step("cargo test", || {
        rust_tests(cargo().args([
            "test",
            "--workspace",
            "--features",
            "evoxide/native-roots,evoxide/metrics",
            "--no-fail-fast",
        ]))
    }));
    tally
}

/// The distribution, what can be said of it without running much, and the C programs on each backend.
fn dist_lane(opts: &Opts) -> Tally {
    let mut tally = step("dist", || dist::build(opts).map(|_| Tally { passed: 1, failed: 0 }));
    if tally.failed > 0 {
        return tally;
    }
    let opts = built(&[]);
    tally.add(step("exported names", || symbols::task(&opts)));
    tally.add(step("headers, layouts, prototypes", || headers::task(&opts)));
    tally.add(step("abidiff", || abi::task(&opts)));
    tally.add(step("linking", || links::task(&opts)));
    tally.add(step("C tests, both header sets", || ctest::task(&built(&[("keep-going", "")]))));
    // The first step ran on epoll, which is what is chosen where nothing is forced.
    for method in ["poll", "select"] {
        let opts = built(&[("keep-going", ""), ("method", method), ("headers", "debian")]);
        tally.add(step(&format!("C tests on {method}"), || ctest::task(&opts)));
    }
    tally
}

/// Options of a task that looks at what `dist` has built.
fn built(extra: &[(&str, &str)]) -> Opts {
    extra.iter().fold(Opts::default().with("no-build", ""), |opts, (name, value)| opts.with(name, value))
}

/// Cargo, in the workspace.
pub fn cargo() -> Command {
    let mut cmd = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cmd.current_dir(tree::root());
    cmd
}

/// Runs one step, says how long it took, and turns an error into a failure.
fn step(name: &str, work: impl FnOnce() -> Result<Tally, String>) -> Tally {
    let began = Instant::now();
    let outcome = work();
    let seconds = began.elapsed().as_secs_f64();
    match outcome {
        Ok(tally) => {
            let word = if tally.failed == 0 { "ok" } else { "FAILED" };
            println!("=== {name}: {word}, {} passed, {} failed ({seconds:.1} s)", tally.passed, tally.failed);
            tally
        }
        Err(why) => {
            println!("{why}\n=== {name}: FAILED ({seconds:.1} s)");
            Tally { passed: 0, failed: 1 }
        }
    }
}

/// A command of which only a failure is worth showing.
fn quiet(cmd: &mut Command) -> Result<Tally, String> {
    let done = proc::catch(cmd, Duration::from_secs(1800))?;
    if done.ok() {
        return Ok(Tally { passed: 1, failed: 0 });
    }
    Err(format!("{}: {}\n{}{}", proc::line(cmd), done.how(), done.out, done.err))
}

/// `cargo test`, counted by its summary lines.
fn rust_tests(cmd: &mut Command) -> Result<Tally, String> {
    let done = proc::catch(cmd, Duration::from_secs(1800))?;
    let mut tally = Tally::default();
    tally.passed += passed(&done.out);
    tally.failed += sum(&done.out, "failed");
    if !done.ok() {
        print!("{}", interesting(&done.out));
        print!("{}", interesting(&done.err));
        if tally.failed == 0 {
            return Err(format!("{}: {}", proc::line(cmd), done.how()));
        }
    }
    Ok(tally)
}

/// How many tests passed, by the summary lines of `cargo test`.
pub fn passed(out: &str) -> usize {
    sum(out, "passed")
}

fn sum(out: &str, word: &str) -> usize {
    let number = |line: &str| line[..line.find(word)?].trim_end().rsplit(' ').next()?.parse::<usize>().ok();
    out.lines().filter(|l| l.starts_with("test result:")).filter_map(number).sum()
}

/// Output without the lines of tests that passed.
fn interesting(text: &str) -> String {
    let dull = |l: &&str| l.ends_with("... ok") || l.trim().is_empty() || l.trim_start().starts_with("Compiling ");
    text.lines().filter(|l| !dull(l)).map(|l| format!("{l}\n")).collect()
}
