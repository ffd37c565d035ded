//! Writes plain Rust structs that travel as the same bytes, for `evoxide::rpc`.
//!
//! | entry | field |
//! |---|---|
//! | `int`, `int64` | `u32`, `u64` |
//! | `string` | `String` |
//! | `bytes name` | `Option<Vec<u8>>`: never required |
//! | `bytes name[N]` | `[u8; N]` |
//! | `struct[OTHER]` | `Other`; `Option<Box<Other>>` where it is optional |
//! | `optional`, `array` | `Option<T>`, `Vec<T>` |
//!
//! `#define NAME NUMBER` becomes a constant, `#include "x.gen.h"` becomes `use super::x::*`. Conditions are the C compiler's
//! and are refused.

use std::collections::HashMap;
use std::fmt::Write;

use crate::Error;
use crate::model::{Entry, Kind, Often, Part, Source, Struct};

/// The text of the module. `name` is the `.rpc` file's, for its first line.
///
/// # Errors
/// A condition of the preprocessor, a constant that is no number, two names that are one in Rust, or a struct that cannot
/// exist because it needs itself.
pub fn write(source: &Source, name: &str) -> Result<String, Error> {
    check(source)?;
    let mut out = format!("// Made by event_rpcgen from {name}: changes are lost.\n\n");
    out.push_str("#[allow(unused_imports)]\nuse evoxide::rpc::{Error, Items, Message, field};\n");
    for (at, part) in source.parts.iter().enumerate() {
        match part {
            Part::Line(text) => line(&mut out, text, near(source, at))?,
            Part::Struct(one) => structure(&mut out, one),
        }
    }
    Ok(out)
}

/// The line of the struct that comes next, since lines of the preprocessor do not say theirs.
fn near(source: &Source, at: usize) -> usize {
    let after = source.parts[at..].iter().find_map(|part| match part {
        Part::Struct(one) => Some(one.line.saturating_sub(1)),
        Part::Line(_) => None,
    });
    after.unwrap_or(1).max(1)
}

fn line(out: &mut String, text: &str, near: usize) -> Result<(), Error> {
    let words: Vec<&str> = text.trim_start_matches('#').split_whitespace().collect();
    match words[..] {
        ["include", file] => {
            let stem = file.trim_matches(['"', '<', '>']).split('.').next().unwrap_or_default();
            let _ = writeln!(out, "use super::{stem}::*;");
            Ok(())
        }
        ["define", name, value] => {
            let number = number(value)
                .ok_or_else(|| Error { line: near, what: format!("expected a number for {name}, found {value}") })?;
            let _ = writeln!(out, "\n/// `{name}` of the file.\npub const {name}: usize = {number};");
            Ok(())
        }
        _ => Err(Error { line: near, what: format!("expected #include or #define NAME NUMBER, found {text}") }),
    }
}

fn number(text: &str) -> Option<usize> {
    text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |hex| usize::from_str_radix(hex, 16).ok())
}

fn structure(out: &mut String, one: &Struct) {
    let name = camel(&one.name);
    let _ = writeln!(out, "\n/// `struct {}`.", one.name);
    out.push_str("#[derive(Clone, Debug, PartialEq, Eq)]\n");
    let _ = writeln!(out, "pub struct {name} {{");
    for entry in &one.entries {
        let _ = writeln!(out, "    /// Tag {}.\n    pub {}: {},", entry.tag, snake(&entry.name), kind(entry));
    }
    let _ = writeln!(out, "}}\n\n#[allow(clippy::single_match)]\nimpl Message for {name} {{");
    let used = if one.entries.is_empty() { "_" } else { "" };
    let _ = writeln!(out, "    fn write(&self, {used}out: &mut Vec<u8>) {{");
    for entry in &one.entries {
        write_entry(out, entry);
    }
    out.push_str("    }\n\n    fn read(items: Items<'_>) -> Result<Self, Error> {\n");
    for entry in &one.entries {
        let empty = if entry.is_array() { "Vec::new()" } else { "None" };
        let _ = writeln!(out, "        let mut {} = {empty};", snake(&entry.name));
    }
    out.push_str("        for item in items {\n            let item = item?;\n            match item.tag {\n");
    for entry in &one.entries {
        let (field, value) = (snake(&entry.name), read_value(entry));
        let _ = if entry.is_array() {
            writeln!(out, "                {} => {field}.push({value}),", entry.tag)
        } else {
            writeln!(out, "                {} => field::once(&mut {field}, {value})?,", entry.tag)
        };
    }
    out.push_str("                _ => {}\n            }\n        }\n");
    let _ = writeln!(out, "        Ok({name} {{");
    for entry in &one.entries {
        let field = snake(&entry.name);
        let _ = if entry.is_required() {
            writeln!(out, "            {field}: field::required({field})?,")
        } else {
            writeln!(out, "            {field},")
        };
    }
    out.push_str("        })\n    }\n}\n");
}

