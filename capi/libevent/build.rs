//! Compiles the variadic functions, which only C can define. See `src/variadic.rs`.
fn main() {
    let sources = ["src/c/buffer.c", "src/c/stash.c", "src/c/variadic.c"];
    for source in sources {
        println!("cargo:rerun-if-changed={source}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    cc::Build::new()
        .files(sources)
        .flag("-fvisibility=hidden")
        // Log and fatal callbacks may throw or jump through these frames.
        .flag_if_supported("-fexceptions")
        .flag_if_supported("-Wvla")
        .warnings(true)
        .extra_warnings(true)
        .compile("evoxide_variadic");
}
