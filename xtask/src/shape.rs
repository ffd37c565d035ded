//! `shape`: whether the sources keep the form that `docs/architecture.md` describes.
//!
//! Reads `use` lines and paths of modules. It fails on a circle of imports between folders, on imports that run up from a
//! lower layer to a higher one, on large circles of files, on a module that no layer names, on function names that end in
//! an adverb, on words that say nothing exact, where an example is longer than 1.1 times its counterpart on tokio, and where
//! a figure is over its budget. A commit that lowers a figure lowers its budget; none is raised.

mod graph;
mod layers;
mod source;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::proc::Tally;
use crate::tree;
use graph::Graph;
use source::Sources;

/// A figure's goal, and the most it may be until then: what it was when it was last lowered.
struct Budget {
    goal: usize,
    most: usize,
}

/// Circles of imports between folders, all crates together.
const FOLDERS: Budget = Budget { goal: 0, most: 0 };

/// Circles of more than [`CIRCLE`] files, in the crates whose layers are declared.
const LARGE: Budget = Budget { goal: 0, most: 0 };

/// Files that one circle of imports may have.
const CIRCLE: usize = 3;

/// Imports that run up, in the crates whose layers are declared.
const UP: Budget = Budget { goal: 4, most: 4 };

/// Function names that end in an adverb.
const ADVERBS: Budget = Budget { goal: 0, most: 0 };

/// Comments that say *whoever*, *so many* and the like.
const VAGUE: Budget = Budget { goal: 0, most: 20 };

/// `SAFETY` comments that only point elsewhere.
const UNREASONED: Budget = Budget { goal: 0, most: 20 };

/// `unsafe {` in `capi/libevent/src`.
const UNSAFE: Budget = Budget { goal: 350, most: 350 };

/// Public verbs of `Reactor`.
const VERBS: Budget = Budget { goal: 40, most: 40 };

/// Lines without tests of [`MEASURED`]; the goal is what they were at 4eb11c9.
const LINES: Budget = Budget { goal: 34_763, most: 34_876 };

/// Examples, and their counterparts on tokio: `bench/peers/src/bin/NAME_tokio.rs`.
const PROGRAMS: [(&str, &str); 9] = [
    ("chat", "chat"),
    ("chat_async", "chat"),
    ("proxy", "proxy"),
    ("reconnect", "reconnect"),
    ("resp", "resp"),
    ("supervisor", "supervisor"),
    ("udp_echo", "udp_echo"),
    ("virtual_time", "virtual_time"),
    ("workers", "workers"),
];

/// The sources whose length is watched.
const MEASURED: [&str; 5] = [
    "capi/libevent/src",
    "crates/evoxide-core/src",
    "crates/evoxide-ffi/src",
    "crates/evoxide-sys/src",
    "crates/evoxide/src",
];

