//! A crate's sources: which modules there are, what they import, and what can be counted in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::tree;

/// Words that end a verb badly although they do not end in "ly".
const ADVERBS: &[&str] =
    &["anew", "already", "elsewhere", "later", "length", "little", "much", "outside", "soon", "unasked"];

/// Words in "ly" that are none.
const NONE: &[&str] =
    &["apply", "assembly", "family", "fly", "imply", "multiply", "only", "poly", "rely", "reply", "supply"];

/// Words that comments do without (see the rules of style in CONTRIBUTING.md).
const VAGUE: &[&str] = &["whoever", "so many", "at hand", "anew", "that is none"];

/// Reasons for `unsafe` that are none.
const UNREASONED: &[&str] = &[
    "SAFETY: as above.",
    "SAFETY: as there.",
    "SAFETY: as promised.",
    "SAFETY: see above.",
    "SAFETY: the caller's promise.",
];

/// One module's file.
#[derive(Debug)]
pub struct Module {
    file: PathBuf,
    /// Without comments, literals and tests.
    text: String,
    lines: usize,
    /// How many comments have one of the words of [`VAGUE`], and how many say no more than [`UNREASONED`].
    vague: usize,
    unreasoned: usize,
    /// The paths that it names, from the crate's root.
    paths: BTreeSet<Vec<String>>,
    /// What `use` makes known under a name of this module.
    names: BTreeMap<String, Vec<String>>,
    /// Modules whose items `use` makes known all at once.
    globs: Vec<Vec<String>>,
}

/// The modules of a crate by their path, `a::b`; the root's is empty.
#[derive(Debug, Default)]
pub struct Sources(BTreeMap<String, Module>);

