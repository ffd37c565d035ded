//! `cross`: C tests on another machine's libraries, under Debian's `qemu-user`.
//!
//! The reference is what the same case prints here on our own library, which `ctest` compares with the original's.

use std::process::Command;
use std::time::Duration;

use crate::cc::Headers;
use crate::ctest::cases::{self, Case};
use crate::ctest::program::Program;
use crate::ctest::{SUITES, Suite};
use crate::dist::{self, Dist};
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{cc, packages, tree};

/// The machine that is tried where none is named.
const TARGET: &str = "aarch64-unknown-linux-gnu";

/// What is tried where nothing is named: an echo, timers, HTTP, functions with `...`, libev.
const FILES: [(&str, &str); 6] = [
    ("libevent", "bev_basic"),
    ("libevent", "timer_basic"),
    ("libevent", "http_server"),
    ("libevent", "buffer_print"),
    ("libevent", "log_mm"),
    ("libev", "timer"),
];

/// The time a whole program may take.
const LIMIT: Duration = Duration::from_secs(400);

/// `cargo xtask cross`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    packages::ensure(packages::CROSS)?;
    let target = opts.value("target").unwrap_or(TARGET);
    let here = dist::build(opts)?;
    let there = dist::build(&opts.clone().with("target", target))?;
    let mut tally = Tally::default();
    for suite in &SUITES {
        for path in tree::list(&suite.dir(), ".c") {
            let (name, words) = (tree::stem(&path), opts.words());
            let wanted = match words {
                [] => FILES.contains(&(suite.name, name.as_str())),
                words => words.iter().any(|word| name.contains(word.as_str())),
            };
            if wanted {
                tally.add(compare(suite, &Program::read(&path)?, target, &here, &there)?);
            }
        }
    }
    if tally == Tally::default() {
        return Err(format!("cross: no file for {:?}", opts.words().join(" ")));
    }
    Ok(tally.print())
}

fn compare(suite: &Suite, program: &Program, target: &str, here: &Dist, there: &Dist) -> Result<Tally, String> {
    let native = program.build(suite, Headers::Ours, here)?;
    let foreign = program.build_for(suite, target, &there.lib())?;
    let wanted = run(program.command(&native, &here.lib(), None, ""))?;
    let gnu = cc::gnu(target);
    let mut cmd = Command::new(format!("qemu-{}", gnu.split('-').next().unwrap_or_default()));
    cmd.arg("-L").arg(format!("/usr/{gnu}")).arg("-E").arg(format!("LD_LIBRARY_PATH={}", there.lib().display()));
    cmd.args(["-E", "LC_ALL=C", "-E", "TZ=UTC"]).arg(&foreign);
    let got = run(cmd)?;
    let mut tally = Tally::default();
    for case in &wanted {
        let other = got.iter().find(|c| c.name == case.name);
        let held = other.is_some_and(|other| other == case);
        tally.count(held);
        if !held {
            let why = other.map_or_else(|| "    missing\n".into(), |other| cases::diff(case, other));
            println!("FAIL {}:{} for {target}\n{}", program.name, case.name, why.trim_end());
        }
    }
    println!("{}: {} of {} cases as here", program.name, tally.passed, wanted.len());
    Ok(tally)
}

fn run(mut cmd: Command) -> Result<Vec<Case>, String> {
    let done = proc::catch(&mut cmd, LIMIT)?;
    // The emulator's own remark on a program that aborts.
    let out: String = done.out.lines().filter(|l| !l.starts_with("qemu: ")).map(|l| format!("{l}\n")).collect();
    let cases = cases::parse(&out);
    if cases.is_empty() {
        return Err(format!("{}: {}\n{}", proc::line(&cmd), done.how(), done.err.trim_end()));
    }
    Ok(cases)
}
