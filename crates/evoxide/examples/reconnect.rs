//! A client that connects again and again: `reconnect ADDR` sends the lines of its standard input, and prints those of the server.
//! Without a connection it tries again after 100 ms, then after twice as long, up to 5 s; what is typed meanwhile waits. It ends when
//! the input has ended and the server has closed the connection.

use evoxide::EventLoop;
use evoxide::buffer::Buffer;
use evoxide::task::{AsyncStream, race};
use std::error::Error;
use std::future::pending;
use std::io::{self, stdin};
use std::os::fd::AsFd;
use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(3);

/// What is typed.
struct Typed {
    stdin: AsyncStream,
    /// Not sent yet.
    text: Buffer,
    ended: bool,
}

async fn send(typed: &mut Typed, server: &AsyncStream) -> io::Result<()> {
    loop {
        server.write_buffer(&mut typed.text).await?;
        if typed.ended {
            server.shutdown_write()?;
            return pending().await;
        }
        typed.ended = typed.stdin.read_buffer(&mut typed.text).await? == 0;
    }
}

/// Prints lines until the server closes the connection.
async fn receive(server: &AsyncStream) -> io::Result<()> {
    let mut answers = Buffer::new();
    while server.read_buffer(&mut answers).await? > 0 {
        while let Some(line) = answers.next_line() {
            println!("{}", String::from_utf8_lossy(line));
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).ok_or("usage: reconnect ADDR")?;
    let mut ev = EventLoop::new(())?;
    let cx = ev.task_cx();
    ev.block_on(async move {
        let stdin = cx.open_stream(stdin().as_fd().try_clone_to_owned()?)?;
        let mut typed = Typed { stdin, text: Buffer::new(), ended: false };
        let mut delay = SHORTEST;
        loop {
            if let Ok(Ok(server)) = cx.timeout(PATIENCE, cx.connect(&addr)).await {
                println!("* connected");
                delay = SHORTEST;
                if race(send(&mut typed, &server), receive(&server)).await.is_ok() && typed.ended {
                    return Ok(());
                }
            }
            println!("* trying again in {} ms", delay.as_millis());
            cx.sleep(delay).await;
            delay = LONGEST.min(delay * 2);
        }
    })?
}
