//! The C tests under ThreadSanitizer or AddressSanitizer: our libraries and Rust's standard library are built for it by a
//! nightly compiler, the programs by the C compiler, and each program carries the run-time part that the nightly has.
//!
//! `test` does not need this. `EVOXIDE_NIGHTLY` names another toolchain than `nightly`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::grind::pids;
use super::{Job, Report, cases};
use crate::cc::Headers;
use crate::{cc, dist, proc, tree};

/// The exit code of a program that the sanitizer has something to say about.
const FOUND: &str = "exit 66";

/// Libraries that are built for a sanitizer.
pub struct Sanitizer {
    kind: &'static str,
    /// `libevent.so` and `libev.so`, as Cargo names them.
    built: PathBuf,
    /// The same under the names that programs look for.
    lib: PathBuf,
    runtime: PathBuf,
}

impl Sanitizer {
    /// Builds them; slow the first time.
    pub fn build(kind: &'static str) -> Result<Self, String> {
        let nightly = std::env::var("EVOXIDE_NIGHTLY").unwrap_or_else(|_| "nightly".into());
        let rustup = |program: &str| {
            let mut cmd = Command::new("rustup");
            cmd.args(["run", &nightly, program]).current_dir(tree::root());
            cmd
        };
        let hint = format!("rustup toolchain install {nightly} --profile minimal --component rust-src");
        let sysroot = proc::text(rustup("rustc").args(["--print", "sysroot"])).map_err(|e| format!("{e}\n{hint}"))?;
        let host = proc::text(rustup("rustc").arg("-vV"))?;
        let host = host.lines().find_map(|l| l.strip_prefix("host: ")).ok_or("rustc -vV names no host")?.to_string();
        let rustlib = Path::new(sysroot.trim()).join("lib/rustlib");
        if !rustlib.join("src/rust/library").is_dir() {
            return Err(format!("the toolchain {nightly} lacks the sources of the standard library: {hint}"));
        }
        let end = if kind == "thread" { "_rt.tsan.a" } else { "_rt.asan.a" };
        let runtime = tree::list(&rustlib.join(&host).join("lib"), end).pop();
        let runtime = runtime.ok_or_else(|| format!("the toolchain {nightly} has no *{end}"))?;

        let target = tree::target().join(format!("sanitize-{kind}"));
        let mut cargo = rustup("cargo");
        cargo.args(["build", "--quiet", "-Zbuild-std", "--target", &host, "--target-dir"]).arg(&target);
        cargo.args(["--package", "evoxide-libevent-cdylib", "--package", "evoxide-libev-cdylib"]);
        let tls = dist::has_openssl();
        if tls {
            cargo.args(["--package", "evoxide-libevent-openssl-cdylib"]);
        }
        cargo.env("RUSTFLAGS", format!("-Zsanitizer={kind} -Cforce-frame-pointers=yes"));
        proc::show(&mut cargo)?;
        let built = target.join(&host).join("debug");
        let lib = tree::scratch(&format!("sanitize/{kind}/lib"))?;
        let adaptor = ["libevent_openssl-2.1.so.7", "libevent_openssl.so"].map(|name| (name, "libevent_openssl.so"));
        let adaptor = if tls { &adaptor[..] } else { &[] };
        for &(name, to) in [("libevent-2.1.so.7", "libevent.so"), ("libev.so.4", "libev.so")].iter().chain(adaptor) {
            let link = lib.join(name);
            let _ = fs::remove_file(&link);
            symlink(built.join(to), &link).map_err(|e| format!("{}: {e}", link.display()))?;
        }
        Ok(Sanitizer { kind, built, lib, runtime })
    }

    /// The folder of the libraries under the names that programs look for.
    pub fn lib(&self) -> &Path {
        &self.lib
    }

    /// Compiles a program into `dir`; the nightly's run-time part goes into it, as with the nightly's own compiler.
    ///
    /// `libs`: what the program links beside the suite's own library.
    pub fn program(
        &self,
        cc: &mut Command,
        source: &Path,
        suite: &str,
        libs: &[String],
        dir: &Path,
    ) -> Result<PathBuf, String> {
        let (object, binary) = (dir.join("program.o"), dir.join("program"));
        cc.arg(format!("-fsanitize={}", self.kind)).args(["-fPIE", "-c"]).arg(source);
        cc::compile(cc.arg("-o").arg(&object))?;
        let mut link = cc::cxx();
        link.args(["-pie", "-o"]).arg(&binary).arg(&object);
        link.arg("-Wl,--whole-archive").arg(&self.runtime).args(["-Wl,--no-whole-archive", "-Wl,--export-dynamic"]);
        link.arg(self.built.join(format!("{suite}.so"))).arg("-L").arg(&self.lib).args(libs).args([
            "-lpthread",
            "-ldl",
            "-lm",
            "-lrt",
        ]);
        cc::compile(&mut link)?;
        Ok(binary)
    }

    /// Makes a program write its reports to `log` with its process number behind, and end with code 66 if there is one.
    pub fn report_to(&self, cmd: &mut Command, log: &Path) {
        let settings = format!("log_path={}:exitcode=66:allocator_may_return_null=1", log.display());
        cmd.env("TSAN_OPTIONS", &settings).env("ASAN_OPTIONS", &settings);
    }
}

impl Job<'_> {
    pub(super) fn sanitize(&self, with: &Sanitizer) -> Result<Report, String> {
        let headers = if self.program.headers == Some(Headers::Debian) { Headers::Debian } else { Headers::Ours };
        let plain = self.program.build(self.suite, headers, &self.plan.dist)?;
        let plain = self.run(&plain, &self.plan.dist.lib(), &self.plan.case, 1)?;
        let dir = tree::scratch(&format!("sanitize/{}/{}.{}", with.kind, self.suite.name, self.program.name))?;
        let mut compiler = self.program.compiler(self.suite, headers);
        let binary = with.program(&mut compiler, &self.program.path, self.suite.name, self.program.libs(), &dir)?;
        for old in tree::list(&dir, "").into_iter().filter(|p| *p != binary) {
            let _ = fs::remove_file(old);
        }
        let mut cmd = self.program.command(&binary, &with.lib, self.plan.method, &self.plan.case);
        with.report_to(&mut cmd, &dir.join("log"));
        cmd.env("CASE_TIMEOUT", "120").env("CASE_PIDS", dir.join("pids"));
        let done = proc::catch(&mut cmd, Duration::from_secs(900))?;
        let pids = pids(&dir.join("pids"));
        let found = cases::parse(&done.out);
        let mut report = Report::default();
        for case in plain.iter().filter(|c| c.name != "(program)") {
            let end = found.iter().find(|c| c.name == case.name).map_or("did not run", |c| c.end.as_str());
            // Leaks are listed for memcheck.
            let kind = if with.kind == "address" { "valgrind" } else { with.kind };
            self.judge(&mut report, case, end == case.end && end != FOUND, kind, || {
                let log = pids.get(&case.name).map(|pid| dir.join(format!("log.{pid}")));
                let log = log.and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
                let text: String = log.lines().take(60).map(|l| format!("    {l}\n")).collect();
                format!("  {}: {end}, alone {}\n{text}", with.kind, case.end)
            });
        }
        Ok(report)
    }
}
