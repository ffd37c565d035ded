//! Streams over real sockets: nothing is lost, closes are told once, limits hold, back-pressure works.

use evoxide::buffer::Buffer;
use evoxide::config::Method;
use evoxide::stream::{Filter, Rate, StreamCtx, StreamEvent, StreamHandler};
use evoxide::{Clock, Config, Context, ErrorKind, EventId, EventLoop, Outcome};
use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// What happened, in words.
type Log = Vec<String>;

/// Writes down everything.
struct Scribe;

impl StreamHandler<Log> for Scribe {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Log>) {
        let text = String::from_utf8(cx.input().take_bytes(usize::MAX)).unwrap();
        cx.state().push(text);
    }

    fn on_drained(&mut self, cx: &mut StreamCtx<'_, Log>) {
        cx.state().push("drained".into());
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, Log>, event: StreamEvent) {
        let word = match event {
            StreamEvent::Error(error) => format!("{:?}", error.kind()),
            other => format!("{other:?}"),
        };
        let done = word != "Connected";
        cx.state().push(word);
        if done {
            cx.close_after_flush();
        }
    }

    fn on_close(&mut self, cx: &mut Context<'_, Log>) {
        cx.state().push("closed".into());
    }
}

struct Echo;

impl<S> StreamHandler<S> for Echo {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
        let (input, output) = cx.io();
        output.append_buffer(input);
    }
}

fn on_virtual_time<S>(state: S) -> EventLoop<S> {
    EventLoop::with_config(Config::new().clock(Clock::Virtual), state).unwrap()
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}

#[test]
fn a_life_in_order() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(Log::new()).unwrap();
    let id = ev.open(b, Scribe).unwrap();
    ev.stream(id).unwrap().output().append("hello");
    a.write_all(b"one").unwrap();
    ev.run_once().unwrap();
    a.write_all(b"two").unwrap();
    ev.run_once().unwrap();
    let mut text = [0; 5];
    a.read_exact(&mut text).unwrap();
    drop(a);
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(ev.state(), &["drained", "one", "two", "Eof", "closed"]);
    assert!(!ev.contains(id) && ev.stream(id).is_none());
}

#[test]
fn large_data_both_ways_with_every_method() {
    for method in Method::all() {
        let (a, b) = UnixStream::pair().unwrap();
        let mut ev = EventLoop::with_config(Config::new().method(method), ()).unwrap();
        ev.open(b, Echo).unwrap();
        let data = pattern(5_000_000);
        let sent = data.clone();
        let writer = thread::spawn({
            let a = a.try_clone().unwrap();
            move || {
                (&a).write_all(&sent).unwrap();
                a.shutdown(Shutdown::Write).unwrap();
            }
        });
        let reader = thread::spawn(move || {
            let mut back = Vec::new();
            (&a).read_to_end(&mut back).unwrap();
            back
        });
        assert_eq!(ev.run().unwrap(), Outcome::Idle);
        writer.join().unwrap();
        assert!(reader.join().unwrap() == data, "{method}");
    }
}

#[test]
fn many_clients() {
    const CLIENTS: usize = 200;
    let mut ev = EventLoop::new(()).unwrap();
    let listener = ev.listen("127.0.0.1:0", |cx, conn, _| cx.open(conn, Echo)).unwrap();
    let addr = ev.source::<TcpListener>(listener).unwrap().local_addr().unwrap();
    let handle = ev.handle();
    let clients = thread::spawn(move || {
        let mut all: Vec<_> = (0..CLIENTS).map(|_| TcpStream::connect(addr).unwrap()).collect();
        for round in 0..10 {
            for (i, c) in all.iter_mut().enumerate() {
                write!(c, "{round} {i}.").unwrap();
            }
            for (i, c) in all.iter_mut().enumerate() {
                let expected = format!("{round} {i}.");
                let mut back = vec![0; expected.len()];
                c.read_exact(&mut back).unwrap();
                assert_eq!(back, expected.as_bytes());
            }
        }
        drop(all);
        handle.post(move |cx| assert!(cx.remove(listener))).unwrap();
    });
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    clients.join().unwrap();
    assert_eq!(ev.counts().events, 0);
}

