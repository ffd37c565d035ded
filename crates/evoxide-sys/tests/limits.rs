//! What happens when the process may open no more files. A process of its own: the limit is everyone's.

use std::io;

use evoxide_sys::backend::{Backend, Method, Options};
use evoxide_sys::signal::{SignalFd, SignalPipe};
use evoxide_sys::socket::{self, Addr, Flags};
use evoxide_sys::{io as sysio, waker::Waker};

fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

#[test]
fn no_more_files() {
    let addr = Addr::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    let listening = socket::listener(&addr, 1).unwrap();
    let client = socket::connector(&socket::local_addr(&listening).unwrap()).unwrap();
    let mut epoll = Backend::new(Method::Epoll, Options::default()).unwrap();
    let mut pipe = SignalPipe::new().unwrap();
    let mut signal_fd = SignalFd::new().unwrap();

    let none = libc::rlimit { rlim_cur: 0, rlim_max: 4096 };
    // SAFETY: the pointer is good for one rlimit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) }, 0);

    assert_eq!(errno(Backend::new(Method::Epoll, Options::default())), libc::EMFILE);
    assert_eq!(errno(Backend::new(Method::Epoll, Options { precise: true })), libc::EMFILE);
    assert!(Backend::new(Method::Poll, Options::default()).is_ok());
    assert!(Backend::new(Method::Select, Options::default()).is_ok());
    assert_eq!(errno(epoll.rebuild([])), libc::EMFILE);
    assert_eq!(errno(Waker::new()), libc::EMFILE);
    assert_eq!(errno(SignalPipe::new()), libc::EMFILE);
    assert_eq!(errno(pipe.reinit()), libc::EMFILE);
    assert_eq!(errno(SignalFd::new()), libc::EMFILE);
    assert_eq!(errno(signal_fd.reinit()), libc::EMFILE);
    assert_eq!(errno(sysio::pipe(true)), libc::EMFILE);
    assert_eq!(errno(sysio::eventfd(0)), libc::EMFILE);
    // The kernel says so where a number could not be given at all.
    assert!(matches!(errno(sysio::dup(&client)), libc::EMFILE | libc::EINVAL));
    assert_eq!(errno(socket::socket(libc::AF_INET, libc::SOCK_STREAM, 0)), libc::EMFILE);
    assert_eq!(errno(socket::pair(libc::AF_UNIX, libc::SOCK_STREAM, 0)), libc::EMFILE);
    assert_eq!(errno(socket::accept(&listening, Flags::LOOP)), libc::EMFILE);
    assert_eq!(errno(socket::listener(&addr, 1)), libc::EMFILE);
    assert_eq!(errno(socket::connector(&addr)), libc::EMFILE);

    // What is open goes on.
    pipe.subscribe(libc::SIGUSR1).unwrap();
    // SAFETY: the signal has a handler.
    unsafe { libc::raise(libc::SIGUSR1) };
    let mut came = 0;
    pipe.drain(|_, count| came += count);
    assert_eq!(came, 1);
}
