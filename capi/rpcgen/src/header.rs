//! Writes the header.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::model::{Entry, Kind, Part, Source, Struct};

/// The header's text.
pub fn write(source: &Source, name: &str) -> String {
    let guard = format!("EVENT_RPCOUT_{}_", identifier(name));
    let mut out = format!("/* Made by event_rpcgen: changes are lost. */\n#ifndef {guard}\n#define {guard}\n\n");
    out.push_str("#include <event2/util.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    let mut names: BTreeSet<&str> = source.structs().map(|s| s.name.as_str()).collect();
    for one in source.structs() {
        names.extend(one.entries.iter().filter_map(|e| match &e.kind {
            Kind::Nested(other) => Some(other.as_str()),
            _ => None,
        }));
    }
    out.push_str("struct evbuffer;\n");
    for name in names {
        let _ = writeln!(out, "struct {name};");
    }
    out.push('\n');
    for part in &source.parts {
        match part {
            // Included files bring their own linkage.
            Part::Line(line) if line.trim_start_matches('#').trim_start().starts_with("include") => {
                let _ = writeln!(
                    out,
                    "#ifdef __cplusplus\n}}\n#endif\n{line}\n#ifdef __cplusplus\nextern \"C\" {{\n#endif"
                );
            }
            Part::Line(line) => {
                let _ = writeln!(out, "{line}");
            }
            Part::Struct(one) => structure(&mut out, one),
        }
    }
    let _ = write!(out, "\n#ifdef __cplusplus\n}}\n#endif\n\n#endif /* {guard} */\n");
    out
}

/// A file's name as part of a name of C.
fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

fn structure(out: &mut String, one: &Struct) {
    let name = &one.name;
    let _ = writeln!(out, "/* struct {name} */\nenum {name}_ {{");
    for entry in &one.entries {
        let _ = writeln!(out, "\t{} = {},", one.constant(entry), constant(entry.tag));
    }
    // One more than the last tag, as far as the compiler can count.
    let max = match one.entries.last() {
        Some(last) if last.tag >= i32::MAX as u32 => format!(" = {}u", last.tag.saturating_add(1)),
        _ => String::new(),
    };
    let _ = writeln!(out, "\t{}_MAX_TAGS{max}\n}};\n", name.to_uppercase());
    let _ = writeln!(out, "/* The functions that the macros of event2/rpc.h reach. */\nstruct {name}_access_ {{");
    for entry in &one.entries {
        for (verb, result, args) in verbs(one, entry) {
            let _ = writeln!(out, "\t{result}(*{}_{verb})({args});", entry.name);
        }
    }
    if one.entries.is_empty() {
        out.push_str("\tint unused;\n");
    }
    let _ = writeln!(out, "}};\n\nstruct {name} {{\n\tstruct {name}_access_ *base;\n");
    for entry in &one.entries {
        fields(out, entry);
    }
    out.push('\n');
    for entry in &one.entries {
        let _ = writeln!(out, "\tev_uint8_t {}_set;", entry.name);
    }
    out.push_str("};\n\n");
    for (result, verb, args) in [
        (format!("struct {name} *"), "new", "void".to_string()),
        (format!("struct {name} *"), "new_with_arg", "void *".to_string()),
        ("void ".into(), "free", format!("struct {name} *")),
        ("void ".into(), "clear", format!("struct {name} *")),
        ("void ".into(), "marshal", format!("struct evbuffer *, const struct {name} *")),
        ("int ".into(), "unmarshal", format!("struct {name} *, struct evbuffer *")),
        ("int ".into(), "complete", format!("struct {name} *")),
    ] {
        let _ = writeln!(out, "{result}{name}_{verb}({args});");
    }
    let _ = writeln!(out, "void evtag_marshal_{name}(struct evbuffer *, ev_uint32_t, const struct {name} *);");
    let _ = writeln!(out, "int evtag_unmarshal_{name}(struct evbuffer *, ev_uint32_t, struct {name} *);");
    for entry in &one.entries {
        for (verb, result, args) in verbs(one, entry) {
            let _ = writeln!(out, "{result}{name}_{}_{verb}({args});", entry.name);
        }
    }
    out.push('\n');
}

/// A tag, as a constant that fits into every compiler's `enum` where it can.
fn constant(tag: u32) -> String {
    if i32::try_from(tag).is_ok() { tag.to_string() } else { format!("{tag}u") }
}

fn fields(out: &mut String, entry: &Entry) {
    let (value, name) = (entry.value(), &entry.name);
    let _ = match (&entry.kind, entry.is_array()) {
        (_, true) => write!(out, "\t{value}*{name}_data;\n\tint {name}_length;\n\tint {name}_num_allocated;\n"),
        (Kind::Bytes, _) => write!(out, "\tev_uint8_t *{name}_data;\n\tev_uint32_t {name}_length;\n"),
        (Kind::Fixed(length), _) => writeln!(out, "\tev_uint8_t {name}_data[{length}];"),
        _ => writeln!(out, "\t{value}{name}_data;"),
    };
}

/// The verbs of an entry: name, result, arguments.
pub fn verbs(one: &Struct, entry: &Entry) -> Vec<(&'static str, String, String)> {
    let (this, value, given) = (format!("struct {} *", one.name), entry.value(), entry.given());
    let int = || "int ".to_string();
    let trimmed = given.trim_end();
    match (&entry.kind, entry.is_array()) {
        (Kind::Nested(_), true) => vec![
            ("assign", int(), format!("{this}, int, {trimmed}")),
            ("get", int(), format!("{this}, int, {value}*")),
            ("add", value.clone(), this),
        ],
        (_, true) => vec![
            ("assign", int(), format!("{this}, int, {trimmed}")),
            ("get", int(), format!("{this}, int, {value}*")),
            ("add", format!("{value}*"), format!("{this}, {trimmed}")),
        ],
        (Kind::Bytes, _) => vec![
            ("assign", int(), format!("{this}, {trimmed}, ev_uint32_t")),
            ("get", int(), format!("{this}, {value}*, ev_uint32_t *")),
        ],
        _ => vec![("assign", int(), format!("{this}, {trimmed}")), ("get", int(), format!("{this}, {value}*"))],
    }
}
