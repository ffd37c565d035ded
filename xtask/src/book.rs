//! `book`: the guide, `crates/evoxide/manual`, which is `evoxide::manual` and, by `docs/book/book.toml`, a book.
//!
//! Its programs are compiled by `cargo test`: the pages' as documentation, the examples' as examples. Here: every page is in the
//! table of contents and every entry has a page, links and includes lead somewhere, every example has a page, and the README's
//! Rust programs are those of the crate's README. Where `mdbook` is installed, it builds the book into `target/book`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::proc::{self, Tally};
use crate::tree;

/// `cargo xtask book`.
pub fn task() -> Result<Tally, String> {
    let root = tree::root();
    let manual = root.join("crates/evoxide/manual");
    let mut faults = Vec::new();
    let pages = pages(&manual)?;
    let listed: BTreeSet<PathBuf> = {
        let summary = tree::read(&manual.join("SUMMARY.md"))?;
        targets(&summary).into_iter().map(|t| manual.join(t)).collect()
    };
    for page in &pages {
        let name = page.strip_prefix(&root).unwrap_or(page).display();
        if page.file_name().is_none_or(|f| f != "SUMMARY.md") && !listed.contains(page) {
            faults.push(format!("{name} is not in SUMMARY.md"));
        }
        let text = tree::read(page)?;
        let dir = page.parent().unwrap_or(&manual);
        for target in targets(&text).into_iter().chain(includes(&text)) {
            if !dir.join(&target).is_file() {
                faults.push(format!("{name} leads to {target}, which is no file"));
            }
        }
    }
    let examples = root.join("crates/evoxide/examples");
    for example in tree::list(&examples, ".rs") {
        let stem = tree::stem(&example);
        if !manual.join(format!("examples/{stem}.md")).is_file() {
            faults.push(format!("the example {stem} has no page"));
        }
    }
    let readme = tree::read(&root.join("crates/evoxide/README.md"))?;
    for program in programs(&tree::read(&root.join("README.md"))?) {
        if !readme.contains(program) {
            faults.push("a Rust program of README.md is not in crates/evoxide/README.md".into());
        }
    }
    let mut tally = Tally { passed: pages.len(), failed: faults.len() };
    for fault in faults {
        println!("{fault}");
    }
    tally.add(build(&root)?);
    Ok(tally)
}

/// Builds the book, where the tool is installed.
fn build(root: &Path) -> Result<Tally, String> {
    if !proc::have("mdbook") {
        println!("mdbook is not installed, so the book was read and not built: cargo install mdbook --locked");
        return Ok(Tally::default());
    }
    let mut cmd = std::process::Command::new("mdbook");
    cmd.args(["build", "--dest-dir"]).arg(tree::target().join("book")).arg(root.join("docs/book"));
    let done = proc::catch(&mut cmd, Duration::from_secs(300))?;
    if !done.ok() || done.err.contains("ERROR") || done.err.contains("WARN") {
        return Err(format!("{}: {}\n{}{}", proc::line(&cmd), done.how(), done.out, done.err));
    }
    Ok(Tally { passed: 1, failed: 0 })
}

/// All pages, also in folders.
fn pages(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.append(&mut self::pages(&path)?);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Relative targets of links, without their anchors.
fn targets(text: &str) -> Vec<String> {
    let target = |rest: &str| {
        let end = rest.find([')', '#'])?;
        Some(rest[..end].to_owned())
    };
    let outside = |t: &String| t.is_empty() || t.contains("://") || t.contains(' ') || !t.contains('.');
    let prose = prose(text);
    prose.split("](").skip(1).filter_map(target).filter(|t| !outside(t)).collect()
}

/// The text without its programs.
fn prose(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Files that a page includes.
fn includes(text: &str) -> Vec<String> {
    let file = |rest: &str| Some(rest.split("}}").next()?.split(':').next()?.trim().to_owned());
    text.match_indices("{{#include ").filter_map(|(at, m)| file(&text[at + m.len()..])).collect()
}

/// The Rust programs of a page.
fn programs(text: &str) -> Vec<&str> {
    let mut rest = text;
    let mut found = Vec::new();
    while let Some((_, program)) = rest.split_once("```rust").and_then(|(_, after)| after.split_once('\n')) {
        let (program, after) = program.split_once("```").unwrap_or((program, ""));
        found.push(program);
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_the_prose_are_found() {
        let text = "[a](b.md#c) [x](https://x.y/z.md)\n```rust\nlet v = f[0](no.md);\n```\n{{#include ../e.rs}}\n";
        assert_eq!(targets(text), ["b.md"]);
        assert_eq!(includes(text), ["../e.rs"]);
    }

    #[test]
    fn programs_are_what_lies_between_fences() {
        assert_eq!(programs("a\n```rust,no_run\nfn main() {}\n```\nb"), ["fn main() {}\n"]);
    }
}
