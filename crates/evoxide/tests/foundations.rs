//! What protocols stand on: the ends of streams, reading again, filters with handshakes, framing, ids, children and datagrams.

use evoxide::buffer::{Buffer, LineEnd};
use evoxide::codec::{Decoder, Encoder, Json, LengthPrefix, Lines};
use evoxide::stream::{Filter, Parts, Rate, SocketOptions, StreamCtx, StreamEvent, StreamHandler};
use evoxide::udp::{Datagram, Udp};
use evoxide::{Clock, Config, Context, ErrorKind, EventLoop, Interest, Outcome, Signal, Timer, Workers};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Calls functions of the test.
struct Fns<R, D>(R, D);

impl<S, R, D> StreamHandler<S> for Fns<R, D>
where
    R: FnMut(&mut StreamCtx<'_, S>),
    D: FnMut(&mut StreamCtx<'_, S>),
{
    fn on_read(&mut self, cx: &mut StreamCtx<'_, S>) {
        (self.0)(cx);
    }

    fn on_drained(&mut self, cx: &mut StreamCtx<'_, S>) {
        (self.1)(cx);
    }
}

fn reads<S>(on_read: impl FnMut(&mut StreamCtx<'_, S>) + 'static) -> impl StreamHandler<S> + 'static {
    Fns(on_read, |_: &mut StreamCtx<'_, S>| {})
}

fn text(stream: &mut impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn after_close_after_flush_nothing_is_read_drained_or_appended() {
    let (mut a, b) = UnixStream::pair().unwrap();
    a.write_all(b"malformed\nmore\n").unwrap();
    let mut ev = EventLoop::new((0, 0)).unwrap();
    let handler = Fns(
        |cx: &mut StreamCtx<'_, (i32, i32)>| {
            cx.state().0 += 1;
            assert!(!cx.this().is_closing());
            cx.output().append("error\n");
            cx.close_after_flush();
            assert!(cx.this().is_closing());
            cx.output().append("never sent");
        },
        |cx: &mut StreamCtx<'_, (i32, i32)>| {
            cx.state().1 += 1;
            cx.output().append("again\n");
        },
    );
    ev.open(b, handler).unwrap();
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(*ev.state(), (1, 0));
    assert_eq!(text(&mut a), "error\n");
}

#[test]
fn a_drained_handler_that_appends_does_not_outlive_close_after_flush() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(()).unwrap();
    let id = ev
        .open(b, Fns(|_: &mut StreamCtx<'_, ()>| {}, |cx: &mut StreamCtx<'_, ()>| cx.output().append("more")))
        .unwrap();
    ev.stream(id).unwrap().output().append("first");
    ev.run_once().unwrap();
    ev.stream(id).unwrap().close_after_flush();
    ev.run().unwrap();
    assert!(text(&mut a).starts_with("firstmore"));
}

#[test]
fn shutdown_write_drops_later_output_and_reads_on() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let id = ev
        .open(
            b,
            reads(|cx: &mut StreamCtx<'_, Vec<u8>>| {
                let bytes = cx.input().take_bytes(99);
                cx.state().extend(bytes);
                cx.output().append("dropped");
            }),
        )
        .unwrap();
    let stream = ev.stream(id).unwrap();
    stream.output().append("bye");
    stream.shutdown_write();
    stream.output().append("dropped");
    ev.run_once().unwrap();
    assert_eq!(text(&mut a), "bye");
    a.write_all(b"still here").unwrap();
    drop(a);
    ev.run().unwrap();
    assert_eq!(ev.state(), b"still here");
}

#[test]
fn resume_reading_offers_what_lies_in_the_input() {
    let (mut a, b) = UnixStream::pair().unwrap();
    a.write_all(b"one\ntwo\n").unwrap();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let id = ev
        .open(
            b,
            reads(|cx: &mut StreamCtx<'_, Vec<Vec<u8>>>| {
                let Parts { input, state, .. } = cx.split();
                state.extend(input.next_line().map(<[u8]>::to_vec));
                cx.this().pause_reading();
            }),
        )
        .unwrap();
    ev.run_once().unwrap();
    assert_eq!(ev.state().len(), 1);
    assert!(!ev.stream(id).unwrap().is_reading());
    ev.stream(id).unwrap().resume_reading();
    ev.run_once().unwrap();
    assert_eq!(ev.state(), &[b"one", b"two"]);
}

