//! Tasks: async/await on the loop.
#![cfg(feature = "async")]

use evoxide::buffer::{Buffer, LineEnd};
use evoxide::task::{AsyncStream, Guest};
use evoxide::{Clock, Config, ErrorKind, EventLoop, Interest, Outcome, Signal, Timer};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

fn on_virtual_time<S>(state: S) -> EventLoop<S> {
    EventLoop::with_config(Config::new().clock(Clock::Virtual), state).unwrap()
}

#[test]
fn tasks_and_handlers_share_the_loop_and_its_clock() {
    let mut ev = on_virtual_time(Vec::new());
    let cx = ev.task_cx();
    let start = ev.now();
    ev.timer(Duration::from_secs(2), |cx| cx.state().push("timer"));
    ev.spawn(async move {
        cx.sleep(Duration::from_secs(1)).await;
        cx.with(|cx| cx.state().push("one"));
        cx.sleep(Duration::from_secs(2)).await;
        cx.with(|cx| cx.state().push("three"));
    });
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(ev.state(), &["one", "timer", "three"]);
    assert_eq!(ev.now() - start, Duration::from_secs(3));
}

#[test]
fn a_timeout_drops_what_is_late() {
    struct Dropped(Rc<Cell<bool>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let mut ev = on_virtual_time(());
    let cx = ev.task_cx();
    let dropped = Rc::new(Cell::new(false));
    let guard = Dropped(Rc::clone(&dropped));
    let (late, in_time) = ev
        .block_on(async move {
            let late = cx
                .timeout(Duration::from_secs(1), async move {
                    let _guard = guard;
                    pending::<()>().await;
                })
                .await;
            (late, cx.timeout(Duration::from_secs(1), async { 7 }).await)
        })
        .unwrap();
    assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(in_time.unwrap(), 7);
    assert!(dropped.get());
    // Nothing is left of the timers.
    assert!(ev.is_idle());
    assert_eq!(ev.counts().events, 0);
}

#[test]
fn an_echo_over_connections_with_every_method() {
    for method in evoxide::config::Method::all() {
        let mut ev = EventLoop::with_config(Config::new().method(method), ()).unwrap();
        let cx = ev.task_cx();
        let sum = ev
            .block_on(async move {
                let listener = cx.listen("127.0.0.1:0").unwrap();
                let addr = listener.local_addr().unwrap();
                let tasks = cx.clone();
                let server = cx.spawn(async move {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        tasks.spawn(async move {
                            let mut bytes = vec![0; 1000];
                            loop {
                                match stream.read(&mut bytes).await.unwrap() {
                                    0 => return,
                                    n => stream.write_all(&bytes[..n]).await.unwrap(),
                                }
                            }
                        });
                    }
                });
                let clients: Vec<_> = (0..5)
                    .map(|i| {
                        let tasks = cx.clone();
                        cx.spawn(async move {
                            let stream = Rc::new(tasks.connect(addr).await.unwrap());
                            let writer = Rc::clone(&stream);
                            tasks.spawn(async move {
                                // More than the socket holds.
                                writer.write_all(&vec![i; 3_000_000]).await.unwrap();
                                writer.shutdown_write().unwrap();
                            });
                            let (mut bytes, mut all) = (vec![0; 5000], 0);
                            loop {
                                match stream.read(&mut bytes).await.unwrap() {
                                    0 => return all,
                                    n => {
                                        assert!(bytes[..n].iter().all(|b| *b == i));
                                        all += n;
                                    }
                                }
                            }
                        })
                    })
                    .collect();
                let mut sum = 0;
                for client in clients {
                    sum += client.await.unwrap();
                }
                server.cancel();
                assert!(server.await.unwrap_err().is_cancelled());
                sum
            })
            .unwrap();
        assert_eq!(sum, 15_000_000, "{method}");
        assert_eq!(ev.run().unwrap(), Outcome::Idle);
        assert_eq!(ev.counts().events, 0, "{method}");
    }
}

