//! The echo server of `echo.rs` with a task for each connection. `echo_async [PORT]` listens on 127.0.0.1.

use evoxide::EventLoop;
use evoxide::buffer::Buffer;
use evoxide::task::AsyncStream;
use std::io;
use std::net::TcpListener;

async fn echo(stream: AsyncStream) -> io::Result<()> {
    let mut bytes = Buffer::new();
    while stream.read_buffer(&mut bytes).await? > 0 {
        stream.write_buffer(&mut bytes).await?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let mut ev = EventLoop::new(())?;
    let cx = ev.task_cx();
    ev.block_on(async move {
        let listener = cx.accept_from(listener)?;
        loop {
            let (stream, _peer) = listener.accept().await?;
            cx.spawn(echo(stream));
        }
    })?
}
