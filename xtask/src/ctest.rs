//! `ctest`: every C test program runs on the distribution's library and on ours, and the two must print the same.
//!
//! The programs are `capi/*/tests/c/*.c` (or `.cc`), in the form that `case.h` describes. Each is compiled with the
//! distribution's headers and with ours; the reference is the first on the distribution's library, and every other
//! pairing of headers and library is compared with it, case by case. A comment in the first lines of a program may
//! hold `ctest:` and then words: `ours-only` (nothing to compare with), `no-sanitizer` (it has a `malloc` of its own),
//! `headers=ours` or `headers=debian`, `cflags=WORD`, `ldflags=WORD`.

pub mod cases;
mod grind;
pub mod program;
pub mod sanitize;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cc::Headers;
use crate::dist::{self, Dist};
use crate::opts::Opts;
use crate::proc::{self, Tally};
use crate::{cc, tree};
use cases::{Case, Differences};
use program::Program;
use sanitize::Sanitizer;

/// One C interface and its tests.
pub struct Suite {
    /// Its folder below `capi`.
    pub name: &'static str,
    /// What a program is linked with.
    pub libs: &'static [&'static str],
    /// The distribution's object, to see that it is installed.
    pub stock: &'static str,
}

/// The interfaces.
pub const SUITES: [Suite; 2] = [
    Suite { name: "libevent", libs: &["-levent", "-levent_pthreads"], stock: "libevent.so" },
    Suite { name: "libev", libs: &["-lev"], stock: "libev.so" },
];

impl Suite {
    /// The folder of the test programs.
    pub fn dir(&self) -> PathBuf {
        tree::root().join("capi").join(self.name).join("tests/c")
    }
}

/// What to run and how.
struct Plan {
    headers: Vec<Headers>,
    method: Option<&'static str>,
    valgrind: bool,
    sanitizer: Option<Sanitizer>,
    stock_only: bool,
    keep_going: bool,
    file: String,
    case: String,
    dist: Dist,
}

/// `cargo xtask ctest`.
pub fn task(opts: &Opts) -> Result<Tally, String> {
    let (file, case) = match opts.words() {
        [] => (String::new(), String::new()),
        [one] => one.split_once(':').map_or((one.clone(), String::new()), |(f, c)| (f.into(), c.into())),
        _ => return Err("ctest: at most one FILTER".into()),
    };
    let stock_only = opts.flag("stock-only");
    let headers = match opts.choice("headers", &["both", "ours", "debian"])? {
        _ if stock_only => vec![Headers::Debian],
        "both" => vec![Headers::Debian, Headers::Ours],
        "ours" => vec![Headers::Ours],
        _ => vec![Headers::Debian],
    };
    let method = match opts.choice("method", &["default", "epoll", "poll", "select"])? {
        "default" => None,
        m => Some(m),
    };
    let profile = opts.choice("profile", &["release", "dev"])?;
    let dist = if stock_only { Dist::at(profile) } else { dist::build(opts)? };
    let sanitizer = match opts.choice("sanitize", &["none", "thread", "address"])? {
        "none" => None,
        kind => Some(Sanitizer::build(kind)?),
    };
    let plan = Plan {
        headers,
        method,
        valgrind: opts.flag("valgrind"),
        sanitizer,
        stock_only,
        keep_going: opts.flag("keep-going"),
        file: file.trim_end_matches(".c").to_string(),
        case,
        dist,
    };
    if plan.valgrind && !proc::have("valgrind") {
        return Err("ctest --valgrind: valgrind is not installed".into());
    }
    let wanted = opts.choice("suite", &["both", "libevent", "libev"])?;
    let mut tally = Tally::default();
    for suite in SUITES.iter().filter(|s| wanted == "both" || s.name == wanted) {
        tally.add(run_suite(suite, &plan)?);
    }
    if tally == Tally::default() {
        return Err(format!("ctest: no case for {:?}", opts.words().join(" ")));
    }
    Ok(tally.print())
}

