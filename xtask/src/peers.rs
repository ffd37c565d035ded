//! `peers`: the same echo server in evoxide, mio, calloop and tokio, by lines and by system calls; `peers test`: whether the eight
//! programs on tokio do what the examples with their names do.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::demo::client::Echo;
use crate::demo::server::{self, Server};
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{shape, tree};

/// Messages in the counted run beyond those of a short one.
const MESSAGES: usize = 2000;

/// One program: name, source, binary, arguments.
struct Peer {
    name: &'static str,
    source: PathBuf,
    program: PathBuf,
    args: Vec<String>,
}

/// `cargo xtask peers`; with `test`, the tests of the programs on tokio instead.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let root = tree::root();
    let build = tree::scratch("bench")?.join("peers");
    if opts.words().iter().any(|word| word == "test") {
        let peers = || {
            let mut cmd = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cmd.current_dir(root.join("bench/peers"));
            cmd
        };
        proc::show(peers().args(["fmt", "--check"]))?;
        // The tests find the programs where the build puts them.
        proc::show(peers().args(["test", "--quiet", "--target-dir"]).arg(&build))?;
        return Ok(Tally { passed: 1, failed: 0 });
    }
    let cargo = || Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let mut ours = cargo();
    ours.current_dir(&root).args(["build", "--quiet", "--release", "--package", "evoxide", "--example", "echo"]);
    proc::show(&mut ours)?;
    let mut theirs = cargo();
    theirs.current_dir(root.join("bench/peers")).args(["build", "--quiet", "--release", "--target-dir"]).arg(&build);
    proc::show(theirs.args(["--bin", "echo_mio", "--bin", "echo_calloop", "--bin", "echo_tokio"]))?;
    let peer = |name: &'static str| Peer {
        name,
        source: root.join(format!("bench/peers/src/bin/echo_{name}.rs")),
        program: build.join(format!("release/echo_{name}")),
        args: vec!["PORT".into()],
    };
    let peers = [
        Peer {
            name: "evoxide",
            source: root.join("crates/evoxide/examples/echo.rs"),
            program: tree::target().join("release/examples/echo"),
            args: vec!["PORT".into()],
        },
        peer("mio"),
        peer("calloop"),
        peer("tokio"),
    ];
    println!("| echo server | lines of code | system calls a message, 1 connection |\n|---|---:|---|");
    for peer in &peers {
        let run = |count: usize| {
            let server = Server::start(&peer.program, &peer.args, None, Some("peer"))?;
            let mut client = Echo::connect(server.port)?;
            for round in 0..count {
                client.round_trip(round)?;
            }
            drop(client);
            server.calls()
        };
        let calls = server::per_operation(&run(100)?, &run(100 + MESSAGES)?, MESSAGES);
        println!("| {} | {} | {calls} |", peer.name, lines(&peer.source)?);
    }
    Ok(Tally::default())
}

fn lines(source: &Path) -> Result<usize, String> {
    Ok(shape::code(&tree::read(source)?))
}
