//! One suite, run on every backend, and what is particular to each.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use evoxide_core::interest::{Change, Interest, Ready, Report};

use super::{Backend, Closed, Features, Method, Options, Waiter};

const NONE: Interest = Interest::empty();
const SECOND: u64 = 1_000_000_000;

struct Loop {
    backend: Backend,
    waiter: Waiter,
}

impl Loop {
    fn new(method: Method) -> Self {
        Self::with(method, Options::default())
    }

    fn with(method: Method, options: Options) -> Self {
        let backend = Backend::new(method, options).unwrap();
        let waiter = backend.waiter();
        Self { backend, waiter }
    }

    fn change(&mut self, fd: &impl AsRawFd, serial: u32, old: Interest, new: Interest) -> io::Result<()> {
        self.backend.apply(&Change { fd: fd.as_raw_fd(), serial, old, new })
    }

    fn turn(&mut self, timeout: Option<u64>) -> Vec<Report> {
        self.backend.prepare(&mut self.waiter).unwrap();
        let count = self.waiter.wait(timeout).unwrap();
        let mut reports = self.reports();
        assert_eq!(reports.len(), count);
        let mut folded = Vec::new();
        self.waiter.reports().for_each(|report| folded.push(report.fd));
        assert!(folded.iter().eq(reports.iter().map(|report| &report.fd)));
        reports.sort_by_key(|report| report.fd);
        reports
    }

    /// What the last wait found, less what only a backend that knows edges tells.
    fn reports(&self) -> Vec<Report> {
        let edges = self.backend.features().contains(Features::ET);
        let level = |mut report: Report| {
            assert_eq!(report.ready.contains(Ready::EDGE), edges);
            report.ready.remove(Ready::EDGE | Ready::UNUSUAL);
            report
        };
        self.waiter.reports().map(level).collect()
    }

    fn poll(&mut self) -> Vec<Report> {
        self.turn(Some(0))
    }
}

fn report(fd: &impl AsRawFd, serial: u32, ready: Ready) -> Report {
    Report { fd: fd.as_raw_fd(), serial, ready }
}

fn on_each(test: impl Fn(Method)) {
    for method in Method::ALL {
        test(*method);
    }
}

fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

/// The same file under a number of at least `least`, which the usual limit of 1024 files does not allow.
fn at_least(file: impl AsFd, least: RawFd) -> OwnedFd {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are good for one rlimit.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
    rustix::io::fcntl_dupfd_cloexec(file, least).unwrap()
}

#[test]
fn the_list() {
    let named = |name| Method::ALL.iter().find(|method| method.name() == name);
    let bits = |name| named(name).map(|method| (method.features().bits(), method.ev_bit()));
    assert_eq!([bits("epoll"), bits("poll"), bits("select")], [Some((0xb, 4)), Some((0xc, 2)), Some((4, 1))]);
    let all = Method::ALL.iter().fold(0, |all, method| all | method.ev_bit());
    assert_eq!(all.count_ones() as usize, Method::ALL.len());
    for method in Method::ALL {
        assert_eq!(named(method.name()), Some(method));
        let backend = Backend::new(*method, Options::default()).unwrap();
        assert_eq!(backend.method(), *method);
        assert_eq!(backend.features(), method.features());
        assert!(method.resolution() > 0 && method.ruled_out_by().to_bytes().starts_with(b"EVENT_NO"));
        assert_eq!(method.to_string(), method.name());
    }
}

#[test]
fn level_reads_and_writes() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        lp.change(&ours, 7, NONE, Interest::READ).unwrap();
        assert_eq!(lp.poll(), []);
        theirs.write_all(b"x").unwrap();
        assert_eq!(lp.turn(None), [report(&ours, 7, Ready::READ)]);
        assert_eq!(lp.poll(), [report(&ours, 7, Ready::READ)]);
        lp.change(&ours, 8, Interest::READ, Interest::READ | Interest::WRITE).unwrap();
        assert_eq!(lp.poll(), [report(&ours, 8, Ready::READ | Ready::WRITE)]);
        lp.change(&ours, 8, Interest::READ | Interest::WRITE, Interest::WRITE).unwrap();
        assert_eq!(lp.poll(), [report(&ours, 8, Ready::WRITE)]);
        lp.change(&ours, 8, Interest::WRITE, NONE).unwrap();
        assert_eq!(lp.poll(), []);
        ours.write_all(b"y").unwrap();
    });
}

