//! A UDP echo server: `udp_echo_tokio [PORT]`. On SIGTERM it says how much it has sent back, and ends.

use std::error::Error;
use tokio::net::UdpSocket;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let socket = UdpSocket::bind(("127.0.0.1", port)).await?;
    println!("listening {}", socket.local_addr()?.port());
    let mut terminate = signal(SignalKind::terminate())?;
    let mut bytes = vec![0; 64 * 1024];
    let (mut datagrams, mut total, mut lost) = (0, 0, 0);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            received = socket.recv_from(&mut bytes) => {
                let (n, from) = received?;
                // Where the system's queue is full, a datagram is lost.
                match socket.try_send_to(&bytes[..n], from) {
                    Ok(_) => (datagrams, total) = (datagrams + 1, total + n),
                    Err(_) => lost += 1,
                }
            }
        }
    }
    println!("{datagrams} datagrams, {total} bytes, {lost} lost");
    Ok(())
}
