//! With other libraries: the loop as a guest, and what was written for tokio on this loop.
#![cfg(feature = "async")]

mod built;

use evoxide::EventLoop;
use evoxide::task::AsyncStream;
use futures_util::{SinkExt, StreamExt};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;
use tokio_util::codec::{Framed, LinesCodec};
use tokio_util::compat::FuturesAsyncReadCompatExt;

fn run(example: &str) -> String {
    let out = Command::new(built::program(example)).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_guest_in_tokio() {
    assert_eq!(run("guest_tokio"), "1048576 bytes, all of them equal\n");
}

#[test]
fn a_guest_in_calloop() {
    assert_eq!(run("guest_calloop"), "tick 1, tick 2, tick 3\n");
}

fn pair(cx: &evoxide::task::TaskCx<()>) -> (AsyncStream, AsyncStream) {
    let (a, b) = UnixStream::pair().unwrap();
    (cx.open_stream(a).unwrap(), cx.open_stream(b).unwrap())
}

#[test]
fn tokio_codecs_on_a_stream_of_the_loop() {
    let mut ev = EventLoop::new(()).unwrap();
    let cx = ev.task_cx();
    let heard = ev.block_on(async move {
        let (a, b) = pair(&cx);
        let mut a = Framed::new(a.compat(), LinesCodec::new());
        let echo = cx.spawn(async move {
            let (mut sink, mut lines) = Framed::new(b.compat(), LinesCodec::new()).split();
            while let Some(line) = lines.next().await {
                sink.send(format!("{} again", line.unwrap())).await.unwrap();
            }
        });
        let mut heard = Vec::new();
        for said in ["one", "two"] {
            a.send(said).await.unwrap();
            heard.push(a.next().await.unwrap().unwrap());
        }
        drop(a);
        echo.await.unwrap();
        heard
    });
    assert_eq!(heard.unwrap(), ["one again", "two again"]);
}

#[test]
fn tokio_io_copies_between_streams_of_the_loop() {
    let mut ev = EventLoop::new(()).unwrap();
    let cx = ev.task_cx();
    let echoed = ev.block_on(async move {
        let ((a, b), (mut c, d)) = (pair(&cx), {
            let (c, d) = pair(&cx);
            (c.compat(), d)
        });
        cx.spawn(async move {
            let (mut b, mut d) = (b.compat(), d.compat());
            tokio::io::copy_bidirectional(&mut b, &mut d).await.unwrap();
        });
        let mut bytes = vec![0; 300_000];
        let write = async {
            a.write_all(&[b'x'; 300_000]).await.unwrap();
            a.shutdown_write().unwrap();
        };
        tokio::join!(write, async { tokio::io::AsyncReadExt::read_exact(&mut c, &mut bytes).await.unwrap() });
        bytes
    });
    assert!(echoed.unwrap().iter().all(|byte| *byte == b'x'));
}

#[test]
fn tokio_channels_between_tasks_of_the_loop() {
    let mut ev = EventLoop::new(()).unwrap();
    let cx = ev.task_cx();
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let sum = ev.block_on(async move {
        cx.spawn(async move {
            for i in 0..100 {
                sender.send(i).await.unwrap();
            }
        });
        let mut sum = 0;
        while let Some(i) = receiver.recv().await {
            sum += i;
        }
        sum
    });
    assert_eq!(sum.unwrap(), 4950);
}

/// `tokio::net` and `tokio::time` in tasks of the loop, beside the loop's own.
async fn ask_over_tokio(cx: evoxide::task::TaskCx<()>) -> Vec<u8> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = cx.listen("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    cx.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
    });
    let mut client = tokio::net::TcpStream::connect(addr).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    cx.sleep(Duration::from_millis(1)).await;
    client.write_all(b"hello").await.unwrap();
    let mut bytes = vec![0; 5];
    client.read_exact(&mut bytes).await.unwrap();
    let doubled = tokio::spawn(async move { bytes.repeat(2) });
    doubled.await.unwrap()
}

#[test]
fn tokio_sockets_and_timers_on_the_loop_beside_a_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let mut ev = EventLoop::new(()).unwrap();
    let cx = ev.task_cx();
    assert_eq!(ev.block_on(ask_over_tokio(cx)).unwrap(), b"hellohello");
}

#[test]
fn tokio_sockets_and_timers_in_tasks_of_a_guest() {
    use evoxide::task::Guest;
    use tokio::io::{Interest, unix::AsyncFd};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut ev = EventLoop::new(()).unwrap();
    let cx = ev.task_cx();
    let task = ev.spawn(ask_over_tokio(cx));
    let answer = runtime.block_on(async move {
        // See `examples/guest_tokio.rs`.
        #[allow(deprecated)]
        let mut guest = AsyncFd::with_interest(Guest::new(ev).unwrap(), Interest::READABLE).unwrap();
        while !task.is_finished() {
            guest.get_mut().turn().unwrap();
            let wait = guest.get_mut().wait_time().unwrap_or(Duration::from_secs(60));
            if let Ok(ready) = tokio::time::timeout(wait, guest.readable()).await {
                ready.unwrap().clear_ready();
            }
        }
        task.await.unwrap()
    });
    assert_eq!(answer, b"hellohello");
}