fn run_suite(suite: &Suite, plan: &Plan) -> Result<Tally, String> {
    let mut programs = Vec::new();
    for path in tree::list(&suite.dir(), ".c").into_iter().chain(tree::list(&suite.dir(), ".cc")) {
        let program = Program::read(&path)?;
        if program.name.contains(&plan.file) && !(plan.stock_only && program.ours_only) {
            programs.push(program);
        }
    }
    if programs.is_empty() {
        return Ok(Tally::default());
    }
    let stock = cc::stock_lib(suite.stock)?;
    let stock = stock.parent().ok_or("the distribution's library has no folder")?.to_path_buf();
    let differences = Differences::read(&suite.dir().join("differences.txt"))?;
    let mut tally = Tally::default();
    // Alone they wait for timers most of their time; under a checker they compute too.
    let checked = plan.sanitizer.is_some() || plan.valgrind;
    let threads = proc::jobs() * if checked { 2 } else { 3 };
    let reports = proc::parallel_on(threads, &programs, |program| {
        let began = Instant::now();
        let job = Job { suite, plan, program, differences: &differences, stock: &stock };
        let report = match &plan.sanitizer {
            Some(_) if program.unsanitized => Ok(Report::default()),
            Some(sanitizer) => job.sanitize(sanitizer),
            None if plan.valgrind => job.grind(),
            None => job.compare(),
        };
        (report, began.elapsed())
    });
    slowest(&programs, &reports);
    for (program, (report, _)) in programs.iter().zip(reports) {
        let again = |mut report: Report| {
            Job { suite, plan, program, differences: &differences, stock: &stock }.retry_unsteady(&mut report)?;
            Ok(report)
        };
        match report.and_then(again) {
            Ok(report) => {
                print!("{}", report.text);
                tally.add(report.tally);
            }
            Err(why) if plan.keep_going => {
                println!("FAIL {}: {why}", program.name);
                tally.failed += 1;
            }
            Err(why) => return Err(format!("{}: {why}", program.name)),
        }
    }
    Ok(tally)
}

/// Prints which programs took longest, where there are many.
fn slowest<R>(programs: &[Program], reports: &[(R, Duration)]) {
    let mut taken: Vec<_> = programs.iter().zip(reports).map(|(p, (_, t))| (t.as_secs(), p.name.as_str())).collect();
    taken.sort_by(|a, b| b.cmp(a));
    if taken.len() > 20 {
        let text: Vec<_> = taken.iter().take(12).map(|(seconds, name)| format!("{name} {seconds} s")).collect();
        println!("slowest: {}", text.join(", "));
    }
}

/// One program's result.
#[derive(Default)]
struct Report {
    text: String,
    tally: Tally,
    /// Cases that printed something else than the original, and what.
    unsteady: Vec<(Case, String)>,
}

impl Report {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// What one pairing of headers and library printed.
struct Column {
    name: String,
    cases: Vec<Case>,
}

/// Whether a case is the same in every column.
struct Verdict {
    held: bool,
    /// Whether it at least ended the same way everywhere, by itself.
    ended_alike: bool,
    text: String,
}

fn verdict(columns: &[Column], name: &str) -> Verdict {
    let find = |column: &Column| column.cases.iter().find(|c| c.name == name).cloned();
    let Some(reference) = find(&columns[0]) else {
        return Verdict { held: false, ended_alike: false, text: "  did not run again".into() };
    };
    let mut verdict = Verdict { held: reference.sound(), ended_alike: true, text: String::new() };
    for column in &columns[1..] {
        let other = find(column);
        if other.as_ref() == Some(&reference) {
            continue;
        }
        verdict.held = false;
        // A limit that the reference ran into says nothing about ours.
        let end = other.as_ref().map(|c| c.end.as_str()).unwrap_or_default();
        verdict.ended_alike &= end == reference.end || (end == "exit 0" && reference.end == "timeout");
        let text = other.map_or("    did not run\n".into(), |o| cases::diff(&reference, &o));
        verdict.text.push_str(&format!("  {}:\n{text}", column.name));
    }
    if !reference.sound() {
        verdict.text.push_str(&format!("  {}:\n{}", columns[0].name, reference.text()));
    }
    verdict
}

/// One program within a suite.
struct Job<'a> {
    suite: &'a Suite,
    plan: &'a Plan,
    program: &'a Program,
    differences: &'a Differences,
    stock: &'a Path,
}

/// The time a whole program may take; each case has its own limit inside.
const LIMIT: Duration = Duration::from_secs(600);

