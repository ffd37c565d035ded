//! `dist`: what a distribution would package, below `target/dist`.
//!
//! ```text
//! lib/libevent-2.1.so.7.0.1                     the shared object; one file carries everything
//! lib/libevent{,_core,_extra,_pthreads}-2.1.so.7   lead to it: deployed programs need no more
//! lib/libevent{,_core,_extra,_pthreads}.so      lead to lib/link/*: what the linker reads, each with its own soname
//! lib/libevent{,_core,_extra,_pthreads}.a       one archive under four names
//! lib/libevent_openssl-2.1.so.7.0.1, -2.1.so.7, .so, .a   the adaptor to OpenSSL, where its headers are installed
//! lib/libev.so.4.0.0, libev.so.4, libev.so, libev.a
//! lib/pkgconfig/*.pc, lib/cmake/libevent/, include/
//! share/man/, share/doc/evoxide/, bin/evoxide-run
//! ```
//!
//! `--target aarch64-unknown-linux-gnu` builds for another machine, below `target/dist-aarch64-unknown-linux-gnu`; it needs that
//! target's standard library and Debian's cross compiler, and leaves the adaptor to OpenSSL out.

mod link;
mod pc;
mod report;
pub mod share;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{cc, nm, tree};

/// The libraries that one shared object stands for.
pub const NAMES: [&str; 4] = ["libevent", "libevent_core", "libevent_extra", "libevent_pthreads"];

/// The shared object's file name and soname.
pub const OBJECT: &str = "libevent-2.1.so.7.0.1";

/// The file name of the adaptor to OpenSSL.
pub const OPENSSL: &str = "libevent_openssl-2.1.so.7.0.1";

/// A built distribution folder.
#[derive(Clone, Debug)]
pub struct Dist {
    /// `target/dist`, or `target/dist-dev`.
    pub root: PathBuf,
}

impl Dist {
    /// Where the distribution of that profile is, built or not.
    pub fn at(profile: &str) -> Self {
        Dist { root: tree::target().join(if profile == "dev" { "dist-dev" } else { "dist" }) }
    }

    /// Where the distribution that these options name is, built or not.
    fn named(opts: &Opts) -> Result<Self, String> {
        let dist = Dist::at(opts.choice("profile", &["release", "dev"])?);
        let Some(target) = opts.value("target") else { return Ok(dist) };
        let name = dist.root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Dist { root: tree::target().join(format!("{name}-{target}")) })
    }

    /// The libraries.
    pub fn lib(&self) -> PathBuf {
        self.root.join("lib")
    }

    /// The headers, with those of libev in a folder of their own below.
    pub fn include(&self) -> PathBuf {
        self.root.join("include")
    }
}

/// `cargo xtask dist`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let dist = build(opts)?;
    println!("{}", dist.root.display());
    for file in tree::list(&dist.lib(), "") {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match fs::read_link(&file) {
            Ok(to) => println!("  lib/{name} -> {}", to.display()),
            Err(_) if file.is_dir() => println!("  lib/{name}/"),
            Err(_) => println!("  lib/{name} ({} kB)", file.metadata().map_or(0, |m| m.len()) / 1024),
        }
    }
    println!("  include/ share/ bin/evoxide-run");
    if opts.value("profile") != Some("dev") && opts.value("target").is_none() {
        report::print(&dist)?;
    }
    Ok(Tally::default())
}

/// Builds the distribution that `--profile` names, unless `--no-build` says that it is there.
pub fn build(opts: &Opts) -> Result<Dist, String> {
    let profile = opts.choice("profile", &["release", "dev"])?;
    let (dist, target) = (Dist::named(opts)?, opts.value("target"));
    if opts.flag("no-build") {
        return if dist.lib().is_dir() { Ok(dist) } else { Err(format!("--no-build: no {}", dist.lib().display())) };
    }
    for package in ["evoxide-libevent-cdylib", "evoxide-libev-cdylib"] {
        proc::show(cargo("rustc", profile, target).args(["--package", package, "--lib", "--"]).args(ALONE))?;
    }
    let mut others = cargo("build", profile, target);
    others.args(["--package", "event-rpcgen"]);
    let tls = target.is_none() && has_openssl();
    if tls {
        others.args(["--package", "evoxide-libevent-openssl-cdylib"]);
    } else if target.is_none() {
        println!("libevent_openssl-2.1.so.7 is left out: it needs OpenSSL's headers (Debian: libssl-dev, pkg-config)");
    }
    proc::show(&mut others)?;
    let from = tree::target().join(target.unwrap_or("")).join(if profile == "dev" { "debug" } else { "release" });
    let lib = dist.lib();
    tree::make_dir(&lib)?;
    libevent(&from, &lib, target)?;
    libev(&from, &lib)?;
    if tls {
        openssl(&from, &lib)?;
    }
    headers(&dist.include())?;
    let bin = dist.root.join("bin");
    tree::make_dir(&bin)?;
    place(&from.join("event_rpcgen"), &bin.join("event_rpcgen"))?;
    point(&bin.join("event_rpcgen.py"), "event_rpcgen")?;
    pc::write_all(&lib.join("pkgconfig"), lib.join("libevent_openssl-2.1.so.7").exists())?;
    share::write_all(&dist.root)?;
    Ok(dist)
}

