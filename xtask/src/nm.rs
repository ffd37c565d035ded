//! What a shared object exports, by `nm`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::proc;

/// The names that the shared object defines for others (`T`, `W`, `D`, `B`, `R`, `i`), with their letter.
pub fn exports(object: &Path) -> Result<BTreeSet<(String, char)>, String> {
    let text = proc::text(Command::new("nm").arg("-D").arg("--defined-only").arg(object))?;
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let mut fields = line.split_whitespace().rev();
        let (Some(name), Some(kind)) = (fields.next(), fields.next()) else { continue };
        let name = name.split('@').next().unwrap_or(name);
        let kind = kind.chars().next().unwrap_or('?');
        if kind != 'A' {
            names.insert((name.to_string(), kind));
        }
    }
    Ok(names)
}

/// Only the names.
pub fn names(object: &Path) -> Result<BTreeSet<String>, String> {
    Ok(exports(object)?.into_iter().map(|(name, _)| name).collect())
}
