//! The workspace's tasks: `cargo xtask TASK`.
//!
//! Every task is a function from arguments to a [`Tally`] or an error; this file only chooses. Nothing here depends on
//! a crate, so that a fresh machine builds it in a second.

mod abi;
mod api;
mod bench;
mod book;
mod cc;
mod clients;
mod cross;
mod ctest;
mod deb;
mod demo;
mod dist;
mod features;
mod fuzz;
mod headers;
mod links;
mod loom;
mod msrv;
mod nm;
mod opts;
mod packages;
mod peers;
mod proc;
mod publish;
mod shape;
mod suite;
mod symbols;
mod symtab;
mod tasks;
mod tree;
mod uncovered;

use std::process::ExitCode;

use opts::Opts;
use proc::Tally;

const USAGE: &str = "\
cargo xtask TASK [OPTIONS]

  demo      memcached and the Rust echo server at work, with their system calls counted
              --kv                     a small server in C instead of memcached
  test      everything that must hold; what CI calls. As root it installs the Debian packages that are missing
  dist      build the shared objects, static libraries, headers and .pc files into target/dist
              --profile release|dev    dev goes to target/dist-dev: quicker to build, slower to run
  deb       Debian packages that take the place of the originals, into target/xtask/deb
              --root                   try them in a fresh system: install, use, upgrade, remove (needs root)
              --version V, --profile, --no-build
  ctest     run every C test program on the distribution's library and on ours, and compare
              [FILTER]                 FILE or FILE:CASE, by part of the name
              --suite libevent|libev   which tests (both)
              --headers ours|debian|both   which headers to compile with (both)
              --method epoll|poll|select   force a backend
              --valgrind               memcheck on ours, helgrind too for thread_*.c
              --sanitize thread|address    ours built with that sanitizer; needs a nightly toolchain with rust-src
              --stock-only             do not build ours; show what the original prints
              --keep-going             also go on when a program does not compile
              --profile dev            against target/dist-dev
              --no-build               use target/dist as it is
  fuzz      random programs on the distribution's library and on ours, and what they print compared; ours alone with
            allocations that fail (enomem) and many threads (stress, only by name). Nothing named: a short run of all
              [NAME...]                event buffer bev ev edge enomem stress
              --seeds A..B, --ops N    first and last seed, operations each (1..100, 300)
              --method epoll|poll|select   force a backend
              --show N, --stop N       lines shown of a difference; differing seeds after which a fuzzer stops
              --wrap 'valgrind -q'     goes before the program on ours
              --limit N                seconds that one program may take
              --seconds N, --mask N,.. --mode A..B,.. of stress: 1 events, 2 bufferevents, 4 lives of bufferevents, 8 lives of
                                       events, 16 buffers; modes 0 to 3 of mask 4
              --sanitize thread|address    stress with that sanitizer
              --profile dev, --no-build
  shape     imports between folders, layers and files; lengths, names and counts that may not grow
  api       documentation as docs.rs builds it, and that the public interface names no type of the crates below
  book      the guide: its pages, links and examples; built into target/book where mdbook is installed
  features  the Rust library without features, and with each of them alone: no warning
  publish   what must hold before the crates go to crates.io: packages, features, api, cargo deny, cargo semver-checks. Sends nothing
  uncovered HEADER...: what these headers declare and no C case mentions; event2/tag.h, for one
  symbols   compare the exports of the shared objects with capi/*/symbols.txt
              --profile release|dev, --no-build
  abi       abidiff of the shared objects against the distribution's
              --profile release|dev, --no-build
  headers   compile our headers alone as C89, C11 and C++17; compare layouts, prototypes and macros with the original's
  links     link programs with target/dist in every way, and start them on both libraries
  cross     build for another machine and run C tests there, under qemu-user
              [FILTER...]              files by part of the name; an echo, timers, HTTP, functions with `...`
              --target T               aarch64-unknown-linux-gnu; `dist` takes it too
              --profile dev
  loom      the models of what threads share, in every order of their steps
  tasks     1,000,000 tasks of the Rust library; --sanitize thread|address: these, and loops on several threads, under a sanitizer
  clients   run the distribution's own programs on our libraries
              [NAME...]                memcached tmux nghttp2 gevent; peers of the Rust library: rust-http rust-websockets rust-files;
                                       only by name: rust-browser, headless Chromium, which it installs (414 MB), and
                                       rust-top, tools/evoxide-top in a terminal
  bench     measure the distribution's libraries and ours in turn, print ratios, counts and goals
              [SECTION...]             insns syscalls chain timers active buffer conns echo http https; raw: C echo against bare epoll;
                                       rust: the Rust echo server against tokio's, and the heap of its idle streams;
                                       only by name: paced, 10,000 HTTP connections with a request each second for a minute;
                                       spent, what an HTTP request spends its instructions on; of the Rust library: cores, two loops
                                       beside one; metrics, a loop that counts beside one that does not
              --only chain,timers,...  narrows insns and syscalls
              --reps N, --quick, --profile, --no-build
  peers     the same echo server in evoxide, mio, calloop and tokio: lines and system calls; `test`: programs on tokio
";

/// Tasks whose failure may mean no more than missing packages.
const CHECKS: &[&str] = &["ctest", "fuzz", "headers", "links", "clients", "peers"];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let done = Opts::parse(args).and_then(|opts| match task.as_str() {
        "dist" => dist::task(&opts),
        "uncovered" => uncovered::task(&opts),
        "shape" => shape::task(),
        "fuzz" => fuzz::task(&opts),
        "deb" => deb::task(&opts),
        "demo" => demo::task(&opts),
        "test" => suite::task(&opts),
        "api" => api::task(),
        "book" => book::task(),
        "features" => Ok(features::task()?.print()),
        "publish" => publish::task(),
        "abi" => abi::task(&opts),
        "cross" => cross::task(&opts),
        "clients" => clients::task(&opts),
        "links" => links::task(&opts),
        "loom" => loom::task(&opts),
        "tasks" => tasks::task(&opts),
        "peers" => peers::task(&opts),
        "bench" => bench::task(&opts),
        "headers" => headers::task(&opts),
        "symbols" => symbols::task(&opts),
        "ctest" => ctest::task(&opts),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(Tally::default())
        }
        _ => Err(format!("no such task: {task:?}\n\n{USAGE}")),
    });
    match done {
        Ok(tally) if tally.failed == 0 => return ExitCode::SUCCESS,
        Ok(_) => {}
        Err(why) => eprintln!("xtask: {why}"),
    }
    if let (true, Some(wish)) = (CHECKS.contains(&task.as_str()), packages::wish(packages::TEST)) {
        eprintln!("packages missing that checks may need; as root:\n  {wish}");
    }
    ExitCode::FAILURE
}
