//! `fuzz`: the differential fuzzers of `fuzz/differential`.
//!
//! A fuzzer is a C program that does random things with the public interface, from a seed, and prints what it sees. It runs
//! on the distribution's library and on ours, and the two traces must agree. `edge` does the same with hostile and odd uses
//! that are written out; `enomem` lets the n-th allocation fail; `stress` calls in from many threads. These two run on ours
//! alone and must end well.
//!
//! A seed at which the original itself crashes or hangs is counted and says nothing about ours.

mod differing;
mod stress;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::dist::{self, Dist};
use crate::opts::Opts;
use crate::proc::{self, Done, Tally};
use crate::{cc, ctest, tree};

/// The programs, in the order in which they run.
const NAMES: &[&str] = &["event", "buffer", "bev", "ev", "edge", "enomem", "stress"];

/// The cases of `edge`; the first three are storms of signals that take a second each.
const EDGES: std::ops::Range<u64> = 0..16;

/// What the command line says.
#[derive(Clone)]
struct Plan {
    dist: Dist,
    seeds: std::ops::RangeInclusive<u64>,
    ops: u64,
    method: Option<&'static str>,
    /// Goes before the program where it runs on ours.
    wrap: Vec<String>,
    limit: Duration,
    /// Lines shown of a difference.
    show: usize,
    /// Differing seeds after which a fuzzer stops.
    stop: usize,
    /// Part of `test`: less of everything.
    short: bool,
}

/// `cargo xtask fuzz`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let short = opts.words().is_empty();
    if let Some(odd) = opts.words().iter().find(|w| !NAMES.contains(&w.as_str())) {
        return Err(format!("fuzz: no {odd}; there are {}", NAMES.join(", ")));
    }
    let number = |name: &str, default: u64| match opts.value(name) {
        None => Ok(default),
        Some(v) => v.parse::<u64>().map_err(|_| format!("--{name}: a number")),
    };
    let plan = Plan {
        seeds: seeds(opts.value("seeds").unwrap_or(if short { "1..12" } else { "1..100" }))?,
        ops: number("ops", if short { 200 } else { 300 })?,
        method: match opts.choice("method", &["default", "epoll", "poll", "select"])? {
            "default" => None,
            method => Some(method),
        },
        wrap: opts.value("wrap").unwrap_or("").split_whitespace().map(str::to_string).collect(),
        limit: Duration::from_secs(number("limit", 60)?),
        show: number("show", 8)? as usize,
        stop: number("stop", 5)? as usize,
        short,
        dist: dist::build(opts)?,
    };
    let mut tally = Tally::default();
    for name in NAMES {
        if *name == "stress" {
            // Only by name: it takes a minute or more.
            if opts.words().iter().any(|w| w == name) {
                tally.add(stress::run(&plan, opts)?);
            }
        } else if short || opts.words().iter().any(|w| w == name) {
            tally.add(match *name {
                "enomem" => starved(&plan)?,
                "edge" => plan.differing(name, &EDGES.filter(|case| !short || *case > 2).collect::<Vec<_>>())?,
                _ => plan.differing(name, &plan.seeds.clone().collect::<Vec<_>>())?,
            });
        }
    }
    if short {
        for method in ["poll", "select"] {
            let plan = Plan { method: Some(method), seeds: 1..=6, ..plan.clone() };
            for name in ["event", "ev"] {
                tally.add(plan.differing(name, &plan.seeds.clone().collect::<Vec<_>>())?);
            }
        }
    }
    Ok(tally.print())
}

/// `A..B`, both included, or one number.
fn seeds(text: &str) -> Result<std::ops::RangeInclusive<u64>, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(a), Ok(b)) if a <= b => Ok(a..=b),
        _ => Err(format!("--seeds {text}: FIRST..LAST")),
    }
}

/// The folder of the sources.
fn dir() -> PathBuf {
    tree::root().join("fuzz/differential")
}

