use std::os::fd::AsRawFd;

use evoxide_core::interest::{Change, Interest};

use super::*;
use crate::backend::{Backend, Method, Options};

fn readable(waker: &Waker) -> bool {
    crate::io::available(waker.fd()).unwrap_or(0) > 0 || {
        let mut backend = Backend::new(Method::Poll, Options::default()).unwrap();
        let mut waiter = backend.waiter();
        let change = Change { fd: waker.fd().as_raw_fd(), serial: 1, old: Interest::empty(), new: Interest::READ };
        backend.apply(&change).unwrap();
        backend.prepare(&mut waiter).unwrap();
        waiter.wait(Some(0)).unwrap() == 1
    }
}

fn wakes_are_one(waker: &Waker) {
    assert!(!readable(waker));
    waker.drain();
    waker.wake();
    wake(waker.wake_fd());
    assert!(readable(waker));
    waker.drain();
    assert!(!readable(waker));
}

#[test]
fn of_an_eventfd() {
    let waker = Waker::new().unwrap();
    assert_eq!(waker.fd().as_raw_fd(), waker.wake_fd());
    wakes_are_one(&waker);
}

#[test]
fn of_a_pipe() {
    let waker = Waker::pipe().unwrap();
    wakes_are_one(&waker);
    // Full: still readable, nobody blocks, one drain is enough.
    for _ in 0..10_000 {
        waker.wake();
    }
    assert!(readable(&waker));
    waker.drain();
    assert!(!readable(&waker));
}

#[test]
fn errno_stays() {
    crate::errno::set(libc::ENOTTY);
    wake(-1);
    assert_eq!(crate::errno::get(), libc::ENOTTY);
}

#[test]
fn other_threads_wake() {
    let waker = Waker::new().unwrap();
    let mut backend = Backend::new(Method::Epoll, Options::default()).unwrap();
    let mut waiter = backend.waiter();
    let change = Change { fd: waker.fd().as_raw_fd(), serial: 1, old: Interest::empty(), new: Interest::READ };
    backend.apply(&change).unwrap();
    backend.prepare(&mut waiter).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| waker.wake());
        assert_eq!(waiter.wait(None).unwrap(), 1);
    });
}
