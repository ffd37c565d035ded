//! `clients`: the distribution's own programs on our libraries, by the scripts in `capi/*/tests/clients`, and as peers of the Rust
//! library, by those in `crates/evoxide/tests/clients`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::dist::{self, Dist};
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{packages, suite, tree};

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

/// A check of the Rust library with other programs as peers.
struct Peer {
    name: &'static str,
    script: &'static str,
    /// The example that they talk to.
    program: &'static str,
    /// What `test` does without.
    packages: &'static [&'static str],
    /// Run when none is named.
    usual: bool,
}

const PEERS: &[Peer] = &[
    Peer {
        name: "rust-http",
        script: "capi/libevent/tests/clients/http.sh",
        program: "http_peer",
        packages: &[],
        usual: true,
    },
    Peer {
        name: "rust-websockets",
        script: "crates/evoxide/tests/clients/websockets.sh",
        program: "ws_peer",
        packages: &["python3-websockets"],
        usual: true,
    },
    Peer {
        name: "rust-files",
        script: "crates/evoxide/tests/clients/files.sh",
        program: "http_files",
        packages: &[],
        usual: true,
    },
    // A browser is 124 MB to fetch and 414 MB installed: more than all other packages of `test` together.
    Peer {
        name: "rust-browser",
        script: "crates/evoxide/tests/clients/browser.sh",
        program: "ws_chat",
        packages: packages::BROWSER,
        usual: false,
    },
];

/// `tools/evoxide-top` in a terminal; only by name, since it is built from some sixty crates that nothing else needs.
const TOP: &str = "rust-top";

/// The examples that they talk to.
const PROGRAMS: &[&str] = &["http_peer", "http_files", "ws_peer", "ws_chat"];

/// `cargo xtask clients [NAME...]`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let only = opts.words();
    if !only.is_empty() && only.iter().all(|name| name == TOP || PEERS.iter().any(|p| p.name == name)) {
        // They need no library for C.
        return Ok(peers(only)?.print());
    }
    let dist = dist::build(opts)?;
    Ok(run(&dist, only)?.print())
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
    tally.add(peers(only)?);
    Ok(tally)
}

/// The checks of the Rust library: those named, or the usual ones.
fn peers(only: &[String]) -> Result<Tally, String> {
    let chosen = |p: &&Peer| only.iter().any(|o| o == p.name) || only.is_empty() && p.usual;
    let peers: Vec<&Peer> = PEERS.iter().filter(chosen).collect();
    let mut tally = Tally::default();
    if !peers.is_empty() {
        // As `test` builds it, so that it is there already.
        let build = ["build", "--quiet", "--workspace", "--features", "evoxide/native-roots"];
        proc::show(suite::cargo().args(build).args(PROGRAMS.iter().flat_map(|p| ["--example", p])))?;
    }
    for peer in peers {
        packages::ensure(peer.packages)?;
        let mut cmd = Command::new("bash");
        let programs = tree::target().join("debug/examples");
        cmd.arg(tree::root().join(peer.script)).env("PEER", programs.join(peer.program)).env("PROGRAMS", programs);
        check(&mut cmd, 180, &mut tally)?;
    }
    if only.iter().any(|o| o == TOP) {
        let (folder, target) = (tree::root().join("tools/evoxide-top"), tree::target().join("top"));
        let build = ["build", "--quiet", "--locked", "--target-dir"];
        proc::show(suite::cargo().current_dir(&folder).args(build).arg(&target))?;
        let mut cmd = Command::new("python3");
        cmd.arg(folder.join("check.py")).arg(target.join("debug/evoxide-top"));
        check(&mut cmd, 120, &mut tally)?;
    }
    Ok(tally)
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
