//! A program's output, cut into cases, and the list of wanted differences.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{symtab, tree};

#[cfg(test)]
mod tests;

/// One case's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What it printed, line by line.
    pub body: String,
    /// How it ended: `exit 0`, `signal 6`, `timeout`.
    pub end: String,
}

impl Case {
    /// Whether it finished and none of its own checks failed.
    pub fn sound(&self) -> bool {
        self.end != "timeout" && !self.end.is_empty() && !self.body.lines().any(|l| l.starts_with("NO "))
    }

    /// For the reader.
    pub fn text(&self) -> String {
        let mut text: String = self.body.lines().map(|l| format!("    {l}\n")).collect();
        text.push_str(&format!("    -- {}\n", self.end));
        text
    }
}

/// Cuts `== name`, output, `-- end`.
pub fn parse(output: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut open = false;
    for line in output.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case { name: name.into(), body: String::new(), end: String::new() });
            open = true;
        } else if let (true, Some(case)) = (open, cases.last_mut()) {
            // A case whose last line lacks its end stands before the mark.
            match line.rfind("-- ").filter(|_| ends(line)) {
                Some(at) => {
                    if at > 0 {
                        case.body.push_str(&line[..at]);
                        case.body.push('\n');
                    }
                    case.end = line[at + 3..].into();
                    open = false;
                }
                None => {
                    case.body.push_str(line);
                    case.body.push('\n');
                }
            }
        }
    }
    cases
}

fn ends(line: &str) -> bool {
    let Some(at) = line.rfind("-- ") else { return false };
    let word = &line[at + 3..];
    let number = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_digit());
    word == "timeout"
        || word == "fork failed"
        || word.strip_prefix("exit ").is_some_and(number)
        || word.strip_prefix("signal ").is_some_and(number)
}

/// The lines in which two runs of a case differ.
pub fn diff(stock: &Case, other: &Case) -> String {
    let lines = |c: &Case| -> Vec<String> {
        c.body.lines().map(str::to_string).chain([format!("-- {}", c.end)]).collect::<Vec<_>>()
    };
    let (a, b) = (lines(stock), lines(other));
    let start = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let most = (a.len() - start).min(b.len() - start);
    let tail = a.iter().rev().zip(b.iter().rev()).take(most).take_while(|(x, y)| x == y).count();
    let mut text = String::new();
    for line in a[start..a.len() - tail].iter().take(12) {
        text.push_str(&format!("    - {line}\n"));
    }
    for line in b[start..b.len() - tail].iter().take(12) {
        text.push_str(&format!("    + {line}\n"));
    }
    text
}

/// `differences.txt`: `[kind:]file:case`, tab, reason. The kind is a checker or a forced backend.
#[derive(Debug, Default)]
pub struct Differences(BTreeMap<String, String>);

impl Differences {
    /// Reads the list; a missing file is an empty one.
    pub fn read(path: &Path) -> Result<Self, String> {
        let mut map = BTreeMap::new();
        for line in symtab::lines(&tree::read(path).unwrap_or_default()) {
            let (key, reason) = line.split_once('\t').ok_or_else(|| format!("{}: no tab: {line}", path.display()))?;
            map.insert(key.replace(".cc:", ":").replace(".c:", ":"), reason.trim().to_string());
        }
        Ok(Differences(map))
    }

    /// The reason given for that case, of that kind: nothing, `valgrind`, `helgrind`, or a backend.
    pub fn find(&self, kind: &str, file: &str, case: &str) -> Option<&str> {
        let key = match kind {
            "" | "ours" => format!("{file}:{case}"),
            _ => format!("{kind}:{file}:{case}"),
        };
        self.0.get(&key).map(String::as_str)
    }
}
