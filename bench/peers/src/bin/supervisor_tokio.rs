//! A supervisor of children: `supervisor_tokio COMMAND...` runs each command in a shell, prints what it prints with its number
//! before it, and starts it again when it fails: after 100 ms, then twice as long, up to 5 s. On SIGTERM or SIGINT it asks its
//! children to end, and kills them 2 s later.

use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(2);

/// Prints what a child prints, and waits for its end.
async fn watch_child(number: usize, child: &mut Child) -> io::Result<ExitStatus> {
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            println!("[{number}] {line}");
        }
    }
    child.wait().await
}

/// Asks a child to end, and kills it if it does not.
async fn end(number: usize, child: &mut Child) -> io::Result<()> {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id as i32)) {
        kill_process(pid, Signal::TERM)?;
    }
    match timeout(GRACE, watch_child(number, child)).await {
        Ok(status) => println!("* {number} ended: {}", status?),
        Err(_) => {
            child.kill().await?;
            println!("* {number} was killed");
        }
    }
    Ok(())
}

async fn supervise(number: usize, command: String, mut stop: watch::Receiver<bool>) -> io::Result<()> {
    let mut delay = SHORTEST;
    loop {
        let began = Instant::now();
        let mut child = Command::new("sh").args(["-c", &command]).stdout(Stdio::piped()).spawn()?;
        println!("* {number} started");
        let status = tokio::select! {
            status = watch_child(number, &mut child) => status?,
            _ = stop.changed() => return end(number, &mut child).await,
        };
        println!("* {number} ended: {status}");
        if status.success() {
            return Ok(());
        }
        if began.elapsed() > LONGEST {
            delay = SHORTEST;
        }
        println!("* {number} starts again in {} ms", delay.as_millis());
        tokio::select! {
            () = sleep(delay) => {}
            _ = stop.changed() => return Ok(()),
        }
        delay = LONGEST.min(delay * 2);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let mut children = JoinSet::new();
    for (number, command) in std::env::args().enumerate().skip(1) {
        children.spawn(supervise(number, command, stopped.clone()));
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            ended = children.join_next() => match ended {
                Some(result) => result??,
                None => return Ok(()),
            },
            _ = terminate.recv() => drop(stop.send(true)),
            _ = interrupt.recv() => drop(stop.send(true)),
        }
    }
}
