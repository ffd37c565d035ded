//! `event_rpcgen FILE.rpc [HEADER] [CODE]`: writes the header and the code for a file of structs, or with `MODULE.rs` a module.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: event_rpcgen [--quiet] FILE.rpc [HEADER] [CODE]
       event_rpcgen [--quiet] FILE.rpc MODULE.rs

Writes FILE.gen.h and FILE.gen.c, or what is named: a name that ends in .h is the
header's, one that ends in .c the code's. A name that ends in .rs is that of a Rust
module with plain structs for evoxide::rpc, which are the same on the wire.";

fn main() -> ExitCode {
    let mut quiet = false;
    let mut files = Vec::new();
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--quiet" | "-q" => quiet = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ if arg.starts_with('-') => return usage(&format!("no option {arg}")),
            _ => files.push(PathBuf::from(arg)),
        }
    }
    let Some((input, outputs)) = files.split_first() else { return usage("which file?") };
    match run(input, outputs, quiet) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn usage(why: &str) -> ExitCode {
    eprintln!("event_rpcgen: {why}\n{USAGE}");
    ExitCode::from(2)
}

fn run(input: &Path, outputs: &[PathBuf], quiet: bool) -> Result<(), String> {
    let ends = |path: &Path, end: &str| path.extension().is_some_and(|e| e == end);
    if outputs.len() > 2 {
        return Err(format!("event_rpcgen: at most a header and a code file\n{USAGE}"));
    }
    let named = |end: &str| outputs.iter().find(|p| ends(p, end)).cloned();
    if let [module] = outputs
        && ends(module, "rs")
    {
        let name = input.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        return save(
            &[(module, &event_rpcgen::generate_rust(&read(input)?, &name).map_err(|e| place(input, &e))?)],
            quiet,
        );
    }
    if let Some(odd) = outputs.iter().find(|p| !ends(p, "h") && !ends(p, "c")) {
        return Err(format!("event_rpcgen: {}: expected a name that ends in .h or .c", odd.display()));
    }
    let header = named("h").unwrap_or_else(|| input.with_extension("gen.h"));
    let code = named("c").unwrap_or_else(|| input.with_extension("gen.c"));
    let text = read(input)?;
    let name = header.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let made = event_rpcgen::generate(&text, &name).map_err(|e| place(input, &e))?;
    save(&[(&header, &made.header), (&code, &made.code)], quiet)
}

fn read(input: &Path) -> Result<String, String> {
    let bytes = std::fs::read(input).map_err(|e| format!("{}: {e}", input.display()))?;
    String::from_utf8(bytes).map_err(|e| format!("{}: expected UTF-8: {e}", input.display()))
}

fn place(input: &Path, error: &event_rpcgen::Error) -> String {
    format!("{}:{}: {}", input.display(), error.line, error.what)
}

fn save(files: &[(&Path, &str)], quiet: bool) -> Result<(), String> {
    for (path, text) in files {
        std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        if !quiet {
            println!("{}", path.display());
        }
    }
    Ok(())
}
