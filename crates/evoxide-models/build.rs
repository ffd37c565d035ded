//! Has the files under test take their atomics from loom; nothing else in the workspace is compiled for it.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cfg=loom");
}
