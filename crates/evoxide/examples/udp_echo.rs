//! A UDP echo server: `udp_echo [PORT]`. On SIGTERM it says how much it has sent back, and ends.

use evoxide::udp::Udp;
use evoxide::{EventLoop, Signal};
use std::error::Error;

#[derive(Default)]
struct Counts {
    datagrams: u64,
    total: usize,
    lost: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let mut ev = EventLoop::new(Counts::default())?;
    let echo = ev.udp(("127.0.0.1", port), |cx, udp, datagram| {
        let Counts { datagrams, total, lost } = cx.state();
        // Where the system's queue is full, a datagram is lost.
        match udp.send_to(datagram.bytes, datagram.from) {
            Ok(()) => (*datagrams, *total) = (*datagrams + 1, *total + datagram.bytes.len()),
            Err(_) => *lost += 1,
        }
    })?;
    println!("listening {}", ev.source::<Udp>(echo).expect("it is new").local_addr()?.port());
    ev.signal(Signal::TERM, |cx, _| cx.exit())?;
    ev.run()?;
    let Counts { datagrams, total, lost } = ev.state();
    println!("{datagrams} datagrams, {total} bytes, {lost} lost");
    Ok(())
}
