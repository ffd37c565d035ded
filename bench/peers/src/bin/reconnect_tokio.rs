//! A client that connects again and again: `reconnect_tokio ADDR` sends the lines of its standard input, and prints those of the
//! server. Without a connection it tries again after 100 ms, then after twice as long, up to 5 s; what is typed meanwhile waits.
//! It ends when the input has ended and the server has closed the connection.

use std::error::Error;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin, stdin};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(3);

/// What is typed.
struct Typed {
    lines: Lines<BufReader<Stdin>>,
    /// Not sent yet.
    line: Option<String>,
    ended: bool,
}

/// Talks until the server closes the connection.
async fn talk(typed: &mut Typed, mut stream: TcpStream) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut answers = BufReader::new(read).lines();
    if typed.ended {
        write.shutdown().await?;
    }
    loop {
        if let Some(line) = &typed.line {
            write.write_all(format!("{line}\n").as_bytes()).await?;
            typed.line = None;
        }
        tokio::select! {
            answer = answers.next_line() => match answer? {
                Some(line) => println!("{line}"),
                None => return Ok(()),
            },
            line = typed.lines.next_line(), if !typed.ended => {
                typed.line = line?;
                if typed.line.is_none() {
                    typed.ended = true;
                    write.shutdown().await?;
                }
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).ok_or("usage: reconnect_tokio ADDR")?;
    let mut typed = Typed { lines: BufReader::new(stdin()).lines(), line: None, ended: false };
    let mut delay = SHORTEST;
    loop {
        if let Ok(Ok(stream)) = timeout(PATIENCE, TcpStream::connect(&addr)).await {
            println!("* connected");
            delay = SHORTEST;
            if talk(&mut typed, stream).await.is_ok() && typed.ended {
                return Ok(());
            }
        }
        println!("* trying again in {} ms", delay.as_millis());
        sleep(delay).await;
        delay = LONGEST.min(delay * 2);
    }
}