#[test]
fn refused_and_timed_out_connections() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut ev = EventLoop::new(Log::new()).unwrap();
    ev.connect(free, Scribe).unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state(), &["ConnectionRefused", "closed"]);
    assert_eq!(ev.connect("127.0.0.1:notaport", Scribe).unwrap_err().kind(), ErrorKind::System);

    // A listener whose backlog is full answers nobody.
    let listener = full_listener();
    let mut ev = EventLoop::new(Log::new()).unwrap();
    ev.connect_timeout(listener.0.local_addr().unwrap(), 20 * MS, Scribe).unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state(), &["TimedOut", "closed"]);
}

/// A listener with as many connections waiting as it takes.
fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    // The shortest queue there is.
    let shortened = std::os::fd::OwnedFd::from(listener);
    shorten(&shortened);
    let mut waiting = Vec::new();
    for _ in 0..8 {
        match TcpStream::connect_timeout(&addr, 50 * MS) {
            Ok(conn) => waiting.push(conn),
            Err(_) => break,
        }
    }
    (shortened.into(), waiting)
}

fn shorten(fd: &std::os::fd::OwnedFd) {
    evoxide_sys::socket::listen(fd, 0).unwrap();
}

#[test]
fn one_address_after_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = |name: &str| TcpListener::bind(name).unwrap().local_addr().unwrap();
    let addresses = [free("127.0.0.1:0"), free("127.0.0.2:0"), listener.local_addr().unwrap(), free("127.0.0.1:0")];
    let mut ev = EventLoop::new(Log::new()).unwrap();
    let id = ev.connect(&addresses[..], Scribe).unwrap();
    ev.stream(id).unwrap().output().append("hello");
    ev.stream(id).unwrap().close_after_flush();
    ev.run().unwrap();
    assert_eq!(ev.state(), &["Connected", "closed"]);
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");

    let mut ev = EventLoop::new(Log::new()).unwrap();
    ev.connect(&[addresses[0], addresses[3]][..], Scribe).unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state(), &["ConnectionRefused", "closed"]);
    assert!(ev.connect(&[][..], Scribe).is_err());
}

#[test]
fn timeouts() {
    let (_a, b) = UnixStream::pair().unwrap();
    let mut ev = on_virtual_time(Log::new());
    let start = ev.now();
    let id = ev.open(b, Scribe).unwrap();
    ev.stream(id).unwrap().set_timeouts(Some(10 * MS), Some(50 * MS));
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!((ev.now() - start, ev.state().join(" ")), (10 * MS, "ReadTimeout closed".into()));

    // A peer that does not read.
    let (_a, b) = UnixStream::pair().unwrap();
    let mut ev = on_virtual_time(Log::new());
    let start = ev.now();
    let id = ev.open(b, Scribe).unwrap();
    let stream = ev.stream(id).unwrap();
    stream.set_timeouts(None, Some(50 * MS));
    stream.output().append_vec(vec![0; 4 << 20]);
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!((ev.now() - start, ev.state().join(" ")), (50 * MS, "WriteTimeout closed".into()));
}

#[test]
fn read_marks_bound_the_input() {
    /// Drains only when told.
    struct Lazy(Rc<Cell<usize>>);
    impl StreamHandler<()> for Lazy {
        fn on_read(&mut self, cx: &mut StreamCtx<'_, ()>) {
            assert!((100..=1000).contains(&cx.input().len()));
            self.0.set(cx.input().len());
        }
    }
    let seen = Rc::new(Cell::new(0));
    let (mut a, b) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(()).unwrap();
    let id = ev.open(b, Lazy(Rc::clone(&seen))).unwrap();
    ev.stream(id).unwrap().set_read_marks(100, 1000);
    a.write_all(&pattern(50)).unwrap();
    ev.run_once().unwrap();
    assert_eq!(seen.get(), 0);
    a.write_all(&pattern(5000)).unwrap();
    // It fills up, and then there is nothing to wait for.
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(seen.get(), 1000);
    ev.stream(id).unwrap().input().drain(950);
    ev.run().unwrap();
    assert_eq!(seen.get(), 1000);
}

