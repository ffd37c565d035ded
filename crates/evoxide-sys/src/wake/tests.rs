use super::*;

#[cfg(not(loom))]
mod steps {
    use super::*;
    use crate::waker::Waker;

    fn rung(waker: &Waker) -> bool {
        let rung = crate::io::available(waker.fd()).unwrap_or(0) > 0 || {
            let mut sink = [0; 8];
            rustix::io::read(waker.fd(), &mut sink).is_ok()
        };
        waker.drain();
        rung
    }

    #[test]
    fn a_loop_that_runs_is_not_rung_and_does_not_block() {
        let (wake, waker) = (Wake::new(), Waker::new().unwrap());
        wake.set_descriptor(waker.wake_fd());
        wake.wake(2);
        assert!(!rung(&waker));
        assert!(!wake.begin_wait() && !wake.is_waiting());
        assert_eq!((wake.take(4), wake.take(u32::MAX), wake.reasons()), (0, 2, 0));
        assert!(wake.begin_wait() && wake.is_waiting());
    }

    #[test]
    fn the_first_wake_of_a_wait_rings() {
        let (wake, waker) = (Wake::new(), Waker::new().unwrap());
        wake.set_descriptor(waker.wake_fd());
        assert!(wake.begin_wait());
        wake.wake(2);
        assert!(rung(&waker));
        wake.wake(4);
        wake.wake_waiting();
        assert!(!rung(&waker));
        assert_eq!(wake.end_wait(), 6);
        assert_eq!((wake.take(u32::MAX), wake.reasons()), (6, 0));
    }

    #[test]
    fn a_change_under_the_lock_rings_only_a_loop_that_waits() {
        let (wake, waker) = (Wake::new(), Waker::new().unwrap());
        wake.set_descriptor(waker.wake_fd());
        wake.wake_waiting();
        assert!(!rung(&waker) && wake.begin_wait());
        wake.wake_waiting();
        assert!(rung(&waker));
        assert_eq!(wake.end_wait(), Wake::LOOK);
    }

    #[test]
    fn the_child_of_a_waiting_parent_may_wait() {
        let wake = Wake::new();
        assert!(wake.begin_wait() && wake.begin_wait());
        assert_eq!(wake.end_wait(), 0);
        assert!(!wake.is_waiting());
    }

    #[test]
    fn without_a_descriptor_the_reason_is_noted() {
        let wake = Wake::default();
        assert!(wake.begin_wait());
        wake.wake(8);
        assert_eq!(wake.end_wait(), 8);
    }
}

/// Every order of the steps of a loop and those who wake it: `cargo xtask loom`.
#[cfg(loom)]
mod model {
    use super::*;
    use loom::sync::atomic::AtomicBool;
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    impl Wake {
        /// A wait that nothing else ends: it may begin where the descriptor was rung, or will be.
        fn block(&self) {
            while self.fd.swap(-1, Relaxed) < 0 {
                thread::yield_now();
            }
        }
    }

    /// Every order in which no thread is interrupted more than three times.
    fn model(steps: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(steps);
    }

    /// Waits until `all` reasons came; returns those of one turn after the other.
    fn run(wake: &Wake, all: u32, mut seen: impl FnMut(u32)) {
        let mut got = 0;
        while got != all {
            if wake.begin_wait() {
                wake.block();
                wake.end_wait();
            }
            let reasons = wake.take(u32::MAX);
            got |= reasons;
            seen(reasons);
        }
    }

    #[test]
    fn no_wake_is_lost_and_its_data_is_seen() {
        model(|| {
            let wake = Arc::new(Wake::new());
            let data = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
            let threads = [1, 2].map(|reason| {
                let (wake, data) = (Arc::clone(&wake), Arc::clone(&data));
                thread::spawn(move || {
                    data[reason as usize - 1].store(true, Relaxed);
                    wake.wake(reason);
                })
            });
            run(&wake, 3, |reasons| {
                for reason in [1, 2] {
                    assert!(reasons & reason == 0 || data[reason as usize - 1].load(Relaxed));
                }
            });
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }

    #[test]
    fn the_same_reason_again_is_not_lost() {
        model(|| {
            let wake = Arc::new(Wake::new());
            let sent = Arc::new(loom::sync::atomic::AtomicU32::new(0));
            let other = {
                let (wake, sent) = (Arc::clone(&wake), Arc::clone(&sent));
                thread::spawn(move || {
                    for _ in 0..2 {
                        sent.fetch_add(1, Relaxed);
                        wake.wake(2);
                    }
                })
            };
            let mut seen = 0;
            while seen != 2 {
                if wake.begin_wait() {
                    wake.block();
                    wake.end_wait();
                }
                wake.take(2);
                seen = sent.load(Relaxed);
            }
            other.join().unwrap();
        });
    }

    #[test]
    fn a_change_under_the_lock_is_seen_or_rings() {
        model(|| {
            let wake = Arc::new(Wake::new());
            let ready = Arc::new(Mutex::new(false));
            let other = {
                let (wake, ready) = (Arc::clone(&wake), Arc::clone(&ready));
                thread::spawn(move || {
                    let mut ready = ready.lock().unwrap();
                    *ready = true;
                    wake.wake_waiting();
                })
            };
            loop {
                let guard = ready.lock().unwrap();
                if *guard {
                    break;
                }
                let block = wake.begin_wait();
                drop(guard);
                if block {
                    wake.block();
                    wake.end_wait();
                }
                wake.take(Wake::LOOK);
            }
            other.join().unwrap();
        });
    }
}
