//! Examples as programs. `cargo test` builds them all, `cargo test --test NAME` none.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

/// One build at a time; the others find what it made.
static BUILD: Mutex<()> = Mutex::new(());

/// Where an example is; it is built where it is missing.
pub fn program(name: &str) -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let folder = exe.ancestors().nth(2).unwrap();
    let program = folder.join("examples").join(name);
    let _building = BUILD.lock();
    if !program.exists() {
        let profile = if folder.ends_with("debug") { "dev" } else { folder.file_name().unwrap().to_str().unwrap() };
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "evoxide", "--example", name, "--profile", profile]);
        build.args(cfg!(feature = "rustls").then_some("--features=rustls"));
        build.arg("--target-dir").arg(folder.parent().unwrap());
        assert!(build.status().unwrap().success(), "{name} is missing, and this does not build it: {build:?}");
    }
    program
}
