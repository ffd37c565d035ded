//! What `dist` says of its shared objects: their size when stripped, and how long a trivial program takes to start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::Dist;
use crate::{cc, proc, tree};

/// The objects, the flag that links with each, and a call that does nothing.
const OBJECTS: [(&str, &str, &str); 2] = [
    (
        "libevent-2.1.so.7",
        "-levent",
        "const char *event_get_version(void); int main(void) { return !event_get_version(); }",
    ),
    ("libev.so.4", "-lev", "int ev_version_major(void); int main(void) { return ev_version_major() != 4; }"),
];

/// How often a program is started on each library.
const STARTS: usize = 101;

/// Prints a line for each object. Where the originals are missing there is nothing to compare with.
pub fn print(dist: &Dist) -> Result<(), String> {
    let dir = tree::scratch("dist-report")?;
    for (name, flag, code) in OBJECTS {
        let ours = stripped(&dist.lib().join(name), &dir)?;
        let Ok(stock) = cc::stock_lib(name) else {
            println!("{name}: {} kB stripped", ours / 1000);
            continue;
        };
        let theirs = stripped(&stock, &dir)?;
        let ratio = starts(dist, &stock, flag, code, &dir)?;
        println!(
            "{name}: {} kB stripped, {:.2} times the original's {} kB; start-up {ratio:.3} of the original's \
             (median of {STARTS} pairs)",
            ours / 1000,
            ours as f64 / theirs as f64,
            theirs / 1000,
        );
    }
    Ok(())
}

/// The size of the object without symbols and debugging lines, in bytes.
fn stripped(object: &Path, dir: &Path) -> Result<u64, String> {
    let copy = dir.join("stripped.so");
    fs::copy(object, &copy).map_err(|e| format!("{}: {e}", object.display()))?;
    proc::text(Command::new("strip").arg("--strip-unneeded").arg(&copy))?;
    Ok(copy.metadata().map_err(|e| e.to_string())?.len())
}

/// The median over pairs of how long a program that uses the object takes from start to end, ours to the original's.
fn starts(dist: &Dist, stock: &Path, flag: &str, code: &str, dir: &Path) -> Result<f64, String> {
    let (source, program) = (dir.join("start.c"), dir.join("start"));
    fs::write(&source, code).map_err(|e| e.to_string())?;
    let mut cmd = cc::cc();
    let near = stock.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    cmd.arg("-O1").arg("-o").arg(&program).arg(&source).arg("-L").arg(&near).arg(flag);
    cc::compile(&mut cmd)?;
    let once = |lib: &Path| -> Result<Duration, String> {
        let began = Instant::now();
        let status = Command::new(&program).env("LD_LIBRARY_PATH", lib).status().map_err(|e| e.to_string())?;
        let took = began.elapsed();
        if status.success() { Ok(took) } else { Err(format!("{}: {status}", program.display())) }
    };
    let mut ratios = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let (ours, theirs) = (once(&dist.lib())?, once(&near)?);
        ratios.push(ours.as_secs_f64() / theirs.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    Ok(ratios[STARTS / 2])
}
