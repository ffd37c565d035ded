//! What needs no signal to be sent; the rest is in `tests/signals.rs`, in a process of its own.

use super::*;

fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

#[test]
fn masks() {
    assert_eq!(each_of(0).count(), 0);
    assert_eq!(each_of(0b1001 | 1 << 63).collect::<Vec<_>>(), [1, 4, 64]);
    assert_eq!(bit_of(1).unwrap(), 1);
    assert_eq!(bit_of(64).unwrap(), 1 << 63);
    for signo in [-1, 0, 65, c_int::MAX, c_int::MIN] {
        assert_eq!(errno(bit_of(signo)), libc::EINVAL);
    }
}

#[test]
fn what_is_no_signal() {
    let pipe = SignalPipe::new().unwrap();
    let mut fd = SignalFd::new().unwrap();
    for signo in [-1, 0, 65, libc::SIGKILL, libc::SIGSTOP] {
        assert_eq!(errno(pipe.subscribe(signo)), libc::EINVAL);
        assert_eq!(errno(fd.subscribe(signo)), libc::EINVAL);
        assert!(!pipe.is_subscribed(signo) && !fd.is_subscribed(signo));
    }
    for signo in [-1, 0, 65] {
        assert_eq!(errno(pipe.unsubscribe(signo)), libc::EINVAL);
        assert_eq!(errno(fd.unsubscribe(signo)), libc::EINVAL);
        assert_eq!(errno(unblock(signo)), libc::EINVAL);
    }
    pipe.unsubscribe(libc::SIGUSR1).unwrap();
    fd.unsubscribe(libc::SIGUSR1).unwrap();
    pipe.drain(|_, _| unreachable!());
    fd.drain(|_, _| unreachable!());
}
