//! The lists of names that the libraries owe: `capi/*/symbols.txt`.
//!
//! A row of libevent's: header, name, the original's library, version of the original that has it, by tabs. The header
//! is in brackets where no header declares the function although it is exported. `symbols-finished.txt` lists the
//! headers whose functions must all be there.

use std::collections::BTreeSet;

use crate::tree;

/// One exported name.
#[derive(Clone, Debug)]
pub struct Row {
    /// The header that declares it.
    pub header: String,
    /// The name.
    pub name: String,
    /// `core`, `extra`, `pthreads` or `openssl`.
    pub library: String,
}

/// libevent's rows.
pub fn libevent() -> Result<Vec<Row>, String> {
    let text = tree::read(&tree::root().join("capi/libevent/symbols.txt"))?;
    let mut rows = Vec::new();
    for line in lines(&text) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [header, name, library, _since] = fields[..] else { return Err(format!("symbols.txt: {line:?}")) };
        rows.push(Row { header: header.into(), name: name.into(), library: library.into() });
    }
    Ok(rows)
}

/// The headers that are finished.
pub fn finished() -> Result<BTreeSet<String>, String> {
    let text = tree::read(&tree::root().join("capi/libevent/symbols-finished.txt"))?;
    Ok(lines(&text).map(str::to_string).collect())
}

/// The names that libev exports.
pub fn libev() -> Result<BTreeSet<String>, String> {
    let text = tree::read(&tree::root().join("capi/libev/symbols.txt"))?;
    Ok(lines(&text).map(str::to_string).collect())
}

/// Whether the original keeps the name in that library; the one called `libevent` holds core and extra.
pub fn belongs(row: &Row, library: &str) -> bool {
    match library {
        "libevent" => row.library == "core" || row.library == "extra",
        other => other.strip_prefix("libevent_") == Some(&row.library),
    }
}

/// The lines that say something.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_end).filter(|l| !l.is_empty() && !l.starts_with('#'))
}
