//! The loop as its users see it: order, removal from everywhere, ends of runs, errors, panics.

use evoxide::config::Method;
use evoxide::{Clock, Config, Context, ErrorKind, EventId, EventLoop, Interest, Outcome, Ready, Timer, Watch};
use std::cell::Cell;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn on_virtual_time<S>(state: S) -> EventLoop<S> {
    EventLoop::with_config(Config::new().clock(Clock::Virtual), state).unwrap()
}

fn each_method(test: impl Fn(Config)) {
    for method in Method::all() {
        test(Config::new().method(method));
    }
}

fn pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    b.set_nonblocking(true).unwrap();
    (a, b)
}

/// Tells when it is dropped.
struct Canary(Rc<Cell<u32>>);

impl Drop for Canary {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn timers_run_in_order_of_time() {
    let mut ev = on_virtual_time(Vec::new());
    for delay in [30, 10, 20, 50, 40] {
        ev.timer(delay * MS, move |cx| cx.state().push(delay));
    }
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(ev.state(), &[10, 20, 30, 40, 50]);
}

#[test]
fn a_repeating_timer_keeps_its_beat_and_skips_what_it_missed() {
    let mut ev = on_virtual_time(Vec::new());
    let start = ev.now();
    let id = ev.timer(Timer::every(10 * MS), move |cx| {
        let at = (cx.now() - start).as_millis();
        cx.state().push(at);
        if at >= 70 {
            cx.remove_self();
        }
    });
    ev.advance(35 * MS).unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state(), &[35, 45, 55, 65, 75]);
    assert!(!ev.contains(id));
}

#[test]
fn readiness_with_every_method() {
    each_method(|config| {
        let (mut a, b) = pair();
        let mut ev = EventLoop::with_config(config, Vec::<u8>::new()).unwrap();
        ev.descriptor(b, Interest::READ, |cx, b, ready| {
            assert!(ready.is_readable() && !ready.is_timeout());
            let mut buf = [0_u8; 2];
            match b.read(&mut buf) {
                Ok(0) => assert!(cx.remove_self()),
                Ok(n) => cx.state().extend(&buf[..n]),
                Err(error) => panic!("{error}"),
            }
        })
        .unwrap();
        a.write_all(b"hello").unwrap();
        drop(a);
        ev.run().unwrap();
        assert_eq!(ev.state(), b"hello");
    });
}

#[test]
fn once_is_once_and_can_be_added_again_from_inside() {
    fn wait(cx: &mut Context<'_, u32>, b: UnixStream) {
        cx.descriptor(b, Watch::new(Interest::READ).once(), |cx, b, _| {
            *cx.state() += 1;
            let _ = b.read(&mut [0; 1]);
            if *cx.state() < 3 {
                let b = b.try_clone().unwrap();
                wait(cx, b);
            }
        })
        .unwrap();
    }
    each_method(|config| {
        let (mut a, b) = pair();
        let mut ev = EventLoop::with_config(config, 0).unwrap();
        wait(&mut ev.context(), b);
        a.write_all(b"12345").unwrap();
        assert_eq!(ev.run().unwrap(), Outcome::Idle);
        assert_eq!((*ev.state(), ev.counts().events), (3, 0));
    });
}

#[test]
fn timeouts_start_again_with_every_call() {
    let (mut a, b) = pair();
    let mut ev = on_virtual_time(Vec::new());
    let start = ev.now();
    ev.descriptor(b, Watch::new(Interest::READ).timeout(10 * MS), move |cx, b, ready| {
        let at = (cx.now() - start).as_millis();
        cx.state().push((at, ready.is_timeout(), ready.is_readable()));
        let _ = b.read(&mut [0; 8]);
        if cx.state().len() == 4 {
            cx.remove_self();
        }
    })
    .unwrap();
    ev.timer(15 * MS, move |cx| {
        a.write_all(b"x").unwrap();
        // The socket goes with the handler that owns it.
        cx.remove_self();
    });
    ev.run().unwrap();
    assert_eq!(ev.state()[..3], [(10, true, false), (15, false, true), (15, false, true)]);
}

