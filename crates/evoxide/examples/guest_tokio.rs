//! A loop as a guest in tokio: tokio's runtime waits, for its own tasks and for the loop. `guest_tokio [PORT]` is an echo server on
//! streams of the loop, which a task of tokio asks.

use evoxide::stream::{StreamCtx, StreamHandler};
use evoxide::task::Guest;
use evoxide::{EventLoop, Outcome};
use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long to wait where nothing is to be waited for.
const LONG: Duration = Duration::from_secs(3600);

struct Echo;

impl StreamHandler<usize> for Echo {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, usize>) {
        *cx.state() += cx.input().len();
        let (input, output) = cx.io();
        output.append_buffer(input);
    }
}

/// Drives a loop until it ends by itself.
async fn drive<S>(guest: Guest<S>) -> io::Result<Guest<S>> {
    // What tokio has instead from 1.54 on is unsafe, and asks for what a guest keeps: one descriptor, open as long as it lives.
    #[allow(deprecated)]
    let mut guest = AsyncFd::with_interest(guest, Interest::READABLE)?;
    loop {
        if guest.get_mut().turn()? != Outcome::Turned {
            return Ok(guest.into_inner());
        }
        let wait = guest.get_mut().wait_time().unwrap_or(LONG);
        if let Ok(ready) = timeout(wait, guest.readable()).await {
            ready?.clear_ready();
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let mut ev = EventLoop::new(0)?;
    ev.accept_from(listener, |cx, conn, _peer| cx.open(conn, Echo))?;
    let handle = ev.handle();
    let client = tokio::spawn(async move {
        let mut stream = TcpStream::connect(addr).await?;
        let (mut read, mut write) = stream.split();
        let (sent, mut echo) = (vec![b'x'; 1 << 20], vec![0; 1 << 20]);
        let (written, read) = tokio::join!(write.write_all(&sent), read.read_exact(&mut echo));
        handle.stop();
        written?;
        read?;
        Ok::<_, io::Error>(sent == echo)
    });
    let guest = drive(Guest::new(ev)?).await?;
    println!("{} bytes, {}", guest.state(), if client.await?? { "all of them equal" } else { "some of them wrong" });
    Ok(())
}
