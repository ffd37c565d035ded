//! `links`: what a program meets that is built on the distribution folder.
//!
//! A program linked with all four names records the four sonames and starts on ours and on the distribution's; one
//! linked statically runs; one that opens `libevent.so` at run time gets the real functions.

use std::path::Path;
use std::process::Command;

use crate::dist::{self, Dist, NAMES};
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{cc, tree};

const CALLS: &str = r#"
#include <event2/event.h>
#include <event2/thread.h>
#include <stdio.h>
int main(void)
{
	struct event_base *base;
	int threads = evthread_use_pthreads();
	base = event_base_new();
	printf("%s %s %d %d\n", event_get_version(), base ? event_base_get_method(base) : "none", threads,
	    base ? event_base_loop(base, EVLOOP_NONBLOCK) : -2);
	if (base)
		event_base_free(base);
	return 0;
}
"#;

const OPENS: &str = r#"
#include <dlfcn.h>
#include <stdio.h>
int main(void)
{
	void *lib = dlopen("libevent.so", RTLD_NOW);
	const char *(*version)(void) = lib ? (const char *(*)(void))dlsym(lib, "event_get_version") : 0;
	const char *text = version ? version() : 0;
	puts(text ? text : "nothing");
	return 0;
}
"#;

const TLS: &str = r#"
#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	struct bufferevent *bev = bufferevent_openssl_socket_new(
	    NULL, -1, SSL_new(ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	void *lib = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	printf("%d %d\n", bev != NULL || lib, lib != NULL);
	return 0;
}
"#;

/// `cargo xtask links`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let dist = dist::build(opts)?;
    Ok(run(&dist)?.print())
}

/// All of it.
pub fn run(dist: &Dist) -> Result<Tally, String> {
    let dir = tree::scratch("links")?;
    let (calls, opens) = (dir.join("calls.c"), dir.join("opens.c"));
    tree::write(&calls, CALLS)?;
    tree::write(&opens, OPENS)?;
    let lib = dist.lib();
    let stock = cc::stock_lib("libevent.so")?;
    let stock = stock.parent().ok_or("the distribution's library has no folder")?;
    let mut tally = Tally::default();
    let mut check = |what: &str, got: Result<String, String>, want: &str| {
        let held = got.as_deref().is_ok_and(|g| g == want);
        if held {
            println!("ok   {what}");
        } else {
            println!("FAIL {what}: {}", got.unwrap_or_else(|e| e));
        }
        tally.count(held);
    };
    let include = dist.include();
    let build = |source: &Path, out: &str, args: &[&str]| {
        let out = dir.join(out);
        let mut cmd = cc::cc();
        cmd.arg("-I").arg(&include).arg(source).arg("-o").arg(&out).arg("-L").arg(&lib).args(args);
        cc::compile(&mut cmd).map(|()| out)
    };
    let run = |program: Result<std::path::PathBuf, String>, lib: &Path| {
        let text = proc::text(Command::new(program?).env("LD_LIBRARY_PATH", lib))?;
        Ok(text.trim_end().to_string())
    };
    let greeting = "2.1.12-stable epoll 0 1";

    let flags = ["-Wl,--no-as-needed", "-levent", "-levent_core", "-levent_extra", "-levent_pthreads"];
    let all = build(&calls, "all", &flags);
    let needed = all.clone().and_then(|p| needed(&p));
    let want: Vec<String> = NAMES.iter().map(|n| format!("{n}-2.1.so.7")).collect();
    check("linked with all four names: its sonames", needed, &want.join(" "));
    check("linked with all four names: on ours", run(all.clone(), &lib), greeting);
    check("linked with all four names: on the distribution's", run(all, stock), greeting);
    let few = build(&calls, "few", &["-Wl,--as-needed", "-levent_core", "-levent_pthreads"]);
    check("linked with core and pthreads: on ours", run(few.clone(), &lib), greeting);
    check("linked with core and pthreads: on the distribution's", run(few, stock), greeting);
    for name in NAMES.iter().filter(|n| **n != "libevent_pthreads") {
        let file = format!("-l:{name}.a");
        let fixed = build(&calls, &format!("static-{name}"), &[&file, "-lpthread", "-ldl", "-lm"]);
        check(&format!("linked statically with {name}.a"), run(fixed, Path::new("/nonexistent")), greeting);
    }
    let readme = dir.join("readme.c");
    tree::write(&readme, &readme_example()?)?;
    let ticks = build(&readme, "readme", &["-levent"]);
    check("the program of README.md", run(ticks, &lib), "tick, 2 left\ntick, 1 left\ntick, 0 left");
    if dist::has_openssl() {
        let source = dir.join("tls.c");
        tree::write(&source, TLS)?;
        // What the adaptor needs is looked for beside it.
        let beside = format!("-Wl,-rpath-link,{}", lib.display());
        let alone = build(&source, "tls", &[&beside, "-levent_openssl", "-lssl", "-lcrypto", "-ldl"]);
        let started = alone.and_then(|program| {
            let mut cmd = Command::new(program);
            cmd.arg("libevent_openssl-2.1.so.7").env("LD_LIBRARY_PATH", &lib).env("LD_BIND_NOW", "1");
            Ok(proc::text(&mut cmd)?.trim_end().to_string())
        });
        check("linked with libevent_openssl alone, and opened at run time", started, "1 1");
        let archives = ["-l:libevent_openssl.a", "-l:libevent.a", "-lssl", "-lcrypto", "-lpthread", "-ldl", "-lm"];
        let fixed = build(&source, "tls-static", &archives);
        check(
            "linked statically with libevent_openssl.a",
            run(fixed.clone(), Path::new("/nonexistent")).map(|_| String::new()),
            "",
        );
    }
    let opened = build(&opens, "opens", &["-ldl"]);
    check("opened at run time", run(opened, &lib), "2.1.12-stable");
    Ok(tally)
}

/// The C program in README.md.
fn readme_example() -> Result<String, String> {
    let text = tree::read(&tree::root().join("README.md"))?;
    let code = text.split("```c\n").nth(1).and_then(|rest| rest.split("```").next());
    code.map(str::to_string).ok_or("README.md: no C program".into())
}

/// The libevent sonames that a program asks for.
fn needed(program: &Path) -> Result<String, String> {
    let text = proc::text(Command::new("readelf").arg("-d").arg(program))?;
    let names = text.lines().filter(|l| l.contains("(NEEDED)")).filter_map(|l| l.split(['[', ']']).nth(1));
    Ok(names.filter(|n| n.starts_with("libevent")).collect::<Vec<_>>().join(" "))
}