/// `cargo xtask shape`.
pub fn task() -> Result<Tally, String> {
    let mut tally = Tally::default();
    let (mut up, mut adverbs, mut folders, mut large) = (Vec::new(), Vec::new(), 0, 0);
    let (mut vague, mut unreasoned) = (0, 0);
    for (folder, levels) in layers::CRATES {
        let sources = Sources::read(&tree::root().join(folder))?;
        let graph = Graph::of(&sources);
        vague += sources.vague();
        unreasoned += sources.unreasoned();
        for circle in graph.folder_circles(&sources) {
            println!("{folder}: circle between folders: {}", circle.join(", "));
            folders += 1;
        }
        let circles = graph.circles();
        let worst = circles.iter().map(Vec::len).max().unwrap_or(0);
        println!("{folder}: {} files, {} circles, the largest of {worst}", sources.len(), circles.len());
        adverbs.extend(
            sources.adverbs().into_iter().map(|(f, n)| format!("{}: {n}", Path::new(folder).join(f).display())),
        );
        let Some(levels) = levels else { continue };
        for circle in circles.iter().filter(|c| c.len() > CIRCLE) {
            println!("{folder}: circle of {} files: {}", circle.len(), circle.join(", "));
            large += 1;
        }
        for name in sources.names().filter(|n| !n.is_empty() && layers::level(levels, n).is_none()) {
            println!("FAIL {folder}: no layer names {name} (xtask/src/shape/layers.rs)");
            tally.failed += 1;
        }
        let above = graph.edges().filter(|(a, b)| layers::level(levels, a) < layers::level(levels, b));
        up.extend(above.map(|(a, b)| format!("{folder}: {a} -> {b}")));
    }
    for edge in &up {
        println!("    up: {edge}");
    }
    for name in &adverbs {
        println!("    adverb: {name}");
    }
    tally.add(FOLDERS.check("circles between folders", folders));
    tally.add(LARGE.check("circles of more than 3 files", large));
    tally.add(UP.check("imports that run up", up.len()));
    tally.add(ADVERBS.check("function names that end in an adverb", adverbs.len()));
    tally.add(VAGUE.check("comments with words that CONTRIBUTING.md rules out", vague));
    tally.add(UNREASONED.check("SAFETY comments that name no reason", unreasoned));
    tally.add(figures()?);
    tally.add(programs()?);
    Ok(tally.print())
}

/// Whether each example has at most 1.1 times the lines of its counterpart, and needs no `clone`.
fn programs() -> Result<Tally, String> {
    let mut tally = Tally::default();
    println!("lines of the examples, and of the same programs on tokio:");
    for (name, peer) in PROGRAMS {
        let ours = tree::read(&tree::root().join(format!("crates/evoxide/examples/{name}.rs")))?;
        let theirs = tree::read(&tree::root().join(format!("bench/peers/src/bin/{peer}_tokio.rs")))?;
        let (lines, most) = (code(&ours), code(&theirs));
        let clones = ours.matches("clone(").count();
        let held = lines * 10 <= most * 11 && clones == 0;
        println!("{}    {name}: {lines}, {most} on tokio; {clones} clones", if held { "" } else { "FAIL" });
        tally.count(held);
    }
    Ok(tally)
}

/// Lines that are neither empty nor comment.
pub fn code(text: &str) -> usize {
    text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//")).count()
}

/// What can be counted line by line.
fn figures() -> Result<Tally, String> {
    let all = MEASURED.iter().map(|f| Sources::read(&tree::root().join(f))).collect::<Result<Vec<_>, _>>()?;
    for (folder, sources) in MEASURED.iter().zip(&all) {
        println!("{folder}: {} lines without tests", sources.lines());
    }
    let protocols = |sources: &Sources| sources.without(layers::PROTOCOLS);
    println!("#[inline] in {}: {}", MEASURED[1], all[1].count("#[inline"));
    println!("unsafe blocks in {}: {}", MEASURED[0], all[0].count("unsafe {"));
    let rest: Vec<Sources> = all.iter().map(protocols).collect();
    let (names, before): (Vec<_>, Vec<_>) = layers::EXTENDED.iter().copied().unzip();
    let lines = rest.iter().map(|sources| sources.without(&names).lines()).sum();
    let budget = Budget { goal: LINES.goal - before.iter().sum::<usize>(), ..LINES };
    let mut tally = budget.check("lines together, without protocols and what they extended", lines);
    tally.add(UNSAFE.check("unsafe blocks in capi/libevent/src, without protocols", rest[0].count("unsafe {")));
    tally.add(VERBS.check("public verbs of Reactor", all[1].verbs("Reactor")));
    Ok(tally)
}

impl Budget {
    fn check(&self, what: &str, found: usize) -> Tally {
        let held = found <= self.most;
        let verdict = match (held, found <= self.goal) {
            (false, _) => "FAIL ",
            (true, false) => "open ",
            (true, true) => "",
        };
        println!("{verdict}{what}: {found} (goal {}, at most {})", self.goal, self.most);
        let mut tally = Tally::default();
        tally.count(held);
        tally
    }
}
