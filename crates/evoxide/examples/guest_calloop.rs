//! A loop as a guest in calloop, which waits for its own sources and for the loop's descriptor.

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{Interest, Mode, PostAction};
use evoxide::task::{AsyncStream, Guest};
use evoxide::{Error, EventLoop, Outcome};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// What the handlers of both loops work on.
struct App {
    guest: Guest<Vec<String>>,
    ticks: u32,
}

async fn read_lines(stream: AsyncStream, cx: evoxide::task::TaskCx<Vec<String>>) -> std::io::Result<()> {
    let mut input = evoxide::buffer::Buffer::new();
    while stream.read_buffer(&mut input).await? > 0 {
        while let Some(line) = input.next_line() {
            let line = String::from_utf8_lossy(line).into_owned();
            cx.sleep(Duration::from_millis(1)).await;
            cx.with(|cx| cx.state().push(line));
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut ev = EventLoop::new(Vec::new())?;
    ev.spawn_with(|cx| async move { read_lines(cx.open_stream(ours)?, cx).await.map_err(Error::from) });
    let mut app = App { guest: Guest::new(ev)?, ticks: 0 };

    let mut host = calloop::EventLoop::<App>::try_new()?;
    let fd = app.guest.as_fd().try_clone_to_owned()?;
    host.handle().insert_source(Generic::new(fd, Interest::READ, Mode::Level), |_, _, _| Ok(PostAction::Continue))?;
    host.handle().insert_source(Timer::immediate(), move |_, _, app| {
        app.ticks += 1;
        std::io::Write::write_all(&mut &theirs, format!("tick {}\n", app.ticks).as_bytes()).expect("it is open");
        if app.ticks < 3 {
            return TimeoutAction::ToDuration(Duration::from_millis(5));
        }
        theirs.shutdown(std::net::Shutdown::Both).expect("it is open");
        TimeoutAction::Drop
    })?;
    while app.guest.turn()? == Outcome::Turned {
        let wait = app.guest.wait_time();
        host.dispatch(wait, &mut app)?;
    }
    println!("{}", app.guest.state().join(", "));
    Ok(())
}