#[test]
fn handlers_remove_others_and_themselves() {
    let mut ev = EventLoop::new(Vec::<EventId>::new()).unwrap();
    let drops = Rc::new(Cell::new(0));
    for _ in 0..10 {
        let canary = Canary(Rc::clone(&drops));
        let id = ev.user(move |cx| {
            let before = canary.0.get();
            // Everything goes, itself included, which must not drop what it owns while it runs.
            for id in std::mem::take(cx.state()) {
                assert!(cx.remove(id));
            }
            assert_eq!(canary.0.get(), before + 9);
        });
        ev.activate(id);
        ev.state_mut().push(id);
    }
    ev.run().unwrap();
    assert_eq!((drops.get(), ev.counts().events), (10, 0));
}

#[test]
fn a_handler_may_add_to_the_slot_that_its_own_removal_freed() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let id = ev.user(|cx| {
        cx.remove_self();
        let other = cx.user(|cx| cx.state().push("other"));
        cx.activate(other);
        cx.state().push("first");
    });
    ev.activate(id);
    ev.run().unwrap();
    assert_eq!(ev.state(), &["first", "other"]);
    assert!(!ev.contains(id) && ev.counts().events == 1);
}

#[test]
fn everything_is_dropped_with_the_loop() {
    let drops = Rc::new(Cell::new(0));
    let (mut a, b) = pair();
    let mut ev = EventLoop::new(Canary(Rc::clone(&drops))).unwrap();
    let canary = Canary(Rc::clone(&drops));
    ev.timer(MS, move |_| canary.0.set(100));
    ev.descriptor(b, Interest::READ, |_, _, _| {}).unwrap();
    drop(ev.into_state());
    assert_eq!(drops.get(), 2);
    // The other end sees that the loop's socket was closed.
    assert_eq!(a.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_panic_removes_its_event_and_leaves_the_loop_usable() {
    let drops = Rc::new(Cell::new(0));
    let canary = Canary(Rc::clone(&drops));
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let bad = ev.user(move |_| panic!("on purpose, {} drops so far", canary.0.get()));
    let good = ev.user(|cx| cx.state().push("good"));
    ev.activate(bad);
    ev.activate(good);
    assert!(catch_unwind(AssertUnwindSafe(|| ev.run())).is_err());
    assert_eq!((drops.get(), ev.contains(bad), ev.state().len()), (1, false, 0));
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(ev.state(), &["good"]);
}

#[test]
fn a_panic_in_posted_work_keeps_the_rest() {
    let mut ev = EventLoop::new(0).unwrap();
    let handle = ev.handle();
    handle.post(|_| panic!("on purpose")).unwrap();
    handle.post(|cx| *cx.state() += 1).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| ev.run())).is_err());
    ev.run().unwrap();
    assert_eq!(*ev.state(), 1);
}

#[test]
fn an_urgent_event_goes_ahead() {
    let mut ev = EventLoop::with_config(Config::new().priorities(3), Vec::new()).unwrap();
    let urgent = ev.user(|cx| cx.state().push("urgent"));
    ev.set_priority(urgent, 0);
    for _ in 0..2 {
        let lazy = ev.user(move |cx| {
            cx.state().push("lazy");
            cx.activate(urgent);
        });
        ev.set_priority(lazy, 200);
        ev.activate(lazy);
    }
    ev.run().unwrap();
    assert_eq!(ev.state(), &["lazy", "urgent", "lazy", "urgent"]);
}

#[test]
fn one_turn_runs_all_priorities() {
    let mut ev = EventLoop::with_config(Config::new().priorities(4), 0).unwrap();
    for priority in 0..4 {
        let id = ev.user(|cx| *cx.state() += 1);
        ev.set_priority(id, priority);
        ev.activate(id);
    }
    assert_eq!(ev.poll().unwrap(), Outcome::Turned);
    assert_eq!(*ev.state(), 4);
}

