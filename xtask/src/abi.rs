//! `abi`: the exports of the shared objects under abidiff, against the distribution's.
//!
//! `symbols` compares names with our lists; this is the look of a tool that distributions use. What the originals export
//! without any header that declares it, names that end in `_` and their tables, is set aside by name (`PRIVATE`).

use std::process::Command;
use std::time::Duration;

use crate::dist;
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{cc, packages, tree};

/// The objects by their sonames.
const OBJECTS: [&str; 6] = [
    "libevent-2.1.so.7",
    "libevent_core-2.1.so.7",
    "libevent_extra-2.1.so.7",
    "libevent_pthreads-2.1.so.7",
    "libevent_openssl-2.1.so.7",
    "libev.so.4",
];

/// What only the original's own files use.
const PRIVATE: &str = "\
[suppress_function]
symbol_name_regexp = (.*_|event_debug_map_HT_(CLEAR|GROW))$

[suppress_variable]
symbol_name_regexp = (.*_|bufferevent_ops_(filter|openssl|pair|socket)|(epoll|poll|select)ops|nil_eventop)$
";

/// `cargo xtask abi`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    packages::ensure(packages::ABI)?;
    let dist = dist::build(opts)?;
    let list = tree::scratch("abi")?.join("private.ini");
    tree::write(&list, PRIVATE)?;
    let mut tally = Tally::default();
    for name in OBJECTS {
        let ours = dist.lib().join(name);
        if !ours.exists() && name.contains("openssl") && !dist::has_openssl() {
            println!("{name} is left out: not built");
            continue;
        }
        let mut cmd = Command::new("abidiff");
        cmd.arg("--no-added-syms").arg("--suppressions").arg(&list).arg(cc::stock_lib(name)?).arg(ours);
        let done = proc::catch(&mut cmd, Duration::from_secs(120))?;
        let held = done.ok() || is_clean(&done.out);
        tally.count(held);
        if held {
            println!("{name}: no function or variable removed or changed");
        } else {
            println!("FAIL {}: {}\n{}{}", proc::line(&cmd), done.how(), done.out, done.err);
        }
    }
    Ok(tally.print())
}

/// Whether the summaries name nothing removed or changed. One object of ours stands for several of theirs, so that
/// abidiff also tells of another soname; the packages give each name an object with its own.
fn is_clean(report: &str) -> bool {
    let summaries: Vec<_> = report.lines().filter_map(|line| line.split_once(" summary: ")).collect();
    summaries.len() >= 2
        && summaries.iter().all(|(_, counts)| {
            counts.starts_with("0 Removed") && (!counts.contains("Changed") || counts.contains(" 0 Changed"))
        })
}
