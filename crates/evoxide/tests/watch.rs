//! Children, files, the wall clock, and loops in loops.

use evoxide::config::Method;
use evoxide::watch::{Embedded, Periodic};
use evoxide::{Clock, Config, ErrorKind, EventLoop, Interest, Outcome, Timer};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

const SECOND: Duration = Duration::from_secs(1);

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("evoxide-watch-{}-{name}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn every_child_is_told_of_once() {
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    for code in 0..8 {
        let child = Command::new("sh").args(["-c", &format!("exit {code}")]).spawn().unwrap();
        ev.child(child, |cx, _, status| cx.state().push(status.code().unwrap())).unwrap();
    }
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    ev.state_mut().sort_unstable();
    assert_eq!(ev.state(), &[0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_child_that_ended_before_anybody_listened() {
    let mut child = Command::new("sh").args(["-c", "echo out; exit 5"]).stdout(Stdio::piped()).spawn().unwrap();
    // Its output ends when it does.
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let mut ev = EventLoop::new(None).unwrap();
    ev.child(child, |cx, _, status| *cx.state() = status.code()).unwrap();
    ev.run().unwrap();
    assert_eq!((out.as_str(), *ev.state()), ("out\n", Some(5)));
}

#[test]
fn the_wall_clock() {
    let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), Vec::new()).unwrap();
    let start = ev.wall_now();
    let since = move |now: std::time::SystemTime| now.duration_since(start).unwrap();
    ev.periodic(Periodic::at(start + 10 * SECOND), move |cx| {
        let at = since(cx.wall_now());
        cx.state().push(("at", at));
    });
    let by = ev.periodic(Periodic::by(|now| now + 7 * SECOND), move |cx| {
        let at = since(cx.wall_now());
        cx.state().push(("by", at));
        if at > 20 * SECOND {
            cx.remove_self();
        }
    });
    // It only looks at the clock.
    ev.activate(by);
    assert_eq!(ev.run().unwrap(), Outcome::Idle);
    let expected = [("by", 7), ("at", 10), ("by", 14), ("by", 21)].map(|(name, s)| (name, s * SECOND));
    assert_eq!(ev.state(), &expected);

    // A time that has passed is due at once.
    ev.state_mut().clear();
    ev.periodic(Periodic::at(UNIX_EPOCH), |cx| cx.state().push(("past", SECOND)));
    ev.run().unwrap();
    assert_eq!(ev.state().len(), 1);
}

#[test]
fn multiples_with_an_offset() {
    let mut ev = EventLoop::with_config(Config::new().clock(Clock::Virtual), 0).unwrap();
    ev.periodic(Periodic::every(60 * SECOND, 7 * SECOND), |cx| {
        let now = cx.wall_now().duration_since(UNIX_EPOCH).unwrap();
        assert_eq!((now.as_secs() % 60, now.subsec_nanos()), (7, 0));
        *cx.state() += 1;
    });
    ev.exit_after(600 * SECOND);
    ev.run().unwrap();
    assert_eq!(*ev.state(), 10);
}

#[test]
fn a_file_comes_changes_and_goes() {
    let dir = scratch("stat");
    let path = dir.join("file");
    let mut ev = EventLoop::new(Vec::new()).unwrap();
    ev.stat(&path, 3600 * SECOND, {
        let path = path.clone();
        move |cx, change| {
            let len = |m: Option<fs::Metadata>| m.map(|m| m.len());
            cx.state().push((len(change.before), len(change.after)));
            match cx.state().len() {
                1 => fs::write(&path, "longer").unwrap(),
                2 => fs::rename(&path, path.with_extension("old")).unwrap(),
                3 => fs::rename(path.with_extension("old"), &path).unwrap(),
                4 => fs::remove_file(&path).unwrap(),
                _ => assert!(cx.remove_self()),
            }
        }
    })
    .unwrap();
    // Renamed into place, so that it is never seen half written.
    fs::write(dir.join("new"), "one").unwrap();
    fs::rename(dir.join("new"), &path).unwrap();
    ev.run().unwrap();
    let lens: Vec<_> = ev.state().iter().map(|(_, after)| *after).collect();
    assert_eq!(lens.first(), Some(&Some(3)));
    assert_eq!(lens.last(), Some(&None));
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn loops_in_loops_in_loops() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let mut inner = EventLoop::new((0_usize, 0_usize)).unwrap();
    inner.descriptor(b, Interest::READ, |cx, b, _| cx.state().0 += b.read(&mut [0; 1]).unwrap()).unwrap();
    inner.timer(Timer::every(Duration::from_millis(2)), |cx| cx.state().1 += 1);
    let mut middle = EventLoop::new(()).unwrap();
    let inner = middle.embed(inner, |_, _| {}).unwrap();
    let mut outer = EventLoop::new(()).unwrap();
    let middle = outer
        .embed(middle, move |cx, middle| {
            let Some(inner) = middle.source::<Embedded<(usize, usize)>>(inner) else { return };
            let (read, ticks) = *inner.state();
            if read >= 3 && ticks >= 3 {
                cx.exit();
            }
        })
        .unwrap();
    // Timers deep inside are heeded from the start.
    for _ in 0..4 {
        assert_eq!(outer.run_once().unwrap(), Outcome::Turned);
    }
    a.write_all(b"xyz").unwrap();
    assert_eq!(outer.run().unwrap(), Outcome::Exited);
    assert!(outer.remove(middle));
    assert_eq!(outer.run().unwrap(), Outcome::Idle);

    let poll = EventLoop::with_config(Config::new().method(Method::Poll), ()).unwrap();
    assert_eq!(outer.embed(poll, |_, _| {}).unwrap_err().kind(), ErrorKind::NoMethod);
}

#[test]
fn work_posted_to_an_embedded_loop() {
    let inner = EventLoop::new(0).unwrap();
    let handle = inner.handle();
    let mut outer = EventLoop::new(()).unwrap();
    let id = outer
        .embed(inner, |cx, inner| {
            if *inner.state() == 2 {
                cx.exit();
            }
        })
        .unwrap();
    handle.post(|cx| *cx.state() += 1).unwrap();
    let inner = outer.source::<Embedded<i32>>(id).unwrap();
    let user = inner.user(|cx| *cx.state() += 1);
    inner.activate(user);
    assert_eq!(outer.run().unwrap(), Outcome::Exited);
}
