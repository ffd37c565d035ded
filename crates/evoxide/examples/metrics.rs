//! The echo server of `echo.rs` in a loop that counts: `metrics [PORT] [SLOW_MS|off]` prints what it did on SIGUSR1 and at its end, on
//! SIGTERM or SIGINT. A line `sleep` keeps its handler for SLOW_MS (50), which is reported. With `off` it does not count.

use evoxide::metrics::{Histogram, Metrics};
use evoxide::stream::{StreamCtx, StreamHandler};
use evoxide::{Config, EventLoop, Signal};
use std::net::TcpListener;
use std::time::Duration;

struct Echo(Duration);

impl StreamHandler<()> for Echo {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, ()>) {
        if cx.input().len() == 6 && cx.input().contiguous(6) == b"sleep\n" {
            std::thread::sleep(self.0);
        }
        let (input, output) = cx.io();
        output.append_buffer(input);
    }
}

fn print(metrics: &Metrics) {
    println!("{} turns, {} calls, {} events", metrics.turns, metrics.calls, metrics.events);
    println!("{} bytes read, {} written, {} in buffers", metrics.bytes_read, metrics.bytes_written, metrics.buffered);
    let time = |what, times: &Histogram| {
        let [half, most] = [0.5, 0.99].map(|part| Duration::from_nanos(times.quantile(part)));
        println!("{what}: half within {half:?}, 99 % within {most:?}, at most {:?}", Duration::from_nanos(times.max()));
    };
    time("wait", &metrics.wait);
    time("handlers", &metrics.callback);
    time("lag", &metrics.lag);
    metrics.slow.iter().for_each(|slow| println!("slow: {slow}, {} times", slow.calls));
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().map_or(Ok(0), |arg| arg.parse())?;
    let (config, slow) = match args.next().as_deref() {
        Some("off") => (Config::new(), Duration::ZERO),
        given => {
            let slow = Duration::from_millis(given.unwrap_or("50").parse()?);
            (Config::new().report_slow(slow), slow)
        }
    };
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let mut ev = EventLoop::with_config(config, ())?;
    ev.accept_from(listener, move |cx, conn, _peer| cx.open(conn, Echo(slow)))?;
    for (signal, ends) in [(Signal::USR1, false), (Signal::TERM, true), (Signal::INT, true)] {
        ev.signal(signal, move |cx, _times| {
            cx.metrics().iter().for_each(print);
            if ends {
                cx.exit();
            }
        })?;
    }
    ev.run()?;
    Ok(())
}