#[test]
fn many_descriptors_grow_the_arrays() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let pairs: Vec<_> = (0..150).map(|_| UnixStream::pair().unwrap()).collect();
        for (serial, (ours, theirs)) in pairs.iter().enumerate() {
            lp.change(ours, serial as u32, NONE, Interest::READ).unwrap();
            (&mut &*theirs).write_all(b"x").unwrap();
        }
        // Reports of one wait may be capped; the cap doubles.
        while lp.poll().len() < pairs.len() {}
        // In whatever order the kernel found them.
        let mut seen: Vec<_> = lp.poll().into_iter().map(|report| report.serial).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..150).collect::<Vec<_>>());
        for (ours, _) in pairs.iter().step_by(2) {
            lp.change(ours, 0, Interest::READ, NONE).unwrap();
        }
        assert_eq!(lp.poll().len(), 75);
    });
}

#[test]
fn the_peer_goes() {
    on_each(|method| {
        let early = method.features().contains(Features::EARLY_CLOSE);
        let closed = if early { Ready::CLOSED } else { Ready::empty() };
        let all = Interest::CONDITIONS;

        let mut lp = Loop::new(method);
        let (ours, theirs) = UnixStream::pair().unwrap();
        lp.change(&ours, 1, NONE, all).unwrap();
        assert_eq!(lp.poll(), [report(&ours, 1, Ready::WRITE)]);
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(lp.poll(), [report(&ours, 1, Ready::READ | Ready::WRITE | closed)]);
        drop(theirs);
        assert_eq!(lp.poll(), [report(&ours, 1, Ready::READ | Ready::WRITE | closed)]);
        lp.change(&ours, 1, all, Interest::CLOSED).unwrap();
        let expected: &[Report] = match method.closed() {
            _ if !method.features().contains(Features::EARLY_CLOSE) => &[],
            // The hang-up is no request of ours, so poll adds it.
            Closed::Reported => &[report(&ours, 1, Ready::READ | Ready::WRITE | Ready::CLOSED)],
            Closed::Forgotten | Closed::Fails => &[report(&ours, 1, Ready::CLOSED)],
        };
        assert_eq!(lp.poll(), expected);
    });
}

#[test]
fn broken_pipes_are_readable_and_writable() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let (reader, writer) = io::pipe().unwrap();
        lp.change(&writer, 1, NONE, Interest::WRITE).unwrap();
        drop(reader);
        let ready = lp.poll()[0].ready;
        assert!(ready.contains(Ready::WRITE));

        let mut lp = Loop::new(method);
        let (reader, writer) = io::pipe().unwrap();
        lp.change(&reader, 1, NONE, Interest::READ).unwrap();
        drop(writer);
        assert!(lp.poll()[0].ready.contains(Ready::READ));
    });
}

#[test]
fn edge_where_there_is_such_a_thing() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        lp.change(&ours, 1, NONE, Interest::READ | Interest::EDGE).unwrap();
        theirs.write_all(b"x").unwrap();
        assert_eq!(lp.poll(), [report(&ours, 1, Ready::READ)]);
        assert_eq!(lp.poll().is_empty(), method.features().contains(Features::ET));
    });
}

#[test]
fn oneshot_is_rearmed_by_one_change() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let once = Interest::READ | Interest::ONESHOT;
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        lp.change(&ours, 1, NONE, once).unwrap();
        theirs.write_all(b"x").unwrap();
        assert_eq!(lp.poll(), [report(&ours, 1, Ready::READ)]);
        if method == Method::Epoll {
            assert_eq!(lp.poll(), []);
        }
        lp.change(&ours, 2, once, once).unwrap();
        assert_eq!(lp.poll(), [report(&ours, 2, Ready::READ)]);
    });
}

#[test]
fn removing_what_is_not_there() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let (ours, _theirs) = UnixStream::pair().unwrap();
        lp.change(&ours, 1, Interest::READ, NONE).unwrap();
        lp.change(&ours, 1, NONE, NONE).unwrap();
        lp.change(&-1, 1, Interest::READ, NONE).unwrap();
        lp.change(&1_000_000, 1, Interest::READ, NONE).unwrap();
        lp.change(&ours, 1, NONE, Interest::READ).unwrap();
        let number = ours.into_raw_fd();
        rustix_close(number);
        lp.change(&number, 1, Interest::READ, NONE).unwrap();
        assert_eq!(lp.poll(), []);
    });
}

fn rustix_close(number: RawFd) {
    // SAFETY: the number comes from into_raw_fd, so it is ours to close.
    unsafe { rustix::io::close(number) }
}

#[test]
fn numbers_that_cannot_be() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        assert_eq!(errno(lp.change(&-1, 1, NONE, Interest::READ)), libc::EBADF);
        assert_eq!(errno(lp.change(&i32::MAX, 1, NONE, Interest::READ)), libc::EBADF);
        assert_eq!(lp.poll(), []);
    });
}