impl Sources {
    /// Reads every `.rs` below the folder but tests.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        walk(folder, &mut files);
        let mut sources = Sources::default();
        for file in files {
            let inner = file.strip_prefix(folder).map_err(|e| e.to_string())?.to_path_buf();
            let name = name_of(&inner);
            sources.insert(name, inner, &tree::read(&file)?);
        }
        sources.resolve();
        Ok(sources)
    }

    /// A crate of given files, for tests.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut sources = Sources::default();
        for (file, text) in files {
            sources.insert(name_of(Path::new(file)), file.into(), text);
        }
        sources.resolve();
        sources
    }

    fn insert(&mut self, name: String, file: PathBuf, text: &str) {
        let comments = || text.lines().filter_map(|line| line.split_once("//"));
        let module = Module {
            file,
            text: bare(text),
            lines: text.lines().count(),
            vague: comments().filter(|(_, said)| VAGUE.iter().any(|words| has(&said.to_lowercase(), words))).count(),
            unreasoned: comments().filter(|(_, said)| UNREASONED.contains(&said.trim())).count(),
            paths: BTreeSet::new(),
            names: BTreeMap::new(),
            globs: Vec::new(),
        };
        self.0.insert(name, module);
    }

    /// Finds what every module imports.
    fn resolve(&mut self) {
        let known: BTreeSet<String> = self.0.keys().cloned().collect();
        for (name, module) in &mut self.0 {
            let (uses, rest) = cut_uses(&module.text);
            for item in uses {
                for (path, alias) in expand(&item) {
                    let Some(path) = absolute(name, &path, &known) else { continue };
                    if path.last().is_some_and(|l| l == "*") {
                        let path = path[..path.len() - 1].to_vec();
                        module.paths.insert(path.clone());
                        module.globs.push(path);
                    } else {
                        module.names.insert(alias, path.clone());
                        module.paths.insert(path);
                    }
                }
            }
            for path in plain_paths(&rest) {
                module.paths.extend(absolute(name, &path, &known));
            }
        }
    }

    /// The same without some modules and what is below them; only counts can be asked of it.
    pub fn without(&self, names: &[&str]) -> Self {
        let below =
            |name: &str, of: &str| name.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        let outside = |name: &str| !names.iter().any(|of| below(name, of));
        let text = |m: &Module| Module {
            file: m.file.clone(),
            text: m.text.clone(),
            lines: m.lines,
            vague: m.vague,
            unreasoned: m.unreasoned,
            paths: BTreeSet::new(),
            names: BTreeMap::new(),
            globs: Vec::new(),
        };
        Sources(self.0.iter().filter(|(n, _)| outside(n)).map(|(n, m)| (n.clone(), text(m))).collect())
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The modules' paths.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The modules that one module imports from: where things are defined, not where they are handed on.
    pub fn imports(&self, name: &str) -> BTreeSet<String> {
        let Some(module) = self.0.get(name) else { return BTreeSet::new() };
        module.paths.iter().map(|p| self.home(p, 0)).filter(|home| home != name).collect()
    }

    /// The module that defines what a path names.
    fn home(&self, path: &[String], depth: usize) -> String {
        let most = (0..=path.len()).rev().find(|n| self.0.contains_key(&path[..*n].join("::"))).unwrap_or(0);
        let name = path[..most].join("::");
        let (Some(module), Some(item)) = (self.0.get(&name), path.get(most)) else { return name };
        if depth < 12 && !module.defines(item) {
            let through = module.names.get(item).cloned().or_else(|| {
                let glob = module.globs.iter().find(|g| self.0.get(&g.join("::")).is_some_and(|m| m.defines(item)))?;
                Some([glob.clone(), vec![item.clone()]].concat())
            });
            if let Some(mut through) = through.filter(|t| t != path) {
                through.extend_from_slice(&path[most + 1..]);
                return self.home(&through, depth + 1);
            }
        }
        name
    }

    /// Lines of all files.
    pub fn lines(&self) -> usize {
        self.0.values().map(|m| m.lines).sum()
    }

    /// How often a text stands in the code.
    pub fn count(&self, what: &str) -> usize {
        self.0.values().map(|m| m.text.matches(what).count()).sum()
    }

    /// How many comments have a word that they should do without.
    pub fn vague(&self) -> usize {
        self.0.values().map(|m| m.vague).sum()
    }

    /// How many `SAFETY` comments name no reason.
    pub fn unreasoned(&self) -> usize {
        self.0.values().map(|m| m.unreasoned).sum()
    }

    /// The public functions in the `impl` blocks of a type itself.
    pub fn verbs(&self, of: &str) -> usize {
        self.0.values().map(|m| verbs(&m.text, of)).sum()
    }

    /// Functions whose name ends in an adverb, with their file. Names that C gave us are not ours to choose.
    pub fn adverbs(&self) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for module in self.0.values() {
            for line in module.text.lines().filter(|l| !l.contains("extern")) {
                let Some((_, rest)) = line.split_once("fn ") else { continue };
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let Some((_, last)) = name.rsplit_once('_') else { continue };
                if ADVERBS.contains(&last) && name != "at_length" && last != "length"
                    || name.ends_with("_at_length")
                    || last.ends_with("ly") && !NONE.contains(&last)
                {
                    found.push((module.file.clone(), name));
                }
            }
        }
        found
    }
}

/// Whether a text has words, and not as a part of others.
fn has(text: &str, words: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(words)
        .any(|(at, _)| !inside(text[..at].chars().next_back()) && !inside(text[at + words.len()..].chars().next()))
}

impl Module {
    fn defines(&self, item: &str) -> bool {
        const KINDS: [&str; 11] =
            ["fn", "struct", "enum", "union", "const", "static", "trait", "type", "mod", "macro_rules!", "mut"];
        self.text.match_indices(item).any(|(at, _)| {
            let (before, after) = (self.text[..at].trim_end(), &self.text[at + item.len()..]);
            let whole = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            whole && KINDS.iter().any(|k| before.ends_with(k)) && self.text[..at].ends_with(char::is_whitespace)
        })
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for path in tree::list(folder, "") {
        let name = tree::stem(&path);
        if path.is_dir() {
            if name != "tests" {
                walk(&path, files);
            }
        } else if path.extension().is_some_and(|e| e == "rs") && name != "tests" && !name.ends_with("_tests") {
            files.push(path);
        }
    }
}

/// `a/b.rs` and `a/b/mod.rs` are `a::b`.
fn name_of(file: &Path) -> String {
    let parts: Vec<String> = file.with_extension("").iter().map(|p| p.to_string_lossy().into_owned()).collect();
    let parts = match parts.split_last() {
        Some((last, front)) if last == "mod" || (front.is_empty() && last == "lib") => front,
        _ => &parts,
    };
    parts.join("::")
}

/// The text without comments, contents of literals and modules of tests.
pub fn bare(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |n| n + 2);
        } else if rest.starts_with('"') {
            at += quoted(rest);
            out.push_str("\"\"");
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            at += raw.find("\"#").map_or(rest.len(), |n| n + 5);
            out.push_str("\"\"");
        } else if let Some(n) = character(rest) {
            at += n;
            out.push_str("' '");
        } else {
            let c = rest.chars().next().unwrap_or(' ');
            out.push(c);
            at += c.len_utf8();
        }
    }
    match out.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => out[..tests].to_string(),
        None => out,
    }
}

