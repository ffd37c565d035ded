//! `bench`: builds the distribution and the programs of `bench/`, runs both libraries in turn, prints ratios and goals.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dist;
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{cc, tree};

/// Sections that are timed.
const TIMED: [&str; 11] = ["chain", "timers", "active", "buffer", "conns", "echo", "raw", "rust", "http", "dns", HTTPS];
const HTTPS: &str = "https";

/// What runs only by name: a timed section, and what a request of HTTP spends its instructions on.
const NAMED: [&str; 4] = [PACED, SPENT, RUST[0], RUST[1]];
const PACED: &str = "paced";
const SPENT: &str = "spent";

/// What `bench/cores.py` measures, of the Rust library alone.
const RUST: [&str; 2] = ["cores", "metrics"];

/// Sections that are counted.
const COUNTED: [&str; 2] = ["insns", "syscalls"];

/// `cargo xtask bench`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    for word in opts.words() {
        if ![&TIMED[..], &COUNTED, &NAMED].concat().contains(&word.as_str()) {
            return Err(format!("bench: sections are {} {} {}", COUNTED.join(" "), TIMED.join(" "), NAMED.join(" ")));
        }
    }
    for program in ["make", "python3", "valgrind", "strace"] {
        if !proc::have(program) {
            return Err(format!("bench needs {program}: apt-get install make python3 valgrind strace"));
        }
    }
    for name in ["libevent.so", "libev.so"] {
        cc::stock_lib(name).map_err(|e| format!("{e}: apt-get install libevent-dev libev-dev"))?;
    }
    let build = tree::scratch("bench")?;
    let of_rust: Vec<&String> = opts.words().iter().filter(|w| RUST.contains(&w.as_str())).collect();
    if !of_rust.is_empty() {
        cores(opts, &build, &of_rust)?;
        if of_rust.len() == opts.words().len() {
            return Ok(Tally::default());
        }
    }
    let dist = dist::build(opts)?;
    let programs = tree::root().join("bench");
    let goal = if dist::has_openssl() { "tls" } else { "default" };
    proc::show(Command::new("make").args(["-s", "-C"]).arg(&programs).arg(goal).arg(format!("B={}", build.display())))?;

    let wanted = |names: &[&str]| -> Vec<String> {
        let given = opts.words();
        let pick = |n: &&&str| given.is_empty() || given.iter().any(|g| g == **n);
        names.iter().filter(pick).map(|n| n.to_string()).collect()
    };
    let mut files: Vec<PathBuf> = Vec::new();
    let mut measure = |what: &str, only: &[String]| -> Result<(), String> {
        let out = build.join(format!("{what}.json"));
        let _ = fs::remove_file(&out);
        let mut cmd = Command::new("python3");
        cmd.arg(programs.join("run.py")).arg(what).arg("-o").arg(&out).env("BENCH_BUILD", &build);
        cmd.arg("--lib").arg(format!("ours={}", dist.lib().display()));
        if !only.is_empty() {
            cmd.arg("--only").arg(only.join(","));
        }
        if let Some(reps) = opts.value("reps") {
            cmd.arg("--reps").arg(reps);
        }
        if opts.flag("quick") {
            cmd.arg("--quick");
        }
        proc::show(&mut cmd)?;
        if out.exists() {
            files.push(out);
        }
        Ok(())
    };
    // `--only` narrows the counts to some of their programs.
    let only: Vec<String> = opts.value("only").map(|o| o.split(',').map(str::to_string).collect()).unwrap_or_default();
    if only.iter().chain(&wanted(&TIMED)).any(|section| section == "rust") {
        rust(&build)?;
    }
    for what in wanted(&COUNTED) {
        measure(&what, &only)?;
    }
    let mut timed = wanted(&TIMED);
    timed.extend(opts.words().iter().filter(|w| *w == PACED).cloned());
    if opts.words().iter().any(|w| w == SPENT) {
        measure(SPENT, &[])?;
    }
    if !timed.is_empty() {
        measure("bench", &timed)?;
    }
    proc::show(Command::new("python3").arg(programs.join("run.py")).arg("report").args(&files))?;
    Ok(Tally::default())
}

/// Two loops beside one, and a loop that counts beside one that does not.
fn cores(opts: &Opts, build: &Path, sections: &[&String]) -> Result<(), String> {
    examples(build, &["cores", "metrics"])?;
    let (programs, load) = (tree::root().join("bench"), build.join("load_echo"));
    let target = [format!("B={}", build.display()), load.display().to_string()];
    proc::show(Command::new("make").args(["-s", "-C"]).arg(&programs).args(target))?;
    for section in sections {
        let mut cmd = Command::new("python3");
        cmd.arg(programs.join("cores.py")).arg(section).env("BENCH_BUILD", build);
        if let Some(reps) = opts.value("reps") {
            cmd.arg("--reps").arg(reps);
        }
        if opts.flag("quick") {
            cmd.arg("--quick");
        }
        proc::show(&mut cmd)?;
    }
    Ok(())
}

/// Builds examples, as `rust_NAME` where the measuring programs look for them.
fn examples(build: &Path, names: &[&str]) -> Result<(), String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(tree::root()).args(["build", "--quiet", "--release", "--package", "evoxide"]);
    proc::show(cargo.args(names.iter().flat_map(|name| ["--example", name])))?;
    for name in names {
        let from = tree::target().join("release/examples").join(name);
        fs::copy(&from, build.join(format!("rust_{name}"))).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    Ok(())
}

/// Builds the Rust servers and their peers, where the measuring program looks for them.
fn rust(build: &Path) -> Result<(), String> {
    examples(build, &["echo", "echo_async", "resp", "http_hello"])?;
    let mut theirs = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    theirs.current_dir(tree::root().join("bench/peers")).args(["build", "--quiet", "--release"]);
    const THEIRS: [&str; 6] = ["echo_tokio", "echo_mio", "resp_tokio", "timers_rust", "http_hyper", "http_axum"];
    theirs.args(THEIRS.iter().flat_map(|name| ["--bin", name]));
    proc::show(theirs.arg("--target-dir").arg(build.join("peers")))?;
    Ok(())
}