/// Without the standard library, and without the compiler runtime until something unwinds: `evoxide-ffi`'s `entry` says how.
const ALONE: [&str; 4] = [
    "-Cpanic=abort",
    "-Clink-arg=-Wl,--wrap=_Unwind_Resume",
    "-Clink-arg=-Wl,--wrap=__gcc_personality_v0",
    "-Clink-arg=-lc",
];

fn cargo(verb: &str, profile: &str, target: Option<&str>) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(tree::root()).args([verb, "--quiet", "--profile", profile]);
    if let Some(target) = target {
        let name = target.to_uppercase().replace('-', "_");
        cargo.args(["--target", target]);
        cargo.env(format!("CARGO_TARGET_{name}_LINKER"), cc::cross(target).get_program());
    }
    cargo
}

fn libevent(from: &Path, lib: &Path, target: Option<&str>) -> Result<(), String> {
    place(&from.join("libevent.so"), &lib.join(OBJECT))?;
    place(&from.join("libevent.a"), &lib.join("libevent.a"))?;
    for name in NAMES {
        point(&lib.join(format!("{name}-2.1.so.7")), OBJECT)?;
        if name != "libevent" {
            point(&lib.join(format!("{name}.a")), "libevent.a")?;
        }
    }
    let have = nm::names(&lib.join(OBJECT))?;
    link::write_all(lib, &have, || target.map_or_else(cc::cc, cc::cross))
}

/// Whether the adaptor to OpenSSL can be built here.
pub fn has_openssl() -> bool {
    proc::text(Command::new("pkg-config").args(["--atleast-version=3.0", "openssl"])).is_ok()
}

fn openssl(from: &Path, lib: &Path) -> Result<(), String> {
    place(&from.join("libevent_openssl.so"), &lib.join(OPENSSL))?;
    alone(&from.join("libevent_openssl.a"), &lib.join("libevent_openssl.a"), &nm::names(&lib.join(OPENSSL))?)?;
    point(&lib.join("libevent_openssl-2.1.so.7"), OPENSSL)?;
    point(&lib.join("libevent_openssl.so"), OPENSSL)
}

/// One object of a whole archive in which only `names` are global. Each of our archives carries Rust's standard library, and
/// a program is linked with two of them.
fn alone(from: &Path, to: &Path, names: &BTreeSet<String>) -> Result<(), String> {
    let dir = tree::scratch("dist-archive")?;
    let (object, list, part) = (dir.join("all.o"), dir.join("names"), to.with_extension("new"));
    tree::write(&list, &names.iter().map(|name| format!("{name}\n")).collect::<String>())?;
    let _ = fs::remove_file(&part);
    // Groups that both archives have would be taken from one of them, by names that are no longer global here.
    let mut merge = Command::new("ld");
    proc::text(merge.args(["-r", "--force-group-allocation", "-o"]).arg(&object).arg("--whole-archive").arg(from))?;
    // Bitcode does not survive being joined, and linkers' plugins would read it.
    let mut hide = Command::new("objcopy");
    hide.args(["--remove-section=.llvmbc", "--remove-section=.llvmcmd"]);
    proc::text(hide.arg(format!("--keep-global-symbols={}", list.display())).arg(&object))?;
    proc::text(Command::new("ar").arg("rcs").arg(&part).arg(&object))?;
    fs::rename(&part, to).map_err(|e| format!("{}: {e}", to.display()))
}

fn libev(from: &Path, lib: &Path) -> Result<(), String> {
    place(&from.join("libev.so"), &lib.join("libev.so.4.0.0"))?;
    place(&from.join("libev.a"), &lib.join("libev.a"))?;
    point(&lib.join("libev.so.4"), "libev.so.4.0.0")?;
    point(&lib.join("libev.so"), "libev.so.4.0.0")
}

/// libevent's headers at the top, libev's beside them, but libev's own `event.h` in a folder of its own.
fn headers(include: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(include);
    for suite in ["libev", "libevent"] {
        let from = crate::cc::include(suite);
        if from.is_dir() {
            tree::copy_dir(&from, include)?;
        }
    }
    Ok(())
}

/// Replaces `to` by a copy of `from` in one step, so that a program which has the old file mapped keeps it.
fn place(from: &Path, to: &Path) -> Result<(), String> {
    let part = to.with_extension("new");
    fs::copy(from, &part).map_err(|e| format!("{}: {e}", from.display()))?;
    fs::rename(&part, to).map_err(|e| format!("{}: {e}", to.display()))
}

/// Makes `link` lead to `to`.
pub fn point(link: &Path, to: &str) -> Result<(), String> {
    if fs::read_link(link).is_ok_and(|old| old == Path::new(to)) {
        return Ok(());
    }
    let _ = fs::remove_file(link);
    symlink(to, link).map_err(|e| format!("{}: {e}", link.display()))
}
