//! A server whose work is done by a pool of threads: `workers_tokio [PORT] [THREADS] [QUEUE]`. A client sends numbers, one on a line;
//! the answer to N is `N P`, where P is the Nth prime, as soon as it is known; `N busy` where too much waits already.

use futures_util::{SinkExt, StreamExt};
use std::error::Error;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::codec::{Framed, LinesCodec};

fn nth_prime(n: usize) -> u64 {
    let is_prime = |p: &u64| (2..).take_while(|d| d * d <= *p).all(|d| p % d != 0);
    (2..).filter(is_prime).nth(n.saturating_sub(1)).unwrap_or(0)
}

async fn serve(stream: TcpStream, room: Arc<Semaphore>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(1024));
    let mut jobs = JoinSet::new();
    let mut ended = false;
    while !ended || !jobs.is_empty() {
        tokio::select! {
            Some(answer) = jobs.join_next() => lines.send(answer?).await?,
            line = lines.next(), if !ended => match line.transpose()? {
                None => ended = true,
                Some(line) => match (line.trim().parse(), Arc::clone(&room).try_acquire_owned()) {
                    (Err(_), _) => lines.send(format!("{line} what?")).await?,
                    (Ok::<usize, _>(n), Err(_)) => lines.send(format!("{n} busy")).await?,
                    (Ok(n), Ok(permit)) => {
                        jobs.spawn(async move {
                            let prime = spawn_blocking(move || nth_prime(n)).await;
                            drop(permit);
                            prime.map_or_else(|_| format!("{n} failed"), |prime| format!("{n} {prime}"))
                        });
                    }
                },
            },
        }
    }
    Ok(())
}

async fn listen(port: u16, room: usize) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening {}", listener.local_addr()?.port());
    let room = Arc::new(Semaphore::new(room));
    loop {
        let (stream, _peer) = listener.accept().await?;
        tokio::spawn(serve(stream, Arc::clone(&room)));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().map_or(Ok(0), |arg| arg.parse())?;
    let threads: usize = args.next().map_or(Ok(4), |arg| arg.parse())?;
    let queue: usize = args.next().map_or(Ok(100), |arg| arg.parse())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(threads).build()?;
    runtime.block_on(listen(port, threads + queue))
}
