//! What belongs to the libraries besides code: manual pages, CMake's files, licences, `evoxide-run`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::tree;

/// The documents that travel with the libraries.
const DOCUMENTS: [&str; 4] = ["LICENSE-APACHE", "LICENSE-MIT", "CHANGELOG.md", "docs/differences.md"];

/// Writes `bin/`, `share/` and `lib/cmake/` below `root`.
pub fn write_all(root: &Path) -> Result<(), String> {
    let from = tree::root().join("packaging");
    copy_each(&tree::list(&from.join("man"), ".3"), &root.join("share/man/man3"))?;
    copy_each(&tree::list(&from.join("man"), ".1"), &root.join("share/man/man1"))?;
    copy_each(&tree::list(&from.join("cmake"), ".cmake"), &root.join("lib/cmake/libevent"))?;
    copy_each(&DOCUMENTS.map(|name| tree::root().join(name)), &root.join("share/doc/evoxide"))?;
    copy_each(&[from.join("evoxide-run")], &root.join("bin"))?;
    let run = root.join("bin/evoxide-run");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).map_err(|e| format!("{}: {e}", run.display()))
}

/// Copies files into a folder, under their own names.
pub fn copy_each(files: &[std::path::PathBuf], to: &Path) -> Result<(), String> {
    tree::make_dir(to)?;
    for file in files {
        let name = file.file_name().unwrap_or_default();
        fs::copy(file, to.join(name)).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    Ok(())
}
