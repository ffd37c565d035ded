//! A TCP proxy with limits: `proxy_tokio TARGET [PORT] [CONNECTIONS] [RATE]`. So many clients are served at once, others are turned
//! away; each may send, and be sent, so many bytes a second; who reads slowly makes the other side wait.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};

/// How long to try to reach the target.
const PATIENCE: Duration = Duration::from_secs(5);

/// A bucket of bytes that may move now; it holds those of a tenth of a second.
struct Bucket {
    each: usize,
    left: usize,
    next: Instant,
}

impl Bucket {
    fn new(rate: usize) -> Self {
        let each = (rate / 10).max(1);
        Self { each, left: each, next: Instant::now() }
    }

    /// Waits until something may move.
    async fn wait(&mut self) {
        if self.left == 0 {
            sleep_until(self.next).await;
        }
        if Instant::now() >= self.next {
            self.left = self.each;
            self.next = Instant::now() + Duration::from_millis(100);
        }
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut bucket: Bucket) -> io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        bucket.wait().await;
        let most = bytes.len().min(bucket.left);
        let n = from.read(&mut bytes[..most]).await?;
        if n == 0 {
            // Half of the connection ends; the other half may go on.
            return to.shutdown().await;
        }
        bucket.left -= n;
        to.write_all(&bytes[..n]).await?;
    }
}

async fn serve(mut client: TcpStream, target: &str, rate: usize) -> io::Result<()> {
    let mut server = timeout(PATIENCE, TcpStream::connect(target)).await??;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::try_join!(copy(from_client, to_server, Bucket::new(rate)), copy(from_server, to_client, Bucket::new(rate)))?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let target: Arc<str> = args.next().ok_or("usage: proxy_tokio TARGET [PORT] [CONNECTIONS] [RATE]")?.into();
    let port = args.next().map_or(Ok(0), |arg| arg.parse())?;
    let connections = Arc::new(Semaphore::new(args.next().map_or(Ok(100), |arg| arg.parse())?));
    let rate = args.next().map_or(Ok(10 << 20), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening {}", listener.local_addr()?.port());
    loop {
        let (mut client, _peer) = listener.accept().await?;
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
            let _ = client.write_all(b"too many connections\n").await;
            continue;
        };
        let target = Arc::clone(&target);
        tokio::spawn(async move {
            let _ = serve(client, &target, rate).await;
            drop(permit);
        });
    }
}
