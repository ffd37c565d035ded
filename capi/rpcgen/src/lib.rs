//! The generator for `.rpc` files: structs in, C or Rust out.
//!
//! `parse` reads the language, `check` sees that C can carry the names, `header` and `code` write the two files, `rust` a module. What is
//! written compiles against the distribution's headers and against ours, and is the same on the wire as what programs
//! were built with long ago: each entry is one tagged item (`event2/tag.h`), an array its tag repeated.
#![forbid(unsafe_code)]

pub mod check;
pub mod code;
pub mod header;
pub mod model;
pub mod parse;
pub mod rust;

use model::Source;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// What was expected, and what is there.
    pub what: String,
}

/// The two files for one `.rpc` file.
#[derive(Clone, Debug)]
pub struct Output {
    /// The header.
    pub header: String,
    /// The code, which includes the header by its name.
    pub code: String,
}

/// Writes the code for `text`. `header_name` is the name by which the code includes the header.
///
/// # Errors
/// The first place where `text` is not as the language demands.
pub fn generate(text: &str, header_name: &str) -> Result<Output, Error> {
    let source: Source = parse::parse(text)?;
    check::check(&source)?;
    Ok(Output { header: header::write(&source, header_name), code: code::write(&source, header_name) })
}

/// Writes the Rust module for `text`; `name` is the file's, for the first line.
///
/// # Errors
/// The first place where `text` is not as the language demands, or cannot be said in Rust: see [`rust::write`].
pub fn generate_rust(text: &str, name: &str) -> Result<String, Error> {
    let source: Source = parse::parse(text)?;
    check::check(&source)?;
    rust::write(&source, name)
}
