//! Loops on several threads.

use evoxide::stream::{SocketOptions, StreamCtx, StreamEvent, StreamHandler};
use evoxide::{Config, EventLoop, Handles, Threads};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// Answers each line with the number of the thread, and counts its connections.
struct Line;

struct World {
    number: usize,
    connections: Arc<Vec<AtomicUsize>>,
}

impl StreamHandler<World> for Line {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, World>) {
        while cx.input().next_line().is_some() {
            let text = format!("{}\n", cx.state().number);
            cx.output().append(text);
            if cx.is_draining() {
                cx.close_after_flush();
            }
        }
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, World>, _event: StreamEvent) {
        cx.close_after_flush();
    }
}

fn counters(count: usize) -> Arc<Vec<AtomicUsize>> {
    Arc::new((0..count).map(|_| AtomicUsize::new(0)).collect())
}

fn start(count: usize, connections: &Arc<Vec<AtomicUsize>>) -> Threads<World> {
    let connections = Arc::clone(connections);
    evoxide::threads(count, move |number| EventLoop::new(World { number, connections: Arc::clone(&connections) }))
        .unwrap()
}

/// Accepts for the others.
fn deal(handles: Handles<World>) -> (EventLoop<()>, SocketAddr) {
    let mut ev = EventLoop::new(()).unwrap();
    let listener = ev
        .listen("127.0.0.1:0", move |_cx, conn, _peer| {
            let taken = handles.in_turn().post(move |cx| {
                let number = cx.state().number;
                cx.state().connections[number].fetch_add(1, Ordering::Relaxed);
                cx.open(conn, Line).unwrap();
            });
            taken.unwrap();
        })
        .unwrap();
    let addr = ev.source::<TcpListener>(listener).unwrap().local_addr().unwrap();
    (ev, addr)
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

#[test]
fn each_loop_has_a_thread_of_its_own_until_all_are_drained() {
    let connections = counters(3);
    let mut threads = start(3, &connections);
    assert_eq!(threads.handles().len(), 3);
    let (tell, told) = mpsc::channel();
    for handle in threads.handles().iter() {
        let tell = tell.clone();
        handle.post(move |cx| tell.send((cx.state().number, thread::current().id())).unwrap()).unwrap();
    }
    let mut said: Vec<_> = told.iter().take(3).collect();
    said.sort_by_key(|(number, _)| *number);
    assert!((0..3).all(|i| said[i].0 == i));
    assert!(said[0].1 != said[1].1 && said[1].1 != said[2].1 && said[0].1 != said[2].1);
    threads.handles().drain(LONG);
    threads.wait().unwrap();
    threads.wait().unwrap();
    assert!(threads.handles()[0].post(|_cx| ()).is_err());
    assert_eq!(Arc::strong_count(&connections), 1);
}

#[test]
fn no_threads_are_no_error() {
    let mut threads = evoxide::threads(0, EventLoop::new).unwrap();
    threads.handles().drain(LONG);
    threads.wait().unwrap();
}

#[test]
fn a_loop_that_cannot_be_made_ends_the_others() {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let made = evoxide::threads(3, move |number| {
        let config = Config::new().priorities(if number == 1 { 0 } else { 1 });
        EventLoop::with_config(config, Arc::clone(&held))
    });
    let error = made.unwrap_err();
    assert_eq!((error.thread(), error.error().unwrap().argument()), (1, Some("priorities")));
    assert_eq!(error.to_string(), "thread 1: invalid argument: priorities");
    assert_eq!(Arc::strong_count(&alive), 1);
    let made = evoxide::threads(2, |number| {
        assert!(number == 0, "no second thread");
        EventLoop::new(())
    });
    assert_eq!(made.unwrap_err().panic_text().unwrap(), "no second thread");
}

#[test]
fn a_panic_in_one_thread_is_reported_and_the_others_go_on() {
    let connections = counters(2);
    let mut threads = start(2, &connections);
    threads.handles()[0].post(|_cx| panic!("as it was asked")).unwrap();
    let error = threads.wait().unwrap_err();
    assert_eq!(error.to_string(), "thread 0: panicked: as it was asked");
    assert!(error.error().is_none() && error.into_panic().is_some());
    assert!(threads.handles()[0].post(|_cx| ()).is_err());
    let (tell, told) = mpsc::channel();
    threads.handles()[1].post(move |cx| tell.send(cx.state().number).unwrap()).unwrap();
    assert_eq!(told.recv().unwrap(), 1);
    threads.handles().drain(LONG);
    threads.wait().unwrap();
}

#[test]
fn connections_that_are_handed_over_are_spread_evenly_and_none_is_lost() {
    let connections = counters(2);
    let mut threads = start(2, &connections);
    let (mut ev, addr) = deal(threads.handles().clone());
    let handle = ev.handle();
    let clients = thread::spawn(move || {
        let mut clients: Vec<_> = (0..100).map(|_| connect(addr)).collect();
        for round in 0..10 {
            for client in &mut clients {
                client.write_all(b"a line\n").unwrap();
            }
            if round == 9 {
                // Their lines are on the way.
                handle.drain(LONG).unwrap();
            }
            for client in &mut clients {
                client.read_exact(&mut [0; 2]).unwrap();
            }
        }
    });
    ev.run().unwrap();
    threads.handles().drain(LONG);
    threads.wait().unwrap();
    clients.join().unwrap();
    let counts: Vec<_> = connections.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    assert_eq!(counts, [50, 50]);
}

#[test]
fn what_waits_to_be_accepted_is_served_when_listeners_of_one_address_are_drained() {
    let listeners = SocketOptions::new().listen_many("127.0.0.1:0", 2).unwrap();
    let addr = listeners[0].local_addr().unwrap();
    let connections = counters(2);
    let mut threads = {
        let connections = Arc::clone(&connections);
        evoxide::threads(2, move |number| {
            let mut ev = EventLoop::new(World { number, connections: Arc::clone(&connections) })?;
            ev.accept_from(listeners[number].try_clone()?, |cx, conn, _peer| cx.open(conn, Line))?;
            Ok(ev)
        })
        .unwrap()
    };
    let mut clients: Vec<_> = (0..100).map(|_| connect(addr)).collect();
    for client in &mut clients {
        client.write_all(b"a line\n").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
    }
    threads.handles().drain(LONG);
    threads.wait().unwrap();
    for mut client in clients {
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert!(text == "0\n" || text == "1\n", "{text}");
    }
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn a_loop_that_is_stopped_waits_for_nothing() {
    let connections = counters(2);
    let mut threads = start(2, &connections);
    let (mut ev, addr) = deal(threads.handles().clone());
    let client = connect(addr);
    let handle = ev.handle();
    handle.drain(LONG).unwrap();
    ev.run().unwrap();
    threads.handles().stop();
    threads.wait().unwrap();
    drop(client);
}

#[cfg(feature = "http")]
mod http {
    use super::*;
    use evoxide::http::{Response, Server};
    use std::rc::Rc;

    fn server() -> Server<()> {
        Server::new().get("/", |_cx, _request| "hello").get("/slow", |cx, _request| {
            let (mut responder, later) = cx.later();
            cx.timer(Duration::from_millis(20), move |cx| {
                cx.remove_self();
                let _ = responder.send(cx, Response::new("late".into()));
            });
            later
        })
    }

    const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
    const FAST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    #[test]
    fn servers_on_threads_answer_what_was_asked_before_they_end() {
        let listeners = SocketOptions::new().listen_many("127.0.0.1:0", 2).unwrap();
        let addr = listeners[0].local_addr().unwrap();
        let mut threads = evoxide::threads(2, move |number| {
            let mut ev = EventLoop::new(())?;
            ev.serve_from(listeners[number].try_clone()?, server())?;
            Ok(ev)
        })
        .unwrap();
        let mut used: Vec<_> = (0..20).map(|_| connect(addr)).collect();
        for client in &mut used {
            client.write_all(FAST).unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"hello") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
        }
        // Those were used and wait; one half asks again, and others come.
        let mut clients: Vec<_> = used.drain(..10).chain((0..20).map(|_| connect(addr))).collect();
        for client in &mut clients {
            client.write_all(SLOW).unwrap();
        }
        threads.handles().drain(LONG);
        threads.wait().unwrap();
        for mut client in clients {
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            assert!(text.contains("connection: close") && text.ends_with("late"), "{text}");
        }
        for mut client in used {
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
        }
    }

    #[test]
    fn a_drained_loop_ends_with_its_last_connection_and_not_with_its_timers() {
        let mut ev = EventLoop::new(()).unwrap();
        let listener = ev.serve("127.0.0.1:0", Rc::new(server())).unwrap();
        ev.timer(evoxide::Timer::every(Duration::from_secs(3600)), |_cx| ());
        let addr = ev.source::<TcpListener>(listener).unwrap().local_addr().unwrap();
        let mut client = connect(addr);
        client.write_all(SLOW).unwrap();
        ev.drain(LONG);
        assert_eq!(ev.run().unwrap(), evoxide::Outcome::Exited);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert!(text.ends_with("late"), "{text}");
    }
}
