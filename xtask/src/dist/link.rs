//! The shared objects that the linker reads.
//!
//! One object carries everything, but a program built on it must also start on the original, which spreads the same
//! names over several objects. So each library name gets a small object with its own soname and exactly those of our
//! exports that the original keeps there. They are ELF filters: a program that opens one at run time, say by
//! `dlopen("libevent.so")`, is led to the real object.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::{NAMES, OBJECT};
use crate::{cc, dist, symtab, tree};

/// Writes `lib/link/NAME.so` for every library, and `lib/NAME.so` leading there; `have` are the names we export, `compiler` the C
/// compiler for the machine they are for.
pub fn write_all(lib: &Path, have: &BTreeSet<String>, compiler: impl Fn() -> Command) -> Result<(), String> {
    let dir = lib.join("link");
    tree::make_dir(&dir)?;
    let rows = symtab::libevent()?;
    for name in NAMES {
        let mut code = String::from("/* Made from symbols.txt: names for the linker, no behaviour. */\n");
        let mut count = 0;
        let theirs = rows.iter().filter(|r| symtab::belongs(r, name)).map(|r| &r.name).filter(|n| have.contains(*n));
        // What adaptors of ours call, the TLS one for instance, stands in the name that every program links.
        let ours = have.iter().filter(|n| name == "libevent" && n.starts_with("evoxide_"));
        for export in theirs.chain(ours) {
            let _ = writeln!(code, "void {export}(void);\nvoid {export}(void) {{}}");
            count += 1;
        }
        let source = dir.join(format!("{name}.c"));
        let object = dir.join(format!("{name}.so"));
        let changed = tree::read(&source).map_or(true, |old| old != code);
        if changed || !object.exists() {
            tree::write(&source, &code)?;
            let mut cmd = compiler();
            // -fno-builtin: a few names are known to compilers.
            cmd.args(["-shared", "-fPIC", "-nostdlib", "-fno-builtin", "-O1", "-w", "-o"]).arg(&object).arg(&source);
            cmd.arg(format!("-Wl,-soname,{name}-2.1.so.7")).arg(format!("-Wl,-F,{OBJECT}"));
            cc::compile(&mut cmd).map_err(|e| format!("{name}.so, {count} names: {e}"))?;
        }
        dist::point(&lib.join(format!("{name}.so")), &format!("link/{name}.so"))?;
    }
    Ok(())
}
