use super::short;
use crate::stream::{StreamCtx, StreamHandler};
use crate::{Clock, Config, Context, EventLoop, Interest, Timer};
use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const MS: u64 = 1_000_000;

thread_local! {
    static TIME: Cell<u64> = const { Cell::new(0) };
}

fn stopwatch() -> u64 {
    TIME.get()
}

/// Blocks for so many milliseconds, by the stopwatch of these tests.
fn block(milliseconds: u64) {
    TIME.set(TIME.get() + milliseconds * MS);
}

/// A loop whose handlers take what [`block`] says, and slow from 50 ms on.
fn watched<S>(state: S) -> EventLoop<S> {
    let mut config = Config::new().clock(Clock::Virtual).report_slow(Duration::from_millis(50));
    config.stopwatch = Some(stopwatch);
    EventLoop::with_config(config, state).unwrap()
}

struct Sluggish;

impl<S> StreamHandler<S> for Sluggish {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
        block(70);
        cx.close();
    }
}

fn tick(cx: &mut Context<'_, u32>) {
    *cx.state() += 1;
    block(if *cx.state() == 3 { 50 } else { 49 });
}

#[test]
fn a_handler_that_blocks_is_named_with_its_place() {
    let mut ev = watched(0);
    let line = line!() + 1;
    ev.timer(Timer::every(Duration::from_secs(1)), tick);
    ev.exit_after(Duration::from_millis(4500));
    ev.run().unwrap();
    let metrics = ev.metrics().unwrap();
    let [slow] = &metrics.slow[..] else { panic!("{:?}", metrics.slow) };
    assert!(slow.name.ends_with("tests::tick"), "{}", slow.name);
    assert!(slow.place.file().ends_with("timed/tests.rs"));
    assert_eq!((slow.place.line(), slow.calls, slow.longest), (line, 1, Duration::from_millis(50)));
    assert_eq!((metrics.calls, metrics.callback.count()), (5, 5));
    assert_eq!(metrics.callback.max(), 50 * MS);
}

#[test]
fn streams_descriptors_and_tasks_are_named_too() {
    let (mut near, far) = UnixStream::pair().unwrap();
    let (mut peer, socket) = UnixStream::pair().unwrap();
    near.write_all(b"x").unwrap();
    peer.write_all(b"x").unwrap();
    let mut ev = watched(());
    let first = line!() + 1;
    ev.open(socket, Sluggish).unwrap();
    ev.descriptor(far, Interest::READ, |cx, far, _| {
        let _ = far.read(&mut [0; 8]);
        block(60);
        cx.remove_self();
    })
    .unwrap();
    #[cfg(feature = "async")]
    ev.spawn(async { block(80) });
    ev.run().unwrap();
    let metrics = ev.metrics().unwrap();
    let of = |ms| metrics.slow.iter().find(|slow| slow.longest == Duration::from_millis(ms)).unwrap();
    assert!(of(70).name.ends_with("tests::Sluggish"), "{}", of(70).name);
    assert_eq!(of(70).place.line(), first);
    assert!(of(60).name.contains("named_too"), "{}", of(60).name);
    assert_eq!(of(60).place.line(), first + 1);
    #[cfg(feature = "async")]
    {
        assert!(of(80).name.contains("named_too"), "{}", of(80).name);
        assert_eq!(of(80).place.line(), first + 8);
    }
    assert_eq!((metrics.bytes_read, metrics.descriptors), (1, 0));
}

#[test]
fn waits_batches_and_lag_are_counted() {
    let mut ev = watched(());
    for _ in 0..4 {
        ev.timer(Duration::from_millis(10), |_| block(1));
    }
    ev.run().unwrap();
    let metrics = ev.metrics().unwrap();
    assert_eq!((metrics.turns, metrics.calls, metrics.lag.count()), (1, 4, 1));
    assert_eq!(metrics.callback.sum(), 4 * MS);
    assert_eq!(metrics.events, 0);
    let mut ev = EventLoop::new(()).unwrap();
    assert_eq!(ev.metrics(), None);
}

#[test]
fn the_programs_part_of_a_type_is_its_name() {
    assert_eq!(short("evoxide::stream::io::OnStream<app::Echo>"), "app::Echo");
    assert_eq!(
        short("evoxide::event_loop::handlers::OnDescriptor<std::fs::File, app::main::{{closure}}>"),
        "app::main::{{closure}}"
    );
    assert_eq!(short("app::serve::{{closure}}"), "app::serve::{{closure}}");
}
