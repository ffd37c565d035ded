//! A server whose work is done by a pool of threads: `workers [PORT] [THREADS] [QUEUE]`. A client sends numbers, one on a line; the
//! answer to N is `N P`, where P is the Nth prime, as soon as it is known; `N busy` where too much waits already.

use evoxide::buffer::LineEnd;
use evoxide::stream::{Parts, StreamCtx, StreamEvent, StreamHandler};
use evoxide::{Context, EventId, EventLoop, Workers};
use std::error::Error;
use std::net::TcpListener;
use std::thread;

fn nth_prime(n: usize) -> u64 {
    let is_prime = |p: &u64| (2..).take_while(|d| d * d <= *p).all(|d| !p.is_multiple_of(d));
    (2..).filter(is_prime).nth(n.saturating_sub(1)).unwrap_or(0)
}

/// How many jobs a client waits for.
struct Client(usize);

fn answer(cx: &mut Context<'_, Workers>, id: EventId, text: String) {
    let Some((stream, client)) = cx.stream_and_handler::<Client>(id) else { return };
    stream.output().append(text);
    client.0 -= 1;
    if client.0 == 0 && !stream.is_reading() {
        stream.close_after_flush();
    }
}

impl StreamHandler<Workers> for Client {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Workers>) {
        let Some(id) = cx.id() else { return };
        let Parts { input, output, registry, state: workers, .. } = cx.split();
        while let Some(line) = input.take_line_max(LineEnd::CrLf, 1024).transpose() {
            let Ok(line) = line else { return cx.close() };
            let line = String::from_utf8_lossy(&line);
            let Ok(n) = line.trim().parse() else {
                output.append(format!("{line} what?\n"));
                continue;
            };
            let done = move |cx: &mut Context<'_, Workers>, prime: thread::Result<u64>| {
                answer(cx, id, prime.map_or_else(|_| format!("{n} failed\n"), |prime| format!("{n} {prime}\n")));
            };
            match workers.run(&registry.handle(), move || nth_prime(n), done) {
                Ok(()) => self.0 += 1,
                Err(_) => output.append(format!("{n} busy\n")),
            }
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, Workers>, event: StreamEvent) {
        if self.0 == 0 || !matches!(event, StreamEvent::Eof) {
            cx.close_after_flush();
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().map_or(Ok(0), |arg| arg.parse())?;
    let threads = args.next().map_or(Ok(4), |arg| arg.parse())?;
    let queue = args.next().map_or(Ok(100), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let mut ev = EventLoop::new(Workers::new(threads, queue)?)?;
    ev.accept_from(listener, |cx, conn, _peer| cx.open(conn, Client(0)))?;
    ev.run()?;
    Ok(())
}