#[test]
fn dispatch_limits_let_new_events_in() {
    let config = Config::new().max_dispatch_calls(2).limit_from_priority(0);
    let mut ev = EventLoop::with_config(config, Vec::new()).unwrap();
    ev.check(|cx| cx.state().push("wait"));
    for _ in 0..5 {
        let id = ev.user(|cx| cx.state().push("call"));
        ev.activate(id);
    }
    ev.run().unwrap();
    assert_eq!(ev.state().join(" "), "wait call call wait call call wait call");
    let config = Config::new().max_dispatch_interval(Duration::ZERO).limit_from_priority(0);
    let mut ev = EventLoop::with_config(config, 0).unwrap();
    ev.check(|cx| *cx.state() += 1);
    for _ in 0..5 {
        let id = ev.user(|_| {});
        ev.activate(id);
    }
    ev.run().unwrap();
    assert_eq!(*ev.state(), 5);
}

#[test]
fn ends_of_runs() {
    let mut ev = EventLoop::new(0).unwrap();
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    ev.timer(HOUR, |_| {});
    for _ in 0..3 {
        let id = ev.user(|cx| {
            *cx.state() += 1;
            if *cx.state() == 1 { cx.stop() } else { cx.exit() }
        });
        ev.activate(id);
    }
    assert_eq!(ev.run().unwrap(), Outcome::Stopped);
    assert_eq!(*ev.state(), 1);
    assert_eq!(ev.run().unwrap(), Outcome::Exited);
    assert_eq!(*ev.state(), 3);
    ev.exit();
    assert_eq!(ev.run().unwrap(), Outcome::Exited);
    ev.stop();
    ev.exit();
    assert_eq!(ev.run_once().unwrap(), Outcome::Stopped);
    assert_eq!(ev.poll().unwrap(), Outcome::Turned);
    ev.exit_after(MS);
    assert_eq!(ev.run().unwrap(), Outcome::Exited);
}

#[test]
fn hooks_see_every_wait() {
    let mut ev = on_virtual_time(Vec::new());
    ev.prepare(|cx, wait| cx.state().push(format!("prepare {wait:?}")));
    let check = ev.check(|cx| cx.state().push("check".into()));
    ev.timer(5 * MS, |cx| cx.state().push("timer".into()));
    ev.timer(7 * MS, move |cx| {
        cx.remove(check);
        cx.state().push("last".into());
        cx.timer(MS, |_| {});
    });
    ev.run().unwrap();
    let expected = ["prepare Some(5ms)", "check", "timer", "prepare Some(2ms)", "check", "last", "prepare Some(1ms)"];
    assert_eq!(ev.state(), &expected);
}

#[test]
fn a_prepare_hook_is_heeded_by_the_wait() {
    let mut ev = on_virtual_time(false);
    ev.timer(HOUR, |_| panic!("too late"));
    ev.prepare(|cx, _| {
        if !*cx.state() {
            cx.timer(MS, |cx| {
                *cx.state() = true;
                cx.stop();
            });
        }
    });
    assert_eq!(ev.run().unwrap(), Outcome::Stopped);
}

#[test]
fn idle_runs_when_nothing_else_does() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let user = ev.user(|cx| cx.state().push("user"));
    ev.activate(user);
    let idle = ev.idle(|cx| {
        cx.state().push("idle");
        if cx.state().len() > 3 {
            let id = cx.id().unwrap();
            cx.pause(id);
        }
    });
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    assert_eq!(ev.state(), &["user", "idle", "idle", "idle"]);
    ev.resume(idle).unwrap();
    ev.run().unwrap();
    assert_eq!(ev.state().len(), 5);
    assert!(ev.remove(idle) && ev.is_idle());
}

