//! Signals, sent for real. Each test has its own, since they belong to the process.

use std::ffi::c_int;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use evoxide_core::interest::{Change, Interest};
use evoxide_sys::backend::{Backend, Method, Options};
use evoxide_sys::errno;
use evoxide_sys::signal::{self, Receiver, SignalFd, SignalPipe};

fn raise(signo: c_int) {
    // SAFETY: the signal has a handler, or is blocked.
    assert_eq!(unsafe { libc::raise(signo) }, 0);
}

fn drained(pipe: &SignalPipe) -> Vec<(c_int, u32)> {
    let mut came = Vec::new();
    pipe.drain(|signo, count| came.push((signo, count)));
    came
}

fn drained_fd(fd: &SignalFd) -> Vec<(c_int, u32)> {
    let mut came = Vec::new();
    fd.drain(|signo, count| came.push((signo, count)));
    came
}

/// Whether it is readable within that time.
fn readable(fd: BorrowedFd<'_>, timeout: Option<u64>) -> bool {
    let mut backend = Backend::new(Method::Poll, Options::default()).unwrap();
    let mut waiter = backend.waiter();
    let change = Change { fd: fd.as_raw_fd(), serial: 1, old: Interest::empty(), new: Interest::READ };
    backend.apply(&change).unwrap();
    backend.prepare(&mut waiter).unwrap();
    loop {
        match (waiter.wait(timeout).unwrap(), timeout) {
            (0, None) => {}
            (count, _) => return count == 1,
        }
    }
}

fn disposition(signo: c_int) -> libc::sigaction {
    let mut found = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks only; zeroes are a valid sigaction.
    unsafe {
        assert_eq!(libc::sigaction(signo, std::ptr::null(), found.as_mut_ptr()), 0);
        found.assume_init()
    }
}

fn dispose(signo: c_int, handler: libc::sighandler_t) {
    // SAFETY: the handlers of these tests are async-signal-safe.
    assert_ne!(unsafe { libc::signal(signo, handler) }, libc::SIG_ERR);
}

#[test]
fn counts_and_loops() {
    let (first, second) = (SignalPipe::new().unwrap(), SignalPipe::new().unwrap());
    first.subscribe(libc::SIGUSR1).unwrap();
    first.subscribe(libc::SIGUSR1).unwrap();
    first.subscribe(libc::SIGUSR2).unwrap();
    second.subscribe(libc::SIGUSR1).unwrap();
    assert!(first.is_subscribed(libc::SIGUSR2) && !second.is_subscribed(libc::SIGUSR2));
    assert!(!readable(first.fd(), Some(0)));
    raise(libc::SIGUSR2);
    for _ in 0..3 {
        raise(libc::SIGUSR1);
    }
    assert!(readable(first.fd(), Some(0)) && readable(second.fd(), Some(0)));
    assert_eq!(drained(&first), [(libc::SIGUSR1, 3), (libc::SIGUSR2, 1)]);
    assert_eq!(drained(&second), [(libc::SIGUSR1, 3)]);
    assert!(!readable(first.fd(), Some(0)) && !readable(second.fd(), Some(0)));

    // Unsubscribing keeps what came, and takes only for the one who does it.
    raise(libc::SIGUSR1);
    first.unsubscribe(libc::SIGUSR1).unwrap();
    assert_eq!(drained(&first), [(libc::SIGUSR1, 1)]);
    raise(libc::SIGUSR1);
    assert_eq!(drained(&first), []);
    assert_eq!(drained(&second), [(libc::SIGUSR1, 2)]);
}

#[test]
fn nothing_is_lost_when_the_pipe_is_full() {
    let pipe = SignalPipe::new().unwrap();
    pipe.subscribe(libc::SIGWINCH).unwrap();
    pipe.subscribe(libc::SIGURG).unwrap();
    for _ in 0..70_000 {
        raise(libc::SIGWINCH);
    }
    raise(libc::SIGURG);
    assert_eq!(drained(&pipe), [(libc::SIGURG, 1), (libc::SIGWINCH, 70_000)]);
    assert!(!readable(pipe.fd(), Some(0)));
}

