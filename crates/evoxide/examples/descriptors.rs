//! Descriptor events: numbers what comes from standard input, and notices when nothing comes for a while.
//!
//! `cargo run --example descriptors`

use evoxide::{EventLoop, Interest, Watch};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

fn main() -> Result<(), evoxide::Error> {
    // A thread that feeds a socket: standard input itself may be a file, which not every method can watch.
    let (ours, theirs) = UnixStream::pair()?;
    thread::spawn(move || io::copy(&mut io::stdin().lock(), &mut &theirs));
    ours.set_nonblocking(true)?;

    let mut ev = EventLoop::new(0)?;
    let watch = Watch::new(Interest::READ).timeout(Duration::from_secs(5));
    ev.descriptor(ours, watch, |cx, ours, ready| {
        if ready.is_timeout() {
            println!("(are you there?)");
            return;
        }
        let mut chunk = [0; 4096];
        match ours.read(&mut chunk) {
            Ok(0) => {
                cx.remove_self();
            }
            Ok(n) => {
                *cx.state() += 1;
                println!("-- {} ({n} bytes)", cx.state());
                let _ = io::stdout().write_all(&chunk[..n]);
            }
            Err(_) => {}
        }
    })?;
    ev.run()?;
    println!("-- {} pieces", ev.state());
    Ok(())
}
