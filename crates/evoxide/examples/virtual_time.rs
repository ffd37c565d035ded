//! A year of a program's life, tested in no time: on a virtual clock the loop jumps instead of waiting.
//!
//! `cargo run --example virtual_time`

use evoxide::{Clock, Config, Context, EventLoop, Timer};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

/// The program under test: takes a backup every day, and retries after an hour when that fails.
#[derive(Default)]
struct Backups {
    taken: u32,
    failed: u32,
}

fn backup(cx: &mut Context<'_, Backups>) {
    if (cx.state().taken + cx.state().failed) % 10 == 9 {
        cx.state().failed += 1;
        cx.timer(HOUR, backup);
    } else {
        cx.state().taken += 1;
    }
}

fn main() -> Result<(), evoxide::Error> {
    let real = Instant::now();
    let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), Backups::default())?;
    let start = ev.now();
    ev.timer(Timer::every(24 * HOUR), backup);
    ev.exit_after(365 * 24 * HOUR + HOUR * 2);
    ev.run()?;
    println!("{} backups, {} failures", ev.state().taken, ev.state().failed);
    println!("{} hours on the loop's clock, {:?} on ours", (ev.now() - start).as_secs() / 3600, real.elapsed());
    Ok(())
}
