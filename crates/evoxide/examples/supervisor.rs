//! A supervisor of children: `supervisor COMMAND...` runs each command in a shell, prints what it prints with its number before it,
//! and starts it again when it fails: after 100 ms, then twice as long, up to 5 s. On SIGTERM or SIGINT it asks its children to end,
//! and kills them 2 s later.

use evoxide::stream::{StreamCtx, StreamHandler};
use evoxide::{Context, Error, EventId, EventLoop, Signal};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(2);

struct Program {
    command: String,
    delay: Duration,
    began: Instant,
    process: Option<u32>,
    restart: Option<EventId>,
}

struct Supervisor {
    programs: Vec<Program>,
    stopping: bool,
    killing: bool,
}

/// Prints what a child prints, and then waits for its end.
struct Output(usize, Option<Child>);

impl StreamHandler<Supervisor> for Output {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Supervisor>) {
        while let Some(line) = cx.input().next_line() {
            println!("[{}] {}", self.0 + 1, String::from_utf8_lossy(line));
        }
    }

    fn on_close(&mut self, cx: &mut Context<'_, Supervisor>) {
        let (number, Some(child)) = (self.0, self.1.take()) else { return };
        cx.child(child, move |cx, _, status| ended(cx, number, status)).expect("a child can be waited for");
    }
}

fn start(cx: &mut Context<'_, Supervisor>, number: usize) {
    let (now, program) = (cx.now(), &mut cx.state().programs[number]);
    let child = Command::new("sh").args(["-c", &program.command]).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("a shell can be started");
    println!("* {} started", number + 1);
    (program.began, program.process) = (now, Some(child.id()));
    let stdout = child.stdout.take().expect("it is piped");
    cx.open(stdout, Output(number, Some(child))).expect("a pipe can be read");
}

fn ended(cx: &mut Context<'_, Supervisor>, number: usize, status: ExitStatus) {
    let (now, Supervisor { programs, stopping, killing }) = (cx.now(), cx.state());
    let program = &mut programs[number];
    program.process = None;
    let how = if *killing { "was killed".to_string() } else { format!("ended: {status}") };
    println!("* {} {how}", number + 1);
    if status.success() || *stopping {
        return;
    }
    let delay = if now - program.began > LONGEST { SHORTEST } else { program.delay };
    program.delay = LONGEST.min(delay * 2);
    println!("* {} starts again in {} ms", number + 1, delay.as_millis());
    let timer = cx.timer(delay, move |cx| start(cx, number));
    cx.state().programs[number].restart = Some(timer);
}

/// Sends a signal to every child.
fn send(cx: &mut Context<'_, Supervisor>, signal: Signal) {
    for process in cx.state().programs.iter().filter_map(|program| program.process) {
        let _ = signal.send(process);
    }
}

fn stop(cx: &mut Context<'_, Supervisor>) {
    let (events, supervisor) = cx.parts();
    supervisor.stopping = true;
    for timer in supervisor.programs.iter().filter_map(|program| program.restart) {
        events.remove(timer);
    }
    send(cx, Signal::TERM);
    let grace = cx.timer(GRACE, |cx| {
        cx.state().killing = true;
        send(cx, Signal::KILL);
    });
    cx.keep_alive(grace, false);
}

fn main() -> Result<(), Error> {
    let program = |command| Program { command, delay: SHORTEST, began: Instant::now(), process: None, restart: None };
    let programs = std::env::args().skip(1).map(program).collect();
    let mut ev = EventLoop::new(Supervisor { programs, stopping: false, killing: false })?;
    for signal in [Signal::TERM, Signal::INT] {
        let id = ev.signal(signal, |cx, _| stop(cx))?;
        ev.keep_alive(id, false);
    }
    for number in 0..ev.state().programs.len() {
        start(&mut ev.context(), number);
    }
    ev.run()?;
    Ok(())
}
