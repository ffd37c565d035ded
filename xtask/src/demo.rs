//! `demo`: the libraries at work, in a minute.
//!
//! The distribution's memcached is started on our `libevent-2.1.so.7`, serves real clients, and its system calls per
//! operation are counted on the distribution's library and on ours. Where memcached cannot be had, a small key-value
//! server in C takes its place. Then the Rust echo server of the examples does the same.

pub mod client;
pub mod server;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dist::{self, Dist};
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{cc, packages, tree};
use client::{Echo, KeyValue};
use server::Server;

/// Operations in the run whose system calls are counted, beyond those of a short one.
const OPERATIONS: usize = 2000;

/// `cargo xtask demo`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let memcached = !opts.flag("kv");
    if let (true, Err(why)) = (memcached, packages::ensure(packages::DEMO)) {
        println!("{why}\ngoing on with what is here");
    }
    let dist = dist::build(opts)?;
    let mut tally = Tally::default();
    if memcached && proc::have("memcached") {
        let path = if Path::new("/usr/bin/memcached").exists() { "/usr/bin/memcached" } else { "memcached" };
        let mut args: Vec<String> = ["-l", "127.0.0.1", "-U", "0", "-t", "1", "-p", "PORT"].map(String::from).to_vec();
        args.extend(["-u".into(), "root".into()]);
        println!("== memcached, the distribution's own binary, on {}", dist.lib().display());
        tally.add(key_value(path.into(), &args, &dist, true)?);
    } else {
        println!(
            "== a key-value server in C instead of memcached, built with our headers, on {}",
            dist.lib().display()
        );
        let program = build_server(&dist)?;
        tally.add(key_value(program, &["PORT".into()], &dist, cc::stock_lib("libevent.so").is_ok())?);
    }
    tally.add(echo()?);
    Ok(tally.print())
}

/// Serves set and get on our library; then counts on both.
fn key_value(program: PathBuf, args: &[String], dist: &Dist, stock: bool) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let lib = dist.lib();
    let server = Server::start(&program, args, Some(&lib), None)?;
    let mapped: Vec<String> = server.mapped().into_iter().filter(|m| m.contains("libev")).collect();
    println!("loaded (from /proc/{}/maps):", server.pid);
    for path in &mapped {
        println!("  {path}");
    }
    let real = lib.canonicalize().map_err(|e| e.to_string())?;
    let ours = !mapped.is_empty() && mapped.iter().all(|m| Path::new(m).starts_with(&real));
    tally.count(ours);
    println!("{}: the library in use is ours", if ours { "yes" } else { "NO" });
    let mut clients = Vec::new();
    for number in 0..50 {
        clients.push(KeyValue::connect(server.port, number)?);
    }
    let mut operations = 0;
    for round in 0..100 {
        for client in &mut clients {
            client.set_and_get(round)?;
            operations += 2;
        }
    }
    println!("served {operations} operations (set, get, compared) to {} connections", clients.len());
    tally.count(true);
    drop(clients);
    drop(server);

    if !proc::have("strace") {
        println!("strace is not installed: no system calls counted");
        return Ok(tally);
    }
    println!("system calls per operation, one connection:");
    let libraries = [("the distribution's", None, stock), ("ours", Some(lib.as_path()), true)];
    for (name, lib, _) in libraries.into_iter().filter(|(_, _, there)| *there) {
        let run = |count: usize| {
            let server = Server::start(&program, args, lib, Some("kv"))?;
            let mut client = KeyValue::connect(server.port, 0)?;
            for round in 0..count / 2 {
                client.set_and_get(round)?;
            }
            drop(client);
            server.calls()
        };
        println!("  {name:<20} {}", server::per_operation(&run(100)?, &run(100 + OPERATIONS)?, OPERATIONS));
    }
    Ok(tally)
}

/// The server that stands in for memcached.
fn build_server(dist: &Dist) -> Result<PathBuf, String> {
    let source = tree::root().join("xtask/src/demo/kv.c");
    let out = tree::scratch("demo")?.join("kv");
    let mut cmd = cc::cc();
    cmd.args(["-O2", "-Wall", "-Wextra", "-I"]).arg(dist.include()).arg(&source).arg("-o").arg(&out);
    cc::compile(cmd.arg("-L").arg(dist.lib()).arg("-levent"))?;
    Ok(out)
}

/// The Rust echo server of `evoxide`'s examples.
fn echo() -> Result<Tally, String> {
    println!("== the Rust echo server (crates/evoxide/examples/echo.rs)");
    let mut tally = Tally::default();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(tree::root());
    proc::show(cargo.args(["build", "--quiet", "--release", "--package", "evoxide", "--example", "echo"]))?;
    let program = tree::target().join("release/examples/echo");
    let args = ["PORT".to_string()];
    let server = Server::start(&program, &args, None, None)?;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(Echo::connect(server.port)?);
    }
    let mut messages = 0;
    for round in 0..100 {
        for client in &mut clients {
            client.round_trip(round)?;
            messages += 1;
        }
    }
    println!("echoed {messages} messages on {} connections", clients.len());
    tally.count(true);
    drop(clients);
    drop(server);
    if proc::have("strace") {
        let run = |count: usize| {
            let server = Server::start(&program, &args, None, Some("echo"))?;
            let mut client = Echo::connect(server.port)?;
            for round in 0..count {
                client.round_trip(round)?;
            }
            drop(client);
            server.calls()
        };
        println!("system calls per message, one connection:");
        let line = server::per_operation(&run(100)?, &run(100 + OPERATIONS)?, OPERATIONS);
        println!("  {:<20} {line}", "evoxide");
    }
    Ok(tally)
}
