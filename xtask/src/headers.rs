//! `headers`: our C headers by themselves, and against the distribution's.
//!
//! Each header compiles alone as C89, C11 and C++17 without a warning; the struct layouts equal `layouts.txt`, with our
//! headers and with the distribution's; no function is declared with another type and no macro is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cc::{self, Headers};
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{symtab, tree};

/// One C interface, as these checks see it.
struct Suite {
    name: &'static str,
    /// Included before anything else, where a header of the original does not stand alone.
    first: &'static [&'static str],
    /// What a function's name starts with.
    functions: &'static [&'static str],
    /// What a macro's name starts with.
    macros: &'static [&'static str],
    /// Fewer functions than this mean that the comparison itself is broken.
    least: usize,
}

const SUITES: [Suite; 2] = [
    Suite {
        name: "libevent",
        first: &["event2/event.h", "event2/bufferevent.h"],
        functions: &["ev", "bufferevent_", "libevent_"],
        macros: &["EV", "BEV_", "LEV_", "LIBEVENT_", "ev", "_EVENT", "signal_", "timeout_"],
        least: 100,
    },
    Suite { name: "libev", first: &["ev.h"], functions: &["ev_"], macros: &["EV", "ev_"], least: 60 },
];

/// `cargo xtask headers`.
pub fn task(_: &Opts) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for suite in &SUITES {
        if names(suite.name).is_empty() {
            println!("{}: no headers yet", suite.name);
            continue;
        }
        tally.add(alone(suite.name)?);
        tally.add(layouts(suite)?);
        tally.add(like_debian(suite)?);
    }
    Ok(tally.print())
}

/// The headers of one interface, as a program would name them.
fn names(suite: &str) -> Vec<String> {
    let include = cc::include(suite);
    let mut found: Vec<String> = Vec::new();
    for dir in ["", "event2/", "libev-event/"] {
        for path in tree::list(&include.join(dir), ".h") {
            found.push(format!("{dir}{}", path.file_name().unwrap_or_default().to_string_lossy()));
        }
    }
    found
}