#[test]
fn close_after_flush_writes_all_and_shutdown_ends_half() {
    struct Bye(bool);
    impl StreamHandler<()> for Bye {
        fn on_read(&mut self, cx: &mut StreamCtx<'_, ()>) {
            cx.input().clear();
            cx.output().append_vec(pattern(2_000_000));
            if self.0 { cx.close_after_flush() } else { cx.this().shutdown_write() }
        }
    }
    for close in [true, false] {
        let (a, b) = UnixStream::pair().unwrap();
        let mut ev = EventLoop::new(()).unwrap();
        let id = ev.open(b, Bye(close)).unwrap();
        let client = thread::spawn(move || {
            (&a).write_all(b"x").unwrap();
            let mut all = Vec::new();
            (&a).read_to_end(&mut all).unwrap();
            all
        });
        // With one half open the stream lives until the client ends its half too.
        assert_eq!(ev.run().unwrap(), Outcome::Idle);
        assert!(!ev.contains(id));
        assert!(client.join().unwrap() == pattern(2_000_000));
    }
}

#[test]
fn pausing_holds_the_peer_up() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(Log::new()).unwrap();
    let id = ev.open(b, Scribe).unwrap();
    ev.stream(id).unwrap().pause_reading();
    a.write_all(b"later").unwrap();
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert!(ev.state().is_empty() && !ev.stream(id).unwrap().is_reading());
    ev.stream(id).unwrap().resume_reading();
    ev.run_once().unwrap();
    assert_eq!(ev.state(), &["later"]);
    // The event as a whole can rest too.
    ev.pause(id);
    a.write_all(b"still later").unwrap();
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    ev.resume(id).unwrap();
    ev.run_once().unwrap();
    assert_eq!(ev.state(), &["later", "still later"]);
}

#[test]
fn a_stream_removes_itself_and_others_from_inside() {
    struct Killer(Option<EventId>);
    impl StreamHandler<u32> for Killer {
        fn on_read(&mut self, cx: &mut StreamCtx<'_, u32>) {
            *cx.state() += 1;
            cx.output().append("never written");
            if let Some(other) = self.0 {
                assert!(cx.remove(other));
            }
            assert!(cx.remove_self());
            // Still there until this returns.
            cx.this().set_timeouts(Some(MS), None);
        }
        fn on_close(&mut self, _: &mut Context<'_, u32>) {
            panic!("removed, not closed");
        }
    }
    let ((mut a, b), (mut c, d)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    let mut ev = EventLoop::new(0).unwrap();
    let other = ev.open(d, Killer(None)).unwrap();
    ev.open(b, Killer(Some(other))).unwrap();
    a.write_all(b"x").unwrap();
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!((*ev.state(), ev.counts().events), (1, 0));
    assert_eq!((a.read(&mut [0]).unwrap(), c.read(&mut [0]).unwrap()), (0, 0));
}

#[test]
fn a_panic_closes_the_stream() {
    struct Bad;
    impl StreamHandler<()> for Bad {
        fn on_read(&mut self, _: &mut StreamCtx<'_, ()>) {
            panic!("on purpose");
        }
    }
    let (mut a, b) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(()).unwrap();
    let id = ev.open(b, Bad).unwrap();
    let limit = ev.limit(Rate::per_second(1000), None).unwrap();
    ev.set_limit(id, Some(limit)).unwrap();
    a.write_all(b"x").unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| ev.run())).is_err());
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(a.read(&mut [0]).unwrap(), 0);
}