/// The source of a program, and the interface it belongs to.
fn source(name: &str) -> (PathBuf, &'static ctest::Suite) {
    let suite = if name == "ev" { &ctest::SUITES[1] } else { &ctest::SUITES[0] };
    let seeded = ["event", "buffer", "bev", "ev"].contains(&name);
    (dir().join(if seeded { format!("fz_{name}.c") } else { format!("{name}.c") }), suite)
}

/// The compiler with what all programs need. Unused parameters are plenty in callbacks.
fn compiler() -> Command {
    let mut cmd = cc::cc();
    cmd.args(["-g", "-O1", "-w", "-rdynamic", "-std=gnu11"]);
    cmd
}

/// Compiles a program with the distribution's headers, against its library.
fn build(name: &str) -> Result<PathBuf, String> {
    let (source, suite) = source(name);
    let out = tree::scratch("fuzz")?.join(name);
    let mut from = tree::list(&dir(), ".h");
    from.push(source.clone());
    if !cc::fresh(&out, &from.iter().map(PathBuf::as_path).collect::<Vec<_>>()) {
        let mut cmd = compiler();
        cmd.arg("-o").arg(&out).arg(&source).args(suite.libs).args(["-lpthread", "-ldl", "-lm"]);
        cc::compile(&mut cmd)?;
    }
    Ok(out)
}

impl Plan {
    /// Runs a program on one library: the distribution's where `lib` is none.
    fn run(&self, program: &Path, args: &[String], lib: Option<&Path>) -> Result<Done, String> {
        let mut cmd = match self.wrap.split_first() {
            Some((wrapper, rest)) if lib.is_some() => {
                let mut cmd = Command::new(wrapper);
                cmd.args(rest).arg(program);
                cmd
            }
            _ => Command::new(program),
        };
        // `edge` opens the library by name.
        cmd.args(args)
            .env("FZ_LIB", "libevent-2.1.so.7")
            .env_remove("LD_PRELOAD")
            .env_remove("LD_LIBRARY_PATH")
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        if let Some(lib) = lib {
            cmd.env("LD_LIBRARY_PATH", lib);
        }
        if let Some(method) = self.method {
            cmd.env("FZ_METHOD", method);
        }
        // libev goes through the kernel's reports in their order; on epoll that is the same for both.
        if program.ends_with("ev") && self.method.is_none_or(|m| m == "epoll") {
            cmd.env("FZ_RAW", "1");
        }
        proc::catch(&mut cmd, self.limit)
    }
}

/// `enomem`: every scenario with the n-th allocation failing, alone and with all that follow.
fn starved(plan: &Plan) -> Result<Tally, String> {
    let program = build("enomem")?;
    let scenarios: &[u32] = if plan.short { &[1, 2, 3, 13] } else { &[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14] };
    let nth: Vec<u32> =
        if plan.short { vec![1, 2, 3, 5, 9, 17, 33] } else { (1..=45).chain([60, 80, 100, 130, 170, 200]).collect() };
    let mut jobs = Vec::new();
    for scenario in scenarios {
        for n in &nth {
            for all in [false, true] {
                let mut args = vec![scenario.to_string(), n.to_string()];
                args.extend(all.then(|| "all".to_string()));
                jobs.push(args);
            }
        }
    }
    let ours = plan.dist.lib();
    let mut tally = Tally::default();
    for (args, done) in jobs.iter().zip(proc::parallel(&jobs, |args| plan.run(&program, args, Some(&ours)))) {
        let done = done?;
        tally.count(done.ok());
        if !done.ok() {
            println!("enomem {}: {}\n{}", args.join(" "), done.how(), head(&done.err, plan.show));
        }
    }
    println!("enomem: {} runs, {} ended badly", jobs.len(), tally.failed);
    Ok(tally)
}

/// The first lines, indented.
fn head(text: &str, n: usize) -> String {
    text.lines().take(n).map(|l| format!("    {l}\n")).collect()
}
