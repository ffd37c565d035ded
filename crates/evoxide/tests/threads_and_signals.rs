//! Handles from other threads, and signals.

use evoxide::{ErrorKind, EventLoop, Handle, Hold, Outcome, Signal};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// A state that cannot leave its thread, and a handle that can.
type Local = Rc<Cell<u32>>;

#[test]
fn a_handle_can_go_anywhere() {
    fn anywhere<T: Send + Sync + Clone + 'static>(_: &T) {}
    fn held<T: Send + Sync + 'static>(_: &T) {}
    let ev = EventLoop::new(Local::default()).unwrap();
    let handle: Handle<Local> = ev.handle();
    let hold: Hold<Local> = handle.hold();
    anywhere(&handle);
    held(&hold);
}

#[test]
fn posted_work_runs_in_order_on_the_loops_thread() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let here = thread::current().id();
    let threads: Vec<_> = (0..4)
        .map(|t| {
            let handle = ev.handle();
            let hold = handle.hold();
            thread::spawn(move || {
                for i in 0..1000 {
                    handle
                        .post(move |cx| {
                            assert_eq!(thread::current().id(), here);
                            cx.state().push((t, i));
                        })
                        .unwrap();
                }
                drop(hold);
            })
        })
        .collect();
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(ev.state().len(), 4000);
    for t in 0..4 {
        let of_one: Vec<_> = ev.state().iter().filter(|e| e.0 == t).map(|e| e.1).collect();
        assert!(of_one.is_sorted() && of_one.len() == 1000);
    }
}

#[test]
fn work_may_post_work() {
    fn again(cx: &mut evoxide::Context<'_, u32>) {
        *cx.state() += 1;
        if *cx.state() < 10 {
            cx.handle().post(again).unwrap();
        }
        assert_eq!(cx.id(), None);
        assert!(!cx.remove_self());
    }
    let mut ev = EventLoop::new(0).unwrap();
    ev.handle().post(again).unwrap();
    ev.run().unwrap();
    assert_eq!(*ev.state(), 10);
}

#[test]
fn a_stop_between_posted_works_keeps_the_rest() {
    let mut ev = EventLoop::new(0).unwrap();
    let handle = ev.handle();
    for _ in 0..3 {
        handle
            .post(|cx| {
                *cx.state() += 1;
                cx.stop();
            })
            .unwrap();
    }
    for i in 1..=3 {
        assert_eq!(ev.run().unwrap(), Outcome::Stopped);
        assert_eq!(*ev.state(), i);
    }
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
}

#[test]
fn stop_exit_and_wake_end_a_wait() {
    for (what, outcome) in [(0, Outcome::Stopped), (1, Outcome::Exited), (2, Outcome::Idle)] {
        let mut ev = EventLoop::new(()).unwrap();
        let handle = ev.handle();
        let hold = handle.hold();
        let (waiting, is_waiting) = mpsc::channel();
        ev.prepare(move |_, _| {
            let _ = waiting.send(());
        });
        let other = thread::spawn(move || {
            is_waiting.recv().unwrap();
            match what {
                0 => handle.stop(),
                1 => handle.exit(),
                _ => {}
            }
            drop(hold);
        });
        assert_eq!(ev.run().unwrap(), outcome);
        other.join().unwrap();
    }
}

/// Uses a handle when it is dropped.
struct Posts(Handle<()>, Arc<AtomicU32>);

impl Drop for Posts {
    fn drop(&mut self) {
        self.0.wake();
        assert_eq!(self.0.post(|_| {}).unwrap_err().kind(), ErrorKind::Closed);
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_handle_outlives_its_loop() {
    let drops = Arc::new(AtomicU32::new(0));
    let ev = EventLoop::new(()).unwrap();
    let handle = ev.handle();
    let posts = Posts(handle.clone(), Arc::clone(&drops));
    handle.post(move |_| posts.0.wake()).unwrap();
    drop(ev);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    handle.wake();
    handle.stop();
    assert_eq!(handle.post(|_| {}).unwrap_err().kind(), ErrorKind::Closed);
}

fn raise(signal: &str) {
    let status = std::process::Command::new("kill").args([signal, &std::process::id().to_string()]).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_signal_reaches_every_loop_that_asked() {
    let mut loops: Vec<_> = (0..3).map(|_| EventLoop::new(0).unwrap()).collect();
    for ev in &mut loops {
        ev.signal(Signal::USR1, |cx, times| {
            *cx.state() += times;
            cx.exit();
        })
        .unwrap();
    }
    raise("-USR1");
    for ev in &mut loops {
        assert_eq!(ev.run().unwrap(), Outcome::Exited);
        assert!(*ev.state() >= 1);
    }
}

#[test]
fn signals_come_and_go_with_their_events() {
    let mut ev = EventLoop::new(0).unwrap();
    // Ignored by default, so that a late one harms nobody.
    let first = ev.signal(Signal::WINCH, |cx, _| *cx.state() += 1).unwrap();
    let second = ev
        .signal(Signal::WINCH, |cx, _| {
            *cx.state() += 10;
            cx.exit();
        })
        .unwrap();
    raise("-WINCH");
    ev.run().unwrap();
    assert_eq!(*ev.state(), 11);
    ev.remove(first);
    raise("-WINCH");
    ev.run().unwrap();
    assert_eq!(*ev.state(), 21);
    ev.remove(second);
    raise("-WINCH");
    ev.exit_after(Duration::from_millis(1));
    ev.run().unwrap();
    assert_eq!(*ev.state(), 21);
    assert!(ev.signal(Signal::from_raw(9), |_, _| {}).is_err());
    assert_eq!(format!("{:?} {:?}", Signal::USR1, Signal::from_raw(40)), "SIGUSR1 Signal(40)");
}
