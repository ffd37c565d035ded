//! `stress`: many threads on our library, plain or under a sanitizer.

use std::fs;
use std::time::Duration;

use super::{Plan, build, compiler, head, seeds, source};
use crate::ctest::sanitize::Sanitizer;
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::tree;

/// Runs each wanted `MASK` and `MODE`, one after another, since each keeps several threads busy.
pub fn run(plan: &Plan, opts: &Opts) -> Result<Tally, String> {
    let seconds = opts.value("seconds").unwrap_or("5");
    let masks = opts.value("mask").map_or(vec!["1", "2", "4", "8", "16"], |m| m.split(',').collect());
    let sanitizer = match opts.choice("sanitize", &["none", "thread", "address"])? {
        "none" => None,
        kind => Some((kind, Sanitizer::build(kind)?)),
    };
    let (source, suite) = source("stress");
    let dir = tree::scratch(&format!("fuzz/stress-{}", sanitizer.as_ref().map_or("plain", |(kind, _)| kind)))?;
    let (program, lib) = match &sanitizer {
        None => (build("stress")?, plan.dist.lib()),
        Some((_, s)) => (s.program(&mut compiler(), &source, suite.name, &[], &dir)?, s.lib().to_path_buf()),
    };
    let mut tally = Tally::default();
    for mask in masks {
        let lives = mask.parse::<u32>().map_err(|_| "--mask: numbers, with commas between")? & 4 != 0;
        let modes = match opts.value("mode") {
            _ if !lives => vec![0],
            Some(text) => modes(text)?,
            None => vec![0, 1, 2, 3],
        };
        for mode in modes {
            for old in tree::list(&dir, "").into_iter().filter(|p| p.extension().is_some_and(|e| e != "o")) {
                let _ = fs::remove_file(old);
            }
            let mut cmd = std::process::Command::new(&program);
            cmd.arg(seconds).env("LD_LIBRARY_PATH", &lib).env("MASK", mask);
            if lives {
                cmd.env("MODE", mode.to_string());
            }
            if let Some((_, s)) = &sanitizer {
                s.report_to(&mut cmd, &dir.join("log"));
            }
            let limit = Duration::from_secs(seconds.parse::<u64>().map_err(|_| "--seconds: a number")? + 120);
            let done = proc::catch(&mut cmd, limit)?;
            let logs: String = tree::list(&dir, "")
                .iter()
                .filter(|p| tree::stem(p) == "log")
                .map(|p| tree::read(p).unwrap_or_default())
                .collect();
            let held = done.ok() && logs.is_empty();
            tally.count(held);
            let what = if lives { format!("mask {mask}, mode {mode}") } else { format!("mask {mask}") };
            println!(
                "stress: {what}, {seconds} s: {}",
                if held { done.err.lines().last().unwrap_or("ok").to_string() } else { done.how() }
            );
            if !held {
                print!("{}{}", head(&done.err, plan.show), head(&logs, 8 * plan.show));
            }
        }
    }
    Ok(tally)
}

/// Modes and ranges of them, with commas between: `0..2,3`.
fn modes(text: &str) -> Result<Vec<u64>, String> {
    let mut modes = Vec::new();
    for part in text.split(',') {
        let range = seeds(part).ok().filter(|range| *range.end() <= 3);
        modes.extend(range.ok_or_else(|| format!("--mode {text}: 0 to 3, with commas between, or FIRST..LAST"))?);
    }
    Ok(modes)
}
