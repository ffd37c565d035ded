//! Compiles what unwinds through our frames, which only symbols hidden by C can define: for `runtime!` in `src/entry.rs`.
fn main() {
    println!("cargo:rerun-if-changed=src/c");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-search=native={}", std::env::var("OUT_DIR").expect("set by Cargo"));
    for name in ["unwind", "late"] {
        let mut build = cc::Build::new();
        build.cargo_metadata(false).file(format!("src/c/{name}.c")).flag("-fvisibility=hidden").flag("-fexceptions");
        build.warnings(true).extra_warnings(true).compile(&format!("evoxide_{name}"));
    }
}
