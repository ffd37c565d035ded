//! Who imports from whom.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Sources;

/// Arrows between the modules of a crate. The root only hands on, so its own arrows do not count.
pub struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    /// Reads the arrows.
    pub fn of(sources: &Sources) -> Self {
        let names = sources.names().filter(|n| !n.is_empty());
        Graph(
            names
                .map(|n| (n.to_string(), sources.imports(n).into_iter().filter(|t| !t.is_empty()).collect()))
                .collect(),
        )
    }

    /// Every arrow.
    pub fn edges(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.0.iter().flat_map(|(from, to)| to.iter().map(move |to| (from.clone(), to.clone())))
    }

    /// The circles of files, largest sets of modules that all reach each other.
    pub fn circles(&self) -> Vec<Vec<String>> {
        circles(&self.0)
    }

    /// The circles of folders: two folders or more of the first level. A file that stands alone counts with them.
    pub fn folder_circles(&self, sources: &Sources) -> Vec<Vec<String>> {
        let mut between: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in self.edges() {
            let (from, to) = (top(&from), top(&to));
            if from != to {
                between.entry(from.into()).or_default().insert(to.into());
            }
        }
        let folder = |name: &String| sources.names().any(|n| n.len() > name.len() && top(n) == name);
        circles(&between).into_iter().filter(|c| c.iter().filter(|n| folder(n)).count() > 1).collect()
    }
}

/// The first part of a module's path.
fn top(name: &str) -> &str {
    name.split("::").next().unwrap_or(name)
}

/// Sets of nodes that reach each other, of two and more.
fn circles(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reach = |from: &String| -> BTreeSet<String> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(node) = open.pop() {
            for next in edges.get(&node).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = edges.keys().map(|n| (n, reach(n))).collect();
    let mut found: Vec<Vec<String>> = Vec::new();
    for (node, from) in &reached {
        if found.iter().any(|c| c.contains(node)) {
            continue;
        }
        let circle: Vec<String> =
            from.iter().filter(|other| reached.get(other).is_some_and(|r| r.contains(*node))).cloned().collect();
        if circle.len() > 1 {
            found.push(circle);
        }
    }
    found
}
