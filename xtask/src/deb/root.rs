//! The packages in a fresh system: installed, used by three dependants, upgraded, and taken out again by the originals.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::proc::{self, Tally};
use crate::{packages, tree};

/// What runs inside, step by step.
const INSIDE: &str = include_str!("inside.sh");

/// The steps, in order.
const STEPS: [&str; 5] = ["install", "use", "upgrade", "use", "remove"];

/// Makes a fresh system and goes through the steps, with the time of each.
pub fn run(debs: &[PathBuf], next: &[PathBuf]) -> Result<Tally, String> {
    if proc::text(Command::new("id").arg("-u"))?.trim() != "0" {
        return Err("deb --root needs root".into());
    }
    packages::ensure(packages::DEB_ROOT)?;
    let began = Instant::now();
    let home = tree::scratch("deb/fresh")?;
    let tar = home.join("system.tar");
    if !tar.exists() {
        let mut cmd = Command::new("mmdebstrap");
        cmd.args(["--variant=apt", "--include=ca-certificates,perl-base"]);
        for option in network_options() {
            cmd.arg("--aptopt").arg(option);
        }
        cmd.arg(release()?).arg(&tar);
        let done = proc::catch(&mut cmd, Duration::from_secs(1800))?;
        if !done.ok() {
            let _ = fs::remove_file(&tar);
            return Err(format!("{}: {}\n{}", proc::line(&cmd), done.how(), done.err));
        }
        println!("fresh system: {:.0} s", began.elapsed().as_secs_f64());
    }
    let root = home.join("root");
    let _mounted = Mounted::new(&root, &tar)?;
    for (files, to) in [(debs, "first"), (next, "next")] {
        crate::dist::share::copy_each(files, &root.join("packages").join(to))?;
    }
    fs::write(root.join("inside.sh"), INSIDE).map_err(|e| e.to_string())?;
    let _ = fs::copy("/etc/resolv.conf", root.join("etc/resolv.conf"));
    let mut tally = Tally::default();
    for step in STEPS {
        let at = Instant::now();
        let mut cmd = Command::new("chroot");
        cmd.arg(&root).args(["/bin/sh", "/inside.sh", step]);
        cmd.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env_remove("LD_LIBRARY_PATH");
        let done = proc::catch(&mut cmd, Duration::from_secs(1200))?;
        print!("{}", done.out);
        println!("{step}: {} ({:.0} s)", if done.ok() { "ok" } else { "FAILED" }, at.elapsed().as_secs_f64());
        tally.count(done.ok());
        if !done.ok() {
            print!("{}", done.err);
        }
        if !done.ok() && step == STEPS[0] {
            break;
        }
    }
    println!("packages in a fresh system: {:.0} s", began.elapsed().as_secs_f64());
    Ok(tally.print())
}

/// The files of this machine's apt that say how to reach its mirrors.
fn network_options() -> Vec<PathBuf> {
    let speaks = |file: &PathBuf| tree::read(file).is_ok_and(|text| text.contains("Acquire::http"));
    tree::list(Path::new("/etc/apt/apt.conf.d"), "").into_iter().filter(speaks).collect()
}

/// This machine's release, `bookworm` say.
fn release() -> Result<String, String> {
    let text = tree::read(Path::new("/etc/os-release"))?;
    let name = text.lines().find_map(|l| l.strip_prefix("VERSION_CODENAME=")).ok_or("no VERSION_CODENAME")?;
    Ok(name.trim_matches('"').to_string())
}

/// An unpacked system with `/proc` and `/dev`; dropping it unmounts these.
struct Mounted(PathBuf);

impl Mounted {
    fn new(root: &Path, tar: &Path) -> Result<Self, String> {
        // What a run that was killed left behind.
        drop(Mounted(root.to_path_buf()));
        if root.exists() {
            proc::text(Command::new("rm").args(["-rf", "--one-file-system"]).arg(root))?;
        }
        tree::make_dir(root)?;
        proc::text(Command::new("tar").arg("-xf").arg(tar).arg("-C").arg(root).arg("--exclude=./dev/*"))?;
        let mounted = Mounted(root.to_path_buf());
        proc::text(Command::new("mount").args(["-t", "proc", "proc"]).arg(root.join("proc")))?;
        proc::text(Command::new("mount").args(["--rbind", "--make-rslave", "/dev"]).arg(root.join("dev")))?;
        Ok(mounted)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        for name in ["dev", "proc"] {
            let place = self.0.join(name);
            // A second place may be mounted over the first; an error says that none is left.
            while proc::text(Command::new("umount").args(["-R", "-l"]).arg(&place)).is_ok() {}
        }
    }
}