#[test]
fn refused_and_dropped_connects() {
    let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut ev = EventLoop::new(()).unwrap();
    let cx = ev.task_cx();
    let error = ev.block_on(async move { cx.connect(addr).await.unwrap_err() }).unwrap();
    assert_eq!(error.io().unwrap().kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(ev.counts().events, 0);
}

#[test]
fn a_panic_stays_in_its_task() {
    let mut ev = EventLoop::new(0).unwrap();
    let cx = ev.task_cx();
    let bad = ev.spawn(async { panic!("on purpose") });
    let inside = cx.clone();
    // A panic inside `with` leaves the loop usable, too.
    let worse = ev.spawn(async move { inside.with(|_| panic!("on purpose")) });
    ev.spawn(async move { cx.with(|cx| *cx.state() += 1) });
    ev.run().unwrap();
    assert_eq!(*ev.state(), 1);
    assert!(bad.is_finished() && worse.is_finished());
    let told = ev.block_on(async { bad.await.unwrap_err().is_panic() && worse.await.unwrap_err().is_panic() }).unwrap();
    assert!(told);
}

#[test]
fn a_task_is_cancelled_from_everywhere() {
    let mut ev = EventLoop::new(0).unwrap();
    let never = || pending::<()>();
    let (by_id, by_handle, by_drop) = (ev.spawn(never()), ev.spawn(never()), ev.spawn(never()));
    let detached = ev.spawn(never());
    assert!(ev.remove(by_id.id()));
    by_handle.cancel();
    drop(by_drop.cancel_on_drop());
    let id = detached.id();
    drop(detached);
    ev.timer(Duration::from_millis(1), move |cx| {
        assert!(cx.contains(id));
        cx.remove(id);
    });
    ev.run().unwrap();
    assert!(by_id.is_finished() && by_handle.is_finished());
    assert_eq!(ev.counts().events, 0);
    // By itself, while it runs.
    let cx = ev.task_cx();
    let own = Rc::new(RefCell::new(None));
    let seen = Rc::clone(&own);
    let task = ev.spawn(async move {
        poll_fn(|_| Poll::Ready(())).await;
        let id = seen.borrow_mut().take();
        cx.with(|cx| cx.remove(id.unwrap()));
        pending::<()>().await;
    });
    *own.borrow_mut() = Some(task.id());
    ev.run().unwrap();
    assert!(task.is_finished());
}

#[test]
fn block_on_says_when_nothing_can_happen_any_more() {
    let mut ev = EventLoop::new(()).unwrap();
    ev.timer(Duration::from_millis(1), |cx| cx.stop());
    assert_eq!(ev.block_on(pending::<()>()).unwrap_err().kind(), ErrorKind::Incomplete);
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
}

/// A channel that knows nothing of loops.
#[derive(Default)]
struct Counter {
    count: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Counter {
    fn add(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        if let Some(waker) = self.waker.lock().unwrap().take() {
            waker.wake();
        }
    }

    async fn reach(&self, n: usize) {
        poll_fn(|cx| {
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            if self.count.load(Ordering::SeqCst) >= n { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[test]
fn tasks_are_woken_from_four_threads() {
    const TASKS: usize = 20_000;
    let mut ev = EventLoop::new(0).unwrap();
    let cx = ev.task_cx();
    let counters: Arc<Vec<Counter>> = Arc::new((0..TASKS).map(|_| Counter::default()).collect());
    for i in 0..TASKS {
        let (counters, cx) = (Arc::clone(&counters), cx.clone());
        ev.spawn(async move {
            counters[i].reach(4).await;
            cx.with(|cx| *cx.state() += 1);
        });
    }
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let counters = Arc::clone(&counters);
            thread::spawn(move || counters.iter().for_each(Counter::add))
        })
        .collect();
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(*ev.state(), TASKS);
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn a_wake_during_the_wait_is_not_lost() {
    let (tell, told) = mpsc::channel::<Arc<Counter>>();
    let worker = thread::spawn(move || told.iter().for_each(|counter| counter.add()));
    let mut ev = EventLoop::new(()).unwrap();
    for _ in 0..1000 {
        let counter = Arc::new(Counter::default());
        tell.send(Arc::clone(&counter)).unwrap();
        ev.block_on(async move { counter.reach(1).await }).unwrap();
    }
    drop(tell);
    worker.join().unwrap();
}

#[test]
fn a_waker_outlives_its_task_and_its_loop() {
    let mut ev = EventLoop::new(()).unwrap();
    let kept = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&kept);
    ev.block_on(poll_fn(move |cx| {
        *keep.borrow_mut() = Some(cx.waker().clone());
        Poll::Ready(())
    }))
    .unwrap();
    let waker = kept.take().unwrap();
    waker.wake_by_ref();
    ev.poll().unwrap();
    drop(ev);
    waker.wake_by_ref();
    thread::spawn(move || waker.wake()).join().unwrap();
}

#[test]
fn a_background_task_does_not_keep_the_loop() {
    let mut ev = on_virtual_time(0);
    let ticks = ev.spawn_with(|cx| async move {
        loop {
            cx.sleep(Duration::from_secs(1)).await;
            cx.with(|cx| *cx.state() += 1);
        }
    });
    assert!(ev.keep_alive(ticks.id(), false) && ev.keep_alive(ticks.id(), false));
    // Nor does what it waits for.
    ev.timer(Duration::from_millis(2500), |_| {});
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(*ev.state(), 2);
    ticks.cancel();
    let silent = ev.spawn(std::future::pending::<()>());
    ev.keep_alive(silent.id(), false);
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    // Told of itself, and kept again.
    let task = ev.spawn_with(|cx| async move {
        let id = cx.with(|cx| cx.id());
        assert_eq!(id, None);
        cx.pass().await;
    });
    ev.keep_alive(task.id(), false);
    ev.keep_alive(task.id(), true);
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert!(task.is_finished() && !silent.is_finished());
    ev.remove(silent.id());
    assert!(silent.is_finished() && ev.is_idle());
}

#[test]
fn pipes_are_streams_for_tasks() {
    let mut child = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut ev = EventLoop::new(()).unwrap();
    let cx = ev.task_cx();
    let sorted = ev.block_on(async move {
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (stdin, stdout) = (cx.open_stream(stdin).unwrap(), cx.open_stream(stdout).unwrap());
        let mut lines = Buffer::new();
        for i in (0..50_000).rev() {
            lines.append(format!("{i:06}\n"));
        }
        stdin.write_buffer(&mut lines).await.unwrap();
        drop(stdin);
        let mut sorted = Buffer::new();
        while stdout.read_buffer(&mut sorted).await.unwrap() > 0 {}
        assert!(cx.child(child).await.unwrap().success());
        (sorted.len(), sorted.take_line(LineEnd::Lf))
    });
    assert_eq!(sorted.unwrap(), (350_000, Some(b"000000".to_vec())));
}

#[test]
fn a_task_that_is_woken_between_turns_rings_for_its_loop() {
    let mut ev = EventLoop::new(()).unwrap();
    let kept = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&kept);
    let task = ev.spawn(poll_fn(move |cx| {
        let again = keep.borrow().is_some();
        *keep.borrow_mut() = Some(cx.waker().clone());
        if again { Poll::Ready(()) } else { Poll::Pending }
    }));
    let mut guest = Guest::new(ev).unwrap();
    while guest.wait_time() == Some(Duration::ZERO) {
        guest.turn().unwrap();
    }
    let readable = |guest: &Guest<()>| {
        let mut host = EventLoop::new(false).unwrap();
        let fd = guest.as_fd().try_clone_to_owned().unwrap();
        host.descriptor(fd, Interest::READ, |cx, _, _| {
            *cx.state() = true;
            cx.exit();
        })
        .unwrap();
        host.poll().unwrap();
        host.into_state()
    };
    assert!(!readable(&guest));
    let waker = kept.borrow_mut().clone().unwrap();
    waker.wake();
    assert!(readable(&guest));
    guest.turn().unwrap();
    assert!(task.is_finished());
}

#[test]
fn a_hundred_thousand_tasks_come_and_go() {
    let mut ev = on_virtual_time(0_u32);
    let cx = ev.task_cx();
    let tasks: Vec<_> = (0..100_000_u64)
        .map(|i| {
            let cx = cx.clone();
            ev.spawn(async move {
                cx.sleep(Duration::from_millis(i % 1000)).await;
                cx.with(|cx| *cx.state() += 1);
            })
        })
        .collect();
    tasks.iter().skip(50_000).for_each(|task| task.cancel());
    ev.run().unwrap();
    assert_eq!(*ev.state(), 50_000);
    assert!(tasks.iter().all(|task| task.is_finished()));
    assert_eq!(ev.counts().events, 0);
}

#[test]
fn signals_and_children_are_awaited() {
    let mut ev = EventLoop::new(()).unwrap();
    let cx = ev.task_cx();
    ev.block_on(async move {
        let mut signals = cx.signal(Signal::USR1).unwrap();
        let child = Command::new("sh").args(["-c", &format!("kill -USR1 {}; exit 5", std::process::id())]).spawn();
        assert_eq!(signals.recv().await, 1);
        assert_eq!(cx.child(child.unwrap()).await.unwrap().code(), Some(5));
    })
    .unwrap();
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(ev.counts().events, 0);
}

#[test]
fn wakers_of_combinators_are_honoured() {
    /// Polls one future with a waker of its own, as `FuturesUnordered` does.
    struct Nested<F> {
        inner: Pin<Box<F>>,
        flag: Arc<Flag>,
    }
    struct Flag {
        woken: AtomicUsize,
        outer: Mutex<Option<Waker>>,
    }
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.woken.fetch_add(1, Ordering::SeqCst);
            if let Some(waker) = self.outer.lock().unwrap().take() {
                waker.wake();
            }
        }
    }
    impl<F: Future> Future for Nested<F> {
        type Output = F::Output;
        fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
            *self.flag.outer.lock().unwrap() = Some(cx.waker().clone());
            if self.flag.woken.swap(0, Ordering::SeqCst) == 0 {
                return Poll::Pending;
            }
            let waker = Waker::from(Arc::clone(&self.flag));
            self.inner.as_mut().poll(&mut std::task::Context::from_waker(&waker))
        }
    }
    let mut ev = on_virtual_time(());
    let cx = ev.task_cx();
    let flag = Arc::new(Flag { woken: AtomicUsize::new(1), outer: Mutex::default() });
    let sleeps = async move {
        cx.sleep(Duration::from_secs(1)).await;
        cx.sleep(Duration::from_secs(1)).await;
        3
    };
    assert_eq!(ev.block_on(Nested { inner: Box::pin(sleeps), flag }).unwrap(), 3);
}

#[test]
fn a_guest_is_driven_by_another_loop() {
    let (mut a, b) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut inner = EventLoop::new(Vec::new()).unwrap();
    let cx = inner.task_cx();
    inner.spawn(async move {
        let stream = cx.open_stream(b).unwrap();
        let mut bytes = [0; 16];
        let n = stream.read(&mut bytes).await.unwrap();
        cx.with(|cx| cx.state().extend_from_slice(&bytes[..n]));
        cx.sleep(Duration::from_millis(1)).await;
        cx.with(|cx| cx.state().push(b'!'));
    });
    let mut guest = Guest::new(inner).unwrap();
    guest.turn().unwrap();
    // A host that only knows descriptors and timers.
    let mut host = EventLoop::new(()).unwrap();
    host.timer(Duration::from_millis(1), move |_| std::io::Write::write_all(&mut a, b"hello").unwrap());
    let guest = Rc::new(RefCell::new(guest));
    let fd = Rc::new(guest.borrow().poll_fd().unwrap().try_clone_to_owned().unwrap());
    let driven = Rc::clone(&guest);
    host.descriptor(fd, Interest::READ, move |_, _, _| {
        driven.borrow_mut().turn().unwrap();
    })
    .unwrap();
    let driven = Rc::clone(&guest);
    host.timer(Timer::every(Duration::from_millis(1)), move |cx| {
        if driven.borrow_mut().wait_time() == Some(Duration::ZERO) {
            driven.borrow_mut().turn().unwrap();
        }
        if driven.borrow().state().len() == 6 {
            cx.exit();
        }
    });
    host.run().unwrap();
    assert_eq!(guest.borrow().state(), b"hello!");
}

#[test]
fn the_loop_is_not_there_outside_a_task() {
    let mut ev = EventLoop::new(()).unwrap();
    let cx = ev.task_cx();
    let outside = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cx.with(|_| ())));
    assert!(outside.is_err());
    let nested = ev.spawn({
        let cx = cx.clone();
        async move { cx.with(|_| cx.with(|_| ())) }
    });
    ev.run().unwrap();
    assert!(nested.is_finished());
    // A stream that leaves its task takes its event along when it is dropped.
    let stream: AsyncStream = ev
        .block_on({
            let cx = cx.clone();
            async move { cx.open_stream(std::os::unix::net::UnixStream::pair().unwrap().0).unwrap() }
        })
        .unwrap();
    drop(stream);
    let start = Instant::now();
    ev.run().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(ev.counts().events, 0);
}
