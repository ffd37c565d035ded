//! The Debian packages that checks need.

use std::process::Command;
use std::time::Duration;

use crate::proc;

/// What `test` needs: the originals to compare with, the programs to run on our libraries, the checkers.
pub const TEST: &[&str] = &[
    "libevent-dev",
    "libev-dev",
    "abigail-tools",
    "g++",
    "memcached",
    "tmux",
    "transmission-cli",
    "transmission-daemon",
    "bsdutils",
    "nghttp2-server",
    "nghttp2-client",
    "nghttp2-proxy",
    "apache2-utils",
    "busybox",
    "curl",
    "haproxy",
    "lighttpd",
    "nginx-light",
    "wget",
    "openssl",
    "stunnel4",
    "libssl-dev",
    "pkg-config",
    "sslsplit",
    "python3",
    "python3-gevent",
    "python3-websockets",
    "valgrind",
    "libc6-dbg",
    "strace",
    "procps",
    "binutils",
    "unbound",
    "nsd",
    "bind9-dnsutils",
    "dnsperf",
    "redis-tools",
];

/// What `deb` builds with; the originals tell their versions.
pub const DEB: &[&str] = &["libevent-dev", "libev-dev", "binutils", "dpkg-dev"];

/// What `abi` compares with, and what it compares.
pub const ABI: &[&str] = &["abigail-tools", "libevent-dev", "libev-dev"];

/// What `cross` builds and runs with.
pub const CROSS: &[&str] = &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"];

/// What `deb --root` makes a fresh system with.
pub const DEB_ROOT: &[&str] = &["mmdebstrap"];

/// What `clients rust-browser` drives, and what drives it.
pub const BROWSER: &[&str] = &["chromium", "python3-websockets"];

/// What `demo` would like.
pub const DEMO: &[&str] = &["memcached", "strace"];

/// Sees to it that the packages are there: root installs what is missing, and says so; anybody else is told.
pub fn ensure(names: &[&'static str]) -> Result<(), String> {
    let missing = missing(names);
    if missing.is_empty() {
        return Ok(());
    }
    if !proc::have("apt-get") {
        return Err(format!("this needs a Debian system; packages missing: {}", missing.join(" ")));
    }
    if !root() {
        return Err(format!("packages missing; as root:\n  {}", command(&missing)));
    }
    println!("installing packages: {}", missing.join(" "));
    for args in [vec!["update"], [vec!["install", "-y", "--no-install-recommends"], missing.clone()].concat()] {
        let mut cmd = Command::new("apt-get");
        cmd.args(&args).env("DEBIAN_FRONTEND", "noninteractive");
        let done = proc::catch(&mut cmd, Duration::from_secs(900))?;
        if !done.ok() && args[0] == "install" {
            return Err(format!("{}: {}\n{}", proc::line(&cmd), done.how(), done.err.trim_end()));
        }
    }
    let still: Vec<&str> = missing.into_iter().filter(|n| !installed(n)).collect();
    if still.is_empty() { Ok(()) } else { Err(format!("could not install {}", still.join(" "))) }
}

/// The command that installs what is missing, if something is.
pub fn wish(names: &[&'static str]) -> Option<String> {
    let missing = missing(names);
    (!missing.is_empty() && proc::have("apt-get")).then(|| command(&missing))
}

fn missing(names: &[&'static str]) -> Vec<&'static str> {
    names.iter().copied().filter(|n| !installed(n)).collect()
}

fn command(names: &[&str]) -> String {
    format!("apt-get install --no-install-recommends {}", names.join(" "))
}

fn installed(name: &str) -> bool {
    let mut cmd = Command::new("dpkg-query");
    cmd.args(["-W", "-f", "${db:Status-Status}", name]);
    proc::text(&mut cmd).is_ok_and(|s| s.trim() == "installed")
}

fn root() -> bool {
    proc::text(Command::new("id").arg("-u")).is_ok_and(|s| s.trim() == "0")
}
