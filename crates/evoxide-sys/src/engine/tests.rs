use super::*;
use crate::backend::{Method, Options};
use evoxide_core::interest::Ready;
use evoxide_core::reactor::Kind;
use std::io::Write;
use std::os::unix::net::UnixStream;

fn engine(method: Method) -> (Engine<u64>, Waiter) {
    let backend = Backend::new(method, Options::default()).unwrap();
    let engine = Engine::new(backend, Waker::new().unwrap()).unwrap();
    let waiter = engine.waiter();
    (engine, waiter)
}

/// One turn without waiting. Returns what was popped.
fn turn(engine: &mut Engine<u64>, waiter: &mut Waiter) -> Vec<(u64, Ready)> {
    engine.begin_wait(waiter).unwrap();
    if waiter.wait(Some(0)).unwrap() > 0 {
        let tags = engine.finish_wait(waiter).unwrap();
        engine.serve(tags);
    }
    engine.reactor.begin_batch(|| 0);
    let mut popped = Vec::new();
    while let Some(next) = engine.reactor.pop_ready() {
        engine.finish_popped(&next);
        popped.push((next.payload, next.ready));
    }
    popped
}

#[test]
fn a_descriptor_a_signal_and_the_waker_on_every_backend() {
    for method in Method::ALL {
        let (mut engine, mut waiter) = engine(*method);
        let (mut near, far) = UnixStream::pair().unwrap();
        let read = engine.reactor.insert(1, 0, Kind { persist: true, internal: false }).unwrap();
        engine.watch_fd(read, far.as_raw_fd(), Interest::READ, false).unwrap();
        let signal = engine.reactor.insert(2, 0, Kind { persist: true, internal: false }).unwrap();
        engine.watch_signal(signal, libc::SIGURG).unwrap();
        engine.waker().wake();
        assert_eq!(turn(&mut engine, &mut waiter), []);
        near.write_all(b"x").unwrap();
        // SAFETY: a signal that is watched has a handler.
        unsafe { libc::raise(libc::SIGURG) };
        assert_eq!(turn(&mut engine, &mut waiter), [(1, Ready::READ), (2, Ready::SIGNAL)]);
        engine.remove(signal);
        engine.remove(read);
        assert_eq!(turn(&mut engine, &mut waiter), []);
        assert!(engine.reactor.counts().is_idle());
    }
}

#[test]
fn what_the_kernel_refuses_is_taken_back() {
    let (mut engine, mut waiter) = engine(Method::Epoll);
    let file = std::fs::File::open("/proc/self/stat").unwrap();
    let key = engine.reactor.insert(1, 0, Kind::default()).unwrap();
    let refused = engine.watch_fd(key, file.as_raw_fd(), Interest::READ, false);
    assert!(refused.is_err() || !turn(&mut engine, &mut waiter).is_empty());
    let closed = engine.reactor.insert(2, 0, Kind::default()).unwrap();
    assert!(matches!(engine.watch_fd(closed, 9999, Interest::READ, false), Err(WatchError::Kernel(..))));
    assert!(!engine.reactor.view(closed).is_some_and(|view| view.inserted));
    engine.remove(closed);
}

#[test]
fn stale_reports_make_the_set_new() {
    let (mut engine, mut waiter) = engine(Method::Epoll);
    let (mut near, far) = UnixStream::pair().unwrap();
    near.write_all(b"x").unwrap();
    let other = far.try_clone().unwrap();
    let key = engine.reactor.insert(1, 0, Kind { persist: true, internal: false }).unwrap();
    engine.watch_fd(key, far.as_raw_fd(), Interest::READ, false).unwrap();
    // Its file lives on in `other`, so the kernel keeps what can no longer be removed by number.
    let number = far.as_raw_fd();
    drop(far);
    engine.remove(key);
    for at in 1..=STALE_TURNS {
        engine.begin_wait(&mut waiter).unwrap();
        assert_eq!(waiter.wait(Some(0)).unwrap(), 1);
        let tags = engine.finish_wait(&waiter).unwrap();
        assert_eq!(tags.rebuilt(), at == STALE_TURNS);
        assert!(tags.is_empty() && engine.reactor.pop_ready().is_none());
    }
    engine.begin_wait(&mut waiter).unwrap();
    assert_eq!(waiter.wait(Some(0)).unwrap(), 0, "descriptor {number}");
    drop(other);
}

#[test]
fn it_starts_again_after_a_fork() {
    let (mut engine, mut waiter) = engine(Method::Epoll);
    let (mut near, far) = UnixStream::pair().unwrap();
    let key = engine.reactor.insert(1, 0, Kind { persist: true, internal: false }).unwrap();
    engine.watch_fd(key, far.as_raw_fd(), Interest::READ, false).unwrap();
    engine.reinit().unwrap();
    near.write_all(b"x").unwrap();
    engine.waker().wake();
    assert_eq!(turn(&mut engine, &mut waiter), [(1, Ready::READ)]);
    engine.remove(key);
    assert_eq!(turn(&mut engine, &mut waiter), []);
}