#[test]
fn limits_within_each_other() {
    struct Count(usize);
    impl StreamHandler<[usize; 3]> for Count {
        fn on_read(&mut self, cx: &mut StreamCtx<'_, [usize; 3]>) {
            cx.state()[self.0] += cx.input().len();
            cx.input().clear();
        }
    }
    let mut ev = on_virtual_time([0; 3]);
    let whole = ev.limit(Rate::per_second(30_000), None).unwrap();
    let tenant = ev.limit(Rate::per_second(10_000), Some(whole)).unwrap();
    let mut clients = Vec::new();
    for i in 0..3 {
        let (a, b) = UnixStream::pair().unwrap();
        a.set_nonblocking(true).unwrap();
        let _ = (&a).write(&vec![0; 100_000]);
        clients.push(a);
        let id = ev.open(b, Count(i)).unwrap();
        // Two share the tenant's part, one has the rest.
        ev.set_limit(id, Some(if i < 2 { tenant } else { whole })).unwrap();
    }
    ev.exit_after(Duration::from_secs(2));
    ev.run().unwrap();
    let [a, b, c] = *ev.state();
    assert!((19_000..=22_000).contains(&(a + b)), "{a} {b} {c}");
    assert!(a > 5_000 && b > 5_000, "{a} {b} {c}");
    assert!((57_000..=66_000).contains(&(a + b + c)), "{a} {b} {c}");
    // Without the limit the rest comes at once.
    assert!(ev.remove_limit(whole) && ev.remove_limit(tenant) && !ev.remove_limit(tenant));
    drop(clients);
    let before = ev.now();
    ev.run().unwrap();
    assert!(ev.now() - before < Duration::from_secs(1));
    assert_eq!(ev.limit(Rate::per_tick(0, 1, MS), None).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(ev.limit(Rate::per_second(1), Some(whole)).unwrap_err().kind(), ErrorKind::NoSuchEvent);
}

#[test]
fn writes_are_limited_too() {
    let (a, b) = UnixStream::pair().unwrap();
    let mut ev = on_virtual_time(Log::new());
    let start = ev.now();
    let limit = ev.limit(Rate::per_tick(1, 1000, 100 * MS), None).unwrap();
    let id = ev.open(b, Scribe).unwrap();
    ev.set_limit(id, Some(limit)).unwrap();
    let stream = ev.stream(id).unwrap();
    stream.output().append(pattern(10_000));
    stream.close_after_flush();
    ev.run().unwrap();
    assert!((800 * MS..=1000 * MS).contains(&(ev.now() - start)), "{:?}", ev.now() - start);
    let mut all = Vec::new();
    (&a).read_to_end(&mut all).unwrap();
    assert_eq!(all, pattern(10_000));
}

/// Records of one length byte and the bytes it counts.
struct Records;

impl Filter for Records {
    fn input(&mut self, from: &mut Buffer, to: &mut Buffer, _reply: &mut Buffer) -> io::Result<()> {
        while let Some(&len) = from.contiguous(1).first() {
            if len == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if from.len() <= usize::from(len) {
                break;
            }
            from.drain(1);
            to.append_prefix(from, usize::from(len));
        }
        Ok(())
    }

    fn output(&mut self, from: &mut Buffer, to: &mut Buffer) -> io::Result<()> {
        while !from.is_empty() {
            let len = from.len().min(255);
            to.append([len as u8]);
            to.append_prefix(from, len);
        }
        Ok(())
    }

    fn finish(&mut self, to: &mut Buffer) -> io::Result<()> {
        to.append([0]);
        Ok(())
    }
}

#[test]
fn filters_stack_and_may_need_more() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(Log::new()).unwrap();
    let id = ev.open(b, Scribe).unwrap();
    // Records in records.
    ev.stream(id).unwrap().push_filter(Records);
    ev.stream(id).unwrap().push_filter(Records);
    for byte in [4, 3, b'a', b'b', b'c'] {
        assert!(ev.state().is_empty());
        a.write_all(&[byte]).unwrap();
        ev.run_once().unwrap();
    }
    assert_eq!(ev.state(), &["abc"]);
    ev.stream(id).unwrap().output().append("xy");
    ev.run_once().unwrap();
    let mut record = [0; 4];
    a.read_exact(&mut record).unwrap();
    assert_eq!(record, [3, 2, b'x', b'y']);
    a.write_all(&[0]).unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state()[1..], ["drained", "InvalidData", "closed"]);
}