#[test]
fn pause_and_resume() {
    each_method(|config| {
        let (mut a, b) = pair();
        let mut ev = EventLoop::with_config(config, 0).unwrap();
        let id = ev
            .descriptor(b, Interest::READ, |cx, b, _| {
                *cx.state() += b.read(&mut [0; 8]).unwrap();
                let id = cx.id().unwrap();
                cx.pause(id);
            })
            .unwrap();
        a.write_all(b"123").unwrap();
        assert_eq!(ev.run().unwrap(), Outcome::Idle);
        a.write_all(b"45").unwrap();
        assert_eq!(ev.run().unwrap(), Outcome::Idle);
        assert_eq!(*ev.state(), 3);
        ev.resume(id).unwrap();
        ev.resume(id).unwrap();
        ev.run().unwrap();
        assert_eq!(*ev.state(), 5);
        // Made to happen while it rests.
        a.write_all(b"6").unwrap();
        ev.activate(id);
        ev.run().unwrap();
        assert_eq!(*ev.state(), 6);
        // Resumed while it is ready.
        a.write_all(b"7").unwrap();
        ev.activate(id);
        ev.resume(id).unwrap();
        ev.run().unwrap();
        assert_eq!(*ev.state(), 7);
    });
}

#[test]
fn interest_can_change_from_inside() {
    each_method(|config| {
        let (mut a, b) = pair();
        let mut ev = EventLoop::with_config(config, Vec::new()).unwrap();
        ev.descriptor(b, Interest::READ, |cx, b, ready| {
            let id = cx.id().unwrap();
            cx.state().push((ready.is_readable(), ready.is_writable()));
            if ready.is_writable() {
                cx.remove_self();
            } else {
                let _ = b.read(&mut [0; 8]);
                cx.set_interest(id, Interest::READ | Interest::WRITE).unwrap();
                cx.set_interest(id, Interest::WRITE).unwrap();
            }
        })
        .unwrap();
        a.write_all(b"x").unwrap();
        ev.run().unwrap();
        assert_eq!(ev.state(), &[(true, false), (false, true)]);
    });
}

#[test]
fn many_events_on_one_descriptor() {
    let (mut a, b) = pair();
    let b = Rc::new(b);
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    let ids: Vec<_> = (0..3)
        .map(|i| ev.descriptor(Rc::clone(&b), Interest::READ, move |cx, _, _| cx.state().push(i)).unwrap())
        .collect();
    let writer = ev.descriptor(Rc::clone(&b), Interest::WRITE, |cx, _, _| cx.state().push(9)).unwrap();
    ev.poll().unwrap();
    assert_eq!(ev.state(), &[9]);
    ev.remove(writer);
    ev.remove(ids[1]);
    a.write_all(b"x").unwrap();
    ev.state_mut().clear();
    ev.poll().unwrap();
    ev.state_mut().sort_unstable();
    assert_eq!(ev.state(), &[0, 2]);
    let edge = ev.descriptor(Rc::clone(&b), Interest::READ | Interest::EDGE, |_, _, _| {}).unwrap_err();
    assert_eq!(edge.kind(), ErrorKind::ModeConflict);
}

#[test]
fn a_source_is_lent_and_given_back() {
    let (_a, b) = pair();
    let mut ev = EventLoop::new(None).unwrap();
    let id = ev
        .descriptor(b, Interest::WRITE, |cx, b: &mut UnixStream, _: Ready| {
            let id = cx.id().unwrap();
            // The handler has it, so nobody else can.
            assert!(cx.source::<UnixStream>(id).is_none() && cx.take_source::<UnixStream>(id).is_none());
            *cx.state() = Some(b.as_raw_fd());
        })
        .unwrap();
    ev.run_once().unwrap();
    assert!(ev.source::<OwnedFd>(id).is_none());
    assert_eq!(ev.source::<UnixStream>(id).map(|b| b.as_raw_fd()), *ev.state());
    assert!(ev.take_source::<OwnedFd>(id).is_none() && ev.contains(id));
    assert!(ev.take_source::<UnixStream>(id).is_some() && ev.is_idle());
}

