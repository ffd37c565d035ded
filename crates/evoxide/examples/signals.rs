//! Signals as events: counts SIGUSR1, ends on SIGINT or SIGTERM.
//!
//! `cargo run --example signals`, then press Ctrl-C or `kill -USR1` it.

use evoxide::{EventLoop, Signal};

fn main() -> Result<(), evoxide::Error> {
    let mut ev = EventLoop::new(0)?;
    ev.signal(Signal::USR1, |cx, times| {
        *cx.state() += times;
        println!("SIGUSR1: {} so far", cx.state());
    })?;
    for signal in [Signal::INT, Signal::TERM] {
        ev.signal(signal, move |cx, _| {
            println!("{signal:?}: bye");
            cx.exit();
        })?;
    }
    println!("pid {}", std::process::id());
    ev.run()?;
    Ok(())
}