#[test]
fn read_again_takes_turns() {
    let (mut a, b) = UnixStream::pair().unwrap();
    a.write_all(b"1\n2\n3\n").unwrap();
    let mut ev = EventLoop::new(String::new()).unwrap();
    ev.open(
        b,
        reads(|cx: &mut StreamCtx<'_, String>| {
            let Parts { input, state, .. } = cx.split();
            if let Some(line) = input.next_line() {
                state.push_str(&String::from_utf8_lossy(line));
                cx.this().read_again();
            }
            if cx.state().len() == 3 {
                cx.exit();
            }
        }),
    )
    .unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state(), "123");
}

/// Answers "?" with "!" by itself, and is ready then. The asking side begins.
struct Handshake {
    asks: bool,
    done: bool,
}

impl Filter for Handshake {
    fn start(&mut self, reply: &mut Buffer) -> io::Result<()> {
        if self.asks {
            reply.append("?");
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.done
    }

    fn input(&mut self, from: &mut Buffer, to: &mut Buffer, reply: &mut Buffer) -> io::Result<()> {
        if !self.done {
            let expected = if self.asks { b'!' } else { b'?' };
            if from.take_u8() != Some(expected) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.done = true;
            if !self.asks {
                reply.append("!");
            }
        }
        to.append_buffer(from);
        Ok(())
    }

    fn output(&mut self, from: &mut Buffer, to: &mut Buffer) -> io::Result<()> {
        if self.done {
            to.append_buffer(from);
        }
        Ok(())
    }
}

struct Told;

impl StreamHandler<Vec<String>> for Told {
    fn on_read(&mut self, cx: &mut StreamCtx<'_, Vec<String>>) {
        let bytes = cx.input().take_bytes(99);
        cx.state().push(String::from_utf8(bytes).unwrap());
        cx.close();
    }

    fn on_event(&mut self, cx: &mut StreamCtx<'_, Vec<String>>, event: StreamEvent) {
        cx.state().push(format!("{event:?}"));
        if !matches!(event, StreamEvent::Connected) {
            cx.close();
        }
    }
}

#[test]
fn a_filter_answers_by_itself_and_delays_connected() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let id = ev.connect(addr, Told).unwrap();
    let stream = ev.stream(id).unwrap();
    stream.push_filter(Handshake { asks: true, done: false });
    // Waits in the output until the handshake is done.
    stream.output().append("data");
    let (mut peer, _) = listener.accept().unwrap();
    let peer = std::thread::spawn(move || {
        let mut byte = [0; 1];
        peer.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"?");
        peer.write_all(b"!").unwrap();
        let mut data = [0; 4];
        peer.read_exact(&mut data).unwrap();
        peer.write_all(b"reply").unwrap();
        data
    });
    ev.run().unwrap();
    assert_eq!(&peer.join().unwrap(), b"data");
    assert_eq!(ev.state(), &["Connected", "reply"]);
}

#[test]
fn a_serving_filter_answers_and_a_bad_handshake_is_an_error() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let id = ev.open(b, Told).unwrap();
    ev.stream(id).unwrap().push_filter(Handshake { asks: false, done: false });
    a.write_all(b"?").unwrap();
    while ev.state().is_empty() {
        ev.run_once().unwrap();
    }
    let mut byte = [0; 1];
    a.read_exact(&mut byte).unwrap();
    assert_eq!((&byte, &ev.state()[..]), (b"!", &["Connected".to_string()][..]));
    let (mut a, b) = UnixStream::pair().unwrap();
    let id = ev.open(b, Told).unwrap();
    ev.stream(id).unwrap().push_filter(Handshake { asks: false, done: false });
    a.write_all(b"x").unwrap();
    while ev.state().len() < 2 {
        ev.run_once().unwrap();
    }
    assert!(ev.state()[1].starts_with("Error"), "{:?}", ev.state());
}

#[test]
fn split_lends_everything_at_once() {
    let (mut a, b) = UnixStream::pair().unwrap();
    a.write_all(b"x\nyy\ntail").unwrap();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    ev.open(
        b,
        reads(|cx: &mut StreamCtx<'_, Vec<usize>>| {
            let Parts { input, output, registry, state, .. } = cx.split();
            loop {
                match input.next_line() {
                    Some(line) => {
                        state.push(line.len());
                        output.append(line);
                        registry.timer(Duration::ZERO, |_| {});
                    }
                    None => {
                        state.push(input.len());
                        break;
                    }
                }
            }
            cx.close_after_flush();
        }),
    )
    .unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state(), &[1, 2, 4]);
    assert_eq!(text(&mut a), "xyy");
}