#[test]
fn a_source_that_is_replaced_is_watched_in_its_place() {
    each_method(|config| {
        let (mut a, b) = pair();
        let (mut c, d) = pair();
        let mut d = Some(d);
        let mut ev = EventLoop::with_config(config, 0).unwrap();
        ev.descriptor(b, Interest::READ, move |cx, source, _| {
            *cx.state() += source.read(&mut [0; 8]).unwrap();
            match d.take() {
                Some(d) => *source = d,
                None => assert!(cx.remove_self()),
            }
        })
        .unwrap();
        a.write_all(b"1").unwrap();
        c.write_all(b"22").unwrap();
        assert_eq!(ev.run().unwrap(), Outcome::Idle);
        assert_eq!(*ev.state(), 3);
    });
}

#[test]
fn a_registration_that_cannot_be_removed_is_got_rid_of() {
    each_method(|config| {
        let (mut a, b) = pair();
        let (_c, d) = pair();
        // The file lives on here, so that the kernel goes on watching it when the loop's descriptor is closed.
        let keep = b.try_clone().unwrap();
        let mut d = Some(d);
        let mut ev = EventLoop::with_config(config, (0, 0)).unwrap();
        ev.descriptor(b, Interest::READ, move |cx, source, _| {
            cx.state().0 += 1;
            if let Some(d) = d.take() {
                *source = d;
            }
        })
        .unwrap();
        ev.check(|cx| cx.state().1 += 1);
        a.write_all(b"never read").unwrap();
        ev.exit_after(50 * MS);
        ev.run().unwrap();
        let (calls, waits) = *ev.state();
        assert_eq!(calls, 1);
        assert!(waits < 50, "{waits} waits: the loop spins");
        drop(keep);
    });
}

/// A source that epoll refuses.
struct PlainFile(std::fs::File);

impl AsFd for PlainFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[test]
fn what_cannot_be_is_an_error() {
    let mut ev = EventLoop::with_config(Config::new().method(Method::Epoll), ()).unwrap();
    let file = PlainFile(std::fs::File::open(std::env::current_exe().unwrap()).unwrap());
    let error = ev.descriptor(file, Interest::READ, |_, _, _| {}).unwrap_err();
    assert_eq!((error.kind(), error.io().is_some()), (ErrorKind::System, true));
    assert!(ev.is_idle() && ev.counts().events == 0);
    assert_eq!(EventLoop::with_config(Config::new().priorities(0), ()).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(EventLoop::with_config(Config::new().priorities(257), ()).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(ev.advance(MS).unwrap_err().kind(), ErrorKind::Invalid);
    let user = ev.user(|_| {});
    assert_eq!(ev.set_interest(user, Interest::READ).unwrap_err().kind(), ErrorKind::NoSuchEvent);
    ev.remove(user);
    assert_eq!(ev.resume(user).unwrap_err().kind(), ErrorKind::NoSuchEvent);
    assert!(!ev.pause(user) && !ev.activate(user) && !ev.set_priority(user, 0) && !ev.restart(user, MS));
    assert!(ev.deadline(user).is_none());
}

#[test]
fn one_loop_in_another() {
    let (mut a, b) = pair();
    let mut inner = EventLoop::new(0).unwrap();
    inner.descriptor(b, Interest::READ, |cx, b, _| *cx.state() += b.read(&mut [0; 8]).unwrap()).unwrap();
    let fd = inner.poll_fd().unwrap().try_clone_to_owned().unwrap();
    let mut outer = EventLoop::new(inner).unwrap();
    outer
        .descriptor(fd, Interest::READ, |cx, _, _| {
            cx.state().poll().unwrap();
            cx.exit();
        })
        .unwrap();
    a.write_all(b"hello").unwrap();
    outer.run().unwrap();
    assert_eq!(*outer.state().state(), 5);
}

#[test]
fn ten_thousand_loops_leave_no_descriptor() {
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let run = || {
        let mut ev = EventLoop::new(()).unwrap();
        ev.timer(Duration::ZERO, |_| {});
        ev.run().unwrap();
    };
    run();
    let before = open();
    (0..10_000).for_each(|_| run());
    // Other tests run beside this one.
    assert!(open() < before + 500);
}