impl Job<'_> {
    /// The header sets this program is for.
    fn headers(&self) -> Vec<Headers> {
        let only = if self.program.ours_only { Some(Headers::Ours) } else { self.program.headers };
        match only {
            Some(h) => vec![h],
            None => self.plan.headers.clone(),
        }
    }

    /// Runs a built program on one of the two libraries, the cases whose name contains `part`, and cuts its output.
    fn run(&self, binary: &Path, lib: &Path, part: &str, pace: u32) -> Result<Vec<Case>, String> {
        let mut cmd = self.program.command(binary, lib, self.plan.method, part);
        // Nothing says how long a case may take that has nothing to be compared with; those are the heavy ones.
        cmd.env("CASE_TIMEOUT", if self.program.ours_only { "120" } else { "40" }).env("CASE_PACE", pace.to_string());
        let done = proc::catch(&mut cmd, LIMIT)?;
        let mut cases = cases::parse(&done.out);
        if !done.ok() && done.status.and_then(|s| s.code()) != Some(2) {
            let why = done.err.lines().next().unwrap_or_default();
            cases.push(Case { name: "(program)".into(), body: format!("{why}\n"), end: done.how() });
        }
        Ok(cases)
    }

    fn compare(&self) -> Result<Report, String> {
        let ours = self.plan.dist.lib();
        let mut report = Report::default();
        let built = self.built()?;
        if self.program.ours_only {
            for case in self.run(&built[0].1, &ours, &self.plan.case, 1)? {
                let held = case.sound() && case.end == "exit 0";
                self.judge(&mut report, &case, held, "ours", || case.text());
            }
            return Ok(report);
        }
        if self.plan.stock_only {
            for case in &self.run(&built[0].1, self.stock, &self.plan.case, 1)? {
                report.line(&format!("== {}:{}\n{}", self.program.name, case.name, case.text()));
                report.tally.count(case.sound());
            }
            return Ok(report);
        }
        let columns = self.columns(&built, &self.plan.case, 1)?;
        for case in &columns[0].cases {
            let verdict = verdict(&columns, &case.name);
            // What ends otherwise than the original never runs again.
            if verdict.held || !verdict.ended_alike || self.listed(&case.name) {
                self.judge(&mut report, case, verdict.held, "", || verdict.text.clone());
            } else {
                report.unsteady.push((case.clone(), verdict.text));
            }
        }
        for column in &columns[1..] {
            for case in column.cases.iter().filter(|c| !columns[0].cases.iter().any(|r| r.name == c.name)) {
                let what = &column.name;
                report.line(&format!("FAIL {}:{}: {what} only\n{}", self.program.name, case.name, case.text()));
                report.tally.failed += 1;
            }
        }
        Ok(report)
    }

    /// Runs once more what only printed something else: machines stall. Nothing else runs meanwhile, and the second time all that
    /// the case waits for takes four times as long.
    fn retry_unsteady(&self, report: &mut Report) -> Result<(), String> {
        let built = self.built()?;
        for (case, mut text) in std::mem::take(&mut report.unsteady) {
            let mut held = false;
            for pace in [1, 4] {
                report.line(&format!("unsteady {}:{}\n{}", self.program.name, case.name, text.trim_end()));
                let verdict = verdict(&self.columns(&built, &case.name, pace)?, &case.name);
                (held, text) = (verdict.held, verdict.text);
                if held || !verdict.ended_alike {
                    break;
                }
            }
            self.judge(report, &case, held, "", || text.clone());
        }
        Ok(())
    }

    /// The program, compiled with each header set it is for.
    fn built(&self) -> Result<Vec<(Headers, PathBuf)>, String> {
        let build = |h: &Headers| Ok((*h, self.program.build(self.suite, *h, &self.plan.dist)?));
        self.headers().iter().map(build).collect()
    }

    /// Every pairing of headers and library; the first is the reference.
    fn columns(&self, built: &[(Headers, PathBuf)], part: &str, pace: u32) -> Result<Vec<Column>, String> {
        let ours = self.plan.dist.lib();
        let column = |name: String, binary: &Path, lib: &Path| -> Result<Column, String> {
            Ok(Column { name, cases: self.run(binary, lib, part, pace)? })
        };
        let mut columns = vec![column("the distribution's library".into(), &built[0].1, self.stock)?];
        for (h, binary) in built {
            columns.push(column(format!("ours, {} headers", h.word()), binary, &ours)?);
            if *h != built[0].0 {
                columns.push(column(format!("the distribution's library, {} headers", h.word()), binary, self.stock)?);
            }
        }
        Ok(columns)
    }

    /// Whether the case is meant to differ.
    fn listed(&self, case: &str) -> bool {
        let file = &self.program.name;
        self.differences.find("", file, case).is_some()
            || self.plan.method.is_some_and(|m| self.differences.find(m, file, case).is_some())
    }

    /// Counts a case and says so where it did not hold.
    fn judge(&self, report: &mut Report, case: &Case, held: bool, kind: &str, why: impl Fn() -> String) {
        let (file, name) = (&self.program.name, &case.name);
        let forced = self.plan.method.filter(|_| kind.is_empty());
        let wanted = self.differences.find(kind, file, name);
        let wanted = wanted.or_else(|| self.differences.find(forced?, file, name));
        match (held, wanted) {
            (true, None) => report.tally.passed += 1,
            (true, Some(_)) => {
                report.tally.passed += 1;
                if kind.is_empty() && self.plan.method.is_none() {
                    report.line(&format!("note {}:{}: listed as different, and equal", self.program.name, case.name));
                }
            }
            (false, Some(reason)) => {
                report.line(&format!("wanted {}:{}: {reason}", self.program.name, case.name));
                report.tally.passed += 1;
            }
            (false, None) => {
                report.line(&format!("FAIL {}:{}\n{}", self.program.name, case.name, why().trim_end()));
                report.tally.failed += 1;
            }
        }
    }
}