#[test]
fn framing_takes_whole_messages() {
    let mut b = Buffer::from("one\r\ntwo");
    assert_eq!(b.take_line_max(LineEnd::CrLf, 3).unwrap(), Some(b"one".to_vec()));
    assert_eq!(b.take_line_max(LineEnd::CrLf, 3).unwrap(), None);
    b.append("x");
    assert!(b.take_line_max(LineEnd::CrLf, 3).unwrap().is_none(), "the x may be followed by nothing else");
    b.append("y");
    assert_eq!(b.take_line_max(LineEnd::CrLf, 3).unwrap_err().kind(), ErrorKind::TooLong);
    assert_eq!(b.take_exact(6), None);
    assert_eq!(b.split_to(4), "twox");
    assert_eq!(b.take_exact(1), Some(b"y".to_vec()));
    assert!(b.is_empty());
    for byte in b"head\r\n\r\nbody" {
        assert!(b.take_until("\r\n\r\n", 10).unwrap().is_none());
        b.append_vec(vec![*byte]);
        if let Some(head) = b.take_until("\r\n\r\n", 10).unwrap() {
            assert_eq!(head, b"head");
        }
    }
    assert_eq!(b, *b"body");
    assert_eq!(b, b"body".to_vec());
    assert_eq!(b, "body");
    assert!(b.take_until("a pattern that is longer than most", 2).is_ok());
    b.clear();
    b.append_u8(1);
    b.append_i16_le(-2);
    b.append_u64_be(3);
    assert_eq!((b.take_u8(), b.take_i16_le(), b.take_u64_be(), b.take_u8()), (Some(1), Some(-2), Some(3), None));
}

#[test]
fn a_line_that_was_lent_is_gone_whatever_comes_next() {
    let lent = || {
        let mut b = Buffer::from("first\nrest");
        assert_eq!(b.next_line(), Some(&b"first"[..]));
        b
    };
    assert_eq!(lent().len(), 4);
    assert_eq!(lent().to_vec(), b"rest");
    assert_eq!(lent(), "rest");
    assert_eq!(lent().find("e"), Some(1));
    assert_eq!(lent().byte_at(0), Some(b'r'));
    assert_eq!(lent().contiguous(2), b"re");
    assert_eq!(lent().take_bytes(2), b"re");
    assert_eq!(lent().take_u8(), Some(b'r'));
    assert_eq!(lent().clone(), "rest");
    let mut b = lent();
    b.prepend("x");
    assert_eq!(b, "xrest");
    let mut b = lent();
    b.append("x");
    assert_eq!(b, "restx");
    let mut c = Buffer::new();
    c.append_buffer(&mut b);
    assert_eq!((c == "restx", b.is_empty()), (true, true));
    let mut c = Buffer::new();
    c.append_prefix(&mut lent(), 2);
    assert_eq!(c, "re");
    let mut b = lent();
    assert_eq!(b.next_line(), None);
    assert_eq!(b, "rest");
    let mut all = String::new();
    lent().read_to_string(&mut all).unwrap();
    assert_eq!(all, "rest");
    assert_eq!(lent().lines_view(LineEnd::Lf).count(), 0);
    let mut b = lent();
    b.truncate(1);
    assert_eq!(b, "r");
}

