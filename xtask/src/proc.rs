//! Running programs: with a time limit, with their output caught in files, several at once.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::tree;

/// How many checks held and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Held.
    pub passed: usize,
    /// Did not.
    pub failed: usize,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, held: bool) {
        if held {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// Adds what another part counted.
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Prints the closing line of a task.
    pub fn print(self) -> Self {
        println!("{} passed, {} failed", self.passed, self.failed);
        self
    }
}

/// What a program left behind.
#[derive(Debug)]
pub struct Done {
    /// The exit status; `None` where the time limit ended it.
    pub status: Option<ExitStatus>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Done {
    /// Whether it ended with exit code 0.
    pub fn ok(&self) -> bool {
        self.status.is_some_and(|s| s.success())
    }

    /// How it ended, in words.
    pub fn how(&self) -> String {
        match self.status {
            None => "over the time limit".into(),
            Some(s) => match (s.code(), s.signal()) {
                (Some(code), _) => format!("exit {code}"),
                (None, Some(sig)) => format!("signal {sig}"),
                _ => "ended oddly".into(),
            },
        }
    }
}

/// Runs a program to its end with no input, at most for `limit`. Its output goes through files, so that a background
/// process which keeps the descriptor open cannot hold us up.
pub fn catch(cmd: &mut Command, limit: Duration) -> Result<Done, String> {
    static SERIAL: AtomicUsize = AtomicUsize::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let dir = tree::scratch("out")?;
    let name = |kind: &str| dir.join(format!("{}-{serial}.{kind}", std::process::id()));
    let (out, err) = (name("out"), name("err"));
    let open = |p: &PathBuf| File::create(p).map_err(|e| format!("{}: {e}", p.display()));
    cmd.stdin(Stdio::null()).stdout(open(&out)?).stderr(open(&err)?).process_group(0);
    let mut child = cmd.spawn().map_err(|e| format!("{}: {e}", cmd.get_program().to_string_lossy()))?;
    let began = Instant::now();
    let mut nap = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            break Some(status);
        }
        if began.elapsed() > limit {
            kill_group(child.id());
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(nap);
        nap = (nap * 2).min(Duration::from_millis(20));
    };
    let text = |p: &PathBuf| String::from_utf8_lossy(&fs::read(p).unwrap_or_default()).into_owned();
    let done = Done { status, out: text(&out), err: text(&err) };
    let _ = fs::remove_file(&out);
    let _ = fs::remove_file(&err);
    Ok(done)
}

/// Ends a child that leads its process group, with everything it started.
pub fn kill_group(pid: u32) {
    let _ = Command::new("sh").args(["-c", &format!("kill -KILL -{pid} 2>/dev/null")]).status();
}

/// Runs a program whose output is for the reader; an error where it fails.
pub fn show(cmd: &mut Command) -> Result<(), String> {
    let name = line(cmd);
    let status = cmd.stdin(Stdio::null()).status().map_err(|e| format!("{name}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}

/// Runs a short program and gives its output; an error with its complaint where it fails.
pub fn text(cmd: &mut Command) -> Result<String, String> {
    let done = catch(cmd, Duration::from_secs(120))?;
    if done.ok() { Ok(done.out) } else { Err(format!("{}: {}\n{}", line(cmd), done.how(), done.err.trim_end())) }
}

/// The command as it would be typed.
pub fn line(cmd: &Command) -> String {
    let mut s = cmd.get_program().to_string_lossy().into_owned();
    for arg in cmd.get_args() {
        s.push(' ');
        s.push_str(&arg.to_string_lossy());
    }
    s
}

/// Whether a program of that name is on the path.
pub fn have(program: &str) -> bool {
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&dirs).chain(["/usr/sbin".into(), "/sbin".into()]).any(|d: PathBuf| d.join(program).is_file())
}

/// How many programs to run at once.
pub fn jobs() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get()).clamp(2, 8)
}

/// Applies `work` to every item on [`jobs`] threads; the answers keep the order of the items.
pub fn parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    parallel_on(jobs(), items, work)
}

/// The same on so many threads, for work that mostly waits.
pub fn parallel_on<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let answers: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    let answer = work(item);
                    *answers[at].lock().expect("a worker panicked") = Some(answer);
                }
            });
        }
    });
    answers.into_iter().map(|a| a.into_inner().expect("a worker panicked").expect("every item was done")).collect()
}
