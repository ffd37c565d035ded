//! A server under demonstration: started on a free port, with a library of choice, maybe under strace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::proc;
use crate::tree;

/// A running server; it ends when this is dropped.
pub struct Server {
    child: Child,
    /// The server's own process, also under strace.
    pub pid: u32,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    counts: Option<PathBuf>,
}

impl Server {
    /// Starts it with `PORT` in its arguments replaced by a free one; `counted` names the file for strace's counts.
    pub fn start(program: &Path, args: &[String], lib: Option<&Path>, counted: Option<&str>) -> Result<Self, String> {
        let port = free_port()?;
        let counts = match counted {
            Some(name) => Some(tree::scratch("demo")?.join(format!("{name}.strace"))),
            None => None,
        };
        let mut cmd = match &counts {
            Some(path) => {
                let mut cmd = Command::new("strace");
                cmd.args(["-f", "-qq", "-c", "-o"]).arg(path).arg(program);
                cmd
            }
            None => Command::new(program),
        };
        cmd.args(args.iter().map(|a| a.replace("PORT", &port.to_string())));
        cmd.env_remove("LD_PRELOAD").env_remove("LD_LIBRARY_PATH").process_group(0);
        if let Some(lib) = lib {
            cmd.env("LD_LIBRARY_PATH", lib);
        }
        cmd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = cmd.spawn().map_err(|e| format!("{}: {e}", proc::line(&cmd)))?;
        let mut server = Server { pid: child.id(), child, port, counts };
        server.wait_until_it_listens().map_err(|e| format!("{}: {e}", proc::line(&cmd)))?;
        if server.counts.is_some() {
            let children = format!("/proc/{0}/task/{0}/children", server.pid);
            let text = fs::read_to_string(children).unwrap_or_default();
            server.pid = text.split_whitespace().next().and_then(|p| p.parse().ok()).ok_or("strace runs nothing")?;
        }
        Ok(server)
    }

    fn wait_until_it_listens(&mut self) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(10) {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("ended early: {status}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("does not listen".into())
    }

    /// The files mapped into its memory.
    pub fn mapped(&self) -> Vec<String> {
        let text = fs::read_to_string(format!("/proc/{}/maps", self.pid)).unwrap_or_default();
        let paths: BTreeSet<String> = text.lines().filter_map(|l| l.find('/').map(|at| l[at..].to_string())).collect();
        paths.into_iter().collect()
    }

    /// Ends it and answers how often it made each system call.
    pub fn calls(mut self) -> Result<BTreeMap<String, f64>, String> {
        self.end();
        let path = self.counts.take().ok_or("was not counted")?;
        let text = tree::read(&path)?;
        let mut calls = BTreeMap::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(name), Some(count)) = (fields.last(), fields.get(3)) else { continue };
            if let (true, Ok(count)) = (*name != "total", count.parse::<f64>()) {
                calls.insert(name.to_string(), count);
            }
        }
        Ok(calls)
    }

    fn end(&mut self) {
        let _ = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.pid)]).stderr(Stdio::null()).status();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        proc::kill_group(self.child.id());
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

fn free_port() -> Result<u16, String> {
    let probe = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    probe.local_addr().map(|a| a.port()).map_err(|e| e.to_string())
}

/// The difference between a short and a long run, for one operation.
pub fn per_operation(short: &BTreeMap<String, f64>, long: &BTreeMap<String, f64>, operations: usize) -> String {
    let mut rows: Vec<(f64, &String)> = Vec::new();
    for (name, count) in long {
        let each = (count - short.get(name).unwrap_or(&0.0)) / operations as f64;
        // Sleeps are threads of the program that tick by themselves.
        if each >= 0.01 && name != "clock_nanosleep" {
            rows.push((each, name));
        }
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total: f64 = rows.iter().map(|(each, _)| each).sum();
    let parts: Vec<String> = rows.iter().map(|(each, name)| format!("{name} {each:.2}")).collect();
    format!("{total:.2}  ({})", parts.join(", "))
}
