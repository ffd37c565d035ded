//! Whether C can carry the names, and whether tags and names are unique.

use std::collections::HashMap;

use crate::Error;
use crate::model::{Kind, Source};

/// Words that C and C++ keep for themselves; the structs' names become names of C.
const KEPT: &[&str] = &[
    "alignas",
    "alignof",
    "and",
    "asm",
    "auto",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "constexpr",
    "continue",
    "default",
    "delete",
    "do",
    "double",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "not",
    "operator",
    "or",
    "private",
    "protected",
    "public",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "template",
    "this",
    "throw",
    "true",
    "try",
    "typedef",
    "typename",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "while",
    "xor",
];

/// The longest name: compilers must take at least 63 characters, and a name gets parts before and behind.
const MAX_NAME: usize = 200;

/// Looks at the whole file.
///
/// # Errors
/// The first name or tag that cannot be used.
pub fn check(source: &Source) -> Result<(), Error> {
    let mut structs: HashMap<String, usize> = HashMap::new();
    let mut constants: HashMap<String, usize> = HashMap::new();
    for one in source.structs() {
        name(&one.name, one.line)?;
        if let Some(line) = structs.insert(one.name.clone(), one.line) {
            return wrong(one.line, format!("expected a new struct, found {:?} of line {line}", one.name));
        }
        let max = format!("{}_MAX_TAGS", one.name.to_uppercase());
        claim(&mut constants, max, one.line)?;
        let mut tags: HashMap<u32, usize> = HashMap::new();
        let mut names: HashMap<&str, usize> = HashMap::new();
        for entry in &one.entries {
            name(&entry.name, entry.line)?;
            if let Some(line) = names.insert(&entry.name, entry.line) {
                return wrong(entry.line, format!("expected a new entry, found {:?} of line {line}", entry.name));
            }
            if let Some(line) = tags.insert(entry.tag, entry.line) {
                return wrong(entry.line, format!("expected a new tag, found {} of line {line}", entry.tag));
            }
            claim(&mut constants, one.constant(entry), entry.line)?;
            if let Kind::Nested(other) = &entry.kind {
                name(other, entry.line)?;
            }
        }
    }
    Ok(())
}

fn claim(constants: &mut HashMap<String, usize>, constant: String, line: usize) -> Result<(), Error> {
    match constants.get(&constant) {
        Some(first) => wrong(line, format!("expected a new constant, found {constant} of line {first}")),
        None => {
            constants.insert(constant, line);
            Ok(())
        }
    }
}

fn name(name: &str, line: usize) -> Result<(), Error> {
    if KEPT.contains(&name) {
        return wrong(line, format!("expected a name, found {name:?}, a word of C or C++"));
    }
    if name.len() > MAX_NAME {
        return wrong(line, format!("expected a name of at most {MAX_NAME} characters, found {}", name.len()));
    }
    Ok(())
}

fn wrong(line: usize, what: String) -> Result<(), Error> {
    Err(Error { line, what })
}