/// The length of a string literal.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal; none where a lifetime stands.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        return inner[2..].find('\'').map(|n| n + 4);
    }
    let c = inner.chars().next()?;
    inner[c.len_utf8()..].starts_with('\'').then(|| c.len_utf8() + 2)
}

/// The `use` items, and the text without them.
fn cut_uses(text: &str) -> (Vec<String>, String) {
    let (mut uses, mut rest) = (Vec::new(), String::new());
    let mut left = text;
    while let Some(at) = left.find("use ") {
        let word = left[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let end = left[at..].find(';').filter(|_| !word);
        match end {
            Some(end) => {
                rest.push_str(&left[..at]);
                uses.push(left[at + 4..at + end].split_whitespace().collect::<Vec<_>>().join(" "));
                left = &left[at + end + 1..];
            }
            None => {
                rest.push_str(&left[..at + 4]);
                left = &left[at + 4..];
            }
        }
    }
    rest.push_str(left);
    (uses, rest)
}

/// The paths of one `use` item, with the names they get.
fn expand(item: &str) -> Vec<(Vec<String>, String)> {
    let item = item.trim();
    if let Some(open) = item.find('{') {
        let prefix = item[..open].trim();
        let inner = &item[open + 1..item.rfind('}').unwrap_or(item.len())];
        return split(inner).iter().flat_map(|part| expand(&format!("{prefix}{}", part.trim()))).collect();
    }
    let (path, alias) = item.split_once(" as ").map_or((item, None), |(p, a)| (p, Some(a.trim())));
    let mut path: Vec<String> = path.split("::").map(|p| p.trim().to_string()).filter(|p| !p.is_empty()).collect();
    if path.last().is_some_and(|l| l == "self") && path.len() > 1 {
        path.pop();
    }
    let Some(last) = path.last().cloned() else { return Vec::new() };
    vec![(path, alias.map_or(last, str::to_string))]
}

/// Cuts at the commas that no brace encloses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts.into_iter().filter(|p| !p.trim().is_empty()).collect()
}

/// Every `a::b::c` in the text.
fn plain_paths(text: &str) -> Vec<Vec<String>> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    text.split(|c: char| !word(c))
        .filter(|p| p.contains("::"))
        .map(|p| p.split("::").map(|s| s.trim_matches(':').to_string()).filter(|s| !s.is_empty()).collect())
        .filter(|p: &Vec<String>| !p.is_empty())
        .collect()
}

/// A path from the crate's root, where it is one of this crate.
fn absolute(from: &str, path: &[String], known: &BTreeSet<String>) -> Option<Vec<String>> {
    let mut base: Vec<String> = from.split("::").filter(|p| !p.is_empty()).map(str::to_string).collect();
    let first = path.first()?;
    let mut rest = path;
    match first.as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|p| p == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        child => {
            let child = [base.clone(), vec![child.to_string()]].concat().join("::");
            if !known.contains(&child) {
                return None;
            }
        }
    }
    base.extend_from_slice(rest);
    Some(base)
}

/// The public functions of a type in its own `impl` blocks.
fn verbs(text: &str, of: &str) -> usize {
    let mut count = 0;
    let mut left = text;
    while let Some(at) = left.find("\nimpl") {
        let Some(open) = left[at..].find('{') else { break };
        let head = &left[at..at + open];
        let body = &left[at + open..];
        let end = body.find("\n}").unwrap_or(body.len());
        let name = head.trim_start_matches("\nimpl").trim_start();
        let name = if name.starts_with('<') { name.split_once("> ").map_or("", |(_, n)| n) } else { name };
        let own = name.strip_prefix(of).is_some_and(|r| !r.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        if own && !head.contains(" for ") {
            count += body[..end]
                .lines()
                .filter(|l| l.starts_with("    pub fn") || l.starts_with("    pub const fn"))
                .count();
        }
        left = &body[end..];
    }
    count
}