#[test]
fn regular_files() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let file = File::open("/proc/self/exe").unwrap();
        let added = lp.change(&file, 3, NONE, Interest::READ);
        if method.features().contains(Features::FDS) {
            added.unwrap();
            assert_eq!(lp.turn(None), [report(&file, 3, Ready::READ)]);
        } else {
            assert_eq!(errno(added), libc::EPERM);
        }
    });
}

#[test]
fn closed_behind_its_back() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let (ours, _theirs) = UnixStream::pair().unwrap();
        // A number that no other test gets while this one runs.
        let number = at_least(&ours, 900 + method as RawFd).into_raw_fd();
        drop(ours);
        lp.change(&number, 1, NONE, Interest::READ).unwrap();
        rustix_close(number);
        lp.backend.prepare(&mut lp.waiter).unwrap();
        match method.closed() {
            Closed::Forgotten => assert_eq!(lp.waiter.wait(Some(0)).unwrap(), 0),
            Closed::Reported => {
                assert_eq!(lp.waiter.wait(None).unwrap(), 1);
                assert_eq!(lp.reports(), [report(&number, 1, Ready::READ | Ready::WRITE)]);
            }
            Closed::Fails => {
                assert_eq!(errno(lp.waiter.wait(None)), libc::EBADF);
                assert_eq!(lp.waiter.reports().count(), 0);
            }
        }
        lp.change(&number, 1, Interest::READ, NONE).unwrap();
        assert_eq!(lp.poll(), []);
    });
}

#[test]
fn a_number_that_came_back() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let number = at_least(&ours, 910 + method as RawFd);
        lp.change(&number, 1, NONE, Interest::READ).unwrap();
        // Another file under the same number: what is believed to be a modification must register it.
        let (other, mut peer) = UnixStream::pair().unwrap();
        let mut number = number;
        rustix::io::dup2(&other, &mut number).unwrap();
        lp.change(&number, 2, Interest::READ, Interest::READ | Interest::WRITE).unwrap();
        peer.write_all(b"x").unwrap();
        assert_eq!(lp.poll(), [report(&number, 2, Ready::READ | Ready::WRITE)]);
        // The same file, believed to be new.
        lp.change(&number, 3, NONE, Interest::READ).unwrap();
        assert_eq!(lp.poll(), [report(&number, 3, Ready::READ)]);
    });
}

#[test]
fn beyond_the_first_thousand() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let (low, mut low_peer) = UnixStream::pair().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let high = at_least(&ours, 1500);
        lp.change(&high, 5, NONE, Interest::READ).unwrap();
        lp.change(&low, 6, NONE, Interest::READ | Interest::WRITE).unwrap();
        theirs.write_all(b"x").unwrap();
        low_peer.write_all(b"x").unwrap();
        let both = Ready::READ | Ready::WRITE;
        assert_eq!(lp.turn(None), [report(&low, 6, both), report(&high, 5, Ready::READ)]);
        lp.change(&high, 5, Interest::READ, NONE).unwrap();
        assert_eq!(lp.turn(None), [report(&low, 6, both)]);
        drop(ours);
    });
}

#[test]
fn time() {
    on_each(|method| {
        for options in [Options { precise: false }, Options { precise: true }] {
            let mut lp = Loop::with(method, options);
            for ns in [0, 1, 999_999, 3_000_001] {
                let start = Instant::now();
                assert_eq!(lp.turn(Some(ns)), []);
                assert!(start.elapsed() >= Duration::from_nanos(ns), "{method} ended early");
            }
            // Longer than any call accepts: still a wait, ended by readiness.
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            lp.change(&ours, 1, NONE, Interest::READ).unwrap();
            theirs.write_all(b"x").unwrap();
            assert_eq!(lp.turn(Some(u64::MAX)), [report(&ours, 1, Ready::READ)]);
            assert_eq!(lp.turn(Some(u64::MAX - 1)), [report(&ours, 1, Ready::READ)]);
        }
    });
}

#[test]
fn a_change_reaches_a_later_wait_of_another_thread() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let (wake, mut waker) = UnixStream::pair().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"x").unwrap();
        lp.change(&wake, 1, NONE, Interest::READ).unwrap();
        lp.backend.prepare(&mut lp.waiter).unwrap();
        let Loop { mut backend, mut waiter } = lp;
        let waiter = std::thread::scope(|scope| {
            let waiting = scope.spawn(move || {
                assert!(waiter.wait(Some(20 * SECOND)).unwrap() > 0);
                waiter
            });
            let change = Change { fd: ours.as_raw_fd(), serial: 2, old: NONE, new: Interest::READ };
            backend.apply(&change).unwrap();
            waker.write_all(b"x").unwrap();
            waiting.join().unwrap()
        });
        let mut lp = Loop { backend, waiter };
        assert_eq!(lp.poll().len(), 2);
    });
}

