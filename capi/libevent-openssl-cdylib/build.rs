//! Gives the shared object its soname, and the names that it takes from the main library.
//!
//! It is linked against an empty object with the main library's soname, so that it can be built before that library is; the
//! functions are found when it is loaded.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libevent_openssl-2.1.so.7");
    let out = std::env::var("OUT_DIR").expect("Cargo names the folder");
    let (source, object) = (Path::new(&out).join("main.c"), Path::new(&out).join("libevent-2.1.so.7"));
    std::fs::write(&source, "extern int evoxide_main_library;\n").expect("the folder can be written");
    let mut link = cc::Build::new().cargo_metadata(false).get_compiler().to_command();
    link.args(["-shared", "-Wl,-soname,libevent-2.1.so.7", "-o"]).arg(&object).arg(&source);
    assert!(link.status().is_ok_and(|s| s.success()), "linking {}", object.display());
    println!("cargo:rustc-cdylib-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-cdylib-link-arg={}", object.display());
}
