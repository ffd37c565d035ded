//! Runs a command again whenever a file changes, and tells the time every minute.
//!
//! `cargo run --example watch -- FILE COMMAND [ARGUMENT...]`

use evoxide::EventLoop;
use evoxide::watch::Periodic;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(file), Some(program)) = (args.next(), args.next()) else {
        return Err("usage: watch FILE COMMAND [ARGUMENT...]".into());
    };
    let args: Vec<_> = args.collect();

    let mut ev = EventLoop::new(false)?;
    ev.stat(&file, Duration::from_secs(5), move |cx, _change| {
        // One run at a time.
        if *cx.state() {
            return;
        }
        match Command::new(&program).args(&args).spawn() {
            Ok(child) => {
                *cx.state() = cx
                    .child(child, |cx, _child, status| {
                        println!("-- {status}");
                        *cx.state() = false;
                    })
                    .is_ok();
            }
            Err(error) => println!("-- {program}: {error}"),
        }
    })?;
    ev.periodic(Periodic::every(Duration::from_secs(60), Duration::ZERO), |cx| {
        let minutes = cx.wall_now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() / 60);
        println!("-- {:02}:{:02} UTC", minutes / 60 % 24, minutes % 60);
    });
    println!("-- watching {file}");
    ev.run()?;
    Ok(())
}
