//! `clients`: the distribution's own programs on our libraries, by the scripts in `capi/*/tests/clients`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::dist::{self, Dist};
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{suite, tree};

/// The scripts whose library is complete enough to be tried: interface, name.
const CLIENTS: &[(&str, &str)] = &[
    ("libevent", "http"),
    ("libevent", "tls"),
    ("libevent", "memcached"),
    ("libevent", "tmux"),
    ("libevent", "dns"),
    ("libevent", "transmission"),
    ("libevent", "sslsplit"),
    ("libev", "nghttp2"),
    ("libev", "gevent"),
];

/// The same, but only run by name: they fetch something, and take minutes.
const BY_NAME: &[(&str, &str)] = &[("libev", "gevent-modules"), ("libevent", "websockets")];

/// `cargo xtask clients [NAME...]`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let dist = dist::build(opts)?;
    Ok(run(&dist, opts.words())?.print())
}

/// Runs the scripts whose names are given, or all that need nothing but the distribution's packages; one after the other,
/// since each starts programs enough of its own.
pub fn run(dist: &Dist, only: &[String]) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let named = |name: &str| only.iter().any(|o| o == name);
    let usual = CLIENTS.iter().filter(|(_, n)| only.is_empty() || named(n)).map(|c| (c, 120));
    let asked = BY_NAME.iter().filter(|(_, n)| named(n)).map(|c| (c, 3600));
    for ((suite, name), seconds) in usual.chain(asked) {
        let script = script(suite, name);
        let mut cmd = Command::new("bash");
        cmd.arg(&script).env("LIBDIR", dist.lib());
        check(&mut cmd, seconds, &mut tally)?;
    }
    if only.is_empty() || named("rust-http") {
        check(&mut rust_http()?, 120, &mut tally)?;
    }
    Ok(tally)
}

/// The checks of HTTP, of the Rust library's server and client.
fn rust_http() -> Result<Command, String> {
    // As `test` builds it, so that it is there already.
    let build = ["build", "--quiet", "--workspace", "--features", "evoxide/native-roots", "--example", "http_peer"];
    proc::show(suite::cargo().args(build))?;
    let mut cmd = Command::new("bash");
    cmd.arg(script("libevent", "http")).env("PEER", tree::target().join("debug/examples/http_peer"));
    Ok(cmd)
}

fn check(cmd: &mut Command, seconds: u64, tally: &mut Tally) -> Result<(), String> {
    let done = proc::catch(cmd, Duration::from_secs(seconds))?;
    let verdict = done.out.lines().last().unwrap_or("no verdict").to_string();
    println!("{verdict}");
    let held = done.ok() && verdict.starts_with("PASS ");
    if !held {
        print!("{}", done.err);
    }
    tally.count(held);
    Ok(())
}

fn script(suite: &str, name: &str) -> PathBuf {
    tree::root().join("capi").join(suite).join("tests/clients").join(format!("{name}.sh"))
}