#[test]
fn filters_finish() {
    for close in [true, false] {
        let (mut a, b) = UnixStream::pair().unwrap();
        let mut ev = EventLoop::new(Log::new()).unwrap();
        let id = ev.open(b, Scribe).unwrap();
        let stream = ev.stream(id).unwrap();
        stream.push_filter(Records);
        stream.push_filter(Records);
        stream.output().append("xy");
        if close {
            stream.close_after_flush()
        } else {
            stream.shutdown_write()
        }
        ev.run_once().unwrap();
        let mut all = Vec::new();
        a.read_to_end(&mut all).unwrap();
        assert_eq!(all, [4, 2, b'x', b'y', 0, 0], "{close}");
        drop(a);
        ev.run().unwrap();
        assert!(!ev.contains(id));
    }
}

#[test]
fn unix_listeners_and_pairs() {
    let dir = std::env::temp_dir().join(format!("evoxide-test-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("socket");
    let mut ev = EventLoop::new(Log::new()).unwrap();
    let listener = ev
        .listen_unix(&path, |cx, conn| {
            let id = cx.open(conn, Scribe)?;
            if let Some(stream) = cx.stream(id) {
                stream.output().append("welcome");
                stream.close_after_flush();
            }
            Ok::<_, evoxide::Error>(())
        })
        .unwrap();
    ev.connect_unix(&path, Scribe).unwrap();
    ev.run_once().unwrap();
    ev.remove(listener);
    ev.run().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    for word in ["Connected", "welcome", "Eof", "closed"] {
        assert!(ev.state().iter().any(|w| w == word), "{word}: {:?}", ev.state());
    }
    assert!(ev.connect_unix(&path, Scribe).is_err());

    let mut ev = EventLoop::new(Log::new()).unwrap();
    let (left, right) = ev.pair(Scribe, Echo).unwrap();
    ev.stream(left).unwrap().output().append("ping");
    ev.stream(left).unwrap().shutdown_write();
    ev.run().unwrap();
    assert!(!ev.contains(left) && !ev.contains(right));
    assert_eq!(ev.state(), &["drained", "ping", "Eof", "closed"]);
}

#[test]
fn metrics_tell_of_the_storage_that_streams_share() {
    let (mut near, far) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::with_config(Config::new().metrics(true), ()).unwrap();
    ev.open(far, Echo).unwrap();
    assert_eq!(ev.metrics().unwrap().pooled, 0);
    near.write_all(b"hello").unwrap();
    ev.run_once().unwrap();
    let metrics = ev.metrics().unwrap();
    assert_eq!((metrics.buffered, metrics.bytes_read, metrics.bytes_written), (0, 5, 5));
    assert!(metrics.pooled >= 64 * 1024, "{}", metrics.pooled);
}

/// Keeps what comes, and says how it ended.
struct Keep;

impl StreamHandler<(Vec<u8>, Log)> for Keep {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, (Vec<u8>, Log)>) {
        let bytes = cx.input().take_bytes(usize::MAX);
        cx.state().0.extend(bytes);
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, (Vec<u8>, Log)>, event: StreamEvent) {
        let word = if matches!(event, StreamEvent::Eof) { "end" } else { "error" };
        cx.state().1.push(word.into());
        cx.close();
    }
}

/// A TCP connection to a stream of a loop. Its readiness comes as edges, until something unusual is seen.
fn over_tcp() -> (TcpStream, EventLoop<(Vec<u8>, Log)>, EventId) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut ev = EventLoop::new((Vec::new(), Log::new())).unwrap();
    let id = ev.open(listener.accept().unwrap().0, Keep).unwrap();
    (near, ev, id)
}

