//! The C tests under valgrind, on our library: memcheck for every program, helgrind too for those with threads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::cases::{self, Case};
use super::{Job, Report};
use crate::cc::Headers;
use crate::{proc, tree};

/// The exit code by which valgrind says that it found something.
const FOUND: &str = "exit 99";

impl Job<'_> {
    pub(super) fn grind(&self) -> Result<Report, String> {
        let ours = self.plan.dist.lib();
        let headers = if self.headers().contains(&Headers::Debian) { Headers::Debian } else { Headers::Ours };
        let binary = self.program.build(self.suite, headers, &self.plan.dist)?;
        let plain = self.run(&binary, &ours, self.ground(), 1)?;
        let mut report = Report::default();
        // "Possibly lost" is no finding: Rust's hash tables are reached by pointers into their middle.
        let kinds = ["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"];
        let leak = ["--leak-check=full", kinds[0], kinds[1], "--num-callers=30"];
        self.under("valgrind", "memcheck", &leak, &binary, &ours, &plain, &mut report)?;
        if self.program.threads {
            let history = ["--history-level=approx", "--num-callers=20"];
            self.under("helgrind", "helgrind", &history, &binary, &ours, &plain, &mut report)?;
        }
        Ok(report)
    }

    /// Which cases run: those asked for, or those that the program names for it.
    fn ground(&self) -> &str {
        if self.plan.case.is_empty() { &self.program.ground } else { &self.plan.case }
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
    fn under(
        &self,
        kind: &str,
        tool: &str,
        flags: &[&str],
        binary: &Path,
        ours: &Path,
        plain: &[Case],
        report: &mut Report,
    ) -> Result<(), String> {
        let logs = tree::scratch("grind")?.join(format!("{}.{}.{kind}", self.suite.name, self.program.name));
        let _ = fs::remove_dir_all(&logs);
        tree::make_dir(&logs)?;
        let mut cmd = Command::new("valgrind");
        cmd.arg("-q").arg(format!("--tool={tool}")).args(flags);
        cmd.args(["--error-exitcode=99", "--child-silent-after-fork=no"]);
        cmd.arg(format!("--log-file={}/%p", logs.display()));
        let suppressions = tree::root().join("capi").join(self.suite.name).join(format!("tests/c/{kind}.supp"));
        if suppressions.exists() {
            cmd.arg(format!("--suppressions={}", suppressions.display()));
        }
        cmd.arg(binary);
        self.program.surround(&mut cmd, ours, self.plan.method, self.ground());
        cmd.env("CASE_TIMEOUT", "120").env("CASE_PIDS", logs.join("pids"));
        let done = proc::catch(&mut cmd, Duration::from_secs(900))?;
        let pids = pids(&logs.join("pids"));
        let found = cases::parse(&done.out);
        for case in plain.iter().filter(|c| c.name != "(program)") {
            let end = found.iter().find(|c| c.name == case.name).map_or("did not run", |c| c.end.as_str());
            let held = end == case.end && end != FOUND;
            self.judge(report, case, held, kind, || {
                let log = pids.get(&case.name).and_then(|pid| fs::read_to_string(logs.join(pid)).ok());
                let log = log.unwrap_or_default();
                // helgrind says first where each thread came from.
                let skip = log.lines().position(|l| l.contains(" Possible data race ")).unwrap_or(0);
                let text: String = log.lines().skip(skip).take(60).map(|l| format!("    {l}\n")).collect();
                format!("  {tool}: {end}, alone {}\n{text}", case.end)
            });
        }
        Ok(())
    }
}

/// Which process ran which case, as `case.h` wrote it down.
pub(super) fn pids(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|l| l.split_once(' ')).map(|(pid, name)| (name.into(), pid.into())).collect()
}
