//! What is urgent runs first, and goes ahead of what is ready already.
//!
//! `cargo run --example priorities`

use evoxide::{Config, EventLoop};

fn main() -> Result<(), evoxide::Error> {
    let mut ev = EventLoop::with_config(Config::new().priorities(3), ())?;
    let alarm = ev.user(|_| println!("alarm!"));
    ev.set_priority(alarm, 0);
    for name in ["first", "second", "third"] {
        let job = ev.user(move |cx| {
            println!("{name} job");
            if name == "first" {
                // Runs before the second job.
                cx.activate(alarm);
            }
        });
        ev.set_priority(job, 2);
        ev.activate(job);
    }
    let ordinary = ev.user(|_| println!("ordinary, before the jobs"));
    ev.activate(ordinary);
    ev.run()?;
    Ok(())
}
