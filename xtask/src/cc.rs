//! The C compiler, as the tasks use it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{proc, tree};

/// `$CC`, or `cc`.
pub fn cc() -> Command {
    Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
}

/// The C compiler for one of rustc's targets, as Debian's cross packages call it.
pub fn cross(target: &str) -> Command {
    Command::new(format!("{}-gcc", gnu(target)))
}

/// The GNU name of one of rustc's targets: `aarch64-unknown-linux-gnu` is `aarch64-linux-gnu`.
pub fn gnu(target: &str) -> String {
    target.replace("-unknown-", "-")
}

/// `$CXX`, or `c++`.
pub fn cxx() -> Command {
    Command::new(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()))
}

/// The folder of the distribution's libraries, as the C compiler sees it.
pub fn stock_lib(name: &str) -> Result<PathBuf, String> {
    let text = proc::text(cc().arg(format!("-print-file-name={name}")))?;
    let path = PathBuf::from(text.trim());
    if path.is_absolute() {
        path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))
    } else {
        Err(format!("the distribution's {name} is not installed"))
    }
}

/// Which headers a program is compiled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headers {
    /// The distribution's, where the compiler finds them by itself.
    Debian,
    /// Those of this workspace.
    Ours,
}

impl Headers {
    /// A word for file names and reports.
    pub fn word(self) -> &'static str {
        match self {
            Headers::Debian => "debian",
            Headers::Ours => "ours",
        }
    }
}

/// The include folder of one of our C interfaces.
pub fn include(suite: &str) -> PathBuf {
    tree::root().join("capi").join(suite).join("include")
}

/// Compiles; the compiler's complaint is the error.
pub fn compile(cmd: &mut Command) -> Result<(), String> {
    let done = proc::catch(cmd, Duration::from_secs(120))?;
    if done.ok() { Ok(()) } else { Err(format!("{}\n{}", proc::line(cmd), done.err.trim_end())) }
}

/// Whether `out` is newer than all of `from`.
pub fn fresh(out: &Path, from: &[&Path]) -> bool {
    let time = |p: &Path| p.metadata().and_then(|m| m.modified()).ok();
    let Some(built) = time(out) else { return false };
    from.iter().all(|p| time(p).is_some_and(|t| t < built))
}
