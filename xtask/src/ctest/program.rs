//! One C test program: what it asks for, how it is built, how it is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Suite;
use crate::cc::{self, Headers};
use crate::dist::Dist;
use crate::tree;

/// A source file.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name without the ending.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Uses what the original lacks.
    pub ours_only: bool,
    /// The one header set it is for.
    pub headers: Option<Headers>,
    /// Cannot run with a sanitizer.
    pub unsanitized: bool,
    /// Part of the names of the cases that run under valgrind; empty: all.
    pub ground: String,
    /// Also run under helgrind.
    pub threads: bool,
    cflags: Vec<String>,
    ldflags: Vec<String>,
}

impl Program {
    /// Reads the words after `ctest:` in the first lines.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = tree::read(path)?;
        let name = tree::stem(path);
        let mut program = Program {
            ours_only: name.starts_with("ours_"),
            unsanitized: false,
            threads: name.starts_with("thread_"),
            name,
            path: path.into(),
            headers: None,
            ground: String::new(),
            cflags: Vec::new(),
            ldflags: Vec::new(),
        };
        let words = text.lines().take(12).find_map(|l| l.split_once("ctest:")).map_or("", |(_, w)| w);
        for word in words.trim_end_matches("*/").split_whitespace() {
            match word.split_once('=') {
                None if word == "ours-only" => program.ours_only = true,
                None if word == "no-sanitizer" => program.unsanitized = true,
                Some(("headers", "ours")) => program.headers = Some(Headers::Ours),
                Some(("headers", "debian")) => program.headers = Some(Headers::Debian),
                Some(("valgrind", part)) => program.ground = part.into(),
                Some(("cflags", flag)) => program.cflags.push(flag.replace("ROOT", &tree::root().to_string_lossy())),
                Some(("ldflags", flag)) => program.ldflags.push(flag.into()),
                _ => return Err(format!("{}: ctest: {word}?", path.display())),
            }
        }
        Ok(program)
    }

    /// What it links beside the suite's own library.
    pub fn libs(&self) -> &[String] {
        &self.ldflags
    }

    /// Compiles with one header set; against the distribution's library, so that the program runs on both.
    pub fn build(&self, suite: &Suite, headers: Headers, dist: &Dist) -> Result<PathBuf, String> {
        let dir = tree::scratch("ctest")?;
        let out = dir.join(format!("{}.{}.{}", suite.name, self.name, headers.word()));
        let frame = suite.dir().join("case.h");
        let frame = if frame.exists() { frame } else { super::SUITES[0].dir().join("case.h") };
        let mut newer: Vec<PathBuf> = vec![self.path.clone(), frame];
        newer.extend(tree::list(&suite.dir(), ".h"));
        if headers == Headers::Ours {
            let include = cc::include(suite.name);
            newer.extend(tree::list(&include, ".h"));
            newer.extend(tree::list(&include.join("event2"), ".h"));
        }
        if cc::fresh(&out, &newer.iter().map(PathBuf::as_path).collect::<Vec<_>>()) {
            return Ok(out);
        }
        let mut cmd = self.compiler(suite, headers);
        let part = out.with_extension(format!("{}-new", headers.word()));
        cmd.arg(&self.path).arg("-o").arg(&part);
        if self.ours_only {
            cmd.arg("-L").arg(dist.lib());
        }
        cmd.args(suite.libs).args(&self.ldflags).args(["-lpthread", "-lm", "-ldl"]);
        cc::compile(&mut cmd)?;
        fs::rename(&part, &out).map_err(|e| format!("{}: {e}", out.display()))?;
        Ok(out)
    }

    /// Compiles for another machine with our headers and the libraries of `lib`.
    pub fn build_for(&self, suite: &Suite, target: &str, lib: &Path) -> Result<PathBuf, String> {
        let out = tree::scratch(&format!("ctest-{target}"))?.join(&self.name);
        let mut cmd = self.options(cc::cross(target), suite, Headers::Ours);
        cmd.arg(&self.path).arg("-o").arg(&out).arg("-L").arg(lib);
        cmd.args(suite.libs).args(&self.ldflags).args(["-lpthread", "-lm", "-ldl"]);
        cc::compile(&mut cmd)?;
        Ok(out)
    }

    /// The compiler with all that comes before the source and says nothing of linking.
    pub fn compiler(&self, suite: &Suite, headers: Headers) -> Command {
        self.options(if self.is_cxx() { cc::cxx() } else { cc::cc() }, suite, headers)
    }

    fn is_cxx(&self) -> bool {
        self.path.extension().is_some_and(|e| e == "cc")
    }

    fn options(&self, mut cmd: Command, suite: &Suite, headers: Headers) -> Command {
        let plus = self.is_cxx();
        cmd.args(["-g", "-O1", "-Wall", "-Wextra", if plus { "-std=gnu++17" } else { "-std=gnu11" }]);
        if !plus {
            cmd.args(["-Werror=implicit-function-declaration", "-Werror=int-conversion"]);
            cmd.arg("-Werror=incompatible-pointer-types");
        }
        for dir in [suite.dir(), super::SUITES[0].dir()] {
            cmd.arg("-I").arg(dir);
        }
        if headers == Headers::Ours {
            cmd.arg("-I").arg(cc::include(suite.name));
        }
        cmd.args(&self.cflags);
        cmd
    }

    /// The command that runs the cases whose name contains `part`, on the libraries of `lib`.
    pub fn command(&self, binary: &Path, lib: &Path, method: Option<&str>, part: &str) -> Command {
        let mut cmd = Command::new(binary);
        self.surround(&mut cmd, lib, method, part);
        cmd
    }

    /// The same environment and arguments for a command that ends with the program.
    pub fn surround(&self, cmd: &mut Command, lib: &Path, method: Option<&str>, part: &str) {
        cmd.env_remove("LD_PRELOAD").env("LD_LIBRARY_PATH", lib).env("LC_ALL", "C").env("TZ", "UTC");
        match method {
            Some("poll") => cmd.env("EVENT_NOEPOLL", "1").env("LIBEV_FLAGS", "2"),
            Some("select") => cmd.env("EVENT_NOEPOLL", "1").env("EVENT_NOPOLL", "1").env("LIBEV_FLAGS", "1"),
            Some("epoll") => cmd.env("EVENT_NOPOLL", "1").env("EVENT_NOSELECT", "1").env("LIBEV_FLAGS", "4"),
            _ => cmd,
        };
        if !part.is_empty() {
            cmd.arg("-s").arg(part);
        }
    }
}
