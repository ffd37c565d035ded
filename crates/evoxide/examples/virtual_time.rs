//! A year of a program's life, tested in no time: the clock jumps instead of waiting. A backup is taken every day; one that fails is
//! tried again an hour later, one that hangs is given up after three hours.

use evoxide::task::TaskCx;
use evoxide::{Clock, Config, EventLoop, Timer};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Default, PartialEq)]
struct Backups {
    tried: u32,
    taken: u32,
    failed: u32,
    given_up: u32,
}

/// Takes twenty minutes; every tenth fails, every fiftieth hangs.
async fn attempt(cx: &TaskCx<Backups>, number: u32) -> Result<(), ()> {
    cx.sleep(if number.is_multiple_of(50) { 100 * DAY } else { HOUR / 3 }).await;
    if number.is_multiple_of(10) { Err(()) } else { Ok(()) }
}

async fn back_up(cx: TaskCx<Backups>) {
    loop {
        let number = cx.with(|cx| {
            cx.state().tried += 1;
            cx.state().tried
        });
        match cx.timeout(3 * HOUR, attempt(&cx, number)).await {
            Ok(Ok(())) => return cx.with(|cx| cx.state().taken += 1),
            Ok(Err(())) => cx.with(|cx| cx.state().failed += 1),
            Err(_) => cx.with(|cx| cx.state().given_up += 1),
        }
        cx.sleep(HOUR).await;
    }
}

fn main() -> Result<(), evoxide::Error> {
    let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), Backups::default())?;
    let (real, start) = (Instant::now(), ev.now());
    ev.timer(Timer::after(Duration::ZERO).repeat(DAY), |cx| drop(cx.spawn_with(back_up)));
    ev.exit_after(365 * DAY - HOUR);
    ev.run()?;
    println!("{:?}", ev.state());
    println!("{} days took {:?}", (ev.now() - start).as_secs() / DAY.as_secs() + 1, real.elapsed());
    assert_eq!(*ev.state(), Backups { tried: 405, taken: 365, failed: 32, given_up: 8 });
    Ok(())
}
