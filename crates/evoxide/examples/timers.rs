//! One-shot and repeating timers.
//!
//! `cargo run --example timers`

use evoxide::{EventLoop, Timer};
use std::time::Duration;

fn main() -> Result<(), evoxide::Error> {
    let mut ev = EventLoop::new(0)?;
    let start = ev.now();
    ev.timer(Timer::every(Duration::from_millis(100)), move |cx| {
        *cx.state() += 1;
        let after = cx.now() - start;
        println!("tick {} after {after:?}", cx.state());
    });
    ev.timer(Duration::from_millis(250), |_| println!("a quarter of a second"));
    ev.exit_after(Duration::from_millis(550));
    ev.run()?;
    println!("{} ticks", ev.state());
    Ok(())
}