fn until(ev: &mut EventLoop<(Vec<u8>, Log)>, done: impl Fn(&(Vec<u8>, Log)) -> bool) {
    while !done(ev.state()) {
        ev.run_once().unwrap();
    }
}

#[test]
fn an_end_that_comes_with_the_data_is_told() {
    for small_first in [false, true] {
        let (mut near, mut ev, _) = over_tcp();
        if small_first {
            near.write_all(b"a").unwrap();
            until(&mut ev, |state| state.0 == b"a");
        }
        near.write_all(b"bc").unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(ev.run().unwrap(), Outcome::Idle);
        assert!(ev.state().0.ends_with(b"bc"));
        assert_eq!(ev.state().1, ["end"]);
    }
}

#[test]
fn a_reset_that_comes_with_the_data_is_told() {
    let (mut near, mut ev, _) = over_tcp();
    near.write_all(b"a").unwrap();
    until(&mut ev, |state| state.0 == b"a");
    near.write_all(b"bc").unwrap();
    rustix::net::sockopt::set_socket_linger(&near, Some(Duration::ZERO)).unwrap();
    drop(near);
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(ev.state().1, ["error"]);
}

#[test]
fn urgent_data_does_not_hide_what_follows() {
    let (mut near, mut ev, _) = over_tcp();
    near.write_all(b"a").unwrap();
    until(&mut ev, |state| state.0 == b"a");
    near.write_all(b"bc").unwrap();
    assert_eq!(rustix::net::send(&near, b"!", rustix::net::SendFlags::OOB).unwrap(), 1);
    near.write_all(b"de").unwrap();
    // The peer says nothing more: what lies behind the mark comes by itself.
    until(&mut ev, |state| state.0 == b"abcde");
    near.write_all(b"f").unwrap();
    until(&mut ev, |state| state.0 == b"abcdef");
}

#[test]
fn what_a_pause_or_a_full_read_left_comes_by_itself() {
    let (mut near, mut ev, id) = over_tcp();
    near.write_all(b"a").unwrap();
    until(&mut ev, |state| state.0 == b"a");
    ev.stream(id).unwrap().pause_reading();
    near.write_all(b"bc").unwrap();
    ev.poll().unwrap();
    ev.stream(id).unwrap().resume_reading();
    until(&mut ev, |state| state.0 == b"abc");
    ev.stream(id).unwrap().set_read_marks(0, 16);
    near.write_all(&[b'd'; 100]).unwrap();
    until(&mut ev, |state| state.0.len() == 103);
    ev.stream(id).unwrap().set_read_marks(0, 0);
    let sent = pattern(1 << 20);
    let all = sent.clone();
    let sender = thread::spawn(move || near.write_all(&all).map(|()| near));
    until(&mut ev, |state| state.0.len() == 103 + (1 << 20));
    assert!(ev.state().0[103..] == sent[..]);
    drop(sender.join().unwrap().unwrap());
    ev.run().unwrap();
    assert_eq!(ev.state().1, ["end"]);
}

#[test]
fn both_directions_of_a_connection_with_full_buffers_go_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut ev = EventLoop::new(()).unwrap();
    ev.open(listener.accept().unwrap().0, Echo).unwrap();
    let mut writer = near.try_clone().unwrap();
    let sent = pattern(8 << 20);
    let all = sent.clone();
    let peer = thread::spawn(move || {
        for piece in [1, 10, 100, 1000] {
            // Small messages go round by edges.
            near.write_all(&all[..piece]).unwrap();
            near.read_exact(&mut vec![0; piece]).unwrap();
        }
        let write = thread::spawn(move || {
            writer.write_all(&all).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut echo = Vec::new();
        near.read_to_end(&mut echo).unwrap();
        write.join().unwrap();
        echo
    });
    ev.run().unwrap();
    assert!(peer.join().unwrap() == sent);
}