#[test]
fn a_search_goes_on_where_it_stopped() {
    let piece = [b'x'; 500];
    let mut b = Buffer::new();
    let start = Instant::now();
    for _ in 0..20_000 {
        b.append(piece);
        assert!(b.next_line().is_none());
    }
    b.append("\n");
    assert_eq!(b.next_line().map(<[u8]>::len), Some(10_000_000));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn codecs_round_trip_and_refuse() {
    let mut wire = Buffer::new();
    for mut codec in [
        LengthPrefix::u8(),
        LengthPrefix::u16(),
        LengthPrefix::u32(),
        LengthPrefix::u64(),
        LengthPrefix::u32().little_endian(),
    ] {
        codec.encode("hello", &mut wire).unwrap();
        let bytes = wire.take_bytes(usize::MAX);
        for byte in &bytes[..bytes.len() - 1] {
            wire.append([*byte]);
            assert_eq!(codec.decode(&mut wire).unwrap(), None);
        }
        wire.append(&bytes[bytes.len() - 1..]);
        assert_eq!(codec.decode(&mut wire).unwrap(), Some(b"hello".to_vec()));
    }
    assert!(LengthPrefix::u8().encode([0; 256], &mut wire).is_err());
    assert!(LengthPrefix::u32().max(4).decode(&mut Buffer::from("\0\0\0\u{5}")).is_err());
    wire.append(b"\xff\n");
    assert_eq!(Lines::new().decode(&mut wire).unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn json_comes_in_lines_and_what_is_none_is_refused() {
    let (mut json, mut wire) = (Json::<Vec<u32>>::new().max(8), Buffer::new());
    json.encode(vec![1, 2], &mut wire).unwrap();
    wire.append("[3,");
    assert_eq!(json.decode(&mut wire).unwrap(), Some(vec![1, 2]));
    assert_eq!(json.decode(&mut wire).unwrap(), None);
    wire.append("4]\nno\n");
    assert_eq!(json.decode(&mut wire).unwrap(), Some(vec![3, 4]));
    assert_eq!(json.decode(&mut wire).unwrap_err().kind(), ErrorKind::Malformed);
    wire.append("[1,2,3,4,5]");
    assert_eq!(json.decode(&mut wire).unwrap_err().kind(), ErrorKind::TooLong);
}

#[test]
fn a_peer_that_has_gone_raises_no_signal() {
    // SIGPIPE would end this child, whose default action is restored by `sh`.
    let exe = std::env::current_exe().unwrap();
    let status = Command::new("sh")
        .args([
            "-c",
            "trap - PIPE; exec \"$0\" --exact writes_to_nobody --nocapture --include-ignored",
            exe.to_str().unwrap(),
        ])
        .env("EVOXIDE_WRITES_TO_NOBODY", "1")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn writes_to_nobody() {
    let (a, b) = UnixStream::pair().unwrap();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let id = ev.open(b, Told).unwrap();
    drop(a);
    ev.stream(id).unwrap().output().append("nobody reads this");
    ev.run().unwrap();
    assert!(!ev.state().is_empty());
}

#[test]
fn options_reach_sockets() {
    let mut ev = EventLoop::new(0).unwrap();
    let options =
        SocketOptions::new().nodelay(true).keepalive(Duration::from_secs(60)).send_buffer(65536).reuse_port(true);
    let listener = ev
        .listen_with("127.0.0.1:0", &options, |cx, conn, _| {
            assert!(conn.nodelay().unwrap());
            *cx.state() += 1;
            cx.exit();
        })
        .unwrap();
    let addr = ev.source::<TcpListener>(listener).unwrap().local_addr().unwrap();
    let id = ev.connect_with(addr, &options, None, reads(|_: &mut StreamCtx<'_, i32>| {})).unwrap();
    ev.run().unwrap();
    assert_eq!(*ev.state(), 1);
    let stream = ev.stream(id).unwrap();
    assert_eq!(stream.peer_addr(), Some(addr));
    stream.set_options(&SocketOptions::new().nodelay(false)).unwrap();
    let (a, _b) = UnixStream::pair().unwrap();
    let id = ev.open(a, reads(|_: &mut StreamCtx<'_, i32>| {})).unwrap();
    assert!(ev.stream(id).unwrap().set_options(&SocketOptions::new().nodelay(true)).is_err());
}

#[test]
fn own_output_goes_out_when_the_handler_returns() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let (mut c, d) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    a.write_all(b"x").unwrap();
    c.write_all(b"x").unwrap();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let answer = || {
        reads(|cx: &mut StreamCtx<'_, Vec<bool>>| {
            cx.input().clear();
            cx.output().append("answer");
        })
    };
    ev.open(b, answer()).unwrap();
    // Comes after the stream above in the same turn, and finds its answer there.
    ev.descriptor(d, Interest::READ, move |cx, _, _| {
        let mut bytes = [0; 6];
        let there = a.read(&mut bytes).is_ok();
        cx.state().push(there);
        cx.exit();
    })
    .unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state(), &[true]);
    c.set_nonblocking(true).unwrap();
}

#[test]
fn the_output_of_others_goes_out_at_the_end_of_the_turn() {
    let ((mut a, b), (c, mut d)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    let mut reader = d.try_clone().unwrap();
    d.set_nonblocking(true).unwrap();
    a.write_all(b"x").unwrap();
    let mut ev = EventLoop::new(None).unwrap();
    let other = ev.open(c, reads(|_: &mut StreamCtx<'_, Option<io::ErrorKind>>| {})).unwrap();
    let look = ev.user(move |cx| *cx.state() = reader.read(&mut [0; 6]).err().map(|error| error.kind()));
    ev.open(
        b,
        reads(move |cx: &mut StreamCtx<'_, Option<io::ErrorKind>>| {
            cx.input().clear();
            cx.stream(other).unwrap().output().append("answer");
            cx.activate(look);
        }),
    )
    .unwrap();
    ev.run_once().unwrap();
    assert_eq!(*ev.state(), Some(io::ErrorKind::WouldBlock), "the event that ran next in the turn found it");
    assert_eq!(d.read(&mut [0; 8]).unwrap(), 6);
}

#[test]
fn storage_comes_from_a_pool_that_is_bounded() {
    const STREAMS: usize = 64;
    let mut ev = EventLoop::with_config(Config::new().metrics(true), ()).unwrap();
    let mut peers = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..STREAMS {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(&[7; 64 * 1024]).unwrap();
        ids.push(ev.open(far, reads(|_: &mut StreamCtx<'_, ()>| {})).unwrap());
        peers.push(near);
    }
    while ev.metrics().unwrap().buffered < STREAMS * 64 * 1024 {
        ev.run_once().unwrap();
    }
    for id in ids {
        let (input, output) = ev.stream(id).unwrap().io();
        output.append_buffer(input);
    }
    while ev.metrics().unwrap().buffered > 0 {
        ev.run_once().unwrap();
    }
    let pooled = ev.metrics().unwrap().pooled;
    assert!((64 * 1024..1024 * 1024).contains(&pooled), "{pooled}");
    for peer in &mut peers {
        peer.read_exact(&mut vec![0; 64 * 1024]).unwrap();
    }
}

#[test]
fn is_reading_says_whether_more_will_be_read() {
    struct Asked;
    impl StreamHandler<Vec<bool>> for Asked {
        fn on_read(&mut self, cx: &mut StreamCtx<'_, Vec<bool>>) {
            cx.input().clear();
        }
        fn on_event(&mut self, cx: &mut StreamCtx<'_, Vec<bool>>, event: StreamEvent) {
            let reading = cx.this().is_reading();
            cx.state().push(reading);
            match event {
                StreamEvent::ReadTimeout => cx.this().resume_reading(),
                _ => cx.close(),
            }
        }
    }
    let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), Vec::new()).unwrap();
    let (a, b) = UnixStream::pair().unwrap();
    let id = ev.open(b, Asked).unwrap();
    let stream = ev.stream(id).unwrap();
    assert!(stream.is_reading());
    stream.pause_reading();
    assert!(!stream.is_reading());
    stream.resume_reading();
    assert!(stream.is_reading());
    stream.set_timeouts(Some(Duration::from_secs(1)), None);
    while ev.state().is_empty() {
        ev.run_once().unwrap();
    }
    assert!(ev.stream(id).unwrap().is_reading(), "resumed after the read timeout");
    drop(a);
    ev.run().unwrap();
    assert_eq!(ev.state(), &[false, false], "neither after a read timeout nor at the end");
}

#[test]
fn ids_know_their_loop() {
    let mut one = EventLoop::new(()).unwrap();
    let mut two = EventLoop::new(()).unwrap();
    let (a, b) = UnixStream::pair().unwrap();
    let id = one.open(a, reads(|_: &mut StreamCtx<'_, ()>| {})).unwrap();
    let same_place = two.open(b, reads(|_: &mut StreamCtx<'_, ()>| {})).unwrap();
    assert_ne!(id, same_place);
    assert!(two.stream(id).is_none() && !two.contains(id) && !two.remove(id) && !two.pause(id) && !two.activate(id));
    assert_eq!(two.resume(id).unwrap_err().kind(), ErrorKind::NoSuchEvent);
    let limit = one.limit(Rate::per_second(1000), None).unwrap();
    assert!(two.limit(Rate::per_second(1000), Some(limit)).is_err());
    assert!(two.set_limit(same_place, Some(limit)).is_err());
    assert!(!two.remove_limit(limit));
    assert!(one.set_limit(id, Some(limit)).is_ok());
}

#[test]
fn a_background_event_does_not_keep_the_loop() {
    let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), 0).unwrap();
    let (a, b) = UnixStream::pair().unwrap();
    let tick = ev.timer(Timer::every(Duration::from_secs(1)), |cx| *cx.state() += 1);
    let stream = ev.open(a, reads(|_: &mut StreamCtx<'_, i32>| {})).unwrap();
    let idle = ev.idle(|_| {});
    let signal = ev.signal(Signal::USR2, |_, _| {}).unwrap();
    for id in [tick, stream, idle, signal] {
        assert!(ev.keep_alive(id, false));
    }
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert!(ev.remove(idle));
    ev.timer(Duration::from_millis(3500), |_| {});
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(*ev.state(), 3);
    assert!(ev.keep_alive(stream, true));
    drop(b);
    ev.remove(tick);
    // The end of the stream is what the run waits for.
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert!(!ev.contains(stream) && ev.contains(signal));
}

#[test]
fn children_are_reached_signalled_and_piped() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let pipes = ev
        .open_child(
            &mut child,
            reads(|cx: &mut StreamCtx<'_, Vec<String>>| {
                let bytes = cx.input().take_bytes(99);
                cx.state().push(String::from_utf8(bytes).unwrap());
            }),
        )
        .unwrap();
    let id = ev
        .child(child, |cx, _, status| {
            cx.state().push(format!("{:?}", std::os::unix::process::ExitStatusExt::signal(&status)))
        })
        .unwrap();
    ev.stream(pipes).unwrap().output().append("through the cat");
    while ev.state().is_empty() {
        ev.run_once().unwrap();
    }
    Signal::TERM.send(ev.child_mut(id).unwrap().id()).unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state()[0], "through the cat");
    assert!(ev.state().contains(&"Some(15)".to_string()), "{:?}", ev.state());
    assert!(Signal::TERM.send(0).is_err());
}

#[test]
fn many_datagrams_go_out_in_few_calls() {
    let mut ev = EventLoop::new((0, 0)).unwrap();
    let count = |cx: &mut Context<'_, (u32, u32)>, _: &mut Udp, datagram: Datagram<'_>| {
        let (all, sum) = cx.state();
        (*all, *sum) = (*all + 1, *sum + u32::from(datagram.bytes[0]));
        if *all == 150 {
            cx.exit();
        }
    };
    let servers = [0, 1].map(|_| ev.udp("127.0.0.1:0", count).unwrap());
    let to = servers.map(|id| ev.source::<Udp>(id).unwrap().local_addr().unwrap());
    let client = ev.udp("127.0.0.1:0", count).unwrap();
    let bytes: Vec<u8> = (0..150).collect();
    let udp = ev.source::<Udp>(client).unwrap();
    let sent = udp.send_batch(bytes.chunks(1).enumerate().map(|(at, byte)| (byte, Some(to[at % 2])))).unwrap();
    assert_eq!(sent, 150);
    // Nobody is connected to it.
    assert_eq!(udp.send_batch([(&bytes[..1], None)]).unwrap_err().kind(), ErrorKind::System);
    assert_eq!(udp.send_batch([]).unwrap(), 0);
    ev.run().unwrap();
    assert_eq!(*ev.state(), (150, 11175));
}

#[test]
fn a_rate_of_its_own_goes_with_its_stream() {
    let mut ev = EventLoop::new(()).unwrap();
    let (a, b) = UnixStream::pair().unwrap();
    let id = ev.open(b, reads(|_| {})).unwrap();
    ev.set_rate(id, Rate::per_second(1000)).unwrap();
    ev.set_rate(id, Rate::per_second(2000)).unwrap();
    assert_eq!(ev.set_rate(id, Rate::per_tick(0, 0, Duration::ZERO)).unwrap_err().argument(), Some("rate"));
    drop(a);
    ev.run().unwrap();
    assert_eq!(ev.set_rate(id, Rate::per_second(1000)).unwrap_err().kind(), ErrorKind::NoSuchEvent);
}

#[test]
fn workers_answer_refuse_and_go() {
    let workers = Workers::new(1, 1).unwrap();
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let (begin, began) = mpsc::channel::<()>();
    workers.run(&ev.handle(), move || began.recv().is_ok(), |cx, answer| cx.state().push(answer.ok())).unwrap();
    workers.run(&ev.handle(), || -> bool { panic!("on purpose") }, |cx, answer| cx.state().push(answer.ok())).unwrap();
    let refused = workers.run(&ev.handle(), || (), |_, _| ());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Busy);
    begin.send(()).unwrap();
    // A loop waits for its jobs.
    ev.run().unwrap();
    assert_eq!(ev.state(), &[Some(true), None]);
    drop(ev);
    // What would be said to a loop that has gone is dropped.
    let handle = EventLoop::new(()).unwrap().handle();
    let (tell, told) = mpsc::channel();
    workers.run(&handle, move || tell.send(1).unwrap(), |_, _| ()).unwrap();
    assert_eq!(told.recv(), Ok(1));
    assert_eq!(Workers::new(0, 1).unwrap_err().argument(), Some("threads"));
}

#[test]
fn datagrams_in_batches_and_segments() {
    let mut ev = EventLoop::new((0, 0)).unwrap();
    let server = ev
        .udp("127.0.0.1:0", |cx: &mut Context<'_, (usize, usize)>, udp, datagram| {
            let (count, bytes) = cx.state();
            *count += 1;
            *bytes += datagram.bytes.len();
            udp.send_to(datagram.bytes, datagram.from).unwrap();
        })
        .unwrap();
    let to = ev.source::<Udp>(server).unwrap().local_addr().unwrap();
    let client = ev.udp_connect(to, |cx, _, datagram| {
        assert!(datagram.bytes.len() <= 100);
        if cx.state().0 == 26 {
            cx.exit();
        }
    });
    let udp = ev.source::<Udp>(client.unwrap()).unwrap();
    for _ in 0..20 {
        udp.send(&[1; 10]).unwrap();
    }
    udp.send(&[]).unwrap();
    assert_eq!(udp.send_segments(&[2; 450], 100, None).unwrap(), 450);
    assert_eq!(udp.send_segments(&[2; 450], 0, None).unwrap_err().argument(), Some("segment"));
    ev.run().unwrap();
    assert_eq!(*ev.state(), (26, 650));
}

#[test]
fn on_close_runs_after_a_panic() {
    struct Fragile;
    impl StreamHandler<u32> for Fragile {
        fn on_read(&mut self, _: &mut StreamCtx<'_, u32>) {
            panic!("on purpose");
        }
        fn on_close(&mut self, cx: &mut Context<'_, u32>) {
            *cx.state() += 1;
        }
    }
    let mut ev = EventLoop::new(0).unwrap();
    let mut peers = Vec::new();
    for _ in 0..3 {
        let (mut a, b) = UnixStream::pair().unwrap();
        a.write_all(b"x").unwrap();
        peers.push(a);
        ev.open(b, Fragile).unwrap();
    }
    let mut panics = 0;
    while catch_unwind(AssertUnwindSafe(|| ev.run().unwrap())).is_err() {
        panics += 1;
    }
    assert_eq!((panics, *ev.state()), (3, 3));
}

#[test]
fn an_invalid_argument_is_named() {
    let error = EventLoop::with_config(Config::new().priorities(0), ()).unwrap_err();
    assert_eq!((error.kind(), error.argument()), (ErrorKind::Invalid, Some("priorities")));
    let mut ev = EventLoop::new(()).unwrap();
    assert_eq!(ev.advance(Duration::ZERO).unwrap_err().argument(), Some("clock"));
    assert_eq!(ev.limit(Rate::per_tick(0, 1, Duration::ZERO), None).unwrap_err().argument(), Some("rate"));
}

#[test]
fn accepting_and_opening_need_no_fcntl() {
    // What std sees: the accepted socket is nonblocking already.
    let mut ev = EventLoop::new(()).unwrap();
    let id = ev
        .listen("127.0.0.1:0", |cx, conn, _| {
            let mut conn = conn;
            assert_eq!(conn.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            cx.exit();
        })
        .unwrap();
    let addr = ev.source::<TcpListener>(id).unwrap().local_addr().unwrap();
    let _client = TcpStream::connect(addr).unwrap();
    ev.run().unwrap();
}