#[test]
fn dispositions_come_back() {
    extern "C" fn theirs(_: c_int) {}
    let theirs = theirs as extern "C" fn(c_int) as libc::sighandler_t;
    for found in [libc::SIG_DFL, libc::SIG_IGN, theirs] {
        dispose(libc::SIGALRM, found);
        let (first, second) = (SignalPipe::new().unwrap(), SignalPipe::new().unwrap());
        first.subscribe(libc::SIGALRM).unwrap();
        let ours = disposition(libc::SIGALRM);
        assert_ne!(ours.sa_sigaction, found);
        assert_eq!(ours.sa_flags & !0x0400_0000, libc::SA_RESTART);
        // SAFETY: the mask is what the kernel gave.
        assert_eq!(unsafe { libc::sigismember(&ours.sa_mask, libc::SIGTERM) }, 1);
        second.subscribe(libc::SIGALRM).unwrap();
        first.unsubscribe(libc::SIGALRM).unwrap();
        assert_eq!(disposition(libc::SIGALRM).sa_sigaction, ours.sa_sigaction);
        drop(second);
        assert_eq!(disposition(libc::SIGALRM).sa_sigaction, found);
        drop(first);
    }

    // What the program installs meanwhile: the next subscriber takes it over again, the last one gives it back.
    dispose(libc::SIGALRM, libc::SIG_DFL);
    let (first, second) = (SignalPipe::new().unwrap(), SignalPipe::new().unwrap());
    first.subscribe(libc::SIGALRM).unwrap();
    dispose(libc::SIGALRM, theirs);
    second.subscribe(libc::SIGALRM).unwrap();
    raise(libc::SIGALRM);
    assert_eq!((drained(&first).len(), drained(&second).len()), (1, 1));
    drop(first);
    drop(second);
    assert_eq!(disposition(libc::SIGALRM).sa_sigaction, theirs);
    dispose(libc::SIGALRM, libc::SIG_DFL);
}

#[test]
fn errno_survives() {
    let pipe = SignalPipe::new().unwrap();
    pipe.subscribe(libc::SIGPROF).unwrap();
    for _ in 0..70_000 {
        errno::set(libc::ENOTTY);
        raise(libc::SIGPROF);
        assert_eq!(errno::get(), libc::ENOTTY);
    }
}

#[test]
fn a_signal_from_outside_ends_a_wait() {
    let pipe = SignalPipe::new().unwrap();
    pipe.subscribe(libc::SIGHUP).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // SAFETY: the signal has a handler.
            unsafe { libc::kill(libc::getpid(), libc::SIGHUP) }
        });
        assert!(readable(pipe.fd(), None));
    });
    assert_eq!(drained(&pipe), [(libc::SIGHUP, 1)]);
}

#[test]
fn seats_are_used_again() {
    for _ in 0..1_000 {
        let pipe = SignalPipe::new().unwrap();
        pipe.subscribe(libc::SIGVTALRM).unwrap();
        raise(libc::SIGVTALRM);
        drop(pipe);
    }
    let pipe = SignalPipe::new().unwrap();
    assert_eq!(drained(&pipe), []);
    pipe.subscribe(libc::SIGVTALRM).unwrap();
    assert_eq!(drained(&pipe), []);
}

/// Handlers at work on one thread while subscribers come and go on others: what leaves closes its pipe at once, and
/// the next owner of the number must never find a byte in it.
#[test]
fn leaving_under_fire() {
    static ON: AtomicBool = AtomicBool::new(true);
    let keeper = SignalPipe::new().unwrap();
    keeper.subscribe(libc::SIGIO).unwrap();
    let sent = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while ON.load(Ordering::Relaxed) {
                    raise(libc::SIGIO);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..2_000 {
            let mut pipe = SignalPipe::new().unwrap();
            pipe.subscribe(libc::SIGIO).unwrap();
            pipe.reinit().unwrap();
            drop(pipe);
            let (mut reader, writer) = io::pipe().unwrap();
            drop(writer);
            assert_eq!(reader.read(&mut [0]).unwrap(), 0, "a handler wrote to a number that is no longer its own");
        }
        ON.store(false, Ordering::Relaxed);
    });
    let total: u32 = drained(&keeper).iter().map(|(_, count)| count).sum();
    assert_eq!(total, sent.load(Ordering::Relaxed));
}

