//! `uncovered`: what a header declares and no C case mentions: functions, macros, constants, fields of structs.
//!
//! A name counts as mentioned where it stands in a program or header of `capi/*/tests/c`, as a whole word and outside
//! comments. Names of the implementation (those that end in `_`) and guards of headers do not count.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::opts::Opts;
use crate::proc::Tally;
use crate::{cc, ctest, tree};

#[cfg(test)]
mod tests;

/// `cargo xtask uncovered HEADER...`: names as programs include them, `event2/tag.h`; ours first, else the distribution's.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    if opts.words().is_empty() {
        return Err("uncovered: which HEADER? event2/tag.h, for one".into());
    }
    let mut said = BTreeSet::new();
    for suite in &ctest::SUITES {
        for end in [".c", ".cc", ".h"] {
            for file in tree::list(&suite.dir(), end) {
                said.extend(words(&bare(&tree::read(&file)?)).map(str::to_string));
            }
        }
    }
    let mut tally = Tally::default();
    for header in opts.words() {
        let names = names(&tree::read(&find(header)?)?);
        let missing: Vec<&(&str, String)> = names.iter().filter(|(_, name)| !said.contains(name)).collect();
        println!("{header}: {} of {} in no case", missing.len(), names.len());
        for (kind, name) in &missing {
            println!("    {kind:<9} {name}");
        }
        tally.passed += names.len() - missing.len();
        tally.failed += missing.len();
    }
    Ok(tally.print())
}

fn find(header: &str) -> Result<PathBuf, String> {
    let ours = ctest::SUITES.iter().map(|s| cc::include(s.name).join(header));
    let debian = ["/usr/include", "/usr/local/include"].map(|d| PathBuf::from(d).join(header));
    ours.chain(debian).find(|p| p.is_file()).ok_or_else(|| format!("no header {header}"))
}

/// C text without comments; literals stay, since names in them (of macros in assertions) are rare.
fn bare(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("/*") {
        out.push_str(&rest[..at]);
        out.push(' ');
        rest = rest[at..].find("*/").map_or("", |end| &rest[at + end + 2..]);
    }
    out.push_str(rest);
    out.lines().map(|l| l.split("//").next().unwrap_or(l)).collect::<Vec<_>>().join("\n")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|w| !w.is_empty())
}

/// What a header declares, with its kind.
fn names(header: &str) -> Vec<(&'static str, String)> {
    let joined = bare(header).replace("\\\n", " ");
    let mut found = Vec::new();
    let mut code = String::new();
    for line in joined.lines() {
        match line.trim_start().strip_prefix('#') {
            Some(directive) => {
                if let Some(rest) = directive.trim_start().strip_prefix("define ") {
                    let name = words(rest).next().unwrap_or_default();
                    let value = rest.trim_start()[name.len()..].trim();
                    // Guards have no value and end in INCLUDED or H.
                    if !(value.is_empty() && (name.contains("INCLUDED") || name.ends_with("_H"))) {
                        found.push(("macro", name.to_string()));
                    }
                }
            }
            None => {
                code.push_str(line);
                code.push('\n');
            }
        }
    }
    declarations(&code, &mut found);
    found.retain(|(_, name)| !name.ends_with('_'));
    let mut seen = BTreeSet::new();
    found.retain(|(_, name)| seen.insert(name.clone()));
    found
}

/// Functions, constants and fields, by the form of each declaration.
fn declarations(code: &str, found: &mut Vec<(&'static str, String)>) {
    // What surrounds a declaration: a struct, an enum, or nothing that counts.
    let mut around: Vec<&str> = Vec::new();
    let mut text = String::new();
    let mut parens = 0;
    for c in code.chars() {
        match c {
            '(' => parens += 1,
            ')' => parens -= 1,
            _ => {}
        }
        match c {
            '{' if parens == 0 => {
                let first: Vec<&str> = words(&text).collect();
                around.push(if first.contains(&"enum") {
                    "enum"
                } else if first.contains(&"extern") {
                    "extern"
                } else if first.iter().any(|w| ["struct", "union"].contains(w)) && !text.contains('(') {
                    "struct"
                } else {
                    "body"
                });
                if around.last() == Some(&"body") {
                    function(&text, found);
                }
                text.clear();
            }
            '}' if parens == 0 => {
                if around.pop() == Some("enum") {
                    constant(&text, found);
                }
                text.clear();
            }
            ',' if parens == 0 && around.last() == Some(&"enum") => {
                constant(&text, found);
                text.clear();
            }
            ';' if parens == 0 => {
                match around.last() {
                    Some(&"struct") => field(&text, found),
                    None | Some(&"extern") => function(&text, found),
                    _ => {}
                }
                text.clear();
            }
            _ => text.push(c),
        }
    }
}

fn constant(text: &str, found: &mut Vec<(&'static str, String)>) {
    found.extend(words(text).next().map(|w| ("constant", w.to_string())));
}

fn field(text: &str, found: &mut Vec<(&'static str, String)>) {
    let name = match text.split_once("(*") {
        Some((_, pointer)) => words(pointer).next(),
        None => words(text.split(['[', ':']).next().unwrap_or(text)).last(),
    };
    found.extend(name.map(|w| ("field", w.to_string())));
}

fn function(text: &str, found: &mut Vec<(&'static str, String)>) {
    if words(text).next() == Some("typedef") {
        return;
    }
    // Attributes have parentheses too; the name stands before the first that belongs to no attribute.
    let mut rest = text;
    while let Some((front, back)) = rest.split_once('(') {
        let Some(name) = words(front).last() else { return };
        if !name.starts_with("__") && name.to_uppercase() != name {
            found.push(("function", name.to_string()));
            return;
        }
        let mut depth = 1;
        let end = back.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        rest = end.map_or("", |end| &back[end + 1..]);
    }
}
