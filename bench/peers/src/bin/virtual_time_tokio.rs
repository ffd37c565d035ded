//! A year of a program's life, tested in no time: the clock jumps instead of waiting. A backup is taken every day; one that fails is
//! tried again an hour later, one that hangs is given up after three hours.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

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
async fn attempt(number: u32) -> Result<(), ()> {
    sleep(if number.is_multiple_of(50) { 100 * DAY } else { HOUR / 3 }).await;
    if number.is_multiple_of(10) { Err(()) } else { Ok(()) }
}

async fn back_up(backups: &RefCell<Backups>) {
    loop {
        backups.borrow_mut().tried += 1;
        let number = backups.borrow().tried;
        match timeout(3 * HOUR, attempt(number)).await {
            Ok(Ok(())) => return backups.borrow_mut().taken += 1,
            Ok(Err(())) => backups.borrow_mut().failed += 1,
            Err(_) => backups.borrow_mut().given_up += 1,
        }
        sleep(HOUR).await;
    }
}

async fn every_day(backups: Rc<RefCell<Backups>>) {
    let mut days = interval(DAY);
    days.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        days.tick().await;
        back_up(&backups).await;
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let (real, start) = (std::time::Instant::now(), Instant::now());
    let backups = Rc::new(RefCell::new(Backups::default()));
    let tasks = LocalSet::new();
    let year = tasks.run_until(async {
        spawn_local(every_day(Rc::clone(&backups)));
        sleep(365 * DAY - HOUR).await;
    });
    year.await;
    println!("{:?}", backups.borrow());
    println!("{} days took {:?}", start.elapsed().as_secs() / DAY.as_secs() + 1, real.elapsed());
    assert_eq!(*backups.borrow(), Backups { tried: 405, taken: 365, failed: 32, given_up: 8 });
}