/// Runs the test in a child of its own and returns its exit code. The child may do only what is safe between fork and
/// exec of a program with threads.
fn in_child(child: impl FnOnce() -> bool) -> c_int {
    // SAFETY: the child makes system calls and uses atomics, then leaves without running anyone's destructors.
    unsafe {
        let pid = libc::fork();
        assert!(pid >= 0);
        if pid == 0 {
            libc::_exit(c_int::from(!child()));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
        assert!(libc::WIFEXITED(status), "the child died of signal {}", libc::WTERMSIG(status));
        libc::WEXITSTATUS(status)
    }
}

/// Not for the thread sanitizer: in the child of a program with threads its runtime runs no signal handlers, not even for `raise`,
/// as a C program of ten lines shows.
#[test]
fn forks() {
    let mut pipe = SignalPipe::new().unwrap();
    pipe.subscribe(libc::SIGCONT).unwrap();
    raise(libc::SIGCONT);
    let before = pipe.fd().as_raw_fd();
    let code = in_child(|| {
        // What came before came to the parent. What comes here is counted here, before and after.
        raise(libc::SIGCONT);
        raise(libc::SIGCONT);
        if pipe.reinit().is_err() || pipe.fd().as_raw_fd() == before {
            return false;
        }
        let mut total = 0;
        let woken = evoxide_sys::io::available(pipe.fd()).unwrap_or(0) > 0;
        pipe.drain(|signo, count| total += count * u32::from(signo == libc::SIGCONT));
        raise(libc::SIGCONT);
        let woken_again = evoxide_sys::io::available(pipe.fd()).unwrap_or(0) == 1;
        pipe.drain(|signo, count| total += count * u32::from(signo == libc::SIGCONT) * 10);
        let left = pipe.unsubscribe(libc::SIGCONT).is_ok();
        woken && woken_again && left && total == 12
    });
    assert_eq!(code, 0);
    // The parent is woken for nothing at most.
    assert_eq!(drained(&pipe), [(libc::SIGCONT, 1)]);
    assert_eq!(drained(&pipe), []);
    raise(libc::SIGCONT);
    assert_eq!(drained(&pipe), [(libc::SIGCONT, 1)]);
}

#[test]
fn forks_while_another_thread_handles_signals() {
    static ON: AtomicBool = AtomicBool::new(true);
    let mut pipe = SignalPipe::new().unwrap();
    pipe.subscribe(libc::SIGXCPU).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while ON.load(Ordering::Relaxed) {
                raise(libc::SIGXCPU);
            }
        });
        scope.spawn(|| {
            while ON.load(Ordering::Relaxed) {
                drop(SignalPipe::new().unwrap());
            }
        });
        for _ in 0..50 {
            // A handler of the parent's other thread does not keep the child waiting, nor does a lock.
            let code = in_child(|| pipe.reinit().is_ok() && pipe.unsubscribe(libc::SIGXCPU).is_ok());
            assert_eq!(code, 0);
        }
        ON.store(false, Ordering::Relaxed);
    });
}

#[test]
fn by_signalfd() {
    let mut fd = SignalFd::new().unwrap();
    let realtime = libc::SIGRTMIN() + 3;
    fd.subscribe(libc::SIGSTKFLT).unwrap();
    fd.subscribe(realtime).unwrap();
    fd.subscribe(realtime).unwrap();
    assert!(fd.is_subscribed(realtime) && !fd.is_subscribed(libc::SIGPWR));
    raise(libc::SIGSTKFLT);
    raise(libc::SIGSTKFLT);
    for _ in 0..40 {
        raise(realtime);
    }
    assert!(readable(fd.fd(), Some(0)));
    assert_eq!(drained_fd(&fd), [(libc::SIGSTKFLT, 1), (realtime, 40)]);
    assert_eq!(drained_fd(&fd), []);

    fd.reinit().unwrap();
    raise(realtime);
    assert_eq!(drained_fd(&fd), [(realtime, 1)]);
    assert!(blocked(libc::SIGSTKFLT) && blocked(realtime));
    fd.unsubscribe(libc::SIGSTKFLT).unwrap();
    assert!(!blocked(libc::SIGSTKFLT) && blocked(realtime));
    drop(fd);
    assert!(!blocked(realtime));
}

#[test]
fn what_was_blocked_stays_blocked() {
    let realtime = libc::SIGRTMIN() + 5;
    let mut outer = SignalFd::new().unwrap();
    outer.subscribe(realtime).unwrap();
    let mut inner = SignalFd::new().unwrap();
    inner.subscribe(realtime).unwrap();
    drop(inner);
    assert!(blocked(realtime));
    signal::unblock(realtime).unwrap();
    assert!(!blocked(realtime));
}

#[test]
fn receivers_are_alike() {
    let realtime = libc::SIGRTMIN() + 7;
    let receivers = [Receiver::Pipe(SignalPipe::new().unwrap()), Receiver::Fd(SignalFd::new().unwrap())];
    for mut receiver in receivers {
        receiver.subscribe(realtime).unwrap();
        receiver.reinit().unwrap();
        raise(realtime);
        raise(realtime);
        assert!(readable(receiver.fd(), Some(0)));
        let mut came = Vec::new();
        receiver.drain(|signo, count| came.push((signo, count)));
        assert_eq!(came, [(realtime, 2)]);
        receiver.unsubscribe(realtime).unwrap();
        assert!(!readable(receiver.fd(), Some(0)));
    }
}

fn blocked(signo: c_int) -> bool {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: asks for the mask only, which initialises the set.
    unsafe {
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr()), 0);
        libc::sigismember(set.as_ptr(), signo) == 1
    }
}