#[test]
fn rebuilt_sets() {
    on_each(|method| {
        let mut lp = Loop::new(method);
        let (kept, mut kept_peer) = UnixStream::pair().unwrap();
        let (gone, mut gone_peer) = UnixStream::pair().unwrap();
        lp.change(&kept, 1, NONE, Interest::READ).unwrap();
        lp.change(&gone, 2, NONE, Interest::READ).unwrap();
        kept_peer.write_all(b"x").unwrap();
        gone_peer.write_all(b"x").unwrap();
        assert_eq!(lp.poll().len(), 2);
        let change = |fd, serial| Change { fd, serial, old: Interest::READ, new: Interest::READ };
        lp.backend.rebuild([change(kept.as_raw_fd(), 9)]).unwrap();
        assert_eq!(lp.turn(None), [report(&kept, 9, Ready::READ)]);
        // What cannot be registered again does not keep the rest out.
        let result = lp.backend.rebuild([change(-1, 1), change(kept.as_raw_fd(), 10)]);
        assert_eq!(errno(result), libc::EBADF);
        assert_eq!(lp.turn(None), [report(&kept, 10, Ready::READ)]);
    });
}

#[test]
fn a_waiter_of_another_kind_is_replaced() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"x").unwrap();
    let mut waiter = Loop::new(Method::Select).waiter;
    for method in Method::ALL {
        let mut lp = Loop::new(*method);
        lp.change(&ours, 1, NONE, Interest::READ).unwrap();
        lp.waiter = waiter;
        assert_eq!(lp.turn(None), [report(&ours, 1, Ready::READ)]);
        waiter = lp.waiter;
        assert_eq!(format!("{:?} {waiter:?}", lp.backend), format!("Backend({method:?}) Waiter {{ .. }}"));
    }
}

mod of_epoll {
    use std::os::fd::AsFd;
    use std::sync::Arc;

    use super::super::epoll::{Epoll, Timing};
    use super::super::{Options, Readiness, Wait};
    use super::*;

    #[test]
    fn errors_make_both_directions_ready() {
        let mut lp = Loop::new(Method::Epoll);
        let (reader, writer) = io::pipe().unwrap();
        lp.change(&writer, 1, NONE, Interest::CLOSED).unwrap();
        drop(reader);
        assert_eq!(lp.poll(), [report(&writer, 1, Ready::READ | Ready::WRITE)]);
    }

    #[test]
    fn a_full_wait_grows_the_next() {
        let mut lp = Loop::new(Method::Epoll);
        let pairs: Vec<_> = (0..70).map(|_| UnixStream::pair().unwrap()).collect();
        for (ours, _) in &pairs {
            lp.change(ours, 1, NONE, Interest::WRITE).unwrap();
        }
        let counts: Vec<_> = (0..4).map(|_| lp.poll().len()).collect();
        assert_eq!(counts, [32, 64, 70, 70]);
    }

    #[test]
    fn timerfd_where_pwait2_is_refused() {
        let mut set = Epoll::new(Options::default()).unwrap();
        set.force(Timing::timer);
        let mut waiter = set.waiter();
        set.prepare(&mut waiter).unwrap();
        for ns in [0, 1, 2_000_001] {
            let start = Instant::now();
            assert_eq!(waiter.wait(Some(ns)).unwrap(), 0);
            assert!(start.elapsed() >= Duration::from_nanos(ns));
        }
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        set.apply(&Change { fd: ours.as_raw_fd(), serial: 1, old: NONE, new: Interest::READ }).unwrap();
        theirs.write_all(b"x").unwrap();
        for timeout in [Some(3_600 * SECOND), None, None, Some(0)] {
            assert_eq!(waiter.wait(timeout).unwrap(), 1);
            assert_eq!(waiter.reports().collect::<Vec<_>>(), [report(&ours, 1, Ready::READ | Ready::EDGE)]);
        }
        assert_eq!(Arc::strong_count(set.kernel()), 2);
        assert!(set.fd().unwrap().as_fd().as_raw_fd() >= 0);
    }
}

mod of_poll_and_select {
    use super::*;

    #[test]
    fn numbers_never_opened_are_not_fatal() {
        // poll reports them; select does not see what lies beyond the process's descriptor table.
        let mut lp = Loop::new(Method::Poll);
        lp.change(&60_000, 1, NONE, Interest::READ).unwrap();
        assert_eq!(lp.turn(None), [report(&60_000, 1, Ready::READ | Ready::WRITE)]);

        let mut lp = Loop::new(Method::Select);
        lp.change(&60_000, 1, NONE, Interest::READ).unwrap();
        assert_eq!(lp.poll(), [report(&60_000, 1, Ready::READ)]);
    }
}
