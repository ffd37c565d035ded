use super::super::inspector::short;
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

/// What the slow handler was that took so many milliseconds, and the line of this file that gave it.
#[cfg(feature = "ws")]
fn who<S>(ev: &mut EventLoop<S>, milliseconds: u64) -> (&'static str, &'static str) {
    let metrics = ev.metrics().unwrap();
    let took = Duration::from_millis(milliseconds);
    let found: Vec<_> = metrics.slow.iter().filter(|slow| slow.longest == took).collect();
    let [slow] = &found[..] else { panic!("{took:?}: {:?}", metrics.slow) };
    assert!(slow.place.file().ends_with("timed/tests.rs"), "{}", slow.place);
    let line = include_str!("tests.rs").lines().nth(slow.place.line() as usize - 1).unwrap();
    (slow.name.rsplit_once("::tests::").unwrap().1, line.trim())
}

#[cfg(feature = "ws")]
mod routes {
    use super::*;
    use crate::buffer::Buffer;
    use crate::http::{Answer, Body, ClientConfig, IntoAnswer, Method, OutRequest, Request, RequestCx, Server, Upload};
    use crate::ws::{Message, SocketCx, SocketHandler};
    use std::net::TcpListener;

    fn page(_cx: &mut RequestCx<'_, ()>, _request: Request) -> &'static str {
        block(51);
        "page"
    }

    struct Taken;

    impl Upload<()> for Taken {
        fn on_data(&mut self, _cx: &mut RequestCx<'_, ()>, data: &mut Buffer) {
            data.clear();
            block(52);
        }

        fn on_end(self: Box<Self>, _cx: &mut RequestCx<'_, ()>) -> Answer<()> {
            "taken".into_answer()
        }
    }

    struct Room;

    impl SocketHandler<()> for Room {
        fn on_message(&mut self, cx: &mut SocketCx<'_, ()>, message: Message) {
            block(53);
            let _ = cx.send(message);
        }
    }

    struct Guest;

    impl SocketHandler<()> for Guest {
        fn on_open(&mut self, cx: &mut SocketCx<'_, ()>) {
            let _ = cx.send("hello");
        }

        fn on_message(&mut self, cx: &mut SocketCx<'_, ()>, _message: Message) {
            block(54);
            cx.exit();
        }
    }

    #[test]
    fn handlers_of_http_and_websocket_are_named_by_themselves() {
        let mut ev = watched(());
        let server = Server::new()
            .get("/page", page)
            .upload(Method::PUT, "/up", |_cx, _request| Ok(Taken))
            .websocket("/room", Default::default(), |_cx, _request| Ok(Room))
            .get("/quick", |_cx, _request| "quick");
        #[cfg(feature = "async")]
        let server = server.get_async("/task", |_cx, _request| async {
            block(55);
            "task"
        });
        let listener = ev.serve("127.0.0.1:0", server).unwrap();
        let port = ev.source::<TcpListener>(listener).unwrap().local_addr().unwrap().port();
        let client = ev.http_client(ClientConfig::new());
        let resolver = ev.resolver(Default::default()).unwrap();
        let uri = move |path: &str| format!("http://127.0.0.1:{port}{path}");
        client.get(&mut ev, &uri("/page"), move |cx, _| {
            let mut put = OutRequest::new(Body::from("body"));
            (*put.method_mut(), *put.uri_mut()) = (Method::PUT, uri("/up").parse().unwrap());
            client.send(cx, put, move |cx, _| {
                resolver.connect(cx, "127.0.0.1", port, move |cx, _| {
                    block(57);
                    client.get(cx, &uri("/quick"), move |cx, _| {
                        block(56);
                        client.get(cx, &uri("/task"), move |cx, _| {
                            let room = format!("ws://127.0.0.1:{port}/room");
                            client.websocket(cx, &room, Default::default(), Guest).unwrap();
                        });
                    });
                });
            });
        });
        ev.run().unwrap();
        assert_eq!(who(&mut ev, 51), ("routes::page", r#".get("/page", page)"#));
        assert_eq!(who(&mut ev, 52).1, r#".upload(Method::PUT, "/up", |_cx, _request| Ok(Taken))"#);
        assert_eq!(who(&mut ev, 53).0, "routes::Room");
        assert!(who(&mut ev, 53).1.starts_with(".websocket("));
        assert_eq!(who(&mut ev, 54).0, "routes::Guest");
        assert!(who(&mut ev, 54).1.starts_with("client.websocket("));
        assert!(who(&mut ev, 56).1.starts_with(r#"client.get(cx, &uri("/quick")"#));
        assert!(who(&mut ev, 57).1.starts_with(r#"resolver.connect(cx, "127.0.0.1""#));
        #[cfg(feature = "async")]
        assert!(who(&mut ev, 55).1.starts_with(r#"let server = server.get_async("/task""#));
        let metrics = ev.metrics().unwrap();
        assert_eq!(metrics.slow.len(), 6 + usize::from(cfg!(feature = "async")), "{:?}", metrics.slow);
    }
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