fn write_entry(out: &mut String, entry: &Entry) {
    let (field, tag) = (snake(&entry.name), entry.tag);
    let put = |value: &str, by_reference: bool| {
        let (by, deref) = if by_reference { ("", "*") } else { ("&", "") };
        match &entry.kind {
            Kind::Int => format!("field::put_int(out, {tag}, u64::from({deref}{value}));"),
            Kind::Int64 => format!("field::put_int(out, {tag}, {deref}{value});"),
            Kind::Text => format!("field::put_bytes(out, {tag}, {value}.as_bytes());"),
            Kind::Bytes | Kind::Fixed(_) => format!("field::put_bytes(out, {tag}, {by}{value});"),
            Kind::Nested(_) if entry.often == Often::Optional => {
                format!("field::put_message(out, {tag}, {value}.as_ref());")
            }
            Kind::Nested(_) => format!("field::put_message(out, {tag}, {by}{value});"),
        }
    };
    let _ = if entry.is_required() {
        writeln!(out, "        {}", put(&format!("self.{field}"), false))
    } else {
        writeln!(out, "        for value in self.{field}.iter() {{\n            {}\n        }}", put("value", true))
    };
}

fn read_value(entry: &Entry) -> String {
    match &entry.kind {
        Kind::Int => "item.int()?".into(),
        Kind::Int64 => "item.int64()?".into(),
        Kind::Text => "field::text(&item)?".into(),
        Kind::Bytes => "item.payload.to_vec()".into(),
        Kind::Fixed(_) => "field::fixed(&item)?".into(),
        Kind::Nested(other) if entry.often == Often::Optional => {
            format!("Box::new({}::read(item.items()?)?)", camel(other))
        }
        Kind::Nested(other) => format!("{}::read(item.items()?)?", camel(other)),
    }
}

fn kind(entry: &Entry) -> String {
    let one = match &entry.kind {
        Kind::Int => "u32".into(),
        Kind::Int64 => "u64".into(),
        Kind::Text => "String".into(),
        Kind::Bytes => return "Option<Vec<u8>>".into(),
        Kind::Fixed(len) => format!("[u8; {len}]"),
        Kind::Nested(other) if entry.often == Often::Optional => format!("Box<{}>", camel(other)),
        Kind::Nested(other) => camel(other),
    };
    match entry.often {
        Often::Once => one,
        Often::Optional => format!("Option<{one}>"),
        Often::Array => format!("Vec<{one}>"),
    }
}

/// `some_struct` is `SomeStruct`.
fn camel(name: &str) -> String {
    let mut out = String::new();
    for part in name.split('_').filter(|part| !part.is_empty()) {
        let mut letters = part.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    if out == "Self" || out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{out}")
    } else {
        out
    }
}

/// A field's name: as it is, or so that it is none of Rust's words or of the function's own.
fn snake(name: &str) -> String {
    const KEPT: &[&str] = &[
        "abstract", "as", "async", "await", "become", "box", "crate", "dyn", "final", "fn", "gen", "impl", "in",
        "item", "items", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
        "self", "Self", "super", "trait", "type", "unsized", "use", "where", "yield", "field", "out", "value",
    ];
    if KEPT.contains(&name) { format!("{name}_") } else { name.into() }
}

/// Names that are two in C and one in Rust, and structs that need themselves.
fn check(source: &Source) -> Result<(), Error> {
    let mut structs: HashMap<String, &Struct> = HashMap::new();
    for one in source.structs() {
        if let Some(other) = structs.insert(camel(&one.name), one) {
            let what = format!("expected a name that is another one in Rust: {} and {}", other.name, one.name);
            return Err(Error { line: one.line, what });
        }
        let mut fields: HashMap<String, &Entry> = HashMap::new();
        for entry in &one.entries {
            if let Some(other) = fields.insert(snake(&entry.name), entry) {
                let what = format!("expected a name that is another one in Rust: {} and {}", other.name, entry.name);
                return Err(Error { line: entry.line, what });
            }
        }
    }
    for one in source.structs() {
        let (mut seen, mut open) = (Vec::new(), vec![camel(&one.name)]);
        while let Some(name) = open.pop() {
            for entry in structs.get(&name).map_or(&[][..], |s| &s.entries[..]) {
                let Kind::Nested(other) = &entry.kind else { continue };
                let other = camel(other);
                if entry.often != Often::Once {
                    continue;
                }
                if other == camel(&one.name) {
                    let what = format!("expected an optional entry: {} needs itself", one.name);
                    return Err(Error { line: one.line, what });
                }
                if !seen.contains(&other) {
                    seen.push(other.clone());
                    open.push(other);
                }
            }
        }
    }
    Ok(())
}