/// Every header alone, in three languages.
fn alone(suite: &str) -> Result<Tally, String> {
    let dir = tree::scratch("headers")?;
    let mut jobs: Vec<(String, &str)> = Vec::new();
    for name in names(suite) {
        for language in ["c89", "c11", "c++17"] {
            if language.starts_with("c++") || !name.contains("++") {
                jobs.push((name.clone(), language));
            }
        }
    }
    let outcomes = proc::parallel(&jobs, |(name, language)| {
        let plus = language.starts_with("c++");
        let source = dir.join(format!("{suite}-{}-{language}.c", name.replace('/', "-")));
        tree::write(&source, &format!("#include <{name}>\nint unit_is_not_empty;\n"))?;
        let mut cmd = if plus { cc::cxx() } else { cc::cc() };
        cmd.arg(format!("-std={language}")).args(["-x", if plus { "c++" } else { "c" }]);
        cmd.args(["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]);
        if !plus {
            cmd.arg("-Wstrict-prototypes");
        }
        cc::compile(cmd.arg("-I").arg(cc::include(suite)).arg(&source))
    });
    let mut tally = Tally::default();
    for ((name, language), outcome) in jobs.iter().zip(outcomes) {
        if let Err(why) = &outcome {
            println!("FAIL {name} as {language}:\n{why}");
        }
        tally.count(outcome.is_ok());
    }
    println!("{suite}: {} headers alone, as C89, C11 and C++17", names(suite).len());
    Ok(tally)
}

/// A row of `layouts.txt`.
struct Layout {
    header: String,
    ty: String,
    member: String,
    size: String,
    place: String,
}

fn layout_rows(suite: &Suite, have: &BTreeSet<String>) -> Result<Vec<Layout>, String> {
    let text = tree::read(&tree::root().join("capi").join(suite.name).join("layouts.txt"))?;
    let mut rows = Vec::new();
    for line in symtab::lines(&text) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [header, ty, member, size, place] = fields[..] else { return Err(format!("layouts.txt: {line:?}")) };
        if have.contains(header) {
            let own = |s: &str| s.to_string();
            rows.push(Layout {
                header: own(header),
                ty: own(ty),
                member: own(member),
                size: own(size),
                place: own(place),
            });
        }
    }
    Ok(rows)
}

/// A program that prints sizes and offsets, compiled with both header sets, against the table.
fn layouts(suite: &Suite) -> Result<Tally, String> {
    let have: BTreeSet<String> = names(suite.name).into_iter().collect();
    let rows = layout_rows(suite, &have)?;
    let headers: BTreeSet<&String> = rows.iter().map(|r| &r.header).collect();
    let mut code = format!("#include <stddef.h>\n#include <stdio.h>\n{}", first(suite));
    for header in &headers {
        let _ = writeln!(code, "#include <{header}>");
    }
    code.push_str("#define ALIGN(T) offsetof(struct { char c; T t; }, t)\nint main(void)\n{\n");
    for row in &rows {
        let Layout { ty, member, .. } = row;
        if member == "-" {
            let _ = writeln!(code, "\tprintf(\"%zu %zu\\n\", sizeof({ty}), ALIGN({ty}));");
        } else {
            let _ =
                writeln!(code, "\tprintf(\"%zu %zu\\n\", sizeof((({ty} *)0)->{member}), offsetof({ty}, {member}));");
        }
    }
    code.push_str("\treturn 0;\n}\n");
    let dir = tree::scratch("headers")?;
    let source = dir.join(format!("{}-layouts.c", suite.name));
    tree::write(&source, &code)?;
    let mut tally = Tally::default();
    for headers in [Headers::Ours, Headers::Debian] {
        let out = dir.join(format!("{}-layouts.{}", suite.name, headers.word()));
        let mut cmd = with_headers(suite, headers);
        cc::compile(cmd.arg("-w").arg(&source).arg("-o").arg(&out))?;
        let printed = proc::text(&mut Command::new(&out))?;
        let mut wrong = 0;
        for (row, line) in rows.iter().zip(printed.lines()) {
            if line != format!("{} {}", row.size, row.place) {
                println!("FAIL {} {} with {} headers: {line}", row.ty, row.member, headers.word());
                wrong += 1;
            }
        }
        println!("{}: layouts, {} headers: {} facts, {wrong} wrong", suite.name, headers.word(), rows.len());
        tally.count(wrong == 0);
    }
    Ok(tally)
}

/// The lines that include what must come first.
fn first(suite: &Suite) -> String {
    suite.first.iter().map(|h| format!("#include <{h}>\n")).collect()
}

fn with_headers(suite: &Suite, headers: Headers) -> Command {
    let mut cmd = cc::cc();
    if headers == Headers::Ours {
        cmd.arg("-I").arg(cc::include(suite.name));
    }
    cmd
}

/// Every function and macro of the distribution's headers, for the headers that we have.
fn like_debian(suite: &Suite) -> Result<Tally, String> {
    let have = names(suite.name);
    let dir = tree::scratch("headers")?;
    let source = dir.join(format!("{}-all.c", suite.name));
    // What the distribution has too: the headers that came with 2.2 are ours alone.
    let shared = proc::parallel(&have, |name| probe(suite, &dir, name));
    let shared: Vec<&String> = have.iter().zip(shared).filter_map(|(name, there)| there.then_some(name)).collect();
    let mut code = first(suite);
    for name in shared.iter().filter(|n| n.starts_with("event2/")) {
        let _ = writeln!(code, "#include <{name}>");
    }
    tree::write(&source, &code)?;
    let (ours, theirs) = (prototypes(suite, Headers::Ours, &source)?, prototypes(suite, Headers::Debian, &source)?);
    let mut wrong = 0;
    for (name, declared) in &theirs {
        if ours.get(name) != Some(declared) {
            println!("FAIL {declared}\n     ours: {}", ours.get(name).map_or("none", String::as_str));
            wrong += 1;
        }
    }
    println!("{}: prototypes: {} as the distribution declares them, {wrong} not", suite.name, theirs.len() - wrong);
    let mut tally = Tally::default();
    tally.count(wrong == 0 && theirs.len() >= suite.least);

    let (ours, theirs) = (macros(suite, Headers::Ours, &source)?, macros(suite, Headers::Debian, &source)?);
    let mine = |n: &&String| suite.macros.iter().any(|p| n.starts_with(p));
    let missing: Vec<&String> =
        theirs.difference(&ours).filter(mine).filter(|n| !n.starts_with("EVENT_DEFINED_")).collect();
    for name in &missing {
        println!("FAIL macro {name} is missing");
    }
    println!(
        "{}: macros: {} of the distribution's, {} missing",
        suite.name,
        theirs.iter().filter(mine).count(),
        missing.len()
    );
    tally.count(missing.is_empty());
    Ok(tally)
}

/// Whether the distribution has that header.
fn probe(suite: &Suite, dir: &Path, name: &str) -> bool {
    let source = dir.join(format!("probe-{}.c", name.replace('/', "-")));
    let code = format!("{}#include <{name}>\n", first(suite));
    tree::write(&source, &code).and_then(|()| cc::compile(cc::cc().arg("-fsyntax-only").arg(source))).is_ok()
}

/// The functions declared, by name: what the compiler makes of their declarations.
fn prototypes(suite: &Suite, headers: Headers, source: &PathBuf) -> Result<BTreeMap<String, String>, String> {
    let out = tree::scratch("headers")?.join(format!("{}-prototypes.{}", suite.name, headers.word()));
    let mut cmd = with_headers(suite, headers);
    cc::compile(cmd.args(["-c", "-o", "/dev/null", "-aux-info"]).arg(&out).arg(source))?;
    let text = tree::read(&out)?;
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let declared = line.split_once("*/ ").map_or(line, |(_, d)| d).trim();
        let Some((head, _)) = declared.split_once(" (") else { continue };
        let name = head.rsplit([' ', '*']).next().unwrap_or_default();
        if suite.functions.iter().any(|p| name.starts_with(p)) {
            found.insert(name.to_string(), declared.to_string());
        }
    }
    Ok(found)
}

/// The names of all macros.
fn macros(suite: &Suite, headers: Headers, source: &PathBuf) -> Result<BTreeSet<String>, String> {
    let mut cmd = with_headers(suite, headers);
    let text = proc::text(cmd.args(["-dM", "-E"]).arg(source))?;
    let name = |l: &str| l.split_whitespace().nth(1).and_then(|n| n.split('(').next()).map(str::to_string);
    Ok(text.lines().filter_map(name).collect())
}
